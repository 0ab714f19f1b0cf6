// SPDX-License-Identifier: MIT
/*
 * See evict.h. Here: the accounts, which any thread changes and reads without asking the file
 * system, and the thread, which decides from them when a pass is due. The pass itself, which walks
 * the files and removes some, is evict_pass.c: it uses the accounts and knows nothing of threads
 * and timing. The thread sleeps for LOOK_NS at most, then looks at the floor and for trash, neither
 * of which announces itself; evict_added() and evict_arriving() wake it earlier when the cap is
 * passed or much has been written. After a pass that could not do enough (all that is left is in
 * use, or other programs have filled the disk) it cannot be woken for a while, lest every new
 * object costs a walk.
 *
 * Low priority means nice and the last of the normal I/O levels. The idle classes would be humbler
 * still, but a loaded machine would then never get to make room, and a thread that is put aside
 * while it holds the lock of a directory stops all other users of that directory.
 */
#include "base/clock.h"
#include "base/wait.h"
#include "cache/evict_priv.h"
#include "cache/object.h"
#include "metric/metric.h"

#include <errno.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>

#define AUTO_MAX   (INT64_C(10) << 30) /* the largest cap, where CACHE_SIZE tells none */
#define FLOOR_STEP (INT64_C(16) << 20) /* bytes after which the floor is looked at */
#define LOOK_NS    (5 * NS_PER_S)
#define ROUND_NS   (300 * NS_PER_S)
#define PAUSE_NS   (2 * NS_PER_MS)
#define VAIN_SHARE 4 /* how much longer than a vain pass the rest after it is */
#define NICE       10

/* ---- the accounts ---- */

int64_t evict_total(const struct evict_tally *t)
{
	return MAX(atomic_load(&t->counted) + atomic_load(&t->changed), 0);
}

/* Fills that will not all fit are no reason to count beyond the cap. */
static int64_t arriving(const struct evict *v)
{
	return MAX(MIN(atomic_load(&v->arriving), atomic_load(&v->cap)), 0);
}

static int64_t over_cap(const struct evict *v)
{
	int64_t cap = atomic_load(&v->cap);

	return atomic_load(&v->walked) ? evict_total(&v->bytes) - (cap - arriving(v)) : 0;
}

int64_t evict_free_space(const struct evict *v)
{
	struct statvfs fs;

	if (fstatvfs(v->root, &fs) != 0 || fs.f_blocks == 0 || fs.f_frsize == 0)
		return INT64_MAX;
	return (int64_t)(MIN(fs.f_bavail, INT64_MAX / fs.f_frsize) * fs.f_frsize);
}

/*
 * Space that a fill has reserved already counts twice here, which errs on the side of free space.
 */
static int64_t under_floor(const struct evict *v)
{
	return v->min_free - (evict_free_space(v) - arriving(v));
}

int64_t evict_need(const struct evict *v)
{
	int64_t over = over_cap(v), under = under_floor(v);

	if (over > 0)
		over += atomic_load(&v->cap) / 20;
	if (under > 0)
		under += v->min_free / 20;
	if (atomic_load(&v->full))
		under = MAX(under, FLOOR_STEP);
	return MAX(MAX(over, under), 0);
}

static void wake(struct evict *v)
{
	if (atomic_exchange(&v->woken, true))
		return;
	LOCK_SCOPE(&v->mu);
	pthread_cond_signal(&v->changed);
}

/* So many bytes more are, or are about to be, in the file system. */
static void note_growth(struct evict *v, int64_t bytes)
{
	if (atomic_fetch_add(&v->unchecked, bytes) + bytes >= FLOOR_STEP || over_cap(v) > 0)
		wake(v);
}

static void note_objects(struct evict *v, int64_t objects, int64_t bytes)
{
	atomic_fetch_add(&v->objects.changed, objects);
	atomic_fetch_add(&v->bytes.changed, bytes);
	metric_add(cache_objects, objects);
	metric_add(cache_bytes, bytes);
}

void evict_added(struct evict *v, int64_t bytes)
{
	note_objects(v, 1, bytes);
	note_growth(v, bytes);
}

void evict_removed(struct evict *v, int64_t bytes)
{
	note_objects(v, -1, -bytes);
}

bool evict_fits(const struct evict *v, int64_t bytes)
{
	return !atomic_load(&v->beyond) && bytes <= atomic_load(&v->cap) - OBJECT_HEADER_SIZE;
}

/*
 * The bytes that running fills have been promised, and that have not come yet, are taken off the
 * space that can be had.
 */
static bool has_space(const struct evict *v)
{
	int64_t space = atomic_load(&v->free_seen);

	if (space == INT64_MAX)
		return true;
	space += evict_total(&v->bytes) - atomic_load(&v->unchecked) - v->min_free;
	return atomic_load(&v->owed) <= space;
}

bool evict_promise(struct evict *v, int64_t bytes)
{
	if (!evict_fits(v, bytes))
		return false;
	atomic_fetch_add(&v->owed, bytes);
	if (atomic_fetch_add(&v->promised, bytes) + bytes <=
		    atomic_load(&v->cap) - OBJECT_HEADER_SIZE &&
	    !atomic_load(&v->full) && has_space(v))
		return true;
	evict_promise_end(v, bytes, 0);
	return false;
}

void evict_promise_kept(struct evict *v, int64_t bytes)
{
	atomic_fetch_sub(&v->owed, bytes);
}

void evict_promise_end(struct evict *v, int64_t bytes, int64_t came)
{
	atomic_fetch_sub(&v->promised, bytes);
	atomic_fetch_sub(&v->owed, bytes - came);
}

void evict_full(struct evict *v)
{
	atomic_store(&v->full, true);
	wake(v);
}

void evict_arriving(struct evict *v, int64_t bytes)
{
	atomic_fetch_add(&v->arriving, bytes);
	note_growth(v, bytes);
}

void evict_arriving_end(struct evict *v, int64_t bytes)
{
	atomic_fetch_sub(&v->arriving, bytes);
}

struct evict_stats evict_stats(const struct evict *v)
{
	return (struct evict_stats){.bytes = evict_total(&v->bytes),
				    .objects = evict_total(&v->objects),
				    .max_bytes = atomic_load(&v->cap),
				    .walked = atomic_load(&v->walked),
				    .evicted_objects = atomic_load(&v->evicted_objects),
				    .evicted_bytes = atomic_load(&v->evicted_bytes)};
}

/* ---- the thread ---- */

void evict_rest(struct evict *v, int64_t timeout_ns, bool wakeable)
{
	const struct timespec end = wait_end(timeout_ns);

	LOCK_SCOPE(&v->mu);
	while (!atomic_load(&v->stopping) && !(wakeable && atomic_load(&v->woken)))
		if (!wait_change(&v->changed, &v->mu, &end))
			return;
}

/* How long to rest after it; *ret_within as evict_pass(). */
static int64_t timed_pass(struct evict *v, bool *ret_within)
{
	int64_t began = clock_mono_ns();

	*ret_within = evict_pass(v);
	atomic_store(&v->full, false);
	atomic_store(&v->beyond, !*ret_within);
	atomic_store(&v->free_seen, evict_free_space(v));
	if (*ret_within)
		return LOOK_NS;
	return MAX(LOOK_NS, VAIN_SHARE * (clock_mono_ns() - began));
}

static void lower_priority(void)
{
	pthread_setname_np(pthread_self(), "pepto-evict");
	setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
	syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0,
		IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, IOPRIO_BE_NR - 1));
}

static void *run(void *arg)
{
	struct evict *v = arg;
	int64_t next_round = 0;

	lower_priority();
	while (!atomic_load(&v->stopping)) {
		bool due = clock_mono_ns() >= next_round, within = true;
		int64_t rest = LOOK_NS;

		atomic_store(&v->woken, false);
		atomic_store(&v->unchecked, 0);
		atomic_store(&v->free_seen, evict_free_space(v));
		if (v->tidy)
			v->tidy(v->ud);
		if (due)
			next_round = clock_mono_ns() + ROUND_NS;
		if (evict_empty_trash(v) || due || evict_need(v) > 0)
			rest = timed_pass(v, &within);
		else
			atomic_store(&v->beyond, false); /* other programs have made the room */
		evict_rest(v, rest, within);
	}
	return NULL;
}

struct evict *evict_new(int root_fd, const struct evict_limits *limits)
{
	struct evict *v = xnew(struct evict);

	v->root = root_fd;
	v->min_free = limits->min_free;
	v->choose = limits->max_bytes < 0;
	v->candidates = EVICT_CANDIDATES;
	atomic_init(&v->cap, v->choose ? AUTO_MAX : limits->max_bytes);
	atomic_init(&v->free_seen, evict_free_space(v));
	pthread_mutex_init(&v->mu, NULL);
	pthread_cond_init(&v->changed, NULL);
	metric_add(cache_max_bytes, atomic_load(&v->cap));
	return v;
}

void evict_free(struct evict *v)
{
	if (!v)
		return;
	metric_add(cache_max_bytes, -atomic_load(&v->cap));
	metric_add(cache_bytes, -atomic_load(&v->bytes.counted) - atomic_load(&v->bytes.changed));
	metric_add(cache_objects,
		   -atomic_load(&v->objects.counted) - atomic_load(&v->objects.changed));
	pthread_cond_destroy(&v->changed);
	pthread_mutex_destroy(&v->mu);
	free(v);
}

enum err evict_start(int root_fd, const struct evict_limits *limits, void (*tidy)(void *ud),
		     void *ud, struct evict **ret, struct error *e)
{
	struct evict *v = evict_new(root_fd, limits);
	int rc;

	v->tidy = tidy;
	v->ud = ud;
	v->pause_ns = PAUSE_NS;
	rc = pthread_create(&v->thread, NULL, run, v);
	if (rc) {
		evict_free(v);
		errno = rc;
		return err_sys(e, ERR_NOMEM, "cannot start a thread");
	}
	*ret = v;
	return OK;
}

void evict_end(struct evict *v)
{
	atomic_store(&v->stopping, true);
	LOCK_SCOPE(&v->mu);
	pthread_cond_signal(&v->changed);
}

bool evict_stop(struct evict *v, int64_t timeout_ns)
{
	const struct timespec end = wait_end(timeout_ns);

	if (!v)
		return true;
	evict_end(v);
	return wait_ended(v->thread, &end);
}
