// SPDX-License-Identifier: MIT
/* See body.h. */
#include "store/body.h"
#include "base/file.h"

#include <errno.h>

ssize_t store_body_read(const struct store_body *b, int64_t at, void *to, size_t n)
{
	ssize_t got;

	n = (size_t)MIN((int64_t)n, b->length - at);
	if (b->fd < 0) {
		if (n)
			memcpy(to, b->bytes.p + at, n);
		return (ssize_t)n;
	}
	got = file_read_at(b->fd, to, n, b->offset + at);
	if (got >= 0 && (size_t)got < n) {
		errno = EIO;
		return -1;
	}
	return got;
}
