// SPDX-License-Identifier: MIT
/*
 * The four steps of the specification, top to bottom: canonical request, string to sign, key,
 * signature. Everything of variable length goes into bounded buffers, whose failure is asked for
 * once, at the end; a request that would not fit is never signed in part.
 */
#include "store/sigv4.h"

#include "base/text.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

#define ALGORITHM  "AWS4-HMAC-SHA256"
#define CANON_MAX  131072 /* a presigned query holds a session token of 16 KiB, escaped */
#define NAMES_MAX  2048
#define DIGEST_LEN 32
#define HEX_LEN    (2 * DIGEST_LEN + 1)

/* Fields in the order in which they are signed. */
struct fields {
	struct sigv4_field v[SIGV4_FIELDS_MAX];
	size_t n;
	bool full;
};

void sigv4_init(struct sigv4 *s)
{
	*s = (struct sigv4){.canon = BUF_MAX(CANON_MAX), .names = BUF_MAX(NAMES_MAX)};
}

void sigv4_fini(struct sigv4 *s)
{
	if (s->canon.p)
		OPENSSL_cleanse(s->canon.p, s->canon.cap);
	buf_fini(&s->canon);
	buf_fini(&s->names);
	OPENSSL_cleanse(s, sizeof(*s));
}

void s3_key_encode(struct slice key, struct buf *out)
{
	percent_encode(key, "/", out);
}

/*
 * The place of a raw byte in the order of encoded text: an escape begins with '%', which sorts
 * before every byte that stays as it is, and upper-case hex sorts as the number does.
 */
static int rank(char c)
{
	bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		     c == '-' || c == '.' || c == '_' || c == '~';

	return (unsigned char)c + (plain ? 256 : 0);
}

static int compare_encoded(struct slice a, struct slice b)
{
	for (size_t i = 0; i < a.n && i < b.n; i++)
		if (a.p[i] != b.p[i])
			return rank(a.p[i]) - rank(b.p[i]);
	return (a.n > b.n) - (a.n < b.n);
}

static bool field_before(const struct sigv4_field *a, const struct sigv4_field *b)
{
	int order = compare_encoded(a->name, b->name);

	return order ? order < 0 : compare_encoded(a->value, b->value) < 0;
}

static void fields_add(struct fields *f, struct slice name, struct slice value)
{
	struct sigv4_field new = {name, value};
	size_t at = f->n;

	if (f->n == SIGV4_FIELDS_MAX) {
		f->full = true;
		return;
	}
	for (; at > 0 && field_before(&new, &f->v[at - 1]); at--)
		f->v[at] = f->v[at - 1];
	f->v[at] = new;
	f->n++;
}

static void fields_add_all(struct fields *f, const struct sigv4_field *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fields_add(f, v[i].name, v[i].value);
}

static void add_query(struct buf *out, const struct fields *query)
{
	for (size_t i = 0; i < query->n; i++) {
		if (i > 0)
			buf_putc(out, '&');
		percent_encode(query->v[i].name, "", out);
		buf_putc(out, '=');
		percent_encode(query->v[i].value, "", out);
	}
}

/* Trimmed, and runs of spaces within made one. */
static void add_header_value(struct buf *out, struct slice value)
{
	value = slice_trim(value);
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] != ' ' || value.p[i - 1] != ' ')
			buf_putc(out, value.p[i]);
}

static void join_names(struct buf *out, const struct fields *headers)
{
	buf_clear(out);
	for (size_t i = 0; i < headers->n; i++) {
		if (i > 0)
			buf_putc(out, ';');
		buf_add(out, headers->v[i].name);
	}
}

/* Step 1. s->names holds the signed headers already. */
static void canonical_request(struct sigv4 *s, const struct sigv4_request *r,
			      const struct fields *query, const struct fields *headers,
			      struct slice payload_hash)
{
	struct buf *c = &s->canon;

	buf_clear(c);
	buf_puts(c, r->method);
	buf_putc(c, '\n');
	buf_add(c, r->path);
	buf_putc(c, '\n');
	add_query(c, query);
	buf_putc(c, '\n');
	for (size_t i = 0; i < headers->n; i++) {
		buf_add(c, headers->v[i].name);
		buf_putc(c, ':');
		add_header_value(c, headers->v[i].value);
		buf_putc(c, '\n');
	}
	buf_putc(c, '\n');
	buf_add(c, buf_slice(&s->names));
	buf_putc(c, '\n');
	buf_add(c, payload_hash);
}

static bool hmac(const void *key, size_t n, struct slice text, unsigned char ret[DIGEST_LEN])
{
	return HMAC(EVP_sha256(), key, (int)n, (const unsigned char *)text.p, text.n, ret, NULL);
}

/* Step 3: the key of one day, region and service. */
static bool derive_key(struct sigv4 *s, const struct sigv4_request *r, const char *date)
{
	char first[4 + CREDS_SECRET_MAX + 1];
	int n = snprintf(first, sizeof(first), "AWS4%s", s->secret);
	bool ok = hmac(first, (size_t)n, (struct slice){date, 8}, s->key) &&
		  hmac(s->key, DIGEST_LEN, slice_of(r->region), s->key) &&
		  hmac(s->key, DIGEST_LEN, slice_of(r->service), s->key) &&
		  hmac(s->key, DIGEST_LEN, SLICE("aws4_request"), s->key);

	OPENSSL_cleanse(first, sizeof(first));
	return ok;
}

static enum err use_key(struct sigv4 *s, const struct sigv4_request *r, const char *date,
			struct error *e)
{
	struct slice secret = slice_of(r->creds->secret_key);
	char scope[SIGV4_SCOPE_MAX];
	int n = snprintf(scope, sizeof(scope), "%.8s/%s/%s/aws4_request", date, r->region,
			 r->service);

	if (n >= (int)sizeof(scope))
		return err_set(e, ERR_LIMIT, "region name too long to sign for");
	if (secret.n > CREDS_SECRET_MAX)
		return err_set(e, ERR_LIMIT, "secret access key too long to sign with");
	if (strcmp(scope, s->scope) == 0 && slice_eq(secret, slice_of(s->secret)))
		return OK;
	memcpy(s->secret, secret.p, secret.n + 1);
	s->scope[0] = '\0';
	if (!derive_key(s, r, date))
		return err_set(e, ERR_NOMEM, "no memory to derive a signing key");
	memcpy(s->scope, scope, sizeof(scope));
	return OK;
}

static enum err too_many(struct error *e)
{
	return err_set(e, ERR_LIMIT, "more than %d fields to sign", SIGV4_FIELDS_MAX);
}

/* Steps 2 and 4, over what canonical_request() left in s->canon. */
static enum err make_signature(struct sigv4 *s, const char *date, char ret[HEX_LEN],
			       struct error *e)
{
	unsigned char digest[DIGEST_LEN];
	char hex[HEX_LEN], text[sizeof(ALGORITHM) + AMZ_DATE_LEN + SIGV4_SCOPE_MAX + HEX_LEN];
	int n;

	if (buf_failed(&s->canon) || buf_failed(&s->names))
		return err_set(e, ERR_LIMIT, "request too long to sign");
	if (!EVP_Digest(s->canon.p, s->canon.n, digest, NULL, EVP_sha256(), NULL))
		return err_set(e, ERR_NOMEM, "no memory to hash a request");
	hex_encode(digest, DIGEST_LEN, hex);
	n = snprintf(text, sizeof(text), ALGORITHM "\n%s\n%s\n%s", date, s->scope, hex);
	if (!hmac(s->key, DIGEST_LEN, (struct slice){text, (size_t)n}, digest))
		return err_set(e, ERR_NOMEM, "no memory to sign a request");
	hex_encode(digest, DIGEST_LEN, ret);
	return OK;
}

enum err sigv4_query(const struct sigv4_field *query, size_t n, struct buf *out, struct error *e)
{
	struct fields f = {.n = 0};

	fields_add_all(&f, query, n);
	if (f.full)
		return too_many(e);
	add_query(out, &f);
	return buf_failed(out) ? err_set(e, ERR_LIMIT, "query string too long") : OK;
}

static void own_headers(struct fields *f, const struct sigv4_request *r, const char *date)
{
	fields_add(f, SLICE("host"), r->host);
	fields_add(f, SLICE("x-amz-date"), slice_of(date));
	if (strcmp(r->service, "s3") == 0)
		fields_add(f, SLICE("x-amz-content-sha256"), r->payload_hash);
	if (r->creds->token)
		fields_add(f, SLICE("x-amz-security-token"), slice_of(r->creds->token));
}

enum err sigv4_sign(struct sigv4 *s, const struct sigv4_request *r,
		    char ret_date[static AMZ_DATE_LEN], struct buf *authorization, struct error *e)
{
	struct fields query = {.n = 0}, headers = {.n = 0};
	char date[AMZ_DATE_LEN], signature[HEX_LEN];
	enum err err;

	amz_date_format(r->wall_s, date);
	err = use_key(s, r, date, e);
	if (err)
		return err;
	fields_add_all(&query, r->query, r->n_query);
	fields_add_all(&headers, r->headers, r->n_headers);
	own_headers(&headers, r, date);
	if (query.full || headers.full)
		return too_many(e);
	join_names(&s->names, &headers);
	canonical_request(s, r, &query, &headers, r->payload_hash);
	err = make_signature(s, date, signature, e);
	if (err)
		return err;
	buf_printf(authorization, ALGORITHM " Credential=%s/%s, SignedHeaders=%s, Signature=%s",
		   r->creds->access_key, s->scope, buf_str(&s->names), signature);
	if (buf_failed(authorization))
		return err_set(e, ERR_LIMIT, "authorization header too long");
	memcpy(ret_date, date, sizeof(date));
	return OK;
}

/* What a presigned query says besides the request's own parameters, the signature excepted. */
struct presign {
	char date[AMZ_DATE_LEN];
	char expires[24];
	char credential[CREDS_ACCESS_MAX + 1 + SIGV4_SCOPE_MAX];
};

static void own_query(struct fields *f, const struct sigv4 *s, const struct sigv4_request *r,
		      const struct presign *p)
{
	fields_add(f, SLICE("X-Amz-Algorithm"), SLICE(ALGORITHM));
	fields_add(f, SLICE("X-Amz-Credential"), slice_of(p->credential));
	fields_add(f, SLICE("X-Amz-Date"), slice_of(p->date));
	fields_add(f, SLICE("X-Amz-Expires"), slice_of(p->expires));
	fields_add(f, SLICE("X-Amz-SignedHeaders"), buf_slice(&s->names));
	if (r->creds->token)
		fields_add(f, SLICE("X-Amz-Security-Token"), slice_of(r->creds->token));
}

enum err sigv4_presign(struct sigv4 *s, const struct sigv4_request *r, int64_t expires_s,
		       struct buf *out, struct error *e)
{
	struct fields query = {.n = 0}, headers = {.n = 0};
	struct presign p;
	char signature[HEX_LEN];
	enum err err;

	if (expires_s < 1 || expires_s > SIGV4_EXPIRES_MAX)
		return err_set(e, ERR_USAGE, "a presigned URL lives 1 to %d seconds",
			       SIGV4_EXPIRES_MAX);
	amz_date_format(r->wall_s, p.date);
	err = use_key(s, r, p.date, e);
	if (err)
		return err;
	snprintf(p.expires, sizeof(p.expires), "%lld", (long long)expires_s);
	snprintf(p.credential, sizeof(p.credential), "%s/%s", r->creds->access_key, s->scope);
	fields_add_all(&headers, r->headers, r->n_headers);
	fields_add(&headers, SLICE("host"), r->host);
	join_names(&s->names, &headers);
	fields_add_all(&query, r->query, r->n_query);
	own_query(&query, s, r, &p);
	if (query.full || headers.full)
		return too_many(e);
	canonical_request(s, r, &query, &headers, SLICE(SIGV4_UNSIGNED));
	err = make_signature(s, p.date, signature, e);
	if (err)
		return err;
	add_query(out, &query);
	buf_printf(out, "&X-Amz-Signature=%s", signature);
	return buf_failed(out) ? err_set(e, ERR_LIMIT, "presigned query too long") : OK;
}
