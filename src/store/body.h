// SPDX-License-Identifier: MIT
/*
 * The bytes that are written to a store: some in memory, or a part of an open file. They are read
 * where they lie, and so may be sent any number of times; whoever gives them keeps them, unchanged,
 * until they are not needed any more.
 */
#pragma once
#include "base/slice.h"

#include <sys/types.h>

struct store_body {
	int fd;             /* < 0: the bytes are */
	struct slice bytes; /* these */
	int64_t offset,
		length; /* of an open file: where they begin; how many they are in any case */
};

static inline struct store_body store_body_of(struct slice bytes)
{
	return (struct store_body){.fd = -1, .bytes = bytes, .length = (int64_t)bytes.n};
}

/*
 * Up to n bytes from `at`: how many, 0 at the end; -1 with errno, also (EIO) for a file that has
 * become shorter than the body. Blocks on the file system.
 */
ssize_t store_body_read(const struct store_body *b, int64_t at, void *to, size_t n);
