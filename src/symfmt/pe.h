// SPDX-License-Identifier: MIT
/*
 * Portable Executable: EXE, DLL, SYS and the old .dbg, as the PE/COFF specification of Microsoft
 * lays them out, and the records of its debug directory.
 *
 * What a symbol key needs lies in the first few hundred bytes (pe_read). What tells the PDB lies
 * wherever the linker put it, often near the end (pe_read_debug): a caller with a head only may
 * ask, and hears how far it has to read.
 */
#pragma once
#include "symfmt/codeview.h"

#define PE_CODEVIEWS_MAX 4

struct pe {
	uint16_t machine;
	bool is_64; /* PE32+ */
	bool is_managed;
	uint32_t timestamp; /* a hash in a reproducible image */
	uint32_t image_size;
	/* Where pe_read_debug() goes on. */
	uint64_t sections_at;
	size_t sections;
	uint32_t debug_rva, debug_size;
	/* What signing changes: two fields, by their place in the file (0: there is none), and the table. */
	uint64_t checksum_at, security_at;
	uint32_t certificates_at, certificates_size; /* size 0: it is not signed */
};

struct pe_debug {
	size_t codeviews; /* managed images may have two: of native and of managed code */
	struct codeview codeview[PE_CODEVIEWS_MAX];
	struct slice checksum_name; /* of the PDB: "SHA256"; empty when there is none */
	struct slice checksum;
	bool is_reproducible;
	/* A portable PDB in the image (embedded_pdb.h); size 0: there is none. */
	uint32_t embedded_at, embedded_size;
};

MUST_CHECK enum parse pe_read(struct head *h, struct pe *ret);
/*
 * For the pe that pe_read() gave. Of a head that reads through windows only names are there when it
 * returns, neither paths nor the checksum. PARSE_OK with an empty *ret when there is no debug
 * directory.
 */
MUST_CHECK enum parse pe_read_debug(struct head *h, const struct pe *pe, struct pe_debug *ret);
MUST_CHECK enum parse pe_identity(struct head *h, struct symbol_identity *ret);
/*
 * Add the ids of the PDBs that the image names to what pe_identity() said, so that it can be held
 * to another key than that of its stamp. PARSE_OTHER for a .dbg file, which names none.
 */
MUST_CHECK enum parse pe_add_ids(struct head *h, struct symbol_identity *i);
/* A .dbg file: the debug part of an image of the 1990s, under the key of the image. */
MUST_CHECK enum parse dbg_identity(struct head *h, struct symbol_identity *ret);
