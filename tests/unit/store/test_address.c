// SPDX-License-Identifier: MIT
/* Where redirects may lead. */
#include "store/address.h"
#include "tap.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static const struct {
	const char *text;
	enum address_kind kind;
} rows[] = {
	{"8.8.8.8", ADDRESS_PUBLIC},
	{"9.255.255.255", ADDRESS_PUBLIC},
	{"11.0.0.0", ADDRESS_PUBLIC},
	{"10.0.0.1", ADDRESS_PRIVATE},
	{"172.15.255.255", ADDRESS_PUBLIC},
	{"172.16.0.0", ADDRESS_PRIVATE},
	{"172.31.255.255", ADDRESS_PRIVATE},
	{"172.32.0.0", ADDRESS_PUBLIC},
	{"192.168.255.255", ADDRESS_PRIVATE},
	{"192.169.0.0", ADDRESS_PUBLIC},
	{"100.63.255.255", ADDRESS_PUBLIC},
	{"100.64.0.0", ADDRESS_PRIVATE},
	{"100.100.100.200", ADDRESS_PRIVATE},
	{"100.128.0.0", ADDRESS_PUBLIC},
	{"127.0.0.1", ADDRESS_LOOPBACK},
	{"127.255.255.254", ADDRESS_LOOPBACK},
	{"0.0.0.0", ADDRESS_LOOPBACK},
	{"0.1.2.3", ADDRESS_LOOPBACK},
	{"169.254.169.254", ADDRESS_LINK},
	{"168.63.129.16", ADDRESS_LINK},
	{"168.63.129.17", ADDRESS_PUBLIC},
	{"224.0.0.1", ADDRESS_LINK},
	{"255.255.255.255", ADDRESS_LINK},
	{"2606:4700::1111", ADDRESS_PUBLIC},
	{"::1", ADDRESS_LOOPBACK},
	{"::", ADDRESS_LOOPBACK},
	{"fe80::1", ADDRESS_LINK},
	{"febf::1", ADDRESS_LINK},
	{"fd00:ec2::254", ADDRESS_LINK},
	{"fd00:ec2::253", ADDRESS_PRIVATE},
	{"fc00::1", ADDRESS_PRIVATE},
	{"ff02::1", ADDRESS_LINK},
	{"::ffff:127.0.0.1", ADDRESS_LOOPBACK},
	{"::ffff:10.0.0.1", ADDRESS_PRIVATE},
	{"::ffff:8.8.8.8", ADDRESS_PUBLIC},
	{"::127.0.0.1", ADDRESS_LOOPBACK},
	{"64:ff9b::169.254.169.254", ADDRESS_LINK},
	{"64:ff9b::10.0.0.1", ADDRESS_PRIVATE},
	{"64:ff9b:1::7f00:1", ADDRESS_LOOPBACK},
	{"64:ff9b::8.8.8.8", ADDRESS_PUBLIC},
	{"2002:7f00:1::1", ADDRESS_LOOPBACK},
	{"2002:808:808::1", ADDRESS_PUBLIC},
};

static void test_kinds(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sockaddr_in in = {.sin_family = AF_INET};
		struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
		bool is4 = inet_pton(AF_INET, rows[i].text, &in.sin_addr) == 1;
		char bracketed[60];

		CHECK_INT(address_kind_of_text(slice_of(rows[i].text)), rows[i].kind, rows[i].text);
		snprintf(bracketed, sizeof(bracketed), "[%s]", rows[i].text);
		CHECK_INT(address_kind_of_text(slice_of(bracketed)), rows[i].kind, bracketed);
		ASSERT(is4 || inet_pton(AF_INET6, rows[i].text, &in6.sin6_addr) == 1);
		CHECK_INT(address_kind_of(is4 ? (struct sockaddr *)&in : (struct sockaddr *)&in6),
			  rows[i].kind, "as it is connected to");
	}
	CHECK_INT(address_kind_of_text(SLICE("LocalHost.")), ADDRESS_LOOPBACK, "localhost");
	CHECK_INT(address_kind_of_text(SLICE("a.localhost")), ADDRESS_LOOPBACK, "below it");
	CHECK_INT(address_kind_of_text(SLICE("[fe80::1%eth0]")), ADDRESS_LINK, "with a zone");
	CHECK_INT(address_kind_of_text(SLICE("notlocalhost")), ADDRESS_PUBLIC, "a name");
	CHECK_INT(address_kind_of_text(SLICE_NONE), ADDRESS_PUBLIC, "nothing");
}

static void test_may_follow(void)
{
	static const struct {
		enum address_kind own, target;
		bool http, https;
	} pairs[] = {
		{ADDRESS_PUBLIC, ADDRESS_PUBLIC, true, true},
		{ADDRESS_PUBLIC, ADDRESS_PRIVATE, false, true},
		{ADDRESS_PUBLIC, ADDRESS_LOOPBACK, false, false},
		{ADDRESS_PUBLIC, ADDRESS_LINK, false, false},
		{ADDRESS_PRIVATE, ADDRESS_PRIVATE, true, true},
		{ADDRESS_PRIVATE, ADDRESS_LOOPBACK, false, false},
		{ADDRESS_LOOPBACK, ADDRESS_LOOPBACK, true, true},
		{ADDRESS_LOOPBACK, ADDRESS_LINK, false, false},
		{ADDRESS_LOOPBACK, ADDRESS_PRIVATE, false, true},
		{ADDRESS_LINK, ADDRESS_LINK, true, true},
	};

	for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
		CHECK(address_may_follow(pairs[i].own, pairs[i].target, false) == pairs[i].http &&
			      address_may_follow(pairs[i].own, pairs[i].target, true) ==
				      pairs[i].https,
		      "who may lead where");
}

int main(void)
{
	test_kinds();
	test_may_follow();
	return tap_done();
}
