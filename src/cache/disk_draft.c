// SPDX-License-Identifier: MIT
/*
 * See disk.h: drafts, the files that are being filled, and how one gets its name (disk.c has the
 * files that have one). Most drafts have no name at all (O_TMPFILE), so the kernel frees them also
 * when the process is killed:
 *
 *	unnamed --linkat--> objects/ab/...		when nothing has that name yet
 *	unnamed --linkat--> tmp/x --renameat--> objects/ab/...		to replace an older object
 *	tmp/x --renameat--> objects/ab/...		where the file system has no O_TMPFILE
 *
 * A name in tmp/ is held by a flock of its file, taken before the name is given where that can be
 * and else right after; a lock dies with its process. disk_reclaim() takes away the names whose
 * lock it can get. It may come between the two steps of a draft made in tmp/, so open_named()
 * looks whether its file still has a name once it holds the lock: the holder of the lock decides.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "cache/disk_priv.h"
#include "metric/metric.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

/* How often a new draft in tmp/ may be lost to a reclaim before that is an error. */
#define NAMED_TRIES 64
#define NAME_DIGITS 16

struct draft {
	struct disk *disk; /* NULL: a scratch file */
	int fd;
	char name[DISK_PATH_LEN]; /* "tmp/..."; "" while it has none, and once it is kept */
	int64_t scratch;          /* bytes that it is counted with */
};

static bool make_dir(int root, const char *path)
{
	return mkdirat(root, path, 0700) == 0 || errno == EEXIST;
}

/* As openat(), with a second try when the directory was missing. */
static int open_in(int root, const char *dir, const char *path, int flags)
{
	const mode_t mode = 0600 | DISK_NOT_YET;
	int fd = openat(root, path, flags | O_RDWR | O_CLOEXEC, mode);

	if (fd < 0 && errno == ENOENT && make_dir(root, dir))
		fd = openat(root, path, flags | O_RDWR | O_CLOEXEC, mode);
	return fd;
}

/* Is the name that a file was made under its own from now on? */
static bool hold(int fd)
{
	struct stat st;

	return flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 && st.st_nlink > 0;
}

static enum err open_named(struct draft *draft, struct error *e)
{
	for (int i = 0; i < NAMED_TRIES; i++) {
		disk_random_path(DISK_TMP "/", draft->name);
		draft->fd = open_in(draft->disk->root, DISK_TMP, draft->name, O_CREAT | O_EXCL);
		if (draft->fd < 0) {
			draft->name[0] = '\0';
			return err_sys(e, ERR_IO, "cannot make a file in the cache");
		}
		if (hold(draft->fd))
			return OK;
		unlinkat(draft->disk->root, draft->name, 0);
		draft->name[0] = '\0';
		close(TAKE_FD(draft->fd));
	}
	return err_set(e, ERR_IO, "cannot lock a file in the cache");
}

/* ENOENT, the directory being there, comes from file systems and kernels that ignore the flag. */
static bool means_no_tmpfile(int error)
{
	return error == EOPNOTSUPP || error == EISDIR || error == EINVAL || error == ENOENT;
}

static enum err open_draft(struct disk *d, struct draft *draft, struct error *e)
{
	if (atomic_load(&d->no_tmpfile))
		return open_named(draft, e);
	draft->fd = open_in(d->root, DISK_OBJECTS, DISK_OBJECTS, O_TMPFILE);
	if (draft->fd >= 0)
		return OK;
	if (!means_no_tmpfile(errno))
		return err_sys(e, ERR_IO, "cannot make a file in the cache");
	/*
	 * That may also be the directory, emptied again by another process: not to be remembered.
	 */
	if (errno != ENOENT)
		atomic_store(&d->no_tmpfile, true);
	return open_named(draft, e);
}

/*
 * The file keeps its size, which thus tells what has been written. A file system that cannot
 * reserve says so in many ways. Only an error that means that there is no space is passed on; any
 * other fault shows when the file is written.
 */
static enum err reserve(int fd, int64_t from, int64_t length, struct error *e)
{
	int r;

	do
		r = fallocate(fd, FALLOC_FL_KEEP_SIZE, from, length);
	while (r != 0 && errno == EINTR);
	if (r != 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
		return err_sys(e, ERR_IO, "cannot reserve %lld bytes in the cache",
			       (long long)length);
	return OK;
}

static enum err too_long(int64_t length, struct error *e)
{
	return err_set(e, ERR_LIMIT, "no cached object can have %lld bytes", (long long)length);
}

static void draft_free_p(struct draft **draft)
{
	draft_free(*draft);
}

enum err disk_draft(struct disk *d, int64_t length, struct draft **ret, struct error *e)
{
	struct draft *draft CLEANUP(draft_free_p) = xnew(struct draft);
	enum err err;

	draft->disk = d;
	draft->fd = -1;
	err = open_draft(d, draft, e);
	if (!err)
		err = length < 0 || length > OBJECT_LENGTH_MAX
			      ? too_long(length, e)
			      : reserve(draft->fd, 0, OBJECT_HEADER_SIZE + length, e);
	if (!err)
		*ret = TAKE(draft);
	return err;
}

enum err draft_reserve(const struct draft *draft, int64_t offset, int64_t length, struct error *e)
{
	return reserve(draft->fd, OBJECT_HEADER_SIZE + offset, length, e);
}

enum err draft_grow(struct draft *draft, int64_t length, struct error *e)
{
	enum err err = OK;

	if (!draft->disk)
		err = file_temporary_grow(draft->fd, &draft->scratch, length, e);
	if (err)
		metric_inc(refused_spool);
	return err;
}

enum err draft_scratch(int64_t length, struct draft **ret, struct error *e)
{
	struct draft *draft CLEANUP(draft_free_p) = xnew(struct draft);
	enum err err;

	draft->fd = file_temporary();
	if (draft->fd < 0)
		return err_sys(e, ERR_IO, "cannot make a temporary file");
	err = draft_grow(draft, length, e);
	if (!err)
		*ret = TAKE(draft);
	return err;
}

int draft_fd(const struct draft *draft)
{
	return draft->fd;
}

void draft_free(struct draft *draft)
{
	if (!draft)
		return;
	/* Before the lock goes: afterwards the name would be disk_reclaim()'s. */
	if (draft->name[0])
		unlinkat(draft->disk->root, draft->name, 0);
	close_p(&draft->fd);
	file_temporary_end(&draft->scratch);
	free(draft);
}

/* What cannot be read back is not written. */
static enum err write_header(int fd, const struct object_meta *meta, struct error *e)
{
	uint8_t header[OBJECT_HEADER_SIZE];
	struct object_meta again;
	enum err err;

	object_header_write(meta, header);
	err = object_header_read((struct slice){(const char *)header, sizeof(header)}, &again, e);
	if (err)
		return err;
	if (!file_write_at(fd, (struct slice){(const char *)header, sizeof(header)}, 0))
		return err_sys(e, ERR_IO, "cannot write the header of a cached object");
	return OK;
}

/* The times come after the last write, which would set them itself. */
static enum err settle(int fd, int64_t length, struct error *e)
{
	const struct timespec now = {.tv_sec = clock_wall_s()};
	struct stat st;

	if (fstat(fd, &st) != 0)
		return err_sys(e, ERR_IO, "cannot look at a cached object");
	if (st.st_size != OBJECT_HEADER_SIZE + length)
		return err_set(e, ERR_CORRUPT, "%lld bytes of a body of %lld have been written",
			       (long long)st.st_size - OBJECT_HEADER_SIZE, (long long)length);
	if (futimens(fd, (const struct timespec[]){now, now}) != 0 || fdatasync(fd) != 0)
		return err_sys(e, ERR_IO, "cannot bring a cached object to the disk");
	return OK;
}

/* Give an unnamed file this name. By way of /proc: AT_EMPTY_PATH would need a privilege. */
static bool link_unnamed(const struct draft *draft, const char *path)
{
	char self[DISK_PATH_LEN];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", draft->fd);
	return linkat(AT_FDCWD, self, draft->disk->root, path, AT_SYMLINK_FOLLOW) == 0;
}

/* The step that makes it visible; false with errno. */
static bool place(const struct draft *draft, const char *path)
{
	int root = draft->disk->root;

	if (draft->name[0])
		return renameat(root, draft->name, root, path) == 0;
	return link_unnamed(draft, path);
}

/* linkat() does not replace, renameat() does, but wants a name. Locked before it has one. */
static bool name_in_tmp(struct draft *draft)
{
	char name[DISK_PATH_LEN];

	disk_random_path(DISK_TMP "/", name);
	if (flock(draft->fd, LOCK_EX | LOCK_NB) != 0 || !make_dir(draft->disk->root, DISK_TMP) ||
	    !link_unnamed(draft, name))
		return false;
	memcpy(draft->name, name, sizeof(name));
	return true;
}

static bool make_parents(int root, const char *path)
{
	char parent[DISK_PATH_LEN];

	snprintf(parent, sizeof(parent), "%.*s", (int)slice_rfind(slice_of(path), '/'), path);
	return make_dir(root, DISK_OBJECTS) && make_dir(root, parent);
}

/* Does an object of another key lie under this identity? */
static bool is_taken(struct disk *d, const struct object_meta *meta)
{
	struct disk_object o;
	bool taken;

	if (disk_find(d, &meta->id, &o, NULL) != DISK_HIT)
		return false;
	taken = strncmp(o.meta.key, meta->key, sizeof(o.meta.key) - 1) != 0;
	close(o.fd);
	return taken;
}

static enum err give_name(struct draft *draft, const char *path, const struct object_meta *yields,
			  struct error *e)
{
	/* Where drafts have names, one replaces another without a word. */
	bool taken = yields && draft->name[0] && is_taken(draft->disk, yields);
	bool placed = !taken && place(draft, path);

	if (!placed && !taken && errno == ENOENT && make_parents(draft->disk->root, path))
		placed = place(draft, path);
	if (!placed && !taken && errno == EEXIST) {
		taken = yields && is_taken(draft->disk, yields);
		placed = !taken && name_in_tmp(draft) && place(draft, path);
	}
	if (taken)
		return err_set(e, ERR_CANCELED, "another one has come first");
	if (!placed)
		return err_sys(e, ERR_IO, "cannot put an object into the cache");
	draft->name[0] = '\0';
	return OK;
}

/*
 * The name may by now belong to a newer file, which is then removed in place of ours: it is lost to
 * the cache, and fetched again when it is asked for.
 */
static enum err reveal(const struct draft *draft, const char *path, bool good, struct error *e)
{
	enum err err = OK;

	if (!good)
		err = err_set(e, ERR_CANCELED, "purged meanwhile");
	else if (fchmod(draft->fd, 0600) != 0)
		err = err_sys(e, ERR_IO, "cannot make an object of a file in the cache");
	if (err)
		unlinkat(draft->disk->root, path, 0);
	return err;
}

enum err disk_keep(struct disk *d, struct draft *draft, const struct object_meta *meta, bool yields,
		   bool (*still_good)(void *ud), void *ud, struct error *e)
{
	char path[DISK_PATH_LEN];
	enum err err;

	ASSERT(draft->disk == d);
	err = write_header(draft->fd, meta, e);
	if (!err)
		err = settle(draft->fd, meta->length, e);
	if (!err && still_good && !still_good(ud))
		err = err_set(e, ERR_CANCELED, "purged meanwhile");
	if (err)
		return err;
	disk_object_path(&meta->id, path);
	err = give_name(draft, path, yields ? meta : NULL, e);
	return err ? err : reveal(draft, path, !still_good || still_good(ud), e);
}

static bool is_draft_name(const char *name)
{
	size_t n = 0;

	while (hex_digit(name[n]) >= 0)
		n++;
	return n == NAME_DIGITS && !name[n];
}

/* For writing, since network file systems give exclusive locks only so. */
static void reclaim_one(int tmp, const char *name)
{
	const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	int fd CLEANUP(close_p) = openat(tmp, name, flags);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		unlinkat(tmp, name, 0);
}

void disk_reclaim(struct disk *d)
{
	int fd = openat(d->root, DISK_TMP, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;

	if (!list) {
		close_p(&fd);
		return;
	}
	while ((entry = readdir(list)))
		if (is_draft_name(entry->d_name))
			reclaim_one(fd, entry->d_name);
	closedir(list);
}
