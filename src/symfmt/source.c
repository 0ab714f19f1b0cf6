// SPDX-License-Identifier: MIT
/* See source.h. */
#include "symfmt/source.h"
#include "base/file.h"

static enum err read_slice(void *ud, int64_t offset, void *to, size_t n, struct error *e)
{
	const struct slice *bytes = ud;

	if (n)
		memcpy(to, bytes->p + offset, n);
	return OK;
}

struct source source_of(const struct slice *bytes)
{
	return (struct source){read_slice, (void *)bytes, (int64_t)bytes->n};
}

static enum err read_file(void *ud, int64_t offset, void *to, size_t n, struct error *e)
{
	const struct file_source *f = ud;
	ssize_t got = file_read_at(f->fd, to, n, f->base + offset);

	if (got < 0)
		return err_sys(e, ERR_IO, "cannot read the file");
	if ((size_t)got != n)
		return err_set(e, ERR_IO, "cannot read the file: it ends before its end");
	return OK;
}

struct source source_of_file(struct file_source *f, int64_t length)
{
	return (struct source){.read = read_file, .ud = f, .size = length};
}

bool source_has(const struct source *s, uint64_t offset, uint64_t n)
{
	uint64_t size = (uint64_t)s->size;

	return offset <= size && n <= size - offset;
}

enum err source_read(const struct source *s, uint64_t offset, void *to, size_t n, struct error *e)
{
	if (!source_has(s, offset, n))
		return err_set(e, ERR_CORRUPT, "file is cut off: %zu bytes at %llu are wanted", n,
			       (unsigned long long)offset);
	return s->read(s->ud, (int64_t)offset, to, n, e);
}

static enum err read_watched(void *ud, int64_t offset, void *to, size_t n, struct error *e)
{
	struct watched_source *w = ud;

	if (!w->err)
		w->err = w->file->read(w->file->ud, offset, to, n, w->e);
	return w->err;
}

struct source source_watch(struct watched_source *w, const struct source *file, struct error *e)
{
	*w = (struct watched_source){.file = file, .e = e};
	return (struct source){read_watched, w, file->size};
}
