// SPDX-License-Identifier: MIT
/*
 * The file:// store: a directory. Looking a file up may block (a network file system, a large
 * directory), so it happens on a worker thread; the answer comes back to the loop as a task with
 * an open descriptor, from which the server sends without passing the bytes through us.
 *
 * A call belongs to the worker from pool_submit() until its task runs; a cancel in between only
 * marks it, and the task cleans up. At its deadline it ends for its fetch: a worker that blocks is the
 * directory's fault, a queue in front of the workers is ours, and so is a directory of too many names.
 * What goes through all names of the directory has a worker and a queue of its own, so that no other file
 * waits for it.
 */
#include "base/clock.h"
#include "metric/metric.h"
#include "store/dir_commit.h"
#include "store/dir_draft.h"
#include "store/dir_find.h"
#include "store/dir_list.h"
#include "store/dir_names.h"
#include "store/dir_write.h"
#include "store/store_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define RECENT_NS NS_PER_S
/* A file that is put into the directory shall be found soon. */
#define MISS_TTL_MAX_NS (2 * NS_PER_S)
/* What is changed twice within a tick of the kernel's clock has the same time: so old a change is alone. */
#define SETTLED_S 2

struct dir_store {
	struct store store;
	char *path;
	struct dir_names *names; /* of the directory itself; those of its folders are read */
	/*
	 * The same for a put, which looks whether there is one in another case: among names that may be a moment old,
	 * since each file that is put changes them.
	 */
	struct dir_names *recent;
	struct dir_commit *commit;
	bool probing; /* a worker has a probe: another one would block another worker */
};

struct store_call {
	struct dir_store *dir;
	char *key; /* NULL: a probe */
	bool ranged;
	bool tells_origin;
	struct range_ask range;
	char if_match[128];
	struct store_events events;
	void (*probed)(void *ud, const struct error *e);
	store_paged *paged; /* a page of the folder that is `key` */
	char *token;
	bool deep;
	void *ud;
	atomic_bool cancelled; /* set by the loop; a worker that sees it does nothing */
	atomic_bool begun;     /* set by the worker */
	struct loop_timer overdue;
	struct pool_job job;
	struct loop_task back;

	enum store_result result; /* written by the worker, as all below */
	struct object_head head;
	struct buf page;
	struct error error;
};

static void fill_head(struct store_call *c, int fd, const struct stat *st)
{
	c->head = (struct object_head){.total = st->st_size,
				       .length = st->st_size,
				       .mtime = st->st_mtim.tv_sec,
				       .date_s = -1,
				       .origin.size = -1,
				       .fd = fd};
	dir_etag(st, c->head.etag);
}

/* 0: it is not to stay open. */
static int64_t settled_change(int fd, const struct stat *st)
{
	if (clock_wall_s() - st->st_ctim.tv_sec < SETTLED_S || !dir_is_of_this_machine(fd))
		return 0;
	return (int64_t)st->st_ctim.tv_sec * NS_PER_S + st->st_ctim.tv_nsec;
}

static bool is_for_all_names(const struct store_call *c)
{
	struct slice key = slice_of(c->key ? c->key : "");

	return slice_starts(key, SLICE(STORE_ANY_KEY)) &&
	       slice_ends(key, SLICE("/" STORE_ANY_NAME));
}

static enum err find(struct store_call *c, int *ret_fd)
{
	struct slice key = slice_of(c->key);

	if (!is_for_all_names(c))
		return dir_find(c->dir->path, c->dir->names, key, ret_fd, &c->error);
	key = slice_from(slice_head(key, key.n - 2), 2);
	return dir_find_any_name(c->dir->path, key, &c->cancelled, ret_fd, &c->error);
}

static enum store_result judge(struct store_call *c)
{
	struct range part;
	struct stat st;
	int fd CLEANUP(close_p) = -1;

	if (find(c, &fd) != OK)
		return STORE_FAULT;
	if (fd < 0)
		return STORE_MISS;
	if (fstat(fd, &st) != 0) {
		err_sys(&c->error, ERR_IO, "cannot stat '%s'", c->key);
		return STORE_FAULT;
	}
	fill_head(c, -1, &st);
	if (c->if_match[0] && strcmp(c->if_match, c->head.etag) != 0)
		return STORE_CHANGED;
	if (c->ranged && range_resolve(&c->range, st.st_size, &part) == RANGE_UNSATISFIABLE)
		return STORE_UNSATISFIABLE;
	if (c->ranged) {
		c->head.ranged = true;
		c->head.first = part.first;
		c->head.length = part.last - part.first + 1;
	}
	if (c->tells_origin)
		dir_told_tx(fd, &st, slice_of(c->key), c->head.origin.tx);
	c->head.changed_ns = settled_change(fd, &st);
	c->head.fd = TAKE_FD(fd);
	return STORE_FOUND;
}

static enum store_result list_page(struct store_call *c)
{
	const struct dir_list_ask ask = {
		.root = c->dir->path,
		.folder = slice_of(c->key),
		.deep = c->deep,
		.token = slice_of(c->token),
		.stop = &c->cancelled,
	};

	return dir_list(&ask, &c->page, &c->error) == OK ? STORE_FOUND : STORE_FAULT;
}

static void look(struct pool_job *job)
{
	struct store_call *c = CONTAINER_OF(job, struct store_call, job);

	atomic_store(&c->begun, true);
	if (atomic_load(&c->cancelled)) {
		c->result = STORE_FAULT;
	} else if (c->paged) {
		c->result = list_page(c);
	} else if (c->key) {
		c->result = judge(c);
	} else {
		int fd CLEANUP(close_p) = open(c->dir->path, O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0)
			err_sys(&c->error, ERR_IO, "cannot open directory '%s'", c->dir->path);
	}
	loop_post(c->dir->store.ctx->loop, &c->back);
}

static const struct store_page_time no_time = {.date_s = -1};

/* May free nothing: the worker still has it. */
static void call_overdue(struct loop_timer *timer)
{
	struct store_call *c = CONTAINER_OF(timer, struct store_call, overdue);
	struct error e;

	if (is_for_all_names(c))
		err_set(&e, ERR_BUSY, "too many names to look through in time");
	else if (atomic_load(&c->begun))
		err_set(&e, ERR_TIMEOUT, "no answer in time");
	else
		err_set(&e, ERR_BUSY, "too many file lookups are waiting");
	atomic_store(&c->cancelled, true);
	if (c->probed)
		c->probed(c->ud, &e);
	else if (c->paged)
		c->paged(c->ud, STORE_FAULT, NULL, &no_time, &e);
	else
		c->events.done(c->ud, STORE_FAULT, NULL, &e);
}

static void deliver(struct store_call *c)
{
	if (c->probed) {
		if (!c->error.code)
			store_alive(&c->dir->store);
		c->probed(c->ud, c->error.code ? &c->error : NULL);
		return;
	}
	if (c->result != STORE_FAULT)
		store_alive(&c->dir->store);
	if (c->paged) {
		c->cancelled = true;
		c->paged(c->ud, c->result, &c->page, &no_time, &c->error);
		return;
	}
	if (c->result == STORE_FOUND) {
		struct object_head head = c->head;

		c->head.fd = -1;
		c->events.head(c->ud, &head);
		if (c->cancelled)
			return;
	}
	c->cancelled = true; /* a cancel from inside done() finds nothing left to do */
	c->events.done(c->ud, c->result, &c->head, &c->error);
}

static void call_free(struct store_call *c)
{
	close_p(&c->head.fd);
	buf_fini(&c->page);
	free(c->token);
	free(c->key);
	free(c);
}

static void come_back(struct loop_task *task)
{
	struct store_call *c = CONTAINER_OF(task, struct store_call, back);

	loop_timer_stop(c->dir->store.ctx->loop, &c->overdue);
	if (!c->key)
		c->dir->probing = false;
	if (!c->cancelled)
		deliver(c);
	call_free(c);
}

static struct store_call *call_new(struct store *s, void *ud)
{
	struct store_call *c = xnew(struct store_call);

	c->dir = (struct dir_store *)s;
	c->ud = ud;
	c->head.fd = -1;
	c->job.run = look;
	c->back.run = come_back;
	c->overdue.due = call_overdue;
	return c;
}

static void submit(struct store_call *c, int64_t until_ns)
{
	struct store *s = &c->dir->store;
	bool search = is_for_all_names(c);

	metric_inc(store_requests);
	loop_timer_set(s->ctx->loop, &c->overdue, until_ns);
	if (pool_submit(search ? s->ctx->searches : s->ctx->disk, &c->job) == OK)
		return;
	if (search)
		metric_inc(refused_searches);
	else
		metric_inc(refused_disk_jobs);
	c->result = STORE_FAULT;
	err_set(&c->error, ERR_BUSY, "too many file lookups are waiting");
	loop_post(s->ctx->loop, &c->back);
}

static struct store_call *dir_start(struct store *s, const struct store_read *read,
				    const struct store_events *events, void *ud)
{
	struct store_call *c = call_new(s, ud);

	c->key = xstrndup(read->key.p, read->key.n);
	c->ranged = read->ranged;
	c->tells_origin = read->head && read->origin;
	c->range = read->range;
	if (read->if_match)
		snprintf(c->if_match, sizeof(c->if_match), "%s", read->if_match);
	c->events = *events;
	submit(c, read->deadline_ns);
	return c;
}

static struct store_call *dir_list_page(struct store *s, const struct store_page_ask *ask,
					store_paged *done, void *ud)
{
	struct store_call *c = call_new(s, ud);

	c->key = xstrndup(ask->folder.p, ask->folder.n);
	c->token = xstrndup(ask->token.p, ask->token.n);
	c->deep = ask->deep;
	c->paged = done;
	submit(c, ask->deadline_ns);
	return c;
}

static enum err dir_read_page(const struct store *s, struct slice folder, struct slice answer,
			      struct name_page *ret, struct error *e)
{
	return dir_list_read(answer, ret, e);
}

static void dir_resume(struct store_call *c)
{
	/* Bodies are files: nothing is ever paused. */
}

static void dir_cancel(struct store_call *c)
{
	loop_timer_stop(c->dir->store.ctx->loop, &c->overdue);
	c->cancelled = true;
}

static void dir_probe(struct store *s, enum question q,
		      void (*done)(void *ud, const struct error *e), void *ud)
{
	struct dir_store *d = (struct dir_store *)s;
	struct store_call *c;
	struct error e;

	if (d->probing) {
		err_set(&e, ERR_TIMEOUT, "the last probe has not come back");
		done(ud, &e);
		return;
	}
	d->probing = true;
	c = call_new(s, ud);
	c->probed = done;
	submit(c, clock_mono_ns() + s->ctx->try_timeout_ns);
}

static void dir_describe(struct store *s, struct buf *out)
{
	buf_puts(out, "local directory, any case");
}

static struct store_write *put_file(struct store *s, const struct store_put *put,
				    store_put_done *done, void *ud)
{
	struct dir_store *d = (struct dir_store *)s;

	return dir_put(s, d->path, d->recent, d->commit, put, done, ud);
}

static struct store_write *remove_files(struct store *s, const struct store_remove *remove,
					const struct store_remove_events *events, void *ud)
{
	return dir_remove(s, ((struct dir_store *)s)->path, remove, events, ud);
}

static bool dir_is_settling(struct store *s)
{
	return !dir_commit_is_idle(((struct dir_store *)s)->commit);
}

static bool dir_is_private(struct store *s)
{
	return false;
}

static void dir_free(struct store *s)
{
	struct dir_store *d = (struct dir_store *)s;

	dir_names_free(d->names);
	dir_names_free(d->recent);
	dir_commit_free(d->commit);
	free(d->path);
}

static const struct store_ops dir_ops = {
	.scheme = "file",
	.start = dir_start,
	.resume = dir_resume,
	.cancel = dir_cancel,
	.probe = dir_probe,
	.describe = dir_describe,
	.list = dir_list_page,
	.read_page = dir_read_page,
	.put = put_file,
	.remove = remove_files,
	.is_settling = dir_is_settling,
	.is_private = dir_is_private,
	.free = dir_free,
};

const char *dir_store_path(const struct store *s)
{
	ASSERT(s->ops == &dir_ops);
	return ((const struct dir_store *)s)->path;
}

/*
 * By the path as it is written, but for needless slashes and dots: to look where its links lead
 * may block, and belongs on a worker.
 */
static void identify(struct dir_store *d)
{
	struct buf path CLEANUP(buf_fini) = BUF_MAX(8192);
	struct slice rest = slice_of(d->path), step;

	while (slice_next(&rest, '/', &step)) {
		if (step.n == 0 || slice_eq(step, SLICE(".")))
			continue;
		buf_putc(&path, '/');
		buf_add(&path, step);
	}

	const struct store_fact facts[] = {{"kind", SLICE("file")}, {"path", buf_slice(&path)}};

	store_identify(&d->store, facts, ARRAY_LEN(facts));
}

enum err dir_open(const struct store_context *ctx, const struct store_url *url, struct store **ret,
		  struct error *e)
{
	struct dir_store *d;

	if (url->host.n)
		return err_set(e, ERR_USAGE, "a file:// URL has three slashes: file:///dir");
	if (url->path.n == 0)
		return err_set(e, ERR_USAGE, "no directory named");
	d = xnew(struct dir_store);
	d->store.ops = &dir_ops;
	d->store.traits.any_case = true;
	d->store.traits.wildcards = true;
	d->store.traits.key_case = CASE_ASKED;
	d->store.traits.local = true;
	d->store.traits.miss_ttl_max_ns = MISS_TTL_MAX_NS;
	d->path = xstrndup(url->path.p, url->path.n);
	d->names = dir_names_new(0);
	d->recent = dir_names_new(RECENT_NS);
	d->commit = dir_commit_new(&d->store);
	identify(d);
	*ret = &d->store;
	return OK;
}
