// SPDX-License-Identifier: MIT
/* Listening sockets: free ports, taken ones, addresses that are none. */
#include "serve/listen.h"

#include "tap.h"
#include <arpa/inet.h>
#include <sys/socket.h>

static bool answers(int family, const char *address, uint16_t port)
{
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int fd CLEANUP(close_p) = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (family == AF_INET) {
		inet_pton(AF_INET, address, &four.sin_addr);
		return connect(fd, (struct sockaddr *)&four, sizeof(four)) == 0;
	}
	inet_pton(AF_INET6, address, &six.sin6_addr);
	return connect(fd, (struct sockaddr *)&six, sizeof(six)) == 0;
}

static bool has_ipv6(void)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd CLEANUP(close_p) = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && bind(fd, (struct sockaddr *)&six, sizeof(six)) == 0;
}

static void test_address(void)
{
	int fd CLEANUP(close_p) = -1, second = -1;
	struct error e = {OK, 0, ""};
	uint16_t port;

	CHECK_INT(listen_on("127.0.0.1", 0, &fd, &e), OK, "a free port");
	port = listen_port(fd);
	CHECK(port != 0 && answers(AF_INET, "127.0.0.1", port), "which is known and answers");
	CHECK(listen_on("127.0.0.1", port, &second, &e) != OK && second == -1,
	      "a port that is taken");
	CHECK(strstr(e.msg, "choose another port"), "and what to do about it");
	CHECK(listen_on("", port, &second, &e) != OK, "is taken for all addresses");
	CHECK(strstr(e.msg, "all addresses"), "which have a name");
}

static void test_everywhere(void)
{
	int fd CLEANUP(close_p) = -1;

	CHECK_INT(listen_on("", 0, &fd, NULL), OK, "all addresses");
	CHECK(answers(AF_INET, "127.0.0.1", listen_port(fd)), "IPv4 is among them");
	CHECK(!has_ipv6() || answers(AF_INET6, "::1", listen_port(fd)),
	      "IPv6 is, where there is any");
}

static void test_ipv6(void)
{
	int fd CLEANUP(close_p) = -1;

	if (!has_ipv6())
		return;
	CHECK_INT(listen_on("::1", 0, &fd, NULL), OK, "an IPv6 address");
	CHECK(answers(AF_INET6, "::1", listen_port(fd)), "answers");
}

static void test_wrong(void)
{
	struct error e = {OK, 0, ""};
	int fd = -1;

	CHECK(listen_on("not an address", 0, &fd, &e) == ERR_USAGE && fd == -1,
	      "no address at all");
	CHECK(strstr(e.msg, "'not an address' is not an address"), "is named");
	CHECK(listen_on("192.0.2.1", 0, &fd, &e) == ERR_USAGE && fd == -1, "somebody else's");
	CHECK(strstr(e.msg, "not an address of this machine"), "as what it is");
	CHECK_INT(listen_port(-1), 0, "no socket, no port");
}

int main(void)
{
	test_address();
	test_everywhere();
	test_ipv6();
	test_wrong();
	return tap_done();
}
