// SPDX-License-Identifier: MIT
/*
 * The header of a cached object: what is written is read back, at the limits too, and no header
 * that differs from a written one by a single bit is taken, with or without a right checksum.
 */
#include "cache/object.h"

#include "tap.h"
#include <xxhash.h>

#define AT_CHECKSUM 1016

static struct object_meta sample(void)
{
	return (struct object_meta){
		.id = {{0xab, 0xcd, 0xef, [15] = 0x01}},
		.length = 123456789012,
		.mtime = 1700000000,
		.etag = "\"d41d8cd98f00b204e9800998ecf8427e\"",
		.encoding = "gzip",
		.hashed = true,
		.xxh3 = UINT64_C(0x0123456789abcdef),
		.store = "s3://symbols/team",
		.key = "foo.pdb/0123456789abcdef1/foo.pdb",
	};
}

static bool same(const struct object_meta *a, const struct object_meta *b)
{
	return memcmp(a->id.b, b->id.b, sizeof(a->id.b)) == 0 && a->length == b->length &&
	       a->mtime == b->mtime && a->hashed == b->hashed && a->xxh3 == b->xxh3 &&
	       strcmp(a->etag, b->etag) == 0 && strcmp(a->encoding, b->encoding) == 0 &&
	       strcmp(a->store, b->store) == 0 && strcmp(a->key, b->key) == 0;
}

static enum err read_header(const uint8_t *p, size_t n, struct object_meta *ret)
{
	struct error e = {0};
	enum err err = object_header_read((struct slice){(const char *)p, n}, ret, &e);

	ASSERT(err == e.code && (err == OK || e.msg[0]));
	return err;
}

/* Write m and read it: what is found has to equal m itself. */
static bool survives(const struct object_meta *m)
{
	uint8_t header[OBJECT_HEADER_SIZE];
	struct object_meta back;

	object_header_write(m, header);
	return read_header(header, sizeof(header), &back) == OK && same(m, &back);
}

static void seal(uint8_t *header)
{
	uint64_t sum = XXH3_64bits(header, AT_CHECKSUM);

	for (size_t i = 0; i < 8; i++)
		header[AT_CHECKSUM + i] = (uint8_t)(sum >> (8 * i));
}

static void check_layout(void)
{
	static const struct {
		size_t at;
		const char *bytes;
		size_t n;
	} places[] = {
		{0, "PeptoObj\1\0\0\0\0\4\0\0", 16},
		{16, "\xab\xcd\xef\0", 4},
		{31, "\1", 1},
		{32, "\x14\x1a\x99\xbe\x1c\0\0\0", 8},
		{40, "\0\xf1\x53\x65\0\0\0\0", 8},
		{48, "\xef\xcd\xab\x89\x67\x45\x23\x01\1\0\0\0\0\0\0\0", 16},
		{64, "\"d41d", 5},
		{192, "gzip", 5},
		{232, "s3://symbols/team", 18},
		{360, "foo.pdb/", 8},
	};
	struct object_meta m = sample();
	uint8_t header[OBJECT_HEADER_SIZE];

	memset(header, 0xff, sizeof(header));
	object_header_write(&m, header);
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		CHECK(memcmp(header + places[i].at, places[i].bytes, places[i].n) == 0,
		      "a field is where the format has it");
}

static void check_round_trips(void)
{
	struct object_meta m = sample(), least = {.mtime = -1};

	CHECK(survives(&m), "what is written is read");
	CHECK(survives(&least), "with nothing known too");
	m.length = OBJECT_LENGTH_MAX;
	m.mtime = INT64_MIN;
	m.xxh3 = UINT64_MAX;
	memset(m.etag, 'e', sizeof(m.etag) - 1);
	memset(m.encoding, '~', sizeof(m.encoding) - 1);
	memset(m.store, '\xff', sizeof(m.store) - 1);
	memset(m.key, '\n', sizeof(m.key) - 1);
	CHECK(survives(&m), "every field at its limit");
}

static void check_writer(void)
{
	struct object_meta m = sample(), back;
	uint8_t header[OBJECT_HEADER_SIZE];

	memset(m.etag, 'e', sizeof(m.etag));
	memset(m.key, 'k', sizeof(m.key));
	m.hashed = false;
	object_header_write(&m, header);
	CHECK_INT(read_header(header, sizeof(header), &back), OK, "texts without a NUL");
	CHECK_INT(strlen(back.etag), sizeof(m.etag) - 1, "are cut");
	CHECK_INT(strlen(back.key), sizeof(m.key) - 1, "the last one too");
	CHECK(!back.hashed && back.xxh3 == 0, "a hash that is not known is not written");
}

static void check_impossible(void)
{
	static const struct {
		const char *name, *etag, *encoding;
		int64_t length;
		enum err want;
	} cases[] = {
		{"plain", "\"a\"", "gzip", 0, OK},
		{"space and high bytes", "\" \x80\xff\"", "", 0, OK},
		{"length -1", "", "", -1, ERR_CORRUPT},
		{"the least length", "", "", INT64_MIN, ERR_CORRUPT},
		{"the greatest length", "", "", OBJECT_LENGTH_MAX, OK},
		{"no room for the header", "", "", OBJECT_LENGTH_MAX + 1, ERR_CORRUPT},
		{"line feed in the etag", "a\nb", "", 0, ERR_CORRUPT},
		{"DEL in the etag", "\x7f", "", 0, ERR_CORRUPT},
		{"escape at the end", "a\x1f", "", 0, ERR_CORRUPT},
		{"carriage return in the encoding", "", "\rgzip", 0, ERR_CORRUPT},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct object_meta m = {.length = cases[i].length}, back;
		uint8_t header[OBJECT_HEADER_SIZE];

		memcpy(m.etag, cases[i].etag, strlen(cases[i].etag));
		memcpy(m.encoding, cases[i].encoding, strlen(cases[i].encoding));
		object_header_write(&m, header);
		CHECK_INT(read_header(header, sizeof(header), &back), cases[i].want, cases[i].name);
	}
}

/* Every bit of every byte, as a disk would change it. */
static void check_flipped_bits(void)
{
	struct object_meta m = sample(), back = {.length = 42};
	uint8_t header[OBJECT_HEADER_SIZE];
	int taken = 0;

	object_header_write(&m, header);
	for (size_t bit = 0; bit < sizeof(header) * 8; bit++) {
		header[bit / 8] ^= (uint8_t)(1 << bit % 8);
		taken += read_header(header, sizeof(header), &back) != ERR_CORRUPT;
		header[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	CHECK_INT(taken, 0, "no flipped bit is overlooked");
	CHECK_INT(back.length, 42, "and the meta is left alone");
	CHECK_INT(read_header(header, sizeof(header), &back), OK, "the header was good all along");
}

/* With a right checksum only a field's own value may change, never its form. */
static void check_forged(void)
{
	static const struct {
		const char *name;
		size_t at;
		uint8_t value;
		enum err want;
	} cases[] = {
		{"as written", 0, 'P', OK},
		{"magic", 7, 'k', ERR_CORRUPT},
		{"version 0", 8, 0, ERR_CORRUPT},
		{"version 2", 8, 2, ERR_CORRUPT},
		{"version 2^24 + 1", 11, 1, ERR_CORRUPT},
		{"header size", 12, 8, ERR_CORRUPT},
		{"another identity", 16, 0, OK},
		{"another length", 32, 0, OK},
		{"another time", 40, 9, OK},
		{"not hashed, with a hash", 56, 0, ERR_CORRUPT},
		{"unknown flag", 56, 3, ERR_CORRUPT},
		{"unknown high flag", 59, 0x80, ERR_CORRUPT},
		{"spare bytes", 60, 1, ERR_CORRUPT},
		{"something behind the etag's NUL", 190, 'x', ERR_CORRUPT},
		{"etag without a NUL", 191, 'x', ERR_CORRUPT},
		{"encoding without a NUL", 231, 'x', ERR_CORRUPT},
		{"store without a NUL", 359, 'x', ERR_CORRUPT},
		{"key without a NUL", 1015, 'x', ERR_CORRUPT},
	};
	struct object_meta m = sample(), back;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t header[OBJECT_HEADER_SIZE];

		object_header_write(&m, header);
		header[cases[i].at] = cases[i].value;
		seal(header);
		CHECK_INT(read_header(header, sizeof(header), &back), cases[i].want, cases[i].name);
	}
}

static void check_truncated(void)
{
	struct object_meta m = sample(), back;
	uint8_t header[OBJECT_HEADER_SIZE + 1] = {0};
	int taken = 0;

	object_header_write(&m, header);
	for (size_t n = 0; n < OBJECT_HEADER_SIZE; n++) {
		uint8_t *exact = malloc(n ? n : 1); /* so that a byte too many is seen */

		ASSERT(exact);
		memcpy(exact, header, n);
		taken += read_header(exact, n, &back) != ERR_CORRUPT;
		free(exact);
	}
	CHECK_INT(taken, 0, "no truncated header is taken");
	CHECK_INT(read_header(header, sizeof(header), &back), OK, "a body may follow");
	CHECK_INT(read_header(NULL, 0, &back), ERR_CORRUPT, "nothing is no header");
}

static void check_identity(void)
{
	static const struct {
		const char *name;
		uint8_t store;
		struct slice key, form;
	} others[] = {
		{"another store", 2, {"a/b", 3}, {"stored", 6}},
		{"another key", 1, {"a/c", 3}, {"stored", 6}},
		{"another form", 1, {"a/b", 3}, {"raw", 3}},
		{"no form", 1, {"a/b", 3}, {NULL, 0}},
		{"a byte moved to the form", 1, {"a/", 2}, {"bstored", 7}},
		{"a byte moved to the key", 1, {"a/bs", 4}, {"tored", 5}},
		{"parts exchanged", 1, {"stored", 6}, {"a/b", 3}},
	};
	const uint8_t store[32] = {1};
	struct object_id id = object_id_make(store, SLICE("a/b"), SLICE("stored")), other;
	char name[OBJECT_NAME_LEN];

	other = object_id_make(store, SLICE("a/b"), SLICE("stored"));
	CHECK(memcmp(&id, &other, sizeof(id)) == 0, "equal parts, equal identity");
	object_name(&id, name);
	CHECK_STR(name, "d5/b6220add2eb0364ce0bb5b1e9dfa92", "and so in every build");
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		other = object_id_make((const uint8_t[32]){others[i].store}, others[i].key,
				       others[i].form);
		CHECK(memcmp(&id, &other, sizeof(id)) != 0, others[i].name);
	}
}

static void check_name(void)
{
	struct object_id id = {{0x0a, 0xbc, 0xde, [15] = 0xf0}};
	char name[OBJECT_NAME_LEN];

	object_name(&id, name);
	CHECK_STR(name, "0a/bcde000000000000000000000000f0", "path of an object");
}

int main(void)
{
	check_layout();
	check_round_trips();
	check_writer();
	check_impossible();
	check_flipped_bits();
	check_forged();
	check_truncated();
	check_identity();
	check_name();
	return tap_done();
}
