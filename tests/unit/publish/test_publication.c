// SPDX-License-Identifier: MIT
/* A transaction from its plan to its end: into a directory, and into a bucket that is a script. */
#include "publish/publication.h"

#include "base/file.h"
#include "store_rig.h"
#include "tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define ID    "20261130-101500-0badcafe"
#define LATER "20261130-230000-0000000f"

static char root[] = "/tmp/test_publication.XXXXXX";

struct run {
	struct rig *rig;
	struct plan plan;
	const char *content[8];
	struct pool *pool;
	struct publication *p;
	bool done, waits;
	struct upload_result last[8];
	int told[8];
	atomic_int opened, closed; /* by the pool's thread, and the loop */
	int most;                  /* open at a time */
	size_t waited, waitings;
	struct publication_result result;
	uint8_t outcome[8];
	struct error error;
};

static enum err open_body(void *ud, size_t which, struct upload_body *ret, struct error *e)
{
	struct run *run = ud;
	struct slice text = slice_of(run->content[which]);

	ret->fd = file_temporary();
	ret->offset = 3;
	ASSERT(ret->fd >= 0 && file_write_at(ret->fd, text, 3));
	atomic_fetch_add(&run->opened, 1);
	run->most = MAX(run->most, atomic_load(&run->opened) - atomic_load(&run->closed));
	return OK;
}

static void close_body(void *ud, size_t which, struct upload_body *body)
{
	atomic_fetch_add(&((struct run *)ud)->closed, 1);
	close(body->fd);
}

static void file_done(void *ud, size_t which, const struct upload_result *r)
{
	struct run *run = ud;

	run->told[which]++;
	run->last[which] = *r;
}

static void waiting(void *ud, size_t removals)
{
	struct run *run = ud;

	run->waited = removals;
	run->waitings++;
	run->waits = true;
}

static void done(void *ud, const struct publication_result *r, const struct error *e)
{
	struct run *run = ud;

	ASSERT(!run->done);
	run->done = true;
	run->result = *r;
	memcpy(run->outcome, r->done.outcome, r->done.files);
	if (e)
		run->error = *e;
}

static void add_file(struct run *run, const char *key, const char *content)
{
	struct plan_file f = {.key = slice_of(key),
			      .id = SLICE("K"),
			      .kind = SLICE("pdb"),
			      .path = SLICE("x"),
			      .as = SLICE("none")};
	int fd CLEANUP(close_p) = file_temporary();
	struct pack_file file = {.fd = fd, .size = (int64_t)strlen(content)};

	ASSERT(file_write_at(fd, slice_of(content), 0) && pack_hash(&file, f.sha256, NULL) == OK);
	f.size = file.size;
	run->content[run->plan.files] = content;
	ASSERT(plan_add(&run->plan, &f, NULL) == OK);
}

static void begin(struct run *run, struct rig *rig)
{
	*run = (struct run){.rig = rig};
	ASSERT(tx_id_parse(SLICE(ID), &run->plan.id));
	run->plan.started_s = 1796000000;
	ASSERT(pool_new(1, 8, "test", &run->pool, NULL) == OK);
}

/* Whose files are there is told in a directory, too: what this one finds there is another one's. */
static void be_another(struct run *run)
{
	ASSERT(tx_id_parse(SLICE(LATER), &run->plan.id));
}

static void start(struct run *run, struct publication_request request)
{
	static struct upload_bodies bodies = {open_body, close_body, NULL};
	static const struct publication_events events = {file_done, waiting, done};

	bodies.ud = run;
	request.store = run->rig->store;
	request.plan = &run->plan;
	request.bodies = &bodies;
	request.pool = run->pool;
	request.uploads = request.uploads ? request.uploads : 1;
	request.how.level = PACK_LEVEL_DEFAULT;
	run->p = publication_start(&request, &events, run);
	ASSERT(!run->done);
}

static void finish(struct run *run)
{
	ASSERT(pool_stop(run->pool, 10 * NS_PER_S));
	pool_free(run->pool);
	plan_fini(&run->plan);
	CHECK_INT(run->opened, run->closed, "what is opened is closed");
}

static void go(struct run *run, struct publication_request request)
{
	start(run, request);
	ASSERT(manual_until(run->rig->ctx.loop, &run->done));
}

static const char *text_of(const char *path)
{
	static char text[2000];
	int fd CLEANUP(close_p) = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	text[n] = '\0';
	return text;
}

static void open_root(struct rig *r)
{
	char url[100];

	(void)snprintf(url, sizeof(url), "file://%s", root);
	rig_init(r, NULL, 0);
	rig_open(r, url);
}

/* ---- a directory ---- */

static void test_directory(void)
{
	struct run run;
	struct rig r;

	open_root(&r);
	begin(&run, &r);
	add_file(&run, "a.pdb/K/a.pdb", "one");
	add_file(&run, "b.pdb/K/b.pdb", "two");
	add_file(&run, "c.pdb/K/c.pdb", "");
	go(&run, (struct publication_request){.uploads = 2});
	CHECK_INT(run.error.code, OK, run.error.msg);
	CHECK_INT((long long)run.result.n[OUTCOME_STORED], 3, "all are stored");
	CHECK_INT(run.result.stored_bytes, 6, "so many bytes");
	CHECK_STR(text_of("a.pdb/K/a.pdb"), "one", "the first");
	CHECK(run.told[0] == 1 && run.told[1] == 1 && run.told[2] == 1, "each is told once");
	CHECK(strstr(text_of(".pepto/tx/" ID ".json"), "\"b.pdb/K/b.pdb\""), "the plan");
	CHECK(strstr(text_of(".pepto/tx/" ID ".json.done"), "\"stored\":[2,3,4]"),
	      text_of(".pepto/tx/" ID ".json.done"));
	finish(&run);

	begin(&run, &r);
	be_another(&run);
	add_file(&run, "a.pdb/K/a.pdb", "one");
	add_file(&run, "b.pdb/K/b.pdb", "another");
	add_file(&run, "c.pdb/K/c.pdb", "x");
	add_file(&run, "d.pdb/K/d.pdb", "new");
	go(&run, (struct publication_request){0});
	CHECK_INT(run.outcome[0], OUTCOME_EXISTED, "the same");
	CHECK_INT(run.outcome[1], OUTCOME_CONFLICT, "another");
	CHECK_INT(run.outcome[2], OUTCOME_CONFLICT, run.last[2].why);
	CHECK_INT(run.outcome[3], OUTCOME_STORED, "new");
	CHECK_STR(text_of("b.pdb/K/b.pdb"), "two", "nothing is replaced");
	finish(&run);

	begin(&run, &r);
	be_another(&run);
	add_file(&run, "a.pdb/K/a.pdb", "one");
	add_file(&run, "b.pdb/K/b.pdb", "another");
	go(&run, (struct publication_request){.force = true});
	CHECK(run.outcome[0] == OUTCOME_EXISTED && run.outcome[1] == OUTCOME_STORED, "force");
	CHECK_STR(text_of("b.pdb/K/b.pdb"), "another", "replaces");
	finish(&run);

	begin(&run, &r);
	be_another(&run);
	add_file(&run, "a.pdb/K/a.pdb", "one");
	add_file(&run, "e.pdb/K/e.pdb", "new");
	(void)unlink(".pepto/tx/" LATER ".json");
	go(&run, (struct publication_request){.dry_run = true});
	CHECK(run.outcome[0] == OUTCOME_EXISTED && run.outcome[1] == OUTCOME_STORED,
	      "what would be");
	CHECK(access("e.pdb", F_OK) && access(".pepto/tx/" LATER ".json", F_OK), "but is not");
	finish(&run);
	rig_fini(&r);
}

/* Somebody removes an open transaction after its plan was read, and before the store is locked. */
static void test_resumed_too_late(void)
{
	struct run run;
	struct rig r;

	open_root(&r);
	for (int gone = 0; gone < 2; gone++) {
		begin(&run, &r);
		add_file(&run, "a.pdb/K/a.pdb", "one");
		int fd CLEANUP(close_p) = gone ? open(".pepto/tx/" ID ".json.gone",
						      O_WRONLY | O_CREAT | O_CLOEXEC, 0600)
					       : -1;
		CHECK(!gone || write(fd, "{}", 2) == 2, "the marker");
		go(&run, (struct publication_request){.resume = true});
		CHECK(!run.error.code && run.result.ended, run.error.msg);
		CHECK_INT(run.result.gone, gone, "is it gone?");
		finish(&run);
	}
	(void)unlink(".pepto/tx/" ID ".json.gone");
	rig_fini(&r);
}

static void test_changed(void)
{
	struct run run;
	struct rig r;

	open_root(&r);
	begin(&run, &r);
	add_file(&run, "f.pdb/K/f.pdb", "one");
	add_file(&run, "g.pdb/K/g.pdb", "one");
	run.content[0] = "two";
	run.content[1] = "";
	go(&run, (struct publication_request){0});
	CHECK(run.outcome[0] == OUTCOME_FAILED && run.outcome[1] == OUTCOME_FAILED &&
		      !run.error.code,
	      "files that have changed fail");
	CHECK(run.result.any_written && access("f.pdb/K/f.pdb", F_OK), "and are not stored");
	finish(&run);
	rig_fini(&r);
}

static void test_lock(void)
{
	struct flock alone = {.l_type = F_WRLCK, .l_whence = SEEK_SET},
		     shared = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
	int fd = open(".pepto/lock", O_RDWR | O_CLOEXEC);
	struct run run;
	struct rig r;

	open_root(&r);
	ASSERT(fd >= 0 && fcntl(fd, F_OFD_SETLK, &alone) == 0);
	begin(&run, &r);
	add_file(&run, "h.pdb/K/h.pdb", "one");
	go(&run, (struct publication_request){0});
	CHECK(run.error.code == ERR_BUSY && !run.result.any_written && !run.told[0],
	      "somebody removes");
	finish(&run);
	ASSERT(fcntl(fd, F_OFD_SETLK, &shared) == 0);
	begin(&run, &r);
	add_file(&run, "h.pdb/K/h.pdb", "one");
	go(&run, (struct publication_request){0});
	CHECK_INT(run.outcome[0], OUTCOME_STORED, "somebody adds, too");
	CHECK(fcntl(fd, F_OFD_SETLK, &alone) == 0, "and lets go of the lock");
	close(fd);
	finish(&run);
	rig_fini(&r);
}

/* However many are asked for, what comes after that is done by `uploads` of them: first all are new, then all exist. */
static void test_turns(void)
{
	struct run run;
	struct rig r;

	open_root(&r);
	(void)unlink(".pepto/tx/" ID ".json");
	for (int there = 0; there < 2; there++) {
		begin(&run, &r);
		if (there)
			be_another(&run);
		add_file(&run, "t1.pdb/K/t1.pdb", "one");
		add_file(&run, "t2.pdb/K/t2.pdb", "two");
		add_file(&run, "t3.pdb/K/t3.pdb", "three");
		add_file(&run, "t4.pdb/K/t4.pdb", "four");
		add_file(&run, "t5.pdb/K/t5.pdb", "five");
		go(&run, (struct publication_request){.uploads = 1, .looks = 5});
		CHECK(!run.error.code && run.opened == 5, "all of them");
		CHECK_INT((long long)run.result.n[there ? OUTCOME_EXISTED : OUTCOME_STORED], 5,
			  "each in its turn");
		CHECK_INT(run.most, 1, "one at a time");
		finish(&run);
	}
	rig_fini(&r);
}

static void test_stop(void)
{
	struct run run;
	struct rig r;

	for (int i = 0; i < 80; i++) {
		int turns = i / 2;

		open_root(&r); /* anew: jobs of what was stopped may wait for a thread yet */
		begin(&run, &r);
		(void)unlink("i.pdb/K/i.pdb");
		(void)unlink(".pepto/tx/" ID ".json.done");
		add_file(&run, "i.pdb/K/i.pdb", "one");
		add_file(&run, "a.pdb/K/a.pdb", "one");
		start(&run, (struct publication_request){.uploads = i % 2 ? 1 : 2, .looks = 2});
		for (int j = 0; j < turns && !run.done; j++)
			(void)manual_turn(r.ctx.loop, 1);
		if (!run.done)
			publication_stop(run.p);
		ASSERT(manual_until(r.ctx.loop, &run.done));
		ASSERT(run.error.code == ERR_CANCELED ||
		       access(".pepto/tx/" ID ".json.done", F_OK) == 0);
		ASSERT(pool_stop(run.pool, 10 * NS_PER_S) && run.opened == run.closed);
		pool_free(run.pool);
		plan_fini(&run.plan);
		rig_fini(&r);
	}
	CHECK(true, "stopped at any time");
}

/* ---- a bucket ---- */

#define EMPTY "\r\nContent-Length: 0\r\n\r\n"
#define DATED "\r\nDate: Mon, 30 Nov 2026 10:10:00 GMT"
#define GONE                                                                                       \
	{                                                                                          \
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nETag: \"x\"\r\n\r\n{}"                    \
	}
#define STORED                                                                                     \
	{                                                                                          \
		"HTTP/1.1 200 OK\r\nETag: \"x\"" EMPTY                                             \
	}
#define MISSING                                                                                    \
	{                                                                                          \
		"HTTP/1.1 404 Not Found" EMPTY                                                     \
	}
/* The same of a GET, which has to say what is missing. */
#define ABSENT                                                                                     \
	{                                                                                          \
		"HTTP/1.1 404 Not Found\r\nContent-Length: "                                       \
		"37\r\n\r\n<Error><Code>NoSuchKey</Code></Error>"                                  \
	}
#define THERE(meta)                                                                                \
	{                                                                                          \
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nETag: \"x\"\r\n" meta "\r\n"              \
	}
/* And its bytes. */
#define BODY(bytes)                                                                                \
	{                                                                                          \
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nETag: \"x\"\r\n\r\n" bytes                \
	}
#define REFUSED                                                                                    \
	{                                                                                          \
		"HTTP/1.1 405 Method Not Allowed" EMPTY                                            \
	}
#define OF(sum, tx)                                                                                \
	"x-amz-meta-pepto-sha256: " sum "\r\nx-amz-meta-pepto-size: 3\r\nx-amz-meta-pepto-tx: " tx \
	"\r\n"
#define ONE         "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
#define OTHER       "0000000000000000000000000000000000000000000000000000000000000000"
#define LISTED(xml) "<ListBucketResult><IsTruncated>false</IsTruncated>" xml "</ListBucketResult>"
#define MARKER(at)                                                                                 \
	"<Contents><Key>.pepto/rm/" ID "</Key><LastModified>" at                                   \
	"</LastModified><Size>1</Size></Contents>"
/* The length of a listing with one marker. */
#define NONE                                                                                       \
	{                                                                                          \
		"HTTP/1.1 200 OK" DATED "\r\nContent-Length: 69\r\n\r\n" LISTED("")                \
	}
#define RUNS(at)                                                                                   \
	{                                                                                          \
		"HTTP/1.1 200 OK" DATED "\r\nContent-Length: 202\r\n\r\n" LISTED(MARKER(at))       \
	}

#define YOUNG "2026-11-30T10:08:01.000Z"
#define OLD   "2026-11-30T10:08:00.000Z"

struct bucket_row {
	const char *what;
	struct http_reply reply[14];
	size_t requests;
	enum outcome outcome;
	const char *why, *holder;
	bool force, resume, gone;
	const char *kind; /* of the file, NULL: "pdb" */
	enum privacy privacy;
	enum err err;
	size_t waited;
};

static void test_bucket(void)
{
	static const struct bucket_row rows[] = {
		{"stored",
		 {STORED, NONE, MISSING, STORED, STORED, ABSENT},
		 6,
		 OUTCOME_STORED,
		 "",
		 ""},
		{"there already",
		 {STORED, NONE, THERE(OF(ONE, "20260101-000000-00000001")), STORED, ABSENT},
		 5,
		 OUTCOME_EXISTED,
		 "",
		 "20260101-000000-00000001"},
		{"stored before by the same transaction",
		 {NONE, THERE(OF(ONE, ID)), STORED, ABSENT},
		 4,
		 OUTCOME_STORED,
		 "",
		 ID,
		 .resume = true},
		{"conflict",
		 {STORED, NONE, THERE(OF(OTHER, "20260101-000000-00000001")), STORED, ABSENT},
		 5,
		 OUTCOME_CONFLICT,
		 "another file",
		 "20260101-000000-00000001"},
		{"an image, and another one",
		 {STORED, NONE, THERE(OF(OTHER, "20260101-000000-00000001")), BODY("two"), STORED,
		  ABSENT},
		 6,
		 OUTCOME_CONFLICT,
		 "another file",
		 "20260101-000000-00000001",
		 .kind = "pe"},
		{"an image that goes before it is read",
		 {STORED, NONE, THERE(OF(OTHER, "20260101-000000-00000001")), ABSENT, MISSING,
		  STORED, STORED, ABSENT},
		 8,
		 OUTCOME_STORED,
		 "",
		 "20260101-000000-00000001",
		 .kind = "pe"},
		{"an image that cannot be read",
		 {STORED, NONE, THERE(OF(OTHER, "20260101-000000-00000001")), REFUSED, STORED,
		  ABSENT},
		 6,
		 OUTCOME_FAILED,
		 "405",
		 "20260101-000000-00000001",
		 .kind = "pe"},
		{"an image, replaced",
		 {STORED, NONE, THERE(OF(OTHER, ID)), STORED, STORED, ABSENT},
		 6,
		 OUTCOME_STORED,
		 "",
		 ID,
		 .force = true,
		 .kind = "pe"},
		{"a stripped PDB, and another file",
		 {STORED, NONE, THERE(OF(OTHER, "20260101-000000-00000001")), BODY("two"), STORED,
		  ABSENT},
		 6,
		 OUTCOME_CONFLICT,
		 "this is a stripped PDB",
		 "20260101-000000-00000001",
		 .privacy = PRIVACY_PUBLIC},
		{"a stripped PDB, and what cannot be read",
		 {STORED, NONE, THERE(OF(OTHER, "20260101-000000-00000001")), REFUSED, STORED,
		  ABSENT},
		 6,
		 OUTCOME_CONFLICT,
		 "this is a stripped PDB",
		 "20260101-000000-00000001",
		 .privacy = PRIVACY_PUBLIC},
		{"replaced",
		 {STORED, NONE, THERE(OF(OTHER, ID)), STORED, STORED, ABSENT},
		 6,
		 OUTCOME_STORED,
		 "",
		 ID,
		 .force = true},
		{"no metadata",
		 {STORED, NONE, THERE(""), STORED, ABSENT},
		 5,
		 OUTCOME_EXISTED,
		 "unverified",
		 ""},
		{"gone meanwhile",
		 {STORED, NONE, MISSING, STORED, STORED, GONE},
		 6,
		 OUTCOME_STORED,
		 "",
		 "",
		 .gone = true},
		{"published, but perhaps gone",
		 {STORED, NONE, MISSING, STORED, STORED, {"HTTP/1.1 403 Forbidden" EMPTY}},
		 6,
		 OUTCOME_STORED,
		 "",
		 "",
		 .err = ERR_DENIED},
		{"no done",
		 {STORED, NONE, MISSING, STORED, {"HTTP/1.1 403 Forbidden" EMPTY}},
		 5,
		 OUTCOME_STORED,
		 "",
		 "",
		 .err = ERR_DENIED},
		{"no plan",
		 {{"HTTP/1.1 403 Forbidden" EMPTY}},
		 1,
		 OUTCOME_OPEN,
		 "",
		 "",
		 .err = ERR_DENIED},
		{"no listing",
		 {STORED, {"HTTP/1.1 403 Forbidden" EMPTY}},
		 2,
		 OUTCOME_OPEN,
		 "",
		 "",
		 .err = ERR_DENIED},
		{"an old removal",
		 {STORED, RUNS(OLD), MISSING, STORED, STORED, ABSENT},
		 6,
		 OUTCOME_STORED,
		 "",
		 ""},
		{"a removal that ends",
		 {STORED, RUNS(YOUNG), MISSING, STORED, NONE, THERE(OF(ONE, ID)), STORED, ABSENT},
		 8,
		 OUTCOME_STORED,
		 "",
		 ""},
		{"a removal that takes it",
		 {STORED, RUNS(YOUNG), MISSING, STORED, RUNS(OLD), MISSING, STORED, STORED, ABSENT},
		 9,
		 OUTCOME_STORED,
		 "",
		 ""},
		{"one that takes what was there",
		 {STORED, RUNS(YOUNG), THERE(OF(ONE, "20260101-000000-00000001")), NONE, MISSING,
		  STORED, STORED, ABSENT},
		 8,
		 OUTCOME_STORED,
		 "",
		 "20260101-000000-00000001"},
		{"a removal to wait for",
		 {STORED, RUNS(YOUNG), MISSING, STORED, RUNS(YOUNG), NONE, THERE(OF(ONE, ID)),
		  STORED, ABSENT},
		 9,
		 OUTCOME_STORED,
		 "",
		 "",
		 .waited = 1},
		{"a removal to wait for longer, told once",
		 {STORED, RUNS(YOUNG), MISSING, STORED, RUNS(YOUNG), RUNS(YOUNG), NONE,
		  THERE(OF(ONE, ID)), STORED, ABSENT},
		 10,
		 OUTCOME_STORED,
		 "",
		 "",
		 .waited = 1},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct bucket_row *row = &rows[i];
		struct run run;
		struct rig r;

		rig_open_with_keys(&r, "s3://bucket?endpoint=http://127.0.0.1:%u&region=eu",
				   row->reply, row->requests);
		begin(&run, &r);
		add_file(&run, "a.pdb/K/a.pdb", "one");
		if (row->kind)
			run.plan.file[0].kind = slice_of(row->kind);
		run.plan.file[0].privacy = row->privacy;
		start(&run,
		      (struct publication_request){.force = row->force, .resume = row->resume});
		for (int turn = 0; turn < 3000 && !run.done; turn++) {
			(void)manual_turn(r.ctx.loop, 20);
			if (run.waits)
				manual_advance(r.ctx.loop, 50 * NS_PER_MS);
		}
		for (size_t k = 0; k < r.server.n_asked && !run.done; k++)
			fprintf(stderr, "# %zu %.60s\n", i, r.server.asked[k]);
		ASSERT(run.done);
		for (size_t k = 0; k < r.server.n_asked && run.error.code != row->err; k++)
			fprintf(stderr, "# %.80s\n", r.server.asked[k]);
		CHECK_INT(run.error.code, row->err, run.error.code ? run.error.msg : row->what);
		CHECK_INT(run.outcome[0], row->outcome, run.last[0].why);
		CHECK(strstr(run.last[0].why, row->why), row->what);
		CHECK_STR(run.last[0].holder, row->holder, row->what);
		CHECK_INT((long long)r.server.n_asked, (long long)row->requests, row->what);
		CHECK_INT(run.result.gone, row->gone, row->what);
		/* done is asked for next to last, and then .gone */
		CHECK_INT(run.result.ended, !row->err || row->requests == 6, row->what);
		CHECK_INT((long long)run.waited, (long long)row->waited, row->what);
		CHECK_INT((long long)run.waitings, (long long)row->waited, "told once");
		finish(&run);
		rig_fini(&r);
	}
}

int main(void)
{
	ASSERT(mkdtemp(root) && chdir(root) == 0);
	test_directory();
	test_resumed_too_late();
	test_changed();
	test_lock();
	test_turns();
	test_stop();
	test_bucket();
	(void)!system("rm -rf /tmp/test_publication.??????");
	return tap_done();
}
