// SPDX-License-Identifier: MIT
/*
 * One request to S3: the URL and the headers, signed when there are credentials. The call
 * (s3_call.c) decides what is asked, and what follows from the answer.
 *
 * The x-amz-* headers are part of what is signed: AWS refuses those that are not. Range and
 * If-Match need not be.
 */
#include "store/s3_store.h"

#include <openssl/crypto.h>
#include <stdio.h>

#define AMZ_HEADERS 2
#define HEADERS_MAX 16
#define LIST_FIELDS 6

struct lines {
	const char *line[24]; /* NULL at the end */
	size_t n;
	struct buf text;
};

/* A session token is among them; nothing has been taken off their end again. */
static void lines_fini(struct lines *l)
{
	OPENSSL_cleanse(l->text.p, l->text.n);
	buf_fini(&l->text);
}

/* The buffer is reserved as a whole, so that lines stay where they are. */
static void add_line(struct lines *l, const char *name, const char *value)
{
	size_t at = l->text.n;

	buf_printf(&l->text, "%s: %s", name, value);
	buf_add(&l->text, (struct slice){"", 1});
	if (!buf_failed(&l->text))
		l->line[l->n++] = l->text.p + at;
}

/* r brings method, path, query, headers, hash and credentials. */
static enum err sign(struct s3_store *s3, struct sigv4_request r, struct lines *l, struct error *e)
{
	struct buf value CLEANUP(buf_fini) = BUF_MAX(2048);
	char date[AMZ_DATE_LEN];
	enum err err;

	r.host = slice_of(s3->address.host);
	r.region = s3->region;
	r.service = "s3";
	r.wall_s = clock_wall_s() + s3->skew_s;
	err = sigv4_sign(&s3->signer, &r, date, &value, e);
	if (err)
		return err;
	add_line(l, "Authorization", buf_str(&value));
	add_line(l, "x-amz-date", date);
	add_line(l, "x-amz-content-sha256", r.payload_hash.p);
	if (r.creds->token)
		add_line(l, "x-amz-security-token", r.creds->token);
	return OK;
}

/* Fill in the headers that depend on the request and are signed; returns their number. */
static size_t signed_headers(const struct s3_store *s3, const struct s3_request *r,
			     struct sigv4_field ret[static HEADERS_MAX])
{
	size_t n = r->write ? r->write->n_headers : 0;

	ASSERT(n + AMZ_HEADERS <= HEADERS_MAX);
	for (size_t i = 0; i < n; i++)
		ret[i] = r->write->headers[i];

	/* Asked for with the whole only: services disagree about what the checksum of a part is. */
	if (r->what == S3_READ && !r->read.ranged)
		ret[n++] = (struct sigv4_field){SLICE("x-amz-checksum-mode"), SLICE("ENABLED")};
	if (s3->requester_pays)
		ret[n++] = (struct sigv4_field){SLICE("x-amz-request-payer"), SLICE("requester")};
	return n;
}

static void add_plain_lines(const struct s3_request *r, const struct sigv4_request *signed_as,
			    struct lines *l)
{
	char range[64];

	for (size_t i = 0; i < signed_as->n_headers; i++)
		add_line(l, signed_as->headers[i].name.p, signed_as->headers[i].value.p);
	range_header(r->read.ranged ? &r->read.range : NULL, range, sizeof(range));
	if (range[0])
		add_line(l, "Range", range);
	if (r->read.if_match)
		add_line(l, "If-Match", r->read.if_match);
}

/*
 * The query of a listing; of no other request there is one. By encoding-type=url come keys that
 * hold what XML cannot. A page is told by its token alone: start-after would begin again within a
 * common prefix.
 */
static size_t list_query(const struct s3_request *r, struct sigv4_field ret[static LIST_FIELDS])
{
	size_t n = 0;

	if (r->what != S3_LIST && r->what != S3_PAGE)
		return 0;
	ret[n++] = (struct sigv4_field){SLICE("list-type"), SLICE("2")};
	ret[n++] = (struct sigv4_field){SLICE("max-keys"), SLICE("1000")};
	ret[n++] = (struct sigv4_field){SLICE("prefix"), r->read.key};
	if (r->what == S3_LIST)
		return n;
	if (!r->deep)
		ret[n++] = (struct sigv4_field){SLICE("delimiter"), SLICE("/")};
	ret[n++] = (struct sigv4_field){SLICE("encoding-type"), SLICE("url")};
	if (r->token.n)
		ret[n++] = (struct sigv4_field){SLICE("continuation-token"), r->token};
	return n;
}

/* Appends the query, which is the signature too. */
static enum err sign_until(struct s3_store *s3, struct sigv4_request r, const struct s3_write *w,
			   struct buf *url, struct error *e)
{
	if (!r.creds)
		return err_set(e, ERR_USAGE, "a request that ends by itself needs credentials");
	r.host = slice_of(s3->address.host);
	r.region = s3->region;
	r.service = "s3";
	r.wall_s = w->signed_s;
	return sigv4_presign(&s3->signer, &r, w->valid_s, url, e);
}

static enum err build(struct s3_store *s3, const struct s3_request *r, struct buf *url,
		      struct lines *l, struct error *e)
{
	const struct s3_write *w = r->write;
	struct sigv4_field headers[HEADERS_MAX];
	struct sigv4_field query[LIST_FIELDS];
	size_t n_query = list_query(r, query);
	bool list = n_query > 0, until = w && w->signed_s > 0;
	struct buf path CLEANUP(buf_fini) = BUF_MAX(8192);
	struct sigv4_request to_sign = {
		.method = w && w->method ? w->method
			  : r->read.head ? "HEAD"
					 : "GET",
		.query = w ? w->query : query,
		.n_query = w ? w->n_query : n_query,
		.headers = headers,
		.n_headers = signed_headers(s3, r, headers),
		.payload_hash = slice_of(w && w->sha256 ? w->sha256 : SIGV4_EMPTY),
		.creds = r->creds,
	};

	buf_puts(&path, s3->address.root);
	if (!list)
		s3_key_encode(r->read.key, &path);
	buf_printf(url, "%s%s%s", s3->address.origin, buf_str(&path),
		   to_sign.n_query || until ? "?" : "");
	to_sign.path = buf_slice(&path);
	if (until && sign_until(s3, to_sign, w, url, e) != OK)
		return e->code;
	if (!until && to_sign.n_query && sigv4_query(to_sign.query, to_sign.n_query, url, e) != OK)
		return e->code;
	if (!until && r->creds && sign(s3, to_sign, l, e) != OK)
		return e->code;
	add_plain_lines(r, &to_sign, l);
	if (buf_failed(url) || buf_failed(&path) || buf_failed(&l->text))
		return err_set(e, ERR_LIMIT, "the request is too long");
	return OK;
}

enum err s3_request_send(struct s3_store *s3, const struct s3_request *r,
			 const struct transfer_events *events, void *ud, struct transfer **ret,
			 struct error *e)
{
	const struct store_context *ctx = s3->store.ctx;
	size_t token = r->creds && r->creds->token ? strlen(r->creds->token) : 0;
	struct lines l CLEANUP(lines_fini) = {.text = BUF_MAX((r->write ? 16384 : 4096) + token)};
	struct buf url CLEANUP(buf_fini) = BUF_MAX(16384 + 3 * STORE_TOKEN_MAX);

	buf_reserve(&l.text, l.text.max);
	if (build(s3, r, &url, &l, e) != OK)
		return e->code;
	return transfer_start(
		ctx->engine,
		&(struct transfer_request){
			.url = buf_str(&url),
			.head = r->read.head,
			.method = r->write ? r->write->method : NULL,
			.body = r->write ? r->write->body : NULL,
			.headers = l.line,
			.head_deadline_ns = r->read.deadline_ns,
			.head_within_ns = r->write ? r->write->answer_ns : ctx->try_timeout_ns,
			.patient = r->read.patient,
			.asker = r->read.asker,
			.put_off_ns = r->read.put_off_ns,
			.at_once = r->what == S3_PROBE,
			.fresh_ns = &s3->store.fresh_ns,
		},
		events, ud, ret, e);
}
