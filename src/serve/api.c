// SPDX-License-Identifier: MIT
/* See api.h. */
#include "serve/api.h"

#include "metric/metric.h"
#include "serve/api_keys.h"
#include "serve/origin.h"
#include "serve/respond.h"
#include "store/store.h"

#define API_PAGE_MAX ((size_t)8 << 20)
#define API_AGAIN_S  1

static const struct api_question questions[] = {
	{"builds", .client = 2, .all = 8, .ask = api_builds},
	{"keys", .post = true, .client = 2, .all = 8, .body_max = API_KEYS_BODY_MAX,
	 .ask = api_keys},
	{"live", .ask = api_live},
	{"missing", .ask = api_missing},
	{"search", .client = 2, .all = 8, .ask = api_search},
	{"test", .client = 8, .all = 32, .ask = api_test},
};
_Static_assert(ARRAY_LEN(questions) <= API_QUESTIONS_MAX, "each has its row of seats");

struct api_call {
	const struct api_question *question;
	_Atomic uint64_t *seat; /* or NULL */
	struct buf body;
	struct api_work *work; /* or NULL */
};

bool api_is(const struct symbol_path *p)
{
	return p->segments == 3 && slice_eq(p->segment[0], SLICE("-")) &&
	       slice_eq(p->segment[1], SLICE("api"));
}

static struct page new_page(void)
{
	return (struct page){
		.status = 200, .type = "application/json", .text = BUF_MAX(API_PAGE_MAX)};
}

static void respond(struct exchange *x, struct page *page)
{
	if (!buf_failed(&page->text)) {
		respond_page(x, page);
		return;
	}
	page_fini(page);
	respond_fault(x);
}

static void respond_error(struct exchange *x, int status, const char *what_to_do)
{
	struct page page = new_page();

	api_error(&page, status, what_to_do);
	respond(x, &page);
}

/* ---- may it be asked? ---- */

static bool any_is_private(const struct store_list *stores)
{
	for (size_t i = 0; i < stores->n; i++)
		if (store_is_private(stores->store[i]))
			return true;
	return false;
}

static bool may_ask(const struct exchange *x)
{
	const struct server *s = x->server;

	return x->auth > AUTH_NOT_ASKED || !s->open || !any_is_private(s->parts.stores);
}

static bool is_foreign(const struct exchange *x)
{
	return origin_is_foreign(&(struct origin_asked){
		.origin = slice_of(exchange_header(x, "Origin")),
		.host = slice_of(exchange_header(x, "Host")),
		.fetch_site = slice_of(exchange_header(x, "Sec-Fetch-Site")),
		.public_url = slice_of(x->server->parts.conf->public_url),
		.scheme = exchange_scheme(x),
	});
}

static void refuse_method(struct exchange *x, enum canned which)
{
	x->outcome = "method";
	metric_inc(requests_method);
	respond_canned(x, which);
}

/* False: it has been answered. */
static bool take_seat(struct exchange *x, const struct api_question *q)
{
	struct page page;
	bool full = false;

	if (!q->all)
		return true;
	x->api->seat = api_take_seat(x, q, (size_t)(q - questions), &full);
	if (x->api->seat)
		return true;
	metric_inc(refused_api);
	page = new_page();
	page.again_s = API_AGAIN_S;
	api_error(&page, full ? 503 : 429,
		  full ? "too many such questions at a time: ask again"
		       : "too many such questions of one client at a time: wait for an answer");
	respond(x, &page);
	return false;
}

/* The question that is asked, and x->api for it; NULL: it has been answered. */
static const struct api_question *let_in(struct exchange *x, bool post)
{
	const struct api_question *q = questions;

	if (!may_ask(x)) {
		respond_error(x, 403,
			      "a private bucket's names are told to nobody without a token: set "
			      "AUTH_TOKENS, or LISTEN_ADDRESS=127.0.0.1");
		return NULL;
	}
	while (q < questions + ARRAY_LEN(questions) &&
	       !slice_eq(x->path.segment[2], slice_of(q->name)))
		q++;
	if (q == questions + ARRAY_LEN(questions)) {
		respond_error(x, 404, "no such question");
		return NULL;
	}
	if (q->post != post) {
		refuse_method(x, post ? CANNED_METHOD : CANNED_METHOD_POST);
		return NULL;
	}
	if (post && is_foreign(x)) {
		respond_error(x, 403, "a page of another origin may not ask this");
		return NULL;
	}
	x->api = xnew(struct api_call);
	x->api->question = q;
	return take_seat(x, q) ? q : NULL;
}

/* ---- asking ---- */

static void ask(struct exchange *x)
{
	struct slice target = exchange_target(x);
	const struct api_asked asked = {
		.query = slice_from(target, MIN(slice_find(target, '?') + 1, target.n)),
		.body = buf_slice(&x->api->body),
	};
	struct page page = new_page();

	x->api->work = x->api->question->ask(x, &asked, &page);
	if (!x->api->work) {
		respond(x, &page);
		return;
	}
	page_fini(&page);
	if (!api_start(x, x->api->work))
		respond_fault(x);
}

void api_answer(struct exchange *x)
{
	if (let_in(x, false))
		ask(x);
}

void api_begin(struct exchange *x)
{
	const struct api_question *q = let_in(x, true);

	if (!q)
		return;
	x->close = atomic_load(&x->server->draining);
	x->api->body = BUF_MAX(q->body_max);
	http_take_brief_body(x->conn, q->body_max); /* its client has a seat */
}

void api_body(struct exchange *x, struct slice bytes)
{
	buf_add(&x->api->body, bytes);
}

void api_complete(struct exchange *x)
{
	if (http_body_beyond(x->conn))
		respond_error(x, 413, "too much at a time: send less, in several requests");
	else if (buf_failed(&x->api->body))
		respond_fault(x);
	else
		ask(x);
}

void api_resume(struct exchange *x)
{
	struct api_work *w = x->api->work;
	struct page page;

	if (w->stopped == API_LEFT) {
		x->outcome = "left";
		respond_canned(x, CANNED_FAULT);
		return;
	}
	if (w->stopped == API_ENDING) {
		respond_fault(x);
		return;
	}
	page = new_page();
	w->tell(w, &page);
	respond(x, &page);
}

void api_free(struct api_call *call)
{
	if (!call)
		return;
	api_leave_seat(call->seat);
	if (call->work)
		call->work->free(call->work);
	buf_fini(&call->body);
	free(call);
}
