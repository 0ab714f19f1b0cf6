// SPDX-License-Identifier: MIT
/*
 * See proving.h.
 *
 * Checksum. A store may tell one with its answer, S3 does so for the whole only; of an object that
 * comes in parts it is asked for by a HEAD, unless the ETag is an MD5 already. A worker reads the
 * bytes that have arrived back from the page cache. Only when it has seen the last byte and agrees
 * is the flight told that it is proven, which releases the held-back tail.
 *
 * Key. Mostly the beginning tells: then the seats are told no earlier. Of a PDB only the
 * whole tells; a small one is waited for, a larger one is delivered meanwhile, but for its tail.
 */
#include "flight/flight_priv.h"

#include <unistd.h>

#define SUMS_SILENT 4
#define SUMS_RETRY  64

#define HASH_STEP   (INT64_C(1) << 20) /* less is not worth a job */
#define HASH_BUFFER ((size_t)64 * 1024)

static void check(struct flight *f);

/* ---- which checksum ---- */

/*
 * A service that does not know checksums never tells one, and the tail of every object would wait
 * for the answer. So after a few it is asked only now and then, in case that has changed.
 */
static bool ask_for_sum(struct store *s)
{
	if (!s->traits.tells_sums)
		return false;
	return s->sums_told || s->sums_silent < SUMS_SILENT || s->sums_silent++ % SUMS_RETRY == 0;
}

static void sum_told(void *ud, enum fetch_result result, const struct object_head *head,
		     const struct error *e)
{
	struct flight *f = ud;

	flight_hold(f);
	fetch_free(TAKE(f->proving.sum_fetch));
	if (result == FETCH_FOUND && head->fd >= 0)
		close(head->fd);
	if (result == FETCH_FOUND && head->sums_known)
		f->store->sums_told = true;
	else if (result == FETCH_FOUND)
		f->store->sums_silent++;
	if (result == FETCH_FOUND && strcmp(head->etag, f->head.etag) == 0 &&
	    head->total == f->head.total)
		proof_hear(&f->proving.proof, head);
	proving_advance(f);
	flight_let_go(f);
}

void proving_expect(struct flight *f, bool ranged)
{
	struct fetch_request r = {
		.store = f->store,
		.key = slice_of(f->key),
		.head = true,
		.no_length = true,
		.asker = f->asker,
		.deadline_ns = f->deadline_ns,
	};

	proof_hear(&f->proving.proof, &f->head);
	if (f->proving.proof.digest || !ranged)
		return;
	if (ask_for_sum(f->store))
		f->proving.sum_fetch = fetch_start(&r, NULL, sum_told, f);
}

bool proving_may_be_damaged(const struct flight *f)
{
	return f->proving.proof.digest;
}

/* ---- hashing what has arrived ---- */

/* On a worker. */
static void hash_file(struct proving *p, int fd, int64_t base)
{
	char buffer[HASH_BUFFER];

	while (p->hashed < p->target) {
		size_t want = (size_t)MIN((int64_t)sizeof(buffer), p->target - p->hashed);
		ssize_t n = pread(fd, buffer, want, base + p->hashed);

		if (n <= 0) {
			err_sys(&p->hash_failure, ERR_IO, "cannot read back from the cache");
			return;
		}
		proof_add(&p->proof, (struct slice){buffer, (size_t)n});
		p->hashed += n;
	}
}

static void hash_more(struct pool_job *job)
{
	struct flight *f = CONTAINER_OF(job, struct flight, proving.hash_job);
	struct proving *p = &f->proving;
	struct file_source at;

	if (f->small) {
		proof_add(&p->proof, fill_bytes(f->fill));
		p->hashed = p->target;
	} else {
		at = keep_file(f);
		hash_file(p, at.fd, at.base);
	}
	loop_post(f->all->loop, &p->hashed_task);
}

static void hashed_more(struct loop_task *task)
{
	struct flight *f = CONTAINER_OF(task, struct flight, proving.hashed_task);

	f->proving.hashing = false;
	if (f->phase == FLIGHT_UNDER_WAY && f->proving.hash_failure.code)
		f->events->disk_failed(f, &f->proving.hash_failure);
	else
		proving_advance(f);
	flight_let_go(f);
}

static void hash_up_to(struct flight *f, int64_t target)
{
	struct error e;

	f->proving.target = target;
	f->proving.hashing = true;
	flight_hold(f);
	if (pool_submit(f->all->pool, &f->proving.hash_job) == OK)
		return;
	flight_let_go(f);
	f->proving.hashing = false;
	err_set(&e, ERR_BUSY, "too much waits for the cache's disk");
	f->events->disk_failed(f, &e);
}

/* So many bytes are there, without a hole. */
static int64_t bytes_there(const struct flight *f)
{
	return f->small ? f->received : fill_contiguous(f->fill);
}

void proving_advance(struct flight *f)
{
	struct proving *p = &f->proving;
	int64_t n;

	if (f->phase != FLIGHT_UNDER_WAY || p->hashing || p->proof.recheck)
		return;
	n = bytes_there(f);
	if (p->proof.digest && n > p->hashed && (n == f->head.total || n - p->hashed >= HASH_STEP))
		hash_up_to(f, n);
	else if (n == f->head.total && LIST_EMPTY(&f->arrival.parts) && !p->sum_fetch)
		check(f); /* no part: the stores have said that there is no more */
}

/* ---- the beginning ---- */

static struct source source_of_flight(const struct flight *f, struct file_source *file,
				      struct slice *bytes)
{
	*bytes = f->small ? fill_bytes(f->fill) : SLICE_NONE;
	if (f->small)
		return source_of(bytes);
	*file = keep_file(f);
	return source_of_file(file, f->head.total);
}

static void look_at_all(struct flight *f)
{
	struct file_source file;
	struct slice bytes;
	struct source source = source_of_flight(f, &file, &bytes);

	proof_look_at_all(&f->proving.proof, &source);
}

static void other(struct flight *f)
{
	bool whole = bytes_there(f) == f->head.total;
	struct file_source file;
	struct slice bytes;
	struct source source;

	if (whole)
		source = source_of_flight(f, &file, &bytes);
	proof_tell_other(&f->proving.proof, f->store->traits.name, whole ? &source : NULL);
	f->events->other(f);
}

static void beginning_looked_at(struct loop_timer *timer)
{
	struct flight *f = CONTAINER_OF(timer, struct flight, proving.looked);

	if (f->phase == FLIGHT_GONE)
		return;
	flight_hold(f);
	if (f->proving.proof.other && f->phase == FLIGHT_UNDER_WAY)
		other(f);
	else if (!f->told)
		f->events->plausible(f);
	flight_let_go(f);
}

/*
 * Is the stored form held against its key? Where only makers have seats they look at the form that
 * they make.
 */
static bool may_look(const struct flight *f)
{
	return f->all->settings.verify && form_is_sent(f->form) && f->takers &&
	       !f->head.encoding[0];
}

void proving_begin_late(struct flight *f)
{
	struct proof *p = &f->proving.proof;

	if (f->phase != FLIGHT_UNDER_WAY || p->path || !may_look(f))
		return;
	proof_begin(p, f->named ? f->named : f->key);
	p->at_end = p->looking;
	p->looking = false;
}

bool proving_begin(struct flight *f)
{
	struct proof *p = &f->proving.proof;

	if (!may_look(f))
		return false;
	proof_begin(p, f->named ? f->named : f->key);
	if (f->keep.spool >= 0 && p->looking) { /* all of it is there */
		look_at_all(f);
		if (p->other)
			other(f);
		return p->other;
	}
	return p->looking;
}

void proving_look(struct flight *f, struct slice bytes)
{
	struct proof *p = &f->proving.proof;

	if (!p->looking)
		return;
	proof_look(p, bytes, f->head.total);
	/*
	 * A small object is waited for until its checksum is known: a file that looks like another
	 * one may have been damaged on its way.
	 */
	if (!p->looking && !((p->at_end || p->other) && f->small))
		loop_timer_set(f->all->loop, &f->proving.looked,
			       0); /* outside of the fetch's call */
}

/* ---- the whole ---- */

struct look_job {
	struct flight *flight;
	struct pool_job job;
	struct loop_task done;
};

static void run_look_job(struct pool_job *job)
{
	struct look_job *j = CONTAINER_OF(job, struct look_job, job);

	look_at_all(j->flight);
	loop_post(j->flight->all->loop, &j->done);
}

static void look_job_done(struct loop_task *task)
{
	struct look_job *j = CONTAINER_OF(task, struct look_job, done);
	struct flight *f = j->flight;

	free(j);
	f->proving.looking_at_all = false;
	proving_advance(f);
	flight_let_go(f);
}

/* Without a worker the file is let through: the alternative would be to fail what may be right. */
static bool start_look_job(struct flight *f)
{
	struct look_job *j = xnew(struct look_job);

	j->flight = f;
	j->job.run = run_look_job;
	j->done.run = look_job_done;
	if (pool_submit(f->all->pool, &j->job) != OK) {
		free(j);
		return false;
	}
	f->proving.looking_at_all = true;
	flight_hold(f);
	return true;
}

/* ---- the verdict ---- */

/* As far as can be known the bytes are those of the store. Are they the file that the key names? */
static void sound(struct flight *f)
{
	struct proof *p = &f->proving.proof;

	if (f->proving.looking_at_all || (p->at_end && !f->small && start_look_job(f)))
		return;
	if (p->at_end && f->small)
		look_at_all(f);
	if (p->other)
		other(f);
	else
		f->events->proven(f);
}

static void damaged(struct flight *f)
{
	struct error e;

	proof_damaged(f->store, f->key, &e);
	f->events->failed(f, &e);
}

static void proof_rechecked(void *ud, bool is_sound)
{
	struct flight *f = ud;

	flight_hold(f);
	if (f->phase == FLIGHT_UNDER_WAY && is_sound)
		sound(f);
	else if (f->phase == FLIGHT_UNDER_WAY)
		damaged(f);
	flight_let_go(f);
}

/* All bytes are there and have been hashed, if they are to be. */
static void check(struct flight *f)
{
	const struct proof_origin from = {
		.store = f->store,
		.key = f->key,
		.via = f->via,
		.checksum = f->checksum,
		.msfz = f->form == FORM_MSFZ,
		.asker = f->asker,
		.patient = f->patient,
		.head = &f->head,
	};

	switch (proof_check(&f->proving.proof, &from, proof_rechecked, f)) {
	case PROOF_SOUND: sound(f); break;
	case PROOF_DAMAGED: damaged(f); break;
	case PROOF_LATER: break;
	}
}

/* ---- the frame ---- */

void proving_init(struct flight *f)
{
	f->proving.hash_job.run = hash_more;
	f->proving.hashed_task.run = hashed_more;
	f->proving.looked.due = beginning_looked_at;
}

void proving_fini(struct flight *f)
{
	fetch_free(TAKE(f->proving.sum_fetch));
	loop_timer_stop(f->all->loop, &f->proving.looked);
	proof_fini(&f->proving.proof);
}
