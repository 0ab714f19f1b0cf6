// SPDX-License-Identifier: MIT
/*
 * See maker.h: the thread of a maker. Here is where the bytes come from and go to: waiting for
 * input, permits and memory, the draft, the checks, the reports to the loop. Which decoder they go
 * through, maker_form.c decides. The thread holds a permit all the time but while it waits for
 * input, and offers it to other makers now and then.
 *
 * The draft is made when the length is known, or with the first bytes. The draft is shown to
 * readers once the length is known and the beginning has been inspected.
 */
#include "base/clock.h"
#include "base/file.h"
#include "flight/maker_priv.h"
#include "metric/metric.h"

#include <errno.h>

#define REPORT_STEP (INT64_C(256) * 1024) /* a task for less is not worth it */
#define PASS_STEP   (INT64_C(1) << 20)

static enum err cancelled(struct error *e)
{
	return err_set(e, ERR_CANCELED, "nobody waits for it");
}

bool maker_is_cancelled(const struct maker *m, struct error *e)
{
	if (!atomic_load(&m->cancelled) && m->written <= atomic_load(&m->most))
		return false;
	cancelled(e);
	return true;
}

/* ---- what readers see ---- */

/* A small file of which only the whole tells is inspected first. */
static void show_beginning(struct maker *m)
{
	if (m->begun || m->length < 0 || m->proof.looking ||
	    (m->proof.at_end && m->length <= OBJECT_SMALL))
		return;
	m->begun = true;
	atomic_store(&m->made, m->written);
	loop_post(m->request.flights->loop, &m->began_task);
}

/* At least so many bytes more than at the last time? Then show them. */
static void report(struct maker *m, int64_t step)
{
	if (!m->begun || m->written - m->reported < step)
		return;
	m->reported = m->written;
	atomic_store(&m->made, m->written);
	loop_post(m->request.flights->loop, &m->grew_task);
}

/* ---- input ---- */

static void wait_for(struct maker *m, int64_t offset)
{
	struct fill *fill = m->input.fill;

	report(m, 1);
	m->wait.offset = offset;
	permits_give(m->request.flights->permits);
	if (fill_wait(fill, &m->wait) &&
	    !(atomic_exchange(&m->nudged, false) && fill_unwait(fill, &m->wait)))
		while (sem_wait(&m->woken) != 0)
			;
	permits_take(m->request.flights->permits);
}

static enum err read_fill(struct maker *m, int64_t offset, void *to, size_t n, size_t *ret_n,
			  struct error *e)
{
	for (;;) {
		if (maker_is_cancelled(m, e))
			return e->code;
		switch (fill_read_ahead(m->input.fill, offset, to, n, ret_n)) {
		case FILL_DATA: m->read_to = MAX(m->read_to, offset + (int64_t)*ret_n); return OK;
		case FILL_END: *ret_n = 0; return OK;
		case FILL_WAIT: wait_for(m, offset); break;
		case FILL_FAILED:
			m->input_failed = true;
			if (!fill_failed(m->input.fill, e))
				err_sys(e, ERR_IO, "cannot read back what came");
			return e->code;
		}
	}
}

static enum err read_stored_file(const struct maker *m, int64_t offset, void *to, size_t n,
				 size_t *ret_n, struct error *e)
{
	ssize_t got;

	n = (size_t)MIN((int64_t)n, MAX(m->input.length - offset, 0));
	got = file_read_at(m->input.fd, to, n, m->input.base + offset);
	if (got < 0 || (got == 0 && n > 0))
		return err_sys(e, ERR_IO, "cannot read a stored file");
	*ret_n = (size_t)got;
	return OK;
}

static void let_others_work(struct maker *m, size_t n)
{
	m->worked += (int64_t)n;
	if (m->worked < PASS_STEP)
		return;
	m->worked = 0;
	permits_pass(m->request.flights->permits);
}

enum err maker_read(void *ud, int64_t offset, void *to, size_t n, size_t *ret_n, struct error *e)
{
	struct maker *m = ud;

	if (maker_is_cancelled(m, e))
		return e->code;
	let_others_work(m, n);
	return m->input.fill ? read_fill(m, offset, to, n, ret_n, e)
			     : read_stored_file(m, offset, to, n, ret_n, e);
}

enum err maker_read_all(void *ud, int64_t offset, void *to, size_t n, struct error *e)
{
	for (size_t got = 0, more = 0; got < n; got += more) {
		enum err err = maker_read(ud, offset + (int64_t)got, (char *)to + got, n - got,
					  &more, e);

		if (err)
			return err;
		if (more == 0)
			return err_set(e, ERR_CORRUPT, "a stored file ends too early");
	}
	return OK;
}

enum err maker_read_tail(struct maker *m, char *to, struct error *e)
{
	int64_t offset = m->input.length - MAKER_TAIL;

	while (m->input.fill && !atomic_load(&m->tail_known)) {
		size_t n = 0;

		if (atomic_load(&m->cancelled))
			return cancelled(e);
		if (fill_read_ahead(m->input.fill, offset, to, MAKER_TAIL, &n) != FILL_WAIT)
			return maker_read_all(m, offset, to, MAKER_TAIL, e);
		wait_for(m, offset);
	}
	if (!m->input.fill)
		return maker_read_all(m, offset, to, MAKER_TAIL, e);
	memcpy(to, m->tail, MAKER_TAIL);
	return OK;
}

/* Until the store's word for the input is good: everything may have been read ahead of that. */
static enum err await_commit(struct maker *m, struct error *e)
{
	struct fill *fill = m->request.input.fill;
	size_t n;
	char byte;

	if (!fill)
		return OK;
	m->input = m->request.input;
	return read_fill(m, fill_length(fill), &byte, 1, &n, e);
}

/* ---- output ---- */

static enum err open_draft(struct maker *m, int64_t length, struct error *e)
{
	struct cache *c = m->request.flights->cache;
	enum err err = ERR_IO;

	if (m->fd >= 0)
		return OK;
	/*
	 * Without a length it may turn out longer than all there is room for, so it does not go
	 * into the cache.
	 */
	m->scratch = length == 0 || !cache_disk_usable(c) || !evict_promise(cache_evict(c), length);
	m->admitted = m->scratch ? 0 : length;
	if (!m->scratch)
		err = disk_draft(cache_disk(c), 0, &m->draft,
				 e); /* to reserve may wait for the disk */
	if (!m->scratch && err)
		cache_disk_failed(c, e);
	if (err) {
		m->scratch = true;
		if (m->admitted)
			evict_promise_end(cache_evict(c), m->admitted, 0);
		m->admitted = 0;
		err = draft_scratch(length, &m->draft, e);
	}
	if (!err)
		m->fd = draft_fd(m->draft);
	return err;
}

enum err maker_promise(void *ud, int64_t length, struct error *e)
{
	struct maker *m = ud;
	enum err err;

	if (length == 0)
		return OK; /* nothing to begin; if that is true it ends as none */
	err = open_draft(m, length, e);
	if (err)
		return err;
	m->length = length;
	show_beginning(m);
	return OK;
}

static enum err cannot_write(const struct maker *m, struct error *e)
{
	err_sys(e, ERR_IO, "cannot write to the %s", m->scratch ? "temporary file" : "cache");
	if (!m->scratch)
		cache_disk_failed(m->request.flights->cache, e);
	return e->code;
}

enum err maker_write_at(void *ud, int64_t offset, struct slice bytes, struct error *e)
{
	struct maker *m = ud;
	enum err err = open_draft(m, 0, e);

	if (!err && m->scratch &&
	    !m->begun) /* then the length is known, and the draft the loop's */
		err = draft_grow(m->draft, MAX(m->written, offset + (int64_t)bytes.n), e);
	if (!err && !file_write_at(m->fd, bytes, OBJECT_HEADER_SIZE + offset))
		return cannot_write(m, e);
	if (!err)
		m->written = MAX(m->written, offset + (int64_t)bytes.n);
	return err;
}

enum err maker_write(void *ud, struct slice bytes, struct error *e)
{
	struct maker *m = ud;
	enum err err;

	if (maker_is_cancelled(m, e))
		return e->code;
	err = maker_write_at(m, m->written, bytes, e);
	if (err)
		return err;
	if (m->proof.looking)
		proof_look(&m->proof, bytes, m->length < 0 ? INT64_MAX : m->length);
	if (m->proof.other)
		return proof_other(ERR_CORRUPT, e);
	show_beginning(m);
	report(m, REPORT_STEP);
	let_others_work(m, bytes.n);
	return OK;
}

/* ---- memory ---- */

enum err maker_charge(struct maker *m, int64_t bytes, struct error *e)
{
	struct flights *all = m->request.flights;

	permits_give(all->permits);
	if (m->charged)
		quota_give(all->windows, m->charged); /* the step before is over */
	m->charged = quota_take(all->windows, bytes, &m->cancelled);
	permits_take(all->permits);
	return m->charged ? OK : cancelled(e);
}

/* ---- the whole ---- */

/* Is it the file that its key names, where only the whole tells? */
static enum err inspect(struct maker *m, struct error *e)
{
	struct file_source at = {m->fd, OBJECT_HEADER_SIZE};
	struct source file = source_of_file(&at, m->written);

	if (m->proof.looking || m->proof.at_end)
		proof_look_at_all(&m->proof, &file);
	return m->proof.other ? proof_other(ERR_CORRUPT, e) : OK;
}

static enum err make(struct maker *m, struct error *e)
{
	enum err err = maker_make(m, e);

	if (!err && m->written == 0) {
		m->none = true;
		err = err_set(e, ERR_CORRUPT, "there is nothing in it");
	}
	if (!err)
		err = inspect(m, e);
	if (!err)
		err = await_commit(m, e);
	if (err)
		return err;
	if (m->length < 0)
		m->length = m->written;
	show_beginning(m);
	atomic_store(&m->made, m->written);
	return OK;
}

/*
 * Had the input come whole when it could not be decoded? An input that is still on its way is not
 * waited for, and does not count: its checksum might refute it yet.
 */
static bool came_whole(struct maker *m)
{
	struct fill *fill = m->request.input.fill;
	struct error e;
	size_t n;
	char byte;

	if (!fill || fill_read_ahead(fill, fill_length(fill), &byte, 1, &n) == FILL_END)
		return true;
	return m->read_to == fill_length(fill) && await_commit(m, &e) == OK;
}

static bool has_broken_promise(const struct maker *m, enum err err)
{
	return !m->input_failed && !m->proof.other && m->request.promise &&
	       ((err == ERR_CORRUPT && m->promised) || (err == ERR_LIMIT && m->window));
}

static bool was_in_vain(struct maker *m, enum err err)
{
	return (err == ERR_CORRUPT || err == ERR_LIMIT) && !m->none && !m->input_failed &&
	       !m->proof.other && !m->broke_promise && came_whole(m);
}

static void note_end(struct maker *m, enum err err)
{
	bool made = m->fd >= 0 && m->request.form != FORM_CABINET;
	struct file_source at = {m->fd, OBJECT_HEADER_SIZE};
	struct source file = source_of_file(&at, m->written);
	struct source input = {maker_read_all, m, m->input.length};

	metric_add(decoded_bytes, m->written);
	if (m->proof.other)
		proof_tell_other(&m->proof, m->request.store, made ? &file : &input);
	else if (err && err != ERR_CANCELED && !m->none)
		metric_inc(decode_failed);
}

/* On a thread of the pool. */
void maker_run(struct pool_job *job)
{
	struct maker *m = CONTAINER_OF(job, struct maker, job);
	struct error e;
	enum err err;

	permits_take(m->request.flights->permits);
	err = make(m, &e);
	m->broke_promise = has_broken_promise(m, err);
	m->in_vain = was_in_vain(m, err);
	permits_give(m->request.flights->permits);
	if (m->charged)
		quota_give(m->request.flights->windows, m->charged);
	if (err)
		m->failure = e;
	note_end(m, err);
	draft_free(TAKE(m->middle)); /* here: to give up a large file may take a while */
	if (!m->begun)
		draft_free(TAKE(m->draft));
	loop_post(m->request.flights->loop, &m->ended_task);
}
