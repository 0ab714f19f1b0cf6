// SPDX-License-Identifier: MIT
/* file_read_small: the ceiling to the byte, files without a size, and what cannot be read. */
#include "base/file.h"

#include "tap.h"
#include <errno.h>
#include <fcntl.h>

static char dir[] = "/tmp/pepto-file-XXXXXX";

static const char *put(const char *name, const char *text)
{
	static char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	ASSERT(f && fputs(text, f) >= 0 && fclose(f) == 0);
	return path;
}

static void check_lengths(void)
{
	static const struct {
		const char *text;
		size_t max;
		enum err want;
	} cases[] = {
		{"", 0, OK},        {"a", 0, ERR_LIMIT}, {"", 8, OK},
		{"1234567", 8, OK}, {"12345678", 8, OK}, {"123456789", 8, ERR_LIMIT},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b CLEANUP(buf_fini) = BUF_MAX(64);
		struct error e = {0};
		enum err r;

		buf_puts(&b, "+");
		r = file_read_small(put("f", cases[i].text), cases[i].max, &b, &e);
		CHECK_INT(r, cases[i].want, cases[i].text);
		if (r == OK)
			CHECK_SLICE(slice_from(buf_slice(&b), 1), cases[i].text, "content");
		else
			CHECK_STR(buf_str(&b), "+", "a failure leaves the buffer as it was");
	}
}

static void check_special(void)
{
	struct buf b CLEANUP(buf_fini) = BUF_MAX(4096);
	struct buf tiny CLEANUP(buf_fini) = BUF_MAX(4);
	struct error e = {0};

	CHECK_INT(file_read_small("/dev/null", 16, &b, &e), OK, "/dev/null is an empty file");
	CHECK_INT(b.n, 0, "and gives nothing");
	CHECK_INT(file_read_small("/proc/self/status", 4096, &b, &e), OK, "a file of no size");
	CHECK(b.n > 0, "is read to its end");
	buf_clear(&b);
	CHECK_INT(file_read_small("/dev/zero", 4096, &b, &e), ERR_LIMIT, "an endless file");
	CHECK_INT(file_read_small("/nonexistent/x", 16, &b, &e), ERR_IO, "no such file");
	CHECK_INT(e.sys, ENOENT, "errno is kept");
	CHECK_INT(file_read_small(dir, 16, &b, &e), ERR_IO, "a directory");
	CHECK_INT(e.sys, EISDIR, "says what it is");
	CHECK_INT(file_read_small("/dev/null", 16, &tiny, &e), ERR_NOMEM, "no room in the buffer");
}

static void check_all_at(void)
{
	int fd CLEANUP(close_p) = open(put("at", "0123456789"), O_RDWR | O_CLOEXEC);
	int full CLEANUP(close_p) = open("/dev/full", O_WRONLY | O_CLOEXEC);
	char to[16] = "";

	CHECK_INT(file_read_at(fd, to, 4, 3), 4, "as many as asked for");
	CHECK_SLICE(((struct slice){to, 4}), "3456", "from where it was asked");
	CHECK_INT(file_read_at(fd, to, 16, 7), 3, "fewer where the file ends");
	CHECK_INT(file_read_at(fd, to, 16, 20), 0, "none behind its end");
	CHECK_INT(file_read_at(-1, to, 1, 0), -1, "no file");
	CHECK_INT(errno, EBADF, "says so");
	CHECK(file_write_at(fd, SLICE("abc"), 12), "written");
	CHECK_INT(file_read_at(fd, to, 16, 8), 7, "is there");
	CHECK(memcmp(to, "89\0\0abc", 7) == 0, "where it was said");
	CHECK(file_write_at(fd, SLICE_NONE, 99), "nothing can always be written");
	CHECK(!file_write_at(full, SLICE("abc"), 0) && errno == ENOSPC, "what is full");
	CHECK(!file_write_at(-1, SLICE("abc"), 0) && errno == EBADF, "no file to write to");
	unlink(put("at", ""));
}

/* What others need of the file system is left free. */
static void check_floor(void)
{
	static const struct {
		const char *name;
		int64_t floor;
		enum err err;
	} rows[] = {{"nothing is to be left free", 0, OK},
		    {"more than there is", INT64_MAX / 2, ERR_BUSY}};
	struct error e;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int fd CLEANUP(close_p) = file_temporary();
		int64_t counted = 0;

		file_temporary_floor(rows[i].floor);
		CHECK_INT(file_temporary_grow(fd, &counted, 1, &e), rows[i].err, rows[i].name);
		file_temporary_end(&counted);
	}
}

int main(void)
{
	ASSERT(mkdtemp(dir));
	check_all_at();
	check_lengths();
	check_special();
	check_floor();
	unlink(put("f", ""));
	rmdir(dir);
	return tap_done();
}
