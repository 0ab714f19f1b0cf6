// SPDX-License-Identifier: MIT
/*
 * Exact or opaque: how an S3 store says that a key is missing depends on a permission
 * (s3:ListBucket) that somebody may change while we run. A GET of a random key tells. It is asked
 * at start, and again when an answer contradicts what we believe: AccessDenied from an exact
 * store, NoSuchKey from an opaque one; such doubt is allowed to cost one probe in DOUBT_EVERY.
 */
#include "base/clock.h"
#include "metric/metric.h"
#include "store/question.h"
#include "store/s3_priv.h"

#define DOUBT_EVERY_NS  (10 * NS_PER_S)
#define RETRY_AFTER_NS  (1 * NS_PER_S)
#define PROBE_BUDGET_NS (5 * NS_PER_S)
#define DENIED_WARN     20

static void probed(void *ud, enum s3_verdict verdict, struct slice body, const struct error *e)
{
	struct s3_store *s3 = ud;
	struct s3_doubt *d = &s3->doubt;

	d->probing = false;
	d->probe = NULL;
	d->failure = (struct error){OK, 0, ""};
	if (verdict == S3_MISS || verdict == S3_BARE) {
		/* What it denied so far may have been there. */
		if (d->exactness == S3_OPAQUE)
			atomic_fetch_add(&s3->store.epoch, 1);
		d->exactness = verdict == S3_MISS ? S3_EXACT : S3_SILENT;
	} else if (verdict == S3_DENIED_IN_DOUBT) {
		d->exactness = S3_OPAQUE;
	} else {
		d->failure = *e;
		if (verdict == S3_FOUND)
			err_set(&d->failure, ERR_UPSTREAM, "gives an object for a random key");
		d->failed_ns = clock_mono_ns();
	}
	if (!d->failure.code)
		store_alive(&s3->store);
	waiters_wake(&d->waiters);
}

void s3_doubt_probe(struct s3_store *s3)
{
	static const struct s3_asking asking = {.what = S3_PROBE, .raw = probed};
	struct s3_asking mine = asking;
	struct store_read read = {.deadline_ns = clock_mono_ns() + PROBE_BUDGET_NS};
	struct buf key CLEANUP(buf_fini) = BUF_MAX(4096);
	char name[QUESTION_KEY_MAX];

	if (s3->doubt.probing)
		return;
	s3->doubt.probing = true;
	metric_inc(store_probes);
	question_random_key(QUESTION_SYMBOL, false, name);
	s3_full_key(s3, slice_of(name), &key);
	read.key = buf_slice(&key);
	mine.ud = s3;
	s3->doubt.probe = s3_call_start(s3, &read, &mine);
}

bool s3_doubt_denied(struct s3_store *s3)
{
	struct s3_doubt *d = &s3->doubt;
	int64_t now = clock_mono_ns();

	if (d->probing)
		return true;
	if (d->exactness == S3_UNKNOWN && d->failure.code && now - d->failed_ns < RETRY_AFTER_NS)
		return false;
	if (d->exactness == S3_EXACT) {
		if (d->doubted_ns && now - d->doubted_ns < DOUBT_EVERY_NS)
			return false;
		d->doubted_ns = now;
	}
	s3_doubt_probe(s3);
	return d->probing;
}

void s3_doubt_not_found(struct s3_store *s3)
{
	struct s3_doubt *d = &s3->doubt;
	int64_t now = clock_mono_ns();

	if (d->exactness != S3_OPAQUE || (d->doubted_ns && now - d->doubted_ns < DOUBT_EVERY_NS))
		return;
	d->doubted_ns = now;
	s3_doubt_probe(s3);
}

void s3_doubt_count_denied(struct s3_store *s3)
{
	struct s3_doubt *d = &s3->doubt;

	if (++d->denied < DENIED_WARN || d->ever_found || d->warned)
		return;
	d->warned = true;
	s3->store.ctx->warn(s3->store.traits.name,
			    "denies every key and has never given one: credentials or policy?");
}

void s3_doubt_count_found(struct s3_store *s3, bool tagged)
{
	s3->doubt.ever_found = true;
	s3->doubt.ever_tagged = s3->doubt.ever_tagged || tagged;
}

void s3_doubt_fini(struct s3_store *s3)
{
	if (s3->doubt.probe)
		s3_call_cancel(s3->doubt.probe);
	err_set(&s3->doubt.failure, ERR_CANCELED, "shutting down");
	waiters_wake(&s3->doubt.waiters);
}
