// SPDX-License-Identifier: MIT
/*
 * See keeper.h. Credentials are renewed once less than RENEW_BEFORE of their life is left; until a
 * renewal succeeds the old ones are used as long as they are valid. Loads begin at least
 * RETRY_AFTER apart. While no service has given any, requests go unsigned, and the services are
 * asked again in the background.
 */
#include "store/keeper.h"
#include "base/clock.h"
#include "metric/metric.h"

#define RENEW_BEFORE_S 600
#define RETRY_AFTER_NS (5 * NS_PER_S)
#define RETRY_LAST_NS  (60 * NS_PER_S)

enum err keeper_init(struct keeper *k, const struct store_context *ctx, const char *region,
		     bool anonymous, struct error *e)
{
	enum creds_static state = CREDS_NONE;

	*k = (struct keeper){.ctx = ctx, .region = xstrdup(region), .anonymous = anonymous};
	if (!anonymous && creds_load_static(ctx->creds_env, &state, &k->creds, e) != OK)
		return e->code;
	k->known = state != CREDS_NEEDS_NETWORK;
	k->by_network = state == CREDS_NEEDS_NETWORK;
	k->pause_ns = RETRY_AFTER_NS;
	atomic_store(&k->signs, state != CREDS_NONE);
	return OK;
}

void keeper_fini(struct keeper *k)
{
	creds_unref(k->creds);
	creds_unref(k->loaded);
	free(k->region);
}

static void load(struct pool_job *job)
{
	struct keeper *k = CONTAINER_OF(job, struct keeper, job);

	k->result = creds_load(k->ctx->creds_env, k->region, &k->loaded, &k->error);
	loop_post(k->ctx->loop, &k->back);
}

static bool same_key(const struct creds *a, const struct creds *b)
{
	return a == b || (a && b && strcmp(a->access_key, b->access_key) == 0);
}

static void take_loaded(struct keeper *k)
{
	bool news = k->known && !same_key(k->creds, k->loaded);

	metric_inc(creds_refreshed);
	creds_unref(k->creds);
	k->creds = TAKE(k->loaded);
	k->known = true;
	atomic_store(&k->signs, k->creds != NULL);
	if (news && k->changed)
		k->changed(k);
}

static void loaded(struct loop_task *task)
{
	struct keeper *k = CONTAINER_OF(task, struct keeper, back);

	k->loading = false;
	k->failure = (struct error){OK, 0, ""};
	if (k->result != OK) {
		metric_inc(creds_failed);
		k->failure = k->error;
	} else if (k->loaded || !k->creds) {
		take_loaded(k);
	}
	waiters_wake(&k->waiters);
}

static bool start_loading(struct keeper *k)
{
	int64_t now = clock_mono_ns();

	if (k->loading)
		return true;
	if (k->anonymous || (k->tried_ns && now - k->tried_ns < RETRY_AFTER_NS))
		return false;
	k->tried_ns = now;
	k->job.run = load;
	k->back.run = loaded;
	k->loading = pool_submit(k->ctx->creds, &k->job) == OK;
	if (!k->loading) {
		metric_inc(refused_disk_jobs);
		err_set(&k->failure, ERR_BUSY, "too many blocking calls are waiting");
	}
	return k->loading;
}

/* A service that did not answer is no proof that there are no credentials. */
static void ask_again(struct keeper *k)
{
	if (!k->by_network || k->loading || clock_mono_ns() - k->tried_ns < k->pause_ns)
		return;
	k->pause_ns = MIN(2 * k->pause_ns, RETRY_LAST_NS);
	start_loading(k);
}

enum keeper_answer keeper_get(struct keeper *k, const struct creds **ret)
{
	int64_t left;

	*ret = k->creds;
	if (k->known && !k->creds)
		ask_again(k);
	if (k->known && (!k->creds || !k->creds->expires_s))
		return KEEPER_READY;
	if (!k->creds)
		return start_loading(k) ? KEEPER_WAIT : KEEPER_FAILED;
	left = k->creds->expires_s - clock_wall_s();
	if (left < RENEW_BEFORE_S)
		start_loading(k);
	if (left > 0)
		return KEEPER_READY;
	if (k->loading)
		return KEEPER_WAIT;
	if (!k->failure.code)
		err_set(&k->failure, ERR_DENIED, "the credentials have expired");
	return KEEPER_FAILED;
}

bool keeper_renew(struct keeper *k)
{
	return start_loading(k);
}
