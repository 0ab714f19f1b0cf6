// SPDX-License-Identifier: MIT
/*
 * See dir_find.h. The two likely spellings cost one system call each; only when both fail are the
 * directories on the way listed, but the first if its names are known. Several entries may match one segment (`Foo.pdb` and `foo.pdb`
 * side by side on a case-sensitive file system), so the search goes depth first and comes back.
 * Its cost is bounded: DIR_SEGMENTS_MAX levels, DIR_MATCHES_MAX entries followed per directory. A name that
 * is not known costs one system call for each name there is.
 */
#include "store/dir_find.h"
#include "base/text.h"
#include "metric/metric.h"
#include "store/dir_names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define TRIES_MAX 8
#define PROC_FD   "/proc/self/fd/%d"

struct search {
	int root;
	struct dir_names *names;               /* of that, or NULL */
	struct slice folded[DIR_SEGMENTS_MAX]; /* the segments looked for, in lower case */
	size_t n;
	char path[PATH_MAX]; /* below root: what has been matched so far */
	size_t path_n;
};

/* O_PATH admits no other flags; with the others an open must not wait for a fifo's other end. */
static int how_to_open(int flags)
{
	return flags & O_PATH ? flags | O_CLOEXEC
			      : flags | O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
}

/* EAGAIN: directories are being renamed while the kernel follows a `..`. */
static int open_resolved(int root, const char *path, int flags, uint64_t resolve)
{
	struct open_how how = {.flags = (uint64_t)how_to_open(flags),
			       .resolve = resolve | RESOLVE_NO_MAGICLINKS};
	int fd;

	for (int tries = 0; tries < TRIES_MAX; tries++) {
		fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	return fd;
}

/* Where the kernel says that an open file lies now; false without /proc. */
static bool place_of(int fd, char ret[static PATH_MAX])
{
	char link[sizeof(PROC_FD) + 3 * sizeof(fd)];
	ssize_t n;

	snprintf(link, sizeof(link), PROC_FD, fd);
	n = readlink(link, ret, PATH_MAX);
	if (n <= 0 || n == PATH_MAX)
		return false;
	ret[n] = '\0';
	return true;
}

static bool lies_below(int root, int fd)
{
	char above[PATH_MAX], place[PATH_MAX];
	size_t n;

	if (!place_of(root, above) || !place_of(fd, place))
		return false;
	n = strcmp(above, "/") == 0 ? 0 : strlen(above);
	return strncmp(place, above, n) == 0 && place[n] == '/';
}

/*
 * By a link that is absolute or climbs above root. It may lead back below root: what it leads to is
 * opened without any effect (O_PATH), and opened for reading only when that very file lies there.
 * Else it is a link of a copied tree, to which root is `/`.
 */
static int open_where_it_leads(int root, const char *path, int flags)
{
	char again[sizeof(PROC_FD) + 3 * sizeof(int)];
	int fd CLEANUP(close_p) = open_resolved(root, path, O_PATH | (flags & O_DIRECTORY), 0);

	if (fd < 0 || !lies_below(root, fd))
		return open_resolved(root, path, flags, RESOLVE_IN_ROOT);
	if (flags & O_PATH)
		return TAKE_FD(fd);
	snprintf(again, sizeof(again), PROC_FD, fd);
	return open(again, how_to_open(flags));
}

int dir_open_inside(int root, const char *path, int flags)
{
	int fd = open_resolved(root, path, flags, RESOLVE_BENEATH);

	return fd >= 0 || errno != EXDEV ? fd : open_where_it_leads(root, path, flags);
}

/* What cannot be read by us says nothing of other files, our own limits nothing of any file. */
enum err dir_error_kind(int error)
{
	if (error == EACCES || error == EPERM)
		return ERR_DENIED;
	return err_sys_is_ours(error) ? ERR_BUSY : ERR_IO;
}

bool dir_means_absent(int error)
{
	return error == ENOENT || error == ENOTDIR || error == EXDEV || error == ELOOP ||
	       error == ENAMETOOLONG || error == ENXIO || error == EISDIR;
}

/* Open path if it is a regular file. A look with O_PATH first: opening a device has effects. */
static enum err open_regular(int root, const char *path, int *ret_fd, struct error *e)
{
	struct stat st;
	int look CLEANUP(close_p) = dir_open_inside(root, path, O_PATH);

	*ret_fd = -1;
	if (look < 0 || fstat(look, &st) != 0)
		return dir_means_absent(errno)
			       ? OK
			       : err_sys(e, dir_error_kind(errno), "cannot open '%s'", path);
	if (!S_ISREG(st.st_mode))
		return OK;
	*ret_fd = dir_open_inside(root, path, 0);
	if (*ret_fd < 0 && !dir_means_absent(errno))
		return err_sys(e, dir_error_kind(errno), "cannot open '%s'", path);
	return OK;
}

static bool matches_folded(struct slice name, struct slice folded)
{
	struct buf b CLEANUP(buf_fini) = BUF_MAX((size_t)4 * NAME_MAX);

	fold_lower(name, &b);
	return !buf_failed(&b) && slice_eq(buf_slice(&b), folded);
}

/* Nearly all names are ASCII, and nearly all of them are other names. */
static bool matches(const char *name, struct slice folded)
{
	size_t i = 0;

	while (name[i] && !((unsigned char)name[i] & 0x80) && i < folded.n &&
	       ascii_lower(name[i]) == folded.p[i])
		i++;
	if ((unsigned char)name[i] & 0x80)
		return matches_folded(slice_of(name), folded);
	return i == folded.n && !name[i];
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_names(char *(*names)[DIR_MATCHES_MAX])
{
	for (size_t i = 0; i < DIR_MATCHES_MAX; i++)
		free((*names)[i]);
}

struct dirent *dir_next_entry(DIR *dir)
{
	errno = 0;
	return readdir(dir);
}

/* The entries of the directory at s->path that match the segment. */
static enum err list_matches(const struct search *s, struct slice folded,
			     char *ret_names[static DIR_MATCHES_MAX], size_t *ret_n,
			     struct error *e)
{
	int fd = dir_open_inside(s->root, s->path_n ? s->path : ".", O_DIRECTORY);
	struct dirent *entry;
	enum err err;
	DIR *dir;

	*ret_n = 0;
	dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir) {
		close_p(&fd);
		return dir_means_absent(errno)
			       ? OK
			       : err_sys(e, dir_error_kind(errno), "cannot list '%s'", s->path);
	}
	metric_inc(dir_reads);
	while (*ret_n < DIR_MATCHES_MAX && (entry = dir_next_entry(dir)))
		if (matches(entry->d_name, folded))
			ret_names[(*ret_n)++] = xstrdup(entry->d_name);
	err = *ret_n < DIR_MATCHES_MAX && errno
		      ? err_sys(e, dir_error_kind(errno), "cannot list '%s'", s->path)
		      : OK;
	closedir(dir);
	return err;
}

/* The same, sorted by their bytes; out of what is known of the directory, or else out of itself. */
static enum err find_matches(const struct search *s, struct slice folded,
			     char *ret_names[static DIR_MATCHES_MAX], size_t *ret_n,
			     struct error *e)
{
	bool known = !s->path_n && s->names &&
		     dir_names_find(s->names, s->root, folded, ret_names, ret_n);
	enum err err = known ? OK : list_matches(s, folded, ret_names, ret_n, e);

	qsort(ret_names, *ret_n, sizeof(*ret_names), by_name);
	return err;
}

static bool push(struct search *s, const char *name)
{
	size_t n = strlen(name);

	if (s->path_n + n + 2 > sizeof(s->path))
		return false;
	if (s->path_n)
		s->path[s->path_n++] = '/';
	memcpy(s->path + s->path_n, name, n + 1);
	s->path_n += n;
	return true;
}

/* Recursion no deeper than DIR_SEGMENTS_MAX. */
static enum err descend(struct search *s, size_t level, int *ret_fd, struct error *e)
{
	char *names[DIR_MATCHES_MAX] CLEANUP(free_names) = {NULL};
	size_t n, before = s->path_n;
	enum err err;

	if (level == s->n)
		return open_regular(s->root, s->path, ret_fd, e);
	err = find_matches(s, s->folded[level], names, &n, e);
	for (size_t i = 0; i < n && !err && *ret_fd < 0; i++) {
		if (push(s, names[i]))
			err = descend(s, level + 1, ret_fd, e);
		s->path_n = before;
		s->path[before] = '\0';
	}
	return err;
}

static bool split(struct search *s, struct slice folded)
{
	struct slice one;

	while (slice_next(&folded, '/', &one)) {
		if (s->n == DIR_SEGMENTS_MAX || one.n == 0 || slice_eq(one, SLICE(".")) ||
		    slice_eq(one, SLICE("..")))
			return false;
		s->folded[s->n++] = one;
	}
	return s->n > 0;
}

static enum err no_root(const char *root, struct error *e)
{
	return err_sys(e, dir_error_kind(errno) == ERR_BUSY ? ERR_BUSY : ERR_IO,
		       "cannot open directory '%s'", root);
}

enum err dir_find(const char *root, struct dir_names *names, struct slice key, int *ret_fd,
		  struct error *e)
{
	struct buf lower CLEANUP(buf_fini) = BUF_MAX(PATH_MAX - 1);
	struct buf asked CLEANUP(buf_fini) = BUF_MAX(PATH_MAX - 1);
	struct search s = {.root = -1, .names = names};
	enum err err;

	*ret_fd = -1;
	fold_lower(key, &lower);
	buf_add(&asked, key);
	if (buf_failed(&lower) || buf_failed(&asked) || !split(&s, buf_slice(&lower)) ||
	    memchr(key.p, '\0', key.n))
		return OK;
	int fd CLEANUP(close_p) = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return no_root(root, e);
	s.root = fd;
	err = open_regular(fd, buf_str(&lower), ret_fd, e);
	if (!err && *ret_fd < 0 && !slice_eq(buf_slice(&lower), key))
		err = open_regular(fd, buf_str(&asked), ret_fd, e);
	if (!err && *ret_fd < 0)
		err = descend(&s, 0, ret_fd, e);
	return err;
}

/* ---- any name ---- */

struct best {
	char name[NAME_MAX + 1];
	int fd; /* -1: none yet */
};

static bool may_be_folder(const struct dirent *entry)
{
	return (entry->d_type == DT_DIR || entry->d_type == DT_LNK ||
		entry->d_type == DT_UNKNOWN) &&
	       strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

/* Keep name/middle/name if it is there and name comes before the best one so far. */
static enum err try_name(int root, const char *name, struct slice middle, struct best *best,
			 struct error *e)
{
	struct buf path CLEANUP(buf_fini) = BUF_MAX(PATH_MAX - 1);
	int fd = -1;
	enum err err;

	if (best->fd >= 0 && strcmp(name, best->name) > 0)
		return OK;
	buf_printf(&path, "%s/", name);
	fold_lower(middle, &path);
	buf_printf(&path, "/%s", name);
	if (buf_failed(&path))
		return OK;
	err = open_regular(root, buf_str(&path), &fd, e);
	if (fd < 0)
		return err == ERR_DENIED ? OK : err;
	close_p(&best->fd);
	best->fd = fd;
	snprintf(best->name, sizeof(best->name), "%s", name);
	return OK;
}

void dir_etag(const struct stat *st, char ret[static DIR_ETAG_SIZE])
{
	snprintf(ret, DIR_ETAG_SIZE, "\"%llx-%llx%08lx-%llx\"", (unsigned long long)st->st_size,
		 (unsigned long long)st->st_mtim.tv_sec, (unsigned long)st->st_mtim.tv_nsec,
		 (unsigned long long)st->st_ino);
}

enum err dir_find_any_name(const char *root, struct slice middle, const atomic_bool *stop,
			   int *ret_fd, struct error *e)
{
	struct best best = {.fd = -1};
	struct dirent *entry;
	enum err err = OK;
	size_t n = 0;
	DIR *dir;

	*ret_fd = -1;
	dir = opendir(root);
	if (!dir)
		return no_root(root, e);
	while (!err && n < DIR_NAMES_MAX && !atomic_load(stop) && (entry = dir_next_entry(dir))) {
		if (!may_be_folder(entry))
			continue;
		err = try_name(dirfd(dir), entry->d_name, middle, &best, e);
		n++;
	}
	if (!err && n < DIR_NAMES_MAX && !atomic_load(stop) && errno)
		err = err_sys(e, dir_error_kind(errno), "cannot list '%s'", root);
	closedir(dir);
	if (err)
		close_p(&best.fd);
	else
		*ret_fd = best.fd;
	return err;
}
