// SPDX-License-Identifier: MIT
/*
 * A store of the real kinds, made from its URL, on a loop turned by hand and with a scripted
 * server as its world: ask for one key, and look at what came of it.
 */
#pragma once
#include "manual_loop.h"
#include "metric/metric.h"
#include "store/store.h"

#include "http_server.h"
#include "store/creds.h"
#include "store/write.h"
#include <curl/curl.h>

#define RIG_VARS 8

struct rig {
	struct http_server server;
	struct store_context ctx;
	struct creds_env env;
	const char *vars[RIG_VARS][2]; /* name, value; the test may change them while it waits */
	struct store *store;
	int warnings;
};

/* One question and what came of it. */
struct asked {
	struct store_call *call;
	enum store_result result;
	struct object_head head;
	struct error error;
	int heads;
	size_t bytes;
	bool done, cancel_in_head;
	struct rig *rig;
};

static int rig_warnings;

static const char *rig_var(void *ctx, const char *name)
{
	struct rig *r = ctx;

	for (size_t i = 0; i < RIG_VARS && r->vars[i][0]; i++)
		if (strcmp(r->vars[i][0], name) == 0)
			return r->vars[i][1];
	return NULL;
}

static void rig_warn(const char *store, const char *what)
{
	ASSERT(store && what);
	rig_warnings++;
}

/* Before rig_open(); the script may be NULL for stores that ask no server. */
__attribute__((unused)) static void rig_init(struct rig *r, const struct http_reply *script,
					     size_t n)
{
	const struct transfer_limits limits = {
		.connect_timeout_ns = 5 * NS_PER_S,
		.stall_timeout_ns = 5 * NS_PER_S,
		.max_transfers = 8,
	};

	memset(r, 0, sizeof(*r));
	rig_warnings = 0;
	http_server_start(&r->server, script, n);
	r->env = (struct creds_env){.get = rig_var,
				    .ctx = r,
				    .dmi_dir = "/nonexistent",
				    .container_base = "http://127.0.0.1:1"};
	r->ctx = (struct store_context){
		.loop = manual_loop(),
		.creds_env = &r->env,
		.try_timeout_ns = 3 * NS_PER_S,
		.via = "1.1 pepto-test",
		.warn = rig_warn,
	};
	ASSERT(transfer_engine_new(r->ctx.loop, &limits, &r->ctx.engine, NULL) == OK);
	ASSERT(pool_new(1, 4, "test", &r->ctx.disk, NULL) == OK);
	r->ctx.searches = r->ctx.writes = r->ctx.creds = r->ctx.disk;
}

__attribute__((unused)) static void rig_var_set(struct rig *r, const char *name, const char *value)
{
	size_t i = 0;

	while (i < RIG_VARS && r->vars[i][0] && strcmp(r->vars[i][0], name) != 0)
		i++;
	ASSERT(i < RIG_VARS);
	r->vars[i][0] = name;
	r->vars[i][1] = value;
}

/* The URL's %u is the server's port. */
__attribute__((unused)) static void rig_open(struct rig *r, const char *url)
{
	char text[300];
	const char *at = strstr(url, "%u");

	if (at)
		snprintf(text, sizeof(text), "%.*s%u%s", (int)(at - url), url, r->server.port,
			 at + 2);
	else
		snprintf(text, sizeof(text), "%s", url);
	ASSERT(store_open(&r->ctx, slice_of(text), &r->store, NULL) == OK);
}

/* In the order of the program's own end (cmd/service.c). */
__attribute__((unused)) static void rig_fini(struct rig *r)
{
	ASSERT(pool_stop(r->ctx.disk, 10 * NS_PER_S));
	manual_settle(r->ctx.loop);
	transfer_engine_free(r->ctx.engine);
	store_free(r->store);
	pool_free(r->ctx.disk);
	http_server_stop(&r->server);
	loop_free(r->ctx.loop);
}

static void rig_head(void *ud, const struct object_head *head)
{
	struct asked *a = ud;

	a->heads++;
	a->head = *head;
	if (a->cancel_in_head) {
		store_call_cancel(a->rig->store, a->call);
		a->done = true;
	}
}

static bool rig_data(void *ud, struct slice bytes)
{
	((struct asked *)ud)->bytes += bytes.n;
	return true;
}

static void rig_done(void *ud, enum store_result result, const struct object_head *head,
		     const struct error *e)
{
	struct asked *a = ud;

	ASSERT(!a->done);
	a->done = true;
	a->result = result;
	if (result == STORE_UNSATISFIABLE)
		a->head = *head;
	if (result == STORE_FAULT || result == STORE_FAULT_RETRY)
		a->error = *e;
}

__attribute__((unused)) static void rig_start(struct rig *r, struct asked *a,
					      struct store_read read)
{
	static const struct store_events events = {rig_head, rig_data, rig_done};

	*a = (struct asked){.head.fd = -1, .cancel_in_head = a->cancel_in_head, .rig = r};
	if (!read.key.p)
		read.key = SLICE("a b/k");
	if (!read.deadline_ns)
		read.deadline_ns = clock_mono_ns() + 8 * NS_PER_S;
	a->call = store_start(r->store, &read, &events, a);
}

__attribute__((unused)) static struct asked rig_ask(struct rig *r, struct store_read read)
{
	struct asked a = {0};

	rig_start(r, &a, read);
	ASSERT(manual_until(r->ctx.loop, &a.done));
	return a;
}

struct rig_probe {
	bool done;
	struct error error;
};

static void rig_probed(void *ud, const struct error *e)
{
	struct rig_probe *p = ud;

	p->done = true;
	if (e)
		p->error = *e;
}

__attribute__((unused)) static struct error rig_probe(struct rig *r)
{
	struct rig_probe p = {0};

	store_probe(r->store, QUESTION_SYMBOL, rig_probed, &p);
	ASSERT(manual_until(r->ctx.loop, &p.done));
	return p.error;
}

/*
 * Turn the loop until *done. The clock stands still, but two seconds pass whenever a pause before
 * another try has begun, also one that begins while they do.
 */
__attribute__((unused)) static void rig_until(struct rig *r, const bool *done)
{
	int64_t seen = metric_get(store_retries);

	while (!*done) {
		int64_t pauses;

		manual_turn(r->ctx.loop, 10);
		pauses = metric_get(store_retries);
		if (pauses > seen)
			manual_advance(r->ctx.loop, 2 * NS_PER_S);
		seen = pauses;
	}
}

/* ---- S3 with keys of its own ---- */

__attribute__((unused)) static void rig_open_with_keys(struct rig *r, const char *url,
						       const struct http_reply *script, size_t n)
{
	rig_init(r, script, n);
	rig_var_set(r, "AWS_ACCESS_KEY_ID", "AK1");
	rig_var_set(r, "AWS_SECRET_ACCESS_KEY", "TOPSECRET");
	rig_open(r, url);
}

/* Was the text among what request i said? */
__attribute__((unused)) static bool rig_heard(struct rig *r, size_t i, const char *text)
{
	return http_server_heard(&r->server, i, text);
}

/* What became of a put: rig_stored() is its done(), and this its ud. */
struct rig_put {
	bool done;
	enum store_put_result result;
	struct store_put_answer answer;
	struct error error;
};

__attribute__((unused)) static void rig_stored(void *ud, enum store_put_result result,
					       const struct store_put_answer *answer,
					       const struct error *e)
{
	struct rig_put *p = ud;

	ASSERT(!p->done && (result == STORE_PUT_FAILED) == (e != NULL));
	p->done = true;
	p->result = result;
	p->answer = *answer;
	if (e)
		p->error = *e;
}
