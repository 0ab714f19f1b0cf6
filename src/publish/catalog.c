// SPDX-License-Identifier: MIT
/* See catalog.h. */
#include "publish/catalog.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "base/text.h"
#include "cache/disk.h"
#include "publish/markers.h"
#include "publish/plan.h"
#include "publish/small.h"
#include "store/listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <xxhash.h>

#define AT_ONCE 16                 /* objects that are got at a time, and held in memory, */
#define BIG     ((int64_t)8 << 20) /* unless they are bigger than this: those one at a time */

/* ---- the listing ---- */

struct reading {
	struct await await;
	struct store *store;
	struct listing *listing;
	struct loop_timer go_on;
	struct catalog *ret;
	bool any;
	struct error error;
};

static struct catalog_entry *entry_of(struct catalog *c, const struct tx_id *id)
{
	size_t more = c->room ? 2 * c->room : 64;

	if (c->n && strcmp(c->entry[c->n - 1].id.s, id->s) == 0)
		return &c->entry[c->n - 1];
	if (c->n == c->room) {
		void *v = c->n < CATALOG_MAX ? reallocarray(c->entry, more, sizeof(*c->entry))
					     : NULL;

		if (!v)
			return NULL;
		c->entry = v;
		c->room = more;
	}
	c->entry[c->n] = (struct catalog_entry){.id = *id};
	return &c->entry[c->n++];
}

static void add_object(struct reading *r, struct slice name, const struct name_fact *fact)
{
	struct buf key CLEANUP(buf_fini) = BUF_MAX(8192);
	struct catalog_entry *t;
	struct catalog_object *o;
	enum tx_object which;
	struct tx_id id;

	buf_puts(&key, TX_FOLDER);
	buf_add(&key, name);
	if (!tx_key_parse(buf_slice(&key), &id, &which) || which > TX_GONE)
		return; /* none of ours */
	t = entry_of(r->ret, &id);
	if (!t) {
		err_set(&r->error, ERR_LIMIT, "too many transactions");
		return;
	}
	t->has |= 1U << which;
	o = &t->object[which];
	o->size = fact->size;
	o->modified_s = fact->modified_s;
	if (fact->etag.n < sizeof(o->etag))
		snprintf(o->etag, sizeof(o->etag), SLICE_FMT, SLICE_ARG(fact->etag));
}

static void page_came(void *ud, struct name_page *page)
{
	struct reading *r = ud;

	if (!r->any)
		r->ret->date_s = page->date_s;
	r->any = true;
	for (size_t i = 0; i < page->n_keys && !r->error.code; i++)
		add_object(r, page->keys[i], &page->facts[i]);
	loop_timer_set(r->store->ctx->loop, &r->go_on, 0);
}

static void go_on(struct loop_timer *timer)
{
	listing_go_on(CONTAINER_OF(timer, struct reading, go_on)->listing);
}

static void listed(void *ud, struct listing_result *result, const struct error *e)
{
	struct reading *r = ud;

	name_list_fini(&result->names);
	await_over(&r->await, e ? e : r->error.code ? &r->error : NULL);
}

static void begin_listing(struct await *a)
{
	struct reading *r = CONTAINER_OF(a, struct reading, await);
	const struct listing_request request = {
		.store = r->store, .folder = SLICE(TX_FOLDER), .page = page_came};

	r->listing = listing_start(&request, listed, r);
}

enum err catalog_read(struct store *s, struct catalog *ret, struct error *e)
{
	struct reading r = {
		.await.begin = begin_listing, .store = s, .go_on.due = go_on, .ret = ret};
	enum err err;

	*ret = (struct catalog){.date_s = -1};
	err = await_run(&r.await, s->ctx->loop, e);
	if (err) {
		catalog_fini(ret);
		return err_wrap(e, "cannot list the transactions");
	}
	return OK;
}

void catalog_fini(struct catalog *c)
{
	free(c->entry);
	*c = (struct catalog){.date_s = -1};
}

static int by_id(const void *id, const void *entry)
{
	return strcmp(id, ((const struct catalog_entry *)entry)->id.s);
}

struct catalog_entry *catalog_find(const struct catalog *c, const struct tx_id *id)
{
	return c->n ? bsearch(id->s, c->entry, c->n, sizeof(*c->entry), by_id) : NULL;
}

/* ---- what is kept on disk ---- */

#define STORE_NAME_LEN 32
#define UNUSED_S       (90 * INT64_C(86400)) /* so long, and what is kept of a store goes */

#define KEPT_NAME_SIZE (TX_ID_LEN + sizeof(((struct catalog_object *)NULL)->etag) + 8)

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

/* False: nothing can be kept of it. The ETag is cut down to what can stand in a name. */
static bool kept_name(const struct catalog_entry *t, enum tx_object which,
		      char name[static KEPT_NAME_SIZE])
{
	char etag[sizeof(t->object[0].etag)];
	size_t n = 0;

	for (const char *p = t->object[which].etag; *p; p++)
		if (hex_digit(*p) >= 0 || *p == '-')
			etag[n++] = *p;
	etag[n] = '\0';
	return n >= 8 && snprintf(name, KEPT_NAME_SIZE, "%s.%s.%s", t->id.s, kept_suffixes[which],
				  etag) < (int)KEPT_NAME_SIZE;
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

void catalog_prune(const struct catalog_source *from, const struct catalog *c)
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

static size_t size_max(enum tx_object which)
{
	return which == TX_PLAN ? PLAN_SIZE_MAX : which == TX_DONE ? DONE_SIZE_MAX : GONE_SIZE_MAX;
}

/* Behind what is kept: a disk that lost it is no reason to doubt the store. */
#define SUM_SIZE 16

struct sum {
	char s[SUM_SIZE + 1];
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
	struct slice all = buf_slice(kept), text = slice_head(all, all.n - MIN(all.n, SUM_SIZE));

	if (!slice_eq(slice_from(all, text.n), slice_of(sum_of(text).s)))
		return false;
	kept->n = text.n;
	kept->p[kept->n] = '\0';
	return true;
}

static bool read_kept(const struct catalog_source *from, const struct catalog_entry *t,
		      enum tx_object which, struct buf *ret)
{
	char path[PATH_MAX];

	return kept_path(from, t, which, path) &&
	       file_read_small(path, size_max(which) + SUM_SIZE, ret, NULL) == OK &&
	       take_off_sum(ret) && (int64_t)ret->n == t->object[which].size;
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
static void keep(const struct catalog_source *from, const struct catalog_entry *t,
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

/* ---- getting ---- */

struct getting {
	struct await_each each; /* of those that are wanted */
	const struct catalog_source *from;
	enum tx_object which;
	struct one {
		struct getting *all;
		const struct catalog_entry *entry;
		struct buf text;
	} one[AT_ONCE];
	size_t wanted[AT_ONCE];
};

static void got(void *ud, struct buf *bytes, const struct error *e)
{
	struct one *one = ud;
	struct error why;

	if (bytes) {
		one->text = *bytes;
		*bytes = (struct buf){0};
		await_each_over(&one->all->each, NULL);
		return;
	}
	if (e)
		why = *e;
	else
		err_set(&why, ERR_CORRUPT,
			"it is empty, or has vanished: write it anew, or remove " TX_FOLDER "%s.*",
			one->entry->id.s);
	err_wrap(&why, "cannot read transaction %s", one->entry->id.s);
	await_each_over(&one->all->each, &why);
}

static void get_one(struct await_each *each, size_t i)
{
	struct getting *g = CONTAINER_OF(each, struct getting, each);
	struct one *one = &g->one[g->wanted[i]];
	struct buf key CLEANUP(buf_fini) = BUF_MAX(128);

	tx_key_add(&one->entry->id, g->which, &key);
	(void)small_get(g->from->store, buf_slice(&key), size_max(g->which), got, one);
}

/* What is not kept is asked for; what has been is kept. */
static enum err get_some(struct getting *g, size_t n, struct error *e)
{
	size_t wanted = 0;
	enum err err;

	for (size_t i = 0; i < n; i++) {
		g->one[i].text = BUF_MAX(size_max(g->which) + SUM_SIZE);
		if (read_kept(g->from, g->one[i].entry, g->which, &g->one[i].text))
			continue;
		buf_fini(&g->one[i].text);
		g->wanted[wanted++] = i;
	}
	g->each = (struct await_each){
		.n = wanted, .at_once = AT_ONCE, .start = get_one, .stop = g->from->stop};
	err = wanted ? await_each(&g->each, g->from->store->ctx->loop, e) : OK;
	for (size_t i = 0; i < wanted && !err; i++)
		keep(g->from, g->one[g->wanted[i]].entry, g->which,
		     buf_slice(&g->one[g->wanted[i]].text));
	return err;
}

/* How many of them may be held at a time. */
static size_t some_of(const struct catalog_entry *const *entry, size_t n, enum tx_object which)
{
	size_t some = 0;

	while (some < n && some < AT_ONCE && entry[some]->object[which].size <= BIG)
		some++;
	return some ? some : 1;
}

enum err catalog_get(const struct catalog_source *source, const struct catalog_entry *const *entry,
		     size_t n, enum tx_object which,
		     enum err (*take)(void *ud, const struct catalog_entry *t, struct slice text,
				      struct error *e),
		     void *ud, struct error *e)
{
	enum err err = OK;

	for (size_t at = 0, some; at < n && !err; at += some) {
		struct getting g = {.from = source, .which = which};

		some = some_of(entry + at, n - at, which);

		for (size_t i = 0; i < some; i++)
			g.one[i] = (struct one){.all = &g, .entry = entry[at + i]};
		err = get_some(&g, some, e);
		for (size_t i = 0; i < some; i++) {
			if (!err)
				err = take(ud, g.one[i].entry, buf_slice(&g.one[i].text), e);
			buf_fini(&g.one[i].text);
		}
	}
	return err;
}
