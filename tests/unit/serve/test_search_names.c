// SPDX-License-Identifier: MIT
/* Which names match a GLOB, in which order, how many at a time, and whether there are more. */
#include "serve/search_names.h"

#include "base/macros.h"
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

int main(void)
{
	test_matches();
	test_pages();
	test_passes();
	test_passes_nothing_over();
	test_tiers();
	return tap_done();
}
