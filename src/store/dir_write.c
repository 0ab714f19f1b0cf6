// SPDX-License-Identifier: MIT
/*
 * See dir_write.h. A write belongs to the worker from pool_submit() until its task runs, and then, with a draft that is
 * whole, to the group that it gets its name with (dir_commit.h); a cancel in between only marks it, which the worker sees
 * from block to block and from key to key, and the task frees it.
 */
#include "store/dir_write.h"
#include "metric/metric.h"
#include "store/dir_commit.h"
#include "store/dir_sweep.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

#define SHA256_SIZE 32

struct failed_key {
	size_t which;
	struct error error;
};

struct dir_write {
	struct store_write write;
	struct store *store;
	const char *root;
	struct dir_names *names;
	struct dir_commit *commit;
	struct store_body body; /* our own: a worker may outlive whoever cancels */
	char *bytes;            /* of it */
	char sha256[2 * SHA256_SIZE + 1];
	char tx[DIR_TX_SIZE]; /* that stores it, "" none */
	bool only_new;
	char **keys; /* n_keys of them */
	size_t n_keys;
	store_put_done *stored; /* NULL: a removal */
	struct store_remove_events removed;
	void *ud;
	atomic_bool cancelled; /* set by the loop */
	struct pool_job job;
	struct loop_task back;

	struct dir_named named;
	bool awaits_name; /* its draft is whole; written by the worker, as all below */
	enum store_put_result result;
	struct store_put_answer answer;
	struct error error;
	struct failed_key *failed;
	size_t n_failed;
};

static void write_free(struct dir_write *w)
{
	for (size_t i = 0; i < w->n_keys; i++)
		free(w->keys[i]);
	free(w->keys);
	free(w->failed);
	free(w->bytes);
	if (w->stored)
		close_p(&w->body.fd);
	free(w);
}

/* ---- putting, on the worker ---- */

static void tell_etag(struct dir_write *w, int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0)
		dir_etag(&st, w->answer.etag);
}

/* False with an error, and when it is there already: then *ret_fd is open. */
static bool is_new(struct dir_write *w, int *ret_fd, struct error *e)
{
	return !w->only_new ||
	       (dir_find(w->root, w->names, slice_of(w->keys[0]), ret_fd, e) == OK && *ret_fd < 0);
}

static void take_named(struct dir_write *w)
{
	w->result = w->named.present ? STORE_PUT_PRESENT : STORE_PUT_STORED;
	if (!w->named.present)
		(void)snprintf(w->answer.etag, sizeof(w->answer.etag), "%s", w->named.draft.etag);
}

static enum err put(struct dir_write *w, struct error *e)
{
	int root CLEANUP(close_p) = open(w->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int there CLEANUP(close_p) = -1;
	struct dir_named *n = &w->named;

	*e = (struct error){.code = OK};
	if (root < 0)
		return err_sys(e, ERR_IO, "cannot open directory '%s'", w->root);
	if (!is_new(w, &there, e)) {
		w->result = STORE_PUT_PRESENT;
		if (there >= 0)
			tell_etag(w, there);
		return e->code;
	}
	dir_commit_begin(w->commit, root);
	n->draft.name = dir_cut_last(w->keys[0], &n->draft.folder);
	if (dir_draft_write(&n->draft, root, &w->body, w->sha256, w->tx[0] ? w->tx : NULL,
			    &w->cancelled, e) != OK)
		return e->code;
	w->awaits_name = dir_commit_takes(w->commit, &n->draft);
	if (w->awaits_name)
		return OK;
	if (dir_draft_sync(&n->draft, root, e) != OK) {
		dir_draft_drop(&n->draft, root);
		return e->code;
	}
	if (dir_draft_name(&n->draft, root, n->only_new, true, &n->present, e) == OK)
		take_named(w);
	return e->code;
}

/* ---- removing ---- */

static void note_failed(struct dir_write *w, size_t which, const struct error *e)
{
	if (!w->failed)
		w->failed = xzalloc(w->n_keys * sizeof(*w->failed));
	w->failed[w->n_failed++] = (struct failed_key){which, *e};
}

static bool means_gone(int error)
{
	return error == ENOENT || error == ENOTDIR;
}

static void remove_one(struct dir_write *w, int root, size_t which)
{
	char *path = w->keys[which];
	const char *above, *name = dir_cut_last(path, &above);
	bool is_alone = name == path;
	int folder CLEANUP(close_p) = dir_open_folder(root, above);
	struct error e;

	if (folder >= 0 && unlinkat(folder, name, 0) == 0) {
		if (!is_alone)
			dir_remove_folders(root, path);
	} else if (!means_gone(errno)) {
		(void)err_sys(&e, ERR_IO, "cannot remove it");
		note_failed(w, which, &e);
	}
}

static enum err remove_all(struct dir_write *w, struct error *e)
{
	int root CLEANUP(close_p) = open(w->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return err_sys(e, ERR_IO, "cannot open directory '%s'", w->root);
	for (size_t i = 0; i < w->n_keys && !atomic_load(&w->cancelled); i++)
		remove_one(w, root, i);
	return OK;
}

/* ---- on the loop ---- */

/* Is it the file itself, that can have no such name or length there? */
static bool is_refused(const struct error *e)
{
	return e->code == ERR_USAGE || e->sys == ENAMETOOLONG || e->sys == EFBIG ||
	       e->sys == EILSEQ;
}

static void work(struct pool_job *job)
{
	struct dir_write *w = CONTAINER_OF(job, struct dir_write, job);

	if (atomic_load(&w->cancelled))
		err_set(&w->error, ERR_CANCELED, "not wanted any more");
	else if (w->error.code == OK)
		(void)(w->stored ? put(w, &w->error) : remove_all(w, &w->error));
	if (w->error.code)
		w->result = STORE_PUT_FAILED;
	if (w->awaits_name) { /* there may be many */
		close_p(&w->body.fd);
		w->body.fd = -1;
	}
	loop_post(w->store->ctx->loop, &w->back);
}

static void end(struct dir_write *w)
{
	const struct error *e = w->error.code ? &w->error : NULL;

	w->answer.refused = e && is_refused(e);
	if (w->stored)
		dir_commit_leave(w->commit);
	if (!e)
		store_alive(w->store);
	for (size_t i = 0; i < w->n_failed && !w->cancelled; i++)
		w->removed.failed(w->ud, w->failed[i].which, &w->failed[i].error);
	if (!w->cancelled && w->stored)
		w->stored(w->ud, w->result, &w->answer, e);
	else if (!w->cancelled)
		w->removed.done(w->ud, e);
	write_free(w);
}

static void has_name(struct dir_named *n)
{
	struct dir_write *w = CONTAINER_OF(n, struct dir_write, named);

	w->error = n->error;
	if (w->error.code)
		w->result = STORE_PUT_FAILED;
	else
		take_named(w);
	end(w);
}

static void come_back(struct loop_task *task)
{
	struct dir_write *w = CONTAINER_OF(task, struct dir_write, back);

	if (w->awaits_name)
		dir_commit_add(w->commit, &w->named);
	else
		end(w);
}

static void cancel(struct store_write *write)
{
	atomic_store(&CONTAINER_OF(write, struct dir_write, write)->cancelled, true);
}

static struct dir_write *write_new(struct store *s, const char *root, const struct slice *keys,
				   size_t n)
{
	struct dir_write *w = xnew(struct dir_write);

	*w = (struct dir_write){.write.cancel = cancel,
				.store = s,
				.root = root,
				.keys = xzalloc(n * sizeof(*w->keys)),
				.n_keys = n,
				.answer.date_s = -1,
				.job.run = work,
				.back.run = come_back};
	for (size_t i = 0; i < n; i++) {
		w->keys[i] = xstrndup(keys[i].p, keys[i].n);
		if (!store_key_is_clean(keys[i]) || keys[i].n >= PATH_MAX)
			err_set(&w->error, ERR_USAGE, "no file can have such a key");
	}
	return w;
}

static struct store_write *submit(struct dir_write *w)
{
	struct store *s = w->store;

	metric_inc(store_requests);
	if (pool_submit(s->ctx->writes, &w->job) == OK)
		return &w->write;
	metric_inc(refused_writes);
	err_set(&w->error, ERR_BUSY, "too many writes are waiting");
	loop_post(s->ctx->loop, &w->back);
	return &w->write;
}

static void take_body(struct dir_write *w, const struct store_body *body)
{
	w->body = *body;
	if (body->fd < 0) {
		w->bytes = xstrndup(body->bytes.p ? body->bytes.p : "", body->bytes.n);
		w->body.bytes.p = w->bytes;
		return;
	}
	w->body.fd = fcntl(body->fd, F_DUPFD_CLOEXEC, 0);
	if (w->body.fd < 0)
		err_sys(&w->error, ERR_BUSY, "cannot hold the file that is to be stored");
}

struct store_write *dir_put(struct store *s, const char *root, struct dir_names *names,
			    struct dir_commit *commit, const struct store_put *put,
			    store_put_done *done, void *ud)
{
	struct dir_write *w = write_new(s, root, &put->key, 1);

	w->names = names;
	w->commit = commit;
	w->named = (struct dir_named){
		.only_new = put->only_new, .cancelled = &w->cancelled, .done = has_name};
	dir_commit_enter(commit);
	take_body(w, &put->body);
	(void)snprintf(w->sha256, sizeof(w->sha256), "%s", put->sha256);
	for (size_t i = 0; i < put->n_meta; i++)
		if (strcmp(put->meta[i].name, "pepto-tx") == 0)
			(void)snprintf(w->tx, sizeof(w->tx), "%s", put->meta[i].value);
	w->only_new = put->only_new;
	w->stored = done;
	w->ud = ud;
	if (put->encoding)
		err_set(&w->error, ERR_USAGE, "a file has no place for a Content-Encoding");
	return submit(w);
}

struct store_write *dir_remove(struct store *s, const char *root, const struct store_remove *remove,
			       const struct store_remove_events *events, void *ud)
{
	struct dir_write *w = write_new(s, root, remove->keys, remove->n);

	w->removed = *events;
	w->ud = ud;
	return submit(w);
}
