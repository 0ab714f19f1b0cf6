// SPDX-License-Identifier: MIT
/*
 * What passes the cache by, or lies in a directory, held against its key: nobody hears of another
 * file where its beginning, or for a directory the whole, tells.
 */
#include "ask_rig.h"
#include "base/log.h"
#include "forms_rig.h"

#include "store/encoding.h"

#include "tap.h"
#include <fcntl.h>
#include <sys/mman.h>

#define PE_N  200000
#define PDB_N (100 * FORMS_PDB_PAGE)

static struct buf pe, pdb;

/* A cache without a disk, so that everything passes. */
static void verifying(struct cache_rig *r, bool verify)
{
	cache_rig_init(r);
	r->settings.dir = NULL;
	r->flying.verify = verify;
	cache_rig_open(r);
}

/* ---- what passes ---- */

static const struct {
	const char *name, *key;
	const struct buf *file;
	bool verify;
	const char *encoding;
	bool waits, wrong;
} passing[] = {
	{"an image", FORMS_PE_KEY, &pe, true, "", true, false},
	{"another image", FORMS_PE_OTHER, &pe, true, "", true, true},
	{"an image that names no PDB", FORMS_PDB_KEY, &pe, true, "", true, false},
	{"a PDB, of which only the whole would tell", FORMS_PDB_KEY, &pdb, true, "", true, false},
	{"another PDB: the same", FORMS_PDB_OTHER, &pdb, true, "", true, false},
	{"a key that says nothing", "foo.exe/opaque/foo.exe", &pe, true, "", false, false},
	{"what is encoded", FORMS_PE_OTHER, &pe, true, "br", false, false},
	{"VERIFY_KEYS=off", FORMS_PE_OTHER, &pe, false, "", false, false},
};

static void test_passing(void)
{
	for (size_t i = 0; i < ARRAY_LEN(passing); i++) {
		int64_t counted = metric_get(identity_wrong);
		struct slice file = buf_slice(passing[i].file);
		struct object_head h = fake_whole((int64_t)file.n, RIG_ETAG);
		bool wrong = passing[i].wrong;
		bool doubted = encoding_in_doubt(slice_of(passing[i].key), passing[i].encoding);
		struct store_call *c;
		struct cache_rig r;
		struct asker a;

		verifying(&r, passing[i].verify);
		ask_key(&r, &a, passing[i].key);
		c = r.store.first;
		memcpy(h.encoding, passing[i].encoding, strlen(passing[i].encoding) + 1);
		fake_head(c, &h);
		manual_settle(r.loop);
		CHECK_INT(a.told, !doubted, passing[i].name);
		fake_data(c, file.p, RIG_PIECE);
		CHECK_INT(a.told, !passing[i].waits,
			  "... a verdict is not told from inside the transfer");
		manual_settle(r.loop);
		CHECK(a.told == 1 && a.result == (wrong ? FETCH_MISS : FETCH_FOUND),
		      "... but soon");
		CHECK_INT(r.store.first == NULL, wrong, "... and it goes on, or ends");
		if (!wrong)
			CHECK_INT(readable_of(ask_body(a.ask), file), RIG_PIECE,
				  "... with what came meanwhile");
		CHECK(knows_missing(r.cache, &r.store.store, slice_of(passing[i].key), NULL) ==
				      wrong &&
			      metric_get(identity_wrong) - counted == wrong,
		      "... remembered and counted, or not");
		done(&a);
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* Byte by byte; what is held back for the verdict fits the smallest ring. */
static void test_pieces(void)
{
	struct buf text CLEANUP(buf_fini) = FORMS_BUF;
	struct object_head h = fake_whole(PE_N, RIG_ETAG);
	struct store_call *c;
	struct cache_rig r;
	struct asker a;
	size_t at = 0;

	verifying(&r, true);
	ask_key(&r, &a, FORMS_PE_OTHER);
	c = r.store.first;
	fake_head(c, &h);
	for (; at < 1024 && r.store.first; at++) {
		fake_data(c, pe.p + at, 1);
		manual_settle(r.loop);
	}
	CHECK(a.told == 1 && a.result == FETCH_MISS && !r.store.first, "as soon as it is known");
	done(&a);

	/* An ELF header that wants more than is looked at. */
	forms_text(&text, PE_N);
	memset(text.p, 0, 64);
	memcpy(text.p, "\177ELF\2\1\1", 7);
	store_le32(text.p + 40, 150000); /* the sections */
	store_le16(text.p + 52, 64);
	store_le16(text.p + 58, 64);
	store_le16(text.p + 60, 1);
	ask_key(&r, &a, "a.so/elf-buildid-00112233445566778899aabbccddeeff00112233/a.so");
	c = r.store.first;
	fake_head(c, &h);
	for (at = 0; at < PE_N && !a.told && !c->paused; at += RIG_PIECE) {
		fake_data(c, text.p + at, MIN(RIG_PIECE, PE_N - at));
		manual_settle(r.loop);
	}
	CHECK(a.told == 1 && a.result == FETCH_FOUND && at <= VERIFY_HEAD,
	      "what wants more than is looked at is let through");
	done(&a);
	CHECK(cache_rig_close(&r), "nothing is left");
}

static void test_fails_before(void)
{
	struct object_head h = fake_whole(PE_N, "");
	struct cache_rig r;
	struct asker a;

	verifying(&r, true);
	ask_key(&r, &a, FORMS_PE_KEY);
	fake_head(r.store.first, &h);
	fake_data(r.store.first, pe.p, 40);
	fake_done(r.store.first, STORE_FAULT);
	CHECK_INT(a.told, 0, "the body breaks before the verdict: not from inside");
	manual_settle(r.loop);
	CHECK(a.told == 1 && a.result == FETCH_FAULT && a.error.code == ERR_NET,
	      "but soon: a fault");
	done(&a);
	ask_key(&r, &a, FORMS_PE_KEY);
	fake_head(r.store.first, &h);
	fake_data(r.store.first, pe.p, 10);
	done(&a);
	CHECK(!r.store.first, "who leaves before it ends the transfer");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* Shorter than what tells: at its end it is known that nothing does. */
static void test_short(void)
{
	struct object_head h = fake_whole(70, RIG_ETAG);
	struct store_call *c;
	struct cache_rig r;
	struct asker a;

	verifying(&r, true);
	ask_key(&r, &a, FORMS_PE_OTHER);
	c = r.store.first;
	fake_head(c, &h);
	fake_data(c, pe.p, 70);
	fake_done(c, STORE_FOUND);
	manual_settle(r.loop);
	CHECK(a.told == 1 && a.result == FETCH_FOUND &&
		      readable_of(ask_body(a.ask), slice_head(buf_slice(&pe), 70)) == 70,
	      "a file that is too short to tell");
	done(&a);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* Of what passes a part says nothing of the whole, and a head nothing at all. */
static void test_parts(void)
{
	struct object_head part = fake_part(PE_N, RIG_ETAG, 0, 999),
			   whole = fake_whole(PE_N, RIG_ETAG);
	struct ask_request request;
	struct cache_rig r;
	struct asker a;

	verifying(&r, true);
	request = rig_request(&r, FORMS_PE_OTHER);
	request.ranged = true;
	request.range = (struct range_ask){0, 999};
	ask_for(&a, &request);
	fake_head(r.store.first, &part);
	fake_data(r.store.first, pe.p, 40);
	CHECK(a.told == 1 && a.result == FETCH_FOUND, "a part is not looked at");
	done(&a);
	request = rig_request(&r, FORMS_PE_OTHER);
	request.head = true;
	ask_for(&a, &request);
	fake_head(r.store.first, &whole);
	fake_done(r.store.first, STORE_FOUND);
	CHECK(a.told == 1 && a.result == FETCH_FOUND, "nor a head");
	done(&a);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- local files ---- */

static int file_with(struct slice bytes)
{
	int fd = memfd_create("local", MFD_CLOEXEC);

	ASSERT(pwrite(fd, bytes.p, bytes.n, 0) == (ssize_t)bytes.n);
	return fd;
}

enum asks { WHOLE, PART, HEAD, N_ASKS };

static int give_local(struct cache_rig *r, const struct buf *file, enum asks question)
{
	struct object_head h = question == PART ? fake_part((int64_t)file->n, RIG_ETAG, 1, 10)
						: fake_whole((int64_t)file->n, RIG_ETAG);
	struct store_call *c = r->store.first;

	h.fd = file_with(buf_slice(file));
	fake_head(c, &h);
	fake_done(c, STORE_FOUND);
	return h.fd;
}

/* The whole is there: it is looked at, however it is asked for. */
static void test_local(void)
{
	static const char *const names[] = {"the whole", "a part", "its head"};
	static const struct {
		const char *key;
		const struct buf *file;
		bool wrong;
	} files[] = {{FORMS_PE_KEY, &pe, false},
		     {FORMS_PE_OTHER, &pe, true},
		     {FORMS_PDB_KEY, &pdb, false},
		     {FORMS_PDB_OTHER, &pdb, true}};

	for (size_t i = 0; i < N_ASKS * ARRAY_LEN(files); i++) {
		enum asks question = (enum asks)(i % N_ASKS);
		bool wrong = files[i / N_ASKS].wrong;
		struct ask_request request;
		struct cache_rig r;
		struct asker a;
		int fd;

		verifying(&r, true);
		r.store.store.traits.local = true;
		request = rig_request(&r, files[i / N_ASKS].key);
		request.head = question == HEAD;
		request.ranged = question == PART;
		request.range = (struct range_ask){1, 10};
		ask_for(&a, &request);
		fd = give_local(&r, files[i / N_ASKS].file, question);
		CHECK_INT(a.told, 0, names[question]);
		CHECK(SOON(&r, a.told) && a.result == (wrong ? FETCH_MISS : FETCH_FOUND),
		      wrong ? "... of another file: a miss" : "... of the one: found");
		CHECK(wrong ? a.head.fd < 0 && fcntl(fd, F_GETFD) < 0 : a.head.fd == fd,
		      "... its file is closed, or handed over");
		CHECK_INT(knows_missing(r.cache, &r.store.store, slice_of(files[i / N_ASKS].key),
					NULL),
			  wrong, "... remembered, or not");
		done(&a);
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

static void block(struct pool_job *job)
{
	struct cache_rig *r = CONTAINER_OF(job, struct rig_worker, job)->rig;

	sem_post(&r->held);
	sem_wait(&r->go);
}

/* While the disk is slow: who asks may leave; and what cannot be looked at is let through. */
static void test_slow_disk(void)
{
	struct rig_worker worker, waiting[4];
	struct cache_rig r;
	struct asker a;
	int fd;

	verifying(&r, true);
	r.store.store.traits.local = true;
	worker = (struct rig_worker){.job.run = block, .rig = &r};
	ASSERT(pool_submit(r.ctx.disk, &worker.job) == OK);
	sem_wait(&r.held);
	ask_key(&r, &a, FORMS_PE_OTHER);
	fd = give_local(&r, &pe, WHOLE);
	manual_settle(r.loop);
	CHECK_INT(a.told, 0, "it waits for the disk");
	done(&a);
	CHECK(fcntl(fd, F_GETFD) >= 0, "left meanwhile: the file is still looked at");
	for (int i = 0; i < 3; i++) {
		waiting[i] = (struct rig_worker){.job.run = block, .rig = &r};
		ASSERT(pool_submit(r.ctx.disk, &waiting[i].job) == OK);
	}
	ask_key(&r, &a, FORMS_PE_OTHER);
	give_local(&r, &pe, WHOLE);
	CHECK(a.told == 1 && a.result == FETCH_FOUND && fcntl(a.head.fd, F_GETFD) >= 0,
	      "too much waits for the disk: it is let through");
	done(&a);
	for (int i = 0; i < 4; i++)
		sem_post(&r.go);
	CHECK(SOON(&r, fcntl(fd, F_GETFD) < 0), "and closed then");
	CHECK(cache_rig_close(&r), "nothing is left");
}

int main(void)
{
	log_setup(LOG_ERROR, LOG_LOGFMT, 2);
	pe = pdb = FORMS_BUF;
	forms_pe(&pe, PE_N);
	forms_pdb(&pdb, PDB_N);
	test_passing();
	test_pieces();
	test_fails_before();
	test_short();
	test_parts();
	test_local();
	test_slow_disk();
	buf_fini(&pe);
	buf_fini(&pdb);
	return tap_done();
}
