// SPDX-License-Identifier: MIT
/*
 * The identity of a file: the numbers that symbol keys are made of, read out of the file itself.
 * Publishing makes keys from them; serving checks that the file that arrived for a key belongs to
 * it (key_match.h). identity_read() finds the format by its magic and asks its parser, of which
 * each tells more on its own (pe.h, elf.h, ...). Pure; only what is in MSFZ form takes memory
 * (msfz.h).
 */
#pragma once
#include "symfmt/head.h"
#include "symfmt/symbol_id.h"

/*
 * PARSE_OTHER for a file of no known format; SYMBOL_UNKNOWN is never given with PARSE_OK. A file
 * of known format without an identity (an ELF file without build-id) is PARSE_OK with ids == 0. A
 * PDB, in MSF or MSFZ form, needs the whole file (head.need is its size), and is PARSE_CORRUPT also
 * when that is beyond the limits of msfz.h.
 */
MUST_CHECK enum parse identity_read(struct head *h, struct symbol_identity *ret);
