// SPDX-License-Identifier: MIT
/* See stored_file.h. The object is read in blocks, each by a request of its own, which have to be of one version. */
#include "cmd/stored_file.h"

#include "base/file.h"
#include "base/text.h"
#include "cmd/reads.h"
#include "codec/codec.h"
#include "publish/twin.h"
#include "store/packing.h"
#include "symfmt/verify.h"

#include <openssl/evp.h>

#define LOOK_BLOCK ((int64_t)64 << 10) /* where a few ranges are enough */
#define READ_BLOCK ((int64_t)4 << 20)
#define TIMEOUT_NS (60 * NS_PER_S)

struct object {
	const struct stored_how *how;
	const struct plan_file *file;
	struct object_head head; /* of its first block */
	struct buf first, block; /* the first block; the one that was read last */
	int64_t block_at, block_size;
	EVP_MD_CTX *hash;
	int64_t hashed;
	int copy;                 /* what is hashed goes there, too; -1: nowhere */
	int64_t counted;          /* with that (file.h) */
	enum fetch_result result; /* of the read that failed */
};

static void object_fini(struct object *o)
{
	buf_fini(&o->first);
	buf_fini(&o->block);
	EVP_MD_CTX_free(o->hash);
	close_p(&o->copy);
	file_temporary_end(&o->counted);
}

/* ---- reading ---- */

static enum err read_block(struct object *o, int64_t at, struct buf *to, struct object_head *head,
			   struct error *e)
{
	const struct read_ask ask = {
		.store = o->how->store,
		.key = o->file->key,
		.first = at,
		.last = at + o->block_size - 1,
		.max = to->max,
		.timeout_ns = TIMEOUT_NS,
	};

	buf_clear(to);
	o->result = read_object(&ask, head, to, e);
	if (o->result == FETCH_FOUND && o->how->bytes)
		atomic_fetch_add(o->how->bytes, (long long)to->n);
	if (o->result == FETCH_FOUND)
		return OK;
	return o->result == FETCH_FAULT ? e->code : err_set(e, ERR_OTHER, "it went away");
}

/* The first block stays, since cabinets are read from their beginning more than once. */
static enum err find_block(struct object *o, int64_t at, struct slice *ret, struct error *e)
{
	int64_t begin = at - at % o->block_size;
	struct buf *b = begin ? &o->block : &o->first;
	struct object_head head;
	enum err err = OK;

	if (begin && o->block_at != begin) {
		err = read_block(o, begin, b, &head, e);
		o->block_at = err ? -1 : begin;
		if (!err && !text_same(head.etag, o->head.etag)) {
			o->result = FETCH_FAULT;
			return err_set(e, ERR_BUSY, "it was replaced while it was read");
		}
	}
	*ret = err ? SLICE_NONE : slice_from(buf_slice(b), (size_t)(at - begin));
	return err;
}

static enum err read_at(void *ud, int64_t offset, void *to, size_t n, size_t *ret_n,
			struct error *e)
{
	struct object *o = ud;
	struct slice there;
	enum err err;

	*ret_n = 0;
	if (offset >= o->head.total)
		return OK;
	err = find_block(o, offset, &there, e);
	if (err)
		return err;
	if (!there.n)
		return err_set(e, ERR_CORRUPT, "it ends too early");
	*ret_n = MIN(n, there.n);
	memcpy(to, there.p, *ret_n);
	return OK;
}

static enum err read_all_of(void *ud, int64_t offset, void *to, size_t n, struct error *e)
{
	enum err err = OK;
	size_t got;

	for (size_t at = 0; at < n && !err; at += got) {
		err = read_at(ud, offset + (int64_t)at, (char *)to + at, n - at, &got, e);
		if (!err && !got)
			err = err_set(e, ERR_CORRUPT, "it ends too early");
	}
	return err;
}

/* ---- by every byte ---- */

static enum err copy_more(struct object *o, struct slice bytes, struct error *e)
{
	if (file_temporary_grow(o->copy, &o->counted, o->hashed + (int64_t)bytes.n, e) != OK)
		return e->code;
	if (!file_write_at(o->copy, bytes, o->hashed))
		return err_sys(e, ERR_IO, "cannot write a temporary file");
	return OK;
}

static enum err hash_more(void *ud, struct slice bytes, struct error *e)
{
	struct object *o = ud;

	if (o->copy >= 0 && copy_more(o, bytes, e) != OK)
		return e->code;
	ASSERT(EVP_DigestUpdate(o->hash, bytes.p, bytes.n));
	o->hashed += (int64_t)bytes.n;
	return OK;
}

static enum err hash_plain(struct object *o, struct error *e)
{
	struct slice there;
	enum err err = OK;

	for (int64_t at = 0; at < o->head.total && !err; at += (int64_t)there.n) {
		err = find_block(o, at, &there, e);
		if (!err && !there.n)
			err = err_set(e, ERR_CORRUPT, "it ends too early");
		if (!err)
			err = hash_more(o, there, e);
	}
	return err;
}

static enum err hash_packed(struct object *o, enum packing packing, int64_t max, struct error *e)
{
	const struct codec_io io = {
		.read = read_at,
		.write = hash_more,
		.ud = o,
		.promised = CODEC_SIZE_UNKNOWN,
		.max_output = max,
	};

	return codec_decode(packing_rows[packing].codec, &io, e);
}

/* SHA-256 of its plain form, which has no more than max bytes. */
static enum err hash_all(struct object *o, enum packing packing, int64_t max, char ret[static 65],
			 struct error *e)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	enum err err;

	EVP_MD_CTX_free(o->hash);
	o->hash = EVP_MD_CTX_new();
	o->hashed = 0;
	ASSERT(o->hash && EVP_DigestInit_ex(o->hash, EVP_sha256(), NULL));
	err = packing ? hash_packed(o, packing, max, e) : hash_plain(o, e);
	if (!err) {
		ASSERT(EVP_DigestFinal_ex(o->hash, sum, &n));
		hex_encode(sum, n, ret);
	}
	return err;
}

static enum stored_finding failed(const struct object *o, struct error *e)
{
	if (o->result == FETCH_FAULT)
		return STORED_FAULT;
	return o->result == FETCH_FOUND ? STORED_WRONG : STORED_MISSING;
}

static enum stored_finding judge_bytes(struct object *o, enum packing packing, struct error *e)
{
	char hex[65];

	if (hash_all(o, packing, MAX(o->file->size, 1), hex, e) != OK)
		return failed(o, e);
	if (o->hashed == o->file->size && strcmp(hex, o->file->sha256) == 0)
		return STORED_GOOD;
	err_set(e, ERR_OTHER, "its plain form has %lld bytes and SHA-256 %s", (long long)o->hashed,
		hex);
	return STORED_WRONG;
}

/* ---- by what little tells ---- */

/* Whether by what its publisher has written beside it. */
static bool is_told_otherwise(const struct object *o, struct error *e)
{
	const struct object_origin *origin = &o->head.origin;

	if (!origin->sha256[0] || (strcmp(origin->sha256, o->file->sha256) == 0 &&
				   (origin->size < 0 || origin->size == o->file->size)))
		return false;
	err_set(e, ERR_OTHER, "another file, as pepto-sha256 beside it tells");
	return true;
}

static enum stored_finding judge_plain(struct object *o, const char **ret_by, struct error *e)
{
	const struct source file = {read_all_of, o, o->head.total};
	enum verdict verdict = VERDICT_UNKNOWN;
	struct claim claim;
	char is[160];

	if (is_told_otherwise(o, e))
		return STORED_WRONG;
	*ret_by = "length";
	if (o->head.total != o->file->size) {
		err_set(e, ERR_OTHER, "it has %lld bytes, not %lld", (long long)o->head.total,
			(long long)o->file->size);
		return STORED_WRONG;
	}
	if (!claim_of_path(o->file->key, &claim))
		return STORED_GOOD;
	if (verify_file(&claim, &file, &verdict, e) != OK)
		return failed(o, e);
	if (verdict == VERDICT_GOOD)
		*ret_by = "identity";
	if (verdict != VERDICT_WRONG)
		return STORED_GOOD;
	verify_describe(&file, is, sizeof(is));
	err_set(e, ERR_OTHER, "another file than its key names: %s", is);
	return STORED_WRONG;
}

/* What its publisher has written beside it, and the beginning of what it holds. */
static enum stored_finding judge_packed(struct object *o, enum packing packing, struct error *e)
{
	char *plain CLEANUP(free_p) = xzalloc(VERIFY_HEAD);
	struct slice head = {plain, 0};
	struct claim claim;
	bool nothing = false;

	if (is_told_otherwise(o, e))
		return STORED_WRONG;
	head.n = codec_peek(packing_rows[packing].codec, buf_slice(&o->first), plain, VERIFY_HEAD,
			    &nothing);
	if (nothing || (!head.n && o->file->size)) {
		err_set(e, ERR_CORRUPT, "damaged: it cannot be expanded");
		return STORED_WRONG;
	}
	if (claim_of_path(o->file->key, &claim) &&
	    verify_head(&claim, head, o->file->size) == VERDICT_WRONG) {
		err_set(e, ERR_OTHER, "another file than its key names");
		return STORED_WRONG;
	}
	return STORED_GOOD;
}

/* ---- an image that is not the planned one ---- */

/* Does its beginning have the key, and all of it the checksum that its publisher wrote beside it, if any? */
static bool is_intact(const struct object *o, const char *sha256, struct error *e)
{
	struct file_source place = {.fd = o->copy};
	const struct source plain = source_of_file(&place, o->hashed);
	enum verdict verdict = VERDICT_UNKNOWN;
	struct claim claim;

	if (o->head.origin.sha256[0] && strcmp(o->head.origin.sha256, sha256) != 0)
		return false;
	return claim_of_path(o->file->key, &claim) &&
	       verify_file(&claim, &plain, &verdict, e) == OK && verdict == VERDICT_GOOD;
}

/* Damaged or too long, or is it that we could not look? A full disk of ours says nothing of the object. */
static enum stored_finding failed_here(const struct object *o, struct error *why)
{
	if (o->result == FETCH_FOUND && why->code != ERR_CORRUPT && why->code != ERR_LIMIT)
		return STORED_FAULT;
	return failed(o, why);
}

static enum stored_finding judge_copy(const struct object *o, const char *sha256, bool existed,
				      struct stored_told *ret, struct error *e)
{
	enum twin_kind kind;
	bool proven;

	if (!is_intact(o, sha256, e))
		return e->code ? failed_here(o, e) : STORED_WRONG;
	if (twin_of_planned(o->file, o->copy, o->hashed, &kind, &proven, e) != OK)
		return failed_here(o, e);
	switch (kind) {
	case TWIN_SIGNED: *ret = (struct stored_told){"bytes", "signed"}; return STORED_GOOD;
	case TWIN_RESIGNED: *ret = (struct stored_told){"identity", "signed anew"}; break;
	case TWIN_UNSIGNED: *ret = (struct stored_told){"identity", "unsigned"}; break;
	case TWIN_OTHER: return STORED_WRONG;
	}
	if (proven)
		ret->by = "bytes";
	/* Else what is told beside it has to prove that it is whole (is_intact()). */
	if (!proven && !o->head.origin.sha256[0])
		return STORED_WRONG;
	return proven || existed ? STORED_GOOD : STORED_WRONG;
}

/* Where it stays STORED_WRONG, *e keeps judge_planned()'s reason. */
static enum stored_finding judge_signature(struct object *o, enum packing packing, bool existed,
					   struct stored_told *ret, struct error *e)
{
	enum stored_finding finding;
	struct error why = {.code = OK};
	char sha256[65];

	if (!twin_is_image(o->file) ||
	    !twin_is_worth_it(o->file, o->head.total, o->head.origin.size))
		return STORED_WRONG;
	o->copy = file_temporary();
	if (o->copy < 0) {
		err_sys(e, ERR_IO, "cannot make a temporary file");
		return STORED_FAULT;
	}
	if (hash_all(o, packing, o->file->size + TWIN_CERTIFICATES_MAX, sha256, &why) != OK)
		finding = failed_here(o, &why);
	else
		finding = judge_copy(o, sha256, existed, ret, &why);
	if (finding == STORED_FAULT || finding == STORED_MISSING)
		*e = why;
	else if (finding == STORED_GOOD)
		*e = (struct error){.code = OK};
	return finding;
}

static enum stored_finding judge_planned(struct object *o, enum packing packing,
					 const char **ret_by, struct error *e)
{
	if (o->how->full || (packing && !o->head.origin.sha256[0])) {
		*ret_by = "bytes";
		return judge_bytes(o, packing, e);
	}
	*ret_by = "metadata";
	return packing ? judge_packed(o, packing, e) : judge_plain(o, ret_by, e);
}

enum stored_finding stored_judge(const struct stored_how *how, const struct plan_file *file,
				 bool existed, struct stored_told *ret, struct error *e)
{
	struct object o CLEANUP(object_fini) = {
		.how = how, .file = file, .block_at = -1, .copy = -1};
	enum stored_finding finding;
	enum packing packing;

	o.block_size = how->full ? READ_BLOCK : LOOK_BLOCK;
	o.first = BUF_MAX((size_t)READ_BLOCK);
	o.block = BUF_MAX((size_t)READ_BLOCK);
	*ret = (struct stored_told){.by = ""};
	if (read_block(&o, 0, &o.first, &o.head, e) != OK) {
		if (o.result != FETCH_FAULT)
			*e = (struct error){OK, 0, ""};
		return failed(&o, e);
	}
	if (o.head.total < 0)
		o.head.total = (int64_t)o.first.n;
	packing = packing_of(buf_slice(&o.first));
	if (packing >= PACKINGS_END || !packing_rows[packing].is_codec ||
	    (!o.head.encoding[0] && slice_eq(file->as, SLICE("none"))))
		packing = PACKED_NOT;
	finding = judge_planned(&o, packing, &ret->by, e);
	return finding == STORED_WRONG ? judge_signature(&o, packing, existed, ret, e) : finding;
}
