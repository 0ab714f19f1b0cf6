// SPDX-License-Identifier: MIT
/*
 * One walk for both word sizes: where they differ, an offset stands in two columns, 64 bit first.
 *
 * Program headers are asked first because they and the note they point to stand at the front. In a
 * debug file they may be copies from the program and point anywhere, so a fault in them, other than
 * bytes that are not there yet, only means that the sections have to tell.
 */
#include "symfmt/elf.h"

#include <stdio.h>

#define PT_NOTE     4
#define SHT_NOTE    7
#define SHT_NOBITS  8
#define NOTE_ID     3    /* NT_GNU_BUILD_ID */
#define NOTES_MAX   1024 /* in all; more is no program */
#define NAME_ENOUGH 32   /* longer than any section name that is looked for */
#define SEE_FIRST   0xffff

struct table { /* the section headers */
	uint64_t at;
	size_t n, size, names; /* names: which section holds their names */
};

struct section {
	uint32_t name, type;
	uint64_t offset, size;
};

/* A field that is 8 bytes at at64 in a 64-bit file and 4 bytes at at32 in a 32-bit one. */
static uint64_t word(struct head *h, bool is_64, uint64_t at, size_t at64, size_t at32)
{
	return is_64 ? head_u64(h, at + at64) : head_u32(h, at + at32);
}

static uint64_t padded(uint64_t n, uint64_t align)
{
	return (n + align - 1) / align * align;
}

/* The build-id among the notes in size bytes at at. */
static struct symbol_id find_note(struct head *h, uint64_t at, uint64_t size, uint64_t align,
				  size_t *budget)
{
	while (size >= 12 && *budget > 0 && head_state(h) == PARSE_OK) {
		uint32_t name_size = head_u32(h, at), id_size = head_u32(h, at + 4);
		uint64_t id_at = padded(12 + (uint64_t)name_size, align);
		uint64_t next = id_at + padded(id_size, align);

		--*budget;
		if (id_at + id_size > size)
			break;
		if (head_u32(h, at + 8) == NOTE_ID && name_size == 4 &&
		    slice_eq(head_bytes(h, at + 12, 4), SLICE("GNU\0")))
			return symbol_id_of(head_bytes(h, at + id_at, id_size));
		at += next;
		size -= MIN(next, size);
	}
	return (struct symbol_id){0};
}

/*
 * PARSE_MORE when a note is not there yet; PARSE_OK with or without an id. A damaged note spoils
 * its own copy of h only; a damaged table ends the search.
 */
static enum parse ask_segments(struct head *h, struct elf *elf, size_t *budget)
{
	uint64_t at = word(h, elf->is_64, 0, 32, 28);
	size_t size = head_u16(h, elf->is_64 ? 54 : 42), n = head_u16(h, elf->is_64 ? 56 : 44);
	struct head note = *h;

	if (size < (elf->is_64 ? 56 : 32))
		n = 0;
	for (; n > 0 && elf->build_id.n == 0 && note.need == 0; n--, at += size) {
		uint64_t offset, length, align;

		note = *h;
		offset = word(&note, elf->is_64, at, 8, 4);
		length = word(&note, elf->is_64, at, 32, 16);
		align = word(&note, elf->is_64, at, 48, 28);
		if (note.corrupt)
			break;
		if (head_u32(&note, at) == PT_NOTE)
			elf->build_id = find_note(&note, offset, length, align == 8 ? 8 : 4,
						  budget);
	}
	h->need = note.need;
	return head_state(h);
}

static struct section read_section(struct head *h, bool is_64, const struct table *t, size_t i)
{
	uint64_t at = t->at + i * t->size;

	return (struct section){
		.name = head_u32(h, at),
		.type = head_u32(h, at + 4),
		.offset = word(h, is_64, at, 24, 16),
		.size = word(h, is_64, at, 32, 20),
	};
}

/* A file with too many sections for its header has the numbers in the first of them. */
static struct table find_sections(struct head *h, bool is_64)
{
	struct table t = {
		.at = word(h, is_64, 0, 40, 32),
		.size = head_u16(h, is_64 ? 58 : 46),
		.n = head_u16(h, is_64 ? 60 : 48),
		.names = head_u16(h, is_64 ? 62 : 50),
	};

	if (t.at == 0 || t.size < (is_64 ? 64 : 40))
		return (struct table){0};
	if (t.n == 0)
		t.n = (size_t)read_section(h, is_64, &t, 0).size;
	if (t.names == SEE_FIRST)
		t.names = head_u32(h, t.at + (is_64 ? 40 : 24));
	return t;
}

static enum parse ask_sections(struct head *h, struct elf *elf, size_t *budget)
{
	struct table t = find_sections(h, elf->is_64);

	for (size_t i = 0; i < t.n && elf->build_id.n == 0 && head_state(h) == PARSE_OK; i++) {
		struct section s = read_section(h, elf->is_64, &t, i);

		if (s.type == SHT_NOTE)
			elf->build_id = find_note(h, s.offset, s.size, 4, budget);
	}
	return head_state(h);
}

static bool read_ident(struct head *h, struct elf *elf)
{
	struct slice ident = head_bytes(h, 4, 2);

	if (ident.n < 2 || ident.p[0] < 1 || ident.p[0] > 2 || ident.p[1] < 1 || ident.p[1] > 2)
		return false;
	elf->is_64 = ident.p[0] == 2;
	elf->is_big_endian = h->big_endian = ident.p[1] == 2;
	elf->machine = head_u16(h, 18);
	return true;
}

enum parse elf_read(struct head *h, struct elf *ret)
{
	struct elf elf = {0};
	size_t budget = NOTES_MAX;

	if (!head_starts(h, SLICE("\177ELF")))
		return head_other(h);
	if (!read_ident(h, &elf))
		return head_state(h) == PARSE_MORE ? PARSE_MORE : PARSE_CORRUPT;
	if (ask_segments(h, &elf, &budget) == PARSE_OK && elf.build_id.n == 0)
		(void)ask_sections(h, &elf, &budget);
	if (head_state(h) == PARSE_OK)
		*ret = elf;
	return head_state(h);
}

/* The beginning of a name, which is enough to compare it with a shorter one. */
static struct slice name_of(struct head *h, const struct section *names, const struct section *s)
{
	struct slice text;

	if (s->name >= names->size)
		return SLICE_NONE;
	text = head_bytes(h, names->offset + s->name, MIN(names->size - s->name, NAME_ENOUGH));
	return slice_head(text, slice_find(text, '\0'));
}

static void take_link(struct head *h, const struct section *s, char *to)
{
	struct slice text = head_bytes(h, s->offset, MIN(s->size, ELF_LINK_MAX + 1));
	size_t n = slice_find(text, '\0');

	if (n < text.n)
		(void)snprintf(to, ELF_LINK_MAX + 1, "%.*s", (int)n, text.p);
}

static void judge_section(struct head *h, struct slice name, const struct section *s,
			  struct elf_sections *sections)
{
	bool has_bytes = s->type != SHT_NOBITS;

	if (slice_eq(name, SLICE(".debug_info")) || slice_eq(name, SLICE(".zdebug_info")))
		sections->has_debug_info |= has_bytes;
	else if (slice_eq(name, SLICE(".symtab")))
		sections->has_symtab |= has_bytes;
	else if (slice_eq(name, SLICE(".text")))
		sections->is_debug_file |= !has_bytes;
	else if (slice_eq(name, SLICE(".gnu_debuglink")) && has_bytes)
		take_link(h, s, sections->debug_link);
}

enum parse elf_read_sections(struct head *h, const struct elf *elf, struct elf_sections *ret)
{
	struct elf_sections sections = {0};
	struct section names = {0};
	struct table t;

	h->big_endian = elf->is_big_endian;
	t = find_sections(h, elf->is_64);
	if (t.names < t.n)
		names = read_section(h, elf->is_64, &t, t.names);
	for (size_t i = 0; i < t.n && head_state(h) == PARSE_OK; i++) {
		struct section s = read_section(h, elf->is_64, &t, i);

		judge_section(h, name_of(h, &names, &s), &s, &sections);
	}
	if (head_state(h) != PARSE_OK)
		return head_state(h);
	sections.is_stripped = !sections.has_debug_info && !sections.has_symtab;
	sections.is_debug_file &= !sections.is_stripped;
	*ret = sections;
	return PARSE_OK;
}

enum parse elf_identity(struct head *h, struct symbol_identity *ret)
{
	struct elf elf = {0};
	enum parse state = elf_read(h, &elf);

	if (state != PARSE_OK)
		return state;
	*ret = (struct symbol_identity){
		.kind = SYMBOL_ELF,
		.ids = elf.build_id.n > 0,
		.id[0] = elf.build_id,
	};
	return PARSE_OK;
}
