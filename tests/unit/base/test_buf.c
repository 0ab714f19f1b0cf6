// SPDX-License-Identifier: MIT
/* The ceiling holds, and a failure sticks. */
#include "base/buf.h"
#include "tap.h"

static void test_append(void)
{
	struct buf b CLEANUP(buf_fini) = BUF_MAX(100);

	CHECK_STR(buf_str(&b), "", "empty");
	CHECK(!buf_slice(&b).p && buf_slice(&b).n == 0, "no memory before the first append");
	buf_puts(&b, "ab");
	buf_add(&b, SLICE("c\0d"));
	buf_putc(&b, 'e');
	buf_add(&b, SLICE_NONE);
	buf_puts(&b, NULL);
	CHECK(slice_eq(buf_slice(&b), SLICE("abc\0de")), "in order, NUL and all");
	buf_printf(&b, "%d-%s", 42, "x");
	CHECK(slice_eq(buf_slice(&b), SLICE("abc\0de42-x")), "printf");
	CHECK(b.p[b.n] == '\0', "NUL behind it");
	buf_clear(&b);
	CHECK_STR(buf_str(&b), "", "cleared");
	buf_puts(&b, "again");
	CHECK_STR(buf_str(&b), "again", "usable after that");
	buf_fini(&b);
	CHECK(b.max == 100 && !b.p && !b.n && !b.cap, "fini keeps the ceiling only");
	buf_puts(&b, "more");
	CHECK_STR(buf_str(&b), "more", "usable after that, too");
}

static void test_ceiling(void)
{
	struct buf b CLEANUP(buf_fini) = BUF_MAX(4);

	buf_puts(&b, "abcd");
	CHECK(!buf_failed(&b), "up to the ceiling");
	buf_puts(&b, "");
	CHECK(!buf_failed(&b), "nothing more");
	buf_putc(&b, 'e');
	CHECK(buf_failed(&b), "one byte more");
	CHECK_STR(buf_str(&b), "abcd", "the buffer stays as it was");
	b.n = 2;
	buf_putc(&b, 'x');
	CHECK(buf_failed(&b) && b.n == 2, "the failure sticks");
	CHECK(!buf_reserve(&b, 0), "for reserve as well");
	buf_clear(&b);
	CHECK(!buf_failed(&b), "clear forgives");
	buf_printf(&b, "%s", "abcd");
	CHECK_STR(buf_str(&b), "abcd", "printf up to the ceiling");
	buf_printf(&b, "%c", 'e');
	CHECK(buf_failed(&b), "printf above it");
	CHECK_STR(buf_str(&b), "abcd", "leaves the buffer as it was");
}

static void test_extremes(void)
{
	struct buf zero CLEANUP(buf_fini) = {0};
	struct buf all CLEANUP(buf_fini) = BUF_MAX(SIZE_MAX);

	buf_puts(&zero, "");
	CHECK(!buf_failed(&zero), "a ceiling of zero takes nothing");
	buf_putc(&zero, 'a');
	CHECK(buf_failed(&zero), "and nothing else");
	CHECK(!buf_reserve(&all, SIZE_MAX) && buf_failed(&all), "SIZE_MAX bytes");
	buf_clear(&all);
	CHECK(!buf_reserve(&all, SIZE_MAX - 1), "SIZE_MAX - 1 bytes");
	buf_clear(&all);
	CHECK(!buf_reserve(&all, PTRDIFF_MAX), "PTRDIFF_MAX bytes");
	buf_clear(&all);
	buf_puts(&all, "abc");
	CHECK(!buf_reserve(&all, SIZE_MAX - 3), "a sum that wraps");
	CHECK_STR(buf_str(&all), "abc", "the buffer stays as it was");
}

static void test_growth(void)
{
	struct buf b CLEANUP(buf_fini) = BUF_MAX(100000);
	bool same = true;
	char *to;

	for (int i = 0; i < 100000; i++)
		buf_putc(&b, (char)('a' + i % 26));
	CHECK(!buf_failed(&b) && b.n == 100000, "100000 bytes, one at a time");
	for (int i = 0; i < 100000; i++)
		same &= b.p[i] == 'a' + i % 26;
	CHECK(same, "all of them right");
	b.n = 0;
	to = buf_reserve(&b, 3);
	memcpy(to, "xyz", 3);
	b.n += 3;
	CHECK_STR(buf_str(&b), "xyz", "reserve, write, add to n");
}

int main(void)
{
	test_append();
	test_ceiling();
	test_extremes();
	test_growth();
	return tap_done();
}
