// SPDX-License-Identifier: MIT
/* MSF and the identity in it: what opens can be read to its end, or says why not. */
#include "symfmt/msf.h"
#include "symfmt/pdb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_streams(const struct source *file)
{
	struct error e = {0};
	struct msf m;
	char bytes[64];

	if (msf_open(file, &m, &e)) {
		ASSERT(e.code == ERR_CORRUPT && e.msg[0]);
		return;
	}
	for (uint32_t i = 0; i < MIN(m.streams, 16U); i++) {
		struct msf_stream s;

		if (msf_stream_open(&m, i, &s, &e))
			return;
		ASSERT(!s.is_nil || s.size == 0);
		ASSERT(msf_stream_read(&s, s.size, bytes, 1, &e) == ERR_CORRUPT);
		for (uint32_t at = 0; at < MIN(s.size, 4096U); at += sizeof(bytes))
			if (msf_stream_read(&s, at, bytes, MIN(sizeof(bytes), s.size - at), &e))
				break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes = {(const char *)data, size};
	struct source file = source_of(&bytes);
	struct symbol_identity id;
	struct error e = {0};
	struct pdb_facts f;

	read_streams(&file);
	if (pdb_read_facts(&file, &f, &e)) {
		ASSERT(e.code == ERR_CORRUPT && e.msg[0]);
		return 0;
	}
	id = pdb_identity_of(&f);
	ASSERT((id.kind == SYMBOL_PDB) == (id.ids == 1) && (!id.has_age || f.has_dbi));
	return 0;
}
