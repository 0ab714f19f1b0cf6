// SPDX-License-Identifier: MIT
/*
 * What the parsers of src/symfmt find in a file, in lines of NAME<TAB>VALUE, for
 * tests/e2e/test_formats.py to compare with what the tools of LLVM find there:
 *
 *	symid FILE
 *
 * The exit code is 0 for a file that has been read, 1 for one of no known format or a damaged one,
 * 2 for one that cannot be opened.
 */
#include "base/text.h"
#include "symfmt/elf.h"
#include "symfmt/identity.h"
#include "symfmt/key.h"
#include "symfmt/macho.h"
#include "symfmt/msfz.h"
#include "symfmt/pdb.h"
#include "symfmt/pe.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

static struct slice map(const char *path)
{
	int fd CLEANUP(close_p) = open(path, O_RDONLY | O_CLOEXEC);
	struct slice bytes = SLICE("");
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		perror(path);
		exit(2);
	}
	if (st.st_size == 0)
		return bytes;
	bytes.n = (size_t)st.st_size;
	bytes.p = mmap(NULL, bytes.n, PROT_READ, MAP_PRIVATE, fd, 0);
	ASSERT(bytes.p != MAP_FAILED);
	return bytes;
}

static void say(const char *name, const char *value)
{
	printf("%s\t%s\n", name, value);
}

static void say_slice(const char *name, struct slice value)
{
	printf("%s\t" SLICE_FMT "\n", name, SLICE_ARG(value));
}

static void say_number(const char *name, uint64_t value)
{
	printf("%s\t%llu\n", name, (unsigned long long)value);
}

static void say_flag(const char *name, bool value)
{
	if (value)
		say(name, "yes");
}

static void say_id(const char *name, const struct symbol_id *id)
{
	char hex[2 * SYMBOL_ID_MAX + 1];

	hex_encode(id->b, id->n, hex);
	if (id->n)
		say(name, hex);
}

static void say_keys(const struct symbol_identity *i, bool is_debug_file)
{
	struct key_text key;

	for (size_t which = 0; key_of_identity(i, is_debug_file, which, &key); which++)
		say("key", key.s);
}

static void tell_pdb(struct slice bytes)
{
	struct source file = source_of(&bytes);
	struct pdb_facts f = {0};

	if (pdb_read_facts(&file, &f, NULL) && msfz_read_facts(&file, &f, NULL))
		return;
	say_id("guid", &f.guid);
	say_number("age", f.info_age);
	say_number("signature", f.signature);
	if (!f.has_dbi)
		return;
	say_number("dbi age", f.dbi_age);
	say_number("machine", f.machine);
	say_flag("stripped", f.is_stripped);
}

static void tell_codeview(const struct codeview *c)
{
	say_id("pdb guid", &c->pdb.id[0]);
	say_number("pdb age", c->pdb.age);
	say_slice("pdb path", c->path);
	say("pdb name", c->name);
	say_flag("pdb portable", c->pdb.kind == SYMBOL_PDB_PORTABLE);
}

static void tell_pe(struct head h)
{
	struct pe_debug d = {0};
	struct pe pe = {0};

	if (pe_read(&h, &pe) != PARSE_OK)
		return;
	say_number("machine", pe.machine);
	say_number("timestamp", pe.timestamp);
	say_number("image size", pe.image_size);
	say_flag("64 bit", pe.is_64);
	say_flag("managed", pe.is_managed);
	if (pe_read_debug(&h, &pe, &d) != PARSE_OK)
		say("debug directory", "damaged");
	say_flag("reproducible", d.is_reproducible);
	for (size_t i = 0; i < d.codeviews; i++)
		tell_codeview(&d.codeview[i]);
}

/* Returns whether it is the debug file of another. */
static bool tell_elf(struct head h)
{
	struct elf_sections s = {0};
	struct elf elf = {0};

	if (elf_read(&h, &elf) != PARSE_OK)
		return false;
	say_number("machine", elf.machine);
	say_flag("64 bit", elf.is_64);
	say_flag("big endian", elf.is_big_endian);
	say_id("build-id", &elf.build_id);
	if (elf_read_sections(&h, &elf, &s) != PARSE_OK)
		say("sections", "damaged");
	say_flag("debug info", s.has_debug_info);
	say_flag("symbol table", s.has_symtab);
	say_flag("stripped", s.is_stripped);
	say_flag("debug file", s.is_debug_file);
	if (s.debug_link[0])
		say("debug link", s.debug_link);
	return s.is_debug_file;
}

static bool tell_macho(struct head h)
{
	struct macho m = {0};

	if (macho_read(&h, &m) != PARSE_OK)
		return false;
	for (size_t i = 0; i < m.images; i++) {
		say_number("cpu", m.image[i].cpu);
		say_number("file type", m.image[i].file_type);
		say_id("uuid", &m.image[i].uuid);
	}
	return m.image[0].is_dsym;
}

int main(int argc, char **argv)
{
	struct symbol_identity i = {0};
	struct slice bytes;
	struct head h;
	bool is_debug_file = false;

	if (argc != 2) {
		fprintf(stderr, "usage: symid FILE\n");
		return 2;
	}
	bytes = map(argv[1]);
	h = head_of(bytes, bytes.n);
	if (identity_read(&h, &i) != PARSE_OK)
		return 1;
	h = head_of(bytes, bytes.n);
	switch (i.kind) {
	case SYMBOL_PDB:
	case SYMBOL_PDB_OLD: tell_pdb(bytes); break;
	case SYMBOL_PE: tell_pe(h); break;
	case SYMBOL_ELF: is_debug_file = tell_elf(h); break;
	case SYMBOL_MACHO: is_debug_file = tell_macho(h); break;
	case SYMBOL_PDB_PORTABLE:
	case SYMBOL_BREAKPAD:
	case SYMBOL_UNKNOWN: break;
	}
	say_keys(&i, is_debug_file);
	return 0;
}
