// SPDX-License-Identifier: MIT
/*
 * What the request headers tell of a client, as far as it decides which answer the client gets: the
 * encodings and forms that it accepts, and the habits of those debuggers that cannot be served like
 * the rest (protocol notes: User-Agent is copied by many, so no capability is concluded from it,
 * only a need). Pure.
 */
#pragma once
#include "base/slice.h"

struct client {
	bool gzip;         /* Accept-Encoding: a file that is stored as gzip may be sent so */
	bool msfz;         /* Accept names application/msfz0: PDBs may come as MSFZ */
	bool symsrv;       /* asks for file.ptr when it misses the rest */
	bool decimal_ages; /* may print the age of a key in decimal: LLDB, or no User-Agent */
	bool short_stamps; /* may print the stamp of a PE key without leading zeros: PerfView */
	bool spoils_cabs;  /* takes a compressed file for the plain one: radare2 */
	int64_t max_size;  /* X-DEBUGINFOD-MAXSIZE in bytes; INT64_MAX: none */
	/*
	 * SymbolChecksum, for servers that have something only for clients that send it (NuGet's,
	 * GitLab's): "ALG:hex" entries, the newest ones, good as the value of a header. NULL: none.
	 * Lies in client_headers.checksum.
	 */
	const char *checksum;
};

#define CLIENT_CHECKSUM_MAX 4096 /* bytes that go on of a SymbolChecksum */

struct client_headers {
	struct slice user_agent, accept, accept_encoding, debuginfod_maxsize; /* n == 0: absent */
	struct slice checksum; /* has a NUL behind it */
};

struct client client_of(const struct client_headers *h);
