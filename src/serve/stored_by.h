// SPDX-License-Identifier: MIT
/*
 * Which transaction stored which object, as the objects' heads told lately: STORED_BY_KEPT of them at most, so that who
 * asks for the same names again costs stores nothing. An object that is replaced is another one. Loop's thread.
 */
#pragma once
#include "publish/transaction.h"

#define STORED_BY_KEPT 8192

struct stored_by;

struct stored_by *stored_by_new(void);
void stored_by_free(struct stored_by *s); /* accepts NULL */
/* An object as a listing told it. */
uint64_t stored_by_object(size_t place, struct slice key, int64_t size, int64_t modified_s,
			  struct slice etag);
/* Is it known? *ret: by which; "": none of ours. */
bool stored_by_find(const struct stored_by *s, uint64_t object, struct tx_id *ret);
void stored_by_keep(struct stored_by *s, uint64_t object, const struct tx_id *id);
