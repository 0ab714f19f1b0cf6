// SPDX-License-Identifier: MIT
/*
 * libcurl's descriptors in our loop: none of them is touched once it has been closed, which libcurl
 * does by itself while they connect; and none is missed. What transfers make of it is test_transfer.c's
 * business.
 */
#include <fcntl.h>
#include <sys/epoll.h>

static int n_added, n_of_closed;

/* In the place of epoll_ctl() in the loop. */
static int watched_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
	n_of_closed += fcntl(fd, F_GETFD) < 0;
	n_added += op == EPOLL_CTL_ADD;
	return epoll_ctl(epoll, op, fd, event);
}

#define epoll_ctl watched_ctl
#include "manual_loop.h"
#undef epoll_ctl

#include "http_server.h"
#include "store/transfer_loop.h"
#include "tap.h"

#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static struct loop *loop;
static CURLM *multi;
static struct transfer_loop glue;
static struct http_server server;

static void act(struct transfer_loop *g, curl_socket_t fd, int curl_events)
{
	int running;

	curl_multi_socket_action(g->multi, fd, curl_events, &running);
}

static void glue_start(void)
{
	loop = manual_loop();
	multi = curl_multi_init();
	ASSERT(multi);
	transfer_loop_init(&glue, loop, multi, act);
	n_added = n_of_closed = 0;
}

static void glue_stop(void)
{
	glue.closing = true;
	curl_multi_cleanup(multi);
	transfer_loop_fini(&glue);
	loop_free(loop);
}

static size_t skip(char *p, size_t size, size_t n, void *ud)
{
	return size * n;
}

/* At these addresses, one after another. */
static CURL *ask(const char *addresses, uint16_t port, struct curl_slist **ret_names)
{
	CURL *easy = curl_easy_init();
	char text[200];

	ASSERT(easy);
	snprintf(text, sizeof(text), "somewhere.test:%u:%s", port, addresses);
	*ret_names = curl_slist_append(NULL, text);
	curl_easy_setopt(easy, CURLOPT_RESOLVE, *ret_names);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, skip);
	snprintf(text, sizeof(text), "http://somewhere.test:%u/", port);
	curl_easy_setopt(easy, CURLOPT_URL, text);
	transfer_loop_adopt(&glue, easy);
	ASSERT(curl_multi_add_handle(multi, easy) == CURLM_OK);
	return easy;
}

static void drop(CURL *easy, struct curl_slist *names)
{
	curl_multi_remove_handle(multi, easy);
	curl_easy_cleanup(easy);
	curl_slist_free_all(names);
}

static bool is_over(CURLcode *ret)
{
	int left;
	CURLMsg *msg = curl_multi_info_read(multi, &left);

	if (msg)
		*ret = msg->data.result;
	return msg != NULL;
}

/* A millisecond for each turn, since libcurl has timers, too. */
static CURLcode fetch(const char *addresses)
{
	CURLcode code = CURLE_OPERATION_TIMEDOUT;
	struct curl_slist *names;
	CURL *easy = ask(addresses, server.port, &names);

	for (int turns = 0; turns < 10000 && !is_over(&code); turns++) {
		manual_advance(loop, NS_PER_MS);
		manual_turn(loop, 1);
	}
	drop(easy, names);
	return code;
}

/* ---- connecting ---- */

/* A listener that has nothing to say to anybody: its queue is full. */
struct full_house {
	int listener, guests[4];
	uint16_t port;
};

static int to(uint16_t port, bool waits)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (waits ? 0 : SOCK_NONBLOCK), 0);

	ASSERT(fd >= 0);
	(void)!connect(fd, (struct sockaddr *)&at, sizeof(at));
	return fd;
}

static void fill_house(struct full_house *h)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);

	h->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ASSERT(bind(h->listener, (struct sockaddr *)&at, sizeof(at)) == 0 &&
	       listen(h->listener, 0) == 0 &&
	       getsockname(h->listener, (struct sockaddr *)&at, &size) == 0);
	h->port = ntohs(at.sin_port);
	for (size_t i = 0; i < ARRAY_LEN(h->guests); i++)
		h->guests[i] = to(h->port, i == 0);
}

static void empty_house(struct full_house *h)
{
	for (size_t i = 0; i < ARRAY_LEN(h->guests); i++)
		close(h->guests[i]);
	close(h->listener);
}

static void test_given_up(void)
{
	struct curl_slist *names;
	struct full_house house;
	CURL *easy;

	fill_house(&house);
	glue_start();
	easy = ask("127.0.0.1", house.port, &names);
	manual_settle(loop);
	CHECK_INT(n_added, 1, "one that connects is watched");
	drop(easy, names);
	manual_settle(loop);
	CHECK_INT(n_of_closed, 0, "and given up: its number, which is free now, is not touched");
	glue_stop();
	CHECK_INT(n_of_closed, 0, "nor in the end");
	empty_house(&house);
}

/* Refused at the first address of a name: the next one gets the same number. */
static void test_next_address(void)
{
	static const struct http_reply script[] = {{HELLO}};

	glue_start();
	http_server_start(&server, script, 1);
	CHECK_INT(fetch("127.0.0.2,127.0.0.1"), CURLE_OK, "found at the second address");
	CHECK_INT(n_of_closed, 0, "and no number is used that was closed");
	glue_stop();
	http_server_stop(&server);
}

/* ---- in the pool ---- */

static void test_kept(void)
{
	static const struct http_reply script[] = {{HELLO}, {HELLO}};
	int added;

	glue_start();
	http_server_start(&server, script, 2);
	CHECK_INT(fetch("127.0.0.1"), CURLE_OK, "a first request");
	manual_settle(loop);
	added = n_added;
	CHECK_INT(fetch("127.0.0.1"), CURLE_OK, "a second one on its connection");
	CHECK_INT(n_added, added, "which has stayed where it was");
	http_server_stop(&server);
	manual_settle(loop);
	CHECK(!manual_turn(loop, 0), "its server closes it meanwhile: that is heard once");
	glue_stop();
	CHECK_INT(n_of_closed, 0, "no number is used that was closed");
}

int main(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
	test_given_up();
	test_next_address();
	test_kept();
	curl_global_cleanup();
	return tap_done();
}
