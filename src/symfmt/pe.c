// SPDX-License-Identifier: MIT
/*
 * The three steps from "MZ" to a PDB: the headers, the data directory (an address in memory, which
 * the section table maps to the file), and the debug directory, whose entries name file offsets
 * themselves. See pe.h.
 */
#include "symfmt/pe.h"

#define COFF_SIZE          20
#define OPTIONAL_MIN       60 /* to the end of SizeOfImage */
#define SECTION_SIZE       40
#define DEBUG_ENTRY_SIZE   28
#define DEBUG_ENTRIES_MAX  64 /* linkers write up to ten */
#define CHECKSUM_AT        64 /* in the optional header */
#define DIRECTORY_SECURITY 4  /* its address is one in the file */
#define DIRECTORY_DEBUG    6
#define DIRECTORY_CLR      14
#define PORTABLE_MINOR     0x504d /* "PM", in the version of a CodeView entry */

enum { TYPE_CODEVIEW = 2, TYPE_REPRO = 16, TYPE_EMBEDDED_PDB = 17, TYPE_PDB_CHECKSUM = 19 };

struct directory {
	uint32_t rva, size;
};

/* The data directories stand at at; they end where the sections begin. 0: there is no such one. */
static uint64_t entry_of(struct head *h, const struct pe *pe, uint64_t at, uint32_t index)
{
	uint64_t entry = at + 8 * (uint64_t)index;

	return index < head_u32(h, at - 4) && entry + 8 <= pe->sections_at ? entry : 0;
}

static struct directory directory(struct head *h, uint64_t entry)
{
	if (!entry)
		return (struct directory){0};
	return (struct directory){head_u32(h, entry), head_u32(h, entry + 4)};
}

static enum parse read_optional(struct head *h, uint64_t at, struct pe *pe)
{
	uint16_t magic = head_u16(h, at);
	uint64_t directories = at + (magic == 0x20b ? 112 : 96);
	struct directory debug, clr, security;

	pe->is_64 = magic == 0x20b;
	pe->image_size = head_u32(h, at + 56);
	pe->checksum_at = at + CHECKSUM_AT + 4 <= pe->sections_at ? at + CHECKSUM_AT : 0;
	pe->security_at = entry_of(h, pe, directories, DIRECTORY_SECURITY);
	security = directory(h, pe->security_at);
	debug = directory(h, entry_of(h, pe, directories, DIRECTORY_DEBUG));
	clr = directory(h, entry_of(h, pe, directories, DIRECTORY_CLR));
	if (head_state(h) != PARSE_OK)
		return head_state(h);
	if ((magic != 0x10b && magic != 0x20b) || pe->sections_at - at < OPTIONAL_MIN)
		return PARSE_CORRUPT;
	pe->debug_rva = debug.rva;
	pe->debug_size = debug.size;
	pe->is_managed = clr.size > 0;
	pe->certificates_at = security.rva;
	pe->certificates_size = security.size;
	return PARSE_OK;
}

enum parse pe_read(struct head *h, struct pe *ret)
{
	uint64_t at, coff;
	struct pe pe = {0};
	enum parse state;

	if (!head_starts(h, SLICE("MZ")))
		return head_other(h);
	at = head_u32(h, 0x3c);
	if (!slice_eq(head_bytes(h, at, 4), SLICE("PE\0\0")))
		return head_state(h) == PARSE_OK ? PARSE_OTHER : head_state(h);
	coff = at + 4;
	pe.machine = head_u16(h, coff);
	pe.sections = head_u16(h, coff + 2);
	pe.timestamp = head_u32(h, coff + 4);
	pe.sections_at = coff + COFF_SIZE + head_u16(h, coff + 16);
	state = read_optional(h, coff + COFF_SIZE, &pe);
	if (state == PARSE_OK)
		*ret = pe;
	return state;
}

/* The place in the file of the bytes that are loaded at rva; 0 if they are in no section. */
static uint64_t offset_of(struct head *h, const struct pe *pe, uint32_t rva)
{
	for (size_t i = 0; i < pe->sections; i++) {
		uint64_t at = pe->sections_at + i * SECTION_SIZE;
		uint32_t start = head_u32(h, at + 12);

		if (rva >= start && rva - start < head_u32(h, at + 16))
			return (uint64_t)head_u32(h, at + 20) + (rva - start);
	}
	return 0;
}

static struct slice until_nul(struct slice s)
{
	return slice_head(s, slice_find(s, '\0'));
}

static void read_codeview(struct slice record, bool is_portable, struct pe_debug *d)
{
	if (d->codeviews < PE_CODEVIEWS_MAX &&
	    codeview_read(record, is_portable, &d->codeview[d->codeviews]))
		d->codeviews++;
}

static void read_checksum(struct slice record, struct pe_debug *d)
{
	d->checksum_name = until_nul(record);
	d->checksum = slice_from(record, d->checksum_name.n + 1);
}

static void read_entry(struct head *h, uint64_t at, struct pe_debug *d)
{
	uint16_t minor = head_u16(h, at + 10);
	uint32_t type = head_u32(h, at + 12), size = head_u32(h, at + 16);
	uint32_t offset = head_u32(h, at + 24);

	if (type == TYPE_REPRO) {
		d->is_reproducible = true;
	} else if (type == TYPE_EMBEDDED_PDB) {
		d->embedded_at = offset;
		d->embedded_size = size;
	} else if (type == TYPE_CODEVIEW) {
		read_codeview(head_bytes(h, offset, size), minor == PORTABLE_MINOR, d);
	} else if (type == TYPE_PDB_CHECKSUM) {
		read_checksum(head_bytes(h, offset, size), d);
	}
}

enum parse pe_read_debug(struct head *h, const struct pe *pe, struct pe_debug *ret)
{
	struct pe_debug d = {0};
	size_t entries = pe->debug_size / DEBUG_ENTRY_SIZE;
	uint64_t at = entries ? offset_of(h, pe, pe->debug_rva) : 0;

	if (head_state(h) != PARSE_OK)
		return head_state(h);
	if (entries > DEBUG_ENTRIES_MAX || (entries && !at))
		return PARSE_CORRUPT;
	for (size_t i = 0; i < entries; i++)
		read_entry(h, at + i * DEBUG_ENTRY_SIZE, &d);
	if (head_state(h) != PARSE_OK)
		return head_state(h);
	*ret = d;
	return PARSE_OK;
}

static void identify(uint32_t timestamp, uint32_t size, struct symbol_identity *ret)
{
	*ret = (struct symbol_identity){.kind = SYMBOL_PE, .stamp = timestamp, .size = size};
}

enum parse pe_identity(struct head *h, struct symbol_identity *ret)
{
	struct pe pe = {0};
	enum parse state = pe_read(h, &pe);

	if (state == PARSE_OK)
		identify(pe.timestamp, pe.image_size, ret);
	return state;
}

enum parse pe_add_ids(struct head *h, struct symbol_identity *i)
{
	struct pe pe = {0};
	struct pe_debug debug = {0};
	enum parse state = pe_read(h, &pe);

	if (state == PARSE_OK)
		state = pe_read_debug(h, &pe, &debug);
	if (state != PARSE_OK)
		return state;
	for (size_t n = 0; n < debug.codeviews; n++)
		if (debug.codeview[n].pdb.ids)
			i->id[i->ids++] = debug.codeview[n].pdb.id[0];
	return PARSE_OK;
}

/* The magic is but two letters, so the two words at 40, which are reserved, must be zero too. */
enum parse dbg_identity(struct head *h, struct symbol_identity *ret)
{
	uint32_t timestamp, size;

	if (!head_starts(h, SLICE("DI")))
		return head_other(h);
	timestamp = head_u32(h, 8);
	size = head_u32(h, 20);
	if (head_u64(h, 40) != 0 || head_state(h) != PARSE_OK)
		return head_other(h);
	identify(timestamp, size, ret);
	return PARSE_OK;
}
