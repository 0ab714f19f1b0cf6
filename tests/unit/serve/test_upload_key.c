// SPDX-License-Identifier: MIT
/* Under which keys a file from outside may be kept. */
#include "serve/upload_key.h"
#include "tap.h"

#include <stdlib.h>

#define GUID  "5a9832e5287241c1838ed98914e9b7ff1"
#define LONG5 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" /* 51 */

static void test_keys(void)
{
	static const struct {
		const char *key;
		enum upload_key want;
	} rows[] = {
		{"app.pdb/" GUID "/app.pdb", UPLOAD_KEY_GOOD},
		{"ap/app.pdb/" GUID "/app.pdb", UPLOAD_KEY_GOOD},
		{"app.exe/5617d4fe8000/app.exe", UPLOAD_KEY_GOOD},
		{"app.pdb/" GUID "/app.sym", UPLOAD_KEY_GOOD},
		{"libx.so/0123456789abcdef0123456789abcdef0/libx.so.sym", UPLOAD_KEY_GOOD},
		{"_.debug/elf-buildid-sym-0123456789abcdef0123456789abcdef01234567/_.debug",
		 UPLOAD_KEY_GOOD},
		{"libx.so/elf-buildid-0123456789abcdef0123456789abcdef01234567/libx.so",
		 UPLOAD_KEY_GOOD},
		{"a b+c%20.pdb/" GUID "/a b+c%20.pdb", UPLOAD_KEY_GOOD},
		{"\xc3\xa4.pdb/" GUID "/\xc3\xa4.pdb", UPLOAD_KEY_GOOD},
		{"..app.pdb/" GUID "/..app.pdb", UPLOAD_KEY_GOOD},
		{"../" GUID "/..", UPLOAD_KEY_REFUSED},
		{"./" GUID "/.", UPLOAD_KEY_REFUSED},
		{"app.pdb/../app.pdb", UPLOAD_KEY_REFUSED},
		{"/" GUID "/", UPLOAD_KEY_REFUSED},
		{"app.pdb//app.pdb", UPLOAD_KEY_REFUSED},
		{"", UPLOAD_KEY_REFUSED},
		{"a\\b.pdb/" GUID "/a\\b.pdb", UPLOAD_KEY_REFUSED},
		{"a\nb.pdb/" GUID "/a\nb.pdb", UPLOAD_KEY_REFUSED},
		{"a\x7f"
		 ".pdb/" GUID "/a\x7f.pdb",
		 UPLOAD_KEY_REFUSED},
		{"a\xff.pdb/" GUID "/a\xff.pdb", UPLOAD_KEY_REFUSED},
		{"a\xc0\xaf.pdb/" GUID "/a\xc0\xaf.pdb", UPLOAD_KEY_REFUSED},
		{"000admin/" GUID "/000admin", UPLOAD_KEY_REFUSED},
		{"000Admin/" GUID "/000Admin", UPLOAD_KEY_REFUSED},
		{".pepto/" GUID "/.pepto", UPLOAD_KEY_REFUSED},
		{".PEPTO/tx/1.json", UPLOAD_KEY_REFUSED},
		{LONG5 LONG5 LONG5 LONG5 LONG5 "/" GUID "/" LONG5 LONG5 LONG5 LONG5 LONG5,
		 UPLOAD_KEY_GOOD},
		{LONG5 LONG5 LONG5 LONG5 LONG5 "y/" GUID "/" LONG5 LONG5 LONG5 LONG5 LONG5 "y",
		 UPLOAD_KEY_REFUSED},
		{"app.pdb/xyz/app.pdb", UPLOAD_KEY_UNKNOWN},
		{"app.pdb/" GUID "/other.pdb", UPLOAD_KEY_UNKNOWN},
		{"app.pdb/" GUID "/refs.ptr", UPLOAD_KEY_REFUSED},
		{"app.pdb", UPLOAD_KEY_UNKNOWN},
		{"index2.txt", UPLOAD_KEY_UNKNOWN},
		{"t/deadbeef01/app.pdb/" GUID "/app.pdb", UPLOAD_KEY_UNKNOWN},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *why = NULL;

		CHECK_INT(upload_key_judge(slice_of(rows[i].key), &why), rows[i].want, rows[i].key);
		CHECK(why || rows[i].want == UPLOAD_KEY_GOOD, "and why");
	}
}

int main(void)
{
	test_keys();
	return tap_done();
}
