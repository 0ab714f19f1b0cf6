// SPDX-License-Identifier: MIT
/* What a removal writes and takes away: its own marker, .gone of each transaction, and batches of keys. */
#include "publish/removal_priv.h"

#include "base/clock.h"
#include "publish/removal_ask.h"

#include <stdio.h>
#include <time.h>

#define VALID_S   60
#define VALID_NS  (VALID_S * NS_PER_S)
#define ANSWER_NS (60 * NS_PER_S)
#define TRIES_MAX 10 /* of a batch that comes too late */
#define PAUSE_NS  (200 * NS_PER_MS)

/* ---- markers ---- */

static enum err put_small(struct removal *r, const struct tx_id *id, enum tx_object which,
			  struct slice text, struct store_put_answer *answer, struct error *e)
{
	struct buf key CLEANUP(buf_fini) = BUF_MAX(256);
	enum err err;

	tx_key_add(id, which, &key);
	err = await_put(r->store, buf_slice(&key), text, answer, e);
	if (err)
		return err_wrap(e, "cannot write '%s'", buf_str(&key));
	r->result->any_written = true;
	return OK;
}

static enum err mark(struct removal *r, struct error *e)
{
	struct store_put_answer answer;
	enum err err = put_small(r, &r->id, TX_REMOVAL, SLICE("{}"), &answer, e);

	if (!err && answer.date_s < 0)
		err = err_set(e, ERR_UPSTREAM,
			      "its answers tell no Date, so that no removal could end in time");
	r->date_s = answer.date_s;
	return err;
}

enum err removal_put_gone(struct removal *r, const struct gone *gone, const struct tx_id *id,
			  struct error *e)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX(GONE_SIZE_MAX);
	struct store_put_answer answer;
	enum err err = gone_write(gone, &text, e);

	return err ? err : put_small(r, id, TX_GONE, buf_slice(&text), &answer, e);
}

struct gone removal_gone_of(const struct removal *r)
{
	struct gone gone = {.when_s = clock_wall_s()};

	snprintf(gone.by, sizeof(gone.by), "%s", r->q->by);
	snprintf(gone.why, sizeof(gone.why), "%s", r->q->why);
	return gone;
}

/* From then on none of them is live, and none can be resumed. */
enum err removal_put_going(struct removal *r, struct error *e)
{
	const struct gone going = removal_gone_of(r);
	enum err err = r->markers ? mark(r, e) : OK;

	for (size_t i = 0; i < r->targets && !err; i++) {
		err = removal_check_stop(r, e);
		if (!err && !catalog_has(catalog_find(&r->catalog, &r->target[i].id), TX_GONE))
			err = removal_put_gone(r, &going, &r->target[i].id, e);
	}
	return err;
}

struct batch {
	struct removal_key *key[STORE_REMOVE_MAX];
	bool failed[STORE_REMOVE_MAX];
	size_t n;
};

static void note_failed(void *ud, size_t which, const struct error *e)
{
	struct batch *b = ud;

	if (!b)
		return;
	b->failed[which] = true;
	free(b->key[which]->why);
	b->key[which]->why = xstrdup(e->msg);
}

/* Not while a DELETE of ours may come yet. That it stays keeps somebody waiting for two minutes. */
void removal_unmark(struct removal *r)
{
	struct buf key CLEANUP(buf_fini) = BUF_MAX(256);
	struct slice one;
	const struct store_remove remove = {.keys = &one, .n = 1, .answer_ns = ANSWER_NS};
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	struct error e;

	while (clock_boot_ns() < r->unanswered_ns) {
		if (removal_check_stop(r, &e) != OK)
			return;
		nanosleep(&pause, NULL);
	}
	tx_key_add(&r->id, TX_REMOVAL, &key);
	one = buf_slice(&key);
	if (await_remove(r->store, &remove, note_failed, NULL, &e) != OK)
		r->store->ctx->warn(r->store->traits.name,
				    "the marker of a removal is left behind");
}

/* ---- batches ---- */

/* Those that may still go. */
static void narrow(struct batch *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++)
		if (removal_key_may_go(b->key[i]))
			b->key[n++] = b->key[i];
	b->n = n;
}

static enum err send_batch(struct removal *r, struct batch *b, int64_t began_ns, struct error *e)
{
	struct slice keys[STORE_REMOVE_MAX];
	bool unanswered = false;
	const struct store_remove remove = {.keys = keys,
					    .n = b->n,
					    .answer_ns = ANSWER_NS,
					    .signed_s = r->markers ? r->date_s : 0,
					    .valid_s = VALID_S,
					    .unanswered = &unanswered};
	enum err err;
	bool late;

	for (size_t i = 0; i < b->n; i++)
		keys[i] = slice_of(b->key[i]->key);
	memset(b->failed, 0, sizeof(b->failed));
	err = await_remove(r->store, &remove, note_failed, b, e);
	late = r->markers && clock_boot_ns() - began_ns >= VALID_NS;
	if (unanswered)
		r->unanswered_ns = clock_boot_ns() + VALID_NS + NS_PER_S;
	if (err)
		return late ? OK : err; /* or it was refused for that */
	for (size_t i = 0; i < b->n; i++) {
		if (!b->failed[i])
			b->key[i]->fate = FATE_REMOVED;
		else if (!late)
			b->key[i]->fate = FATE_FAILED;
	}
	return OK;
}

/*
 * The minute of a DELETE counts from before the marker; by then the list that it goes by is known
 * too. What comes later is asked for anew, marker and list first.
 */
static enum err remove_batch(struct removal *r, struct batch *b, struct error *e)
{
	for (int i = 0; i < TRIES_MAX; i++) {
		int64_t began_ns = clock_boot_ns();
		enum err err = removal_check_stop(r, e);

		if (!err && r->markers)
			err = mark(r, e);
		if (!err && r->markers)
			err = removal_look(r, e);
		if (!err && i) /* others may have come since */
			err = removal_ask(r->q->from, &r->catalog, removal_is_target, b->key, b->n,
					  e);
		narrow(b);
		if (err || !b->n)
			return err;
		if (r->markers && clock_boot_ns() - began_ns >= VALID_NS)
			continue;
		err = send_batch(r, b, began_ns, e);
		narrow(b);
		if (err || !b->n)
			return err;
	}
	return err_set(e, ERR_TIMEOUT, "the store is too slow: no removal came in time");
}

enum err removal_delete_keys(struct removal *r, struct error *e)
{
	struct batch *b CLEANUP(free_p) = xzalloc(sizeof(*b));
	enum err err = OK;
	size_t at = 0;

	while (at < r->keys.n && !err) {
		for (b->n = 0; at < r->keys.n && b->n < STORE_REMOVE_MAX; at++)
			if (removal_key_may_go(&r->keys.v[at]))
				b->key[b->n++] = &r->keys.v[at];
		if (b->n)
			err = removal_ask(r->q->from, &r->catalog, removal_is_target, b->key, b->n,
					  e);
		narrow(b);
		if (b->n && r->q->dry_run)
			for (size_t i = 0; i < b->n; i++)
				b->key[i]->fate = FATE_REMOVED;
		else if (b->n && !err)
			err = remove_batch(r, b, e);
	}
	return err;
}
