// SPDX-License-Identifier: MIT
#include "symfmt/macho.h"
#include "symfmt_samples.h"

#define UUID_1 "\x4c\x4c\x44\x5c\x55\x55\x31\x44\xa1\xc2\xc9\x79\x99\x43\xd6\x44"
#define UUID_2 "\x5c\x4c\x44\x5c\x55\x55\x31\x44\xa1\xc2\xc9\x79\x99\x43\xd6\x45"

static enum parse parse(struct head *h)
{
	struct macho m;

	return macho_read(h, &m);
}

static bool is_uuid(const struct symbol_id *id, const char *uuid)
{
	return id->n == 16 && memcmp(id->b, uuid, 16) == 0;
}

static void test_thin(void)
{
	for (unsigned bits = 0; bits < 4; bits++) {
		struct sample s = {.big_endian = bits & 2};
		struct head h;
		struct macho m;

		put_macho(&s, 0, bits & 1, bits & 1 ? 10 : 2, SLICE(UUID_1));
		h = sample_head(&s);
		CHECK_INT(macho_read(&h, &m), PARSE_OK, "thin");
		CHECK(!m.is_fat && m.images == 1, "one image");
		CHECK_INT(m.image[0].is_64, bits & 1, "word size");
		CHECK_INT(m.image[0].is_dsym, bits & 1, "dSYM");
		CHECK_INT(m.image[0].cpu, bits & 1 ? 0x0100000c : 7, "processor");
		CHECK(is_uuid(&m.image[0].uuid, UUID_1), "UUID");
		check_prefixes(parse, sample_bytes(&s), "any beginning");
	}
}

static void test_damage(void)
{
	static const struct {
		const char *name;
		size_t at;
		uint64_t value;
		enum parse want;
		bool found;
	} rows[] = {
		{"as it is", 24, 0, PARSE_OK, true},
		{"another file", 0, 0xfeedfad0, PARSE_OTHER, false},
		{"no commands", 16, 0, PARSE_OK, false},
		{"UUID not counted", 16, 1, PARSE_OK, false},
		{"too many commands", 16, 4097, PARSE_CORRUPT, false},
		{"command of no size", 36, 0, PARSE_OK, false},
		{"command past the end", 36, 0xfffffff8, PARSE_CORRUPT, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sample s = {0};
		struct macho m = {0};
		struct head h;

		put_macho(&s, 0, true, 2, SLICE(UUID_1));
		put(&s, rows[i].at, 4, rows[i].value);
		h = sample_head(&s);
		CHECK_INT(macho_read(&h, &m), rows[i].want, rows[i].name);
		CHECK_INT(is_uuid(&m.image[0].uuid, UUID_1), rows[i].found, rows[i].name);
	}
}

/* A command that is shorter than its own header ends the list: here it would lead to the UUID. */
static void test_short_command(void)
{
	struct sample s = {0};
	struct macho m;
	struct head h;

	put_macho(&s, 0, true, 2, SLICE(UUID_1));
	put(&s, 16, 4, 3);
	put(&s, 36, 4, 4);
	put(&s, 40, 4, 36);
	h = sample_head(&s);
	CHECK_INT(macho_read(&h, &m), PARSE_OK, "short command");
	CHECK_INT(m.image[0].uuid.n, 0, "nothing after it counts");
}

/* Two images, the second in the other byte order, and between them a static library. */
static struct sample make_fat(bool is_64)
{
	static const size_t at[] = {0x100, 0x200, 0x300};
	struct sample s = {.big_endian = true};

	put(&s, 0, 4, is_64 ? 0xcafebabf : 0xcafebabe);
	put(&s, 4, 4, ARRAY_LEN(at));
	for (size_t i = 0; i < ARRAY_LEN(at); i++)
		put(&s, 8 + i * (is_64 ? 32 : 20) + 8, is_64 ? 8 : 4, at[i]);
	put_macho(&s, at[0], false, 2, SLICE(UUID_1));
	put_bytes(&s, at[1], SLICE("!<arch>\n"));
	s.big_endian = false;
	put_macho(&s, at[2], true, 2, SLICE(UUID_2));
	return s;
}

static void test_fat(void)
{
	for (int is_64 = 0; is_64 <= 1; is_64++) {
		struct sample s = make_fat(is_64);
		struct head h = sample_head(&s);
		struct symbol_identity identity;
		struct macho m;

		CHECK_INT(macho_read(&h, &m), PARSE_OK, "fat");
		CHECK(m.is_fat && m.images == 2, "two images");
		CHECK(is_uuid(&m.image[0].uuid, UUID_1), "the first");
		CHECK(is_uuid(&m.image[1].uuid, UUID_2), "the second");
		check_prefixes(parse, sample_bytes(&s), "any beginning");
		put(&s, 0x300 + 16, 4, 1);
		h = sample_head(&s);
		CHECK_INT(macho_identity(&h, &identity), PARSE_OK, "one without UUID");
		CHECK(identity.ids == 1 && is_uuid(&identity.id[0], UUID_1), "has none to tell");
		s.big_endian = true;
		put(&s, 8 + 2 * (is_64 ? 32 : 20) + 8, is_64 ? 8 : 4, 0xffffff00);
		h = sample_head(&s);
		CHECK_INT(macho_read(&h, &m), PARSE_CORRUPT, "image past the end");
		put(&s, 4, 4, MACHO_IMAGES_MAX);
		h = sample_head(&s);
		CHECK_INT(macho_read(&h, &m), PARSE_CORRUPT, "more images than the table has");
	}
}

static void test_others(void)
{
	static const struct {
		const char *name;
		struct slice bytes;
	} rows[] = {
		{"Java class", {"\xca\xfe\xba\xbe\0\0\0\x34rest of it", 18}},
		{"no images", {"\xca\xfe\xba\xbe\0\0\0\0rest of it", 18}},
		{"one too many", {"\xca\xfe\xba\xbe\0\0\0\x11rest of it", 18}},
		{"short", {"\xca\xfe", 2}},
		{"empty", {"", 0}},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct head h = head_of(rows[i].bytes, rows[i].bytes.n);

		CHECK_INT(parse(&h), PARSE_OTHER, rows[i].name);
	}
}

int main(void)
{
	test_thin();
	test_damage();
	test_short_command();
	test_fat();
	test_others();
	return tap_done();
}
