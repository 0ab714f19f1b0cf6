// SPDX-License-Identifier: MIT
/* Cleaning of request targets: protocol.md 1.7 and rows C05, C08, C11 to C14, C67, C78, C79. */
#include "serve/request.h"
#include "tap.h"

static const struct request_rules no_rules;

static const char *verdict_name(enum request_verdict v)
{
	switch (v) {
	case REQUEST_CLEAN: return "clean";
	case REQUEST_BAD: return "bad";
	case REQUEST_OUTSIDE: return "outside";
	case REQUEST_NOMEM: return "nomem";
	}
	return "?";
}

/* The segments must be the key cut at its slashes, in every spelling. */
static bool is_consistent(const struct symbol_path *p)
{
	for (size_t s = 0; s < p->spellings; s++) {
		struct slice rest = p->spelling[s].path, field;
		size_t i = 0;

		while (p->segments && slice_next(&rest, '/', &field)) {
			if (i == p->segments || !slice_eq(field, symbol_path_segment(p, s, i)) ||
			    symbol_path_segment(p, s, i).p != field.p)
				return false;
			i++;
		}
		if (i != p->segments)
			return false;
	}
	return true;
}

static void check(struct slice target, const struct request_rules *rules, const char *verdict,
		  const char *key, const char *token, const char *name)
{
	struct symbol_path p CLEANUP(symbol_path_fini);
	enum request_verdict v = request_clean(target, rules, &p);

	CHECK_STR(verdict_name(v), verdict, name);
	if (v == REQUEST_BAD)
		return;
	CHECK_SLICE(p.spelling[0].path, key, name);
	CHECK_SLICE(p.token, token, name);
	CHECK(is_consistent(&p), name);
}

static void test_cleaning(void)
{
	static const struct {
		const char *target, *key; /* key NULL: bad */
	} cases[] = {
		{"/", ""},
		{"", NULL},
		{"*", NULL},
		{"foo.pdb", NULL},
		{"?x", NULL},
		{"//", ""},
		{"/?", ""},
		{"/foo.pdb/K/foo.pdb", "foo.pdb/K/foo.pdb"},
		{"//foo.pdb/K/foo.pdb", "foo.pdb/K/foo.pdb"},
		{"/foo.pdb//K///foo.pdb/", "foo.pdb/K/foo.pdb"},
		{"/foo.pdb%2fK%2Ffoo.pdb", "foo.pdb/K/foo.pdb"},
		{"/foo.pdb/K/foo.pdb?sig=a/../b%zz", "foo.pdb/K/foo.pdb"},
		{"/a%3fb", "a?b"},
		{"/a%23b#c", "a#b#c"},
		{"/a%25b", "a%b"},
		{"/a%252Fb", "a%2Fb"},
		{"/my%20app.pdb", "my app.pdb"},
		{"/my app.pdb", "my app.pdb"},
		{"/\xc3\x84.pdb", "\xc3\x84.pdb"},
		{"/%c3%84.pdb", "\xc3\x84.pdb"},
		{"/%c3\x84\xff%fe", "\xc3\x84\xff\xfe"},
		{"/a%7eb~!$&'()*,;=:@", "a~b~!$&'()*,;=:@"},
		/* escapes */
		{"/%", NULL},
		{"/%4", NULL},
		{"/%zz", NULL},
		{"/%4g", NULL},
		{"/%2+5", NULL},
		{"/a%", NULL},
		{"/%00", NULL},
		{"/a%0ab", NULL},
		{"/a\x01z", NULL},
		{"/a\x1fz", NULL},
		{"/a%01z", NULL},
		{"/%7f", NULL},
		{"/a\x7f", NULL},
		{"/a%C2%80", "a\xc2\x80"},
		/* dots */
		{"/.", NULL},
		{"/..", NULL},
		{"/a/./b", NULL},
		{"/a/../b", NULL},
		{"/a/%2e%2e/b", NULL},
		{"/a%2f..%2fb", NULL},
		{"/a/.%2e", NULL},
		{"/...", "..."},
		{"/.a/..b/c..", ".a/..b/c.."},
		{"/.pepto/tx/x.json", NULL},
		{"/pre/.PEPTO/tx/x", NULL},
		{"/%2epepto%2Ftx%2fx", NULL},
		{"\\.pepto\\tx", NULL},
		{"/x/c:\\.pepto/y", NULL},
		{"/.pepto", NULL},
		{"/a.pdb/1/.pepto-0123456789abcdef", NULL},
		{"/a.pdb/1/.PEPTO-0123456789abcdef", NULL},
		{"/.peptox/pepto/a.pepto", ".peptox/pepto/a.pepto"},
		/* Windows paths */
		{"/c%3a%5cbuild%5cfoo.pdb/K/foo.pdb", "foo.pdb/K/foo.pdb"},
		{"/c:\\build\\foo.pdb/K/c:\\build\\foo.pdb", "foo.pdb/K/foo.pdb"},
		{"/\\\\host\\share\\foo.pdb/K/foo.pdb", "foo.pdb/K/foo.pdb"},
		{"/c:\\a\\..\\foo.pdb/K/foo.pdb", "foo.pdb/K/foo.pdb"},
		{"/foo.pdb\\/K/foo.pdb", "foo.pdb/K/foo.pdb"},
		{"/foo.pdb\\\\/K/foo.pdb", "foo.pdb/K/foo.pdb"},
		{"/\\c:foo.pdb/K/foo.pdb", "foo.pdb/K/foo.pdb"},
		{"/c:foo.pdb/K/foo.pdb", "c:foo.pdb/K/foo.pdb"},
		{"/c:/K/c:", "c:/K/c:"},
		{"/x\\1:y/K", "1:y/K"},
		{"/c:\\/K/foo.pdb", NULL},
		{"/\\/K/foo.pdb", NULL},
		{"/K/\\", NULL},
		{"/x\\../K", NULL},
		{"/x\\./K", NULL},
		{"/\\c:../K", NULL},
		{"/\\c:/K", NULL},
		/* backslashes as the only separators */
		{"/foo.pdb\\KEY\\foo.pdb", "foo.pdb/KEY/foo.pdb"},
		{"/foo.pdb%5cKEY%5Cfoo.pdb", "foo.pdb/KEY/foo.pdb"},
		{"/\\foo.pdb\\\\KEY\\foo.pdb\\", "foo.pdb/KEY/foo.pdb"},
		{"//foo.pdb\\KEY\\foo.pdb", "foo.pdb/KEY/foo.pdb"},
		{"/foo.pdb\\..\\foo.pdb", NULL},
		{"/\\", NULL},
		{"/%5c%5c", NULL},
		{"/index2.txt\\", "index2.txt"},
		/* absolute form */
		{"http://h:80/x/y", "x/y"},
		{"HTTP://h:80/x/y", "x/y"},
		{"https://user:pw@[::1]:80//x", "x"},
		{"http://h", ""},
		{"http://h?x/y", ""},
		{"http://", ""},
		{"http:/x", NULL},
		{"ftp://h/x", NULL},
		{"h:443", NULL},
		{"/http://h/x", "http:/h/x"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check(slice_of(cases[i].target), &no_rules, cases[i].key ? "clean" : "bad",
		      cases[i].key, "", cases[i].target);
	check(SLICE("/a\0b"), &no_rules, "bad", "", "", "raw NUL");
	check(SLICE_NONE, &no_rules, "bad", "", "", "no target");
}

static void test_prefixes(void)
{
	static const struct {
		const char *base;
		bool token;
		const char *target, *verdict, *key, *ret_token;
	} cases[] = {
		{"/sym", false, "/sym/a/b", "clean", "a/b", ""},
		{"sym/", false, "/sym/a/b", "clean", "a/b", ""},
		{"//Sym//Two/", false, "/sYM///tWO/a", "clean", "a", ""},
		{"/sym", false, "/%73ym/a", "clean", "a", ""},
		{"/sym", false, "/sym", "clean", "", ""},
		{"/sym", false, "/sym/", "clean", "", ""},
		{"/sym", false, "/", "outside", "", ""},
		{"/sym", false, "/symbols/a", "outside", "symbols/a", ""},
		{"/sym", false, "/healthz", "outside", "healthz", ""},
		{"/sym/two", false, "/sym/a", "outside", "sym/a", ""},
		{"/sym", false, "/sym/sym/a", "clean", "sym/a", ""},
		{"/sym", false, "/sym/../a", "bad", NULL, ""},
		{"/", false, "/a", "clean", "a", ""},
		{"/\xc3\x84 c++", false, "/%C3%A4%20C+%2b/a+b", "clean", "a+b", ""},
		{"/sym", false, "\\sym\\a\\b", "bad", NULL, ""},
		{"/sym", false, "/sym\\a\\K\\a", "clean", "a/K/a", ""},
		{"/sym", false, "/sym/a\\K\\a", "clean", "a/K/a", ""},
		{"", false, "/t/0123456789abcdef/a", "clean", "t/0123456789abcdef/a", ""},
		{"", true, "/t/0123456789abcdef/a/b", "clean", "a/b", "0123456789abcdef"},
		{"", true, "//T/0123456789ABCDEF//a/b", "clean", "a/b", "0123456789ABCDEF"},
		{"", true, "/t/0123456789abcdef", "clean", "", "0123456789abcdef"},
		{"", true, "/t/nothex00/a", "clean", "t/nothex00/a", ""},
		{"", true, "/t", "clean", "t", ""},
		{"", true, "/a/t/00112233", "clean", "a/t/00112233", ""},
		{"", true, "/t/00112233/t/44556677/t", "clean", "t/44556677/t", "00112233"},
		{"", true, "/t\\00112233\\a\\b", "clean", "a/b", "00112233"},
		{"", true, "/t/00112233/a\\K\\b", "clean", "a/K/b", "00112233"},
		{"/sym", true, "/sym/t/00112233/a", "clean", "a", "00112233"},
		{"/sym", true, "/t/00112233/SYM/a", "clean", "a", "00112233"},
		{"/sym", true, "/t/00112233/a", "outside", "t/00112233/a", ""},
		{"/sym", true, "/sym/a", "clean", "a", ""},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct request_rules rules = {slice_of(cases[i].base), cases[i].token};

		check(slice_of(cases[i].target), &rules, cases[i].verdict, cases[i].key,
		      cases[i].ret_token, cases[i].target);
	}
}

static void test_spellings(void)
{
	static const struct {
		const char *target;
		const char *spelling[SYMBOL_PATH_SPELLINGS_MAX];
	} cases[] = {
		{"/foo.pdb/K/foo.pdb", {"foo.pdb/K/foo.pdb"}},
		{"/my%20app", {"my app", "my+app"}},
		{"/my app", {"my app", "my+app"}},
		{"/my+app", {"my+app", "my app"}},
		{"/my%2bapp", {"my+app", "my app"}},
		{"/c+%2B rt", {"c++ rt", "c + rt", "c   rt", "c+++rt"}},
		{"/a+b%2bc", {"a+b+c", "a b+c", "a b c"}},
		{"/a b+c", {"a b+c", "a b c", "a+b+c"}},
		{"/a b%2bc", {"a b+c", "a b c", "a+b+c"}},
		{"/x\\a+b/K/a+b", {"a+b/K/a+b", "a b/K/a b"}},
		{"/", {""}},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct symbol_path p CLEANUP(symbol_path_fini);
		size_t n = 0;

		CHECK_INT(request_clean(slice_of(cases[i].target), &no_rules, &p), REQUEST_CLEAN,
			  cases[i].target);
		for (; n < SYMBOL_PATH_SPELLINGS_MAX && cases[i].spelling[n]; n++)
			if (n < p.spellings)
				CHECK_SLICE(p.spelling[n].path, cases[i].spelling[n],
					    cases[i].target);
		CHECK_INT(p.spellings, n, cases[i].target);
		CHECK(is_consistent(&p), cases[i].target);
	}
}

static void test_kinds(void)
{
	static const struct {
		const char *target;
		enum path_kind kind;
	} cases[] = {
		{"/", PATH_ROOT},
		{"//", PATH_ROOT},
		{"/index2.txt", PATH_INDEX2},
		{"//INDEX2.TXT?x", PATH_INDEX2},
		{"/%69ndex2.txt/", PATH_INDEX2},
		{"/PingMe.txt", PATH_PINGME},
		{"/a/pingme.txt", PATH_OTHER},
		{"/index.txt", PATH_OTHER},
		{"/a", PATH_OTHER},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct symbol_path p CLEANUP(symbol_path_fini);

		CHECK_INT(request_clean(slice_of(cases[i].target), &no_rules, &p), REQUEST_CLEAN,
			  cases[i].target);
		CHECK_INT(p.kind, cases[i].kind, cases[i].target);
	}
}

/* A target of unit repeated to n bytes in all, behind head. */
static enum request_verdict clean_long(const char *head, const char *unit, size_t n,
				       const struct request_rules *rules)
{
	struct buf target CLEANUP(buf_fini) = BUF_MAX(100000);
	struct symbol_path p CLEANUP(symbol_path_fini);

	buf_puts(&target, head);
	while (target.n < n)
		buf_puts(&target, unit);
	return request_clean(slice_head(buf_slice(&target), n), rules, &p);
}

static void test_limits(void)
{
	struct request_rules rules = {SLICE("/b"), true};

	CHECK_INT(clean_long("/", "a", 1 + 1024, &no_rules), REQUEST_CLEAN, "key of 1024 bytes");
	CHECK_INT(clean_long("/", "a", 1 + 1025, &no_rules), REQUEST_BAD, "key of 1025 bytes");
	CHECK_INT(clean_long("/", "+", 1 + 1024, &no_rules), REQUEST_CLEAN, "1024 pluses");
	CHECK_INT(clean_long("/%20%2b+", "+", 1 + 3 + 3 + 1022, &no_rules), REQUEST_CLEAN,
		  "four long spellings");
	CHECK_INT(clean_long("/c:", "\\a", 8191, &no_rules), REQUEST_BAD, "all backslashes");
	CHECK_INT(clean_long("/x/", "\\a", 8191, &no_rules), REQUEST_CLEAN, "a long Windows path");
	CHECK_INT(clean_long("/", "/", 8192, &no_rules), REQUEST_CLEAN, "target of 8192 bytes");
	CHECK_INT(clean_long("/", "/", 8193, &no_rules), REQUEST_BAD, "target of 8193 bytes");
	CHECK_INT(clean_long("/a?", "q", 50000, &no_rules), REQUEST_CLEAN, "a long query");
	CHECK_INT(clean_long("", "/a", 32, &no_rules), REQUEST_CLEAN, "16 segments");
	CHECK_INT(clean_long("", "/a", 34, &no_rules), REQUEST_BAD, "17 segments");
	CHECK_INT(clean_long("/t/00112233/b", "/a", 13 + 32, &rules), REQUEST_CLEAN,
		  "16 segments behind the prefixes");
	CHECK_INT(clean_long("/t/00112233/b", "/a", 13 + 34, &rules), REQUEST_BAD,
		  "17 segments behind the prefixes");
	CHECK_INT(clean_long("", "/a", 8192, &no_rules), REQUEST_BAD, "4096 segments");
	CHECK_INT(clean_long("/t/00112233/b/", "a", 14 + 1024, &rules), REQUEST_CLEAN,
		  "1024 bytes behind the prefixes");
	CHECK_INT(clean_long("/t/00112233/b/", "a", 14 + 1025, &rules), REQUEST_BAD,
		  "1025 bytes behind the prefixes");
}

/* Any key without backslashes and control bytes comes back from its percent-encoding. */
static void test_reachable(void)
{
	struct buf target CLEANUP(buf_fini) = BUF_MAX(8192);
	char key[224];
	size_t n = 0;

	for (int c = 0x20; c < 0x100; c++)
		if (c != '/' && c != '\\' && c != 0x7f)
			key[n++] = (char)c;
	key[n] = '\0';
	buf_putc(&target, '/');
	for (size_t i = 0; i < n; i++)
		buf_printf(&target, "%%%02x", (unsigned char)key[i]);
	check(buf_slice(&target), &no_rules, "clean", key, "", "all bytes escaped");
	target.n = 1;
	for (size_t i = 0; i < n; i++)
		if (key[i] == '%' || key[i] == '?')
			buf_printf(&target, "%%%02X", (unsigned char)key[i]);
		else
			buf_putc(&target, key[i]);
	check(buf_slice(&target), &no_rules, "clean", key, "", "all bytes raw");
}

int main(void)
{
	test_cleaning();
	test_prefixes();
	test_spellings();
	test_kinds();
	test_limits();
	test_reachable();
	return tap_done();
}
