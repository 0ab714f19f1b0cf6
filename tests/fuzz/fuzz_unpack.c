// SPDX-License-Identifier: MIT
/* A zip archive, and what the names of its entries come to as names of files to publish. */
#include "base/file.h"
#include "publish/unpack.h"

#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define UNPACKED_MAX ((int64_t)1 << 20)

struct seen {
	size_t files, ends;
	int64_t bytes;
};

static void begins(void *ud, struct slice name)
{
	struct seen *s = ud;

	for (size_t i = 0; i < name.n; i++)
		ASSERT(name.p[i]);
	ASSERT(s->files == s->ends);
	s->files++;
}

static enum err takes(void *ud, struct slice bytes, struct error *e)
{
	struct seen *s = ud;

	ASSERT(s->files == s->ends + 1);
	s->bytes += (int64_t)bytes.n;
	return OK;
}

static void ends(void *ud, const struct error *e)
{
	((struct seen *)ud)->ends++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct unpack_events events = {.begin = begins, .bytes = takes, .end = ends};
	int fd CLEANUP(close_p) = memfd_create("archive", MFD_CLOEXEC);
	const struct unpack_archive a = {.fd = fd, .length = (int64_t)size, .max = UNPACKED_MAX};
	struct seen seen = {.files = 0};
	int64_t bytes;
	enum err err;

	if (fd < 0 || !file_write_at(fd, (struct slice){(const char *)data, size}, 0))
		return 0;
	err = unpack(&a, &events, &seen, &bytes, NULL);
	ASSERT(err || (seen.files == seen.ends && seen.bytes == bytes));
	ASSERT(seen.files <= UNPACK_ENTRIES_MAX && seen.bytes <= UNPACKED_MAX);
	return 0;
}
