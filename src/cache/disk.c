// SPDX-License-Identifier: MIT
/*
 * See disk.h. A file under an object's name is taken for the object only when its header is whole,
 * has the identity that was asked for, and tells the file's size; anything else is removed, so that
 * it costs one look and not one per request. Removing goes by name: should another process put a
 * good file there in the same moment, it is lost to the cache, and no more than that.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "cache/disk_priv.h"
#include "cache/generation.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#define TAG_NAME "CACHEDIR.TAG"

/* The first line is what programs look for: https://bford.info/cachedir/ */
static const char tag[] = "Signature: 8a477f597d28d172789f06886806bc55\n"
			  "# Objects cached by pepto-symbol; this directory may be deleted.\n";

void disk_object_path(const struct object_id *id, char ret[static DISK_PATH_LEN])
{
	char name[OBJECT_NAME_LEN];

	object_name(id, name);
	snprintf(ret, DISK_PATH_LEN, DISK_OBJECTS "/%s", name);
}

void disk_random_path(const char *prefix, char ret[static DISK_PATH_LEN])
{
	snprintf(ret, DISK_PATH_LEN, "%s%016" PRIx64, prefix, random_u64());
}

/* mkdir -p, each with mode 0700. */
static enum err make_path(const char *dir, struct error *e)
{
	char *path CLEANUP(free_p) = xstrdup(dir);
	char *at = path;

	while (*at) {
		at += strspn(at, "/");
		at += strcspn(at, "/");
		char next = *at;

		*at = '\0';
		if (mkdir(path, 0700) != 0 && errno != EEXIST)
			return err_sys(e, ERR_IO, "cannot make the cache directory '%s'", path);
		*at = next;
	}
	return OK;
}

/* A stricter mode now would not undo the writes of other users before. */
static enum err check_owner(const struct stat *st, const char *dir, struct error *e)
{
	if (st->st_uid != geteuid())
		return err_set(e, ERR_USAGE,
			       "the cache directory belongs to user %u and this is user %u; "
			       "chown it or choose another one: '%s'",
			       st->st_uid, geteuid(), dir);
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return err_set(
			e, ERR_USAGE,
			"others may write to the cache directory (mode %03o); see that nobody "
			"has, then chmod 700 '%s'",
			st->st_mode & 0777U, dir);
	return OK;
}

static bool has_tag(int root)
{
	int fd CLEANUP(close_p) = openat(root, TAG_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char text[sizeof(tag)];

	return fd >= 0 && file_read_at(fd, text, sizeof(text), 0) == sizeof(tag) - 1 &&
	       memcmp(text, tag, sizeof(tag) - 1) == 0;
}

/* Also of a cache that another process is just making, and of a fresh volume. */
static bool is_cache_name(const char *name)
{
	static const char *const ours[] = {".",          "..",
					   TAG_NAME,     DISK_OBJECTS,
					   DISK_TMP,     GENERATION_FILE,
					   DISK_MISSING, DISK_MISSING ".new",
					   DISK_PLANS,   "lost+found"};

	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		if (strcmp(name, ours[i]) == 0)
			return true;
	return slice_starts(slice_of(name), SLICE(DISK_TRASH));
}

/* Is it a cache, or going to be one? Its tag says so, or that nothing foreign is in it. */
static enum err check_content(int root, const char *dir, struct error *e)
{
	int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	enum err err = OK;

	if (!list) {
		close_p(&fd);
		return err_sys(e, ERR_IO, "cannot list the cache directory '%s'", dir);
	}
	while (!err && (entry = readdir(list)))
		if (!is_cache_name(entry->d_name))
			err = err_set(e, ERR_USAGE,
				      "no cache, for it holds '%.60s'; choose an empty directory "
				      "instead of '%s'",
				      entry->d_name, dir);
	closedir(list);
	return err;
}

/* Read access by other users is taken away, but not from a directory that is no cache. */
static enum err make_ours(int root, const char *dir, struct error *e)
{
	struct stat st;
	enum err err;

	if (fstat(root, &st) != 0)
		return err_sys(e, ERR_IO, "cannot look at the cache directory '%s'", dir);
	err = check_owner(&st, dir, e);
	if (!err && !has_tag(root))
		err = check_content(root, dir, e);
	if (!err && st.st_mode & (S_IRWXG | S_IRWXO) && fchmod(root, 0700) != 0)
		err = err_sys(e, ERR_IO, "cannot make the cache directory private: '%s'", dir);
	return err;
}

/*
 * The tag is a courtesy to backup programs. A failure to write it (it is there already, or the disk
 * is full or read-only) is no reason to end.
 */
static void write_tag(int root)
{
	int fd CLEANUP(close_p) = openat(root, TAG_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
					 0600);

	if (fd >= 0 && write(fd, tag, sizeof(tag) - 1) != sizeof(tag) - 1)
		unlinkat(root, TAG_NAME, 0);
}

/* Made if it is not there. -1 on an error. */
static int open_root(const char *dir, struct error *e)
{
	int root CLEANUP(close_p) = -1;

	if (make_path(dir, e) != OK)
		return -1;
	root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0) {
		err_sys(e, ERR_IO, "cannot open the cache directory '%s'", dir);
		return -1;
	}
	if (make_ours(root, dir, e) != OK)
		return -1;
	write_tag(root);
	return TAKE_FD(root);
}

enum err disk_open(const char *dir, struct disk **ret, struct error *e)
{
	int root = open_root(dir, e);

	if (root < 0)
		return e->code;
	*ret = xnew(struct disk);
	(*ret)->root = root;
	(*ret)->dir = xstrdup(dir);
	return OK;
}

/* The number of the descriptor stays: other modules hold it (disk_root()). */
enum disk_state disk_revive(struct disk *d, struct error *e)
{
	int root CLEANUP(close_p) = -1;
	struct stat st;

	if (fstat(d->root, &st) == 0 ? st.st_nlink > 0 : errno != ESTALE)
		return DISK_THERE;
	root = open_root(d->dir, e);
	if (root < 0)
		return DISK_GONE;
	if (dup3(root, d->root, O_CLOEXEC) >= 0)
		return DISK_REVIVED;
	err_sys(e, ERR_IO, "cannot open the cache directory '%s'", d->dir);
	return DISK_GONE;
}

void disk_free(struct disk *d)
{
	if (!d)
		return;
	close(d->root);
	free(d->dir);
	free(d);
}

int disk_root(const struct disk *d)
{
	return d->root;
}

/*
 * O_NOATIME because the time of use is ours to set; it is refused for files of other users. Nothing
 * here may wait for the other end of a fifo.
 */
static int open_object(int root, const char *path)
{
	const int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	int fd = openat(root, path, flags | O_NOATIME);

	return fd < 0 && errno == EPERM ? openat(root, path, flags) : fd;
}

/* No such file, or something that is no file: a link, a socket. */
static bool means_none(int error)
{
	return error == ENOENT || error == ENOTDIR || error == ELOOP || error == ENXIO;
}

/* ERR_CORRUPT when it is not the object that its name promises. */
static enum err read_meta(int fd, const struct object_id *id, int64_t size, struct disk_object *ret,
			  struct error *e)
{
	char bytes[OBJECT_HEADER_SIZE + DISK_BEGINNING];
	ssize_t n = file_read_at(fd, bytes, sizeof(bytes), 0);
	enum err err;

	if (n < 0)
		return err_sys(e, ERR_IO, "cannot read a cached object");
	err = object_header_read((struct slice){bytes, (size_t)n}, &ret->meta, e);
	if (err)
		return err;
	if (memcmp(ret->meta.id.b, id->b, sizeof(id->b)) != 0)
		return err_set(e, ERR_CORRUPT, "cached object under the name of another");
	if (size != OBJECT_HEADER_SIZE + ret->meta.length)
		return err_set(e, ERR_CORRUPT, "cached object of %lld bytes in a file of %lld",
			       (long long)ret->meta.length, (long long)size);
	ret->beginning_n = (size_t)n - OBJECT_HEADER_SIZE;
	memcpy(ret->beginning, bytes + OBJECT_HEADER_SIZE, ret->beginning_n);
	return OK;
}

enum disk_found disk_find(struct disk *d, const struct object_id *id, struct disk_object *ret,
			  struct error *e)
{
	char path[DISK_PATH_LEN];
	int fd CLEANUP(close_p) = -1;
	struct stat st;
	enum err err;

	ret->fd = -1;
	ret->damaged = false;
	disk_object_path(id, path);
	fd = open_object(d->root, path);
	if (fd < 0 && means_none(errno))
		return DISK_NONE;
	if (fd < 0 || fstat(fd, &st) != 0) {
		err_sys(e, ERR_IO, "cannot open a cached object");
		return DISK_ERROR;
	}
	if (!S_ISREG(st.st_mode) || st.st_mode & DISK_NOT_YET)
		return DISK_NONE;
	err = read_meta(fd, id, st.st_size, ret, e);
	if (err == ERR_CORRUPT) {
		ret->damaged = true;
		unlinkat(d->root, path, 0);
	}
	if (err)
		return ret->damaged ? DISK_NONE : DISK_ERROR;
	ret->checked_s = st.st_mtim.tv_sec;
	ret->used_s = st.st_atim.tv_sec;
	ret->fd = TAKE_FD(fd);
	return DISK_HIT;
}

enum err disk_remove(struct disk *d, const struct object_id *id, struct error *e)
{
	char path[DISK_PATH_LEN];

	disk_object_path(id, path);
	if (unlinkat(d->root, path, 0) != 0 && errno != ENOENT && errno != ENOTDIR)
		return err_sys(e, ERR_IO, "cannot remove a cached object");
	return OK;
}

enum err disk_empty(struct disk *d, struct error *e)
{
	char trash[DISK_PATH_LEN];

	disk_random_path(DISK_TRASH, trash);
	if (renameat(d->root, DISK_OBJECTS, d->root, trash) != 0 && errno != ENOENT)
		return err_sys(e, ERR_IO, "cannot empty the cache");
	return OK;
}

void disk_touch_used(int fd)
{
	(void)futimens(
		fd, (const struct timespec[]){{.tv_sec = clock_wall_s()}, {.tv_nsec = UTIME_OMIT}});
}

void disk_touch_checked(int fd)
{
	(void)futimens(
		fd, (const struct timespec[]){{.tv_nsec = UTIME_OMIT}, {.tv_sec = clock_wall_s()}});
}
