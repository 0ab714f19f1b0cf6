// SPDX-License-Identifier: MIT
/*
 * Which PDB is it? The GUID stands in stream 1, the age in stream 3 (DBI): the age in stream 1 is
 * raised by each tool that edits the file after the linker, which is why no key is made of it,
 * unless the DBI stream says 0: then Microsoft's tools take the age of stream 1, others the 0. A
 * PDB of the compiler has no DBI stream and a key without an age. Before VC 7 there was no GUID;
 * the key is made of the signature and the age of stream 1.
 *
 * Sources: microsoft-pdb, PDB/dbi/pdb.h and dbi.h; pdbi_stream.md and dbi_stream.md of pdb-rs.
 */
#pragma once
#include "symfmt/source.h"
#include "symfmt/symbol_id.h"

enum { PDB_INFO_STREAM = 1, PDB_DBI_STREAM = 3 };
/* So much of the two streams is looked at. */
enum { PDB_INFO_HEAD = 28, PDB_DBI_HEAD = 64 };

struct pdb_facts {
	uint32_t version;
	uint32_t signature; /* time of its first link, or any number */
	uint32_t info_age;  /* of stream 1 */
	bool has_guid;
	struct symbol_id guid;
	bool has_dbi;
	uint32_t dbi_age;
	bool is_stripped; /* public symbols only, by /PDBSTRIPPED */
	uint16_t machine; /* IMAGE_FILE_MACHINE_... */
};

/*
 * The two streams, or their first PDB_INFO_HEAD and PDB_DBI_HEAD bytes. A DBI stream that is nil or
 * empty is SLICE_NONE.
 */
MUST_CHECK enum err pdb_facts_of(struct slice info, struct slice dbi, struct pdb_facts *ret,
				 struct error *e);
struct symbol_identity pdb_identity_of(const struct pdb_facts *f);

/*
 * The same for a PDB file in its MSF container, 7.0 or 2.0 (SYMBOL_PDB_OLD); some 20 short reads.
 * ERR_CORRUPT for anything else, MSFZ (msfz.h) included.
 */
MUST_CHECK enum err pdb_read_facts(const struct source *file, struct pdb_facts *ret,
				   struct error *e);
