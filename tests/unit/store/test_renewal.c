// SPDX-License-Identifier: MIT
/*
 * The renewal of credentials: what it has at once, what it waits for, when it renews and what it
 * does when that fails. The scripted server is the container's credential service.
 */
#include "store_rig.h"

#include "store/renewal.h"
#include "tap.h"

#define WALL 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */
#define KEYS(access, expires)                                                                      \
	{                                                                                          \
		"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"AccessKeyId\":\"" access "\","     \
		"\"SecretAccessKey\":\"S\",\"Token\":\"T\",\"Expiration\":\"" expires "\"}",       \
			.close = true                                                              \
	}
#define DENIED                                                                                     \
	{                                                                                          \
		"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n"                                    \
	}

struct sleeper {
	struct waiter waiter;
	bool woken;
};

static void wake(struct waiter *w)
{
	((struct sleeper *)w)->woken = true;
}

static char uri[64];

static void container(struct rig *r, const struct http_reply *script, size_t n)
{
	clock_freeze_wall_s(WALL);
	rig_init(r, script, n);
	snprintf(uri, sizeof(uri), "http://127.0.0.1:%u/creds", r->server.port);
	rig_var_set(r, "AWS_CONTAINER_CREDENTIALS_FULL_URI", uri);
}

static void wait_for_load(struct rig *r, struct renewal *k)
{
	struct sleeper s = {.waiter.wake = wake};

	ASSERT(waiters_add(&k->waiters, &s.waiter));
	ASSERT(manual_until(r->ctx.loop, &s.woken));
}

static enum renewal_answer get(struct renewal *k, const char **ret_access)
{
	const struct creds *c = NULL;
	enum renewal_answer a = renewal_get(k, &c);

	*ret_access = c ? c->access_key : "";
	return a;
}

/* The store goes before its credentials are asked for more: rig_fini() has none to free. */
static void end(struct rig *r, struct renewal *k)
{
	rig_fini(r);
	renewal_fini(k);
	clock_freeze_wall_s(0);
}

static void test_static(void)
{
	struct error e;
	const char *access;
	struct renewal k;
	struct rig r;

	rig_init(&r, NULL, 0);
	rig_var_set(&r, "AWS_ACCESS_KEY_ID", "AK");
	rig_var_set(&r, "AWS_SECRET_ACCESS_KEY", "S");
	ASSERT(renewal_init(&k, &r.ctx, "r", false, NULL) == OK);
	CHECK(get(&k, &access) == RENEWAL_READY && atomic_load(&k.signs),
	      "keys in the environment");
	CHECK_STR(access, "AK", "are there at once");
	end(&r, &k);

	rig_init(&r, NULL, 0);
	rig_var_set(&r, "AWS_ACCESS_KEY_ID", "AK");
	CHECK_INT(renewal_init(&k, &r.ctx, "r", false, &e), ERR_USAGE, "half a pair is refused");
	renewal_fini(&k);
	ASSERT(renewal_init(&k, &r.ctx, "r", true, NULL) == OK);
	CHECK(get(&k, &access) == RENEWAL_READY && !access[0] && !atomic_load(&k.signs),
	      "anonymous: none are looked for");
	CHECK(!renewal_now(&k), "nor renewed");
	end(&r, &k);
}

static void test_load(void)
{
	static const struct http_reply script[] = {KEYS("AK1", "1994-11-06T10:00:00Z")};
	const char *access;
	struct renewal k;
	struct rig r;

	container(&r, script, 1);
	ASSERT(renewal_init(&k, &r.ctx, "r", false, NULL) == OK);
	CHECK(atomic_load(&k.signs), "there will be credentials: private from the start");
	CHECK_INT(get(&k, &access), RENEWAL_WAIT, "they are waited for");
	CHECK_INT(get(&k, &access), RENEWAL_WAIT, "by all");
	wait_for_load(&r, &k);
	CHECK_INT(get(&k, &access), RENEWAL_READY, "they are there");
	CHECK_STR(access, "AK1", "and used");
	CHECK_INT(http_server_asked(&r.server), 1, "asked for once");
	end(&r, &k);
}

static void test_renewal(void)
{
	static const struct http_reply script[] = {KEYS("AK1", "1994-11-06T10:00:00Z"), DENIED,
						   KEYS("AK2", "1994-11-06T12:00:00Z")};
	const char *access;
	struct renewal k;
	struct rig r;

	container(&r, script, 3);
	ASSERT(renewal_init(&k, &r.ctx, "r", false, NULL) == OK);
	get(&k, &access);
	wait_for_load(&r, &k);
	clock_freeze_wall_s(WALL + 3600); /* 623 s left */
	CHECK(get(&k, &access) == RENEWAL_READY && !k.loading, "far from its end: nothing");
	clock_freeze_wall_s(WALL + 3600 + 30); /* 593 s left */
	manual_advance(r.ctx.loop, 6 * NS_PER_S);
	CHECK(get(&k, &access) == RENEWAL_READY && k.loading, "near it: renewed, and nobody waits");
	wait_for_load(&r, &k);
	CHECK(get(&k, &access) == RENEWAL_READY && !k.loading,
	      "that failed: the old ones are good");
	CHECK_STR(access, "AK1", "as long as they are");
	CHECK(k.failure.code != OK, "and why is known");
	manual_advance(r.ctx.loop, 5 * NS_PER_S);
	CHECK(get(&k, &access) == RENEWAL_READY && k.loading, "five seconds later again");
	wait_for_load(&r, &k);
	get(&k, &access);
	CHECK_STR(access, "AK2", "renewed");
	CHECK_INT(k.failure.code, OK, "and well");
	end(&r, &k);
}

static void test_expiry(void)
{
	static const struct http_reply script[] = {KEYS("AK1", "1994-11-06T09:00:00Z"), DENIED,
						   DENIED};
	const char *access;
	struct renewal k;
	struct rig r;

	container(&r, script, 3);
	ASSERT(renewal_init(&k, &r.ctx, "r", false, NULL) == OK);
	get(&k, &access);
	wait_for_load(&r, &k);
	clock_freeze_wall_s(WALL + 3600);
	manual_advance(r.ctx.loop, 6 * NS_PER_S);
	CHECK_INT(get(&k, &access), RENEWAL_WAIT, "expired: waited for");
	wait_for_load(&r, &k);
	CHECK(get(&k, &access) == RENEWAL_FAILED && k.failure.code != OK, "in vain: a failure");
	manual_advance(r.ctx.loop, 5 * NS_PER_S);
	CHECK_INT(get(&k, &access), RENEWAL_WAIT, "later again");
	wait_for_load(&r, &k);
	end(&r, &k);
}

/* A store says that they are no good. */
static void test_renew_on_demand(void)
{
	static const struct http_reply script[] = {KEYS("AK1", "1994-11-06T12:00:00Z"),
						   KEYS("AK2", "1994-11-06T12:00:00Z")};
	const char *access;
	struct renewal k;
	struct rig r;

	container(&r, script, 2);
	ASSERT(renewal_init(&k, &r.ctx, "r", false, NULL) == OK);
	get(&k, &access);
	wait_for_load(&r, &k);
	CHECK(!renewal_now(&k), "they are new: no");
	manual_advance(r.ctx.loop, 5 * NS_PER_S);
	CHECK(renewal_now(&k) && renewal_now(&k), "they are older: yes, and join");
	wait_for_load(&r, &k);
	get(&k, &access);
	CHECK_STR(access, "AK2", "others");
	end(&r, &k);
}

/* The end while a worker loads: what it brings is not lost, nor used. */
static void test_end_while_loading(void)
{
	static const struct http_reply script[] = {KEYS("AK1", "1994-11-06T12:00:00Z")};
	const char *access;
	struct renewal k;
	struct rig r;

	container(&r, script, 1);
	ASSERT(renewal_init(&k, &r.ctx, "r", false, NULL) == OK);
	CHECK_INT(get(&k, &access), RENEWAL_WAIT, "the end while it loads");
	end(&r, &k);
}

int main(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
	test_static();
	test_load();
	test_renewal();
	test_expiry();
	test_renew_on_demand();
	test_end_while_loading();
	curl_global_cleanup();
	return tap_done();
}
