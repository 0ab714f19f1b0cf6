// SPDX-License-Identifier: MIT
/*
 * From the headers of a request to its answer: out of the hottest files, out of what is known, or
 * by a lookup, which the connection waits for. See exchange.h.
 */
#include "base/log.h"
#include "serve/body.h"
#include "serve/exchange.h"
#include "serve/known.h"
#include "serve/respond.h"

#define VIA_MAX 1024

/* SymProxy answers 5 s before the client gives up, which symsrv.dll does after 30 s by default. */
#define SLOW_WAIT_MS       30000
#define SLOW_WAIT_MAX_MS   600000
#define SLOW_MARGIN_MS     5000
#define SLOW_BUDGET_MIN_MS 1000

static struct slice header(const struct exchange *x, const char *name)
{
	return slice_of(exchange_header(x, name));
}

/* On the loop's thread. */
static void answered(void *ud, struct answer *answer)
{
	struct exchange *x = ud;

	x->answer = *answer;
	http_wake(x->conn);
}

/*
 * Via may come on several lines; they are one list. What is passed on of it has a limit, but our own name
 * is looked for in all of it: a loop that is not seen waits for itself.
 */
struct via {
	struct buf *list;
	struct slice ours;
	bool from_us;
};

static void collect_via(const struct http_conn *c, struct via *via)
{
	struct http_field f;
	struct slice one;

	for (size_t at = 0; http_next_header(c, &at, &f);) {
		if (!slice_eq_nocase(f.name, SLICE("Via")))
			continue;
		buf_puts(via->list, via->list->n ? ", " : "");
		buf_add(via->list, f.value);
		while (slice_next(&f.value, ',', &one))
			via->from_us |= slice_eq(slice_trim(one), via->ours);
	}
}

/* With SymProxy's protocol the client says how long it waits, in milliseconds. */
static int64_t budget(const struct exchange *x)
{
	const struct conf *conf = x->server->parts.conf;
	uint64_t ms = SLOW_WAIT_MS;

	if (!conf->slow_fetch)
		return conf->request_budget_ns;
	if (!parse_u64(header(x, "Symbol-Agent-Receive-Timeout"), SLOW_WAIT_MAX_MS, &ms))
		ms = SLOW_WAIT_MS;
	return MAX((int64_t)ms - SLOW_MARGIN_MS, SLOW_BUDGET_MIN_MS) * NS_PER_MS;
}

/* ---- what the headers say ---- */

struct said {
	struct client_headers client;
	struct slice other; /* of no interest */
	bool special;       /* not exchange.plain */
};

static struct slice *place_for(struct said *said, struct slice name)
{
	if (slice_eq_nocase(name, SLICE("User-Agent")))
		return &said->client.user_agent;
	if (slice_eq_nocase(name, SLICE("Accept")))
		return &said->client.accept;
	if (slice_eq_nocase(name, SLICE("Accept-Encoding")))
		return &said->client.accept_encoding;
	if (slice_eq_nocase(name, SLICE("X-DEBUGINFOD-MAXSIZE")))
		return &said->client.debuginfod_maxsize;
	if (slice_eq_nocase(name, SLICE("SymbolChecksum")))
		return &said->client.checksum;
	return &said->other;
}

/* One pass finds all that a hot answer depends on. The first header of a name counts. */
static void note_header(struct said *said, const struct http_field *f)
{
	struct slice *place = place_for(said, f->name);

	if (!place->n)
		*place = f->value;
	said->special |= slice_starts_nocase(f->name, SLICE("If-")) ||
			 slice_eq_nocase(f->name, SLICE("Range")) ||
			 slice_eq_nocase(f->name, SLICE("Via"));
}

/* Fill in x->client and x->plain. */
static void read_headers(struct exchange *x)
{
	struct said said = {.special = x->head};
	struct http_field f;

	for (size_t at = 0; http_next_header(x->conn, &at, &f);)
		note_header(&said, &f);
	x->client = client_of(&said.client);
	/* X-DEBUGINFOD-SIZE is the size of the file, which a body in gzip does not tell. */
	if (x->path.debuginfod)
		x->client.gzip = false;
	x->plain = !said.special;
}

/* ---- the answer ---- */

/* What the cache knows needs no other thread. */
static bool answer_known(struct exchange *x, const struct lookup_request *r)
{
	const struct known_request known = {
		.flights = r->flights,
		.stores = r->stores,
		.rules = r->rules,
		.part = r->part,
		.via = r->via != NULL,
	};

	return known_answer(&known, &x->answer);
}

/* The answer may come before this returns; the connection hears of it after it has. */
static void look_up(struct exchange *x, const struct lookup_request *request)
{
	struct answer spare = request->spare;

	if (!exchange_may_look(x)) {
		close_p(&spare.head.fd);
		respond_fault(x);
		return;
	}
	if (x->client.checksum) /* which lies where the headers do, and they move */
		x->client.checksum = x->checksum = xstrdup(x->client.checksum);
	x->lookup = lookup_start(request, answered, x);
}

/* Then its keys are not to be logged. */
static bool mentions_token(const struct exchange *x)
{
	const struct auth *auth = x->server->parts.auth;

	for (size_t i = 0; auth && i < x->path.spellings; i++)
		if (auth_mentions(auth, x->path.spelling[i].path, 0))
			return true;
	return false;
}

static void find(struct exchange *x, const struct resolve_rules *rules)
{
	const struct server_parts *p = &x->server->parts;
	struct buf list CLEANUP(buf_fini) = BUF_MAX(VIA_MAX);
	struct via via = {.list = &list, .ours = slice_of(p->via)};
	struct lookup_request request = {
		.all = &x->server->lookups,
		.flights = p->flights,
		.stores = p->stores,
		.rules = *rules,
		.loop = p->loop,
		.left = &x->left,
		.leave = body_leave,
		.head = x->head,
		.part.if_range = exchange_header(x, "If-Range"),
		.patient = p->conf->slow_fetch,
		.ring_max = p->conf->stream_buffer,
		.max_questions = p->conf->max_questions,
	};

	collect_via(x->conn, &via);
	request.via = list.n ? buf_str(&list) : NULL;
	request.part.ranged = range_parse(header(x, "Range"), &request.part.range);
	request.rules.ranged = request.part.ranged;
	request.rules.head = x->head;
	request.rules.cache = flights_cache(p->flights);
	request.rules.looped = via.from_us;
	if (answer_known(x, &request)) {
		respond_answer(x);
		return;
	}
	request.budget_ns = budget(x);
	request.tells = log_enabled(LOG_DEBUG) && !mentions_token(x);
	request.spare = x->answer;
	x->answer = (struct answer){.kind = ANSWER_MISS, .head.fd = -1};
	look_up(x, &request);
}

void exchange_find(struct exchange *x)
{
	const struct server_parts *p = &x->server->parts;
	const struct resolve_rules rules = exchange_rules(x);

	read_headers(x);
	if (resolve_refuses(&rules)) {
		respond_miss(x, 0); /* other clients may be given it: no cache may keep this */
		return;
	}
	x->version = known_version(p->flights, p->stores);
	x->arrivals = hot_arrivals(x->server->hot);
	if (!respond_hot(x, &rules))
		find(x, &rules);
}
