// SPDX-License-Identifier: MIT
/* See upload_files.h. */
#include "serve/upload_files.h"

#include "base/file.h"
#include "publish/unpack.h"

static void file_fini(struct upload_file *file)
{
	free((char *)(uintptr_t)file->name.p);
	free(file->why);
}

void upload_files_fini(struct upload_files *f)
{
	for (size_t i = 0; i < f->n; i++)
		file_fini(&f->file[i]);
	free(f->file);
	for (int i = 0; i < UPLOAD_DRAFTS; i++)
		draft_free(f->draft[i]);
	*f = (struct upload_files){.n = 0};
}

static void make_room(struct upload_files *f)
{
	size_t room = f->room ? 2 * f->room : 16;
	struct upload_file *more;

	if (f->n < f->room)
		return;
	more = xzalloc(room * sizeof(*more));
	if (f->n)
		memcpy(more, f->file, f->n * sizeof(*more));
	free(f->file);
	f->file = more;
	f->room = room;
}

struct upload_file *upload_files_begin(struct upload_files *f, enum upload_draft draft,
				       struct slice name)
{
	struct upload_file *file;

	if (f->begun[draft] == UPLOAD_FILES_MAX)
		return NULL;
	f->begun[draft]++;
	make_room(f);
	/* Of a long path the end tells the name. */
	name = slice_from(name, name.n - MIN(name.n, UPLOAD_NAME_MAX));
	file = &f->file[f->n++];
	*file = (struct upload_file){
		.name = {xstrndup(name.n ? name.p : "", name.n), name.n},
		.draft = draft,
		.at = f->end[draft],
	};
	return file;
}

enum err upload_files_write(struct upload_files *f, enum upload_draft draft, int64_t at,
			    struct slice bytes, struct error *e)
{
	struct draft **to = &f->draft[draft];
	enum err err = OK;

	if (!*to)
		err = draft_scratch(0, to, e);
	if (!err)
		err = draft_grow(*to, at + (int64_t)bytes.n, e);
	if (!err && !file_write_at(draft_fd(*to), bytes, OBJECT_HEADER_SIZE + at))
		err = err_sys(e, ERR_IO, "cannot write a temporary file");
	return err;
}

int64_t upload_file_place(const struct upload_files *f, const struct upload_file *file, int *ret_fd)
{
	*ret_fd = f->draft[file->draft] ? draft_fd(f->draft[file->draft]) : -1;
	return OBJECT_HEADER_SIZE + file->at;
}

/* ---- unpacking ---- */

struct unpacking {
	struct upload_files *files;
	const atomic_bool *stop;
	bool too_many;
};

static void begins(void *ud, struct slice name)
{
	struct unpacking *u = ud;

	u->too_many |= !upload_files_begin(u->files, UPLOAD_UNPACKED, name);
}

static enum err takes(void *ud, struct slice bytes, struct error *e)
{
	struct unpacking *u = ud;
	struct upload_files *f = u->files;
	struct upload_file *file = &f->file[f->n - 1];
	enum err err;

	if (atomic_load(u->stop))
		return err_set(e, ERR_CANCELED, "the process ends");
	if (u->too_many)
		return err_set(e, ERR_LIMIT, "more than %d files", UPLOAD_FILES_MAX);
	err = upload_files_write(f, UPLOAD_UNPACKED, file->at + file->length, bytes, e);
	file->length += (int64_t)bytes.n;
	return err;
}

/* What is not whole makes room for the next. */
static void ends(void *ud, const struct error *e)
{
	struct unpacking *u = ud;
	struct upload_files *f = u->files;
	struct upload_file *file = &f->file[f->n - 1];

	if (u->too_many)
		return;
	if (e) {
		file->length = 0;
		file->why = xstrdup(e->msg);
	}
	f->end[UPLOAD_UNPACKED] = file->at + file->length;
}

/* Of an archive within the archive nothing is read. */
static bool is_archive(const struct upload_files *f, const struct upload_file *file)
{
	char head[4];
	int fd;
	int64_t at = upload_file_place(f, file, &fd);

	return file->length >= (int64_t)sizeof(head) &&
	       file_read_at(fd, head, sizeof(head), at) == sizeof(head) &&
	       unpack_begins((struct slice){head, sizeof(head)});
}

static enum err unpack_one(struct unpacking *u, size_t which, int64_t max, int64_t *ret_bytes,
			   struct error *e)
{
	static const struct unpack_events events = {.begin = begins, .bytes = takes, .end = ends};
	struct upload_file *file = &u->files->file[which];
	struct unpack_archive a = {.length = file->length, .max = max};
	size_t before = u->files->n;
	enum err err;

	a.offset = upload_file_place(u->files, file, &a.fd);
	err = unpack(&a, &events, u, ret_bytes, e);
	if (!err && u->too_many)
		err = err_set(e, ERR_LIMIT, "more than %d files", UPLOAD_FILES_MAX);
	if (err != ERR_CORRUPT)
		return err;
	/* Nothing of it counts, if it is none after all. */
	while (u->files->n > before)
		file_fini(&u->files->file[--u->files->n]);
	u->files->file[which].why = xstrdup(e->msg);
	return OK;
}

enum err upload_files_unpack(struct upload_files *f, int64_t max, const atomic_bool *stop,
			     struct error *e)
{
	struct unpacking u = {.files = f, .stop = stop};
	size_t came = f->n, kept = 0;
	bool *unpacked CLEANUP(free_p) = xzalloc(came + 1);
	enum err err = OK;

	for (size_t i = 0; i < came && !err; i++) {
		int64_t bytes = 0;

		if (!is_archive(f, &f->file[i]))
			continue;
		err = unpack_one(&u, i, max, &bytes, e);
		max -= bytes;
		unpacked[i] = !f->file[i].why;
	}
	for (size_t i = 0; i < f->n; i++) {
		if (i < came && unpacked[i])
			file_fini(&f->file[i]);
		else
			f->file[kept++] = f->file[i];
	}
	f->n = kept;
	return err;
}
