// SPDX-License-Identifier: MIT
/* See body.h. */
#include "serve/body.h"
#include "base/log.h"
#include "metric/metric.h"

/* What does not fit the socket is kept in so large a block; many of them make do with smaller ones. */
#define READ_BLOCK_MANY ((size_t)12 * 1024)
#define MANY            128 /* requests */

/* Called by the fill, on the loop's thread. */
static void body_ready(struct fill_waiter *w)
{
	http_wake(CONTAINER_OF(w, struct exchange, body_wait)->conn);
}

void body_leave(void *ud)
{
	struct exchange *x = ud;

	if (x->answer.fill && fill_unwait(x->answer.fill, &x->body_wait))
		http_wake(x->conn);
}

/* On the loop's thread, while the connection waits. */
static void body_rescued(void *ud, struct fill *body)
{
	struct exchange *x = ud;

	if (body) {
		fill_unref(x->answer.fill);
		x->answer.fill = body;
		x->answer.fill_offset = -x->given;
	}
	http_wake(x->conn);
}

/* Did it fail on our side of the transfer? Then the store may still give the rest. */
static bool can_rescue(struct exchange *x)
{
	struct error e;

	return !x->rescued && x->answer.way != ASK_PASSED &&
	       (!fill_failed(x->answer.fill, &e) || e.code == ERR_IO);
}

static enum http_piece_kind body_failed(struct exchange *x)
{
	const struct object_head *h = &x->answer.head;
	struct error e;

	if (can_rescue(x)) {
		x->rescued = true;
		lookup_rescue(x->lookup, h->first + x->given, h->first + h->length - 1,
			      body_rescued);
		return HTTP_PIECE_NONE;
	}
	x->cut = true;
	if (fill_failed(x->answer.fill, &e) && e.code != ERR_CANCELED)
		log_event(LOG_WARN, "answer cut short", "store", x->answer.from->traits.name,
			  "error", e.msg, NULL);
	return HTTP_PIECE_CUT;
}

/* What is there at this place of the fill, where it lies or copied. */
static enum fill_read look(struct exchange *x, int64_t at, struct http_block block, size_t n,
			   struct http_piece *ret)
{
	struct fill *f = x->answer.fill;
	struct fill_place place;
	enum fill_read state;

	if (!x->copies) {
		state = fill_locate(f, at, &place);
		x->copies = state == FILL_DATA && place.fd < 0;
		if (!x->copies) {
			*ret = (struct http_piece){.kind = HTTP_PIECE_FILE,
						   .fd = place.fd,
						   .offset = place.offset,
						   .n = MIN(place.n, n)};
			return state;
		}
	}
	if (metric_get(active_requests) > MANY)
		n = MIN(n, READ_BLOCK_MANY);
	*ret = (struct http_piece){.kind = HTTP_PIECE_BYTES, .bytes.p = block.p};
	return fill_read(f, at, block.p, MIN(n, block.n), &ret->bytes.n);
}

/* Nothing is there. False: there is now. */
static bool wait_at(struct exchange *x, int64_t at)
{
	x->body_wait.ready = body_ready;
	x->body_wait.offset = at;
	return fill_wait(x->answer.fill, &x->body_wait);
}

static void pull(void *ud, struct http_block block, size_t n, struct http_piece *ret)
{
	struct exchange *x = ud;
	int64_t at = x->given + x->answer.fill_offset;
	enum fill_read state;

	while ((state = look(x, at, block, n, ret)) == FILL_WAIT) {
		ret->kind = atomic_load(&x->left) ? HTTP_PIECE_CUT : HTTP_PIECE_NONE;
		if (ret->kind == HTTP_PIECE_CUT || wait_at(x, at))
			return;
	}
	if (state == FILL_DATA)
		x->given += (int64_t)(ret->kind == HTTP_PIECE_FILE ? ret->n : ret->bytes.n);
	else
		ret->kind = body_failed(x);
}

/* A file that cannot be sent from is read, and then fails by its own reason. */
static void unread(void *ud, size_t n)
{
	struct exchange *x = ud;

	x->given -= (int64_t)n;
	x->copies = true;
}

static const struct http_source of_fill = {.pull = pull, .unread = unread};

static void close_file(void *ud)
{
	struct exchange *x = ud;

	close_p(&x->body_fd);
	x->body_fd = -1;
}

static void from_file(struct exchange *x, int fd, int64_t base, struct http_answer *ret)
{
	x->body_fd = fd;
	ret->kind = HTTP_ANSWER_FILE;
	ret->fd = fd;
	ret->offset = base + x->answer.head.first;
	ret->release = close_file;
}

void body_begin(struct exchange *x, struct http_answer *ret)
{
	struct object_head *h = &x->answer.head;
	struct slice bytes;
	int64_t base;
	int fd;

	if (x->head)
		return;
	ret->length = h->length;
	ret->ud = x;
	if (h->fd >= 0) {
		from_file(x, TAKE_FD(h->fd), h->fd_base, ret);
		return;
	}
	fd = fill_file(x->answer.fill, &base);
	if (fd >= 0) {
		from_file(x, fd, base, ret);
	} else if (fill_whole(x->answer.fill, &bytes)) {
		ret->kind = HTTP_ANSWER_BYTES;
		ret->bytes = (struct slice){bytes.p + x->answer.fill_offset, (size_t)h->length};
	} else {
		ret->kind = HTTP_ANSWER_SOURCE;
		ret->source = &of_fill;
	}
}
