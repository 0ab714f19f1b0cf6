// SPDX-License-Identifier: MIT
/*
 * A fill in memory, be it a ring or the whole, over sizes around every limit; the tail that is held
 * back; and the end of each kind. In one thread: see test_fill_parts.c for the others.
 */
#include "fill_rig.h"

#include "tap.h"
#include <fcntl.h>

/* ---- the ring ---- */

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
	bool paused, room, waits;
	struct listener listener;
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
	p->good = p->good && fill_may_write(p->f) && fill_fits(p->f, n);
	p->paused = !fill_write(p->f, make_pattern(p->block, n, p->written));
	p->written += (int64_t)n;
	p->good = p->good && fill_may_write(p->f) == !p->paused &&
		  !(p->paused && p->written == p->length);
	return true;
}

static bool pump_read(struct pump *p)
{
	size_t n = 0;

	if (p->waits && !p->listener.woken)
		return false;
	p->waits = false;
	switch (fill_read(p->f, p->got, p->block, p->read_n, &n)) {
	case FILL_DATA:
		p->good = p->good && n > 0 && n <= p->read_n && is_pattern(p->block, n, p->got);
		p->got += (int64_t)n;
		return true;
	case FILL_WAIT: p->waits = listen_at(p->f, &p->listener, p->got); return false;
	case FILL_END:
	case FILL_FAILED: break;
	}
	return false;
}

/* Write until paused, read until nothing is there, and again; it must not come to a stand. */
static bool pump_all(size_t ring, int64_t length, size_t write_n, size_t read_n)
{
	static struct pump p;
	int64_t open = MAX(length - HELD, 0);
	bool moved;

	p = (struct pump){.length = length, .write_n = write_n, .read_n = read_n, .good = true};
	p.f = fill_new((struct fill_writer){.room = set, .ud = &p.room});
	if (fill_begin_ring(p.f, length, ring, NULL) != OK)
		return false;
	do {
		moved = false;
		while (pump_write(&p))
			moved = true;
		while (pump_read(&p))
			moved = true;
	} while (moved || p.room);
	p.good = p.good && p.written == length && p.got == open &&
		 state_at(p.f, p.got) == FILL_WAIT && p.waits && p.listener.woken == 0;
	fill_commit(p.f);
	p.good = p.good && p.listener.woken == 1;
	while (pump_read(&p))
		;
	p.good = p.good && p.got == length && state_at(p.f, p.got) == FILL_END;
	fill_unref(p.f);
	if (!p.good)
		printf("# ring %zu length %lld write %zu read %zu: wrote %lld, read %lld\n", ring,
		       (long long)length, write_n, read_n, (long long)p.written, (long long)p.got);
	return p.good;
}

static void test_ring_sizes(void)
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

static struct fill *ring_of(int64_t length, struct fill_writer writer)
{
	struct fill *f = fill_new(writer);

	ASSERT(fill_begin_ring(f, length, FILL_RING_MIN, NULL) == OK);
	return f;
}

/* What had been received when the writer was told to pause still fits. */
static void test_room_after_pause(void)
{
	static char block[FILL_ROOM];
	struct fill *f = ring_of(4 * (int64_t)FILL_RING_MIN, (struct fill_writer){0});
	int64_t written = KIB;

	while (fill_write(f, make_pattern(block, KIB, written)))
		written += KIB;
	CHECK(fill_fits(f, FILL_ROOM - KIB) && !fill_fits(f, FILL_ROOM),
	      "the rest of a received block fits behind a pause, and no more");
	CHECK(!fill_write(f, make_pattern(block, FILL_ROOM - KIB, written)), "it is taken");
	CHECK(!fill_fits(f, 1) && fill_fits(f, 0), "to the last byte");
	fill_unref(f);
}

/* The reader makes room while the rest of a block still comes and fills it again. */
static void test_room_that_is_taken(void)
{
	static char block[FILL_ROOM], to[FILL_ROOM];
	int rooms = 0;
	struct fill *f = ring_of(4 * (int64_t)FILL_RING_MIN,
				 (struct fill_writer){.room = count, .ud = &rooms});
	size_t n = 0;

	CHECK(fill_write(f, make_pattern(block, FILL_ROOM, 0)), "half full");
	CHECK(!fill_write(f, make_pattern(block, 1, FILL_ROOM)), "a byte more: pause");
	CHECK_INT(fill_read(f, 0, to, 1, &n), FILL_DATA, "one byte is read");
	CHECK_INT(rooms, 1, "half of the ring is free again: its writer is told");
	CHECK(!fill_write(f, make_pattern(block, 1, FILL_ROOM + 1)), "again full");
	CHECK(!fill_may_write(f), "so the news is old when it arrives");
	CHECK_INT(fill_read(f, 1, to, 1, &n), FILL_DATA, "another byte");
	CHECK(rooms == 2 && fill_may_write(f), "and news again");
	fill_unref(f);
}

static void test_wait(void)
{
	static char block[FILL_HELD_BACK];
	struct fill *f = fill_new((struct fill_writer){0});
	struct listener l;
	char to[10];
	size_t n;

	CHECK_INT(state_at(f, 0), FILL_WAIT, "nothing before the beginning");
	CHECK(listen_at(f, &l, 0), "one may wait for it");
	ASSERT(fill_begin_ring(f, HELD + 1, FILL_RING_MIN, NULL) == OK);
	CHECK_INT(fill_length(f), HELD + 1, "the length is promised");
	CHECK_INT(l.woken, 0, "the beginning brings no bytes");
	CHECK(fill_write(f, SLICE_NONE), "nor does a write of none");
	fill_write(f, make_pattern(block, 1, 0));
	CHECK_INT(l.woken, 1, "the first byte wakes");
	CHECK(!listen_at(f, &l, 0), "no wait for what is there");
	CHECK(fill_read(f, 0, to, sizeof(to), &n) == FILL_DATA && n == 1, "it is read, alone");
	CHECK(listen_at(f, &l, 1), "then again a wait");
	fill_write(f, make_pattern(block, FILL_HELD_BACK, 1));
	CHECK_INT(l.woken, 0, "what is held back wakes nobody");
	fill_commit(f);
	CHECK_INT(l.woken, 1, "but the commit does");
	fill_unref(f);
}

/* ---- memory ---- */

static const int64_t smalls[] = {1, HELD - 1, HELD, HELD + 1, OBJECT_SMALL - 1, OBJECT_SMALL};

/* Two readers, each at its own pace, see the same; at any time no more than is allowed. */
static void test_memory(void)
{
	static char block[OBJECT_SMALL];

	for (size_t i = 0; i < ARRAY_LEN(smalls); i++) {
		int64_t n = smalls[i], open = MAX(n - HELD, 0), half = n / 2;
		struct fill *f = fill_new((struct fill_writer){0});
		struct slice whole = SLICE_NONE;
		bool good;

		ASSERT(fill_begin_memory(f, n, NULL) == OK);
		good = fill_write(f, make_pattern(block, (size_t)half, 0)) &&
		       readable(f, 0) == MIN(half, open);
		good = good && fill_write(f, make_pattern(block, (size_t)(n - half), half));
		good = good && readable(f, 0) == open && readable(f, open / 2) == open - open / 2;
		good = good && state_at(f, open) == FILL_WAIT && !fill_whole(f, &whole);
		fill_commit(f);
		good = good && readable(f, 0) == n && readable(f, n - 1) == 1 &&
		       readable(f, 0) == n && state_at(f, n) == FILL_END;
		CHECK(good, "memory: any reader at any place, the tail after the commit");
		CHECK(fill_whole(f, &whole) && whole.p == fill_bytes(f).p &&
			      (int64_t)whole.n == n && is_pattern(whole.p, whole.n, 0),
		      "and in one piece, though it has been read");
		fill_unref(f);
	}
}

static void test_whole(void)
{
	static char block[FILL_RING_MIN + 1];
	struct fill *f = ring_of(FILL_RING_MIN, (struct fill_writer){0});
	struct slice s = SLICE_NONE;
	int64_t base;

	fill_write(f, make_pattern(block, FILL_RING_MIN, 0));
	CHECK(!fill_whole(f, &s), "a ring is not in one piece before the commit");
	fill_commit(f);
	CHECK(fill_whole(f, &s) && s.n == FILL_RING_MIN && is_pattern(s.p, s.n, 0), "then it is");
	CHECK_INT(fill_file(f, &base), -1, "but in no file");
	ASSERT(state_at(f, 0) == FILL_DATA);
	CHECK(!fill_whole(f, &s), "nor in one piece once a part has been read");
	fill_unref(f);

	f = ring_of(FILL_RING_MIN + 1, (struct fill_writer){0});
	fill_write(f, make_pattern(block, FILL_RING_MIN, 0));
	ASSERT(state_at(f, 0) == FILL_DATA);
	CHECK(!fill_whole(f, &s), "nor what is larger than its ring");
	fill_unref(f);
}

/* ---- the end ---- */

enum backed { NONE, RING, MEMORY, PARTS, BACKINGS };

static struct fill *begun(enum backed backed)
{
	struct fill *f = fill_new((struct fill_writer){0});

	switch (backed) {
	case RING: ASSERT(fill_begin_ring(f, 5, FILL_RING_MIN, NULL) == OK); break;
	case MEMORY: ASSERT(fill_begin_memory(f, 5, NULL) == OK); break;
	case PARTS: fill_begin_file(f, 5); break;
	case NONE:
	case BACKINGS: break;
	}
	return f;
}

static void test_fail(void)
{
	static const char *const names[BACKINGS] = {"before the begin", "a ring", "memory",
						    "a file"};
	static const struct error why = {ERR_NET, 0, "gone"};

	for (int i = 0; i < BACKINGS; i++) {
		struct fill *f = fill_ref(begun((enum backed)i));
		struct slice whole;
		struct listener a, b;
		struct error e;
		int64_t base;

		ASSERT(listen_at(f, &a, 0) && listen_at(f, &b, 5));
		CHECK(!fill_failed(f, &e), "not failed");
		fill_fail(f, &why);
		CHECK(a.woken == 1 && b.woken == 1 && state_at(f, 0) == FILL_FAILED, names[i]);
		CHECK(!listen_at(f, &a, 0), "a failure wakes all; after it nobody waits");
		CHECK(fill_failed(f, &e) && e.code == ERR_NET, "and why is known");
		CHECK(!fill_whole(f, &whole) && fill_file(f, &base) < 0, "nobody gets it whole");
		fill_unref(f);
		CHECK_INT(state_at(f, 0), FILL_FAILED, "the second reference holds it");
		fill_unref(f);
	}
	fill_unref(NULL);
}

static void test_file(void)
{
	struct slice whole;
	int64_t base = 0;
	struct fill *f;
	char to[3];
	int fd, own;

	f = file_of(3, (struct fill_writer){0}, &fd);
	fill_add_part(f, 0, 3);
	fill_stored(f, 0, 3);
	CHECK_INT(fill_file(f, &base), -1, "no file before the commit");
	fill_commit(f);
	own = fill_file(f, &base);
	CHECK(own >= 0 && own != fd && base == BASE, "then a descriptor of one's own");
	CHECK(fcntl(own, F_GETFD) & FD_CLOEXEC, "not for children");
	CHECK(!fill_whole(f, &whole), "and nothing in memory");
	end_file(f, fd);
	CHECK(pread(own, to, 3, base) == 3 && is_pattern(to, 3, 0), "it outlives the fill");
	close(own);
}

/* The file is shorter than it was: this reader cannot go on, whatever the fill says. */
static void test_file_unreadable(void)
{
	const int64_t length = 300000;
	struct error e;
	struct fill *f;
	int fd;

	f = file_of(length, (struct fill_writer){0}, &fd);
	fill_add_part(f, 0, length);
	fill_stored(f, 0, length);
	ASSERT(ftruncate(fd, BASE + 10) == 0);
	CHECK_INT(readable(f, 0), 10, "what is there is read");
	CHECK(state_at(f, 10) == FILL_FAILED && !fill_failed(f, &e),
	      "what is not has failed, though the fill has not");
	end_file(f, fd);
}

/* ---- ahead of the held-back tail ---- */

static enum fill_read ahead_at(struct fill *f, int64_t offset, size_t *ret_n)
{
	static char to[OBJECT_SMALL];

	*ret_n = 0;
	return fill_read_ahead(f, offset, to, sizeof(to), ret_n);
}

/* Registers who reads ahead, or not, at this offset. */
static bool wait_ahead(struct fill *f, struct listener *l, int64_t offset, bool ahead)
{
	*l = (struct listener){.waiter = {.ready = woken, .offset = offset, .ahead = ahead}};
	return fill_wait(f, &l->waiter);
}

static void test_ahead_in_memory(void)
{
	static char block[OBJECT_SMALL];
	struct listener behind, ahead, end;
	struct fill *f = fill_new((struct fill_writer){0});
	struct error e = {ERR_CORRUPT, 0, "wrong"};
	size_t n;

	CHECK_INT(ahead_at(f, 0, &n), FILL_WAIT, "not begun: nothing");
	ASSERT(fill_begin_memory(f, 1000, &e) == OK);
	CHECK(ahead_at(f, 0, &n) == FILL_WAIT, "begun: nothing");
	CHECK(wait_ahead(f, &ahead, 0, true) && wait_ahead(f, &behind, 0, false) &&
		      wait_ahead(f, &end, 1000, true),
	      "all wait");
	fill_write(f, make_pattern(block, 600, 0));
	CHECK(ahead.woken == 1 && behind.woken == 0 && end.woken == 0,
	      "bytes come: who reads ahead is woken");
	CHECK(ahead_at(f, 0, &n) == FILL_DATA && n == 600 && state_at(f, 0) == FILL_WAIT,
	      "and reads what nobody else does");
	CHECK(ahead_at(f, 600, &n) == FILL_WAIT, "but no more than has come");
	CHECK(!wait_ahead(f, &ahead, 599, true), "who need not wait is not registered");
	fill_write(f, make_pattern(block, 400, 600));
	CHECK(ahead_at(f, 0, &n) == FILL_DATA && n == 1000, "all has come");
	CHECK(ahead_at(f, 1000, &n) == FILL_WAIT && end.woken == 0,
	      "but it is not over before it is committed");
	fill_commit(f);
	CHECK(end.woken == 1 && behind.woken == 1 && ahead_at(f, 1000, &n) == FILL_END,
	      "committed: over for all");
	fill_unref(f);
}

static void test_ahead_in_a_file(void)
{
	const int64_t length = 300000, part = 100000;
	struct listener behind, ahead, end;
	struct error e = {ERR_CORRUPT, 0, "wrong"};
	bool wanted = false;
	struct fill *f;
	size_t n;
	int fd;

	f = file_of(length, (struct fill_writer){.wanted = set, .ud = &wanted}, &fd);
	fill_add_part(f, 0, part);
	CHECK(wait_ahead(f, &ahead, length - 4, true) && wanted && fill_wanted(f) == length - 4,
	      "what nobody brings is asked for");
	fill_add_part(f, 2 * part, length);
	fill_stored(f, 2 * part, length - 1);
	CHECK(ahead.woken == 1 && ahead_at(f, length - 4, &n) == FILL_DATA && n == 3,
	      "three of the last four bytes");
	fill_stored(f, 2 * part, length);
	CHECK(ahead_at(f, length - 4, &n) == FILL_DATA && n == 4 &&
		      state_at(f, length - 4) == FILL_WAIT,
	      "all four, which are held back from others");
	fill_stored(f, 0, part);
	CHECK(ahead_at(f, part - 10, &n) == FILL_DATA && n == 10 &&
		      ahead_at(f, part, &n) == FILL_WAIT,
	      "a hole is one for them, too");
	CHECK(wait_ahead(f, &behind, length - HELD, false) && wait_ahead(f, &end, length, true),
	      "who waits for the tail, and for the end");
	fill_fail(f, &e);
	CHECK(behind.woken == 1 && end.woken == 1 && ahead_at(f, 0, &n) == FILL_FAILED,
	      "a failure ends it for all");
	end_file(f, fd);
}

int main(void)
{
	test_ring_sizes();
	test_room_after_pause();
	test_room_that_is_taken();
	test_wait();
	test_memory();
	test_whole();
	test_fail();
	test_file();
	test_file_unreadable();
	test_ahead_in_memory();
	test_ahead_in_a_file();
	return tap_done();
}
