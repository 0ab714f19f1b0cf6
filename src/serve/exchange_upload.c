// SPDX-License-Identifier: MIT
/*
 * See exchange.h and delivery.h: the requests of the upload door, on their connections. Those that are not let in are
 * answered before their body is read.
 */
#include "metric/metric.h"
#include "serve/delivery.h"
#include "serve/exchange.h"
#include "serve/pages.h"
#include "serve/respond.h"

static struct slice header(const struct exchange *x, const char *name)
{
	return slice_of(exchange_header(x, name));
}

static struct delivery_asked asked(const struct exchange *x)
{
	uint64_t length = 0;

	(void)parse_u64(header(x, "Content-Length"), UINT64_MAX, &length);
	return (struct delivery_asked){
		.method = http_method(x->conn),
		.target = exchange_target(x),
		.authorization = header(x, "Authorization"),
		.nuget_key = header(x, "X-NuGet-ApiKey"),
		.content_type = header(x, "Content-Type"),
		.content_encoding = header(x, "Content-Encoding"),
		.origin = header(x, "Origin"),
		.host = header(x, "Host"),
		.fetch_site = header(x, "Sec-Fetch-Site"),
		.scheme = exchange_scheme(x),
		.length = length,
	};
}

static void answer(struct exchange *x, int status, const char *why)
{
	struct page page = {
		.status = status, .type = "application/json", .text = BUF_MAX(PAGE_MAX)};

	delivery_tell(&(struct delivery_rows){.n = 0}, "", why, &page.text);
	respond_upload(x, &page);
}

static void refuse_method(struct exchange *x)
{
	x->outcome = "method";
	metric_inc(requests_method);
	respond_canned(x, CANNED_METHOD_UPLOAD);
}

/* A browser asks its user for the password of a Basic, even where a script has sent another: the page's Upload does. */
static void deny(struct exchange *x)
{
	bool bearer = slice_starts_nocase(header(x, "Authorization"), SLICE("Bearer "));

	x->outcome = "denied";
	metric_inc(requests_denied);
	respond_canned(x, bearer ? CANNED_LOGIN_BEARER : CANNED_LOGIN_UPLOAD);
}

static void wake(void *conn)
{
	http_wake(conn);
}

/* The loop may touch it from here on, and it may not end before. */
static void let_in(struct exchange *x, struct delivery_request *request)
{
	struct door *door = x->server->door;
	char peer[PEER_NAME_MAX];

	x->close = atomic_load(&x->server->draining) || http_over_limit(x->conn);
	exchange_peer(x, peer);
	if (http_over_limit(x->conn) || !exchange_may_look(x) || !door_enter(door)) {
		answer(x, 503, "too many uploads at a time");
		return;
	}
	x->delivery = delivery_new(door, request, header(x, "Content-Type"), peer, wake, x->conn);
	http_take_body(x->conn, door->rules.max);
}

bool exchange_upload_begin(struct exchange *x)
{
	const struct delivery_asked a = asked(x);
	struct delivery_request request;
	enum delivery_verdict verdict = delivery_judge(&x->server->door->rules, &a, &request);

	if (verdict != DELIVERY_OTHER)
		x->method = slice_eq(a.method, SLICE("PUT"))    ? "PUT"
			    : slice_eq(a.method, SLICE("POST")) ? "POST"
								: "other";
	switch (verdict) {
	case DELIVERY_OTHER: break;
	case DELIVERY_METHOD: refuse_method(x); break;
	case DELIVERY_DENIED: deny(x); break;
	case DELIVERY_FOREIGN: answer(x, 403, request.why); break;
	case DELIVERY_BAD: answer(x, 400, request.why); break;
	case DELIVERY_TOO_LONG: answer(x, 413, request.why); break;
	case DELIVERY_TYPE: answer(x, 415, request.why); break;
	case DELIVERY_ALLOWED: let_in(x, &request); break;
	}
	delivery_request_fini(&request);
	return verdict != DELIVERY_OTHER;
}

/* False: there is no answer yet. */
static bool answer_delivery(struct exchange *x)
{
	struct page page = {.type = "application/json"};

	if (!delivery_answered(x->delivery))
		return false;
	page.status = x->delivery->status;
	page.text = x->delivery->text;
	x->delivery->text = (struct buf){0};
	respond_upload(x, &page);
	return true;
}

void exchange_upload_body(struct exchange *x, struct slice bytes)
{
	if (delivery_body(x->delivery, bytes))
		http_pause_body(x->conn);
	else
		(void)answer_delivery(x);
}

void exchange_upload_complete(struct exchange *x)
{
	if (!delivery_complete(x->delivery, http_body_beyond(x->conn)))
		(void)answer_delivery(x);
}

void exchange_upload_resume(struct exchange *x)
{
	(void)answer_delivery(x);
}

bool exchange_upload_index(struct exchange *x)
{
	static const struct {
		const char *path, *type;
	} resources[] = {
		{NUGET_PUSH, "SymbolPackagePublish/4.9.0"},
		/* Clients look for it before they push anything; there is nothing behind it. */
		{"/api/v2/package", "PackagePublish/2.0.0"},
	};
	struct buf url CLEANUP(buf_fini) = BUF_MAX(4096);
	struct page page = {.status = 200, .type = "application/json", .text = BUF_MAX(PAGE_MAX)};

	if (!x->server->door || !slice_eq(exchange_path(x), SLICE(NUGET_INDEX)))
		return false;
	pages_public_url(&url, x->server->door->rules.public_url, header(x, "Host"),
			 exchange_scheme(x), SLICE_NONE);
	buf_puts(&page.text, "{\"version\":\"3.0.0\",\"resources\":[");
	for (size_t i = 0; i < ARRAY_LEN(resources); i++)
		buf_printf(&page.text, "%s\n{\"@id\":\"%s%s\",\"@type\":\"%s\"}", i ? "," : "",
			   buf_str(&url), resources[i].path, resources[i].type);
	buf_puts(&page.text, "]}\n");
	respond_page(x, &page);
	return true;
}

void exchange_upload_free(struct exchange *x)
{
	delivery_free(TAKE(x->delivery));
}
