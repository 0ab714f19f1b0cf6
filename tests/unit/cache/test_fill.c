// SPDX-License-Identifier: MIT
/*
 * The ring, the tail that is held back, and the hand-shake between a writer and a reader: first in
 * one thread, over sizes around every limit, then between two threads.
 */
#include "cache/fill.h"

#include "tap.h"

#define KIB 1024

/* A pattern whose period (a prime) fits no ring. */
static char byte_at(int64_t at)
{
	return (char)(at % 251);
}

static bool is_pattern(const char *p, size_t n, int64_t at)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != byte_at(at + (int64_t)i))
			return false;
	return true;
}

static struct slice make_pattern(char *p, size_t n, int64_t at)
{
	for (size_t i = 0; i < n; i++)
		p[i] = byte_at(at + (int64_t)i);
	return (struct slice){p, n};
}

static void set(void *ud)
{
	*(bool *)ud = true;
}

static enum err say_ok(void *ud, struct error *e)
{
	++*(int *)ud;
	return OK;
}

static enum err say_no(void *ud, struct error *e)
{
	++*(int *)ud;
	return err_set(e, ERR_CORRUPT, "not what was asked for");
}

/* ---- one thread ---- */

static const size_t rings[] = {FILL_RING_MIN, FILL_RING_MIN + 1, 200003};
static const int64_t lengths[] = {0,
				  1,
				  FILL_HELD_BACK - 1,
				  FILL_HELD_BACK,
				  FILL_HELD_BACK + 1,
				  FILL_RING_MIN - 1,
				  FILL_RING_MIN,
				  FILL_RING_MIN + 1,
				  200003,
				  200004,
				  1000 * KIB};
static const size_t writes[] = {7777, 16 * KIB, FILL_ROOM};
static const size_t reads[] = {1000, 32 * KIB, 1 << 20};

struct pump {
	struct fill *f;
	int64_t length, written, got;
	size_t write_n, read_n;
	bool paused, room, ready, waits;
	bool good;
	char block[1 << 20];
};

static bool pump_write(struct pump *p)
{
	size_t n = MIN(p->write_n, (size_t)(p->length - p->written));

	if (p->room)
		p->paused = p->room = false;
	if (p->paused || n == 0)
		return false;
	p->paused = fill_write(p->f, make_pattern(p->block, n, p->written)) == FILL_PAUSE;
	p->written += (int64_t)n;
	p->good = p->good && fill_written(p->f) == p->written &&
		  !(p->paused && p->written == p->length);
	return true;
}

static bool pump_read(struct pump *p)
{
	size_t n = 0;

	if (p->waits && !p->ready)
		return false;
	p->waits = p->ready = false;
	switch (fill_read(p->f, p->got, p->block, p->read_n, &n)) {
	case FILL_DATA:
		p->good = p->good && n > 0 && n <= p->read_n && is_pattern(p->block, n, p->got);
		p->got += (int64_t)n;
		return true;
	case FILL_WAIT: p->waits = fill_wait(p->f, p->got, set, &p->ready); return false;
	case FILL_END:
	case FILL_FAILED: break;
	}
	return false;
}

/* Write until paused, read until nothing is there, and again; it must not come to a stand. */
static bool pump_all(size_t ring, int64_t length, size_t write_n, size_t read_n)
{
	static struct pump p;
	int64_t open = MAX(length - (int64_t)FILL_HELD_BACK, 0);
	struct error e;
	size_t n;
	bool moved;

	p = (struct pump){.length = length, .write_n = write_n, .read_n = read_n, .good = true};
	p.f = fill_new(ring, (struct fill_writer){.room = set, .ud = &p.room});
	if (fill_begin(p.f, length, &e) != OK)
		return false;
	do {
		moved = false;
		while (pump_write(&p))
			moved = true;
		while (pump_read(&p))
			moved = true;
	} while (moved || p.room || p.ready);
	p.good = p.good && p.written == length && p.got == open &&
		 fill_read(p.f, p.got, p.block, 1, &n) == FILL_WAIT;
	p.good = p.good && fill_commit(p.f, &e) == OK && p.waits == p.ready;
	while (pump_read(&p))
		;
	p.good = p.good && p.got == length && fill_read(p.f, p.got, p.block, 1, &n) == FILL_END;
	fill_unref(p.f);
	if (!p.good)
		printf("# ring %zu length %lld write %zu read %zu: wrote %lld, read %lld\n", ring,
		       (long long)length, write_n, read_n, (long long)p.written, (long long)p.got);
	return p.good;
}

static void test_sizes(void)
{
	for (size_t r = 0; r < ARRAY_LEN(rings); r++) {
		bool good = true;

		for (size_t n = 0; n < ARRAY_LEN(lengths) * ARRAY_LEN(writes) * ARRAY_LEN(reads);
		     n++)
			good = pump_all(rings[r], lengths[n / 9], writes[n / 3 % 3],
					reads[n % 3]) &&
			       good;
		CHECK(good, r == 0   ? "the smallest ring: all bytes, in order, the tail last"
			    : r == 1 ? "a ring one larger"
				     : "a ring of odd size");
	}
}

static struct fill *started(int64_t length, struct fill_writer writer)
{
	struct fill *f = fill_new(FILL_RING_MIN, writer);

	ASSERT(fill_begin(f, length, NULL) == OK);
	return f;
}

/* What had been received when the writer was told to pause still fits. */
static void test_room_after_pause(void)
{
	static char block[FILL_ROOM];
	struct fill *f = started(4 * (int64_t)FILL_RING_MIN, (struct fill_writer){0});
	size_t n = 0;

	while (fill_write(f, make_pattern(block, KIB, fill_written(f))) == FILL_GO)
		;
	n = FILL_ROOM - KIB;
	CHECK_INT(fill_write(f, make_pattern(block, n, fill_written(f))), FILL_PAUSE,
		  "the rest of a received block fits behind a pause");
	CHECK_INT(fill_written(f), FILL_RING_MIN, "to the last byte");
	fill_unref(f);
}

static void test_wait(void)
{
	static char block[FILL_HELD_BACK];
	struct fill *f = fill_new(FILL_RING_MIN, (struct fill_writer){0});
	bool ready = false;
	struct error e = {OK, 0, ""};
	size_t n;

	CHECK_INT(fill_read(f, 0, block, 1, &n), FILL_WAIT, "nothing before the beginning");
	CHECK(fill_wait(f, 0, set, &ready), "one may wait for it");
	ASSERT(fill_begin(f, FILL_HELD_BACK + 1, NULL) == OK);
	CHECK(!ready, "the beginning brings no bytes");
	fill_write(f, make_pattern(block, 1, 0));
	CHECK(ready, "the first byte wakes");
	CHECK(!fill_wait(f, 0, set, &ready), "no wait for what is there");
	CHECK_INT(fill_read(f, 0, block, 10, &n), FILL_DATA, "it is read");
	CHECK_INT(n, 1, "alone");
	ready = false;
	CHECK(fill_wait(f, 1, set, &ready), "then again a wait");
	fill_write(f, make_pattern(block, FILL_HELD_BACK, 1));
	CHECK(!ready, "what is held back wakes nobody");
	CHECK_INT(fill_commit(f, &e), OK, "commit");
	CHECK(ready, "but the commit does");
	fill_unref(f);
}

/* Who waits at the end is not woken by what comes before. */
static void test_wait_at_the_end(void)
{
	static char block[FILL_HELD_BACK];
	struct fill *f = started(FILL_HELD_BACK + 10, (struct fill_writer){0});
	bool ready = false;
	struct error e;
	size_t n;

	CHECK(fill_wait(f, FILL_HELD_BACK + 10, set, &ready), "wait for the whole");
	fill_write(f, make_pattern(block, 10, 0));
	fill_write(f, make_pattern(block, FILL_HELD_BACK, 10));
	CHECK(!ready, "it sleeps until the end");
	fill_unwait(f);
	CHECK_INT(fill_commit(f, &e), OK, "commit");
	CHECK(!ready, "or for good, once it has taken the wait back");
	CHECK_INT(fill_read(f, 0, block, 10, &n), FILL_DATA, "and all is there");
	fill_unref(f);
}

static void test_verify(void)
{
	int asked = 0;
	struct fill *f = started(4, (struct fill_writer){.verify = say_ok, .ud = &asked});
	struct error e = {OK, 0, ""};
	char to[8];
	size_t n = 0;

	fill_write(f, SLICE("abcd"));
	CHECK(fill_commit(f, &e) == OK && asked == 1, "the verify hook is asked once");
	CHECK(fill_read(f, 0, to, sizeof(to), &n) == FILL_DATA && n == 4,
	      "it agrees: the tail follows");
	CHECK(!fill_failed(f, &e), "not failed");
	fill_unref(f);

	f = started(4, (struct fill_writer){.verify = say_no, .ud = &asked});
	fill_write(f, SLICE("abcd"));
	CHECK_INT(fill_commit(f, &e), ERR_CORRUPT, "it refuses: the commit fails");
	CHECK_INT(fill_read(f, 0, to, sizeof(to), &n), FILL_FAILED, "and nothing is read");
	e = (struct error){OK, 0, ""};
	CHECK(fill_failed(f, &e) && e.code == ERR_CORRUPT, "the hook's reason is the fill's");
	CHECK_STR(e.msg, "not what was asked for", "in its words");
	fill_unref(f);
}

static void test_whole(void)
{
	static char block[FILL_RING_MIN + 1];
	struct fill *f = started(FILL_RING_MIN, (struct fill_writer){0});
	struct slice s = SLICE_NONE;
	struct error e;
	char to[8];
	size_t n;

	fill_write(f, make_pattern(block, FILL_RING_MIN, 0));
	CHECK(!fill_whole(f, &s), "not in one piece before the commit");
	ASSERT(fill_commit(f, &e) == OK);
	CHECK(fill_whole(f, &s) && s.n == FILL_RING_MIN && is_pattern(s.p, s.n, 0), "then it is");
	ASSERT(fill_read(f, 0, to, sizeof(to), &n) == FILL_DATA);
	CHECK(!fill_whole(f, &s), "but not once a part has been read");
	fill_unref(f);

	f = started(FILL_RING_MIN + 1, (struct fill_writer){0});
	fill_write(f, make_pattern(block, FILL_RING_MIN, 0));
	CHECK(!fill_whole(f, &s), "nor what is larger than its ring");
	fill_unref(f);
}

static void test_missing_bytes(void)
{
	int asked = 0;
	struct fill *f = started(5, (struct fill_writer){.verify = say_ok, .ud = &asked});
	struct error e = {OK, 0, ""};
	char to[8];
	size_t n;

	fill_write(f, SLICE("abcd"));
	CHECK_INT(fill_commit(f, &e), ERR_CORRUPT, "a byte is missing: no commit");
	CHECK_STR(e.msg, "4 of 5 bytes arrived", "and it says how many came");
	CHECK(asked == 0 && fill_read(f, 0, to, 1, &n) == FILL_FAILED, "nobody sees any of it");
	fill_unref(f);
}

static void test_fail(void)
{
	static const struct error why = {ERR_NET, 0, "gone"};
	struct fill *f = fill_ref(started(5, (struct fill_writer){0}));
	struct error e;
	bool ready = false;
	char to[8];
	size_t n;

	CHECK(fill_wait(f, 0, set, &ready), "wait");
	fill_fail(f, &why);
	CHECK(ready && fill_read(f, 0, to, 1, &n) == FILL_FAILED, "a failure wakes");
	CHECK(!fill_wait(f, 0, set, &ready), "after it nobody waits");
	CHECK(fill_failed(f, &e) && e.code == ERR_NET, "and why is known");
	fill_unref(f);
	CHECK_INT(fill_read(f, 0, to, 1, &n), FILL_FAILED, "the second reference holds it");
	fill_unref(f);
	fill_unref(NULL);

	f = fill_new(FILL_RING_MIN, (struct fill_writer){0});
	fill_fail(f, &why);
	CHECK_INT(fill_read(f, 0, to, 1, &n), FILL_FAILED, "it may fail before it has begun");
	fill_unref(f);
}

/* ---- two threads ---- */

struct duet {
	struct fill *f;
	int64_t length, break_at; /* the writer fails there; -1: never */
	pthread_mutex_t mu;
	pthread_cond_t changed;
	bool room, ready; /* under mu */
};

static void raise_flag(struct duet *d, bool *flag)
{
	pthread_mutex_lock(&d->mu);
	*flag = true;
	pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->mu);
}

static void await_flag(struct duet *d, bool *flag)
{
	pthread_mutex_lock(&d->mu);
	while (!*flag)
		pthread_cond_wait(&d->changed, &d->mu);
	*flag = false;
	pthread_mutex_unlock(&d->mu);
}

static void on_room(void *ud)
{
	raise_flag(ud, &((struct duet *)ud)->room);
}

static void on_ready(void *ud)
{
	raise_flag(ud, &((struct duet *)ud)->ready);
}

static void *writer(void *ud)
{
	static const struct error why = {ERR_NET, 0, "gone"};
	static char block[16 * KIB];
	struct duet *d = ud;
	struct error e;

	while (fill_written(d->f) < d->length) {
		int64_t at = fill_written(d->f);
		size_t n = MIN(sizeof(block) - (size_t)(at % 100), (size_t)(d->length - at));

		if (d->break_at >= 0 && at >= d->break_at) {
			fill_fail(d->f, &why);
			fill_unref(d->f);
			return NULL;
		}
		if (fill_write(d->f, make_pattern(block, n, at)) == FILL_PAUSE)
			await_flag(d, &d->room);
	}
	ASSERT(fill_commit(d->f, &e) == OK);
	fill_unref(d->f);
	return NULL;
}

/* Returns how many bytes came before the end or the failure, -1 when they were wrong. */
static int64_t read_all(struct duet *d, enum fill_read *ret_end)
{
	static char block[32 * KIB];
	int64_t at = 0;
	size_t n = 0;

	for (;;) {
		switch (*ret_end = fill_read(d->f, at, block, sizeof(block), &n)) {
		case FILL_DATA:
			if (!is_pattern(block, n, at))
				return -1;
			at += (int64_t)n;
			break;
		case FILL_WAIT:
			if (fill_wait(d->f, at, on_ready, d))
				await_flag(d, &d->ready);
			break;
		case FILL_END:
		case FILL_FAILED: return at;
		}
	}
}

static int64_t play(int64_t length, int64_t break_at, enum fill_read *ret_end)
{
	struct duet d = {.length = length,
			 .break_at = break_at,
			 .mu = PTHREAD_MUTEX_INITIALIZER,
			 .changed = PTHREAD_COND_INITIALIZER};
	pthread_t thread;
	int64_t got;

	d.f = fill_new(FILL_RING_MIN, (struct fill_writer){.room = on_room, .ud = &d});
	ASSERT(fill_begin(d.f, length, NULL) == OK);
	fill_ref(d.f);
	ASSERT(pthread_create(&thread, NULL, writer, &d) == 0);
	got = read_all(&d, ret_end);
	pthread_join(thread, NULL);
	fill_unref(d.f);
	return got;
}

static void test_threads(void)
{
	static const int64_t sizes[] = {1, FILL_HELD_BACK, FILL_RING_MIN, 200001, 3000001};
	enum fill_read end;
	int64_t got;

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		got = play(sizes[i], -1, &end);
		CHECK(got == sizes[i] && end == FILL_END, "two threads: all bytes pass through");
	}
	got = play(3000001, 2000000, &end);
	CHECK(end == FILL_FAILED && got >= 0 && got <= 3000001 - (int64_t)FILL_HELD_BACK,
	      "two threads: a failure ends the reader");
}

int main(void)
{
	test_sizes();
	test_room_after_pause();
	test_wait();
	test_wait_at_the_end();
	test_verify();
	test_whole();
	test_missing_bytes();
	test_fail();
	test_threads();
	return tap_done();
}
