// SPDX-License-Identifier: MIT
/* See small.h. */
#include "publish/small.h"

#include "base/file.h"
#include "base/text.h"
#include "store/fetch.h"
#include "store/write.h"

#include <openssl/evp.h>

#define GET_NS    (60 * NS_PER_S)
#define ANSWER_NS (60 * NS_PER_S)

struct small {
	struct store *store;
	struct fetch *fetch;
	struct store_write *write;
	struct buf bytes;
	bool first; /* no more than the first of them are wanted */
	char sha256[65];
	int fd; /* of a local store */
	struct pool_job job;
	struct loop_task back;
	bool job_runs, cancelled;
	struct error error;
	small_got *got;
	small_was_put *was_put;
	void *ud;
};

static void small_free(struct small *m)
{
	fetch_free(m->fetch);
	if (m->write)
		store_write_cancel(m->write);
	close_p(&m->fd);
	buf_fini(&m->bytes);
	free(m);
}

/* ---- getting ---- */

static void end_get(struct small *m, bool is_there, const struct error *e)
{
	struct buf bytes = m->bytes;
	small_got *got = m->got;
	struct error error = {.code = OK}; /* *e may be m's */
	void *ud = m->ud;

	if (e)
		error = *e;
	m->bytes = (struct buf){0};
	small_free(m);
	got(ud, is_there && !e ? &bytes : NULL, e ? &error : NULL);
	buf_fini(&bytes);
}

static enum err begin(void *ud, const struct object_head *head, struct error *e)
{
	struct small *m = ud;

	if (head->total <= (int64_t)m->bytes.max ||
	    (m->first && (head->fd >= 0 || head->length <= (int64_t)m->bytes.max)))
		return OK;
	return err_set(e, ERR_LIMIT,
		       "an object of %lld bytes, where %zu are the most that it may have",
		       (long long)head->total, m->bytes.max);
}

static bool take(void *ud, struct slice data)
{
	buf_add(&((struct small *)ud)->bytes, data);
	return true;
}

static void body_ended(void *ud, const struct error *e)
{
	struct small *m = ud;
	struct error limit;

	if (!e && buf_failed(&m->bytes)) {
		err_set(&limit, ERR_LIMIT, "an object has more than %zu bytes", m->bytes.max);
		e = &limit;
	}
	end_get(m, true, e);
}

static void read_file(struct pool_job *job)
{
	struct small *m = CONTAINER_OF(job, struct small, job);
	ssize_t n;

	do {
		size_t room = MIN((size_t)64 * 1024, m->bytes.max - m->bytes.n);
		char *to = buf_reserve(&m->bytes, room);

		n = to ? file_read_at(m->fd, to, room, (int64_t)m->bytes.n) : 0;
		m->bytes.n += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	if (n < 0)
		err_sys(&m->error, ERR_IO, "cannot read it");
	loop_post(m->store->ctx->loop, &m->back);
}

static void come_back(struct loop_task *task)
{
	struct small *m = CONTAINER_OF(task, struct small, back);

	m->job_runs = false;
	if (m->cancelled)
		small_free(m);
	else
		end_get(m, true, m->error.code ? &m->error : NULL);
}

static void decided(void *ud, enum fetch_result result, const struct object_head *head,
		    const struct error *e)
{
	struct small *m = ud;
	struct error refused;

	switch (result) {
	case FETCH_FOUND:
		if (head->fd < 0)
			return; /* the body comes */
		m->fd = head->fd;
		if (begin(m, head, &m->error) == OK &&
		    pool_submit(m->store->ctx->disk, &m->job) == OK) {
			m->job_runs = true;
			return;
		}
		if (!m->error.code)
			err_set(&m->error, ERR_BUSY, "too many file lookups are waiting");
		end_get(m, true, &m->error);
		break;
	case FETCH_MISS:
	case FETCH_DENIED: end_get(m, false, NULL); break;
	case FETCH_REFUSED:
	case FETCH_UNSATISFIABLE:
		err_set(&refused, ERR_UPSTREAM, "the store takes no such key");
		end_get(m, false, &refused);
		break;
	case FETCH_FAULT: end_get(m, false, e); break;
	}
}

static struct small *get(struct store *s, struct slice key, size_t max, bool first, small_got *done,
			 void *ud)
{
	static const struct fetch_sink sink = {.begin = begin, .write = take, .end = body_ended};
	const struct fetch_request request = {
		.store = s,
		.key = key,
		.denied_fails = true,
		.ranged = first,
		.or_whole = first,
		.range = {0, (int64_t)max - 1},
		.deadline_ns = clock_mono_ns() + GET_NS,
	};
	struct small *m = xnew(struct small);

	*m = (struct small){.store = s,
			    .bytes = BUF_MAX(max),
			    .first = first,
			    .fd = -1,
			    .got = done,
			    .ud = ud,
			    .job.run = read_file,
			    .back.run = come_back};
	m->fetch = fetch_start(&request, &sink, decided, m);
	return m;
}

struct small *small_get(struct store *s, struct slice key, size_t max, small_got *done, void *ud)
{
	return get(s, key, max, false, done, ud);
}

struct small *small_get_first(struct store *s, struct slice key, size_t max, small_got *done,
			      void *ud)
{
	return get(s, key, max, true, done, ud);
}

/* ---- putting ---- */

static void was_put(void *ud, enum store_put_result result, const struct store_put_answer *answer,
		    const struct error *e)
{
	struct small *m = ud;
	small_was_put *done = m->was_put;
	void *whose = m->ud;
	struct error copy = {.code = OK};

	if (e)
		copy = *e;
	m->write = NULL;
	small_free(m);
	done(whose, copy.code ? &copy : NULL);
}

struct small *small_put(struct store *s, struct slice key, struct buf *bytes, small_was_put *done,
			void *ud)
{
	struct small *m = xnew(struct small);
	struct store_put put = {
		.key = key, .sha256 = m->sha256, .looked = true, .answer_ns = ANSWER_NS};
	unsigned char sum[32];

	*m = (struct small){.store = s,
			    .bytes = *bytes,
			    .fd = -1,
			    .was_put = done,
			    .ud = ud,
			    .job.run = read_file,
			    .back.run = come_back};
	*bytes = (struct buf){0};
	ASSERT(EVP_Digest(buf_str(&m->bytes), m->bytes.n, sum, NULL, EVP_sha256(), NULL));
	hex_encode(sum, sizeof(sum), m->sha256);
	put.body = store_body_of(buf_slice(&m->bytes));
	m->write = store_put(s, &put, was_put, m);
	return m;
}

void small_cancel(struct small *m)
{
	if (!m)
		return;
	if (m->job_runs)
		m->cancelled = true;
	else
		small_free(m);
}
