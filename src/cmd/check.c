// SPDX-License-Identifier: MIT
/*
 * See check.h. The service has been started and its first probes have ended; here each store is
 * probed once more, on a warm connection, for its latency, and surveyed. The main thread waits
 * for the loop's thread by a semaphore.
 */
#include "cmd/check.h"
#include "base/text.h"
#include "base/wait.h"
#include "store/listing.h"

#include <semaphore.h>
#include <stdio.h>

#define WAIT_S     15
#define LISTING_NS (5 * NS_PER_S) /* for the names, which are not what counts */
#define PAGES_MAX  20             /* as many as a server lists at its start */
#define NAMES_MAX  ((size_t)PAGES_MAX * 1000)

struct check {
	struct loop_task task;
	struct store *store;
	int64_t began_ns, took_ns;
	struct error error;
	char layout[200];
	const char *doubt; /* why the answer proves little, or NULL */
	struct listing *listing;
	struct loop_timer listed_late;
	char names[300]; /* what is known of them, or "" */
	struct buf text;
	sem_t done;
};

/* ---- the names ---- */

static size_t count_mixed(const struct name_list *l)
{
	struct buf lower CLEANUP(buf_fini) = BUF_MAX(8192);
	size_t mixed = 0;

	for (size_t i = 0; i < l->n; i++) {
		buf_clear(&lower);
		fold_lower(name_list_at(l, i), &lower);
		mixed += !slice_eq(buf_slice(&lower), name_list_at(l, i));
	}
	return mixed;
}

static void say_names(struct check *c, const struct name_list *l)
{
	bool indexed = c->store->traits.indexed;
	size_t mixed = count_mixed(l);

	if (mixed)
		snprintf(c->names, sizeof(c->names), "%zu of %zu names are not lower-case: %s",
			 mixed, l->n,
			 indexed ? "found through the index"
				 : "asked for as case= says, for there is no index of names here "
				   "(index=)");
	else
		snprintf(c->names, sizeof(c->names), "%zu name%s, all lower-case%s", l->n,
			 l->n == 1 ? "" : "s", indexed ? "" : "; no index of them here (index=)");
}

static void say_why_no_names(struct check *c, const struct error *e)
{
	if (e->code == ERR_DENIED)
		snprintf(c->names, sizeof(c->names),
			 "names may not be listed (s3:ListBucket): each missing file is asked for");
	else if (e->code == ERR_LIMIT)
		snprintf(c->names, sizeof(c->names),
			 "more names than fill %d pages: listed once enough was missing",
			 PAGES_MAX);
	else
		snprintf(c->names, sizeof(c->names), "names not listed: %.200s", e->msg);
}

static void names_listed(void *ud, struct listing_result *r, const struct error *e)
{
	struct check *c = ud;

	loop_timer_stop(c->store->ctx->loop, &c->listed_late);
	if (e)
		say_why_no_names(c, e);
	else
		say_names(c, &r->names);
	name_list_fini(&r->names);
	sem_post(&c->done);
}

static void listed_late(struct loop_timer *timer)
{
	struct check *c = CONTAINER_OF(timer, struct check, listed_late);

	listing_cancel(c->listing);
	snprintf(c->names, sizeof(c->names), "names not listed: no answer within %d s",
		 (int)(LISTING_NS / NS_PER_S));
	sem_post(&c->done);
}

/* The last step. */
static void list_names(struct check *c)
{
	const struct listing_request request = {
		.store = c->store, .max_names = NAMES_MAX, .max_pages = PAGES_MAX};

	if (!store_can_list(c->store) || c->store->traits.any_case) {
		sem_post(&c->done);
		return;
	}
	c->listed_late.due = listed_late;
	loop_timer_set(c->store->ctx->loop, &c->listed_late, clock_mono_ns() + LISTING_NS);
	c->listing = listing_start(&request, names_listed, c);
}

/* ---- one store ---- */

static void surveyed(void *ud, const char *layout)
{
	struct check *c = ud;

	snprintf(c->layout, sizeof(c->layout), "%s", layout);
	list_names(c);
}

static void probed(void *ud, const struct error *e)
{
	struct check *c = ud;

	c->took_ns = clock_mono_ns() - c->began_ns;
	if (e)
		c->error = *e;
	c->store->ops->describe(c->store, &c->text);
	c->doubt = c->store->ops->doubt ? c->store->ops->doubt(c->store) : NULL;
	if (!e && c->store->ops->survey)
		c->store->ops->survey(c->store, surveyed, c);
	else if (!e)
		list_names(c);
	else
		sem_post(&c->done);
}

static void probe_store(struct loop_task *task)
{
	struct check *c = (struct check *)task;

	c->began_ns = clock_mono_ns();
	store_probe(c->store, QUESTION_ANY, probed, c);
}

static const char *tier_text(struct store *s)
{
	switch (atomic_load(&s->tier)) {
	case TIER_TWO: return "two-tier (index2.txt)";
	case TIER_BOTH: return "one-tier and two-tier";
	default: return "one-tier";
	}
}

/* Some of it are a server's own words. */
static void print(const struct check *c)
{
	struct buf line CLEANUP(buf_fini) = BUF_MAX(16384),
			shown CLEANUP(buf_fini) = BUF_MAX(65536);

	if (c->error.code)
		buf_printf(&line, "FAIL %s: %s (%s)", c->store->traits.name, c->error.msg,
			   buf_str(&c->text));
	else
		buf_printf(&line, "%s %s: %s; %s%s%s%s%s; %.1f ms", c->doubt ? "unsure" : "ok  ",
			   c->store->traits.name, buf_str(&c->text), tier_text(c->store),
			   c->layout[0] ? "; " : "", c->layout, c->names[0] ? "; " : "", c->names,
			   (double)c->took_ns / 1e6);
	if (!c->error.code && c->doubt)
		buf_printf(&line,
			   "; %s; to prove that it can be read: serve --check PATH, of a file "
			   "that is there",
			   c->doubt);
	text_show(buf_slice(&line), &shown);
	printf("%s\n", buf_str(&shown));
}

/* The struct stays allocated when the store never reports: the loop may still write to it. */
static bool check_one(struct service *s, struct store *store)
{
	struct check *c = xnew(struct check);
	bool ok;

	c->task.run = probe_store;
	c->store = store;
	c->text = BUF_MAX(4096);
	sem_init(&c->done, 0, 0);
	loop_post(s->loop, &c->task);
	if (!wait_posted(&c->done, WAIT_S * NS_PER_S)) {
		printf("FAIL %s: no answer within %d s\n", store->traits.name, WAIT_S);
		return false;
	}
	print(c);
	ok = !c->error.code;
	buf_fini(&c->text);
	sem_destroy(&c->done);
	free(c);
	return ok;
}

int check_stores(struct service *s)
{
	bool all = true;

	for (size_t i = 0; i < s->stores.n; i++)
		all &= check_one(s, s->stores.store[i]);
	return all ? EXIT_SUCCESS : EXIT_FAILURE;
}

int check_certificate(struct tls *tls, const char *path)
{
	char names[TLS_NAMES_MAX];
	int64_t until, left;

	tls_describe(tls, names, &until);
	left = until - clock_wall_s();
	if (left <= 0)
		printf("FAIL certificate %s: %s; not valid any more\n", path, names);
	else
		printf("ok   certificate %s: %s; valid for %lld more days\n", path, names,
		       (long long)left / 86400);
	return left > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
