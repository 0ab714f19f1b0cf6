// SPDX-License-Identifier: MIT
/* The file:// store: found, missing, ranges, and calls that end while a worker looks. */
#include "store_rig.h"

#include "metric/metric.h"
#include "tap.h"
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static char root[] = "/tmp/test_dir.XXXXXX";

static void put(const char *name, const char *text)
{
	int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

	ASSERT(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
}

static void open_root(struct rig *r)
{
	char url[100];

	snprintf(url, sizeof(url), "file://%s", root);
	rig_init(r, NULL, 0);
	rig_open(r, url);
}

static struct asked ask(struct rig *r, const char *key)
{
	return rig_ask(r, (struct store_read){.key = slice_of(key)});
}

static void test_found(void)
{
	struct rig r;
	struct asked a, again;
	char text[16];

	open_root(&r);
	a = ask(&r, "A/FILE.pdb");
	CHECK(a.result == STORE_FOUND && a.heads == 1 && a.bytes == 0, "found, in any case");
	CHECK(a.head.total == 10 && a.head.length == 10 && a.head.first == 0 && !a.head.ranged,
	      "whole");
	CHECK(a.head.mtime > 0 && a.head.etag[0] == '"', "with its time and an ETag");
	CHECK(read(a.head.fd, text, sizeof(text)) == 10 && memcmp(text, "0123456789", 10) == 0,
	      "as an open file");
	close_p(&a.head.fd);
	again = ask(&r, "a/file.pdb");
	CHECK_STR(again.head.etag, a.head.etag, "the same file has the same ETag");
	close_p(&again.head.fd);
	put("a/File.pdb.new", "0123456789");
	ASSERT(rename("a/File.pdb.new", "a/File.pdb") == 0);
	again = ask(&r, "a/file.pdb");
	CHECK(strcmp(again.head.etag, a.head.etag) != 0, "one that replaces it has another");
	close_p(&again.head.fd);
	CHECK(r.store->traits.local && r.store->traits.miss_ttl_max_ns == 2 * NS_PER_S,
	      "nothing to cache, and a miss is soon forgotten");
	CHECK(atomic_load(&r.store->answered_ns) != 0 && !store_is_private(r.store),
	      "alive, not private");
	rig_fini(&r);
}

/* The head says so of a file that has been let alone for a while, on a file system of this machine. */
static void test_may_stay_open(void)
{
	struct stat st;
	struct asked a;
	struct rig r;

	open_root(&r);
	ASSERT(stat("a/File.pdb", &st) == 0);
	clock_freeze_wall_s(st.st_ctim.tv_sec + 1);
	a = ask(&r, "a/file.pdb");
	CHECK_INT(a.head.changed_ns, 0,
		  "changed a moment ago: perhaps once more, at the same time");
	close_p(&a.head.fd);
	clock_freeze_wall_s(st.st_ctim.tv_sec + 2);
	a = ask(&r, "a/file.pdb");
	CHECK_INT(a.head.changed_ns, (int64_t)st.st_ctim.tv_sec * NS_PER_S + st.st_ctim.tv_nsec,
		  "settled: with the time of its last change");
	close_p(&a.head.fd);
	rig_fini(&r);

	rig_init(&r, NULL, 0);
	rig_open(&r, "file:///proc");
	clock_freeze_wall_s(INT32_MAX);
	a = ask(&r, "version");
	CHECK(a.result == STORE_FOUND && !a.head.changed_ns,
	      "on a file system that is not known to be of a disk");
	close_p(&a.head.fd);
	clock_freeze_wall_s(0);
	rig_fini(&r);
}

/* What stands for any name does so at both ends of a key only; a star is a star. */
static void test_any_name(void)
{
	static const struct {
		const char *key;
		enum store_result result;
	} keys[] = {
		{STORE_ANY_NAME "/k/" STORE_ANY_NAME, STORE_FOUND},
		{STORE_ANY_NAME "/k/File.pdb", STORE_MISS},
		{"a/k/" STORE_ANY_NAME, STORE_MISS},
		{STORE_ANY_NAME, STORE_MISS},
		{STORE_ANY_NAME "/" STORE_ANY_NAME, STORE_MISS},
		{STORE_ANY_NAME "/x/" STORE_ANY_NAME, STORE_MISS},
		{"*/k/*", STORE_MISS},
	};
	struct rig r;

	ASSERT(mkdir("a/k", 0700) == 0);
	put("a/k/a", "0123456789");
	open_root(&r);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		struct asked a = ask(&r, keys[i].key);

		CHECK_INT(a.result, keys[i].result, keys[i].key);
		close_p(&a.head.fd);
	}
	rig_fini(&r);
	ASSERT(unlink("a/k/a") == 0 && rmdir("a/k") == 0);
}

static const struct {
	const char *name, *key;
	struct range_ask range;
	enum store_result result;
	int64_t first, length;
} ranges[] = {
	{"a part", "a/file.pdb", {2, 5}, STORE_FOUND, 2, 4},
	{"to the end", "a/file.pdb", {2, INT64_MAX}, STORE_FOUND, 2, 8},
	{"beyond the end", "a/file.pdb", {8, 100}, STORE_FOUND, 8, 2},
	{"the last", "a/file.pdb", {RANGE_UNKNOWN, 3}, STORE_FOUND, 7, 3},
	{"outside", "a/file.pdb", {10, 20}, STORE_UNSATISFIABLE, 0, 0},
	{"of nothing", "a/empty", {0, 0}, STORE_UNSATISFIABLE, 0, 0},
	{"of what is missing", "a/absent", {0, 0}, STORE_MISS, 0, 0},
};

static void test_ranges(void)
{
	struct rig r;

	open_root(&r);
	for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
		struct asked a = rig_ask(&r, (struct store_read){.key = slice_of(ranges[i].key),
								 .ranged = true,
								 .range = ranges[i].range});

		CHECK_INT(a.result, ranges[i].result, ranges[i].name);
		if (a.result == STORE_FOUND)
			CHECK(a.head.ranged && a.head.first == ranges[i].first &&
				      a.head.length == ranges[i].length && a.head.total == 10,
			      "and its place");
		if (a.result == STORE_UNSATISFIABLE)
			CHECK(a.head.total == (i == 4 ? 10 : 0), "and the size");
		close_p(&a.head.fd);
	}
	rig_fini(&r);
}

static void test_other_answers(void)
{
	struct rig r;
	struct asked a;

	open_root(&r);
	CHECK_INT(ask(&r, "a/absent").result, STORE_MISS, "absent");
	CHECK_INT(ask(&r, "a").result, STORE_MISS, "a folder");
	CHECK_INT(rig_ask(&r,
			  (struct store_read){.key = SLICE("a/file.pdb"), .if_match = "\"other\""})
			  .result,
		  STORE_CHANGED, "another version was wanted");
	CHECK(rig_probe(&r).code == OK, "the probe");
	rig_fini(&r);

	rig_init(&r, NULL, 0);
	rig_open(&r, "file:///nonexistent/folder");
	a = ask(&r, "a");
	CHECK(a.result == STORE_FAULT && a.error.code == ERR_IO,
	      "a folder that is not there is a fault");
	CHECK(rig_probe(&r).code == ERR_IO && atomic_load(&r.store->answered_ns) == 0,
	      "as for the probe");
	rig_fini(&r);
}

/* P2: a file of others is no failure of the store. root is made to respect permissions. */
static void test_denied(void)
{
	uid_t me = geteuid();
	struct rig r;
	struct asked a;

	ASSERT(chmod(root, 0755) == 0 && mkdir("closed", 0) == 0);
	open_root(&r);
	ASSERT(me != 0 || seteuid(65534) == 0);
	a = ask(&r, "closed/file.pdb");
	CHECK(a.result == STORE_FAULT && a.error.code == ERR_DENIED,
	      "a folder that may not be read");
	a = ask(&r, "b/file.pdb");
	CHECK(a.result == STORE_MISS, "the next one may");
	ASSERT(seteuid(me) == 0);
	rig_fini(&r);
	ASSERT(rmdir("closed") == 0);
}

/* P2: nor is a limit of our own. */
static void test_no_descriptors(void)
{
	struct rlimit before, none;
	struct asked a;
	struct rig r;

	open_root(&r);
	ASSERT(getrlimit(RLIMIT_NOFILE, &before) == 0);
	none = (struct rlimit){0, before.rlim_max};
	ASSERT(setrlimit(RLIMIT_NOFILE, &none) == 0);
	a = ask(&r, "a/file.pdb");
	ASSERT(setrlimit(RLIMIT_NOFILE, &before) == 0);
	CHECK(a.result == STORE_FAULT && a.error.code == ERR_BUSY, "no descriptor for the file");
	rig_fini(&r);
}

static void test_cancel(void)
{
	struct asked a = {0};
	struct rig r;

	open_root(&r);
	rig_start(&r, &a, (struct store_read){.key = SLICE("a/file.pdb")});
	store_call_cancel(r.store, a.call);
	rig_fini(&r);
	CHECK(!a.done && !a.heads,
	      "cancelled while a worker looks: no word, and the file is closed");

	open_root(&r);
	a = (struct asked){.cancel_in_head = true};
	rig_start(&r, &a, (struct store_read){.key = SLICE("a/file.pdb")});
	ASSERT(manual_until(r.ctx.loop, &a.done));
	close_p(&a.head.fd);
	rig_fini(&r);
	CHECK(a.heads == 1, "cancelled from inside its head");
}

/* All workers and the queue are taken: refused, but not from inside the start. */
static void test_busy(void)
{
	int64_t before = metric_get(refused_disk_jobs);
	struct asked a = {0};
	struct rig r;

	open_root(&r);
	ASSERT(pool_stop(r.ctx.disk, 10 * NS_PER_S));
	rig_start(&r, &a, (struct store_read){.key = SLICE("a/file.pdb")});
	CHECK(!a.done, "not from inside");
	manual_settle(r.ctx.loop);
	CHECK(a.done && a.result == STORE_FAULT && a.error.code == ERR_BUSY, "no worker: a fault");
	CHECK_INT(metric_get(refused_disk_jobs) - before, 1, "which is counted");
	pool_free(r.ctx.disk);
	ASSERT(pool_new(1, 1, "test", &r.ctx.disk, NULL) == OK);
	rig_fini(&r);
}

struct barrier {
	struct pool_job job;
	atomic_bool begun, open;
};

static void stand(struct pool_job *job)
{
	struct barrier *g = CONTAINER_OF(job, struct barrier, job);

	atomic_store(&g->begun, true);
	while (!atomic_load(&g->open))
		usleep(100);
}

/* What goes through all names waits for its like alone, and only so many do. */
static void test_searches(void)
{
	const struct store_read search = {.key = SLICE(STORE_ANY_NAME "/k/" STORE_ANY_NAME)};
	int64_t before = metric_get(refused_searches);
	struct barrier gate = {.job.run = stand};
	struct asked waiting = {0}, one_more = {0}, other;
	struct rig r;

	open_root(&r);
	ASSERT(pool_new(1, 1, "test", &r.ctx.searches, NULL) == OK);
	ASSERT(pool_submit(r.ctx.searches, &gate.job) == OK);
	while (!atomic_load(&gate.begun))
		usleep(100);
	rig_start(&r, &waiting, search);
	rig_start(&r, &one_more, search);
	other = ask(&r, "a/file.pdb");
	CHECK_INT(other.result, STORE_FOUND, "any other file is looked for meanwhile");
	close_p(&other.head.fd);
	CHECK(one_more.done && one_more.result == STORE_FAULT && one_more.error.code == ERR_BUSY,
	      "more than can wait are refused");
	CHECK_INT(metric_get(refused_searches) - before, 1, "and counted");
	CHECK(!waiting.done, "one waits");
	atomic_store(&gate.open, true);
	CHECK(manual_until(r.ctx.loop, &waiting.done) && waiting.result == STORE_MISS,
	      "and is answered in its turn");
	CHECK(store_miss_ttl_max(r.store, search.key) == INT64_MAX &&
		      store_miss_ttl_max(r.store, SLICE("a/file.pdb")) == 2 * NS_PER_S,
	      "its miss is remembered for as long as any");
	ASSERT(pool_stop(r.ctx.searches, 60 * NS_PER_S));
	pool_free(r.ctx.searches);
	rig_fini(&r);
}

static void test_open(void)
{
	static const char *const wrong[] = {"file://", "file://srv/symbols", "file://host/dir"};
	struct rig r;
	struct store *s;

	rig_init(&r, NULL, 0);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		CHECK_INT(store_open(&r.ctx, slice_of(wrong[i]), &s, NULL), ERR_USAGE, wrong[i]);
	rig_fini(&r);
}

int main(void)
{
	ASSERT(mkdtemp(root) && chdir(root) == 0 && mkdir("a", 0700) == 0);
	put("a/File.pdb", "0123456789");
	put("a/empty", "");
	test_found();
	test_may_stay_open();
	test_any_name();
	test_ranges();
	test_other_answers();
	test_denied();
	test_no_descriptors();
	test_cancel();
	test_busy();
	test_searches();
	test_open();
	ASSERT(unlink("a/File.pdb") == 0 && unlink("a/empty") == 0 && rmdir("a") == 0);
	ASSERT(chdir("/") == 0 && rmdir(root) == 0);
	return tap_done();
}
