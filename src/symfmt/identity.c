// SPDX-License-Identifier: MIT
/*
 * The formats by their magic, one row each; a format that joins brings a row. See identity.h.
 *
 * Two magics are short of proof ("DI", and the one that Mach-O shares with Java), so a parser may
 * still say PARSE_OTHER, and then the next row is asked.
 */
#include "symfmt/identity.h"
#include "symfmt/breakpad.h"
#include "symfmt/elf.h"
#include "symfmt/macho.h"
#include "symfmt/msf.h"
#include "symfmt/msfz.h"
#include "symfmt/pe.h"
#include "symfmt/portable_pdb.h"

#define MAGIC_MAX 32 /* of the longest that is needed: that of MSF 2.0 goes on */

/* A container may have its streams anywhere, so it takes the whole file. */
static enum parse container_identity(struct head *h,
				     enum err (*read)(const struct source *file,
						      struct pdb_facts *ret, struct error *e),
				     struct symbol_identity *ret)
{
	struct slice whole = h->file ? SLICE_NONE : head_bytes(h, 0, h->file_size);
	struct source bytes = source_of(&whole);
	struct pdb_facts facts = {0};

	if (head_state(h) != PARSE_OK)
		return head_state(h);
	if (read(h->file ? h->file->source : &bytes, &facts, NULL))
		return PARSE_CORRUPT;
	*ret = pdb_identity_of(&facts);
	return PARSE_OK;
}

static enum parse msf_identity(struct head *h, struct symbol_identity *ret)
{
	return container_identity(h, pdb_read_facts, ret);
}

static enum parse msfz_identity(struct head *h, struct symbol_identity *ret)
{
	return container_identity(h, msfz_read_facts, ret);
}

static const struct {
	struct slice magic;
	enum parse (*read)(struct head *h, struct symbol_identity *ret);
} formats[] = {
	{{"MZ", 2}, pe_identity},
	{{"DI", 2}, dbg_identity},
	{{MSF_MAGIC, MSF_MAGIC_SIZE}, msf_identity},
	{{MSF_SMALL_MAGIC, MAGIC_MAX}, msf_identity},
	{{MSFZ_MAGIC, MSFZ_MAGIC_SIZE}, msfz_identity},
	{{"BSJB", 4}, portable_pdb_identity},
	{{"\177ELF", 4}, elf_identity},
	{{"MODULE ", 7}, breakpad_identity},
	{{"\xce\xfa\xed\xfe", 4}, macho_identity},
	{{"\xcf\xfa\xed\xfe", 4}, macho_identity},
	{{"\xfe\xed\xfa\xce", 4}, macho_identity},
	{{"\xfe\xed\xfa\xcf", 4}, macho_identity},
	{{"\xca\xfe\xba\xbe", 4}, macho_identity},
	{{"\xca\xfe\xba\xbf", 4}, macho_identity},
};

enum parse identity_read(struct head *h, struct symbol_identity *ret)
{
	enum parse state = PARSE_OTHER;

	(void)head_bytes(h, 0, MIN(MAGIC_MAX, h->file_size));
	if (head_state(h) != PARSE_OK)
		return head_state(h);
	for (size_t i = 0; i < ARRAY_LEN(formats) && state == PARSE_OTHER; i++) {
		struct head try = *h;

		if (!slice_starts(h->bytes, formats[i].magic))
			continue;
		state = formats[i].read(&try, ret);
		h->need = try.need;
		h->corrupt = try.corrupt;
	}
	return state;
}
