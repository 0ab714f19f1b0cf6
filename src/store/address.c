// SPDX-License-Identifier: MIT
/* See address.h. Addresses are compared by their first bits, in one table for each family. */
#include "store/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

struct range {
	uint8_t first[16];
	unsigned bits;
	enum address_kind kind;
};

static const struct range ranges4[] = {
	{{0}, 8, ADDRESS_LOOPBACK},
	{{10}, 8, ADDRESS_PRIVATE},
	{{100, 64}, 10, ADDRESS_PRIVATE},
	{{127}, 8, ADDRESS_LOOPBACK},
	{{168, 63, 129, 16}, 32, ADDRESS_LINK}, /* Azure's own services */
	{{169, 254}, 16, ADDRESS_LINK},
	{{172, 16}, 12, ADDRESS_PRIVATE},
	{{192, 0, 0}, 24, ADDRESS_LINK},
	{{192, 168}, 16, ADDRESS_PRIVATE},
	{{224}, 3, ADDRESS_LINK},
};

static const struct range ranges6[] = {
	{{[15] = 1}, 128, ADDRESS_LOOPBACK},
	{{0}, 128, ADDRESS_LOOPBACK},
	{{0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54},
	 128,
	 ADDRESS_LINK}, /* EC2's metadata */
	{{0xfc}, 7, ADDRESS_PRIVATE},
	{{0xfe, 0x80}, 10, ADDRESS_LINK},
	{{0xfe, 0xc0}, 10, ADDRESS_PRIVATE}, /* site-local, of old */
	{{0xff}, 8, ADDRESS_LINK},
};

/* IPv6 prefixes in which an IPv4 address is embedded, and at which byte. */
static const struct {
	uint8_t first[16];
	unsigned bits, at;
} embedded[] = {
	{{[10] = 0xff, [11] = 0xff}, 96, 12},           /* ::ffff:a.b.c.d */
	{{0x00, 0x64, 0xff, 0x9b}, 96, 12},             /* 64:ff9b::/96, NAT64 */
	{{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48, 12}, /* 64:ff9b:1::/48, NAT64 at home */
	{{0x20, 0x02}, 16, 2},                          /* 6to4 */
	{{0}, 96, 12},                                  /* ::a.b.c.d */
};

static bool begins_with(const uint8_t *address, const uint8_t *first, unsigned bits)
{
	unsigned bytes = bits / 8, rest = bits % 8;

	return memcmp(address, first, bytes) == 0 &&
	       (!rest || (address[bytes] ^ first[bytes]) >> (8 - rest) == 0);
}

static enum address_kind look_up(const uint8_t *address, const struct range *in, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (begins_with(address, in[i].first, in[i].bits))
			return in[i].kind;
	return ADDRESS_PUBLIC;
}

static enum address_kind kind4(const uint8_t *address)
{
	return look_up(address, ranges4, ARRAY_LEN(ranges4));
}

static enum address_kind kind6(const uint8_t *address)
{
	enum address_kind kind = look_up(address, ranges6, ARRAY_LEN(ranges6));

	for (size_t i = 0; i < ARRAY_LEN(embedded) && kind == ADDRESS_PUBLIC; i++)
		if (begins_with(address, embedded[i].first, embedded[i].bits))
			kind = kind4(address + embedded[i].at);
	return kind;
}

enum address_kind address_kind_of(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, address, sizeof(in));
		return kind4((const uint8_t *)&in.sin_addr);
	}
	if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 in;

		memcpy(&in, address, sizeof(in));
		return kind6((const uint8_t *)&in.sin6_addr);
	}
	return ADDRESS_LINK;
}

static bool is_localhost(struct slice host)
{
	struct slice word = SLICE("localhost");

	if (slice_ends(host, SLICE(".")))
		host.n--;
	return slice_eq_nocase(host, word) ||
	       (host.n > word.n && host.p[host.n - word.n - 1] == '.' &&
		slice_eq_nocase(slice_from(host, host.n - word.n), word));
}

enum address_kind address_kind_of_text(struct slice host)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t address[16];

	if (is_localhost(host))
		return ADDRESS_LOOPBACK;
	if (slice_starts(host, SLICE("[")) && slice_ends(host, SLICE("]")))
		host = slice_head(slice_from(host, 1), host.n - 2);
	host = slice_head(host, slice_find(host, '%'));
	if (host.n == 0 || host.n >= sizeof(text))
		return ADDRESS_PUBLIC;
	memcpy(text, host.p, host.n);
	text[host.n] = '\0';
	if (inet_pton(AF_INET, text, address) == 1)
		return kind4(address);
	return inet_pton(AF_INET6, text, address) == 1 ? kind6(address) : ADDRESS_PUBLIC;
}

bool address_may_follow(enum address_kind own, enum address_kind target, bool https)
{
	switch (target) {
	case ADDRESS_PUBLIC: return true;
	case ADDRESS_PRIVATE: return https || own == target;
	case ADDRESS_LOOPBACK:
	case ADDRESS_LINK: return own == target;
	}
	return false;
}
