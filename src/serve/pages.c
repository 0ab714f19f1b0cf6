// SPDX-License-Identifier: MIT
/*
 * See pages.h. Both forms of the page come from one table of clients; each row says in a line
 * where to go and then what to type, with the URL put between before and after.
 */
#include "serve/pages.h"
#include "base/text.h"
#include "serve/accept_header.h"
#include "serve/web.h"

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

static const struct client uploader = {
	"Publishing from a build machine",
	"In a shell, with TOKEN an upload token and s.zip an archive of what was built:",
	"curl -f -T s.zip -H \"Authorization: Bearer TOKEN\" ", "/-/upload/s.zip"};

static const char upload_tab[] = "<a role=\"tab\" id=\"tab-upload\" href=\"#upload\">Upload</a>\n";

static const char token_note[] = "Put your token in the place of TOKEN, if it consists of "
				 "lower-case hex digits: some debuggers "
				 "lower-case a path. Any other works only where a user name and a "
				 "password can be given: any "
				 "name, and the token as the password.";

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

/* ---- clients ---- */

static void put_html(struct buf *out, const struct client *c, struct slice url)
{
	buf_puts(out, "<section class=\"way\">\n<h2>");
	put_escaped(out, slice_of(c->name));
	buf_puts(out, "</h2>\n<p>");
	put_escaped(out, slice_of(c->how));
	buf_puts(out, "</p>\n<pre tabindex=\"0\"><code>");
	put_escaped(out, slice_of(c->before));
	put_escaped(out, url);
	put_escaped(out, slice_of(c->after));
	buf_puts(out, "</code></pre>\n</section>\n");
}

static void put_text(struct buf *out, const struct client *c, struct slice url)
{
	buf_printf(out, "\n%s\n  %s\n    %s", c->name, c->how, c->before);
	buf_add(out, url);
	buf_printf(out, "%s\n", c->after);
}

static void put_clients(struct buf *out, const struct front *f)
{
	void (*put)(struct buf * out, const struct client *c,
		    struct slice url) = f->html ? put_html : put_text;

	if (f->placeholder)
		buf_printf(out, f->html ? "<p class=\"note\">%s</p>\n" : "%s\n", token_note);
	for (size_t i = 0; i < ARRAY_LEN(clients); i++)
		put(out, &clients[i], f->url);
	if (f->upload_url.n)
		put(out, &uploader, f->upload_url);
}

/* ---- the page ---- */

/*
 * How many folders below the server's root is the page? Relative URLs go up so many: the root of the server need not
 * be that of its host.
 */
static void put_top(struct buf *out, struct slice path)
{
	buf_puts(out, "./");
	for (size_t i = 1; i < path.n; i++)
		if (path.p[i] == '/')
			buf_puts(out, "../");
}

/* From the page to what lies below its path: that may have no slash at the end. */
static void put_here(struct buf *out, struct slice path)
{
	struct slice last = path.n ? slice_from(path, slice_rfind(path, '/') + 1) : path;

	buf_puts(out, "./");
	put_escaped(out, last);
	if (last.n)
		buf_putc(out, '/');
}

static void put_what(struct buf *out, struct slice name, const struct front *f)
{
	if (slice_eq(name, SLICE("top"))) {
		put_top(out, f->path);
	} else if (slice_eq(name, SLICE("here"))) {
		put_here(out, f->path);
	} else if (slice_eq(name, SLICE("url"))) {
		put_escaped(out, f->url);
	} else if (slice_eq(name, SLICE("forgets"))) {
		buf_puts(out, f->forgets ? " data-forgets" : "");
	} else if (slice_eq(name, SLICE("upload"))) {
		if (f->upload_url.n)
			buf_puts(out, upload_tab);
	} else {
		ASSERT(slice_eq(name, SLICE("clients"))); /* page.html knows no others */
		put_clients(out, f);
	}
}

/* Between the braces of page.html, which stand nowhere else in it, is the name of what is put there. */
static void put_page(struct buf *out, const struct front *f)
{
	struct slice rest = web_page, text, name;

	while (slice_next(&rest, '{', &text)) {
		buf_add(out, text);
		if (!rest.p || !slice_next(&rest, '}', &name))
			break;
		put_what(out, name, f);
	}
}

void pages_root(struct buf *out, const struct front *f)
{
	if (f->html) {
		put_page(out, f);
		return;
	}
	buf_puts(out, "Symbol server\n"
		      "Debuggers find PDB, EXE and DLL files here. Point yours at it:\n");
	put_clients(out, f);
}

/* ---- its address ---- */

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

static struct slice without_slashes(struct slice url)
{
	while (slice_ends(url, SLICE("/")))
		url.n--;
	return url;
}

static void put_base(struct buf *out, struct slice base_path)
{
	struct slice segment;

	while (slice_next(&base_path, '/', &segment)) {
		if (segment.n == 0)
			continue;
		buf_putc(out, '/');
		percent_encode(segment, "", out);
	}
}

void pages_public_url(struct buf *out, struct slice configured, struct slice host,
		      const char *scheme, struct slice base_path)
{
	configured = without_slashes(configured);
	if (configured.n) {
		buf_add(out, configured);
		return;
	}
	buf_printf(out, "%s://", scheme);
	buf_add(out, is_host(host) ? host : SLICE("localhost"));
	put_base(out, base_path);
}

struct slice pages_server_url(struct slice configured, struct slice base_path)
{
	struct buf base CLEANUP(buf_fini) = BUF_MAX(4096);
	struct slice url = without_slashes(configured), root;

	put_base(&base, base_path);
	if (buf_failed(&base) || base.n > url.n)
		return url;
	root = slice_head(url, url.n - base.n);
	if (slice_ends(root, SLICE("/"))) /* "https://sym" has no path, though it ends with /sym */
		return url;
	return slice_eq_nocase(slice_from(url, root.n), buf_slice(&base)) ? root : url;
}

bool pages_wants_html(struct slice accept)
{
	return accept_says(accept, SLICE("text/html")) == ACCEPT_YES;
}
