// SPDX-License-Identifier: MIT
/* The body of POST /-/api/keys: {"paths":["foo.pdb/KEY/foo.pdb",...]}. Pure. */
#pragma once
#include "base/err.h"
#include "base/slice.h"

#include <jansson.h>

#define API_KEYS_MAX      1000
#define API_KEYS_BODY_MAX ((uint64_t)256 << 10)

/*
 * The array of paths, 1 to API_KEYS_MAX, which are text without a NUL; the caller's to json_decref(). Else e says what is
 * wrong, for whoever has sent it.
 */
MUST_CHECK enum err api_keys_read(struct slice body, json_t **ret, struct error *e);
