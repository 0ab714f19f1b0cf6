// SPDX-License-Identifier: MIT
/*
 * The s3:// store: a bucket of AWS or of any service that speaks S3. This file makes one from its
 * URL and the AWS settings, and maps the store's operations to calls (s3_call.c).
 */
#include "store/s3_store.h"
#include "base/text.h"
#include "metric/metric.h"
#include "store/s3_multipart.h"
#include "store/s3_page.h"

#include <stdio.h>

#define REGION_DEFAULT   "us-east-1"
#define SURVEY_BUDGET_NS (INT64_C(5) * 1000000000)

/* ---- operations ---- */

static struct store_call *s3_start(struct store *s, const struct store_read *read,
				   const struct store_events *events, void *ud)
{
	struct s3_store *s3 = (struct s3_store *)s;
	struct s3_asking asking = {.what = S3_READ, .events = events, .ud = ud};
	struct buf key CLEANUP(buf_fini) = BUF_MAX(8192);
	struct store_read mine = *read;

	s3_full_key(s3, read->key, &key);
	mine.key = buf_slice(&key);
	return s3_call_start(s3, &mine, &asking);
}

struct probing {
	struct s3_store *s3;
	struct waiter waiter;
	void (*done)(void *ud, const struct error *e);
	void *ud;
};

static void probes_ended(struct waiter *w)
{
	struct probing *p = CONTAINER_OF(w, struct probing, waiter);
	struct error *failure = &p->s3->doubt.failure;

	p->done(p->ud, failure->code ? failure : NULL);
	free(p);
}

static void s3_probe(struct store *s, enum question q,
		     void (*done)(void *ud, const struct error *e), void *ud)
{
	struct s3_store *s3 = (struct s3_store *)s;
	struct probing *p = xnew(struct probing);
	struct error e;

	*p = (struct probing){.s3 = s3, .waiter.wake = probes_ended, .done = done, .ud = ud};
	if (!waiters_add(&s3->doubt.waiters, &p->waiter)) {
		free(p);
		metric_inc(refused_waiters);
		err_set(&e, ERR_BUSY, "too many requests wait for a probe");
		done(ud, &e);
		return;
	}
	doubt_probe(&s3->doubt);
}

static const char *exactness_text(const struct s3_store *s3)
{
	if (s3->doubt.is == MANNER_DENYING)
		return "denying (a miss was 404, now every key is refused)";
	switch (s3_exactness_of(s3)) {
	case S3_EXACT: return "exact (a miss is 404)";
	case S3_OPAQUE: return "opaque (a miss is 403, as without s3:ListBucket)";
	case S3_SILENT: return "unsure (a miss is a 404 without a reason: see misses=bare)";
	case S3_UNKNOWN: break;
	}
	return "not probed";
}

static void s3_describe(struct store *s, struct buf *out)
{
	struct s3_store *s3 = (struct s3_store *)s;
	const struct creds *creds = s3->renewal.creds;

	buf_printf(out, "credentials: %s; region %s; %s",
		   s3->renewal.anonymous ? "none (anonymous=true)"
		   : creds               ? creds->source
		   : s3->renewal.known   ? "none found, unsigned"
					 : "not loaded",
		   s3->region, exactness_text(s3));
}

/* "https://bucket.host": the bucket's name is put there, or into the path, by ourselves. */
static bool endpoint_has_bucket(const struct s3_store *s3)
{
	struct slice host = slice_of(s3->endpoint);
	size_t at = slice_find(host, '/');

	host = slice_from(host, at + 2);
	return slice_starts_nocase(host, slice_of(s3->bucket)) &&
	       slice_starts(slice_from(host, strlen(s3->bucket)), SLICE("."));
}

static const char *s3_doubt(struct store *s)
{
	struct s3_store *s3 = (struct s3_store *)s;

	if (endpoint_has_bucket(s3))
		return "the endpoint begins with the bucket's name, which does not belong there";
	if (s3_exactness_of(s3) == S3_SILENT)
		return "a 404 without a reason may come from something that is no S3";
	if (s3_exactness_of(s3) != S3_OPAQUE)
		return NULL;
	if (!s3->renewal.creds)
		return "denied without credentials: the bucket is private and wants some, or it is "
		       "public and only listing is not allowed";
	return "denied: these credentials may not list the bucket (s3:ListBucket), or may not read "
	       "it either (s3:GetObject)";
}

static bool s3_is_private(struct store *s)
{
	return atomic_load(&((struct s3_store *)s)->renewal.signs);
}

/* ---- the survey ---- */

struct survey {
	struct s3_store *s3;
	void (*done)(void *ud, const char *layout);
	void *ud;
};

static bool is_folded(struct slice key)
{
	struct buf lower CLEANUP(buf_fini) = BUF_MAX((size_t)4 * S3_KEY_MAX);

	fold_lower(key, &lower);
	return slice_eq(buf_slice(&lower), key);
}

/* Keys of symstore's own files have capitals in any store. */
static void survey_text(const struct s3_store *s3, const struct s3_list *list, char *ret,
			size_t size)
{
	size_t prefix = s3->prefix[0] ? strlen(s3->prefix) + 1 : 0, mixed = 0, n = 0;

	for (size_t i = 0; i < list->n_objects; i++) {
		struct slice key = slice_from(list->objects[i].key, prefix);

		if (slice_starts_nocase(key, SLICE("000admin/")))
			continue;
		n++;
		mixed += !is_folded(key);
	}
	if (n == 0)
		snprintf(ret, size, "empty");
	else if (mixed == 0)
		snprintf(ret, size, "lower-case keys (%zu%s looked at)", n,
			 list->truncated ? ", first of more" : "");
	else
		snprintf(ret, size,
			 "%zu of %zu keys are not lower-case: ask with case=both, or publish in "
			 "lower case",
			 mixed, n);
}

static void surveyed(void *ud, enum s3_verdict verdict, struct slice body, const struct error *e)
{
	struct survey *v = ud;
	struct s3_list list = {0};
	char text[200] = "layout unknown (may not list)";

	if (verdict == S3_FOUND && s3_xml_list(body, S3_LIST_MAX, &list, NULL) == OK) {
		survey_text(v->s3, &list, text, sizeof(text));
		s3_list_fini(&list);
	}
	v->done(v->ud, text);
	free(v);
}

static void s3_survey(struct store *s, void (*done)(void *ud, const char *layout), void *ud)
{
	struct survey *v = xnew(struct survey);
	struct s3_asking asking = {.what = S3_LIST, .raw = surveyed, .ud = v};
	struct buf prefix CLEANUP(buf_fini) = BUF_MAX(4096);
	struct store_read read = {.deadline_ns = clock_mono_ns() + SURVEY_BUDGET_NS};

	*v = (struct survey){(struct s3_store *)s, done, ud};
	s3_full_key(v->s3, SLICE(""), &prefix);
	read.key = buf_slice(&prefix);
	s3_call_start(v->s3, &read, &asking);
}

/* ---- listings ---- */

static struct store_call *s3_list(struct store *s, const struct store_page_ask *ask,
				  store_paged *done, void *ud)
{
	struct s3_store *s3 = (struct s3_store *)s;
	struct s3_asking asking = {
		.what = S3_PAGE, .token = ask->token, .deep = ask->deep, .paged = done, .ud = ud};
	struct buf prefix CLEANUP(buf_fini) = BUF_MAX(8192);
	struct store_read read = {.deadline_ns = ask->deadline_ns};

	s3_full_key(s3, ask->folder, &prefix);
	read.key = buf_slice(&prefix);
	return s3_call_start(s3, &read, &asking);
}

/* The prefix of a store does not change. */
static enum err s3_read_page(const struct store *s, struct slice folder, struct slice answer,
			     struct name_page *ret, struct error *e)
{
	struct buf prefix CLEANUP(buf_fini) = BUF_MAX(8192);

	s3_full_key((const struct s3_store *)s, folder, &prefix);
	return s3_page_read(buf_slice(&prefix), answer, ret, e);
}

/* ---- making one ---- */

/* Other credentials may see other objects: the meaning of a 403 is open again. */
static void credentials_changed(struct renewal *k)
{
	struct s3_store *s3 = CONTAINER_OF(k, struct s3_store, renewal);

	s3_doubt_anew(s3);
}

static void s3_free(struct store *s)
{
	struct s3_store *s3 = (struct s3_store *)s;

	s3->closing = true;
	s3_multipart_end_all(s3);
	waiters_wake(&s3->renewal.waiters);
	doubt_fini(&s3->doubt);
	renewal_fini(&s3->renewal);
	sigv4_fini(&s3->signer);
	free(s3->bucket);
	free(s3->prefix);
	free(s3->endpoint);
}

static bool s3_is_settling(struct store *s)
{
	return !LIST_EMPTY(&((struct s3_store *)s)->aborting);
}

static const struct store_ops s3_ops = {
	.scheme = "s3",
	.start = s3_start,
	.resume = s3_call_resume,
	.cancel = s3_call_cancel,
	.probe = s3_probe,
	.describe = s3_describe,
	.doubt = s3_doubt,
	.survey = s3_survey,
	.list = s3_list,
	.read_page = s3_read_page,
	.put = s3_put,
	.remove = s3_remove,
	.is_settling = s3_is_settling,
	.is_private = s3_is_private,
	.free = s3_free,
};

/* A store's URL, or else what the AWS CLI is told. */
static enum err find_endpoint(struct s3_store *s3, const struct store_context *ctx,
			      const struct store_url *url, struct error *e)
{
	struct buf endpoint CLEANUP(buf_fini) = BUF_MAX(2048),
			    style CLEANUP(buf_fini) = BUF_MAX(64);

	s3->style = url->style;
	s3->bare_misses = url->bare_misses;
	s3->requester_pays = url->requester_pays;
	if (url->endpoint.n) {
		s3->endpoint = xstrndup(url->endpoint.p, url->endpoint.n);
		return OK;
	}
	if (creds_s3_settings(ctx->creds_env, &endpoint, &style, e) != OK)
		return e->code;
	s3->endpoint = xstrdup(buf_str(&endpoint));
	if (s3->style != STYLE_DEFAULT)
		return OK;
	if (slice_eq_nocase(buf_slice(&style), SLICE("path")))
		s3->style = STYLE_PATH;
	else if (slice_eq_nocase(buf_slice(&style), SLICE("virtual")))
		s3->style = STYLE_VIRTUAL;
	return OK;
}

static enum err find_region(struct s3_store *s3, const struct store_context *ctx,
			    const struct store_url *url, struct error *e)
{
	struct buf found CLEANUP(buf_fini) = BUF_MAX(256);
	struct slice region = url->region;

	if (!region.n) {
		if (creds_region(ctx->creds_env, &found, e) != OK)
			return e->code;
		region = found.n ? buf_slice(&found) : SLICE(REGION_DEFAULT);
	}
	if (!s3_region_valid(region))
		return err_set(e, ERR_USAGE, "'" SLICE_FMT "' is not the name of a region",
			       SLICE_ARG(slice_head(region, 60)));
	return s3_set_region(s3, region, e);
}

/*
 * The identity of a store is made of the bucket's place, without its region and without the way to
 * write its name, and of the owner of the credentials. AWS counts as one place for all regions,
 * since the store may find out that its bucket lies in another one.
 */
static enum err identify(struct s3_store *s3, const struct store_context *ctx, struct error *e)
{
	struct s3_place place = {.bucket = slice_of(s3->bucket),
				 .endpoint = slice_of(s3->endpoint),
				 .region = slice_of(s3->region),
				 .style = STYLE_PATH};
	struct buf origin CLEANUP(buf_fini) = BUF_MAX((size_t)4 * S3_HOST_MAX);
	struct buf who CLEANUP(buf_fini) = BUF_MAX(4096);
	struct s3_address where;

	if (s3_address_make(&place, &where, e) != OK ||
	    (!s3->renewal.anonymous && creds_identity(ctx->creds_env, &who, e) != OK))
		return e->code;
	if (place.endpoint.n)
		fold_lower(slice_of(where.origin), &origin);
	else
		buf_puts(&origin, s3_partition(place.region));

	const struct store_fact facts[] = {{"kind", SLICE("s3")},
					   {"origin", buf_slice(&origin)},
					   {"bucket", slice_of(where.root)},
					   {"prefix", slice_of(s3->prefix)},
					   {"as", buf_slice(&who)}};

	store_identify(&s3->store, facts, ARRAY_LEN(facts));
	return OK;
}

enum err s3_open(const struct store_context *ctx, const struct store_url *url, struct store **ret,
		 struct error *e)
{
	struct s3_store *s3 = xnew(struct s3_store);

	s3->store.ops = &s3_ops;
	s3->store.ctx = ctx;
	s3_doubt_init(s3);
	s3->store.traits.key_case = CASE_BOTH;
	s3->store.traits.miss_ttl_max_ns = INT64_MAX;
	s3->store.traits.tells_sums = true;
	s3->bucket = xstrndup(url->host.p, url->host.n);
	s3->prefix = xstrndup(url->path.p, url->path.n);
	s3->multipart_from = S3_MULTIPART_FROM;
	s3->part_size = S3_PART_SIZE;
	sigv4_init(&s3->signer);
	if (find_endpoint(s3, ctx, url, e) != OK || find_region(s3, ctx, url, e) != OK ||
	    renewal_init(&s3->renewal, ctx, s3->region, url->anonymous, e) != OK ||
	    identify(s3, ctx, e) != OK) {
		store_free(&s3->store);
		return e->code;
	}
	s3->renewal.changed = credentials_changed;
	s3->store.traits.listed_believed = url->index == INDEX_ON ||
					   (url->index == INDEX_AUTO &&
					    s3_lists_exactly(slice_of(s3->endpoint)));
	s3->store.traits.indexed =
		s3->store.traits.listed_believed ||
		(url->index == INDEX_AUTO &&
		 (url->key_case == CASE_OPTION_NONE || url->key_case == CASE_OPTION_BOTH));
	*ret = &s3->store;
	return OK;
}
