// SPDX-License-Identifier: MIT
/* Which kind of question a key is, and what a name looks like that no store has. */
#include "store/question.h"

#include "tap.h"
#include <string.h>

static const struct {
	const char *key;
	enum question kind;
} keys[] = {
	{"foo.pdb/0123456789ABCDEF0123456789ABCDEF1/foo.pdb", QUESTION_SYMBOL},
	{"fo/foo.pdb/0123456789ABCDEF0123456789ABCDEF1/foo.pdb", QUESTION_SYMBOL},
	{"index2.txt", QUESTION_SYMBOL},
	{"ab", QUESTION_SYMBOL},
	{"ab/", QUESTION_SYMBOL},
	{"", QUESTION_SYMBOL},
	{"xy/1234.debug", QUESTION_SYMBOL},
	{"abc/1234.debug", QUESTION_SYMBOL},
	{"ab/1234/debuginfo", QUESTION_SYMBOL},
	{"_.debug/elf-buildid-sym-0123/_.debug", QUESTION_SYMBOL},
	{"buildid.pdb/1/buildid.pdb", QUESTION_SYMBOL},
	{"buildid/0123456789/debuginfo", QUESTION_BUILD_ID},
	{"BuildID/0123456789/executable", QUESTION_BUILD_ID},
	{".build-id/ab/cdef.debug", QUESTION_BUILD_ID},
	{"ab/cdef0123.debug", QUESTION_BUILD_ID},
	{"AB/cdef0123", QUESTION_BUILD_ID},
};

static void test_kinds(void)
{
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		CHECK_INT(question_of(slice_of(keys[i].key)), keys[i].kind, keys[i].key);
	CHECK_INT(question_of(SLICE_NONE), QUESTION_SYMBOL, "nothing");
}

/* Rules for names, as web servers and policies have them, shall see nothing odd in it. */
static void test_random(void)
{
	for (int q = 0; q < QUESTIONS; q++) {
		for (int gdb = 0; gdb < 2; gdb++) {
			char one[QUESTION_KEY_MAX], two[QUESTION_KEY_MAX];
			struct slice rest, part, first = SLICE_NONE, last = SLICE_NONE;
			size_t segments = 0;
			bool odd = false;

			question_random_key((enum question)q, gdb, one);
			question_random_key((enum question)q, gdb, two);
			CHECK(strlen(one) < QUESTION_KEY_MAX - 1 && strcmp(one, two) != 0,
			      "another one each time, and whole");
			CHECK_INT(question_of(slice_of(one)), q, "of its kind");
			rest = slice_of(one);
			while (slice_next(&rest, '/', &part)) {
				first = segments++ ? first : part;
				last = part;
				odd = odd || part.n == 0 || part.p[0] == '.';
			}
			CHECK(!odd && segments == (q == QUESTION_BUILD_ID && gdb ? 2 : 3),
			      "without a segment that begins with a dot");
			if (q == QUESTION_SYMBOL)
				CHECK(slice_eq(first, last) && slice_ends(first, SLICE(".pdb")),
				      "name/KEY/name");
		}
	}
}

int main(void)
{
	test_kinds();
	test_random();
	return tap_done();
}
