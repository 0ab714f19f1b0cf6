// SPDX-License-Identifier: MIT
/* Transactions as they lie in a bucket in memory: plans and what is written beside them, in few words. */
#pragma once
#include "memory_store.h"
#include "publish/markers.h"
#include "publish/plan.h"

#define PLAN_SHA "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9" /* of "0" */

static struct tx_id plan_id(unsigned n)
{
	struct tx_id id;

	snprintf(id.s, sizeof(id.s), "20261129-%02u%02u%02u-%08x", n / 3600 % 24, n / 60 % 60,
		 n % 60, n);
	return id;
}

static const char *plan_key(unsigned n, enum tx_object which)
{
	static char text[8][64];
	static unsigned at;
	struct buf key CLEANUP(buf_fini) = BUF_MAX(63);
	char *to = text[at++ % ARRAY_LEN(text)];
	struct tx_id id = plan_id(n);

	tx_key_add(&id, which, &key);
	snprintf(to, sizeof(text[0]), "%s", buf_str(&key));
	return to;
}

/* keys: "foo/1/foo bar/2/bar". */
__attribute__((unused)) static void plan_put(struct memory_store *m, unsigned n, const char *keys)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX((size_t)1 << 20);
	struct plan p CLEANUP(plan_fini) = {.id = plan_id(n), .started_s = MEMORY_START_S};
	struct slice rest = slice_of(keys), key;

	p.product = SLICE("app");
	while (slice_next(&rest, ' ', &key)) {
		struct plan_file f = {
			.key = key, .id = SLICE("1"), .kind = SLICE("pdb"), .size = 1};

		snprintf(f.sha256, sizeof(f.sha256), "%s", PLAN_SHA);
		ASSERT(plan_add(&p, &f, NULL) == OK);
	}
	ASSERT(plan_write(&p, &text, NULL) == OK);
	memory_put(m, plan_key(n, TX_PLAN), buf_str(&text), NULL);
}

/* outcomes: "se" stored, existed. */
__attribute__((unused)) static void done_put(struct memory_store *m, unsigned n,
					     const char *outcomes)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX((size_t)1 << 20);
	struct done d CLEANUP(done_fini) = done_of(strlen(outcomes));

	d.ended_s = MEMORY_START_S;
	for (size_t i = 0; i < d.files; i++)
		d.outcome[i] = outcomes[i] == 's' ? OUTCOME_STORED : OUTCOME_EXISTED;
	ASSERT(done_write(&d, &text, NULL) == OK);
	memory_put(m, plan_key(n, TX_DONE), buf_str(&text), NULL);
}

__attribute__((unused)) static void gone_put(struct memory_store *m, unsigned n, bool is_gone)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX((size_t)1 << 20);
	const struct gone g = {
		.is_gone = is_gone, .when_s = MEMORY_START_S, .by = "me@here", .why = "rm"};

	ASSERT(gone_write(&g, &text, NULL) == OK);
	memory_put(m, plan_key(n, TX_GONE), buf_str(&text), NULL);
}

/* A transaction that is live: its plan, .done, and the objects that it stored. */
__attribute__((unused)) static void live_put(struct memory_store *m, unsigned n, const char *keys,
					     const char *outcomes)
{
	struct slice rest = slice_of(keys), key;
	size_t i = 0;

	plan_put(m, n, keys);
	done_put(m, n, outcomes);
	while (slice_next(&rest, ' ', &key)) {
		char *text CLEANUP(free_p) = xstrndup(key.p, key.n);

		if (outcomes[i++] == 's')
			memory_put(m, text, "0", plan_id(n).s);
	}
}
