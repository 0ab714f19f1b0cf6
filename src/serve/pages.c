// SPDX-License-Identifier: MIT
/*
 * See pages.h. Both forms of the page come from one table of clients; each row says in a line
 * where to go and then what to type, with the URL put between before and after.
 */
#include "serve/pages.h"
#include "base/text.h"
#include "serve/accept_header.h"

static const struct client {
	const char *name, *how, *before, *after;
} clients[] = {
	{"WinDbg", "In the command window:", ".sympath srv*C:\\Symbols*", ""},
	{"WinDbg, cdb and other tools, for good",
	 "In a command prompt:", "setx _NT_SYMBOL_PATH \"srv*C:\\Symbols*", "\""},
	{"Visual Studio", "Tools > Options > Debugging > Symbols, add the location:", "", ""},
	{"LLDB",
	 "At the prompt or in .lldbinit:", "settings set plugin.symbol-locator.symstore.urls ", ""},
	{"dotnet-symbol", "In a shell, with the file to find symbols for at the end:",
	 "dotnet-symbol --server-path ", ""},
	{"gdb and other debuginfod clients",
	 "In a shell, before they are started:", "export DEBUGINFOD_URLS=", ""},
};

static const char token_note[] = "Put your token in the place of TOKEN, if it consists of "
				 "lower-case hex digits: some debuggers "
				 "lower-case a path. Any other works only where a user name and a "
				 "password can be given: any "
				 "name, and the token as the password.";

static const char html_head[] =
	"<!DOCTYPE html>\n"
	"<html lang=\"en\">\n"
	"<head>\n"
	"<meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	"<meta name=\"color-scheme\" content=\"light dark\">\n"
	"<title>Symbol server</title>\n"
	"<style>\n"
	":root { --ink: #1c2128; --dim: #57606a; --paper: #fff; --field: #f3f5f7; --line: #d0d7de "
	"}\n"
	"@media (prefers-color-scheme: dark) {\n"
	"  :root { --ink: #e6edf3; --dim: #9aa5b1; --paper: #12161c; --field: #1b2129;"
	" --line: #343c46 }\n"
	"}\n"
	"body { margin: 3rem auto; max-width: 44rem; padding: 0 1.25rem; color: var(--ink);\n"
	"  background: var(--paper); font: 1rem/1.6 system-ui, sans-serif }\n"
	"h1 { font-size: 1.75rem; margin: 0 }\n"
	"h2 { font-size: 1.05rem; margin: 2rem 0 0 }\n"
	"p { color: var(--dim); margin: .25rem 0 .5rem }\n"
	"pre { margin: 0; padding: .75rem 1rem; border: 1px solid var(--line);"
	" border-radius: .5rem;\n"
	"  background: var(--field); font: .9rem/1.5 ui-monospace, monospace; white-space: "
	"pre-wrap;\n"
	"  overflow-wrap: anywhere; user-select: all }\n"
	"</style>\n"
	"</head>\n"
	"<body>\n"
	"<main>\n"
	"<h1>Symbol server</h1>\n"
	"<p>Debuggers find PDB, EXE and DLL files here. Point yours at it:</p>\n";

static const char html_tail[] = "</main>\n"
				"</body>\n"
				"</html>\n";

static void put_escaped(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		switch (s.p[i]) {
		case '&': buf_puts(out, "&amp;"); break;
		case '<': buf_puts(out, "&lt;"); break;
		case '>': buf_puts(out, "&gt;"); break;
		case '"': buf_puts(out, "&quot;"); break;
		case '\'': buf_puts(out, "&#39;"); break;
		default: buf_putc(out, s.p[i]);
		}
	}
}

static void put_html(struct buf *out, const struct client *c, struct slice url)
{
	buf_puts(out, "<h2>");
	put_escaped(out, slice_of(c->name));
	buf_puts(out, "</h2>\n<p>");
	put_escaped(out, slice_of(c->how));
	buf_puts(out, "</p>\n<pre tabindex=\"0\"><code>");
	put_escaped(out, slice_of(c->before));
	put_escaped(out, url);
	put_escaped(out, slice_of(c->after));
	buf_puts(out, "</code></pre>\n");
}

static void put_text(struct buf *out, const struct client *c, struct slice url)
{
	buf_printf(out, "\n%s\n  %s\n    %s", c->name, c->how, c->before);
	buf_add(out, url);
	buf_printf(out, "%s\n", c->after);
}

void pages_root(struct buf *out, bool html, struct slice public_url, bool placeholder)
{
	buf_puts(out, html ? html_head
			   : "Symbol server\n"
			     "Debuggers find PDB, EXE and DLL files here. Point yours at it:\n");
	if (placeholder)
		buf_printf(out, html ? "<p>%s</p>\n" : "%s\n", token_note);
	for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
		if (html)
			put_html(out, &clients[i], public_url);
		else
			put_text(out, &clients[i], public_url);
	}
	if (html)
		buf_puts(out, html_tail);
}

static bool is_port(struct slice s)
{
	uint64_t port;

	return parse_u64(s, 65535, &port) && port > 0;
}

/* Length of the host in front of a port; 0 when it is none. */
static size_t host_size(struct slice s)
{
	bool is_v6 = slice_starts(s, SLICE("["));
	size_t i = is_v6;

	for (; i < s.n; i++) {
		char c = ascii_lower(s.p[i]);

		if (is_v6 ? hex_digit(c) < 0 && c != ':' && c != '.'
			  : (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-')
			break;
	}
	if (!is_v6)
		return i;
	return i > 1 && i < s.n && s.p[i] == ']' ? i + 1 : 0;
}

static bool is_host(struct slice s)
{
	size_t n = host_size(s);

	if (n == 0 || n > 255)
		return false;
	return n == s.n || (s.p[n] == ':' && is_port(slice_from(s, n + 1)));
}

void pages_public_url(struct buf *out, struct slice configured, struct slice host,
		      const char *scheme, struct slice base_path)
{
	struct slice segment;

	while (slice_ends(configured, SLICE("/")))
		configured.n--;
	if (configured.n) {
		buf_add(out, configured);
		return;
	}
	buf_printf(out, "%s://", scheme);
	buf_add(out, is_host(host) ? host : SLICE("localhost"));
	while (slice_next(&base_path, '/', &segment)) {
		if (segment.n == 0)
			continue;
		buf_putc(out, '/');
		percent_encode(segment, "", out);
	}
}

bool pages_wants_html(struct slice accept)
{
	return accept_says(accept, SLICE("text/html")) == ACCEPT_YES;
}
