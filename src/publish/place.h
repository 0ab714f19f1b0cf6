// SPDX-License-Identifier: MIT
/*
 * Where a file belongs in a store: name/KEY/name, as symstore.exe and SSQP have it (key.h). The key
 * comes from the content; the name is that of the file, but for a Breakpad file, which tells that of
 * its module, and for the debug file of an ELF or Mach-O image, which goes by its id alone. Pure.
 */
#pragma once
#include "base/buf.h"
#include "publish/facts.h"
#include "symfmt/key.h"

enum key_case {
	PLACE_IN_LOWER,    /* all lower, as each client can find it in a bucket */
	PLACE_AS_SYMSTORE, /* GUID and stamp upper, age and size lower; the name as it is */
};

#define PLACE_KEY_MAX 1024 /* bytes: S3's limit, prefix included */

/*
 * May a file be published under this key of a store? NULL: it may. Else what is wrong with it, behind "its key ...", for
 * people: each name in it has to be one that a request can ask for and a file system can have, and none of the
 * store's own. Everybody who makes such a key holds it to this.
 */
const char *place_fault(struct slice key);
/*
 * Of these only what could do harm, to who is given such a key in a plan: it leads elsewhere, or to what is ours. A plan
 * of an older add may name what none would make any more, and is read for all that: one that is not ends each removal.
 */
const char *place_harm(struct slice key);

/*
 * The which-th key of the file, and the path (of one tier) that goes with it, appended to path;
 * false beyond the last one, and for a file without a name of its own (a Breakpad file whose module
 * has none). A path beyond path's ceiling fails it.
 */
MUST_CHECK bool place_of_file(const struct file_facts *f, struct slice name, size_t which,
			      enum key_case how, struct key_text *ret, struct buf *path);
/* The same for a file of that name and identity that is wanted: a PDB, a module of a dump. */
MUST_CHECK bool place_of_wanted(const struct symbol_identity *i, struct slice name,
				enum key_case how, struct key_text *ret, struct buf *path);
