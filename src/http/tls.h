// SPDX-License-Identifier: MIT
/*
 * TLS towards clients, by OpenSSL: 1.2 and 1.3, http/1.1 by ALPN, tickets, no renegotiation, no early
 * data. A struct tls is the certificate, its key, and the authorities of client certificates as they
 * were last read from their files; a session is one connection's.
 *
 * What is read again is for new connections: a session keeps what it began with. New keys of tickets
 * come with it, so that no session of before is resumed, least of all one of a client whose authority
 * has gone.
 *
 * tls_accept() may be called by any thread, tls_read_again() by one at a time; a session belongs to
 * its connection's thread.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"

#include <sys/types.h>

struct ssl_st; /* OpenSSL's SSL: one session */
struct tls;

enum tls_client {
	TLS_CLIENT_NONE,     /* no certificate is asked for */
	TLS_CLIENT_OPTIONAL, /* one that is shown has to be right */
	TLS_CLIENT_REQUIRE,  /* no handshake without */
};

/* Paths of PEM files, borrowed; they have to outlive the struct tls. */
struct tls_files {
	const char *cert;      /* and the chain behind it */
	const char *key;       /* not encrypted */
	const char *client_ca; /* NULL with TLS_CLIENT_NONE */
	enum tls_client client;
};

/* ERR_USAGE, naming the setting: a file that is not there, or not what it has to be. */
MUST_CHECK enum err tls_new(const struct tls_files *files, struct tls **ret, struct error *e);
void tls_free(struct tls *t); /* accepts NULL; sessions may live on */

enum tls_read { TLS_UNCHANGED, TLS_READ, TLS_BAD };

/*
 * Read the files again if one of them is another one than last time; with `anyway` also if not.
 * TLS_BAD: what they hold now cannot be used, what was read before stays in use, and the same files
 * are not tried again before one of them changes.
 */
enum tls_read tls_read_again(struct tls *t, bool anyway, struct error *e);

#define TLS_NAMES_MAX 512

/* Of the certificate that is in use: its names, separated by spaces, and until when it is valid. */
void tls_describe(struct tls *t, char names[static TLS_NAMES_MAX], int64_t *ret_not_after_s);

/* A session on a connected socket, which stays the caller's; NULL when memory is out. */
struct ssl_st *tls_accept(struct tls *t, int fd);
void tls_end(struct ssl_st *s); /* accepts NULL */
/* Tell the client that nothing more comes, if that can be done at once. */
void tls_goodbye(struct ssl_st *s);
/* Has the handshake been made? tls_recv() makes it. */
bool tls_is_ready(const struct ssl_st *s);

/* Has the client shown a certificate? */
bool tls_is_certified(const struct ssl_st *s);

#define TLS_SUBJECT_MAX 256

/* Whom the client's certificate names, as RFC 2253 writes it; "" without one. */
void tls_subject(const struct ssl_st *s, char ret[static TLS_SUBJECT_MAX]);

/*
 * As recv(2) and send(2) of a socket that does not block: 0 at the end, -1 with errno EAGAIN, when
 * the next event of the socket, whichever it is, is reason to try again, or another errno: EPROTO when it
 * is the protocol that failed, EPROTOTYPE when the client speaks plain HTTP; nothing has been sent then. What was not taken has to be offered again with the same bytes, and no
 * fewer, wherever they lie then.
 */
ssize_t tls_recv(struct ssl_st *s, void *to, size_t n);
ssize_t tls_send(struct ssl_st *s, struct slice bytes);
/* Would tls_recv() say 0? */
bool tls_has_ended(struct ssl_st *s);
