// SPDX-License-Identifier: MIT
/* Writing to a file:// store: what is put is whole or not there, and a removal leaves no folder. */
#include "base/text.h"
#include "store/dir_draft.h"
#include "store/dir_find.h"
#include "store/dir_write.h"
#include "store_rig.h"
#include "tap.h"

#include "metric/metric.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

static char root[] = "/tmp/test_dir_write.XXXXXX";

/* As on other file systems, and what is done in which order: in place of the C library's. */
static bool no_links, no_new_names;
static int fail_syncfs; /* the next but so many */
static char calls[200]; /* s: syncfs, f: fsync, n: a name */

static void note_call(char call)
{
	size_t n = strlen(calls);

	ASSERT(n + 1 < sizeof(calls));
	calls[n] = call;
}

int syncfs(int fd)
{
	note_call('s');
	if (fail_syncfs && --fail_syncfs == 0) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_syncfs, fd);
}

int fsync(int fd)
{
	note_call('f');
	return (int)syscall(SYS_fsync, fd);
}

int renameat2(int from, const char *old, int to, const char *new, unsigned flags)
{
	note_call('n');
	if (no_new_names && flags) {
		errno = EINVAL;
		return -1;
	}
	return (int)syscall(SYS_renameat2, from, old, to, new, flags);
}

int linkat(int from, const char *old, int to, const char *new, int flags)
{
	if (no_links) {
		errno = EPERM;
		return -1;
	}
	return (int)syscall(SYS_linkat, from, old, to, new, flags);
}

struct written {
	bool done;
	enum store_put_result result;
	struct store_put_answer answer;
	struct error error;
	size_t failed[8], n_failed;
};

static void stored(void *ud, enum store_put_result result, const struct store_put_answer *answer,
		   const struct error *e)
{
	struct written *w = ud;

	ASSERT(!w->done && (result == STORE_PUT_FAILED) == (e != NULL));
	w->done = true;
	w->result = result;
	w->answer = *answer;
	if (e)
		w->error = *e;
}

static void failed(void *ud, size_t which, const struct error *e)
{
	struct written *w = ud;

	ASSERT(!w->done && e->code && w->n_failed < ARRAY_LEN(w->failed));
	w->failed[w->n_failed++] = which;
}

static void removed(void *ud, const struct error *e)
{
	struct written *w = ud;

	ASSERT(!w->done);
	w->done = true;
	if (e)
		w->error = *e;
}

static void hash(struct slice bytes, char hex[static 65])
{
	unsigned char sum[32];

	ASSERT(EVP_Digest(bytes.p, bytes.n, sum, NULL, EVP_sha256(), NULL));
	hex_encode(sum, sizeof(sum), hex);
}

static struct written put_as(struct rig *r, const char *key, struct slice bytes, struct store_put p)
{
	struct written w = {0};
	char hex[65];

	memset(calls, 0, sizeof(calls));
	hash(bytes, hex);
	p.key = slice_of(key);
	p.sha256 = p.sha256 ? p.sha256 : hex;
	if (!p.body.length)
		p.body = store_body_of(bytes);
	(void)store_put(r->store, &p, stored, &w);
	ASSERT(!w.done && manual_until(r->ctx.loop, &w.done));
	return w;
}

static struct written put(struct rig *r, const char *key, const char *text)
{
	return put_as(r, key, slice_of(text), (struct store_put){0});
}

static struct written put_new(struct rig *r, const char *key, const char *text)
{
	return put_as(r, key, slice_of(text), (struct store_put){.only_new = true});
}

static struct written take_away(struct rig *r, const struct slice *keys, size_t n)
{
	static const struct store_remove_events events = {failed, removed};
	const struct store_remove remove = {.keys = keys, .n = n};
	struct written w = {0};

	(void)store_remove(r->store, &remove, &events, &w);
	ASSERT(!w.done && manual_until(r->ctx.loop, &w.done));
	return w;
}

/* "" also for a file that is not there; no file has more than the buffer holds. */
static const char *text_of(const char *path)
{
	static char text[64];
	int fd CLEANUP(close_p) = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	text[n] = '\0';
	return text;
}

/* Entries of a directory; -1: there is none. */
static int count(const char *path)
{
	DIR *d = opendir(path);
	int n = 0;

	if (!d)
		return -1;
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void open_root(struct rig *r)
{
	char url[100];

	(void)snprintf(url, sizeof(url), "file://%s", root);
	rig_init(r, NULL, 0);
	rig_open(r, url);
}

static void test_put(void)
{
	char etag[DIR_ETAG_SIZE];
	struct written written;
	struct stat st;
	struct rig r;

	open_root(&r);
	CHECK(store_can_write(r.store), "it can be written");
	CHECK_INT(put(&r, "a.pdb/K1/a.pdb", "one").result, STORE_PUT_STORED, "put");
	CHECK_STR(text_of("a.pdb/K1/a.pdb"), "one", "it is there");
	CHECK_INT(count("a.pdb/K1"), 1, "and nothing besides");
	written = put_new(&r, "a.pdb/K1/a.pdb", "one");
	ASSERT(stat("a.pdb/K1/a.pdb", &st) == 0);
	dir_etag(&st, etag);
	CHECK_STR(written.answer.etag, etag, "as what it is there");
	CHECK_INT(written.answer.date_s, -1, "a file system has no clock of its own");
	CHECK_INT(put(&r, "a.pdb/K1/a.pdb", "two").result, STORE_PUT_STORED, "put again");
	CHECK_STR(text_of("a.pdb/K1/a.pdb"), "two", "it is replaced");
	CHECK_INT(put_new(&r, "a.pdb/K1/a.pdb", "three").result, STORE_PUT_PRESENT, "what is new");
	CHECK_INT(put_new(&r, "A.PDB/k1/a.pdb", "three").result, STORE_PUT_PRESENT, "in any case");
	CHECK_STR(text_of("a.pdb/K1/a.pdb"), "two", "does not replace");
	CHECK_INT(put_new(&r, "a.pdb/K2/a.pdb", "three").result, STORE_PUT_STORED, "but is put");
	CHECK_STR(text_of("a.pdb/K2/a.pdb"), "three", "where nothing is");
	CHECK_INT(put(&r, "top", "").result, STORE_PUT_STORED, "nothing, at the top");
	CHECK_INT(count("."), 2, "nothing else was left");
	rig_fini(&r);
}

/* Of a file of a store that is looked at as by who is going to write there. */
static const char *told_tx(struct rig *r, const char *key, bool writes)
{
	static char tx[DIR_TX_SIZE];
	struct asked a = {.rig = r};
	const struct store_read read = {
		.key = slice_of(key), .head = true, .origin = writes, .deadline_ns = INT64_MAX};
	static const struct store_events events = {rig_head, rig_data, rig_done};

	(void)store_start(r->store, &read, &events, &a);
	ASSERT(manual_until(r->ctx.loop, &a.done) && a.heads == 1);
	close(a.head.fd);
	(void)snprintf(tx, sizeof(tx), "%s", a.head.origin.tx);
	return tx;
}

static void test_who_stored_it(void)
{
	static const struct store_meta meta[] = {{"pepto-size", "3"}, {"pepto-tx", "20261130-1"}};
	const struct store_put by = {.meta = meta, .n_meta = 2};
	const struct timespec when[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1}};
	int fd CLEANUP(close_p) = -1;
	const char *want;
	struct rig r;

	open_root(&r);
	CHECK_INT(put_as(&r, "w/1/w", SLICE("one"), by).result, STORE_PUT_STORED, "put");
	fd = open("w/1/w", O_RDWR | O_CLOEXEC);
	/* Not every file system has such attributes. */
	want = fsetxattr(fd, "user.pepto-test", "x", 1, 0) == 0 ? "20261130-1" : "";
	CHECK_STR(told_tx(&r, "w/1/w", true), want, "who stored it");
	CHECK_STR(told_tx(&r, "w/1/w", false), "", "costs those nothing who only read");
	ASSERT(futimens(fd, when) == 0);
	CHECK_STR(told_tx(&r, "w/1/w", true), "", "not of what was written over it");
	CHECK_INT(put_as(&r, "w/1/w", SLICE("two"), by).result, STORE_PUT_STORED, "put again");
	CHECK_STR(told_tx(&r, "w/1/w", true), want, "of the new one it is");
	CHECK_INT(put(&r, "w/1/w", "two").result, STORE_PUT_STORED, "by nobody");
	CHECK_STR(told_tx(&r, "w/1/w", true), "", "nothing is told");
	CHECK_INT(put_as(&r, "w/1/w", SLICE("two"), by).result, STORE_PUT_STORED, "put once more");
	CHECK_STR(told_tx(&r, "W/1/w", true), want, "in whatever case it is asked for");
	ASSERT(mkdir("w/2", 0777) == 0 && link("w/1/w", "w/2/w") == 0);
	CHECK_STR(told_tx(&r, "w/2/w", true), "", "not of a link to it");
	ASSERT(rename("w/1/w", "w/2/v") == 0);
	CHECK_STR(told_tx(&r, "w/2/v", true), "",
		  "not under another key, with all that belongs to it");
	ASSERT(rename("w/2/w", "w/1/w") == 0 && unlink("w/2/v") == 0 && rmdir("w/2") == 0);
	rig_fini(&r);
	ASSERT(unlink("w/1/w") == 0 && rmdir("w/1") == 0 && rmdir("w") == 0);
}

static void test_body_of_a_file(void)
{
	static const char bytes[] = "0123456789";
	int fd CLEANUP(close_p) = open("source", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	struct rig r;

	ASSERT(write(fd, bytes, 10) == 10);
	open_root(&r);
	CHECK_INT(put_as(&r, "part", SLICE("34567"),
			 (struct store_put){.body = {.fd = fd, .offset = 3, .length = 5}})
			  .result,
		  STORE_PUT_STORED, "a part of a file");
	CHECK_STR(text_of("part"), "34567", "just that");
	CHECK_INT(put_as(&r, "short", SLICE("x"),
			 (struct store_put){.body = {.fd = fd, .offset = 3, .length = 8}})
			  .error.code,
		  ERR_IO, "a file that has become shorter");
	CHECK_INT(put_as(&r, "changed", SLICE("34568"),
			 (struct store_put){.body = {.fd = fd, .offset = 3, .length = 5}})
			  .error.code,
		  ERR_CORRUPT, "a file that is another by now");
	CHECK(access("short", F_OK) && access("changed", F_OK), "is not stored");
	CHECK_INT(count("."), 4, "nor is a draft of it left");
	ASSERT(unlink("part") == 0 && unlink("source") == 0);
	rig_fini(&r);
}

static void test_refused(void)
{
	char long_name[300] = "";
	const struct {
		const char *what, *key;
		const char *encoding;
		enum err want;
		bool passes; /* it may be taken once the store is mended */
	} rows[] = {
		{"climbs", "../x", NULL, ERR_USAGE},
		{"climbs later", "a/../../x", NULL, ERR_USAGE},
		{"stays", "a/./x", NULL, ERR_USAGE},
		{"begins at the top", "/x", NULL, ERR_USAGE},
		{"ends with a slash", "x/", NULL, ERR_USAGE},
		{"two slashes", "a//x", NULL, ERR_USAGE},
		{"nothing", "", NULL, ERR_USAGE},
		{"by a link that leads out", "out/x", NULL, ERR_IO, true},
		{"makes a folder beyond such a link", "out/y/x", NULL, ERR_IO, true},
		{"below a file", "top/x", NULL, ERR_IO, true},
		{"where a folder is", "a.pdb/K1", NULL, ERR_IO, true},
		{"encoded", "x", "zstd", ERR_USAGE},
		{"too long a name", long_name, NULL, ERR_IO},
	};
	struct rig r;
	struct stat before, after;

	memset(long_name, 'n', sizeof(long_name) - 1);
	ASSERT(symlink("/tmp", "out") == 0 && stat("/tmp/y", &before) != 0);
	open_root(&r);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct written w = put_as(&r, rows[i].key, SLICE("x"),
					  (struct store_put){.encoding = rows[i].encoding});

		CHECK_INT(w.result, STORE_PUT_FAILED, rows[i].what);
		CHECK_INT(w.error.code, rows[i].want, rows[i].what);
		CHECK_INT(w.answer.refused, !rows[i].passes, rows[i].what);
	}
	CHECK(stat("/tmp/y", &after) != 0, "nothing is made outside");
	CHECK_INT(count("a.pdb"), 2, "no draft is left");
	ASSERT(unlink("out") == 0);
	rig_fini(&r);
}

static void test_links_within(void)
{
	struct rig r;

	ASSERT(mkdir("real", 0700) == 0 && symlink("real", "link") == 0);
	open_root(&r);
	CHECK_INT(put(&r, "link/K/x", "in").result, STORE_PUT_STORED, "through a link");
	CHECK_STR(text_of("real/K/x"), "in", "to where it leads");
	CHECK_INT(take_away(&r, (struct slice[]){SLICE("link/K/x")}, 1).n_failed, 0, "and away");
	CHECK(count("real") == 0, "the folder that is linked to stays");
	ASSERT(unlink("link") == 0 && rmdir("real") == 0);
	rig_fini(&r);
}

static void test_remove(void)
{
	const struct slice keys[] = {SLICE("a.pdb/K1/a.pdb"), SLICE("nowhere/at/all"),
				     SLICE("b.pdb/K"), SLICE("a.pdb/K2/missing"), SLICE("top")};
	struct rig r;
	struct written w;

	open_root(&r);
	ASSERT(put(&r, "b.pdb/K/b.pdb", "b").result == STORE_PUT_STORED);
	w = take_away(&r, keys, ARRAY_LEN(keys));
	CHECK(w.error.code == OK && w.n_failed == 1 && w.failed[0] == 2, "all but a folder");
	CHECK(access("a.pdb/K1", F_OK) && access("top", F_OK), "with the folder that was left");
	CHECK_STR(text_of("a.pdb/K2/a.pdb"), "three", "the neighbour stays");
	w = take_away(&r, (struct slice[]){SLICE("a.pdb/K2/a.pdb"), SLICE("b.pdb/K/b.pdb")}, 2);
	CHECK(w.error.code == OK && w.n_failed == 0 && count(".") == 0, "the last ones");
	CHECK_INT(put(&r, "a.pdb/K1/a.pdb", "one").result, STORE_PUT_STORED, "and anew");
	(void)take_away(&r, (struct slice[]){SLICE("a.pdb/K1/a.pdb")}, 1);
	CHECK_INT(take_away(&r, (struct slice[]){SLICE("../x")}, 1).error.code, ERR_USAGE, "out");
	rig_fini(&r);
}

static void test_cancelled(void)
{
	const struct store_put p = {.key = SLICE("gone"),
				    .body = store_body_of(SLICE("x")),
				    .sha256 = "2d711642b726b04401627ca9fbac32f5"
					      "c8530fb1903cc4db02258717921a4881"};
	struct written w = {0};
	struct rig r;

	open_root(&r);
	store_write_cancel(store_put(r.store, &p, stored, &w));
	CHECK_INT(put(&r, "after", "x").result, STORE_PUT_STORED, "the next one");
	CHECK(!w.done, "nothing was told of the cancelled one");
	CHECK(take_away(&r, (struct slice[]){SLICE("after"), SLICE("gone")}, 2).done, "clean");
	rig_fini(&r);
}

/* Either of the two ways to a new name, where the other one is not to be had. */
static void test_new_names(bool links)
{
	struct rig r;

	open_root(&r);
	no_links = !links;
	no_new_names = links;
	CHECK_INT(put_new(&r, "n.pdb/K/n.pdb", "one").result, STORE_PUT_STORED, "new");
	CHECK_STR(text_of("n.pdb/K/n.pdb"), "one", "it is there");
	CHECK_INT(put_new(&r, "n.pdb/K/n.pdb", "two").result, STORE_PUT_PRESENT,
		  "it is not replaced");
	/* The look in any case comes first; this finds what came between it and the name. */
	ASSERT(mkdir("n.pdb/K/late", 0777) == 0);
	CHECK_INT(put_new(&r, "n.pdb/K/late", "two").result, STORE_PUT_PRESENT,
		  "nor anything else");
	CHECK_STR(text_of("n.pdb/K/n.pdb"), "one", "it stays");
	CHECK_INT(count("n.pdb/K"), 2, "and no draft");
	CHECK_INT(put(&r, "n.pdb/K/n.pdb", "two").result, STORE_PUT_STORED, "but if it may be");
	CHECK_STR(text_of("n.pdb/K/n.pdb"), "two", "replaced");
	no_links = no_new_names = false;
	ASSERT(rmdir("n.pdb/K/late") == 0);
	(void)take_away(&r, (struct slice[]){SLICE("n.pdb/K/n.pdb")}, 1);
	rig_fini(&r);
}

struct barrier {
	struct pool_job job;
	atomic_bool begun, open;
};

static void stand(struct pool_job *job)
{
	struct barrier *b = CONTAINER_OF(job, struct barrier, job);

	atomic_store(&b->begun, true);
	while (!atomic_load(&b->open))
		usleep(100);
}

/* Writes that take long keep no look-up waiting, and are bounded. */
static void test_a_pool_of_their_own(void)
{
	char hex[65];
	struct barrier gate = {.job.run = stand};
	const struct store_put long_one = {
		.key = SLICE("w"), .body = store_body_of(SLICE("w")), .sha256 = hex};
	int64_t before = metric_get(refused_writes);
	struct written waiting = {0}, one_more = {0};
	struct asked other;
	struct rig r;

	hash(SLICE("w"), hex);
	open_root(&r);
	(void)put(&r, "n", "here");
	ASSERT(pool_new(1, 1, "test", &r.ctx.writes, NULL) == OK);
	ASSERT(pool_submit(r.ctx.writes, &gate.job) == OK);
	while (!atomic_load(&gate.begun))
		usleep(100);
	(void)store_put(r.store, &long_one, stored, &waiting);
	(void)store_put(r.store, &long_one, stored, &one_more);
	other = rig_ask(&r, (struct store_read){.key = SLICE("n")});
	CHECK_INT(other.result, STORE_FOUND, "a file is found while they wait");
	close_p(&other.head.fd);
	CHECK(manual_until(r.ctx.loop, &one_more.done) && one_more.error.code == ERR_BUSY,
	      "more than can wait are refused");
	CHECK_INT(metric_get(refused_writes) - before, 1, "and counted");
	CHECK(!waiting.done, "one waits");
	atomic_store(&gate.open, true);
	CHECK(manual_until(r.ctx.loop, &waiting.done) && waiting.result == STORE_PUT_STORED,
	      "and is done in its turn");
	ASSERT(pool_stop(r.ctx.writes, 60 * NS_PER_S));
	pool_free(r.ctx.writes);
	r.ctx.writes = r.ctx.disk;
	(void)take_away(&r, (struct slice[]){SLICE("n"), SLICE("w")}, 2);
	rig_fini(&r);
}

#define MANY 20

struct many {
	struct written w[MANY];
	struct store_write *write[MANY];
	struct slice key[MANY];
	char text[MANY][32];
};

static void put_many(struct rig *r, struct many *m)
{
	char hex[65];

	*m = (struct many){0};
	memset(calls, 0, sizeof(calls));
	hash(SLICE("m"), hex);
	for (size_t i = 0; i < MANY; i++) {
		struct store_put p = {
			.body = store_body_of(SLICE("m")), .sha256 = hex, .only_new = true};

		(void)snprintf(m->text[i], sizeof(m->text[i]), "m%02zu/K/m", i);
		p.key = m->key[i] = slice_of(m->text[i]);
		m->write[i] = store_put(r->store, &p, stored, &m->w[i]);
	}
}

static void wait_for_many(struct rig *r, struct many *m, size_t but)
{
	for (size_t i = 0; i < MANY; i++)
		ASSERT(i == but || manual_until(r->ctx.loop, &m->w[i].done));
}

static size_t stored_of(const struct many *m)
{
	size_t n = 0;

	for (size_t i = 0; i < MANY; i++)
		n += m->w[i].done && m->w[i].result == STORE_PUT_STORED &&
		     strcmp(text_of(m->text[i]), "m") == 0;
	return n;
}

/* The pool has one thread, so that the first one gets its name alone, when the others are drafts. */
static void test_groups(void)
{
	struct many m;
	struct rig r;
	int drafts = 0;

	open_root(&r);
	ASSERT(pool_new(1, 2 * MANY, "test", &r.ctx.writes, NULL) == OK);
	put_many(&r, &m);
	wait_for_many(&r, &m, MANY);
	CHECK_INT(stored_of(&m), MANY, "all are stored");
	CHECK_STR(calls, "fnfsnnnnnnnnnnnnnnnnnnns",
		  "one by itself, and one sync before all other names, and one behind");
	CHECK(take_away(&r, m.key, MANY).done && count(".") == 0, "away");

	fail_syncfs = 1;
	put_many(&r, &m);
	wait_for_many(&r, &m, MANY);
	CHECK_STR(calls, "fnfs", "what is not on the disk gets no name");
	CHECK(m.w[1].error.code == ERR_IO && m.w[MANY - 1].error.code == ERR_IO, "and fails");
	CHECK_INT(stored_of(&m), 1, "all but the first");
	for (size_t i = 1; i < MANY; i++) {
		*strrchr(m.text[i], '/') = '\0';
		drafts += rmdir(m.text[i]) != 0;
	}
	CHECK_INT(drafts, 0, "and no draft is left");
	put_many(&r, &m);
	wait_for_many(&r, &m, MANY);
	CHECK(take_away(&r, m.key, MANY).done && count(".") == 0, "again");

	fail_syncfs = 2;
	put_many(&r, &m);
	wait_for_many(&r, &m, MANY);
	CHECK(m.w[1].error.code == ERR_IO, "a name that may not last is a failure");
	CHECK(take_away(&r, m.key, MANY).done && count(".") == 0, "away");
	fail_syncfs = 0;

	put_many(&r, &m);
	CHECK(store_is_settling(r.store), "some are on their way");
	store_write_cancel(m.write[5]);
	wait_for_many(&r, &m, 5);
	CHECK(!m.w[5].done && access(m.text[5], F_OK), "a cancelled one gets no name");
	CHECK_INT(stored_of(&m), MANY - 1, "the others do");
	CHECK(take_away(&r, m.key, MANY).done, "away");
	CHECK(!store_is_settling(r.store), "none is on its way");
	ASSERT(pool_stop(r.ctx.writes, 60 * NS_PER_S));
	pool_free(r.ctx.writes);
	r.ctx.writes = r.ctx.disk;
	(void)rmdir("m05/K");
	(void)rmdir("m05");
	CHECK_INT(count("."), 0, "and no draft is left");
	rig_fini(&r);
}

static void test_no_root(void)
{
	struct rig r;

	open_root(&r);
	ASSERT(chdir("/tmp") == 0 && rmdir(root) == 0);
	CHECK_INT(put(&r, "x", "x").error.code, ERR_IO, "a store that is gone");
	CHECK_INT(take_away(&r, (struct slice[]){SLICE("x")}, 1).error.code, ERR_IO, "likewise");
	rig_fini(&r);
}

int main(void)
{
	ASSERT(mkdtemp(root) && chdir(root) == 0);
	test_put();
	test_who_stored_it();
	test_body_of_a_file();
	test_refused();
	test_links_within();
	test_remove();
	test_cancelled();
	test_new_names(false);
	test_new_names(true);
	test_groups();
	test_a_pool_of_their_own();
	test_no_root();
	return tap_done();
}
