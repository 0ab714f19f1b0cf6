// SPDX-License-Identifier: MIT
/*
 * What a symbol file tells of itself: its identity, and what else whoever publishes it wants to
 * know. identity.h finds the format; this asks the format's own parser for the rest. Reads pages
 * here and there, not the file, but for what is in MSFZ form. Any thread.
 */
#pragma once
#include "symfmt/codeview.h"
#include "symfmt/pe.h"
#include "symfmt/source.h"

enum privacy {
	PRIVACY_NONE, /* not told: no PDB, or one of a compiler */
	PRIVACY_PRIVATE,
	PRIVACY_PUBLIC, /* stripped: public symbols only */
};

#define FACTS_MACHINE_MAX 64

struct file_facts {
	const char
		*kind; /* "pdb", "pe"...: a word of the list in facts.c; NULL: of no known format */
	const char *title;               /* the same where people read it */
	struct symbol_identity identity; /* of a minidump: SYMBOL_UNKNOWN */
	bool is_minidump;                /* whose modules minidump.h tells */
	bool is_debug_file;              /* of an ELF or Mach-O image: has the symbols alone */
	enum privacy privacy;
	char machine[FACTS_MACHINE_MAX];    /* "x64"; of a fat file "x64+arm64"; "": not told */
	char module[CODEVIEW_NAME_MAX + 1]; /* of a Breakpad file: the name in its first line */
	size_t pdbs;
	struct codeview pdb[PE_CODEVIEWS_MAX]; /* those that an image names; without their paths */
	struct symbol_identity embedded; /* the portable PDB in an image; SYMBOL_UNKNOWN: none */
	const char *note;                /* what could not be read besides, or NULL */
};

/*
 * OK also for a file of no known format. ERR_CORRUPT for one of a known format that is damaged or
 * cut short; the source's own error.
 */
MUST_CHECK enum err facts_read(const struct source *file, struct file_facts *ret, struct error *e);
