// SPDX-License-Identifier: MIT
/* See out_dir.h. */
#include "cmd/out_dir.h"

#include "base/file.h"
#include "store/write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#define FOLDER (O_DIRECTORY | O_CLOEXEC)

enum err out_dir_open(const char *path, int *ret_fd, struct error *e)
{
	if (mkdir(path, 0777) != 0 && errno != EEXIST)
		return err_sys(e, ERR_IO, "%.150s cannot be made", path);
	*ret_fd = open(path, FOLDER | O_PATH);
	return *ret_fd >= 0 ? OK : err_sys(e, ERR_IO, "%.150s cannot be opened", path);
}

/* The next folder, in place of *fd. */
static enum err descend(int *fd, struct slice name, struct error *e)
{
	char text[256];
	int next;

	if (name.n >= sizeof(text))
		return err_set(e, ERR_IO, "a name of %zu bytes", name.n);
	(void)snprintf(text, sizeof(text), SLICE_FMT, SLICE_ARG(name));
	if (mkdirat(*fd, text, 0777) != 0 && errno != EEXIST)
		return err_sys(e, ERR_IO, "a folder cannot be made");
	next = openat(*fd, text, FOLDER | O_NOFOLLOW);
	if (next < 0)
		return err_sys(e, ERR_IO, "what lies in the place of a folder cannot be opened");
	close(*fd);
	*fd = next;
	return OK;
}

static uint64_t hash_of(struct slice s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * UINT64_C(0x100000001b3);
	return h;
}

static void read_tag(struct out_file *f)
{
	int fd CLEANUP(close_p) = openat(f->folder, f->draft_tag,
					 O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = fd < 0 ? 0 : file_read_at(fd, f->tag, sizeof(f->tag) - 1, 0);

	f->tag[MAX(n, 0)] = '\0';
}

static enum err open_draft(struct out_file *f, struct error *e)
{
	struct stat st;

	f->fd = openat(f->folder, f->draft, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
	if (f->fd < 0)
		return err_sys(e, ERR_IO, "a draft cannot be opened");
	if (flock(f->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
		return err_set(e, ERR_BUSY, "another process fetches it into the same place");
	if (fstat(f->fd, &st) != 0 || !S_ISREG(st.st_mode))
		return err_set(e, ERR_IO, "what lies in the place of a draft is no file");
	f->size = st.st_size;
	read_tag(f);
	if (!f->tag[0])
		f->size = 0;
	return OK;
}

enum err out_file_open(int dir, struct slice path, struct out_file *ret, struct error *e)
{
	struct out_file f = {.folder = openat(dir, ".", FOLDER), .fd = -1};
	struct slice rest = path, segment, next;
	enum err err = OK;

	if (!store_key_is_clean(path))
		err = err_set(e, ERR_USAGE, "a path that leads elsewhere");
	else if (f.folder < 0)
		err = err_sys(e, ERR_IO, "the directory cannot be opened");
	(void)slice_next(&rest, '/', &segment);
	while (!err && slice_next(&rest, '/', &next)) {
		err = descend(&f.folder, segment, e);
		segment = next;
	}
	if (!err && segment.n >= sizeof(f.last))
		err = err_set(e, ERR_IO, "a name of %zu bytes", segment.n);
	if (!err) {
		unsigned long long hash = hash_of(segment);

		(void)snprintf(f.last, sizeof(f.last), SLICE_FMT, SLICE_ARG(segment));
		(void)snprintf(f.draft, sizeof(f.draft), ".part-%016llx", hash);
		(void)snprintf(f.draft_tag, sizeof(f.draft_tag), ".part-%016llx.tag", hash);
		err = open_draft(&f, e);
	}
	if (err) {
		close_p(&f.fd);
		close_p(&f.folder);
		return err;
	}
	*ret = f;
	return OK;
}

int out_file_there(const struct out_file *f, int64_t *ret_size)
{
	int fd = openat(f->folder, f->last, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		*ret_size = st.st_size;
		return fd;
	}
	close_p(&fd);
	return -1;
}

enum err out_file_restart(struct out_file *f, const char *tag, struct error *e)
{
	int fd CLEANUP(close_p) = -1;

	(void)unlinkat(f->folder, f->draft_tag, 0);
	f->size = 0;
	if (ftruncate(f->fd, 0) != 0)
		return err_sys(e, ERR_IO, "the draft cannot be written");
	if (!*tag)
		return OK;
	fd = openat(f->folder, f->draft_tag, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		    0666);
	if (fd < 0 || !file_write_at(fd, slice_of(tag), 0))
		return err_sys(e, ERR_IO, "the draft's version cannot be written");
	return OK;
}

enum err out_file_keep(struct out_file *f, struct error *e)
{
	if (fsync(f->fd) != 0 || renameat(f->folder, f->draft, f->folder, f->last) != 0)
		return err_sys(e, ERR_IO, "it cannot be given its name");
	(void)unlinkat(f->folder, f->draft_tag, 0);
	return OK;
}

void out_file_drop(struct out_file *f)
{
	(void)unlinkat(f->folder, f->draft, 0);
	(void)unlinkat(f->folder, f->draft_tag, 0);
	f->size = 0;
}

void out_file_close(struct out_file *f)
{
	struct stat st;

	if (fstat(f->fd, &st) == 0 && st.st_size == 0 && st.st_nlink)
		out_file_drop(f);
	close_p(&f->fd);
	close_p(&f->folder);
}
