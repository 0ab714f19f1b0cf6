// SPDX-License-Identifier: MIT
/*
 * AWS credentials, found where the AWS CLI (botocore) finds them, in its order:
 *
 *	1. AWS_ACCESS_KEY_ID + AWS_SECRET_ACCESS_KEY [+ AWS_SESSION_TOKEN]
 *	2. web identity: AWS_WEB_IDENTITY_TOKEN_FILE + AWS_ROLE_ARN [+ AWS_ROLE_SESSION_NAME], each
 *	   from the environment or from the profile, exchanged at STS
 *	3. the profile (AWS_PROFILE, else "default") in the shared credentials file
 *	4. the profile in the config file
 *	5. the container endpoint (ECS, EKS pod identity): AWS_CONTAINER_CREDENTIALS_*
 *	6. the role of an EC2 instance (IMDSv2)
 *
 * Profiles that lead elsewhere (SSO, credential_process, assume-role chains) are an error that
 * says what to do instead, as are a named profile that does not exist and half a key pair: a
 * store that was meant to be signed must not be asked unsigned.
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"

#define CREDS_ACCESS_MAX 128
#define CREDS_SECRET_MAX 256
#define CREDS_TOKEN_MAX  16384
#define CREDS_SOURCE_MAX 160

/* Immutable once made; has one owner, who may hand it to another thread. */
struct creds {
	char *access_key;
	char *secret_key;
	char *token;                   /* NULL for long-lived keys */
	int64_t expires_s;             /* seconds since the epoch; 0 = never, as far as is known */
	char source[CREDS_SOURCE_MAX]; /* for people: "environment", "IMDSv2 role" */
};

struct creds_parts {
	struct slice access_key, secret_key;
	struct slice token; /* empty: none */
	int64_t expires_s;
	const char *source;
};

/* Copies the parts. ERR_CORRUPT when a key is empty, or a part too long or not printable. */
MUST_CHECK enum err creds_new(const struct creds_parts *parts, struct creds **ret, struct error *e);
void creds_free(struct creds *c); /* wipes it; accepts NULL */
/* Printable ASCII: nothing that could end a header line and begin another. */
bool creds_printable(struct slice s);
/* Free a buffer that held a secret. */
void creds_wipe_buf(struct buf *b);

/*
 * Where the chain looks; tests put their own world here. The strings belong to the caller and
 * have to outlive the calls that use them. get() may return "", which counts as unset.
 */
struct creds_env {
	const char *(*get)(void *ctx, const char *name);
	void *ctx;
	const char *home;           /* NULL: no default files */
	const char *dmi_dir;        /* "/sys/class/dmi/id" */
	const char *container_base; /* what AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is relative to */
};

/* The environment of the process; HOME, or else the user's entry in the password database. */
struct creds_env creds_env_process(void);

/*
 * The file of certificates to trust, or NULL: the system's. AWS_CA_BUNDLE, as the AWS CLI; else
 * SSL_CERT_FILE, as OpenSSL's programs. *ret_name is the variable, for a message.
 */
const char *creds_ca_bundle(const struct creds_env *env, const char **ret_name);

enum creds_static {
	CREDS_FOUND,         /* *ret is set */
	CREDS_NONE,          /* nothing anywhere: ask unsigned */
	CREDS_NEEDS_NETWORK, /* creds_load() on a worker thread will tell */
};

/* What can be known without the network. Reads a few small files, nothing else. */
MUST_CHECK enum err creds_load_static(const struct creds_env *env, enum creds_static *ret_state,
				      struct creds **ret, struct error *e);
/*
 * The whole chain; blocks for some seconds at most, so it belongs on a worker thread. *ret is NULL
 * when there are none anywhere: ask unsigned. An EC2 metadata service that does not answer counts
 * as none, so a caller that already holds credentials keeps them when it gets NULL. The region
 * picks the STS endpoint and may be NULL.
 */
MUST_CHECK enum err creds_load(const struct creds_env *env, const char *region, struct creds **ret,
			       struct error *e);
/*
 * Append whose credentials these are, as configured and for as long as that stays: the id of
 * long-lived keys, a role, a profile; nothing that renewals change, and no secret. Nothing at all
 * for CREDS_NONE. Reads what creds_load_static() reads.
 */
MUST_CHECK enum err creds_identity(const struct creds_env *env, struct buf *out, struct error *e);
/* Append AWS_REGION, AWS_DEFAULT_REGION or the profile's region; nothing when none is set. */
MUST_CHECK enum err creds_region(const struct creds_env *env, struct buf *out, struct error *e);
/*
 * Append how the AWS CLI is told to reach S3: the endpoint in place of AWS, and the addressing
 * style ("path", "virtual", "auto"); nothing where none is set. ERR_USAGE when it is told to use
 * hosts of AWS that are not known here (FIPS, dual stack, transfer acceleration).
 */
MUST_CHECK enum err creds_s3_settings(const struct creds_env *env, struct buf *ret_endpoint,
				      struct buf *ret_style, struct error *e);
