// SPDX-License-Identifier: MIT
#include "publish/plan.h"
#include "tap.h"

#define ID         "20261129-150717-3f9a12bc"
#define SHA        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEAD_      "{\"pepto\":1,\"id\":\"" ID "\",\"started\":\"2026-11-29T15:07:17Z\","
#define HEAD1      HEAD_ "\"files\":1,\"bytes\":5}\n"
#define HEAD2      HEAD_ "\"files\":2,\"bytes\":10}\n"
#define REST       "\"size\":5,\"sha256\":\"" SHA "\"}\n"
#define A_FILE     "{\"key\":\"a.pdb/1/a.pdb\"," REST
#define KEYED(key) HEAD1 "{\"key\":\"" key "\"," REST

static struct tx_id id_of_plan(void)
{
	struct tx_id id;

	ASSERT(tx_id_parse(SLICE(ID), &id));
	return id;
}

static struct plan_file file_of(const char *key)
{
	struct plan_file f = {.key = slice_of(key), .size = 5, .sha256 = SHA};

	return f;
}

static void test_round_trip(void)
{
	struct plan p CLEANUP(plan_fini) = {.id = id_of_plan(), .started_s = 1795964837},
		      back = {0};
	struct buf text CLEANUP(buf_fini) = BUF_MAX(PLAN_SIZE_MAX), again = BUF_MAX(PLAN_SIZE_MAX);
	struct tx_id id = id_of_plan();
	struct plan_file f = file_of("foo.pdb/AB1/foo.pdb");
	struct error e;

	p.keep_until_s = 1795964838;
	p.product = plan_text(&p, SLICE("app \"x\"\n\t"));
	p.version = plan_text(&p, SLICE("7"));
	p.comment = plan_text(&p, SLICE("gr\xc3\xbcn, \xff, \0."));
	p.source = plan_text(&p, SLICE_NONE);
	p.host = plan_text(&p, SLICE("h"));
	p.user = plan_text(&p, SLICE("u"));
	p.tool = plan_text(&p, SLICE("t"));
	f.id = SLICE("AB1");
	f.kind = SLICE("pdb");
	f.path = SLICE("/build/\xff\xfe/foo.pdb");
	f.as = SLICE("zstd");
	f.machine = SLICE("x64+arm64");
	f.privacy = PRIVACY_PUBLIC;
	CHECK(plan_add(&p, &f, &e) == OK, "a file");
	f = file_of("gr\xc3\xbcn.dll/2/gr\xc3\xbcn.dll");
	f.path = SLICE("b\x1b[31m.dll");
	f.privacy = PRIVACY_PRIVATE;
	f.pdb = SLICE("b.pdb/3/b.pdb");
	CHECK(plan_add(&p, &f, &e) == OK, "another file");
	CHECK(plan_write(&p, &text, &e) == OK, "written");
	CHECK(plan_read(buf_slice(&text), &id, &back, &e) == OK, "read");
	CHECK(plan_write(&back, &again, &e) == OK, "written again");
	CHECK_SLICE(buf_slice(&again), buf_str(&text), "the same text");
	CHECK_INT(back.keep_until_s, p.keep_until_s, "keep until");
	CHECK_SLICE(back.comment, "gr\xc3\xbcn, \\u00ff, \\u0000.", "what is no text is escaped");
	CHECK_INT((long long)back.source.n, 0, "what is not told");
	CHECK_SLICE(back.file[0].path, "/build/\xff\xfe/foo.pdb", "a path of any bytes");
	CHECK_SLICE(back.file[1].path, "b\x1b[31m.dll", "a path that a terminal would obey");
	CHECK_SLICE(back.file[1].key, "gr\xc3\xbcn.dll/2/gr\xc3\xbcn.dll", "a key");
	CHECK_STR(back.file[1].sha256, SHA, "a checksum");
	CHECK(back.file[0].privacy == PRIVACY_PUBLIC && back.file[1].privacy == PRIVACY_PRIVATE,
	      "public, private");
	CHECK_INT(back.bytes, 10, "bytes of all");
	plan_fini(&back);
	buf_fini(&again);
}

/* What has to be refused when it is written, as it would be when it is read. */
static void test_not_written(void)
{
	static const char *const keys[] = {
		"",          "/a",
		"a/",        "a//b",
		"../b",      "a/../b",
		"a/./b",     "a\n/b",
		"a\x7f/b",   ".pepto/tx/" ID ".json",
		".Pepto2/x", "000ADMIN/server.txt",
		"a\xff/1/a", "a.pdb/1/a.pdb",
	};
	struct tx_id id = id_of_plan();

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		struct plan p CLEANUP(plan_fini) = {.id = id, .started_s = 1};
		struct buf text CLEANUP(buf_fini) = BUF_MAX(PLAN_SIZE_MAX);
		struct plan_file first = file_of("a.pdb/1/a.pdb"), f = file_of(keys[i]);
		struct error e = {OK, 0, ""};

		CHECK(plan_add(&p, &first, &e) == OK && plan_add(&p, &f, &e) == OK, keys[i]);
		CHECK(plan_write(&p, &text, &e) == ERR_CORRUPT && !text.n, e.msg);
	}
}

static void test_limits(void)
{
	struct plan p CLEANUP(plan_fini) = {.id = id_of_plan(), .started_s = 1};
	struct buf small CLEANUP(buf_fini) = BUF_MAX(100),
			 text CLEANUP(buf_fini) = BUF_MAX(1 << 20);
	struct tx_id id = id_of_plan();
	struct plan back CLEANUP(plan_fini) = {0};
	char *longest CLEANUP(free_p) = xzalloc(2 * PLAN_TEXT_MAX);
	struct plan_file f = file_of("a.pdb/1/a.pdb");
	struct error e;

	memset(longest, '\x01', 2 * PLAN_TEXT_MAX);
	f.path = (struct slice){longest, 2 * PLAN_TEXT_MAX};
	f.pdb = f.id = f.kind = f.as = f.machine = f.path;
	p.product = p.version = p.comment = p.source = p.host = p.user = p.tool = plan_text(&p,
											    f.path);
	CHECK(plan_add(&p, &f, &e) == OK && plan_write(&p, &small, &e) == ERR_LIMIT && !small.n,
	      "no room");
	CHECK(plan_write(&p, &text, &e) == OK && plan_read(buf_slice(&text), &id, &back, &e) == OK,
	      "the longest lines that are written are read");
	CHECK_INT((long long)back.file[0].path.n, PLAN_TEXT_MAX, "cut");
	f.size = INT64_MAX;
	CHECK(plan_add(&p, &f, &e) == ERR_LIMIT, "more bytes than can be counted");
	f = file_of("a.pdb/1/a.pdb");
	f.size = 0;
	for (int i = 1; i < PLAN_FILES_MAX; i++)
		if (plan_add(&p, &f, &e))
			CHECK(false, "so many files");
	CHECK(plan_add(&p, &f, &e) == ERR_LIMIT, "too many files");
}

static void test_bad(void)
{
	static const struct {
		const char *what, *text, *says;
	} rows[] = {
		{"nothing", "", "cut short"},
		{"an empty line", "\n", "line 1: no JSON"},
		{"no end of line", HEAD1 "{\"key\":\"a\"}", "cut short"},
		{"a line is missing", HEAD2 A_FILE, "does not have the files"},
		{"a line too many", HEAD1 A_FILE "{\"key\":\"b/1/b\"," REST,
		 "does not have the files"},
		{"other bytes", HEAD_ "\"files\":1,\"bytes\":6}\n" A_FILE,
		 "does not have the files"},
		{"newer", "{\"pepto\":2,\"id\":\"x\"}\n", "update this one"},
		{"no format", "{\"id\":\"x\"}\n", "'pepto'"},
		{"format 0", "{\"pepto\":0}\n", "'pepto'"},
		{"format in quotes", "{\"pepto\":\"1\"}\n", "'pepto'"},
		{"another id",
		 "{\"pepto\":1,\"id\":\"20261129-150717-3f9a12bd\",\"started\":\"2026-11-29T15:07:"
		 "17Z\",\"files\":"
		 "0,\"bytes\":0}\n",
		 "another transaction"},
		{"no date", "{\"pepto\":1,\"id\":\"" ID "\",\"files\":0,\"bytes\":0}\n",
		 "'started'"},
		{"a date that there is not",
		 "{\"pepto\":1,\"id\":\"" ID "\",\"started\":\"2026-02-30T15:07:17Z\"}\n",
		 "'started'"},
		{"a number for a name", HEAD_ "\"files\":1,\"bytes\":5,\"product\":7}\n" A_FILE,
		 "'product'"},
		{"member twice", HEAD1 "{\"key\":\"a/1/a\",\"key\":\"b/1/b\"," REST,
		 "line 2: no JSON"},
		{"a list", HEAD1 "[]\n", "not an object"},
		{"behind the object", HEAD1 "{\"key\":\"a/1/a\"} {}\n", "line 2: no JSON"},
		{"no UTF-8", KEYED("a\xff/1/a"), "line 2: no JSON"},
		{"half a surrogate", KEYED("a\\ud800/1/a"), "line 2: no JSON"},
		{"NUL", KEYED("a\\u0000b/1/a"), "line 2: no JSON"},
		{"control byte", KEYED("a\\u0001/1/a"), "control character"},
		{"delete", KEYED("a\x7f/1/a"), "control character"},
		{"no key", HEAD1 "{" REST, "its key is empty"},
		{"upwards", KEYED("../1/a"), "'..'"},
		{"upwards later", KEYED("a/1/.."), "'..'"},
		{"a plan", KEYED(".pepto/tx/" ID ".json"), "store's own"},
		{"symstore's", KEYED("000admin/lastid.txt"), "store's own"},
		{"empty segment", KEYED("a//a"), "empty name"},
		{"from the root", KEYED("/a/1/a"), "empty name"},
		{"key twice", HEAD2 A_FILE A_FILE, "line 3 has the key of line 2"},
		{"no size", HEAD1 "{\"key\":\"a/1/a\",\"sha256\":\"" SHA "\"}\n", "'size'"},
		{"size below 0", HEAD1 "{\"key\":\"a/1/a\",\"size\":-5,\"sha256\":\"" SHA "\"}\n",
		 "'size'"},
		{"size of a fraction",
		 HEAD1 "{\"key\":\"a/1/a\",\"size\":5.0,\"sha256\":\"" SHA "\"}\n", "'size'"},
		{"size beyond all numbers",
		 HEAD1 "{\"key\":\"a/1/a\",\"size\":99999999999999999999,\"sha256\":\"" SHA "\"}\n",
		 "no JSON"},
		{"sizes that overflow",
		 HEAD2 "{\"key\":\"a/1/a\",\"size\":9223372036854775807,\"sha256\":\"" SHA
		       "\"}\n{\"key\":\"b/1/b\",\"size\":9223372036854775807,\"sha256\":\"" SHA
		       "\"}\n",
		 "sizes beyond"},
		{"no checksum", HEAD1 "{\"key\":\"a/1/a\",\"size\":5}\n", "no SHA-256"},
		{"a short checksum", HEAD1 "{\"key\":\"a/1/a\",\"size\":5,\"sha256\":\"aa\"}\n",
		 "no SHA-256"},
		{"private: 1", HEAD1 "{\"private\":1,\"key\":\"a/1/a\"," REST, "'private'"},
		{"odd hex", HEAD1 "{\"path_hex\":\"abc\",\"key\":\"a/1/a\"," REST, "'path_hex'"},
		{"no hex", HEAD1 "{\"path_hex\":\"xx\",\"key\":\"a/1/a\"," REST, "'path_hex'"},
		{"a NUL in hex", HEAD1 "{\"path_hex\":\"ff00\",\"key\":\"a/1/a\"," REST,
		 "'path_hex'"},
	};
	struct tx_id id = id_of_plan();

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct plan p = {.files = 77};
		struct error e = {OK, 0, ""};
		enum err err = plan_read(slice_of(rows[i].text), &id, &p, &e);
		bool is_limit = strstr(rows[i].says, "update") || strstr(rows[i].says, "beyond");

		CHECK_INT(err, is_limit ? ERR_LIMIT : ERR_CORRUPT, rows[i].what);
		CHECK(strstr(e.msg, rows[i].says), e.msg);
		CHECK(slice_starts(slice_of(e.msg), SLICE(".pepto/tx/" ID ".json: ")), "which");
		CHECK(is_limit || strstr(e.msg, "(mend it, or delete it by hand)"), "what to do");
		CHECK(p.files == 77, "untouched");
		CHECK(plan_read(slice_of(rows[i].text), &id, &p, NULL) == err, "without a message");
	}
}

static void test_good(void)
{
	static const char *const rows[] = {
		HEAD_ "\"files\":0,\"bytes\":0}\n",
		HEAD1 A_FILE,
		HEAD_
		"\"files\":1,\"bytes\":5,\"new\":{\"a\":[1]}}\n{\"new\":null,\"key\":\"a\"," REST,
		HEAD2 A_FILE "{\"key\":\"A.pdb/1/a.pdb\"," REST,
	};
	struct tx_id id = id_of_plan();

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct plan p CLEANUP(plan_fini) = {0};
		struct error e = {OK, 0, ""};

		CHECK(plan_read(slice_of(rows[i]), &id, &p, &e) == OK, rows[i]);
	}
}

static void test_heads(void)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{"", "no JSON"},
		{HEAD_, "no JSON"},
		{"{\"pepto\":2}\n", "update this one"},
		{"[]\n" HEAD1, "not an object"},
	};
	struct tx_id id = id_of_plan();
	struct plan p CLEANUP(plan_fini) = {0}, none = {.bytes = 77};
	int64_t files = 0;
	struct error e = {OK, 0, ""};

	CHECK(plan_read_head(SLICE(HEAD2 "{\"cut"), &id, &p, &files, &e) == OK, "of a beginning");
	CHECK(p.bytes == 10 && files == 2 && !p.files && p.started_s == 1795964837,
	      "what it tells");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CHECK(plan_read_head(slice_of(bad[i].text), &id, &none, &files, &e) != OK, e.msg);
		CHECK(strstr(e.msg, bad[i].says) && none.bytes == 77, bad[i].says);
	}
}

static void test_lines(void)
{
	size_t which = 7;

	CHECK_INT((long long)plan_line(0), 2, "the first file's line");
	CHECK(plan_file_at(2, 3, &which) && which == 1, "the last one's");
	CHECK(!plan_file_at(2, 1, &which) && !plan_file_at(2, 4, &which) &&
		      !plan_file_at(0, 2, &which) && !plan_file_at(2, INT64_MIN, &which) &&
		      !plan_file_at(2, INT64_MAX, &which),
	      "no file's");
}

/* Such a key is not written any more, but read where it was. */
static void test_old_key(void)
{
	struct plan p CLEANUP(plan_fini) = {0}, back CLEANUP(plan_fini) = {0};
	struct buf text CLEANUP(buf_fini) = BUF_MAX(4096);
	struct plan_file f = {.key = SLICE("a\\b/1/a"), .size = 5, .sha256 = SHA};
	struct tx_id id;
	struct error e;

	ASSERT(tx_id_parse(SLICE(ID), &id));
	p.id = id;
	p.started_s = 1795964837;
	ASSERT(plan_add(&p, &f, &e) == OK);
	CHECK(plan_write(&p, &text, &e) == ERR_CORRUPT && strstr(e.msg, "backslash"), e.msg);
	CHECK_INT(plan_read(SLICE(HEAD1 "{\"key\":\"a\\\\b/1/a\"," REST), &id, &back, &e), OK,
		  "read");
	CHECK(back.files == 1 && slice_eq(back.file[0].key, f.key), "as it is");
}

static void test_keep_until(void)
{
	static const struct {
		const char *text;
		int64_t want; /* 0: it is no date */
	} rows[] = {
		{"2027-01-31", 1801353600},
		{"2027-01-31T15:00:00Z", 1801407600},
		{"1970-01-02", 86400},
		{"1970-01-01", 0},
		{"", 0},
		{"2027-02-29", 0},
		{"2027-1-31", 0},
		{"2027-01-31 ", 0},
		{"2027-01-31T15:00:00", 0},
		{"2027-01-31T15:00:00ZT00:00:00Z", 0},
		{"tomorrow ", 0},
		{"31.01.2027", 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t at_s = 0;

		CHECK_INT(plan_keep_until(slice_of(rows[i].text), &at_s), rows[i].want != 0,
			  rows[i].text);
		CHECK_INT(at_s, rows[i].want, rows[i].text);
	}
}

int main(void)
{
	test_keep_until();
	test_old_key();
	test_round_trip();
	test_not_written();
	test_limits();
	test_bad();
	test_good();
	test_lines();
	test_heads();
	return tap_done();
}
