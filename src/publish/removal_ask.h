// SPDX-License-Identifier: MIT
/*
 * What only the store can tell of a key that may be removed: whether a refs.ptr of symstore.exe lies
 * beside it, which stands for files that others need; and, where the transaction that may have stored
 * it was open, or was gone before, which one really did. On a thread that waits (await.h).
 */
#pragma once
#include "publish/catalog.h"
#include "publish/removal_keys.h"

/*
 * Those that cannot go are FATE_KEPT or FATE_ABSENT then. is_removed: is it a transaction that is to be removed now? Of
 * what was stored behind a removal only such a one counts, else any that is in the catalog.
 */
MUST_CHECK enum err removal_ask(const struct catalog_source *from, const struct catalog *catalog,
				bool (*is_removed)(const struct catalog_entry *t),
				struct removal_key *const *key, size_t n, struct error *e);
