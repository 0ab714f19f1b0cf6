// SPDX-License-Identifier: MIT
/*
 * Exact or opaque: how an S3 store says that a key is missing depends on a permission
 * (s3:ListBucket) that may be given or taken while we run. A GET of a random key tells; doubt.h
 * says when one is sent, and what follows from the answer.
 */
#include "base/clock.h"
#include "store/s3_store.h"

#define PROBE_BUDGET_NS (5 * NS_PER_S)

static bool is_no_answer(enum err code)
{
	return code == ERR_NET || code == ERR_TIMEOUT || code == ERR_BUSY || code == ERR_CANCELED;
}

static void probe_answered(void *ud, enum s3_verdict verdict, struct slice body,
			   const struct error *e)
{
	struct doubt_probe *p = ud;
	struct s3_store *s3 = (struct s3_store *)p->doubt->store;

	switch (verdict) {
	case S3_MISS:
	case S3_BARE:
		s3->silent = verdict == S3_BARE;
		doubt_told(p, TOLD_MISSING, e);
		return;
	case S3_DENIED_IN_DOUBT: doubt_told(p, TOLD_DENIED, e); return;
	case S3_FOUND: doubt_told(p, TOLD_GIVEN, e); return;
	case S3_NAME:
	case S3_ARCHIVED:
	case S3_RANGE:
	case S3_NOT_MODIFIED:
	case S3_PRECONDITION:
	case S3_RETRY:
	case S3_REGION:
	case S3_ASK_GET:
	case S3_SKEW:
	case S3_EXPIRED:
	case S3_FAULT: break;
	}
	doubt_told(p, is_no_answer(e->code) ? TOLD_NOTHING : TOLD_OTHER, e);
}

/* A key that was given before is the full key already. */
static struct store_call *ask(struct doubt_probe *p, struct slice key)
{
	struct s3_store *s3 = (struct s3_store *)p->doubt->store;
	const struct s3_asking asking = {.what = S3_PROBE, .raw = probe_answered, .ud = p};
	struct store_read read = {.deadline_ns = clock_mono_ns() + PROBE_BUDGET_NS};
	struct buf full CLEANUP(buf_fini) = BUF_MAX(8192);

	if (p->again)
		buf_add(&full, key);
	else
		s3_full_key(s3, key, &full);
	read.key = buf_slice(&full);
	return s3_call_start(s3, &read, &asking);
}

static const struct doubt_ops ops = {.ask = ask, .cancel = s3_call_cancel};

void s3_doubt_init(struct s3_store *s3)
{
	doubt_init(&s3->doubt, &s3->store, QUESTION_SYMBOL, &ops);
}

/*
 * Objects that an opaque store denied may be visible with the new credentials, so its misses do not
 * count any more. Whether an exact store is still exact for them, only a probe can say; until then
 * a read that is denied is a fault and no miss.
 */
void s3_doubt_anew(struct s3_store *s3)
{
	if (s3->doubt.is == MANNER_OPAQUE)
		s3->doubt.is = MANNER_UNKNOWN;
	atomic_fetch_add(&s3->store.epoch, 1);
	if (!s3->closing)
		doubt_anew(&s3->doubt);
}
