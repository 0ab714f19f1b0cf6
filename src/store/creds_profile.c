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

enum err creds_profile_open(const struct creds_env *env, struct creds_profile *p, struct error *e)
{
	const char *named = creds_var(env, "AWS_PROFILE");
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
		       "profile '%.64s' (AWS_PROFILE) is neither in the shared credentials file "
		       "nor in the config file",
		       named);
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
