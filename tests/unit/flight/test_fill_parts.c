// SPDX-License-Identifier: MIT
/*
 * A fill in a file that grows in several places: gaps, who waits where, who is woken when; and all
 * backings with readers on threads of their own.
 */
#include "fill_rig.h"

#include "tap.h"

/* ---- parts of a file ---- */

/* Three parts, of 100,000 bytes each but for the last one's. */
#define STEP  INT64_C(100000)
#define TOTAL (INT64_C(3) * STEP - 1)

static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

/* What can be read at the beginning of each part is what that part has, and no more. */
static bool parts_in_order(const int order[3], bool added_first)
{
	int64_t stored[3] = {0, 0, 0}, there = 0;
	struct fill *f;
	bool good = true;
	int fd;

	f = file_of(TOTAL, (struct fill_writer){0}, &fd);
	for (int i = 0; i < 3 && added_first; i++)
		fill_add_part(f, order[i] * STEP, MIN((order[i] + 1) * STEP, TOTAL));
	for (int i = 0; i < 3; i++) {
		int64_t first = order[i] * STEP, end = MIN(first + STEP, TOTAL);

		if (!added_first)
			fill_add_part(f, first, end);
		for (int64_t up_to = first + STEP / 2; up_to < end + STEP; up_to += STEP / 2) {
			fill_stored(f, first, MIN(up_to, end));
			stored[order[i]] = MIN(up_to, end) - first;
			there = stored[0] < STEP   ? stored[0]
				: stored[1] < STEP ? STEP + stored[1]
						   : 2 * STEP + stored[2];
			good = good && fill_contiguous(f) == there;
			for (int k = 0; k < 3; k++)
				good = good && readable(f, k * STEP) >=
						       MIN(stored[k], TOTAL - HELD - k * STEP);
		}
	}
	good = good && readable(f, 0) == TOTAL - HELD && state_at(f, TOTAL - HELD) == FILL_WAIT;
	fill_commit(f);
	good = good && readable(f, 0) == TOTAL && state_at(f, TOTAL) == FILL_END;
	end_file(f, fd);
	return good;
}

static void test_part_orders(void)
{
	for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
		CHECK(parts_in_order(orders[i], false), "parts one after another, in any order");
		CHECK(parts_in_order(orders[i], true), "parts announced before any has come");
	}
}

static void test_part_limits(void)
{
	struct fill *f;
	int fd;

	f = file_of(TOTAL, (struct fill_writer){0}, &fd);
	CHECK_INT(state_at(f, 0), FILL_WAIT, "no part: nothing");
	fill_add_part(f, STEP, 2 * STEP);
	CHECK_INT(state_at(f, STEP), FILL_WAIT, "a part that has nothing yet");
	fill_stored(f, STEP, STEP + 10);
	CHECK_INT(readable(f, STEP), 10, "ten bytes of the second part");
	CHECK_INT(readable(f, STEP + 9), 1, "the last of them alone");
	CHECK_INT(state_at(f, STEP + 10), FILL_WAIT, "none behind them");
	CHECK_INT(state_at(f, 0), FILL_WAIT, "none in the hole before");
	CHECK_INT(state_at(f, STEP - 1), FILL_WAIT, "to the last byte of it");
	CHECK_INT(fill_contiguous(f), 0, "nothing hangs together from the beginning");
	end_file(f, fd);
}

struct gap {
	int64_t from, first, end;
};

/* Parts at 100-200, 200-300 and 500-600 of 1000. */
static const struct gap gaps[] = {
	{0, 0, 100},      {99, 99, 100},    {100, 300, 500},    {199, 300, 500},  {200, 300, 500},
	{299, 300, 500},  {300, 300, 500},  {400, 400, 500},    {500, 600, 1000}, {599, 600, 1000},
	{600, 600, 1000}, {999, 999, 1000}, {1000, 1000, 1000},
};

static void test_gaps(void)
{
	struct fill *f = fill_new((struct fill_writer){0});
	int64_t end = -1;
	bool good = true;

	fill_begin_file(f, 1000);
	CHECK(fill_first_gap(f, 0, &end) == 0 && end == 1000, "without parts all is a gap");
	fill_add_part(f, 500, 600);
	fill_add_part(f, 100, 200);
	fill_add_part(f, 200, 300);
	for (size_t i = 0; i < ARRAY_LEN(gaps); i++)
		good = good && fill_first_gap(f, gaps[i].from, &end) == gaps[i].first &&
		       end == gaps[i].end;
	CHECK(good, "the first gap from any place on");
	fill_add_part(f, 600, 1000);
	fill_add_part(f, 300, 500);
	CHECK(fill_first_gap(f, 1, &end) == 1 && end == 100, "also before the first part");
	fill_add_part(f, 0, 100);
	CHECK_INT(fill_first_gap(f, 0, &end), 1000, "no gap: the length");
	fill_unref(f);
}

/* More parts than the list begins with. */
static void test_many_parts(void)
{
	struct fill *f = fill_new((struct fill_writer){0});
	int64_t end;

	fill_begin_file(f, 1000);
	for (int64_t i = 99; i >= 0; i -= 2)
		fill_add_part(f, i * 10, i * 10 + 10);
	CHECK(fill_first_gap(f, 10, &end) == 20 && end == 30, "every second one of a hundred");
	for (int64_t i = 0; i < 100; i += 2)
		fill_add_part(f, i * 10, i * 10 + 10);
	CHECK_INT(fill_first_gap(f, 0, &end), 1000, "then all of them");
	for (int64_t i = 0; i < 100; i++)
		fill_stored(f, i * 10, i * 10 + 10);
	CHECK_INT(fill_contiguous(f), 1000, "stored: it hangs together");
	fill_unref(f);
}

static void test_wanted(void)
{
	int wanted = 0;
	struct listener a, b, c;
	struct fill *f;
	int fd;

	f = file_of(TOTAL, (struct fill_writer){.wanted = count, .ud = &wanted}, &fd);
	fill_add_part(f, 0, STEP);
	CHECK_INT(fill_wanted(f), -1, "nobody waits");
	CHECK(listen_at(f, &a, 0) && wanted == 0, "who waits where somebody writes is not news");
	CHECK_INT(fill_wanted(f), -1, "nor asked for");
	CHECK(listen_at(f, &b, STEP) && wanted == 1, "one byte behind that part is");
	CHECK_INT(fill_wanted(f), STEP, "it is that offset");
	fill_unwait(f, &b.waiter);
	CHECK_INT(fill_wanted(f), -1, "but not once it has been taken back");
	CHECK(listen_at(f, &b, 2 * STEP + 7), "far ahead");
	fill_add_part(f, 2 * STEP + 7, TOTAL);
	CHECK(wanted == 2 && fill_wanted(f) == -1, "until a part is on its way there");
	CHECK(listen_at(f, &c, TOTAL) && wanted == 2 && fill_wanted(f) == -1,
	      "who waits for the end wants no part");
	fill_stored(f, 0, 1);
	CHECK(a.woken == 1 && b.woken == 0 && c.woken == 0, "each is woken by its own bytes");
	fill_unwait(f, &b.waiter);
	fill_unwait(f, &c.waiter);
	end_file(f, fd);
}

static void test_wanted_before_the_begin(void)
{
	int wanted = 0;
	struct fill *f = fill_new((struct fill_writer){.wanted = count, .ud = &wanted});
	struct listener l;

	CHECK(listen_at(f, &l, 5) && wanted == 0, "before the begin there are no parts to want");
	fill_unwait(f, &l.waiter);
	fill_unref(f);
}

/* ---- who is woken ---- */

#define LISTENERS 9

static const struct {
	int64_t first, up_to;
	int64_t woken[LISTENERS]; /* offsets of those that this wakes */
	size_t n;
} steps[] = {
	{STEP, STEP + 10, {STEP, STEP + 9}, 2},
	{STEP, STEP + 11, {STEP + 10}, 1},
	{0, 1, {0}, 1},
	{0, STEP, {1, STEP - 1}, 2},
	{2 * STEP, TOTAL, {TOTAL - HELD - 1}, 1},
};

static const int64_t offsets[LISTENERS] = {
	0, 1, STEP - 1, STEP, STEP + 9, STEP + 10, TOTAL - HELD - 1, TOTAL - HELD, TOTAL};

static bool is_one_of(int64_t offset, const int64_t *of, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (of[i] == offset)
			return true;
	return false;
}

static void test_waiters(void)
{
	struct listener l[LISTENERS];
	struct fill *f;
	int fd;

	f = file_of(TOTAL, (struct fill_writer){0}, &fd);
	for (int i = 0; i < 3; i++)
		fill_add_part(f, i * STEP, MIN((i + 1) * STEP, TOTAL));
	for (size_t i = 0; i < LISTENERS; i++)
		ASSERT(listen_at(f, &l[i], offsets[i]));
	for (size_t s = 0; s < ARRAY_LEN(steps); s++) {
		bool good = true;

		for (size_t i = 0; i < LISTENERS; i++)
			l[i].woken = 0;
		fill_stored(f, steps[s].first, steps[s].up_to);
		for (size_t i = 0; i < LISTENERS; i++)
			good = good &&
			       l[i].woken == is_one_of(offsets[i], steps[s].woken, steps[s].n);
		CHECK(good, "a step wakes those whose bytes it brings, once, and nobody else");
	}
	fill_commit(f);
	CHECK(l[7].woken == 1 && l[8].woken == 1,
	      "the commit wakes who waits in the tail, and for the end");
	CHECK(l[0].woken == 0 && l[6].woken == 1, "and nobody twice");
	end_file(f, fd);
}

static void test_unwait(void)
{
	struct fill *f = fill_new((struct fill_writer){0});
	struct listener a, b, c;

	ASSERT(fill_begin_memory(f, 10, NULL) == OK);
	ASSERT(listen_at(f, &a, 0) && listen_at(f, &b, 0) && listen_at(f, &c, 0));
	fill_unwait(f, &b.waiter);
	fill_unwait(f, &b.waiter);
	fill_write(f, SLICE("0123456789"));
	CHECK(a.woken == 0 && b.woken == 0 && c.woken == 0, "all sleep until the end");
	fill_commit(f);
	CHECK(a.woken == 1 && b.woken == 0 && c.woken == 1, "but who has taken the wait back");
	fill_unwait(f, &a.waiter);
	CHECK(!listen_at(f, &a, 0), "after it nobody waits");
	fill_unref(f);
}

/* ---- threads ---- */

struct reader {
	struct band *band;
	struct fill_waiter waiter;
	int64_t first; /* where it begins to read */
	int64_t got;   /* up to where it came; -1: a byte was wrong */
	enum fill_read end;
	bool room, ready; /* under the band's mu */
	pthread_t thread;
};

#define READERS 4

struct band {
	struct fill *f;
	int64_t length, break_at; /* the writer fails there; -1: never */
	struct reader reader[READERS];
	bool room; /* under mu */
	pthread_mutex_t mu;
	pthread_cond_t changed;
};

static void raise_flag(struct band *b, bool *flag)
{
	pthread_mutex_lock(&b->mu);
	*flag = true;
	pthread_cond_broadcast(&b->changed);
	pthread_mutex_unlock(&b->mu);
}

static void await_flag(struct band *b, bool *flag)
{
	pthread_mutex_lock(&b->mu);
	while (!*flag)
		pthread_cond_wait(&b->changed, &b->mu);
	*flag = false;
	pthread_mutex_unlock(&b->mu);
}

static void on_room(void *ud)
{
	raise_flag(ud, &((struct band *)ud)->room);
}

static void on_ready(struct fill_waiter *w)
{
	struct reader *r = CONTAINER_OF(w, struct reader, waiter);

	raise_flag(r->band, &r->ready);
}

/* Reads to the end or the failure. */
static void *read_on(void *ud)
{
	struct reader *r = ud;
	char block[8 * KIB];
	int64_t at = r->first;
	size_t n = 0;

	for (;;) {
		switch (r->end = fill_read(r->band->f, at, block, sizeof(block), &n)) {
		case FILL_DATA:
			if (!is_pattern(block, n, at)) {
				r->got = -1;
				return NULL;
			}
			at += (int64_t)n;
			break;
		case FILL_WAIT:
			r->waiter = (struct fill_waiter){.ready = on_ready, .offset = at};
			if (fill_wait(r->band->f, &r->waiter))
				await_flag(r->band, &r->ready);
			break;
		case FILL_END:
		case FILL_FAILED: r->got = at; return NULL;
		}
	}
}

static struct band *band_new(int64_t length, int64_t break_at)
{
	struct band *b = xnew(struct band);

	b->length = length;
	b->break_at = break_at;
	pthread_mutex_init(&b->mu, NULL);
	pthread_cond_init(&b->changed, NULL);
	b->f = fill_new((struct fill_writer){.room = on_room, .ud = b});
	return b;
}

static void band_start(struct band *b, int n)
{
	for (int i = 0; i < n; i++) {
		b->reader[i].band = b;
		b->reader[i].first = i * b->length / READERS;
		ASSERT(pthread_create(&b->reader[i].thread, NULL, read_on, &b->reader[i]) == 0);
	}
}

/* Did all readers come as far as they should? */
static bool band_end(struct band *b, int n)
{
	int64_t open = MAX(b->length - HELD, 0);
	bool good = true;

	for (int i = 0; i < n; i++) {
		const struct reader *r = &b->reader[i];

		pthread_join(r->thread, NULL);
		if (b->break_at < 0)
			good = good && r->end == FILL_END && r->got == b->length;
		else
			good = good && r->end == FILL_FAILED && r->got >= 0 &&
			       r->got <= MAX(open, r->first);
	}
	fill_unref(b->f);
	pthread_cond_destroy(&b->changed);
	pthread_mutex_destroy(&b->mu);
	free(b);
	return good;
}

/* The writer's part of a ring or of memory, with writes of changing size. */
static void write_on(struct band *b)
{
	static const struct error why = {ERR_NET, 0, "gone"};
	static char block[16 * KIB];

	for (int64_t at = 0; at < b->length;) {
		size_t n = MIN(sizeof(block) - (size_t)(at % 100), (size_t)(b->length - at));

		if (b->break_at >= 0 && at >= b->break_at) {
			fill_fail(b->f, &why);
			return;
		}
		if (!fill_write(b->f, make_pattern(block, n, at)))
			await_flag(b, &b->room);
		at += (int64_t)n;
	}
	fill_commit(b->f);
}

static bool play_ring(int64_t length, int64_t break_at)
{
	struct band *b = band_new(length, break_at);

	ASSERT(fill_begin_ring(b->f, length, FILL_RING_MIN, NULL) == OK);
	band_start(b, 1);
	write_on(b);
	return band_end(b, 1);
}

static bool play_memory(int64_t length, int64_t break_at)
{
	struct band *b = band_new(length, break_at);

	band_start(b, READERS);
	ASSERT(fill_begin_memory(b->f, length, NULL) == OK);
	write_on(b);
	return band_end(b, READERS);
}

/* Four parts grow in turn, the last one first, while a reader begins in each. */
static bool play_parts(int64_t length, int64_t break_at)
{
	static const struct error why = {ERR_NET, 0, "gone"};
	struct band *b = band_new(length, break_at);
	int64_t quarter = (length + 3) / 4, stored = 0;
	int fd = pattern_file(length);

	band_start(b, READERS);
	fill_begin_file(b->f, length);
	fill_set_file(b->f, fd, BASE);
	for (int64_t first = 0; first < length; first += quarter)
		fill_add_part(b->f, first, MIN(first + quarter, length));
	for (int64_t n = 0; n < quarter && (break_at < 0 || stored < break_at);) {
		n = MIN(n + 9999, quarter);
		stored += 4 * 9999;
		for (int64_t first = 3 * quarter; first >= 0; first -= quarter)
			fill_stored(b->f, first, MIN(first + n, length));
	}
	if (break_at < 0)
		fill_commit(b->f);
	else
		fill_fail(b->f, &why);
	bool good = band_end(b, READERS);
	close(fd);
	return good;
}

static void test_threads(void)
{
	static const int64_t sizes[] = {1, FILL_HELD_BACK, FILL_RING_MIN, 200001, 3000001};

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		CHECK(play_ring(sizes[i], -1), "a ring between two threads: all bytes pass");
	CHECK(play_ring(3000001, 2000000), "a failure ends the reader");
	for (size_t i = 0; sizes[i] <= OBJECT_SMALL; i++)
		CHECK(play_memory(sizes[i], -1), "memory and four readers: all get all");
	CHECK(play_memory(OBJECT_SMALL, 100000), "a failure ends them all");
	CHECK(play_parts(3000001, -1), "four parts and four readers: all get all");
	CHECK(play_parts(3000001, 1000000), "a failure ends them all");
}

int main(void)
{
	test_part_orders();
	test_part_limits();
	test_gaps();
	test_many_parts();
	test_wanted();
	test_wanted_before_the_begin();
	test_waiters();
	test_unwait();
	test_threads();
	return tap_done();
}
