// SPDX-License-Identifier: MIT
/*
 * See delivery.h: what the files of an upload are. Names and MODULE lines are the sender's: what
 * they make is judged (upload_key.h), and held against the globs of his token.
 */
#include "serve/delivery.h"

#include "base/file.h"
#include "publish/unpack.h"
#include "serve/upload_key.h"

#include <stdio.h>

/* Grow an array of numbers so that it has a place `at`. */
static void reach(size_t **array, size_t *room, size_t at)
{
	size_t more = *room ? 2 * *room : 64;
	size_t *larger;

	if (at < *room)
		return;
	while (more <= at)
		more *= 2;
	larger = xzalloc(more * sizeof(**array));
	if (*room)
		memcpy(larger, *array, *room * sizeof(**array));
	free(*array);
	*array = larger;
	*room = more;
}

static struct delivery_row *add_row(struct delivery *d, size_t file)
{
	reach(&d->file_of, &d->file_of_room, d->rows.n);
	d->file_of[d->rows.n] = file;
	return delivery_row_add(&d->rows, d->files.file[file].name);
}

static size_t row_number(const struct delivery *d, const struct delivery_row *row)
{
	return (size_t)(row - d->rows.row);
}

/* Good ones stay open. */
static void judge_line(const struct delivery *d, const struct plan_file *line,
		       struct delivery_row *row)
{
	const char *why;
	char text[128];

	switch (upload_key_judge(line->key, &why)) {
	case UPLOAD_KEY_REFUSED: delivery_row_set(row, DELIVERY_REFUSED, why); return;
	case UPLOAD_KEY_UNKNOWN: delivery_row_set(row, DELIVERY_UNKNOWN, why); return;
	case UPLOAD_KEY_GOOD: break;
	}
	if (upload_token_may(d->request.token, path_end(line->key).name))
		return;
	(void)snprintf(text, sizeof(text), "the token of %s may not publish this name",
		       upload_token_label(d->request.token));
	delivery_row_set(row, DELIVERY_REFUSED, text);
}

static enum err add_line(struct delivery *d, struct plan_file *line, size_t file, struct error *e)
{
	struct delivery_row *row = add_row(d, file);
	enum scan_added added;
	size_t which;

	row->key = xstrndup(line->key.p, line->key.n);
	judge_line(d, line, row);
	if (row->status != DELIVERY_OPEN)
		return OK;
	if (scan_add(&d->set, line, d->files.file[file].name, &added, &which, e) != OK)
		return e->code;
	switch (added) {
	case SCAN_ADDED:
		reach(&d->row_of, &d->row_of_room, which);
		d->row_of[which] = row_number(d, row);
		break;
	case SCAN_SAME: row->same_as = d->row_of[which] + 1; break;
	case SCAN_OTHER:
		delivery_row_set(row, DELIVERY_CONFLICT,
				 "another file of this upload has the same key");
		break;
	}
	return OK;
}

static enum err add_lines(struct delivery *d, struct scanned *s, size_t file, struct error *e)
{
	enum err err = OK;

	for (size_t i = 0; i < s->lines && !err; i++)
		err = add_line(d, &s->line[i], file, e);
	return err;
}

/* No lines: why none? */
static void tell_unknown(struct delivery *d, size_t which, bool is_dump)
{
	const struct upload_file *file = &d->files.file[which];
	char head[4] = "";
	int fd;
	int64_t at = upload_file_place(&d->files, file, &fd);
	const char *why = is_dump ? "a minidump" : "no symbol file";

	if (file->length >= 4 && file_read_at(fd, head, sizeof(head), at) == sizeof(head) &&
	    unpack_begins((struct slice){head, sizeof(head)}))
		why = "an archive within an archive";
	delivery_row_set(add_row(d, which), DELIVERY_UNKNOWN, why);
}

static enum err scan_one(struct delivery *d, const struct scan_how *how, size_t which,
			 struct error *e)
{
	const struct upload_file *file = &d->files.file[which];
	struct scan_file f = {
		.size = file->length, .name = codeview_last(file->name), .stop = &d->door->stopped};
	struct scanned *s CLEANUP(free_p) = xnew(struct scanned);
	enum err err;

	if (file->why) {
		delivery_row_set(add_row(d, which), DELIVERY_FAILED, file->why);
		return OK;
	}
	f.offset = upload_file_place(&d->files, file, &f.fd);
	err = file->length ? scan_file(how, &f, s, e) : OK;
	if (err == ERR_CORRUPT || err == ERR_LIMIT) {
		delivery_row_set(add_row(d, which),
				 err == ERR_CORRUPT ? DELIVERY_FAILED : DELIVERY_REFUSED, e->msg);
		return OK;
	}
	if (err)
		return err;
	err = add_lines(d, s, which, e);
	if (!s->lines)
		tell_unknown(d, which, s->is_dump);
	scanned_fini(s);
	return err;
}

enum err delivery_scan(struct delivery *d, struct error *e)
{
	struct scan_how how;

	if (!door_how(d->door, &how))
		return err_set(e, ERR_NET, "the store has not answered yet");
	if (upload_files_unpack(&d->files, d->door->unpacked_max, &d->door->stopped, e) != OK)
		return e->code;
	for (size_t i = 0; i < d->files.n; i++)
		if (scan_one(d, &how, i, e) != OK)
			return e->code;
	return OK;
}
