// SPDX-License-Identifier: MIT
/* What a client may have of an object, and that what an answer holds is given back. */
#include "serve/answer.h"

#include "tap.h"
#include <fcntl.h>

#define TOTAL    INT64_C(1000)
#define MODIFIED INT64_C(784111777) /* Sun, 06 Nov 1994 08:49:37 GMT */
#define DATE     "Sun, 06 Nov 1994 08:49:37 GMT"
#define LATER    "Sun, 06 Nov 1994 08:49:38 GMT"

static void test_acceptable(void)
{
	static const struct {
		const char *encoding;
		bool without, with; /* a client that takes gzip */
	} rows[] = {
		{"", true, true},         {"gzip", false, true},      {"GZip", false, true},
		{"x-gzip", false, false}, {"gzi", false, false},      {"gzip, gzip", false, false},
		{"br", false, false},     {"identity", false, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct object_head h = {0};

		memcpy(h.encoding, rows[i].encoding, strlen(rows[i].encoding) + 1);
		CHECK_INT(answer_acceptable(&h, false), rows[i].without, rows[i].encoding);
		CHECK_INT(answer_acceptable(&h, true), rows[i].with, rows[i].encoding);
	}
}

/* ---- cutting ---- */

struct cut {
	const char *name;
	struct range_ask range;
	const char *if_range, *etag, *encoding;
	bool whole, unsatisfiable;
	int64_t first, length;
};

static const struct cut cuts[] = {
	{"first byte", {0, 0}, .first = 0, .length = 1},
	{"last byte", {TOTAL - 1, TOTAL - 1}, .first = TOTAL - 1, .length = 1},
	{"the middle", {10, 19}, .first = 10, .length = 10},
	{"all of it is a part still", {0, TOTAL - 1}, .first = 0, .length = TOTAL},
	{"over the end", {990, TOTAL}, .first = 990, .length = 10},
	{"open", {1, INT64_MAX}, .first = 1, .length = TOTAL - 1},
	{"a suffix", {RANGE_UNKNOWN, 3}, .first = TOTAL - 3, .length = 3},
	{"a suffix longer than it", {RANGE_UNKNOWN, TOTAL + 1}, .first = 0, .length = TOTAL},
	{"behind the end", {TOTAL, INT64_MAX}, .unsatisfiable = true},
	{"an empty suffix", {RANGE_UNKNOWN, 0}, .unsatisfiable = true},
	{"If-Range: this ETag", {1, 2}, "\"e\"", .first = 1, .length = 2},
	{"If-Range: another ETag", {1, 2}, "\"f\"", .whole = true},
	{"If-Range: another ETag, behind the end", {TOTAL, TOTAL}, "\"f\"", .whole = true},
	{"If-Range: a weak ETag", {1, 2}, "W/\"e\"", "W/\"e\"", .whole = true},
	{"If-Range: the date", {1, 2}, DATE, .first = 1, .length = 2},
	{"If-Range: another date", {1, 2}, LATER, .whole = true},
	{"If-Range: nonsense", {1, 2}, "yesterday", .whole = true},
	{"encoded", {1, 2}, NULL, "\"e\"", "gzip", .whole = true},
	{"encoded, behind the end", {TOTAL, TOTAL}, NULL, "\"e\"", "gzip", .whole = true},
};

static struct answer found(const char *etag, const char *encoding)
{
	struct answer a = {
		.kind = ANSWER_FOUND,
		.head = {.total = TOTAL, .length = TOTAL, .mtime = MODIFIED},
	};

	memcpy(a.head.etag, etag, strlen(etag) + 1);
	memcpy(a.head.encoding, encoding, strlen(encoding) + 1);
	a.head.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return a;
}

static bool is_cut_to(const struct answer *a, int64_t first, int64_t length, bool ranged)
{
	return a->kind == ANSWER_FOUND && a->head.ranged == ranged && a->head.first == first &&
	       a->head.length == length && a->fill_offset == first && a->head.total == TOTAL;
}

static void test_cut(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
		const struct cut *c = &cuts[i];
		const struct part_ask ask = {true, c->range, c->if_range};
		struct answer a = found(c->etag ? c->etag : "\"e\"",
					c->encoding ? c->encoding : "");
		int fd = a.head.fd;

		answer_cut(&a, &ask);
		if (c->unsatisfiable) {
			CHECK(a.kind == ANSWER_UNSATISFIABLE && a.head.total == TOTAL, c->name);
			CHECK(a.head.fd < 0 && fcntl(fd, F_GETFD) < 0, "... and holds nothing");
		} else if (c->whole) {
			CHECK(is_cut_to(&a, 0, TOTAL, false), c->name);
		} else {
			CHECK(is_cut_to(&a, c->first, c->length, true), c->name);
		}
		answer_drop(&a);
	}
}

static void test_cut_without_a_name(void)
{
	const struct part_ask none = {.ranged = false, .range = {1, 2}, .if_range = "\"f\""};
	const struct part_ask dated = {.ranged = true, .range = {1, 2}, .if_range = DATE};
	const struct part_ask epoch = {
		.ranged = true, .range = {1, 2}, .if_range = "Thu, 01 Jan 1970 00:00:00 GMT"};
	struct answer a = found("", "");

	answer_cut(&a, &none);
	CHECK(is_cut_to(&a, 0, TOTAL, false), "no range is asked for: the whole");
	a.head.mtime = -1;
	answer_cut(&a, &dated);
	CHECK(is_cut_to(&a, 0, TOTAL, false), "If-Range: a date, of an object without one");
	a.head.mtime = 0;
	answer_cut(&a, &epoch);
	CHECK(is_cut_to(&a, 1, 2, true), "the epoch is a date");
	answer_drop(&a);
}

/* ---- letting go ---- */

static void no_room(void *ud)
{
}

static void test_drop(void)
{
	struct answer a = found("\"e\"", "");
	int fd = a.head.fd;

	answer_drop(&a);
	CHECK(a.head.fd == -1 && fcntl(fd, F_GETFD) < 0, "the file is closed");
	answer_drop(&a);
	CHECK(a.head.fd == -1 && !a.fill, "twice is once");
	a.fill = fill_new((struct fill_writer){.room = no_room});
	answer_drop(&a);
	CHECK(!a.fill, "the fill is given back");
}

/* ---- what it is told as ---- */

static const struct {
	const char *name;
	struct candidate candidate;
	enum form form;
	const char *encoding; /* as stored */
	unsigned forms;       /* of the store */
	const char *told;     /* the encoding */
	bool msfz, vary_encoding, vary_accept;
} tellings[] = {
	{"a plain file", {.want = WANT_FILE}, FORM_STORED, "", 0, ""},
	{"a store with twins", {.want = WANT_EXPANDED}, FORM_EXPANDED, "", STORE_FORM_CAB, ""},
	{"gzip", {.want = WANT_FILE}, FORM_STORED, "gzip", 0, "gzip", .vary_encoding = true},
	{"gzip, undone", {.want = WANT_FILE}, FORM_PLAIN, "", 0, "", .vary_encoding = true},
	{"gzip by its name",
	 {.want = WANT_FILE, .gzipped = true},
	 FORM_STORED,
	 "",
	 STORE_FORM_GZIP,
	 "gzip",
	 .vary_encoding = true},
	{"gzip by its name and its encoding, undone",
	 {.want = WANT_FILE, .gzipped = true},
	 FORM_PLAIN,
	 "",
	 STORE_FORM_GZIP,
	 "",
	 .vary_encoding = true},
	{"the plain file of a store that may have gzip",
	 {.want = WANT_FILE},
	 FORM_STORED,
	 "",
	 STORE_FORM_GZIP,
	 "",
	 .vary_encoding = true},
	{"MSFZ",
	 {.want = WANT_FILE, .msfz = true},
	 FORM_STORED,
	 "",
	 STORE_FORM_MSFZ,
	 "",
	 .msfz = true,
	 .vary_accept = true},
	{"MSFZ, as the store saw fit",
	 {.want = WANT_FILE, .negotiable = true},
	 FORM_MSFZ,
	 "",
	 0,
	 "",
	 .msfz = true,
	 .vary_accept = true},
	{"not MSFZ, as the store saw fit",
	 {.want = WANT_FILE, .negotiable = true},
	 FORM_STORED,
	 "",
	 0,
	 "",
	 .vary_accept = true},
	{"MSFZ, expanded",
	 {.want = WANT_EXPANDED},
	 FORM_EXPANDED,
	 "",
	 STORE_FORM_MSFZ,
	 "",
	 .vary_accept = true},
};

static void test_describe(void)
{
	for (size_t i = 0; i < ARRAY_LEN(tellings); i++) {
		struct store s = {.traits.forms = tellings[i].forms};
		struct answer a = {.kind = ANSWER_FOUND, .from = &s, .head.fd = -1};

		memcpy(a.head.encoding, tellings[i].encoding, strlen(tellings[i].encoding) + 1);
		answer_describe(&a, &tellings[i].candidate, tellings[i].form);
		CHECK_STR(a.head.encoding, tellings[i].told, tellings[i].name);
		CHECK(a.msfz == tellings[i].msfz && a.vary_encoding == tellings[i].vary_encoding &&
			      a.vary_accept == tellings[i].vary_accept,
		      "... and what others could be given");
	}
}

int main(void)
{
	test_acceptable();
	test_describe();
	test_cut();
	test_cut_without_a_name();
	test_drop();
	return tap_done();
}
