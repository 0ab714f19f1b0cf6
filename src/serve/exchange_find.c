// SPDX-License-Identifier: MIT
/*
 * From the headers of a request to its answer: out of the hottest files, out of what is known, or
 * by a lookup, for which the connection is suspended. See exchange.h.
 */
#include "metric/metric.h"
#include "serve/accept.h"
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
	x->state = EXCHANGE_ANSWERED;
	MHD_resume_connection(x->mhd);
}

/* What is said of gzip by name counts more than what is said of "*". */
static bool accepts_gzip(struct slice accept)
{
	enum accepted said = accept_says(accept, SLICE("gzip"));

	if (said == ACCEPT_UNNAMED)
		said = accept_says(accept, SLICE("*"));
	return said == ACCEPT_YES;
}

/* Via may come on several lines; they are one list. */
static enum MHD_Result collect_via(void *cls, enum MHD_ValueKind kind, const char *name,
				   const char *value)
{
	struct buf *via = cls;

	if (value && slice_eq_nocase(slice_of(name), SLICE("Via"))) {
		buf_puts(via, via->n ? ", " : "");
		buf_puts(via, value);
	}
	return MHD_YES;
}

static bool came_from_us(const struct exchange *x, struct slice via)
{
	struct slice ours = slice_of(x->server->parts.via), one;

	while (slice_next(&via, ',', &one))
		if (slice_eq(slice_trim(one), ours))
			return true;
	return false;
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

/* Is it a plain GET of the whole, whatever the client has already? */
static enum MHD_Result note_special(void *cls, enum MHD_ValueKind kind, const char *name,
				    const char *value)
{
	bool *special = cls;
	struct slice s = slice_of(name);

	*special |= slice_starts_nocase(s, SLICE("If-")) || slice_eq_nocase(s, SLICE("Range")) ||
		    slice_eq_nocase(s, SLICE("Via"));
	return MHD_YES;
}

static bool is_plain(struct exchange *x)
{
	bool special = x->head || x->close;

	MHD_get_connection_values(x->mhd, MHD_HEADER_KIND, note_special, &special);
	return !special;
}

static bool is_symsrv(const struct exchange *x)
{
	return slice_starts(header(x, "User-Agent"), SLICE("Microsoft-Symbol-Server/"));
}

/* What the cache knows needs no other thread. */
static bool answer_known(struct exchange *x, const struct lookup_request *r)
{
	const struct known_request known = {
		.cache = r->cache,
		.stores = r->stores,
		.rules = r->rules,
		.accepts_gzip = r->accepts_gzip,
		.part = r->part,
	};

	return known_answer(&known, &x->answer);
}

/* The connection is suspended first: the answer may come before this returns. */
enum MHD_Result exchange_find(struct exchange *x)
{
	const struct server_parts *p = &x->server->parts;
	struct buf via CLEANUP(buf_fini) = BUF_MAX(VIA_MAX);
	struct lookup_request request = {
		.all = &x->server->lookups,
		.cache = p->cache,
		.rules = {.path = &x->path, .any_path = p->auth || p->conf->serve_any_path},
		.stores = p->stores,
		.loop = p->loop,
		.head = x->head,
		.part.if_range = exchange_header(x, "If-Range"),
		.accepts_gzip = accepts_gzip(header(x, "Accept-Encoding")),
		.ring_max = p->conf->stream_buffer,
	};
	enum MHD_Result result;

	x->hot_generation = hot_generation(x->server->hot);
	if (is_plain(x) && respond_hot(x, &request.rules, &result))
		return result;
	if (exchange_header(x, "Via"))
		MHD_get_connection_values(x->mhd, MHD_HEADER_KIND, collect_via, &via);
	request.rules.looped = came_from_us(x, buf_slice(&via));
	request.part.ranged = range_parse(header(x, "Range"), &request.part.range);
	if (answer_known(x, &request))
		return respond_answer(x);
	if (!exchange_may_look(x))
		return respond_fault(x);
	request.left = &x->left;
	request.leave = body_leave;
	conn_watch(x->server->conns, x->conn, &x->left);
	request.via = via.n ? buf_str(&via) : NULL;
	request.wants_ptr = is_symsrv(x);
	request.patient = p->conf->slow_fetch;
	request.budget_ns = budget(x);
	x->state = EXCHANGE_LOOKING;
	MHD_suspend_connection(x->mhd);
	x->lookup = lookup_start(&request, answered, x);
	return MHD_YES;
}
