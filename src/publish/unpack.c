// SPDX-License-Identifier: MIT
/*
 * See unpack.h. Format: APPNOTE.TXT 6.3.10, 4.3.6 and following. libzip tries each end record that it finds
 * in the last 64 KiB, and goes on reading its directory where that is longer than the record says; so
 * all of them are counted, entry by entry.
 */
#include "publish/unpack.h"

#include "base/bytes.h"
#include "base/file.h"

#include <zip.h>

#define END_SIZE     22
#define END_TAIL     (END_SIZE + 65535) /* with the longest comment */
#define ENDS_MAX     8                  /* an archive within the archive, stored, has one too */
#define LOCATOR_SIZE 20
#define END64_SIZE   56
#define ENTRY_SIZE   46
#define CHUNK        ((size_t)256 * 1024)

bool unpack_begins(struct slice head)
{
	return slice_starts(head, SLICE("PK\3\4")) || slice_starts(head, SLICE("PK\5\6"));
}

/* ---- the directory, counted ---- */

/* Where an end record says that the directory is. */
struct directory {
	uint64_t at, size, entries;
};

static bool read_at(const struct unpack_archive *a, uint64_t at, void *to, size_t n)
{
	return at <= (uint64_t)a->length && n <= (uint64_t)a->length - at &&
	       file_read_at(a->fd, to, n, a->offset + (int64_t)at) == (ssize_t)n;
}

/* Where the end record at `end` has one of zip64 beside it, that counts. */
static void read_end64(const struct unpack_archive *a, uint64_t end, struct directory *d)
{
	unsigned char locator[LOCATOR_SIZE], record[END64_SIZE];

	if (end < LOCATOR_SIZE || !read_at(a, end - LOCATOR_SIZE, locator, LOCATOR_SIZE) ||
	    load_le32(locator) != 0x07064b50 ||
	    !read_at(a, load_le64(locator + 8), record, sizeof(record)) ||
	    load_le32(record) != 0x06064b50)
		return;
	*d = (struct directory){.at = load_le64(record + 48),
				.size = load_le64(record + 40),
				.entries = load_le64(record + 32)};
}

static enum err too_many(struct error *e)
{
	return err_set(e, ERR_LIMIT, "the archive has more than %d entries", UNPACK_ENTRIES_MAX);
}

/* Its entries one after the other, as far as they go. */
static enum err count(const struct unpack_archive *a, const struct directory *d, struct error *e)
{
	unsigned char entry[ENTRY_SIZE];
	uint64_t at = d->at, end = d->at + d->size;
	size_t n = 0;

	if (d->entries > UNPACK_ENTRIES_MAX)
		return too_many(e);
	if (d->size > (uint64_t)UNPACK_DIRECTORY_MAX)
		return err_set(e, ERR_LIMIT, "the archive's directory is longer than %lld bytes",
			       (long long)UNPACK_DIRECTORY_MAX);
	while (at < end && read_at(a, at, entry, sizeof(entry)) && load_le32(entry) == 0x02014b50) {
		if (++n > UNPACK_ENTRIES_MAX)
			return too_many(e);
		at += (uint64_t)ENTRY_SIZE + load_le16(entry + 28) + load_le16(entry + 30) +
		      load_le16(entry + 32);
	}
	return OK;
}

static enum err count_at(const struct unpack_archive *a, uint64_t end, const unsigned char *record,
			 struct error *e)
{
	struct directory d = {.at = load_le32(record + 16),
			      .size = load_le32(record + 12),
			      .entries = load_le16(record + 10)};

	read_end64(a, end, &d);
	return count(a, &d, e);
}

/* All end records that there are; the last bytes of the archive are in memory. */
static enum err count_entries(const struct unpack_archive *a, struct error *e)
{
	size_t n = (size_t)MIN(a->length, END_TAIL), ends = 0;
	unsigned char *tail CLEANUP(free_p) = xzalloc(END_TAIL);
	enum err err = OK;

	if (file_read_at(a->fd, tail, n, a->offset + a->length - (int64_t)n) != (ssize_t)n)
		return err_sys(e, ERR_IO, "cannot read the archive");
	for (size_t i = 0; !err && i + END_SIZE <= n; i++) {
		if (tail[i] != 'P' || load_le32(tail + i) != 0x06054b50)
			continue;
		if (++ends > ENDS_MAX)
			return err_set(e, ERR_CORRUPT, "the archive has more than %d ends",
				       ENDS_MAX);
		err = count_at(a, (uint64_t)a->length - n + i, tail + i, e);
	}
	if (!err && !ends)
		return err_set(e, ERR_CORRUPT, "no whole archive: its end is missing");
	return err;
}

/* ---- libzip's view of the file ---- */

struct reader {
	const struct unpack_archive *a;
	int64_t at;
	zip_error_t error;
};

static zip_int64_t read_next(struct reader *r, void *to, zip_uint64_t n)
{
	ssize_t got = file_read_at(r->a->fd, to,
				   (size_t)MIN(n, (zip_uint64_t)(r->a->length - r->at)),
				   r->a->offset + r->at);

	if (got < 0)
		zip_error_set(&r->error, ZIP_ER_READ, 0);
	else
		r->at += got;
	return got;
}

static zip_int64_t seek(struct reader *r, void *data, zip_uint64_t n)
{
	zip_int64_t at = zip_source_seek_compute_offset(
		(zip_uint64_t)r->at, (zip_uint64_t)r->a->length, data, n, &r->error);

	if (at >= 0)
		r->at = at;
	return at < 0 ? -1 : 0;
}

static zip_int64_t tell(struct reader *r, zip_stat_t *ret)
{
	zip_stat_init(ret);
	ret->valid = ZIP_STAT_SIZE;
	ret->size = (zip_uint64_t)r->a->length;
	return sizeof(*ret);
}

static zip_int64_t serve_reader(void *ud, void *data, zip_uint64_t n, zip_source_cmd_t what)
{
	struct reader *r = ud;

	switch (what) {
	case ZIP_SOURCE_OPEN: r->at = 0; return 0;
	case ZIP_SOURCE_READ: return read_next(r, data, n);
	case ZIP_SOURCE_CLOSE:
	case ZIP_SOURCE_FREE: return 0;
	case ZIP_SOURCE_STAT: return tell(r, data);
	case ZIP_SOURCE_ERROR: return zip_error_to_data(&r->error, data, n);
	case ZIP_SOURCE_SEEK: return seek(r, data, n);
	case ZIP_SOURCE_TELL: return r->at;
	case ZIP_SOURCE_SUPPORTS:
		return zip_source_make_command_bitmap(
			ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT,
			ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE, ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL,
			ZIP_SOURCE_SUPPORTS, -1);
	default: zip_error_set(&r->error, ZIP_ER_OPNOTSUPP, 0); return -1;
	}
}

/* ---- entries ---- */

struct unpacking {
	const struct unpack_archive *a;
	const struct unpack_events *events;
	void *ud;
	zip_t *zip;
	int64_t bytes;
	char *chunk; /* owned */
};

static enum err corrupt(zip_error_t *z, struct error *e)
{
	return err_set(e, ERR_CORRUPT, "%s", zip_error_strerror(z));
}

/* Of this entry alone: what is told of it to who asked for it. */
static bool may_be_read(const zip_stat_t *st, struct error *e)
{
	if (!(st->valid & ZIP_STAT_COMP_METHOD) || !(st->valid & ZIP_STAT_ENCRYPTION_METHOD))
		err_set(e, ERR_CORRUPT, "the entry is damaged");
	else if (st->encryption_method != ZIP_EM_NONE)
		err_set(e, ERR_CORRUPT, "the entry is encrypted");
	else if (st->comp_method != ZIP_CM_STORE && st->comp_method != ZIP_CM_DEFLATE)
		err_set(e, ERR_CORRUPT, "the entry is compressed by method %u: deflate is read",
			st->comp_method);
	else
		return true;
	return false;
}

/* *failed: of the entry; the error that is returned is of the whole. */
static enum err read_entry(struct unpacking *u, zip_file_t *file, const zip_stat_t *st,
			   struct error *failed, struct error *e)
{
	int64_t before = u->bytes;
	zip_int64_t n;

	while ((n = zip_fread(file, u->chunk, CHUNK)) > 0) {
		enum err err;

		u->bytes += n;
		if (u->bytes > u->a->max)
			return err_set(e, ERR_LIMIT, "unpacked it is longer than %lld bytes",
				       (long long)u->a->max);
		err = u->events->bytes(u->ud, (struct slice){u->chunk, (size_t)n}, e);
		if (err)
			return err;
	}
	if (n < 0)
		corrupt(zip_file_get_error(file), failed);
	else if (!(st->valid & ZIP_STAT_SIZE) || (zip_uint64_t)(u->bytes - before) != st->size)
		err_set(failed, ERR_CORRUPT, "the entry is of another length than it tells");
	return OK;
}

static enum err unpack_entry(struct unpacking *u, zip_uint64_t which, struct error *e)
{
	struct error failed = {.code = OK};
	zip_file_t *file = NULL;
	zip_stat_t st;
	enum err err = OK;

	if (zip_stat_index(u->zip, which, 0, &st) != 0)
		return corrupt(zip_get_error(u->zip), e);
	if (!(st.valid & ZIP_STAT_NAME) || slice_ends(slice_of(st.name), SLICE("/")))
		return OK;
	u->events->begin(u->ud, slice_of(st.name));
	if (may_be_read(&st, &failed)) {
		file = zip_fopen_index(u->zip, which, 0);
		if (file)
			err = read_entry(u, file, &st, &failed, e);
		else
			corrupt(zip_get_error(u->zip), &failed);
	}
	if (file)
		zip_fclose(file);
	if (!err)
		u->events->end(u->ud, failed.code ? &failed : NULL);
	return err;
}

static enum err unpack_all(struct unpacking *u, struct error *e)
{
	zip_int64_t n = zip_get_num_entries(u->zip, 0);
	enum err err = n > UNPACK_ENTRIES_MAX ? too_many(e) : OK;

	for (zip_int64_t i = 0; !err && i < n; i++)
		err = unpack_entry(u, (zip_uint64_t)i, e);
	return err;
}

enum err unpack(const struct unpack_archive *a, const struct unpack_events *events, void *ud,
		int64_t *ret_bytes, struct error *e)
{
	struct unpacking u = {.a = a, .events = events, .ud = ud};
	struct reader reader = {.a = a};
	zip_source_t *source;
	zip_error_t error;
	enum err err = count_entries(a, e);

	*ret_bytes = 0;
	if (err)
		return err;
	zip_error_init(&reader.error);
	zip_error_init(&error);
	source = zip_source_function_create(serve_reader, &reader, &error);
	u.zip = source ? zip_open_from_source(source, ZIP_RDONLY, &error) : NULL;
	if (!u.zip) {
		err = err_set(e, ERR_CORRUPT, "no whole archive: %s", zip_error_strerror(&error));
		zip_source_free(source);
	} else {
		u.chunk = xzalloc(CHUNK);
		err = unpack_all(&u, e);
		zip_discard(u.zip);
		free(u.chunk);
	}
	zip_error_fini(&error);
	zip_error_fini(&reader.error);
	*ret_bytes = u.bytes;
	return err;
}
