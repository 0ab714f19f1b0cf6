// SPDX-License-Identifier: MIT
/* See walk.h. */
#include "publish/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

/* A pipe in the place of a file must not hold us up. */
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)

static void visit(const struct walk *w, int at, const char *name, struct buf *path, size_t depth);

static void fail(const struct walk *w, const char *path, const char *what)
{
	struct error e;

	(void)err_sys(&e, ERR_IO, "cannot %s it", what);
	w->failed(w->ud, path, &e);
}

static void visit_directory(const struct walk *w, int fd, struct buf *path, size_t depth)
{
	DIR *directory = fdopendir(fd);
	struct dirent *entry;
	size_t n = path->n;

	if (!directory) {
		fail(w, buf_str(path), "list");
		close(fd);
		return;
	}
	while ((errno = 0, entry = readdir(directory))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (path->p[n - 1] != '/')
			buf_putc(path, '/');
		buf_puts(path, entry->d_name);
		if (!buf_failed(path))
			visit(w, dirfd(directory), entry->d_name, path, depth + 1);
		path->failed = false;
		path->n = n;
		path->p[n] = '\0';
	}
	if (errno)
		fail(w, buf_str(path), "list");
	closedir(directory);
}

/* What it is now is asked again of what has been opened: it may have been replaced meanwhile. */
static void visit(const struct walk *w, int at, const char *name, struct buf *path, size_t depth)
{
	int follow = depth ? O_NOFOLLOW : 0;
	struct stat st;
	int fd;

	if (fstatat(at, name, &st, depth ? AT_SYMLINK_NOFOLLOW : 0)) {
		fail(w, buf_str(path), "look at");
		return;
	}
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
		errno = EINVAL;
		if (!depth)
			fail(w, buf_str(path), "read");
		return;
	}
	if (depth > WALK_DEPTH_MAX) {
		errno = ELOOP;
		fail(w, buf_str(path), "go into");
		return;
	}
	fd = openat(at, name, OPEN_FLAGS | follow);
	if (fd < 0 || fstat(fd, &st)) {
		fail(w, buf_str(path), "open");
		close_p(&fd);
	} else if (S_ISDIR(st.st_mode)) {
		visit_directory(w, fd, path, depth);
	} else {
		if (S_ISREG(st.st_mode))
			w->file(w->ud, buf_str(path), fd, &st, depth == 0);
		close(fd);
	}
}

void walk(const struct walk *w, const char *path)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX(WALK_PATH_MAX);

	buf_puts(&text, path);
	visit(w, AT_FDCWD, path, &text, 0);
}
