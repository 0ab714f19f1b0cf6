// SPDX-License-Identifier: MIT
/* See mspack_run.h. */
#include "codec/mspack_run.h"

struct handle {
	struct mspack_run *m;
	int64_t at;
};

static struct mspack_file *run_open(struct mspack_system *self, const char *name, int mode)
{
	struct handle *h = xnew(struct handle);

	h->m = CONTAINER_OF(self, struct mspack_run, system);
	return (struct mspack_file *)h;
}

static void run_close(struct mspack_file *file)
{
	free(file);
}

/* The bytes before the gap, or those behind it: a read over both is made of two. */
static enum err read_piece(struct handle *h, char *to, size_t n, size_t *ret)
{
	struct mspack_run *m = h->m;
	bool behind = m->gap && h->at >= m->gap_at;

	if (m->gap && !behind)
		n = (size_t)MIN((int64_t)n, m->gap_at - h->at);
	return codec_read(m->run, h->at + (behind ? m->gap : 0), to, n, ret);
}

static int run_read(struct mspack_file *file, void *to, int n)
{
	struct handle *h = (struct handle *)file;
	int done = 0;

	if (n < 0 || h->m->failed)
		return -1;
	while (done < n) {
		size_t got = 0;

		h->m->failed = read_piece(h, (char *)to + done, (size_t)(n - done), &got);
		if (h->m->failed)
			return -1;
		if (got == 0)
			break;
		h->at += (int64_t)got;
		done += (int)got;
	}
	return done;
}

enum err mspack_run_flush(struct mspack_run *m)
{
	struct slice bytes = {m->output, m->n};

	m->n = 0;
	if (!m->failed)
		m->failed = codec_write(m->run, bytes);
	return m->failed;
}

static int run_write(struct mspack_file *file, void *from, int n)
{
	struct mspack_run *m = ((struct handle *)file)->m;

	if (n < 0 || m->failed)
		return -1;
	if ((size_t)n > sizeof(m->output) - m->n && mspack_run_flush(m) != OK)
		return -1;
	if ((size_t)n > sizeof(m->output)) {
		m->failed = codec_write(m->run, (struct slice){from, (size_t)n});
		return m->failed ? -1 : n;
	}
	memcpy(m->output + m->n, from, (size_t)n);
	m->n += (size_t)n;
	return n;
}

static int run_seek(struct mspack_file *file, off_t offset, int mode)
{
	struct handle *h = (struct handle *)file;
	int64_t from = mode == MSPACK_SYS_SEEK_CUR ? h->at : 0;

	if (mode == MSPACK_SYS_SEEK_END || offset < -from || offset > INT64_MAX - from)
		return -1;
	h->at = from + offset;
	return 0;
}

static off_t run_tell(struct mspack_file *file)
{
	return ((struct handle *)file)->at;
}

__attribute__((format(printf, 2, 3))) static void run_message(struct mspack_file *file,
							      const char *fmt, ...)
{
}

/*
 * Zeroed: libmspack lets the first block of MSZIP refer to what lies before it, in a window that it
 * has not cleared, and would hand out what the heap held there.
 */
static void *run_alloc(struct mspack_system *self, size_t n)
{
	return calloc(1, n);
}

static void run_copy(void *from, void *to, size_t n)
{
	memcpy(to, from, n);
}

void mspack_run_init(struct mspack_run *m, struct codec_run *run)
{
	static const struct mspack_system calls = {
		.open = run_open,
		.close = run_close,
		.read = run_read,
		.write = run_write,
		.seek = run_seek,
		.tell = run_tell,
		.message = run_message,
		.alloc = run_alloc,
		.free = free,
		.copy = run_copy,
	};
	int selftest;

	MSPACK_SYS_SELFTEST(selftest);
	ASSERT(selftest == MSPACK_ERR_OK);
	m->system = calls;
	m->run = run;
	m->failed = OK;
	m->gap_at = m->gap = 0;
	m->n = 0;
}

enum err mspack_run_failed(struct mspack_run *m, const char *format, int status)
{
	static const char *const what[] = {
		[MSPACK_ERR_READ] = "cut off",
		[MSPACK_ERR_SEEK] = "cut off",
		[MSPACK_ERR_SIGNATURE] = "damaged header",
		[MSPACK_ERR_DATAFORMAT] = "damaged structure",
		[MSPACK_ERR_CHECKSUM] = "checksum does not match",
		[MSPACK_ERR_DECRUNCH] = "damaged data",
	};
	bool known = status > 0 && (size_t)status < ARRAY_LEN(what) && what[status];

	if (m->failed)
		return m->failed;
	if (status == MSPACK_ERR_NOMEMORY)
		return err_set(m->run->e, ERR_NOMEM, "%s: no memory", format);
	return err_set(m->run->e, ERR_CORRUPT, "%s: %s", format, known ? what[status] : "damaged");
}
