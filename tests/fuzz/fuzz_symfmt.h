// SPDX-License-Identifier: MIT
/*
 * What holds for each parser of symfmt, whatever the bytes: with the beginning of a file it either
 * comes to the same result as with the whole, or asks for more, and then for something that the
 * file has and that is not there yet.
 */
#pragma once
#include "symfmt/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* *ret is all zeros before. Reads whatever slices it has got through fuzz_touch(). */
typedef enum parse fuzz_parse(struct head *h, struct symbol_identity *ret);

/* Read every byte of s, for the address sanitizer. */
static inline void fuzz_touch(struct slice s)
{
	static volatile char sink;

	for (size_t i = 0; i < s.n; i++)
		sink = s.p[i];
	(void)sink;
}

static inline bool fuzz_same(const struct symbol_identity *a, const struct symbol_identity *b)
{
	return a->kind == b->kind && a->ids == b->ids && a->has_age == b->has_age &&
	       a->age == b->age && a->stamp == b->stamp && a->size == b->size &&
	       memcmp(a->id, b->id, sizeof(a->id)) == 0 && slice_eq(a->code_id, b->code_id);
}

static inline void fuzz_prefix(fuzz_parse *parse, struct slice file, size_t n, enum parse whole,
			       const struct symbol_identity *want)
{
	char *copy = n ? malloc(n) : NULL;
	struct head h = head_of((struct slice){copy, n}, file.n);
	struct symbol_identity i = {0};
	enum parse state;

	ASSERT(copy || n == 0);
	if (n)
		memcpy(copy, file.p, n);
	state = parse(&h, &i);
	if (state == PARSE_MORE)
		ASSERT(h.need > n && h.need <= file.n);
	else
		ASSERT(state == whole && fuzz_same(&i, want));
	free(copy);
}

static inline void fuzz_heads(fuzz_parse *parse, struct slice file)
{
	struct head h = head_of(file, file.n);
	struct symbol_identity i = {0};
	enum parse whole = parse(&h, &i);

	ASSERT(whole != PARSE_MORE);
	fuzz_prefix(parse, file, 0, whole, &i);
	fuzz_prefix(parse, file, file.n / 8, whole, &i);
	fuzz_prefix(parse, file, file.n / 2, whole, &i);
	fuzz_prefix(parse, file, file.n - file.n / 8, whole, &i);
	fuzz_prefix(parse, file, file.n, whole, &i);
}
