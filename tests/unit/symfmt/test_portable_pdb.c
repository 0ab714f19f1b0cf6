// SPDX-License-Identifier: MIT
#include "symfmt/key.h"
#include "symfmt/portable_pdb.h"
#include "symfmt_samples.h"

static enum parse parse(struct head *h)
{
	struct portable_pdb p;

	return portable_pdb_read(h, &p);
}

static void test_good(void)
{
	struct sample s = make_portable_pdb();
	struct head h = sample_head(&s);
	struct symbol_identity i;
	struct portable_pdb p;
	struct key_text key;

	CHECK_INT(portable_pdb_read(&h, &p), PARSE_OK, "read");
	CHECK_INT(p.stamp, 0xbaadf00d, "stamp");
	CHECK_INT(p.id_at, 0x70, "place of the id");
	CHECK(memcmp(s.b + p.id_at, SAMPLE_GUID_BYTES, 16) == 0, "the id is there");
	CHECK_INT(portable_pdb_identity(&h, &i), PARSE_OK, "identity");
	CHECK(key_of_identity(&i, false, 0, &key), "key");
	CHECK_STR(key.s, SAMPLE_GUID "ffffffff", "key");
	check_prefixes(parse, sample_bytes(&s), "any beginning");
}

static void test_damage(void)
{
	static const struct {
		const char *name;
		size_t at, size;
		uint64_t value;
		enum parse want;
	} rows[] = {
		{"another file", 0, 1, 'b', PARSE_OTHER},
		{"version too long", 12, 4, 260, PARSE_CORRUPT},
		{"version of all bits", 12, 4, 0xffffffff, PARSE_CORRUPT},
		{"version past the end", 12, 4, 256, PARSE_CORRUPT},
		{"no streams", 30, 2, 0, PARSE_OTHER},
		{"#Pdb not counted", 30, 2, 1, PARSE_OTHER},
		{"too many streams", 30, 2, 65, PARSE_CORRUPT},
		{"plain metadata", 61, 1, 'p', PARSE_OTHER},
		{"name that never ends", 64, 8, UINT64_C(0x2121212121212121), PARSE_OTHER},
		{"too short for an id", 56, 4, 19, PARSE_OTHER},
		{"id at the end", 52, 4, 0x7c, PARSE_OK},
		{"id past the end", 52, 4, 0x7d, PARSE_CORRUPT},
		{"id far past the end", 52, 4, 0xffffffff, PARSE_CORRUPT},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sample s = make_portable_pdb();
		struct head h;

		put(&s, rows[i].at, rows[i].size, rows[i].value);
		h = sample_head(&s);
		CHECK_INT(parse(&h), rows[i].want, rows[i].name);
	}
}

/* However long the file: what would be too long a version is not asked for. */
static void test_no_end_in_sight(void)
{
	struct sample s = make_portable_pdb();
	struct head h = head_of(sample_bytes(&s), HEAD_SIZE_UNKNOWN);

	put(&s, 12, 4, 256);
	CHECK_INT(parse(&h), PARSE_MORE, "longest version");
	put(&s, 12, 4, 257);
	h = head_of(sample_bytes(&s), HEAD_SIZE_UNKNOWN);
	CHECK_INT(parse(&h), PARSE_CORRUPT, "longer");
}

int main(void)
{
	test_good();
	test_damage();
	test_no_end_in_sight();
	return tap_done();
}
