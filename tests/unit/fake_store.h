// SPDX-License-Identifier: MIT
/*
 * A store without a world behind it: what is asked is kept in a list, and the test answers when
 * and as it likes, with the same promises that real stores give (store.h).
 *
 *	struct fake_store s;
 *	fake_store_init(&s, "one", &ctx);
 *	...
 *	fake_done(fake_call(&s, "key"), STORE_MISS);
 */
#pragma once
#include "base/clock.h"
#include "store/store.h"

struct fake_store {
	struct store store;
	struct store_call *first, **last; /* those that run, in the order of their start */
	struct store_call *giving;        /* is being given data */
	int started, cancelled, resumed;
	int nobodys; /* of those started: for asker 0 */
	bool is_private;
	struct {
		void (*done)(void *ud, const struct error *e);
		void *ud;
	} probe[8];    /* those that wait for their answers, the oldest first */
	size_t probed; /* so many */
	int probes;
};

struct store_call {
	struct fake_store *store;
	struct store_read read; /* its key and strings are ours */
	struct store_events events;
	void *ud;
	struct store_call *next, **at;
	bool paused; /* takes no more data for now */
};

static char *fake_copy(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static void fake_call_free(struct store_call *c)
{
	if (c->next)
		c->next->at = c->at;
	else
		c->store->last = c->at;
	*c->at = c->next;
	free((char *)(uintptr_t)c->read.key.p);
	free((char *)(uintptr_t)c->read.if_match);
	free((char *)(uintptr_t)c->read.via);
	free((char *)(uintptr_t)c->read.checksum);
	if (c->store->giving == c)
		c->store->giving = NULL;
	free(c);
}

static struct store_call *fake_start(struct store *s, const struct store_read *read,
				     const struct store_events *events, void *ud)
{
	struct fake_store *f = (struct fake_store *)s;
	struct store_call *c = xnew(struct store_call);

	*c = (struct store_call){f, *read, *events, ud, NULL, f->last};
	c->read.key.p = xstrndup(read->key.p, read->key.n);
	c->read.if_match = fake_copy(read->if_match);
	c->read.via = fake_copy(read->via);
	c->read.checksum = fake_copy(read->checksum);
	*f->last = c;
	f->last = &c->next;
	f->started++;
	f->nobodys += !read->asker;
	return c;
}

static void fake_resume(struct store_call *c)
{
	c->store->resumed++;
	c->paused = false;
}

static void fake_cancel(struct store_call *c)
{
	c->store->cancelled++;
	fake_call_free(c);
}

static void fake_probe(struct store *s, enum question q,
		       void (*done)(void *ud, const struct error *e), void *ud)
{
	struct fake_store *f = (struct fake_store *)s;

	ASSERT(f->probed < ARRAY_LEN(f->probe));
	f->probe[f->probed].done = done;
	f->probe[f->probed++].ud = ud;
	f->probes++;
}

static bool fake_is_private(struct store *s)
{
	return ((struct fake_store *)s)->is_private;
}

static const struct store_ops fake_ops = {
	.scheme = "fake",
	.start = fake_start,
	.resume = fake_resume,
	.cancel = fake_cancel,
	.probe = fake_probe,
	.is_private = fake_is_private,
};

__attribute__((unused)) static void fake_store_init(struct fake_store *f, const char *name,
						    const struct store_context *ctx)
{
	*f = (struct fake_store){.store = {.ops = &fake_ops, .ctx = ctx}};
	gates_init(&f->store);
	f->store.traits.name = (char *)(uintptr_t)name;
	atomic_store(&f->store.tier, TIER_ONE);
	f->last = &f->first;
}

/* The oldest call for key (NULL: for any) that has no answer yet, or NULL. */
__attribute__((unused)) static struct store_call *fake_call(struct fake_store *f, const char *key)
{
	struct store_call *c = f->first;

	while (c && key && !slice_eq(c->read.key, slice_of(key)))
		c = c->next;
	return c;
}

__attribute__((unused)) static void fake_probed(struct fake_store *f, const struct error *e)
{
	void (*done)(void *ud, const struct error *e) = f->probe[0].done;
	void *ud = f->probe[0].ud;

	ASSERT(f->probed);
	f->probed--;
	memmove(f->probe, f->probe + 1, f->probed * sizeof(f->probe[0]));
	done(ud, e);
}

/* Five questions have failed; their gate is closed. */
__attribute__((unused)) static void fake_leave_alone(struct fake_store *f, enum question q)
{
	int64_t now = clock_mono_ns();

	for (int i = 0; i < BREAKER_FAULTS; i++)
		breaker_failed(&f->store.gate[q].breaker, 0, now, i ? now : now - BREAKER_RUN_NS);
	ASSERT(f->store.gate[q].breaker.state == BREAKER_OPEN);
}

__attribute__((unused)) static unsigned fake_faults(const struct fake_store *f)
{
	return f->store.gate[QUESTION_SYMBOL].breaker.faults;
}

/* ---- answers; c is not to be used after a cancel from inside them, nor after the end ---- */

__attribute__((unused)) static void fake_head(struct store_call *c, const struct object_head *head)
{
	c->events.head(c->ud, head);
}

__attribute__((unused)) static bool fake_data(struct store_call *c, const char *p, size_t n)
{
	struct fake_store *f = c->store;
	bool more;

	f->giving = c;
	more = c->events.data(c->ud, (struct slice){p, n});
	if (f->giving)
		f->giving->paused = !more;
	f->giving = NULL;
	return more;
}

static void fake_end(struct store_call *c, enum store_result result, const struct object_head *head,
		     const struct error *e)
{
	struct store_events events = c->events;
	void *ud = c->ud;

	fake_call_free(c);
	events.done(ud, result, head, e);
}

__attribute__((unused)) static void fake_done(struct store_call *c, enum store_result result)
{
	static const struct error broken = {ERR_NET, 0, "broken"};
	bool fault = result == STORE_FAULT || result == STORE_FAULT_RETRY;

	fake_end(c, result, NULL, fault ? &broken : NULL);
}

__attribute__((unused)) static void fake_unsatisfiable(struct store_call *c, int64_t total)
{
	const struct object_head head = {.total = total, .mtime = -1, .fd = -1};

	fake_end(c, STORE_UNSATISFIABLE, &head, NULL);
}

__attribute__((unused)) static struct object_head fake_whole(int64_t length, const char *etag)
{
	struct object_head h = {.total = length, .length = length, .mtime = -1, .fd = -1};

	memcpy(h.etag, etag, strlen(etag) + 1);
	return h;
}

/* Bytes first to last of an object of so many. */
__attribute__((unused)) static struct object_head fake_part(int64_t total, const char *etag,
							    int64_t first, int64_t last)
{
	struct object_head h = fake_whole(total, etag);

	h.ranged = true;
	h.first = first;
	h.length = last - first + 1;
	return h;
}
