// SPDX-License-Identifier: MIT
/*
 * Is the file that came for a key the one that the key names? The key is taken out of the path that
 * the file has in its store; the identity out of the file (identity.h). A file counts as the right
 * one if that cannot be told: with an opaque key, an unknown format, or a damaged header. But a
 * file that is known to be no symbol file at all (page.h) is never the right one. Pure.
 */
#pragma once
#include "symfmt/key_match.h"
#include "symfmt/source.h"

/* The identity that a path claims for its file. */
struct claim {
	struct slice name; /* points into the path, as key does */
	struct symbol_key key;
};

/*
 * What a file at this path (slashes, no leading one) has to be:
 *
 *	name/KEY/name, name/KEY/msfz0/name	and the compressed twins of the last segment:
 *						nam_, name._, name.gz, name.zst
 *	name/ID/name.sym			Breakpad, .pdb, .exe, .dll of name cut or not; twins
 *	buildid/HEX/debuginfo, .../executable
 *	nn/nnnn.debug, nn/nnnn			of a build-id of 8 bytes or more
 *
 * Anything may stand before the first two (xx/ in a two-tier store), .build-id/ before the last.
 * SSQP paths are of the first form. Letters of ASCII match in any case. False: nothing that a file
 * could be held to, as with a key that is opaque.
 */
bool claim_of_path(struct slice path, struct claim *ret);

enum verdict {
	VERDICT_GOOD, /* it is the one, also by an alias of the key */
	VERDICT_WRONG,
	VERDICT_UNKNOWN, /* nothing tells */
	VERDICT_MORE,    /* more of its beginning would tell */
	VERDICT_WHOLE,   /* only the whole file would: a PDB, whose identity lies anywhere in it */
};

/* So much of the beginning is looked at by verify_head(); a file that would need more is WHOLE. */
#define VERIFY_HEAD ((size_t)64 * 1024)

/*
 * By the beginning of a file of `size` bytes in all (INT64_MAX while that is unknown); never MORE
 * when bytes.n >= VERIFY_HEAD or size.
 */
enum verdict verify_head(const struct claim *x, struct slice bytes, int64_t size);
/* By the whole file; never MORE or WHOLE. An error is the source's own: nothing was found out. */
MUST_CHECK enum err verify_file(const struct claim *x, const struct source *file, enum verdict *ret,
				struct error *e);
/*
 * What the file says it is, for a log line: its kind and the key that it should have, such as
 * "PDB 497B72F6390A44FC878E5A2D63B6CC4B1". Cut to n, which is not 0.
 */
void verify_describe(const struct source *file, char *to, size_t n);
