// SPDX-License-Identifier: MIT
/*
 * Files for the tests of symfmt, made from nothing and as small as their formats allow, and what
 * every parser must do with any beginning of them: check_prefixes().
 */
#pragma once
#include "symfmt/identity.h"
#include "tap.h"

#define SAMPLE_GUID_BYTES "\xdd\xdd\xa6\xc9\xe4\xd7\x53\x43\xa6\x68\xe3\x9a\xc6\x14\xa7\xea"
#define SAMPLE_GUID       "C9A6DDDDD7E44353A668E39AC614A7EA"

struct sample {
	unsigned char b[4096];
	size_t n; /* as far as anything was put */
	bool big_endian;
};

__attribute__((unused)) static void put_bytes(struct sample *s, size_t at, struct slice bytes)
{
	ASSERT(at + bytes.n <= sizeof(s->b));
	memcpy(s->b + at, bytes.p, bytes.n);
	s->n = MAX(s->n, at + bytes.n);
}

/* An integer of size bytes. */
__attribute__((unused)) static void put(struct sample *s, size_t at, size_t size, uint64_t v)
{
	ASSERT(at + size <= sizeof(s->b));
	for (size_t i = 0; i < size; i++)
		s->b[at + (s->big_endian ? size - 1 - i : i)] = (unsigned char)(v >> 8 * i);
	s->n = MAX(s->n, at + size);
}

__attribute__((unused)) static struct slice sample_bytes(const struct sample *s)
{
	return (struct slice){(const char *)s->b, s->n};
}

__attribute__((unused)) static struct head sample_head(const struct sample *s)
{
	return head_of(sample_bytes(s), s->n);
}

typedef enum parse sample_parse(struct head *h);

/* On a copy of its own size, so that the address sanitizer sees a read that passes the end. */
__attribute__((unused)) static enum parse parse_prefix(sample_parse *parse, struct slice bytes,
						       size_t n, uint64_t file_size,
						       uint64_t *ret_need)
{
	char *copy = malloc(n ? n : 1);
	struct head h = head_of((struct slice){copy, n}, file_size);
	enum parse state;

	ASSERT(copy);
	if (n)
		memcpy(copy, bytes.p, n);
	state = parse(&h);
	*ret_need = h.need;
	free(copy);
	return state;
}

/*
 * Any beginning of a good file is good already or asks for more, never for what is there nor for
 * what the file has not; with what it asks for it gets on. A file that is cut never asks for more.
 */
__attribute__((unused)) static void check_prefixes(sample_parse *parse, struct slice bytes,
						   const char *name)
{
	size_t wrong = 0, cut_wrong = 0;
	uint64_t need;

	for (size_t n = 0; n <= bytes.n; n++) {
		enum parse state = parse_prefix(parse, bytes, n, bytes.n, &need);

		wrong += state == PARSE_MORE ? need <= n || need > bytes.n : state != PARSE_OK;
		wrong += n == bytes.n && state != PARSE_OK;
		state = parse_prefix(parse, bytes, n, HEAD_SIZE_UNKNOWN, &need);
		wrong += state == PARSE_MORE ? need <= n : state != PARSE_OK;
		cut_wrong += parse_prefix(parse, bytes, n, n, &need) == PARSE_MORE;
	}
	CHECK_INT(wrong, 0, name);
	CHECK_INT(cut_wrong, 0, name);
}

/* An image with one section, which is the debug directory and what belongs to it. */
#define SAMPLE_PE_DEBUG_AT  0x200
#define SAMPLE_PE_RECORD_AT 0x300

struct sample_record {
	uint32_t type;
	uint16_t minor;
	struct slice bytes;
};

__attribute__((unused)) static void put_pe_headers(struct sample *s, bool is_64, size_t records)
{
	size_t optional = 0x58, directories = optional + (is_64 ? 112 : 96);
	size_t section = directories + 16 * 8;

	put_bytes(s, 0, SLICE("MZ"));
	put(s, 0x3c, 4, 0x40);
	put_bytes(s, 0x40, SLICE("PE\0\0"));
	put(s, 0x44, 2, is_64 ? 0x8664 : 0x14c);
	put(s, 0x46, 2, 1);
	put(s, 0x48, 4, 0x05617d4f);
	put(s, 0x54, 2, section - optional);
	put(s, optional, 2, is_64 ? 0x20b : 0x10b);
	put(s, optional + 56, 4, 0x8000);
	put(s, directories - 4, 4, 16);
	if (records) {
		put(s, directories + 6 * 8, 4, 0x1000);
		put(s, directories + 6 * 8 + 4, 4, records * 28);
	}
	put(s, section + 12, 4, 0x1000);
	put(s, section + 16, 4, 0x400);
	put(s, section + 20, 4, SAMPLE_PE_DEBUG_AT);
}

__attribute__((unused)) static struct sample make_pe(bool is_64, const struct sample_record *record,
						     size_t records)
{
	struct sample s = {0};
	size_t at = SAMPLE_PE_RECORD_AT;

	put_pe_headers(&s, is_64, records);
	for (size_t i = 0; i < records; i++) {
		size_t entry = SAMPLE_PE_DEBUG_AT + i * 28;

		put(&s, entry + 10, 2, record[i].minor);
		put(&s, entry + 12, 4, record[i].type);
		put(&s, entry + 16, 4, record[i].bytes.n);
		put(&s, entry + 24, 4, at);
		put_bytes(&s, at, record[i].bytes);
		at += record[i].bytes.n;
	}
	return s;
}

/* An ELF file with a note of 16 bytes around the build-id, known to segments, sections or both. */
struct sample_elf {
	bool is_64, big_endian, segments, sections;
	bool is_debug_file; /* .text has no bytes */
	struct slice build_id;
};

#define SAMPLE_ELF_NOTE_AT     0x100
#define SAMPLE_ELF_NAMES_AT    0x180
#define SAMPLE_ELF_LINK_AT     0x1f0
#define SAMPLE_ELF_SECTIONS_AT 0x200
#define SAMPLE_ELF_SECTIONS    7

__attribute__((unused)) static void put_elf_section(struct sample *s, const struct sample_elf *o,
						    size_t i, const uint64_t v[4])
{
	size_t at = SAMPLE_ELF_SECTIONS_AT + i * (o->is_64 ? 64 : 40), word = o->is_64 ? 8 : 4;

	put(s, at, 4, v[0]);
	put(s, at + 4, 4, v[1]);
	put(s, at + (o->is_64 ? 24 : 16), word, v[2]);
	put(s, at + (o->is_64 ? 32 : 20), word, v[3]);
	put(s, at + (o->is_64 ? 63 : 39), 1, 0);
}

__attribute__((unused)) static void put_elf_sections(struct sample *s, const struct sample_elf *o,
						     size_t note_size)
{
	static const char names[] = "\0.note\0.text\0.symtab\0.debug_info\0.gnu_debuglink\0.names";
	const uint64_t rows[SAMPLE_ELF_SECTIONS][4] = {
		{0},
		{1, 7, SAMPLE_ELF_NOTE_AT, note_size},
		{7, o->is_debug_file ? 8 : 1, 0, 16},
		{13, 2, 0, 16},
		{21, o->is_debug_file ? 1 : 8, 0, 16},
		{33, 1, SAMPLE_ELF_LINK_AT, 12},
		{48, 3, SAMPLE_ELF_NAMES_AT, sizeof(names)},
	};

	put_bytes(s, SAMPLE_ELF_NAMES_AT, (struct slice){names, sizeof(names)});
	put_bytes(s, SAMPLE_ELF_LINK_AT, SLICE("a.debug\0CRC4"));
	put(s, o->is_64 ? 40 : 32, o->is_64 ? 8 : 4, SAMPLE_ELF_SECTIONS_AT);
	put(s, o->is_64 ? 58 : 46, 2, o->is_64 ? 64 : 40);
	put(s, o->is_64 ? 60 : 48, 2, SAMPLE_ELF_SECTIONS);
	put(s, o->is_64 ? 62 : 50, 2, SAMPLE_ELF_SECTIONS - 1);
	for (size_t i = 0; i < SAMPLE_ELF_SECTIONS; i++)
		put_elf_section(s, o, i, rows[i]);
}

__attribute__((unused)) static void put_elf_segment(struct sample *s, bool is_64, size_t note_size)
{
	size_t at = is_64 ? 64 : 52, word = is_64 ? 8 : 4;

	put(s, is_64 ? 32 : 28, word, at);
	put(s, is_64 ? 54 : 42, 2, is_64 ? 56 : 32);
	put(s, is_64 ? 56 : 44, 2, 1);
	put(s, at, 4, 4);
	put(s, at + (is_64 ? 8 : 4), word, SAMPLE_ELF_NOTE_AT);
	put(s, at + (is_64 ? 32 : 16), word, note_size);
	put(s, at + (is_64 ? 48 : 28), word, 4);
}

/* Before the one that counts stands another note, with a name that needs filling up. */
__attribute__((unused)) static struct sample make_elf(const struct sample_elf *o)
{
	struct sample s = {.big_endian = o->big_endian};
	size_t at = SAMPLE_ELF_NOTE_AT, note_size = 20 + 16 + o->build_id.n;

	put_bytes(&s, 0, SLICE("\177ELF"));
	put(&s, 4, 1, o->is_64 ? 2 : 1);
	put(&s, 5, 1, o->big_endian ? 2 : 1);
	put(&s, 18, 2, 62);
	put(&s, o->is_64 ? 63 : 51, 1, 0);
	if (o->segments)
		put_elf_segment(&s, o->is_64, note_size);
	put(&s, at, 4, 3);
	put(&s, at + 4, 4, 3);
	put(&s, at + 8, 4, 3);
	put_bytes(&s, at + 12, SLICE("Go\0\0abc\0"));
	put(&s, at + 20, 4, 4);
	put(&s, at + 24, 4, o->build_id.n);
	put(&s, at + 28, 4, 3);
	put_bytes(&s, at + 32, SLICE("GNU\0"));
	put_bytes(&s, at + 36, o->build_id);
	if (o->sections)
		put_elf_sections(&s, o, note_size);
	return s;
}

/* One Mach-O image at at: a segment command, then the UUID. */
__attribute__((unused)) static void put_macho(struct sample *s, size_t at, bool is_64,
					      uint32_t file_type, struct slice uuid)
{
	size_t command = at + (is_64 ? 32 : 28);

	put(s, at, 4, is_64 ? 0xfeedfacf : 0xfeedface);
	put(s, at + 4, 4, is_64 ? 0x0100000c : 7);
	put(s, at + 12, 4, file_type);
	put(s, at + 16, 4, uuid.n ? 2 : 1);
	put(s, command, 4, 0x19);
	put(s, command + 4, 4, 40);
	put(s, command + 39, 1, 0);
	if (!uuid.n)
		return;
	put(s, command + 40, 4, 0x1b);
	put(s, command + 44, 4, 24);
	put_bytes(s, command + 48, uuid);
}

/* Metadata with #Pdb as its second stream. */
__attribute__((unused)) static struct sample make_portable_pdb(void)
{
	struct sample s = {0};

	put_bytes(&s, 0, SLICE("BSJB\1\0\1\0\0\0\0\0\x0c\0\0\0PDB v1.0\0\0\0\0\0\0\2\0"));
	put(&s, 32, 4, 0x60);
	put(&s, 36, 4, 4);
	put_bytes(&s, 40, SLICE("#Strings\0\0\0\0"));
	put(&s, 52, 4, 0x70);
	put(&s, 56, 4, 0x20);
	put_bytes(&s, 60, SLICE("#Pdb\0\0\0\0"));
	put_bytes(&s, 0x70, SLICE(SAMPLE_GUID_BYTES "\x0d\xf0\xad\xba"));
	put(&s, 0x8f, 1, 0);
	return s;
}
