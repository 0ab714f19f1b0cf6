// SPDX-License-Identifier: MIT
/*
 * The chain is a table of steps, in botocore's order, over one struct plan. A step that finds its
 * source says how credentials will be had (plan->how) and the walk ends; a step that finds a
 * mistake fails and the walk ends too. Planning reads variables and small files only. What is left
 * to do for a plan that needs the network is done by creds_load(), in creds_http.c.
 */
#include "store/creds.h"

#include "base/file.h"
#include "store/creds_file.h"
#include "store/creds_http.h"
#include "store/creds_profile.h"
#include "store/s3_address.h"
#include <openssl/crypto.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdio.h>

#define IMDS_ENDPOINT "http://169.254.169.254"
#define SESSION_NAME  "pepto-symbol"

enum how { HOW_NONE, HOW_STATIC, HOW_STS, HOW_CONTAINER, HOW_IMDS };

struct plan {
	enum how how;
	struct creds_profile profile;
	struct creds *creds;                        /* HOW_STATIC */
	struct slice token_file, role_arn, session; /* HOW_STS; in the environment or profile */
	struct buf url;                             /* HOW_CONTAINER, HOW_IMDS */
};

typedef enum err (*step_fn)(const struct creds_env *env, struct plan *p, struct error *e);

/* ---- struct creds ---- */

bool creds_printable(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] > 0x7e)
			return false;
	return true;
}

void creds_wipe_buf(struct buf *b)
{
	if (b->p)
		OPENSSL_cleanse(b->p, b->cap);
	buf_fini(b);
}

enum err creds_new(const struct creds_parts *parts, struct creds **ret, struct error *e)
{
	struct creds *c;

	if (!parts->access_key.n || !parts->secret_key.n)
		return err_set(e, ERR_CORRUPT, "credentials without an access key or its secret");
	if (parts->access_key.n > CREDS_ACCESS_MAX || parts->secret_key.n > CREDS_SECRET_MAX ||
	    parts->token.n > CREDS_TOKEN_MAX)
		return err_set(e, ERR_CORRUPT, "credentials too long");
	if (!creds_printable(parts->access_key) || !creds_printable(parts->secret_key) ||
	    !creds_printable(parts->token))
		return err_set(e, ERR_CORRUPT, "credentials that are not printable text");
	c = xnew(struct creds);
	c->access_key = xstrndup(parts->access_key.p, parts->access_key.n);
	c->secret_key = xstrndup(parts->secret_key.p, parts->secret_key.n);
	if (parts->token.n)
		c->token = xstrndup(parts->token.p, parts->token.n);
	c->expires_s = parts->expires_s;
	snprintf(c->source, sizeof(c->source), "%s", parts->source);
	*ret = c;
	return OK;
}

static void wipe_text(char *s)
{
	if (s)
		OPENSSL_cleanse(s, strlen(s));
	free(s);
}

void creds_free(struct creds *c)
{
	if (!c)
		return;
	wipe_text(c->access_key);
	wipe_text(c->secret_key);
	wipe_text(c->token);
	free(c);
}

/* ---- the world of this process ---- */

static const char *process_get(void *ctx, const char *name)
{
	return getenv(name); /* NOLINT(concurrency-mt-unsafe): nobody sets variables after start */
}

static char passwd_home[512];

static void find_passwd_home(void)
{
	struct passwd pw, *found = NULL;
	char text[4096];

	if (getpwuid_r(geteuid(), &pw, text, sizeof(text), &found) == 0 && found)
		snprintf(passwd_home, sizeof(passwd_home), "%s", pw.pw_dir);
}

struct creds_env creds_env_process(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	const char *home = getenv("HOME"); /* NOLINT(concurrency-mt-unsafe): as above */

	pthread_once(&once, find_passwd_home);
	if (!home || !home[0])
		home = passwd_home[0] ? passwd_home : NULL;
	return (struct creds_env){
		.get = process_get,
		.home = home,
		.dmi_dir = "/sys/class/dmi/id",
		.container_base = "http://169.254.170.2",
	};
}

/* ---- the steps ---- */

/* A profile that is named has to exist, also where other credentials win; so says the AWS CLI. */
static enum err named_profile(const struct creds_env *env, struct plan *p, struct error *e)
{
	return creds_profile_name(env) ? creds_profile_open(env, &p->profile, e) : OK;
}

static enum err from_environment(const struct creds_env *env, struct plan *p, struct error *e)
{
	const char *access_key = creds_var(env, "AWS_ACCESS_KEY_ID");
	const char *secret_key = creds_var(env, "AWS_SECRET_ACCESS_KEY");
	struct creds_parts parts = {
		.access_key = slice_of(access_key),
		.secret_key = slice_of(secret_key),
		.token = slice_of(creds_var(env, "AWS_SESSION_TOKEN")),
		.source = "environment",
	};

	if (!access_key && !secret_key)
		return OK;
	if (!secret_key)
		return err_set(e, ERR_USAGE,
			       "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not");
	if (!access_key)
		return err_set(e, ERR_USAGE,
			       "AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not");
	p->how = HOW_STATIC;
	return creds_new(&parts, &p->creds, e) ? err_wrap(e, "environment") : OK;
}

static enum err any_profile(const struct creds_env *env, struct plan *p, struct error *e)
{
	return creds_profile_open(env, &p->profile, e);
}

static enum err refuse(const struct creds_profile *p, const char *what, struct error *e)
{
	return err_set(e, ERR_USAGE,
		       "profile '%.*s' uses %s, which is not supported here: put keys into the "
		       "environment or the shared credentials file, or use a web identity, "
		       "container or instance role",
		       (int)MIN(p->name.n, 64), p->name.p, what);
}

/* A variable, or else a key of the profile. */
static struct slice either(const struct creds_env *env, const struct plan *p, const char *name,
			   const char *key)
{
	const char *v = creds_var(env, name);

	return v ? slice_of(v) : creds_profile_get(&p->profile, key);
}

static enum err refuse_assume_role(const struct creds_env *env, struct plan *p, struct error *e)
{
	const struct creds_profile *f = &p->profile;

	if (!creds_profile_get(f, "role_arn").n)
		return OK;
	if (creds_profile_get(f, "source_profile").n)
		return refuse(f, "role_arn with source_profile", e);
	if (creds_profile_get(f, "credential_source").n)
		return refuse(f, "role_arn with credential_source", e);
	return OK;
}

static enum err from_web_identity(const struct creds_env *env, struct plan *p, struct error *e)
{
	p->token_file = either(env, p, "AWS_WEB_IDENTITY_TOKEN_FILE", "web_identity_token_file");
	p->role_arn = either(env, p, "AWS_ROLE_ARN", "role_arn");
	p->session = either(env, p, "AWS_ROLE_SESSION_NAME", "role_session_name");
	if (!p->token_file.n && creds_profile_get(&p->profile, "role_arn").n)
		return refuse(&p->profile, "role_arn without web_identity_token_file", e);
	if (!p->token_file.n)
		return OK;
	if (!p->role_arn.n)
		return err_set(e, ERR_USAGE,
			       "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not");
	if (!p->session.n)
		p->session = SLICE(SESSION_NAME);
	p->how = HOW_STS;
	return OK;
}

static enum err refuse_sso(const struct creds_env *env, struct plan *p, struct error *e)
{
	static const char *const keys[] = {"sso_session", "sso_start_url", "sso_account_id",
					   "sso_role_name"};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (creds_profile_get(&p->profile, keys[i]).n)
			return refuse(&p->profile, "SSO", e);
	return OK;
}

static enum err from_file(const struct creds_profile *f, struct slice text,
			  enum creds_file_kind kind, struct plan *p, struct error *e)
{
	char source[CREDS_SOURCE_MAX];
	struct creds_parts parts = {.source = source};

	creds_file_get(text, kind, f->name, SLICE("aws_access_key_id"), &parts.access_key);
	creds_file_get(text, kind, f->name, SLICE("aws_secret_access_key"), &parts.secret_key);
	if (!creds_file_get(text, kind, f->name, SLICE("aws_session_token"), &parts.token))
		creds_file_get(text, kind, f->name, SLICE("aws_security_token"), &parts.token);
	if (!parts.access_key.n && !parts.secret_key.n)
		return OK;
	snprintf(source, sizeof(source), "profile '%.*s' in the %s file", (int)MIN(f->name.n, 64),
		 f->name.p, kind == CREDS_FILE_CONFIG ? "config" : "shared credentials");
	if (!parts.secret_key.n)
		return err_set(e, ERR_USAGE, "%s has no aws_secret_access_key", source);
	if (!parts.access_key.n)
		return err_set(e, ERR_USAGE, "%s has no aws_access_key_id", source);
	p->how = HOW_STATIC;
	return creds_new(&parts, &p->creds, e) ? err_wrap(e, "%s", source) : OK;
}

static enum err from_credentials_file(const struct creds_env *env, struct plan *p, struct error *e)
{
	return from_file(&p->profile, buf_slice(&p->profile.credentials), CREDS_FILE_CREDENTIALS, p,
			 e);
}

static enum err refuse_process(const struct creds_env *env, struct plan *p, struct error *e)
{
	if (creds_profile_get(&p->profile, "credential_process").n)
		return refuse(&p->profile, "credential_process", e);
	return OK;
}

static enum err from_config_file(const struct creds_env *env, struct plan *p, struct error *e)
{
	return from_file(&p->profile, buf_slice(&p->profile.config), CREDS_FILE_CONFIG, p, e);
}

static enum err from_container(const struct creds_env *env, struct plan *p, struct error *e)
{
	const char *relative = creds_var(env, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	const char *full = creds_var(env, "AWS_CONTAINER_CREDENTIALS_FULL_URI");

	if (!relative && !full)
		return OK;
	if (relative && relative[0] != '/')
		return err_set(e, ERR_USAGE,
			       "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with '/'");
	if (relative)
		buf_puts(&p->url, env->container_base);
	buf_puts(&p->url, relative ? relative : full);
	if (buf_failed(&p->url))
		return err_set(e, ERR_USAGE, "container credentials endpoint too long");
	p->how = HOW_CONTAINER;
	return creds_http_container_url(buf_str(&p->url), e);
}

static bool dmi_starts(const struct creds_env *env, const char *name, struct slice prefix)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX(4096);
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", env->dmi_dir, name);
	return file_read_small(path, 4096, &text, NULL) == OK && text.n > 0 &&
	       slice_starts(buf_slice(&text), prefix);
}

/*
 * Is it certain that this machine is no EC2 instance? Nitro says "Amazon EC2" and has its instance
 * id for an asset tag; the old Xen instances say "Xen", as other people's do.
 */
static bool surely_not_ec2(const struct creds_env *env)
{
	return dmi_starts(env, "sys_vendor", SLICE_NONE) &&
	       !dmi_starts(env, "sys_vendor", SLICE("Amazon")) &&
	       !dmi_starts(env, "sys_vendor", SLICE("Xen")) &&
	       !dmi_starts(env, "board_asset_tag", SLICE("i-"));
}

static enum err from_imds(const struct creds_env *env, struct plan *p, struct error *e)
{
	const char *endpoint = creds_var(env, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
	const char *disabled = creds_var(env, "AWS_EC2_METADATA_DISABLED");

	if (slice_eq_nocase(slice_of(disabled), SLICE("true")))
		return OK;
	if (!endpoint && surely_not_ec2(env))
		return OK;
	buf_puts(&p->url, endpoint ? endpoint : IMDS_ENDPOINT);
	if (buf_failed(&p->url))
		return err_set(e, ERR_USAGE, "AWS_EC2_METADATA_SERVICE_ENDPOINT too long");
	p->how = HOW_IMDS;
	return OK;
}

/* ---- the walk ---- */

// clang-format off
static const step_fn chain[] = {
	named_profile,
	from_environment,
	any_profile,
	refuse_assume_role,
	from_web_identity,
	refuse_sso,
	from_credentials_file,
	refuse_process,
	from_config_file,
	from_container,
	from_imds,
};
// clang-format on

static enum err make_plan(const struct creds_env *env, struct plan *p, struct error *e)
{
	enum err err = OK;

	*p = (struct plan){.url = BUF_MAX(2048)};
	for (size_t i = 0; i < ARRAY_LEN(chain) && !err && p->how == HOW_NONE; i++)
		err = chain[i](env, p, e);
	return err;
}

static void plan_fini(struct plan *p)
{
	creds_profile_close(&p->profile);
	creds_free(p->creds);
	buf_fini(&p->url);
}

static enum err sts_endpoint(const struct creds_env *env, const char *region,
			     const struct creds_profile *p, struct buf *out, struct error *e)
{
	if (creds_profile_endpoint(env, p, "sts", out, e) != OK)
		return e->code;
	if (out->n)
		return OK;
	if (region && s3_region_names_host(slice_of(region)))
		buf_printf(out, "https://sts.%s.amazonaws.com%s/", region,
			   strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
	else
		buf_puts(out, "https://sts.amazonaws.com/");
	return buf_failed(out) ? err_set(e, ERR_USAGE, "STS endpoint too long") : OK;
}

const char *creds_ca_bundle(const struct creds_env *env, const char **ret_name)
{
	*ret_name = creds_var(env, "AWS_CA_BUNDLE") ? "AWS_CA_BUNDLE" : "SSL_CERT_FILE";
	return creds_var(env, *ret_name);
}

static enum err read_token(struct slice path, struct buf *token, struct error *e)
{
	char *name CLEANUP(free_p) = xstrndup(path.p, path.n);

	return file_read_small(name, CREDS_TOKEN_MAX, token, e);
}

static enum err load_sts(const struct creds_env *env, const char *region, const struct plan *p,
			 struct creds **ret, struct error *e)
{
	struct buf token CLEANUP(creds_wipe_buf) = BUF_MAX(CREDS_TOKEN_MAX);
	struct buf endpoint CLEANUP(buf_fini) = BUF_MAX(2048);
	const char *name, *bundle = creds_ca_bundle(env, &name);
	enum err err = sts_endpoint(env, region, &p->profile, &endpoint, e);

	if (!err)
		err = read_token(p->token_file, &token, e);
	if (err)
		return err_wrap(e, "web identity");
	return creds_http_sts(&(struct creds_web_identity){buf_str(&endpoint), p->role_arn,
							   p->session,
							   slice_trim(buf_slice(&token)), bundle},
			      ret, e);
}

/* The token file is read anew each time: EKS rotates it. */
static enum err load_container(const struct creds_env *env, const struct plan *p,
			       struct creds **ret, struct error *e)
{
	struct buf token CLEANUP(creds_wipe_buf) = BUF_MAX(CREDS_TOKEN_MAX);
	const char *file = creds_var(env, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	struct slice authorization = slice_of(creds_var(env, "AWS_CONTAINER_AUTHORIZATION_TOKEN"));

	if (file) {
		if (read_token(slice_of(file), &token, e))
			return err_wrap(e, "container authorization token");
		authorization = slice_trim(buf_slice(&token));
	}
	return creds_http_container(buf_str(&p->url), authorization, ret, e);
}

enum err creds_load_static(const struct creds_env *env, enum creds_static *ret_state,
			   struct creds **ret, struct error *e)
{
	struct plan p CLEANUP(plan_fini);
	enum err err = make_plan(env, &p, e);

	if (err)
		return err;
	switch (p.how) {
	case HOW_NONE: *ret_state = CREDS_NONE; break;
	case HOW_STATIC:
		*ret_state = CREDS_FOUND;
		*ret = TAKE(p.creds);
		break;
	case HOW_STS:
	case HOW_CONTAINER:
	case HOW_IMDS: *ret_state = CREDS_NEEDS_NETWORK; break;
	}
	return OK;
}

enum err creds_load(const struct creds_env *env, const char *region, struct creds **ret,
		    struct error *e)
{
	struct plan p CLEANUP(plan_fini);
	enum err err = make_plan(env, &p, e);

	if (err)
		return err;
	switch (p.how) {
	case HOW_NONE: *ret = NULL; return OK;
	case HOW_STATIC: *ret = TAKE(p.creds); return OK;
	case HOW_STS: return load_sts(env, region, &p, ret, e);
	case HOW_CONTAINER: return load_container(env, &p, ret, e);
	case HOW_IMDS: return creds_http_imds(buf_str(&p.url), ret, e);
	}
	return OK;
}

/* The id of session keys changes with every session, so they are named by where they came from. */
static void put_session(const struct creds_env *env, const struct creds *c, struct buf *out)
{
	const char *profile = creds_profile_name(env);
	const char *role = creds_var(env, "AWS_ROLE_ARN");

	buf_printf(out, "session, %s, profile '%s', role '%s'", c->source, profile ? profile : "",
		   role ? role : "");
}

enum err creds_identity(const struct creds_env *env, struct buf *out, struct error *e)
{
	struct plan p CLEANUP(plan_fini);
	enum err err = make_plan(env, &p, e);

	if (err)
		return err;
	switch (p.how) {
	case HOW_NONE: break;
	case HOW_STATIC:
		if (p.creds->token)
			put_session(env, p.creds, out);
		else
			buf_printf(out, "key %s", p.creds->access_key);
		break;
	case HOW_STS:
		buf_puts(out, "web identity, role ");
		buf_add(out, p.role_arn);
		break;
	case HOW_CONTAINER: buf_puts(out, "container role"); break;
	case HOW_IMDS: buf_puts(out, "instance role"); break;
	}
	return buf_failed(out) ? err_set(e, ERR_USAGE, "AWS_PROFILE or AWS_ROLE_ARN too long") : OK;
}

enum err creds_region(const struct creds_env *env, struct buf *out, struct error *e)
{
	struct creds_profile p CLEANUP(creds_profile_close) = {.open = false};
	const char *named = creds_var(env, "AWS_REGION");
	enum err err;

	if (!named)
		named = creds_var(env, "AWS_DEFAULT_REGION");
	if (named) {
		buf_puts(out, named);
	} else {
		err = creds_profile_open(env, &p, e);
		if (err)
			return err;
		buf_add(out, creds_profile_get(&p, "region"));
	}
	return buf_failed(out) ? err_set(e, ERR_LIMIT, "region name too long") : OK;
}

/* Hosts of AWS that we do not know the names of. */
static enum err refuse_hosts(const struct creds_env *env, const struct creds_profile *p,
			     struct error *e)
{
	static const struct {
		const char *variable, *key, *nested;
	} hosts[] = {
		{"AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint", NULL},
		{"AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint", "use_dualstack_endpoint"},
		{NULL, NULL, "use_accelerate_endpoint"},
	};

	for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
		const char *told = hosts[i].variable ? creds_var(env, hosts[i].variable) : NULL;
		struct slice v = slice_of(told);

		if (!v.n && hosts[i].nested)
			v = creds_profile_nested(p, "s3", hosts[i].nested);
		if (!v.n && hosts[i].key)
			v = creds_profile_get(p, hosts[i].key);
		if (slice_eq_nocase(v, SLICE("true")))
			return err_set(e, ERR_USAGE,
				       "%s is not supported here: set the endpoint that it means, "
				       "by AWS_ENDPOINT_URL_S3 or endpoint=",
				       told           ? hosts[i].variable
				       : hosts[i].key ? hosts[i].key
						      : hosts[i].nested);
	}
	return OK;
}

enum err creds_s3_settings(const struct creds_env *env, struct buf *ret_endpoint,
			   struct buf *ret_style, struct error *e)
{
	struct creds_profile p CLEANUP(creds_profile_close) = {.open = false};

	if (creds_profile_open(env, &p, e) != OK ||
	    creds_profile_endpoint(env, &p, "s3", ret_endpoint, e) != OK)
		return e->code;
	buf_add(ret_style, creds_profile_nested(&p, "s3", "addressing_style"));
	return ret_endpoint->n ? OK : refuse_hosts(env, &p, e);
}
