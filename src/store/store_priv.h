// SPDX-License-Identifier: MIT
/* Between store.c and the kinds of stores; nobody else includes it. */
#pragma once
#include "store/store.h"
#include "store/store_url.h"

/*
 * Each makes a store from a parsed URL. They set ops, their own defaults in traits.key_case,
 * traits.any_case and traits.loops, and leave the rest of struct store to store_open().
 */
MUST_CHECK enum err dir_open(const struct store_context *ctx, const struct store_url *url,
			     struct store **ret, struct error *e);
MUST_CHECK enum err http_open(const struct store_context *ctx, const struct store_url *url,
			      struct store **ret, struct error *e);
MUST_CHECK enum err s3_open(const struct store_context *ctx, const struct store_url *url,
			    struct store **ret, struct error *e);
