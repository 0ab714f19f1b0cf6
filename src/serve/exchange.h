// SPDX-License-Identifier: MIT
/*
 * An exchange is one request and its answer, from its head to the log line.
 *
 * It is touched by two threads, never at the same time: its connection's worker owns it, but while the
 * connection waits the loop's thread does, which hands it back by http_wake(). It is freed once its
 * connection is done with it and the loop has let go of it.
 */
#pragma once
#include "serve/lookup.h"
#include "serve/server_priv.h"

struct exchange {
	struct server *server;
	struct http_conn *conn;
	int64_t started_ns;
	bool head, close; /* HEAD; the connection ends after this answer */
	bool preflight;   /* OPTIONS, of a browser that asks what a script may ask */
	bool cleaned;     /* path is there */
	struct symbol_path path;
	enum auth_way auth;   /* by which it was let in */
	struct client client; /* by the request's headers */
	char *checksum;       /* owned: client.checksum, when the headers do not stay */
	bool plain; /* it asks for the whole file, without conditions, and comes from nowhere else (Via) */
	bool looking;              /* counted in server.looking */
	struct purge *purge;       /* it is POST /-/purge */
	struct delivery *delivery; /* it is an upload that was let in */
	struct api_call *api;      /* it is a question of /-/api/ */
	struct lookup *lookup;
	uint64_t version;     /* known_version() from before anything was looked for */
	unsigned arrivals;    /* hot_arrivals(), likewise */
	struct answer answer; /* found, missing, or not to be known */
	struct buf out, text; /* the head of what is sent, and a body of our own */
	int body_fd;          /* the file that is sent, or -1 */
	int64_t given;        /* bytes of the fill that were given to be sent */
	bool copies;          /* they are not sent from a file */
	struct fill_waiter body_wait;
	atomic_bool left;   /* the client has gone away while we waited */
	bool rescued;       /* the body goes on past the cache */
	const char *method; /* for the log: "GET", "HEAD", "other" */

	/* for the log line */
	int status;
	const char *outcome;
	const char *cache; /* where a found object came from; NULL: it was not found */
	const char *limit; /* by which we closed the connection before the end; or NULL */
	bool missed;       /* by the store's own word: it is counted among what is missing */
	int64_t sent; /* bytes of the body that were handed over, or have reached a client that left */
	bool cut;     /* by a failure of the store */
};

/* exchange_find.c: answer a symbol path, or begin to look for it. */
void exchange_find(struct exchange *x);
/* exchange_client.c: by which scheme the client asks, and where it is: "" when that has no address. */
const char *exchange_scheme(const struct exchange *x);
void exchange_peer(const struct exchange *x, char ret[static PEER_NAME_MAX]);
/* Has the path a secret in it, of the operator, who publishes, or a client? No store is to hear of it. */
bool exchange_mentions_secret(const struct server_parts *p, const struct symbol_path *path);
/*
 * exchange_upload.c: is it for the upload door? Then it has been answered, or its body is taken: all pieces of
 * that, its end and each resume() are the others'.
 */
bool exchange_upload_begin(struct exchange *x);
void exchange_upload_body(struct exchange *x, struct slice bytes);
void exchange_upload_complete(struct exchange *x);
void exchange_upload_resume(struct exchange *x);
void exchange_upload_free(struct exchange *x);
/* Is it NuGet's index, by which its clients find the door? Then it has been answered. */
bool exchange_upload_index(struct exchange *x);
/* exchange_log.c */
void exchange_log(const struct exchange *x, int64_t took_ns);

/*
 * To be called before the loop gets to touch it: false when the process ends. Counts it until it is
 * freed. The end of the process sets `aborted` before it waits for `looking`: one of us sees the other.
 */
static inline bool exchange_may_look(struct exchange *x)
{
	x->looking = true;
	atomic_fetch_add(&x->server->looking, 1);
	return !atomic_load(&x->server->aborted);
}

/* As on the request line, up to a raw NUL, which ends a path. */
static inline struct slice exchange_target(const struct exchange *x)
{
	struct slice target = http_target(x->conn);

	return slice_head(target, slice_find(target, '\0'));
}

/* The same without the query. */
static inline struct slice exchange_path(const struct exchange *x)
{
	struct slice target = exchange_target(x);

	return slice_head(target, slice_find(target, '?'));
}

/* A request header, NULL when absent. */
static inline const char *exchange_header(const struct exchange *x, const char *name)
{
	return http_header(x->conn, slice_of(name));
}

/* By what stores and keys are chosen, as far as the path, the client and the settings tell. */
static inline struct resolve_rules exchange_rules(const struct exchange *x)
{
	const struct server_parts *p = &x->server->parts;

	return (struct resolve_rules){
		.path = &x->path,
		.client = &x->client,
		.any_path = x->auth > AUTH_NOT_ASKED || p->conf->serve_any_path,
		.cabinets = p->conf->serve_cab,
	};
}
