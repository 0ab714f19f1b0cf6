// SPDX-License-Identifier: MIT
/* Identity of PDBs: the age of DBI, those without it, before GUIDs, damage at every place. */
#include "pdb_rig.h"
#include "symfmt/pdb.h"

static enum err facts(struct slice file, struct pdb_facts *ret, struct error *e)
{
	struct source s = source_of(&file);

	memset(e, 0, sizeof(*e));
	return pdb_read_facts(&s, ret, e);
}

static const char guid[] = "\xa3\xa2\xa1\xa0\xa5\xa4\xa7\xa6\xa8\xa9\xaa\xab\xac\xad\xae\xaf";

static void test_msf(void)
{
	static const size_t page_sizes[] = {512, 1024, 4096, 65536};
	struct buf first CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct buf b CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct rig_pdb p;

	rig_make_pdb(&p);
	rig_data(&first, 100000, 1);
	for (size_t i = 0; i < ARRAY_LEN(page_sizes); i++) {
		struct rig_stream s[] = {{buf_slice(&first)},
					 {{p.info, sizeof(p.info)}},
					 {SLICE_NONE, true},
					 {{p.dbi, sizeof(p.dbi)}}};
		struct symbol_identity id;
		struct pdb_facts f = {0};
		struct error e;

		rig_make_msf(&b, false, page_sizes[i], 220000 / page_sizes[i] + 9, s, 4);
		CHECK_INT(facts(buf_slice(&b), &f, &e), OK, "MSF 7.0");
		CHECK(f.has_guid && f.guid.n == 16 && !memcmp(f.guid.b, guid, 16), "GUID");
		CHECK_INT(f.dbi_age, 0x1a, "age of DBI");
		CHECK_INT(f.info_age, 7, "age of stream 1");
		CHECK_INT(f.signature, 0x5f3759df, "signature");
		CHECK_INT(f.machine, 0x8664, "machine");
		CHECK(f.is_stripped, "stripped");
		id = pdb_identity_of(&f);
		CHECK(id.kind == SYMBOL_PDB && id.ids == 1 && id.has_age && id.age == 0x1a,
		      "identity");
	}
}

/* A directory of several pages, its list of several too: 512-byte pages and many streams. */
static void test_long_directory(void)
{
	enum { N = 20000 };
	struct buf b CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct rig_stream *s = calloc(N, sizeof(*s));
	struct rig_pdb p;
	struct pdb_facts f = {0};
	struct msf_stream last;
	struct source file;
	struct slice bytes;
	struct msf m;
	struct error e;
	char text[4] = "";

	ASSERT(s);
	rig_make_pdb(&p);
	for (size_t i = 0; i < N; i++)
		s[i] = (struct rig_stream){i % 3 ? SLICE("abc") : SLICE_NONE, i % 7 == 2};
	for (size_t i = 0; i < N; i++)
		if (s[i].is_nil)
			s[i].data = SLICE_NONE;
	s[1].data = (struct slice){p.info, sizeof(p.info)};
	s[3].data = (struct slice){p.dbi, sizeof(p.dbi)};
	rig_make_msf(&b, false, 512, 14000, s, N);
	CHECK_INT(facts(buf_slice(&b), &f, &e), OK, "20000 streams");
	CHECK_INT(f.dbi_age, 0x1a, "age");
	bytes = buf_slice(&b);
	file = source_of(&bytes);
	CHECK_INT(msf_open(&file, &m, &e), OK, "opens");
	CHECK_INT(m.streams, N, "counts");
	CHECK_INT(msf_stream_open(&m, N - 1, &last, &e), OK, "the last one");
	CHECK_INT(last.size, s[N - 1].data.n, "its size");
	CHECK_INT(msf_stream_read(&last, 0, text, last.size, &e), OK, "its bytes");
	CHECK_STR(text, "abc", "are right");
	CHECK_INT(msf_stream_read(&last, 1, text, 3, &e), ERR_CORRUPT, "no more than that");
	CHECK_INT(msf_stream_open(&m, 9, &last, &e), OK, "a nil one");
	CHECK(last.is_nil && last.size == 0, "is nil");
	CHECK_INT(msf_stream_open(&m, N, &last, &e), OK, "one beyond");
	CHECK(last.is_nil, "is nil, too");
	free(s);
}

static void test_rules(void)
{
	struct rig_pdb p;
	struct slice info = {p.info, sizeof(p.info)}, dbi = {p.dbi, sizeof(p.dbi)};
	struct symbol_identity id;
	struct pdb_facts f = {0};
	struct error e;

	rig_make_pdb(&p);
	CHECK_INT(pdb_facts_of(info, SLICE_NONE, &f, &e), OK, "no DBI");
	id = pdb_identity_of(&f);
	CHECK(id.kind == SYMBOL_PDB && !id.has_age && id.ids == 1, "no age");
	for (size_t n = 0; n < 28; n++)
		CHECK_INT(pdb_facts_of(slice_head(info, n), dbi, &f, &e), ERR_CORRUPT,
			  "stream 1 too short");
	CHECK_INT(pdb_facts_of(slice_head(info, 28), dbi, &f, &e), OK, "just long enough");
	for (size_t n = 1; n < 64; n++)
		CHECK_INT(pdb_facts_of(info, slice_head(dbi, n), &f, &e), ERR_CORRUPT,
			  "DBI too short");
	CHECK_INT(pdb_facts_of(info, slice_head(dbi, 64), &f, &e), OK, "just long enough");
	id = pdb_identity_of(&f);
	CHECK(id.has_age && id.age == 0x1a && !id.age_or_zero, "the age of DBI");
	store_le32(p.dbi + 8, 0);
	CHECK_INT(pdb_facts_of(info, dbi, &f, &e), OK, "age 0 in DBI");
	id = pdb_identity_of(&f);
	CHECK(id.has_age && id.age == 7 && id.age_or_zero, "that of stream 1, or 0");
	p.dbi[0] = 0;
	CHECK_INT(pdb_facts_of(info, dbi, &f, &e), ERR_CORRUPT, "another header");
	store_le32(p.info, 19990604);
	CHECK_INT(pdb_facts_of(slice_head(info, 12), dbi, &f, &e), OK, "before GUIDs");
	id = pdb_identity_of(&f);
	CHECK(id.kind == SYMBOL_PDB_OLD && id.ids == 0, "an old one");
	CHECK(id.stamp == 0x5f3759df && id.size == 7, "signature and age of stream 1");
	CHECK_INT(pdb_facts_of(slice_head(info, 11), dbi, &f, &e), ERR_CORRUPT, "too short");
}

static void test_small(void)
{
	struct buf first CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct buf b CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct rig_pdb p;
	struct rig_stream s[] = {{SLICE_NONE}, {{p.info, 12}}, {SLICE_NONE, true}, {SLICE_NONE}};
	struct symbol_identity id;
	struct pdb_facts f = {0};
	struct error e;

	rig_make_pdb(&p);
	store_le32(p.info, 19970604);
	rig_data(&first, 5000, 1);
	s[0].data = buf_slice(&first);
	rig_make_msf(&b, true, 1024, 12, s, 4);
	CHECK_INT(facts(buf_slice(&b), &f, &e), OK, "MSF 2.0");
	id = pdb_identity_of(&f);
	CHECK(id.kind == SYMBOL_PDB_OLD && id.stamp == 0x5f3759df && id.size == 7, "its key");
	for (size_t n = 0; n < b.n; n += n < 70 ? 1 : 101)
		if (facts(slice_head(buf_slice(&b), n), &f, &e) != ERR_CORRUPT || !e.msg[0])
			CHECK_INT(n, -1, "cut off");
}

static void test_damage(void)
{
	static const struct {
		size_t at;
		uint32_t value;
	} rows[] = {
		{0, 0},           {28, 1},          {32, 0}, {32, 256}, {32, 513},
		{32, 131072},     {32, 0x80000000}, {40, 0}, {40, 2},   {40, 10000},
		{40, 0xffffffff}, {44, 0},          {44, 3}, {44, 19},  {44, 0xfffffffe},
		{44, 0xffffffff}, {52, 0xffffffff}, {52, 0}, {52, 9},
	};
	struct buf b CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct rig_pdb p;
	struct rig_stream s[] = {{SLICE("old")}, {{p.info, 40}}, {SLICE_NONE, true}, {{p.dbi, 80}}};
	struct pdb_facts f;
	struct slice bytes;
	struct source file;
	struct msf m;
	struct error e;
	size_t bad = 0, count_at;

	rig_make_pdb(&p);
	rig_make_msf(&b, false, 512, 9, s, 4);
	bytes = buf_slice(&b);
	file = source_of(&bytes);
	CHECK_INT(facts(buf_slice(&b), &f, &e), OK, "whole");
	for (size_t n = 0; n < b.n; n++)
		bad += facts(slice_head(buf_slice(&b), n), &f, &e) != ERR_CORRUPT || !e.msg[0];
	CHECK_INT(bad, 0, "cut off at every byte");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint32_t was = load_le32(b.p + rows[i].at);

		store_le32(b.p + rows[i].at, rows[i].value);
		CHECK_INT(facts(buf_slice(&b), &f, &e), ERR_CORRUPT, e.msg);
		store_le32(b.p + rows[i].at, was);
	}
	CHECK_INT(facts(buf_slice(&b), &f, &e), OK, "whole again");
	count_at = (size_t)load_le32(b.p + load_le32(b.p + 52) * 512) * 512;
	CHECK_INT(load_le32(b.p + count_at), 4, "number of streams");
	store_le32(b.p + count_at, 1 << 30);
	CHECK_INT(msf_open(&file, &m, &e), ERR_CORRUPT, "more than the directory has room for");
	store_le32(b.p + count_at, 4);
	CHECK_INT(msf_open(&file, &m, &e), OK, "whole again");
	buf_puts(&b, "x");
	CHECK_INT(facts(buf_slice(&b), &f, &e), OK, "a byte behind the last page");
	for (size_t i = 0; i < b.n; i++) {
		b.p[i] ^= 0x41;
		if (facts(buf_slice(&b), &f, &e))
			ASSERT(e.code == ERR_CORRUPT && e.msg[0]);
		b.p[i] ^= 0x41;
	}
}

static enum err fails(void *ud, int64_t offset, void *to, size_t n, struct error *e)
{
	return err_set(e, ERR_IO, "disk");
}

static void test_source(void)
{
	struct source s = {fails, NULL, 1 << 20};
	struct pdb_facts f;
	struct error e = {0};
	char c;

	CHECK_INT(pdb_read_facts(&s, &f, &e), ERR_IO, "the source's own error");
	CHECK_INT(source_read(&s, 1 << 20, &c, 1, &e), ERR_CORRUPT, "behind the end");
	CHECK_INT(source_read(&s, UINT64_MAX, &c, 1, &e), ERR_CORRUPT, "far behind");
	CHECK(source_has(&s, 1 << 20, 0) && !source_has(&s, 1, UINT64_MAX), "ranges");
}

int main(void)
{
	test_msf();
	test_long_directory();
	test_rules();
	test_small();
	test_damage();
	test_source();
	return tap_done();
}
