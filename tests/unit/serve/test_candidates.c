// SPDX-License-Identifier: MIT
/* What is looked for, as what, and in which order: rows C03, C07, C09 to C12, C28 to C30, C35 to C42. */
#include "serve/candidates.h"
#include "tap.h"

#define GUID       "497b72f6390a44fc878e5a2d63b6cc4b"
#define UPPER      "497B72F6390A44FC878E5A2D63B6CC4B"
#define ID40       "0123456789abcdef0123456789abcdef01234567"
#define ID32       "0123456789abcdef0123456789abcdef"
#define ID16       "0123456789abcdef"
#define ZERO8      "00000000"
#define SYM        "_.debug/elf-buildid-sym-"
#define ANY        STORE_ANY_NAME

#define CAB        STORE_FORM_CAB
#define GZIP       STORE_FORM_GZIP
#define ZSTD       STORE_FORM_ZSTD
#define MSFZ       STORE_FORM_MSFZ
#define ALL        STORE_FORMS_ALL

#define WANTED_MAX 16

static const struct client nobody = {.max_size = INT64_MAX};
static const struct client gzip = {.gzip = true};
static const struct client perfview = {.msfz = true, .short_stamps = true};
static const struct client lldb = {.decimal_ages = true};

/*
 * A candidate as text: "!" if it is eager; F, X, C or P for what is wanted; "m", "n" and "g" for MSFZ,
 * what may be that, and gzip; and the key.
 */
struct row {
	const char *target;
	struct candidate_options o; /* client NULL: nobody in particular */
	const char *wanted[WANTED_MAX];
};

static void describe(const struct candidate *c, struct buf *out)
{
	buf_puts(out, c->eager ? "!" : "");
	buf_putc(out, "FXCP"[c->want]);
	buf_puts(out, c->msfz ? "m" : "");
	buf_puts(out, c->negotiable ? "n" : "");
	buf_puts(out, c->gzipped ? "g" : "");
	buf_putc(out, ' ');
	buf_add(out, c->key);
}

static void check_list(const struct candidates *c, const char *const wanted[static WANTED_MAX],
		       const char *name)
{
	size_t n = 0;

	while (n < WANTED_MAX && wanted[n])
		n++;
	CHECK_INT(c->n, n, name);
	for (size_t i = 0; i < MIN(c->n, n); i++) {
		struct buf text CLEANUP(buf_fini) = BUF_MAX(4096);

		describe(&c->list[i], &text);
		CHECK_STR(buf_str(&text), wanted[i], name);
	}
}

static void make(const char *target, struct candidate_options o, struct candidates *ret)
{
	struct symbol_path p CLEANUP(symbol_path_fini);

	if (!o.client)
		o.client = &nobody;
	ASSERT(request_clean(slice_of(target), &(struct request_rules){0}, &p) == REQUEST_CLEAN);
	ASSERT(candidates_make(&p, &o, ret));
}

static void check(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct candidates c CLEANUP(candidates_fini);

		make(rows[i].target, rows[i].o, &c);
		check_list(&c, rows[i].wanted, rows[i].target);
	}
}

static void test_case(void)
{
	static const struct row rows[] = {
		{"/", {CASE_BOTH, TIER_TWO}, {NULL}},
		{"/a", {CASE_BOTH, TIER_ONE}, {"!F a"}},
		{"/foo.pdb/1a/foo.pdb", {CASE_BOTH, TIER_ONE}, {"!F foo.pdb/1a/foo.pdb"}},
		{"/foo.pdb/1A/foo.pdb",
		 {CASE_BOTH, TIER_ONE},
		 {"!F foo.pdb/1a/foo.pdb", "!F foo.pdb/1A/foo.pdb"}},
		{"/Foo.pdb/1A/Foo.pdb", {CASE_LOWER, TIER_ONE}, {"!F foo.pdb/1a/foo.pdb"}},
		{"/Foo.pdb/1A/Foo.pdb", {CASE_ASKED, TIER_ONE}, {"!F Foo.pdb/1A/Foo.pdb"}},
		{"/%C3%84.pdb", {CASE_BOTH, TIER_UNKNOWN}, {"!F \xc3\xa4.pdb", "!F \xc3\x84.pdb"}},
		{"/%c8%ba", {CASE_BOTH, TIER_ONE}, {"!F \xe2\xb1\xa5", "!F \xc8\xba"}},
		{"/%ff%C3", {CASE_BOTH, TIER_ONE}, {"!F \xff\xc3"}},
	};

	check(rows, ARRAY_LEN(rows));
}

static void test_tier(void)
{
	static const struct row rows[] = {
		{"/foo.pdb/1a/foo.pdb",
		 {CASE_BOTH, TIER_TWO},
		 {"!F fo/foo.pdb/1a/foo.pdb", "!F foo.pdb/1a/foo.pdb"}},
		{"/foo.pdb/1a/foo.pdb",
		 {CASE_BOTH, TIER_UNKNOWN},
		 {"!F foo.pdb/1a/foo.pdb", "!F fo/foo.pdb/1a/foo.pdb"}},
		{"/foo.pdb/1a/foo.pdb",
		 {CASE_BOTH, TIER_BOTH},
		 {"!F foo.pdb/1a/foo.pdb", "!F fo/foo.pdb/1a/foo.pdb"}},
		{"/Foo.pdb/1A/Foo.pdb",
		 {CASE_BOTH, TIER_TWO},
		 {"!F fo/foo.pdb/1a/foo.pdb", "!F Fo/Foo.pdb/1A/Foo.pdb", "!F foo.pdb/1a/foo.pdb",
		  "!F Foo.pdb/1A/Foo.pdb"}},
		{"/fo/foo.pdb/1a/foo.pdb",
		 {CASE_BOTH, TIER_TWO},
		 {"!F fo/foo.pdb/1a/foo.pdb", "!F foo.pdb/1a/foo.pdb"}},
		{"/FO/Foo.pdb/1a/Foo.pdb",
		 {CASE_BOTH, TIER_ONE},
		 {"!F fo/foo.pdb/1a/foo.pdb", "!F FO/Foo.pdb/1a/Foo.pdb", "!F foo.pdb/1a/foo.pdb",
		  "!F Foo.pdb/1a/Foo.pdb"}},
		{"/fo/foo.pdb/1a/foo.pdb",
		 {CASE_LOWER, TIER_UNKNOWN},
		 {"!F fo/foo.pdb/1a/foo.pdb", "!F foo.pdb/1a/foo.pdb"}},
		{"/a/a.pdb/1a/a.pdb",
		 {CASE_LOWER, TIER_ONE},
		 {"!F a/a.pdb/1a/a.pdb", "!F a.pdb/1a/a.pdb"}},
		{"/a/a/1a/a", {CASE_LOWER, TIER_ONE}, {"!F a/a/1a/a", "!F a/1a/a"}},
		{"/a./a.pdb/1a/a.pdb", {CASE_LOWER, TIER_ONE}, {"!F a./a.pdb/1a/a.pdb"}},
		{"/f/foo.pdb/1a/foo.pdb", {CASE_LOWER, TIER_ONE}, {"!F f/foo.pdb/1a/foo.pdb"}},
		{"/a.pdb/1a/a.pdb",
		 {CASE_LOWER, TIER_TWO},
		 {"!F a/a.pdb/1a/a.pdb", "!F a.pdb/1a/a.pdb"}},
		{"/\xc3\xa4\xc3\xb6.pdb/1a/x",
		 {CASE_LOWER, TIER_TWO},
		 {"!F \xc3\xa4\xc3\xb6/\xc3\xa4\xc3\xb6.pdb/1a/x", "!F \xc3\xa4\xc3\xb6.pdb/1a/x"}},
		{"/foo.pdb/1a/msfz0/foo.pdb",
		 {CASE_LOWER, TIER_TWO},
		 {"!F fo/foo.pdb/1a/msfz0/foo.pdb", "!F foo.pdb/1a/msfz0/foo.pdb"}},
		{"/fo/foo.pdb/1a/MSFZ0/foo.pdb",
		 {CASE_LOWER, TIER_ONE},
		 {"!F fo/foo.pdb/1a/msfz0/foo.pdb", "!F foo.pdb/1a/msfz0/foo.pdb"}},
		{"/fo/foo.pdb/1a/x/foo.pdb",
		 {CASE_LOWER, TIER_ONE},
		 {"!F fo/foo.pdb/1a/x/foo.pdb"}},
		{"/a/b/c/d/e", {CASE_LOWER, TIER_TWO}, {"!F a/b/c/d/e"}},
		{"/a/b", {CASE_LOWER, TIER_TWO}, {"!F a/b"}},
	};

	check(rows, ARRAY_LEN(rows));
}

static void test_spelling(void)
{
	static const struct row rows[] = {
		{"/My+App/1a/My+App",
		 {CASE_BOTH, TIER_ONE},
		 {"!F my+app/1a/my+app", "!F My+App/1a/My+App", "!F my app/1a/my app",
		  "!F My App/1a/My App"}},
		{"/a+b.pdb/1/a+b.pdb",
		 {CASE_ASKED, TIER_ONE, CAB},
		 {"!F a+b.pdb/1/a+b.pdb", "X a+b.pdb/1/a+b.pd_", "!F a b.pdb/1/a b.pdb",
		  "X a b.pdb/1/a b.pd_"}},
		{"/c++rt.pdb", {CASE_BOTH, TIER_ONE}, {"!F c++rt.pdb", "!F c  rt.pdb"}},
		{"/A+%2B%20/1/x",
		 {CASE_ASKED, TIER_ONE},
		 {"!F A++ /1/x", "!F A + /1/x", "!F A   /1/x", "!F A+++/1/x"}},
	};

	check(rows, ARRAY_LEN(rows));
}

#define PDB "foo.pdb/" GUID "1/"

static void test_forms(void)
{
	static const struct row rows[] = {
		{"/" PDB "foo.pdb",
		 {CASE_BOTH, TIER_ONE, CAB},
		 {"!F " PDB "foo.pdb", "X " PDB "foo.pd_"}},
		{"/" PDB "foo.pdb",
		 {CASE_BOTH, TIER_ONE, GZIP},
		 {"!F " PDB "foo.pdb", "X " PDB "foo.pdb.gz"}},
		{"/" PDB "foo.pdb",
		 {CASE_BOTH, TIER_ONE, ZSTD},
		 {"!F " PDB "foo.pdb", "X " PDB "foo.pdb.zst"}},
		{"/" PDB "foo.pdb",
		 {CASE_BOTH, TIER_ONE, ALL},
		 {"!F " PDB "foo.pdb", "X " PDB "foo.pd_", "X " PDB "foo.pdb.gz",
		  "X " PDB "foo.pdb.zst", "X " PDB "msfz0/foo.pdb"}},
		{"/" PDB "foo.pdb",
		 {CASE_BOTH, TIER_ONE, ALL, .client = &perfview},
		 {"!Fm " PDB "msfz0/foo.pdb", "!F " PDB "foo.pdb", "X " PDB "foo.pd_",
		  "X " PDB "foo.pdb.gz", "X " PDB "foo.pdb.zst"}},
		{"/" PDB "foo.pdb",
		 {CASE_BOTH, TIER_ONE, GZIP, .client = &gzip},
		 {"!F " PDB "foo.pdb", "Fg " PDB "foo.pdb.gz"}},
		{"/" PDB "foo.pdb",
		 {CASE_BOTH, TIER_ONE, GZIP, .client = &gzip, .ranged = true},
		 {"!F " PDB "foo.pdb", "X " PDB "foo.pdb.gz"}},
		/* One question, whoever asks it. */
		{"/" PDB "foo.pdb",
		 {CASE_ASKED, TIER_ONE, CAB, .negotiates = true},
		 {"!Fn " PDB "foo.pdb", "X " PDB "foo.pd_"}},
		{"/" PDB "foo.pdb",
		 {CASE_ASKED, TIER_ONE, MSFZ, .client = &perfview, .negotiates = true},
		 {"!Fm " PDB "msfz0/foo.pdb", "!Fn " PDB "foo.pdb"}},
		{"/" PDB "foo.pd_",
		 {CASE_ASKED, TIER_ONE, CAB, .client = &perfview, .negotiates = true},
		 {"!F " PDB "foo.pd_"}},
		/* No image comes as MSFZ. */
		{"/foo.dll/5617d4fe8000/foo.dll",
		 {CASE_ASKED, TIER_ONE, 0, .client = &perfview, .aliases = ALIASES_NONE,
		  .negotiates = true},
		 {"!F foo.dll/5617d4fe8000/foo.dll"}},
		{"/foo.dll/5617d4fe8000/foo.dll",
		 {CASE_BOTH, TIER_ONE, MSFZ, .client = &perfview, .aliases = ALIASES_NONE},
		 {"!F foo.dll/5617d4fe8000/foo.dll"}},
		/* The case is the innermost, then the form, then the tier. */
		{"/Foo.pdb/1/Foo.pdb",
		 {CASE_BOTH, TIER_BOTH, CAB},
		 {"!F foo.pdb/1/foo.pdb", "!F Foo.pdb/1/Foo.pdb", "X foo.pdb/1/foo.pd_",
		  "X Foo.pdb/1/Foo.pd_", "!F fo/foo.pdb/1/foo.pdb", "!F Fo/Foo.pdb/1/Foo.pdb",
		  "X fo/foo.pdb/1/foo.pd_", "X Fo/Foo.pdb/1/Foo.pd_"}},
		/* The twin is made of the file that was asked for. */
		{"/Foo.pdb/1/fOO.pdb",
		 {CASE_ASKED, TIER_ONE, CAB},
		 {"!F Foo.pdb/1/fOO.pdb", "X Foo.pdb/1/fOO.pd_"}},
		{"/a.c/1/a.c",
		 {CASE_ASKED, TIER_ONE, ALL & ~MSFZ},
		 {"!F a.c/1/a.c", "X a.c/1/a._", "X a.c/1/a.c.gz", "X a.c/1/a.c.zst"}},
		{"/x\xc3\x84/1/x\xc3\x84",
		 {CASE_ASKED, TIER_ONE, CAB},
		 {"!F x\xc3\x84/1/x\xc3\x84", "X x\xc3\x84/1/x_"}},
		/* A name without a point has two twins; one that ends in '_' is its own. */
		{"/libfoo/1/libfoo",
		 {CASE_ASKED, TIER_ONE, CAB},
		 {"!F libfoo/1/libfoo", "X libfoo/1/libfo_"}},
		{"/libfoo/1/libfoo",
		 {CASE_ASKED, TIER_ONE, ALL},
		 {"!F libfoo/1/libfoo", "X libfoo/1/libfo_", "X libfoo/1/libfoo._",
		  "X libfoo/1/libfoo.gz", "X libfoo/1/libfoo.zst"}},
		{"/foo_/1/foo_", {CASE_ASKED, TIER_ONE, CAB}, {"!F foo_/1/foo_"}},
		{"/_/1/_", {CASE_ASKED, TIER_ONE, CAB}, {"!F _/1/_"}},
		/* Breakpad files have no `_` twins. */
		{"/foo.pdb/" GUID "1/foo.sym",
		 {CASE_ASKED, TIER_ONE, ALL},
		 {"!F " PDB "foo.sym", "X " PDB "foo.sym.gz", "X " PDB "foo.sym.zst"}},
		/* All else is looked for as it is. */
		{"/" PDB "file.ptr", {CASE_ASKED, TIER_ONE, ALL}, {"!F " PDB "file.ptr"}},
		{"/" PDB "refs.ptr", {CASE_ASKED, TIER_ONE, ALL}, {"!F " PDB "refs.ptr"}},
		{"/" PDB "bar.pdb", {CASE_ASKED, TIER_ONE, ALL}, {"!F " PDB "bar.pdb"}},
		{"/" PDB "msfz0/foo.pdb", {CASE_ASKED, TIER_ONE, ALL}, {"!F " PDB "msfz0/foo.pdb"}},
		{"/readme.txt", {CASE_ASKED, TIER_ONE, ALL}, {"!F readme.txt"}},
		{"/*/" GUID "/*", {CASE_ASKED, TIER_ONE, .wildcards = true}, {"!F */" GUID "/*"}},
	};

	check(rows, ARRAY_LEN(rows));
}

static void test_twin_asked(void)
{
	static const struct row rows[] = {
		{"/foo.pdb/1/foo.pd_", {CASE_ASKED, TIER_ONE, ALL}, {"!F foo.pdb/1/foo.pd_"}},
		{"/Foo.pdb/1/fOO.pd_",
		 {CASE_ASKED, TIER_ONE, 0, .cabinets = true},
		 {"!F Foo.pdb/1/fOO.pd_", "C Foo.pdb/1/Foo.pdb"}},
		{"/Foo.pdb/1/Foo.pd_",
		 {CASE_BOTH, TIER_BOTH, CAB, .cabinets = true},
		 {"!F foo.pdb/1/foo.pd_", "!F Foo.pdb/1/Foo.pd_", "C foo.pdb/1/foo.pdb",
		  "C Foo.pdb/1/Foo.pdb", "!F fo/foo.pdb/1/foo.pd_", "!F Fo/Foo.pdb/1/Foo.pd_",
		  "C fo/foo.pdb/1/foo.pdb", "C Fo/Foo.pdb/1/Foo.pdb"}},
		{"/libfoo/1/libfoo._",
		 {CASE_ASKED, TIER_ONE, 0, .cabinets = true},
		 {"!F libfoo/1/libfoo._", "C libfoo/1/libfoo"}},
		{"/foo.pdb/1/foo.p__",
		 {CASE_ASKED, TIER_ONE, ALL, .cabinets = true},
		 {"!F foo.pdb/1/foo.p__"}},
	};

	check(rows, ARRAY_LEN(rows));
}

static void test_aliases(void)
{
	static const struct row rows[] = {
		/* The exact hex age before the decimal one, for who may have meant that. */
		{"/foo.pdb/" GUID "10/foo.pdb",
		 {CASE_LOWER, TIER_ONE},
		 {"!F foo.pdb/" GUID "10/foo.pdb"}},
		{"/foo.pdb/" GUID "10/foo.pdb",
		 {CASE_BOTH, TIER_ONE, CAB, .client = &lldb},
		 {"!F foo.pdb/" GUID "10/foo.pdb", "X foo.pdb/" GUID "10/foo.pd_",
		  "F foo.pdb/" GUID "a/foo.pdb", "F foo.pdb/" UPPER "a/foo.pdb",
		  "X foo.pdb/" GUID "a/foo.pd_", "X foo.pdb/" UPPER "a/foo.pd_"}},
		{"/foo.pdb/" GUID "10/foo.pdb",
		 {CASE_LOWER, TIER_ONE, .client = &lldb, .aliases = ALIASES_NONE},
		 {"!F foo.pdb/" GUID "10/foo.pdb"}},
		{"/foo.pdb/" GUID "10/foo.pdb",
		 {CASE_LOWER, TIER_ONE, .aliases = ALIASES_ALL},
		 {"!F foo.pdb/" GUID "10/foo.pdb", "F foo.pdb/" GUID "a/foo.pdb",
		  "F foo.pdb/" GUID "16/foo.pdb", "F foo.pdb/" GUID "ffffffff/foo.pdb",
		  "F foo.pdb/" GUID "/foo.pdb"}},
		{"/foo.pdb/" GUID "FFFFFFFF/foo.pdb",
		 {CASE_LOWER, TIER_ONE, .aliases = ALIASES_ALL},
		 {"!F foo.pdb/" GUID "ffffffff/foo.pdb", "F foo.pdb/" GUID "1/foo.pdb",
		  "F foo.pdb/" GUID "/foo.pdb"}},
		/* Needless zeros are never meant. */
		{"/foo.pdb/" GUID "01/foo.pdb",
		 {CASE_LOWER, TIER_ONE},
		 {"!F foo.pdb/" GUID "01/foo.pdb", "F foo.pdb/" GUID "1/foo.pdb"}},
		/* A stamp without its zeros, for who prints it so. */
		{"/foo.dll/1234567c2000/foo.dll",
		 {CASE_LOWER, TIER_ONE},
		 {"!F foo.dll/1234567c2000/foo.dll"}},
		{"/foo.dll/1234567c2000/foo.dll",
		 {CASE_LOWER, TIER_ONE, .client = &perfview},
		 {"!F foo.dll/1234567c2000/foo.dll", "F foo.dll/01234567c2000/foo.dll",
		  "F foo.dll/001234567c2000/foo.dll", "F foo.dll/0001234567c2000/foo.dll",
		  "F foo.dll/00001234567c2000/foo.dll"}},
		/* Another key has all forms, too. */
		{"/foo.pdb/" GUID "01/foo.pdb",
		 {CASE_LOWER, TIER_BOTH, ALL & ~MSFZ},
		 {"!F foo.pdb/" GUID "01/foo.pdb", "X foo.pdb/" GUID "01/foo.pd_",
		  "X foo.pdb/" GUID "01/foo.pdb.gz", "X foo.pdb/" GUID "01/foo.pdb.zst",
		  "!F fo/foo.pdb/" GUID "01/foo.pdb", "X fo/foo.pdb/" GUID "01/foo.pd_",
		  "X fo/foo.pdb/" GUID "01/foo.pdb.gz", "X fo/foo.pdb/" GUID "01/foo.pdb.zst",
		  "F foo.pdb/" GUID "1/foo.pdb", "X foo.pdb/" GUID "1/foo.pd_",
		  "X foo.pdb/" GUID "1/foo.pdb.gz", "X foo.pdb/" GUID "1/foo.pdb.zst",
		  "F fo/foo.pdb/" GUID "1/foo.pdb", "X fo/foo.pdb/" GUID "1/foo.pd_",
		  "X fo/foo.pdb/" GUID "1/foo.pdb.gz", "X fo/foo.pdb/" GUID "1/foo.pdb.zst"}},
		{"/foo.pdb/" GUID "01/foo.pd_",
		 {CASE_LOWER, TIER_ONE, .cabinets = true},
		 {"!F foo.pdb/" GUID "01/foo.pd_", "C foo.pdb/" GUID "01/foo.pdb",
		  "F foo.pdb/" GUID "1/foo.pd_", "C foo.pdb/" GUID "1/foo.pdb"}},
		{"/foo.pdb/" GUID "01/foo.sym",
		 {CASE_LOWER, TIER_ONE},
		 {"!F foo.pdb/" GUID "01/foo.sym", "F foo.pdb/" GUID "1/foo.sym"}},
		{"/foo.pdb/" GUID "01/file.ptr",
		 {CASE_LOWER, TIER_ONE},
		 {"!F foo.pdb/" GUID "01/file.ptr"}},
		/* Build-ids have none too many. */
		{"/libc.so/elf-buildid-" ID32 "/libc.so",
		 {CASE_LOWER, TIER_ONE},
		 {"!F libc.so/elf-buildid-" ID32 "/libc.so",
		  "F libc.so/elf-buildid-" ID32 ZERO8 "/libc.so"}},
		{"/" SYM ID32 ZERO8 "/_.debug",
		 {CASE_LOWER, TIER_ONE, CAB},
		 {"!F " SYM ID32 ZERO8 "/_.debug", "X " SYM ID32 ZERO8 "/_.debu_",
		  "F " SYM ID32 "/_.debug", "X " SYM ID32 "/_.debu_"}},
		/* Nothing is known of such keys. */
		{"/x.cs/sha1-" ID40 "/x.cs",
		 {CASE_LOWER, TIER_ONE, .aliases = ALIASES_ALL, .client = &lldb},
		 {"!F x.cs/sha1-" ID40 "/x.cs"}},
	};

	check(rows, ARRAY_LEN(rows));
}

#define DEBUGINFOD LAYOUT_DEBUGINFOD
#define GDB        LAYOUT_GDB
#define REST38     "23456789abcdef0123456789abcdef01234567"

static void test_build_ids(void)
{
	static const struct row rows[] = {
		{"/buildid/" ID40 "/debuginfo",
		 {CASE_BOTH, TIER_ONE, CAB},
		 {"!F " SYM ID40 "/_.debug", "X " SYM ID40 "/_.debu_",
		  "!F buildid/" ID40 "/debuginfo"}},
		{"/buildid/" ID40 "/debuginfo",
		 {CASE_BOTH, TIER_TWO},
		 {"!F _/" SYM ID40 "/_.debug", "!F " SYM ID40 "/_.debug",
		  "!F buildid/" ID40 "/debuginfo"}},
		{"/01/" REST38 ".debug",
		 {CASE_BOTH, TIER_ONE},
		 {"!F " SYM ID40 "/_.debug", "!F 01/" REST38 ".debug"}},
		{"/buildid/" ID32 "/debuginfo",
		 {CASE_BOTH, TIER_ONE},
		 {"!F " SYM ID32 ZERO8 "/_.debug", "F " SYM ID32 "/_.debug",
		  "!F buildid/" ID32 "/debuginfo"}},
		{"/buildid/" ID16 "/debuginfo",
		 {CASE_BOTH, TIER_ONE, .aliases = ALIASES_NONE},
		 {"!F " SYM ID16 ZERO8 ZERO8 ZERO8 "/_.debug", "!F buildid/" ID16 "/debuginfo"}},
		{"/buildid/" ID40 "/debuginfo",
		 {CASE_BOTH, TIER_BOTH, ALL, .layout = GDB},
		 {"!F 01/" REST38 ".debug", "F .build-id/01/" REST38 ".debug",
		  "!F buildid/" ID40 "/debuginfo"}},
		{"/buildid/" ID40 "/executable",
		 {CASE_BOTH, TIER_BOTH, ALL, .layout = GDB},
		 {"!F 01/" REST38, "F .build-id/01/" REST38, "!F buildid/" ID40 "/executable"}},
		{"/.build-id/01/" REST38 ".debug",
		 {CASE_BOTH, TIER_BOTH, ALL, .layout = GDB},
		 {"!F 01/" REST38 ".debug", "F .build-id/01/" REST38 ".debug"}},
		{"/BuildId/" ID40 "/Executable",
		 {CASE_BOTH, TIER_BOTH, ALL, .layout = DEBUGINFOD},
		 {"!F buildid/" ID40 "/executable", "!F BuildId/" ID40 "/Executable"}},
		{"/01/" REST38 "/debuginfo",
		 {CASE_BOTH, TIER_BOTH, ALL, .layout = DEBUGINFOD},
		 {"!F buildid/" ID40 "/debuginfo", "!F 01/" REST38 "/debuginfo"}},
		/* Only SSQP fills an id with zeros. */
		{"/buildid/" ID32 "/debuginfo",
		 {CASE_BOTH, TIER_ONE, .layout = DEBUGINFOD},
		 {"!F buildid/" ID32 "/debuginfo"}},
		{"/buildid/" ID32 ZERO8 "/debuginfo",
		 {CASE_BOTH, TIER_ONE, .layout = DEBUGINFOD},
		 {"!F buildid/" ID32 ZERO8 "/debuginfo", "F buildid/" ID32 "/debuginfo"}},
		{"/buildid/" ID32 ZERO8 "/debuginfo",
		 {CASE_BOTH, TIER_ONE, .layout = GDB, .aliases = ALIASES_NONE},
		 {"!F 01/23456789abcdef0123456789abcdef" ZERO8 ".debug",
		  "F .build-id/01/23456789abcdef0123456789abcdef" ZERO8 ".debug",
		  "!F buildid/" ID32 ZERO8 "/debuginfo"}},
		/* SSQP paths are looked for as they are, and then in the layout of the store. */
		{"/" SYM ID40 "/_.debug", {CASE_BOTH, TIER_ONE}, {"!F " SYM ID40 "/_.debug"}},
		{"/" SYM ID32 ZERO8 "/_.debug",
		 {CASE_BOTH, TIER_ONE, .layout = GDB},
		 {"!F " SYM ID32 ZERO8 "/_.debug", "F " SYM ID32 "/_.debug",
		  "F 01/23456789abcdef0123456789abcdef" ZERO8 ".debug",
		  "F .build-id/01/23456789abcdef0123456789abcdef" ZERO8 ".debug",
		  "F 01/23456789abcdef0123456789abcdef.debug",
		  "F .build-id/01/23456789abcdef0123456789abcdef.debug"}},
		{"/libc.so/elf-buildid-" ID40 "/libc.so",
		 {CASE_BOTH, TIER_ONE, .layout = DEBUGINFOD},
		 {"!F libc.so/elf-buildid-" ID40 "/libc.so", "F buildid/" ID40 "/executable"}},
		/* Sentry's, where the store is told to hold it, or has given a file out of it. */
		{"/buildid/" ID40 "/executable",
		 {CASE_BOTH, TIER_ONE, .layout = LAYOUT_UNIFIED, .unified = true},
		 {"!F 01/" REST38 "/executable", "!F buildid/" ID40 "/executable"}},
		{"/buildid/" ID40 "/debuginfo",
		 {CASE_BOTH, TIER_ONE, .unified = true},
		 {"!F " SYM ID40 "/_.debug", "!F 01/" REST38 "/debuginfo",
		  "!F buildid/" ID40 "/debuginfo"}},
		{"/01/" REST38 "/executable",
		 {CASE_BOTH, TIER_ONE, .unified = true},
		 {"!F 01/" REST38 "/executable"}},
		{"/libc.so/elf-buildid-" ID40 "/libc.so",
		 {CASE_BOTH, TIER_ONE, .layout = LAYOUT_UNIFIED, .unified = true},
		 {"!F libc.so/elf-buildid-" ID40 "/libc.so", "F 01/" REST38 "/executable"}},
		{"/foo.pdb/" GUID "1A/foo.pdb",
		 {CASE_LOWER, TIER_ONE, .unified = true},
		 {"!F foo.pdb/" GUID "1a/foo.pdb",
		  "!F 49/7b72f6390a44fc878e5a2d63b6cc4b1a/debuginfo"}},
		{"/foo.pdb/" GUID "1/foo.sym",
		 {CASE_LOWER, TIER_ONE, .unified = true},
		 {"!F foo.pdb/" GUID "1/foo.sym",
		  "!F 49/7b72f6390a44fc878e5a2d63b6cc4b1/breakpad"}},
		{"/_.dwarf/mach-uuid-sym-" GUID "/_.dwarf",
		 {CASE_LOWER, TIER_ONE, .unified = true},
		 {"!F _.dwarf/mach-uuid-sym-" GUID "/_.dwarf",
		  "!F 49/7b72f6390a44fc878e5a2d63b6cc4b/debuginfo"}},
		{"/a/mach-uuid-" GUID "/a",
		 {CASE_LOWER, TIER_ONE, .unified = true},
		 {"!F a/mach-uuid-" GUID "/a", "!F 49/7b72f6390a44fc878e5a2d63b6cc4b/executable"}},
		{"/foo.exe/5617d4fe8000/foo.exe",
		 {CASE_LOWER, TIER_ONE, .unified = true},
		 {"!F foo.exe/5617d4fe8000/foo.exe"}},
		{"/foo.pdb/" GUID "1/file.ptr",
		 {CASE_LOWER, TIER_ONE, .unified = true},
		 {"!F foo.pdb/" GUID "1/file.ptr"}},
		/* The name of an executable is not known; a directory can be looked through. */
		{"/buildid/" ID40 "/executable",
		 {CASE_BOTH, TIER_ONE, ALL},
		 {"!F buildid/" ID40 "/executable"}},
		{"/buildid/" ID40 "/executable",
		 {CASE_ASKED, TIER_BOTH, ALL, .wildcards = true},
		 {"!F " ANY "/elf-buildid-" ID40 "/" ANY, "!F buildid/" ID40 "/executable"}},
		{"/buildid/" ID32 "/executable",
		 {CASE_ASKED, TIER_ONE, .wildcards = true},
		 {"!F " ANY "/elf-buildid-" ID32 "/" ANY,
		  "F " ANY "/elf-buildid-" ID32 ZERO8 "/" ANY, "!F buildid/" ID32 "/executable"}},
		{"/libc.so/elf-buildid-" ID40 "/libc.so",
		 {CASE_BOTH, TIER_ONE, .wildcards = true},
		 {"!F libc.so/elf-buildid-" ID40 "/libc.so"}},
		/* Parts of files are in no store; what is no build-id is looked for as it is. */
		{"/buildid/" ID40 "/source/usr/a.c",
		 {CASE_BOTH, TIER_ONE, .layout = DEBUGINFOD},
		 {NULL}},
		{"/buildid/" ID40 "/section/.text", {CASE_BOTH, TIER_ONE}, {NULL}},
		{"/buildid/012/debuginfo", {CASE_BOTH, TIER_ONE}, {"!F buildid/012/debuginfo"}},
	};

	check(rows, ARRAY_LEN(rows));
}

static void test_pointers(void)
{
	static const struct row rows[] = {
		{"/foo.pdb/1/foo.pdb",
		 {CASE_BOTH, TIER_ONE, CAB, .pointers = true},
		 {"!F foo.pdb/1/foo.pdb", "X foo.pdb/1/foo.pd_", "P foo.pdb/1/file.ptr"}},
		{"/A+b.pdb/1/A+b.pdb",
		 {CASE_BOTH, TIER_BOTH, .pointers = true},
		 {"!F a+b.pdb/1/a+b.pdb", "!F A+b.pdb/1/A+b.pdb", "!F a+/a+b.pdb/1/a+b.pdb",
		  "!F A+/A+b.pdb/1/A+b.pdb", "!F a b.pdb/1/a b.pdb", "!F A b.pdb/1/A b.pdb",
		  "!F a /a b.pdb/1/a b.pdb", "!F A /A b.pdb/1/A b.pdb", "P a+b.pdb/1/file.ptr",
		  "P A+b.pdb/1/file.ptr", "P a+/a+b.pdb/1/file.ptr", "P A+/A+b.pdb/1/file.ptr",
		  "P a b.pdb/1/file.ptr", "P A b.pdb/1/file.ptr", "P a /a b.pdb/1/file.ptr",
		  "P A /A b.pdb/1/file.ptr"}},
		{"/foo.pdb/" GUID "01/foo.pdb",
		 {CASE_LOWER, TIER_ONE, .pointers = true},
		 {"!F foo.pdb/" GUID "01/foo.pdb", "F foo.pdb/" GUID "1/foo.pdb",
		  "P foo.pdb/" GUID "01/file.ptr"}},
		{"/foo.pdb/1/foo.pd_",
		 {CASE_BOTH, TIER_ONE, .pointers = true},
		 {"!F foo.pdb/1/foo.pd_"}},
		{"/foo.pdb/1/file.ptr",
		 {CASE_BOTH, TIER_ONE, .pointers = true},
		 {"!F foo.pdb/1/file.ptr"}},
		{"/" PDB "msfz0/foo.pdb",
		 {CASE_BOTH, TIER_ONE, .pointers = true},
		 {"!F " PDB "msfz0/foo.pdb"}},
	};

	check(rows, ARRAY_LEN(rows));
}

static void test_targets(void)
{
	static const struct row rows[] = {
		{"", {CASE_BOTH, TIER_ONE, ALL}, {NULL}},
		{"builds/", {CASE_BOTH, TIER_ONE, ALL}, {NULL}},
		{"foo.pdb", {CASE_BOTH, TIER_BOTH, CAB}, {"!F foo.pdb", "X foo.pd_"}},
		{"Builds/7/foo.pdb",
		 {CASE_BOTH, TIER_TWO, 0},
		 {"!F builds/7/foo.pdb", "!F Builds/7/foo.pdb"}},
		{"b/foo.pdb",
		 {CASE_ASKED, TIER_ONE, ALL},
		 {"!F b/foo.pdb", "X b/foo.pd_", "X b/foo.pdb.gz", "X b/foo.pdb.zst"}},
		{"b/foo.pdb",
		 {CASE_ASKED, TIER_ONE, GZIP, .client = &gzip},
		 {"!F b/foo.pdb", "Fg b/foo.pdb.gz"}},
		{"b/foo.pd_", {CASE_ASKED, TIER_ONE, ALL}, {"X b/foo.pd_"}},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct candidate_options o = rows[i].o;
		struct candidates c CLEANUP(candidates_fini);

		if (!o.client)
			o.client = &nobody;
		CHECK(candidates_of_target(slice_of(rows[i].target), &o, &c), "made");
		check_list(&c, rows[i].wanted, rows[i].target);
	}
}

/* An S3 store that nothing has been said of: what a missing file costs there. */
static void test_what_a_miss_costs(void)
{
	static const char *const targets[] = {
		"/foo.pdb/" GUID "1/foo.pdb",
		"/foo.pdb/" GUID "1f/foo.pdb",
		"/foo.pdb/" GUID "ffffffff/foo.pdb",
		"/foo.pdb/" GUID "/foo.pdb",
		"/foo.pdb/37a8f40e2/foo.pdb",
		"/foo.exe/5617d4fe8000/foo.exe",
		"/libfoo/elf-buildid-" ID40 "/libfoo",
		"/_.debug/elf-buildid-sym-" ID40 "/_.debug",
		"/_.dwarf/mach-uuid-sym-" GUID "/_.dwarf",
		"/buildid/" ID40 "/debuginfo",
	};
	static const struct client client = {.gzip = true, .msfz = true, .symsrv = true};
	const struct candidate_options o = {CASE_BOTH,    TIER_ONE,    CAB,
					    ALIASES_AUTO, LAYOUT_SSQP, .client = &client};

	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		struct candidates c CLEANUP(candidates_fini);

		make(targets[i], o, &c);
		/* What is no name is asked for as it is, too. */
		CHECK(c.n == 2 + (i + 1 == ARRAY_LEN(targets)) && c.list[0].eager &&
			      c.list[0].want == WANT_FILE && !c.list[1].eager &&
			      c.list[1].want == WANT_EXPANDED &&
			      slice_ends(c.list[1].key, SLICE("_")),
		      targets[i]);
	}
}

/* The longest path in the most forms, and more than there is room for. */
static void test_most(void)
{
	const struct candidate_options o = {.key_case = CASE_BOTH,
					    .tier = TIER_BOTH,
					    .forms = ALL,
					    .aliases = ALIASES_ALL,
					    .pointers = true,
					    .client = &nobody};
	struct buf target CLEANUP(buf_fini) = BUF_MAX(REQUEST_TARGET_MAX);
	struct candidates c CLEANUP(candidates_fini);
	size_t name = (SYMBOL_PATH_MAX - 34 - 2) / 2;

	for (int half = 0; half < 2; half++) {
		buf_putc(&target, '/');
		for (size_t i = 0; i < name / 2; i++)
			buf_puts(&target, i ? "\xc8\xba" : "+ "); /* U+023A: longer in lower case */
		buf_puts(&target, half ? "" : "/" UPPER "10");
	}
	make(buf_str(&target), o, &c);
	CHECK_INT(c.n, CANDIDATES_MAX, "the most there can be");
	for (size_t i = 0; i < c.n; i++)
		for (size_t j = 0; j < i; j++)
			if (slice_eq(c.list[i].key, c.list[j].key))
				CHECK(false, "two keys are the same");
	CHECK(slice_starts(c.list[0].key, SLICE("+ ")) && c.list[0].key.n > SYMBOL_PATH_MAX,
	      "longer in lower case");
}

int main(void)
{
	test_case();
	test_tier();
	test_spelling();
	test_forms();
	test_twin_asked();
	test_aliases();
	test_build_ids();
	test_pointers();
	test_targets();
	test_what_a_miss_costs();
	test_most();
	return tap_done();
}
