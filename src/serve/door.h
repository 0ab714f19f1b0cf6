// SPDX-License-Identifier: MIT
/*
 * The upload door: what its uploads (delivery.h) have in common. There is one where UPLOAD_TOKENS is
 * set, and it leads to the one store that can be written.
 *
 * Made and freed by the main thread; what is said to be any thread's reads atomics.
 */
#pragma once
#include "base/list.h"
#include "base/pool.h"
#include "publish/scan.h"
#include "serve/delivery_request.h"
#include "serve/server_priv.h"

#define DOOR_FILES 4 /* on their way to the store at once, of each upload */

/* What publishes, and can be stopped. */
struct door_guest {
	LIST_ENTRY(door_guest) link;
	void (*stop)(struct door_guest *g); /* it ends soon, not within this */
};

struct door {
	struct server *server;
	struct store *store;
	struct delivery_rules rules;
	unsigned parallel;
	int64_t unpacked_max;
	struct pool *work; /* bodies are written and unpacked: one job of each upload at a time */
	struct pool *packing; /* one file at a time, that clients do not wait for a core */
	atomic_uint running;  /* uploads */
	atomic_bool stopped;
	LIST_HEAD(, door_guest) publishing; /* the loop's */
};

/* ERR_USAGE: there is no store, or more than one, that can be written. */
MUST_CHECK enum err door_new(struct server *s, struct door **ret, struct error *e);
/* Loop's thread, at the end of the process: what runs is broken off, and ends soon. */
void door_stop(struct door *d);
/* After the last upload. Accepts NULL. */
void door_free(struct door *d);

/* Any thread: may one more begin? Then door_leave() is owed. */
bool door_enter(struct door *d);
void door_leave(struct door *d);
/* Any thread: how files are kept in its store. False: it is not known yet. */
bool door_how(const struct door *d, struct scan_how *ret);
