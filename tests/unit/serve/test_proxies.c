// SPDX-License-Identifier: MIT
/* Who is trusted, and whom a request comes from. */
#include "serve/proxies.h"

#include "tap.h"

static void test_lists(void)
{
	static const struct {
		const char *list;
		int n; /* -1: refused */
	} rows[] = {
		{"", 0},
		{" , ,", 0},
		{"10.0.0.1", 1},
		{"10.0.0.0/8 192.168.0.0/16,::1", 3},
		{"2001:db8::/32", 1},
		{"0.0.0.0/0,::/0", 2},
		{"unix:", 1},
		{"10.0.0.0/33", -1},
		{"2001:db8::/129", -1},
		{"10.0.0.0/", -1},
		{"10.0.0.0/x", -1},
		{"10.0.0.0/0008", -1},
		{"10.0.0", -1},
		{"proxy.example", -1},
		{"[::1]", -1},
		{"unix", -1},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct proxies p;
		struct error e = {OK, 0, ""};
		enum err err = proxies_parse(slice_of(rows[i].list), &p, &e);

		CHECK_INT(err, rows[i].n < 0 ? ERR_USAGE : OK, rows[i].list);
		if (!err)
			CHECK_INT((long long)p.n, rows[i].n, rows[i].list);
	}
}

static void test_ranges(void)
{
	static const struct {
		const char *list, *peer;
		bool trusted;
	} rows[] = {
		{"10.0.0.0/8", "10.255.0.1", true},
		{"10.0.0.0/8", "11.0.0.1", false},
		{"10.0.0.0/8", "::ffff:10.0.0.1", true},
		{"::ffff:10.0.0.0/104", "10.1.2.3", true},
		{"10.0.0.128/25", "10.0.0.127", false},
		{"10.0.0.128/25", "10.0.0.200", true},
		{"10.0.0.1", "10.0.0.1", true},
		{"10.0.0.1", "10.0.0.2", false},
		{"0.0.0.0/0", "203.0.113.9", true},
		{"0.0.0.0/0", "2001:db8::1", false},
		{"::/0", "2001:db8::1", true},
		{"2001:db8::/33", "2001:db8:7fff::1", true},
		{"2001:db8::/33", "2001:db8:8000::1", false},
		{"unix:", "10.0.0.1", false},
		{"", "127.0.0.1", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct proxies p;
		struct peer peer = {.local = false};
		struct error e;

		ASSERT(proxies_parse(slice_of(rows[i].list), &p, &e) == OK);
		ASSERT(peer_parse(slice_of(rows[i].peer), &peer));
		CHECK_INT(proxies_trust(&p, &peer), rows[i].trusted, rows[i].peer);
	}
}

static void test_addresses(void)
{
	static const struct {
		const char *text, *name; /* name: NULL: it is none */
	} rows[] = {
		{"192.0.2.1", "192.0.2.1"},
		{"192.0.2.1:4711", "192.0.2.1"},
		{"2001:DB8::1", "2001:db8::1"},
		{"[2001:db8::1]", "2001:db8::1"},
		{"[2001:db8::1]:443", "2001:db8::1"},
		{"::ffff:192.0.2.1", "192.0.2.1"},
		{"", NULL},
		{"unknown", NULL},
		{"_hidden", NULL},
		{"192.0.2.1:", NULL},
		{"192.0.2.1:x", NULL},
		{"[2001:db8::1", NULL},
		{"[2001:db8::1]443", NULL},
		{"[2001:db8::1]:", NULL},
		{"2001:db8::1%eth0", NULL},
		{"192.0.2.1 192.0.2.2", NULL},
		{"0123456789012345678901234567890123456789012345678", NULL},
	};
	char name[PEER_NAME_MAX];
	struct peer p;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		bool is = peer_parse(slice_of(rows[i].text), &p);

		CHECK_INT(is, rows[i].name != NULL, rows[i].text);
		if (!is)
			continue;
		peer_name(&p, name);
		CHECK_STR(name, rows[i].name, rows[i].text);
	}
}

static void test_clients(void)
{
	static const struct {
		const char *what, *peer, *forwarded[3], *client;
	} rows[] = {
		{"nothing is said", "10.0.0.1", {NULL}, "10.0.0.1"},
		{"a proxy says it", "10.0.0.1", {"203.0.113.9"}, "203.0.113.9"},
		{"anybody says it", "192.0.2.1", {"203.0.113.9"}, "192.0.2.1"},
		{"the client has made one up", "10.0.0.1", {"1.1.1.1, 203.0.113.9"}, "203.0.113.9"},
		{"two proxies", "10.0.0.1", {"203.0.113.9, 10.0.0.2"}, "203.0.113.9"},
		{"in two headers", "10.0.0.1", {"1.1.1.1", "203.0.113.9,10.0.0.2"}, "203.0.113.9"},
		{"an empty one among them",
		 "10.0.0.1",
		 {"203.0.113.9", " ", "10.0.0.2, ,"},
		 "203.0.113.9"},
		{"all are proxies", "10.0.0.1", {"10.0.0.3,10.0.0.2"}, "10.0.0.3"},
		{"no address", "10.0.0.1", {"203.0.113.9, unknown"}, "10.0.0.1"},
		{"no address behind a proxy", "10.0.0.1", {"unknown, 10.0.0.2"}, "10.0.0.2"},
		{"with a port", "10.0.0.1", {"[2001:db8::9]:55"}, "2001:db8::9"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct proxies p;
		struct peer peer, client;
		struct slice forwarded[3];
		char name[PEER_NAME_MAX];
		struct error e;
		size_t n = 0;

		ASSERT(proxies_parse(SLICE("10.0.0.0/24"), &p, &e) == OK);
		ASSERT(peer_parse(slice_of(rows[i].peer), &peer));
		while (n < 3 && rows[i].forwarded[n]) {
			forwarded[n] = slice_of(rows[i].forwarded[n]);
			n++;
		}
		client = proxies_client(&p, &peer, forwarded, n);
		peer_name(&client, name);
		CHECK_STR(name, rows[i].client, rows[i].what);
	}
}

static void test_unix_sockets(void)
{
	const struct peer p = {.local = true};
	const struct slice said = SLICE("203.0.113.9");
	struct peer client;
	struct proxies all;
	char name[PEER_NAME_MAX];
	struct error e;

	peer_name(&p, name);
	CHECK_STR(name, "unix:", "it has a name");
	ASSERT(proxies_parse(SLICE("unix:"), &all, &e) == OK);
	client = proxies_client(&all, &p, &said, 1);
	peer_name(&client, name);
	CHECK_STR(name, "203.0.113.9", "a proxy on a unix socket, trusted");
	ASSERT(proxies_parse(SLICE("::/0"), &all, &e) == OK);
	client = proxies_client(&all, &p, &said, 1);
	CHECK(client.local, "it has no address, so no range means it");
}

int main(void)
{
	test_lists();
	test_ranges();
	test_addresses();
	test_clients();
	test_unix_sockets();
	return tap_done();
}
