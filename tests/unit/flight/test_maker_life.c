// SPDX-License-Identifier: MIT
/*
 * The life of a maker whose input grows by hand: it waits, is cancelled, loses its input, is refuted at
 * the last moment, breaks its promise, meets its limits.
 */
#include "base/log.h"
#include "maker_job.h"

#include "tap.h"
#include <sched.h>

/* ---- an input that grows ---- */

static void test_grows(void)
{
	struct slice bytes = file_of_kind(CAB);
	struct cache_rig r;
	struct job j;

	cache_rig_new(&r);
	job_init(&j, &r, FORM_EXPANDED, bytes, AS_FILL);
	job_start(&j);
	CHECK(waits(&j) && !j.began, "nothing: it waits");
	feed(&j, 20);
	CHECK(waits(&j) && !j.began, "not even the header");
	feed(&j, bytes.n / 4);
	CHECK(waits(&j) && j.began == 1 && j.length == TEXT_N, "the header: the length is told");
	feed(&j, bytes.n / 2);
	CHECK(waits(&j) && maker_made(j.maker) > TEXT_N / 4 && maker_made(j.maker) < TEXT_N,
	      "what can be made of half of it is there");
	CHECK(file_has(draft_fd(j.draft),
		       slice_head(file_of_kind(TEXT), (size_t)maker_made(j.maker))),
	      "and true");
	feed(&j, bytes.n);
	CHECK(waits(&j) && !j.ended && maker_made(j.maker) == TEXT_N,
	      "all of it, also what others cannot read yet: but it has not ended");
	CHECK(j.grew > 0, "that was told");
	fill_commit(j.fill);
	CHECK(over(&j) && j.end == MAKER_MADE && j.made == TEXT_N && j.began == 1,
	      "before the input is what it has to be");
	job_end(&j);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* The length of gzip stands at its end: that is asked for before what comes first. */
static void test_trailer(void)
{
	struct slice bytes = file_of_kind(GZ);
	int64_t half = (int64_t)bytes.n / 2;
	struct cache_rig r;
	struct job j;

	cache_rig_new(&r);
	job_init(&j, &r, FORM_EXPANDED, bytes, AS_FILL);
	fill_add_part(j.fill, 0, half);
	fill_stored(j.fill, 0, 1000);
	job_start(&j);
	CHECK(waits(&j) && atomic_load(&j.wanted) && fill_wanted(j.fill) == (int64_t)bytes.n - 4,
	      "the last four bytes are wanted");
	fill_add_part(j.fill, half, (int64_t)bytes.n);
	fill_stored(j.fill, half, (int64_t)bytes.n);
	CHECK(waits(&j) && j.began == 1 && j.length == TEXT_N, "they promise the length");
	CHECK(maker_made(j.maker) < TEXT_N, "while the middle is missing");
	fill_stored(j.fill, 0, half);
	fill_commit(j.fill);
	CHECK(over(&j) && j.end == MAKER_MADE && j.made == TEXT_N && !maker_broke_promise(j.maker),
	      "and keep it");
	job_end(&j);
	CHECK(cache_rig_close(&r), "nothing is left");
}

static void test_promise_broken(void)
{
	struct slice bytes = file_of_kind(MEMBERS);
	struct buf whole CLEANUP(buf_fini) = FORMS_BUF;
	struct cache_rig r;
	struct job j;

	buf_puts(&whole, "ten bytes ");
	buf_add(&whole, file_of_kind(TEXT));
	cache_rig_new(&r);
	job_init(&j, &r, FORM_EXPANDED, bytes, AS_FILE);
	job_start(&j);
	CHECK(over(&j) && j.began == 1 && j.length == TEXT_N, "two members: the last one's length");
	CHECK(j.end == MAKER_FAILED && maker_failure(j.maker)->code == ERR_CORRUPT &&
		      maker_broke_promise(j.maker) && j.made < TEXT_N,
	      "is not that of both: never made to the end");
	job_end(&j);
	job_init(&j, &r, FORM_EXPANDED, bytes, AS_FILE);
	j.request.promise = false;
	job_start(&j);
	CHECK(over(&j) && j.end == MAKER_MADE && j.began == 1 && j.length == (int64_t)whole.n &&
		      file_has(draft_fd(j.draft), buf_slice(&whole)),
	      "without a promise it is all made before it begins");
	job_end(&j);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* What is wrong with the input says nothing of the promise that was made for it. */
static void test_promise_of_a_refuted_input(void)
{
	struct cache_rig r;
	struct job j;

	cache_rig_new(&r);
	job_init(&j, &r, FORM_EXPANDED, file_of_kind(GZ), AS_FILL);
	job_start(&j);
	feed(&j, j.bytes.n);
	CHECK(waits(&j) && j.began, "begun, and waiting for the store's word");
	refute(&j);
	CHECK(over(&j) && j.end == MAKER_FAILED && maker_failure(j.maker)->code == ERR_CORRUPT,
	      "which is another");
	CHECK(!maker_broke_promise(j.maker), "the promise was good");
	job_end(&j);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- the end of the input ---- */

static void test_refuted(void)
{
	static const struct {
		const char *name;
		enum form form;
		enum stored stored;
		const char *encoding;
	} cases[] = {{"expanded", FORM_EXPANDED, CAB, ""},
		     {"copied", FORM_EXPANDED, TEXT, ""},
		     {"in two steps", FORM_EXPANDED, GZ_OF_CAB, "gzip"},
		     {"a cabinet", FORM_CABINET, TEXT, ""},
		     {"a cabinet, in two steps", FORM_CABINET, GZ, "gzip"}};
	struct cache_rig r;

	cache_rig_new(&r);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct job j;

		job_init(&j, &r, cases[i].form, file_of_kind(cases[i].stored), AS_FILL);
		j.request.input.encoding = cases[i].encoding;
		job_start(&j);
		feed(&j, j.bytes.n);
		CHECK(waits(&j) && !j.ended, "everything has been read ahead");
		refute(&j);
		CHECK(over(&j) && j.end == MAKER_FAILED, cases[i].name);
		CHECK_STR(maker_failure(j.maker)->msg, "the checksum is another",
			  "... is not completed when the store's checksum refutes it");
		job_end(&j);
	}
	CHECK(cache_rig_close(&r), "nothing is left");
}

static void test_input_fails(void)
{
	static const struct error lost = {ERR_NET, 0, "the store has gone away"};
	struct cache_rig r;
	struct job j;

	cache_rig_new(&r);
	job_init(&j, &r, FORM_EXPANDED, file_of_kind(CAB), AS_FILL);
	job_start(&j);
	feed(&j, j.bytes.n / 2);
	CHECK(waits(&j), "half of it");
	fill_fail(j.fill, &lost);
	CHECK(over(&j) && j.end == MAKER_FAILED && maker_failure(j.maker)->code == ERR_NET,
	      "and no more: for the input's own reason");
	CHECK_STR(maker_failure(j.maker)->msg, lost.msg, "in its words");
	CHECK(j.made < TEXT_N, "what was made is not all");
	job_end(&j);
	job_init(&j, &r, FORM_EXPANDED, file_of_kind(CAB), AS_FILE);
	j.request.input.length += 1000;
	job_start(&j);
	CHECK(over(&j) && j.end == MAKER_MADE, "a cabinet with something behind it");
	job_end(&j);
	job_init(&j, &r, FORM_EXPANDED, file_of_kind(TEXT), AS_FILE);
	j.request.input.length += 1000;
	job_start(&j);
	CHECK(over(&j) && j.end == MAKER_FAILED, "a file that is shorter than it was");
	job_end(&j);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- cancelling ---- */

static void test_cancel(void)
{
	struct cache_rig r;
	struct job j;
	int alone = 0;

	cache_rig_new(&r);
	job_init(&j, &r, FORM_EXPANDED, file_of_kind(CAB), AS_FILL);
	job_start(&j);
	feed(&j, j.bytes.n / 2);
	ASSERT(waits(&j) && j.began);
	maker_cancel(j.maker);
	CHECK(over(&j) && j.end == MAKER_FAILED && maker_failure(j.maker)->code == ERR_CANCELED &&
		      !somebody_waits(j.fill),
	      "cancelled while it waits: it waits no more");
	job_end(&j);

	for (int i = 0; i < 200; i++) {
		job_init(&j, &r, FORM_EXPANDED, file_of_kind(CAB), AS_FILL);
		job_start(&j);
		for (int turn = 0; turn < i % 20; turn++)
			sched_yield();
		if (i % 3)
			feed(&j, j.bytes.n / 2);
		maker_cancel(j.maker);
		maker_cancel(j.maker);
		if (i % 3 == 2)
			feed(&j, j.bytes.n);
		ASSERT(over(&j));
		alone += maker_failure(j.maker)->code == ERR_CANCELED && !j.began;
		job_end(&j);
	}
	CHECK_INT(alone, 200, "cancelled at any moment, it ends, and nothing else is told");

	job_init(&j, &r, FORM_EXPANDED, file_of_kind(CAB), AS_FILE);
	permits_take(r.flights->permits);
	permits_take(r.flights->permits);
	job_start(&j);
	maker_cancel(j.maker);
	permits_give(r.flights->permits);
	permits_give(r.flights->permits);
	CHECK(over(&j) && maker_failure(j.maker)->code == ERR_CANCELED && j.made == 0,
	      "before it had a permit: nothing is made");
	job_end(&j);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- limits ---- */

static void test_bombs(void)
{
	static const struct {
		const char *name;
		enum form form;
		enum stored stored;
		const char *encoding;
		bool promise;
		int64_t made_max;
	} cases[] = {
		{"a cabinet that states too much", FORM_EXPANDED, CAB, "", true, 0},
		{"zstd that states too much", FORM_EXPANDED, ZST, "", true, 0},
		{"zstd whose word is not taken", FORM_EXPANDED, ZST, "", false, TEXT_N - 1},
		{"gzip that states too much", FORM_EXPANDED, GZ, "", true, TEXT_N - 1},
		{"gzip whose word is not taken", FORM_EXPANDED, GZ, "", false, TEXT_N - 1},
		{"an encoding", FORM_PLAIN, GZ, "gzip", true, TEXT_N - 1},
		{"an encoding as the first of two steps", FORM_EXPANDED, GZ, "gzip", true, 0},
	};
	int64_t failed = metric_get(decode_failed);
	struct cache_rig r;
	struct job j;

	cache_rig_init(&r);
	r.flying.max_object = TEXT_N - 1;
	cache_rig_open(&r);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		job_init(&j, &r, cases[i].form, file_of_kind(cases[i].stored), AS_FILE);
		j.request.input.encoding = cases[i].encoding;
		j.request.promise = cases[i].promise;
		job_start(&j);
		CHECK(over(&j) && j.end == MAKER_FAILED &&
			      maker_failure(j.maker)->code == ERR_LIMIT && !j.began,
		      cases[i].name);
		CHECK(j.made <= cases[i].made_max, "... is not made");
		job_end(&j);
	}
	CHECK_INT(metric_get(decode_failed) - failed, ARRAY_LEN(cases), "each is counted");
	CHECK(cache_rig_close(&r), "nothing is left");

	cache_rig_init(&r);
	r.flying.max_object = TEXT_N;
	cache_rig_open(&r);
	job_init(&j, &r, FORM_EXPANDED, file_of_kind(GZ), AS_FILE);
	job_start(&j);
	CHECK(over(&j) && j.end == MAKER_MADE, "what just meets the limit is made");
	job_end(&j);
	CHECK(cache_rig_close(&r), "nothing is left");
}

#define MANY (32 + 256) /* MAKER_THREADS and MAKER_QUEUE of cache.c */

/* Those that wait for input take a thread, those behind them a place in the queue. */
static void test_too_many(void)
{
	struct job *jobs = xzalloc((MANY + 1) * sizeof(struct job));
	int64_t refused = metric_get(refused_decoders), active = metric_get(active_decoders);
	struct cache_rig r;
	struct job *last = &jobs[MANY];
	struct error e;
	int waiting = 0, made = 0;

	cache_rig_new(&r);
	for (int i = 0; i < MANY; i++) {
		job_init(&jobs[i], &r, FORM_EXPANDED, SLICE("x"), AS_FILL);
		job_start(&jobs[i]);
		if (i < 32)
			waiting += waits(&jobs[i]);
	}
	CHECK_INT(waiting, 32, "so many wait for input, though two may work at a time");
	job_init(last, &r, FORM_EXPANDED, SLICE("x"), AS_FILL);
	CHECK_INT(maker_start(&last->request, &last->maker, &e), ERR_BUSY, "one more is refused");
	CHECK(metric_get(refused_decoders) - refused == 1 &&
		      metric_get(active_decoders) - active == MANY,
	      "and counted");
	fill_unref(last->fill);
	close(last->fd);
	for (int i = 0; i < MANY; i++) {
		feed(&jobs[i], 1);
		fill_commit(jobs[i].fill);
	}
	for (int i = 0; i < MANY; i++) {
		made += over(&jobs[i]) && jobs[i].end == MAKER_MADE;
		job_end(&jobs[i]);
	}
	CHECK_INT(made, MANY, "all others are made");
	free(jobs);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* With one permit: who waits for input does not keep it. */
static void test_permit(void)
{
	struct job slow, quick;
	struct cache_rig r;

	cache_rig_init(&r);
	r.flying.decode_max = 1;
	cache_rig_open(&r);
	job_init(&slow, &r, FORM_EXPANDED, file_of_kind(CAB), AS_FILL);
	job_start(&slow);
	feed(&slow, slow.bytes.n / 2);
	ASSERT(waits(&slow));
	job_init(&quick, &r, FORM_EXPANDED, file_of_kind(GZ), AS_FILE);
	job_start(&quick);
	CHECK(over(&quick) && quick.end == MAKER_MADE && !slow.ended,
	      "while one waits for its store another one works");
	job_end(&quick);
	feed(&slow, slow.bytes.n);
	fill_commit(slow.fill);
	CHECK(over(&slow) && slow.end == MAKER_MADE, "and then the first one");
	job_end(&slow);
	CHECK(cache_rig_close(&r), "nothing is left");
}
int main(void)
{
	log_setup(LOG_ERROR, LOG_LOGFMT, 2);
	make_files();
	test_grows();
	test_trailer();
	test_promise_broken();
	test_promise_of_a_refuted_input();
	test_refuted();
	test_input_fails();
	test_cancel();
	test_bombs();
	test_too_many();
	test_permit();
	free_files();
	return tap_done();
}
