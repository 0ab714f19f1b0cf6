// SPDX-License-Identifier: MIT
/*
 * Writing to a store: put an object, remove some. s3:// and file:// can; http:// cannot. Passing
 * failures are tried again within (retry.h), and each try sends the body from its beginning.
 *
 * Loop's thread. A write that was begun ends in exactly one done(), never from inside the call that
 * began it, after which its pointer is gone; or in store_write_cancel(), after which nothing is
 * called any more. What a cancelled write has done by then is not undone, but that the parts of an
 * object are taken back (s3_multipart.h). Keys are below the
 * store's prefix, without a leading slash, and no segment of one is empty, "." or "..".
 */
#pragma once
#include "store/body.h"
#include "store/store.h"

#define STORE_META_MAX   4
#define STORE_REMOVE_MAX 1000

struct store_meta {
	const char *name, *value; /* printable ASCII, the name in lower case: "pepto-tx" */
};

struct store_put {
	struct slice key;       /* copied, like all strings here */
	struct store_body body; /* what it borrows has to stay until the write has ended */
	const char *sha256;     /* of the body, 64 digits in lower case: what is stored has it */
	const char *encoding;   /* Content-Encoding, or NULL; not for file:// */
	const struct store_meta *meta; /* of these file:// keeps pepto-tx alone (dir_draft.h) */
	size_t n_meta;
	bool only_new;     /* what is there stays */
	bool looked;       /* the caller has just asked whether it is there: s3:// asks no more */
	int64_t answer_ns; /* for the answer, from the last byte sent; of each try */
};

struct store_remove {
	const struct slice *keys; /* copied */
	size_t n;                 /* 1 to STORE_REMOVE_MAX */
	int64_t answer_ns;        /* as above */
	/*
	 * signed_s > 0: the time by the store's clock (Date) as of which the requests are signed,
	 * and valid_s seconds later the store itself refuses them: no try, no way back and nothing
	 * that was held up on its way takes anything away then. Needs credentials. Without a meaning
	 * to file://, where there is no way to be held up on.
	 */
	int64_t signed_s;
	int valid_s;
	bool *unanswered; /* or NULL; set when a try got no answer: it may be carried out later */
};

/* What is not there counts as removed. */
struct store_remove_events {
	/* keys[which] is there still, or may be. Before done(), right at the end; no cancel here. */
	void (*failed)(void *ud, size_t which, const struct error *e);
	/* e == NULL: all others are gone. Else it is not known of any that did not fail. */
	void (*done)(void *ud, const struct error *e);
};

/* The head of every kind's own struct. */
struct store_write {
	void (*cancel)(struct store_write *w);
};

bool store_can_write(const struct store *s);
/* The one of them that can be written. ERR_USAGE: none can, or several, of which e names two. */
MUST_CHECK enum err store_writable(struct store *const *stores, size_t n, struct store **ret,
				   struct error *e);
struct store_write *store_put(struct store *s, const struct store_put *put, store_put_done *done,
			      void *ud);
struct store_write *store_remove(struct store *s, const struct store_remove *remove,
				 const struct store_remove_events *events, void *ud);
void store_write_cancel(struct store_write *w);
/* Are there parts of cancelled puts that are still being taken back? */
bool store_is_settling(struct store *s);
/* Is it a key as told above, that can be written? */
bool store_key_is_clean(struct slice key);
