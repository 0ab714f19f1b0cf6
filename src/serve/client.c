// SPDX-License-Identifier: MIT
/* Headers against the habits that the protocol notes tell of; see client.h. */
#include "serve/client.h"
#include "base/text.h"
#include "serve/accept_header.h"

#define MSFZ     SLICE("application/msfz0")
#define SYMSRV   SLICE("Microsoft-Symbol-Server/")
#define PERFVIEW SLICE("Microsoft-Symbol-Server/6.13.0009.1140")

/* A word about gzip by name counts more than one about "*". */
static bool accepts_gzip(struct slice accept)
{
	enum accepted said = accept_says(accept, SLICE("gzip"));

	if (said == ACCEPT_UNNAMED)
		said = accept_says(accept, SLICE("*"));
	return said == ACCEPT_YES;
}

/* LLDB, on Windows and with curl's library, which sends no name; and scripts that copy its keys. */
static bool may_print_decimal(struct slice agent)
{
	return agent.n == 0 || slice_starts(agent, SLICE("LLVM-HTTPClient/")) ||
	       slice_starts(agent, SLICE("curl/"));
}

/* Zero is how elfutils says that it has no limit. */
static int64_t max_size(struct slice digits)
{
	uint64_t n;

	return parse_u64(digits, INT64_MAX, &n) && n > 0 ? (int64_t)n : INT64_MAX;
}

/* Entries are joined by ';', and those of one request to those of the next, in dotnet, by ", ". */
static bool parts_checksums(char c)
{
	return c == ';' || c == ',' || c == ' ' || c == '\t';
}

/* dotnet's grows with each request, and the last entries are the newest. None is cut in two. */
static const char *newest_checksums(struct slice all)
{
	size_t at = all.n > CLIENT_CHECKSUM_MAX ? all.n - CLIENT_CHECKSUM_MAX : 0;

	while (at > 0 && at < all.n && !parts_checksums(all.p[at - 1]))
		at++;
	while (at < all.n && parts_checksums(all.p[at]))
		at++;
	return at < all.n && text_is_field_value(slice_from(all, at)) ? all.p + at : NULL;
}

struct client client_of(const struct client_headers *h)
{
	bool names_msfz = accept_says(h->accept, MSFZ) != ACCEPT_UNNAMED;

	return (struct client){
		.gzip = accepts_gzip(h->accept_encoding),
		.msfz = accept_says(h->accept, MSFZ) == ACCEPT_YES,
		.symsrv = slice_starts(h->user_agent, SYMSRV),
		.decimal_ages = may_print_decimal(h->user_agent),
		.short_stamps = names_msfz || slice_eq(h->user_agent, PERFVIEW),
		.spoils_cabs = slice_starts(h->user_agent, SLICE("radare2")),
		.max_size = max_size(h->debuginfod_maxsize),
		.checksum = newest_checksums(h->checksum),
	};
}
