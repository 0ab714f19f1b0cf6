// SPDX-License-Identifier: MIT
/*
 * See maker.h: which decoders turn the input into the wanted form, in which steps. The reading,
 * writing and waiting that they call are maker_run.c. The name of a file says little about what it
 * is, and a Content-Encoding is a claim; so the magic decides:
 *
 *	PLAIN		gzip or zstd undone once; a file that is neither stays as it is. Under the
 *			name of a plain file (encoding.h) as EXPANDED
 *	EXPANDED	the Content-Encoding undone, then a cabinet, SZDD, gzip, zstd or MSFZ
 *			expanded; a file that is none of these stays as it is
 *	CABINET		that, then made into a cabinet
 *
 * Where there are more steps, all but the last go through a file of their own.
 */
#include "base/file.h"
#include "codec/cab.h"
#include "codec/gzip.h"
#include "codec/zstd.h"
#include "flight/maker_priv.h"
#include "metric/metric.h"
#include "store/encoding.h"
#include "symfmt/msfz.h"

_Static_assert(MAKER_TAIL == GZIP_TRAILER_SIZE, "that is what the tail is for");

#define CABINET_LEVEL 3 /* 0.4 of the time of zlib's default, for 7 % more bytes (a PDB) */
#define COPY_SIZE     ((size_t)64 * 1024)
/* The window of zstd -19; every maker may use so much. */
#define WINDOW_FREE    (INT64_C(8) << 20)
#define ZSTD_HEAD_SIZE 18
/* A chunk, decoded and not, and those that are kept (msfz.h): mostly far less. */
#define MSFZ_MEMORY (INT64_C(128) << 20)
/* Longer cabinets exist on paper; tools take a signed number for their length. */
#define CABINET_MAX INT64_C(0x7fffffff)

/* ---- what is it? ---- */

/* The packing of the input, and that of its content as far as the first bytes tell. */
static enum err look_at_packing(struct maker *m, enum packing *ret, enum packing *ret_inside,
				struct error *e)
{
	char head[ENCODING_HEAD];
	size_t n = (size_t)MIN(m->input.length, (int64_t)sizeof(head));
	enum err err = maker_read_all(m, 0, head, n, e);
	bool nothing;

	if (err)
		return err;
	*ret = packing_of((struct slice){head, n});
	*ret_inside = packing_inside((struct slice){head, n}, &nothing);
	return OK;
}

/* Is the outcome to be a file that is not packed, as its name says? */
static bool is_for_plain_name(const struct maker *m)
{
	struct slice key = slice_of(m->request.key);

	return m->request.form == FORM_EXPANDED ? encoding_file_is_plain(key)
						: encoding_key_is_plain(key);
}

/* ---- expanding ---- */

/* The length that gzip files tell at their end, as far as it can be believed. */
static enum err guess_gzip(struct maker *m, int64_t *ret, struct error *e)
{
	char trailer[GZIP_TRAILER_SIZE];
	enum err err;

	*ret = CODEC_SIZE_UNKNOWN;
	if (m->input.length < GZIP_TRAILER_SIZE)
		return OK;
	err = maker_read_tail(m, trailer, e);
	if (!err)
		*ret = gzip_guess_size((struct slice){trailer, sizeof(trailer)}, m->input.length);
	if (*ret > m->request.flights->settings.max_object)
		*ret = CODEC_SIZE_UNKNOWN; /* then the limit is met by the bytes themselves */
	return err;
}

/*
 * Ask for the memory of the window, where that is more than every maker has. The first frame states
 * it. A later frame that needs more is a broken promise, and the next time the largest window is
 * asked for.
 */
static enum err charge_window(struct maker *m, struct error *e)
{
	char head[ZSTD_HEAD_SIZE];
	size_t n = (size_t)MIN(m->input.length, (int64_t)sizeof(head));
	enum err err = maker_read_all(m, 0, head, n, e);

	if (err)
		return err;
	m->window = m->request.promise ? zstd_window((struct slice){head, n})
				       : CODEC_ZSTD_WINDOW_MAX;
	if (m->window <= WINDOW_FREE)
		m->window = WINDOW_FREE;
	else
		err = maker_charge(m, m->window, e);
	return err;
}

/* Where a decoder's output goes: to the draft of the wanted form, or to a step on the way to it. */
struct outlet {
	/* The length, before the first write, if it is known by then. */
	enum err (*size)(void *ud, int64_t size, struct error *e);
	enum err (*write)(void *ud, struct slice bytes, struct error *e);
	bool is_last; /* the length may be promised to readers */
};

static enum err decode(struct maker *m, enum packing kind, const struct outlet *to, struct error *e)
{
	enum packing_length length = packing_rows[kind].length;
	bool stated = length == LENGTH_HEADER;
	bool early = to->is_last && (m->request.promise || stated);
	struct codec_io io = {
		.read = maker_read,
		.size = early ? to->size : NULL,
		.write = to->write,
		.ud = m,
		.promised = CODEC_SIZE_UNKNOWN,
		.max_output = m->request.flights->settings.max_object,
	};
	enum err err = OK;

	if (kind == PACKED_ZSTD)
		err = charge_window(m, e);
	if (err)
		return err;
	io.max_window = m->window;
	m->promised = early && !stated;
	if (early && length == LENGTH_END)
		err = guess_gzip(m, &io.promised, e);
	if (!err && io.promised != CODEC_SIZE_UNKNOWN)
		err = to->size(m, io.promised, e);
	return err ? err : codec_decode(packing_rows[kind].codec, &io, e);
}

static enum err expand_msfz(struct maker *m, enum packing kind, const struct outlet *to,
			    struct error *e)
{
	const struct source file = {.read = maker_read_all, .ud = m, .size = m->input.length};
	const struct msfz_sink sink = {
		.size = to->size,
		.write = to->write,
		.ud = m,
		.max_output = m->request.flights->settings.max_object,
	};
	enum err err = maker_charge(m, MSFZ_MEMORY, e);

	return err ? err : msfz_expand(&file, &sink, e);
}

/* The function that unpacks each packing. */
static enum err (*const unpackers[PACKINGS_END])(struct maker *m, enum packing kind,
						 const struct outlet *to, struct error *e) = {
#define CODEC(ID, ...)         [PACKED_##ID] = decode,
#define PACKING(ID, name, ...) [PACKED_##ID] = expand_##name,
#include "base/packings.def"
};

static enum err unpack(struct maker *m, enum packing kind, const struct outlet *to, struct error *e)
{
	ASSERT(kind < PACKINGS_END && unpackers[kind]); /* packing_can_be_undone() */
	return unpackers[kind](m, kind, to, e);
}

static enum err copy(struct maker *m, struct error *e)
{
	char bytes[COPY_SIZE];
	enum err err = maker_promise(m, m->input.length, e);

	for (int64_t at = 0; !err && at < m->input.length;) {
		size_t n = 0;

		err = maker_read(m, at, bytes, sizeof(bytes), &n, e);
		if (!err && n == 0)
			return err_set(e, ERR_CORRUPT, "a stored file ends too early");
		if (!err)
			err = maker_write(m, (struct slice){bytes, n}, e);
		at += (int64_t)n;
	}
	return err;
}

static void count(enum packing kind)
{
	switch (kind) {
#define PACKING(ID, name, ...)                                                                     \
	case PACKED_##ID:                                                                          \
		metric_inc(decoded_##name);                                                        \
		break;
#include "base/packings.def"
	case PACKED_ZIP:
	case PACKED_UNKNOWN:
	case PACKED_NOT: break;
	}
}

/*
 * A content that is packed once more, which the first bytes of the input did not show, is never
 * taken for the plain file.
 */
static enum err write_out(void *ud, struct slice bytes, struct error *e)
{
	struct maker *m = ud;

	if (m->written == 0 && is_for_plain_name(m) && packing_can_be_undone(packing_of(bytes)))
		return err_set(e, ERR_CORRUPT, "packed more often than is undone");
	return maker_write(m, bytes, e);
}

static enum err expand(struct maker *m, enum packing kind, struct error *e)
{
	static const struct outlet out = {maker_promise, write_out, .is_last = true};

	if (kind == PACKED_ZIP)
		return err_set(e, ERR_CORRUPT, "a zip archive, which is not expanded");
	count(kind);
	return packing_can_be_undone(kind) ? unpack(m, kind, &out, e) : copy(m, e);
}

/* ---- a step of its own ---- */

static enum err write_middle(void *ud, struct slice bytes, struct error *e)
{
	struct maker *m = ud;
	enum err err = maker_is_cancelled(m, e)
			       ? e->code
			       : draft_grow(m->middle, m->written + (int64_t)bytes.n, e);

	if (err)
		return err;
	if (!file_write_at(draft_fd(m->middle), bytes, m->written))
		return err_sys(e, ERR_IO, "cannot write to a temporary file");
	m->written += (int64_t)bytes.n;
	return OK;
}

static enum err any_size(void *ud, int64_t size, struct error *e)
{
	return OK;
}

/* Unpack the input into a scratch file, which is the input from here on. */
static enum err undo(struct maker *m, enum packing kind, struct error *e)
{
	static const struct outlet middle = {any_size, write_middle, .is_last = false};
	struct draft *before = TAKE(m->middle); /* the input, from the second step on */
	enum err err = draft_scratch(0, &m->middle, e);

	if (!err)
		err = unpack(m, kind, &middle, e);
	draft_free(before);
	if (err)
		return err;
	m->input = (struct maker_input){
		.fd = draft_fd(m->middle), .length = m->written, .encoding = ""};
	m->written = 0;
	return OK;
}

static enum err undo_encoding(struct maker *m, struct error *e)
{
	enum packing kind, inside;
	enum err err;

	if (!encoding_is_undone(m->input.encoding)) {
		metric_inc(store_encoded);
		return err_set(e, ERR_UPSTREAM,
			       "stored with Content-Encoding '%s', which is not undone",
			       m->input.encoding);
	}
	err = look_at_packing(m, &kind, &inside, e);
	return err || !packing_is_coding(kind) ? err : undo(m, kind, e);
}

/* Leave one step to be done, or none. */
static enum err undo_all_but(struct maker *m, int last, enum packing *ret, struct error *e)
{
	for (int n = 0;; n++) {
		enum packing inside;
		enum err err = look_at_packing(m, ret, &inside, e);

		if (err || !packing_can_be_undone(last ? inside : *ret))
			return err;
		if (n + last == ENCODING_LAYERS_MAX)
			return err_set(e, ERR_CORRUPT, "packed more often than is undone");
		err = undo(m, *ret, e);
		if (err)
			return err;
	}
}

/* ---- a cabinet ---- */

static bool is_too_long(const struct maker *m)
{
	return m->input.length > MIN(CAB_FILE_MAX, CABINET_MAX);
}

static enum err too_long(struct maker *m, struct error *e)
{
	m->none = true;
	return err_set(e, ERR_LIMIT, "too long for a cabinet");
}

static enum err make_cabinet(struct maker *m, struct error *e)
{
	struct slice key = slice_of(m->request.key);
	const struct cab_member member = {
		.name = slice_from(key, slice_rfind(key, '/') + 1),
		.size = m->input.length,
		.mtime_s = m->request.mtime,
	};
	const struct cab_output io = {.read = maker_read, .write_at = maker_write_at, .ud = m};

	const struct source file = {.read = maker_read_all, .ud = m, .size = m->input.length};

	if (is_too_long(m))
		return too_long(m, e);
	if (m->proof.looking)
		proof_look_at_all(&m->proof, &file);
	if (m->proof.other)
		return proof_other(ERR_CORRUPT, e);
	metric_inc(cabinets_made);
	return cab_encode(&member, CABINET_LEVEL, &io, e);
}

enum err maker_make(struct maker *m, struct error *e)
{
	enum form form = m->request.form;
	bool labelled = m->input.encoding[0] && form != FORM_PLAIN;
	enum err err = labelled ? undo_encoding(m, e) : OK;
	enum packing kind = PACKED_NOT, inside;

	if (!err && form == FORM_CABINET && is_too_long(m)) /* before any of it is there */
		return too_long(m, e);
	if (!err && is_for_plain_name(m))
		err = undo_all_but(m, form != FORM_CABINET, &kind, e);
	else if (!err)
		err = look_at_packing(m, &kind, &inside, e);
	if (err)
		return err;
	if (form == FORM_CABINET)
		return make_cabinet(m, e);
	if (form == FORM_PLAIN && !is_for_plain_name(m) && !packing_is_coding(kind))
		kind = PACKED_NOT;
	return expand(m, kind, e);
}
