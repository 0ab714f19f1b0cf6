// SPDX-License-Identifier: MIT
/* The root page and the URL in it. */
#include "serve/pages.h"
#include "tap.h"

static bool has(const struct buf *b, const char *text)
{
	return strstr(buf_str(b), text) != NULL;
}

static void test_text(void)
{
	struct buf b CLEANUP(buf_fini) = BUF_MAX(65536);

	pages_root(&b, &(struct front){.url = SLICE("https://sym.example.com/<x>")});
	CHECK(!buf_failed(&b), "made");
	CHECK(has(&b, " .sympath srv*C:\\Symbols*https://sym.example.com/<x>\n"), "WinDbg");
	CHECK(has(&b, " setx _NT_SYMBOL_PATH \"srv*C:\\Symbols*https://sym.example.com/<x>\"\n"),
	      "_NT_SYMBOL_PATH");
	CHECK(has(&b, "Tools > Options > Debugging > Symbols"), "Visual Studio");
	CHECK(has(&b, " https://sym.example.com/<x>\n"), "the bare URL");
	CHECK(has(&b, " settings set plugin.symbol-locator.symstore.urls "
		      "https://sym.example.com/<x>\n"),
	      "LLDB");
	CHECK(has(&b, " dotnet-symbol --server-path https://sym.example.com/<x>\n"),
	      "dotnet-symbol");
	CHECK(has(&b, " export DEBUGINFOD_URLS=https://sym.example.com/<x>\n"), "gdb");
	CHECK(!has(&b, "TOKEN"), "nothing of tokens");
	CHECK(!has(&b, "&lt;"), "plain text is not escaped");
}

static void test_html(void)
{
	struct buf b CLEANUP(buf_fini) = BUF_MAX(65536);

	pages_root(&b, &(struct front){.html = true,
				       .url = SLICE("http://h/\"><script>'&"),
				       .path = SLICE("/")});
	CHECK(!buf_failed(&b), "made");
	CHECK(slice_starts(buf_slice(&b), SLICE("<!DOCTYPE html>\n")), "begins");
	CHECK(slice_ends(buf_slice(&b), SLICE("</html>\n")), "ends");
	CHECK(!has(&b, "<script>") && !has(&b, "'&"), "the URL is escaped");
	CHECK(has(&b, "http://h/&quot;&gt;&lt;script&gt;&#39;&amp;</code>"), "and complete");
	CHECK(has(&b, "Tools &gt; Options"), "the table is escaped");
	CHECK(!has(&b, "=\"/") && !has(&b, "=\"http") && !has(&b, "<style"),
	      "loads nothing but what lies beside it");
	CHECK(!has(&b, "{") && !has(&b, "}"), "all is filled in");
	CHECK(has(&b, "<html lang=\"en\" ") && has(&b, "<title>") && has(&b, "<main>"),
	      "can be read aloud");
	CHECK(!has(&b, "#upload") && !has(&b, "/-/upload/"), "nobody may upload");
}

static void test_placeholder(void)
{
	for (int html = 0; html < 2; html++) {
		struct buf b CLEANUP(buf_fini) = BUF_MAX(65536);

		pages_root(&b, &(struct front){.html = html,
					       .placeholder = true,
					       .url = SLICE("http://h/t/TOKEN")});
		CHECK(has(&b, "DEBUGINFOD_URLS=http://h/t/TOKEN"), "the word stands in the path");
		CHECK(has(&b, "token in the place of TOKEN"),
		      "and the page says what to do with it");
	}
}

/* Relative to the page's own address, which may have no slash at its end. */
static void test_where(void)
{
	static const struct {
		const char *path, *here, *top;
	} rows[] = {
		{"/", "src=\"./-/web/page.js\"", "data-top=\"./\""},
		{"/sym", "src=\"./sym/-/web/page.js\"", "data-top=\"./\""},
		{"/sym/", "src=\"./-/web/page.js\"", "data-top=\"./../\""},
		{"//sym", "src=\"./sym/-/web/page.js\"", "data-top=\"./../\""},
		{"/a/t/0123", "src=\"./0123/-/web/page.js\"", "data-top=\"./../../\""},
		{"/a\"<b", "src=\"./a&quot;&lt;b/-/web/page.js\"", "data-top=\"./\""},
		{"/c:d", "src=\"./c:d/-/web/page.js\"", "data-top=\"./\""},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf b CLEANUP(buf_fini) = BUF_MAX(65536);

		pages_root(&b, &(struct front){.html = true,
					       .url = SLICE("http://h"),
					       .path = slice_of(rows[i].path)});
		CHECK(has(&b, rows[i].here), rows[i].path);
		CHECK(has(&b, rows[i].top), rows[i].path);
	}
}

static void test_uploads(void)
{
	for (int html = 0; html < 2; html++) {
		struct buf b CLEANUP(buf_fini) = BUF_MAX(65536);

		pages_root(&b, &(struct front){.html = html,
					       .forgets = true,
					       .url = SLICE("http://h/base"),
					       .upload_url = SLICE("http://h"),
					       .path = SLICE("/base")});
		CHECK(has(&b, " http://h/-/upload/s.zip"), "the line for a build machine");
		CHECK_INT(has(&b, "href=\"#upload\"") && has(&b, " data-forgets>"), html,
			  "and the scripts are told");
	}
}

static void test_ceiling(void)
{
	struct buf b CLEANUP(buf_fini) = BUF_MAX(100);

	pages_root(&b, &(struct front){.html = true, .url = SLICE("http://h")});
	CHECK(buf_failed(&b), "a small buf fails and does not overflow");
}

static void test_public_url(void)
{
	static const struct {
		const char *configured, *host, *base, *want;
	} rows[] = {
		{"https://sym.example.com", "evil", "/x", "https://sym.example.com"},
		{"https://sym.example.com/base//", "h", "", "https://sym.example.com/base"},
		{"/", "h", "", "http://h"},
		{NULL, "h", NULL, "http://h"},
		{NULL, "Sym-1.example.com:5000", "", "http://Sym-1.example.com:5000"},
		{NULL, "127.0.0.1:80", "//a//b c/", "http://127.0.0.1:80/a/b%20c"},
		{NULL, "[::1]", "", "http://[::1]"},
		{NULL, "[::ffff:1.2.3.4]:65535", "", "http://[::ffff:1.2.3.4]:65535"},
		{NULL, NULL, "/a", "http://localhost/a"},
		{NULL, "", "", "http://localhost"},
		{NULL, "h:", "", "http://localhost"},
		{NULL, "h:0", "", "http://localhost"},
		{NULL, "h:65536", "", "http://localhost"},
		{NULL, "h:8a", "", "http://localhost"},
		{NULL, ":80", "", "http://localhost"},
		{NULL, "a:b:c", "", "http://localhost"},
		{NULL, "h/x", "", "http://localhost"},
		{NULL, "u@h", "", "http://localhost"},
		{NULL, "h h", "", "http://localhost"},
		{NULL, "h<b>", "", "http://localhost"},
		{NULL, "h*x", "", "http://localhost"},
		{NULL, "[", "", "http://localhost"},
		{NULL, "[]", "", "http://localhost"},
		{NULL, "[::1", "", "http://localhost"},
		{NULL, "[::1]x", "", "http://localhost"},
		{NULL, "[h]", "", "http://localhost"},
		{NULL, "::1", "", "http://localhost"},
		{NULL, "\xc3\xa4", "", "http://localhost"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf b CLEANUP(buf_fini) = BUF_MAX(1024);

		pages_public_url(&b, slice_of(rows[i].configured), slice_of(rows[i].host), "http",
				 slice_of(rows[i].base));
		CHECK_SLICE(buf_slice(&b), rows[i].want, rows[i].host ? rows[i].host : "(none)");
	}
}

/* Uploads do not lie below the base path, of which the configured URL has to tell debuggers. */
static void test_server_url(void)
{
	static const struct {
		const char *configured, *base, *want;
	} rows[] = {
		{"https://h", "", "https://h"},
		{"https://h/", "/sym", "https://h"},
		{"https://h/sym", "", "https://h/sym"},
		{"https://h/sym", "/sym", "https://h"},
		{"https://h/Sym//", "//sYM/", "https://h"},
		{"https://h/outer/a%20b/c", "/a b/c", "https://h/outer"},
		{"https://h/outer", "/sym", "https://h/outer"},
		{"https://h/oursym", "/sym", "https://h/oursym"},
		{"https://sym", "/sym", "https://sym"},
		{"https://a/b", "/a/b", "https://a/b"},
		{"h", "/longer", "h"},
	};

	CHECK_INT(pages_server_url(SLICE_NONE, SLICE("/sym")).n, 0, "none is configured");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK_SLICE(pages_server_url(slice_of(rows[i].configured), slice_of(rows[i].base)),
			    rows[i].want, rows[i].configured);
}

static void test_wants_html(void)
{
	static const struct {
		const char *accept;
		bool want;
	} rows[] = {
		{NULL, false},
		{"", false},
		{"*/*", false},
		{"text/*", false},
		{"text/html", true},
		{" Text/HTML ", true},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true},
		{"application/json, text/html;level=1;q=0.5", true},
		{"text/html;q=0", false},
		{"text/html; Q=0.000", false},
		{"text/html;q=0.001", true},
		{"text/htmlx", false},
		{"application/msfz0", false},
		{"text/plain", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK_INT(pages_wants_html(slice_of(rows[i].accept)), rows[i].want,
			  rows[i].accept ? rows[i].accept : "(none)");
}

int main(void)
{
	test_text();
	test_html();
	test_placeholder();
	test_where();
	test_uploads();
	test_ceiling();
	test_public_url();
	test_server_url();
	test_wants_html();
	return tap_done();
}
