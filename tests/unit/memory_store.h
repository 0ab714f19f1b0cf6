// SPDX-License-Identifier: MIT
/*
 * A bucket in memory, on a loop of its own thread, for what waits for a store (publish/await.h): it lists, reads, puts and
 * removes, by a clock of its own, and keeps a list of what it was asked for. Before each answer the test may change what
 * lies there, or fail it: that is how others come in between.
 *
 *	static struct memory_store m;
 *	memory_store_init(&m);
 *	memory_put(&m, "foo.pdb/K/foo.pdb", "text", "20261129-150717-3f9a12bc");
 *	m.before = come_in_between;
 *	...
 *	memory_store_fini(&m);
 *
 * The loop's thread is the only one that looks at it while something waits for it.
 */
#pragma once
#include "base/clock.h"
#include "base/loop.h"
#include "base/pool.h"
#include "base/text.h"
#include "store/listing.h"
#include "store/write.h"

#include <stdio.h>

#define MEMORY_START_S 1796000000 /* the store's clock at first; each answer takes a second */

struct memory_object {
	char *key, *text;
	int64_t modified_s;
	char tx[40], sha256[65]; /* pepto-tx, pepto-sha256; "" none */
};

struct memory_store {
	struct store store;
	struct store_context ctx;
	struct memory_object *object; /* by key */
	size_t n, room;
	int64_t now_s;
	size_t page_keys; /* of one page of a listing */
	struct buf asked; /* "LIST .pepto/tx/|GET foo|..." */
	size_t gets, lists;
	/* Before what was asked for is done; verb: "LIST", "HEAD", "GET", "PUT", "DELETE" (each key). */
	void (*before)(struct memory_store *m, const char *verb, const char *key);
	bool fails;             /* set by before(): this one is not done, and is answered by: */
	enum store_result fail; /* of a read or a list */
	void *ud;
};

/* ---- what lies there; while nothing waits for it, or from before() ---- */

static size_t memory_place(const struct memory_store *m, const char *key)
{
	size_t i = 0;

	while (i < m->n && strcmp(m->object[i].key, key) < 0)
		i++;
	return i;
}

static struct memory_object *memory_find(struct memory_store *m, const char *key)
{
	size_t i = memory_place(m, key);

	return i < m->n && strcmp(m->object[i].key, key) == 0 ? &m->object[i] : NULL;
}

__attribute__((unused)) static void memory_remove(struct memory_store *m, const char *key)
{
	struct memory_object *o = memory_find(m, key);

	if (!o)
		return;
	free(o->key);
	free(o->text);
	memmove(o, o + 1, (size_t)(m->object + m->n - (o + 1)) * sizeof(*o));
	m->n--;
}

static void memory_put(struct memory_store *m, const char *key, const char *text, const char *tx)
{
	struct memory_object *o = memory_find(m, key);
	size_t i = memory_place(m, key);

	if (!o) {
		if (m->n == m->room) {
			m->room = m->room ? 2 * m->room : 64;
			m->object = reallocarray(m->object, m->room, sizeof(*m->object));
			ASSERT(m->object);
		}
		memmove(m->object + i + 1, m->object + i, (m->n - i) * sizeof(*o));
		m->n++;
		o = &m->object[i];
		*o = (struct memory_object){.key = xstrdup(key)};
	}
	free(o->text);
	o->text = xstrdup(text);
	o->modified_s = m->now_s;
	snprintf(o->tx, sizeof(o->tx), "%s", tx ? tx : "");
	o->sha256[0] = '\0';
}

/* How often such a text was asked for: "GET .pepto/tx/". */
__attribute__((unused)) static size_t memory_asked(const struct memory_store *m, const char *what)
{
	size_t n = 0;

	for (const char *p = buf_str(&m->asked); (p = strstr(p, what)); p++)
		n++;
	return n;
}

static void memory_etag(const struct memory_object *o, char etag[static 40])
{
	uint64_t sum = 14695981039346656037U;

	for (const char *p = o->text; *p; p++)
		sum = (sum ^ (unsigned char)*p) * 1099511628211U;
	snprintf(etag, 40, "\"%016llx\"", (unsigned long long)sum);
}

/* ---- one thing that is asked for ---- */

struct memory_ask {
	struct memory_store *m;
	struct loop_timer due;
	struct store_write write;
	char *key, *token;
	/* of a read */
	struct store_read read;
	struct store_events events;
	/* of a listing */
	store_paged *paged;
	/* of a put */
	store_put_done *put;
	char *body;
	char tx[40], sha256[65];
	bool only_new;
	/* of a removal */
	struct store_remove_events removed;
	char **keys;
	size_t n;
	void *ud;
};

static void memory_free(struct memory_ask *a)
{
	loop_timer_stop(a->m->ctx.loop, &a->due);
	for (size_t i = 0; i < a->n; i++)
		free(a->keys[i]);
	free(a->keys);
	free(a->key);
	free(a->token);
	free(a->body);
	free(a);
}

static bool memory_begin(struct memory_store *m, const char *verb, const char *key, struct error *e)
{
	buf_printf(&m->asked, "%s %s|", verb, key);
	m->now_s++;
	m->fails = false;
	if (m->before)
		m->before(m, verb, key);
	if (m->fails)
		err_set(e, ERR_NET, "broken");
	return !m->fails;
}

static struct memory_ask *memory_ask(struct store *s, struct slice key,
				     void (*due)(struct loop_timer *), void *ud)
{
	struct memory_store *m = CONTAINER_OF(s, struct memory_store, store);
	struct memory_ask *a = xnew(struct memory_ask);

	*a = (struct memory_ask){.m = m, .due.due = due, .key = xstrndup(key.p, key.n), .ud = ud};
	loop_timer_set(m->ctx.loop, &a->due, 0);
	return a;
}

/* ---- reads ---- */

static void memory_answer(struct memory_ask *a, const struct memory_object *o)
{
	struct store_events events = a->events;
	struct slice text = slice_of(o->text);
	struct object_head head = {
		.total = (int64_t)text.n, .mtime = o->modified_s, .date_s = a->m->now_s, .fd = -1};

	memory_etag(o, head.etag);
	snprintf(head.origin.tx, sizeof(head.origin.tx), "%s", o->tx);
	snprintf(head.origin.sha256, sizeof(head.origin.sha256), "%s", o->sha256);
	if (a->read.ranged) {
		head.ranged = true;
		head.first = a->read.range.first;
		text = slice_head(slice_from(text, (size_t)MIN(head.first, (int64_t)text.n)),
				  (size_t)(a->read.range.last - head.first + 1));
	}
	head.length = (int64_t)text.n;
	if (a->read.ranged && !text.n) {
		events.done(a->ud, STORE_UNSATISFIABLE, &head, NULL);
		return;
	}
	events.head(a->ud, &head);
	if (!a->read.head)
		(void)events.data(a->ud, text);
	events.done(a->ud, STORE_FOUND, NULL, NULL);
}

static void memory_read_due(struct loop_timer *timer)
{
	struct memory_ask *a = CONTAINER_OF(timer, struct memory_ask, due);
	struct memory_object *o;
	struct error e;

	a->m->gets += !a->read.head;
	if (!memory_begin(a->m, a->read.head ? "HEAD" : "GET", a->key, &e))
		a->events.done(a->ud, a->m->fail, NULL,
			       a->m->fail <= STORE_FAULT_RETRY ? &e : NULL);
	else if ((o = memory_find(a->m, a->key)))
		memory_answer(a, o);
	else
		a->events.done(a->ud, STORE_MISS, NULL, NULL);
	memory_free(a);
}

static struct store_call *memory_start(struct store *s, const struct store_read *read,
				       const struct store_events *events, void *ud)
{
	struct memory_ask *a = memory_ask(s, read->key, memory_read_due, ud);

	a->read = *read;
	a->events = *events;
	return (struct store_call *)(void *)a;
}

static void memory_resume(struct store_call *call)
{
}

static void memory_cancel(struct store_call *call)
{
	memory_free((struct memory_ask *)(void *)call);
}

/* ---- listings: "name\tsize\tmodified\tetag\n" each, and the token behind a blank line ---- */

static void memory_page(struct memory_ask *a, struct buf *out)
{
	struct memory_store *m = a->m;
	size_t told = 0, i;

	for (i = 0; i < m->n && told <= m->page_keys; i++) {
		const struct memory_object *o = &m->object[i];
		char etag[40];

		if (strncmp(o->key, a->key, strlen(a->key)) != 0 || strcmp(o->key, a->token) <= 0)
			continue;
		if (told++ == m->page_keys) {
			buf_printf(out, "\n%s", m->object[i - 1].key);
			return;
		}
		memory_etag(o, etag);
		buf_printf(out, "%s\t%zu\t%lld\t%s\n", o->key + strlen(a->key), strlen(o->text),
			   (long long)o->modified_s, etag);
	}
}

static void memory_list_due(struct loop_timer *timer)
{
	struct memory_ask *a = CONTAINER_OF(timer, struct memory_ask, due);
	struct buf text CLEANUP(buf_fini) = BUF_MAX((size_t)16 << 20);
	struct error e;

	a->m->lists++;
	if (!memory_begin(a->m, "LIST", a->key, &e)) {
		a->paged(a->ud, a->m->fail, &text, NULL, &e);
	} else {
		const struct store_page_time time = {.date_s = a->m->now_s};

		memory_page(a, &text);
		a->paged(a->ud, STORE_FOUND, &text, &time, NULL);
	}
	memory_free(a);
}

static struct store_call *memory_list(struct store *s, const struct store_page_ask *ask,
				      store_paged *done, void *ud)
{
	struct memory_ask *a = memory_ask(s, ask->folder, memory_list_due, ud);

	a->token = xstrndup(ask->token.n ? ask->token.p : "", ask->token.n);
	a->paged = done;
	return (struct store_call *)(void *)a;
}

static enum err memory_read_page(const struct store *s, struct slice folder, struct slice answer,
				 struct name_page *ret, struct error *e)
{
	struct slice rest, line, field;
	size_t n = 0;

	*ret = (struct name_page){.text = BUF_MAX(answer.n + 1)};
	buf_add(&ret->text, answer);
	rest = buf_slice(&ret->text);
	for (size_t i = 0; i < rest.n; i++)
		n += rest.p[i] == '\n';
	ret->keys = xcalloc(n + 1, sizeof(*ret->keys));
	ret->facts = xcalloc(n + 1, sizeof(*ret->facts));
	while (slice_next(&rest, '\n', &line) && line.n) {
		struct name_fact *fact = &ret->facts[ret->n_keys];
		uint64_t number = 0;

		(void)slice_next(&line, '\t', &ret->keys[ret->n_keys++]);
		(void)slice_next(&line, '\t', &field);
		ASSERT(parse_u64(field, INT64_MAX, &number));
		fact->size = (int64_t)number;
		(void)slice_next(&line, '\t', &field);
		ASSERT(parse_u64(field, INT64_MAX, &number));
		fact->modified_s = (int64_t)number;
		fact->etag = line;
	}
	ret->next = rest;
	return OK;
}

/* ---- writes ---- */

static void memory_put_due(struct loop_timer *timer)
{
	struct memory_ask *a = CONTAINER_OF(timer, struct memory_ask, due);
	struct store_put_answer answer = {.date_s = -1};
	enum store_put_result result = STORE_PUT_STORED;
	struct error e;

	if (!memory_begin(a->m, "PUT", a->key, &e)) {
		a->put(a->ud, STORE_PUT_FAILED, &answer, &e);
		memory_free(a);
		return;
	}
	answer.date_s = a->m->now_s;
	if (a->only_new && memory_find(a->m, a->key)) {
		result = STORE_PUT_PRESENT;
	} else {
		memory_put(a->m, a->key, a->body, a->tx);
		memcpy(memory_find(a->m, a->key)->sha256, a->sha256, sizeof(a->sha256));
	}
	a->put(a->ud, result, &answer, NULL);
	memory_free(a);
}

static void memory_write_cancel(struct store_write *w)
{
	memory_free(CONTAINER_OF(w, struct memory_ask, write));
}

static struct store_write *memory_store_put(struct store *s, const struct store_put *put,
					    store_put_done *done, void *ud)
{
	struct memory_ask *a = memory_ask(s, put->key, memory_put_due, ud);

	a->write.cancel = memory_write_cancel;
	a->body = xzalloc((size_t)put->body.length + 1);
	if (put->body.length)
		ASSERT(store_body_read(&put->body, 0, a->body, (size_t)put->body.length) ==
		       put->body.length);
	for (size_t i = 0; i < put->n_meta; i++)
		if (strcmp(put->meta[i].name, "pepto-tx") == 0)
			snprintf(a->tx, sizeof(a->tx), "%s", put->meta[i].value);
		else if (strcmp(put->meta[i].name, "pepto-sha256") == 0)
			snprintf(a->sha256, sizeof(a->sha256), "%s", put->meta[i].value);
	a->only_new = put->only_new;
	a->put = done;
	return &a->write;
}

static void memory_remove_due(struct loop_timer *timer)
{
	struct memory_ask *a = CONTAINER_OF(timer, struct memory_ask, due);

	for (size_t i = 0; i < a->n; i++) {
		struct error e;

		if (memory_begin(a->m, "DELETE", a->keys[i], &e))
			memory_remove(a->m, a->keys[i]);
		else
			a->removed.failed(a->ud, i, &e);
	}
	a->removed.done(a->ud, NULL);
	memory_free(a);
}

static struct store_write *memory_store_remove(struct store *s, const struct store_remove *remove,
					       const struct store_remove_events *events, void *ud)
{
	struct memory_ask *a = memory_ask(s, SLICE(""), memory_remove_due, ud);

	a->write.cancel = memory_write_cancel;
	a->removed = *events;
	a->keys = xcalloc(remove->n, sizeof(*a->keys));
	for (; a->n < remove->n; a->n++)
		a->keys[a->n] = xstrndup(remove->keys[a->n].p, remove->keys[a->n].n);
	return &a->write;
}

/* ---- the store ---- */

static bool memory_is_private(struct store *s)
{
	return false;
}

static void memory_warn(const char *store, const char *what)
{
}

__attribute__((unused)) static void memory_store_init(struct memory_store *m)
{
	static const struct store_ops ops = {
		.scheme = "memory",
		.start = memory_start,
		.resume = memory_resume,
		.cancel = memory_cancel,
		.list = memory_list,
		.read_page = memory_read_page,
		.put = memory_store_put,
		.remove = memory_store_remove,
		.is_private = memory_is_private,
	};
	const struct transfer_limits limits = {
		.connect_timeout_ns = NS_PER_S, .stall_timeout_ns = NS_PER_S, .max_transfers = 8};

	*m = (struct memory_store){.now_s = MEMORY_START_S,
				   .page_keys = 1000,
				   .asked = BUF_MAX((size_t)16 << 20),
				   .ctx = {.try_timeout_ns = 60 * NS_PER_S, .warn = memory_warn}};
	ASSERT(loop_new(&m->ctx.loop, NULL) == OK);
	ASSERT(transfer_engine_new(m->ctx.loop, &limits, &m->ctx.engine, NULL) == OK);
	ASSERT(pool_new(2, 64, "test", &m->ctx.disk, NULL) == OK);
	m->ctx.searches = m->ctx.writes = m->ctx.creds = m->ctx.disk;
	m->store = (struct store){.ops = &ops, .ctx = &m->ctx, .traits.name = xstrdup("memory")};
	gates_init(&m->store);
	atomic_store(&m->store.tier, TIER_ONE);
	ASSERT(loop_start(m->ctx.loop, "test-loop", NULL) == OK);
}

__attribute__((unused)) static void memory_store_fini(struct memory_store *m)
{
	ASSERT(pool_stop(m->ctx.disk, 10 * NS_PER_S));
	loop_stop(m->ctx.loop);
	transfer_engine_free(m->ctx.engine);
	pool_free(m->ctx.disk);
	loop_free(m->ctx.loop);
	while (m->n)
		memory_remove(m, m->object[0].key);
	free(m->object);
	free(m->store.traits.name);
	buf_fini(&m->asked);
}
