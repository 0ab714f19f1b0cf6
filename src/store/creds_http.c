// SPDX-License-Identifier: MIT
/*
 * One bounded HTTP exchange (fetch) below three providers. Bodies and forms hold secrets and are
 * wiped; jansson's and libcurl's own copies are not in our hands.
 */
#include "store/creds_http.h"

#include "base/clock.h"
#include "base/text.h"
#include "store/s3_xml.h"
#include <arpa/inet.h>
#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>

#define BODY_MAX             65536
#define FORM_MAX             65536 /* the token is at most 16 KiB, escaped */
#define STS_TIMEOUT_MS       8000
#define CONTAINER_TIMEOUT_MS 3000
#define IMDS_TIMEOUT_MS      1000

struct call {
	const char *what;   /* for error messages: "STS" */
	const char *method; /* NULL: GET, or POST when there is a form */
	const char *url;
	const char *header; /* one line, or NULL */
	struct slice form;
	int64_t timeout_ms;
	bool proxy;            /* may go through the proxy of the environment */
	const char *ca_bundle; /* NULL: the system's */
};

static void curl_p(CURL **c)
{
	curl_easy_cleanup(*c);
}

static void curl_url_p(CURLU **u)
{
	curl_url_cleanup(*u);
}

static void curl_slist_p(struct curl_slist **l)
{
	curl_slist_free_all(*l);
}

static void curl_text_p(char **s)
{
	curl_free(*s);
}

static void json_p(json_t **j)
{
	json_decref(*j);
}

/* Never moves, since growth would leave copies of a secret behind; give back to creds_wipe_buf. */
static struct buf secret_buf(size_t max)
{
	struct buf b = BUF_MAX(max);

	buf_reserve(&b, max);
	return b;
}

/* A short count makes libcurl stop with CURLE_WRITE_ERROR. */
static size_t on_body(char *p, size_t size, size_t n, void *ctx)
{
	struct buf *body = ctx;

	buf_add(body, (struct slice){p, size * n});
	return buf_failed(body) ? 0 : size * n;
}

static bool set_options(CURL *c, const struct call *q, struct curl_slist *headers, struct buf *body)
{
	bool ok = curl_easy_setopt(c, CURLOPT_URL, q->url) == CURLE_OK &&
		  curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
		  curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
		  curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
		  curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)q->timeout_ms) == CURLE_OK &&
		  curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
		  curl_easy_setopt(c, CURLOPT_WRITEDATA, body) == CURLE_OK &&
		  curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers) == CURLE_OK;

	if (ok && !q->proxy)
		ok = curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK;
	if (ok && q->ca_bundle)
		ok = curl_easy_setopt(c, CURLOPT_CAINFO, q->ca_bundle) == CURLE_OK;
	if (ok && q->method)
		ok = curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, q->method) == CURLE_OK;
	if (ok && q->form.n)
		ok = curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)q->form.n) == CURLE_OK &&
		     curl_easy_setopt(c, CURLOPT_POSTFIELDS, q->form.p) == CURLE_OK;
	return ok;
}

static enum err transfer_error(const struct call *q, CURLcode code, struct error *e)
{
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT: return err_set(e, ERR_TIMEOUT, "%s: timed out", q->what);
	case CURLE_WRITE_ERROR:
		return err_set(e, ERR_LIMIT, "%s: answer longer than %d bytes", q->what, BODY_MAX);
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return err_set(e, ERR_USAGE, "%s: endpoint is not an http or https URL", q->what);
	case CURLE_OUT_OF_MEMORY: return err_set(e, ERR_NOMEM, "%s: no memory", q->what);
	default: return err_set(e, ERR_NET, "%s: %s", q->what, curl_easy_strerror(code));
	}
}

/* Send q; on OK *ret_status is what came back, body what came with it. */
static enum err fetch(const struct call *q, long *ret_status, struct buf *body, struct error *e)
{
	CURL *c CLEANUP(curl_p) = curl_easy_init();
	struct curl_slist *headers CLEANUP(curl_slist_p) = NULL;
	CURLcode code;

	if (q->timeout_ms <= 0)
		return err_set(e, ERR_TIMEOUT, "%s: timed out", q->what);
	if (q->header)
		headers = curl_slist_append(NULL, q->header);
	if (!c || (q->header && !headers) || !set_options(c, q, headers, body))
		return err_set(e, ERR_NOMEM, "%s: no memory", q->what);
	code = curl_easy_perform(c);
	if (code == CURLE_OK)
		code = curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, ret_status);
	return code == CURLE_OK ? OK : transfer_error(q, code, e);
}

static enum err refused(const char *what, long status, const char *code, struct error *e)
{
	return err_set(e, status >= 500 ? ERR_UPSTREAM : ERR_DENIED, "%s answered %ld%s%s", what,
		       status, code[0] ? " " : "", code);
}

/* ---- STS ---- */

static void add_form(struct buf *form, const char *name, struct slice value)
{
	buf_puts(form, name);
	percent_encode(value, "", form);
}

static enum err sts_refused(struct slice body, long status, struct error *e)
{
	struct s3_error x = {.code = ""};

	if (s3_xml_error(body, &x, NULL))
		x.code[0] = '\0';
	return refused("STS", status, x.code, e);
}

static enum err sts_creds(struct slice body, struct slice role_arn, struct creds **ret,
			  struct error *e)
{
	struct s3_sts sts CLEANUP(s3_sts_fini) = {0};
	char source[CREDS_SOURCE_MAX];
	enum err err = s3_xml_sts(body, &sts, e);

	if (err)
		return err;
	snprintf(source, sizeof(source), "web identity as '" SLICE_FMT "'", SLICE_ARG(role_arn));
	return creds_new(&(struct creds_parts){sts.access_key, sts.secret_key, sts.token,
					       sts.expires_s, source},
			 ret, e);
}

enum err creds_http_sts(const struct creds_web_identity *w, struct creds **ret, struct error *e)
{
	struct buf form CLEANUP(creds_wipe_buf) = secret_buf(FORM_MAX);
	struct buf body CLEANUP(creds_wipe_buf) = secret_buf(BODY_MAX);
	struct call q = {.what = "STS",
			 .url = w->endpoint,
			 .timeout_ms = STS_TIMEOUT_MS,
			 .proxy = true,
			 .ca_bundle = w->ca_bundle};
	long status = 0;
	enum err err;

	add_form(&form,
		 "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=", w->role_arn);
	add_form(&form, "&RoleSessionName=", w->session_name);
	add_form(&form, "&WebIdentityToken=", w->token);
	if (buf_failed(&form))
		return err_set(e, ERR_LIMIT, "web identity token too long");
	q.form = buf_slice(&form);
	err = fetch(&q, &status, &body, e);
	if (err)
		return err;
	if (status != 200)
		return sts_refused(buf_slice(&body), status, e);
	err = sts_creds(buf_slice(&body), w->role_arn, ret, e);
	return err ? err_wrap(e, "STS") : OK;
}

/* ---- the JSON that containers and EC2 give ---- */

static struct slice json_text(json_t *root, const char *key)
{
	json_t *v = json_object_get(root, key);

	return (struct slice){json_string_value(v), json_string_length(v)};
}

static enum err json_creds(struct slice body, const char *source, struct creds **ret,
			   struct error *e)
{
	json_t *root CLEANUP(json_p) = json_loadb(body.p ? body.p : "", body.n, 0, NULL);
	struct creds_parts parts = {.source = source};
	struct slice expires = json_text(root, "Expiration"), code = json_text(root, "Code");

	if (!json_is_object(root))
		return err_set(e, ERR_CORRUPT, "%s: answer is not a JSON object", source);
	if (code.n && !slice_eq(code, SLICE("Success")))
		return err_set(e, ERR_UPSTREAM, "%s: answered '" SLICE_FMT "'", source,
			       SLICE_ARG(slice_head(code, 64)));
	if (expires.n && !iso_date_parse(expires, &parts.expires_s))
		return err_set(e, ERR_CORRUPT, "%s: invalid expiration", source);
	parts.access_key = json_text(root, "AccessKeyId");
	parts.secret_key = json_text(root, "SecretAccessKey");
	parts.token = json_text(root, "Token");
	return creds_new(&parts, ret, e) ? err_wrap(e, "%s", source) : OK;
}

/* ---- containers ---- */

/* Loopback, or where ECS and EKS answer. */
static bool is_local_host(const char *host)
{
	static const char *const known[] = {"localhost", "169.254.170.2", "169.254.170.23",
					    "[fd00:ec2::23]", "[::1]"};
	struct in_addr v4;

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (slice_eq_nocase(slice_of(host), slice_of(known[i])))
			return true;
	return inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

enum err creds_http_container_url(const char *url, struct error *e)
{
	CURLU *u CLEANUP(curl_url_p) = curl_url();
	char *scheme CLEANUP(curl_text_p) = NULL, *host CLEANUP(curl_text_p) = NULL;

	if (!u)
		return err_set(e, ERR_NOMEM, "no memory to parse a URL");
	if (curl_url_set(u, CURLUPART_URL, url, 0) ||
	    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) ||
	    curl_url_get(u, CURLUPART_HOST, &host, 0))
		return err_set(e, ERR_USAGE,
			       "AWS_CONTAINER_CREDENTIALS_FULL_URI is not a valid URL");
	if (strcmp(scheme, "https") == 0)
		return OK;
	if (strcmp(scheme, "http") == 0 && is_local_host(host))
		return OK;
	return err_set(e, ERR_USAGE,
		       "AWS_CONTAINER_CREDENTIALS_FULL_URI has to be https, or http on loopback or "
		       "on a link-local address of ECS or EKS");
}

enum err creds_http_container(const char *url, struct slice authorization, struct creds **ret,
			      struct error *e)
{
	struct buf header CLEANUP(creds_wipe_buf) = secret_buf(CREDS_TOKEN_MAX + 32);
	struct buf body CLEANUP(creds_wipe_buf) = secret_buf(BODY_MAX);
	struct call q = {
		.what = "container endpoint", .url = url, .timeout_ms = CONTAINER_TIMEOUT_MS};
	long status = 0;
	enum err err = creds_http_container_url(url, e);

	if (err)
		return err;
	if (!creds_printable(authorization))
		return err_set(e, ERR_USAGE, "container authorization token is not printable text");
	if (authorization.n) {
		buf_puts(&header, "Authorization: ");
		buf_add(&header, authorization);
		q.header = buf_str(&header);
	}
	if (buf_failed(&header))
		return err_set(e, ERR_LIMIT, "container authorization token too long");
	err = fetch(&q, &status, &body, e);
	if (err)
		return err;
	if (status != 200)
		return refused(q.what, status, "", e);
	return json_creds(buf_slice(&body), q.what, ret, e);
}

/* ---- EC2 ---- */

#define IMDS_NAME  "IMDSv2 role"
#define IMDS_ROLES "/latest/meta-data/iam/security-credentials/"

struct imds {
	struct slice endpoint; /* without a slash at the end */
	int64_t deadline_ns;
	struct buf header; /* with the session token */
};

static void imds_fini(struct imds *m)
{
	creds_wipe_buf(&m->header);
}

/* Send q, whose URL and time are filled in here. */
static enum err imds_fetch(struct imds *m, struct call q, const char *path, long *ret_status,
			   struct buf *body, struct error *e)
{
	struct buf url CLEANUP(buf_fini) = BUF_MAX(4096);

	buf_add(&url, m->endpoint);
	buf_puts(&url, path);
	if (buf_failed(&url))
		return err_set(e, ERR_LIMIT, IMDS_NAME ": URL too long");
	q.what = IMDS_NAME;
	q.url = buf_str(&url);
	q.timeout_ms = (m->deadline_ns - clock_mono_ns()) / NS_PER_MS;
	return fetch(&q, ret_status, body, e);
}

/*
 * A token, or *ret_there = false when nothing answers, or something that is not IMDSv2: other
 * clouds have a service of their own at the same address, and an instance may have its own switched
 * off.
 */
static enum err imds_token(struct imds *m, bool *ret_there, struct error *e)
{
	struct buf body CLEANUP(creds_wipe_buf) = secret_buf(BODY_MAX);
	struct call ask = {.method = "PUT",
			   .header = "X-aws-ec2-metadata-token-ttl-seconds: 21600"};
	long status = 0;
	enum err err = imds_fetch(m, ask, "/latest/api/token", &status, &body, e);

	*ret_there = false;
	if (err == ERR_NET || err == ERR_TIMEOUT)
		return OK;
	if (err)
		return err;
	if (status >= 500)
		return refused(IMDS_NAME, status, "", e);
	if (status != 200)
		return OK;
	if (body.n == 0 || !creds_printable(buf_slice(&body)))
		return err_set(e, ERR_CORRUPT, IMDS_NAME ": invalid session token");
	buf_puts(&m->header, "X-aws-ec2-metadata-token: ");
	buf_add(&m->header, buf_slice(&body));
	*ret_there = !buf_failed(&m->header);
	return *ret_there ? OK : err_set(e, ERR_LIMIT, IMDS_NAME ": session token too long");
}

/* The first role listed becomes the path of its credentials; none is an empty path. */
static enum err imds_role(struct imds *m, struct buf *path, struct error *e)
{
	struct buf body CLEANUP(buf_fini) = BUF_MAX(BODY_MAX);
	struct call ask = {.header = buf_str(&m->header)};
	struct slice role;
	long status = 0;
	enum err err = imds_fetch(m, ask, IMDS_ROLES, &status, &body, e);

	if (err)
		return err;
	if (status == 404)
		return OK;
	if (status != 200)
		return refused(IMDS_NAME, status, "", e);
	role = slice_trim(buf_slice(&body));
	role = slice_trim(slice_head(role, slice_find(role, '\n')));
	if (role.n == 0)
		return OK;
	buf_puts(path, IMDS_ROLES);
	percent_encode(role, "+=,@", path);
	return buf_failed(path) ? err_set(e, ERR_LIMIT, IMDS_NAME ": role name too long") : OK;
}

enum err creds_http_imds(const char *endpoint, struct creds **ret, struct error *e)
{
	struct imds m CLEANUP(imds_fini) = {
		.endpoint = slice_of(endpoint),
		.deadline_ns = clock_mono_ns() + IMDS_TIMEOUT_MS * NS_PER_MS,
		.header = secret_buf(CREDS_TOKEN_MAX),
	};
	struct buf path CLEANUP(buf_fini) = BUF_MAX(1024);
	struct buf body CLEANUP(creds_wipe_buf) = secret_buf(BODY_MAX);
	bool there = false;
	long status = 0;
	enum err err;

	while (slice_ends(m.endpoint, SLICE("/")))
		m.endpoint.n--;
	err = imds_token(&m, &there, e);
	if (!err && there)
		err = imds_role(&m, &path, e);
	if (err)
		return err;
	if (path.n == 0) {
		*ret = NULL;
		return OK;
	}
	err = imds_fetch(&m, (struct call){.header = buf_str(&m.header)}, buf_str(&path), &status,
			 &body, e);
	if (err)
		return err;
	if (status != 200)
		return refused(IMDS_NAME, status, "", e);
	return json_creds(buf_slice(&body), IMDS_NAME, ret, e);
}
