// SPDX-License-Identifier: MIT
/*
 * An ETag that looks like an MD5 and is not that of what came: is the object damaged, or is the
 * ETag no checksum, as that of services which make it of other hashes, or of encrypted bytes? The
 * object is fetched once more, and nothing of it is kept but its XXH3-128: the same bytes under the
 * same ETag twice were not damaged on their way. Other bytes, or none, prove nothing: then it is
 * damaged.
 *
 * A store of which RECHECK_PROOFS objects proved so, and of which no ETag has ever agreed, is not
 * asked twice any more; one that agrees brings the check back for good.
 *
 * Loop's thread.
 */
#pragma once
#include "store/fetch.h"

#define RECHECK_PROOFS STORE_ETAG_PROOFS

struct recheck;

struct recheck_request {
	struct store *store;
	struct slice key;           /* copied */
	const char *via, *checksum; /* borrowed; may be NULL */
	bool msfz;                  /* it was asked for so, and came so */
	uint64_t asker;
	bool patient;
	struct object_head head; /* of the object that came: its ETag and total count */
	uint8_t own[16];         /* digest_own() of that */
};

/* Once, never from inside recheck_start(); it may be freed in there. */
typedef void recheck_told(void *ud, bool same);

struct recheck *recheck_start(const struct recheck_request *r, recheck_told *told, void *ud);
void recheck_free(struct recheck *c); /* accepts NULL */

/* An ETag agreed. */
void recheck_agreed(struct store *s);
/* Is it known that the store's ETags are no checksums? */
bool recheck_needless(const struct store *s);
