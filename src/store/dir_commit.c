// SPDX-License-Identifier: MIT
/*
 * See dir_commit.h. syncfs() tells of what could not be written since its descriptor was opened (Linux 5.8): so that is
 * opened before any draft is, and kept for as long as any are written.
 */
#include "store/dir_commit.h"

#include "base/pool.h"
#include "metric/metric.h"
#include "store/dir_names.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

/* So many are synced by themselves: syncfs() waits for what others have written, too. */
#define FEW 4

STAILQ_HEAD(dir_named_list, dir_named);

struct dir_commit {
	struct store *store;
	size_t writers;                /* the loop's, as the next two */
	struct dir_named_list waiting; /* drafts that are whole */
	bool runs;
	struct dir_named_list group; /* the job's while it runs */
	size_t n;                    /* of it */
	atomic_int
		fd; /* of root; -1: none. Set by a writer, and closed by the loop when there is none */
	struct pool_job job;
	struct loop_task back;
};

/* ---- on a worker ---- */

static bool is_wanted(const struct dir_named *n)
{
	return !atomic_load(n->cancelled);
}

static void drop(struct dir_named *n, int root)
{
	dir_draft_drop(&n->draft, root);
	if (!n->error.code)
		err_set(&n->error, ERR_CANCELED, "not wanted any more");
}

static void name_one(struct dir_named *n, int root, bool alone)
{
	struct error e;

	if (!is_wanted(n)) {
		drop(n, root);
	} else if (alone && dir_draft_sync(&n->draft, root, &e) != OK) {
		n->error = e;
		drop(n, root);
	} else if (dir_draft_name(&n->draft, root, n->only_new, alone, &n->present, &e) != OK) {
		n->error = e;
	}
}

static bool sync_all(int root, struct error *e)
{
	if (syncfs(root) == 0)
		return true;
	err_sys(e, ERR_IO, "cannot write");
	return false;
}

static void name_all(struct dir_commit *c, int root)
{
	struct dir_named *n;
	struct error e;

	if (!sync_all(root, &e)) {
		STAILQ_FOREACH (n, &c->group, place) {
			n->error = e;
			drop(n, root);
		}
		return;
	}
	STAILQ_FOREACH (n, &c->group, place)
		name_one(n, root, false);
	if (!sync_all(root, &e))
		STAILQ_FOREACH (n, &c->group, place)
			n->error = e;
}

static void work(struct pool_job *job)
{
	struct dir_commit *c = CONTAINER_OF(job, struct dir_commit, job);
	int root = atomic_load(&c->fd);
	struct dir_named *n;

	if (c->n > FEW)
		name_all(c, root);
	else
		STAILQ_FOREACH (n, &c->group, place)
			name_one(n, root, true);
	loop_post(c->store->ctx->loop, &c->back);
}

void dir_commit_begin(struct dir_commit *c, int root)
{
	int none = -1, fd;

	if (atomic_load(&c->fd) >= 0 || !dir_is_of_this_machine(root))
		return;
	fd = fcntl(root, F_DUPFD_CLOEXEC, 0);
	if (fd >= 0 && !atomic_compare_exchange_strong(&c->fd, &none, fd))
		close(fd); /* another one's was faster, and is as old as any draft of ours */
}

bool dir_commit_takes(struct dir_commit *c, const struct dir_draft *d)
{
	int fd = atomic_load(&c->fd);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == d->dev;
}

/* ---- on the loop ---- */

static void end_all(struct dir_named_list *all)
{
	while (!STAILQ_EMPTY(all)) {
		struct dir_named *n = STAILQ_FIRST(all);

		STAILQ_REMOVE_HEAD(all, place);
		n->done(n);
	}
}

static void refuse(struct dir_commit *c)
{
	struct dir_named_list all = STAILQ_HEAD_INITIALIZER(all);
	struct dir_named *n;

	metric_inc(refused_writes);
	STAILQ_CONCAT(&all, &c->group);
	STAILQ_FOREACH (n, &all, place)
		err_set(&n->error, ERR_BUSY, "too many writes are waiting");
	end_all(&all);
}

static void go_on(struct dir_commit *c)
{
	struct dir_named *n;

	if (c->runs || STAILQ_EMPTY(&c->waiting))
		return;
	STAILQ_CONCAT(&c->group, &c->waiting);
	c->n = 0;
	STAILQ_FOREACH (n, &c->group, place)
		c->n++;
	c->runs = pool_submit(c->store->ctx->writes, &c->job) == OK;
	if (!c->runs)
		refuse(c);
}

static void come_back(struct loop_task *task)
{
	struct dir_commit *c = CONTAINER_OF(task, struct dir_commit, back);
	struct dir_named_list all = STAILQ_HEAD_INITIALIZER(all);

	STAILQ_CONCAT(&all, &c->group);
	c->runs = false;
	go_on(c);
	end_all(&all);
}

void dir_commit_add(struct dir_commit *c, struct dir_named *n)
{
	STAILQ_INSERT_TAIL(&c->waiting, n, place);
	go_on(c);
}

void dir_commit_enter(struct dir_commit *c)
{
	c->writers++;
}

void dir_commit_leave(struct dir_commit *c)
{
	int fd;

	if (--c->writers)
		return;
	fd = atomic_exchange(&c->fd, -1);
	if (fd >= 0)
		close(fd);
}

bool dir_commit_is_idle(const struct dir_commit *c)
{
	return !c->writers;
}

struct dir_commit *dir_commit_new(struct store *s)
{
	struct dir_commit *c = xnew(struct dir_commit);

	*c = (struct dir_commit){.store = s, .fd = -1, .job.run = work, .back.run = come_back};
	STAILQ_INIT(&c->waiting);
	STAILQ_INIT(&c->group);
	return c;
}

void dir_commit_free(struct dir_commit *c)
{
	free(c);
}
