// SPDX-License-Identifier: MIT
/* What the files of the server share: server.c, exchange.c, respond.c, admin.c. */
#pragma once
#include "http/http.h"
#include "serve/hot.h"
#include "serve/lookup.h"
#include "serve/missing.h"
#include "serve/server.h"

#include <sys/resource.h>

/* Answers without a body that are always the same: made once. */
enum canned {
	CANNED_METHOD, /* 405 */
	CANNED_METHOD_POST,
	CANNED_PREFLIGHT, /* 204: what a script of another origin may ask */
	CANNED_TOO_LARGE, /* 406, to debuginfod clients that say how much they take */
	CANNED_LOGIN,     /* 401 */
	CANNED_LOGIN_ADMIN,
	CANNED_FAULT, /* 503 */
	CANNED_METHOD_UPLOAD,
	CANNED_LOGIN_UPLOAD,
	CANNED_LOGIN_BEARER, /* the same, to who has shown a bearer's token */
	CANNED_WORKING,      /* 503 for debuggers that ask again: still being fetched */
	CANNED_EMPTY,        /* 200: pingme.txt, index2.txt */
	CANNED_COUNT,
};

/* api_work.c: questions that wait for the loop. */
#define API_QUESTIONS_MAX 8
#define API_SEATS_MAX     32

struct api_running {
	_Atomic uint64_t seat[API_QUESTIONS_MAX][API_SEATS_MAX]; /* whose; 0: free */
	LIST_HEAD(, api_work) works;                             /* the loop's, as the next */
	bool closing;
};

/* 404s that may be kept: none, 1 to 60 seconds, 2 to 59 minutes, 1 to 24 hours. */
#define MISS_STEPS 143

struct server {
	struct server_parts parts;
	struct http_server *http, *admin;
	uint16_t port, tls_port;
	bool open;              /* a plain socket is reached from other machines */
	size_t max_connections; /* that there are descriptors for */
	struct hot *hot;
	struct door *door; /* NULL: nobody may upload */
	struct missing *missing;
	struct builds *builds; /* the loop's, as the next */
	struct stored_by *stored_by;
	int64_t started_ns;
	int64_t missing_saved_ns; /* the main thread's */
	struct lookups lookups;   /* the loop's */
	struct api_running api;
	struct buf canned[CANNED_COUNT];         /* heads */
	struct buf miss[BY_ALL + 1][MISS_STEPS]; /* [as Vary says][as far as MISS_TTL goes] */
	char *cache_control;
	bool may_have_msfz; /* one of the stores; the next, too */
	bool minds_checksums;
	atomic_bool draining, aborted;
	atomic_size_t looking; /* exchanges that the loop may touch, which must end first */
	struct loop_task abort, sweep;
};

/* server.c: the most clients, where the process may have so many descriptors and others take some. */
size_t server_room_for(rlim_t files, size_t elsewhere);

/* A short text of our own. */
struct page {
	int status;
	const char *type; /* its Content-Type */
	int again_s;      /* Retry-After; 0: none */
	struct buf text;
};

#define PAGE_MAX ((size_t)1 << 20)

static inline void page_fini(struct page *p)
{
	buf_fini(&p->text);
}

/* admin.c: /healthz, /readyz, /metrics, added to ret. False when the path is none of them. */
bool admin_answer(struct server *s, struct slice path, struct page *ret);
extern const struct http_handler admin_handler;
/* exchange.c */
extern const struct http_handler exchange_handler;

/* respond.c */
MUST_CHECK enum err respond_init(struct server *s, struct error *e);
void respond_fini(struct server *s);
/* The head of an answer that is this page. */
void respond_page_head(const struct page *page, struct buf *head);
