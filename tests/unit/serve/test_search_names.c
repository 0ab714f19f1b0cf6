// SPDX-License-Identifier: MIT
/* Which names match a GLOB, in which order, how many at a time, and whether there are more. */
#include "serve/search_names.h"

#include "base/macros.h"
#include "base/text.h"
#include "tap.h"

#include <stdio.h>

static void take(struct search_names *m, struct slice folder, struct slice name)
{
	if (search_names_match(m, name))
		search_names_add(m, folder, name);
}

/* In no order. */
static const struct {
	const char *folder, *name;
} names[] = {
	{"", "foo.pdb"},    {"", "Foo.dll"},          {"", "a b.pdb"},
	{"", "bar.pdb"},    {"", "foo.pdb"},          {"fo/", "fox.pdb"},
	{"", ".pepto"},     {"", "000Admin"},         {"", "a+b.pdb"},
	{"", "z.pdb"},      {"ba/", "bar.pdb"},       {"", ".peptox"},
	{"", "kelvin.pdb"}, {"", "\xe2\x84\xaa.pdb"}, {"", "\xc3\xa4.pdb"},
};

static const struct row {
	const char *glob, *after;
	size_t max;
	const char *found; /* separated by '|' */
	bool more;
} rows[] = {
	{"*", "", 100,
	 "Foo.dll/|a b.pdb/|a+b.pdb/|ba/bar.pdb/|bar.pdb/|fo/fox.pdb/|foo.pdb/|kelvin.pdb/|z.pdb/|"
	 "\xc3\xa4.pdb/|\xe2\x84\xaa.pdb/",
	 false},
	{"FOO*", "", 100, "Foo.dll/|foo.pdb/", false},
	{"*.pdb", "", 2, "a b.pdb/|a+b.pdb/", true},
	{"*.pdb", "a+b.pdb/", 2, "ba/bar.pdb/|bar.pdb/", true},
	{"*.pdb", "bar.pdb/", 3, "fo/fox.pdb/|foo.pdb/|kelvin.pdb/", true},
	{"*.pdb", "\xe2\x84\xaa.pdb/", 3, "", false},
	{"a+b*", "", 100, "a b.pdb/|a+b.pdb/", false},
	{"a b*", "", 100, "a b.pdb/|a+b.pdb/", false},
	{"?.pdb", "", 1, "z.pdb/", true},
	{".pepto*", "", 100, "", false},
	{"000*", "", 100, "", false},
	{"nothing", "", 100, "", false},
	{"*o*", "", 100, "Foo.dll/|fo/fox.pdb/|foo.pdb/", false},
	{"*O.P*b", "", 100, "foo.pdb/", false},
	{"f*x*.*b", "", 100, "fo/fox.pdb/", false},
	{"?o?.pd?", "", 100, "fo/fox.pdb/|foo.pdb/", false},
	{"*bar.pdbx", "", 100, "", false},
	{"bar*.pdb", "", 100, "ba/bar.pdb/|bar.pdb/", false},
	{"bar.*.pdb", "", 100, "", false}, /* its ends overlap */
	{"\xe2\x84\xaa*", "", 100, "kelvin.pdb/|\xe2\x84\xaa.pdb/", false},
	{"k*", "", 100, "kelvin.pdb/|\xe2\x84\xaa.pdb/", false},
	{"\xc3\x84*", "", 100, "\xc3\xa4.pdb/", false},
};

static void test_matches(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf told CLEANUP(buf_fini) = BUF_MAX(1000);
		struct search_names m;

		search_names_init(&m, slice_of(rows[i].glob), slice_of(rows[i].after), rows[i].max);
		for (size_t k = 0; k < ARRAY_LEN(names); k++)
			take(&m, slice_of(names[k].folder), slice_of(names[k].name));
		for (size_t k = 0; k < m.n; k++)
			buf_printf(&told, k ? "|%s" : "%s", m.folder[k]);
		CHECK_STR(buf_str(&told), rows[i].found, rows[i].glob);
		CHECK(m.more == rows[i].more, "whether there are more");
		search_names_fini(&m);
	}
}

/* In whichever order they come, page after page gives each of them once. */
static void test_pages(void)
{
	char last[32] = "", name[32];
	size_t told = 0;
	bool more = true, sorted = true;

	while (more) {
		struct search_names m;

		search_names_init(&m, SLICE("*"), slice_of(last), 7);
		for (unsigned k = 0; k < 1000; k++) {
			snprintf(name, sizeof(name), "n%04u", k * 377 % 1000);
			take(&m, SLICE_NONE, slice_of(name));
		}
		for (size_t k = 0; k < m.n; k++, told++) {
			snprintf(name, sizeof(name), "n%04zu/", told);
			sorted = sorted && strcmp(name, m.folder[k]) == 0;
		}
		more = m.more;
		if (m.n)
			snprintf(last, sizeof(last), "%s", m.folder[m.n - 1]);
		search_names_fini(&m);
	}
	CHECK_INT(told, 1000, "all of them");
	CHECK(sorted, "in their order");
}

static const struct {
	const char *glob, *name, *to; /* NULL: it may match */
} passes[] = {
	{"foo*", "foo.pdb", NULL},
	{"foo*", "FoO", NULL},
	{"foo*", "", "F"},
	{"foo*", "A", "F"},
	{"foo*", "G", "f"},
	{"foo*", "fa", "fo"},
	{"foo*", "fP", "fo"},
	{"foo*", "fox", "fo\x80"},
	{"foo*", "fo", "foO"},
	{"foo*", "g", "\x80"},
	{"foo*", "f\xc3", NULL},
	{"*foo", "bar", NULL},
	{"?foo", "bar", NULL},
	{"a b*", "a+b", NULL},
	{"a b*", "a!", NULL},
	{"a b*", "a+a", "a+b"},
	{"7z?", "6", "7"},
	{"7z?", "8", "\x80"},
	{"\xc3\xa4*", "bar.pdb", NULL},
};

static void test_passes(void)
{
	for (size_t i = 0; i < ARRAY_LEN(passes); i++) {
		struct buf to CLEANUP(buf_fini) = BUF_MAX(100);
		struct search_names m;
		bool passed;

		search_names_init(&m, slice_of(passes[i].glob), SLICE_NONE, 1);
		passed = search_names_pass(&m, slice_of(passes[i].name), &to);
		CHECK_STR(passed ? buf_str(&to) : "-", passes[i].to ? passes[i].to : "-",
			  passes[i].name);
		search_names_fini(&m);
	}
}

/* What is passed over is nothing that matches: all names of three letters of these, in any glob of them. */
static void test_passes_nothing_over(void)
{
	static const char letters[] = " +AKabk\xe2";
	static const char *const globs[] = {"ab*", "a?b", "k*", "ka*", "a b", "bb*", "*"};
	char three[8 * 8 * 8][4];
	size_t n = 0, wrong = 0;

	for (const char *a = letters; *a; a++)
		for (const char *b = letters; *b; b++)
			for (const char *c = letters; *c; c++, n++)
				snprintf(three[n], sizeof(three[n]), "%c%c%c", *a, *b, *c);
	for (size_t g = 0; g < ARRAY_LEN(globs); g++) {
		for (size_t i = 0; i < n; i++) {
			struct buf to CLEANUP(buf_fini) = BUF_MAX(100);
			struct search_names m;

			search_names_init(&m, slice_of(globs[g]), SLICE_NONE, 1000);
			if (search_names_pass(&m, slice_of(three[i]), &to))
				for (size_t k = i; k < n; k++)
					if (slice_compare(slice_of(three[k]), buf_slice(&to)) < 0)
						take(&m, SLICE_NONE, slice_of(three[k]));
			wrong += m.n;
			search_names_fini(&m);
		}
	}
	CHECK_INT(wrong, 0, "none of the names that are passed over matches");
}

static void test_tiers(void)
{
	static const struct {
		const char *glob, *folder;
		bool may;
	} tiers[] = {
		{"foo*", "fo/", true}, {"foo*", "FO/", true}, {"foo*", "ba/", false},
		{"*oo", "ba/", true},  {"f?o", "ba/", true},  {"\xc3\xa4*", "xx/", true},
	};

	for (size_t i = 0; i < ARRAY_LEN(tiers); i++) {
		struct search_names m;

		search_names_init(&m, slice_of(tiers[i].glob), SLICE_NONE, 1);
		CHECK(search_names_may_lie_in(&m, slice_of(tiers[i].folder)) == tiers[i].may,
		      tiers[i].glob);
		search_names_fini(&m);
	}
}

static void repeat(const char *unit, size_t times, const char *end, struct buf *out)
{
	while (times--)
		buf_puts(out, unit);
	buf_puts(out, end);
}

/* A GLOB whose text behind the star fits everywhere but for its end: so often all of that is gone through. */
static const struct {
	const char *unit, *any;       /* of the name, of the GLOB */
	size_t length, star, dearest; /* characters; looks at most */
} work[] = {
	{"a", "?", 30, 10, 10},
	{"a", "a", 30, 2, 10},
	{"a", "?", 240, 120, 400},
	{"a", "a", 240, 120, 400},
	{"a", "?", 900, 400, 4500},
	{"a", "a", 900, 400, 4500},
	{"+", " ", 900, 400, 4500},
	{"a", "?", 1023, 510, 6000}, /* no name and no GLOB are longer */
	{"\xc3\xa4", "?", 100, 50, 100},
	{"\xc3\xa4", "\xc3\x84", 100, 50, 100},
	{"\xc3\xa4", "?", 500, 250, 1600},
	{"\xe2\x84\xaa", "k", 300, 150, 1000},
	{"\xff", "\xff", 900, 400, 4500},
};

static void test_counts_work(void)
{
	for (size_t i = 0; i < ARRAY_LEN(work); i++) {
		size_t least = (work[i].length - work[i].star) * work[i].star;
		struct buf name CLEANUP(buf_fini) = BUF_MAX(2000);
		struct buf glob CLEANUP(buf_fini) = BUF_MAX(2000);
		struct search_names m;
		size_t looks;

		buf_puts(&glob, "*");
		repeat(work[i].any, work[i].star, "b", &glob);
		repeat(work[i].unit, work[i].length, "b", &name);
		search_names_init(&m, buf_slice(&glob), SLICE_NONE, 1);
		CHECK(search_names_match(&m, buf_slice(&name)), "it matches, at the last of them");
		looks = search_names_looks(&m);
		CHECK(looks >= least / SEARCH_STEPS_A_LOOK, "each step is counted");
		CHECK(looks <= work[i].dearest, "what it costs is bounded");
		CHECK_INT(search_names_looks(&m), 0, "once");
		(void)search_names_match(&m, SLICE("usual.pdb"));
		CHECK_INT(search_names_looks(&m), 0, "a usual name is one look");
		search_names_fini(&m);
	}
}

static void differ_of(struct slice name, struct slice glob, size_t *wrong)
{
	struct search_names m;

	search_names_init(&m, glob, SLICE_NONE, 1);
	if (search_names_match(&m, name) != fold_glob(name, glob, false))
		++*wrong;
	search_names_fini(&m);
}

/* Long and short, ASCII or not or no UTF-8 at all: each is matched as fold_glob() does. */
static void test_matches_as_all_do(void)
{
	static const char *const units[] = {"a", "B", "\xc3\x84", "\xe2\x84\xaa", "\xe2", "\x84"};
	static const char *const globs[] = {
		"*",
		"?",
		"??",
		"*?",
		"a*",
		"*\xc3\xa4",
		"*\x84",
		"*\x84*",
		"\xe2*",
		"\xe2?*",
		"*k*",
		"?\xe2\x84\xaa*",
		"*?b*a?",
		"*\xe2",
		"*\xc3\xa4?b*",
		"*\xe2\x84*",
		"\xe2\x84\xab*",
		"a*b*\xc3\xa4",
	};
	const size_t n = ARRAY_LEN(units);
	size_t wrong = 0;

	for (size_t i = 0; i < n * n * n * n; i++) {
		struct buf name CLEANUP(buf_fini) = BUF_MAX(400);

		for (size_t rest = i, k = 0; k < 4; rest /= n, k++)
			buf_puts(&name, units[rest % n]);
		for (size_t g = 0; g < ARRAY_LEN(globs); g++)
			differ_of(buf_slice(&name), slice_of(globs[g]), &wrong);
		repeat("a", 300, "", &name);
		for (size_t g = 0; g < ARRAY_LEN(globs); g++)
			differ_of(buf_slice(&name), slice_of(globs[g]), &wrong);
	}
	CHECK_INT(wrong, 0, "all that matches matches here, and nothing else");
}

int main(void)
{
	test_matches();
	test_pages();
	test_passes();
	test_passes_nothing_over();
	test_tiers();
	test_counts_work();
	test_matches_as_all_do();
	return tap_done();
}
