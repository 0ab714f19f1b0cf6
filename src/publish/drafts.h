// SPDX-License-Identifier: MIT
/*
 * What an add or an upload into a local store leaves behind when it is killed: drafts, each in the folder of the file that
 * it was to become, and folders without a file. Its plan tells which folders these are, so that no other is looked at.
 * For who holds the store's lock alone (store_lock.h): nobody writes then. Blocks on the disk.
 */
#pragma once
#include "publish/plan.h"
#include "store/store.h"

/* How many were removed in the folders of the plan's keys. */
size_t drafts_sweep(const struct store *s, const struct plan *plan);
/* And where plans themselves are written. */
size_t drafts_sweep_ours(const struct store *s);
