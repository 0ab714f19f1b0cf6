// SPDX-License-Identifier: MIT
/* What the tests of fills share: bodies of a pattern, and those who wait for them. */
#pragma once
#include "flight/fill.h"

#include <sys/mman.h>

#define KIB  1024
#define HELD ((int64_t)FILL_HELD_BACK)
#define BASE 1000 /* where byte 0 lies in the files of these tests */

/* A pattern whose period (a prime) fits no ring. */
__attribute__((unused)) static char byte_at(int64_t at)
{
	return (char)(at % 251);
}

__attribute__((unused)) static bool is_pattern(const char *p, size_t n, int64_t at)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != byte_at(at + (int64_t)i))
			return false;
	return true;
}

__attribute__((unused)) static struct slice make_pattern(char *p, size_t n, int64_t at)
{
	for (size_t i = 0; i < n; i++)
		p[i] = byte_at(at + (int64_t)i);
	return (struct slice){p, n};
}

__attribute__((unused)) static void set(void *ud)
{
	*(bool *)ud = true;
}

__attribute__((unused)) static void count(void *ud)
{
	++*(int *)ud;
}

struct listener {
	struct fill_waiter waiter;
	int woken;
};

__attribute__((unused)) static void woken(struct fill_waiter *w)
{
	CONTAINER_OF(w, struct listener, waiter)->woken++;
}

/* Is there nothing to read at this offset, so that it waits? */
__attribute__((unused)) static bool listen_at(struct fill *f, struct listener *l, int64_t offset)
{
	*l = (struct listener){.waiter = {.ready = woken, .offset = offset}};
	return fill_wait(f, &l->waiter);
}

__attribute__((unused)) static enum fill_read state_at(struct fill *f, int64_t offset)
{
	char to[1];
	size_t n;

	return fill_read(f, offset, to, 1, &n);
}

/* How much of the pattern can be read from offset on; -1 when it is not the pattern. */
__attribute__((unused)) static int64_t readable(struct fill *f, int64_t offset)
{
	static char to[32 * KIB];
	int64_t at = offset;
	size_t n = 0;

	while (fill_read(f, at, to, sizeof(to), &n) == FILL_DATA) {
		if (n == 0 || !is_pattern(to, n, at))
			return -1;
		at += (int64_t)n;
	}
	return at - offset;
}

/* A file with the pattern in it; what has not been reported stored is not to be seen anyway. */
__attribute__((unused)) static int pattern_file(int64_t length)
{
	static char block[32 * KIB];
	int fd = memfd_create("body", MFD_CLOEXEC);

	for (int64_t at = 0; at < length; at += (int64_t)sizeof(block)) {
		size_t n = (size_t)MIN((int64_t)sizeof(block), length - at);

		ASSERT(pwrite(fd, make_pattern(block, n, at).p, n, BASE + at) == (ssize_t)n);
	}
	return fd;
}

__attribute__((unused)) static struct fill *file_of(int64_t length, struct fill_writer writer,
						    int *ret_fd)
{
	struct fill *f = fill_new(writer);

	*ret_fd = pattern_file(length);
	fill_begin_file(f, length);
	fill_set_file(f, *ret_fd, BASE);
	return f;
}

__attribute__((unused)) static void end_file(struct fill *f, int fd)
{
	fill_unref(f);
	close(fd);
}
