// SPDX-License-Identifier: MIT
/*
 * Objects of transactions that are kept from one run to the next: below cache_dir (DISK_PLANS), by the store that they
 * are of, and by their ETags. What cannot be kept there, or is found damaged, is got again. Blocks on the disk.
 */
#pragma once
#include "publish/catalog.h"

#define KEPT_SUM_SIZE 16 /* stands behind the text */

/* False: it is not kept. ret: empty, with room for the text and KEPT_SUM_SIZE. */
MUST_CHECK bool kept_read(const struct catalog_source *from, const struct catalog_entry *t,
			  enum tx_object which, struct buf *ret);
void kept_keep(const struct catalog_source *from, const struct catalog_entry *t,
	       enum tx_object which, struct slice text);
/*
 * Removes what is kept of this store that the catalog does not have, or not with this ETag; and all of stores of which
 * nothing was wanted for 90 days.
 */
void kept_prune(const struct catalog_source *from, const struct catalog *c);
