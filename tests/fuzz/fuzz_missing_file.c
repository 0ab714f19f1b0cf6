// SPDX-License-Identifier: MIT
/* What was missing, as text: what is read is printed and read again as the same number of files. */
#include "serve/missing_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count(void *ud, const struct missing_file *f)
{
	ASSERT(f->count && f->over <= f->count && f->name.n + f->key.n <= MISSING_TEXT_MAX);
	++*(size_t *)ud;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX(MISSING_FILE_MAX);
	struct missing *first = missing_new(), *again = missing_new();
	size_t told = 0, kept = 0;

	(void)missing_read(first, (struct slice){(const char *)data, size});
	missing_each(first, count, &told);
	missing_print(first, &text);
	ASSERT(!buf_failed(&text));
	ASSERT(missing_read(again, buf_slice(&text)) == told);
	missing_each(again, count, &kept);
	ASSERT(kept == told);
	missing_free(first);
	missing_free(again);
	return 0;
}
