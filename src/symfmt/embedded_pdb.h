// SPDX-License-Identifier: MIT
/*
 * The portable PDB that a managed image carries within itself (`DebugType` embedded): "MPDB", its
 * length, and the file itself, deflated, where an entry of the debug directory says (pe.h). Only
 * so much of it is inflated as its identity takes.
 *
 * Source: PE/COFF specification of .NET, "Embedded Portable PDB Debug Directory Entry". Pure.
 */
#pragma once
#include "symfmt/head.h"
#include "symfmt/symbol_id.h"

#define EMBEDDED_PDB_HEAD 16384 /* bytes of the PDB that are looked at; #Pdb is its first stream */

/*
 * For a head of the image, and size bytes at at in it. PARSE_OTHER when no PDB begins there,
 * PARSE_CORRUPT when it cannot be inflated, or tells no identity in its first bytes.
 */
MUST_CHECK enum parse embedded_pdb_identity(struct head *h, uint32_t at, uint32_t size,
					    struct symbol_identity *ret);
