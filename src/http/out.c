// SPDX-License-Identifier: MIT
/*
 * See out.h. After each call that took less than was offered another one follows, until the socket says
 * EAGAIN: only then does it tell (once, the connection being watched edge-triggered) that it takes more.
 */
#include "http/out.h"
#include "base/clock.h"

#include <errno.h>

/*
 * For how many turns a large file is not trusted to be in memory: at first, and after something has taken long,
 * which is more than the kernel reads ahead by itself.
 */
#define WARY      8
#define WARY_LONG 64
#define SLOW_NS   (5 * NS_PER_MS) /* for a turn, which may have waited for the processor */
#define DISK_NS   (3 * NS_PER_MS) /* for reading it */

/* What one turn sends as a whole is not worth the question whether it would be waited for. */
static bool is_large(const struct http_out *o)
{
	return o->a.kind == HTTP_ANSWER_FILE && o->a.length > (int64_t)HTTP_OUT_TURN_MAX;
}

void http_out_begin(struct http_out *o, const struct http_answer *a)
{
	*o = (struct http_out){.a = *a, .head_n = a->head.n, .left = a->length};
	o->wary = is_large(o) ? WARY : 0;
	switch (a->kind) {
	case HTTP_ANSWER_EMPTY: o->left = 0; break;
	case HTTP_ANSWER_BYTES:
		o->piece = (struct http_piece){.kind = HTTP_PIECE_BYTES, .bytes = a->bytes};
		o->left = 0;
		break;
	case HTTP_ANSWER_FILE:
	case HTTP_ANSWER_SOURCE: break;
	}
}

void http_out_end(struct http_out *o)
{
	free(TAKE(o->rest));
	if (o->a.release)
		o->a.release(o->a.ud);
	o->a.release = NULL;
}

static struct http_io_part part_of(const struct http_piece *p, size_t budget)
{
	return (struct http_io_part){p->fd, p->offset, MIN(p->n, budget)};
}

/* Would it be? Asked at first, and after something has taken long. */
static bool is_cold(struct http_out *o, size_t budget)
{
	struct http_io_part part = part_of(&o->piece, budget);
	int64_t end = part.offset + (int64_t)part.n;

	if (!o->wary || end <= o->warm)
		return false;
	if (!http_io_is_in_memory(part.file, end - 1))
		return true;
	o->warm = end;
	o->wary--;
	return false;
}

void http_out_has_read(struct http_out *o, int64_t took_ns)
{
	if (took_ns >= DISK_NS)
		o->wary = WARY_LONG;
	else if (o->wary)
		o->wary--;
}

struct http_io_part http_out_cold(struct http_out *o)
{
	struct http_io_part part = part_of(&o->piece, HTTP_OUT_TURN_MAX);

	o->warm = part.offset + (int64_t)part.n;
	return part;
}

/* The next piece of the body, if one has to be made. */
static void next_piece(struct http_out *o, struct http_block block)
{
	size_t n = (size_t)MIN(o->left, (int64_t)HTTP_OUT_TURN_MAX);
	struct http_piece *p = &o->piece;

	if (p->kind != HTTP_PIECE_NONE || o->left == 0 || o->waits)
		return;
	if (o->a.kind == HTTP_ANSWER_FILE) {
		*p = (struct http_piece){.kind = HTTP_PIECE_FILE,
					 .fd = o->a.fd,
					 .n = n,
					 .offset = o->a.offset + o->a.length - o->left};
	} else {
		o->a.source->pull(o->a.ud, block, n, p);
		o->waits = p->kind == HTTP_PIECE_NONE;
		n = p->kind == HTTP_PIECE_BYTES ? p->bytes.n : p->n;
		if (p->kind != HTTP_PIECE_BYTES && p->kind != HTTP_PIECE_FILE)
			return;
		ASSERT(n && n <= (size_t)o->left);
	}
	o->left -= (int64_t)n;
}

/* ---- bytes ---- */

/* What has not been sent of these has no other place to stay. */
static void keep_rest(struct http_out *o, const struct iovec *v, size_t n, size_t sent)
{
	size_t all = 0, at = 0;
	char *rest;

	for (size_t i = 0; i < n; i++)
		all += v[i].iov_len;
	if (all <= sent) {
		free(TAKE(o->rest));
		return;
	}
	rest = xzalloc(all - sent);
	for (size_t i = 0; i < n; i++) {
		size_t skip = MIN(sent, v[i].iov_len), rest_of = v[i].iov_len - skip;

		memcpy(rest + at, (char *)v[i].iov_base + skip, rest_of);
		at += rest_of;
		sent -= skip;
	}
	free(o->rest);
	o->rest = rest;
	o->rest_n = at;
	o->rest_at = 0;
}

static size_t gather(const struct http_out *o, struct slice tail, struct iovec v[HTTP_IO_PIECES])
{
	size_t n = 0;

	if (!o->begun) {
		v[n++] = (struct iovec){(char *)(uintptr_t)o->a.head.p, o->a.head.n};
		v[n++] = (struct iovec){(char *)(uintptr_t)tail.p, tail.n};
	} else if (o->rest) {
		v[n++] = (struct iovec){o->rest + o->rest_at, o->rest_n - o->rest_at};
	}
	if (o->piece.kind == HTTP_PIECE_BYTES)
		v[n++] = (struct iovec){(char *)(uintptr_t)o->piece.bytes.p, o->piece.bytes.n};
	return n;
}

/* The socket has taken so much of what was gathered. */
static void took(struct http_out *o, const struct iovec *v, size_t n, size_t sent)
{
	bool bytes = o->piece.kind == HTTP_PIECE_BYTES;
	bool borrowed = o->a.kind == HTTP_ANSWER_BYTES;
	size_t before = 0, copied = bytes && borrowed ? n - 1 : n;

	o->sent += sent;
	for (size_t i = 0; i < copied; i++)
		before += v[i].iov_len;
	if (o->rest && sent < before)
		o->rest_at += sent;
	else
		keep_rest(o, v, copied, MIN(sent, before));
	o->begun = true;
	if (bytes && borrowed)
		o->piece.bytes = slice_from(o->piece.bytes, sent - MIN(sent, before));
	if (bytes && (!borrowed || !o->piece.bytes.n))
		o->piece.kind = HTTP_PIECE_NONE;
}

static void advance(struct http_piece *p, size_t n)
{
	p->offset += (int64_t)n;
	p->n -= n;
	if (!p->n)
		p->kind = HTTP_PIECE_NONE;
}

static enum http_out_state send_bytes(struct http_out *o, const struct http_io *io,
				      struct slice tail, size_t budget)
{
	bool file = o->piece.kind == HTTP_PIECE_FILE && io->tls && !is_cold(o, budget);
	struct http_io_part next = part_of(&o->piece, budget);
	struct iovec v[HTTP_IO_PIECES];
	size_t n = gather(o, tail, v), bytes = 0;
	ssize_t sent = http_io_send(io, v, n, file ? &next : NULL);

	if (sent < 0 && errno != EAGAIN)
		return HTTP_OUT_LOST;
	if (!o->begun)
		o->head_n = o->a.head.n + tail.n;
	for (size_t i = 0; i < n; i++)
		bytes += v[i].iov_len;
	took(o, v, n, sent < 0 ? 0 : (size_t)sent);
	if (file && sent > 0 && (size_t)sent > bytes)
		advance(&o->piece, (size_t)sent - bytes);
	return sent < 0 ? HTTP_OUT_BLOCKED : HTTP_OUT_DONE;
}

/* ---- a part of a file ---- */

static enum http_out_state file_fails(struct http_out *o)
{
	if (o->a.kind != HTTP_ANSWER_SOURCE)
		return HTTP_OUT_SHORT;
	o->left += (int64_t)o->piece.n;
	o->a.source->unread(o->a.ud, o->piece.n);
	o->piece.kind = HTTP_PIECE_NONE;
	return HTTP_OUT_DONE;
}

static enum http_out_state send_file(struct http_out *o, const struct http_io *io, size_t *budget)
{
	struct http_io_part part = part_of(&o->piece, *budget);
	int64_t began = is_large(o) ? clock_mono_ns() : 0;
	ssize_t sent = http_io_send_file(io, &part);

	if (is_large(o) && clock_mono_ns() - began >= SLOW_NS)
		o->wary = WARY_LONG;
	if (sent < 0 && errno == EAGAIN)
		return HTTP_OUT_BLOCKED;
	if (sent <= 0)
		return sent < 0 && http_io_lost(errno) ? HTTP_OUT_LOST : file_fails(o);
	o->sent += (uint64_t)sent;
	*budget -= MIN((size_t)sent, *budget);
	advance(&o->piece, (size_t)sent);
	return HTTP_OUT_DONE;
}

enum http_out_state http_out_run(struct http_out *o, const struct http_io *io, struct slice tail,
				 struct http_block block)
{
	size_t budget = HTTP_OUT_TURN_MAX;

	for (;;) {
		uint64_t before = o->sent;
		enum http_out_state state;

		if (!budget)
			return HTTP_OUT_TURN;
		if (!o->rest)
			next_piece(o, block);
		if (!o->begun || o->rest || o->piece.kind == HTTP_PIECE_BYTES) {
			state = send_bytes(o, io, tail, budget);
			budget -= MIN(budget, (size_t)(o->sent - before));
		} else if (o->waits) {
			return HTTP_OUT_NOTHING;
		} else if (o->piece.kind == HTTP_PIECE_FILE && is_cold(o, budget)) {
			return HTTP_OUT_COLD;
		} else if (o->piece.kind == HTTP_PIECE_FILE) {
			state = send_file(o, io, &budget);
		} else if (o->piece.kind == HTTP_PIECE_CUT) {
			return HTTP_OUT_CUT;
		} else {
			return o->left ? HTTP_OUT_NOTHING : HTTP_OUT_DONE;
		}
		if (state != HTTP_OUT_DONE)
			return state;
	}
}
