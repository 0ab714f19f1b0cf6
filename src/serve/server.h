// SPDX-License-Identifier: MIT
/*
 * The server of symbols: its listening sockets, the HTTP servers on them (http/), the end of the
 * process. What happens to one request is in exchange.h; this is the frame around it.
 *
 * Called by the main thread.
 */
#pragma once
#include "conf/conf.h"
#include "http/tls.h"
#include "serve/auth.h"
#include "serve/health.h"
#include "serve/proxies.h"
#include "serve/upload_tokens.h"

struct server;

/* Everything is borrowed and must outlive the server. */
struct server_parts {
	const struct conf *conf;
	const struct store_list *stores;
	struct flights *flights;
	struct loop *loop;
	struct quiet *quiet; /* of which the network threads are readers */
	struct health *health;
	const struct auth *auth; /* NULL: everybody may read, or who shows a certificate */
	const struct upload_tokens *upload_tokens; /* NULL: nobody may upload */
	struct tls *tls;                           /* NULL: no TLS */
	const struct proxies *proxies;             /* who is believed; NULL: nobody */
	const char *via;                           /* our name in Via */
};

/* From here on clients are answered. ERR_USAGE when an address cannot be listened on. */
MUST_CHECK enum err server_start(const struct server_parts *parts, struct server **ret,
				 struct error *e);
/* Of the first plain socket, of the first with TLS; 0: there is none. */
uint16_t server_port(const struct server *s);
/* Is a plain one reached from other machines? */
bool server_is_open(const struct server *s);
uint16_t server_tls_port(const struct server *s);
/* Give back what is kept open for nobody. */
void server_tidy(struct server *s);
/* No new connections; those that rest are closed, running requests go on. */
void server_drain(struct server *s);
/* Has everything been answered? */
bool server_idle(struct server *s);
/*
 * Cut what still runs, end the threads, free. The loop must still run. Accepts NULL.
 */
void server_stop(struct server *s);
