// SPDX-License-Identifier: MIT
/* See head.h. Line by line: each is looked at once, when its end is there. */
#include "http/head.h"

static enum http_head_state bad(struct http_head *h, int status)
{
	h->status = status;
	return HTTP_HEAD_BAD;
}

static bool is_token_char(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return true;
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
		return true;
	return c && strchr("!#$%&'*+-.^_`|~", c);
}

static bool is_token(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_token_char((unsigned char)s.p[i]))
			return false;
	return s.n > 0;
}

/* ---- the request line ---- */

static bool read_version(struct http_head *h, struct slice v)
{
	if (v.n != 8 || !slice_starts(v, SLICE("HTTP/1.")) || v.p[7] < '0' || v.p[7] > '9')
		return false;
	h->http_1_0 = v.p[7] == '0';
	return true;
}

/* The target is all between the first blank and the last one, whatever it is. */
static enum http_head_state read_line(struct http_head *h, const char *p, struct slice line)
{
	size_t method_n = slice_find(line, ' '), from = method_n, to;

	while (line.n && line.p[line.n - 1] == ' ')
		line.n--;
	to = slice_rfind(line, ' ');
	if (to >= line.n || !is_token(slice_head(line, method_n)) ||
	    !read_version(h, slice_from(line, to + 1)))
		return bad(h, 400);
	while (from < to && line.p[from] == ' ')
		from++;
	while (to > from && line.p[to - 1] == ' ')
		to--;
	if (from == to || (slice_eq(slice_head(line, method_n), SLICE("PRI"))))
		return bad(h, 400); /* no target; or HTTP/2, which is not spoken here */
	h->method = (uint32_t)(line.p - p);
	h->method_n = (uint32_t)method_n;
	h->target = h->method + (uint32_t)from;
	h->target_n = (uint32_t)(to - from);
	return HTTP_HEAD_MORE;
}

/* ---- headers ---- */

static enum http_head_state read_length(struct http_head *h, struct slice value)
{
	uint64_t n;

	if (!parse_u64(value, INT64_MAX, &n) || (h->has_length && n != h->length))
		return bad(h, 400);
	h->has_length = true;
	h->length = n;
	return HTTP_HEAD_MORE;
}

static enum http_head_state read_coding(struct http_head *h, struct slice value)
{
	if (h->has_coding)
		return bad(h, 400);
	h->has_coding = true;
	h->chunked = slice_eq_nocase(value, SLICE("chunked"));
	return h->chunked ? HTTP_HEAD_MORE : bad(h, 501);
}

static void read_connection(struct http_head *h, struct slice value)
{
	struct slice one;

	while (slice_next(&value, ',', &one)) {
		one = slice_trim(one);
		h->says_close |= slice_eq_nocase(one, SLICE("close"));
		h->says_keep |= slice_eq_nocase(one, SLICE("keep-alive"));
	}
}

/* What says something of the request's frame or of the connection; the rest is the handler's. */
static enum http_head_state note(struct http_head *h, const struct http_field *f)
{
	switch (f->name.n) {
	case 6:
		if (slice_eq_nocase(f->name, SLICE("Expect")))
			h->expects_continue = slice_eq_nocase(f->value, SLICE("100-continue"));
		break;
	case 10:
		if (slice_eq_nocase(f->name, SLICE("Connection")))
			read_connection(h, f->value);
		break;
	case 14:
		if (slice_eq_nocase(f->name, SLICE("Content-Length")))
			return read_length(h, f->value);
		break;
	case 17:
		if (slice_eq_nocase(f->name, SLICE("Transfer-Encoding")))
			return read_coding(h, f->value);
		break;
	default: break;
	}
	return HTTP_HEAD_MORE;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static enum http_head_state read_field(struct http_head *h, char *p, struct slice line)
{
	size_t colon = slice_find(line, ':'), from = colon + 1, to = line.n;
	struct http_field f = {.name = slice_head(line, colon)};

	if (colon == line.n || !is_token(f.name) || memchr(line.p, '\0', line.n))
		return bad(h, 400);
	while (from < to && is_blank(line.p[from]))
		from++;
	while (to > from && is_blank(line.p[to - 1]))
		to--;
	f.value = (struct slice){line.p + from, to - from};
	p[(size_t)(line.p - p) + to] = '\0';
	return note(h, &f);
}

static enum http_head_state finish(struct http_head *h, size_t size)
{
	h->size = (uint32_t)size;
	if (h->has_coding && (h->has_length || h->http_1_0))
		return bad(h, 400);
	h->expects_continue = h->expects_continue && !h->http_1_0 && http_head_has_body(h);
	return HTTP_HEAD_DONE;
}

enum http_head_state http_head_read(struct http_head *h, char *p, size_t n, size_t max)
{
	for (;;) {
		enum http_head_state state;
		const char *lf = h->scanned < n ? memchr(p + h->scanned, '\n', n - h->scanned)
						: NULL;
		size_t next = lf ? (size_t)(lf - p) + 1 : n;
		struct slice line = {p + h->line, next - h->line - (lf != NULL)};

		if (next > max || (!lf && next == max))
			return bad(h, h->method_n ? 431 : 414);
		h->scanned = (uint32_t)next;
		if (!lf)
			return HTTP_HEAD_MORE;
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		h->line = (uint32_t)next;
		if (line.n == 0 && h->method_n)
			return finish(h, next);
		if (line.n == 0)
			continue; /* an old client's empty line behind the body before */
		if (memchr(line.p, '\r', line.n))
			return bad(h, 400);
		state = h->method_n ? read_field(h, p, line) : read_line(h, p, line);
		if (state == HTTP_HEAD_BAD)
			return state;
		if (!h->fields)
			h->fields = (uint32_t)next;
	}
}

/*
 * The NUL behind a value lies on a blank, a CR, or on the LF itself if that stood alone. A header begins
 * with none of these, so what follows up to one LF belongs to the line before.
 */
bool http_head_next(const struct http_head *h, const char *p, size_t *at, struct http_field *ret)
{
	size_t i = *at ? *at : h->fields, end;
	struct slice rest = {p, h->size};

	if (i >= h->size || p[i] == '\r' || p[i] == '\n')
		return false;
	rest = slice_from(rest, i);
	end = slice_find(rest, ':');
	ret->name = slice_head(rest, end);
	for (end++; is_blank(rest.p[end]);)
		end++;
	ret->value = slice_of(rest.p + end);
	end += ret->value.n + 1;
	while (end < rest.n && (is_blank(rest.p[end]) || rest.p[end] == '\r'))
		end++;
	*at = i + end + (end < rest.n && rest.p[end] == '\n');
	return true;
}
