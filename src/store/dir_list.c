// SPDX-License-Identifier: MIT
/*
 * See dir_list.h. All names of a folder are read and sorted before the first is told; a folder counts there with
 * the '/' behind its name, as the keys below it do. A page is a row of entries, each a struct entry and its text;
 * the last of them may be the token.
 */
#include "store/dir_list.h"
#include "base/clock.h"
#include "store/dir_find.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#define PAGE_KEYS  1000 /* of a deep page */
#define FOLDER_MAX ((size_t)1 << 20)
#define ANSWER_MAX (NAME_TEXT_MAX + FOLDER_MAX * (sizeof(struct entry) + DIR_ETAG_SIZE))

enum what { KEY, FOLDER, TOKEN };

struct entry {
	int64_t size, modified_s;
	uint32_t n;      /* of its text; */
	uint16_t n_etag; /* behind it, of a key: its ETag */
	uint16_t what;
};

struct found {
	char *name; /* a folder's with a '/' at its end */
	off_t size; /* the others are as in a struct stat, too */
	struct timespec modified;
	ino_t inode;
};

struct found_list {
	struct found *v;
	size_t n, room;
};

struct page {
	const struct dir_list_ask *ask;
	int root;
	struct buf *ret;
	size_t keys;
	bool full;
	char last[PATH_MAX];
	struct error *e;
};

static void found_fini(struct found_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].name);
	free(l->v);
}

static struct slice etag_of(const struct found *f, char space[static DIR_ETAG_SIZE])
{
	struct stat st = {.st_size = f->size, .st_mtim = f->modified, .st_ino = f->inode};

	dir_etag(&st, space);
	return slice_of(space);
}

static enum err add_entry(struct page *p, enum what what, struct slice text, const struct found *f)
{
	struct entry entry = {.what = (uint16_t)what, .n = (uint32_t)text.n};
	char space[DIR_ETAG_SIZE];
	struct slice etag = SLICE("");

	if (what == KEY) {
		entry.size = f->size;
		entry.modified_s = f->modified.tv_sec;
		etag = etag_of(f, space);
		entry.n_etag = (uint16_t)etag.n;
	}
	buf_add(p->ret, (struct slice){(const char *)&entry, sizeof(entry)});
	buf_add(p->ret, text);
	buf_add(p->ret, etag);
	return buf_failed(p->ret) ? err_set(p->e, ERR_LIMIT, "a folder of too many names") : OK;
}

/* ---- one folder ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct found *)a)->name, ((const struct found *)b)->name);
}

static enum err add_found(struct page *p, struct found_list *l, const char *name,
			  const struct stat *st)
{
	bool folder = S_ISDIR(st->st_mode);
	struct found *f;
	size_t n = strlen(name);

	if (l->n == l->room) {
		size_t more = l->room ? 2 * l->room : 64;
		void *v = l->n < FOLDER_MAX ? reallocarray(l->v, more, sizeof(*l->v)) : NULL;

		if (!v)
			return err_set(p->e, ERR_LIMIT, "a folder of too many names");
		l->v = v;
		l->room = more;
	}
	f = &l->v[l->n++];
	*f = (struct found){xzalloc(n + 2), st->st_size, st->st_mtim, st->st_ino};
	memcpy(f->name, name, n);
	if (folder)
		f->name[n] = '/';
	return OK;
}

/* What lies there, links followed as dir_find() does. False: nothing that counts. */
static bool look_at(const struct page *p, int dir, const char *below, const char *name,
		    struct stat *ret)
{
	char path[PATH_MAX];
	int fd CLEANUP(close_p) = -1;

	if (fstatat(dir, name, ret, AT_SYMLINK_NOFOLLOW) != 0)
		return false;
	if (!S_ISLNK(ret->st_mode))
		return S_ISREG(ret->st_mode) || S_ISDIR(ret->st_mode);
	if ((size_t)snprintf(path, sizeof(path), "%s%s", below, name) >= sizeof(path))
		return false;
	fd = dir_open_inside(p->root, path, O_PATH);
	return fd >= 0 && fstat(fd, ret) == 0 && S_ISREG(ret->st_mode);
}

static enum err cannot_list(struct page *p, const char *below)
{
	return err_sys(p->e, dir_error_kind(errno), "cannot list '%s%s'", p->ask->root,
		       below[0] ? below : "/");
}

static enum err read_entries(struct page *p, const char *below, DIR *dir, struct found_list *ret)
{
	struct dirent *entry;
	enum err err = OK;
	struct stat st;

	while (!err && (entry = dir_next_entry(dir))) {
		if (atomic_load(p->ask->stop))
			return err_set(p->e, ERR_CANCELED, "not wanted any more");
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    look_at(p, dirfd(dir), below, entry->d_name, &st))
			err = add_found(p, ret, entry->d_name, &st);
	}
	return !err && errno ? cannot_list(p, below) : err;
}

/* below: "" or "fo/". */
static enum err read_folder(struct page *p, const char *below, struct found_list *ret)
{
	int fd = dir_open_inside(p->root, below[0] ? below : ".", O_DIRECTORY);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	enum err err;

	if (!dir) {
		close_p(&fd);
		return dir_means_absent(errno) ? OK : cannot_list(p, below);
	}
	err = read_entries(p, below, dir, ret);
	closedir(dir);
	if (!err && ret->n)
		qsort(ret->v, ret->n, sizeof(ret->v[0]), by_name);
	return err;
}

static enum err list_folder(struct page *p, const char *below)
{
	struct found_list l CLEANUP(found_fini) = {0};
	enum err err = read_folder(p, below, &l);

	for (size_t i = 0; i < l.n && !err; i++) {
		struct slice name = slice_of(l.v[i].name);

		err = add_entry(p, slice_ends(name, SLICE("/")) ? FOLDER : KEY, name, &l.v[i]);
	}
	return err;
}

/* ---- all that begins alike ---- */

/* Was it told by the pages before; and all of a folder? */
static bool was_told(const struct page *p, struct slice path)
{
	struct slice token = p->ask->token;

	if (!token.n || slice_compare(path, token) > 0)
		return false;
	return path.p[path.n - 1] != '/' || !slice_starts(token, path);
}

static enum err add_key(struct page *p, struct slice path, const struct found *f)
{
	if (p->keys == PAGE_KEYS) {
		p->full = true;
		return add_entry(p, TOKEN, slice_of(p->last), NULL);
	}
	p->keys++;
	snprintf(p->last, sizeof(p->last), SLICE_FMT, SLICE_ARG(path));
	return add_entry(p, KEY, slice_from(path, p->ask->folder.n), f);
}

/* Keys and folders that can be below, or above, what is asked for. */
static bool is_on_the_way(const struct page *p, struct slice path)
{
	struct slice wanted = p->ask->folder;

	return path.n < wanted.n ? path.p[path.n - 1] == '/' && slice_starts(wanted, path)
				 : slice_starts(path, wanted);
}

/* Recursion no deeper than DIR_SEGMENTS_MAX. */
static enum err list_below(struct page *p, const char *below, int depth)
{
	struct found_list l CLEANUP(found_fini) = {0};
	char path[PATH_MAX];
	enum err err;

	if (depth == DIR_SEGMENTS_MAX)
		return OK;
	err = read_folder(p, below, &l);
	for (size_t i = 0; i < l.n && !err && !p->full; i++) {
		int n = snprintf(path, sizeof(path), "%s%s", below, l.v[i].name);
		struct slice s = {path, (size_t)n};

		if (n >= (int)sizeof(path) || !is_on_the_way(p, s) || was_told(p, s))
			continue;
		err = path[n - 1] == '/' ? list_below(p, path, depth + 1) : add_key(p, s, &l.v[i]);
	}
	return err;
}

enum err dir_list(const struct dir_list_ask *ask, struct buf *ret, struct error *e)
{
	char below[PATH_MAX];
	struct page p = {.ask = ask, .ret = ret, .e = e};
	int root CLEANUP(close_p) = open(ask->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	size_t n = ask->folder.n;

	*ret = BUF_MAX(ANSWER_MAX);
	if (root < 0)
		return err_sys(e, dir_error_kind(errno), "cannot open directory '%s'", ask->root);
	while (n && ask->folder.p[n - 1] != '/')
		n--;
	if (n >= sizeof(below) || memchr(ask->folder.p ? ask->folder.p : "", '\0', n))
		return OK; /* no path: there is nothing */
	snprintf(below, sizeof(below), SLICE_FMT, SLICE_ARG(slice_head(ask->folder, n)));
	p.root = root;
	return ask->deep ? list_below(&p, below, 0) : list_folder(&p, below);
}

/* ---- reading a page ---- */

static void take_entry(struct name_page *page, const struct entry *entry, struct slice text,
		       struct slice etag)
{
	switch ((enum what)entry->what) {
	case KEY:
		page->facts[page->n_keys] = (struct name_fact){entry->size, entry->modified_s,
							       etag};
		page->keys[page->n_keys++] = text;
		break;
	case FOLDER: page->folders[page->n_folders++] = text; break;
	case TOKEN: page->next = text; break;
	}
}

static bool next_entry(struct slice *rest, struct entry *ret, struct slice *text,
		       struct slice *etag)
{
	if (rest->n < sizeof(*ret))
		return false;
	memcpy(ret, rest->p, sizeof(*ret));
	*rest = slice_from(*rest, sizeof(*ret));
	*text = slice_head(*rest, ret->n);
	*rest = slice_from(*rest, ret->n);
	*etag = slice_head(*rest, ret->n_etag);
	*rest = slice_from(*rest, ret->n_etag);
	return true;
}

enum err dir_list_read(struct slice answer, struct name_page *ret, struct error *e)
{
	struct name_page page = {.text = BUF_MAX(ANSWER_MAX)};
	struct slice rest, text, etag;
	struct entry entry;
	size_t n = 1;

	buf_add(&page.text, answer);
	if (buf_failed(&page.text))
		return err_set(e, ERR_NOMEM, "no memory for a list of names");
	rest = buf_slice(&page.text);
	while (next_entry(&rest, &entry, &text, &etag))
		n++;
	page.keys = xzalloc(n * sizeof(*page.keys));
	page.folders = xzalloc(n * sizeof(*page.folders));
	page.facts = xzalloc(n * sizeof(*page.facts));
	rest = buf_slice(&page.text);
	while (next_entry(&rest, &entry, &text, &etag))
		take_entry(&page, &entry, text, etag);
	*ret = page;
	return OK;
}
