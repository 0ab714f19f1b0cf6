// SPDX-License-Identifier: MIT
/* Which stores are asked for a path and for which keys, and what will be asked for next to it. */
#include "serve/resolve.h"

#include "fake_store.h"
#include "store/store_url.h"
#include "tap.h"

#define ASKED "Foo.pdb/ABCDEF0123/Foo.pdb"
#define LOWER "foo.pdb/abcdef0123/foo.pdb"
#define KEY   "/12345/"
#define ID    "0123456789abcdef0123456789abcdef01234567"

static const struct client nobody = {.max_size = INT64_MAX};
static const struct client radare2 = {.spoils_cabs = true};

static void clean(const char *target, struct symbol_path *ret)
{
	ASSERT(request_clean(slice_of(target), &(struct request_rules){0}, ret) == REQUEST_CLEAN);
}

/* ---- stores ---- */

struct which_case {
	const char *name;
	const char *target;
	const char *only, *not ;
	bool is_private, any_path, loops, looped, spoils_cabs;
	bool asked;
};

static const struct which_case which_cases[] = {
	{"plain", "/" ASKED, .asked = true},
	{"only= of its kind", "/" ASKED, .only = "*.PDB", .asked = true},
	{"only= of another kind", "/" ASKED, .only = "*.dll", .asked = false},
	{"only= of the file that is meant", "/Foo.pdb/12345/foo.pd_", .only = "*.pdb",
	 .asked = true},
	{"only= of it, by its pointer", "/Foo.pdb/12345/file.ptr", .only = "foo*", .asked = true},
	{"not= of it, by its pointer", "/Foo.pdb/12345/file.ptr", .not = "foo*", .asked = false},
	{"not= of it, by its twin", "/foo.pd_", .not = "*.pdb", .asked = false},
	{"not= of it, by its .sym", "/Foo.pdb/12345/Foo.sym", .not = "*.pdb", .asked = false},
	{"only= of what has no name", "/buildid/" ID "/debuginfo", .only = "debuginfo",
	 .asked = false},
	{"not= of what has no name", "/buildid/" ID "/debuginfo", .not = "debuginfo",
	 .asked = true},
	{"only= of Sentry's path", "/01/23456789abcdef01/executable", .only = "*", .asked = false},
	{"not= of Sentry's path", "/01/23456789abcdef01/executable", .not = "*", .asked = true},
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
	{"the twin", "/Foo.pdb/12345/foo.pd_", .asked = true},
	{"the twin, for radare2", "/Foo.pdb/12345/foo.pd_", .spoils_cabs = true, .asked = false},
	{"the twin of all, for radare2", "/libfoo/12345/libfoo._", .spoils_cabs = true,
	 .asked = false},
	{"the plain file, for radare2", "/" ASKED, .spoils_cabs = true, .asked = true},
	{"a name that ends so, for radare2", "/foo_/12345/foo_", .spoils_cabs = true,
	 .asked = true},
};

static void test_passes_over(void)
{
	const struct store_context ctx = {0};

	for (size_t i = 0; i < ARRAY_LEN(which_cases); i++) {
		const struct which_case *c = &which_cases[i];
		struct symbol_path path CLEANUP(symbol_path_fini);
		const struct resolve_rules rules = {.path = &path,
						    .client = c->spoils_cabs ? &radare2 : &nobody,
						    .looped = c->looped,
						    .any_path = c->any_path};
		struct fake_store s;

		clean(c->target, &path);
		fake_store_init(&s, "s", &ctx);
		s.store.traits.only = (char *)(uintptr_t)c->only;
		s.store.traits.not = (char *)(uintptr_t)c->not ;
		s.store.traits.loops = c->loops;
		s.is_private = c->is_private;
		CHECK_INT(resolve_passes_over(&rules, &s.store), !c->asked, c->name);
		CHECK_INT(resolve_refuses(&rules), c->spoils_cabs && !c->asked, "by any store?");
	}
}

/* ---- candidates ---- */

#define GUID     "497b72f6390a44fc878e5a2d63b6cc4b"
#define PORTABLE "foo.pdb/497B72F6390A44FC878E5A2D63B6CC4Bffffffff/"
#define NO_AGE   "foo.pdb/497B72F6390A44FC878E5A2D63B6CC4B/"
#define PDB      "foo.pdb/" GUID "1/"
#define SYM      "_.debug/elf-buildid-sym-" ID "/_.deb"

/* A store as its URL makes it (store.c), without the place that it names. */
static void open_store(struct fake_store *s, const char *url)
{
	static const struct store_context ctx = {0};
	struct store_url u;
	bool file, both;

	fake_store_init(s, "s", &ctx);
	ASSERT(store_url_parse(slice_of(url), &u, NULL) == OK);
	file = slice_eq(u.scheme, SLICE("file"));
	both = slice_eq(u.scheme, SLICE("s3")) || u.key_case == CASE_OPTION_BOTH;
	s->store.traits.forms = u.forms;
	s->store.traits.aliases = u.aliases;
	s->store.traits.layout = u.layout;
	s->store.traits.any_case = s->store.traits.wildcards = file;
	s->store.traits.key_case = both ? CASE_BOTH : CASE_ASKED;
	s->store.traits.ptr = u.ptr.n ? (char *)(uintptr_t) "set" : NULL;
	s->store.traits.not = u.not .n ? xstrndup(u.not .p, u.not .n) : NULL;
	atomic_store(&s->store.tier, u.tier ? u.tier : TIER_ONE);
	store_url_fini(&u);
}

struct candidate_case {
	const char *url, *target;
	bool cabinets;
	const char *key[16];
};

static const struct candidate_case candidate_cases[] = {
	{"s3://b",
	 "/" ASKED,
	 false,
	 {LOWER, ASKED, "foo.pdb/abcdef0123/foo.pd_", "Foo.pdb/ABCDEF0123/Foo.pd_"}},
	{"s3://b?forms=plain", "/" ASKED, false, {LOWER, ASKED}},
	{"s3://b?forms=plain&tiers=2",
	 "/foo.pdb/1/foo.pdb",
	 false,
	 {"fo/foo.pdb/1/foo.pdb", "foo.pdb/1/foo.pdb"}},
	{"s3://b?forms=plain&tiers=both",
	 "/foo.pdb/1/foo.pdb",
	 false,
	 {"foo.pdb/1/foo.pdb", "fo/foo.pdb/1/foo.pdb"}},
	{"s3://b?forms=gz,zst",
	 "/foo.pdb/1/foo.pdb",
	 false,
	 {"foo.pdb/1/foo.pdb", "foo.pdb/1/foo.pdb.gz", "foo.pdb/1/foo.pdb.zst"}},
	{"s3://b?forms=plain&aliases=all",
	 "/" PDB "foo.pdb",
	 false,
	 {PDB "foo.pdb", "foo.pdb/" GUID "ffffffff/foo.pdb",
	  "foo.pdb/497B72F6390A44FC878E5A2D63B6CC4Bffffffff/foo.pdb", "foo.pdb/" GUID "/foo.pdb",
	  "foo.pdb/497B72F6390A44FC878E5A2D63B6CC4B/foo.pdb"}},
	{"s3://b?forms=plain",
	 "/buildid/" ID "/debuginfo",
	 false,
	 {SYM "ug", "buildid/" ID "/debuginfo"}},
	{"s3://b?forms=plain&layout=unified",
	 "/buildid/" ID "/debuginfo",
	 false,
	 {"01/23456789abcdef0123456789abcdef01234567/debuginfo", "buildid/" ID "/debuginfo"}},
	{"s3://b?forms=plain&layout=gdb",
	 "/buildid/" ID "/debuginfo",
	 false,
	 {"01/23456789abcdef0123456789abcdef01234567.debug",
	  ".build-id/01/23456789abcdef0123456789abcdef01234567.debug", "buildid/" ID "/debuginfo"}},
	{"http://h", "/buildid/" ID "/debuginfo", false, {"buildid/" ID "/debuginfo"}},
	{"http://h", "/" ASKED, false, {ASKED, "Foo.pdb/ABCDEF0123/Foo.pd_"}},
	{"s3://b?forms=plain&ptr=//srv/sym",
	 "/foo.pdb/1/foo.pdb",
	 false,
	 {"foo.pdb/1/foo.pdb", "foo.pdb/1/file.ptr"}},
	{"s3://b", "/foo.pdb/1/foo.pd_", false, {"foo.pdb/1/foo.pd_"}},
	{"s3://b", "/foo.pdb/1/foo.pd_", true, {"foo.pdb/1/foo.pd_", "foo.pdb/1/foo.pdb"}},
	{"file:///d",
	 "/" PDB "foo.pdb",
	 false,
	 {PDB "foo.pdb", PDB "foo.pd_", PDB "foo.pdb.gz", PDB "foo.pdb.zst", PDB "msfz0/foo.pdb",
	  PORTABLE "foo.pdb", PORTABLE "foo.pd_", PORTABLE "foo.pdb.gz", PORTABLE "foo.pdb.zst",
	  PORTABLE "msfz0/foo.pdb", NO_AGE "foo.pdb", NO_AGE "foo.pd_", NO_AGE "foo.pdb.gz",
	  NO_AGE "foo.pdb.zst", NO_AGE "msfz0/foo.pdb"}},
	/* It finds any case by itself, whatever is said. */
	{"file:///d?forms=plain&aliases=none&case=both", "/" ASKED, false, {ASKED}},
	{"file:///d",
	 "/buildid/" ID "/executable",
	 false,
	 {STORE_ANY_NAME "/elf-buildid-" ID "/" STORE_ANY_NAME, "buildid/" ID "/executable"}},
	/* What is never to be asked for is not, as a twin either. */
	{"s3://b?not=*.p%3F_", "/foo.pdb/1/foo.pdb", false, {"foo.pdb/1/foo.pdb"}},
	{"s3://b?ptr=//srv/sym&not=file.ptr",
	 "/foo.pdb/1/foo.pdb",
	 false,
	 {"foo.pdb/1/foo.pdb", "foo.pdb/1/foo.pd_"}},
	{"s3://b?forms=plain&not=f*",
	 "/buildid/" ID "/debuginfo",
	 false,
	 {SYM "ug", "buildid/" ID "/debuginfo"}},
	{"s3://b?forms=plain&not=*.debug",
	 "/buildid/" ID "/debuginfo",
	 false,
	 {SYM "ug", "buildid/" ID "/debuginfo"}},
	{"http://h?not=exec*",
	 "/foo.so/elf-buildid-" ID "/foo.so",
	 false,
	 {"foo.so/elf-buildid-" ID "/foo.so", "foo.so/elf-buildid-" ID "/foo.s_",
	  "buildid/" ID "/executable"}},
};

static void check_keys(const struct candidates *c, const char *const key[static 16],
		       const char *name)
{
	size_t n = 0;

	while (n < 16 && key[n])
		n++;
	CHECK_INT(c->n, n, name);
	for (size_t i = 0; i < MIN(c->n, n); i++)
		CHECK_SLICE(c->list[i].key, key[i], name);
}

static void test_candidates(void)
{
	for (size_t i = 0; i < ARRAY_LEN(candidate_cases); i++) {
		const struct candidate_case *row = &candidate_cases[i];
		struct symbol_path path CLEANUP(symbol_path_fini);
		struct candidates c CLEANUP(candidates_fini);
		const struct resolve_rules rules = {
			.path = &path, .client = &nobody, .cabinets = row->cabinets};
		struct fake_store s;

		clean(row->target, &path);
		open_store(&s, row->url);
		CHECK(resolve_candidates(&rules, &s.store, &c), row->url);
		check_keys(&c, row->key, row->target);
		free(s.store.traits.not );
	}
}

/* ---- for a purge ---- */

#define EVERY_MAX 4096

struct every {
	size_t n, pieces;
	char *key[EVERY_MAX];
};

static void list_every(const struct symbol_path *path, struct store *s, struct every *ret)
{
	size_t next = 0;

	ret->n = ret->pieces = 0;
	do {
		struct candidates c CLEANUP(candidates_fini);

		ASSERT(resolve_every(path, s, &next, &c));
		ASSERT(ret->n + c.n <= EVERY_MAX);
		for (size_t i = 0; i < c.n; i++)
			ret->key[ret->n++] = xstrndup(c.list[i].key.p, c.list[i].key.n);
		ret->pieces++;
	} while (next);
}

static bool has_every(const struct every *e, const struct candidates *c)
{
	size_t found = 0;

	for (size_t i = 0; i < c->n; i++)
		for (size_t k = 0; k < e->n; k++)
			if (slice_eq(c->list[i].key, slice_of(e->key[k]))) {
				found++;
				break;
			}
	return found == c->n;
}

/* Whoever asks, and whatever is known of the store by then. */
static bool covers(const struct every *e, const struct symbol_path *path, struct store *s)
{
	bool all = true;

	for (unsigned known = 0; known < 4 * 2 * 16; known++) {
		const struct client client = {.gzip = known & 1,
					      .msfz = known & 2,
					      .decimal_ages = known & 4,
					      .short_stamps = known & 8};
		const struct resolve_rules rules = {
			.path = path, .client = &client, .cabinets = true};
		struct candidates c CLEANUP(candidates_fini);

		atomic_store(&s->unified, (known & 16) != 0);
		atomic_store(&s->tier, (int)(known / 32));
		ASSERT(resolve_candidates(&rules, s, &c));
		all = all && has_every(e, &c);
	}
	return all;
}

/* What is purged is all that may have been found, by a process that has learnt less, or other things. */
static void test_every(void)
{
	static const char *const urls[] = {"s3://b", "s3://b?layout=gdb&forms=cab,gz,zst,msfz",
					   "http://h", "s3://b?layout=unified&ptr=%5C%5Ch%5Cs",
					   "s3://b?aliases=all&forms=cab,gz,zst,msfz"};
	static const char *const targets[] = {
		"/" ASKED,
		"/Fo/" ASKED,
		"/foo.pdb/12345/foo.pd_",
		"/foo.dll/12345678c2000/foo.dll",
		"/foo.pdb/0123456789ABCDEF0123456789ABCDEF10/foo.pdb",
		"/foo.pdb/0123456789ABCDEF0123456789ABCDEF10/foo.sym",
		"/my+own%20a%2bb.pdb/0123456789ABCDEF0123456789ABCDEF10/my+own%20a%2bb.pdb",
		"/buildid/" ID "/debuginfo",
		"/01/23456789ABCDEF0123/executable",
		"/_.debug/elf-buildid-sym-" ID "/_.debug",
		"/.build-id/01/23456789abcdef0123.debug",
		"/foo.dylib/mach-uuid-0123456789ABCDEF0123456789ABCDEF/foo.dylib"};
	static struct every every;
	size_t pieces = 0;

	for (size_t u = 0; u < ARRAY_LEN(urls); u++) {
		for (size_t t = 0; t < ARRAY_LEN(targets); t++) {
			struct symbol_path path CLEANUP(symbol_path_fini);
			struct fake_store s;

			clean(targets[t], &path);
			open_store(&s, urls[u]);
			atomic_store(&s.store.tier, TIER_ONE);
			list_every(&path, &s.store, &every);
			CHECK(covers(&every, &path, &s.store), targets[t]);
			pieces = MAX(pieces, every.pieces);
			while (every.n)
				free(every.key[--every.n]);
		}
	}
	CHECK(pieces > 2, "also when there are more than one lookup asks for");
}

/* ---- what Vary names ---- */

#define OLD_PDB "/foo.pdb/497B72F6390A44FC878E5A2D63B6CC4B10/"

struct decided_case {
	const char *name, *target, *url[2];
	bool checksums; /* the first store */
	bool msfz;      /* the client accepts it */
	int from;       /* the store of the answer; -1: none has it */
	bool late;
	unsigned by;
};

static const struct decided_case decided_cases[] = {
	{"an age below ten is the same in both",
	 "/foo.pdb/" GUID "9/foo.pdb",
	 {"s3://b"},
	 .from = -1},
	{"an age that may be decimal", OLD_PDB "foo.pdb", {"s3://b"}, .from = -1, .by = BY_AGENT},
	{"... of the twin", OLD_PDB "foo.pd_", {"s3://b"}, .from = -1, .by = BY_AGENT},
	{"... of file.ptr, whose key counts as it is", OLD_PDB "file.ptr", {"s3://b"}, .from = -1},
	{"... of msfz0", OLD_PDB "msfz0/foo.pdb", {"s3://b"}, .from = -1},
	{"... of a store that has all aliases",
	 OLD_PDB "foo.pdb",
	 {"s3://b?aliases=all"},
	 .from = -1},
	{"... of one that has none", OLD_PDB "foo.pdb", {"s3://b?aliases=none"}, .from = -1},
	{"... of one that is not asked", OLD_PDB "foo.pdb", {"s3://b?not=foo.pdb"}, .from = -1},
	{"... found as it was asked", OLD_PDB "foo.pdb", {"s3://b"}},
	{"... found behind the aliases",
	 OLD_PDB "foo.pdb",
	 {"s3://b"},
	 .late = true,
	 .by = BY_AGENT},
	{"... found in the second store",
	 OLD_PDB "foo.pdb",
	 {"s3://b", "s3://c"},
	 .from = 1,
	 .by = BY_AGENT},
	{"... found before the second", OLD_PDB "foo.pdb", {"s3://b?aliases=none", "s3://c"}},
	{"a stamp, which PerfView cuts",
	 "/foo.dll/05617D4FE000/foo.dll",
	 {"s3://b"},
	 .from = -1,
	 .by = BY_AGENT | BY_ACCEPT},
	{"a stamp, found", "/foo.dll/05617D4FE000/foo.dll", {"s3://b"}},
	{"a twin, found: not for radare2",
	 "/foo.pdb/" GUID "1/foo.pd_",
	 {"s3://b"},
	 .by = BY_AGENT},
	{"a twin that is missing: for nobody",
	 "/foo.pdb/" GUID "1/foo.pd_",
	 {"s3://b"},
	 .from = -1},
	{"a checksum",
	 "/foo.pdb/" GUID "1/foo.pdb",
	 {"s3://b"},
	 .checksums = true,
	 .from = -1,
	 .by = BY_CHECKSUM},
	{"a checksum, and found behind",
	 "/foo.pdb/" GUID "1/foo.pdb",
	 {"s3://b", "s3://c"},
	 .checksums = true,
	 .from = 1,
	 .by = BY_CHECKSUM},
	{"a PDB that is missing for who accepts MSFZ",
	 "/foo.pdb/" GUID "1/foo.pdb",
	 {"s3://b"},
	 .msfz = true,
	 .from = -1,
	 .by = BY_ACCEPT},
	{"... found behind",
	 "/foo.pdb/" GUID "1/foo.pdb",
	 {"s3://b", "s3://c"},
	 .msfz = true,
	 .from = 1,
	 .by = BY_ACCEPT},
	{"... its twin", "/foo.pdb/" GUID "1/foo.pd_", {"s3://b"}, .msfz = true, .from = -1},
	{"... an image",
	 "/foo.dll/5617D4FE8000/foo.dll",
	 {"s3://b?aliases=none"},
	 .msfz = true,
	 .from = -1},
	{"a build-id", "/buildid/" ID "/debuginfo", {"s3://b"}, .from = -1},
	{"anything else", "/a/b", {"s3://b"}, .from = -1},
};

static void test_decided_by(void)
{
	for (size_t i = 0; i < ARRAY_LEN(decided_cases); i++) {
		const struct decided_case *c = &decided_cases[i];
		struct symbol_path path CLEANUP(symbol_path_fini);
		const struct client client = {.msfz = c->msfz};
		const struct resolve_rules rules = {.path = &path, .client = &client};
		struct fake_store s[2];
		struct store *list[2] = {&s[0].store, &s[1].store};
		const struct store_list stores = {list, c->url[1] ? 2 : 1};

		clean(c->target, &path);
		for (size_t k = 0; k < stores.n; k++)
			open_store(&s[k], c->url[k]);
		s[0].store.traits.checksums = c->checksums;
		s[0].store.traits.negotiates = true;
		CHECK_INT(resolve_decided_by(&rules, &stores, c->from < 0 ? NULL : list[c->from],
					     c->late),
			  c->by, c->name);
		for (size_t k = 0; k < stores.n; k++)
			free(s[k].store.traits.not );
	}
}

/* A part is not sent as gzip, whoever accepts it. */
static void test_part(void)
{
	static const struct client gzip = {.gzip = true};
	struct symbol_path path CLEANUP(symbol_path_fini);
	struct fake_store s;

	clean("/foo.pdb/1/foo.pdb", &path);
	open_store(&s, "s3://b?forms=gz");
	for (int ranged = 0; ranged < 2; ranged++) {
		const struct resolve_rules rules = {
			.path = &path, .client = &gzip, .ranged = ranged};
		struct candidates c CLEANUP(candidates_fini);

		ASSERT(resolve_candidates(&rules, &s.store, &c) && c.n == 2);
		CHECK(c.list[1].gzipped == !ranged &&
			      c.list[1].want == (ranged ? WANT_EXPANDED : WANT_FILE),
		      "the whole, or a part");
	}
}

static void test_target(void)
{
	static const char *const keys[16] = {"b/7/foo.pdb", "b/7/foo.pd_"};
	struct symbol_path path CLEANUP(symbol_path_fini);
	struct candidates c CLEANUP(candidates_fini);
	const struct resolve_rules rules = {.path = &path, .client = &nobody};
	struct fake_store s;

	clean("/foo.pdb/1/foo.pdb", &path);
	open_store(&s, "s3://b");
	CHECK(resolve_target(&rules, SLICE("b/7/foo.pdb"), &s.store, &c), "made");
	check_keys(&c, keys, "where file.ptr leads to");
}

/* An image has led to the .sym of a PDB: not= counts for that, too. */
static void test_unwanted_target(void)
{
	struct symbol_path path CLEANUP(symbol_path_fini);
	struct candidates c CLEANUP(candidates_fini);
	const struct resolve_rules rules = {.path = &path, .client = &nobody};
	struct fake_store s;

	clean("/foo.dll/5617D4FE8000/foo.sym", &path);
	open_store(&s, "s3://b?not=*.pdb");
	CHECK(!resolve_passes_over(&rules, &s.store), "the path has no such name");
	CHECK(resolve_target(&rules, SLICE("foo.pdb/" GUID "1/foo.sym"), &s.store, &c) && c.n == 0,
	      "what it leads to has");
	free(s.store.traits.not );
}

/* ---- siblings ---- */

struct sibling_case {
	const char *target;
	const char *plain; /* NULL: none, for it is no twin that was asked for */
	const char *ptr;   /* for a client that wants it */
};

static const struct sibling_case sibling_cases[] = {
	{"/foo.pdb" KEY "foo.pdb", NULL, "foo.pdb" KEY "file.ptr"},
	{"/foo.pdb" KEY "foo.pd_", "foo.pdb" KEY "foo.pdb", "foo.pdb" KEY "file.ptr"},
	{"/Foo.pdb" KEY "fOO.pdb", NULL, "Foo.pdb" KEY "file.ptr"},
	{"/Foo.pdb" KEY "fOO.pd_", "Foo.pdb" KEY "Foo.pdb", "Foo.pdb" KEY "file.ptr"},
	{"/fo/foo.pdb" KEY "foo.pdb", NULL, "fo/foo.pdb" KEY "file.ptr"},
	{"/fo/foo.pdb" KEY "foo.pd_", "fo/foo.pdb" KEY "foo.pdb", "fo/foo.pdb" KEY "file.ptr"},
	{"/a" KEY "a", NULL, "a" KEY "file.ptr"},
	{"/a" KEY "_", "a" KEY "a", "a" KEY "file.ptr"},
	{"/b.c" KEY "b.c", NULL, "b.c" KEY "file.ptr"},
	{"/x\xc3\x84" KEY "x\xc3\x84", NULL, "x\xc3\x84" KEY "file.ptr"},
	{"/x\xc3\x84" KEY "x_", "x\xc3\x84" KEY "x\xc3\x84", "x\xc3\x84" KEY "file.ptr"},
	{"/x\xff" KEY "x\xff", NULL, "x\xff" KEY "file.ptr"},
	{"/libfoo" KEY "libfoo._", "libfoo" KEY "libfoo", "libfoo" KEY "file.ptr"},
	/* A name that ends so is its own twin. */
	{"/foo_" KEY "foo_", NULL, "foo_" KEY "file.ptr"},
	{"/_" KEY "_", NULL, "_" KEY "file.ptr"},
	/* '+' and space: the name as it is spelled first. */
	{"/a+b.pdb" KEY "a+b.pd_", "a+b.pdb" KEY "a+b.pdb", "a+b.pdb" KEY "file.ptr"},
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
	same = p->spellings == 1 && slice_eq(p->spelling[0].path, want.spelling[0].path) &&
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
	CHECK_INT(n, (row->plain != NULL) + (wants_ptr && row->ptr), row->target);
	if (n > at && row->plain)
		CHECK(is_path(&sibling[at++], row->plain), row->plain);
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

/* The longest path there is: what is asked for next to it must not be longer. */
static void test_longest(void)
{
	static const struct {
		size_t name; /* bytes of the name, which stands twice in the path */
		size_t n;
	} rows[] = {{7, 0}, {8, 1}, {508, 1}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf target CLEANUP(buf_fini) = BUF_MAX(REQUEST_TARGET_MAX);
		struct symbol_path path CLEANUP(symbol_path_fini);
		struct symbol_path sibling[2];
		size_t name = rows[i].name, last = SYMBOL_PATH_MAX - name, n;

		buf_putc(&target, '/');
		for (size_t at = 0; at < SYMBOL_PATH_MAX; at++)
			buf_putc(&target, at == name || at == last - 1 ? '/' : 'a');
		clean(buf_str(&target), &path);
		n = resolve_siblings(&path, true, sibling);
		CHECK_INT(n, rows[i].n, "only what is no longer than a key may be");
		while (n)
			symbol_path_fini(&sibling[--n]);
	}
}

/* ---- a missing module costs one round ---- */

#define ROUND_MAX 16

struct asked {
	size_t n;
	char key[ROUND_MAX][64];
};

static bool was_asked(const struct asked *a, struct slice key)
{
	for (size_t i = 0; i < a->n; i++)
		if (slice_eq(slice_of(a->key[i]), key))
			return true;
	return false;
}

/* Ask for what is not among them yet; false: there was something. */
static bool ask_rest(struct asked *a, const struct symbol_path *path, struct store *s, bool all)
{
	const struct resolve_rules rules = {.path = path, .client = &nobody};
	struct candidates c CLEANUP(candidates_fini);
	size_t before = a->n;

	ASSERT(resolve_candidates(&rules, s, &c));
	for (size_t i = 0; i < c.n; i++) {
		if ((!all && !c.list[i].eager) || was_asked(a, c.list[i].key))
			continue;
		ASSERT(a->n < ROUND_MAX && c.list[i].key.n < sizeof(a->key[0]));
		memcpy(a->key[a->n++], c.list[i].key.p, c.list[i].key.n);
	}
	return a->n == before;
}

/* All that a debugger asks for when it finds nothing, in either order, by the first of its requests. */
static void test_one_round(void)
{
	static const struct {
		const char *target[3];
		size_t requests;
	} misses[] = {
		{{"/foo.pdb/1/foo.pdb", "/foo.pdb/1/foo.pd_", "/foo.pdb/1/file.ptr"}, 3},
		{{"/foo.pdb/1/foo.pd_", "/foo.pdb/1/foo.pdb", "/foo.pdb/1/file.ptr"}, 3},
		{{"/Foo.pdb/1/Foo.pdb", "/Foo.pdb/1/Foo.pd_", "/Foo.pdb/1/file.ptr"}, 6},
	};

	for (size_t i = 0; i < ARRAY_LEN(misses); i++) {
		struct symbol_path path[3], sibling[2];
		struct asked a = {0};
		struct fake_store s;
		size_t n;

		open_store(&s, "s3://b");
		for (size_t k = 0; k < 3; k++)
			clean(misses[i].target[k], &path[k]);
		ask_rest(&a, &path[0], &s.store, true);
		n = resolve_siblings(&path[0], true, sibling);
		for (size_t k = 0; k < n; k++) {
			ask_rest(&a, &sibling[k], &s.store, false);
			symbol_path_fini(&sibling[k]);
		}
		CHECK_INT(a.n, misses[i].requests, misses[i].target[0]);
		CHECK(ask_rest(&a, &path[1], &s.store, true) &&
			      ask_rest(&a, &path[2], &s.store, true),
		      "nothing is left to ask for");
		for (size_t k = 0; k < 3; k++)
			symbol_path_fini(&path[k]);
	}
}

static const struct {
	const char *only, *not, *stored; /* name/KEY/last */
	bool taken;
	const char *why;
} kept[] = {
	{NULL, NULL, "foo.pdb/12345/foo.pdb", true, "what the store is asked for without any glob"},
	{"*.pdb", NULL, "foo.pdb/12345/foo.pd_", true, "what is packed is asked for as the file"},
	{"*.pd_", NULL, "foo.pdb/12345/foo.pd_", true, "or as it is"},
	{"*.pd_", NULL, "foo.pdb/12345/foo.pdb", false, "which is another one"},
	{NULL, "*.pd_", "foo.pdb/12345/foo.pd_", false, "which may be barred by itself"},
	{NULL, "*.pd_", "foo.pdb/12345/foo.pdb", true, "and no other"},
	{NULL, "*.pdb", "foo.pdb/12345/foo.pd_", false, "which is barred in all its forms"},
	{NULL, "*.pdb", "foo.pdb/12345/odd.txt", false, "with all that lies below it"},
	{NULL, "*.txt", "foo.pdb/12345/odd.txt", false, "a file of its own name"},
	{"*.txt", NULL, "foo.pdb/12345/odd.txt", true, "or that alone"},
	{"a b*", NULL, "a+b.pdb/12345/a+b.pdb", true, "a '+' may be a blank"},
	{"a+b*", NULL, "a b.pdb/12345/a b.pdb", true, "and the reverse"},
	{NULL, "a b*", "a+b.pdb/12345/a+b.pdb", false, "by which it is barred, too"},
	{"*.dll", "foo*", "foo.dll/12345/foo.dll", false, "both count"},
};

static void test_takes_key(void)
{
	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		struct spelling s = path_end(slice_of(kept[i].stored));
		const struct store store = {
			.traits = {.only = (char *)kept[i].only, .not = (char *)kept[i].not }};

		CHECK(resolve_takes_key(&store, s.name, s.key.text, s.last) == kept[i].taken,
		      kept[i].why);
	}
}

static const struct {
	const char *only, *not, *name;
	bool taken;
} names_taken[] = {
	{NULL, NULL, "foo.pdb", true},
	{"*.pdb", NULL, "foo.pdb", true},
	{"*.pdb", NULL, "foo.dll", false},
	{"*.sym", NULL, "foo.pdb", true},
	{"*.sym", NULL, "libfoo.so", true},
	{"*.pd_", NULL, "foo.pdb", true},
	{"*.pd_", NULL, "foo.dll", false},
	{"*.gz", NULL, "foo.pdb", true},
	{"*.ptr", NULL, "foo.pdb", true},
	{NULL, "foo*", "foo.pdb", false},
	{NULL, "*.sym", "foo.pdb", true},
	{"foo*", "*.pdb", "foo.pdb", false},
	{"*", NULL, "x", true},
};

static void test_takes_below(void)
{
	for (size_t i = 0; i < ARRAY_LEN(names_taken); i++) {
		const struct store store = {.traits = {.only = (char *)names_taken[i].only,
						       .not = (char *)names_taken[i].not }};

		CHECK(resolve_takes_below(&store, slice_of(names_taken[i].name)) ==
			      names_taken[i].taken,
		      names_taken[i].name);
	}
}

int main(void)
{
	test_takes_key();
	test_takes_below();
	test_passes_over();
	test_candidates();
	test_every();
	test_decided_by();
	test_part();
	test_target();
	test_unwanted_target();
	test_siblings();
	test_longest();
	test_one_round();
	return tap_done();
}
