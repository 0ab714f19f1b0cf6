// SPDX-License-Identifier: MIT
/* Where stores keep files that are known by a build-id: rows C61, C63. */
#include "serve/layout.h"
#include "serve/request.h"
#include "tap.h"

#define ID40   "0123456789abcdef0123456789abcdef01234567"
#define REST38 "23456789abcdef0123456789abcdef01234567"

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
		layout_put_key(keys[i].layout, SLICE(ID40), keys[i].executable, &b);
		CHECK_SLICE(slice_from(buf_slice(&b), 1), keys[i].key, keys[i].key);
	}
}

/* No request can name what stands for any name. */
static void test_wildcard_is_ours(void)
{
	struct symbol_path p CLEANUP(symbol_path_fini);

	CHECK_INT(request_clean(SLICE("/%1a/elf-buildid-" ID40 "/%1a"), &(struct request_rules){0},
				&p),
		  REQUEST_BAD, "not a path");
}

int main(void)
{
	test_keys();
	test_wildcard_is_ours();
	return tap_done();
}
