// SPDX-License-Identifier: MIT
/*
 * See dir_names.h. What is known of the directory is its stamp and since when that stands, and maybe a snapshot:
 * names read while the stamp was that one and had settled. A snapshot does not change; who looks into one holds a
 * reference. One thread reads the directory at a time, for all; the others do meanwhile as if nothing were known.
 */
#include "store/dir_names.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/text.h"
#include "metric/metric.h"
#include "store/names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#define SETTLED_NS (2 * NS_PER_S)
#define NAMES_MAX  ((size_t)1 << 18) /* some 20 bytes each, and their text; of more none are kept */
#define TEXT_MAX   ((size_t)16 << 20)
#define FOLD_MAX   ((size_t)4 * 256) /* of a file name in lower case */
#define ZFS_MAGIC  0x2fc12fc1

struct stamp {
	uint64_t dev, ino;
	int64_t mtime_ns, ctime_ns;
};

struct snapshot {
	atomic_uint refs;
	struct names *names;
};

struct dir_names {
	int64_t age_ns;
	pthread_mutex_t mu; /* all below */
	struct stamp stamp;
	/*
	 * When that was seen first, or the names could not be had last; where their age counts, when reading them
	 * began. 0: never
	 */
	int64_t since_ns;
	bool reading; /* a thread reads the names */
	struct snapshot *snapshot;
};

/* ---- which file systems ---- */

bool dir_is_of_this_machine(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) != 0)
		return false;
	switch ((uint32_t)fs.f_type) {
	case EXT4_SUPER_MAGIC:
	case XFS_SUPER_MAGIC:
	case BTRFS_SUPER_MAGIC:
	case F2FS_SUPER_MAGIC:
	case ZFS_MAGIC:
	case TMPFS_MAGIC:
	case RAMFS_MAGIC:
	case OVERLAYFS_SUPER_MAGIC:
	case SQUASHFS_MAGIC:
	case EROFS_SUPER_MAGIC_V1:
	case ISOFS_SUPER_MAGIC: return true;
	default: return false;
	}
}

/* ---- stamps ---- */

static int64_t ns_of(const struct timespec *t)
{
	return (int64_t)t->tv_sec * NS_PER_S + t->tv_nsec;
}

static bool stamp_of(int fd, struct stamp *ret)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return false;
	*ret = (struct stamp){st.st_dev, st.st_ino, ns_of(&st.st_mtim), ns_of(&st.st_ctim)};
	return true;
}

static bool same_stamp(const struct stamp *a, const struct stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->mtime_ns == b->mtime_ns &&
	       a->ctime_ns == b->ctime_ns;
}

/* ---- snapshots ---- */

static void release(struct snapshot *s)
{
	if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	names_free(s->names);
	free(s);
}

static void release_p(struct snapshot **s)
{
	release(*s);
}

static bool add(struct name_list *l, size_t *room, const char *name)
{
	return l->n < NAMES_MAX && name_list_add(l, room, slice_of(name), NULL) == OK;
}

static bool add_all(struct name_list *l, DIR *dir)
{
	struct dirent *entry;
	size_t room = 0;

	for (;;) {
		errno = 0;
		entry = readdir(dir);
		if (!entry)
			return errno == 0;
		if (!add(l, &room, entry->d_name))
			return false;
	}
}

/* NULL: not to be had. before: of this stamp, and no other; NULL: whatever it becomes meanwhile. */
static struct snapshot *snapshot_read(int fd, const struct stamp *before)
{
	struct snapshot *s CLEANUP(release_p) = xnew(struct snapshot);
	struct name_list list CLEANUP(name_list_fini) = {.text = BUF_MAX(TEXT_MAX)};
	int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = own >= 0 ? fdopendir(own) : NULL;
	struct stamp after;
	bool all;

	atomic_init(&s->refs, 1);
	if (!dir) {
		close_p(&own);
		return NULL;
	}
	metric_inc(dir_reads);
	all = add_all(&list, dir) &&
	      (!before || (stamp_of(fd, &after) && same_stamp(before, &after)));
	closedir(dir);
	s->names = all ? names_make(&list) : NULL;
	return s->names ? TAKE(s) : NULL;
}

/* To names.h '+' is ' ': in a directory it is not. */
static size_t find(const struct snapshot *s, struct slice folded, char *ret[static DIR_MATCHES_MAX])
{
	struct slice alike[DIR_MATCHES_MAX];
	size_t all = names_alike(s->names, folded, alike, ARRAY_LEN(alike)), n = 0;

	for (size_t i = 0; i < all; i++) {
		struct buf lower CLEANUP(buf_fini) = BUF_MAX(FOLD_MAX);

		fold_lower(alike[i], &lower);
		if (slice_eq(buf_slice(&lower), folded))
			ret[n++] = xstrndup(alike[i].p, alike[i].n);
	}
	return n;
}

/* ---- the directory ---- */

struct dir_names *dir_names_new(int64_t age_ns)
{
	struct dir_names *d = xnew(struct dir_names);

	d->age_ns = age_ns;
	pthread_mutex_init(&d->mu, NULL);
	return d;
}

void dir_names_free(struct dir_names *d)
{
	if (!d)
		return;
	release(d->snapshot);
	pthread_mutex_destroy(&d->mu);
	free(d);
}

/*
 * What is known of a directory that has this stamp now: a snapshot, of which the caller gets a reference; or
 * *ret_read says that the caller is to read one, and to give it to keep(). *ret_old is the caller's to release.
 */
static struct snapshot *look(struct dir_names *d, const struct stamp *stamp, bool *ret_read,
			     struct snapshot **ret_old)
{
	struct snapshot *s = NULL;
	int64_t now = clock_mono_ns();

	pthread_mutex_lock(&d->mu);
	if (!d->since_ns || !same_stamp(&d->stamp, stamp)) {
		d->stamp = *stamp;
		d->since_ns = now;
		*ret_old = TAKE(d->snapshot);
	} else if (d->snapshot) {
		s = d->snapshot;
		atomic_fetch_add(&s->refs, 1);
	} else if (!d->reading && now - d->since_ns >= SETTLED_NS) {
		*ret_read = d->reading = true;
	}
	pthread_mutex_unlock(&d->mu);
	return s;
}

/* s: NULL where it is not to be had, which is tried again after a while. Borrowed. */
static void keep(struct dir_names *d, const struct stamp *stamp, struct snapshot *s)
{
	pthread_mutex_lock(&d->mu);
	d->reading = false;
	if (same_stamp(&d->stamp, stamp)) {
		d->snapshot = s;
		if (s)
			atomic_fetch_add(&s->refs, 1);
		else
			d->since_ns = clock_mono_ns();
	}
	pthread_mutex_unlock(&d->mu);
}

/* A snapshot that stands still; NULL: there is none. */
static struct snapshot *at_rest(struct dir_names *d, int fd)
{
	struct snapshot *s, *old CLEANUP(release_p) = NULL;
	struct stamp stamp;
	bool read = false;

	if (!stamp_of(fd, &stamp))
		return NULL;
	s = look(d, &stamp, &read, &old);
	if (read) {
		s = dir_is_of_this_machine(fd) ? snapshot_read(fd, &stamp) : NULL;
		keep(d, &stamp, s);
	}
	return s;
}

/* As look(), where the age alone counts. */
static struct snapshot *look_recent(struct dir_names *d, int64_t now, bool *ret_read)
{
	struct snapshot *s = NULL;

	LOCK_SCOPE(&d->mu);
	if (d->snapshot && now - d->since_ns < d->age_ns) {
		s = d->snapshot;
		atomic_fetch_add(&s->refs, 1);
	} else if (!d->reading) {
		*ret_read = d->reading = true;
	}
	return s;
}

static struct snapshot *recent(struct dir_names *d, int fd)
{
	struct snapshot *s, *old CLEANUP(release_p) = NULL;
	int64_t now = clock_mono_ns();
	bool read = false;

	s = look_recent(d, now, &read);
	if (!read)
		return s;
	s = snapshot_read(fd, NULL);
	if (s)
		atomic_fetch_add(&s->refs, 1);
	LOCK_SCOPE(&d->mu);
	old = d->snapshot;
	d->snapshot = s;
	d->since_ns = now;
	d->reading = false;
	return s;
}

bool dir_names_find(struct dir_names *d, int fd, struct slice folded,
		    char *ret[static DIR_MATCHES_MAX], size_t *ret_n)
{
	struct snapshot *s CLEANUP(release_p) = d->age_ns ? recent(d, fd) : at_rest(d, fd);

	if (!s)
		return false;
	*ret_n = find(s, folded, ret);
	return true;
}
