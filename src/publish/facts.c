// SPDX-License-Identifier: MIT
/* See facts.h. */
#include "publish/facts.h"

#include "symfmt/breakpad.h"
#include "symfmt/elf.h"
#include "symfmt/embedded_pdb.h"
#include "symfmt/identity.h"
#include "symfmt/machine.h"
#include "symfmt/macho.h"
#include "symfmt/minidump.h"
#include "symfmt/msfz.h"

#include <stdio.h>

static void call(struct file_facts *f, const char *kind, const char *title)
{
	f->kind = kind;
	f->title = title;
}

/* The number itself when it has no name. */
static void add_machine(struct file_facts *f, const char *name, uint32_t number)
{
	size_t n = strlen(f->machine);
	const char *plus = n ? "+" : "";

	if (name)
		(void)snprintf(f->machine + n, sizeof(f->machine) - n, "%s%s", plus, name);
	else
		(void)snprintf(f->machine + n, sizeof(f->machine) - n, "%s0x%x", plus, number);
}

static enum err tell_pdb(const struct source *file, struct slice begins, struct file_facts *f,
			 struct error *e)
{
	bool is_msfz = msfz_begins(begins);
	struct pdb_facts pdb = {0};
	enum err err = is_msfz ? msfz_read_facts(file, &pdb, e) : pdb_read_facts(file, &pdb, e);

	if (err)
		return err;
	f->identity = pdb_identity_of(&pdb);
	if (!pdb.has_guid)
		call(f, "pdb2", "PDB 2.0");
	else
		call(f, "pdb", is_msfz ? "PDB (MSFZ)" : "PDB");
	if (!pdb.has_dbi)
		return OK;
	f->privacy = pdb.is_stripped ? PRIVACY_PUBLIC : PRIVACY_PRIVATE;
	if (pdb.machine)
		add_machine(f, machine_of_pe(pdb.machine), pdb.machine);
	return OK;
}

/* What the window showed is gone as soon as something else is read. */
static void take_debug(struct head *h, const struct pe *pe, struct file_facts *f)
{
	struct pe_debug debug = {0};
	enum parse state;

	if (pe_read_debug(h, pe, &debug) != PARSE_OK) {
		f->note = "its debug directory is damaged";
		return;
	}
	f->pdbs = debug.codeviews;
	memcpy(f->pdb, debug.codeview, sizeof(f->pdb));
	for (size_t i = 0; i < f->pdbs; i++)
		f->pdb[i].path = SLICE_NONE;
	if (!debug.embedded_size)
		return;
	state = embedded_pdb_identity(h, debug.embedded_at, debug.embedded_size, &f->embedded);
	if (state != PARSE_OK && state != PARSE_OTHER)
		f->note = "the PDB in it is damaged";
}

static void tell_pe(struct head h, struct file_facts *f)
{
	struct pe pe = {0};

	if (!slice_starts(h.bytes, SLICE("MZ"))) {
		call(f, "dbg", "DBG");
		return;
	}
	call(f, "pe", "PE");
	if (pe_read(&h, &pe) != PARSE_OK)
		return;
	add_machine(f, machine_of_pe(pe.machine), pe.machine);
	take_debug(&h, &pe, f);
}

static void tell_elf(struct head h, struct file_facts *f)
{
	struct elf_sections sections = {0};
	struct head again = h;
	struct elf elf = {0};

	call(f, "elf", "ELF");
	if (elf_read(&h, &elf) != PARSE_OK)
		return;
	add_machine(f, machine_of_elf(elf.machine), elf.machine);
	if (elf_read_sections(&again, &elf, &sections) != PARSE_OK)
		f->note = "its sections are damaged";
	f->is_debug_file = sections.is_debug_file;
	if (f->is_debug_file)
		f->title = "ELF debug file";
}

static void tell_macho(struct head h, struct file_facts *f)
{
	struct macho m = {0};

	call(f, "macho", "Mach-O");
	if (macho_read(&h, &m) != PARSE_OK)
		return;
	for (size_t i = 0; i < m.images; i++)
		add_machine(f, machine_of_macho(m.image[i].cpu), m.image[i].cpu);
	f->is_debug_file = m.images && m.image[0].is_dsym;
	if (f->is_debug_file)
		f->title = "Mach-O dSYM";
}

static void tell_breakpad(struct head h, struct file_facts *f)
{
	struct breakpad b = {0};
	struct slice arch;

	call(f, "breakpad", "Breakpad");
	f->identity.code_id = SLICE_NONE;
	if (breakpad_read(&h, &b) != PARSE_OK)
		return;
	arch = machine_of_breakpad(b.arch);
	(void)snprintf(f->machine, sizeof(f->machine), SLICE_FMT, SLICE_ARG(arch));
	b.name = codeview_last(b.name);
	if (b.name.n <= CODEVIEW_NAME_MAX && b.name.n)
		memcpy(f->module, b.name.p, b.name.n);
}

static enum err tell_minidump(const struct source *file, struct file_facts *f, struct error *e)
{
	struct minidump m = {0};
	enum err err = minidump_open(file, &m, e);

	if (err)
		return err;
	f->is_minidump = true;
	call(f, "minidump", "minidump");
	if (m.processor != UINT16_MAX)
		add_machine(f, machine_of_dump(m.processor), m.processor);
	return OK;
}

static enum err tell(const struct source *file, struct head *h, struct file_facts *f,
		     struct error *e)
{
	struct head from_start = *h;

	if (minidump_begins(h->bytes))
		return tell_minidump(file, f, e);
	switch (identity_read(h, &f->identity)) {
	case PARSE_OK: break;
	case PARSE_OTHER: f->identity = (struct symbol_identity){0}; return OK;
	case PARSE_MORE:
	case PARSE_CORRUPT:
		/* The parser of PDBs can say why. */
		if (slice_starts(h->bytes, SLICE("Microsoft C/C++")))
			return tell_pdb(file, h->bytes, f, e);
		return err_set(e, ERR_CORRUPT, "damaged, or cut short");
	}
	switch (f->identity.kind) {
	case SYMBOL_PDB:
	case SYMBOL_PDB_OLD: return tell_pdb(file, h->bytes, f, e);
	case SYMBOL_PDB_PORTABLE: call(f, "portable-pdb", "portable PDB"); break;
	case SYMBOL_PE: tell_pe(from_start, f); break;
	case SYMBOL_ELF: tell_elf(from_start, f); break;
	case SYMBOL_MACHO: tell_macho(from_start, f); break;
	case SYMBOL_BREAKPAD: tell_breakpad(from_start, f); break;
	case SYMBOL_UNKNOWN: break;
	}
	return OK;
}

enum err facts_read(const struct source *file, struct file_facts *ret, struct error *e)
{
	struct head_file *room CLEANUP(free_p) = xnew(struct head_file);
	struct error failed = {.code = OK};
	struct watched_source watched;
	struct source source = source_watch(&watched, file, &failed);
	struct head h = head_of_file(&source, room);
	enum err err;

	*ret = (struct file_facts){0};
	err = tell(&source, &h, ret, e);
	if (!watched.err)
		return err;
	if (e)
		*e = failed;
	return watched.err;
}
