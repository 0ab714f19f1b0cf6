// SPDX-License-Identifier: MIT
/*
 * MSFZ: every form of it expands to an MSF with the same streams, as our own reader of MSF sees
 * them; what cannot be is refused.
 */
#include "pdb_rig.h"
#include "symfmt/msfz.h"

struct out {
	struct buf b;
	int64_t size;
	bool refuse;
};

static enum err out_size(void *ud, int64_t size, struct error *e)
{
	struct out *o = ud;

	ASSERT(o->b.n == 0);
	o->size = size;
	return OK;
}

static enum err out_write(void *ud, struct slice bytes, struct error *e)
{
	struct out *o = ud;

	ASSERT(bytes.n > 0);
	if (o->refuse)
		return err_set(e, ERR_CANCELED, "enough");
	buf_add(&o->b, bytes);
	ASSERT(!buf_failed(&o->b));
	return OK;
}

static enum err expand(struct slice file, struct out *o, struct error *e)
{
	struct source s = source_of(&file);
	struct msfz_sink sink = {out_size, out_write, o, RIG_MAX};

	buf_clear(&o->b);
	memset(e, 0, sizeof(*e));
	return msfz_expand(&s, &sink, e);
}

/* Is every stream there, and the same? */
static bool same_streams(struct slice file, const struct rig_stream *want, size_t n)
{
	struct source source = source_of(&file);
	struct error e;
	struct msf m;

	if (msf_open(&source, &m, &e) || m.streams != n)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		struct msf_stream s;
		char *bytes CLEANUP(free_p) = NULL;

		if (msf_stream_open(&m, i, &s, &e) || s.is_nil != want[i].is_nil ||
		    s.size != want[i].data.n)
			return false;
		bytes = malloc(s.size + 1);
		if (!bytes || msf_stream_read(&s, 0, bytes, s.size, &e) ||
		    !slice_eq((struct slice){bytes, s.size}, want[i].data))
			return false;
	}
	return true;
}

/* The map says of each page that is there that it is busy, and of all behind: free. */
static bool maps_are_right(struct slice file)
{
	uint32_t page_size = load_le32(file.p + 32), pages = load_le32(file.p + 40);

	if (load_le32(file.p + 36) != 1 || file.n != (size_t)pages * page_size)
		return false;
	/* Both maps of the last interval are there. */
	if ((pages - 1) % page_size < 2)
		return false;
	for (uint32_t map = 1; map < pages; map += page_size) {
		const char *p = file.p + (size_t)map * page_size;

		if (map + 1 >= pages)
			return false;
		for (uint32_t bit = 0; bit < page_size * 8; bit++) {
			bool is_free = p[bit / 8] >> bit % 8 & 1;
			uint64_t page = (uint64_t)(map / page_size) * page_size * 8 + bit;

			if (is_free != (page >= pages))
				return false;
		}
	}
	return true;
}

static void test_forms(void)
{
	static const struct rig_msfz forms[] = {
		{0, 0, 0},    {1, 0, 0},    {2, 0, 0},     {0, 0, 1000}, {0, 1 << 20, 0},
		{1, 4096, 0}, {2, 1000, 0}, {0, 777, 100}, {0, 10, 10},  {1, 100000, 99999},
	};
	struct buf big CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct buf b CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct out o = {BUF_MAX(RIG_MAX)};
	struct rig_pdb p;
	struct rig_stream s[] = {
		{SLICE_NONE},       {{p.info, sizeof(p.info)}},
		{SLICE_NONE, true}, {{p.dbi, sizeof(p.dbi)}},
		{SLICE_NONE},       {SLICE("x")},
		{SLICE_NONE},       {SLICE_NONE, true},
	};

	rig_make_pdb(&p);
	rig_data(&big, 300001, 3);
	s[4].data = buf_slice(&big);
	s[6].data = slice_head(buf_slice(&big), 8192);
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct pdb_facts f = {0};
		struct error e;
		struct slice file;
		struct source source;

		rig_make_msfz(&b, forms[i], s, ARRAY_LEN(s));
		CHECK_INT(expand(buf_slice(&b), &o, &e), OK, "expands");
		CHECK_INT(o.b.n, o.size, "to the size it told");
		CHECK(same_streams(buf_slice(&o.b), s, ARRAY_LEN(s)), "same streams");
		CHECK(maps_are_right(buf_slice(&o.b)), "free page map");
		file = buf_slice(&b);
		source = source_of(&file);
		CHECK_INT(msfz_read_facts(&source, &f, &e), OK, "its identity");
		CHECK(f.has_guid && f.dbi_age == 0x1a && f.info_age == 7, "is that of the PDB");
		file = buf_slice(&o.b);
		source = source_of(&file);
		CHECK_INT(pdb_read_facts(&source, &f, &e), OK, "identity of the MSF");
		CHECK(f.has_guid && f.dbi_age == 0x1a && f.info_age == 7, "is the same");
	}
	buf_fini(&o.b);
}

/* Around the ends of intervals, where maps come in between; and where pages have to grow. */
static void test_intervals(void)
{
	static const size_t pages[] = {
		498, 499,  500,  501,  502,  503,  504,  505,  506,   507,   508,   509,
		510, 1000, 1006, 1010, 1011, 1012, 1013, 1014, 15000, 17000, 20480,
	};
	struct buf big CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct buf b CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct out o = {BUF_MAX(RIG_MAX)};
	struct error e;

	rig_data(&big, (size_t)10 << 20, 5);
	for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
		struct rig_stream s[] = {{SLICE("0")},
					 {slice_head(buf_slice(&big), pages[i] * 512)}};

		rig_make_msfz(&b, (struct rig_msfz){0, 0, 0}, s, 2);
		CHECK_INT(expand(buf_slice(&b), &o, &e), OK, "expands");
		CHECK_INT(o.b.n, o.size, "to the size it told");
		CHECK(same_streams(buf_slice(&o.b), s, 2), "same streams");
		CHECK(maps_are_right(buf_slice(&o.b)), "free page map");
		CHECK_INT(load_le32(o.b.p + 32), pages[i] < 16000 ? 512 : 1024, "page size");
	}
	buf_fini(&o.b);
}

/* The key streams may be read without decoding all the others. */
static void test_partial(void)
{
	struct buf b CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct rig_pdb p;
	struct rig_stream s[] = {{SLICE_NONE}, {{p.info, 40}}};
	struct msfz *z = NULL;
	struct out o = {BUF_MAX(RIG_MAX)};
	struct msfz_taker to = {out_write, &o};
	struct slice file;
	struct source source;
	struct error e;

	rig_make_pdb(&p);
	rig_make_msfz(&b, (struct rig_msfz){0, 16, 0}, s, 2);
	file = buf_slice(&b);
	source = source_of(&file);
	CHECK_INT(msfz_open(&source, &z, &e), OK, "opens");
	CHECK_INT(msfz_streams(z), 2, "streams");
	CHECK_INT(msfz_stream_size(z, 1), 40, "size");
	CHECK_INT(msfz_stream_size(z, 2), MSF_NIL, "beyond the last");
	CHECK_INT(msfz_stream_read(z, 1, 28, &to, &e), OK, "28 bytes");
	CHECK(slice_eq(buf_slice(&o.b), (struct slice){p.info, 28}), "the first ones");
	o.refuse = true;
	CHECK_INT(msfz_stream_read(z, 1, 28, &to, &e), ERR_CANCELED, "stopped");
	msfz_free(z);
	msfz_free(NULL);
	CHECK_INT(expand(file, &o, &e), ERR_CANCELED, "stopped by the sink");
	buf_fini(&o.b);
}

static void test_refused(void)
{
	static const struct {
		size_t at, n;
		uint64_t value;
		enum err want;
	} rows[] = {
		{0, 1, 'm', ERR_CORRUPT},
		{32, 8, 1, ERR_CORRUPT},       /* version */
		{40, 8, 1 << 20, ERR_CORRUPT}, /* directory behind the end */
		{40, 8, UINT64_MAX, ERR_CORRUPT},
		{48, 8, UINT64_MAX - 5, ERR_CORRUPT}, /* chunk table likewise */
		{56, 4, 0, ERR_CORRUPT},              /* streams */
		{56, 4, 3, ERR_CORRUPT},
		{56, 4, UINT32_MAX, ERR_CORRUPT},
		{60, 4, 3, ERR_CORRUPT}, /* compression of the directory */
		{60, 4, 1, ERR_CORRUPT},
		{60, 4, 2, ERR_CORRUPT},
		{64, 4, 5, ERR_CORRUPT}, /* its sizes */
		{68, 4, 5, ERR_CORRUPT},
		{68, 4, UINT32_MAX, ERR_LIMIT},
		{72, 4, 2, ERR_CORRUPT}, /* chunks */
		{72, 4, UINT32_MAX, ERR_LIMIT},
		{76, 4, 21, ERR_CORRUPT},
	};
	struct buf b CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct rig_pdb p;
	struct rig_stream s[] = {{SLICE_NONE}, {{p.info, 40}}};
	struct out o = {BUF_MAX(RIG_MAX)};
	struct error e;

	rig_make_pdb(&p);
	rig_make_msfz(&b, (struct rig_msfz){0, 50, 0}, s, 2);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t was = load_le(b.p + rows[i].at, rows[i].n);

		store_le(b.p + rows[i].at, rows[i].value, rows[i].n);
		CHECK_INT(expand(buf_slice(&b), &o, &e), rows[i].want, e.msg);
		store_le(b.p + rows[i].at, was, rows[i].n);
	}
	CHECK_INT(expand(buf_slice(&b), &o, &e), OK, "whole again");
	buf_fini(&o.b);
}

/* Fragments and chunks that lie, by offset from the table or the directory. */
static void test_lies(void)
{
	static const struct {
		bool in_table;
		size_t at, n;
		uint64_t value;
		enum err want;
	} rows[] = {
		{true, 0, 8, UINT64_MAX, ERR_CORRUPT}, /* chunk behind the end */
		{true, 8, 4, 3, ERR_CORRUPT},          /* unknown compression */
		{true, 8, 4, 0, ERR_CORRUPT},          /* not compressed, two sizes */
		{true, 12, 4, 1, ERR_CORRUPT},         /* cut short */
		{true, 16, 4, 0, ERR_CORRUPT},         /* empty */
		{true, 16, 4, 41, ERR_CORRUPT},        /* another size */
		{true, 16, 4, (64 << 20) + 1, ERR_LIMIT},
		{false, 4, 4, 41, ERR_CORRUPT}, /* fragment beyond its chunk */
		{false, 4, 4, MSF_NIL - 1, ERR_CORRUPT},
		{false, 8, 4, 40, ERR_CORRUPT},          /* beginning behind it */
		{false, 12, 4, 0x80000001, ERR_CORRUPT}, /* in another */
		{false, 12, 4, 0, OK},                   /* 40 bytes of the file itself */
		{false, 12, 4, 0x00010000, ERR_CORRUPT}, /* reserved bits */
		{false, 16, 4, 1, ERR_CORRUPT},          /* a fragment more */
	};
	struct buf b CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct rig_pdb p;
	struct rig_stream s[] = {{SLICE_NONE}, {{p.info, 40}}};
	struct out o = {BUF_MAX(RIG_MAX)};
	struct error e;

	rig_make_pdb(&p);
	for (size_t k = 0; k < 2 * ARRAY_LEN(rows); k++) {
		size_t i = k / 2, at;

		rig_make_msfz(&b, (struct rig_msfz){0, 64, 0, k % 2 ? 2 : 1}, s, 2);
		at = rows[i].at + load_le(b.p + (rows[i].in_table ? 48 : 40), 8);
		store_le(b.p + at, rows[i].value, rows[i].n);
		CHECK_INT(expand(buf_slice(&b), &o, &e), rows[i].want, e.msg);
	}
	buf_fini(&o.b);
}

static void test_damage(void)
{
	struct buf big CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct buf b CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct out o = {BUF_MAX(RIG_MAX)};
	struct rig_stream s[] = {{SLICE("0")}, {SLICE_NONE}, {SLICE("2")}};
	struct error e;
	size_t bad = 0;

	rig_data(&big, 2000, 9);
	s[1].data = buf_slice(&big);
	rig_make_msfz(&b, (struct rig_msfz){1, 700, 333}, s, 3);
	for (size_t n = 0; n < b.n; n++)
		bad += expand(slice_head(buf_slice(&b), n), &o, &e) != ERR_CORRUPT || !e.msg[0];
	CHECK_INT(bad, 0, "cut off at every byte");
	for (size_t i = 0; i < b.n; i++) {
		b.p[i] ^= 0x21;
		if (expand(buf_slice(&b), &o, &e) && (!e.code || !e.msg[0]))
			bad++;
		b.p[i] ^= 0x21;
	}
	CHECK_INT(bad, 0, "a changed byte does no harm");
	buf_fini(&o.b);
}

/* Two big chunks of nothing, asked for in turn a thousand times. */
static void test_work_is_bounded(void)
{
	enum { SIZE = 64 << 20 };
	struct buf zeros CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct buf b CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct rig_stream s[] = {{SLICE_NONE}, {SLICE_NONE}};
	struct out o = {BUF_MAX(RIG_MAX)};
	struct error e;
	char *directory;

	rig_zeros(&zeros, SIZE + 1);
	s[1].data = slice_head(buf_slice(&zeros), 12000);
	rig_make_msfz(&b, (struct rig_msfz){0, 12000, 12}, s, 2);
	/* The one chunk becomes two of 64 MiB: the same bytes of the file. */
	{
		struct buf packed CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
		struct buf table CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);

		rig_pack(&packed, 1, slice_head(buf_slice(&zeros), SIZE));
		for (int i = 0; i < 2; i++) {
			rig_put(&table, b.n, 8);
			rig_put(&table, 1, 4);
			rig_put(&table, packed.n, 4);
			rig_put(&table, SIZE, 4);
		}
		buf_add(&b, buf_slice(&packed));
		store_le(b.p + 48, b.n, 8);
		store_le32(b.p + 72, 2);
		store_le32(b.p + 76, 40);
		buf_add(&b, buf_slice(&table));
	}
	directory = b.p + load_le(b.p + 40, 8) + 4;
	for (size_t i = 0; i < 1000; i++)
		store_le(directory + i * 12 + 4, UINT64_C(1) << 63 | (uint64_t)(i % 2) << 32, 8);
	CHECK_INT(expand(buf_slice(&b), &o, &e), ERR_LIMIT, "work is bounded");
	CHECK_STR(e.msg, "MSFZ: chunks would have to be decoded too often", "and says so");
	buf_fini(&o.b);
}

int main(void)
{
	test_forms();
	test_intervals();
	test_partial();
	test_refused();
	test_lies();
	test_damage();
	test_work_is_bounded();
	return tap_done();
}
