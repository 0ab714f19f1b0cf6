// SPDX-License-Identifier: MIT
/* See pack.h. One reading of the file gives both hashes; but a cabinet is hashed when it is whole, for its head comes last. */
#include "publish/pack.h"

#include "base/file.h"
#include "base/text.h"
#include "codec/cab.h"
#include "store/packing.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <zlib.h>
#include <zstd.h>

#define BLOCK_SIZE   ((size_t)256 * 1024)
#define SAMPLE_SIZE  ((size_t)256 * 1024)
#define SAMPLES      4
#define SHA256_BYTES 32

static const struct {
	const char *word;
	int level, min, max;
} kinds[] = {
	[PACK_NONE] = {"none", 0, 0, 0},
	[PACK_ZSTD] = {"zstd", 3, 1, 22},
	[PACK_GZIP] = {"gzip", 6, 1, 9},
	[PACK_CAB] = {"cab", 6, 1, 9},
};

bool pack_kind_of(struct slice word, enum pack_kind *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (slice_eq(word, slice_of(kinds[i].word))) {
			*ret = (enum pack_kind)i;
			return true;
		}
	return false;
}

const char *pack_word(enum pack_kind kind)
{
	return kinds[kind].word;
}

bool pack_level_is_good(enum pack_kind kind, int64_t level)
{
	return level == PACK_LEVEL_DEFAULT ||
	       (level >= kinds[kind].min && level <= kinds[kind].max);
}

static int level_of(const struct pack_how *how)
{
	return how->level == PACK_LEVEL_DEFAULT ? kinds[how->kind].level : how->level;
}

/* ---- hashing ---- */

static enum err hash_begin(EVP_MD_CTX **ret, struct error *e)
{
	*ret = EVP_MD_CTX_new();
	if (*ret && EVP_DigestInit_ex(*ret, EVP_sha256(), NULL))
		return OK;
	return err_set(e, ERR_NOMEM, "no memory to hash a file");
}

static void hash_end(EVP_MD_CTX *hash, char ret[static PACK_SHA256_SIZE])
{
	unsigned char sum[SHA256_BYTES];

	ASSERT(EVP_DigestFinal_ex(hash, sum, NULL));
	hex_encode(sum, sizeof(sum), ret);
}

static void free_hash(EVP_MD_CTX **hash)
{
	EVP_MD_CTX_free(*hash);
}

enum err pack_read(const struct pack_file *f, int64_t at, void *to, size_t n, struct error *e)
{
	ssize_t got;

	if (f->stop && atomic_load(f->stop))
		return err_set(e, ERR_CANCELED, "not wanted any more");
	got = file_read_at(f->fd, to, n, f->offset + at);
	if (got < 0)
		return err_sys(e, ERR_IO, "cannot read it");
	if ((size_t)got < n)
		return err_set(e, ERR_CORRUPT, "it has become shorter meanwhile");
	return OK;
}

enum err pack_hash(const struct pack_file *f, char ret[static PACK_SHA256_SIZE], struct error *e)
{
	char *block CLEANUP(free_p) = xzalloc(BLOCK_SIZE);
	EVP_MD_CTX *hash CLEANUP(free_hash) = NULL;
	enum err err = hash_begin(&hash, e);
	size_t n;

	for (int64_t at = 0; !err && at < f->size; at += (int64_t)n) {
		n = (size_t)MIN((int64_t)BLOCK_SIZE, f->size - at);
		err = pack_read(f, at, block, n, e);
		if (!err)
			ASSERT(EVP_DigestUpdate(hash, block, n));
	}
	if (!err)
		hash_end(hash, ret);
	return err;
}

/* ---- one file ---- */

struct packing_run {
	const struct pack_how *how;
	const struct pack_file *file;
	struct packed *out;
	EVP_MD_CTX *plain, *stored;
	char in[BLOCK_SIZE], to[BLOCK_SIZE];
};

static enum err read_next(struct packing_run *r, int64_t at, void *to, size_t n, struct error *e)
{
	enum err err = pack_read(r->file, at, to, n, e);

	if (!err)
		ASSERT(EVP_DigestUpdate(r->plain, to, n));
	return err;
}

static enum err write_at(struct packing_run *r, int64_t at, struct slice bytes, struct error *e)
{
	struct packed *out = r->out;
	int64_t end = at + (int64_t)bytes.n;
	enum err err = file_temporary_grow(out->fd, &out->counted, end, e);

	if (err)
		return err;
	if (!file_write_at(out->fd, bytes, at))
		return err_sys(e, ERR_IO, "cannot write a temporary file");
	out->size = MAX(out->size, end);
	return OK;
}

static enum err write_next(struct packing_run *r, size_t n, struct error *e)
{
	ASSERT(EVP_DigestUpdate(r->stored, r->to, n));
	return write_at(r, r->out->size, (struct slice){r->to, n}, e);
}

static enum err zstd_all(struct packing_run *r, ZSTD_CCtx *z, struct error *e)
{
	enum err err = OK;
	int64_t at = 0;
	size_t left;

	do {
		size_t n = (size_t)MIN((int64_t)BLOCK_SIZE, r->file->size - at);
		ZSTD_inBuffer in = {r->in, n, 0};
		bool last = at + (int64_t)n == r->file->size;

		err = read_next(r, at, r->in, n, e);
		at += (int64_t)n;
		do {
			ZSTD_outBuffer out = {r->to, sizeof(r->to), 0};

			if (err)
				return err;
			left = ZSTD_compressStream2(z, &out, &in,
						    last ? ZSTD_e_end : ZSTD_e_continue);
			if (ZSTD_isError(left))
				return err_set(e, ERR_NOMEM, "zstd: %s", ZSTD_getErrorName(left));
			err = write_next(r, out.pos, e);
		} while (last ? left > 0 : in.pos < in.size);
	} while (!err && at < r->file->size);
	return err;
}

static void zstd_set(ZSTD_CCtx *z, int level)
{
	ASSERT(!ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, level)));
	ASSERT(!ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1)));
	/* Those above have larger windows of their own. */
	if (level > 16)
		ASSERT(!ZSTD_isError(
			ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, PACK_ZSTD_WINDOW_LOG_MAX)));
}

static enum err pack_zstd(struct packing_run *r, struct error *e)
{
	ZSTD_CCtx *z = ZSTD_createCCtx();
	enum err err;

	if (!z)
		return err_set(e, ERR_NOMEM, "zstd: no memory");
	zstd_set(z, level_of(r->how));
	ASSERT(!ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(z, (unsigned long long)r->file->size)));
	err = zstd_all(r, z, e);
	ZSTD_freeCCtx(z);
	return err;
}

static enum err gzip_all(struct packing_run *r, z_stream *z, struct error *e)
{
	enum err err = OK;
	int64_t at = 0;

	do {
		size_t n = (size_t)MIN((int64_t)BLOCK_SIZE, r->file->size - at);
		bool last = at + (int64_t)n == r->file->size;

		err = read_next(r, at, r->in, n, e);
		at += (int64_t)n;
		z->next_in = (Bytef *)r->in;
		z->avail_in = (uInt)n;
		do {
			if (err)
				return err;
			z->next_out = (Bytef *)r->to;
			z->avail_out = sizeof(r->to);
			ASSERT(deflate(z, last ? Z_FINISH : Z_NO_FLUSH) != Z_STREAM_ERROR);
			err = write_next(r, sizeof(r->to) - z->avail_out, e);
		} while (z->avail_out == 0);
	} while (!err && at < r->file->size);
	return err;
}

static enum err pack_gzip(struct packing_run *r, struct error *e)
{
	z_stream z = {0};
	enum err err;

	if (deflateInit2(&z, level_of(r->how), Z_DEFLATED, MAX_WBITS + 16, MAX_MEM_LEVEL,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return err_set(e, ERR_NOMEM, "gzip: no memory");
	err = gzip_all(r, &z, e);
	deflateEnd(&z);
	return err;
}

static enum err read_member(void *ud, int64_t at, void *to, size_t n, size_t *ret_n,
			    struct error *e)
{
	struct packing_run *r = ud;

	*ret_n = (size_t)MIN((int64_t)n, r->file->size - at);
	return read_next(r, at, to, *ret_n, e);
}

static enum err write_cab(void *ud, int64_t at, struct slice bytes, struct error *e)
{
	return write_at(ud, at, bytes, e);
}

static enum err pack_cab(struct packing_run *r, struct error *e)
{
	const struct cab_member member = {r->file->name, r->file->size, r->file->mtime_s};
	const struct cab_output io = {read_member, write_cab, r};
	struct pack_file packed = {.fd = r->out->fd, .stop = r->file->stop};
	enum err err = cab_encode(&member, level_of(r->how), &io, e);

	packed.size = r->out->size;
	return err ? err : pack_hash(&packed, r->out->sha256, e);
}

static enum err run(struct packing_run *r, struct error *e)
{
	char plain[PACK_SHA256_SIZE];
	enum err err = OK;

	if (hash_begin(&r->plain, e) != OK || hash_begin(&r->stored, e) != OK)
		return e->code;
	switch (r->how->kind) {
	case PACK_NONE: return OK;
	case PACK_ZSTD: err = pack_zstd(r, e); break;
	case PACK_GZIP: err = pack_gzip(r, e); break;
	case PACK_CAB: err = pack_cab(r, e); break;
	}
	if (err)
		return err;
	if (r->how->kind != PACK_CAB)
		hash_end(r->stored, r->out->sha256);
	hash_end(r->plain, plain);
	if (strcmp(plain, r->file->sha256) != 0)
		return err_set(e, ERR_CORRUPT, "it has changed meanwhile");
	return OK;
}

static bool shrinks(int64_t packed, int64_t plain)
{
	return packed <= plain - plain / 20;
}

static struct packed as_it_is(const struct pack_file *f)
{
	struct packed p = {.fd = -1, .size = f->size};

	(void)snprintf(p.sha256, sizeof(p.sha256), "%s", f->sha256);
	return p;
}

static enum err is_packed_already(const struct pack_file *f, bool *ret, struct error *e)
{
	char head[PACKING_MAGIC_MAX];
	size_t n = (size_t)MIN(f->size, (int64_t)sizeof(head));
	enum err err = pack_read(f, 0, head, n, e);

	*ret = !err && packing_of((struct slice){head, n}) != PACKED_NOT;
	return err;
}

static enum err pack_into(const struct pack_how *how, const struct pack_file *f, struct packed *out,
			  struct error *e)
{
	struct packing_run *r = xnew(struct packing_run);
	enum err err;

	r->how = how;
	r->file = f;
	r->out = out;
	err = run(r, e);
	EVP_MD_CTX_free(r->plain);
	EVP_MD_CTX_free(r->stored);
	free(r);
	return err;
}

enum err pack_file(const struct pack_how *how, const struct pack_file *f, struct packed *ret,
		   struct error *e)
{
	struct packed p = {.kind = how->kind, .fd = -1};
	bool is_packed = how->kind == PACK_NONE;
	enum err err = OK;

	if (!is_packed && !f->in_the_name)
		err = is_packed_already(f, &is_packed, e);
	if (!err && is_packed) {
		*ret = as_it_is(f);
		return OK;
	}
	if (err)
		return err;
	p.fd = file_temporary();
	if (p.fd < 0)
		return err_sys(e, ERR_IO, "cannot make a temporary file");
	err = pack_into(how, f, &p, e);
	if (!err && (f->in_the_name || shrinks(p.size, f->size))) {
		*ret = p;
		return OK;
	}
	packed_fini(&p);
	if (!err)
		*ret = as_it_is(f);
	return err;
}

void packed_fini(struct packed *p)
{
	close_p(&p->fd);
	p->fd = -1;
	file_temporary_end(&p->counted);
}

/* ---- is it worth it? ---- */

/* Deflate at its lowest stands for all of them: what it cannot shrink by a twentieth, no other shrinks by much. */
static enum err sample(const struct pack_file *f, int64_t at, int64_t *plain, int64_t *packed,
		       struct error *e)
{
	size_t n = (size_t)MIN((int64_t)SAMPLE_SIZE, f->size - at);
	unsigned char *in CLEANUP(free_p) = xzalloc(n + 1);
	uLongf to = compressBound(n);
	unsigned char *out CLEANUP(free_p) = xzalloc(to);
	enum err err = pack_read(f, at, in, n, e);

	if (err)
		return err;
	ASSERT(compress2(out, &to, in, n, 1) == Z_OK);
	*plain += (int64_t)n;
	*packed += (int64_t)to;
	return OK;
}

enum err pack_is_worth_it(const struct pack_how *how, const struct pack_file *f, bool *ret,
			  struct error *e)
{
	int64_t plain = 0, packed = 0, step = MAX(f->size / SAMPLES, (int64_t)SAMPLE_SIZE);
	enum err err;

	*ret = false;
	if (how->kind == PACK_NONE ||
	    (how->kind == PACK_CAB && (f->size > CAB_FILE_MAX || f->name.n > CAB_NAME_MAX)))
		return OK;
	err = is_packed_already(f, ret, e);
	if (err || *ret) {
		*ret = false;
		return err;
	}
	for (int64_t at = 0; !err && at < f->size; at += step)
		err = sample(f, at, &plain, &packed, e);
	*ret = !err && shrinks(packed, plain);
	return err;
}
