// SPDX-License-Identifier: MIT
/*
 * The last bytes of gzip tell the length of what it holds, without which nobody can be told of it. So
 * they are fetched beside the rest, pinned to the same version. When they do not come they are read
 * where they stand, once all has arrived.
 */
#include "flight/derive_priv.h"

/* A shorter one arrives as soon as its end would. */
#define TAIL_FROM (INT64_C(256) * 1024)
/* That of a longer one is not believed (gzip_guess_size()). */
#define TAIL_TO ((INT64_C(1) << 32) / 1032)

static bool tail_arrived(void *ud, struct slice bytes)
{
	struct derivation *d = ((struct flight *)ud)->derivation;
	size_t n = MIN(bytes.n, sizeof(d->tail) - d->tail_n);

	memcpy(d->tail + d->tail_n, bytes.p, n);
	d->tail_n += n;
	return true;
}

static void tail_ended(void *ud, const struct error *e)
{
	struct derivation *d = ((struct flight *)ud)->derivation;

	if (!e && d->tail_n == sizeof(d->tail) && d->maker)
		maker_tell_tail(d->maker, d->tail);
}

static void tail_decided(void *ud, enum fetch_result result, const struct object_head *head,
			 const struct error *e)
{
	/* What does not come is read when all has arrived. */
	if (result == FETCH_FAULT && e->code == ERR_CORRUPT)
		flight_learn(ud, e);
}

static bool may_be_gzip(const struct flight *f, const struct object_head *head)
{
	struct slice key = slice_of(f->key);

	if (head->encoding[0])
		return f->form == FORM_PLAIN &&
		       slice_eq_nocase(slice_of(head->encoding), SLICE("gzip"));
	return f->form == FORM_EXPANDED && key.n > 3 &&
	       slice_eq_nocase(slice_from(key, key.n - 3), SLICE(".gz"));
}

void derive_fetch_tail(struct flight *f, const struct object_head *head)
{
	static const struct fetch_sink sink = {.write = tail_arrived, .end = tail_ended};
	const struct fetch_request r = {
		.store = f->store,
		.key = slice_of(f->key),
		.ranged = true,
		.range = {head->total - MAKER_TAIL, head->total - 1},
		.pin = head,
		.via = f->via,
		.checksum = f->checksum,
		.asker = f->asker,
		.deadline_ns = f->deadline_ns,
	};

	if (head->total >= TAIL_FROM && head->total < TAIL_TO && head->etag[0] == '"' &&
	    may_be_gzip(f, head) && !flight_whole(f))
		f->derivation->tail_fetch = fetch_start(&r, &sink, tail_decided, f);
}
