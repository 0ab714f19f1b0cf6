// SPDX-License-Identifier: MIT
/*
 * Bodies of requests that a handler takes as it can: pauses, what is kept meanwhile, who leaves in one, how
 * slow a client may be, and answers before the end. Each over a plain connection, and over TLS, where a
 * record may lie in OpenSSL's hands when the socket has nothing more to say.
 */
#include "http_rig.h"

#include "http/conn.c"

#include "metric/metric.h"
#include <fcntl.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>

static bool no_memory;

static void *maybe_malloc(size_t n)
{
	return no_memory ? NULL : malloc(n);
}

#define malloc maybe_malloc
#include "http/in.c"
#undef malloc

#define POST(target, headers) "POST " target " HTTP/1.1\r\n" headers "\r\n\r\n"
#define CLOSE                 "Connection: close\r\n\r\n"
#define REFUSED               "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n" CLOSE
#define CONTINUE              "HTTP/1.1 100 Continue\r\n\r\n"
#define LENGTH(n)             "Content-Length: " #n
#define CHUNKED               "Transfer-Encoding: chunked"
#define MINUTE                (60 * NS_PER_S)

/* ---- a client, with TLS or without ---- */

static char dir[] = "/tmp/pepto-body-XXXXXX";
static struct tls *tls; /* the server's, for tests over TLS; else NULL */
static SSL_CTX *ctx;    /* the client's */
static SSL *session;

static void write_papers(char cert_path[static 64], char key_path[static 64])
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	FILE *f;

	X509_set_version(cert, 2);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	X509_set_pubkey(cert, key);
	X509_sign(cert, key, EVP_sha256());
	snprintf(cert_path, 64, "%s/cert", dir);
	f = fopen(cert_path, "w");
	ASSERT(f && PEM_write_X509(f, cert) && fclose(f) == 0);
	snprintf(key_path, 64, "%s/key", dir);
	f = fopen(key_path, "w");
	ASSERT(f && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) && fclose(f) == 0);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static struct http_conn *connect_client(struct rig *r)
{
	struct http_conn *c;

	rig_init_tls(r, tls);
	c = rig_connect(r);
	/* Little room in the kernel: a pause is felt soon. */
	setsockopt(c->fd.fd, SOL_SOCKET, SO_RCVBUF, &(int){128 << 10}, sizeof(int));
	setsockopt(r->client, SOL_SOCKET, SO_SNDBUF, &(int){128 << 10}, sizeof(int));
	fcntl(r->client, F_SETFL, O_NONBLOCK);
	if (!tls)
		return c;
	session = SSL_new(ctx);
	SSL_set_fd(session, r->client);
	for (int i = 0; i < 1000 && SSL_connect(session) != 1; i++)
		rig_settle(r);
	ASSERT(SSL_is_init_finished(session));
	rig_settle(r);
	return c;
}

static bool disconnect(struct rig *r)
{
	SSL_free(TAKE(session));
	return rig_fini(r);
}

/* As much as the client gets rid of; 0: nothing now. */
static size_t give_some(struct rig *r, struct slice bytes)
{
	size_t written = 0;
	ssize_t n;

	if (tls)
		SSL_write_ex(session, bytes.p, bytes.n, &written);
	n = tls ? (ssize_t)written : send(r->client, bytes.p, bytes.n, MSG_NOSIGNAL);
	rig_settle(r);
	return n > 0 ? (size_t)n : 0;
}

/* The kernels have something to do between them. */
static void wait_for_room(struct rig *r)
{
	struct pollfd p = {.fd = r->client, .events = POLLOUT};

	poll(&p, 1, 10);
	rig_settle(r);
}

static void give(struct rig *r, const char *text)
{
	ASSERT(give_some(r, slice_of(text)) == strlen(text));
}

/* What has come back, without the date. */
static const char *got(struct rig *r)
{
	static const char date[] = "Date: Thu, 01 Jan 1970 00:00:01 GMT\r\n";
	static char text[4096];
	char *at;
	int n = 0;

	if (!tls)
		return rig_got(r);
	for (int k; (k = SSL_read(session, text + n, (int)sizeof(text) - 1 - n)) > 0;)
		n += k;
	text[n] = '\0';
	while ((at = strstr(text, date)))
		memmove(at, at + sizeof(date) - 1, strlen(at + sizeof(date) - 1) + 1);
	return text;
}

static void reset(struct rig *r)
{
	const struct linger at_once = {.l_onoff = 1};

	setsockopt(r->client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close_p(&r->client);
	r->client = -1;
	rig_settle(r);
}

static void wake(struct rig *r)
{
	rig_wake(r, TAKE(r->late));
}

/* ---- as fast as it is taken ---- */

/* RIG_LONG bytes, framed; *ret_n of them. */
static char *long_body(bool chunks, size_t *ret_n)
{
	char *all = xzalloc(RIG_LONG + RIG_LONG / 8), *p = all;

	for (size_t i = 0; i < RIG_LONG; i++) {
		if (chunks && i % 5000 == 0)
			p += sprintf(p, "%s%zx\r\n", i ? "\r\n" : "",
				     MIN((size_t)5000, RIG_LONG - i));
		*p++ = rig_byte(i);
	}
	if (chunks)
		p += sprintf(p, "\r\n0\r\n\r\n");
	*ret_n = (size_t)(p - all);
	return all;
}

static void test_back_pressure(bool chunks)
{
	size_t n, at = 0, pauses = 0, most = 0, ahead = 0;
	char *all = long_body(chunks, &n), head[128];
	struct http_conn *c;
	struct rig r;

	c = connect_client(&r);
	r.checks = true;
	snprintf(head, sizeof(head), POST("/slow", "Content-Length: %zu"), RIG_LONG);
	give(&r, chunks ? POST("/slow", CHUNKED) : head);
	while (!r.complete) {
		size_t given = give_some(&r, slice_head((struct slice){all + at, n - at}, 16384));

		at += given;
		ahead = MAX(ahead, at - r.took);
		most = MAX(most, c->in.own ? c->in.room : 0);
		if (given)
			continue;
		if (r.late) {
			pauses++;
			wake(&r);
		} else {
			wait_for_room(&r);
		}
	}
	CHECK_INT(r.took, RIG_LONG, chunks ? "all comes, in chunks" : "all comes, by its length");
	CHECK(pauses >= RIG_LONG / r.w->buf_n, "piece by piece");
	CHECK(most <= r.w->buf_n + 2048, "what is kept in a pause is bounded");
	CHECK(ahead < RIG_LONG / 4, "and the client had to wait");
	CHECK_STR(got(&r), RIG_HELLO, "then it is answered");
	CHECK_STR(rig_said(&r), "POST:/slow 4194304 complete:5 ", "once");
	CHECK(disconnect(&r), "nothing is left");
	free(all);
}

/* The last piece, and with it the end, while nothing more is taken; and another request behind it. */
static void test_pause_at_the_end(void)
{
	struct rig r;

	connect_client(&r);
	give(&r, POST("/slow", LENGTH(3)) "xyzGET /b HTTP/1.1\r\n\r\n");
	CHECK_STR(rig_said(&r), "POST:/slow ", "the end waits for the handler");
	CHECK_STR(got(&r), "", "and so does what is behind");
	wake(&r);
	CHECK_STR(rig_said(&r), "3 complete:5 GET:/b complete:5 ", "then all goes on");
	CHECK_STR(got(&r), RIG_HELLO RIG_HELLO, "in order");
	give(&r, POST("/ask", LENGTH(0)));
	CHECK_STR(rig_said(&r), "POST:/ask ", "also where there is no body");
	wake(&r);
	CHECK_STR(got(&r), RIG_HELLO, "and then it is answered");
	CHECK(disconnect(&r), "nothing is left");
}

/* ---- asking for it ---- */

static void test_expect(void)
{
	struct http_conn *c;
	struct rig r;

	c = connect_client(&r);
	give(&r, POST("/ask", LENGTH(4) "\r\nExpect: 100-continue"));
	CHECK_STR(got(&r), "", "who is not wanted yet is not asked to send");
	wake(&r);
	CHECK_STR(got(&r), CONTINUE, "then he is");
	give(&r, "abcd");
	CHECK_STR(got(&r), RIG_HELLO, "and it comes");
	CHECK_STR(rig_said(&r), "POST:/ask 4 complete:5 ", "whole");
	give(&r, POST("/ask", LENGTH(4) "\r\nExpect: 100-continue"));
	r.refuses = true;
	wake(&r);
	CHECK_STR(got(&r), REFUSED, "who is not wanted at all is told so, and never asked");
	CHECK(c->state == LINGERING, "and what he sends all the same is nobody's");
	CHECK(disconnect(&r), "nothing is left");
}

/* What TLS has begun has to be offered again, which nobody would do: no room is the end. */
static void test_no_room_to_ask(void)
{
	static const char junk[4096];
	struct http_conn *c;
	struct rig r;

	c = connect_client(&r);
	give(&r, POST("/ask", LENGTH(4) "\r\nExpect: 100-continue"));
	while (send(c->fd.fd, junk, sizeof(junk), MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
		;
	wake(&r);
	CHECK_STR(rig_said(&r), "POST:/ask closed:0 ", "who does not read is not asked");
	CHECK(!rig_open(&r) && disconnect(&r), "nothing is left");
}

/* ---- out of memory ---- */

/* What cannot be kept in a pause: whoever owes the wake still has the connection. */
static void test_no_memory(void)
{
	char two_chunks[4096];
	struct rig r;

	snprintf(two_chunks, sizeof(two_chunks), "3\r\nabc\r\n7d0\r\n%02000d\r\n", 0);
	connect_client(&r);
	give(&r, POST("/slow", CHUNKED));
	no_memory = true;
	give(&r, two_chunks);
	CHECK_STR(rig_said(&r), "POST:/slow left ", "the second one has no place to stay");
	CHECK(rig_open(&r), "what is owed is waited for");
	wake(&r);
	CHECK_STR(rig_said(&r), "closed:0 ", "and then it is over");
	CHECK(!rig_open(&r) && disconnect(&r), "nothing is left");
	no_memory = false;
}

/* ---- answers before the end ---- */

static void test_enough(void)
{
	struct rig r;

	connect_client(&r);
	give(&r, POST("/enough", LENGTH(20)) "abc");
	CHECK_STR(got(&r), REFUSED, "answered in the middle");
	CHECK_STR(rig_said(&r), "POST:/enough complete:0 ", "once");
	CHECK(disconnect(&r), "nothing is left");
}

/* Who goes on sending, and looks at the answer only then, finds it. */
static void test_lingering(void)
{
	char *much = xzalloc(LINGER_MAX);
	struct http_conn *c;
	struct rig r;

	c = connect_client(&r);
	give(&r, POST("/enough", CHUNKED) "14\r\nabcdefghijklmnopqrst\r\n");
	while (c->drained <= LINGER_MAX)
		if (!give_some(&r, (struct slice){much, LINGER_MAX}))
			wait_for_room(&r);
	while (give_some(&r, (struct slice){much, LINGER_MAX}))
		;
	CHECK(c->drained <= LINGER_MAX + r.w->buf_n, "he is read for a while, and then not");
	CHECK_STR(got(&r), REFUSED, "no reset has eaten the answer");
	CHECK(rig_open(&r), "he has a moment to look at it");
	manual_advance(r.w->loop, LINGER_NS);
	CHECK(!rig_open(&r), "and no longer");
	CHECK(disconnect(&r), "nothing is left");
	free(much);
}

static void test_beyond(void)
{
	struct rig r;

	connect_client(&r);
	give(&r, POST("/ask", CHUNKED));
	wake(&r);
	give(&r, "3\r\nabc\r\n12\r\n");
	CHECK_STR(rig_said(&r), "POST:/ask 3 complete:5 ", "no byte of what is beyond the limit");
	CHECK_STR(got(&r), RIG_OK(5) CLOSE "hello", "and then the connection ends");
	CHECK(disconnect(&r), "nothing is left");
}

/* ---- who leaves ---- */

static void test_leaving(void)
{
	static const char *const began = POST("/slow", LENGTH(9)) "abc";
	struct rig r;

	connect_client(&r);
	give(&r, began);
	reset(&r);
	CHECK_STR(rig_said(&r), "POST:/slow left ", "a reset in a pause is told at once");
	CHECK(rig_open(&r), "but what is owed is waited for");
	wake(&r);
	CHECK_STR(rig_said(&r), "left:0 ", "and then it is over");
	CHECK(!rig_open(&r) && disconnect(&r), "nothing is left");

	connect_client(&r);
	give(&r, began);
	if (tls)
		SSL_shutdown(session);
	shutdown(r.client, SHUT_WR);
	rig_said(&r);
	manual_advance(r.w->loop, LEAVE_NS);
	CHECK_STR(rig_said(&r), "left ", "an end in a pause, when nothing is unread");
	wake(&r);
	CHECK_STR(rig_said(&r), "left:0 ", "which was too early");
	CHECK(!rig_open(&r) && disconnect(&r), "nothing is left");

	connect_client(&r);
	give(&r, began);
	give(&r, "defghi");
	shutdown(r.client, SHUT_WR);
	rig_said(&r);
	manual_advance(r.w->loop, LEAVE_NS);
	CHECK_STR(rig_said(&r), "", "an end behind what is unread says nothing yet");
	while (r.late)
		wake(&r);
	CHECK_STR(got(&r), RIG_HELLO, "all has come, and is answered");
	CHECK(disconnect(&r), "nothing is left");

	connect_client(&r);
	give(&r, POST("/take", LENGTH(9)) "abc");
	reset(&r);
	CHECK_STR(rig_said(&r), "POST:/take left:0 ", "who leaves in the middle is told");
	CHECK(!rig_open(&r) && disconnect(&r), "nothing is left");
}

static void test_end_of_the_process(void)
{
	struct rig r;

	connect_client(&r);
	give(&r, POST("/slow", LENGTH(9)) "abc");
	loop_post(r.w->loop, &r.w->cut);
	CHECK_STR(rig_said(&r), "POST:/slow left ", "what is owed is waited for");
	CHECK(rig_open(&r), "as long as it takes");
	wake(&r);
	CHECK_STR(rig_said(&r), "closeddrain_timeout:0 ", "and no longer");
	CHECK(!rig_open(&r) && disconnect(&r), "nothing is left");
}

/* ---- time ---- */

static void test_rate(void)
{
	int64_t before = metric_get(closed_slow);
	char block[5000];
	struct rig r;

	memset(block, 'x', sizeof(block));
	connect_client(&r); /* 1000 bytes a second */
	give(&r, POST("/slow", LENGTH(1000000)));
	manual_advance(r.w->loop, MINUTE - NS_PER_S);
	CHECK(rig_open(&r), "it may take a while to begin");
	for (int i = 0; i < 60; i++) {
		ASSERT(give_some(&r, (struct slice){block, sizeof(block)}) == sizeof(block));
		while (r.late)
			wake(&r);
		manual_advance(r.w->loop, 5 * NS_PER_S);
	}
	CHECK(rig_open(&r), "for five minutes just as fast as it has to be");
	give(&r, "a");
	CHECK(r.late, "now it is we who do not take it");
	manual_advance(r.w->loop, 60 * MINUTE);
	CHECK(rig_open(&r), "which costs the client nothing");
	wake(&r);
	manual_advance(r.w->loop, MINUTE - 1);
	CHECK(rig_open(&r), "then the time begins anew");
	manual_advance(r.w->loop, 1);
	CHECK(!rig_open(&r), "and what was sent long ago is no credit");
	CHECK_INT(metric_get(closed_slow) - before, 1, "which is counted");
	CHECK(strstr(rig_said(&r), "closedmin_send_rate:0 ") != NULL, "and told");
	CHECK(disconnect(&r), "nothing is left");

	connect_client(&r);
	r.server.set.min_send_rate = 0;
	give(&r, POST("/slow", LENGTH(9)));
	manual_advance(r.w->loop, 600 * MINUTE);
	CHECK(rig_open(&r), "where any rate will do, it does");
	CHECK(disconnect(&r), "nothing is left");
}

/* How much of it comes, and when it began, is no credit. */
static void test_brief(void)
{
	int64_t before = metric_get(closed_headers);
	struct rig r;

	connect_client(&r);
	give(&r, POST("/brief", LENGTH(9)));
	for (int i = 0; i < 3; i++) {
		manual_advance(r.w->loop, RIG_HEADER / 4);
		give(&r, "ab");
	}
	manual_advance(r.w->loop, RIG_HEADER / 4 - 1);
	CHECK(rig_open(&r), "it has the time that a head has");
	manual_advance(r.w->loop, 1);
	CHECK(!rig_open(&r), "and no more, however steadily it comes");
	CHECK_INT(metric_get(closed_headers) - before, 1, "which is counted");
	CHECK(disconnect(&r), "nothing is left");

	connect_client(&r);
	for (int i = 0; i < 3; i++) {
		give(&r, POST("/brief", LENGTH(3)));
		manual_advance(r.w->loop, RIG_HEADER - 1);
		give(&r, "abc");
		CHECK(rig_open(&r), "each request has it anew");
	}
	CHECK(disconnect(&r), "nothing is left");
}

static void test_all(void)
{
	test_back_pressure(false);
	test_back_pressure(true);
	test_pause_at_the_end();
	test_expect();
	test_no_room_to_ask();
	test_no_memory();
	test_enough();
	test_lingering();
	test_beyond();
	test_leaving();
	test_end_of_the_process();
	test_rate();
	test_brief();
}

int main(void)
{
	char cert[64], key[64];
	struct error e;

	test_all();
	ASSERT(mkdtemp(dir));
	write_papers(cert, key);
	ASSERT(tls_new(&(struct tls_files){.cert = cert, .key = key}, &tls, &e) == OK);
	ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	test_all();
	SSL_CTX_free(ctx);
	tls_free(tls);
	unlink(cert);
	unlink(key);
	rmdir(dir);
	return tap_done();
}
