// SPDX-License-Identifier: MIT
#include "symfmt/head.h"
#include "tap.h"

static void test_integers(void)
{
	struct head h = head_of(SLICE("\x01\x02\x03\x04\x05\x06\x07\x88"), 8);

	CHECK_INT(head_u16(&h, 0), 0x0201, "u16, little");
	CHECK_INT(head_u32(&h, 4), (uint32_t)0x88070605, "u32, little, to the last byte");
	CHECK(head_u64(&h, 0) == UINT64_C(0x8807060504030201), "u64, little");
	h.big_endian = true;
	CHECK_INT(head_u16(&h, 6), 0x0788, "u16, big");
	CHECK_INT(head_u32(&h, 0), 0x01020304, "u32, big");
	CHECK(head_u64(&h, 0) == UINT64_C(0x0102030405060788), "u64, big");
	CHECK_INT(head_state(&h), PARSE_OK, "all there");
}

static void test_limits(void)
{
	static const struct {
		const char *name;
		uint64_t file_size, at, n;
		enum parse want;
		uint64_t need;
	} rows[] = {
		{"nothing", 8, 4, 0, PARSE_OK, 0},
		{"to the end", 8, 0, 4, PARSE_OK, 0},
		{"one past the bytes", 8, 3, 2, PARSE_MORE, 5},
		{"to the end of the file", 8, 0, 8, PARSE_MORE, 8},
		{"one past the file", 8, 0, 9, PARSE_CORRUPT, 0},
		{"begins past the file", 8, 9, 0, PARSE_CORRUPT, 0},
		{"of any size", HEAD_SIZE_UNKNOWN, 1000, 24, PARSE_MORE, 1024},
		{"overflow", HEAD_SIZE_UNKNOWN, UINT64_MAX, 1, PARSE_CORRUPT, 0},
		{"overflow by far", HEAD_SIZE_UNKNOWN, UINT64_MAX, UINT64_MAX, PARSE_CORRUPT, 0},
		{"file of nothing", 0, 0, 1, PARSE_CORRUPT, 0},
		{"more bytes than file", 2, 0, 4, PARSE_CORRUPT, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct head h = head_of(SLICE("abcd"), rows[i].file_size);
		struct slice s = head_bytes(&h, rows[i].at, rows[i].n);

		CHECK_INT(head_state(&h), rows[i].want, rows[i].name);
		CHECK_INT(h.need, rows[i].need, rows[i].name);
		CHECK_INT(s.n, rows[i].want == PARSE_OK ? rows[i].n : 0, rows[i].name);
	}
}

static void test_first_failure_decides(void)
{
	struct head h = head_of(SLICE("abcd"), 8);

	CHECK_INT(head_u32(&h, 2), 0, "zero where something is missing");
	CHECK_INT(head_u32(&h, 100), 0, "and past the end of the file");
	CHECK_INT(head_u32(&h, 0), 0, "and where all is there");
	CHECK_INT(head_state(&h), PARSE_MORE, "more, not corrupt");
	CHECK_INT(h.need, 6, "the first need");
	h = head_of(SLICE("abcd"), 8);
	(void)head_u32(&h, 6);
	(void)head_u32(&h, 2);
	CHECK_INT(head_state(&h), PARSE_CORRUPT, "corrupt, not more");
}

static void test_text(void)
{
	static const struct {
		const char *name;
		uint64_t file_size, at;
		char stop;
		size_t max;
		enum parse want;
		const char *text;
	} rows[] = {
		{"a word", 8, 0, '\n', 8, PARSE_OK, "ab"},
		{"just as long as allowed", 8, 0, '\n', 2, PARSE_OK, "ab"},
		{"too long", 8, 0, '\n', 1, PARSE_CORRUPT, ""},
		{"empty", 8, 2, '\n', 0, PARSE_OK, ""},
		{"last line of the file", 5, 3, '\n', 8, PARSE_OK, "cd"},
		{"last line, too long", 5, 3, '\n', 1, PARSE_CORRUPT, ""},
		{"line goes on", 8, 3, '\n', 8, PARSE_MORE, ""},
		{"line behind the bytes", 8, 7, '\n', 8, PARSE_MORE, ""},
		{"no line at the end", 5, 5, '\n', 8, PARSE_OK, ""},
		{"text without its NUL", 5, 3, '\0', 8, PARSE_CORRUPT, ""},
		{"text goes on", 8, 3, '\0', 8, PARSE_MORE, ""},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct head h = head_of(SLICE("ab\ncd"), rows[i].file_size);

		CHECK_SLICE(head_text(&h, rows[i].at, rows[i].stop, rows[i].max), rows[i].text,
			    rows[i].name);
		CHECK_INT(head_state(&h), rows[i].want, rows[i].name);
	}
}

static void test_magic(void)
{
	struct head h = head_of(SLICE("ab"), 2);

	CHECK(head_starts(&h, SLICE("ab")), "starts so");
	CHECK(!head_starts(&h, SLICE("ac")), "not so");
	CHECK_INT(head_other(&h), PARSE_OTHER, "another file");
	CHECK(!head_starts(&h, SLICE("abc")), "too short");
	CHECK_INT(head_other(&h), PARSE_OTHER, "a short file is another, not a corrupt one");
	h = head_of(SLICE("ab"), 3);
	CHECK(!head_starts(&h, SLICE("abc")), "cannot tell");
	CHECK_INT(head_other(&h), PARSE_MORE, "more");
}

/* A file of which every byte tells its place; count of its reads, which fail from one on. */
struct pattern {
	size_t reads, failing;
};

#define PATTERN_SIZE 50000

static enum err read_pattern(void *ud, int64_t offset, void *to, size_t n, struct error *e)
{
	struct pattern *p = ud;

	if (++p->reads >= p->failing)
		return err_set(e, ERR_IO, "disk");
	for (size_t i = 0; i < n; i++)
		((unsigned char *)to)[i] = (unsigned char)((uint64_t)offset + i);
	return OK;
}

static void test_file(void)
{
	static const struct {
		const char *name;
		uint64_t at, n;
		size_t reads;
	} rows[] = {
		{"among the first bytes", 0, HEAD_FIRST, 0},
		{"half behind them", HEAD_FIRST - 1, 2, 1},
		{"the rest of that window", HEAD_FIRST, HEAD_WINDOW - 1, 0},
		{"one more", HEAD_FIRST, HEAD_WINDOW, 1},
		{"a whole window", 30000, HEAD_WINDOW, 1},
		{"before it", 29999, 2, 1},
		{"that one is still there", 30000, HEAD_WINDOW, 0},
		{"a third", 40000, 2, 1},
		{"in place of the first", 29999, 2, 1},
		{"the third is still there", 40001, 1, 0},
		{"the first bytes are still there", 100, 100, 0},
		{"up to the end", PATTERN_SIZE - 1, 1, 1},
		{"nothing, there", PATTERN_SIZE, 0, 0},
	};
	struct pattern p = {.failing = SIZE_MAX};
	struct source source = {read_pattern, &p, PATTERN_SIZE};
	struct head_file file;
	struct head h = head_of_file(&source, &file);

	CHECK_INT(p.reads, 1, "one read for the first bytes");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice s;

		p.reads = 0;
		s = head_bytes(&h, rows[i].at, rows[i].n);
		CHECK_INT(head_state(&h), PARSE_OK, rows[i].name);
		CHECK_INT(s.n, rows[i].n, rows[i].name);
		CHECK_INT(p.reads, rows[i].reads, rows[i].name);
		CHECK(s.n == 0 || (s.p[0] == (char)rows[i].at &&
				   s.p[s.n - 1] == (char)(rows[i].at + s.n - 1)),
		      rows[i].name);
	}
	h.big_endian = true;
	CHECK_INT(head_u32(&h, 0x8000), 0x00010203, "an integer");
}

static void test_file_ends(void)
{
	struct pattern p = {.failing = SIZE_MAX};
	struct source source = {read_pattern, &p, PATTERN_SIZE};
	struct head_file file;
	struct head h = head_of_file(&source, &file);

	CHECK_INT(head_bytes(&h, HEAD_FIRST, HEAD_WINDOW + 1).n, 0, "more than a window");
	CHECK_INT(h.need, HEAD_FIRST + HEAD_WINDOW + 1, "has to be there already");
	h = head_of_file(&source, &file);
	CHECK_INT(head_bytes(&h, PATTERN_SIZE - 1, 2).n, 0, "past the end");
	CHECK_INT(head_state(&h), PARSE_CORRUPT, "is corrupt");
	h = head_of_file(&source, &file);
	CHECK_INT(head_text(&h, HEAD_FIRST, 'x', 8).n, 0, "text behind the first bytes");
	CHECK_INT(head_state(&h), PARSE_MORE, "is not there");
	h = head_of_file(&source, &file);
	for (size_t i = 0; i < HEAD_WINDOWS_MAX; i++)
		(void)head_bytes(&h, 20000 + i % 3 * 10000, 1);
	CHECK_INT(head_state(&h), PARSE_OK, "all windows");
	for (size_t i = HEAD_WINDOWS_MAX - 2; i < HEAD_WINDOWS_MAX; i++)
		(void)head_bytes(&h, 20000 + i % 3 * 10000, 1);
	CHECK_INT(head_state(&h), PARSE_OK, "the last two stay");
	(void)head_bytes(&h, 20000 + HEAD_WINDOWS_MAX % 3 * 10000, 1);
	CHECK_INT(head_state(&h), PARSE_MORE, "one too many");
	source.size = 3;
	h = head_of_file(&source, &file);
	CHECK_INT(head_bytes(&h, 0, 3).n, 3, "a short file");
}

static void test_file_fails(void)
{
	struct pattern p = {.failing = 3};
	struct source source = {read_pattern, &p, PATTERN_SIZE};
	struct head_file file;
	struct head h = head_of_file(&source, &file);

	CHECK_INT(head_bytes(&h, 20000, 1).n, 1, "a window");
	CHECK_INT(head_bytes(&h, 40000, 1).n, 0, "that cannot be read");
	CHECK_INT(h.need, 40001, "is not there");
	p.reads = 0;
	h.need = 0;
	CHECK_INT(head_bytes(&h, 40000, 1).n, 0, "the second time neither");
	h.need = 0;
	CHECK_INT(head_bytes(&h, 20000, 1).n, 1, "the one before it is still there");
	CHECK_INT(p.reads, 0, "and nothing is read any more");
	p.failing = 1;
	h = head_of_file(&source, &file);
	CHECK_INT(head_u32(&h, 0), 0, "not even the first bytes");
	CHECK_INT(head_state(&h), PARSE_MORE, "are there");
}

int main(void)
{
	test_integers();
	test_limits();
	test_first_failure_decides();
	test_text();
	test_magic();
	test_file();
	test_file_ends();
	test_file_fails();
	return tap_done();
}
