// SPDX-License-Identifier: MIT
/*
 * objects.c: fills a cache directory with valid objects, faster than a server could fetch them.
 *
 *	objects DIR FIRST COUNT
 *
 * makes those numbered FIRST to FIRST + COUNT - 1, of 64 bytes each, in the server's own format
 * (src/cache/object.h). They belong to no store, so nobody ever asks for them: they are what a
 * start must not have to read.
 */
#include "bench/args.h"
#include "cache/object.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define BODY 64

static void make_directory(const char *name)
{
	if (mkdir(name, 0700) != 0 && errno != EEXIST)
		die_sys(name);
}

static void make_object(int64_t number)
{
	static const uint8_t no_store[32];
	char key[64], path[16 + OBJECT_NAME_LEN];
	char name[OBJECT_NAME_LEN];
	uint8_t file[OBJECT_HEADER_SIZE + BODY] = {0};
	struct object_meta meta = {.length = BODY, .mtime = 0, .etag = "\"0\"", .store = "bench"};
	int fd;

	snprintf(key, sizeof(key), "object-%lld.pdb", (long long)number);
	snprintf(meta.key, sizeof(meta.key), "%s", key);
	meta.id = object_id_make(no_store, slice_of(key), SLICE("stored"));
	object_header_write(&meta, file);
	object_name(&meta.id, name);
	snprintf(path, sizeof(path), "objects/%s", name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, file, sizeof(file)) != sizeof(file) || close(fd) != 0)
		die_sys(path);
}

int main(int argc, char **argv)
{
	int64_t first, count;

	if (argc != 4)
		die("usage: objects DIR FIRST COUNT");
	first = arg_number(argv[2], INT64_C(1) << 40);
	count = arg_number(argv[3], INT64_C(1) << 40);
	make_directory(argv[1]);
	if (chdir(argv[1]) != 0)
		die_sys(argv[1]);
	make_directory("objects");
	for (int i = 0; i < 256; i++) {
		char name[16];
		snprintf(name, sizeof(name), "objects/%02x", (unsigned)i);
		make_directory(name);
	}
	for (int64_t i = 0; i < count; i++)
		make_object(first + i);
	return 0;
}
