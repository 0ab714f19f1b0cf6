// SPDX-License-Identifier: MIT
/*
 * See hot.h. A table of small sets, each with a lock of its own that is held for a comparison and
 * no system call. An entry is reference counted: by the table, and by each answer that it is being
 * sent as. In a full set the entry that has not been asked for the longest goes.
 */
#include "serve/hot.h"
#include "base/clock.h"
#include "base/file.h"
#include "cache/disk.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <xxhash.h>

#define SETS          ((size_t)256)
#define WAYS          4
#define MEMORY_EACH   ((int64_t)16 * 1024)
#define MEMORY_ALL    ((size_t)8 << 20)
#define LOOK_EVERY_NS (1 * NS_PER_S)
#define USED_EVERY_NS (600 * NS_PER_S)

struct hot_entry {
	atomic_uint refs;
	struct hot *hot;
	char *path, *head;
	size_t path_n, head_n;
	char *body;                      /* NULL: in the file */
	bool decimal_ages, short_stamps; /* how the client writes keys */
	struct store *store;
	bool symbol; /* a private store may serve it to anybody */
	int fd;
	int64_t base, length;
	int64_t fresh_until_ns;
	uint64_t purges;
	atomic_int_least64_t look_ns, used_ns; /* next look at the file; its last touch */
	int64_t asked_ns;                      /* under the set's lock */
};

struct hot_set {
	pthread_mutex_t mu;
	struct hot_entry *entry[WAYS];
};

struct hot {
	struct hot_set set[SETS];
	atomic_size_t memory; /* bytes of bodies */
	atomic_size_t n;
	size_t max;
};

struct hot *hot_new(void)
{
	struct hot *h = xnew(struct hot);
	struct rlimit files;

	for (size_t i = 0; i < SETS; i++)
		pthread_mutex_init(&h->set[i].mu, NULL);
	h->max = SETS * WAYS;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0)
		h->max = MIN(h->max, (size_t)files.rlim_cur / HOT_FILES_SHARE);
	return h;
}

void hot_free(struct hot *h)
{
	if (!h)
		return;
	hot_clear(h);
	for (size_t i = 0; i < SETS; i++)
		pthread_mutex_destroy(&h->set[i].mu);
	free(h);
}

static struct hot_set *set_of(struct hot *h, struct slice path)
{
	return &h->set[XXH3_64bits(path.p, path.n) % SETS];
}

void hot_done(struct hot *h, struct hot_entry *e)
{
	if (atomic_fetch_sub(&e->refs, 1) != 1)
		return;
	if (e->body)
		atomic_fetch_sub(&h->memory, (size_t)e->length);
	atomic_fetch_sub(&h->n, 1);
	close_p(&e->fd);
	free(e->body);
	free(e->head);
	free(e->path);
	free(e);
}

void hot_clear(struct hot *h)
{
	for (size_t i = 0; i < SETS * WAYS; i++) {
		struct hot_set *set = &h->set[i / WAYS];
		struct hot_entry *e;

		pthread_mutex_lock(&set->mu);
		e = TAKE(set->entry[i % WAYS]);
		pthread_mutex_unlock(&set->mu);
		if (e)
			hot_done(h, e);
	}
}

/* ---- finding ---- */

static bool is_for(const struct hot_entry *e, struct slice path, const struct client *client)
{
	return slice_eq((struct slice){e->path, e->path_n}, path) &&
	       e->decimal_ages == client->decimal_ages && e->short_stamps == client->short_stamps;
}

/* Called under the set's lock. */
static struct hot_entry **place_of(struct hot_set *set, struct slice path,
				   const struct client *client)
{
	for (size_t i = 0; i < WAYS; i++)
		if (set->entry[i] && is_for(set->entry[i], path, client))
			return &set->entry[i];
	return NULL;
}

static void drop(struct hot *h, struct hot_set *set, struct hot_entry *e)
{
	bool was_in = false;

	pthread_mutex_lock(&set->mu);
	for (size_t i = 0; i < WAYS; i++) {
		if (set->entry[i] == e) {
			set->entry[i] = NULL;
			was_in = true;
		}
	}
	pthread_mutex_unlock(&set->mu);
	if (was_in)
		hot_done(h, e);
}

/* Is it still what the cache would give? Looks at the file when it is time to. */
static bool still_good(struct hot_entry *e, int64_t now)
{
	int64_t look = atomic_load_explicit(&e->look_ns, memory_order_relaxed);
	int64_t used = atomic_load_explicit(&e->used_ns, memory_order_relaxed);
	struct stat st;

	if (now >= e->fresh_until_ns)
		return false;
	if (now < look || !atomic_compare_exchange_strong(&e->look_ns, &look, now + LOOK_EVERY_NS))
		return true;
	if (fstat(e->fd, &st) != 0 || st.st_nlink == 0)
		return false;
	if (now - used >= USED_EVERY_NS) {
		atomic_store_explicit(&e->used_ns, now, memory_order_relaxed);
		disk_touch_used(e->fd);
	}
	return true;
}

static bool may_serve(const struct resolve_rules *rules, const struct hot_entry *e)
{
	return (rules->any_path || e->symbol || !store_is_private(e->store)) &&
	       !(rules->looped && e->store->traits.loops);
}

struct hot_entry *hot_find(struct hot *h, const struct resolve_rules *rules, uint64_t purges)
{
	struct slice path = rules->path->spelling[0].path;
	struct hot_set *set = set_of(h, path);
	struct hot_entry **place, *e = NULL;
	int64_t now = clock_coarse_ns();

	pthread_mutex_lock(&set->mu);
	place = place_of(set, path, rules->client);
	if (place) {
		e = *place;
		e->asked_ns = now;
		atomic_fetch_add(&e->refs, 1);
	}
	pthread_mutex_unlock(&set->mu);
	if (!e)
		return NULL;
	if (e->purges != purges || !still_good(e, now)) {
		drop(h, set, e);
	} else if (may_serve(rules, e)) {
		return e;
	}
	hot_done(h, e);
	return NULL;
}

static void sent(void *ud)
{
	struct hot_entry *e = ud;

	hot_done(e->hot, e);
}

struct http_answer hot_answer(struct hot_entry *e)
{
	return (struct http_answer){
		.head = {e->head, e->head_n},
		.kind = e->body ? HTTP_ANSWER_BYTES : HTTP_ANSWER_FILE,
		.bytes = {e->body, (size_t)e->length},
		.fd = e->fd,
		.offset = e->base,
		.length = e->length,
		.release = sent,
		.ud = e,
	};
}

int64_t hot_length(const struct hot_entry *e)
{
	return e->length;
}

struct store *hot_store(const struct hot_entry *e)
{
	return e->store;
}

/* ---- adding ---- */

/* A small body, if it can be read now; else it is sent from the file. */
static char *read_body(struct hot *h, const struct hot_entry *e)
{
	size_t n = (size_t)e->length;
	char *body;

	if (e->length > MEMORY_EACH || atomic_load(&h->memory) + n > MEMORY_ALL)
		return NULL;
	body = malloc(n);
	if (body && file_read_at(e->fd, body, n, e->base) == e->length) {
		atomic_fetch_add(&h->memory, n);
		return body;
	}
	free(body);
	return NULL;
}

static struct hot_entry *entry_new(struct hot *h, const struct hot_offer *o)
{
	struct slice path = o->path->spelling[0].path;
	int64_t now = clock_mono_ns();
	struct hot_entry *e = xnew(struct hot_entry);

	atomic_init(&e->refs, 1);
	e->path = xstrndup(path.p, path.n);
	e->path_n = path.n;
	e->head = xstrndup(o->head.p, o->head.n);
	e->head_n = o->head.n;
	e->hot = h;
	e->decimal_ages = o->client->decimal_ages;
	e->short_stamps = o->client->short_stamps;
	e->store = o->store;
	e->symbol = o->path->symbol;
	e->fd = fcntl(o->fd, F_DUPFD_CLOEXEC, 0);
	e->base = o->base;
	e->length = o->length;
	e->body = read_body(h, e);
	e->fresh_until_ns = now + o->fresh_ns;
	e->purges = o->purges;
	e->asked_ns = now;
	atomic_init(&e->look_ns, now + LOOK_EVERY_NS);
	atomic_init(&e->used_ns, now);
	return e;
}

/* A free place, or the one that was asked for the longest ago. Called under the set's lock. */
static struct hot_entry **worst_place(struct hot_set *set)
{
	struct hot_entry **worst = &set->entry[0];

	for (size_t i = 0; i < WAYS && *worst; i++)
		if (!set->entry[i] || set->entry[i]->asked_ns < (*worst)->asked_ns)
			worst = &set->entry[i];
	return worst;
}

void hot_add(struct hot *h, const struct hot_offer *o)
{
	struct hot_set *set = set_of(h, o->path->spelling[0].path);
	struct hot_entry *e, **place, *old;

	if (atomic_load(&h->n) >= h->max)
		return;
	e = entry_new(h, o);
	atomic_fetch_add(&h->n, 1);
	if (e->fd < 0) {
		hot_done(h, e);
		return;
	}
	pthread_mutex_lock(&set->mu);
	place = place_of(set, o->path->spelling[0].path, o->client);
	if (!place)
		place = worst_place(set);
	old = *place;
	*place = e;
	pthread_mutex_unlock(&set->mu);
	if (old)
		hot_done(h, old);
}
