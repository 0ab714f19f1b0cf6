// SPDX-License-Identifier: MIT
/*
 * See renewal.h. Credentials are renewed once less than RENEW_BEFORE of their life is left; until a
 * renewal succeeds the old ones are used as long as they are valid. Loads begin at least
 * RETRY_AFTER apart. While no service has given any, requests go unsigned, and the services are
 * asked again in the background.
 */
#include "store/renewal.h"
#include "base/clock.h"
#include "metric/metric.h"

#define RENEW_BEFORE_S 600
#define RETRY_AFTER_NS (5 * NS_PER_S)
#define RETRY_LAST_NS  (60 * NS_PER_S)

enum err renewal_init(struct renewal *r, const struct store_context *ctx, const char *region,
		      bool anonymous, struct error *e)
{
	enum creds_static state = CREDS_NONE;

	*r = (struct renewal){.ctx = ctx, .region = xstrdup(region), .anonymous = anonymous};
	if (!anonymous && creds_load_static(ctx->creds_env, &state, &r->creds, e) != OK)
		return e->code;
	r->known = state != CREDS_NEEDS_NETWORK;
	r->by_network = state == CREDS_NEEDS_NETWORK;
	r->pause_ns = RETRY_AFTER_NS;
	atomic_store(&r->signs, state != CREDS_NONE);
	return OK;
}

void renewal_fini(struct renewal *r)
{
	creds_free(r->creds);
	creds_free(r->loaded);
	free(r->region);
}

static void load(struct pool_job *job)
{
	struct renewal *r = CONTAINER_OF(job, struct renewal, job);

	r->result = creds_load(r->ctx->creds_env, r->region, &r->loaded, &r->error);
	loop_post(r->ctx->loop, &r->back);
}

static bool same_key(const struct creds *a, const struct creds *b)
{
	return a == b || (a && b && strcmp(a->access_key, b->access_key) == 0);
}

static void take_loaded(struct renewal *r)
{
	bool news = r->known && !same_key(r->creds, r->loaded);

	metric_inc(creds_refreshed);
	creds_free(r->creds);
	r->creds = TAKE(r->loaded);
	r->known = true;
	atomic_store(&r->signs, r->creds != NULL);
	if (news && r->changed)
		r->changed(r);
}

static void loaded(struct loop_task *task)
{
	struct renewal *r = CONTAINER_OF(task, struct renewal, back);

	r->loading = false;
	r->failure = (struct error){OK, 0, ""};
	if (r->result != OK) {
		metric_inc(creds_failed);
		r->failure = r->error;
	} else if (r->loaded || !r->creds) {
		take_loaded(r);
	}
	waiters_wake(&r->waiters);
}

static bool start_loading(struct renewal *r)
{
	int64_t now = clock_mono_ns();

	if (r->loading)
		return true;
	if (r->anonymous || (r->tried_ns && now - r->tried_ns < RETRY_AFTER_NS))
		return false;
	r->tried_ns = now;
	r->job.run = load;
	r->back.run = loaded;
	r->loading = pool_submit(r->ctx->creds, &r->job) == OK;
	if (!r->loading) {
		metric_inc(refused_disk_jobs);
		err_set(&r->failure, ERR_BUSY, "too many blocking calls are waiting");
	}
	return r->loading;
}

/* A service that did not answer is no proof that there are no credentials. */
static void ask_again(struct renewal *r)
{
	if (!r->by_network || r->loading || clock_mono_ns() - r->tried_ns < r->pause_ns)
		return;
	r->pause_ns = MIN(2 * r->pause_ns, RETRY_LAST_NS);
	start_loading(r);
}

enum renewal_answer renewal_get(struct renewal *r, const struct creds **ret)
{
	int64_t left;

	*ret = r->creds;
	if (r->known && !r->creds)
		ask_again(r);
	if (r->known && (!r->creds || !r->creds->expires_s))
		return RENEWAL_READY;
	if (!r->creds)
		return start_loading(r) ? RENEWAL_WAIT : RENEWAL_FAILED;
	left = r->creds->expires_s - clock_wall_s();
	if (left < RENEW_BEFORE_S)
		start_loading(r);
	if (left > 0)
		return RENEWAL_READY;
	if (r->loading)
		return RENEWAL_WAIT;
	if (!r->failure.code)
		err_set(&r->failure, ERR_DENIED, "the credentials have expired");
	return RENEWAL_FAILED;
}

bool renewal_now(struct renewal *r)
{
	return start_loading(r);
}
