// SPDX-License-Identifier: MIT
/* What a body is encoded with: bytes against labels, under plain names and others. */
#include "store/encoding.h"
#include "symfmt/msf.h"
#include "symfmt/msfz.h"

#include "tap.h"

#include <zlib.h>

#define GUID "497B72F6390A44FC878E5A2D63B6CC4B1"
#define PDB  "foo.pdb/" GUID "/foo.pdb"

enum { CONTENT_MAX = 8192 };

struct bytes {
	char p[CONTENT_MAX];
	size_t n;
};

static struct slice slice_of_bytes(const struct bytes *b)
{
	return (struct slice){b->p, b->n};
}

static struct bytes gzip(struct slice content)
{
	struct bytes out;
	z_stream z = {.next_in = (Bytef *)content.p, .avail_in = (uInt)content.n};

	z.next_out = (Bytef *)out.p;
	z.avail_out = sizeof(out.p);
	CHECK(deflateInit2(&z, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK &&
		      deflate(&z, Z_FINISH) == Z_STREAM_END,
	      "made");
	out.n = z.total_out;
	deflateEnd(&z);
	return out;
}

static const char msf[4096] = MSF_MAGIC;
static const char msfz[4096] = MSFZ_MAGIC;

#define IN_MSF  ((struct slice){msf, sizeof(msf)})
#define IN_MSFZ ((struct slice){msfz, sizeof(msfz)})

static void check(const char *name, const char *key, struct slice bytes, const char *label,
		  const char *expect)
{
	char encoding[sizeof(((struct object_head *)0)->encoding)] = "";

	snprintf(encoding, sizeof(encoding), "%s", label);
	if (!encoding_in_doubt(slice_of(key), encoding)) {
		CHECK_STR(label, expect, name);
		return;
	}
	CHECK(encoding_judge(slice_of(key), bytes, true, encoding), name);
	CHECK_STR(encoding, expect, name);
}

/* By what the bytes are: the same for every label that may be put on them. */
static void test_bytes(void)
{
	static const char *const labels[] = {"",     "gzip",       "x-gzip", "GZIP",
					     "zstd", "gzip, gzip", "br",     "deflate"};
	struct bytes once = gzip(IN_MSF), twice = gzip(slice_of_bytes(&once));
	struct bytes of_msfz = gzip(IN_MSFZ), of_nothing = gzip(SLICE(""));
	struct bytes noise = gzip(SLICE("nobody knows what this is"));
	const struct {
		const char *name;
		struct slice bytes;
		const char *plain, *unlabelled, *twin; /* with a label, without; as foo.pd_ */
	} rows[] = {
		{"a PDB", IN_MSF, "", "", ""},
		{"an image", SLICE("MZ\x90\0\x03\0\0\0 and so on"), "", "", ""},
		{"gzip", slice_of_bytes(&once), "gzip", "packed", "gzip"},
		{"gzip of a text", slice_of_bytes(&noise), "gzip", "packed", "gzip"},
		{"gzip twice", slice_of_bytes(&twice), "packed", "packed", NULL},
		{"gzip of MSFZ", slice_of_bytes(&of_msfz), "packed", "packed", "gzip"},
		{"gzip of nothing", slice_of_bytes(&of_nothing), "packed", "packed", "gzip"},
		{"zstd", SLICE("\x28\xb5\x2f\xfd and so on"), "zstd", "packed", "zstd"},
		{"a cabinet", SLICE("MSCF and so on"), "packed", "packed", ""},
		{"MSFZ", IN_MSFZ, "packed", "packed", ""},
		{"SZDD", SLICE("SZDD\x88\xf0\x27\x33 and so on"), "packed", "packed", ""},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t l = 0; l < ARRAY_LEN(labels); l++) {
			bool told = labels[l][0] != 0;

			check(rows[i].name, PDB, rows[i].bytes, labels[l],
			      told ? rows[i].plain : rows[i].unlabelled);
			check("judged again", PDB, rows[i].bytes,
			      told ? rows[i].plain : rows[i].unlabelled,
			      told ? rows[i].plain : rows[i].unlabelled);
			if (rows[i].twin)
				check(rows[i].name, "foo.pdb/" GUID "/foo.pd_", rows[i].bytes,
				      labels[l], told ? rows[i].twin : "");
		}
}

static void test_what_cannot_be_told(void)
{
	struct bytes once = gzip(IN_MSF), twice = gzip(slice_of_bytes(&once));

	check("a text", PDB, SLICE("nobody knows"), "gzip", "");
	check("what may be brotli", PDB, SLICE("\x1b\x4f\x08 anything"), "br", "br");
	check("or a zip archive", PDB, SLICE("PK\x03\x04 anything"), "", "");
	check("a list with a coding that has no magic", PDB, slice_of_bytes(&once), "br, gzip",
	      "br, gzip");
	check("a list that is true", "foo.pdb/" GUID "/foo.pdb.gz", slice_of_bytes(&twice),
	      "gzip, gzip", "gzip, gzip");
	check("nothing", PDB, SLICE(""), "gzip", "");
}

/* Whose name tells that it is compressed, or of which nothing is known, is as it is. */
static void test_keys(void)
{
	static const struct {
		const char *key;
		bool plain;
	} rows[] = {
		{PDB, true},
		{"fo/" PDB, true},
		{"foo.pdb/" GUID "/foo.sym", true},
		{"buildid/0123456789abcdef0123/debuginfo", true},
		{"01/23456789abcdef0123.debug", true},
		{"foo.pdb/" GUID "/foo.pd_", false},
		{"foo.pdb/" GUID "/foo.pdb.gz", false},
		{"foo.pdb/" GUID "/FOO.PDB.GZ", false},
		{"foo.pdb/" GUID "/foo.pdb.zst", false},
		{"foo.pdb/" GUID "/msfz0/foo.pdb", false},
		{"foo.cab/5A3B1C2D1000/foo.cab", false},
		{"foo.dl_/5A3B1C2D1000/foo.dl_", false},
		{"foo.pdb/opaque/foo.pdb", false},
		{"foo.pdb", false},
		{"", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_INT(encoding_key_is_plain(slice_of(rows[i].key)), rows[i].plain, rows[i].key);
		CHECK_INT(encoding_in_doubt(slice_of(rows[i].key), ""), rows[i].plain,
			  "without a label only those are looked into");
		CHECK(encoding_in_doubt(slice_of(rows[i].key), "br"), "every label is doubted");
	}
}

/* No more is waited for than tells. */
static void test_how_much(void)
{
	struct bytes once = gzip(IN_MSF);
	char encoding[sizeof(((struct object_head *)0)->encoding)] = "gzip";

	for (size_t n = 0; n < MSFZ_MAGIC_SIZE; n++)
		CHECK(!encoding_judge(SLICE(PDB), slice_head(IN_MSF, n), false, encoding),
		      "not enough of a PDB");
	CHECK(!encoding_judge(SLICE(PDB), slice_head(slice_of_bytes(&once), MSFZ_MAGIC_SIZE), false,
			      encoding),
	      "what it holds tells, too");
	CHECK_STR(encoding, "gzip", "until then nothing changes");
	CHECK(encoding_judge(SLICE(PDB), slice_head(IN_MSF, MSFZ_MAGIC_SIZE), false, encoding),
	      "enough of a PDB");
	CHECK_STR(encoding, "", "which it is");
}

static void test_msfz(void)
{
	struct bytes of_pdb = gzip(IN_MSF), of_msfz = gzip(IN_MSFZ);
	struct bytes twice = gzip(slice_of_bytes(&of_pdb)), of_nothing = gzip(SLICE(""));
	const struct {
		const char *name;
		struct slice bytes;
		bool is, may_hold;
	} rows[] = {
		{"MSFZ", IN_MSFZ, true, false},
		{"its beginning, cut", slice_head(IN_MSFZ, MSFZ_MAGIC_SIZE - 1), false, false},
		{"a PDB", IN_MSF, false, false},
		{"a text", SLICE("nobody knows"), false, false},
		{"a cabinet", SLICE("MSCF and so on"), false, false},
		{"gzip of a PDB", slice_of_bytes(&of_pdb), false, false},
		{"gzip of nothing", slice_of_bytes(&of_nothing), false, false},
		{"gzip of MSFZ", slice_of_bytes(&of_msfz), false, true},
		{"gzip twice, where nobody sees", slice_of_bytes(&twice), false, true},
		{"zstd that tells nothing yet", SLICE("\x28\xb5\x2f\xfd"), false, true},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_INT(encoding_is_msfz(rows[i].bytes), rows[i].is, rows[i].name);
		CHECK_INT(encoding_may_hold_msfz(rows[i].bytes), rows[i].may_hold, rows[i].name);
	}
}

static void test_undone(void)
{
	static const struct {
		const char *encoding;
		bool undone;
	} rows[] = {
		{"gzip", true},        {"GZip", true}, {"x-gzip", true}, {"zstd", true},
		{"packed", true},      {"", false},    {"br", false},    {"deflate", false},
		{"identity", false},   {"gz", false},  {"zst", false},   {"Packed", false},
		{"gzip, gzip", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK_INT(encoding_is_undone(rows[i].encoding), rows[i].undone, rows[i].encoding);
}

int main(void)
{
	test_bytes();
	test_what_cannot_be_told();
	test_keys();
	test_how_much();
	test_msfz();
	test_undone();
	return tap_done();
}
