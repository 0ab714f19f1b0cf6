// SPDX-License-Identifier: MIT
/* From the head of an HTTP answer to an object, and from a read to a Range header. */
#include "store/answer.h"

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
		err = answer_head(&h, &o, &e);
		CHECK_INT(err, ranges[i].err, ranges[i].name);
		if (!err)
			CHECK(o.first == ranges[i].first && o.length == ranges[i].object_length &&
				      o.total == ranges[i].total && o.ranged == (h.status == 206) &&
				      o.fd == -1,
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
		ASSERT(answer_head(&h, &o, &e) == OK);
		CHECK_STR(o.encoding, encodings[i].kept, "what really changes the bytes");
	}
	for (size_t i = 0; i < ARRAY_LEN(etags); i++) {
		struct transfer_head h = {.status = 200, .length = 1};

		put(h.etag, sizeof(h.etag), etags[i].header);
		ASSERT(answer_head(&h, &o, &e) == OK);
		CHECK_STR(o.etag, etags[i].kept, "an ETag that can be passed on, or none");
	}
}

static void test_dates(void)
{
	struct transfer_head h = {.status = 200, .length = 1};
	struct object_head o;
	struct error e;

	ASSERT(answer_head(&h, &o, &e) == OK);
	CHECK_INT(o.mtime, -1, "no date");
	put(h.last_modified, sizeof(h.last_modified), "Sun, 06 Nov 1994 08:49:37 GMT");
	ASSERT(answer_head(&h, &o, &e) == OK);
	CHECK_INT(o.mtime, 784111777, "a date");
	put(h.last_modified, sizeof(h.last_modified), "yesterday");
	ASSERT(answer_head(&h, &o, &e) == OK);
	CHECK_INT(o.mtime, -1, "another word for it");
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

		range_header(&read, text, sizeof(text));
		CHECK_STR(text, headers[i].header, "Range");
	}
}

int main(void)
{
	test_ranges();
	test_texts();
	test_dates();
	test_headers();
	return tap_done();
}
