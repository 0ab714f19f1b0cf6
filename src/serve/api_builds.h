// SPDX-License-Identifier: MIT
/* Between api_builds.c and api_build.c: how a transaction is told. */
#pragma once
#include "serve/api.h"
#include "serve/builds.h"

/* The members that both tell, without braces. */
void api_build_members(const struct build *b, const struct store *s, bool operator,
		       struct buf * out);
/* ,"name":date, or null. */
void api_build_date(const char *name, int64_t at_s, struct buf *out);
/* builds?id= */
struct api_work *api_build(struct exchange *x, const struct api_asked *asked, struct page *ret);
