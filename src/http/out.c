// SPDX-License-Identifier: MIT
/*
 * See out.h. After each call that took less than was offered another one follows, until the socket says
 * EAGAIN: only then does it tell (once, the connection being watched edge-triggered) that it takes more.
 */
#include "http/out.h"

#include <errno.h>

void http_out_begin(struct http_out *o, const struct http_answer *a)
{
	*o = (struct http_out){.a = *a, .head_n = a->head.n, .left = a->length};
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

static struct http_io_part part_of(const struct http_piece *p, size_t budget)
{
	return (struct http_io_part){p->fd, p->offset, MIN(p->n, budget)};
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
	bool file = o->piece.kind == HTTP_PIECE_FILE;
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
	ssize_t sent = http_io_send_file(io, &part);

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
