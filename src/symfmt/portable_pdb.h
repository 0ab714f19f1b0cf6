// SPDX-License-Identifier: MIT
/*
 * Portable PDB: the metadata container of ECMA-335 (II.24.2.1) with a stream #Pdb, as the "Portable
 * PDB v1.0" specification of .NET adds it. Its id is a GUID and a stamp; the key is the GUID and
 * the age ffffffff. The stream stands at the front as a rule, so a small head is enough.
 */
#pragma once
#include "symfmt/head.h"
#include "symfmt/symbol_id.h"

struct portable_pdb {
	struct symbol_id guid;
	uint32_t stamp;
	uint64_t id_at; /* where these 20 bytes stand: a checksum of the file takes them as zeros */
};

/* PARSE_OTHER also for metadata without a stream #Pdb. */
MUST_CHECK enum parse portable_pdb_read(struct head *h, struct portable_pdb *ret);
MUST_CHECK enum parse portable_pdb_identity(struct head *h, struct symbol_identity *ret);
