// SPDX-License-Identifier: MIT
/*
 * See doubt.h. A few of the keys that a store gave are kept: when it denies a random key it is
 * asked for one of these, to see whether it still gives anything.
 */
#include "store/doubt.h"
#include "base/clock.h"
#include "metric/metric.h"

#define DOUBT_EVERY_NS    (10 * NS_PER_S)
#define RETRY_AFTER_NS    (1 * NS_PER_S)
#define DENYING_EVERY_NS  (1 * NS_PER_S)
#define UNSPOKEN_FIRST_NS (1 * NS_PER_S)
#define UNSPOKEN_LAST_NS  (60 * NS_PER_S)
#define UNSPOKEN_PART     8 /* a pause is this part of the time that it has lasted */
#define OVERLAP_NS        (1 * NS_PER_S)
#define GIVEN_EVERY_NS    (1 * NS_PER_S)

static struct loop *loop_of(const struct doubt *d)
{
	return d->store->ctx->loop;
}

static void warn(const struct doubt *d, const char *what)
{
	d->store->ctx->warn(d->store->traits.name, what);
}

/* ---- asking ---- */

static size_t probes_out(const struct doubt *d, int64_t *ret_newest_ns)
{
	size_t n = 0;

	*ret_newest_ns = INT64_MIN;
	for (size_t i = 0; i < DOUBT_PROBES; i++) {
		if (!d->probe[i].call)
			continue;
		*ret_newest_ns = MAX(*ret_newest_ns, d->probe[i].began_ns);
		n++;
	}
	return n;
}

bool doubt_is_probing(const struct doubt *d)
{
	int64_t newest;

	return probes_out(d, &newest) > 0;
}

static bool send_probe(struct doubt *d, struct slice key, bool again)
{
	for (size_t i = 0; i < DOUBT_PROBES; i++) {
		struct doubt_probe *p = &d->probe[i];

		if (p->call)
			continue;
		*p = (struct doubt_probe){.doubt = d, .began_ns = clock_mono_ns(), .again = again};
		metric_inc(store_probes);
		p->call = d->ops->ask(p, key);
		return true;
	}
	return false;
}

static void ask_random(struct doubt *d)
{
	char key[QUESTION_KEY_MAX];

	question_random_key(d->question, d->store->traits.layout == LAYOUT_GDB, key);
	send_probe(d, slice_of(key), false);
}

void doubt_probe(struct doubt *d)
{
	int64_t newest;

	if (probes_out(d, &newest) && clock_mono_ns() - newest < OVERLAP_NS)
		return;
	ask_random(d);
}

void doubt_anew(struct doubt *d)
{
	ask_random(d);
}

/* One of the keys that it gave, each in its turn. False: it gave none. */
static bool ask_given(struct doubt *d)
{
	return d->n_given && send_probe(d, slice_of(d->given[d->next_asked++ % d->n_given]), true);
}

static bool is_probed_often(const struct doubt *d)
{
	return d->is == MANNER_DENYING || d->is == MANNER_UNSPOKEN;
}

static void set_timer(struct doubt *d)
{
	int64_t now = clock_mono_ns(), pause = DENYING_EVERY_NS;

	if (d->is == MANNER_UNSPOKEN)
		pause = MIN(MAX((now - d->unspoken_ns) / UNSPOKEN_PART, UNSPOKEN_FIRST_NS),
			    UNSPOKEN_LAST_NS);
	loop_timer_set(loop_of(d), &d->timer, now + pause);
}

static void due(struct loop_timer *timer)
{
	struct doubt *d = CONTAINER_OF(timer, struct doubt, timer);

	if (!is_probed_often(d))
		return;
	set_timer(d);
	doubt_probe(d);
}

/* ---- what a probe tells ---- */

static void note_change(struct doubt *d, enum manner is)
{
	if (d->is == is)
		return;
	/* Keys that it denied so far, or was not asked for, may have been there. */
	if (d->is == MANNER_UNSPOKEN || (d->is == MANNER_OPAQUE && is == MANNER_EXACT))
		atomic_fetch_add(&d->store->epoch, 1);
	if (is == MANNER_DENYING)
		warn(d, "denies every key, though it told misses before: credentials or policy?");
	else if (is == MANNER_OPAQUE && (d->is == MANNER_DENYING || d->is == MANNER_EXACT))
		warn(d, "gives its keys, but denies what it does not have from now on: no right to "
			"list?");
	else if (d->is == MANNER_DENYING)
		warn(d, "tells misses again");
	d->unspoken_ns = clock_mono_ns();
	store_set_spoken(d->store, d->question, is != MANNER_UNSPOKEN);
	d->store->denying += (is == MANNER_DENYING) - (d->is == MANNER_DENYING);
	d->is = is;
	if (is_probed_often(d))
		set_timer(d);
	else
		loop_timer_stop(loop_of(d), &d->timer);
}

static void settle(struct doubt *d, enum manner is)
{
	note_change(d, is);
	d->odd = false;
	d->failure = (struct error){OK, 0, ""};
	if (is == MANNER_DENYING)
		err_set(&d->failure, ERR_DENIED, "denies every key, though it told misses before");
	else
		store_alive(d->store);
	if (d->ops->told)
		d->ops->told(d);
	waiters_wake(&d->waiters);
}

static void leave_unsettled(struct doubt *d, enum told told, const struct error *e)
{
	d->failure = *e;
	d->answered = told != TOLD_NOTHING;
	d->odd = told == TOLD_OTHER;
	d->failed_ns = clock_mono_ns();
	if (d->ops->told)
		d->ops->told(d);
	if (!doubt_is_probing(d))
		waiters_wake(&d->waiters);
}

void doubt_set_unspoken(struct doubt *d)
{
	note_change(d, MANNER_UNSPOKEN);
	d->failure = (struct error){OK, 0, ""};
}

/*
 * A random key is denied. A store that was EXACT or DENYING is asked for a key that it gave before:
 * the answer to that decides.
 */
static void random_denied(struct doubt *d)
{
	if (d->is != MANNER_EXACT && d->is != MANNER_DENYING)
		settle(d, MANNER_OPAQUE);
	else if (!ask_given(d))
		settle(d, MANNER_DENYING);
}

/*
 * The answer for a key that it gave before, after it had denied a random one. Without an answer
 * nothing is settled.
 */
static void told_again(struct doubt *d, enum told told, const struct error *e)
{
	switch (told) {
	case TOLD_GIVEN: settle(d, MANNER_OPAQUE); break;
	case TOLD_DENIED: settle(d, MANNER_DENYING); break;
	case TOLD_MISSING: settle(d, MANNER_EXACT); break;
	case TOLD_OTHER:
	case TOLD_FAULT:
	case TOLD_NOTHING: leave_unsettled(d, told, e); break;
	}
}

void doubt_told(struct doubt_probe *p, enum told told, const struct error *e)
{
	struct doubt *d = p->doubt;
	struct error odd;

	p->call = NULL;
	if (p->again) {
		told_again(d, told, e);
		return;
	}
	switch (told) {
	case TOLD_MISSING: settle(d, MANNER_EXACT); break;
	case TOLD_DENIED: random_denied(d); break;
	case TOLD_GIVEN:
		err_set(&odd, ERR_UPSTREAM, "gives an object for a random key");
		leave_unsettled(d, TOLD_OTHER, &odd);
		break;
	case TOLD_OTHER:
	case TOLD_FAULT:
	case TOLD_NOTHING: leave_unsettled(d, told, e); break;
	}
}

/* ---- what reads tell ---- */

static bool asked_lately(struct doubt *d)
{
	int64_t now = clock_mono_ns();

	if (d->doubted_ns && now - d->doubted_ns < DOUBT_EVERY_NS)
		return true;
	d->doubted_ns = now;
	return false;
}

/* A probe that was answered tells no more a moment later; one that was not may by now. */
static bool failed_lately(const struct doubt *d)
{
	return d->failure.code && d->answered && clock_mono_ns() - d->failed_ns < RETRY_AFTER_NS;
}

bool doubt_wait(struct doubt *d)
{
	if (doubt_is_probing(d))
		return d->is != MANNER_DENYING;
	switch (d->is) {
	case MANNER_UNKNOWN:
		if (failed_lately(d))
			return false;
		break;
	case MANNER_EXACT:
		if (asked_lately(d))
			return false;
		break;
	case MANNER_OPAQUE:
	case MANNER_DENYING:
	case MANNER_UNSPOKEN: return false;
	}
	doubt_probe(d);
	return true;
}

/* Before the first probe has ended there is none to repeat: the program's start sends it. */
void doubt_answered(struct doubt *d)
{
	if (d->is == MANNER_UNKNOWN && d->failure.code && !doubt_is_probing(d) && !failed_lately(d))
		doubt_probe(d);
}

void doubt_not_found(struct doubt *d)
{
	if (d->is == MANNER_OPAQUE && !asked_lately(d))
		doubt_probe(d);
}

void doubt_gave(struct doubt *d, struct slice key)
{
	int64_t now = clock_mono_ns();
	unsigned i;

	if (d->n_given == DOUBT_GIVEN && now - d->given_ns < GIVEN_EVERY_NS)
		return;
	for (i = 0; i < d->n_given; i++)
		if (slice_eq(slice_of(d->given[i]), key))
			return;
	if (d->n_given < DOUBT_GIVEN)
		d->n_given++;
	else
		i = (unsigned)((uint64_t)now / GIVEN_EVERY_NS) % DOUBT_GIVEN;
	free(d->given[i]);
	d->given[i] = xstrndup(key.p, key.n);
	d->given_ns = now;
}

/* ---- the frame ---- */

void doubt_init(struct doubt *d, struct store *s, enum question q, const struct doubt_ops *ops)
{
	*d = (struct doubt){.store = s, .question = q, .ops = ops, .timer.due = due};
}

void doubt_fini(struct doubt *d)
{
	for (size_t i = 0; i < DOUBT_PROBES; i++)
		if (d->probe[i].call)
			d->ops->cancel(TAKE(d->probe[i].call));
	err_set(&d->failure, ERR_CANCELED, "shutting down");
	waiters_wake(&d->waiters);
	for (unsigned i = 0; i < d->n_given; i++)
		free(d->given[i]);
}
