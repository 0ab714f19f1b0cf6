// SPDX-License-Identifier: MIT
/*
 * See tls.h. The context that new sessions begin with is exchanged whole. A thread that makes a
 * session of it counts as its user meanwhile, so the lock is held for counting only and not while
 * OpenSSL is called; sessions keep the context by OpenSSL's own count.
 *
 * The key of tickets is OpenSSL's: made at random for each context, kept in memory only.
 */
#include "http/tls.h"
#include "base/buf.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define N_FILES 3

/* By what a file is known to be another one. */
struct stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
};

/* What the files held when they were read. */
struct reading {
	SSL_CTX *ctx;
	size_t users; /* under tls.mu: the struct tls, and threads that read from ctx right now */
};

struct tls {
	struct tls_files files;
	struct stamp tried[N_FILES]; /* the files that were last read, rightly or not */
	pthread_mutex_t mu;
	struct reading *newest; /* under mu; NULL before the first */
};

/* ---- reading ---- */

/* What OpenSSL has to say, without its numbers. */
static enum err cannot_use(struct error *e, const char *setting, const char *path)
{
	unsigned long code = ERR_peek_last_error();
	const char *why = code ? ERR_reason_error_string(code) : NULL;

	if (ERR_SYSTEM_ERROR(code))
		why = strerror(ERR_GET_REASON(code)); // NOLINT(concurrency-mt-unsafe): glibc's is
	err_set(e, ERR_USAGE, "%s '%s': %s", setting, path, why ? why : "cannot be used");
	ERR_clear_error();
	return e->code;
}

/* Nobody is there to be asked. */
static int no_password(char *to, int size, int writing, void *ud)
{
	return 0;
}

static int choose_protocol(SSL *s, const unsigned char **ret, unsigned char *ret_n,
			   const unsigned char *in, unsigned int n, void *ud)
{
	static const unsigned char ours[] = "\x8http/1.1\x8http/1.0";

	if (SSL_select_next_proto((unsigned char **)ret, ret_n, ours, sizeof(ours) - 1, in, n) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	return SSL_TLSEXT_ERR_OK;
}

static void set_up(SSL_CTX *c)
{
	static const unsigned char session_context[] = "pepto-symbol";

	SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
	SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
				       SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
				       SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_id_context(c, session_context, sizeof(session_context) - 1);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF); /* tickets need none */
	SSL_CTX_set_num_tickets(c, 1);
	SSL_CTX_set_read_ahead(c, 1); /* one system call for a record in place of two */
	SSL_CTX_set_default_passwd_cb(c, no_password);
	SSL_CTX_set_alpn_select_cb(c, choose_protocol, NULL);
}

/* That it is one for clients (extended key usage) is what a server checks by default. */
static enum err read_authorities(SSL_CTX *c, const struct tls_files *files, struct error *e)
{
	STACK_OF(X509_NAME) * names;

	if (files->client == TLS_CLIENT_NONE)
		return OK;
	names = SSL_load_client_CA_file(files->client_ca);
	if (!names || SSL_CTX_load_verify_file(c, files->client_ca) != 1) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return cannot_use(e, "TLS_CLIENT_CA", files->client_ca);
	}
	SSL_CTX_set_client_CA_list(c, names);
	SSL_CTX_set_verify(c,
			   files->client == TLS_CLIENT_REQUIRE
				   ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
				   : SSL_VERIFY_PEER,
			   NULL);
	return OK;
}

static enum err read_files(const struct tls_files *files, SSL_CTX **ret, struct error *e)
{
	SSL_CTX *c;
	enum err err = OK;

	ERR_clear_error();
	c = SSL_CTX_new(TLS_server_method());
	if (!c)
		return err_set(e, ERR_NOMEM, "TLS cannot be set up");
	set_up(c);
	if (SSL_CTX_use_certificate_chain_file(c, files->cert) != 1)
		err = cannot_use(e, "TLS_CERT", files->cert);
	else if (SSL_CTX_use_PrivateKey_file(c, files->key, SSL_FILETYPE_PEM) != 1 ||
		 SSL_CTX_check_private_key(c) != 1)
		err = cannot_use(e, "TLS_KEY", files->key);
	else
		err = read_authorities(c, files, e);
	if (err)
		SSL_CTX_free(c);
	else
		*ret = c;
	return err;
}

/* A file that is not there is one, too. */
static struct stamp stamp_of(const char *path)
{
	struct stat st;

	if (!path || stat(path, &st) != 0)
		return (struct stamp){0};
	return (struct stamp){st.st_dev, st.st_ino, st.st_size, st.st_mtim, st.st_ctim};
}

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same_stamp(const struct stamp *a, const struct stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       same_time(a->mtime, b->mtime) && same_time(a->ctime, b->ctime);
}

/* Are they others than were tried last? From now on these have been. */
static bool stamp_files(struct tls *t)
{
	const char *const path[N_FILES] = {t->files.cert, t->files.key, t->files.client_ca};
	bool changed = false;

	for (size_t i = 0; i < N_FILES; i++) {
		struct stamp now = stamp_of(path[i]);

		changed |= !same_stamp(&now, &t->tried[i]);
		t->tried[i] = now;
	}
	return changed;
}

static struct reading *use_newest(struct tls *t)
{
	LOCK_SCOPE(&t->mu);
	t->newest->users++;
	return t->newest;
}

static void end_use(struct tls *t, struct reading *r)
{
	bool last;

	pthread_mutex_lock(&t->mu);
	last = --r->users == 0;
	pthread_mutex_unlock(&t->mu);
	if (!last)
		return;
	SSL_CTX_free(r->ctx);
	free(r);
}

static void set_newest(struct tls *t, SSL_CTX *ctx)
{
	struct reading *fresh = xnew(struct reading), *old;

	*fresh = (struct reading){.ctx = ctx, .users = 1};
	pthread_mutex_lock(&t->mu);
	old = t->newest;
	t->newest = fresh;
	pthread_mutex_unlock(&t->mu);
	if (old)
		end_use(t, old);
}

enum tls_read tls_read_again(struct tls *t, bool anyway, struct error *e)
{
	SSL_CTX *fresh = NULL;

	/* The stamps first: what changes while it is read is read once more. */
	if (!stamp_files(t) && !anyway)
		return TLS_UNCHANGED;
	if (read_files(&t->files, &fresh, e) != OK)
		return TLS_BAD;
	set_newest(t, fresh);
	return TLS_READ;
}

enum err tls_new(const struct tls_files *files, struct tls **ret, struct error *e)
{
	struct tls *t = xnew(struct tls);

	t->files = *files;
	pthread_mutex_init(&t->mu, NULL);
	if (tls_read_again(t, true, e) != TLS_READ) {
		tls_free(t);
		return e->code;
	}
	*ret = t;
	return OK;
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	if (t->newest)
		end_use(t, t->newest);
	pthread_mutex_destroy(&t->mu);
	free(t);
}

/* ---- the certificate ---- */

static void add_name(struct buf *b, struct slice name)
{
	/* Names of hosts: what is none of these characters is not for a terminal. */
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] >= 0x7f)
			return;
	buf_printf(b, "%s" SLICE_FMT, b->n ? " " : "", SLICE_ARG(name));
}

static struct slice string_of(const ASN1_STRING *s)
{
	return (struct slice){(const char *)ASN1_STRING_get0_data(s),
			      (size_t)ASN1_STRING_length(s)};
}

static void add_alternatives(struct buf *b, const X509 *cert)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		int kind;
		const void *name = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &kind);

		if (kind == GEN_DNS)
			add_name(b, string_of(name));
	}
	GENERAL_NAMES_free(names);
}

static void add_common_name(struct buf *b, const X509 *cert)
{
	const X509_NAME *subject = X509_get_subject_name(cert);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

	if (at >= 0)
		add_name(b, string_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))));
}

static int64_t unix_time(const ASN1_TIME *t)
{
	struct tm tm;

	return ASN1_TIME_to_tm(t, &tm) == 1 ? timegm(&tm) : 0;
}

void tls_describe(struct tls *t, char names[static TLS_NAMES_MAX], int64_t *ret_not_after_s)
{
	struct buf b CLEANUP(buf_fini) = BUF_MAX(TLS_NAMES_MAX - 1);
	struct reading *r = use_newest(t);
	const X509 *cert = SSL_CTX_get0_certificate(r->ctx);

	add_alternatives(&b, cert);
	if (!b.n)
		add_common_name(&b, cert);
	snprintf(names, TLS_NAMES_MAX, SLICE_FMT, SLICE_ARG(buf_slice(&b)));
	*ret_not_after_s = unix_time(X509_get0_notAfter(cert));
	end_use(t, r);
}

bool tls_is_certified(const SSL *s)
{
	return SSL_get0_peer_certificate(s) && SSL_get_verify_result(s) == X509_V_OK;
}

void tls_subject(const SSL *s, char ret[static TLS_SUBJECT_MAX])
{
	const X509 *cert = SSL_get0_peer_certificate(s);
	BIO *text = cert ? BIO_new(BIO_s_mem()) : NULL;
	char *p;
	long n;

	ret[0] = '\0';
	if (text && X509_NAME_print_ex(text, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) > 0) {
		n = BIO_get_mem_data(text, &p);
		snprintf(ret, TLS_SUBJECT_MAX, "%.*s", (int)MIN(n, TLS_SUBJECT_MAX - 1), p);
	}
	BIO_free(text);
}

/* ---- a session ---- */

SSL *tls_accept(struct tls *t, int fd)
{
	struct reading *r = use_newest(t);
	SSL *s = SSL_new(r->ctx);

	end_use(t, r);
	if (s && SSL_set_fd(s, fd) != 1) {
		SSL_free(s);
		s = NULL;
	}
	if (s)
		SSL_set_accept_state(s);
	ERR_clear_error();
	return s;
}

void tls_end(SSL *s)
{
	SSL_free(s);
}

void tls_goodbye(SSL *s)
{
	if (SSL_is_init_finished(s) && !(SSL_get_shutdown(s) & SSL_SENT_SHUTDOWN))
		SSL_shutdown(s); /* says nothing after an error */
	ERR_clear_error();
}

bool tls_is_ready(const SSL *s)
{
	return SSL_is_init_finished(s);
}

/* It looks at the first bytes that come, and knows GET, HEAD, POST, PUT and CONNECT. */
static bool is_plain_http(void)
{
	unsigned long code = ERR_peek_error();

	return ERR_GET_LIB(code) == ERR_LIB_SSL &&
	       (ERR_GET_REASON(code) == SSL_R_HTTP_REQUEST ||
		ERR_GET_REASON(code) == SSL_R_HTTPS_PROXY_REQUEST);
}

/* What became of a call, in errno. */
static ssize_t judge(SSL *s, int rc)
{
	int sys = errno;

	switch (SSL_get_error(s, rc)) {
	case SSL_ERROR_ZERO_RETURN: return 0;
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE: errno = EAGAIN; return -1;
	case SSL_ERROR_SYSCALL: errno = sys ? sys : ECONNRESET; return -1;
	default: errno = is_plain_http() ? EPROTOTYPE : EPROTO; return -1;
	}
}

ssize_t tls_recv(SSL *s, void *to, size_t n)
{
	size_t got;
	int rc;

	ERR_clear_error(); /* or an error of another session were ours */
	errno = 0;
	rc = SSL_read_ex(s, to, n, &got);
	return rc == 1 ? (ssize_t)got : judge(s, rc);
}

ssize_t tls_send(SSL *s, struct slice bytes)
{
	size_t taken;
	int rc;

	ERR_clear_error();
	errno = 0;
	rc = SSL_write_ex(s, bytes.p, bytes.n, &taken);
	return rc == 1 ? (ssize_t)taken : judge(s, rc);
}

bool tls_has_ended(SSL *s)
{
	size_t got;
	char byte;
	int rc;

	ERR_clear_error();
	errno = 0;
	rc = SSL_peek_ex(s, &byte, 1, &got);
	return rc != 1 && judge(s, rc) == 0;
}
