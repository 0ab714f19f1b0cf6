// SPDX-License-Identifier: MIT
/* See creds_profile.h: finding and reading the two files, and asking both. */
#include "store/creds_profile.h"

#include "base/file.h"

#include "store/creds_file.h"
#include <errno.h>

#define AWS_FILE_MAX 262144

const char *creds_var(const struct creds_env *env, const char *name)
{
	const char *v = env->get(env->ctx, name);

	return v && v[0] ? v : NULL;
}

/*
 * The file that a variable names, or else the one in ~/.aws. A file that is not there is empty; one
 * that is there and cannot be read is an error, or a store would be asked unsigned by mistake.
 */
static enum err read_aws_file(const struct creds_env *env, const char *name, const char *fallback,
			      struct buf *text, struct error *e)
{
	struct buf path CLEANUP(buf_fini) = BUF_MAX(4096);
	const char *named = creds_var(env, name);
	bool in_home = !named || strncmp(named, "~/", 2) == 0;
	enum err err;

	if (in_home && !env->home)
		return OK;
	if (in_home)
		buf_puts(&path, env->home);
	buf_puts(&path, !named ? fallback : in_home ? named + 1 : named);
	if (buf_failed(&path))
		return err_set(e, ERR_USAGE, "path of '%s' too long", name);
	/* A home that may not be looked into (ProtectHome=) is as good as none. */
	if (access(buf_str(&path), F_OK) != 0 && (!named || errno == ENOENT || errno == ENOTDIR))
		return OK;
	*text = BUF_MAX(AWS_FILE_MAX);
	err = file_read_small(buf_str(&path), AWS_FILE_MAX, text, e);
	if (!err)
		err = creds_file_check(buf_slice(text), e);
	return err == ERR_CORRUPT ? err_wrap(e, "'%s'", buf_str(&path)) : err;
}

const char *creds_profile_name(const struct creds_env *env)
{
	const char *named = creds_var(env, "AWS_PROFILE");

	return named ? named : creds_var(env, "AWS_DEFAULT_PROFILE");
}

enum err creds_profile_open(const struct creds_env *env, struct creds_profile *p, struct error *e)
{
	const char *named = creds_profile_name(env);
	enum err err;

	if (p->open)
		return OK;
	p->open = true;
	p->name = slice_of(named ? named : "default");
	err = read_aws_file(env, "AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials",
			    &p->credentials, e);
	if (!err)
		err = read_aws_file(env, "AWS_CONFIG_FILE", "/.aws/config", &p->config, e);
	if (err || !named)
		return err;
	if (creds_file_has(buf_slice(&p->credentials), CREDS_FILE_CREDENTIALS, p->name) ||
	    creds_file_has(buf_slice(&p->config), CREDS_FILE_CONFIG, p->name))
		return OK;
	return err_set(e, ERR_USAGE,
		       "profile '%.64s' (%s) is neither in the shared credentials file "
		       "nor in the config file",
		       named,
		       creds_var(env, "AWS_PROFILE") ? "AWS_PROFILE" : "AWS_DEFAULT_PROFILE");
}

void creds_profile_close(struct creds_profile *p)
{
	creds_wipe_buf(&p->credentials);
	creds_wipe_buf(&p->config);
}

struct slice creds_profile_get(const struct creds_profile *p, const char *key)
{
	struct slice v = SLICE_NONE;

	if (!creds_file_get(buf_slice(&p->credentials), CREDS_FILE_CREDENTIALS, p->name,
			    slice_of(key), &v))
		creds_file_get(buf_slice(&p->config), CREDS_FILE_CONFIG, p->name, slice_of(key),
			       &v);
	return v;
}

struct slice creds_profile_nested(const struct creds_profile *p, const char *key, const char *inner)
{
	struct slice v = SLICE_NONE;

	if (!creds_file_get_nested(buf_slice(&p->credentials), CREDS_FILE_CREDENTIALS, p->name,
				   slice_of(key), slice_of(inner), &v))
		creds_file_get_nested(buf_slice(&p->config), CREDS_FILE_CONFIG, p->name,
				      slice_of(key), slice_of(inner), &v);
	return v;
}

/* ---- where a service is ---- */

static bool ignores_endpoints(const struct creds_env *env, const struct creds_profile *p)
{
	const char *told = creds_var(env, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");

	return slice_eq_nocase(told ? slice_of(told)
				    : creds_profile_get(p, "ignore_configured_endpoint_urls"),
			       SLICE("true"));
}

/* AWS_ENDPOINT_URL_S3 for "s3". */
static const char *endpoint_variable(const struct creds_env *env, const char *service)
{
	char name[64] = "AWS_ENDPOINT_URL_";
	size_t n = strlen(name);

	for (const char *c = service; *c && n < sizeof(name) - 1; c++)
		name[n++] = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
	return creds_var(env, name);
}

/* Of the section that the profile names. One that is not there is a mistake to the AWS CLI, too. */
static enum err from_services(const struct creds_profile *p, const char *service, struct slice *ret,
			      struct error *e)
{
	struct slice config = buf_slice(&p->config), name = creds_profile_get(p, "services");

	if (!name.n)
		return OK;
	if (!creds_file_has(config, CREDS_FILE_SERVICES, name))
		return err_set(e, ERR_USAGE,
			       "profile '%.*s' names the services section '%.*s', which the config "
			       "file does not have",
			       (int)MIN(p->name.n, 64), p->name.p, (int)MIN(name.n, 64), name.p);
	creds_file_get_nested(config, CREDS_FILE_SERVICES, name, slice_of(service),
			      SLICE("endpoint_url"), ret);
	return OK;
}

enum err creds_profile_endpoint(const struct creds_env *env, const struct creds_profile *p,
				const char *service, struct buf *out, struct error *e)
{
	struct slice found = SLICE_NONE;

	if (ignores_endpoints(env, p))
		return OK;
	found = slice_of(endpoint_variable(env, service));
	if (!found.n)
		found = slice_of(creds_var(env, "AWS_ENDPOINT_URL"));
	if (!found.n && from_services(p, service, &found, e) != OK)
		return e->code;
	if (!found.n)
		found = creds_profile_get(p, "endpoint_url");
	buf_add(out, found);
	return buf_failed(out) ? err_set(e, ERR_USAGE, "endpoint URL too long") : OK;
}
