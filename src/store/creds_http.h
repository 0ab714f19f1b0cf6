// SPDX-License-Identifier: MIT
/*
 * The three places that give out temporary credentials over HTTP. All block, for at most the time
 * named, follow no redirect and read no more than 64 KiB; they belong on a worker thread. libcurl
 * has to be initialised (curl_global_init) before threads exist.
 *
 * ERR_NET and ERR_TIMEOUT: no answer. ERR_DENIED, ERR_UPSTREAM: refused, or out of order.
 * ERR_CORRUPT, ERR_LIMIT: not an answer that we can read. No message carries a secret or a body.
 */
#pragma once
#include "store/creds.h"

struct creds_web_identity {
	const char *endpoint; /* of STS; may be behind the proxy that the environment names */
	struct slice role_arn, session_name;
	struct slice token;    /* the content of the token file */
	const char *ca_bundle; /* certificates to trust; NULL: the system's */
};

/* AssumeRoleWithWebIdentity; 8 s. (STS API reference.) */
MUST_CHECK enum err creds_http_sts(const struct creds_web_identity *w, struct creds **ret,
				   struct error *e);

/*
 * May credentials be fetched from this URL? Over https from anywhere; over http from loopback and
 * from the link-local addresses of ECS and EKS only. ERR_USAGE otherwise.
 */
MUST_CHECK enum err creds_http_container_url(const char *url, struct error *e);
/* authorization may be NULL; 3 s. (SDKs and Tools guide, "Container credential provider".) */
MUST_CHECK enum err creds_http_container(const char *url, struct slice authorization,
					 struct creds **ret, struct error *e);

/*
 * The role of an EC2 instance by IMDSv2; 1 s for all of its requests. *ret is NULL when there is no
 * such service at the endpoint, or the instance has no role. (EC2 user guide, "Instance metadata".)
 */
MUST_CHECK enum err creds_http_imds(const char *endpoint, struct creds **ret, struct error *e);
