// SPDX-License-Identifier: MIT
/*
 * Published values of each kind; then the CRCs against their definition, bit by bit, over all
 * alignments, lengths and ways to cut the bytes. Includes the module's source, so that the portable
 * CRC-32C is tested where the instruction exists too.
 */
#include "cache/checksum.c"

#include "tap.h"

#define DIGITS SLICE("123456789")
#define BLOCK  4096

static const char zeros[BLOCK];
static char ones[BLOCK], rising[BLOCK], falling[BLOCK];

static void make_blocks(void)
{
	memset(ones, 0xff, BLOCK);
	for (int i = 0; i < BLOCK; i++) {
		rising[i] = (char)i;
		falling[i] = (char)(255 - i);
	}
}

/* In base64, as S3 sends them; the hashes are from the command-line tools (md5sum and so on). */
static const struct {
	const char *name;
	enum checksum_kind kind;
	struct slice bytes;
	const char *base64;
} vectors[] = {
	{"md5", CHECKSUM_MD5, {"123456789", 9}, "JfnnlDI7RTiF9RgfG2JNCw=="},
	{"md5 of nothing", CHECKSUM_MD5, {NULL, 0}, "1B2M2Y8AsgTpgAmY7PhCfg=="},
	{"sha1", CHECKSUM_SHA1, {"123456789", 9}, "98O8HYCOBHMq32eZZczDTKeuNEE="},
	{"sha1 of nothing", CHECKSUM_SHA1, {NULL, 0}, "2jmj7l5rSw0yVb/vlWAYkK/YBwk="},
	{"sha256",
	 CHECKSUM_SHA256,
	 {"123456789", 9},
	 "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="},
	{"sha256 of nothing",
	 CHECKSUM_SHA256,
	 {NULL, 0},
	 "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},
	{"crc32, the check value", CHECKSUM_CRC32, {"123456789", 9}, "y/Q5Jg=="},
	{"crc32 of nothing", CHECKSUM_CRC32, {NULL, 0}, "AAAAAA=="},
	{"crc32c, the check value", CHECKSUM_CRC32C, {"123456789", 9}, "4waSgw=="},
	{"crc32c of nothing", CHECKSUM_CRC32C, {NULL, 0}, "AAAAAA=="},
	{"crc32c of RFC 3720: zeros", CHECKSUM_CRC32C, {zeros, 32}, "ipE2qg=="},
	{"crc32c of RFC 3720: ones", CHECKSUM_CRC32C, {ones, 32}, "YqirQw=="},
	{"crc32c of RFC 3720: rising", CHECKSUM_CRC32C, {rising, 32}, "Rt15Tg=="},
	{"crc32c of RFC 3720: falling", CHECKSUM_CRC32C, {falling + 224, 32}, "ET/bXA=="},
	{"crc64nvme, the check value", CHECKSUM_CRC64NVME, {"123456789", 9}, "rosUhgp5mIg="},
	{"crc64nvme of nothing", CHECKSUM_CRC64NVME, {NULL, 0}, "AAAAAAAAAAA="},
	{"crc64nvme of the specification: zeros",
	 CHECKSUM_CRC64NVME,
	 {zeros, BLOCK},
	 "ZILTZ+sitk4="},
	{"crc64nvme of the specification: ones", CHECKSUM_CRC64NVME, {ones, BLOCK}, "wN26cwLso6w="},
};

static bool matches(enum checksum_kind kind, struct slice bytes, size_t cut, struct checksum *sum)
{
	struct digest *d = digest_new(kind);
	bool same;

	digest_add(d, slice_head(bytes, cut));
	digest_add(d, SLICE_NONE);
	digest_add(d, slice_from(bytes, cut));
	same = digest_matches(d, sum);
	digest_free(d);
	return same;
}

static void test_vectors(void)
{
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		struct checksum sum;
		bool same = true, differs = true;

		ASSERT(checksum_from_base64(vectors[i].kind, slice_of(vectors[i].base64), &sum));
		for (size_t cut = 0; cut <= vectors[i].bytes.n; cut++)
			same &= matches(vectors[i].kind, vectors[i].bytes, cut, &sum);
		CHECK(same, vectors[i].name);
		for (size_t at = 0; at < kinds[sum.kind].length; at++) {
			sum.value[at] ^= 1;
			differs &= !matches(vectors[i].kind, vectors[i].bytes, 0, &sum);
			sum.value[at] ^= 1;
		}
		CHECK(differs, "and each byte of the value counts");
	}
}

/* ---- the CRCs against their definition ---- */

static uint64_t bit_by_bit(uint64_t polynomial, uint64_t r, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		r ^= (uint8_t)s.p[i];
		for (int bit = 0; bit < 8; bit++)
			r = r & 1 ? r >> 1 ^ polynomial : r >> 1;
	}
	return r;
}

static void check_definition(const struct crc *c, uint64_t polynomial,
			     uint64_t (*add)(const struct crc *, uint64_t, struct slice),
			     const char *name)
{
	char text[8 + 80 + 1];
	bool aligned = true, cut = true;

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 151 + 43);
	for (size_t at = 0; at < 8; at++)
		for (size_t n = 0; n <= 80; n++)
			aligned &= add(c, c->ones, (struct slice){text + at, n}) ==
				   bit_by_bit(polynomial, c->ones, (struct slice){text + at, n});
	for (size_t n = 0; n <= 80; n++) {
		struct slice whole = {text, 80};
		uint64_t first = add(c, c->ones, slice_head(whole, n));

		cut &= add(c, first, slice_from(whole, n)) ==
		       bit_by_bit(polynomial, c->ones, whole);
	}
	CHECK(aligned, name);
	CHECK(cut, "cut in two anywhere");
}

static void test_definitions(void)
{
	digest_free(digest_new(CHECKSUM_CRC32)); /* makes the tables */
	check_definition(&crc32, 0xedb88320, crc_add, "crc32, every alignment and length");
	check_definition(&crc32c, 0x82f63b78, crc_add, "crc32c by table");
	check_definition(&crc32c, 0x82f63b78, crc32c.add, "crc32c as used here");
	check_definition(&crc64nvme, 0x9a6c9329ac4bc9b5, crc_add, "crc64nvme");
}

/* ---- what stores say ---- */

#define HEX "0123456789abcdef0123456789ABCDEF"

static const struct {
	const char *etag;
	bool ok;
} etags[] = {
	{"\"" HEX "\"", true},
	{"W/\"" HEX "\"", false},
	{HEX, false},
	{"\"" HEX "-1\"", false},
	{"\"0123456789abcdef0123456789ABC-12\"", false},
	{"\"0123456789abcdef0123456789ABCDEg\"", false},
	{"\"g123456789abcdef0123456789ABCDEF\"", false},
	{"\"0123456789abcdef0123456789ABCDE\"", false},
	{"\"" HEX "0\"", false},
	{"'" HEX "'", false},
	{"\"" HEX " ", false},
	{"\"\"", false},
	{"\"", false},
	{"", false},
};

static void test_etags(void)
{
	static const uint8_t value[] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
					0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};

	for (size_t i = 0; i < ARRAY_LEN(etags); i++) {
		struct checksum sum = {.kind = CHECKSUM_CRC32};
		bool ok = checksum_from_etag(slice_of(etags[i].etag), &sum);

		CHECK(ok == etags[i].ok && sum.kind == (ok ? CHECKSUM_MD5 : CHECKSUM_CRC32) &&
			      (!ok || memcmp(sum.value, value, sizeof(value)) == 0),
		      etags[i].etag);
	}
}

static const struct {
	enum checksum_kind kind;
	const char *base64;
	bool ok;
} headers[] = {
	{CHECKSUM_CRC32, "y/Q5Jg==", true},
	{CHECKSUM_CRC32, "y/Q5Jg", true},
	{CHECKSUM_CRC32, "y/Q5Jg==-3", false},
	{CHECKSUM_CRC32, "y/Q5Jg-3", false},
	{CHECKSUM_CRC32, "y/Q5", false},
	{CHECKSUM_CRC32, "y/Q5JgA=", false},
	{CHECKSUM_CRC32, "", false},
	{CHECKSUM_CRC32, "=", false},
	{CHECKSUM_CRC64NVME, "y/Q5Jg==", false},
	{CHECKSUM_CRC64NVME, "rosUhgp5mIg=", true},
	{CHECKSUM_SHA256, "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=", true},
	{CHECKSUM_SHA256, "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiUA", false},
	{CHECKSUM_SHA256, "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiUAFeKw08M4keuw8e9gnsQZ",
	 false},
	{CHECKSUM_SHA1, "JfnnlDI7RTiF9RgfG2JNCw==", false},
	{CHECKSUM_MD5, "JfnnlDI7RTiF9RgfG2JNCw==", true},
	{CHECKSUM_NONE, "", false},
	{CHECKSUM_NONE, "y/Q5Jg==", false},
};

static void test_headers(void)
{
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		struct checksum sum = {.kind = CHECKSUM_NONE};
		bool ok = checksum_from_base64(headers[i].kind, slice_of(headers[i].base64), &sum);

		CHECK(ok == headers[i].ok && sum.kind == (ok ? headers[i].kind : CHECKSUM_NONE),
		      headers[i].base64);
	}
}

static void test_none(void)
{
	struct checksum wrong = {.kind = CHECKSUM_SHA256}, none = {.kind = CHECKSUM_NONE};

	CHECK(matches(CHECKSUM_NONE, DIGITS, 4, &wrong), "nothing computed, nothing wrong");
	CHECK(matches(CHECKSUM_SHA256, DIGITS, 4, &none), "nothing expected, nothing wrong");
	CHECK(!matches(CHECKSUM_SHA256, DIGITS, 4, &wrong), "but what differs is wrong");
	/* One may go unasked; the sanitizers would tell. */
	digest_free(NULL);
	digest_free(digest_new(CHECKSUM_SHA256));
}

/* OpenSSL is told to use validated providers only, of which there are none in this process. */
static void test_fips(void)
{
	struct digest *d;
	struct checksum wrong = {.kind = CHECKSUM_MD5};

	ASSERT(EVP_set_default_properties(NULL, "fips=yes"));
	d = digest_new(CHECKSUM_MD5);
	CHECK_INT(digest_kind(d), CHECKSUM_NONE, "a hash that OpenSSL refuses is none");
	digest_add(d, DIGITS);
	CHECK(digest_matches(d, &wrong), "and finds nothing wrong");
	CHECK(ERR_peek_error() == 0, "nor does it leave an error behind");
	digest_free(d);
	ASSERT(EVP_set_default_properties(NULL, ""));
	d = digest_new(CHECKSUM_MD5);
	CHECK_INT(digest_kind(d), CHECKSUM_MD5, "otherwise it is what was asked for");
	digest_free(d);
}

int main(void)
{
	make_blocks();
	test_vectors();
	test_definitions();
	test_etags();
	test_headers();
	test_none();
	test_fips();
	return tap_done();
}
