// SPDX-License-Identifier: MIT
/*
 * A listing of an S3 store against a scripted server: how its pages are asked for, what it does
 * when one fails, and its end in the middle. What pages come to is test_name_list.c's.
 */
#include "store_rig.h"

#include "metric/metric.h"
#include "store/listing.h"
#include "tap.h"

#include <semaphore.h>

#define URL "s3://bucket/pre?region=us-east-1&endpoint=http://127.0.0.1:%u"

#define ANSWER(head, body)                                                                         \
	{                                                                                          \
		"HTTP/1.1 " head "\r\nConnection: close\r\n\r\n" body, .close = true               \
	}
#define PAGE(inner)    ANSWER("200 OK", "<ListBucketResult>" inner "</ListBucketResult>")
#define AGED(s, inner) ANSWER("200 OK\r\nAge: " s, "<ListBucketResult>" inner "</ListBucketResult>")
#define DATED(s, inner)                                                                            \
	ANSWER("200 OK\r\nDate: " s, "<ListBucketResult>" inner "</ListBucketResult>")
#define LAST "<IsTruncated>false</IsTruncated>"
#define MORE(token)                                                                                \
	"<IsTruncated>true</IsTruncated><NextContinuationToken>" token "</NextContinuationToken>"
#define DIR(p)    "<CommonPrefixes><Prefix>" p "</Prefix></CommonPrefixes>"
#define SLOW_DOWN ANSWER("503 Slow Down", "<Error><Code>SlowDown</Code></Error>")
#define TORN                                                                                       \
	{                                                                                          \
		"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n<ListBucketResult>", .close = true  \
	}
#define QUIET                                                                                      \
	{                                                                                          \
		""                                                                                 \
	}

struct listed {
	struct listing *listing;
	int done;
	bool over;
	struct listing_result r;
	struct error e;
};

static void on_listed(void *ud, struct listing_result *r, const struct error *e)
{
	struct listed *l = ud;

	l->done++;
	l->over = true;
	l->r = *r;
	l->e = e ? *e : (struct error){0};
}

static void start(struct rig *r, struct listed *l, struct listing_request ask)
{
	*l = (struct listed){0};
	ask.store = r->store;
	if (!ask.max_names)
		ask.max_names = 1000;
	l->listing = listing_start(&ask, on_listed, l);
}

static void open_store(struct rig *r, const struct http_reply *script, size_t n)
{
	rig_init(r, script, n);
	rig_var_set(r, "AWS_ACCESS_KEY_ID", "AK1");
	rig_var_set(r, "AWS_SECRET_ACCESS_KEY", "TOPSECRET");
	rig_open(r, URL);
}

/* To its end; time passes only while it pauses for another try. */
static void finish(struct rig *r, struct listed *l)
{
	int64_t retries = metric_get(store_retries);

	while (!l->over) {
		ASSERT(MANUAL_UNTIL(r->ctx.loop, l->over || metric_get(store_retries) > retries));
		if (!l->over && metric_get(store_retries) > retries) {
			retries = metric_get(store_retries);
			manual_advance(r->ctx.loop, NS_PER_S);
		}
	}
}

static void list(struct rig *r, struct listed *l, struct listing_request ask)
{
	start(r, l, ask);
	finish(r, l);
}

static bool heard(struct rig *r, size_t i, const char *text)
{
	return http_server_heard(&r->server, i, text);
}

static bool says(const struct listed *l, const char *names)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX(1000);

	for (size_t i = 0; i < l->r.names.n; i++) {
		if (i)
			buf_putc(&text, '|');
		buf_add(&text, name_list_at(&l->r.names, i));
	}
	return slice_eq(buf_slice(&text), slice_of(names));
}

static void fini(struct rig *r, struct listed *l)
{
	name_list_fini(&l->r.names);
	rig_fini(r);
}

/* ---- how pages are asked for ---- */

static void test_requests(void)
{
	static const struct http_reply script[] = {PAGE(MORE("a/+=&amp; z") DIR("pre/fo/a/")),
						   PAGE(MORE("\xc3\xa4")), PAGE(LAST)};
	struct listed l;
	struct rig r;

	open_store(&r, script, ARRAY_LEN(script));
	CHECK(store_can_list(r.store), "a bucket can be listed");
	atomic_store(&r.store->epoch, 7);
	list(&r, &l, (struct listing_request){.folder = SLICE("fo/")});
	CHECK(l.done == 1 && !l.e.code && l.r.pages == 3 && says(&l, "a/"), "all pages");
	CHECK_INT(l.r.epoch, 7, "of that epoch");
	CHECK_INT(l.r.began_ns, MANUAL_START_NS, "from the first question on");
	CHECK(heard(&r, 0,
		    "GET /bucket/?delimiter=%2F&encoding-type=url&list-type=2&max-keys=1000&"
		    "prefix=pre%2Ffo%2F HTTP/1.1\r\n"),
	      "what stands below the folder, below the store's prefix");
	CHECK(heard(&r, 1,
		    "GET /bucket/?continuation-token=a%2F%2B%3D%26%20z&delimiter=%2F&"
		    "encoding-type=url&list-type=2&max-keys=1000&prefix=pre%2Ffo%2F HTTP/1.1\r\n"),
	      "the token goes back as it came");
	CHECK(heard(&r, 2, "?continuation-token=%C3%A4&"), "each its own");
	CHECK(heard(&r, 0, "Authorization: AWS4-HMAC-SHA256 Credential=AK1/") &&
		      heard(&r, 1, "/us-east-1/s3/aws4_request"),
	      "signed");
	CHECK(!heard(&r, 0, "start-after") && !heard(&r, 1, "start-after"), "never by start-after");
	CHECK(atomic_load(&r.store->answered_ns) == MANUAL_START_NS, "a page is a sign of life");
	fini(&r, &l);

	open_store(&r, &script[2], 1);
	list(&r, &l, (struct listing_request){.folder = SLICE_NONE});
	CHECK(!l.e.code && heard(&r, 0, "&prefix=pre%2F HTTP/1.1\r\n"), "the root");
	fini(&r, &l);
}

/* ---- page after page, for who wants more than names ---- */

static struct {
	int pages;
	struct name_page last;
} came;

static void on_page(void *ud, struct name_page *page)
{
	came.pages++;
	name_page_fini(&came.last);
	came.last = *page;
	*page = (struct name_page){0};
}

static void test_pages(void)
{
#define AN_OBJECT(key)                                                                             \
	"<Contents><Key>" key "</Key><Size>7</Size><LastModified>2026-11-30T07:00:00.000Z"         \
	"</LastModified><ETag>&quot;e1&quot;</ETag></Contents>"
	static const struct http_reply script[] = {DATED("Mon, 30 Nov 2026 10:00:07 GMT",
							 MORE("t") AN_OBJECT("pre/foo/1/a")
								 AN_OBJECT("pre/foo/2//b")),
						   PAGE(LAST AN_OBJECT("pre/foo/3/c"))};
	struct listed l;
	struct rig r;

	open_store(&r, script, 2);
	start(&r, &l,
	      (struct listing_request){.folder = SLICE("foo/"), .deep = true, .page = on_page});
	ASSERT(MANUAL_UNTIL(r.ctx.loop, came.pages == 1));
	manual_settle(r.ctx.loop);
	CHECK(heard(&r, 0, "/?encoding-type=url&list-type=2&max-keys=1000&prefix=pre%2Ffoo%2F "),
	      "all keys below a folder");
	CHECK(came.last.n_keys == 2 && slice_eq(came.last.keys[0], SLICE("1/a")) &&
		      slice_eq(came.last.keys[1], SLICE("2//b")),
	      "come as they are, whatever lies between");
	CHECK(came.last.facts[1].size == 7 && came.last.facts[1].modified_s == 1796022000,
	      "with size and time");
	CHECK(slice_eq(came.last.facts[1].etag, SLICE("\"e1\"")), "and ETag");
	CHECK(came.last.date_s == 1796032807, "and the store's own time");
	CHECK_INT(http_server_asked(&r.server), 1, "the next is not asked for until it is wanted");
	listing_go_on(l.listing);
	ASSERT(MANUAL_UNTIL(r.ctx.loop, came.pages == 2));
	CHECK(came.last.date_s == -1, "which the second does not tell");
	CHECK(!l.over, "nor is it over before the last was looked at");
	listing_go_on(l.listing);
	CHECK(l.done == 1 && !l.e.code && l.r.pages == 2 && !l.r.names.n, "no names are kept");
	CHECK(l.r.date_s == 1796032807, "the listing has the time of its first page");
	name_page_fini(&came.last);
	fini(&r, &l);

	came.pages = 0;
	open_store(&r, script, 1);
	start(&r, &l,
	      (struct listing_request){.folder = SLICE("foo/"), .deep = true, .page = on_page});
	ASSERT(MANUAL_UNTIL(r.ctx.loop, came.pages == 1));
	listing_cancel(l.listing);
	manual_settle(r.ctx.loop);
	CHECK(!l.done && http_server_asked(&r.server) == 1, "cancelled while a page is looked at");
	name_page_fini(&came.last);
	rig_fini(&r);
}

static void test_cannot(void)
{
	struct rig r;

	rig_init(&r, NULL, 0);
	rig_open(&r, "http://127.0.0.1:%u/symbols");
	CHECK(!store_can_list(r.store), "a server of files cannot be listed");
	rig_fini(&r);
}

static const struct {
	const char *name;
	struct http_reply reply[2];
	int64_t age_s;
} ages[] = {
	{"no Age", {PAGE(MORE("1")), PAGE(LAST)}, 0},
	{"the first has lain", {AGED("30", MORE("1")), PAGE(LAST)}, 30},
	{"the second has", {AGED("3", MORE("1")), AGED("40", LAST)}, 40},
	{"two headers", {AGED("50\r\nAge: 5", MORE("1")), PAGE(LAST)}, 50},
	{"no number", {AGED("soon", MORE("1")), PAGE(LAST)}, INT32_MAX},
	{"beyond all numbers", {AGED("99999999999999999999", MORE("1")), PAGE(LAST)}, INT32_MAX},
};

/* A page that has lain in a cache on its way tells nothing of what came since. */
static void test_age(void)
{
	for (size_t i = 0; i < ARRAY_LEN(ages); i++) {
		struct listed l;
		struct rig r;

		open_store(&r, ages[i].reply, 2);
		list(&r, &l, (struct listing_request){0});
		CHECK(!l.e.code, ages[i].name);
		CHECK_INT(l.r.began_ns, MANUAL_START_NS - ages[i].age_s * NS_PER_S,
			  "it began so long ago");
		fini(&r, &l);
	}
}

/* ---- failures ---- */

static const struct {
	const char *name;
	struct http_reply reply[6];
	size_t replies, asked;
	enum err code;
	unsigned pages; /* that were read */
} failures[] = {
	{"403",
	 {ANSWER("403 Forbidden", "<Error><Code>AccessDenied</Code></Error>")},
	 1,
	 1,
	 ERR_DENIED},
	{"403 in the middle",
	 {PAGE(MORE("1") DIR("pre/a/")),
	  ANSWER("403 Forbidden", "<Error><Code>AccessDenied</Code></Error>")},
	 2,
	 2,
	 ERR_DENIED,
	 1},
	{"no bucket",
	 {ANSWER("404 Not Found", "<Error><Code>NoSuchBucket</Code></Error>")},
	 1,
	 1,
	 ERR_UPSTREAM},
	{"404 and nothing else", {ANSWER("404 Not Found", "")}, 1, 1, ERR_UPSTREAM},
	{"a listing that came with 206",
	 {ANSWER("206 Partial Content", "<ListBucketResult>" LAST "</ListBucketResult>")},
	 1,
	 1,
	 ERR_CORRUPT},
	{"200 with an error",
	 {ANSWER("200 OK", "<Error><Code>InternalError</Code></Error>")},
	 1,
	 1,
	 ERR_UPSTREAM,
	 1},
	{"200 with nothing", {ANSWER("200 OK", "")}, 1, 1, ERR_CORRUPT, 1},
	{"a circle", {PAGE(MORE("1")), PAGE(MORE("1"))}, 2, 2, ERR_CORRUPT, 2},
	{"503, as often as it is asked",
	 {SLOW_DOWN, SLOW_DOWN, SLOW_DOWN, SLOW_DOWN, SLOW_DOWN},
	 5,
	 4,
	 ERR_UPSTREAM},
	{"torn, as often as it is asked", {TORN, TORN, TORN, TORN, TORN}, 5, 4, ERR_NET},
	{"no answer, in the middle",
	 {PAGE(MORE("1")), {NULL}, {NULL}, {NULL}, {NULL}, {NULL}},
	 6,
	 5,
	 ERR_NET,
	 1},
	{"three pages, of which two are allowed",
	 {PAGE(MORE("1") DIR("pre/a/")), PAGE(MORE("2") DIR("pre/b/")), PAGE(LAST)},
	 3,
	 2,
	 ERR_LIMIT,
	 2},
	{"three names, of which two are allowed",
	 {PAGE(LAST DIR("pre/a/") DIR("pre/b/") DIR("pre/c/"))},
	 1,
	 1,
	 ERR_LIMIT,
	 1},
};

static void test_failures(void)
{
	for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
		struct listed l;
		struct rig r;

		open_store(&r, failures[i].reply, failures[i].replies);
		list(&r, &l, (struct listing_request){.max_names = 2, .max_pages = 2});
		if (!CHECK(l.done == 1 && l.e.code == failures[i].code, failures[i].name))
			printf("# %s '%s'\n", err_name(l.e.code), l.e.msg);
		CHECK_INT(http_server_asked(&r.server), failures[i].asked, "in so many requests");
		CHECK(l.r.names.n == 0 && !l.r.names.text.p && l.r.pages == failures[i].pages,
		      "of which only the pages are told");
		CHECK_INT(r.store->gate[QUESTION_SYMBOL].breaker.faults, 0,
			  "and nothing counts against the store");
		fini(&r, &l);
	}
}

static const struct {
	const char *name;
	struct http_reply reply[6];
	size_t replies;
} passing[] = {
	{"503, once", {PAGE(MORE("1") DIR("pre/a/")), SLOW_DOWN, PAGE(LAST DIR("pre/b/"))}, 3},
	{"torn, once", {TORN, PAGE(MORE("1") DIR("pre/a/")), PAGE(LAST DIR("pre/b/"))}, 3},
	{"three times for each page",
	 {SLOW_DOWN,
	  TORN,
	  PAGE(MORE("1") DIR("pre/a/")),
	  {NULL},
	  SLOW_DOWN,
	  PAGE(LAST DIR("pre/b/"))},
	 6},
	{"another region",
	 {ANSWER("301 Moved\r\nx-amz-bucket-region: eu-west-1",
		 "<Error><Code>PermanentRedirect</Code></Error>"),
	  PAGE(MORE("1") DIR("pre/a/")), PAGE(LAST DIR("pre/b/"))},
	 3},
	{"credentials that have expired in the middle",
	 {PAGE(MORE("1") DIR("pre/a/")),
	  ANSWER("400 Bad", "<Error><Code>ExpiredToken</Code></Error>"), PAGE(LAST DIR("pre/b/"))},
	 3},
	{"a clock that is off",
	 {PAGE(MORE("1") DIR("pre/a/")),
	  ANSWER("403 Forbidden\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT",
		 "<Error><Code>RequestTimeTooSkewed</Code></Error>"),
	  PAGE(LAST DIR("pre/b/"))},
	 3},
	{"two pages and two names, of which so many are allowed",
	 {PAGE(MORE("1") DIR("pre/a/")), PAGE(LAST DIR("pre/b/"))},
	 2},
};

static void test_passing(void)
{
	for (size_t i = 0; i < ARRAY_LEN(passing); i++) {
		size_t last = passing[i].replies - 1;
		struct listed l;
		struct rig r;

		open_store(&r, passing[i].reply, passing[i].replies);
		list(&r, &l, (struct listing_request){.max_names = 2, .max_pages = 2});
		if (!CHECK(l.done == 1 && !l.e.code && says(&l, "a/|b/"), passing[i].name))
			printf("# %s '%s'\n", err_name(l.e.code), l.e.msg);
		CHECK(l.r.pages == 2 && http_server_asked(&r.server) == last + 1, "to the end");
		CHECK(heard(&r, last, "?continuation-token=1&"), "by the same token");
		CHECK_INT(l.r.began_ns, MANUAL_START_NS, "from the first try on");
		fini(&r, &l);
	}
}

static const struct {
	const char *name;
	struct http_reply reply;
	int64_t within_ns;
} hanging[] = {
	{"no head", QUIET, 3 * NS_PER_S},
	{"no more of the body",
	 {"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n<ListBucketResult>"},
	 5 * NS_PER_S},
};

/* Each try has its time, and there are four. */
static void test_hanging(void)
{
	for (size_t i = 0; i < ARRAY_LEN(hanging); i++) {
		const struct http_reply h = hanging[i].reply;
		const struct http_reply script[] = {h, h, h, h, h};
		struct listed l;
		struct rig r;

		open_store(&r, script, ARRAY_LEN(script));
		start(&r, &l, (struct listing_request){0});
		for (size_t tries = 1; tries <= 4; tries++) {
			ASSERT(MANUAL_UNTIL(r.ctx.loop, http_server_asked(&r.server) == tries));
			CHECK(!l.over, hanging[i].name);
			manual_advance(r.ctx.loop, hanging[i].within_ns + NS_PER_S);
		}
		CHECK(l.done == 1 && l.e.code == ERR_TIMEOUT, "it is given up");
		CHECK_INT(http_server_asked(&r.server), 4, "after four tries");
		fini(&r, &l);
	}
}

/* ---- behind the clients ---- */

static void test_crowded(void)
{
	static const struct http_reply script[] = {QUIET, QUIET, QUIET,     QUIET,
						   QUIET, QUIET, PAGE(LAST)};
	struct asked others[6] = {{0}};
	struct listed l;
	struct rig r;

	open_store(&r, script, ARRAY_LEN(script));
	for (size_t i = 0; i < 6; i++)
		rig_start(&r, &others[i],
			  (struct store_read){.deadline_ns = INT64_MAX, .patient = true});
	ASSERT(MANUAL_UNTIL(r.ctx.loop, http_server_asked(&r.server) == 6));
	start(&r, &l, (struct listing_request){0});
	manual_advance(r.ctx.loop, 59 * NS_PER_S);
	CHECK(!l.over && http_server_asked(&r.server) == 6, "six of eight transfers are in use");
	store_call_cancel(r.store, others[0].call);
	manual_advance(r.ctx.loop, NS_PER_S);
	finish(&r, &l);
	CHECK(!l.e.code && http_server_asked(&r.server) == 7, "once one has ended, it is asked");
	CHECK(l.r.began_ns > MANUAL_START_NS, "and has begun no sooner");
	for (size_t i = 1; i < 6; i++)
		store_call_cancel(r.store, others[i].call);
	fini(&r, &l);

	open_store(&r, script, ARRAY_LEN(script));
	for (size_t i = 0; i < 6; i++)
		rig_start(&r, &others[i],
			  (struct store_read){.deadline_ns = INT64_MAX, .patient = true});
	ASSERT(MANUAL_UNTIL(r.ctx.loop, http_server_asked(&r.server) == 6));
	start(&r, &l, (struct listing_request){0});
	manual_advance(r.ctx.loop, 61 * NS_PER_S);
	CHECK(l.over && l.e.code == ERR_BUSY && http_server_asked(&r.server) == 6,
	      "it does not wait for ever");
	for (size_t i = 0; i < 6; i++)
		store_call_cancel(r.store, others[i].call);
	fini(&r, &l);
}

static void test_left_alone(void)
{
	static const struct http_reply script[] = {PAGE(LAST)};
	struct listed l;
	struct rig r;

	open_store(&r, script, 1);
	r.store->gate[QUESTION_SYMBOL].breaker.state = BREAKER_OPEN;
	list(&r, &l, (struct listing_request){0});
	CHECK(l.e.code == ERR_BUSY && http_server_asked(&r.server) == 0,
	      "a store that is left alone is not listed");
	fini(&r, &l);
}

/* ---- ends ---- */

static sem_t let_go;

/* Keeps the only worker, so that what is submitted behind it is not begun. */
static void hold(struct pool_job *job)
{
	(void)job;
	while (sem_wait(&let_go) != 0)
		;
}

static void test_cancel(void)
{
	struct pool_job holder = {.run = hold};
	static const struct http_reply quiet[] = {QUIET};
	static const struct http_reply slow[] = {SLOW_DOWN};
	static const struct http_reply page[] = {PAGE(LAST DIR("pre/a/"))};
	int64_t retries = metric_get(store_retries);
	struct listed l;
	struct rig r;

	open_store(&r, quiet, 1);
	start(&r, &l, (struct listing_request){0});
	listing_cancel(l.listing);
	manual_settle(r.ctx.loop);
	CHECK(!l.done && http_server_asked(&r.server) == 0, "cancelled before it begins");
	start(&r, &l, (struct listing_request){0});
	ASSERT(MANUAL_UNTIL(r.ctx.loop, http_server_asked(&r.server) == 1));
	listing_cancel(l.listing);
	manual_settle(r.ctx.loop);
	CHECK(!l.done, "cancelled while the server thinks");
	rig_fini(&r);

	open_store(&r, slow, 1);
	start(&r, &l, (struct listing_request){0});
	ASSERT(MANUAL_UNTIL(r.ctx.loop, metric_get(store_retries) > retries));
	listing_cancel(l.listing);
	manual_advance(r.ctx.loop, NS_PER_S);
	CHECK(!l.done && http_server_asked(&r.server) == 1, "cancelled between two tries");
	rig_fini(&r);

	open_store(&r, page, 1);
	sem_init(&let_go, 0, 0);
	ASSERT(pool_submit(r.ctx.disk, &holder) == OK);
	start(&r, &l, (struct listing_request){0});
	ASSERT(MANUAL_UNTIL(r.ctx.loop, metric_get(active_transfers) == 1));
	ASSERT(MANUAL_UNTIL(r.ctx.loop, metric_get(active_transfers) == 0));
	listing_cancel(l.listing);
	sem_post(&let_go);
	rig_fini(&r);
	CHECK(!l.done, "cancelled while a page is read");
	sem_destroy(&let_go);
}

static void test_busy_pool(void)
{
	static const struct http_reply page[] = {PAGE(LAST)};
	struct pool *none;
	struct listed l;
	struct rig r;

	open_store(&r, page, 1);
	ASSERT(pool_new(1, 0, "none", &none, NULL) == OK);
	r.ctx.disk = none;
	list(&r, &l, (struct listing_request){0});
	CHECK(l.done == 1 && l.e.code == ERR_BUSY, "no worker takes the page: a failure");
	r.ctx.disk = r.ctx.searches;
	ASSERT(pool_stop(none, 10 * NS_PER_S));
	pool_free(none);
	fini(&r, &l);
}

/* The program ends while a page is on its way. */
static void test_end_in_the_middle(void)
{
	static const struct http_reply quiet[] = {QUIET};
	struct listed l;
	struct rig r;

	open_store(&r, quiet, 1);
	start(&r, &l, (struct listing_request){0});
	ASSERT(MANUAL_UNTIL(r.ctx.loop, http_server_asked(&r.server) == 1));
	rig_fini(&r);
	CHECK(l.done == 1 && l.e.code == ERR_CANCELED, "it is told");
}

int main(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
	test_requests();
	test_pages();
	test_cannot();
	test_age();
	test_failures();
	test_passing();
	test_hanging();
	test_crowded();
	test_left_alone();
	test_cancel();
	test_busy_pool();
	test_end_in_the_middle();
	curl_global_cleanup();
	return tap_done();
}
