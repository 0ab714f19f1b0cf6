// SPDX-License-Identifier: MIT
/* See kept.h. */
#include "publish/kept.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "base/text.h"
#include "cache/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <xxhash.h>

#define STORE_NAME_LEN 32
#define UNUSED_S       (90 * INT64_C(86400)) /* so long, and what is kept of a store goes */

#define KEPT_NAME_SIZE (TX_ID_LEN + 32 + 8)

static const char *const kept_suffixes[] = {"plan", "done", "gone"};

/* False: nothing is kept of this store. */
static bool kept_folder(const struct catalog_source *from, char path[static PATH_MAX])
{
	char store[2 * STORE_ID_SIZE + 1];

	if (!from->cache_dir || from->store->traits.local)
		return false;
	hex_encode(from->store->id, STORE_ID_SIZE, store);
	return snprintf(path, PATH_MAX, "%s/" DISK_PLANS "/%.32s", from->cache_dir, store) <
	       PATH_MAX;
}

/* False: nothing can be kept of it, as its ETag was not told. */
static bool kept_name(const struct catalog_entry *t, enum tx_object which,
		      char name[static KEPT_NAME_SIZE])
{
	const struct catalog_object *o = &t->object[which];

	return (o->etag[0] || o->etag[1]) &&
	       snprintf(name, KEPT_NAME_SIZE, "%s.%s.%016llx%016llx", t->id.s, kept_suffixes[which],
			(unsigned long long)o->etag[0],
			(unsigned long long)o->etag[1]) < (int)KEPT_NAME_SIZE;
}

static bool kept_path(const struct catalog_source *from, const struct catalog_entry *t,
		      enum tx_object which, char path[static PATH_MAX])
{
	char folder[PATH_MAX], name[KEPT_NAME_SIZE];

	return kept_folder(from, folder) && kept_name(t, which, name) &&
	       snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX;
}

/* A draft of another process is none of these either: it then gets again what it needs. */
static bool is_kept(const struct catalog *c, const char *name)
{
	char ours[KEPT_NAME_SIZE];
	const struct catalog_entry *t;
	struct tx_id id;

	if (!tx_id_parse(slice_head(slice_of(name), TX_ID_LEN), &id))
		return false;
	t = catalog_find(c, &id);
	for (int which = TX_PLAN; t && which <= TX_GONE; which++)
		if (catalog_has(t, which) && kept_name(t, which, ours) && strcmp(name, ours) == 0)
			return true;
	return false;
}

/* All files of the folder but those that are kept of what is wanted; where nothing is, then itself, if it is empty. */
static void empty_folder(int above, const char *name, const struct catalog *wanted)
{
	int fd = openat(above, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;

	if (!list) {
		close_p(&fd);
		return;
	}
	while ((entry = readdir(list)))
		if (!wanted || !is_kept(wanted, entry->d_name))
			(void)unlinkat(fd, entry->d_name, 0);
	if (wanted)
		(void)futimens(fd, NULL); /* when it was used last */
	closedir(list);
	if (!wanted)
		(void)unlinkat(above, name, AT_REMOVEDIR);
}

static bool is_unused(int above, const char *name)
{
	struct stat st;

	return strlen(name) == STORE_NAME_LEN &&
	       fstatat(above, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode) &&
	       clock_wall_s() - st.st_mtim.tv_sec > UNUSED_S;
}

void kept_prune(const struct catalog_source *from, const struct catalog *c)
{
	char path[PATH_MAX], *ours;
	const struct dirent *entry;
	DIR *stores;

	if (!kept_folder(from, path))
		return;
	ours = strrchr(path, '/');
	*ours++ = '\0';
	stores = opendir(path);
	if (!stores)
		return;
	empty_folder(dirfd(stores), ours, c);
	while ((entry = readdir(stores)))
		if (strcmp(entry->d_name, ours) != 0 && is_unused(dirfd(stores), entry->d_name))
			empty_folder(dirfd(stores), entry->d_name, NULL);
	closedir(stores);
}

/* Behind what is kept: a disk that lost it is no reason to doubt the store. */
struct sum {
	char s[KEPT_SUM_SIZE + 1];
};

static struct sum sum_of(struct slice text)
{
	struct sum sum;

	(void)snprintf(sum.s, sizeof(sum.s), "%016llx",
		       (unsigned long long)XXH3_64bits(text.p, text.n));
	return sum;
}

static bool take_off_sum(struct buf *kept)
{
	struct slice all = buf_slice(kept),
		     text = slice_head(all, all.n - MIN(all.n, KEPT_SUM_SIZE));

	if (!slice_eq(slice_from(all, text.n), slice_of(sum_of(text).s)))
		return false;
	kept->n = text.n;
	kept->p[kept->n] = '\0';
	return true;
}

bool kept_read(const struct catalog_source *from, const struct catalog_entry *t,
	       enum tx_object which, struct buf *ret)
{
	char path[PATH_MAX];

	return kept_path(from, t, which, path) &&
	       file_read_small(path, ret->max, ret, NULL) == OK && take_off_sum(ret) &&
	       (int64_t)ret->n == t->object[which].size;
}

static void make_folders(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(path, 0700);
		*slash = '/';
	}
}

/* As well as it goes: what is not kept is got again. */
void kept_keep(const struct catalog_source *from, const struct catalog_entry *t,
	       enum tx_object which, struct slice text)
{
	char path[PATH_MAX], draft[PATH_MAX];
	int fd CLEANUP(close_p) = -1;

	if ((int64_t)text.n != t->object[which].size || !kept_path(from, t, which, path) ||
	    snprintf(draft, sizeof(draft), "%s.%016llx", path, (unsigned long long)random_u64()) >=
		    (int)sizeof(draft))
		return;
	make_folders(path);
	fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0 &&
	    (!file_write_at(fd, text, 0) ||
	     !file_write_at(fd, slice_of(sum_of(text).s), (int64_t)text.n) || rename(draft, path)))
		(void)unlink(draft);
}
