// SPDX-License-Identifier: MIT
/*
 * A store is a place that holds objects under keys: an S3 bucket, a directory, another symbol
 * server. All three answer through the same asynchronous calls.
 *
 * Threads: everything here runs on the loop's thread, the callbacks included, but for the few
 * functions marked "any thread", which read atomics.
 *
 * Ownership: a store owns its calls. A call that was started ends in exactly one done(), after
 * which its pointer is gone, or in store_call_cancel(), after which nothing is called any more.
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "base/loop.h"
#include "base/pool.h"
#include "store/gate.h"
#include "store/last_fault.h"
#include "store/packing.h"
#include "store/range.h"
#include "store/transfer.h"

#define STORE_ID_SIZE     32
#define STORE_ETAG_PROOFS 3

#define STORE_TOKEN_MAX   ((size_t)16 * 1024)

struct store;
struct store_call;
struct creds_env;
struct name_page;
struct store_put;
struct store_remove;
struct store_remove_events;
struct store_write;

/* What all stores share; made once by the program. Borrowed, must outlive the stores. */
struct store_context {
	struct loop *loop;
	struct transfer_engine *engine;
	struct pool *disk;     /* for calls that block: file lookups */
	struct pool *searches; /* for those that go through all names of a directory */
	struct pool *writes;   /* for writing files, and hashing what is sent in parts */
	struct pool *creds;    /* for where credentials come from */
	const struct creds_env *creds_env; /* how AWS settings are found */
	int64_t try_timeout_ns;            /* one request: until the head of the answer */
	bool holds_to_keys;                /* an object has to be the file that its key names */
	const char *via;                   /* our own name in Via, to find loops */
	/* Tell the operator something, once; loop's thread. */
	void (*warn)(const char *store, const char *what);
};

enum store_case { CASE_LOWER, CASE_ASKED, CASE_BOTH };
enum store_tier { TIER_UNKNOWN, TIER_ONE, TIER_TWO, TIER_BOTH };

/* Packed forms that a store may hold besides the plain file: see base/packings.def. */
enum store_form {
#define PACKING(ID, ...) STORE_FORM_##ID = 1 << PACKED_##ID,
#include "base/packings.def"
	STORE_FORMS_ALL =
/* NOLINTNEXTLINE(bugprone-macro-parentheses): one term of a sum, which the last line ends */
#define PACKING(ID, name, word, ...) (sizeof(word) > 1 ? STORE_FORM_##ID : 0) +
#include "base/packings.def"
		0
};

/* Other keys under which a file may lie (symfmt/key_match.h). */
enum store_aliases {
	ALIASES_AUTO, /* those that cost a request only where they are needed */
	ALIASES_ALL,
	ALIASES_NONE,
};

/* Where files lie that are asked for by their build-id alone (serve/build_id.h). */
enum store_layout { LAYOUT_SSQP, LAYOUT_GDB, LAYOUT_DEBUGINFOD, LAYOUT_UNIFIED };

/*
 * "Any name" as a segment of a key, for stores with traits.wildcards: in ANY/K/ANY both stand for
 * the same one. No client can ask for it: there are no control bytes in the paths of requests.
 */
#define STORE_ANY_NAME "\x1a"
#define STORE_ANY_KEY  STORE_ANY_NAME "/" /* how such a key begins */

/* The properties of a store, fixed when it is made unless said otherwise. */
struct store_traits {
	char *name; /* for logs: the URL without credentials and options */
	enum store_case key_case;
	bool any_case; /* finds keys in any case by itself: one spelling is enough */
	/*
	 * It is not known whether it minds the case of a key: an object that is missing in one
	 * spelling may be there in another, but a file that is held to its key is the same in all
	 * of them.
	 */
	bool folds;
	bool folds_all;  /* so is a file that cannot be held to its key */
	bool minds_case; /* folds, and it is known to mind: each spelling is asked by itself */
	bool optional;   /* its failures count as misses that are never remembered */
	bool loops;      /* may lead back to ourselves: asked with Via */
	bool checksums;  /* may have a file only for requests with SymbolChecksum */
	bool negotiates; /* may send a PDB in MSFZ form where that is accepted */
	bool tells_sums; /* a HEAD of the whole may tell a checksum */
	bool follows_anywhere;   /* redirects may lead to this machine and its network */
	bool local;              /* its answers are open files: nothing to cache */
	int64_t miss_ttl_max_ns; /* how long its word for a miss may be kept; INT64_MAX: no limit */
	unsigned forms;          /* STORE_FORM_... */
	enum store_aliases aliases;
	enum store_layout layout;
	bool indexed;         /* its names are listed, for how they are spelled; */
	bool listed_believed; /* and what is not among them is missing */
	bool wildcards;       /* takes STORE_ANY_NAME */
	char *ptr; /* what file.ptr calls our prefix, "\\\\server\\share"; NULL: not followed */
	char *only, *not ; /* globs on the file name (serve/file_name.h), or NULL */
};

struct store_read {
	struct slice key; /* below the store's prefix, no leading slash; copied */
	bool head;        /* only the head is wanted */
	/*
	 * With head: a 404 that gives no reason, as it does to a HEAD, is a miss. For who is going to
	 * write there, and is told then what is wrong.
	 */
	bool unproven;
	/*
	 * For who decides by the answer what is written or removed: what s3:// denies, or has
	 * archived, may be there, so that it is a fault; for others it is a miss
	 * (STORE_MISS_DENIED). Other stores pass over it.
	 */
	bool denied_fails;
	bool origin; /* with head: file:// tells who stored it (origin.tx), too; s3:// always does */
	bool ranged; /* only this part is wanted */
	struct range_ask range;
	const char *if_match; /* an ETag, or NULL; copied */
	const char *via;      /* value of the client's Via header, or NULL; copied */
	/*
	 * The part of the client's SymbolChecksum that is sent on (serve/client.h), or NULL;
	 * copied.
	 */
	const char *checksum;
	bool msfz;           /* of a store that negotiates: it may come in MSFZ form */
	uint64_t asker;      /* whose transfers they are (transfer.h) */
	int64_t *put_off_ns; /* or NULL; as that of a transfer, of the call */
	int64_t deadline_ns; /* for all that the call does until its head is in */
	bool patient;        /* the deadline alone counts, not also the context's try_timeout_ns */
};

/*
 * What a publisher of ours wrote beside an object when it put it there (its metadata), as anybody
 * may have who can write there. Only what is well-formed: digits in lower case, a number, a name of
 * at most 38 characters.
 */
struct object_origin {
	char sha256[65]; /* of the plain file, "" not told */
	int64_t size;    /* of the plain file, -1 not told */
	char tx[40];     /* the transaction that stored it, "" not told */
};

struct object_head {
	int64_t total;     /* bytes of the whole object, -1 unknown */
	int64_t first;     /* offset of the first byte that follows */
	int64_t length;    /* bytes that follow, -1 unknown */
	bool ranged;       /* the store answered a range (206), if only of everything */
	int64_t mtime;     /* seconds since the epoch, -1 unknown */
	int64_t date_s;    /* Date: the store's clock as it answered, -1 unknown */
	char etag[128];    /* with its quotes; "" unknown */
	char encoding[40]; /* Content-Encoding; "" = none */
	bool msfz;         /* told by a fetch that accepts it: by its bytes it is in MSFZ form */
	/*
	 * Checksum of the whole object, when the store tells one in an answer about the whole:
	 * "sha256", "crc64nvme", "crc32c" or "crc32", "" = none; and the value, base64 as it was
	 * sent, not looked into.
	 */
	char sum_name[12], sum_base64[48];
	bool sums_known;  /* a checksum was told, if perhaps one that cannot be used */
	bool etag_is_md5; /* the ETag is the MD5 of the whole, in quoted hex of any case */
	int fd;           /* >= 0: the body lies in this file, and data() is not
					   called; the receiver of the head closes it */
	int64_t fd_base;  /* where in it byte 0 of the object lies */
	/*
	 * > 0, of a local store: the file may stay open and be answered again for a moment. It is
	 * the time of its last change (st_ctim, ns); while that is the same, so are its bytes and
	 * what this head says.
	 */
	int64_t changed_ns;
	/* Of s3://, of the whole or a part; of file:// where store_read asks for it. */
	struct object_origin origin;
};

/*
 * Only an answer by which the store says that it does not have the object is a miss; there are
 * three kinds, by what that word is worth. No answer is a miss by default: code that tells results
 * apart names them all, and an answer that was not judged is STORE_FAULT, which is 0.
 */
enum store_result {
	STORE_FAULT,         /* no answer: see e */
	STORE_FAULT_RETRY,   /* no answer now, another try may help */
	STORE_FOUND,         /* head() was called and all bytes were given */
	STORE_UNSATISFIABLE, /* the range lies outside; head->total is the size */
	STORE_CHANGED,       /* if_match does not match */
	STORE_MISS,          /* proven: the store says that the object is not there */
	STORE_MISS_DENIED,  /* by 403 of an opaque store, or archived: no cached copy goes for it */
	STORE_MISS_REFUSED, /* it takes no such name: not to be relied on for long */
};

struct store_events {
	void (*head)(void *ud, const struct object_head *head);
	/*
	 * False: pause until resumed; bytes that had been received already still come (transfer.h).
	 */
	bool (*data)(void *ud, struct slice bytes);
	/* head: only with STORE_UNSATISFIABLE; e: only with the faults */
	void (*done)(void *ud, enum store_result result, const struct object_head *head,
		     const struct error *e);
};

/*
 * A page of what stands directly below a folder (store/listing.h); or, with deep, of all keys that begin so,
 * whatever folders they lie in.
 */
struct store_page_ask {
	struct slice folder; /* "" or "fo/", below the store's prefix; copied, as the next */
	bool deep;           /* folder is any beginning of keys */
	struct slice token;  /* as the page before told it; none: the first page */
	int64_t deadline_ns; /* until all of it is in */
};

/*
 * FOUND: *answer is for read_page(), and may be taken. Else e says why, also with a miss.
 */
struct store_page_time {
	int64_t age_s;  /* for how long it may have lain in a cache on its way */
	int64_t date_s; /* Date: the store's clock as it answered; -1 unknown */
};
typedef void store_paged(void *ud, enum store_result result, struct buf *answer,
			 const struct store_page_time *time, const struct error *e);

/* How an object is put into a store (write.h). */
enum store_put_result {
	STORE_PUT_FAILED, /* see e; it may be there all the same, if no answer came */
	STORE_PUT_STORED,
	STORE_PUT_PRESENT, /* only_new, and something is there; perhaps by an earlier try of this */
};
/* What the last answer told: of what was stored, or of what is there. */
struct store_put_answer {
	char etag[128]; /* with its quotes; "" unknown */
	int64_t date_s; /* Date: the store's clock as it answered; -1 unknown */
	bool refused;   /* of what has failed: for good, such an object can never lie there */
};
typedef void store_put_done(void *ud, enum store_put_result result,
			    const struct store_put_answer *answer, const struct error *e);

struct store_ops {
	const char *scheme; /* "s3" */
	/* Never calls its events from inside. */
	struct store_call *(*start)(struct store *s, const struct store_read *read,
				    const struct store_events *events, void *ud);
	void (*resume)(struct store_call *call);
	void (*cancel)(struct store_call *call);
	/*
	 * Find out whether the store answers such questions, and how; exactly one done(). e ==
	 * NULL: it does. Its outcome counts for all probes that are on their way.
	 */
	void (*probe)(struct store *s, enum question q,
		      void (*done)(void *ud, const struct error *e), void *ud);
	/* One line for `serve --check` after a probe: credentials, region, exact or opaque, ... */
	void (*describe)(struct store *s, struct buf *out);
	/*
	 * After a good probe: why that is no proof that anything can be read there. NULL: it is
	 * one, as far as a probe can tell; also for the function.
	 */
	const char *(*doubt)(struct store *s);
	/* Look at some keys and say how they are laid out; exactly one done(). NULL: cannot. */
	void (*survey)(struct store *s, void (*done)(void *ud, const char *layout), void *ud);
	/* Ask for a page; exactly one done(), never from inside, or a cancel. NULL: cannot. */
	struct store_call *(*list)(struct store *s, const struct store_page_ask *ask,
				   store_paged *done, void *ud);
	/* Any thread: what such an answer says. */
	enum err (*read_page)(const struct store *s, struct slice folder, struct slice answer,
			      struct name_page *ret, struct error *e);
	/* Writing (write.h); NULL, both: it cannot be written. */
	struct store_write *(*put)(struct store *s, const struct store_put *put,
				   store_put_done *done, void *ud);
	struct store_write *(*remove)(struct store *s, const struct store_remove *remove,
				      const struct store_remove_events *events, void *ud);
	bool (*is_settling)(struct store *s); /* NULL: never (write.h) */
	bool (*is_private)(struct store *s);  /* any thread */
	void (*free)(struct store *s);
};

/* The head of every store's own struct. */
struct store {
	const struct store_ops *ops;
	const struct store_context *ctx;
	struct store_traits traits;
	/*
	 * Whose objects these are: SHA-256 over the place that they come from and over the
	 * credentials' owner. Stores with the same id give the same bytes for the same key, in
	 * other processes and after a restart too. Options such as only= do not count.
	 */
	uint8_t id[STORE_ID_SIZE];
	struct gate gate[QUESTIONS];
	int64_t fresh_ns;     /* connections from before are not used any more; 0: any */
	atomic_uint epoch;    /* raised when its misses do not count any more; any thread */
	atomic_uint unspoken; /* kinds of question (bits) that mean nothing to it; any thread */
	bool sums_told;       /* it knows checksums; the loop's, as the next */
	unsigned sums_silent; /* heads that were asked for one and told none */
	unsigned index;       /* the cache's: the number of its index of names; 0: none */
	bool packs;           /* the object that was found last had to be expanded */
	atomic_uchar learnt;  /* how that lay (serve/candidates.h); 0: not known; any thread */
	int64_t unlisted_ns;  /* until then, no keys are listed for a lookup; the loop's */
	int64_t unranged_ns;  /* until then, no HEAD is asked as the first bytes; the loop's */
	int64_t plain_ns;     /* until then, it is not asked for MSFZ; the loop's */
	int denying;          /* of how many kinds of question it denies all; the loop's */
	/* Its ETags that look like MD5: one has agreed; objects that proved that theirs is none. */
	bool etags_agree;
	unsigned etag_proofs;
	uint64_t etag_proof[STORE_ETAG_PROOFS]; /* hashes of their keys */
	int64_t logged_ns;                      /* last failure that was logged; 0 = never */
	struct last_fault fault;                /* last_fault.c's */
	atomic_int tier; /* enum store_tier: told by the URL, or learned at start; any thread */
	/* Any thread: a file lay in Sentry's layout, so that build-ids are looked for there. */
	atomic_bool unified;
	atomic_int_least64_t answered_ns; /* last proof of life; 0 = never; any thread */
};

/* Make a store from its URL (see docs/settings.md for the options); nothing is asked yet. */
MUST_CHECK enum err store_open(const struct store_context *ctx, struct slice url,
			       struct store **ret, struct error *e);
void store_free(struct store *s); /* after the loop has stopped; accepts NULL */

struct store_call *store_start(struct store *s, const struct store_read *read,
			       const struct store_events *events, void *ud);
void store_call_resume(struct store *s, struct store_call *call);
void store_call_cancel(struct store *s, struct store_call *call);
void store_probe(struct store *s, enum question q, void (*done)(void *ud, const struct error *e),
		 void *ud);

/* Any thread: the directory of a local store (traits.local). */
const char *dir_store_path(const struct store *s);
/* Any thread: are reads signed, so that serving it publishes something private? */
bool store_is_private(struct store *s);
/*
 * Any thread: do questions of this key's kind mean anything to it? If not, all such keys are
 * missing there for now. Clients are not to keep such a miss: the store may only have failed when
 * that was found out.
 */
bool store_speaks(const struct store *s, struct slice key);
void store_set_spoken(struct store *s, enum question q, bool spoken);
/*
 * How long its word for a miss of this key may be kept. A file that is put into a local store shall
 * be seen soon (traits.miss_ttl_max_ns); not so for a key that has to be searched for, since that
 * costs a look at all names.
 */
int64_t store_miss_ttl_max(const struct store *s, struct slice key);
/*
 * May it be asked for MSFZ now? Not for an hour after it has been asked so in vain, which costs one
 * request more than asking for the file as it is.
 */
bool store_negotiates(const struct store *s);
void store_stop_negotiating(struct store *s);
/* The store has answered something, be it a miss. */
void store_alive(struct store *s);
