// SPDX-License-Identifier: MIT
/* The first line is a root, the rest a file.ptr: what comes of it stays below the root. */
#include "symfmt/pointer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BEFORE "sym/"

static void check_target(struct slice path)
{
	struct slice segment;

	ASSERT(path.n > 0 && path.n <= POINTER_MAX * 3 / 2);
	for (size_t i = 0; i < path.n; i++)
		ASSERT((unsigned char)path.p[i] >= ' ' && path.p[i] != 0x7f && path.p[i] != '\\');
	while (slice_next(&path, '/', &segment))
		ASSERT(segment.n > 0 && !slice_eq(segment, SLICE(".")) &&
		       !slice_eq(segment, SLICE("..")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice file = {(const char *)data, size}, root = SLICE_NONE;
	struct buf out CLEANUP(buf_fini) = BUF_MAX(2 * POINTER_MAX);

	(void)slice_next(&file, '\n', &root);
	buf_puts(&out, BEFORE);
	if (pointer_target(file, root, &out))
		check_target(slice_from(buf_slice(&out), strlen(BEFORE)));
	else
		ASSERT(out.n == strlen(BEFORE));
	ASSERT(slice_starts(buf_slice(&out), SLICE(BEFORE)) && !buf_failed(&out));
	return 0;
}
