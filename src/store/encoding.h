// SPDX-License-Identifier: MIT
/*
 * What a body is encoded with, judged by its first bytes. A Content-Encoding is a claim: uploaders
 * put "gzip" on plain files, twice on the same, or nothing on what is gzip; and a file may lie
 * compressed under the name of the plain one. Whatever comes out of here as the encoding of an
 * object is true, as far as its beginning tells:
 *
 *	""		the file as it was asked for, or what nobody can tell
 *	"gzip", "zstd"	that, once
 *	"packed"	it has to be expanded to be the file: a cabinet, SZDD, MSFZ, gzip or zstd which no
 *			label tells of, or more than once. Made up here, so that no client accepts it
 *	else		a label that is not undone
 *
 * Pure.
 */
#pragma once
#include "base/slice.h"
#include "store/packing.h"
#include "store/store.h"

/* So much of the beginning is looked at. */
#define ENCODING_HEAD ((size_t)512)
/* Nothing that is packed more often is expanded. */
#define ENCODING_LAYERS_MAX 3

/* Is it MSFZ, as it stands? And may it hold that, in a coding that was put around it on its way? */
bool encoding_is_msfz(struct slice beginning);
bool encoding_may_hold_msfz(struct slice beginning);
/* Is what lies under this key not compressed, by the name that it has there? */
bool encoding_key_is_plain(struct slice key);
/* ... and the file that it stands for, be it compressed there: foo.pdb of foo.pdb/KEY/foo.pd_? */
bool encoding_file_is_plain(struct slice key);
/* Does the beginning of what has this label have to be looked at? */
bool encoding_in_doubt(struct slice key, const char *label);
/*
 * Put the truth in the place of the label, which may be one that was judged before. all: there are no more bytes. False: more of the beginning is
 * wanted, the label is unchanged.
 */
bool encoding_judge(struct slice key, struct slice beginning, bool all,
		    char label[static sizeof(((struct object_head *)0)->encoding)]);
/* Can this be undone (maker_form.c)? */
bool encoding_is_undone(const char *encoding);
