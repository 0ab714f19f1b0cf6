// SPDX-License-Identifier: MIT
/*
 * Where clients are listened for: the sockets that systemd has handed over, and if there are none, what
 * LISTEN_ADDRESS, PORT and TLS_PORT say.
 *
 * LISTEN_ADDRESS is a list of addresses and unix:/path, separated by spaces or commas. On each address
 * there are the plain port and the one with TLS, as far as they are not off; a unix socket is always plain,
 * since who reaches it is on this machine and let in by the file's mode, 0660.
 */
#pragma once
#include "conf/conf.h"
#include "http/http.h"

struct listeners {
	struct http_listener at[HTTP_LISTENERS_MAX];
	size_t n;
	uint16_t port, tls_port; /* of the first of each; 0: there is none */
	bool open;               /* a plain one is reached from other machines */
};

/*
 * tls: NULL without a certificate. ERR_USAGE where nothing would be listened on, or an address is none;
 * nothing is left open then. The main thread, at the start.
 */
MUST_CHECK enum err listeners_open(const struct conf *conf, struct tls *tls, struct listeners *ret,
				   struct error *e);
/* For who does not hand them to http_start(). */
void listeners_close(struct listeners *l);
