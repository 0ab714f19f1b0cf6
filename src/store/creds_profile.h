// SPDX-License-Identifier: MIT
/*
 * One profile, as the shared credentials file and the config file have it together. For creds.c
 * only; all other code uses creds.h.
 */
#pragma once
#include "store/creds.h"

/* Start with {0}; the name points into the environment. */
struct creds_profile {
	struct slice name;
	bool open;                      /* both files have been looked for */
	struct buf credentials, config; /* what they hold, checked; empty when absent */
};

/* A variable; NULL when unset or empty. */
const char *creds_var(const struct creds_env *env, const char *name);
/* AWS_PROFILE, or AWS_DEFAULT_PROFILE; NULL: none is named. */
const char *creds_profile_name(const struct creds_env *env);
/*
 * Read both files, once. ERR_USAGE when AWS_PROFILE names a profile that neither has, ERR_IO or
 * ERR_CORRUPT when a file is there but not readable.
 */
MUST_CHECK enum err creds_profile_open(const struct creds_env *env, struct creds_profile *p,
				       struct error *e);
void creds_profile_close(struct creds_profile *p); /* wipes */
/* From either file, the credentials file first; empty when absent. */
struct slice creds_profile_get(const struct creds_profile *p, const char *key);
/* The same for a key nested in another. */
struct slice creds_profile_nested(const struct creds_profile *p, const char *key,
				  const char *inner);
/*
 * Append where a service ("s3", "sts") is to be asked in place of AWS, from a variable or the
 * profile, which is open; nothing: at AWS. As botocore's ConfiguredEndpointProvider decides.
 */
MUST_CHECK enum err creds_profile_endpoint(const struct creds_env *env,
					   const struct creds_profile *p, const char *service,
					   struct buf *out, struct error *e);
