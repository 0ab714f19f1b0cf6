// SPDX-License-Identifier: MIT
/*
 * The first line is a path, the rest the file that lies there: what its beginning tells is what all
 * of it tells.
 */
#include "fuzz_symfmt.h"
#include "symfmt/verify.h"

static bool is_final(enum verdict v)
{
	return v == VERDICT_GOOD || v == VERDICT_WRONG || v == VERDICT_UNKNOWN;
}

static void check_beginning(const struct claim *x, struct slice file, size_t n, enum verdict want)
{
	char *copy = n ? malloc(n) : NULL;
	enum verdict v;

	ASSERT(copy || n == 0);
	if (n)
		memcpy(copy, file.p, n);
	v = verify_head(x, (struct slice){copy, n}, (int64_t)file.n);
	ASSERT(v == want || v == VERDICT_WHOLE || (v == VERDICT_MORE && n < VERIFY_HEAD));
	v = verify_head(x, (struct slice){copy, n}, INT64_MAX);
	ASSERT(v != VERDICT_MORE || n < VERIFY_HEAD);
	free(copy);
}

static void check_verdicts(const struct claim *x, struct slice file)
{
	struct source source = source_of(&file);
	enum verdict head = verify_head(x, file, (int64_t)file.n), whole = VERDICT_MORE;

	ASSERT(is_final(head));
	ASSERT(verify_file(x, &source, &whole, NULL) == OK && whole == head);
	for (size_t eighths = 0; eighths < 8; eighths++)
		check_beginning(x, file, file.n * eighths / 8, head);
}

static void check_description(struct slice file)
{
	struct source source = source_of(&file);
	char text[64];

	memset(text, 'x', sizeof(text));
	verify_describe(&source, text, sizeof(text));
	ASSERT(memchr(text, '\0', sizeof(text)) && text[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice file = {(const char *)data, size}, path = SLICE_NONE;
	struct claim x;

	(void)slice_next(&file, '\n', &path);
	if (claim_of_path(path, &x)) {
		fuzz_touch(x.name);
		fuzz_touch(x.key.text);
		check_verdicts(&x, file);
	}
	check_description(file);
	return 0;
}
