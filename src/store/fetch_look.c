// SPDX-License-Identifier: MIT
/*
 * Making the head of a fetch true before it is told (see fetch.h): the first bytes of the body say
 * how it is encoded (encoding.h). Mostly they come with the head. For a HEAD whose label decides
 * what the client gets they are asked for, once; or the first bytes are asked for in place of the
 * HEAD. It is apart from fetch.c as the one place where a body is held while its head waits.
 */
#include "base/clock.h"
#include "store/encoding.h"
#include "store/fetch_priv.h"

static bool judge_beginning(struct fetch *f, bool all)
{
	uint64_t left = f->head.length < 0 ? UINT64_MAX : (uint64_t)f->head.length;
	struct slice beginning = buf_slice(&f->beginning);

	all = all || beginning.n >= left;
	if (!encoding_judge(slice_of(f->key), beginning, all, f->head.encoding))
		return false;
	if (!f->request.msfz)
		return true;
	f->head.msfz = encoding_is_msfz(beginning);
	if (f->head.msfz)
		f->head.encoding[0] = '\0'; /* MSFZ is what was asked for, and no encoding */
	return all || beginning.n >= ENCODING_HEAD || !encoding_may_hold_msfz(beginning);
}

/*
 * A body that is compressed may hold the PDB or its MSFZ form, and once kept one could not be told
 * from the other. So it is asked for again without accepting MSFZ, and then holds the PDB. The
 * fetch is at its beginning again.
 */
static bool asks_plainly(struct fetch *f)
{
	if (!f->request.msfz || !encoding_may_hold_msfz(buf_slice(&f->beginning)))
		return false;
	f->request.msfz = false;
	store_stop_negotiating(f->request.store);
	fetch_look_stop(f);
	fetch_drop_call(f);
	fetch_ask(f);
	return true;
}

/* The asker, which waits for the head, waits for these bytes, too: as long as one try may take. */
static void begin_looking(struct fetch *f)
{
	int64_t now = clock_mono_ns(), within = f->request.store->ctx->try_timeout_ns;
	int64_t due = f->request.deadline_ns;

	if (within && !f->request.patient)
		due = MIN(due, now + within);
	f->beginning = BUF_MAX(ENCODING_HEAD + 4 * TRANSFER_READ_MAX);
	f->looking = true;
	f->looking_ns = now;
	loop_timer_set(fetch_loop(f), &f->again, due);
}

static void end_looking(struct fetch *f)
{
	if (f->looking)
		loop_timer_stop(fetch_loop(f), &f->again);
	f->looking = false;
}

void fetch_look_overdue(struct fetch *f)
{
	int64_t now = clock_mono_ns(), within = f->request.store->ctx->try_timeout_ns;
	int64_t fair = f->request.deadline_ns - f->asked_ns;
	struct error e;

	if (f->peeking) {
		fetch_peek_done(f);
		return;
	}
	if (within)
		fair = MIN(fair, within);
	fetch_look_stop(f);
	fetch_drop_call(f);
	/* The time before the head may have gone by in waiting for a turn of ours (transfer.h). */
	err_set(&e, now - f->looking_ns < fair / 2 ? ERR_BUSY : ERR_TIMEOUT,
		"nothing came behind the head");
	fetch_fault(f, true, &e);
}

/* Is it the single byte of a question of presence, which tells nothing? */
static bool is_byte(const struct object_head *h)
{
	return h->ranged && h->length == 1 && h->total != 1;
}

bool fetch_looks(struct fetch *f)
{
	bool doubt = f->request.msfz || encoding_in_doubt(slice_of(f->key), f->head.encoding);
	bool looks = !f->request.pin && f->head.first == 0 && f->sink.write && !is_byte(&f->head) &&
		     doubt;

	if (looks)
		begin_looking(f);
	return looks;
}

void fetch_look_stop(struct fetch *f)
{
	end_looking(f);
	buf_fini(&f->beginning);
}

/* Tell the head, and hand on the bytes that were held. False: the fetch is gone. */
static bool tell_head(struct fetch *f, bool *more)
{
	struct buf held CLEANUP(buf_fini) = f->beginning;
	bool gone = false;

	end_looking(f);
	f->beginning = (struct buf){0};
	f->gone = &gone;
	fetch_begin(f);
	if (!gone && held.n)
		*more = fetch_data(f, buf_slice(&held));
	if (!gone)
		f->gone = NULL;
	return !gone;
}

/* Tell the head as the answer to a HEAD. The fetch is gone. */
static void tell_beginning(struct fetch *f)
{
	fetch_look_stop(f);
	fetch_drop_call(f);
	fetch_decide_found(f);
}

bool fetch_look(struct fetch *f, struct slice bytes)
{
	bool more = true;

	buf_add(&f->beginning, bytes);
	if (f->by_beginning && f->brief)
		return true; /* its connection is kept if nothing breaks it off */
	if (!judge_beginning(f, false) || asks_plainly(f))
		return true;
	if (f->peeking)
		fetch_peek_done(f);
	else if (f->by_beginning)
		tell_beginning(f);
	else
		(void)tell_head(f, &more);
	return more;
}

bool fetch_look_done(struct fetch *f)
{
	bool more;

	(void)judge_beginning(f, true);
	if (asks_plainly(f))
		return false;
	if (!f->by_beginning)
		return tell_head(f, &more);
	tell_beginning(f);
	return false;
}

/* ---- a HEAD ---- */

bool fetch_by_beginning(const struct fetch *f)
{
	return f->request.head && f->request.judged && !f->request.ranged && !f->unranged &&
	       clock_mono_ns() >= f->request.store->unranged_ns &&
	       encoding_key_is_plain(slice_of(f->key));
}

static void ask_as_itself(struct fetch *f)
{
	f->by_beginning = false;
	f->unranged = true;
	fetch_ask(f);
}

bool fetch_beginning_head(struct fetch *f, const struct object_head *head)
{
	if (!head->ranged && head->length < 0) { /* the length shows only at the end */
		f->by_beginning = f->request.head = false;
		return false;
	}
	if (head->fd >= 0)
		close(head->fd);
	if (head->first != 0 || head->total < 0 ||
	    (head->ranged && head->length > (int64_t)ENCODING_HEAD)) {
		fetch_drop_call(f);
		ask_as_itself(f);
		return true;
	}
	f->brief = head->length <= (int64_t)ENCODING_HEAD;
	f->headed = true;
	f->head = *head;
	f->head.fd = -1;
	f->head.ranged = false;
	f->head.length = head->total;
	if (head->total > 0)
		begin_looking(f);
	return true;
}

bool fetch_beginning_refused(struct fetch *f, enum store_result result, const struct error *e)
{
	bool refused = result == STORE_UNSATISFIABLE || result == STORE_CHANGED ||
		       (result == STORE_FAULT && (e->code == ERR_UPSTREAM ||
						  e->code == ERR_DENIED || e->code == ERR_CORRUPT));

	if (refused)
		ask_as_itself(f);
	return refused;
}

bool fetch_peeks(struct fetch *f)
{
	if (!f->request.head || !f->request.tried || f->head.fd >= 0 ||
	    !slice_eq_nocase(slice_of(f->head.encoding), SLICE("gzip")))
		return false;
	f->peeking = true;
	fetch_ask(f);
	return true;
}

/* The first bytes count only if they are of the version whose head is known. */
void fetch_peek_head(struct fetch *f, const struct object_head *head)
{
	bool same = head->first == 0 && head->total == f->head.total &&
		    strcmp(head->etag, f->head.etag) == 0;

	if (head->fd >= 0)
		close(head->fd);
	if (same)
		begin_looking(f);
	else
		fetch_peek_done(f); /* which may be the whole of something large */
}

void fetch_peek_done(struct fetch *f)
{
	if (f->looking)
		(void)judge_beginning(f, false); /* a body that has broken off tells nothing */
	f->peeking = false;
	fetch_look_stop(f);
	fetch_drop_call(f);
	fetch_decide_found(f);
}
