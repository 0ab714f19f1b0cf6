// SPDX-License-Identifier: MIT
/* See file.h. The size that stat reports is not asked for: /proc and pipes do not know theirs. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#define WHERE_IT_IS (-1) /* pipes and the like have no offsets */
/* After so many bytes it is looked again whether there is room. */
#define ROOM_STEP (INT64_C(4) << 20)

/* Read until n bytes are there or the file ends; the count, or -1 with errno. */
static ssize_t read_up_to(int fd, char *p, size_t n, int64_t offset)
{
	size_t got = 0;

	while (got < n) {
		ssize_t r = offset == WHERE_IT_IS
				    ? read(fd, p + got, n - got)
				    : pread(fd, p + got, n - got, offset + (int64_t)got);

		if (r == 0)
			break;
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -1;
		got += (size_t)r;
	}
	return (ssize_t)got;
}

enum err file_read_small(const char *path, size_t max, struct buf *out, struct error *e)
{
	int fd CLEANUP(close_p) = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char *to, beyond;
	ssize_t n, more;

	if (fd < 0)
		return err_sys(e, ERR_IO, "cannot open '%s'", path);
	to = buf_reserve(out, max);
	if (!to)
		return err_set(e, ERR_NOMEM, "no memory to read '%s'", path);
	n = read_up_to(fd, to, max, WHERE_IT_IS);
	more = n == (ssize_t)max ? read_up_to(fd, &beyond, 1, WHERE_IT_IS) : 0;
	to[n < 0 || more ? 0 : n] = '\0';
	if (n < 0 || more < 0)
		return err_sys(e, ERR_IO, "cannot read '%s'", path);
	if (more > 0)
		return err_set(e, ERR_LIMIT, "'%s' is longer than %zu bytes", path, max);
	out->n += (size_t)n;
	return OK;
}

ssize_t file_read_at(int fd, void *to, size_t n, int64_t offset)
{
	return read_up_to(fd, to, n, offset);
}

bool file_write_at(int fd, struct slice bytes, int64_t offset)
{
	while (bytes.n) {
		ssize_t n = pwrite(fd, bytes.p, bytes.n, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = ENOSPC;
		if (n <= 0)
			return false;
		bytes = slice_from(bytes, (size_t)n);
		offset += n;
	}
	return true;
}

int file_temporary(void)
{
	const char *dir = getenv("TMPDIR");

	return open(dir && dir[0] ? dir : "/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

/* Bytes that all temporary files are counted with; that they leave free; for tests, if not -1. */
static atomic_int_least64_t temporary_now, temporary_floor = INT64_C(1) << 30, pretended = -1;

void file_temporary_floor(int64_t bytes)
{
	atomic_store(&temporary_floor, bytes);
}

size_t file_descriptors_max(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return SIZE_MAX;
	if (limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
			(void)getrlimit(RLIMIT_NOFILE, &limit);
	}
	return (size_t)limit.rlim_cur;
}

void file_pretend_room(int64_t bytes)
{
	atomic_store(&pretended, bytes);
}

/* Bytes that may still be written to the file system of this file. */
static int64_t room_for(int fd)
{
	int64_t as_if = atomic_load(&pretended);
	struct statvfs fs;

	if (as_if >= 0)
		return as_if;
	if (fstatvfs(fd, &fs) != 0 || fs.f_blocks == 0)
		return INT64_MAX; /* it does not say: writing will */
	return (int64_t)fs.f_bavail * (int64_t)fs.f_frsize - atomic_load(&temporary_floor);
}

enum err file_temporary_grow(int fd, int64_t *counted, int64_t length, struct error *e)
{
	int64_t before = *counted, more = MIN(length - before, FILE_TEMPORARY_MAX + 1);
	bool look = before == 0 || (before + more) / ROOM_STEP > before / ROOM_STEP;

	if (more <= 0)
		return OK;
	*counted += more;
	if (atomic_fetch_add(&temporary_now, more) + more > FILE_TEMPORARY_MAX)
		return err_set(e, ERR_BUSY, "temporary files take more than %lld bytes",
			       (long long)FILE_TEMPORARY_MAX);
	if (look && room_for(fd) < more)
		return err_set(e, ERR_BUSY, "no room is left for temporary files");
	return OK;
}

void file_temporary_end(int64_t *counted)
{
	atomic_fetch_sub(&temporary_now, *counted);
	*counted = 0;
}
