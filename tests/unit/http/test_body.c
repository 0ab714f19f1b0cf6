// SPDX-License-Identifier: MIT
/* Bodies of requests: by length and in chunks, split anywhere; what is no frame; and the limit. */
#include "http/body.h"

#include "tap.h"

struct told {
	char text[512];
	size_t n;
	enum http_body_state state;
	size_t behind; /* bytes that were not taken */
};

/* Give n bytes from `from` on, in pieces of that size. */
static void read_in_steps(struct told *t, const struct http_head *h, uint64_t max, struct slice all,
			  size_t step)
{
	struct http_body b = http_body_of(h, max);
	struct slice in = SLICE_NONE, piece;

	*t = (struct told){.state = HTTP_BODY_MORE};
	for (size_t at = 0; t->state == HTTP_BODY_MORE; at += step) {
		in = slice_head(slice_from(all, at), step);
		t->behind = all.n - MIN(all.n, at);
		while ((t->state = http_body_take(&b, &in, &piece)) == HTTP_BODY_DATA) {
			ASSERT(t->n + piece.n < sizeof(t->text));
			memcpy(t->text + t->n, piece.p, piece.n);
			t->n += piece.n;
		}
		t->behind -= slice_head(slice_from(all, at), step).n - in.n;
		if (at >= all.n)
			break;
	}
}

static const struct {
	const char *name, *text;
	int64_t length; /* -1: in chunks */
	uint64_t max;
	const char *want;
	enum http_body_state state;
	size_t behind;
} rows[] = {
	{"a length", "hello", 5, 100, "hello", HTTP_BODY_END, 0},
	{"and another request behind it", "helloGET /", 5, 100, "hello", HTTP_BODY_END, 5},
	{"not all of it yet", "hell", 5, 100, "hell", HTTP_BODY_MORE, 0},
	{"nothing", "GET /", 0, 100, "", HTTP_BODY_END, 5},
	{"just as long as it may be", "hello", 5, 5, "hello", HTTP_BODY_END, 0},
	{"longer: none of it", "hello", 5, 4, "", HTTP_BODY_BEYOND, 5},
	{"one chunk", "5\r\nhello\r\n0\r\n\r\n", -1, 100, "hello", HTTP_BODY_END, 0},
	{"two", "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\nGET", -1, 100, "hello", HTTP_BODY_END, 3},
	{"none", "0\r\n\r\n", -1, 100, "", HTTP_BODY_END, 0},
	{"in hex", "0a\r\n0123456789\r\nA\r\n0123456789\r\n000\r\n\r\n", -1, 100,
	 "01234567890123456789", HTTP_BODY_END, 0},
	{"extensions", "2;a=b;c=\"d\"\r\nhe\r\n0;x\r\n\r\n", -1, 100, "he", HTTP_BODY_END, 0},
	{"blanks behind the size", "2 \r\nhe\r\n0\t\r\n\r\n", -1, 100, "he", HTTP_BODY_END, 0},
	{"trailers", "2\r\nhe\r\n0\r\nA: b\r\nC: d\r\n\r\nGET", -1, 100, "he", HTTP_BODY_END, 3},
	{"no last chunk yet", "2\r\nhe\r\n", -1, 100, "he", HTTP_BODY_MORE, 0},
	{"more than it may be", "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", -1, 4, "he", HTTP_BODY_BEYOND,
	 10},
	{"as much as it may be", "2\r\nhe\r\n2\r\nll\r\n0\r\n\r\n", -1, 4, "hell", HTTP_BODY_END,
	 0},
	{"no size", "\r\nhello", -1, 100, "", HTTP_BODY_BAD, 7},
	{"an extension without a size", ";x\r\n", -1, 100, "", HTTP_BODY_BAD, 4},
	{"a sign", "+2\r\nhe\r\n", -1, 100, "", HTTP_BODY_BAD, 8},
	{"a minus", "-2\r\nhe\r\n", -1, 100, "", HTTP_BODY_BAD, 8},
	{"0x", "0x2\r\nhe\r\n", -1, 100, "", HTTP_BODY_BAD, 8},
	{"a blank before", " 2\r\nhe\r\n", -1, 100, "", HTTP_BODY_BAD, 8},
	{"LF alone behind a size", "2\nhe\r\n0\r\n\r\n", -1, 100, "", HTTP_BODY_BAD, 10},
	{"LF alone in an extension", "2;\nhe\r\n0\r\n\r\n", -1, 100, "", HTTP_BODY_BAD, 10},
	{"CR alone behind a size", "2\rhe\r\n", -1, 100, "", HTTP_BODY_BAD, 5},
	{"too much data", "2\r\nhel\r\n", -1, 100, "he", HTTP_BODY_BAD, 3},
	{"LF alone behind the data", "2\r\nhe\n0\r\n\r\n", -1, 100, "he", HTTP_BODY_BAD, 6},
	{"LF alone in the trailers", "0\r\nA: b\n\r\n", -1, 100, "", HTTP_BODY_BAD, 3},
	{"LF alone at the end", "0\r\n\n", -1, 100, "", HTTP_BODY_BAD, 1},
	{"a size beyond 60 bits", "1000000000000000\r\n", -1, UINT64_MAX, "", HTTP_BODY_BAD, 2},
	{"zeros beyond 60 bits", "00000000000000002\r\nhe\r\n0\r\n\r\n", -1, 100, "he",
	 HTTP_BODY_END, 0},
};

static void test_rows(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct http_head h = {.chunked = rows[i].length<0, .length = rows[i].length> 0
							 ? (uint64_t)rows[i].length
							 : 0};
		struct slice all = slice_of(rows[i].text);
		bool good = true;

		for (size_t step = 1; step <= all.n; step++) {
			struct told t;

			read_in_steps(&t, &h, rows[i].max, all, step);
			good = good && t.state == rows[i].state &&
			       slice_eq((struct slice){t.text, t.n}, slice_of(rows[i].want)) &&
			       (t.state == HTTP_BODY_BAD || t.behind == rows[i].behind);
		}
		CHECK(good, rows[i].name);
	}
}

/* A frame that never ends is no frame. */
static void test_bounds(void)
{
	static const struct {
		const char *name, *front, *again;
		size_t times;
		enum http_body_state state;
	} t[] = {
		{"an extension", "1;", "x", HTTP_CHUNK_LINE_MAX - 4, HTTP_BODY_MORE},
		{"an extension without an end", "1;", "x", HTTP_CHUNK_LINE_MAX, HTTP_BODY_BAD},
		{"zeros without an end", "", "0", HTTP_CHUNK_LINE_MAX + 1, HTTP_BODY_BAD},
		{"many chunks", "", "1;xxxxxxxxxxxxxxxxx\r\na\r\n", 1000, HTTP_BODY_MORE},
		{"a trailer", "0\r\n", "a", HTTP_TRAILERS_MAX - 4, HTTP_BODY_MORE},
		{"trailers without an end", "0\r\n", "A: b\r\n", HTTP_TRAILERS_MAX / 6 + 1,
		 HTTP_BODY_BAD},
	};
	const struct http_head h = {.chunked = true};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct http_body b = http_body_of(&h, UINT64_MAX);
		enum http_body_state state = HTTP_BODY_MORE;
		struct slice in = slice_of(t[i].front), piece;

		for (size_t k = 0; k <= t[i].times && state == HTTP_BODY_MORE; k++) {
			while ((state = http_body_take(&b, &in, &piece)) == HTTP_BODY_DATA)
				;
			in = slice_of(t[i].again);
		}
		CHECK_INT(state, t[i].state, t[i].name);
	}
}

int main(void)
{
	test_rows();
	test_bounds();
	return tap_done();
}
