// SPDX-License-Identifier: MIT
/* Which names a path goes by: what only= wants of it, and what not= bars. */
#include "serve/file_name.h"
#include "serve/request.h"
#include "tap.h"

#define KEY  "0123456789ABCDEF0123456789ABCDEF1"
#define ID40 "0123456789abcdef0123456789abcdef01234567"

struct row {
	const char *target, *glob;
	bool wanted, barred;
};

static const struct row rows[] = {
	/* the name itself */
	{"/acmecore.pdb/" KEY "/acmecore.pdb", "acme*", true, true},
	{"/acmecore.pdb/" KEY "/acmecore.pdb", "*.pdb", true, true},
	{"/acmecore.pdb/" KEY "/acmecore.pdb", "ACME????.P*", true, true},
	{"/acmecore.pdb/" KEY "/acmecore.pdb", "*", true, true},
	{"/acmecore.pdb/" KEY "/acmecore.pdb", "core*", false, false},
	{"/acmecore.pdb/" KEY "/acmecore.pdb", "0123*", false, false},
	{"/\xc3\x9c"
	 "ber.pdb/" KEY "/\xc3\x9c"
	 "ber.pdb",
	 "\xc3\xbc"
	 "ber*",
	 true, true},
	{"/\xc3\x9c"
	 "ber.pdb/" KEY "/\xc3\x9c"
	 "ber.pdb",
	 "?ber.pdb", true, true},
	/* and each way to ask for what it names */
	{"/ac/acmecore.pdb/" KEY "/acmecore.pdb", "acme*", true, true},
	{"/acmecore.pdb/" KEY "/msfz0/acmecore.pdb", "acme*", true, true},
	{"/ac/acmecore.pdb/" KEY "/msfz0/acmecore.pdb", "acme*.pdb", true, true},
	{"/acmecore.pdb/" KEY "/acmecore.pd_", "*.pdb", true, true},
	{"/acmecore.pdb/" KEY "/acmecore.pd_", "*.pd_", true, true},
	{"/acmecore.pdb/" KEY "/acmecore.pd_", "*.pdx", false, false},
	{"/ac/acmecore.pdb/" KEY "/acmecore.pd_", "*.pdb", true, true},
	{"/acmecore/" KEY "/acmecore._", "acmecore", true, true},
	{"/acmecore.pdb/" KEY "/file.ptr", "acme*", true, true},
	{"/acmecore.pdb/" KEY "/FILE.PTR", "*.pdb", true, true},
	{"/ac/acmecore.pdb/" KEY "/file.ptr", "acmecore.pdb", true, true},
	{"/acmecore.pdb/" KEY "/file.ptr", "f*", false, false},
	{"/acmecore.pdb/" KEY "/file.ptr", "*.ptr", true, true},
	{"/acmecore.pdb/" KEY "/acmecore.sym", "*.pdb", true, true},
	{"/acmecore.pdb/" KEY "/acmecore.sym", "*.sym", true, true},
	{"/acmecore.dll/5617D4FE8000/acmecore.sym", "*.dll", true, true},
	{"/acmecore.pdb/" KEY "/acmecore.pdb.sym", "acmecore.pdb", true, true},
	{"/acmecore.pdb/" KEY "/acmecore.pdb.gz", "*.pdb", true, true},
	{"/acmecore.pdb/" KEY "/acmecore.pdb.zst", "*.pdb", true, true},
	{"/acmecore.pdb/" KEY "/acmecore.pd_.GZ", "*.pdb", true, true},
	{"/acmecore.pdb/" KEY "/acmecore.sym.gz", "acmecore.sym", true, true},
	{"/acmecore.exe/5617D4FE8000/acmecore.ex_", "*.exe", true, true},
	/* a twin, and nothing that tells of what */
	{"/secret.pd_", "*.pdb", true, true},
	{"/secret.pd_", "secret.pd?", true, true},
	{"/secret.pd_", "*.pdbx", false, false},
	{"/secret.pd_/" KEY "/secret.pd_", "*.pdb", true, true},
	{"/secret.pd_/" KEY "/file.ptr", "*.pdb", true, true},
	{"/x/secret.pd_", "*.p*b", true, true},
	{"/gr_", "gr\xc3\xbc", true, true},
	{"/secret.pdb.gz", "*.pdb", true, true},
	{"/secret._", "secret", true, true},
	/* '+' and space */
	{"/acme+core.pdb/" KEY "/acme+core.pdb", "acme core*", true, true},
	{"/acme%2bcore.pdb/" KEY "/file.ptr", "acme core*", true, true},
	{"/acme%20core.pdb/" KEY "/acme%20core.pd_", "acme+core.pdb", true, true},
	/* a whole Windows path */
	{"/c%3a%5csrc%5cacmecore.pdb/" KEY "/c%3a%5csrc%5cacmecore.pdb", "acme*", true, true},
	/* another file below the name: what is not to be heard of is not, but only= means the file */
	{"/acmecore.pdb/" KEY "/refs.ptr", "acme*", false, true},
	{"/acmecore.pdb/" KEY "/acmecore.src.zip", "*.pdb", false, true},
	{"/acmecore.pdb/" KEY, "acme*", false, true},
	{"/xx/acmecore.pdb/" KEY "/file.ptr", "acme*", true, true},
	{"/acmecore.pdb/x/y/z/file.ptr", "acme*", false, true},
	{"/builds/acme/readme.txt", "readme*", true, true},
	{"/builds/acme/readme.txt", "acme*", false, true},
	{"/builds/" KEY "/readme.txt", "0*", false, false},
	{"/acme/foo.pdb/" KEY "/foo.pdb", "acme", false, true},
	{"/acme/fo/foo.pdb/" KEY "/foo.pd_", "acme", false, true},
	{"/acme/foo.pdb/" KEY "/foo.pdb", "foo.pdb", true, true},
	/* the folder of a tier is no name */
	{"/sh/shell32.pdb/" KEY "/shell32.pdb", "sh", false, false},
	{"/sh/shell32.pdb/" KEY "/shell32.pd_", "sh", false, false},
	/* ELF and Mach-O by names */
	{"/libacme.so/elf-buildid-" ID40 "/libacme.so", "libacme*", true, true},
	{"/_.debug/elf-buildid-sym-" ID40 "/_.debug", "libacme*", false, false},
};

static void test_names(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct symbol_path p CLEANUP(symbol_path_fini);
		struct slice glob = slice_of(rows[i].glob);
		char name[200];

		ASSERT(request_clean(slice_of(rows[i].target), &(struct request_rules){0}, &p) ==
		       REQUEST_CLEAN);
		snprintf(name, sizeof(name), "%s and %s", rows[i].target, rows[i].glob);
		CHECK(file_name_wanted(&p, glob) == rows[i].wanted &&
			      file_name_barred(&p, glob) == rows[i].barred,
		      name);
		CHECK(!symbol_path_is_nameless(&p), "it has a name");
	}
}

/* The name is what a store is not asked for as; a folder of its own says nothing. */
static void test_keys(void)
{
	static const struct {
		const char *key, *glob;
		bool want;
	} keys[] = {
		{"foo.pdb/1/foo.pd_", "*.pd_", true},
		{"foo.pdb/1/foo.pd_", "*.pdb", true},
		{"fo/foo.pdb/1/msfz0/foo.pdb", "*.pdb", true},
		{"foo.pdb/1/file.ptr", "file.ptr", true},
		{"foo.pdb/1/file.ptr", "f*e.*", false},
		{"foo.pdb/1/foo.pdb.gz", "*.gz", true},
		{"acme/7/foo.pdb", "acme*", false},
		{"acme/7/foo.pd_", "*.pdb", true},
		{"foo.pdb", "foo*", true},
		{"", "?", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		CHECK_INT(file_name_is(slice_of(keys[i].key), slice_of(keys[i].glob)), keys[i].want,
			  keys[i].key);
}

int main(void)
{
	test_names();
	test_keys();
	return tap_done();
}
