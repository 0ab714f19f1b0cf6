// SPDX-License-Identifier: MIT
/* Which stores are asked for a path and for which keys, and what will be asked for next to it. */
#include "serve/resolve.h"

#include "fake_store.h"
#include "tap.h"

#define ASKED "Foo.pdb/ABCDEF0123/Foo.pdb"
#define LOWER "foo.pdb/abcdef0123/foo.pdb"
#define KEY   "/12345/"

static void clean(const char *target, struct symbol_path *ret)
{
	ASSERT(request_clean(slice_of(target), &(struct request_rules){0}, ret) == REQUEST_CLEAN);
}

/* ---- stores ---- */

struct which_case {
	const char *name;
	const char *target;
	const char *only, *not ;
	bool is_private, any_path, loops, looped;
	bool asked;
};

static const struct which_case which_cases[] = {
	{"plain", "/" ASKED, .asked = true},
	{"only= of its kind", "/" ASKED, .only = "*.PDB", .asked = true},
	{"only= of another kind", "/" ASKED, .only = "*.dll", .asked = false},
	{"only= looks at the last name", "/Foo.pdb/12345/foo.pd_", .only = "*.pdb", .asked = false},
	{"not= of its kind", "/" ASKED, .not = "foo.*", .asked = false},
	{"not= of another kind", "/" ASKED, .not = "*.dll", .asked = true},
	{"only= and not=", "/" ASKED, .only = "*.pdb", .not = "f*", .asked = false},
	{"a private store, a symbol", "/" ASKED, .is_private = true, .asked = true},
	{"a private store, another file", "/readme.txt", .is_private = true, .asked = false},
	{"the same, any path", "/readme.txt", .is_private = true, .any_path = true, .asked = true},
	{"a private store, any path, not=", "/readme.txt", .is_private = true, .any_path = true,
	 .not = "*.txt", .asked = false},
	{"a public store, any file", "/readme.txt", .asked = true},
	{"a server that may be us, not looped", "/" ASKED, .loops = true, .asked = true},
	{"a server that may be us, looped", "/" ASKED, .loops = true, .looped = true,
	 .asked = false},
	{"no server, looped", "/" ASKED, .looped = true, .asked = true},
};

static void test_passes_over(void)
{
	const struct store_context ctx = {0};

	for (size_t i = 0; i < ARRAY_LEN(which_cases); i++) {
		const struct which_case *c = &which_cases[i];
		struct symbol_path path CLEANUP(symbol_path_fini);
		const struct resolve_rules rules = {&path, c->looped, c->any_path};
		struct fake_store s;

		clean(c->target, &path);
		fake_store_init(&s, "s", &ctx);
		s.store.traits.only = (char *)(uintptr_t)c->only;
		s.store.traits.not = (char *)(uintptr_t)c->not ;
		s.store.traits.loops = c->loops;
		s.is_private = c->is_private;
		CHECK_INT(resolve_passes_over(&rules, &s.store), !c->asked, c->name);
	}
}

/* ---- candidates ---- */

struct candidate_case {
	const char *name;
	enum store_case key_case;
	bool any_case;
	enum store_tier tier;
	const char *key[5];
};

static const struct candidate_case candidate_cases[] = {
	{"both", CASE_BOTH, false, TIER_ONE, {LOWER, ASKED}},
	{"lower", CASE_LOWER, false, TIER_ONE, {LOWER}},
	{"as asked", CASE_ASKED, false, TIER_ONE, {ASKED}},
	{"any case: one spelling is enough", CASE_BOTH, true, TIER_ONE, {ASKED}},
	{"any case, where lower would do", CASE_LOWER, true, TIER_ONE, {ASKED}},
	{"two tiers", CASE_LOWER, false, TIER_TWO, {"fo/" LOWER, LOWER}},
	{"tiers unknown", CASE_LOWER, false, TIER_UNKNOWN, {LOWER, "fo/" LOWER}},
	{"two tiers, any case", CASE_BOTH, true, TIER_TWO, {"Fo/" ASKED, ASKED}},
	{"two tiers, both", CASE_BOTH, false, TIER_TWO, {"fo/" LOWER, "Fo/" ASKED, LOWER, ASKED}},
};

static void test_candidates(void)
{
	const struct store_context ctx = {0};
	struct symbol_path path CLEANUP(symbol_path_fini);

	clean("/" ASKED, &path);
	for (size_t i = 0; i < ARRAY_LEN(candidate_cases); i++) {
		const struct candidate_case *row = &candidate_cases[i];
		struct candidates c CLEANUP(candidates_fini);
		struct fake_store s;
		size_t n = 0;

		fake_store_init(&s, "s", &ctx);
		s.store.traits.key_case = row->key_case;
		s.store.traits.any_case = row->any_case;
		atomic_store(&s.store.tier, row->tier);
		CHECK(resolve_candidates(&path, &s.store, &c), row->name);
		for (; row->key[n]; n++)
			if (n < c.n)
				CHECK_SLICE(c.key[n], row->key[n], row->name);
		CHECK_INT(c.n, n, row->name);
	}
}

/* ---- siblings ---- */

struct sibling_case {
	const char *target;
	const char *twin; /* or plain; NULL: none of all */
	const char *ptr;  /* for a client that wants it */
};

static const struct sibling_case sibling_cases[] = {
	{"/foo.pdb" KEY "foo.pdb", "foo.pdb" KEY "foo.pd_", "foo.pdb" KEY "file.ptr"},
	{"/foo.pdb" KEY "foo.pd_", "foo.pdb" KEY "foo.pdb", "foo.pdb" KEY "file.ptr"},
	{"/Foo.pdb" KEY "fOO.pdb", "Foo.pdb" KEY "fOO.pd_", "Foo.pdb" KEY "file.ptr"},
	{"/Foo.pdb" KEY "fOO.pd_", "Foo.pdb" KEY "Foo.pdb", "Foo.pdb" KEY "file.ptr"},
	{"/fo/foo.pdb" KEY "foo.pdb", "fo/foo.pdb" KEY "foo.pd_", "fo/foo.pdb" KEY "file.ptr"},
	{"/fo/foo.pdb" KEY "foo.pd_", "fo/foo.pdb" KEY "foo.pdb", "fo/foo.pdb" KEY "file.ptr"},
	{"/a" KEY "a", "a" KEY "_", "a" KEY "file.ptr"},
	{"/a" KEY "_", "a" KEY "a", "a" KEY "file.ptr"},
	{"/b.c" KEY "b.c", "b.c" KEY "b._", "b.c" KEY "file.ptr"},
	{"/x\xc3\x84" KEY "x\xc3\x84", "x\xc3\x84" KEY "x_", "x\xc3\x84" KEY "file.ptr"},
	{"/x\xc3\x84" KEY "x_", "x\xc3\x84" KEY "x\xc3\x84", "x\xc3\x84" KEY "file.ptr"},
	{"/x\xff" KEY "x\xff", "x\xff" KEY "x_", "x\xff" KEY "file.ptr"},
	/* A name that ends so is its own twin. */
	{"/foo_" KEY "foo_", NULL, "foo_" KEY "file.ptr"},
	{"/_" KEY "_", NULL, "_" KEY "file.ptr"},
	/* '+' and space: the name as it is spelled first. */
	{"/a+b.pdb" KEY "a+b.pdb", "a+b.pdb" KEY "a+b.pd_", "a+b.pdb" KEY "file.ptr"},
	/* What is asked for last, and what no debugger asks for in turn. */
	{"/foo.pdb" KEY "file.ptr"},
	{"/foo.pdb" KEY "msfz0/foo.pdb"},
	{"/fo/foo.pdb" KEY "msfz0/foo.pdb"},
	{"/foo.pdb" KEY "foo.sym"},
	{"/foo.pdb" KEY "bar.pdb"},
	{"/foo.pdb" KEY "foo.p__"},
	{"/foo.pdb" KEY "foo.pdb_"},
	{"/foo.pdb" KEY "foo_"},
	{"/buildid" KEY "debuginfo"},
	{"/foo.pdb/foo.pdb"},
	{"/foo.pdb"},
};

/* Is it as request_clean() would have made it? */
static bool is_path(const struct symbol_path *p, const char *key)
{
	struct symbol_path want CLEANUP(symbol_path_fini);
	struct buf target CLEANUP(buf_fini) = BUF_MAX(REQUEST_TARGET_MAX);
	bool same;

	buf_putc(&target, '/');
	buf_puts(&target, key);
	clean(buf_str(&target), &want);
	same = p->spellings == 1 && slice_eq(p->spelling[0], want.spelling[0]) &&
	       p->segments == want.segments && p->kind == want.kind;
	for (size_t i = 0; same && i < want.segments; i++)
		same = slice_eq(p->segment[i], want.segment[i]) &&
		       slice_eq(symbol_path_segment(p, 0, i), want.segment[i]);
	return same;
}

static void check_siblings(const struct sibling_case *row, bool wants_ptr)
{
	struct symbol_path path CLEANUP(symbol_path_fini);
	struct symbol_path sibling[2];
	size_t n, at = 0;

	clean(row->target, &path);
	n = resolve_siblings(&path, wants_ptr, sibling);
	CHECK_INT(n, (row->twin != NULL) + (wants_ptr && row->ptr), row->target);
	if (n > at && row->twin)
		CHECK(is_path(&sibling[at++], row->twin), row->twin);
	if (n > at)
		CHECK(is_path(&sibling[at], row->ptr), row->ptr);
	for (size_t i = 0; i < n; i++)
		symbol_path_fini(&sibling[i]);
}

static void test_siblings(void)
{
	for (size_t i = 0; i < ARRAY_LEN(sibling_cases); i++) {
		check_siblings(&sibling_cases[i], false);
		check_siblings(&sibling_cases[i], true);
	}
}

/* The longest path there is: the twin has its length, and file.ptr must not be longer. */
static void test_longest(void)
{
	static const struct {
		size_t name; /* bytes of the name, which stands twice in the path */
		size_t n;
	} rows[] = {{1, 1}, {7, 1}, {8, 2}, {508, 2}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf target CLEANUP(buf_fini) = BUF_MAX(REQUEST_TARGET_MAX);
		struct symbol_path path CLEANUP(symbol_path_fini);
		struct symbol_path sibling[2];
		size_t name = rows[i].name, last = REQUEST_KEY_MAX - name, n;

		buf_putc(&target, '/');
		for (size_t at = 0; at < REQUEST_KEY_MAX; at++)
			buf_putc(&target, at == name || at == last - 1 ? '/' : 'a');
		clean(buf_str(&target), &path);
		n = resolve_siblings(&path, true, sibling);
		CHECK_INT(n, rows[i].n, "only what is no longer than a key may be");
		CHECK(sibling[0].spelling[0].n == REQUEST_KEY_MAX &&
			      slice_ends(sibling[0].spelling[0], SLICE("_")),
		      "the twin has the same length");
		while (n)
			symbol_path_fini(&sibling[--n]);
	}
}

int main(void)
{
	test_passes_over();
	test_candidates();
	test_siblings();
	test_longest();
	return tap_done();
}
