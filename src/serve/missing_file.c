// SPDX-License-Identifier: MIT
/* See missing_file.h. */
#include "serve/missing_file.h"

#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sys/stat.h>

#define DRAFT DISK_MISSING ".new"
#define STALE_S                                                                                    \
	600 /* a draft that was not written on for so long is one of a process that was killed */

/* ---- text ---- */

static json_t *text_of(struct slice s)
{
	return json_stringn(s.p ? s.p : "", s.n);
}

/* Names that are no UTF-8 are left out. */
static void print_line(void *ud, const struct missing_file *f)
{
	json_t *name = text_of(f->name), *key = text_of(f->key);
	json_t *line = NULL;
	char *text;

	if (name && key)
		line = json_pack("{sO sO sI sI sI sI ss}", "name", name, "key", key, "count",
				 (json_int_t)f->count, "over", (json_int_t)f->over, "first",
				 (json_int_t)f->first_s, "last", (json_int_t)f->last_s, "client",
				 f->client);
	text = line ? json_dumps(line, JSON_COMPACT) : NULL;
	if (text) {
		buf_puts(ud, text);
		buf_putc(ud, '\n');
	}
	free(text);
	json_decref(line);
	json_decref(name);
	json_decref(key);
}

void missing_print(struct missing *m, struct buf *out)
{
	missing_each(m, print_line, out);
}

static bool read_line(struct missing *m, struct slice text)
{
	json_int_t count = 0, over = 0, first = 0, last = 0;
	const char *name, *key, *client;
	size_t name_n, key_n;
	json_t *line = json_loadb(text.p ? text.p : "", text.n,
				  JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	bool good = line &&
		    json_unpack(line, "{s:s% s:s% s:I s:I s:I s:I s:s}", "name", &name, &name_n,
				"key", &key, &key_n, "count", &count, "over", &over, "first",
				&first, "last", &last, "client", &client) == 0 &&
		    count > 0 && over >= 0 && over <= count && first >= 0 && last >= first;

	if (good)
		missing_restore(m, &(struct missing_file){.name = {name, name_n},
							  .key = {key, key_n},
							  .count = (uint64_t)count,
							  .over = (uint64_t)over,
							  .first_s = first,
							  .last_s = last,
							  .client = client});
	json_decref(line);
	return good;
}

size_t missing_read(struct missing *m, struct slice text)
{
	struct slice line;
	size_t n = 0;

	while (slice_next(&text, '\n', &line))
		n += read_line(m, line);
	return n;
}

/* ---- the file ---- */

/* One that writes is enough; who was killed while it did leaves a draft behind. */
static int open_draft(int dir)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
	int fd = openat(dir, DRAFT, flags, 0600);
	struct stat st;

	if (fd >= 0 || errno != EEXIST || fstatat(dir, DRAFT, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    clock_wall_s() - st.st_mtim.tv_sec < STALE_S)
		return fd;
	unlinkat(dir, DRAFT, 0);
	return openat(dir, DRAFT, flags, 0600);
}

enum err missing_save(struct missing *m, int dir, struct error *e)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX(MISSING_FILE_MAX);
	int fd CLEANUP(close_p) = -1;

	missing_print(m, &text);
	if (buf_failed(&text))
		return err_set(e, ERR_NOMEM, "no memory for what is missing");
	fd = open_draft(dir);
	if (fd < 0)
		return err_sys(e, ERR_IO, "cannot make '" DRAFT "' in the cache directory");
	if (file_write_at(fd, buf_slice(&text), 0) && renameat(dir, DRAFT, dir, DISK_MISSING) == 0)
		return OK;
	err_sys(e, ERR_IO, "cannot write '" DISK_MISSING "' in the cache directory");
	unlinkat(dir, DRAFT, 0);
	return e->code;
}

enum err missing_load(struct missing *m, int dir, struct error *e)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX(MISSING_FILE_MAX);
	int fd CLEANUP(close_p) = openat(dir, DISK_MISSING,
					 O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	char *room;

	if (fd < 0 && errno == ENOENT)
		return OK;
	if (fd < 0 || fstat(fd, &st) != 0)
		return err_sys(e, ERR_IO, "cannot open '" DISK_MISSING "' in the cache directory");
	if (!S_ISREG(st.st_mode) || st.st_size > (off_t)MISSING_FILE_MAX)
		return err_set(e, ERR_CORRUPT,
			       "'" DISK_MISSING "' in the cache directory is none of ours");
	room = buf_reserve(&text, (size_t)st.st_size);
	if (!room || file_read_at(fd, room, (size_t)st.st_size, 0) != st.st_size)
		return err_sys(e, ERR_IO, "cannot read '" DISK_MISSING "' in the cache directory");
	(void)missing_read(m, (struct slice){room, (size_t)st.st_size});
	return OK;
}
