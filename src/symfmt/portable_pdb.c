// SPDX-License-Identifier: MIT
/* The metadata root, its list of streams, and 20 bytes of one of them; see portable_pdb.h. */
#include "symfmt/portable_pdb.h"

#define VERSION_MAX 256 /* ECMA-335: at most 255 bytes, rounded up to 4 */
#define NAME_SIZE   32  /* of a stream, NUL and padding included */
#define STREAMS_MAX 64
#define ID_SIZE     20

/* The place of the stream #Pdb in the file, or 0. */
static uint64_t find_pdb_stream(struct head *h, uint64_t at, size_t streams)
{
	for (; streams > 0 && head_state(h) == PARSE_OK; streams--) {
		uint32_t offset = head_u32(h, at), size = head_u32(h, at + 4);
		struct slice name = head_text(h, at + 8, '\0', NAME_SIZE - 1);

		if (slice_eq(name, SLICE("#Pdb")))
			return size < ID_SIZE ? 0 : offset;
		at += 8 + (name.n + 4) / 4 * 4;
	}
	return 0;
}

enum parse portable_pdb_read(struct head *h, struct portable_pdb *ret)
{
	uint32_t version_size;
	size_t streams;
	struct portable_pdb p = {0};

	if (!head_starts(h, SLICE("BSJB")))
		return head_other(h);
	version_size = head_u32(h, 12);
	if (version_size > VERSION_MAX)
		return PARSE_CORRUPT;
	streams = head_u16(h, 16 + (uint64_t)version_size + 2);
	if (streams > STREAMS_MAX)
		return PARSE_CORRUPT;
	p.id_at = find_pdb_stream(h, 16 + (uint64_t)version_size + 4, streams);
	if (head_state(h) == PARSE_OK && p.id_at == 0)
		return PARSE_OTHER;
	p.guid = symbol_id_of_guid(head_bytes(h, p.id_at, 16));
	p.stamp = head_u32(h, p.id_at + 16);
	if (head_state(h) == PARSE_OK)
		*ret = p;
	return head_state(h);
}

enum parse portable_pdb_identity(struct head *h, struct symbol_identity *ret)
{
	struct portable_pdb p = {0};
	enum parse state = portable_pdb_read(h, &p);

	if (state == PARSE_OK)
		*ret = (struct symbol_identity){
			.kind = SYMBOL_PDB_PORTABLE, .ids = 1, .id[0] = p.guid};
	return state;
}
