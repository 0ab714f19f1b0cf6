// SPDX-License-Identifier: MIT
/*
 * An exchange is one request and its answer, from the request line to the log line.
 *
 * It is touched by two threads, never at the same time: a thread of libmicrohttpd owns it, but
 * while its connection is suspended the loop's thread does, which hands it back by resuming the
 * connection. It is freed once libmicrohttpd has completed it and the loop has let go of it.
 */
#pragma once
#include "serve/conn.h"
#include "serve/lookup.h"
#include "serve/server_priv.h"

#include <microhttpd.h>

enum exchange_state {
	EXCHANGE_NEW,        /* the request line is in */
	EXCHANGE_READ,       /* the headers are in */
	EXCHANGE_LOOKING,    /* suspended: a lookup runs */
	EXCHANGE_ANSWERED,   /* resumed with an answer */
	EXCHANGE_RESPONDING, /* a response is queued */
};

struct exchange {
	struct server *server;
	struct MHD_Connection *mhd;
	struct conn *conn;
	enum exchange_state state;
	int64_t started_ns;
	char *target; /* as on the request line, cut beyond all that is allowed; owned unless short */
	char short_target[256];
	size_t target_n;
	bool head, close; /* HEAD; the connection ends after this answer */
	bool preflight;   /* OPTIONS, of a browser that asks what a script may ask */
	bool cleaned;     /* path is there */
	struct symbol_path path;
	enum auth_way auth;   /* by which it was let in, where a token is asked for */
	struct client client; /* by the request's headers */
	bool looking;         /* counted in server.looking */
	struct purge *purge;  /* it is POST /-/purge */
	struct lookup *lookup;
	uint64_t purges;      /* cache_purges() from before anything was looked for */
	struct answer answer; /* EXCHANGE_ANSWERED and later */
	struct fill_waiter body_wait;
	atomic_bool left;   /* the client has gone away while we waited */
	bool rescued;       /* the body goes on past the cache */
	const char *method; /* for the log: "GET", "HEAD", "other" */

	/* for the log line */
	int status;
	const char *outcome;
	const char *cache; /* where a found object came from; NULL: it was not found */
	const char *limit; /* by which we closed the connection before the end; or NULL */
	size_t head_size;  /* of the answer */
	int64_t sent;      /* bytes of the body handed over */
	int64_t promised;  /* Content-Length */
	bool cut;          /* by a failure of the store */
};

/* The callbacks of libmicrohttpd; cls is the server. */
void *exchange_begin(void *cls, const char *target, struct MHD_Connection *mhd);
enum MHD_Result exchange_run(void *cls, struct MHD_Connection *mhd, const char *url,
			     const char *method, const char *version, const char *upload,
			     size_t *upload_n, void **exchange);
void exchange_end(void *cls, struct MHD_Connection *mhd, void **exchange,
		  enum MHD_RequestTerminationCode why);

/* exchange_find.c: the answer to a symbol path. */
enum MHD_Result exchange_find(struct exchange *x);
/* exchange_log.c */
void exchange_log(const struct exchange *x, int64_t took_ns);

/*
 * To be called before the loop gets to touch it: false when the process ends. Counts it until it is
 * freed.
 */
bool exchange_may_look(struct exchange *x);

/* A request header, NULL when absent. */
static inline const char *exchange_header(const struct exchange *x, const char *name)
{
	return MHD_lookup_connection_value(x->mhd, MHD_HEADER_KIND, name);
}

/* By what stores and keys are chosen, as far as the path, the client and the settings tell. */
static inline struct resolve_rules exchange_rules(const struct exchange *x)
{
	const struct server_parts *p = &x->server->parts;

	return (struct resolve_rules){
		.path = &x->path,
		.client = &x->client,
		.any_path = p->auth || p->conf->serve_any_path,
		.cabinets = p->conf->serve_cab,
	};
}
