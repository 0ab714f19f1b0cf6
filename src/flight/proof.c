// SPDX-License-Identifier: MIT
/* See proof.h. */
#include "flight/proof.h"
#include "base/log.h"
#include "flight/recheck.h"
#include "metric/metric.h"

void proof_fini(struct proof *p)
{
	recheck_free(TAKE(p->recheck));
	digest_free(TAKE(p->digest));
	buf_fini(&p->beginning);
	free(TAKE(p->path));
}

/* ---- the checksum ---- */

static bool sum_of(const struct object_head *h, struct checksum *ret)
{
	static const struct {
		const char *name;
		enum checksum_kind kind;
	} names[] = {{"sha256", CHECKSUM_SHA256},
		     {"crc64nvme", CHECKSUM_CRC64NVME},
		     {"crc32c", CHECKSUM_CRC32C},
		     {"crc32", CHECKSUM_CRC32}};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(h->sum_name, names[i].name) == 0)
			return checksum_from_base64(names[i].kind, slice_of(h->sum_base64), ret);
	return h->etag_is_md5 && checksum_from_etag(slice_of(h->etag), ret);
}

void proof_hear(struct proof *p, const struct object_head *h)
{
	if (sum_of(h, &p->told))
		p->digest = digest_new(p->told.kind);
}

void proof_add(struct proof *p, struct slice bytes)
{
	if (p->digest)
		digest_add(p->digest, bytes);
}

static void rechecked(void *ud, bool same)
{
	struct proof *p = ud;

	recheck_free(TAKE(p->recheck));
	digest_free(TAKE(p->digest));
	p->checked(p->ud, same);
}

static void fetch_again(struct proof *p, const struct proof_origin *from)
{
	struct recheck_request r = {
		.store = from->store,
		.key = slice_of(from->key),
		.via = from->via,
		.checksum = from->checksum,
		.msfz = from->msfz,
		.asker = from->asker,
		.patient = from->patient,
		.head = *from->head,
	};

	digest_own(p->digest, r.own);
	p->recheck = recheck_start(&r, rechecked, p);
}

enum proof_verdict proof_check(struct proof *p, const struct proof_origin *from,
			       void (*checked)(void *ud, bool sound), void *ud)
{
	enum proof_verdict verdict = PROOF_SOUND;
	bool md5; /* only an ETag is one */

	if (!p->digest)
		return PROOF_SOUND;
	md5 = digest_kind(p->digest) == CHECKSUM_MD5;
	if (digest_matches(p->digest, &p->told)) {
		if (md5)
			recheck_agreed(from->store);
	} else if (!md5) {
		verdict = PROOF_DAMAGED;
	} else if (!recheck_needless(from->store)) {
		p->checked = checked;
		p->ud = ud;
		fetch_again(p, from);
		return PROOF_LATER;
	}
	digest_free(TAKE(p->digest)); /* it can be asked once */
	return verdict;
}

void proof_damaged(const struct store *s, const char *key, struct error *e)
{
	metric_inc(fills_corrupt);
	err_set(e, ERR_CORRUPT, "the checksum of what came is not the store's");
	log_event(LOG_WARN, "object damaged on its way", "store", s->traits.name, "key", key, NULL);
}

/* ---- the key ---- */

void proof_begin(struct proof *p, const char *path)
{
	buf_fini(&p->beginning);
	free(p->path);
	p->path = xstrdup(path);
	p->at_end = p->other = false;
	p->beginning = (struct buf)BUF_MAX(VERIFY_HEAD);
	p->looking = claim_of_path(slice_of(p->path), &p->key);
}

static void stop_looking(struct proof *p)
{
	p->looking = false;
	buf_fini(&p->beginning);
}

void proof_look(struct proof *p, struct slice bytes, int64_t total)
{
	buf_add(&p->beginning, slice_head(bytes, MIN(bytes.n, VERIFY_HEAD - p->beginning.n)));
	if (buf_failed(&p->beginning)) {
		stop_looking(p);
		return;
	}
	switch (verify_head(&p->key, buf_slice(&p->beginning), total)) {
	case VERDICT_MORE: return;
	case VERDICT_WHOLE: p->at_end = true; break;
	case VERDICT_WRONG: p->other = true; break;
	case VERDICT_GOOD:
	case VERDICT_UNKNOWN: break;
	}
	stop_looking(p);
}

void proof_look_at_all(struct proof *p, const struct source *file)
{
	enum verdict verdict;
	struct error e;

	p->at_end = p->looking = false;
	if (verify_file(&p->key, file, &verdict, &e) == OK)
		p->other = verdict == VERDICT_WRONG;
}

void proof_tell_other(const struct proof *p, const char *store, const struct source *file)
{
	char is[160] = "";

	metric_inc(identity_wrong);
	if (file)
		verify_describe(file, is, sizeof(is));
	log_event(LOG_WARN, "another file than its key names", "store", store, "key", p->path, "is",
		  is, NULL);
}

enum err proof_other(enum err code, struct error *e)
{
	return err_set(e, code, "another file than its key names");
}
