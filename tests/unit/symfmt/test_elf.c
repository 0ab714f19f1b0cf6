// SPDX-License-Identifier: MIT
#include "symfmt/elf.h"
#include "symfmt_samples.h"

#define ID_8  "\x01\x02\x03\x04\x05\x06\x07\x08"
#define ID_20 ID_8 "\x11\x12\x13\x14\x15\x16\x17\x18\x21\x22\x23\x24"
#define ID_32 ID_20 "\x25\x26\x27\x28\x31\x32\x33\x34\x35\x36\x37\x38"
#define ID_64 ID_32 ID_32

static enum parse parse(struct head *h)
{
	struct elf elf;

	return elf_read(h, &elf);
}

static enum parse parse_sections(struct head *h)
{
	struct elf_sections sections;
	struct elf elf;
	enum parse state = elf_read(h, &elf);

	return state == PARSE_OK ? elf_read_sections(h, &elf, &sections) : state;
}

static bool has_id(const struct elf *elf, struct slice id)
{
	return slice_eq((struct slice){(const char *)elf->build_id.b, elf->build_id.n}, id);
}

static void check_all(const struct sample_elf *o, const char *name)
{
	struct sample s = make_elf(o);
	struct head h = sample_head(&s);
	struct elf_sections sections;
	struct elf elf;

	CHECK_INT(elf_read(&h, &elf), PARSE_OK, name);
	CHECK(has_id(&elf, o->build_id), name);
	CHECK(elf.is_64 == o->is_64 && elf.is_big_endian == o->big_endian, name);
	CHECK_INT(elf.machine, 62, name);
	h = sample_head(&s);
	CHECK_INT(elf_read_sections(&h, &elf, &sections), PARSE_OK, name);
	CHECK_INT(sections.is_debug_file, o->sections && o->is_debug_file, name);
	CHECK_INT(sections.has_debug_info, o->sections && o->is_debug_file, name);
	CHECK_INT(sections.has_symtab, o->sections, name);
	CHECK_INT(sections.is_stripped, !o->sections, name);
	CHECK_STR(sections.debug_link, o->sections ? "a.debug" : "", name);
	check_prefixes(parse, sample_bytes(&s), name);
	check_prefixes(parse_sections, sample_bytes(&s), name);
}

/* Word size, byte order, where the note is known from, and the kind of file. */
static void test_forms(void)
{
	for (unsigned bits = 0; bits < 32; bits++) {
		struct sample_elf o = {
			.is_64 = bits & 1,
			.big_endian = bits & 2,
			.segments = bits & 4,
			.sections = bits & 8,
			.is_debug_file = bits & 16,
			.build_id = SLICE(ID_20),
		};
		char name[8] = {0};

		for (int i = 0; i < 5; i++)
			name[i] = bits & 1u << i ? '1' : '0';
		if (o.segments || o.sections)
			check_all(&o, name);
	}
}

static void test_ids(void)
{
	static const struct {
		const char *name;
		struct slice id, want;
	} rows[] = {
		{"8 bytes", {ID_8, 8}, {ID_8, 8}},
		{"20 bytes", {ID_20, 20}, {ID_20, 20}},
		{"32 bytes", {ID_32, 32}, {ID_32, 32}},
		{"64 bytes", {ID_64, 64}, {ID_64, 64}},
		{"65 bytes, more than debuginfod has", {ID_64 "x", 65}, {"", 0}},
		{"none", {"", 0}, {"", 0}},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sample_elf o = {.is_64 = true, .segments = true, .build_id = rows[i].id};
		struct sample s = make_elf(&o);
		struct head h = sample_head(&s);
		struct elf elf;

		CHECK_INT(elf_read(&h, &elf), PARSE_OK, rows[i].name);
		CHECK(has_id(&elf, rows[i].want), rows[i].name);
	}
}

/* What goes wrong, in a 64-bit little-endian file with segments and sections. */
static void test_damage(void)
{
	static const struct {
		const char *name;
		size_t at, size;
		uint64_t value;
		enum parse want;
		bool found;
	} rows[] = {
		{"not ELF", 1, 1, 'F', PARSE_OTHER, false},
		{"no class", 4, 1, 0, PARSE_CORRUPT, false},
		{"class 3", 4, 1, 3, PARSE_CORRUPT, false},
		{"no byte order", 5, 1, 0, PARSE_CORRUPT, false},
		{"byte order 3", 5, 1, 3, PARSE_CORRUPT, false},
		{"note of another type", SAMPLE_ELF_NOTE_AT + 28, 4, 1, PARSE_OK, false},
		{"note of another name", SAMPLE_ELF_NOTE_AT + 32, 1, 'g', PARSE_OK, false},
		{"note of a shorter name", SAMPLE_ELF_NOTE_AT + 20, 4, 3, PARSE_OK, false},
		{"note longer than its segment", SAMPLE_ELF_NOTE_AT + 24, 4, 21, PARSE_OK, false},
		{"note longer than all", SAMPLE_ELF_NOTE_AT + 24, 4, 0xffffffff, PARSE_OK, false},
		{"name longer than all", SAMPLE_ELF_NOTE_AT + 20, 4, 0xffffffff, PARSE_OK, false},
		{"segment points elsewhere", 64 + 8, 8, 0x40, PARSE_OK, true},
		{"segment points past the end", 64 + 8, 8, 1 << 20, PARSE_OK, true},
		{"segment wraps around", 64 + 8, 8, UINT64_MAX, PARSE_OK, true},
		{"segments past the end", 32, 8, 1 << 20, PARSE_OK, true},
		{"segment headers of no size", 54, 2, 0, PARSE_OK, true},
		{"no segments", 56, 2, 0, PARSE_OK, true},
		{"more segments than a header can tell", 56, 2, 0xffff, PARSE_OK, true},
		{"sections past the end do not matter", 40, 8, 1 << 20, PARSE_OK, true},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sample_elf o = {.is_64 = true, .segments = true, .sections = true};
		struct elf elf = {0};
		struct sample s;
		struct head h;

		o.build_id = SLICE(ID_20);
		s = make_elf(&o);
		put(&s, rows[i].at, rows[i].size, rows[i].value);
		h = sample_head(&s);
		CHECK_INT(elf_read(&h, &elf), rows[i].want, rows[i].name);
		CHECK_INT(has_id(&elf, SLICE(ID_20)), rows[i].found, rows[i].name);
	}
}

static void test_section_damage(void)
{
	static const struct {
		const char *name;
		size_t at, size;
		uint64_t value;
		enum parse want;
		bool has_symtab;
	} rows[] = {
		{"as it is", 16, 2, 2, PARSE_OK, true},
		{"past the end", 40, 8, 1 << 20, PARSE_CORRUPT, false},
		{"at the end of all", 40, 8, UINT64_MAX - 8, PARSE_CORRUPT, false},
		{"none", 40, 8, 0, PARSE_OK, false},
		{"of no size", 58, 2, 0, PARSE_OK, false},
		{"of the size of 32 bit", 58, 2, 40, PARSE_OK, false},
		{"one too many", 60, 2, SAMPLE_ELF_SECTIONS + 1, PARSE_CORRUPT, false},
		{"names in none of them", 62, 2, SAMPLE_ELF_SECTIONS, PARSE_OK, false},
		{"a name past the names", SAMPLE_ELF_SECTIONS_AT + 3 * 64, 4, 1 << 20, PARSE_OK,
		 false},
		{"names past the end", SAMPLE_ELF_SECTIONS_AT + 6 * 64 + 24, 8, 1 << 20,
		 PARSE_CORRUPT, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sample_elf o = {.is_64 = true, .segments = true, .sections = true};
		struct elf_sections sections = {0};
		struct elf elf;
		struct sample s;
		struct head h;

		o.build_id = SLICE(ID_20);
		s = make_elf(&o);
		put(&s, rows[i].at, rows[i].size, rows[i].value);
		h = sample_head(&s);
		CHECK_INT(elf_read(&h, &elf), PARSE_OK, rows[i].name);
		CHECK_INT(elf_read_sections(&h, &elf, &sections), rows[i].want, rows[i].name);
		CHECK_INT(sections.has_symtab, rows[i].has_symtab, rows[i].name);
	}
}

/* More sections than 16 bits can count: the header says 0 and 0xffff, the first section the rest. */
static void test_extended_numbers(void)
{
	struct sample_elf o = {.is_64 = true, .sections = true, .build_id = SLICE(ID_20)};
	struct sample s = make_elf(&o);
	struct head h;
	struct elf elf;
	struct elf_sections sections;

	put(&s, 60, 2, 0);
	put(&s, 62, 2, 0xffff);
	put(&s, SAMPLE_ELF_SECTIONS_AT + 32, 8, SAMPLE_ELF_SECTIONS);
	put(&s, SAMPLE_ELF_SECTIONS_AT + 40, 4, SAMPLE_ELF_SECTIONS - 1);
	h = sample_head(&s);
	CHECK(elf_read(&h, &elf) == PARSE_OK && has_id(&elf, SLICE(ID_20)), "build-id");
	CHECK(elf_read_sections(&h, &elf, &sections) == PARSE_OK && sections.has_symtab, "names");
	put(&s, SAMPLE_ELF_SECTIONS_AT + 32, 8, UINT64_MAX);
	h = sample_head(&s);
	CHECK_INT(elf_read_sections(&h, &elf, &sections), PARSE_CORRUPT, "too many");
	put(&s, 58, 2, 0);
	h = sample_head(&s);
	CHECK_INT(elf_read_sections(&h, &elf, &sections), PARSE_OK, "too many of no size");
}

/* What is left of a stripped file when its code is taken away as well. */
static void test_hollow(void)
{
	struct sample_elf o = {.is_64 = true, .sections = true, .build_id = SLICE(ID_20)};
	struct sample s = make_elf(&o);
	struct head h;
	struct elf elf;
	struct elf_sections sections;

	for (size_t i = 2; i <= 4; i++)
		put(&s, SAMPLE_ELF_SECTIONS_AT + i * 64 + 4, 4, 8);
	h = sample_head(&s);
	CHECK(elf_read(&h, &elf) == PARSE_OK, "read");
	CHECK_INT(elf_read_sections(&h, &elf, &sections), PARSE_OK, "sections");
	CHECK(!sections.has_symtab && !sections.has_debug_info, "no bytes, no symbols");
	CHECK(sections.is_stripped && !sections.is_debug_file, "stripped, and no debug file");
}

/* Notes of eight bytes' alignment (GNU properties stand among them) are filled up to eight. */
static void test_alignment(void)
{
	struct sample_elf o = {.is_64 = true, .segments = true, .build_id = SLICE(ID_20)};
	struct sample s = make_elf(&o);
	size_t at = SAMPLE_ELF_NOTE_AT;
	struct head h;
	struct elf elf;

	put(&s, 64 + 32, 8, 32 + 36);
	put(&s, 64 + 48, 8, 8);
	put(&s, at, 4, 4);
	put(&s, at + 4, 4, 12);
	put(&s, at + 8, 4, 5);
	put_bytes(&s, at + 12, SLICE("GNU\0twelve bytes\0\0\0\0"));
	put(&s, at + 32, 4, 4);
	put(&s, at + 36, 4, 20);
	put(&s, at + 40, 4, 3);
	put_bytes(&s, at + 44, SLICE("GNU\0" ID_20));
	h = sample_head(&s);
	CHECK(elf_read(&h, &elf) == PARSE_OK && has_id(&elf, SLICE(ID_20)), "alignment 8");
}

int main(void)
{
	test_forms();
	test_ids();
	test_damage();
	test_section_damage();
	test_extended_numbers();
	test_hollow();
	test_alignment();
	return tap_done();
}
