// SPDX-License-Identifier: MIT
/*
 * See maker.h: what is done to the bytes. What a file is called says little about what it is, and a
 * Content-Encoding is a claim; so the magic decides:
 *
 *	PLAIN		the Content-Encoding undone; as it is where the bytes are not so encoded
 *	EXPANDED	that, then a cabinet, SZDD, gzip, zstd or MSFZ expanded; as it is where it is none
 *	CABINET		that, then made into a cabinet
 *
 * Where there are two steps, the first one goes through a file of its own.
 */
#include "cache/maker_priv.h"
#include "codec/cab.h"
#include "codec/gzip.h"
#include "codec/zstd.h"
#include "metric/metric.h"
#include "symfmt/msfz.h"

_Static_assert(MAKER_TAIL == GZIP_TRAILER_SIZE, "that is what the tail is for");

#define SNIFF_SIZE    MSFZ_MAGIC_SIZE
#define CABINET_LEVEL 3 /* 0.4 of the time of zlib's default, for 7 % more bytes (a PDB) */
#define COPY_SIZE     ((size_t)64 * 1024)
/* What zstd -19 uses; every maker may have that. */
#define WINDOW_FREE    (INT64_C(8) << 20)
#define ZSTD_HEAD_SIZE 18
/* A chunk, decoded and not, and those that are kept (msfz.h): mostly far less. */
#define MSFZ_MEMORY (INT64_C(128) << 20)
/* Longer cabinets exist on paper; tools take a signed number for their length. */
#define CABINET_MAX INT64_C(0x7fffffff)

enum kind { KIND_OTHER, KIND_CAB, KIND_GZIP, KIND_ZSTD, KIND_MSFZ, KIND_SZDD, KIND_ZIP };

/* ---- what is it? ---- */

static enum kind kind_of(struct slice head)
{
	static const enum kind kinds[] = {[CODEC_CAB] = KIND_CAB,
					  [CODEC_GZIP] = KIND_GZIP,
					  [CODEC_ZSTD] = KIND_ZSTD,
					  [CODEC_SZDD] = KIND_SZDD};
	enum codec codec;

	if (codec_sniff(head, &codec))
		return kinds[codec];
	if (slice_starts(head, (struct slice){MSFZ_MAGIC, MSFZ_MAGIC_SIZE}))
		return KIND_MSFZ;
	return slice_starts(head, SLICE("PK\x03\x04")) ? KIND_ZIP : KIND_OTHER;
}

static enum err sniff(struct maker *m, enum kind *ret, struct error *e)
{
	char head[SNIFF_SIZE];
	size_t n = (size_t)MIN(m->input.length, (int64_t)sizeof(head));
	enum err err = maker_read_all(m, 0, head, n, e);

	if (!err)
		*ret = kind_of((struct slice){head, n});
	return err;
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
	if (*ret > m->request.cache->settings.max_object)
		*ret = CODEC_SIZE_UNKNOWN; /* then the limit is met by the bytes themselves */
	return err;
}

/*
 * What more memory than most have is needed for. The first frame tells; one behind it that needs more
 * is a broken promise, and the next time it may have all there is.
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

static enum err decode(struct maker *m, enum codec codec, struct error *e)
{
	bool stated = codec == CODEC_CAB || codec == CODEC_SZDD; /* by a header that always tells */
	bool early = m->request.promise || stated;
	struct codec_io io = {
		.read = maker_read,
		.size = early ? maker_promise : NULL,
		.write = maker_write,
		.ud = m,
		.promised = CODEC_SIZE_UNKNOWN,
		.max_output = m->request.cache->settings.max_object,
	};
	enum err err = OK;

	if (codec == CODEC_ZSTD)
		err = charge_window(m, e);
	if (err)
		return err;
	io.max_window = m->window;
	m->promised = early && !stated;
	if (early && codec == CODEC_GZIP)
		err = guess_gzip(m, &io.promised, e);
	if (!err && io.promised != CODEC_SIZE_UNKNOWN)
		err = maker_promise(m, io.promised, e);
	return err ? err : codec_decode(codec, &io, e);
}

static enum err expand_msfz(struct maker *m, struct error *e)
{
	const struct source file = {.read = maker_read_all, .ud = m, .size = m->input.length};
	const struct msfz_sink sink = {
		.size = maker_promise,
		.write = maker_write,
		.ud = m,
		.max_output = m->request.cache->settings.max_object,
	};

	enum err err = maker_charge(m, MSFZ_MEMORY, e);

	return err ? err : msfz_expand(&file, &sink, e);
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

static enum err expand(struct maker *m, enum kind kind, struct error *e)
{
	switch (kind) {
	case KIND_CAB: metric_inc(decoded_cab); return decode(m, CODEC_CAB, e);
	case KIND_GZIP: metric_inc(decoded_gzip); return decode(m, CODEC_GZIP, e);
	case KIND_ZSTD: metric_inc(decoded_zstd); return decode(m, CODEC_ZSTD, e);
	case KIND_MSFZ: metric_inc(decoded_msfz); return expand_msfz(m, e);
	case KIND_SZDD: metric_inc(decoded_szdd); return decode(m, CODEC_SZDD, e);
	case KIND_ZIP: return err_set(e, ERR_CORRUPT, "a zip archive, which is not expanded");
	case KIND_OTHER: break;
	}
	return copy(m, e);
}

/* ---- a Content-Encoding as a step of its own ---- */

static bool is_coding(enum kind kind)
{
	return kind == KIND_GZIP || kind == KIND_ZSTD;
}

static enum err write_middle(void *ud, struct slice bytes, struct error *e)
{
	struct maker *m = ud;
	enum err err = maker_is_cancelled(m, e)
			       ? e->code
			       : draft_grow(m->middle, m->written + (int64_t)bytes.n, e);

	while (!err && bytes.n) {
		ssize_t n = pwrite(draft_fd(m->middle), bytes.p, bytes.n, m->written);

		if (n < 0)
			return err_sys(e, ERR_IO, "cannot write to a temporary file");
		m->written += n;
		bytes = slice_from(bytes, (size_t)n);
	}
	return err;
}

/* From here on the input is the file without its Content-Encoding. */
static enum err undo_encoding(struct maker *m, struct error *e)
{
	struct codec_io io = {
		.read = maker_read,
		.write = write_middle,
		.ud = m,
		.promised = CODEC_SIZE_UNKNOWN,
		.max_output = m->request.cache->settings.max_object,
	};
	enum kind kind = KIND_OTHER;
	enum err err = OK;

	if (!form_undoes(m->input.encoding)) {
		metric_inc(store_encoded);
		return err_set(e, ERR_UPSTREAM,
			       "stored with Content-Encoding '%s', which is not undone",
			       m->input.encoding);
	}
	err = sniff(m, &kind, e);
	if (err || !is_coding(kind))
		return err;
	if (kind == KIND_ZSTD)
		err = charge_window(m, e);
	io.max_window = m->window;
	if (!err)
		err = draft_scratch(0, &m->middle, e);
	if (!err)
		err = codec_decode(kind == KIND_GZIP ? CODEC_GZIP : CODEC_ZSTD, &io, e);
	if (err)
		return err;
	m->input = (struct maker_input){
		.fd = draft_fd(m->middle), .length = m->written, .encoding = ""};
	m->written = 0;
	return OK;
}

/* ---- a cabinet ---- */

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

	if (m->input.length > MIN(CAB_FILE_MAX, CABINET_MAX)) {
		m->none = true;
		return err_set(e, ERR_LIMIT, "too long for a cabinet");
	}
	if (m->inspection.looking)
		inspection_finish(&m->inspection, &file);
	m->inspection.looking = false;
	if (m->inspection.wrong)
		return err_set(e, ERR_CORRUPT, "another file than its key names");
	metric_inc(cabinets_made);
	return cab_encode(&member, CABINET_LEVEL, &io, e);
}

enum err maker_make(struct maker *m, struct error *e)
{
	bool two_steps = m->input.encoding[0] && m->request.form != FORM_PLAIN;
	enum err err = two_steps ? undo_encoding(m, e) : OK;
	enum kind kind = KIND_OTHER;

	if (!err && m->request.form == FORM_CABINET)
		return make_cabinet(m, e);
	if (!err)
		err = sniff(m, &kind, e);
	if (!err && m->request.form == FORM_PLAIN && !is_coding(kind))
		kind = KIND_OTHER;
	return err ? err : expand(m, kind, e);
}
