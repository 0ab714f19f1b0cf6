// SPDX-License-Identifier: MIT
/*
 * See delivery.h: the files of an upload go into the store, as one transaction. Loop's thread. Behind that
 * the misses of their keys are forgotten, so that whoever has asked too early need not wait for MISS_TTL.
 */
#include "serve/delivery.h"

#include "base/random.h"

#include <stdio.h>

/* At a time, so that the loop has others to turn to between. */
#define PURGE_PATHS 256

#define TOOL        "pepto-symbol " PEPTO_VERSION

/* ---- the plan ---- */

static void head_plan(struct delivery *d)
{
	struct plan *p = &d->plan;
	const struct delivery_request *r = &d->request;

	p->started_s = clock_wall_s();
	p->id = tx_id_make(p->started_s, random_u64());
	p->keep_until_s = r->keep_until_s;
	p->product = r->product;
	p->version = r->version;
	p->comment = r->comment;
	p->source = r->source;
	p->host = slice_of(d->peer);
	p->user = slice_of(upload_token_label(r->token));
	p->tool = SLICE(TOOL);
}

/* ---- misses ---- */

static void purge_some(struct delivery *d);

static void purged(void *ud)
{
	struct delivery *d = ud;

	purge_free(TAKE(d->purge));
	purge_some(d);
}

/* The key as debuggers ask for it; false: there is no room for it. */
static bool add_path(struct slice key, size_t *left, struct purge *p)
{
	struct slice path = path_end(key).name;

	path = (struct slice){path.p, key.n - (size_t)(path.p - key.p)};
	if (path.n + 1 > *left)
		return false;
	*left -= path.n + 1;
	purge_body(p, path);
	purge_body(p, SLICE("\n"));
	return true;
}

static void purge_some(struct delivery *d)
{
	size_t left = NOTIFY_BODY_MAX, n = 0;

	if (d->purged == d->plan.files || atomic_load(&d->door->stopped)) {
		delivery_told(d);
		return;
	}
	d->purge = purge_new(d->door->server, true, purged, d);
	while (d->purged < d->plan.files && n++ < PURGE_PATHS &&
	       add_path(d->plan.file[d->purged].key, &left, d->purge))
		d->purged++;
	if (!purge_start(d->purge)) {
		purge_free(TAKE(d->purge));
		delivery_told(d);
	}
}

/* ---- publishing ---- */

static enum err open_file(void *ud, size_t which, struct upload_body *ret, struct error *e)
{
	struct delivery *d = ud;
	const struct upload_file *file = &d->files.file[d->file_of[d->row_of[which]]];

	ret->offset = upload_file_place(&d->files, file, &ret->fd);
	return OK;
}

static void close_file(void *ud, size_t which, struct upload_body *body)
{
}

static enum delivery_status status_of(const struct upload_result *r)
{
	switch (r->outcome) {
	case OUTCOME_STORED: return DELIVERY_STORED;
	case OUTCOME_EXISTED: return DELIVERY_EXISTS;
	case OUTCOME_CONFLICT: return DELIVERY_CONFLICT;
	case OUTCOME_FAILED: return r->refused ? DELIVERY_FAILED : DELIVERY_FAULT;
	case OUTCOME_OPEN: break;
	}
	return DELIVERY_OPEN;
}

static void file_done(void *ud, size_t which, const struct upload_result *r)
{
	struct delivery *d = ud;
	struct delivery_row *row = &d->rows.row[d->row_of[which]];
	char why[sizeof(r->why) + sizeof(r->holder) + 64];

	if (r->outcome != OUTCOME_CONFLICT || !r->holder[0])
		(void)snprintf(why, sizeof(why), "%s", r->why);
	else
		(void)snprintf(why, sizeof(why), "transaction %s holds this key%s%s", r->holder,
			       r->why[0] ? ": " : "", r->why);
	delivery_row_set(row, status_of(r), why);
}

static void publication_done(void *ud, const struct publication_result *r, const struct error *e)
{
	struct delivery *d = ud;

	LIST_REMOVE(&d->guest, link);
	d->publication = NULL;
	d->published = r->any_written;
	if (e)
		d->failure = *e;
	else if (r->gone)
		err_set(&d->failure, ERR_CANCELED, "the transaction was removed while it ran");
	purge_some(d);
}

static void stop(struct door_guest *g)
{
	publication_stop(CONTAINER_OF(g, struct delivery, guest)->publication);
}

void delivery_publish(struct delivery *d)
{
	static const struct publication_events events = {.file_done = file_done,
							 .done = publication_done};
	const struct upload_bodies bodies = {.open = open_file, .close = close_file, .ud = d};
	struct scan_how how;

	if (atomic_load(&d->door->stopped))
		err_set(&d->failure, ERR_CANCELED, "the process ends");
	else if (!door_how(d->door, &how))
		err_set(&d->failure, ERR_NET, "the store has not answered yet");
	if (d->failure.code) {
		delivery_told(d);
		return;
	}
	head_plan(d);
	d->bodies = bodies;
	d->guest.stop = stop;
	LIST_INSERT_HEAD(&d->door->publishing, &d->guest, link);
	d->publication = publication_start(&(struct publication_request){.store = d->door->store,
									 .plan = &d->plan,
									 .bodies = &d->bodies,
									 .pool = d->door->packing,
									 .uploads = DOOR_FILES,
									 .how = how.pack},
					   &events, d);
}
