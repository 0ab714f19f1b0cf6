// SPDX-License-Identifier: MIT
/*
 * One pass over the files of the cache: a walk that counts them and notes the oldest (oldest.h),
 * and the removal of as many of these as have to go. See evict.h. Every path starts from the
 * cache's directory, and nothing is believed that was seen a moment ago: before a file goes it is
 * opened and looked at again.
 *
 * A time of use in the future, from a clock that was wrong, would keep its file for ever. The walk
 * sets it to now, from where it ages as any other.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "cache/disk.h"
#include "cache/evict_priv.h"
#include "cache/oldest.h"
#include "metric/metric.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define STEP         256 /* files between two rests */
#define NAME_DIGITS  (OBJECT_NAME_LEN - 4)
#define TRASH_DIGITS 16
#define MAGIC_SIZE   8
#define PATH_LEN     (sizeof(DISK_OBJECTS) + OBJECT_NAME_LEN)

struct walk {
	struct evict *evict;
	struct oldest oldest;
	int64_t bytes, objects;
	size_t steps;
};

static void closedir_p(DIR **list)
{
	if (*list)
		closedir(*list);
}

static DIR *open_list(int at, const char *path)
{
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;

	if (!list)
		close_p(&fd);
	return list;
}

/* After each file; false when the end is near. */
static bool may_go_on(struct evict *v, size_t *steps)
{
	if (++*steps % STEP == 0 && v->pause_ns && !v->hurry)
		evict_rest(v, v->pause_ns, false);
	return !atomic_load(&v->stopping);
}

/* ---- the walk ---- */

static int64_t used_ns(const struct stat *st)
{
	int64_t s = st->st_atim.tv_sec;

	s = MAX(MIN(s, INT64_MAX / NS_PER_S - 1), INT64_MIN / NS_PER_S + 1);
	return s * NS_PER_S + st->st_atim.tv_nsec;
}

/* Does a file of this name in this directory hold an object, and which? */
static bool parse_name(unsigned dir, const char *name, struct object_id *ret)
{
	struct object_id id = {{(uint8_t)dir}};
	char spelled[OBJECT_NAME_LEN];

	if (strlen(name) != NAME_DIGITS)
		return false;
	for (size_t i = 0; i < NAME_DIGITS / 2; i++)
		id.b[1 + i] = (uint8_t)(hex_digit(name[2 * i]) * 16 + hex_digit(name[2 * i + 1]));
	object_name(&id, spelled);
	*ret = id;
	return strcmp(spelled + 3, name) == 0;
}

static void visit(struct walk *w, int dir, const char *name, const struct object_id *id)
{
	const struct timespec now = {.tv_sec = clock_wall_s()};
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
		return;
	if (st.st_atim.tv_sec > now.tv_sec) {
		const struct timespec times[] = {now, {.tv_nsec = UTIME_OMIT}};

		st.st_atim = now;
		(void)utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW);
	}
	w->objects++;
	w->bytes += st.st_blocks * 512;
	oldest_add(&w->oldest, &(struct oldest_object){.id = *id,
						       .used_ns = used_ns(&st),
						       .bytes = st.st_blocks * 512});
}

/* One of the 256 directories; false when the end is near. */
static bool visit_dir(struct walk *w, unsigned n)
{
	char path[PATH_LEN];
	DIR *list CLEANUP(closedir_p) = NULL;
	const struct dirent *entry;
	struct object_id id;

	snprintf(path, sizeof(path), DISK_OBJECTS "/%02x", n);
	list = open_list(w->evict->root, path);
	if (!list)
		return !atomic_load(&w->evict->stopping);
	while ((entry = readdir(list))) {
		if (parse_name(n, entry->d_name, &id))
			visit(w, dirfd(list), entry->d_name, &id);
		if (!may_go_on(w->evict, &w->steps))
			return false;
	}
	return true;
}

static void recount(struct evict_tally *t, int64_t counted, int64_t changed_before)
{
	atomic_store(&t->counted, counted - changed_before);
}

static void choose_cap(struct evict *v, int64_t held)
{
	int64_t cap = atomic_load(&v->cap), half = evict_free_space(v) / 2 + held / 2;

	atomic_store(&v->cap, MIN(cap, half));
	metric_add(cache_max_bytes, MIN(cap, half) - cap);
	v->choose = false;
}

/* False when the end is near: then nothing is known that was not before. */
static bool walk(struct walk *w)
{
	struct evict *v = w->evict;
	int64_t bytes = atomic_load(&v->bytes.changed), objects = atomic_load(&v->objects.changed);
	int64_t bytes_before = atomic_load(&v->bytes.counted);
	int64_t objects_before = atomic_load(&v->objects.counted);

	for (unsigned n = 0; n < 256; n++)
		if (!visit_dir(w, n))
			return false;
	if (v->choose)
		choose_cap(v, w->bytes);
	recount(&v->bytes, w->bytes, bytes);
	recount(&v->objects, w->objects, objects);
	metric_add(cache_bytes, atomic_load(&v->bytes.counted) - bytes_before);
	metric_add(cache_objects, atomic_load(&v->objects.counted) - objects_before);
	atomic_store(&v->walked, true);
	return true;
}

/* ---- the removal ---- */

enum fate { STAYS, REMOVED, WAS_GONE };

static bool has_magic(int fd)
{
	static const struct object_meta any;
	uint8_t header[OBJECT_HEADER_SIZE], found[MAGIC_SIZE];

	object_header_write(&any, header);
	return file_read_at(fd, found, sizeof(found), 0) == sizeof(found) &&
	       memcmp(found, header, sizeof(found)) == 0;
}

/* The look at the file must not count as its use. */
static enum fate remove_object(const struct evict *v, const struct oldest_object *o)
{
	const int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_NOATIME;
	char name[OBJECT_NAME_LEN], path[PATH_LEN];
	int fd CLEANUP(close_p) = -1;
	struct stat st;

	object_name(&o->id, name);
	snprintf(path, sizeof(path), DISK_OBJECTS "/%s", name);
	fd = openat(v->root, path, flags);
	if (fd < 0)
		return errno == ENOENT ? WAS_GONE : STAYS;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || used_ns(&st) != o->used_ns ||
	    !has_magic(fd) || unlinkat(v->root, path, 0) != 0)
		return STAYS;
	return REMOVED;
}

static void note_evicted(struct evict *v, int64_t bytes)
{
	atomic_fetch_add(&v->evicted_objects, 1);
	atomic_fetch_add(&v->evicted_bytes, bytes);
	metric_inc(evicted_objects);
	metric_add(evicted_bytes, bytes);
}

/*
 * Make room for goal bytes; returns how many there are. A file that is gone already was removed by
 * another process, and counts as well: else two processes would remove twice as much as is needed.
 */
static int64_t trim(struct walk *w, int64_t goal)
{
	struct evict *v = w->evict;
	int64_t freed = 0;

	oldest_sort(&w->oldest);
	for (size_t i = 0; i < w->oldest.n && freed < goal && may_go_on(v, &w->steps); i++) {
		const struct oldest_object *o = &w->oldest.heap[i];
		enum fate fate = remove_object(v, o);

		if (fate == STAYS)
			continue;
		if (fate == REMOVED)
			note_evicted(v, o->bytes);
		evict_removed(v, o->bytes);
		freed += o->bytes;
	}
	return freed;
}

enum outcome { WITHIN, SHORT, BEYOND };

/*
 * One walk, to make room for *owed bytes at least; *owed is then the part for which no room was
 * made. SHORT: it could not name enough, and another one may.
 */
static enum outcome pass_once(struct evict *v, int64_t *owed)
{
	struct walk w = {.evict = v};
	int64_t freed = 0;

	v->hurry = *owed > 0 || evict_need(v) > 0;
	oldest_init(&w.oldest, v->candidates);
	if (walk(&w)) {
		*owed = MAX(*owed, evict_need(v));
		v->hurry = true;
		freed = trim(&w, *owed);
		*owed -= freed;
	}
	oldest_fini(&w.oldest);
	if (*owed <= 0 || atomic_load(&v->stopping))
		return WITHIN;
	if (freed > 0 && w.oldest.spilled)
		return SHORT;
	return evict_need(v) > 0 ? BEYOND : WITHIN;
}

bool evict_pass(struct evict *v)
{
	enum outcome outcome;
	int64_t owed = 0;

	do
		outcome = pass_once(v, &owed);
	while (outcome == SHORT);
	return outcome == WITHIN;
}

/* ---- trash ---- */

static bool is_trash(const char *name)
{
	size_t n = 0;

	if (!slice_starts(slice_of(name), SLICE(DISK_TRASH)))
		return false;
	name += sizeof(DISK_TRASH) - 1;
	while (hex_digit(name[n]) >= 0)
		n++;
	return n == TRASH_DIGITS && !name[n];
}

/* Delete a directory with its files, and so those in it, depth levels down; what is not empty then
 * was never ours. Returns how many files there were. */
static size_t empty(struct evict *v, int at, const char *name, int depth, size_t *steps)
{
	DIR *list CLEANUP(closedir_p) = open_list(at, name);
	const struct dirent *entry;
	size_t n = 0;

	while (list && may_go_on(v, steps) && (entry = readdir(list))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (unlinkat(dirfd(list), entry->d_name, 0) == 0)
			n++;
		else if (errno == EISDIR && depth > 0)
			n += empty(v, dirfd(list), entry->d_name, depth - 1, steps);
	}
	unlinkat(at, name, AT_REMOVEDIR);
	return n;
}

bool evict_empty_trash(struct evict *v)
{
	DIR *list CLEANUP(closedir_p) = open_list(v->root, ".");
	const struct dirent *entry;
	size_t n = 0, steps = 0;

	v->hurry = false;
	while (list && (entry = readdir(list)))
		if (is_trash(entry->d_name))
			n += empty(v, v->root, entry->d_name, 1, &steps);
	return n > 0;
}
