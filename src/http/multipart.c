// SPDX-License-Identifier: MIT
/*
 * See multipart.h. A boundary is looked for together with the line end before it. What has matched
 * of it at the end of a piece is not kept: should it turn out to be data, it is given from the mark
 * itself, being the same bytes. As only its first byte is a CR, none that has matched can be the
 * beginning of another one.
 */
#include "http/multipart.h"

#include "base/text.h"

enum { PREAMBLE, DATA, BOUNDARY, DASH, PADDING, LINE_END, HEAD, OVER, BAD };

/* ---- the headers ---- */

/* Cut a token or a quoted string off *s. In quotes only a quote is escaped: clients send paths raw. */
static struct slice cut_value(struct slice *s, char *room)
{
	struct slice rest = slice_trim(*s);
	size_t n = 0, i = 1;

	if (!rest.n || rest.p[0] != '"') {
		n = slice_find(rest, ';');
		*s = slice_from(rest, n);
		return slice_trim(slice_head(rest, n));
	}
	for (; i < rest.n && rest.p[i] != '"'; i++) {
		i += rest.p[i] == '\\' && i + 1 < rest.n && rest.p[i + 1] == '"';
		room[n++] = rest.p[i];
	}
	*s = slice_from(rest, i + 1);
	return (struct slice){room, n};
}

/* The next parameter ;name=value of a header; room has place for all of *s. */
static bool next_parameter(struct slice *s, char *room, struct slice *ret_name,
			   struct slice *ret_value)
{
	size_t semicolon = slice_find(*s, ';'), equals;

	*s = slice_from(*s, semicolon + 1);
	equals = slice_find(*s, '=');
	if (equals >= s->n)
		return false;
	*ret_name = slice_trim(slice_head(*s, equals));
	*s = slice_from(*s, equals + 1);
	*ret_value = cut_value(s, room);
	return true;
}

/* UTF-8'language'text, escaped as in URLs (RFC 8187). False: it is not that. */
static bool decode_extended(struct slice value, struct buf *ret)
{
	size_t quote = slice_find(value, '\'');
	struct slice rest = slice_from(value, quote + 1);

	return slice_eq_nocase(slice_head(value, quote), SLICE("utf-8")) &&
	       slice_find(rest, '\'') < rest.n &&
	       percent_decode(slice_from(rest, slice_find(rest, '\'') + 1), ret) && ret->n;
}

/* What a Content-Disposition tells of the file's name: moved to the front of head. */
static bool take_name(struct multipart *m, struct slice disposition)
{
	char room[MULTIPART_HEAD_MAX];
	struct buf best CLEANUP(buf_fini) = BUF_MAX(MULTIPART_HEAD_MAX);
	struct slice name, value;
	bool extended = false, found = false;

	while (next_parameter(&disposition, room, &name, &value)) {
		struct buf text CLEANUP(buf_fini) = BUF_MAX(MULTIPART_HEAD_MAX);

		if (slice_eq_nocase(name, SLICE("filename*")) && decode_extended(value, &text)) {
			value = buf_slice(&text);
			extended = true;
		} else if (!slice_eq_nocase(name, SLICE("filename")) || extended) {
			continue;
		}
		found = true;
		buf_clear(&best);
		buf_add(&best, value);
	}
	m->head_n = best.n;
	if (best.n)
		memcpy(m->head, best.p, best.n);
	return found;
}

/* The headers are in. Which part is it? */
static void read_head(struct multipart *m)
{
	struct slice rest = {m->head, m->head_n}, line;

	m->is_file = false;
	while (!m->is_file && slice_next(&rest, '\n', &line)) {
		size_t colon = slice_find(line, ':');

		if (slice_eq_nocase(slice_trim(slice_head(line, colon)),
				    SLICE("Content-Disposition")))
			m->is_file = take_name(m, slice_from(line, colon + 1));
	}
}

static bool is_boundary(struct slice s)
{
	if (!s.n || s.n > MULTIPART_BOUNDARY_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] > '~')
			return false;
	return true;
}

static void make_mark(struct multipart *m, struct slice boundary)
{
	memcpy(m->mark, "\r\n--", 4);
	memcpy(m->mark + 4, boundary.p, boundary.n);
	m->mark_n = boundary.n + 4;
}

/* The line end before a boundary may be that of the headers, or the beginning of the body. */
static void begin_data(struct multipart *m, int at)
{
	m->at = at;
	m->matched = m->no_data = 2;
}

bool multipart_begin(struct multipart *m, struct slice content_type)
{
	struct slice type = slice_head(content_type, slice_find(content_type, ';')), name, value;
	char room[512];

	*m = (struct multipart){.at = BAD};
	if (!slice_eq_nocase(slice_trim(type), SLICE("multipart/form-data")) ||
	    content_type.n > sizeof(room))
		return false;
	while (next_parameter(&content_type, room, &name, &value)) {
		if (!slice_eq_nocase(name, SLICE("boundary")))
			continue;
		if (!is_boundary(value))
			return false;
		make_mark(m, value);
		begin_data(m, PREAMBLE);
		return true;
	}
	return false;
}

/* ---- the bytes ---- */

/* How much of s, at its end, is the beginning of the mark? */
static size_t begun_at_end(const struct multipart *m, struct slice s)
{
	struct slice tail = slice_from(s, s.n - MIN(s.n, m->mark_n - 1));

	tail = slice_from(tail, slice_rfind(tail, '\r'));
	return tail.n && memcmp(tail.p, m->mark, tail.n) == 0 ? tail.n : 0;
}

/* What has begun like the boundary goes on, or was data. */
static void go_on_matching(struct multipart *m, struct slice *in, struct slice *ret)
{
	while (in->n && m->matched < m->mark_n && in->p[0] == m->mark[m->matched]) {
		m->matched++;
		*in = slice_from(*in, 1);
	}
	if (!in->n || m->matched == m->mark_n)
		return;
	*ret = slice_from((struct slice){m->mark, m->matched}, m->no_data);
	m->matched = m->no_data = 0;
}

/* Bytes that are no boundary, into *ret, which may be empty. True: the boundary has come. */
static bool take_data(struct multipart *m, struct slice *in, struct slice *ret)
{
	const char *found;

	if (m->matched) {
		go_on_matching(m, in, ret);
		return m->matched == m->mark_n;
	}
	found = in->n ? memmem(in->p, in->n, m->mark, m->mark_n) : NULL;
	m->matched = found ? m->mark_n : begun_at_end(m, *in);
	*ret = slice_head(*in, found ? (size_t)(found - in->p) : in->n - m->matched);
	*in = slice_from(*in, ret->n + m->matched);
	return found;
}

/* A byte behind a boundary, or of the headers. */
static void take_byte(struct multipart *m, char c)
{
	switch (m->at) {
	case BOUNDARY:
		if (c == '-') {
			m->at = DASH;
			return;
		}
		m->at = PADDING;
		__attribute__((fallthrough));
	case PADDING: m->at = c == '\r' ? LINE_END : c == ' ' || c == '\t' ? PADDING : BAD; return;
	case DASH: m->at = c == '-' ? OVER : BAD; return;
	case LINE_END:
		m->at = c == '\n' ? HEAD : BAD;
		m->head_n = 0;
		return;
	default: break;
	}
	if (m->head_n == sizeof(m->head)) {
		m->at = BAD;
		return;
	}
	m->head[m->head_n++] = c;
	/* An empty line ends them, also the first. */
	if (slice_ends((struct slice){m->head, m->head_n}, SLICE("\r\n\r\n")) ||
	    (m->head_n == 2 && memcmp(m->head, "\r\n", 2) == 0)) {
		read_head(m);
		begin_data(m, DATA);
	}
}

/* Between parts. */
static enum multipart_event take_frame(struct multipart *m, struct slice *in, struct slice *ret)
{
	while (in->n && m->at != OVER && m->at != BAD) {
		take_byte(m, in->p[0]);
		*in = slice_from(*in, 1);
		if (m->at != DATA)
			continue;
		*ret = (struct slice){m->head, m->head_n};
		return m->is_file ? MULTIPART_FILE : MULTIPART_MORE;
	}
	return m->at == OVER ? MULTIPART_END : m->at == BAD ? MULTIPART_BAD : MULTIPART_MORE;
}

/* Within a part, or before the first one. MORE: there may be more to say. */
static enum multipart_event take_part(struct multipart *m, struct slice *in, struct slice *ret)
{
	bool is_file = m->at == DATA && m->is_file;

	if (take_data(m, in, ret)) {
		m->at = BOUNDARY;
		m->matched = m->no_data = 0;
		m->ends = is_file;
	}
	return is_file && ret->n ? MULTIPART_DATA : MULTIPART_MORE;
}

enum multipart_event multipart_take(struct multipart *m, struct slice *in, struct slice *ret)
{
	enum multipart_event event;

	do {
		*ret = SLICE_NONE;
		if (m->ends) {
			m->ends = false;
			return MULTIPART_FILE_END;
		}
		event = m->at == PREAMBLE || m->at == DATA ? take_part(m, in, ret)
							   : take_frame(m, in, ret);
	} while (event == MULTIPART_MORE && (in->n || m->ends));
	return event;
}
