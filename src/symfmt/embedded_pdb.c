// SPDX-License-Identifier: MIT
/* See embedded_pdb.h. */
#include "symfmt/embedded_pdb.h"
#include "symfmt/portable_pdb.h"

#include <zlib.h>

#define PREFIX_SIZE 8
#define PIECE_SIZE  HEAD_WINDOW

/*
 * Inflate from at to end, until n bytes are made: how many, fewer only where the stream ends. 0
 * when it is damaged, or (head_state) not all there.
 */
static size_t inflate_head(struct head *h, uint64_t at, uint64_t end, char *to, size_t n)
{
	z_stream z = {.next_out = (Bytef *)to, .avail_out = (uInt)n};
	int status = inflateInit2(&z, -MAX_WBITS);

	while (status == Z_OK && z.avail_out > 0 && at < end) {
		struct slice piece = head_bytes(h, at, MIN(end - at, PIECE_SIZE));

		if (!piece.n)
			break;
		z.next_in = (Bytef *)piece.p; /* zlib does not write there */
		z.avail_in = (uInt)piece.n;
		status = inflate(&z, Z_NO_FLUSH);
		at += piece.n;
	}
	inflateEnd(&z);
	if (head_state(h) != PARSE_OK || (status != Z_OK && status != Z_STREAM_END))
		return 0;
	return n - z.avail_out;
}

enum parse embedded_pdb_identity(struct head *h, uint32_t at, uint32_t size,
				 struct symbol_identity *ret)
{
	char pdb[EMBEDDED_PDB_HEAD];
	struct head made;
	enum parse state;
	uint32_t length;
	size_t n;

	if (size < PREFIX_SIZE)
		return PARSE_OTHER;
	if (!slice_eq(head_bytes(h, at, 4), SLICE("MPDB")))
		return head_state(h) == PARSE_OK ? PARSE_OTHER : head_state(h);
	length = head_u32(h, (uint64_t)at + 4);
	n = inflate_head(h, (uint64_t)at + PREFIX_SIZE, (uint64_t)at + size, pdb,
			 MIN(sizeof(pdb), length));
	if (head_state(h) != PARSE_OK)
		return head_state(h);
	made = head_of((struct slice){pdb, n}, length);
	state = portable_pdb_identity(&made, ret);
	return state == PARSE_OK || state == PARSE_OTHER ? state : PARSE_CORRUPT;
}
