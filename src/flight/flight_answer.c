// SPDX-License-Identifier: MIT
/*
 * What a flight makes of the store's first answer (see flight.h): it tells the seats, begins the
 * body, asks again as a whole or for the body, or ends as a miss; and what it learns from that for
 * the next question. Here too: whether a body without seats is worth to be finished. The table and
 * the seats themselves are flight.c.
 */
#include "base/clock.h"
#include "base/log.h"
#include "flight/flight_priv.h"
#include "metric/metric.h"

#define WHOLE_NS   (3600 * NS_PER_S)
#define REFUSED_NS (60 * NS_PER_S)

void flight_ask(struct flight *f, enum flight_phase phase)
{
	arrival_drop(f);
	f->phase = phase;
	f->generation = cache_generation(f->cache, f->store, slice_of(f->key), f->named);
	f->ticket = cache_miss_ticket(f->cache, f->store, slice_of(f->key));
	if (form_is_sent(f->form))
		arrival_ask(f);
	else
		making_ask(f);
}

/* Of the spelling that was asked for, and of no other. */
static void note_miss(struct flight *f, enum fetch_result how)
{
	cache_note_miss(
		f->cache, f->store,
		&(struct miss_asked){slice_of(f->key), f->form, f->via, f->checksum, f->ticket},
		how);
}

static void tell_missing(struct flight *f, enum fetch_result result)
{
	flight_gone(f);
	flight_part_ways(f);
	flight_tell(f, result, NULL);
}

static void note_found(struct flight *f)
{
	const struct seat *seat;

	LIST_FOREACH (seat, &f->seats, place)
		cache_note_found(f->cache, f->store, seat->key, seat->checksum);
	cache_note_found(f->cache, f->store, slice_of(f->key), f->checksum);
}

void flight_missing(struct flight *f, enum fetch_result result)
{
	if (f->form != FORM_CABINET) /* an object that is too long for a cabinet is no miss */
		note_miss(f, result);
	tell_missing(f, result);
}

void flight_is_other(struct flight *f)
{
	struct error e;

	/*
	 * Not of an object that may be right for another path, or may only be damaged on its way.
	 */
	if (!f->named && !proving_may_be_damaged(f))
		note_miss(f, FETCH_MISS);
	proof_other(ERR_OTHER, &e);
	if (f->phase == FLIGHT_UNDER_WAY)
		fill_fail(f->fill, &e);
	tell_missing(f, FETCH_MISS);
}

/* An answer that came without a length lies whole in a file of its own. */
static void adopt_spool(struct flight *f, const struct object_head *head)
{
	f->head = *head;
	f->head.fd = -1;
	keep_spool(f, head->fd, arrival_take_spool(f), head->total);
	f->phase = FLIGHT_UNDER_WAY;
	fill_begin_file(f->fill, head->total);
	fill_set_file(f->fill, head->fd, 0);
	fill_add_part(f->fill, 0, head->total);
	fill_stored(f->fill, 0, head->total);
	arrival_drop(f);
}

bool flight_worth_finishing(const struct flight *f)
{
	return !f->keep.unkept && !flight_is_outdated(f) && f->takers &&
	       (f->patient || f->head.total <= FLIGHT_FINISH_BYTES ||
		f->received > f->head.total - f->received);
}

void flight_cancel(struct flight *f)
{
	static const struct error nobody = {ERR_CANCELED, 0, "nobody waits for it"};

	metric_inc(fills_cancelled);
	flight_fail(f, &nobody);
}

static bool all_want_presence(const struct flight *f)
{
	const struct seat *s;

	LIST_FOREACH (s, &f->seats, place)
		if (s->use != SEAT_PRESENCE)
			return false;
	return true;
}

/* The object is there: if all seats wanted to know no more they are told, else it is asked for. */
static void is_there(struct flight *f, const struct object_head *head)
{
	if (head->fd >= 0)
		close(head->fd);
	f->head = *head;
	f->head.fd = -1;
	if (all_want_presence(f)) {
		flight_gone(f);
		flight_tell(f, FETCH_FOUND, NULL);
	} else if (cache_disk_usable(f->cache) || f->scratch_ok) {
		flight_ask(f, FLIGHT_ASKING);
	} else {
		flight_decline(f);
	}
}

void flight_found(struct flight *f)
{
	flight_tell(f, FETCH_FOUND, NULL);
	if (f->phase == FLIGHT_UNDER_WAY && LIST_EMPTY(&f->seats) && LIST_EMPTY(&f->aboard) &&
	    !flight_worth_finishing(f))
		flight_cancel(f);
}

/* Does the object come by another flight, to which the seats have moved? */
static bool comes_elsewhere(struct flight *f, const struct object_head *head)
{
	if (f->form == FORM_MSFZ && !head->msfz)
		return !flight_is_plain(f);
	return flight_merges(f);
}

static void found(struct flight *f, const struct object_head *head)
{
	bool waits;

	if (head->fd >= 0 && comes_elsewhere(f, head)) {
		close(head->fd);
		flight_gone(f);
		return;
	}
	if (head->fd >= 0)
		adopt_spool(f, head);
	metric_inc(fills_started);
	waits = proving_begin(f);
	if (!waits && f->phase == FLIGHT_UNDER_WAY)
		flight_found(f);
	if (f->phase == FLIGHT_UNDER_WAY)
		arrival_start(f);
}

/* ---- parts or the whole ---- */

static struct object_id stored_id(const struct flight *f)
{
	return cache_id(f->cache, f->store, slice_of(f->key), FORM_STORED, NULL);
}

bool flight_whole(const struct flight *f)
{
	struct object_id id = stored_id(f);

	return recent_has(&f->all->wholes, &id, clock_mono_ns());
}

static void learn_whole(struct flight *f, const struct error *why)
{
	struct object_id id = stored_id(f);

	metric_inc(fills_whole);
	recent_note(&f->all->wholes, &id, clock_mono_ns() + WHOLE_NS);
	log_event(LOG_INFO, "does not come in parts: asked for as a whole for an hour", "store",
		  f->store->traits.name, "key", f->key, "error", why->msg, NULL);
}

/*
 * Behind one address there may be nodes that tell other ETags, refuse If-Match, or know nothing of
 * ranges: such an object would fail in parts for ever. Which failures pass cannot be told, so any
 * one counts; where the whole fails as well, parts are as good.
 */
void flight_learn(struct flight *f, const struct error *e)
{
	struct object_id id = stored_id(f);

	if (e->code == ERR_BUSY || e->code == ERR_LIMIT || e->code == ERR_NOMEM ||
	    e->code == ERR_CANCELED || e->code == ERR_IO)
		return; /* ours */
	if (f->whole)
		recent_forget(&f->all->wholes, &id);
	else
		learn_whole(f, e);
}

/*
 * No answer to the first question. The store may have refused the range, so the next question goes
 * without one, if it comes soon; later the reason may have passed.
 */
static void learn_refusal(struct flight *f, const struct error *e)
{
	struct object_id id = stored_id(f);

	if (f->phase == FLIGHT_ASKING && f->whole)
		flight_learn(f, e);
	else if (f->phase == FLIGHT_ASKING && e->code == ERR_DENIED)
		recent_note(&f->all->wholes, &id, clock_mono_ns() + REFUSED_NS);
}

/*
 * Ask for the whole, once: the answer was nonsense in place of the first part, or has no ETag to
 * which the other parts could be pinned.
 */
static bool ask_whole(struct flight *f, const struct error *why)
{
	if (f->unranged || (f->whole && f->phase == FLIGHT_ASKING))
		return false; /* it was asked so */
	if (!f->whole)
		learn_whole(f, why);
	f->whole = f->unranged = true;
	flight_ask(f, f->phase);
	return true;
}

void flight_answered(struct flight *f, enum fetch_result result, const struct object_head *head,
		     const struct error *e)
{
	struct error odd;

	if (result == FETCH_FAULT && e->code == ERR_CORRUPT && !f->declined && ask_whole(f, e))
		return;
	if (f->phase == FLIGHT_PRESENCE)
		f->all->presences--;
	switch (result) {
	case FETCH_FOUND:
		note_found(f);
		if (f->phase == FLIGHT_PRESENCE)
			is_there(f, head);
		else
			found(f, head);
		return;
	case FETCH_MISS:
	case FETCH_DENIED:
	case FETCH_REFUSED: flight_missing(f, result); return;
	case FETCH_UNSATISFIABLE:
		if (f->phase == FLIGHT_PRESENCE) {
			is_there(f, head); /* it has a size */
			return;
		}
		err_set(&odd, ERR_CORRUPT, "416 to a request for the beginning");
		if (!ask_whole(f, &odd))
			flight_fail(f, &odd);
		return;
	case FETCH_FAULT: break;
	}
	if (f->declined) {
		flight_decline(f);
		return;
	}
	learn_refusal(f, e);
	flight_fail(f, e);
}

/* Could it be continued, and fetched in parts? */
static bool can_pin(const struct object_head *h)
{
	return h->etag[0] == '"' && h->total >= 0;
}

/*
 * The answer is not wanted any more, since the object is asked for in another way; that is no fault
 * of the store.
 */
static enum err not_so(struct error *e)
{
	return err_set(e, ERR_CANCELED, "asked otherwise");
}

/* Is there no room for it, among the fills or on the disk? */
static bool declines(struct flight *f, const struct object_head *head)
{
	if (!cache_disk_usable(f->cache))
		return true;
	if (f->all->fills >= f->all->settings.max_fills)
		metric_inc(refused_fills);
	else if (!keep_promise(f, head->total))
		metric_inc(refused_size);
	else
		return false;
	return true;
}

enum err flight_begin(struct flight *f, const struct object_head *head, struct error *e)
{
	bool part = head->ranged && head->length < head->total;
	bool scratch;
	enum err err;

	if (f->phase == FLIGHT_PRESENCE)
		return OK;
	if (comes_elsewhere(f, head))
		return not_so(e);
	if (part && !can_pin(head))
		return err_set(e, ERR_CORRUPT, "a part of a version that has no name");
	scratch = declines(f, head);
	f->declined = scratch && !f->scratch_ok;
	if (f->declined)
		return not_so(e);
	if (scratch)
		keep_nothing(f);
	f->head = *head;
	f->head.ranged = false;
	f->head.first = 0;
	f->head.length = head->total;
	f->small = head->total <= OBJECT_SMALL && !part;
	if (f->small) {
		err = fill_begin_memory(f->fill, head->total, e);
	} else {
		fill_begin_file(f->fill, head->total);
		fill_add_part(f->fill, 0, head->length);
		err = keep_draft(f, e);
	}
	if (err) {
		f->declined = true;
		return not_so(e);
	}
	f->phase = FLIGHT_UNDER_WAY;
	f->counted = true;
	f->all->fills++;
	metric_inc(active_fills);
	proving_expect(f, head->ranged);
	return OK;
}

/* ---- the end of the body ---- */

void flight_torn(struct flight *f, const struct error *e, bool learn)
{
	if (learn)
		flight_learn(f, e);
	flight_fail(f, e);
}

void flight_made(struct flight *f)
{
	f->phase = FLIGHT_LANDING;
	fill_commit(f->fill);
	keep_start(f);
}

void flight_proven(struct flight *f)
{
	if (!f->told)
		flight_found(f);
	if (f->phase == FLIGHT_UNDER_WAY)
		flight_made(f);
}

/*
 * Before the fill is committed this fails it (ERR_IO): its readers go on by a transfer of their
 * own, and so do seats that have not been told yet.
 */
void flight_disk_failed(struct flight *f, const struct error *e)
{
	struct error copy = *e;

	copy.code = ERR_IO;
	if (!f->keep.scratch)
		cache_disk_failed(f->cache, &copy);
	if (!f->told && !f->making) {
		flight_decline(f); /* no reader has any of it: each may fetch it past the cache */
		return;
	}
	flight_fail(f, &copy);
}
