// SPDX-License-Identifier: MIT
/*
 * What a body is encoded with, judged by its first bytes. A Content-Encoding is a claim: uploaders
 * put "gzip" on plain files, twice on the same, or nothing on what is gzip; and a file may lie
 * compressed under the name of the plain one. The encoding that is told from here on is true, as
 * far as the beginning of the body tells:
 *
 *	""		the file as it was asked for, or it cannot be told
 *	"gzip", "zstd"	that, once
 *	"packed"	it has to be expanded to be the file: a cabinet, SZDD, MSFZ, gzip or zstd
 *			which no label tells of, or more than once. Made up here, so that no client
 *			accepts it
 *	else		a label that is not undone
 *
 * Pure.
 */
#pragma once
#include "base/slice.h"
#include "store/packing.h"
#include "store/store.h"

/* Bytes of the beginning that are looked at. */
#define ENCODING_HEAD ((size_t)512)
/* A file that is packed more often than this is not expanded. */
#define ENCODING_LAYERS_MAX 3

/* Is the body MSFZ as it comes? May it be MSFZ inside a coding that a server has put around it? */
bool encoding_is_msfz(struct slice beginning);
bool encoding_may_hold_msfz(struct slice beginning);
/* Does the key say, by its file name and folder, that the object under it is not compressed? */
bool encoding_key_is_plain(struct slice key);
/* Does the key say so of the file that it stands for, which is foo.pdb for foo.pdb/KEY/foo.pd_? */
bool encoding_file_is_plain(struct slice key);
/* Does the beginning of a body with this label have to be looked at? */
bool encoding_in_doubt(struct slice key, const char *label);
/*
 * Replace the label by the true one; a label that has been judged already may be given again. all:
 * the body has no more bytes. False: more of the beginning is wanted, and the label is unchanged.
 */
bool encoding_judge(struct slice key, struct slice beginning, bool all,
		    char label[static sizeof(((struct object_head *)0)->encoding)]);
/* Can an object of this encoding be expanded (maker_form.c)? */
bool encoding_is_undone(const char *encoding);
