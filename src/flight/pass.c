// SPDX-License-Identifier: MIT
/*
 * See pass.h. A passing body is compared with its checksum on the loop's thread, since it lies in
 * no file from which a worker could read it. For the same reason only its beginning can be held
 * against its key: FOUND is told once that has been looked at, while it waits in the ring.
 */
#include "flight/pass.h"
#include "flight/flight_priv.h"
#include "flight/local_look.h"
#include "flight/proof.h"

_Static_assert(FILL_ROOM >= 2 * TRANSFER_READ_MAX, "what comes behind a pause has to fit");

struct pass {
	struct pass_request request;
	fetch_decided *decided;
	void *ud;
	struct fetch *fetch;
	struct fill *ring;     /* NULL: only the head is asked */
	struct loop_task room; /* posted by the ring's reader */
	uint64_t ticket;       /* for its miss, from when the store was asked */
	struct object_head head;
	struct proof proof;
	bool holding; /* FOUND is not told yet: the beginning is being looked at */
	struct local_look *look;
	struct loop_timer soon; /* a decision that cannot be told where it is made */
	struct error failure;
};

/* ---- deciding ---- */

static void tell_found(struct loop_timer *timer)
{
	struct pass *p = CONTAINER_OF(timer, struct pass, soon);
	struct object_head head = p->head;

	p->decided(p->ud, FETCH_FOUND, &head, NULL);
}

static void tell_failure(struct loop_timer *timer)
{
	struct pass *p = CONTAINER_OF(timer, struct pass, soon);

	p->decided(p->ud, FETCH_FAULT, NULL, &p->failure);
}

static void tell_miss(struct loop_timer *timer)
{
	static const struct error other = {ERR_OTHER, 0, "another file than its key names"};
	struct pass *p = CONTAINER_OF(timer, struct pass, soon);

	p->decided(p->ud, FETCH_MISS, NULL, &other);
}

static void tell_soon(struct pass *p, void (*tell)(struct loop_timer *timer))
{
	p->soon.due = tell;
	loop_timer_set(p->request.flights->loop, &p->soon, 0);
}

static void note_miss(struct pass *p, enum fetch_result how)
{
	const struct fetch_request *r = &p->request.fetch;

	cache_note_miss(p->request.flights->cache, r->store,
			&(struct miss_asked){r->key, r->msfz ? FORM_MSFZ : FORM_STORED, r->via,
					     r->checksum, p->ticket},
			how);
}

/* An object came, but another file than its key names: a miss, and remembered. */
static void tell_other_soon(struct pass *p)
{
	fetch_abort(p->fetch);
	if (!p->request.named)
		note_miss(p, FETCH_MISS);
	tell_soon(p, tell_miss);
}

/* ---- is it the file that its key names? ---- */

static void file_looked_at(void *ud, bool other, const struct object_head *head)
{
	struct pass *p = ud;

	p->look = NULL;
	if (!other) {
		p->decided(p->ud, FETCH_FOUND, head, NULL);
		return;
	}
	close(head->fd);
	tell_other_soon(p);
}

/*
 * FOUND, with this head: is there something to look at before that is told? Then the head is ours.
 */
static bool looks(struct pass *p, const struct object_head *head)
{
	const struct pass_request *r = &p->request;
	const char *path = r->named ? r->named : r->key;
	bool is_file = head->fd >= 0;
	bool whole = is_file || (head->first == 0 && head->length == head->total);

	if (!r->looked_at || head->encoding[0] || !whole ||
	    (!is_file && (!p->ring || !r->flights->settings.verify)))
		return false;
	proof_begin(&p->proof, path);
	if (!p->proof.looking)
		return false;
	if (is_file) {
		const struct local_look_request file = {r->flights, r->fetch.store, r->key, path,
							head};

		p->look = local_look_start(&file, file_looked_at, p);
		return p->look; /* else too much waits for the disk: it is let through */
	}
	p->holding = true;
	return true;
}

static void look_at_beginning(struct pass *p, struct slice bytes)
{
	proof_look(&p->proof, bytes, p->head.total);
	if (p->proof.looking)
		return;
	p->holding = false;
	if (!p->proof.other) {
		tell_soon(p, tell_found);
		return;
	}
	proof_tell_other(&p->proof, p->request.fetch.store->traits.name, NULL);
	tell_other_soon(p);
}

/* ---- the fetch and its ring ---- */

static enum err ring_begin(void *ud, const struct object_head *head, struct error *e)
{
	struct pass *p = ud;

	p->head = *head;
	if (!head->ranged)
		proof_hear(&p->proof, head);
	return fill_begin_ring(p->ring, head->length, p->request.ring_max, e);
}

static bool ring_write(void *ud, struct slice data)
{
	struct pass *p = ud;
	struct error e;

	proof_add(&p->proof, data);
	if (p->holding)
		look_at_beginning(p, data);
	if (fill_fits(p->ring, data.n))
		return fill_write(p->ring, data);
	err_set(&e, ERR_LIMIT, "more bytes came than were asked for before the pause");
	fetch_fail(p->fetch, &e);
	return true;
}

static bool ring_may_write(void *ud)
{
	struct pass *p = ud;

	return fill_may_write(p->ring);
}

/* All has passed but for the tail. */
static void ring_over(struct pass *p, const struct error *e)
{
	if (e)
		fill_fail(p->ring, e);
	else
		fill_commit(p->ring);
	if (e && p->holding) {
		p->holding = false;
		p->failure = *e;
		tell_soon(p, tell_failure);
	}
}

static void ring_damaged(struct pass *p)
{
	struct error e;

	proof_damaged(p->request.fetch.store, p->request.key, &e);
	ring_over(p, &e);
}

static void ring_rechecked(void *ud, bool sound)
{
	struct pass *p = ud;

	if (sound)
		ring_over(p, NULL);
	else
		ring_damaged(p);
}

static void ring_end(void *ud, const struct error *e)
{
	struct pass *p = ud;
	const struct fetch_request *r = &p->request.fetch;
	const struct proof_origin from = {
		.store = r->store,
		.key = p->request.key,
		.via = r->via,
		.checksum = r->checksum,
		.msfz = r->msfz && p->head.msfz,
		.asker = r->asker,
		.patient = r->patient,
		.head = &p->head,
	};

	if (e) {
		ring_over(p, e);
		return;
	}
	switch (proof_check(&p->proof, &from, ring_rechecked, p)) {
	case PROOF_SOUND: ring_over(p, NULL); break;
	case PROOF_DAMAGED: ring_damaged(p); break;
	case PROOF_LATER: break;
	}
}

static void room_made(struct loop_task *task)
{
	struct pass *p = CONTAINER_OF(task, struct pass, room);

	fetch_resume(p->fetch);
}

/* On the reader's thread. */
static void post_room(void *ud)
{
	struct pass *p = ud;

	loop_post(p->request.flights->loop, &p->room);
}

static void fetch_answered(void *ud, enum fetch_result result, const struct object_head *head,
			   const struct error *e)
{
	struct pass *p = ud;

	if (fetch_is_miss(result))
		note_miss(p, result);
	if (result == FETCH_FOUND)
		cache_note_found(p->request.flights->cache, p->request.fetch.store,
				 p->request.fetch.key, p->request.fetch.checksum);
	if (result != FETCH_FOUND || !looks(p, head))
		p->decided(p->ud, result, head, e);
}

/* ---- the frame ---- */

struct pass *pass_start(const struct pass_request *request, fetch_decided *decided, void *ud)
{
	static const struct fetch_sink sink = {ring_begin, ring_write, ring_may_write, ring_end};
	struct pass *p = xnew(struct pass);
	struct fetch_request *r = &p->request.fetch;

	p->request = *request;
	r->key = slice_of(request->key);
	p->decided = decided;
	p->ud = ud;
	p->head.fd = -1;
	p->room.run = room_made;
	p->ticket = cache_miss_ticket(request->flights->cache, r->store, r->key);
	if (!r->head)
		p->ring = fill_new((struct fill_writer){.room = post_room, .ud = p});
	p->fetch = fetch_start(r, p->ring ? &sink : NULL, fetch_answered, p);
	return p;
}

struct fill *pass_body(const struct pass *p)
{
	return p->ring;
}

bool pass_is_spooling(const struct pass *p)
{
	return fetch_is_spooling(p->fetch);
}

void pass_abort(struct pass *p)
{
	static const struct error gone = {ERR_CANCELED, 0, "nobody waits for it"};

	fetch_abort(p->fetch);
	if (p->proof.recheck) { /* the fetch has ended before */
		proof_fini(&p->proof);
		ring_over(p, &gone);
	}
}

void pass_free(struct pass *p)
{
	if (!p)
		return;
	loop_timer_stop(p->request.flights->loop, &p->soon);
	fetch_free(p->fetch);
	local_look_drop(p->look);
	fill_unref(p->ring);
	proof_fini(&p->proof);
	free(p);
}
