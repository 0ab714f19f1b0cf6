// SPDX-License-Identifier: MIT
/*
 * The hottest files: what is found again, and that nothing is which was found before it was
 * forgotten. The bodies are as small as can be; what counts is the entry.
 */
#include "base/clock.h"
#include "serve/hot.h"
#include "serve/request.h"

#include "tap.h"
#include <dirent.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct rig {
	struct hot *hot;
	uint64_t version; /* so many purges until now */
	struct store store;
	struct symbol_path path;
	char file[24];
	int fd;
	int64_t length;
	bool local; /* the file is one of a local store */
};

static void rig_init(struct rig *r)
{
	const struct request_rules rules = {.base_path = SLICE_NONE};

	*r = (struct rig){.hot = hot_new(), .file = "/tmp/pepto-hot-XXXXXX"};
	clock_freeze_mono_ns(100 * NS_PER_S);
	ASSERT(request_clean(SLICE("/foo.pdb/ABC1/foo.pdb"), &rules, &r->path) == REQUEST_CLEAN);
	r->fd = mkstemp(r->file);
	ASSERT(r->fd >= 0 && write(r->fd, "abcdefg", 7) == 7);
	r->length = 4;
}

static void rig_fini(struct rig *r)
{
	hot_free(r->hot);
	symbol_path_fini(&r->path);
	unlink(r->file); /* a test may have done so */
	close(r->fd);
}

static const struct client anybody, lldb = {.decimal_ages = true},
				    perfview = {.short_stamps = true};

static int64_t change_of(int fd)
{
	struct stat st;

	ASSERT(fstat(fd, &st) == 0);
	return (int64_t)st.st_ctim.tv_sec * NS_PER_S + st.st_ctim.tv_nsec;
}

/* Offer the file as it was found for this client after this version. */
static void offer_for(struct rig *r, const struct client *client, uint64_t version)
{
	const struct resolve_rules rules = {.path = &r->path, .client = client, .any_path = true};
	const struct hot_offer o = {
		.rules = &rules,
		.store = &r->store,
		.head = SLICE("HTTP/1.1 200 OK\r\n"),
		.fd = r->fd,
		.version = version,
		.base = 3,
		.length = r->length,
		.fresh_ns = r->local ? NS_PER_S : 60 * NS_PER_S,
		.changed_ns = r->local ? change_of(r->fd) : 0,
	};

	hot_add(r->hot, &o);
}

static void offer(struct rig *r, uint64_t version)
{
	offer_for(r, &anybody, version);
}

static bool is_hot_for(struct rig *r, const struct client *client)
{
	const struct resolve_rules rules = {.path = &r->path, .client = client, .any_path = true};
	struct hot_miss miss;
	struct hot_entry *e = hot_find(r->hot, &rules, r->version, &miss);

	if (e)
		hot_done(r->hot, e);
	return e;
}

static bool is_hot(struct rig *r)
{
	return is_hot_for(r, &anybody);
}

static void test_found(void)
{
	struct rig r;

	rig_init(&r);
	CHECK(!is_hot(&r), "nothing yet");
	offer(&r, r.version);
	CHECK(is_hot(&r), "found");
	clock_freeze_mono_ns(clock_mono_ns() + 60 * NS_PER_S);
	CHECK(!is_hot(&r), "as long as it is fresh");
	rig_fini(&r);
}

static void test_removed(void)
{
	struct rig r;

	rig_init(&r);
	offer(&r, r.version);
	ASSERT(unlink(r.file) == 0);
	clock_freeze_mono_ns(clock_mono_ns() + NS_PER_S);
	CHECK(!is_hot(&r), "a file that is gone is noticed within a second");
	rig_fini(&r);
}

/* Who had found the file before a purge made it hot after the purge: served as if never purged. */
static void test_found_before_a_purge(void)
{
	struct rig r;

	rig_init(&r);
	offer(&r, r.version);
	r.version++;
	CHECK(!is_hot(&r), "forgotten, whoever has purged");
	offer(&r, r.version - 1);
	CHECK(!is_hot(&r), "what was found before does not count after");
	offer(&r, r.version);
	CHECK(is_hot(&r), "what is found now does");
	hot_clear(r.hot);
	CHECK(!is_hot(&r), "and can be given back");
	rig_fini(&r);
}

/* The same path may be the key of another file: 10 is sixteen to one, and ten to the other. */
static void test_who_writes_keys_otherwise(void)
{
	const struct client same = {.gzip = true, .symsrv = true, .max_size = 1};
	struct rig r;

	rig_init(&r);
	offer_for(&r, &lldb, r.version);
	CHECK(is_hot_for(&r, &lldb) && !is_hot(&r) && !is_hot_for(&r, &perfview),
	      "found for one that writes ages in decimal: for such alone");
	offer(&r, r.version);
	CHECK(is_hot_for(&r, &lldb) && is_hot(&r), "one entry for each");
	CHECK(is_hot_for(&r, &same), "what else a client is like does not matter");
	CHECK(!is_hot_for(&r, &perfview), "and none for who pads no stamps");
	rig_fini(&r);
}

/* A small body is in memory, a large one in the file; either stays until it has been sent. */
static void test_answers(void)
{
	static const struct {
		int64_t length;
		enum http_answer_kind kind;
	} t[] = {{4, HTTP_ANSWER_BYTES},
		 {16 << 10, HTTP_ANSWER_BYTES},
		 {(16 << 10) + 1, HTTP_ANSWER_FILE}};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		const struct resolve_rules rules = {.client = &anybody, .any_path = true};
		struct resolve_rules of = rules;
		struct http_answer a;
		struct hot_miss miss;
		struct rig r;
		char got[4];

		rig_init(&r);
		of.path = &r.path;
		r.length = t[i].length;
		ASSERT(ftruncate(r.fd, 3 + r.length) == 0);
		offer(&r, r.version);
		a = hot_answer(hot_find(r.hot, &of, r.version, &miss));
		hot_clear(r.hot);
		CHECK(a.kind == t[i].kind && a.length == r.length, "where it lies");
		CHECK_SLICE(a.head, "HTTP/1.1 200 OK\r\n", "with its head");
		if (a.kind == HTTP_ANSWER_FILE)
			ASSERT(pread(a.fd, got, 4, a.offset) == 4);
		else
			memcpy(got, a.bytes.p, 4);
		CHECK(memcmp(got, "defg", 4) == 0, "and its body");
		a.release(a.ud);
		rig_fini(&r);
	}
}

/* ---- files of a local store ---- */

static size_t open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	ASSERT(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Until it shows: the clock of a file system goes in steps. */
static void overwrite(struct rig *r)
{
	int64_t before = change_of(r->fd);

	while (change_of(r->fd) == before)
		ASSERT(pwrite(r->fd, "ABCDEFG", 7, 0) == 7);
}

static void cut_short(struct rig *r)
{
	int64_t before = change_of(r->fd);
	int64_t length = r->length;

	while (change_of(r->fd) == before)
		ASSERT(ftruncate(r->fd, --length) == 0);
}

static void forbid(struct rig *r)
{
	int64_t before = change_of(r->fd);

	while (change_of(r->fd) == before)
		ASSERT(fchmod(r->fd, 0) == 0);
}

/* Until the clock of the file system is past the file's last change, as it is when a store offers one. */
static void let_settle(struct rig *r)
{
	char other[] = "/tmp/pepto-hot-XXXXXX";
	int fd = mkstemp(other);

	ASSERT(fd >= 0 && unlink(other) == 0);
	while (change_of(fd) <= change_of(r->fd))
		ASSERT(fchmod(fd, 0600) == 0);
	close(fd);
}

static void remove_it(struct rig *r)
{
	ASSERT(unlink(r->file) == 0);
}

static void replace_it(struct rig *r)
{
	char other[] = "/tmp/pepto-hot-XXXXXX";
	int fd = mkstemp(other);

	ASSERT(fd >= 0 && rename(other, r->file) == 0);
	close(fd);
}

static void test_changed_local_file(void)
{
	static const struct {
		const char *what;
		void (*change)(struct rig *r);
	} t[] = {{"written to", overwrite},
		 {"cut short", cut_short},
		 {"forbidden", forbid},
		 {"removed", remove_it},
		 {"replaced", replace_it}};

	for (size_t i = 0; i < 2 * ARRAY_LEN(t); i++) {
		struct rig r;

		rig_init(&r);
		r.local = true;
		r.length = i % 2 ? 100000 : 4;
		ASSERT(ftruncate(r.fd, 3 + r.length) == 0);
		let_settle(&r);
		offer(&r, r.version);
		CHECK(is_hot(&r), "in memory, or an open file");
		t[i / 2].change(&r);
		CHECK(!is_hot(&r), t[i / 2].what);
		rig_fini(&r);
	}
}

/* What was found before a change and is offered after it: the head is of before, the body would not be. */
static void test_changed_before_it_is_kept(void)
{
	const struct client *client = &anybody;
	struct rig r;

	rig_init(&r);
	{
		const struct resolve_rules rules = {
			.path = &r.path, .client = client, .any_path = true};
		const struct hot_offer o = {
			.rules = &rules,
			.store = &r.store,
			.head = SLICE("HTTP/1.1 200 OK\r\n"),
			.fd = r.fd,
			.length = 4,
			.fresh_ns = NS_PER_S,
			.changed_ns = change_of(r.fd),
		};

		overwrite(&r);
		hot_add(r.hot, &o);
	}
	CHECK(!is_hot(&r), "not kept");
	rig_fini(&r);
}

static void test_local_file_for_a_second(void)
{
	struct rig r;

	rig_init(&r);
	r.local = true;
	offer(&r, r.version);
	clock_freeze_mono_ns(clock_mono_ns() + NS_PER_S - 1);
	CHECK(is_hot(&r), "as long as was offered");
	clock_freeze_mono_ns(clock_mono_ns() + 1);
	CHECK(!is_hot(&r), "and no longer");
	rig_fini(&r);
}

/* An open file takes room on its disk, also when it has been removed. */
static void test_tidy(void)
{
	static const struct {
		const char *what;
		bool local;
		int64_t later_ns;
		uint64_t version;
		bool stays;
	} t[] = {
		{"a local file, at once", true, 0, 0, true},
		{"a second later", true, NS_PER_S, 0, false},
		{"after a purge", true, 0, 1, false},
		{"a file of the cache, a second later", false, NS_PER_S, 0, true},
		{"that nobody has asked for for a minute", false, 60 * NS_PER_S - 1, 0, true},
		{"nor for longer", false, 60 * NS_PER_S, 0, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		size_t before;
		struct rig r;

		rig_init(&r);
		r.local = t[i].local;
		before = open_files();
		offer(&r, r.version);
		ASSERT(open_files() == before + 1);
		clock_freeze_mono_ns(clock_mono_ns() + t[i].later_ns);
		hot_tidy(r.hot, t[i].version);
		CHECK_INT((long long)open_files(), (long long)(before + t[i].stays), t[i].what);
		rig_fini(&r);
	}
}

/* As many as there are places for, and so many only. */
static void test_as_many_as_may_be(void)
{
	size_t before = open_files();
	struct rig r;

	rig_init(&r);
	r.local = true;
	for (int i = 0; i < 5000; i++) {
		const struct request_rules rules = {.base_path = SLICE_NONE};
		char target[64];

		symbol_path_fini(&r.path);
		snprintf(target, sizeof(target), "/foo%d.pdb/ABC1/foo%d.pdb", i, i);
		ASSERT(request_clean(slice_of(target), &rules, &r.path) == REQUEST_CLEAN);
		offer(&r, r.version);
	}
	CHECK(open_files() <= before + 1 + 1024, "bounded");
	hot_clear(r.hot);
	CHECK_INT((long long)open_files(), (long long)before + 1, "and given back");
	rig_fini(&r);
}

/* ---- what is missing ---- */

static struct hot_miss miss_for(struct rig *r, const struct resolve_rules *rules)
{
	struct hot_miss miss;

	CHECK(!hot_find(r->hot, rules, r->version, &miss), "no file");
	return miss;
}

static void test_missing(void)
{
	const struct hot_miss known = {.keep_ns = 90 * NS_PER_S, .by = BY_AGENT};
	struct rig r;

	rig_init(&r);
	{
		const struct resolve_rules rules = {
			.path = &r.path, .client = &anybody, .any_path = true};
		struct resolve_rules others = rules;
		struct hot_miss miss;

		CHECK(!miss_for(&r, &rules).keep_ns, "nothing is known");
		hot_add_miss(r.hot, &rules, r.version, hot_arrivals(r.hot), &known);
		clock_freeze_mono_ns(clock_mono_ns() + NS_PER_S / 2);
		miss = miss_for(&r, &rules);
		CHECK(miss.keep_ns == known.keep_ns - NS_PER_S / 2, "others keep what is left");
		CHECK(miss.by == BY_AGENT, "and are told who decided");
		others.client = &lldb;
		CHECK(!miss_for(&r, &others).keep_ns, "not for who writes keys otherwise");
		others.client = &anybody;
		others.any_path = false;
		CHECK(!miss_for(&r, &others).keep_ns, "nor for who may not ask all stores");
		clock_freeze_mono_ns(clock_mono_ns() + NS_PER_S / 2);
		CHECK(!miss_for(&r, &rules).keep_ns, "and for a second at most");
		hot_add_miss(r.hot, &rules, r.version, hot_arrivals(r.hot), &known);
		r.version++;
		CHECK(!miss_for(&r, &rules).keep_ns, "nor after a purge");
		hot_add_miss(r.hot, &rules, r.version, hot_arrivals(r.hot),
			     &(struct hot_miss){.keep_ns = 1});
		clock_freeze_mono_ns(clock_mono_ns() + 1);
		CHECK(!miss_for(&r, &rules).keep_ns, "nor for longer than it may be kept");
	}
	rig_fini(&r);
}

/* The same as it is read first, and not as it is read then: what is looked for is not the same. */
static void test_spellings(void)
{
	const struct request_rules clean = {.base_path = SLICE_NONE};
	const struct hot_miss known = {.keep_ns = NS_PER_S};
	struct symbol_path other;
	struct rig r;

	rig_init(&r);
	symbol_path_fini(&r.path);
	ASSERT(request_clean(SLICE("/a+b%2bc/ABC1/x"), &clean, &r.path) == REQUEST_CLEAN);
	ASSERT(request_clean(SLICE("/a%2bb+c/ABC1/x"), &clean, &other) == REQUEST_CLEAN);
	{
		const struct resolve_rules rules = {.path = &r.path, .client = &anybody};
		const struct resolve_rules others = {.path = &other, .client = &anybody};

		hot_add_miss(r.hot, &rules, r.version, hot_arrivals(r.hot), &known);
		CHECK(miss_for(&r, &rules).keep_ns > 0, "known");
		CHECK(!miss_for(&r, &others).keep_ns, "another '+' is escaped");
	}
	symbol_path_fini(&other);
	rig_fini(&r);
}

/* ---- all at once ---- */

#define ROUNDS 2000

/* What a worker does; the path of even rounds is there, that of odd ones missing. */
static void *work(void *ud)
{
	struct rig *r = ud;
	const struct request_rules clean = {.base_path = SLICE_NONE};

	for (int i = 0; i < ROUNDS; i++) {
		const struct hot_miss known = {.keep_ns = NS_PER_S};
		struct resolve_rules rules = {.client = &anybody, .any_path = true};
		struct symbol_path path;
		struct hot_offer o = {.store = &r->store,
				      .head = SLICE("HTTP/1.1 200 OK\r\n"),
				      .fd = r->fd,
				      .length = 4,
				      .fresh_ns = NS_PER_S,
				      .changed_ns = change_of(r->fd)};
		struct hot_entry *e;
		struct hot_miss miss;
		char target[64];

		snprintf(target, sizeof(target), "/foo%d.pdb/ABC1/foo%d.pdb", i % 10, i % 10);
		ASSERT(request_clean(slice_of(target), &clean, &path) == REQUEST_CLEAN);
		rules.path = &path;
		o.rules = &rules;
		e = hot_find(r->hot, &rules, 0, &miss);
		ASSERT(!e || (i % 2 == 0 && hot_answer(e).length == 4));
		ASSERT(e || !miss.keep_ns || i % 2 == 1);
		if (e)
			hot_done(r->hot, e);
		else if (i % 2)
			hot_add_miss(r->hot, &rules, 0, 0, &known);
		else
			hot_add(r->hot, &o);
		symbol_path_fini(&path);
	}
	return NULL;
}

static void test_many_threads(void)
{
	pthread_t worker[4];
	size_t before;
	struct rig r;

	rig_init(&r);
	before = open_files();
	for (size_t i = 0; i < ARRAY_LEN(worker); i++)
		ASSERT(pthread_create(&worker[i], NULL, work, &r) == 0);
	for (int i = 0; i < ROUNDS / 10; i++) {
		hot_tidy(r.hot, 0);
		hot_tidy(r.hot, 1);
	}
	for (size_t i = 0; i < ARRAY_LEN(worker); i++)
		ASSERT(pthread_join(worker[i], NULL) == 0);
	hot_clear(r.hot);
	CHECK_INT((long long)open_files(), (long long)before, "nothing stays open");
	rig_fini(&r);
}

int main(void)
{
	test_many_threads();
	test_changed_local_file();
	test_changed_before_it_is_kept();
	test_local_file_for_a_second();
	test_tidy();
	test_as_many_as_may_be();
	test_missing();
	test_spellings();
	test_answers();
	test_found();
	test_removed();
	test_found_before_a_purge();
	test_who_writes_keys_otherwise();
	hot_free(NULL);
	return tap_done();
}
