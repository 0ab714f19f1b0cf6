// SPDX-License-Identifier: MIT
/*
 * The header of a cached object. No input has a right checksum by chance, so each is read as it is
 * and again with its first and last bytes put right; what is taken must be worth its own header.
 */
#include "cache/object.h"

#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_read(struct slice bytes)
{
	uint8_t again[OBJECT_HEADER_SIZE];
	struct object_meta meta;
	struct error e;

	if (object_header_read(bytes, &meta, &e)) {
		ASSERT(e.code == ERR_CORRUPT && e.msg[0]);
		return;
	}
	ASSERT(meta.length >= 0 && meta.length <= OBJECT_LENGTH_MAX);
	ASSERT(memchr(meta.etag, '\0', sizeof(meta.etag)));
	ASSERT(memchr(meta.encoding, '\0', sizeof(meta.encoding)));
	ASSERT(memchr(meta.store, '\0', sizeof(meta.store)));
	ASSERT(memchr(meta.key, '\0', sizeof(meta.key)));
	for (const char *p = meta.etag; *p; p++)
		ASSERT((unsigned char)*p >= ' ' && *p != '\x7f');
	ASSERT(meta.hashed || meta.xxh3 == 0);
	object_header_write(&meta, again);
	ASSERT(memcmp(bytes.p, again, sizeof(again)) == 0);
}

/* Behind the magic and the version everything is the input's, but the checksum is right. */
static void check_sealed(const uint8_t *data, size_t size)
{
	static const struct object_meta none;
	const size_t first = 16, last = OBJECT_HEADER_SIZE - 8;
	uint8_t header[OBJECT_HEADER_SIZE];
	uint64_t sum;

	object_header_write(&none, header);
	if (size > first)
		memcpy(header + first, data + first, MIN(size, last) - first);
	sum = XXH3_64bits(header, last);
	for (size_t i = 0; i < 8; i++)
		header[last + i] = (uint8_t)(sum >> (8 * i));
	check_read((struct slice){(const char *)header, sizeof(header)});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_read((struct slice){(const char *)data, size});
	check_sealed(data, size);
	return 0;
}
