// SPDX-License-Identifier: MIT
/* See looks.h. The thread plays the connection: it waits for the loop by a semaphore. */
#include "cmd/looks.h"

#include "base/file.h"
#include "base/text.h"
#include "cmd/reads.h"
#include "publish/await.h"
#include "serve/request.h"

struct stopping {
	struct await await;
	struct looks *looks;
};

static void stop(struct await *await)
{
	struct looks *l = CONTAINER_OF(await, struct stopping, await)->looks;

	lookup_abort_all(&l->lookups);
	flights_abort(l->service->flights); /* break off the asks that still run */
	await_over(await, NULL);
}

static void wait_for(sem_t *sem)
{
	while (sem_wait(sem) != 0)
		; /* by a signal */
}

void looks_init(struct looks *l, struct service *s)
{
	*l = (struct looks){
		.service = s,
		.client = client_of(&(struct client_headers){{NULL, 0}}),
	};
}

void looks_fini(struct looks *l)
{
	struct stopping s = {.await.begin = stop, .looks = l};
	enum err err = await_run(&s.await, l->service->loop, NULL);

	ASSERT(!err);
}

bool look_path(struct slice text, struct symbol_path *ret)
{
	const struct request_rules rules = {.base_path = SLICE_NONE};
	struct buf target CLEANUP(buf_fini) = BUF_MAX(REQUEST_TARGET_MAX + 2);

	buf_putc(&target, '/');
	percent_encode(text, "/", &target);
	return request_clean(buf_slice(&target), &rules, ret) == REQUEST_CLEAN &&
	       !symbol_path_is_own(ret);
}

static void answered(void *ud, struct answer *answer)
{
	struct look *k = ud;

	k->answer = *answer;
	sem_post(&k->wake);
}

static void body_ready(struct fill_waiter *w)
{
	sem_post(&CONTAINER_OF(w, struct look, body)->wake);
}

static void released(void *ud)
{
	struct look *k = ud;

	sem_post(&k->wake);
}

static void leave(void *ud)
{
	/* The client of a lookup may leave; the one here never does. */
}

static struct resolve_rules rules_of(const struct looks *l, const struct symbol_path *path)
{
	const struct conf *conf = l->service->conf;

	return (struct resolve_rules){
		.path = path,
		.client = &l->client,
		.any_path = conf->serve_any_path || conf->auth_tokens[0] ||
			    conf->auth_tokens_file[0],
		.cabinets = conf->serve_cab,
	};
}

bool looks_pass_over(const struct looks *l, const struct symbol_path *path, struct store *store)
{
	const struct resolve_rules rules = rules_of(l, path);

	return resolve_passes_over(&rules, store);
}

static bool lies_there(struct store *s, struct slice key)
{
	const struct read_ask ask = {
		.store = s, .key = key, .head = true, .timeout_ns = 30 * NS_PER_S};
	struct object_head head;
	struct error e;

	return read_object(&ask, &head, NULL, &e) == FETCH_FOUND;
}

const struct store *looks_find_other(const struct looks *l, const struct symbol_path *path)
{
	struct buf lower CLEANUP(buf_fini) = BUF_MAX((size_t)4 * SYMBOL_PATH_MAX);
	struct slice as_is = path->spelling[0].path;

	fold_lower(as_is, &lower);
	for (size_t i = 0; i < l->service->stores.n; i++) {
		struct store *s = l->service->stores.store[i];

		if (!looks_pass_over(l, path, s) &&
		    (lies_there(s, buf_slice(&lower)) || lies_there(s, as_is)))
			return s;
	}
	return NULL;
}

void look_start(struct look *k, struct looks *all, const struct store_list *stores,
		const struct symbol_path *path, const struct part_ask *part)
{
	const struct conf *conf = all->service->conf;
	struct lookup_request request = {
		.all = &all->lookups,
		.flights = all->service->flights,
		.stores = stores,
		.rules = rules_of(all, path),
		.loop = all->service->loop,
		.left = &k->left,
		.leave = leave,
		.budget_ns = conf->request_budget_ns,
		.ring_max = conf->stream_buffer,
	};

	if (part)
		request.part = *part;
	request.rules.ranged = part && part->ranged;
	*k = (struct look){.all = all, .answer.head.fd = -1};
	sem_init(&k->wake, 0, 0);
	k->lookup = lookup_start(&request, answered, k);
	wait_for(&k->wake);
}

ssize_t look_read(struct look *k, int64_t at, char *to, size_t n, struct error *e)
{
	struct answer *a = &k->answer;
	size_t got = 0;

	if (!a->fill) {
		ssize_t read;

		n = (size_t)MIN((int64_t)n, a->head.length - at);
		read = file_read_at(a->head.fd, to, n, a->head.fd_base + a->head.first + at);
		if (read == (ssize_t)n)
			return read;
		err_set(e, ERR_IO, "the body cannot be read");
		return -1;
	}
	for (;;) {
		switch (fill_read(a->fill, a->fill_offset + at, to, n, &got)) {
		case FILL_DATA: return (ssize_t)got;
		case FILL_END: return 0;
		case FILL_FAILED:
			if (!fill_failed(a->fill, e))
				err_set(e, ERR_IO, "the body cannot be read");
			return -1;
		case FILL_WAIT: break;
		}
		k->body = (struct fill_waiter){.ready = body_ready, .offset = a->fill_offset + at};
		if (fill_wait(a->fill, &k->body))
			wait_for(&k->wake);
	}
}

void look_end(struct look *k)
{
	answer_drop(&k->answer);
	lookup_release(k->lookup, released);
	wait_for(&k->wake);
	sem_destroy(&k->wake);
}
