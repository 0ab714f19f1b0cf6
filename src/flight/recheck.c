// SPDX-License-Identifier: MIT
/* See recheck.h. */
#include "flight/recheck.h"
#include "base/clock.h"
#include "base/log.h"
#include "metric/metric.h"

#include <unistd.h>
#include <xxhash.h>

#define BUDGET_NS (8 * NS_PER_S) /* for the head of the second answer */

struct recheck {
	struct recheck_request request;
	char *key;
	struct fetch *fetch;
	XXH3_state_t *again;
	recheck_told *told;
	void *ud;
};

void recheck_agreed(struct store *s)
{
	s->etags_agree = true;
}

bool recheck_needless(const struct store *s)
{
	return !s->etags_agree && s->etag_proofs == RECHECK_PROOFS;
}

/* It counts once, however often it is asked for. */
static void note_proof(struct store *s, struct slice key)
{
	uint64_t hash = XXH3_64bits(key.p, key.n);

	for (unsigned i = 0; i < s->etag_proofs; i++)
		if (s->etag_proof[i] == hash)
			return;
	if (s->etag_proofs == RECHECK_PROOFS)
		return;
	s->etag_proof[s->etag_proofs++] = hash;
	if (recheck_needless(s))
		log_event(LOG_WARN,
			  "its ETags look like MD5 and are none: not compared until one agrees",
			  "store", s->traits.name, NULL);
}

static void conclude_recheck(struct recheck *c, bool same)
{
	struct store *s = c->request.store;

	metric_add(etags_no_md5, same);
	if (same)
		note_proof(s, slice_of(c->key));
	c->told(c->ud, same);
}

static enum err again_begin(void *ud, const struct object_head *head, struct error *e)
{
	const struct recheck *c = ud;

	if (head->total == c->request.head.total && head->length == head->total &&
	    strcmp(head->etag, c->request.head.etag) == 0)
		return OK;
	return err_set(e, ERR_CORRUPT, "another version than the first time");
}

static bool again_write(void *ud, struct slice data)
{
	struct recheck *c = ud;

	XXH3_128bits_update(c->again, data.p, data.n);
	return true;
}

static void again_end(void *ud, const struct error *e)
{
	struct recheck *c = ud;
	XXH128_canonical_t own;

	XXH128_canonicalFromHash(&own, XXH3_128bits_digest(c->again));
	conclude_recheck(c, !e && memcmp(own.digest, c->request.own, sizeof(c->request.own)) == 0);
}

static void again_decided(void *ud, enum fetch_result result, const struct object_head *head,
			  const struct error *e)
{
	if (result == FETCH_FOUND && head->fd < 0)
		return; /* the body follows */
	if (result == FETCH_FOUND)
		close(head->fd); /* without a length: as if it had not come */
	conclude_recheck(ud, false);
}

struct recheck *recheck_start(const struct recheck_request *r, recheck_told *told, void *ud)
{
	static const struct fetch_sink sink = {
		.begin = again_begin, .write = again_write, .end = again_end};
	const struct fetch_request fetch = {
		.store = r->store,
		.key = r->key,
		.via = r->via,
		.checksum = r->checksum,
		.msfz = r->msfz,
		.asker = r->asker,
		.deadline_ns = clock_mono_ns() + BUDGET_NS,
		.patient = r->patient,
	};
	struct recheck *c = xnew(struct recheck);

	c->request = *r;
	c->key = xstrndup(r->key.p, r->key.n);
	c->again = XXH3_createState();
	ASSERT(c->again);
	XXH3_128bits_reset(c->again);
	c->told = told;
	c->ud = ud;
	metric_inc(etags_rechecked);
	c->fetch = fetch_start(&fetch, &sink, again_decided, c);
	return c;
}

void recheck_free(struct recheck *c)
{
	if (!c)
		return;
	fetch_free(c->fetch);
	XXH3_freeState(c->again);
	free(c->key);
	free(c);
}
