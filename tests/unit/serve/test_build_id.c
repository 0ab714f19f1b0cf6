// SPDX-License-Identifier: MIT
/* The ways to ask for a file by its build-id, and the ways to keep it: rows C51, C61, C63. */
#include "serve/build_id.h"

#include "base/text.h"
#include "tap.h"

#define ID40   "0123456789abcdef0123456789abcdef01234567"
#define REST38 "23456789abcdef0123456789abcdef01234567"
#define HEX128 ID40 ID40 ID40 "89abcdef"

static bool clean(const char *target, struct symbol_path *ret)
{
	return request_clean(slice_of(target), &(struct request_rules){0}, ret) == REQUEST_CLEAN;
}

struct row {
	const char *target, *id;
	bool executable, ssqp, debuginfod;
};

static const struct row rows[] = {
	{"/buildid/" ID40 "/debuginfo", ID40, .debuginfod = true},
	{"/buildid/" ID40 "/executable", ID40, .executable = true, .debuginfod = true},
	{"/BUILDID/0A/Debuginfo", "0a", .debuginfod = true},
	{"/buildid/" HEX128 "/debuginfo", HEX128, .debuginfod = true},
	{"/" ID40 "/debuginfo", ID40},
	{"/" ID40 "/executable", ID40, .executable = true},
	{"/0123456789ABCDEF/executable", "0123456789abcdef", .executable = true},
	{"/01/" REST38 ".debug", ID40},
	{"/01/" REST38, ID40, .executable = true},
	{"/.build-id/01/" REST38 ".debug", ID40},
	{"/.build-id/01/" REST38, ID40, .executable = true},
	{"/.BUILD-ID/01/23.DEBUG", "0123"},
	{"/01/" REST38 "/debuginfo", ID40},
	{"/01/" REST38 "/executable", ID40, .executable = true},
	{"/01/23456789abcdef/debuginfo", "0123456789abcdef"},
	{"/_.debug/elf-buildid-sym-" ID40 "/_.debug", ID40, .ssqp = true},
	{"/_.DEBUG/ELF-buildid-sym-0A/_.debug", "0a", .ssqp = true},
	{"/libc.so/elf-buildid-" ID40 "/libc.so", ID40, .executable = true, .ssqp = true},
	{"/c++.so/elf-buildid-" ID40 "/c++.so", ID40, .executable = true, .ssqp = true},
};

static void test_yes(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct symbol_path p CLEANUP(symbol_path_fini);
		char hex[2 * SYMBOL_ID_MAX + 1];
		struct build_id_path b;

		if (!CHECK(clean(rows[i].target, &p) && build_id_parse(&p, &b), rows[i].target))
			continue;
		hex_encode(b.id.b, b.id.n, hex);
		CHECK_STR(hex, rows[i].id, "its id");
		CHECK(b.executable == rows[i].executable && b.ssqp == rows[i].ssqp,
		      "what it names, and how");
		CHECK_INT(build_id_is_debuginfod(&p), rows[i].debuginfod, "is it debuginfod's?");
	}
}

static void test_no(void)
{
	static const char *const targets[] = {
		"/",
		"/buildid",
		"/buildid/" ID40,
		"/buildid/" ID40 "/source",
		"/buildid/" ID40 "/debuginfo/x",
		"/buildid/012/debuginfo",
		"/buildid/xy/debuginfo",
		"/buildid/" HEX128 "00/debuginfo",
		"/buildid/" ID40 "/breakpad",
		"/x/buildid/" ID40 "/debuginfo",
		"/" ID40,
		"/" ID40 "/debuginfo.x",
		"/01234567/debuginfo", /* too short to be one for certain */
		"/0123456789abcd/debuginfo",
		"/01/23456789abcd.debug",
		"/01/23456789abcd",
		"/01/23456789abcd/debuginfo",
		"/01/" REST38 ".sym",
		"/01/" REST38 ".debug.gz",
		"/01/" REST38 "/breakpad",
		"/0123/" REST38 ".debug",
		"/0/" REST38 ".debug",
		"/0x/" REST38 ".debug",
		"/01/" HEX128 ".debug",
		"/.build-id/" ID40 ".debug",
		"/.build-id/01/.debug",
		"/build-id/01/" REST38 ".debug",
		"/_.debug/elf-buildid-sym-" ID40 "/x",
		"/x.debug/elf-buildid-sym-" ID40 "/x.debug",
		"/_.debug/elf-buildid-sym-xy/_.debug",
		"/_/_.debug/elf-buildid-sym-" ID40 "/_.debug",
		"/a.so/elf-buildid-" ID40 "/b.so",
		"/a.so/elf-buildid-coreclr-" ID40 "/a.so",
		"/_.dwarf/mach-uuid-sym-0123456789abcdef0123456789abcdef/_.dwarf",
		"/foo.pdb/497B72F6390A44FC878E5A2D63B6CC4B1/foo.pdb",
	};

	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		struct symbol_path p CLEANUP(symbol_path_fini);
		struct build_id_path b;

		CHECK(clean(targets[i], &p) && !build_id_parse(&p, &b) &&
			      !build_id_is_debuginfod(&p),
		      targets[i]);
	}
}

static void test_parts(void)
{
	static const struct {
		const char *target;
		bool is_part;
	} targets[] = {
		{"/buildid/" ID40 "/source/usr/src/a.c", true},
		{"/BuildId/" ID40 "/SOURCE/a", true},
		{"/buildid/" ID40 "/section/.text", true},
		{"/buildid/" ID40 "/source", false},
		{"/buildid/" ID40 "/debuginfo/a", false},
		{"/buildid/xy/source/a", false},
		{"/buildids/" ID40 "/source/a", false},
		{"/buildid/" ID40 "/debuginfo", false},
		{"/", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		struct symbol_path p CLEANUP(symbol_path_fini);

		ASSERT(clean(targets[i].target, &p));
		CHECK_INT(build_id_is_part(&p), targets[i].is_part, targets[i].target);
	}
}

static void test_keys(void)
{
	static const struct {
		enum store_layout layout;
		bool executable;
		const char *key;
	} keys[] = {
		{LAYOUT_GDB, false, "01/" REST38 ".debug"},
		{LAYOUT_GDB, true, "01/" REST38},
		{LAYOUT_UNIFIED, false, "01/" REST38 "/debuginfo"},
		{LAYOUT_UNIFIED, true, "01/" REST38 "/executable"},
		{LAYOUT_DEBUGINFOD, false, "buildid/" ID40 "/debuginfo"},
		{LAYOUT_DEBUGINFOD, true, "buildid/" ID40 "/executable"},
		{LAYOUT_SSQP, true, STORE_ANY_NAME "/elf-buildid-" ID40 "/" STORE_ANY_NAME},
	};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		struct buf b CLEANUP(buf_fini) = BUF_MAX(200);

		buf_puts(&b, "<");
		build_id_put_key(keys[i].layout, SLICE(ID40), keys[i].executable, &b);
		CHECK_SLICE(slice_from(buf_slice(&b), 1), keys[i].key, keys[i].key);
	}
}

/* No request can name what stands for any name. */
static void test_wildcard_is_ours(void)
{
	struct symbol_path p CLEANUP(symbol_path_fini);

	CHECK(!clean("/%1a/elf-buildid-" ID40 "/%1a", &p), "not a path");
}

int main(void)
{
	test_yes();
	test_no();
	test_parts();
	test_keys();
	test_wildcard_is_ours();
	return tap_done();
}
