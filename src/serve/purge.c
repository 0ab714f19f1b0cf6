// SPDX-License-Identifier: MIT
/*
 * See purge.h. Paths become keys the same way as for reading (resolve.h), so each store has a list
 * of its own; the lists are purged at the same time, and the last one that is done resumes.
 *
 * What the keys of a path are takes about 0.1 ms, too long to do it for thousands of them in one go: the loop reads a few
 * lines in a turn, so that others' work comes in between, and the network thread none.
 */
#include "serve/purge.h"
#include "base/text.h"
#include "serve/respond.h"

#include <stdio.h>

#define KEYS_MAX                                                                                   \
	((size_t)16                                                                                \
	 << 20) /* bytes of all keys of one store; of a notification four times as many */
#define KEYS_A_TURN  2000
#define LINES_A_TURN 4

/* The keys of one store. They lie in text, whose place is not known before it is complete. */
struct store_purge {
	struct flights_purge work;
	struct purge *purge;
	struct buf text; /* each key ends with a NUL, which no key contains */
};

struct purge {
	struct server *server;
	void (*resume)(void *ud);
	void *ud;
	struct buf body;
	bool notify;
	bool all;
	size_t paths;               /* that were understood */
	bool too_many;              /* bytes, or keys */
	size_t bad_line;            /* the first that was not; 0: none */
	struct slice rest;          /* of the body: what the loop has not read yet */
	size_t lines;               /* before it */
	struct store_purge *stores; /* owned array; one if all */
	size_t n_stores, running;   /* running: the loop's, as the next */
	struct loop_task turn;      /* reads some lines; of a notification then takes some keys */
	size_t at_store, at_key;
	struct error failure;
};

static enum purge_verdict judge(const char *token, struct slice method, struct slice given,
				enum purge_verdict allowed)
{
	if (!token[0])
		return PURGE_OTHER;
	if (!slice_eq(method, SLICE("POST")))
		return PURGE_METHOD;
	if (!slice_starts_nocase(given, SLICE("Bearer ")) ||
	    !equal_secret(slice_trim(slice_from(given, 7)), slice_of(token)))
		return PURGE_DENIED;
	return allowed;
}

enum purge_verdict purge_judge(const struct server *s, struct slice path, struct slice method,
			       const char *authorization)
{
	const struct conf *conf = s->parts.conf;
	struct slice given = slice_of(authorization);

	if (slice_eq(path, SLICE("/-/purge")))
		return judge(conf->admin_token, method, given, PURGE_ALLOWED);
	if (slice_eq(path, SLICE("/-/notify")))
		return judge(conf->notify_token, method, given, PURGE_NOTIFIED);
	return PURGE_OTHER;
}

struct purge *purge_new(struct server *s, bool notify, void (*resume)(void *ud), void *ud)
{
	struct purge *p = xnew(struct purge);

	p->server = s;
	p->resume = resume;
	p->ud = ud;
	p->notify = notify;
	p->body = BUF_MAX(notify ? NOTIFY_BODY_MAX : PURGE_BODY_MAX);
	return p;
}

void purge_free(struct purge *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n_stores; i++) {
		buf_fini(&p->stores[i].text);
		free(p->stores[i].work.keys);
	}
	free(p->stores);
	buf_fini(&p->body);
	free(p);
}

void purge_body(struct purge *p, struct slice bytes)
{
	buf_add(&p->body, bytes);
}

void purge_beyond(struct purge *p)
{
	p->too_many = true;
}

/* ---- which keys ---- */

static void add_keys(struct store_purge *to, const struct symbol_path *path, struct store *s)
{
	size_t next = 0;

	do {
		struct candidates c;

		if (!resolve_every(path, s, &next, &c)) {
			to->text.failed = true;
			next = 0;
		}
		for (size_t i = 0; i < c.n; i++) {
			buf_add(&to->text, c.list[i].key);
			buf_add(&to->text, (struct slice){"", 1});
			to->work.n++;
		}
		candidates_fini(&c);
	} while (next);
}

static void add_keys_of_path(struct purge *p, const struct symbol_path *path)
{
	const struct store_list *stores = p->server->parts.stores;
	struct symbol_path sibling[2];
	size_t n = resolve_siblings(path, true, sibling);

	for (size_t i = 0; i < stores->n; i++) {
		add_keys(&p->stores[i], path, stores->store[i]);
		for (size_t k = 0; k < n; k++)
			add_keys(&p->stores[i], &sibling[k], stores->store[i]);
	}
	for (size_t k = 0; k < n; k++)
		symbol_path_fini(&sibling[k]);
	p->paths++;
}

static bool add_line(struct purge *p, struct slice line)
{
	const struct conf *conf = p->server->parts.conf;
	const struct request_rules rules = {.base_path = slice_of(conf->base_path)};
	struct buf target CLEANUP(buf_fini) = BUF_MAX(REQUEST_TARGET_MAX + 1);
	struct symbol_path path;
	enum request_verdict verdict;
	bool good;

	buf_puts(&target, slice_starts(line, SLICE("/")) ? "" : "/");
	buf_add(&target, line);
	verdict = request_clean(buf_slice(&target), &rules, &path);
	good = !buf_failed(&target) && (verdict == REQUEST_CLEAN || verdict == REQUEST_OUTSIDE);
	good = good && !symbol_path_is_own(&path);
	if (good)
		add_keys_of_path(p, &path);
	symbol_path_fini(&path);
	return good;
}

/* The lines have been read: now the keys stay where they are. */
static bool point_to_keys(struct store_purge *sp)
{
	const char *at = sp->text.p;

	if (buf_failed(&sp->text))
		return false;
	sp->work.keys = xzalloc((sp->work.n ? sp->work.n : 1) * sizeof(struct slice));
	for (size_t i = 0; i < sp->work.n; i++) {
		sp->work.keys[i] = slice_of(at);
		at += sp->work.keys[i].n + 1;
	}
	return true;
}

static bool keys_fit(const struct purge *p)
{
	for (size_t i = 0; i < p->n_stores; i++)
		if (buf_failed(&p->stores[i].text))
			return false;
	return true;
}

static void read_line(struct purge *p, struct slice line)
{
	p->lines++;
	p->all |= !p->notify && slice_eq(line, SLICE("*"));
	if (!line.n || p->all)
		return;
	if (p->notify && p->paths == NOTIFY_PATHS_MAX)
		p->too_many = true;
	else if (!add_line(p, line))
		p->bad_line = p->lines;
	p->too_many |= !keys_fit(p);
}

/* ---- doing it ---- */

/* On the loop's thread. */
static void store_purged(struct flights_purge *work)
{
	struct store_purge *sp = CONTAINER_OF(work, struct store_purge, work);
	struct purge *p = sp->purge;

	if (work->failure.code)
		p->failure = work->failure;
	if (--p->running > 0)
		return;
	hot_clear(p->server->hot); /* frees entries that are not found any more */
	p->resume(p->ud);
}

static void purge_stores(struct purge *p)
{
	p->stores[0].work.n = 0;
	free(TAKE(p->stores[0].work.keys));
	p->running = 1;
	flights_purge(p->server->parts.flights, &p->stores[0].work);
}

/* On the loop's thread, which has other work besides. */
static void notify_some(struct loop_task *task)
{
	struct purge *p = CONTAINER_OF(task, struct purge, turn);
	struct server *s = p->server;

	for (size_t n = 0; n < KEYS_A_TURN; n++) {
		const struct store_purge *sp = &p->stores[p->at_store];

		if (p->at_key < sp->work.n) {
			cache_note_arrived(flights_cache(s->parts.flights), sp->work.store,
					   sp->work.keys[p->at_key++]);
			continue;
		}
		p->at_key = 0;
		if (++p->at_store < p->n_stores)
			continue;
		hot_note_arrivals(s->hot);
		p->resume(p->ud);
		return;
	}
	loop_post(s->parts.loop, &p->turn);
}

static bool is_refused(const struct purge *p)
{
	return buf_failed(&p->body) || p->too_many || p->bad_line;
}

/* All lines have been read. */
static void purge_read(struct purge *p)
{
	for (size_t i = 0; i < p->n_stores && !is_refused(p); i++)
		p->too_many |= !point_to_keys(&p->stores[i]);
	if (is_refused(p) || (!p->all && !p->paths)) {
		p->resume(p->ud);
	} else if (p->notify) {
		p->turn.run = notify_some;
		loop_post(p->server->parts.loop, &p->turn);
	} else if (p->all) {
		purge_stores(p);
	} else {
		p->running = p->n_stores;
		for (size_t i = 0; i < p->n_stores; i++)
			flights_purge(p->server->parts.flights, &p->stores[i].work);
	}
}

/* On the loop's thread. */
static void read_some(struct loop_task *task)
{
	struct purge *p = CONTAINER_OF(task, struct purge, turn);
	struct slice line;

	for (size_t n = 0; n < LINES_A_TURN && !is_refused(p); n++) {
		if (!slice_next(&p->rest, '\n', &line)) {
			p->rest = SLICE_NONE;
			break;
		}
		read_line(p, slice_trim(line));
	}
	if (is_refused(p) || !p->rest.n)
		purge_read(p);
	else
		loop_post(p->server->parts.loop, &p->turn);
}

bool purge_start(struct purge *p)
{
	const struct store_list *stores = p->server->parts.stores;

	if (is_refused(p))
		return false;
	p->n_stores = stores->n;
	p->stores = xzalloc(stores->n * sizeof(struct store_purge));
	for (size_t i = 0; i < stores->n; i++) {
		p->stores[i].purge = p;
		p->stores[i].text = BUF_MAX(p->notify ? 4 * KEYS_MAX : KEYS_MAX);
		p->stores[i].work.store = stores->store[i];
		p->stores[i].work.done = store_purged;
	}
	p->rest = buf_slice(&p->body);
	p->turn.run = read_some;
	if (!p->rest.n)
		return false;
	loop_post(p->server->parts.loop, &p->turn);
	return true;
}

/* ---- the answer ---- */

void purge_answer(const struct purge *p, struct page *ret)
{
	ret->status = 200;
	ret->type = "text/plain; charset=utf-8";
	if (buf_failed(&p->body) || p->too_many) {
		ret->status = 413;
		buf_puts(&ret->text,
			 p->notify ? "too much at a time: 10,000 paths, and 4 MiB, at most\n"
				   : "too much at a time: 1 MiB, and keys of 16 MiB, at most\n");
	} else if (p->bad_line) {
		ret->status = 400;
		buf_printf(&ret->text, "line %zu is no path; nothing was %s\n", p->bad_line,
			   p->notify ? "forgotten" : "purged");
	} else if (!p->all && !p->paths) {
		ret->status = 400;
		buf_puts(&ret->text, p->notify ? "name paths, one per line\n"
					       : "name paths, one per line, or * for everything\n");
	} else if (p->failure.code) {
		ret->status = 500;
		buf_printf(&ret->text, "purged here and now, but not for good: %s\n",
			   p->failure.msg);
	} else if (p->notify) {
		buf_printf(&ret->text, "misses of %zu paths are forgotten\n", p->paths);
	} else if (p->all) {
		buf_puts(&ret->text, "purged everything\n");
	} else {
		buf_printf(&ret->text, "purged %zu paths\n", p->paths);
	}
}
