// SPDX-License-Identifier: MIT
/* From the head of an HTTP answer to an object, and from a read to a Range header. */
#include "store/object_head.h"
#include "store/transfer_head.h"

#include "tap.h"

static const struct {
	const char *name;
	int status;
	int64_t length;
	const char *content_range;
	enum err err;
	int64_t first, object_length, total;
} ranges[] = {
	{"whole", 200, 10, "", OK, 0, 10, 10},
	{"whole, no length", 200, -1, "", OK, 0, -1, -1},
	{"whole, with a Content-Range that means nothing", 200, 10, "bytes 0-4/10", OK, 0, 10, 10},
	{"a part", 206, 5, "bytes 2-6/10", OK, 2, 5, 10},
	{"a part of all", 206, 10, "bytes 0-9/10", OK, 0, 10, 10},
	{"a part without a length", 206, -1, "bytes 2-6/10", OK, 2, 5, 10},
	{"a part of something unknown", 206, 5, "bytes 2-6/*", OK, 2, 5, -1},
	{"a part, which one?", 206, 5, "", ERR_CORRUPT, 0, 0, 0},
	{"a part, unreadable", 206, 5, "bytes two-6/10", ERR_CORRUPT, 0, 0, 0},
	{"a part that is none", 206, 5, "bytes */10", ERR_CORRUPT, 0, 0, 0},
	{"a part, shorter than it says", 206, 4, "bytes 2-6/10", ERR_CORRUPT, 0, 0, 0},
	{"a part of nothing", 206, 0, "bytes 0-0/0", OK, 0, 0, 0},
	{"a part of nothing, worse", 206, 0, "bytes 0--1/0", OK, 0, 0, 0},
	{"a part of nothing that has a length", 206, 1, "bytes 0-0/0", ERR_CORRUPT, 0, 0, 0},
	{"a part of nothing of something", 206, 0, "bytes 0-0/10", ERR_CORRUPT, 0, 0, 0},
	{"a part of nothing of unknown size", 206, -1, "bytes 0-0/0", ERR_CORRUPT, 0, 0, 0},
	{"a part, longer than it says", 206, 6, "bytes 2-6/10", ERR_CORRUPT, 0, 0, 0},
};

static void put(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text);
}

static void test_ranges(void)
{
	for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
		struct transfer_head h = {.status = ranges[i].status, .length = ranges[i].length};
		struct object_head o;
		struct error e;
		enum err err;

		put(h.content_range, sizeof(h.content_range), ranges[i].content_range);
		err = object_head_read(&h, &o, &e);
		CHECK_INT(err, ranges[i].err, ranges[i].name);
		if (!err)
			CHECK(o.first == ranges[i].first && o.length == ranges[i].object_length &&
				      o.total == ranges[i].total &&
				      o.ranged == (h.status == 206 && o.total != 0) && o.fd == -1,
			      "and its place");
	}
}

static const struct {
	const char *header, *kept;
} encodings[] = {
	{"", ""},
	{"gzip", "gzip"},
	{"GZip", "GZip"},
	{"identity", ""},
	{"aws-chunked", ""},
	{"AWS-chunked, gzip", "gzip"},
	{"gzip,aws-chunked", "gzip"},
	{"gzip, identity ,br", "gzip, br"},
	{" , ,", ""},
	{"UTF-8", ""},
	{"gzip,utf-8", "gzip"},
	{"utf-8, x-gzip", "x-gzip"},
	{"binary", ""},
	{"none", ""},
	{"8bit", ""},
	{"7bit", ""},
	{"base64", ""},
	{"text/html; charset=utf-8", ""},
	{"application/octet-stream", ""},
	{"null", ""},
	{"gz\tip", ""},
	{"\x1b[31m", ""},
	{"br", "br"},
	{"deflate", "deflate"},
	{"zstd, gzip", "zstd, gzip"},
};

static const struct {
	const char *header, *kept;
} etags[] = {
	{"", ""},
	{"\"abc\"", "\"abc\""},
	{"\"\"", "\"\""},
	{"W/\"abc\"", "W/\"abc\""},
	{"\"d41d8cd98f00b204e9800998ecf8427e-2\"", "\"d41d8cd98f00b204e9800998ecf8427e-2\""},
	{"abc", ""},
	{"\"abc", ""},
	{"abc\"", ""},
	{"\"", ""},
	{"w/\"abc\"", ""},
	{"\"a\"b\"", ""},
	{"\"a b\"", ""},
	{"\"a\tb\"", ""},
	{"\"a\rb\"", ""},
	{"\"a\x7f\"", ""},
	{"\"\xc3\xa4\"", "\"\xc3\xa4\""},
};

static void test_texts(void)
{
	struct object_head o;
	struct error e;

	for (size_t i = 0; i < ARRAY_LEN(encodings); i++) {
		struct transfer_head h = {.status = 200, .length = 1};

		put(h.content_encoding, sizeof(h.content_encoding), encodings[i].header);
		ASSERT(object_head_read(&h, &o, &e) == OK);
		CHECK_STR(o.encoding, encodings[i].kept, "what really changes the bytes");
	}
	for (size_t i = 0; i < ARRAY_LEN(etags); i++) {
		struct transfer_head h = {.status = 200, .length = 1};

		put(h.etag, sizeof(h.etag), etags[i].header);
		ASSERT(object_head_read(&h, &o, &e) == OK);
		CHECK_STR(o.etag, etags[i].kept, "an ETag that can be passed on, or none");
	}
}

/* Its end, and with it a coding that changes the bytes, may be lost. */
static void test_long_encoding(void)
{
	struct transfer_head h = {.status = 200, .length = 1};
	struct object_head o;
	struct error e;

	memset(h.content_encoding, ',', sizeof(h.content_encoding) - 1);
	CHECK_INT(object_head_read(&h, &o, &e), ERR_CORRUPT, "as long as there is room");
	h.content_encoding[sizeof(h.content_encoding) - 2] = '\0';
	CHECK_INT(object_head_read(&h, &o, &e), OK, "shorter");
	memset(h.content_encoding, 0, sizeof(h.content_encoding));
	transfer_head_add(&h, SLICE("Content-Encoding"), SLICE("gzip"));
	transfer_head_add(&h, SLICE("content-encoding"), SLICE("utf-8"));
	CHECK_INT(object_head_read(&h, &o, &e), OK, "two headers");
	CHECK_STR(o.encoding, "gzip", "are one list");
	for (int i = 0; i < 40; i++)
		transfer_head_add(&h, SLICE("Content-Encoding"), SLICE("binary"));
	CHECK_INT(object_head_read(&h, &o, &e), ERR_CORRUPT, "too many");
}

static void test_dates(void)
{
	struct transfer_head h = {.status = 200, .length = 1};
	struct object_head o;
	struct error e;

	ASSERT(object_head_read(&h, &o, &e) == OK);
	CHECK_INT(o.mtime, -1, "no date");
	put(h.last_modified, sizeof(h.last_modified), "Sun, 06 Nov 1994 08:49:37 GMT");
	ASSERT(object_head_read(&h, &o, &e) == OK);
	CHECK_INT(o.mtime, 784111777, "a date");
	put(h.last_modified, sizeof(h.last_modified), "yesterday");
	ASSERT(object_head_read(&h, &o, &e) == OK);
	CHECK_INT(o.mtime, -1, "another word for it");
	CHECK_INT(o.date_s, -1, "no word of the store's clock");
	put(h.date, sizeof(h.date), "Sun, 06 Nov 1994 08:49:38 GMT");
	ASSERT(object_head_read(&h, &o, &e) == OK);
	CHECK_INT(o.date_s, 784111778, "which tells it, then");
}

/* What a publisher wrote beside an object: only as it writes it. */
static const struct {
	const char *name, *sha256, *size, *tx;
	struct object_origin origin;
} origins[] = {
#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define TX  "20261129-150717-3f9a12bc"
	{"nothing", "", "", "", {.size = -1}},
	{"all of it", HEX, "0", TX, {HEX, 0, TX}},
	{"digits in capitals",
	 "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
	 "7",
	 "",
	 {HEX, 7, ""}},
	{"a digit short",
	 "3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	 "8",
	 TX,
	 {"", 8, TX}},
	{"a digit too many", HEX "0", "9", TX, {"", 9, TX}},
	{"no digit",
	 "g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	 "-1",
	 TX,
	 {"", -1, TX}},
	{"no number", HEX, "12 ", "a b", {HEX, -1, "a b"}},
	{"a number that is too large", HEX, "9223372036854775808", TX, {HEX, -1, TX}},
	{"names that may have been cut", HEX, "1", TX TX, {HEX, 1, ""}},
	{"a name with a control byte", HEX, "1", "a\x1b[m", {HEX, 1, ""}},
};

static void test_origins(void)
{
	for (size_t i = 0; i < ARRAY_LEN(origins); i++) {
		struct transfer_head h = {.status = 200, .length = 1};
		const struct object_origin *want = &origins[i].origin;
		struct object_head o;
		struct error e;

		transfer_head_add(&h, SLICE("X-Amz-Meta-Pepto-Sha256"),
				  slice_of(origins[i].sha256));
		transfer_head_add(&h, SLICE("x-amz-meta-pepto-size"), slice_of(origins[i].size));
		transfer_head_add(&h, SLICE("x-amz-meta-pepto-tx"), slice_of(origins[i].tx));
		ASSERT(object_head_read(&h, &o, &e) == OK);
		CHECK_STR(o.origin.sha256, want->sha256, origins[i].name);
		CHECK_INT(o.origin.size, want->size, "its size");
		CHECK_STR(o.origin.tx, want->tx, "its transaction");
	}
}

#define SHA256    "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
#define CRC64NVME "AAAAAAAAAAA="
#define CRC32C    "AAAAAA=="
#define CRC32     "AAAAAQ=="
#define MD5       "\"d41d8cd98f00b204e9800998ecf8427e\""

static const struct {
	const char *name;
	bool part; /* a Range was sent */
	struct transfer_head head;
	const char *sum, *value;
	bool md5;
} sums[] = {
	{"nothing", .sum = "", .value = ""},
	{"sha256", .head = {.sum_sha256 = SHA256}, .sum = "sha256", .value = SHA256},
	{"crc64nvme", .head = {.sum_crc64nvme = CRC64NVME}, .sum = "crc64nvme", .value = CRC64NVME},
	{"crc32c", .head = {.sum_crc32c = CRC32C}, .sum = "crc32c", .value = CRC32C},
	{"crc32", .head = {.sum_crc32 = CRC32}, .sum = "crc32", .value = CRC32},
	{"the strongest of all",
	 .head = {.sum_sha256 = SHA256,
		  .sum_crc64nvme = CRC64NVME,
		  .sum_crc32c = CRC32C,
		  .sum_crc32 = CRC32},
	 .sum = "sha256", .value = SHA256},
	{"of the cyclic ones the longest",
	 .head = {.sum_crc64nvme = CRC64NVME, .sum_crc32c = CRC32C, .sum_crc32 = CRC32},
	 .sum = "crc64nvme", .value = CRC64NVME},
	{"then Castagnoli's", .head = {.sum_crc32c = CRC32C, .sum_crc32 = CRC32}, .sum = "crc32c",
	 .value = CRC32C},
	{"the type said", .head = {.sum_crc32 = CRC32, .sum_type = "FULL_OBJECT"}, .sum = "crc32",
	 .value = CRC32},
	{"a checksum of checksums", .head = {.sum_crc32 = CRC32, .sum_type = "COMPOSITE"},
	 .sum = "", .value = ""},
	{"one that shows only by its number of parts",
	 .head = {.sum_sha256 = SHA256 "-2", .sum_crc32 = CRC32 "-12"}, .sum = "", .value = ""},
	{"the next best when one is of the wrong length",
	 .head = {.sum_sha256 = "AAAA", .sum_crc32c = CRC32C}, .sum = "crc32c", .value = CRC32C},
	{"to a Range", .part = true, .head = {.sum_sha256 = SHA256}, .sum = "", .value = ""},
	{"with 206", .head = {.status = 206, .content_range = "bytes 0-0/1", .sum_sha256 = SHA256},
	 .sum = "", .value = ""},

	{"MD5", .head = {.etag = MD5}, .sum = "", .value = "", .md5 = true},
	{"MD5 of which a part comes", .part = true,
	 .head = {.status = 206, .content_range = "bytes 0-0/1", .etag = MD5}, .sum = "",
	 .value = "", .md5 = true},
	{"beside a better one", .head = {.etag = MD5, .sum_crc32 = CRC32}, .sum = "crc32",
	 .value = CRC32, .md5 = true},
	{"in capitals", .head = {.etag = "\"D41D8CD98F00B204E9800998ECF8427E\""}, .sum = "",
	 .value = "", .md5 = true},
	{"SSE-S3", .head = {.etag = MD5, .encryption = "AES256"}, .sum = "", .value = "",
	 .md5 = true},
	{"SSE-KMS", .head = {.etag = MD5, .encryption = "aws:kms"}, .sum = "", .value = ""},
	{"DSSE-KMS", .head = {.etag = MD5, .encryption = "aws:kms:dsse"}, .sum = "", .value = ""},
	{"SSE-C", .head = {.etag = MD5, .customer = "AES256"}, .sum = "", .value = ""},
	{"a weak one", .head = {.etag = "W/" MD5}, .sum = "", .value = ""},
	{"of two parts", .head = {.etag = "\"d41d8cd98f00b204e9800998ecf8427e-2\""}, .sum = "",
	 .value = ""},
	{"a digit short", .head = {.etag = "\"d41d8cd98f00b204e9800998ecf8427\""}, .sum = "",
	 .value = ""},
	{"no digit", .head = {.etag = "\"d41d8cd98f00b204e9800998ecf8427g\""}, .sum = "",
	 .value = ""},
};

static void test_sums(void)
{
	for (size_t i = 0; i < ARRAY_LEN(sums); i++) {
		struct transfer_head h = sums[i].head;
		struct object_head o;
		struct error e;

		h.status = h.status ? h.status : 200;
		h.length = 1;
		ASSERT(object_head_read(&h, &o, &e) == OK);
		CHECK(!o.sum_name[0] && !o.etag_is_md5, sums[i].name);
		object_head_read_sum(&h, !sums[i].part, &o);
		CHECK_STR(o.sum_name, sums[i].sum, "its name");
		CHECK_STR(o.sum_base64, sums[i].value, "its value");
		CHECK_INT(o.etag_is_md5, sums[i].md5, "is the ETag an MD5?");
	}
}

static const struct {
	bool ranged;
	struct range_ask ask;
	const char *header;
} headers[] = {
	{false, {1, 2}, ""},
	{true, {0, 0}, "bytes=0-0"},
	{true, {5, 9}, "bytes=5-9"},
	{true, {5, INT64_MAX}, "bytes=5-"},
	{true, {0, INT64_MAX - 1}, "bytes=0-9223372036854775806"},
	{true, {RANGE_UNKNOWN, 7}, "bytes=-7"},
	{true, {RANGE_UNKNOWN, INT64_MAX}, "bytes=-9223372036854775807"},
};

static void test_headers(void)
{
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		struct store_read read = {.ranged = headers[i].ranged, .range = headers[i].ask};
		char text[64];

		range_header(read.ranged ? &read.range : NULL, text, sizeof(text));
		CHECK_STR(text, headers[i].header, "Range");
	}
}

int main(void)
{
	test_ranges();
	test_texts();
	test_long_encoding();
	test_dates();
	test_origins();
	test_sums();
	test_headers();
	return tap_done();
}
