// SPDX-License-Identifier: MIT
/*
 * The Test Anything Protocol in sixty lines. A test program includes this, calls CHECK* and ends
 * main() with return tap_done(). Every check prints one TAP line; a failed one says where.
 *
 *	int main(void)
 *	{
 *		CHECK_STR(buf_str(&b), "abc", "append keeps the order");
 *		return tap_done();
 *	}
 */
#pragma once
#include "base/slice.h"

#include <stdio.h>

static int tap_count, tap_failed;

__attribute__((unused)) static bool tap_check(bool ok, const char *file, int line, const char *name)
{
	name = name ? name : "(no name)"; /* of which a line of TAP holds no more than one */
	printf("%s %d - %.*s\n", ok ? "ok" : "not ok", ++tap_count, (int)strcspn(name, "\n\r"),
	       name);
	if (!ok) {
		tap_failed++;
		printf("# at %s:%d\n", file, line);
	}
	fflush(stdout);
	return ok;
}

__attribute__((unused)) static void tap_check_str(struct slice got, struct slice want,
						  const char *file, int line, const char *name)
{
	if (!tap_check(slice_eq(got, want), file, line, name))
		printf("#  got: '" SLICE_FMT "'\n# want: '" SLICE_FMT "'\n", SLICE_ARG(got),
		       SLICE_ARG(want));
}

__attribute__((unused)) static void tap_check_int(long long got, long long want, const char *file,
						  int line, const char *name)
{
	if (!tap_check(got == want, file, line, name))
		printf("#  got: %lld\n# want: %lld\n", got, want);
}

#define CHECK(cond, name) tap_check((cond), __FILE__, __LINE__, (name))
#define CHECK_STR(got, want, name)                                                                 \
	tap_check_str(slice_of(got), slice_of(want), __FILE__, __LINE__, (name))
#define CHECK_SLICE(got, want, name)                                                               \
	tap_check_str((got), slice_of(want), __FILE__, __LINE__, (name))
#define CHECK_INT(got, want, name) tap_check_int((got), (want), __FILE__, __LINE__, (name))

__attribute__((unused)) static int tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed ? 1 : 0;
}
