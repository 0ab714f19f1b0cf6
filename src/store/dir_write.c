// SPDX-License-Identifier: MIT
/*
 * See dir_write.h. A write belongs to the worker from pool_submit() until its task runs; a cancel in
 * between only marks it, which the worker sees from block to block and from key to key, and the
 * task frees it.
 */
#include "store/dir_write.h"
#include "base/file.h"
#include "base/random.h"
#include "base/text.h"
#include "metric/metric.h"
#include "store/dir_find.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define BLOCK_SIZE   ((size_t)256 * 1024)
#define FOLDER_TRIES 16 /* a folder may be taken away, by a removal, before a file is in it */
#define SHA256_SIZE  32
#define DRAFT_NAME   ".pepto-%016llx"
#define DRAFT_SIZE   32

struct failed_key {
	size_t which;
	struct error error;
};

struct dir_write {
	struct store_write write;
	struct store *store;
	const char *root;
	struct dir_names *names;
	struct store_body body; /* our own: a worker may outlive whoever cancels */
	char *bytes;            /* of it */
	char sha256[2 * SHA256_SIZE + 1];
	bool only_new;
	char **keys; /* n_keys of them */
	size_t n_keys;
	store_put_done *stored; /* NULL: a removal */
	struct store_remove_events removed;
	void *ud;
	atomic_bool cancelled; /* set by the loop */
	struct pool_job job;
	struct loop_task back;

	enum store_put_result result; /* written by the worker, as all below */
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

/* ---- folders, on the worker ---- */

static int open_beneath(int root, const char *path, int flags)
{
	struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC),
			       .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
	int fd;

	do
		fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	while (fd < 0 && errno == EAGAIN); /* a folder is being renamed on the way */
	return fd;
}

/* The folder at path, "" for root itself. */
static int open_folder(int root, const char *path)
{
	return open_beneath(root, *path ? path : ".", O_RDONLY | O_DIRECTORY);
}

/* The last segment of a path is cut off; where it begins. path becomes "" when there is one alone. */
static char *cut_last(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash)
		*slash = '\0';
	return slash ? slash + 1 : path;
}

/* Make the folder of the first n bytes of path, in the one above it, which is there. */
static bool make_one(int root, const char *path, size_t n)
{
	struct slice whole = {path, n};
	size_t slash = slice_rfind(whole, '/');
	size_t above_n = slash == n ? 0 : slash, at = slash == n ? 0 : slash + 1;
	char above[PATH_MAX], name[PATH_MAX];
	int fd CLEANUP(close_p) = -1;

	(void)snprintf(above, sizeof(above), "%.*s", (int)above_n, path);
	(void)snprintf(name, sizeof(name), "%.*s", (int)(n - at), path + at);
	fd = open_folder(root, above);
	return fd >= 0 && (mkdirat(fd, name, 0777) == 0 || errno == EEXIST);
}

/* Open the folder; if it is not there, make it and those on the way to it. */
static int make_folder(int root, const char *path)
{
	int fd = open_folder(root, path);

	if (fd >= 0 || errno != ENOENT)
		return fd;
	for (size_t n = strcspn(path, "/");; n += 1 + strcspn(path + n + 1, "/")) {
		if (!make_one(root, path, n))
			return -1;
		if (!path[n])
			return open_folder(root, path);
	}
}

/* ---- putting ---- */

static enum err copy(struct dir_write *w, int to, struct error *e)
{
	char *block CLEANUP(free_p) = malloc(BLOCK_SIZE);
	unsigned char sum[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	enum err err = OK;
	ssize_t n = 0;

	if (!block || !hash || !EVP_DigestInit_ex(hash, EVP_sha256(), NULL))
		err = err_set(e, ERR_NOMEM, "no memory to copy a file");
	for (int64_t at = 0; !err && at < w->body.length; at += n) {
		n = store_body_read(&w->body, at, block, BLOCK_SIZE);
		if (atomic_load(&w->cancelled))
			err = err_set(e, ERR_CANCELED, "not wanted any more");
		else if (n < 0)
			err = err_sys(e, ERR_IO, "cannot read what is to be stored");
		else if (!EVP_DigestUpdate(hash, block, (size_t)n))
			err = err_set(e, ERR_NOMEM, "no memory to copy a file");
		else if (!file_write_at(to, (struct slice){block, (size_t)n}, at))
			err = err_sys(e, ERR_IO, "cannot write");
	}
	if (!err && !EVP_DigestFinal_ex(hash, sum, NULL))
		err = err_set(e, ERR_NOMEM, "no memory to copy a file");
	EVP_MD_CTX_free(hash);
	if (err)
		return err;
	hex_encode(sum, sizeof(sum), hex);
	if (strcmp(hex, w->sha256) != 0)
		return err_set(e, ERR_CORRUPT, "it changed while it was being stored");
	return fsync(to) ? err_sys(e, ERR_IO, "cannot write") : OK;
}

/* Not every file system has hard links; those that have none may know this. */
static bool rename_new(int folder, const char *from, const char *to)
{
	return renameat2(folder, from, folder, to, RENAME_NOREPLACE) == 0;
}

/* False with errno; EEXIST where something has that name already. */
static bool give_name(const struct dir_write *w, int folder, const char *draft, const char *name)
{
	if (!w->only_new)
		return renameat(folder, draft, folder, name) == 0;
	if (linkat(folder, draft, folder, name, 0) == 0)
		return true;
	return (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS) &&
	       rename_new(folder, draft, name);
}

/* *ret_folder is open, and holds the draft. */
static int open_draft(int root, const char *path, int *ret_folder, char name[static DRAFT_SIZE])
{
	int fd = -1;

	for (int i = 0; i < FOLDER_TRIES && fd < 0; i++) {
		close_p(ret_folder);
		*ret_folder = make_folder(root, path);
		if (*ret_folder < 0 && errno == ENOENT)
			continue;
		if (*ret_folder < 0)
			return -1;
		(void)snprintf(name, DRAFT_SIZE, DRAFT_NAME, (unsigned long long)random_u64());
		fd = openat(*ret_folder, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW,
			    0666);
		if (fd < 0 && errno != ENOENT && errno != EEXIST)
			break;
	}
	return fd;
}

static void tell_etag(struct dir_write *w, int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0)
		dir_etag(&st, w->answer.etag);
}

static enum err store_in(struct dir_write *w, int root, char *path, struct error *e)
{
	char *name = cut_last(path), draft[DRAFT_SIZE];
	int folder CLEANUP(close_p) = -1, fd CLEANUP(close_p) = -1;
	enum err err;

	fd = open_draft(root, name == path ? "" : path, &folder, draft);
	if (fd < 0)
		return err_sys(e, ERR_IO, "cannot make a file in '%s'", name == path ? "" : path);
	err = copy(w, fd, e);
	w->result = STORE_PUT_STORED;
	if (!err && !give_name(w, folder, draft, name)) {
		w->result = STORE_PUT_PRESENT;
		if (!w->only_new || errno != EEXIST)
			err = err_sys(e, ERR_IO, "cannot give a file its name");
	}
	(void)unlinkat(folder, draft, 0); /* it may have been renamed */
	if (!err && w->result == STORE_PUT_STORED && fsync(folder) && errno != EINVAL)
		err = err_sys(e, ERR_IO, "cannot write the folder");
	if (w->result == STORE_PUT_STORED)
		tell_etag(w, fd);
	return err;
}

static enum err put(struct dir_write *w, struct error *e)
{
	int root CLEANUP(close_p) = open(w->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int there CLEANUP(close_p) = -1;

	if (root < 0)
		return err_sys(e, ERR_IO, "cannot open directory '%s'", w->root);
	if (w->only_new && dir_find(w->root, w->names, slice_of(w->keys[0]), &there, e) != OK)
		return e->code;
	if (there >= 0) {
		w->result = STORE_PUT_PRESENT;
		tell_etag(w, there);
		return OK;
	}
	return store_in(w, root, w->keys[0], e);
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

/* Up to root, as long as they are empty. A link to a folder is none. */
static void remove_folders(int root, char *path)
{
	while (*path) {
		char *name = cut_last(path);
		int above CLEANUP(close_p) = open_folder(root, name == path ? "" : path);

		if (above < 0 || unlinkat(above, name, AT_REMOVEDIR) != 0)
			return;
		if (name == path)
			return;
	}
}

static void remove_one(struct dir_write *w, int root, size_t which)
{
	char *path = w->keys[which], *name = cut_last(path);
	bool is_alone = name == path;
	int folder CLEANUP(close_p) = open_folder(root, is_alone ? "" : path);
	struct error e;

	if (folder >= 0 && unlinkat(folder, name, 0) == 0) {
		if (!is_alone)
			remove_folders(root, path);
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

static void work(struct pool_job *job)
{
	struct dir_write *w = CONTAINER_OF(job, struct dir_write, job);

	if (atomic_load(&w->cancelled))
		err_set(&w->error, ERR_CANCELED, "not wanted any more");
	else if (w->error.code == OK)
		(void)(w->stored ? put(w, &w->error) : remove_all(w, &w->error));
	if (w->error.code)
		w->result = STORE_PUT_FAILED;
	loop_post(w->store->ctx->loop, &w->back);
}

static void come_back(struct loop_task *task)
{
	struct dir_write *w = CONTAINER_OF(task, struct dir_write, back);
	const struct error *e = w->error.code ? &w->error : NULL;

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
			    const struct store_put *put, store_put_done *done, void *ud)
{
	struct dir_write *w = write_new(s, root, &put->key, 1);

	w->names = names;
	take_body(w, &put->body);
	(void)snprintf(w->sha256, sizeof(w->sha256), "%s", put->sha256);
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
