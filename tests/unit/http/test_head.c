// SPDX-License-Identifier: MIT
/*
 * Heads of requests: what is taken for one and what is not, each strictness a row; and that it does not
 * matter where the bytes are split.
 */
#include "http/head.h"

#include "tap.h"
#include <stdarg.h>

#define MAX_HEAD 2048

/* What was read, on one line, so that two ways of reading can be compared. */
struct told {
	char text[4096];
	size_t n;
};

PRINTF(2, 3) static void tell(struct told *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	t->n += (size_t)vsnprintf(t->text + t->n, sizeof(t->text) - t->n, fmt, ap);
	va_end(ap);
	ASSERT(t->n < sizeof(t->text));
}

static void tell_head(struct told *t, enum http_head_state state, const struct http_head *h,
		      const char *p)
{
	struct http_field f;

	*t = (struct told){0};
	if (state != HTTP_HEAD_DONE) {
		tell(t, "%s %d", state == HTTP_HEAD_BAD ? "bad" : "more", h->status);
		return;
	}
	tell(t, SLICE_FMT "|" SLICE_FMT "|%d", (int)h->method_n, p + h->method, (int)h->target_n,
	     p + h->target, h->http_1_0);
	for (size_t at = 0; http_head_next(h, p, &at, &f);) {
		ASSERT(f.value.p[f.value.n] == '\0');
		tell(t, "|" SLICE_FMT "=" SLICE_FMT, SLICE_ARG(f.name), SLICE_ARG(f.value));
	}
	if (h->has_length)
		tell(t, "|length %llu", (unsigned long long)h->length);
	tell(t, "%s%s%s", h->chunked ? "|chunked" : "", http_head_keeps(h) ? "" : "|close",
	     h->expects_continue ? "|expects" : "");
}

/* Read the first n bytes, which lie in a block of just that size, after those that were read before. */
static enum http_head_state read_up_to(struct http_head *h, char **p, size_t before, size_t n,
				       struct slice all)
{
	char *moved = malloc(n ? n : 1);

	ASSERT(moved);
	if (before)
		memcpy(moved, *p, before);
	memcpy(moved + before, all.p + before, n - before);
	free(*p);
	*p = moved;
	return http_head_read(h, moved, n, MAX_HEAD);
}

/* In two steps, split at this byte; then told. */
static void read_split(struct told *t, struct slice all, size_t split)
{
	enum http_head_state state;
	struct http_head h = {0};
	char *p = NULL;

	state = read_up_to(&h, &p, 0, split, all);
	if (state == HTTP_HEAD_MORE)
		state = read_up_to(&h, &p, split, all.n, all);
	tell_head(t, state, &h, p);
	free(p);
}

static void read_bytewise(struct told *t, struct slice all)
{
	enum http_head_state state = HTTP_HEAD_MORE;
	struct http_head h = {0};
	char *p = NULL;

	for (size_t n = 1; n <= all.n && state == HTTP_HEAD_MORE; n++)
		state = read_up_to(&h, &p, n - 1, n, all);
	tell_head(t, state, &h, p);
	free(p);
}

#define G    "GET /x HTTP/1.1\r\n"
#define P    "POST /x HTTP/1.1\r\n"
#define E    "\r\n"
#define GOT  "GET|/x|0"
#define POST "POST|/x|0"

static const struct {
	const char *name, *text, *want;
	size_t n; /* of the text, if it holds a NUL */
} rows[] = {
	/* what debuggers send */
	{"the least", G E, GOT},
	{"HTTP/1.0", "GET /x HTTP/1.0\r\n" E, "GET|/x|1|close"},
	{"a later 1.x", "GET /x HTTP/1.9\r\n" E, GOT},
	{"raw blanks in the target", "GET /my app.pdb/1 2/my app.pdb HTTP/1.1\r\n" E,
	 "GET|/my app.pdb/1 2/my app.pdb|0"},
	{"two blanks within", "GET /a  b HTTP/1.1\r\n" E, "GET|/a  b|0"},
	{"blanks around", "GET   /a   HTTP/1.1\r\n" E, "GET|/a|0"},
	{"blanks behind the version", "GET /a HTTP/1.1  \r\n" E, "GET|/a|0"},
	{"a version in the target", "GET /a HTTP/1.1 b HTTP/1.1\r\n" E, "GET|/a HTTP/1.1 b|0"},
	{"raw UTF-8", "GET /\xc3\xa4.pdb/1/\xc3\xa4.pdb HTTP/1.1\r\n" E,
	 "GET|/\xc3\xa4.pdb/1/\xc3\xa4.pdb|0"},
	{"a Windows path", "GET c:\\build\\a.pdb HTTP/1.1\r\n" E, "GET|c:\\build\\a.pdb|0"},
	{"whatever bytes", "GET /\x01\x7f\xff\t HTTP/1.1\r\n" E, "GET|/\x01\x7f\xff\t|0"},
	{"absolute form", "GET http://h:1/x HTTP/1.1\r\n" E, "GET|http://h:1/x|0"},
	{"asterisk form", "OPTIONS * HTTP/1.1\r\n" E, "OPTIONS|*|0"},
	{"an odd method", "get /x HTTP/1.1\r\n" E, "get|/x|0"},
	{"LF alone", "GET /x HTTP/1.1\nHost: a\nX:b\n\n", GOT "|Host=a|X=b"},
	{"LF alone, and values that end with blanks", G "A: b \nC:\nD: \n\n", GOT "|A=b|C=|D="},
	{"empty lines before", "\r\n\n\r\n" G E, GOT},
	{"headers", G "Host: x:1\r\nUser-Agent:  a b \r\nEmpty:\r\nBlank: \t \r\n" E,
	 GOT "|Host=x:1|User-Agent=a b|Empty=|Blank="},
	{"high bytes in a value", G "A: \xff\xc3\xa4\x01\r\n" E, GOT "|A=\xff\xc3\xa4\x01"},
	{"colons in a value", G "A: b:c: d\r\n" E, GOT "|A=b:c: d"},
	{"a name of all that is allowed", G "!#$%&'*+-.^_`|~09Az: x\r\n" E,
	 GOT "|!#$%&'*+-.^_`|~09Az=x"},
	/* the connection */
	{"close", G "Connection: close\r\n" E, GOT "|Connection=close|close"},
	{"close among others", G "connection: TE , Close\r\n" E,
	 GOT "|connection=TE , Close|close"},
	{"something like close", G "Connection: closed\r\n" E, GOT "|Connection=closed"},
	{"on two lines", G "Connection: x\r\nConnection: close\r\n" E,
	 GOT "|Connection=x|Connection=close|close"},
	{"1.0 kept", "GET /x HTTP/1.0\r\nConnection: Keep-Alive\r\n" E,
	 "GET|/x|1|Connection=Keep-Alive"},
	{"1.0 kept and not", "GET /x HTTP/1.0\r\nConnection: keep-alive, close\r\n" E,
	 "GET|/x|1|Connection=keep-alive, close|close"},
	{"an upgrade that is not taken",
	 G "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n" E,
	 GOT "|Connection=Upgrade, HTTP2-Settings|Upgrade=h2c"},
	/* where it ends */
	{"a length", P "Content-Length: 12\r\n" E, POST "|Content-Length=12|length 12"},
	{"zero", P "Content-Length: 0\r\n" E, POST "|Content-Length=0|length 0"},
	{"the same twice", P "Content-Length: 3\r\ncontent-length: 3\r\n" E,
	 POST "|Content-Length=3|content-length=3|length 3"},
	{"zeros before", P "Content-Length: 0003\r\n" E, POST "|Content-Length=0003|length 3"},
	{"chunks", P "Transfer-Encoding: Chunked\r\n" E, POST "|Transfer-Encoding=Chunked|chunked"},
	{"expects", P "Content-Length: 1\r\nExpect: 100-Continue\r\n" E,
	 POST "|Content-Length=1|Expect=100-Continue|length 1|expects"},
	{"expects nothing to come", G "Expect: 100-continue\r\n" E, GOT "|Expect=100-continue"},
	{"expects in 1.0", "POST /x HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n" E,
	 "POST|/x|1|Content-Length=1|Expect=100-continue|length 1|close"},
	{"two lengths", P "Content-Length: 0\r\nContent-Length: 5\r\n" E, "bad 400"},
	{"the other way round", P "Content-Length: 5\r\nContent-Length: 0\r\n" E, "bad 400"},
	{"two lengths on one line", P "Content-Length: 5, 5\r\n" E, "bad 400"},
	{"a length with a sign", P "Content-Length: +5\r\n" E, "bad 400"},
	{"a negative one", P "Content-Length: -5\r\n" E, "bad 400"},
	{"in hex", P "Content-Length: 0x5\r\n" E, "bad 400"},
	{"with blanks", P "Content-Length: 5 5\r\n" E, "bad 400"},
	{"none at all", P "Content-Length:\r\n" E, "bad 400"},
	{"no number", P "Content-Length: abc\r\n" E, "bad 400"},
	{"beyond 63 bits", P "Content-Length: 9223372036854775808\r\n" E, "bad 400"},
	{"beyond 64 bits", P "Content-Length: 18446744073709551620\r\n" E, "bad 400"},
	{"length and chunks", P "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" E, "bad 400"},
	{"chunks and length", P "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n" E, "bad 400"},
	{"chunks and no length", P "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n" E,
	 "bad 400"},
	{"chunks in 1.0", "POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n" E, "bad 400"},
	{"chunks twice", P "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" E,
	 "bad 400"},
	{"identity first", P "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n" E,
	 "bad 501"},
	{"another coding", P "Transfer-Encoding: gzip, chunked\r\n" E, "bad 501"},
	{"chunks in quotes", P "Transfer-Encoding: \"chunked\"\r\n" E, "bad 501"},
	{"a list", P "Transfer-Encoding: chunked, chunked\r\n" E, "bad 501"},
	{"a list that ends early", P "Transfer-Encoding: chunked,\r\n" E, "bad 501"},
	{"a parameter", P "Transfer-Encoding: chunked;x=y\r\n" E, "bad 501"},
	{"a letter before", P "Transfer-Encoding: xchunked\r\n" E, "bad 501"},
	{"a control before",
	 P "Transfer-Encoding: \x0b"
	   "chunked\r\n" E,
	 "bad 501"},
	{"no coding", P "Transfer-Encoding:\r\n" E, "bad 501"},
	{"a blank in the name", P "Transfer Encoding: chunked\r\n" E, "bad 400"},
	{"a blank before the colon", P "Transfer-Encoding : chunked\r\n" E, "bad 400"},
	{"a tab before the colon", P "Content-Length\t: 5\r\n" E, "bad 400"},
	{"folded", P "X: y\r\n Transfer-Encoding: chunked\r\n" E, "bad 400"},
	{"folded behind a tab", P "Transfer-Encoding:\r\n\tchunked\r\n" E, "bad 501"},
	{"folded, what harms nobody", G "X: y\r\n\tz\r\n" E, "bad 400"},
	{"a blank before the first header", G " Host: x\r\n" E, "bad 400"},
	{"no colon", G "no colon\r\n" E, "bad 400"},
	{"no colon and no blank", G "nocolon\r\n" E, "bad 400"},
	{"no name", G ": x\r\n" E, "bad 400"},
	{"a high byte in a name", G "X\xc3\xa4: x\r\n" E, "bad 400"},
	{"a bare CR in a value", G "X: a\rTransfer-Encoding: chunked\r\n" E, "bad 400"},
	{"CR CR LF", G "X: a\r\r\n" E, "bad 400"},
	{"CR CR LF at the end", G "\r\r\n", "bad 400"},
	{"a bare CR in the target", "GET /a\rb HTTP/1.1\r\n" E, "bad 400"},
	{"a bare CR behind the method", "GET\r/a HTTP/1.1\r\n" E, "bad 400"},
	{"a NUL in a value", G "X: a\0b\r\n" E, "bad 400", sizeof(G "X: a\0b\r\n" E) - 1},
	{"a NUL in a name", G "X\0: b\r\n" E, "bad 400", sizeof(G "X\0: b\r\n" E) - 1},
	/* what is no request */
	{"HTTP/0.9", "GET /x\r\n" E, "bad 400"},
	{"a word", "GET\r\n" E, "bad 400"},
	{"no target", "GET HTTP/1.1\r\n" E, "bad 400"},
	{"no target but blanks", "GET    HTTP/1.1\r\n" E, "bad 400"},
	{"no method", " /x HTTP/1.1\r\n" E, "bad 400"},
	{"a method that is no token", "G(T /x HTTP/1.1\r\n" E, "bad 400"},
	{"HTTP/2", "PRI * HTTP/2.0\r\n" E, "bad 400"},
	{"HTTP/2's preface, as it might be", "PRI * HTTP/1.1\r\n" E, "bad 400"},
	{"HTTP/2.0", "GET /x HTTP/2.0\r\n" E, "bad 400"},
	{"another version", "GET /x HTTP/9.9\r\n" E, "bad 400"},
	{"two digits", "GET /x HTTP/1.10\r\n" E, "bad 400"},
	{"no digit", "GET /x HTTP/1.\r\n" E, "bad 400"},
	{"in small letters", "GET /x http/1.1\r\n" E, "bad 400"},
	{"a tab before the version", "GET /x\tHTTP/1.1\r\n" E, "bad 400"},
	{"TLS", "\x16\x03\x01\x02\x00\x01\x00\n", "bad 400", 8},
	{"no end", G "Host: x\r\n", "more 0"},
	{"no end of a line", G "Host: x", "more 0"},
	{"nothing", "", "more 0"},
	{"empty lines", "\r\n\r\n\r\n", "more 0"},
};

static struct slice text_of(size_t i)
{
	return (struct slice){rows[i].text, rows[i].n ? rows[i].n : strlen(rows[i].text)};
}

static void test_rows(void)
{
	struct told t;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		read_split(&t, text_of(i), 0);
		CHECK_STR(t.text, rows[i].want, rows[i].name);
	}
}

static void test_every_split(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice all = text_of(i);
		bool same = true;
		struct told t;

		for (size_t split = 0; split <= all.n; split++) {
			read_split(&t, all, split);
			same = same && strcmp(t.text, rows[i].want) == 0;
		}
		read_bytewise(&t, all);
		CHECK(same && strcmp(t.text, rows[i].want) == 0, rows[i].name);
	}
}

/* What is behind a head belongs to others. */
static void test_what_follows(void)
{
	static const char text[] = G "A: b\r\n" E "B: c\r\n\r\n";
	struct http_head h = {0};
	char p[sizeof(text)];

	memcpy(p, text, sizeof(text));
	CHECK(http_head_read(&h, p, sizeof(text) - 1, MAX_HEAD) == HTTP_HEAD_DONE, "a head");
	CHECK_INT(h.size, sizeof(G "A: b\r\n" E) - 1, "as long as it is");
	CHECK_STR(p + h.size, "B: c\r\n\r\n", "and no more of it was touched");
}

/* A request of n bytes, the first line being so long, or else a header. */
static enum http_head_state of_size(size_t n, bool line, size_t max, int *ret_status)
{
	const char *front = line ? "GET /" : G "X: ",
		   *back = line ? " HTTP/1.1\r\n\r\n" : "\r\n\r\n";
	size_t filler = n - strlen(front) - strlen(back);
	struct http_head h = {0};
	enum http_head_state state;
	char *p = xzalloc(n);

	memcpy(p, front, strlen(front));
	memset(p + strlen(front), 'a', filler);
	memcpy(p + strlen(front) + filler, back, strlen(back));
	state = http_head_read(&h, p, n, max);
	*ret_status = h.status;
	free(p);
	return state;
}

static void test_limit(void)
{
	int status;

	for (int line = 0; line < 2; line++) {
		CHECK(of_size(500, line, 500, &status) == HTTP_HEAD_DONE, "as long as it may be");
		CHECK(of_size(501, line, 500, &status) == HTTP_HEAD_BAD, "a byte longer");
		CHECK_INT(status, 431, "when its line is in, it is the headers");
		CHECK(of_size(600, line, 500, &status) == HTTP_HEAD_BAD, "much longer");
		CHECK_INT(status, line ? 414 : 431, "what is too long is said");
		CHECK(of_size(5000, line, 500, &status) == HTTP_HEAD_BAD &&
			      status == (line ? 414 : 431),
		      "more than was looked at");
	}
}

int main(void)
{
	test_rows();
	test_every_split();
	test_what_follows();
	test_limit();
	return tap_done();
}
