// SPDX-License-Identifier: MIT
/*
 * Which file a path means, for the globs of only= and not=: those count for the file, under
 * whatever name it is asked for, so that no way to ask for it gets past them.
 *
 *	asked for				the names it goes by
 *	[fo/]foo.pdb/KEY/[msfz0/]foo.pdb	foo.pdb
 *	foo.pdb/KEY/foo.pd_			foo.pdb and foo.pd_
 *	foo.pdb/KEY/foo.sym			foo.pdb and foo.sym
 *	foo.pdb/KEY/file.ptr			foo.pdb; file.ptr for a glob that ends in .ptr
 *	any other path				its last segment
 *	by an id alone				none (symbol_path_is_nameless()): not= never
 *						bars it, only= never wants it; resolve.c asks that before
 *
 * not= bars a file also by the names of the folders before it, unless such a folder is a key or a
 * tier.
 *
 * If no folder tells the file's own name, a packed name goes for all files that it may be the
 * packed form of: foo.pdb.gz for foo.pdb too, and foo.pd_ for foo.pd and any letter. '*' is any
 * text, '?' any character; case does not count, as in fold_equal(). Pure; no allocation.
 */
#pragma once
#include "serve/symbol_path.h"

/* Does the glob of an only= name the file? In any spelling of '+' and space. */
bool file_name_wanted(const struct symbol_path *p, struct slice glob);
/* Does the glob of a not= name it? In any spelling, too. */
bool file_name_barred(const struct symbol_path *p, struct slice glob);
/* Does the glob name the file under a key of a store, such as a candidate's? */
bool file_name_is(struct slice key, struct slice glob);
/* Does the glob of a not= name it, as file_name_barred() has it of a path? */
bool file_name_key_barred(struct slice key, struct slice glob);
