// SPDX-License-Identifier: MIT
/*
 * TLS against a client that is OpenSSL too, over a pair of sockets: who gets in, with which protocol;
 * what is read again; what is told of a certificate.
 */
#include "http/io.h"
#include "http/tls.h"

#include "base/buf.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#define DAY 86400L

static char dir[] = "/tmp/pepto-tls-XXXXXX";

/* ---- certificates ---- */

struct paper {
	EVP_PKEY *key;
	X509 *cert;
};

struct wanted {
	const char *name, *alternatives, *usage; /* usage: of the extended kind, or NULL */
	const struct paper *by;                  /* NULL: itself */
	long from, until;                        /* seconds from now */
};

static void extend(X509 *cert, X509 *by, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *x;

	X509V3_set_ctx(&ctx, by, cert, NULL, NULL, 0);
	x = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ASSERT(x && X509_add_ext(cert, x, -1));
	X509_EXTENSION_free(x);
}

static struct paper make(struct wanted w)
{
	static long serial;
	struct paper p = {EVP_EC_gen("P-256"), X509_new()};
	const struct paper *by = w.by ? w.by : &p;
	X509_NAME *name = X509_get_subject_name(p.cert);

	X509_set_version(p.cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(p.cert), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(p.cert), w.from);
	X509_gmtime_adj(X509_getm_notAfter(p.cert), w.until);
	X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)"Pepto, Inc.",
				   -1, -1, 0);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)w.name, -1, -1,
				   0);
	X509_set_issuer_name(p.cert, X509_get_subject_name(by->cert));
	X509_set_pubkey(p.cert, p.key);
	if (!w.by)
		extend(p.cert, p.cert, NID_basic_constraints, "critical,CA:TRUE");
	if (w.alternatives)
		extend(p.cert, by->cert, NID_subject_alt_name, w.alternatives);
	if (w.usage)
		extend(p.cert, by->cert, NID_ext_key_usage, w.usage);
	X509_sign(p.cert, by->key, EVP_sha256());
	return p;
}

static void drop(struct paper *p)
{
	EVP_PKEY_free(p->key);
	X509_free(p->cert);
}

static const char *path(const char *name)
{
	static char text[4][64];
	static unsigned turn;
	char *ret = text[turn++ % 4];

	snprintf(ret, sizeof(text[0]), "%s/%s", dir, name);
	return ret;
}

static void write_cert(const char *name, const struct paper *p)
{
	FILE *f = fopen(path(name), "w");

	PEM_write_X509(f, p->cert);
	fclose(f);
}

static void write_key(const char *name, const struct paper *p, const char *password)
{
	FILE *f = fopen(path(name), "w");

	PEM_write_PrivateKey(f, p->key, password ? EVP_aes_128_cbc() : NULL,
			     (const unsigned char *)password, password ? (int)strlen(password) : 0,
			     NULL, NULL);
	fclose(f);
}

static void write_text(const char *name, const char *text)
{
	FILE *f = fopen(path(name), "w");

	fputs(text, f);
	fclose(f);
}

static struct paper authority, server, other, alice, late, servant, stranger;

static void make_all(void)
{
	authority = make((struct wanted){.name = "authority", .until = DAY});
	stranger = make((struct wanted){.name = "stranger", .until = DAY});
	server = make((struct wanted){.name = "symbols.example",
				      .alternatives = "DNS:symbols.example,DNS:sym.example,"
						      "IP:127.0.0.1",
				      .by = &authority,
				      .until = 30 * DAY});
	other = make((struct wanted){.name = "other.example", .by = &authority, .until = DAY});
	alice = make((struct wanted){
		.name = "alice", .by = &authority, .usage = "clientAuth", .until = DAY});
	late = make((struct wanted){.name = "late",
				    .by = &authority,
				    .usage = "clientAuth",
				    .from = -2 * DAY,
				    .until = -DAY});
	servant = make((struct wanted){
		.name = "servant", .by = &authority, .usage = "serverAuth", .until = DAY});
	write_cert("cert", &server);
	write_key("key", &server, NULL);
	write_cert("other", &other);
	write_key("other.key", &other, NULL);
	write_key("locked.key", &server, "secret");
	write_cert("ca", &authority);
	write_text("garbage", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
}

static struct tls_files files(enum tls_client client)
{
	static char cert[64], key[64], ca[64];

	snprintf(cert, sizeof(cert), "%s/cert", dir);
	snprintf(key, sizeof(key), "%s/key", dir);
	snprintf(ca, sizeof(ca), "%s/ca", dir);
	return (struct tls_files){
		.cert = cert, .key = key, .client_ca = client ? ca : NULL, .client = client};
}

/* ---- a client and a session ---- */

struct pair {
	SSL_CTX *ctx;
	SSL *client, *session;
	int fd[2];
};

static void connect_pair(struct pair *p, struct tls *t, SSL_SESSION *resume)
{
	ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p->fd) == 0);
	p->client = SSL_new(p->ctx);
	SSL_set_fd(p->client, p->fd[0]);
	SSL_set_connect_state(p->client);
	if (resume)
		SSL_set_session(p->client, resume);
	p->session = tls_accept(t, p->fd[1]);
}

static void disconnect(struct pair *p)
{
	SSL_shutdown(p->client); /* or its session is not resumed */
	SSL_free(p->client);
	tls_end(p->session);
	close(p->fd[0]);
	close(p->fd[1]);
}

/* Both take their turns until one byte has come: 1; or until one of them refuses: its answer. */
static ssize_t shake_hands(struct pair *p)
{
	char byte;
	ssize_t n = -1;

	errno = EAGAIN;
	for (int i = 0; i < 100; i++) {
		int rc = SSL_write(p->client, "x", 1);

		if (rc != 1 && SSL_get_error(p->client, rc) != SSL_ERROR_WANT_READ)
			shutdown(p->fd[0], SHUT_RDWR);
		n = tls_recv(p->session, &byte, 1);
		if (n >= 0 || errno != EAGAIN)
			break;
	}
	ERR_clear_error();
	return n;
}

static struct pair client_with(const struct paper *shown)
{
	struct pair p = {.ctx = SSL_CTX_new(TLS_client_method())};

	if (shown) {
		SSL_CTX_use_certificate(p.ctx, shown->cert);
		SSL_CTX_use_PrivateKey(p.ctx, shown->key);
	}
	return p;
}

/* ---- the tests ---- */

static void test_who_gets_in(void)
{
	static const struct {
		const char *what;
		enum tls_client client;
		const struct paper *shown;
		bool in;
		const char *subject;
	} rows[] = {
		{"anybody", TLS_CLIENT_NONE, NULL, true, ""},
		{"anybody, whatever is shown", TLS_CLIENT_NONE, &alice, true, ""},
		{"nothing shown, nothing required", TLS_CLIENT_OPTIONAL, NULL, true, ""},
		{"shown though not required", TLS_CLIENT_OPTIONAL, &alice, true,
		 "CN=alice,O=Pepto\\, Inc."},
		{"a stranger's, though not required", TLS_CLIENT_OPTIONAL, &stranger, false, ""},
		{"nothing shown", TLS_CLIENT_REQUIRE, NULL, false, ""},
		{"the right one", TLS_CLIENT_REQUIRE, &alice, true, "CN=alice,O=Pepto\\, Inc."},
		{"a stranger's", TLS_CLIENT_REQUIRE, &stranger, false, ""},
		{"a server's", TLS_CLIENT_REQUIRE, &servant, false, ""},
		{"one of the past", TLS_CLIENT_REQUIRE, &late, false, ""},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
			struct tls_files f = files(rows[i].client);
			struct pair p = client_with(rows[i].shown);
			char subject[TLS_SUBJECT_MAX];
			struct tls *t;
			struct error e;
			ssize_t n;

			SSL_CTX_set_min_proto_version(p.ctx, version);
			SSL_CTX_set_max_proto_version(p.ctx, version);
			ASSERT(tls_new(&f, &t, &e) == OK);
			connect_pair(&p, t, NULL);
			n = shake_hands(&p);
			CHECK_INT(n == 1, rows[i].in, rows[i].what);
			CHECK(n == 1 || n == 0 || errno == EPROTO || errno == ECONNRESET,
			      "a refusal is an error of the protocol");
			if (n == 1) {
				CHECK(tls_is_ready(p.session), "the handshake has been made");
				tls_subject(p.session, subject);
				CHECK_STR(subject, rows[i].subject, rows[i].what);
			}
			disconnect(&p);
			SSL_CTX_free(p.ctx);
			tls_free(t);
		}
}

static void test_protocols(void)
{
	static const struct {
		const char *what, *offered, *chosen; /* chosen: NULL: refused */
		int version;
	} rows[] = {
		{"none offered", "", "", 0},
		{"1.1", "\x8http/1.1", "http/1.1", 0},
		{"h2 is passed over", "\x2h2\x8http/1.1", "http/1.1", 0},
		{"1.0", "\x8http/1.0", "http/1.0", 0},
		{"h2 alone", "\x2h2", NULL, 0},
		{"TLS 1.1", "", NULL, TLS1_1_VERSION},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct tls_files f = files(TLS_CLIENT_NONE);
		struct pair p = client_with(NULL);
		const unsigned char *got = NULL;
		unsigned n = 0;
		struct tls *t;
		struct error e;

		SSL_CTX_set_security_level(p.ctx, 0);
		if (rows[i].version)
			SSL_CTX_set_max_proto_version(p.ctx, rows[i].version);
		SSL_CTX_set_alpn_protos(p.ctx, (const unsigned char *)rows[i].offered,
					(unsigned)strlen(rows[i].offered));
		ASSERT(tls_new(&f, &t, &e) == OK);
		connect_pair(&p, t, NULL);
		CHECK_INT(shake_hands(&p) == 1, rows[i].chosen != NULL, rows[i].what);
		SSL_get0_alpn_selected(p.client, &got, &n);
		if (rows[i].chosen)
			CHECK_SLICE(((struct slice){(const char *)got, n}), rows[i].chosen,
				    rows[i].what);
		disconnect(&p);
		SSL_CTX_free(p.ctx);
		tls_free(t);
	}
}

static void test_bad_files(void)
{
	static const struct {
		const char *what, *cert, *key, *ca, *blamed;
	} rows[] = {
		{"no certificate", "none", "key", NULL, "TLS_CERT"},
		{"a damaged certificate", "garbage", "key", NULL, "TLS_CERT"},
		{"no key", "cert", "none", NULL, "TLS_KEY"},
		{"another's key", "cert", "other.key", NULL, "TLS_KEY"},
		{"a locked key", "cert", "locked.key", NULL, "TLS_KEY"},
		{"no authorities", "cert", "key", "none", "TLS_CLIENT_CA"},
		{"damaged authorities", "cert", "key", "garbage", "TLS_CLIENT_CA"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct tls_files f = {
			.cert = path(rows[i].cert),
			.key = path(rows[i].key),
			.client_ca = rows[i].ca ? path(rows[i].ca) : NULL,
			.client = rows[i].ca ? TLS_CLIENT_REQUIRE : TLS_CLIENT_NONE,
		};
		struct tls *t;
		struct error e = {OK, 0, ""};

		CHECK_INT(tls_new(&f, &t, &e), ERR_USAGE, rows[i].what);
		CHECK(strncmp(e.msg, rows[i].blamed, strlen(rows[i].blamed)) == 0 &&
			      strstr(e.msg, dir),
		      e.msg);
	}
}

static void check_name(struct tls *t, const char *want, int64_t days, const char *what)
{
	char names[TLS_NAMES_MAX];
	int64_t until;

	tls_describe(t, names, &until);
	CHECK_STR(names, want, what);
	CHECK(until > time(NULL) + days * DAY - 3600 && until <= time(NULL) + days * DAY + 1, what);
}

/* A certificate is often put there in two steps; what does not fit yet is not used. */
static void test_reading_again(void)
{
	struct tls_files f = files(TLS_CLIENT_NONE);
	struct tls *t;
	struct error e;

	ASSERT(tls_new(&f, &t, &e) == OK);
	check_name(t, "symbols.example sym.example", 30, "of all names");
	CHECK_INT(tls_read_again(t, false, &e), TLS_UNCHANGED, "nothing changed");
	CHECK_INT(tls_read_again(t, true, &e), TLS_READ, "read though nothing changed");
	write_cert("cert", &other);
	CHECK_INT(tls_read_again(t, false, &e), TLS_BAD, "a certificate without its key");
	check_name(t, "symbols.example sym.example", 30, "what was read before stays");
	CHECK_INT(tls_read_again(t, false, &e), TLS_UNCHANGED, "and is complained about once");
	write_key("key", &other, NULL);
	CHECK_INT(tls_read_again(t, false, &e), TLS_READ, "now it fits");
	check_name(t, "other.example", 1, "the name, where there is no other");
	unlink(path("cert"));
	CHECK_INT(tls_read_again(t, false, &e), TLS_BAD, "a certificate that has gone");
	write_cert("cert", &server);
	write_key("key", &server, NULL);
	CHECK_INT(tls_read_again(t, false, &e), TLS_READ, "and has come back");
	tls_free(t);
}

static SSL_SESSION *kept;

static int keep_session(SSL *s, SSL_SESSION *session)
{
	SSL_SESSION_free(kept);
	kept = session;
	return 1;
}

/* The client reads what comes after the handshake, tickets among it. */
static bool resumes(struct pair *p, struct tls *t, SSL_SESSION *resume)
{
	char byte;
	bool resumed;

	connect_pair(p, t, resume);
	ASSERT(shake_hands(p) == 1);
	ASSERT(tls_send(p->session, SLICE("y")) == 1);
	ASSERT(SSL_read(p->client, &byte, 1) == 1 && byte == 'y');
	resumed = SSL_session_reused(p->client);
	disconnect(p);
	return resumed;
}

static void test_tickets(void)
{
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		struct tls_files f = files(TLS_CLIENT_REQUIRE);
		struct pair p = client_with(&alice);
		struct tls *t;
		struct error e;

		SSL_CTX_set_max_proto_version(p.ctx, version);
		SSL_CTX_set_session_cache_mode(p.ctx,
					       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
		SSL_CTX_sess_set_new_cb(p.ctx, keep_session);
		ASSERT(tls_new(&f, &t, &e) == OK);
		CHECK(!resumes(&p, t, NULL), "a first session is new");
		CHECK(kept && SSL_SESSION_has_ticket(kept), "and gives a ticket");
		CHECK(resumes(&p, t, kept), "by which it is resumed");
		ASSERT(tls_read_again(t, true, &e) == TLS_READ);
		CHECK(!resumes(&p, t, kept), "but not once the files have been read again");
		tls_free(t);
		SSL_SESSION_free(TAKE(kept));
		SSL_CTX_free(p.ctx);
	}
}

#define LARGE (4 << 20)

/* More than the socket takes: in parts, from wherever the rest lies meanwhile. */
static void test_large(void)
{
	struct tls_files f = files(TLS_CLIENT_NONE);
	struct pair p = client_with(NULL);
	char *sent = xzalloc(LARGE), *moved = xzalloc(LARGE), *got = xzalloc(LARGE);
	size_t taken = 0, n_got = 0;
	bool waited = false;
	struct tls *t;
	struct error e;

	for (size_t i = 0; i < LARGE; i++)
		sent[i] = (char)(i * 31 >> 5);
	memcpy(moved, sent, LARGE);
	ASSERT(tls_new(&f, &t, &e) == OK);
	connect_pair(&p, t, NULL);
	ASSERT(shake_hands(&p) == 1);
	while (n_got < LARGE) {
		const char *from = taken % 2 ? sent : moved;
		const struct slice rest = {from + taken, LARGE - taken};
		ssize_t n = rest.n ? tls_send(p.session, rest) : 0;
		int rc;

		ASSERT(n >= 0 || errno == EAGAIN);
		waited |= n < 0;
		taken += n > 0 ? (size_t)n : 0;
		if (n > 0)
			continue;
		rc = SSL_read(p.client, got + n_got, (int)(LARGE - n_got));
		n_got += rc > 0 ? (size_t)rc : 0;
	}
	CHECK(waited && memcmp(sent, got, LARGE) == 0, "a large answer comes whole");
	SSL_shutdown(p.client);
	CHECK_INT(tls_recv(p.session, got, 1), 0, "the client's goodbye is the end");
	disconnect(&p);
	SSL_CTX_free(p.ctx);
	tls_free(t);
	free(sent);
	free(moved);
	free(got);
}

/* What waits is read; true while something came. */
static bool read_some(struct pair *p, char *got, size_t *n)
{
	int rc = SSL_read(p->client, got + *n, (int)(LARGE - *n));

	*n += rc > 0 ? (size_t)rc : 0;
	return rc > 0;
}

/* A head, and a file behind it that is more than the socket takes: in as few records as there may be. */
static void test_file(void)
{
	struct tls_files f = files(TLS_CLIENT_NONE);
	struct pair p = client_with(NULL);
	char head[] = "a head, and ", tail[] = "its end: ", record[HTTP_IO_READ];
	struct iovec pieces[] = {{head, strlen(head)}, {tail, strlen(tail)}};
	const size_t n_head = strlen(head) + strlen(tail);
	char *sent = xzalloc(LARGE), *got = xzalloc(LARGE);
	FILE *file = tmpfile();
	struct http_io_part part = {fileno(file), 0, LARGE - n_head};
	struct http_io io;
	size_t n_got = 0, blocked = 0;
	ssize_t n = -1;
	struct tls *t;
	struct error e;

	for (size_t i = 0; i < LARGE; i++)
		sent[i] = (char)(i * 31 >> 5);
	memcpy(sent, head, strlen(head));
	memcpy(sent + strlen(head), tail, strlen(tail));
	ASSERT(fwrite(sent + n_head, 1, part.n, file) == part.n && fflush(file) == 0);
	ASSERT(tls_new(&f, &t, &e) == OK);
	connect_pair(&p, t, NULL);
	ASSERT(shake_hands(&p) == 1);
	io = (struct http_io){p.fd[1], p.session, record};
	CHECK_INT(http_io_send(&io, pieces, 2, &part), HTTP_IO_RECORD, "what follows goes along");
	part.offset += (int64_t)(HTTP_IO_RECORD - n_head);
	part.n -= HTTP_IO_RECORD - n_head;
	ASSERT(read_some(&p, got, &n_got));
	CHECK_INT(n_got, HTTP_IO_RECORD, "in one record, which is full");
	while (n_got < LARGE) {
		n = part.n ? http_io_send_file(&io, &part) : 0;
		ASSERT(n >= 0 || errno == EAGAIN);
		part.offset += n > 0 ? n : 0;
		part.n -= n > 0 ? (size_t)n : 0;
		blocked += n < 0;
		if (n <= 0 && part.n)
			read_some(&p, got, &n_got); /* room for a part of what comes next */
		while (n <= 0 && !part.n && read_some(&p, got, &n_got))
			;
	}
	CHECK(blocked > 1 && memcmp(sent, got, LARGE) == 0, "and comes whole");
	part = (struct http_io_part){fileno(file), LARGE, 10};
	CHECK_INT(http_io_send_file(&io, &part), 0, "where the file ends there is nothing");
	CHECK_INT(http_io_send(&io, pieces, 2, &part), n_head, "and a head goes alone");
	disconnect(&p);
	SSL_CTX_free(p.ctx);
	tls_free(t);
	fclose(file);
	free(sent);
	free(got);
}

static void *read_again_often(void *arg)
{
	struct error e;

	for (int i = 0; i < 50; i++)
		(void)tls_read_again(arg, true, &e);
	return NULL;
}

static void test_reading_while_serving(void)
{
	struct tls_files f = files(TLS_CLIENT_NONE);
	struct pair p = client_with(NULL);
	pthread_t reader;
	struct tls *t;
	struct error e;
	bool all = true;

	ASSERT(tls_new(&f, &t, &e) == OK);
	pthread_create(&reader, NULL, read_again_often, t);
	for (int i = 0; i < 50; i++) {
		connect_pair(&p, t, NULL);
		all &= shake_hands(&p) == 1;
		disconnect(&p);
	}
	pthread_join(reader, NULL);
	CHECK(all, "handshakes go on while the files are read");
	SSL_CTX_free(p.ctx);
	tls_free(t);
}

int main(void)
{
	static struct paper *const all[] = {&authority, &server,  &other,   &alice,
					    &late,      &servant, &stranger};
	static const char *const written[] = {"cert",       "key", "other",  "other.key",
					      "locked.key", "ca",  "garbage"};

	ASSERT(mkdtemp(dir));
	make_all();
	test_who_gets_in();
	test_protocols();
	test_bad_files();
	test_reading_again();
	test_tickets();
	test_large();
	test_file();
	test_reading_while_serving();
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		drop(all[i]);
	for (size_t i = 0; i < ARRAY_LEN(written); i++)
		unlink(path(written[i]));
	rmdir(dir);
	return tap_done();
}
