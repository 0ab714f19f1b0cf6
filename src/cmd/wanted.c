// SPDX-License-Identifier: MIT
/* See wanted.h. */
#include "cmd/wanted.h"

#include "publish/place.h"
#include "publish/walk.h"
#include "symfmt/minidump.h"

#include <fcntl.h>
#include <search.h>

#define PLACE_MAX 4096

static int by_path(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void keep_it(void *path)
{
	/* The tree holds what the array owns. */
}

void wanted_fini(struct wanted *w)
{
	tdestroy(w->tree, keep_it);
	for (size_t i = 0; i < w->n; i++) {
		free(w->file[i].path);
		free(w->file[i].from);
	}
	free(w->file);
	w->file = NULL;
	w->n = 0;
}

static void add(struct wanted *w, struct slice path, const char *from, bool is_pdb)
{
	char *text = xstrndup(path.p, path.n), **found = tsearch(text, &w->tree, by_path);

	ASSERT(found);
	if (*found != text) {
		free(text);
		return;
	}
	w->file = reallocarray(w->file, w->n + 1, sizeof(*w->file));
	ASSERT(w->file);
	w->file[w->n++] = (struct wanted_file){text, xstrdup(from), is_pdb};
}

void wanted_path(struct wanted *w, const char *path)
{
	add(w, slice_of(path), path, false);
}

static void add_wanted(struct wanted *w, const struct symbol_identity *i, const char *name,
		       const char *from, bool is_pdb)
{
	struct buf path CLEANUP(buf_fini) = BUF_MAX(PLACE_MAX);
	struct key_text key;

	if (place_of_wanted(i, slice_of(name), PLACE_AS_SYMSTORE, &key, &path) &&
	    !buf_failed(&path))
		add(w, buf_slice(&path), from, is_pdb);
}

static enum err add_modules(struct wanted *w, const struct source *file, const char *from,
			    struct error *e)
{
	struct minidump dump = {0};
	enum err err = minidump_open(file, &dump, e);

	for (uint32_t i = 0; i < dump.modules && !err; i++) {
		struct minidump_module m;

		err = minidump_module(&dump, i, &m, e);
		if (err)
			break;
		add_wanted(w, &m.image, m.name, from, false);
		add_wanted(w, &m.pdb.pdb, m.pdb.name, from, true);
	}
	return err;
}

static void add_own(struct wanted *w, const struct file_facts *f, struct slice name,
		    const char *from)
{
	enum symbol_kind kind = f->identity.kind;
	struct key_text key;

	for (size_t which = 0;; which++) {
		struct buf path CLEANUP(buf_fini) = BUF_MAX(PLACE_MAX);

		if (!place_of_file(f, name, which, PLACE_AS_SYMSTORE, &key, &path))
			break;
		if (!buf_failed(&path))
			add(w, buf_slice(&path), from,
			    kind == SYMBOL_PDB || kind == SYMBOL_PDB_OLD ||
				    kind == SYMBOL_PDB_PORTABLE);
	}
	for (size_t i = 0; i < f->pdbs; i++)
		add_wanted(w, &f->pdb[i].pdb, f->pdb[i].name, from, true);
}

static void take_file(void *ud, const char *path, int fd, const struct stat *st, bool is_named)
{
	struct wanted *w = ud;
	struct file_facts *f CLEANUP(free_p) = xnew(struct file_facts);
	struct file_source opened = {.fd = fd};
	struct source file = source_of_file(&opened, st->st_size);
	struct slice whole = slice_of(path), name = slice_from(whole, slice_rfind(whole, '/') + 1);
	size_t before = w->n;
	struct error e;
	enum err err;

	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM); /* or the kernel reads on */
	err = facts_read(&file, f, &e);
	if (!err && f->is_minidump)
		err = add_modules(w, &file, path, &e);
	else if (!err && f->kind)
		add_own(w, f, name.n ? name : whole, path);
	if (err)
		w->failed(w->ud, path, e.msg);
	else if (!f->kind && is_named)
		w->failed(w->ud, path, "not a symbol file, of no format that is known here");
	else if (f->kind && w->n == before && is_named && !w->tree)
		w->failed(w->ud, path, "it tells no key of anything");
}

static void tell_failed(void *ud, const char *path, const struct error *e)
{
	struct wanted *w = ud;

	w->failed(w->ud, path, e->msg);
}

void wanted_by(struct wanted *w, const char *path)
{
	const struct walk how = {take_file, tell_failed, w};

	walk(&how, path);
}
