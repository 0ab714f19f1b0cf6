// SPDX-License-Identifier: MIT
/* See delivery_request.h. */
#include "serve/delivery_request.h"

#include "base/text.h"
#include "http/multipart.h"
#include "publish/plan.h"
#include "serve/origin.h"

#include <unistr.h>

#define UPLOAD_FOLDER "/-/upload/"

void delivery_request_fini(struct delivery_request *r)
{
	buf_fini(&r->text);
}

/* ---- what ---- */

/* Decoded and kept; false: it is longer than may be, has control characters, or no such escapes. */
static bool keep(struct delivery_request *r, struct slice encoded, struct slice *ret)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX(DELIVERY_TEXT_MAX);
	size_t at = r->text.n;

	if (!percent_decode(encoded, &text))
		return false;
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f)
			return false;
	buf_add(&r->text, buf_slice(&text));
	*ret = slice_from(buf_slice(&r->text), at);
	return !buf_failed(&r->text);
}

/* As forms write it: a '+' is a space. */
static bool keep_value(struct delivery_request *r, struct slice value, struct slice *ret)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX(DELIVERY_TEXT_MAX);

	buf_add(&text, value);
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] == '+')
			text.p[i] = ' ';
	return keep(r, buf_slice(&text), ret) &&
	       !(ret->n && u8_check((const uint8_t *)ret->p, ret->n));
}

/* The last that was kept. */
static void cut_users(struct delivery_request *r, struct slice *last)
{
	size_t at = r->text.n - last->n;

	text_cut_users(&r->text, at);
	last->n = r->text.n - at;
}

static const char *read_parameter(struct delivery_request *r, struct slice name, struct slice value)
{
	static const char no_text[] = "a value is no text";
	const struct {
		struct slice name;
		struct slice *to;
	} texts[] = {
		{SLICE("product"), &r->product},
		{SLICE("version"), &r->version},
		{SLICE("comment"), &r->comment},
		{SLICE("source"), &r->source},
	};
	struct slice date;
	size_t i;

	for (i = 0; i < ARRAY_LEN(texts); i++)
		if (slice_eq(name, texts[i].name))
			break;
	if (i < ARRAY_LEN(texts)) {
		if (!keep_value(r, value, texts[i].to))
			return no_text;
		if (texts[i].to == &r->source)
			cut_users(r, &r->source);
		return NULL;
	}
	if (slice_eq(name, SLICE("force")))
		return "nothing is replaced through this door: use pepto-symbol add --force";
	if (!slice_eq(name, SLICE("keep_until")))
		return "there are product, version, comment, source and keep_until";
	if (!keep_value(r, value, &date) || !plan_keep_until(date, &r->keep_until_s))
		return "keep_until is no date: 2027-01-31, or 2027-01-31T15:00:00Z";
	return NULL;
}

static const char *read_query(struct delivery_request *r, struct slice query)
{
	struct slice one;
	const char *why = NULL;

	if (query.n > DELIVERY_TEXT_MAX)
		return "the query is too long";
	while (!why && slice_next(&query, '&', &one)) {
		size_t equals = slice_find(one, '=');

		if (one.n)
			why = read_parameter(r, slice_head(one, equals),
					     slice_from(one, equals + 1));
	}
	return why;
}

static enum delivery_verdict refuse(struct delivery_request *r, enum delivery_verdict verdict,
				    const char *why)
{
	r->why = why;
	return verdict;
}

static enum delivery_verdict judge_body(const struct delivery_rules *rules,
					const struct delivery_asked *a, struct delivery_request *r)
{
	struct multipart *m CLEANUP(free_p) = r->is_form ? xnew(struct multipart) : NULL;

	if (a->length > rules->max)
		return refuse(r, DELIVERY_TOO_LONG, "longer than UPLOAD_MAX_SIZE");
	if (a->content_encoding.n &&
	    !slice_eq_nocase(slice_trim(a->content_encoding), SLICE("identity")))
		return refuse(r, DELIVERY_TYPE, "a body is taken as it is: no Content-Encoding");
	if (m && !multipart_begin(m, a->content_type))
		return refuse(r, DELIVERY_TYPE, "a form is sent as multipart/form-data");
	return DELIVERY_ALLOWED;
}

enum delivery_verdict delivery_judge(const struct delivery_rules *rules,
				     const struct delivery_asked *a, struct delivery_request *r)
{
	size_t mark = slice_find(a->target, '?');
	struct slice path = slice_head(a->target, mark);
	struct slice name = slice_from(path, sizeof(UPLOAD_FOLDER) - 1);
	const char *why;

	*r = (struct delivery_request){.text = BUF_MAX((size_t)2 * DELIVERY_TEXT_MAX)};
	r->is_nuget = slice_eq(path, SLICE(NUGET_PUSH)) || slice_eq(path, SLICE(NUGET_PUSH "/"));
	if (!r->is_nuget && !slice_starts(path, SLICE(UPLOAD_FOLDER)))
		return DELIVERY_OTHER;
	r->is_form = r->is_nuget || !name.n;
	if (!slice_eq(a->method, r->is_form && !r->is_nuget ? SLICE("POST") : SLICE("PUT")))
		return refuse(r, DELIVERY_METHOD, "PUT a file, or POST a form");
	if (origin_is_foreign(&(struct origin_asked){
		    .origin = a->origin,
		    .host = a->host,
		    .fetch_site = a->fetch_site,
		    .public_url = rules->public_url,
		    .scheme = a->scheme,
	    }))
		return refuse(r, DELIVERY_FOREIGN, "a page of another origin may not upload");
	r->token = upload_tokens_check(rules->tokens, a->authorization,
				       r->is_nuget ? slice_trim(a->nuget_key) : SLICE_NONE);
	if (!r->token)
		return refuse(r, DELIVERY_DENIED, "an upload token is asked for");
	/* All of it at once: slices of it stay where they are. */
	if (!buf_reserve(&r->text, r->text.max))
		return refuse(r, DELIVERY_BAD, "out of memory");
	why = read_query(r, slice_from(a->target, mark + 1));
	if (!why && !r->is_form && !keep(r, name, &r->name))
		why = "the file's name is no name";
	return why ? refuse(r, DELIVERY_BAD, why) : judge_body(rules, a, r);
}
