// SPDX-License-Identifier: MIT
/*
 * How an http(s) server says that it has no such file: by 404, by 403, by a page, or only to
 * requests with a checksum; for symbol paths and for build-ids apart. Random names tell; doubt.h
 * says when they are asked for, and what follows.
 *
 * Some servers (NuGet's, GitLab's) refuse requests that do not send the checksum of the file that
 * is asked for, as SymbolChecksum, which goes on as the client has sent it. So a probe that is
 * refused is sent once more with such a header, and if the answer then is 404, a refusal of a
 * request without the header is a miss, for requests without it.
 */
#include "base/clock.h"
#include "metric/metric.h"
#include "store/http_store.h"

#define ODD_FRESH_NS NS_PER_S /* an answer to one kind beside one to the other */

/* Of no file. */
#define NO_CHECKSUM "SHA256:0000000000000000000000000000000000000000000000000000000000000000"

/* ---- one probe ---- */

static void probe_end(struct store_call *c, enum told told, const struct error *e)
{
	struct doubt_probe *p = c->probe;
	struct error error = *e;

	http_call_free(c);
	doubt_told(p, told, &error);
}

static void probe_send(struct store_call *c, const char *checksum);

/* Refused: once more, with a checksum. Refused all the same: that makes no difference. */
static bool probe_again(struct store_call *c)
{
	if ((c->status != 403 && c->status != 400) || c->probe->again)
		return false;
	if (c->refusal) {
		c->status = c->refusal;
		return false;
	}
	c->refusal = c->status;
	c->status = 0;
	c->other = false;
	probe_send(c, NO_CHECKSUM);
	return true;
}

/*
 * A server that fails says nothing of what it knows. But to paths that are none of its own
 * elfutils' debuginfod says 503, without a word of when to come again.
 */
static enum told told_otherwise(const struct store_call *c)
{
	bool at_a_loss = c->status == 503 && !c->retry_after && c->question == QUESTION_SYMBOL;

	return c->status >= 500 && !at_a_loss ? TOLD_FAULT : TOLD_OTHER;
}

static void probe_done(struct store_call *c, const struct error *e)
{
	struct error odd;

	/* A short text of no stated length, to its end: no page. */
	if (!c->status || (c->looking && e->code)) {
		probe_end(c,
			  e->code == ERR_DENIED || e->code == ERR_UPSTREAM ? TOLD_FAULT
									   : TOLD_NOTHING,
			  e);
		return;
	}
	if (probe_again(c))
		return;
	err_set(&odd, ERR_UPSTREAM, "answered %d to a name that cannot exist", c->status);
	switch (c->status) {
	case 404:
	case 410:
		c->http->wants_checksum[c->question] = c->refusal;
		probe_end(c, TOLD_MISSING, &odd);
		break;
	case 403:
		c->http->pages[c->question] = false;
		probe_end(c, TOLD_DENIED, &odd);
		break;
	case 200:
	case 206:
		if (!c->probe->again)
			c->http->pages[c->question] = c->page;
		probe_end(c, c->page ? TOLD_DENIED : TOLD_GIVEN, &odd);
		break;
	case 401: /* it is spoken there, but not with us */
	case 407:
	case 408: probe_end(c, TOLD_NOTHING, &odd); break;
	case 429: probe_end(c, TOLD_FAULT, &odd); break;
	default: probe_end(c, told_otherwise(c), &odd); break;
	}
}

static void probe_not_sent(struct loop_timer *timer)
{
	struct store_call *c = CONTAINER_OF(timer, struct store_call, later);

	probe_end(c, TOLD_NOTHING, &c->error);
}

static void probe_send(struct store_call *c, const char *checksum)
{
	const struct store_read read = {
		.key = slice_of(c->key), .checksum = checksum, .deadline_ns = INT64_MAX};

	if (http_call_send(c, &read, &c->error) == OK)
		return;
	c->later.due = probe_not_sent;
	loop_timer_set(c->http->store.ctx->loop, &c->later, 0);
}

static struct store_call *ask(struct doubt_probe *p, struct slice key)
{
	struct store_call *c = http_call_new((struct http_store *)p->doubt->store, key,
					     p->doubt->question);

	c->probe = p;
	c->finish = probe_done;
	c->look.is_symbol_path = true;
	probe_send(c, NULL);
	return c;
}

/*
 * Is one kind of question not spoken here? So it is when it meets any answer but those that tell
 * misses and those of a server that fails, while the other kind gets its 404, and it has never got
 * an object from this server.
 */
static void told(struct doubt *d)
{
	struct http_store *h = (struct http_store *)d->store;
	int64_t now = clock_mono_ns();

	for (int q = 0; q < QUESTIONS; q++) {
		struct doubt *one = &h->doubt[q];

		if (!one->odd || one->n_given || h->doubt[!q].is != MANNER_EXACT)
			continue;
		/*
		 * An answer from an outage says nothing: the server is asked again, now that it is
		 * well.
		 */
		if (one->is == MANNER_UNKNOWN && now - one->failed_ns >= ODD_FRESH_NS)
			doubt_probe(one);
		else if (one->is == MANNER_UNKNOWN || one->is == MANNER_UNSPOKEN)
			doubt_set_unspoken(one);
	}
}

void http_doubt_init(struct http_store *h)
{
	static const struct doubt_ops ops = {.ask = ask, .cancel = http_call_cancel, .told = told};

	for (int q = 0; q < QUESTIONS; q++)
		doubt_init(&h->doubt[q], &h->store, (enum question)q, &ops);
}

/* ---- probing a store ---- */

/* One call of http_probe(), which waits for one kind of question or for both. */
struct probing {
	struct probed_kind {
		struct probing *all;
		struct waiter waiter;
		struct doubt *doubt; /* NULL: not asked */
	} kind[QUESTIONS];
	size_t left;
	void (*done)(void *ud, const struct error *e);
	void *ud;
};

static void kind_probed(struct waiter *w)
{
	struct probing *p = CONTAINER_OF(w, struct probed_kind, waiter)->all;
	struct error failure = {OK, 0, ""};
	bool good = false;

	if (--p->left)
		return;
	for (int q = 0; q < QUESTIONS; q++) {
		const struct doubt *d = p->kind[q].doubt;

		good = good || (d && !d->failure.code && d->is != MANNER_UNKNOWN);
		if (d && !failure.code)
			failure = d->failure;
	}
	p->done(p->ud, good ? NULL : &failure);
	free(p);
}

/* Any kind: the one that is known to be answered, or both. */
static bool is_wanted(const struct http_store *h, enum question wanted, enum question q)
{
	if (wanted != QUESTION_ANY)
		return wanted == q;
	for (int i = 0; i < QUESTIONS; i++)
		if (h->doubt[i].is == MANNER_EXACT || h->doubt[i].is == MANNER_OPAQUE)
			return i == (int)q;
	return true;
}

void http_probe(struct store *s, enum question q, void (*done)(void *ud, const struct error *e),
		void *ud)
{
	struct http_store *h = (struct http_store *)s;
	struct probing *p = xnew(struct probing);
	bool wanted[QUESTIONS];
	struct error e;

	*p = (struct probing){.done = done, .ud = ud};
	for (int i = 0; i < QUESTIONS; i++)
		wanted[i] = is_wanted(h, q, (enum question)i);
	for (int i = 0; i < QUESTIONS; i++) {
		struct probed_kind *k = &p->kind[i];

		k->all = p;
		k->waiter.wake = kind_probed;
		if (!wanted[i] || !waiters_add(&h->doubt[i].waiters, &k->waiter))
			continue;
		k->doubt = &h->doubt[i];
		p->left++;
		doubt_probe(k->doubt);
	}
	if (p->left)
		return;
	free(p);
	metric_inc(refused_waiters);
	err_set(&e, ERR_BUSY, "too many requests wait for a probe");
	done(ud, &e);
}

/* ---- telling the operator ---- */

static const char *manner_text(const struct http_store *h, const struct doubt *d)
{
	switch (d->is) {
	case MANNER_EXACT:
		return h->wants_checksum[d->question] ? "for clients that send SymbolChecksum"
						      : "exact (a miss is 404)";
	case MANNER_OPAQUE:
		return h->pages[d->question] ? "a miss is a page" : "opaque (a miss is 403)";
	case MANNER_DENYING: return "denying (a miss was 404, now all is refused)";
	case MANNER_UNSPOKEN: return "not spoken here";
	case MANNER_UNKNOWN: break;
	}
	return "not known yet";
}

void http_doubt_describe(const struct http_store *h, struct buf *out)
{
	const struct doubt *symbols = &h->doubt[QUESTION_SYMBOL];
	const struct doubt *ids = &h->doubt[QUESTION_BUILD_ID];

	if (symbols->is == ids->is && h->pages[0] == h->pages[1] &&
	    h->wants_checksum[0] == h->wants_checksum[1])
		buf_printf(out, "symbol server, %s", manner_text(h, symbols));
	else
		buf_printf(out, "symbol server; symbol paths: %s; build-ids: %s",
			   manner_text(h, symbols), manner_text(h, ids));
}

const char *http_doubt_of(struct store *s)
{
	const struct http_store *h = (struct http_store *)s;

	for (int q = 0; q < QUESTIONS; q++)
		if (h->doubt[q].is == MANNER_OPAQUE && !h->pages[q])
			return "denied: it answers 403 to a file that is not there, or to "
			       "everything";
	return NULL;
}
