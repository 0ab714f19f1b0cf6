// SPDX-License-Identifier: MIT
/* See proxies.h. */
#include "serve/proxies.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define MAPPED_BITS 96 /* of the prefix ::ffff:0:0 */

static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

/* ---- an address ---- */

static struct peer mapped_from(const void *four)
{
	struct peer p = {.local = false};

	memcpy(p.b, mapped, sizeof(mapped));
	memcpy(p.b + sizeof(mapped), four, 4);
	return p;
}

static bool is_mapped(const struct peer *p)
{
	return memcmp(p->b, mapped, sizeof(mapped)) == 0;
}

/* The address alone; *ret_v4: as IPv4 writes it. */
static bool parse_bare(struct slice s, struct peer *ret, bool *ret_v4)
{
	char text[INET6_ADDRSTRLEN];
	struct in_addr four;

	if (s.n == 0 || s.n >= sizeof(text) || memchr(s.p, '\0', s.n))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	ret->local = false;
	*ret_v4 = inet_pton(AF_INET, text, &four) == 1;
	if (*ret_v4)
		*ret = mapped_from(&four);
	return *ret_v4 || inet_pton(AF_INET6, text, ret->b) == 1;
}

static bool is_port(struct slice s)
{
	bool digits = s.n <= 5;

	for (size_t i = 0; i < s.n; i++)
		digits &= s.p[i] >= '0' && s.p[i] <= '9';
	return digits && s.n;
}

bool peer_parse(struct slice s, struct peer *ret)
{
	size_t colon = slice_rfind(s, ':');
	bool v4;

	if (s.n && s.p[0] == '[') {
		size_t close = slice_find(s, ']');
		struct slice rest = slice_from(s, MIN(close + 1, s.n));

		if (close == s.n || (rest.n && (rest.p[0] != ':' || !is_port(slice_from(rest, 1)))))
			return false;
		s = slice_from(slice_head(s, close), 1);
	} else if (colon < s.n && slice_find(s, ':') == colon &&
		   is_port(slice_from(s, colon + 1))) {
		s = slice_head(s, colon); /* one colon: no IPv6 address has so few */
	}
	return parse_bare(s, ret, &v4);
}

void peer_name(const struct peer *p, char ret[static PEER_NAME_MAX])
{
	if (p->local)
		snprintf(ret, PEER_NAME_MAX, "unix:");
	else if (is_mapped(p))
		inet_ntop(AF_INET, p->b + sizeof(mapped), ret, PEER_NAME_MAX);
	else
		inet_ntop(AF_INET6, p->b, ret, PEER_NAME_MAX);
}

/* ---- the list ---- */

static bool parse_range(struct slice s, struct peer *ret, unsigned *ret_bits)
{
	size_t slash = slice_find(s, '/');
	struct slice width = slice_from(s, MIN(slash + 1, s.n));
	unsigned bits = 0, most;
	bool v4;

	if (slice_eq(s, SLICE("unix:"))) {
		*ret = (struct peer){.local = true};
		*ret_bits = 0;
		return true;
	}
	if (!parse_bare(slice_head(s, slash), ret, &v4))
		return false;
	most = v4 ? 32 : 128;
	if (slash < s.n && (!is_port(width) || width.n > 3))
		return false;
	for (size_t i = 0; i < width.n; i++)
		bits = bits * 10 + (unsigned)(width.p[i] - '0');
	if (slash == s.n)
		bits = most;
	*ret_bits = bits + (v4 ? MAPPED_BITS : 0);
	return bits <= most;
}

enum err proxies_parse(struct slice list, struct proxies *ret, struct error *e)
{
	ret->n = 0;
	while (list.n) {
		size_t end = 0;
		struct slice word;

		while (end < list.n && !strchr(" ,\t", list.p[end]))
			end++;
		word = slice_head(list, end);
		list = slice_from(list, MIN(end + 1, list.n));
		if (!word.n)
			continue;
		if (ret->n == PROXIES_MAX)
			return err_set(e, ERR_USAGE, "more than %d proxies", PROXIES_MAX);
		if (!parse_range(word, &ret->range[ret->n].peer, &ret->range[ret->n].bits))
			return err_set(e, ERR_USAGE,
				       "'" SLICE_FMT "' is neither an address nor a range like "
				       "10.0.0.0/8",
				       (int)MIN(word.n, 64), word.p);
		ret->n++;
	}
	return OK;
}

static bool same_bits(const struct peer *a, const struct peer *b, unsigned bits)
{
	unsigned char mask = (unsigned char)(0xff00 >> bits % 8);

	return a->local == b->local && memcmp(a->b, b->b, bits / 8) == 0 &&
	       (bits % 8 == 0 || ((a->b[bits / 8] ^ b->b[bits / 8]) & mask) == 0);
}

bool proxies_trust(const struct proxies *t, const struct peer *p)
{
	for (size_t i = 0; i < t->n; i++)
		if (same_bits(p, &t->range[i].peer, t->range[i].bits))
			return true;
	return false;
}

struct peer proxies_client(const struct proxies *t, const struct peer *peer,
			   const struct slice *forwarded, size_t n)
{
	struct peer client = *peer;

	while (n-- > 0) {
		struct slice left = forwarded[n];

		while (left.n) {
			size_t comma = slice_rfind(left, ',');
			struct slice last = slice_trim(comma < left.n ? slice_from(left, comma + 1)
								      : left);
			struct peer before;

			left = slice_head(left, comma < left.n ? comma : 0);
			if (!last.n)
				continue;
			if (!proxies_trust(t, &client) || !peer_parse(last, &before))
				return client;
			client = before;
		}
	}
	return client;
}
