// SPDX-License-Identifier: MIT
/* See delivery_answer.h. */
#include "serve/delivery_answer.h"

#include "base/text.h"

#include <jansson.h>

#define SHOWN_MAX ((size_t)64 * 1024)

/* ---- rows ---- */

struct delivery_row *delivery_row_add(struct delivery_rows *rows, struct slice name)
{
	struct delivery_row *more;

	if (rows->n == rows->room) {
		rows->room = rows->room ? 2 * rows->room : 16;
		more = xzalloc(rows->room * sizeof(*more));
		if (rows->n)
			memcpy(more, rows->row, rows->n * sizeof(*more));
		free(rows->row);
		rows->row = more;
	}
	rows->row[rows->n] = (struct delivery_row){.name = name};
	return &rows->row[rows->n++];
}

void delivery_row_set(struct delivery_row *row, enum delivery_status status, const char *why)
{
	free(row->why);
	row->why = why && why[0] ? xstrdup(why) : NULL;
	row->status = status;
}

void delivery_rows_fini(struct delivery_rows *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		free(rows->row[i].key);
		free(rows->row[i].why);
	}
	free(rows->row);
	*rows = (struct delivery_rows){.n = 0};
}

void delivery_rows_settle(struct delivery_rows *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		struct delivery_row *row = &rows->row[i];
		const struct delivery_row *other = row->same_as ? &rows->row[row->same_as - 1]
								: NULL;

		if (other && other->status == DELIVERY_STORED)
			delivery_row_set(row, DELIVERY_EXISTS,
					 "this upload has the same file twice");
		else if (other)
			delivery_row_set(row, other->status, other->why);
	}
}

size_t delivery_rows_count(const struct delivery_rows *rows, enum delivery_status status)
{
	size_t n = 0;

	for (size_t i = 0; i < rows->n; i++)
		n += rows->row[i].status == status;
	return n;
}

/* ---- the answer ---- */

/* The gravest comes first: what is to be tried again, what was asked for and not done, conflicts. */
int delivery_rows_status(const struct delivery_rows *rows)
{
	static const struct {
		enum delivery_status status;
		int code;
	} order[] = {
		{DELIVERY_FAULT, 503},    {DELIVERY_OPEN, 503},    {DELIVERY_FAILED, 422},
		{DELIVERY_CONFLICT, 409}, {DELIVERY_REFUSED, 403}, {DELIVERY_STORED, 201},
		{DELIVERY_EXISTS, 200},
	};

	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		if (delivery_rows_count(rows, order[i].status))
			return order[i].code;
	return 422; /* nothing that is a symbol file */
}

static const char *word_of(enum delivery_status status)
{
	switch (status) {
	case DELIVERY_STORED: return "stored";
	case DELIVERY_EXISTS: return "exists";
	case DELIVERY_CONFLICT: return "conflict";
	case DELIVERY_REFUSED: return "refused";
	case DELIVERY_UNKNOWN: return "unknown";
	case DELIVERY_OPEN:
	case DELIVERY_FAULT:
	case DELIVERY_FAILED: break;
	}
	return "failed";
}

/* Whatever bytes it came of. */
static json_t *text_of(struct slice s)
{
	struct buf shown CLEANUP(buf_fini) = BUF_MAX(SHOWN_MAX);
	json_t *text = json_stringn(s.n ? s.p : "", s.n);

	if (text)
		return text;
	text_show(s, &shown);
	return json_stringn(buf_str(&shown), shown.n);
}

static void put_json(json_t *value, struct buf *out)
{
	char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

	buf_puts(out, text ? text : "null");
	free(text);
	json_decref(value);
}

static json_t *json_of(const struct delivery_row *row)
{
	json_t *o = json_object();

	json_object_set_new(o, "name", text_of(row->name));
	if (row->key)
		json_object_set_new(o, "key", text_of(slice_of(row->key)));
	json_object_set_new(o, "status", json_string(word_of(row->status)));
	if (row->why)
		json_object_set_new(o, "why", text_of(slice_of(row->why)));
	return o;
}

void delivery_tell(const struct delivery_rows *rows, const char *transaction, const char *error,
		   struct buf *out)
{
	buf_puts(out, "{\"transaction\":");
	put_json(transaction[0] ? json_string(transaction) : json_null(), out);
	if (error) {
		buf_puts(out, ",\"error\":");
		put_json(text_of(slice_of(error)), out);
	}
	buf_puts(out, ",\"files\":[");
	for (size_t i = 0; i < rows->n; i++) {
		buf_puts(out, i ? ",\n" : "\n");
		put_json(json_of(&rows->row[i]), out);
	}
	buf_puts(out, "]}\n");
}
