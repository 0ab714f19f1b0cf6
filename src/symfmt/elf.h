// SPDX-License-Identifier: MIT
/*
 * ELF as the System V ABI lays it out, 32 and 64 bit, both byte orders: machine, build-id (the
 * GNU note of type 3), and whether a file holds the program or what a debugger wants.
 *
 * The build-id is found through the program headers when they tell it, which takes the first few
 * KiB (elf_read); else through the section headers, which stand at the end of the file as a rule.
 * The rest is in the sections only (elf_read_sections).
 */
#pragma once
#include "symfmt/head.h"
#include "symfmt/symbol_id.h"

struct elf {
	uint16_t machine;
	bool is_64, is_big_endian;
	struct symbol_id build_id; /* n == 0: none */
};

#define ELF_LINK_MAX 255 /* the longest name of a file */

struct elf_sections {
	bool has_debug_info; /* DWARF, compressed or not */
	bool has_symtab;
	bool is_stripped;   /* neither of the two */
	bool is_debug_file; /* symbols without the code: goes under elf-buildid-sym-... */
	/* .gnu_debuglink: file name of the debug file; "" when there is none, or a longer one */
	char debug_link[ELF_LINK_MAX + 1];
};

/* PARSE_OK without a build-id only when neither kind of header leads to one. */
MUST_CHECK enum parse elf_read(struct head *h, struct elf *ret);
MUST_CHECK enum parse elf_read_sections(struct head *h, const struct elf *elf,
					struct elf_sections *ret);
MUST_CHECK enum parse elf_identity(struct head *h, struct symbol_identity *ret);
