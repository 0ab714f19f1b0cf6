// SPDX-License-Identifier: MIT
/* See store_lock.h. */
#include "publish/store_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

struct store_lock {
	struct store *store;
	bool alone, job_runs, freed;
	void (*done)(void *ud, const struct error *e);
	void *ud;
	struct pool_job job;
	struct loop_task back;
	int fd;
	struct error error;
};

static int open_lock(const char *root, struct error *e)
{
	int at CLEANUP(close_p) = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int folder CLEANUP(close_p) = -1;
	int fd;

	if (at < 0) {
		err_sys(e, ERR_IO, "cannot open directory '%s'", root);
		return -1;
	}
	(void)mkdirat(at, ".pepto", 0777); /* what is wrong with it, opening it tells */
	folder = openat(at, ".pepto", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	fd = folder < 0 ? -1
			: openat(folder, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
	if (fd < 0)
		err_sys(e, ERR_IO, "cannot make '%s/.pepto/lock'", root);
	return fd;
}

static void take(struct store_lock *l)
{
	struct flock how = {.l_type = l->alone ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET};

	l->fd = open_lock(dir_store_path(l->store), &l->error);
	if (l->fd < 0 || fcntl(l->fd, F_OFD_SETLK, &how) == 0)
		return;
	if (errno == EAGAIN || errno == EACCES)
		err_set(&l->error, ERR_BUSY, "somebody %s it now: try again when they are done",
			l->alone ? "adds to it, or removes from" : "removes files from");
	else
		err_sys(&l->error, ERR_IO, "its file system cannot lock");
}

static void work(struct pool_job *job)
{
	struct store_lock *l = CONTAINER_OF(job, struct store_lock, job);

	take(l);
	loop_post(l->store->ctx->loop, &l->back);
}

static void really_free(struct store_lock *l)
{
	close_p(&l->fd);
	free(l);
}

static void come_back(struct loop_task *task)
{
	struct store_lock *l = CONTAINER_OF(task, struct store_lock, back);

	l->job_runs = false;
	if (l->freed)
		really_free(l);
	else
		l->done(l->ud, l->error.code ? &l->error : NULL);
}

struct store_lock *store_lock_start(struct store *s, bool alone,
				    void (*done)(void *ud, const struct error *e), void *ud)
{
	struct store_lock *l = xnew(struct store_lock);

	*l = (struct store_lock){.store = s,
				 .alone = alone,
				 .job_runs = true,
				 .done = done,
				 .ud = ud,
				 .job.run = work,
				 .back.run = come_back,
				 .fd = -1};
	if (pool_submit(s->ctx->disk, &l->job) != OK) {
		err_set(&l->error, ERR_BUSY, "too many file lookups are waiting");
		loop_post(s->ctx->loop, &l->back);
	}
	return l;
}

void store_lock_free(struct store_lock *l)
{
	if (!l)
		return;
	if (l->job_runs)
		l->freed = true;
	else
		really_free(l);
}
