// SPDX-License-Identifier: MIT
#include "symfmt/embedded_pdb.h"
#include "symfmt/key.h"
#include "symfmt/pe.h"
#include "symfmt_samples.h"

#include <zlib.h>

/* "MPDB", a length, and the bytes deflated, with so much behind them. */
struct embedded {
	char b[2048];
	size_t n;
};

static struct embedded embed(struct slice pdb, size_t length)
{
	struct embedded e = {.b = "MPDB"};
	z_stream z = {.next_in = (Bytef *)pdb.p, .avail_in = (uInt)pdb.n};

	for (size_t i = 0; i < 4; i++)
		e.b[4 + i] = (char)(length >> 8 * i);
	ASSERT(deflateInit2(&z, 9, Z_DEFLATED, -MAX_WBITS, 8, 0) == Z_OK);
	z.next_out = (Bytef *)e.b + 8;
	z.avail_out = sizeof(e.b) - 8;
	ASSERT(deflate(&z, Z_FINISH) == Z_STREAM_END);
	e.n = 8 + z.total_out;
	deflateEnd(&z);
	return e;
}

static enum parse parse_image(struct head *h)
{
	struct symbol_identity i;
	struct pe_debug d;
	struct pe pe;
	enum parse state = pe_read(h, &pe);

	if (state == PARSE_OK)
		state = pe_read_debug(h, &pe, &d);
	return state == PARSE_OK ? embedded_pdb_identity(h, d.embedded_at, d.embedded_size, &i)
				 : state;
}

static void test_in_an_image(void)
{
	struct sample pdb = make_portable_pdb();
	struct embedded e = embed(sample_bytes(&pdb), pdb.n);
	struct sample_record record = {17, 0x100, {e.b, e.n}};
	struct sample image = make_pe(true, &record, 1);
	struct head h = sample_head(&image);
	struct symbol_identity i;
	struct key_text key;

	CHECK_INT(embedded_pdb_identity(&h, SAMPLE_PE_RECORD_AT, (uint32_t)e.n, &i), PARSE_OK,
		  "read");
	CHECK(key_of_identity(&i, false, 0, &key), "it has a key");
	CHECK_STR(key.s, SAMPLE_GUID "ffffffff", "that of a portable PDB");
	check_prefixes(parse_image, sample_bytes(&image), "any beginning");
}

static void test_damage(void)
{
	struct sample pdb = make_portable_pdb(), plain = pdb;
	struct embedded good = embed(sample_bytes(&pdb), pdb.n);
	struct embedded longer = embed(sample_bytes(&pdb), pdb.n + 1000);
	struct embedded shorter = embed(sample_bytes(&pdb), 40);
	struct embedded flipped = good, other, vast = embed(sample_bytes(&pdb), 0xffffffff);
	const struct {
		const char *name;
		struct slice bytes;
		uint32_t size;
		enum parse want;
	} rows[] = {
		{"nothing", {good.b, good.n}, 0, PARSE_OTHER},
		{"less than a length", {good.b, good.n}, 7, PARSE_OTHER},
		{"a length alone", {good.b, good.n}, 8, PARSE_CORRUPT},
		{"cut short", {good.b, good.n}, 20, PARSE_CORRUPT},
		{"without its last byte, which nobody needs", {good.b, good.n}, 0xffff, PARSE_OK},
		{"past the end of the image", {good.b, 30}, (uint32_t)good.n, PARSE_CORRUPT},
		{"said to be longer", {longer.b, longer.n}, (uint32_t)longer.n, PARSE_OK},
		{"said to be of all bits", {vast.b, vast.n}, (uint32_t)vast.n, PARSE_OK},
		{"said to be shorter", {shorter.b, shorter.n}, (uint32_t)shorter.n, PARSE_CORRUPT},
		{"not deflated", {flipped.b, flipped.n}, (uint32_t)flipped.n, PARSE_CORRUPT},
		{"another file", {other.b, sizeof(other.b)}, 100, PARSE_OTHER},
	};

	flipped.b[8] = 6; /* a block of no kind */
	plain.b[61] = 'p';
	other = embed(sample_bytes(&plain), plain.n);
	for (size_t n = 0; n < ARRAY_LEN(rows); n++) {
		uint32_t size = rows[n].size == 0xffff ? (uint32_t)good.n - 1 : rows[n].size;
		struct head h = head_of(rows[n].bytes, rows[n].bytes.n);
		struct symbol_identity i;

		CHECK_INT(embedded_pdb_identity(&h, 0, size, &i), rows[n].want, rows[n].name);
	}
	{
		struct head h = head_of(SLICE("MPDX\1\0\0\0abcd"), 12);
		struct symbol_identity i;

		CHECK_INT(embedded_pdb_identity(&h, 0, 12, &i), PARSE_OTHER, "another magic");
		h = head_of(SLICE("MPDB"), 4);
		CHECK_INT(embedded_pdb_identity(&h, 0xffffffff, 100, &i), PARSE_CORRUPT,
			  "beyond all");
	}
}

/* Zeros without end in few bytes: no more of them is made than is looked at. */
static void test_bomb(void)
{
	char *zeros CLEANUP(free_p) = xzalloc(1 << 20);
	struct embedded e = embed((struct slice){zeros, 1 << 20}, 1 << 20);
	struct head h = head_of((struct slice){e.b, e.n}, e.n);
	struct symbol_identity i;

	CHECK_INT(embedded_pdb_identity(&h, 0, (uint32_t)e.n, &i), PARSE_OTHER, "zeros");
}

int main(void)
{
	test_in_an_image();
	test_damage();
	test_bomb();
	return tap_done();
}
