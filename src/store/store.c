// SPDX-License-Identifier: MIT
/*
 * What all stores share, below the kinds: their operations, which of them is which, and the few
 * questions any of them can answer. store_open.c makes one.
 */
#include "base/clock.h"
#include "store/store_priv.h"

#include <openssl/evp.h>

#define FACTS_MAX ((size_t)32768) /* a URL has 4096 bytes at most, as has an owner */
#define PLAIN_NS  (3600 * NS_PER_S)

void store_identify(struct store *s, const struct store_fact *facts, size_t n)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX(FACTS_MAX);

	for (size_t i = 0; i < n; i++) {
		buf_printf(&text, "%s %zu:", facts[i].name, facts[i].value.n);
		buf_add(&text, facts[i].value);
		buf_putc(&text, '\n');
	}
	ASSERT(!buf_failed(&text));
	ASSERT(EVP_Digest(text.p, text.n, s->id, NULL, EVP_sha256(), NULL));
}

void store_free(struct store *s)
{
	if (!s)
		return;
	s->ops->free(s); /* ends calls, whose owners may still want the name */
	free(s->traits.name);
	free(s->traits.only);
	free(s->traits.not );
	free(s->traits.ptr);
	free(s);
}

struct store_call *store_start(struct store *s, const struct store_read *read,
			       const struct store_events *events, void *ud)
{
	return s->ops->start(s, read, events, ud);
}

void store_call_resume(struct store *s, struct store_call *call)
{
	s->ops->resume(call);
}

void store_call_cancel(struct store *s, struct store_call *call)
{
	s->ops->cancel(call);
}

void store_probe(struct store *s, enum question q, void (*done)(void *ud, const struct error *e),
		 void *ud)
{
	s->ops->probe(s, q, done, ud);
}

bool store_is_private(struct store *s)
{
	return s->ops->is_private(s);
}

bool store_speaks(const struct store *s, struct slice key)
{
	unsigned unspoken = atomic_load_explicit(&s->unspoken, memory_order_relaxed);

	return !unspoken || !(unspoken & 1U << question_of(key));
}

void store_set_spoken(struct store *s, enum question q, bool spoken)
{
	if (spoken)
		atomic_fetch_and(&s->unspoken, ~(1U << q));
	else
		atomic_fetch_or(&s->unspoken, 1U << q);
}

int64_t store_miss_ttl_max(const struct store *s, struct slice key)
{
	return s->traits.wildcards && slice_starts(key, SLICE(STORE_ANY_KEY))
		       ? INT64_MAX
		       : s->traits.miss_ttl_max_ns;
}

bool store_negotiates(const struct store *s)
{
	return s->traits.negotiates && clock_mono_ns() >= s->plain_ns;
}

void store_stop_negotiating(struct store *s)
{
	s->plain_ns = clock_mono_ns() + PLAIN_NS;
}

void store_alive(struct store *s)
{
	atomic_store(&s->answered_ns, clock_mono_ns());
}
