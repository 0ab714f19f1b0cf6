// SPDX-License-Identifier: MIT
/* See dir_draft.h. */
#include "store/dir_draft.h"

#include "base/file.h"
#include "base/random.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <xxhash.h>

#define BLOCK_SIZE   ((size_t)256 * 1024)
#define FOLDER_TRIES 16 /* a folder may be taken away, by a removal, before a file is in it */
#define SHA256_SIZE  32
#define TX_ATTRIBUTE "user.pepto-tx"

/* ---- folders ---- */

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

int dir_open_folder(int root, const char *path)
{
	return open_beneath(root, *path ? path : ".", O_RDONLY | O_DIRECTORY);
}

const char *dir_cut_last(char *path, const char **ret_folder)
{
	char *slash = strrchr(path, '/');

	*ret_folder = slash ? path : "";
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
	fd = dir_open_folder(root, above);
	return fd >= 0 && (mkdirat(fd, name, 0777) == 0 || errno == EEXIST);
}

/* Open the folder; if it is not there, make it and those on the way to it. */
static int make_folder(int root, const char *path)
{
	int fd = dir_open_folder(root, path);

	if (fd >= 0 || errno != ENOENT)
		return fd;
	for (size_t n = strcspn(path, "/");; n += 1 + strcspn(path + n + 1, "/")) {
		if (!make_one(root, path, n))
			return -1;
		if (!path[n])
			return dir_open_folder(root, path);
	}
}

/* ---- the draft ---- */

/* *ret_folder is open, and holds the draft. */
static int open_draft(struct dir_draft *d, int root, int *ret_folder)
{
	int fd = -1;

	for (int i = 0; i < FOLDER_TRIES && fd < 0; i++) {
		close_p(ret_folder);
		*ret_folder = make_folder(root, d->folder);
		if (*ret_folder < 0 && errno == ENOENT)
			continue;
		if (*ret_folder < 0)
			return -1;
		(void)snprintf(d->draft, sizeof(d->draft), ".pepto-%016llx",
			       (unsigned long long)random_u64());
		fd = openat(*ret_folder, d->draft,
			    O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0666);
		if (fd < 0 && errno != ENOENT && errno != EEXIST)
			break;
	}
	return fd;
}

static enum err copy(const struct store_body *body, const char *sha256, const atomic_bool *stop,
		     int to, struct error *e)
{
	size_t room = (size_t)MAX(MIN(body->length, (int64_t)BLOCK_SIZE), 1);
	char *block CLEANUP(free_p) = malloc(room);
	unsigned char sum[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	enum err err = OK;
	ssize_t n = 0;

	if (!block || !hash || !EVP_DigestInit_ex(hash, EVP_sha256(), NULL))
		err = err_set(e, ERR_NOMEM, "no memory to copy a file");
	for (int64_t at = 0; !err && at < body->length; at += n) {
		n = store_body_read(body, at, block, room);
		if (atomic_load(stop))
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
	return strcmp(hex, sha256) == 0
		       ? OK
		       : err_set(e, ERR_CORRUPT, "it changed while it was being stored");
}

/* "20261129-150717-3f9a12bc 1234 1796032807.123456789 0123456789abcdef", into b; what stands behind the first tells the file. */
static void tx_text(const char *tx, const struct stat *st, struct slice key, struct buf *b)
{
	struct buf folded CLEANUP(buf_fini) = BUF_MAX((size_t)4 * PATH_MAX);

	fold_lower(key, &folded);
	buf_printf(b, "%s %lld %lld.%09ld %016llx", tx, (long long)st->st_size,
		   (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
		   (unsigned long long)XXH3_64bits(folded.p, folded.n));
}

void dir_told_tx(int fd, const struct stat *st, struct slice key, char ret[static DIR_TX_SIZE])
{
	struct buf want CLEANUP(buf_fini) = BUF_MAX(256);
	char text[160];
	ssize_t n = fgetxattr(fd, TX_ATTRIBUTE, text, sizeof(text));
	struct slice is = {text, n > 0 ? (size_t)n : 0}, tx = slice_head(is, slice_find(is, ' '));

	ret[0] = '\0';
	if (tx.n == is.n || tx.n >= DIR_TX_SIZE || !text_is_field_value(tx))
		return;
	(void)snprintf(ret, DIR_TX_SIZE, SLICE_FMT, SLICE_ARG(tx));
	tx_text(ret, st, key, &want);
	if (!slice_eq(buf_slice(&want), is))
		ret[0] = '\0';
}

/* As well as it goes. */
static void tell_tx(const struct dir_draft *d, int fd, const char *tx, const struct stat *st)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX(256), key CLEANUP(buf_fini) = BUF_MAX(PATH_MAX);

	buf_printf(&key, "%s%s%s", d->folder, *d->folder ? "/" : "", d->name);
	tx_text(tx, st, buf_slice(&key), &text);
	if (!buf_failed(&key))
		(void)fsetxattr(fd, TX_ATTRIBUTE, buf_str(&text), text.n, 0);
}

enum err dir_draft_write(struct dir_draft *d, int root, const struct store_body *body,
			 const char *sha256, const char *tx, const atomic_bool *stop,
			 struct error *e)
{
	int folder CLEANUP(close_p) = -1, fd CLEANUP(close_p) = -1;
	struct stat st;
	enum err err;

	fd = open_draft(d, root, &folder);
	if (fd < 0)
		return err_sys(e, ERR_IO, "cannot make a file in '%s'", d->folder);
	err = copy(body, sha256, stop, fd, e);
	if (!err && fstat(fd, &st) != 0)
		err = err_sys(e, ERR_IO, "cannot look at what was written");
	if (err) {
		(void)unlinkat(folder, d->draft, 0);
		return err;
	}
	if (tx)
		tell_tx(d, fd, tx, &st);
	d->dev = st.st_dev;
	dir_etag(&st, d->etag);
	return OK;
}

enum err dir_draft_sync(const struct dir_draft *d, int root, struct error *e)
{
	int folder CLEANUP(close_p) = dir_open_folder(root, d->folder);
	int fd CLEANUP(close_p) =
		folder < 0 ? -1 : openat(folder, d->draft, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 || fsync(fd) ? err_sys(e, ERR_IO, "cannot write") : OK;
}

/*
 * False with errno; EEXIST where something has that name already. Not every file system can rename to a new name only
 * (NFS cannot), and not every one has links (FAT has none).
 */
static bool give_name(int folder, const char *draft, const char *name, bool only_new)
{
	if (!only_new)
		return renameat(folder, draft, folder, name) == 0;
	if (renameat2(folder, draft, folder, name, RENAME_NOREPLACE) == 0)
		return true;
	if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
		return false;
	if (linkat(folder, draft, folder, name, 0) != 0)
		return false;
	(void)unlinkat(folder, draft, 0);
	return true;
}

enum err dir_draft_name(const struct dir_draft *d, int root, bool only_new, bool durable,
			bool *ret_present, struct error *e)
{
	int folder CLEANUP(close_p) = dir_open_folder(root, d->folder);
	enum err err = OK;

	*ret_present = false;
	if (folder < 0)
		return err_sys(e, ERR_IO, "cannot open the folder");
	if (!give_name(folder, d->draft, d->name, only_new)) {
		*ret_present = only_new && errno == EEXIST;
		if (!*ret_present)
			err = err_sys(e, ERR_IO, "cannot give a file its name");
		(void)unlinkat(folder, d->draft, 0);
	} else if (durable && fsync(folder) && errno != EINVAL) {
		err = err_sys(e, ERR_IO, "cannot write the folder");
	}
	return err;
}

void dir_draft_drop(const struct dir_draft *d, int root)
{
	int folder CLEANUP(close_p) = dir_open_folder(root, d->folder);

	if (folder >= 0)
		(void)unlinkat(folder, d->draft, 0);
}
