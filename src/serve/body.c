// SPDX-License-Identifier: MIT
/* See body.h. */
#include "serve/body.h"
#include "base/file.h"
#include "base/log.h"
#include "metric/metric.h"

#include <fcntl.h>

/* Each running body has such a block; many of them make do with smaller ones. */
#define READ_BLOCK      ((size_t)32 * 1024)
#define READ_BLOCK_MANY ((size_t)12 * 1024)
#define MANY            128 /* requests */

/* Called by the fill, on the loop's thread. */
static void body_ready(struct fill_waiter *w)
{
	struct exchange *x = CONTAINER_OF(w, struct exchange, body_wait);

	MHD_resume_connection(x->mhd);
}

void body_leave(void *ud)
{
	struct exchange *x = ud;

	if (x->answer.fill && fill_unwait(x->answer.fill, &x->body_wait))
		MHD_resume_connection(x->mhd);
}

/* On the loop's thread, while the connection is suspended. */
static void body_rescued(void *ud, struct fill *body)
{
	struct exchange *x = ud;

	if (body) {
		fill_unref(x->answer.fill);
		x->answer.fill = body;
		x->answer.fill_offset = -x->sent;
	}
	MHD_resume_connection(x->mhd);
}

/* Did it fail on our side of the transfer? Then the store may still give the rest. */
static bool can_rescue(struct exchange *x)
{
	struct error e;

	return !x->rescued && x->answer.way != ASK_PASSED &&
	       (!fill_failed(x->answer.fill, &e) || e.code == ERR_IO);
}

static ssize_t body_failed(struct exchange *x)
{
	const struct object_head *h = &x->answer.head;
	struct error e;

	if (can_rescue(x)) {
		x->rescued = true;
		MHD_suspend_connection(x->mhd);
		lookup_rescue(x->lookup, h->first + x->sent, h->first + h->length - 1,
			      body_rescued);
		return 0;
	}
	x->cut = true;
	if (fill_failed(x->answer.fill, &e) && e.code != ERR_CANCELED)
		log_event(LOG_WARN, "answer cut short", "store", x->answer.from->traits.name,
			  "error", e.msg, NULL);
	return MHD_CONTENT_READER_END_WITH_ERROR;
}

static ssize_t read_body(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct exchange *x = cls;
	int64_t at = (int64_t)pos + x->answer.fill_offset;
	size_t n = 0;

	switch (fill_read(x->answer.fill, at, buf, max, &n)) {
	case FILL_DATA: x->sent += (int64_t)n; return (ssize_t)n;
	case FILL_WAIT:
		if (atomic_load(&x->left))
			return MHD_CONTENT_READER_END_WITH_ERROR;
		/* Suspended first: it may be resumed before this returns. */
		MHD_suspend_connection(x->mhd);
		x->body_wait.ready = body_ready;
		x->body_wait.offset = at;
		if (!fill_wait(x->answer.fill, &x->body_wait))
			MHD_resume_connection(x->mhd);
		return 0;
	case FILL_FAILED: return body_failed(x);
	case FILL_END: break;
	}
	return MHD_CONTENT_READER_END_OF_STREAM;
}

/* The body of a HEAD, of which only the length is used. */
static ssize_t no_body(void *cls, uint64_t pos, char *buf, size_t max)
{
	return MHD_CONTENT_READER_END_WITH_ERROR;
}

static void unref_body(void *cls)
{
	fill_unref(cls);
}

/* Of a fill that has ended well: its file, or its memory. NULL: it is still being written. */
static struct MHD_Response *whole_response(const struct answer *a)
{
	const struct object_head *h = &a->head;
	struct slice bytes;
	int64_t base;
	int fd = fill_file(a->fill, &base);

	if (fd >= 0)
		return MHD_create_response_from_fd_at_offset64((uint64_t)h->length, fd,
							       (uint64_t)(base + h->first));
	if (!fill_whole(a->fill, &bytes))
		return NULL;
	return MHD_create_response_from_buffer_with_free_callback_cls(
		(size_t)h->length, (void *)(uintptr_t)(bytes.p + a->fill_offset), unref_body,
		fill_ref(a->fill));
}

static struct MHD_Response *file_response(const struct object_head *h, int fd)
{
	return MHD_create_response_from_fd_at_offset64((uint64_t)h->length, fd,
						       (uint64_t)(h->fd_base + h->first));
}

struct MHD_Response *body_response(struct exchange *x)
{
	struct object_head *h = &x->answer.head;
	uint64_t length = (uint64_t)h->length;
	struct MHD_Response *r;
	size_t block;

	x->promised = h->length;
	if (x->head)
		return MHD_create_response_from_callback(length, 1, no_body, NULL, NULL);
	atomic_store(&x->conn->file_body, h->fd >= 0);
	if (h->fd >= 0)
		return file_response(h, TAKE_FD(h->fd));
	r = whole_response(&x->answer);
	if (r)
		return r;
	block = metric_get(active_requests) > MANY ? READ_BLOCK_MANY : READ_BLOCK;
	return MHD_create_response_from_callback(length, MIN(block, (size_t)length), read_body, x,
						 NULL);
}

/* ---- for the hottest ---- */

static struct MHD_Response *memory_response(const struct object_head *h)
{
	char *body = malloc((size_t)h->length);

	if (body && file_read_at(h->fd, body, (size_t)h->length, h->fd_base) == h->length)
		return MHD_create_response_from_buffer((size_t)h->length, body,
						       MHD_RESPMEM_MUST_FREE);
	free(body);
	return NULL;
}

bool body_offer(struct exchange *x, struct hot_offer *ret)
{
	const struct object_head *h = &x->answer.head;
	int fd = -1;

	if (x->answer.way != ASK_HIT || x->answer.hot_ns <= 0 || x->head || x->close || h->ranged ||
	    h->encoding[0] || x->answer.msfz || x->answer.vary_encoding || x->lookup)
		return false;
	*ret = (struct hot_offer){
		.path = &x->path,
		.client = &x->client,
		.store = x->answer.from,
		.fd = h->fd,
		.length = h->length,
		.fresh_ns = x->answer.hot_ns,
		.purges = x->purges,
	};
	if (hot_wants_memory(x->server->hot, h->length)) {
		ret->memory = (size_t)h->length;
		ret->response = memory_response(h);
	} else if ((fd = fcntl(h->fd, F_DUPFD_CLOEXEC, 0)) >= 0) {
		ret->response = file_response(h, fd);
	}
	x->promised = h->length;
	atomic_store(&x->conn->file_body, fd >= 0);
	return ret->response != NULL;
}
