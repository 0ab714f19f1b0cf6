// SPDX-License-Identifier: MIT
/* What a request to the upload door comes to, before its body is read. */
#include "serve/delivery_request.h"
#include "tap.h"

#define FORM   "multipart/form-data; boundary=x"
#define BEARER "Bearer deadbeef01"

static struct upload_tokens *tokens;

static struct delivery_asked put(const char *target)
{
	return (struct delivery_asked){
		.method = SLICE("PUT"),
		.target = slice_of(target),
		.authorization = SLICE(BEARER),
		.host = SLICE("sym.example.com"),
		.scheme = "https",
		.length = 10,
	};
}

static enum delivery_verdict judge(const struct delivery_asked *a, struct delivery_request *r)
{
	const struct delivery_rules rules = {
		.tokens = tokens,
		.max = 100,
		.public_url = SLICE("https://symbols.example.com/base"),
	};

	return delivery_judge(&rules, a, r);
}

static void test_paths(void)
{
	static const struct {
		const char *method, *target, *type;
		enum delivery_verdict want;
		bool is_form;
	} rows[] = {
		{"PUT", "/-/upload/a.pdb", NULL, DELIVERY_ALLOWED, false},
		{"PUT", "/-/upload/bin/a.pdb", NULL, DELIVERY_ALLOWED, false},
		{"PUT", "/-/upload/a.pdb", FORM, DELIVERY_ALLOWED, false},
		{"POST", "/-/upload/", FORM, DELIVERY_ALLOWED, true},
		{"POST", "/-/upload/?product=x", FORM, DELIVERY_ALLOWED, true},
		{"POST", "/-/upload/", "multipart/mixed; boundary=x", DELIVERY_TYPE, true},
		{"POST", "/-/upload/", NULL, DELIVERY_TYPE, true},
		{"PUT", "/api/v2/symbolpackage", FORM, DELIVERY_ALLOWED, true},
		{"PUT", "/api/v2/symbolpackage/", FORM, DELIVERY_ALLOWED, true},
		{"POST", "/api/v2/symbolpackage", FORM, DELIVERY_METHOD, true},
		{"PUT", "/-/upload/", NULL, DELIVERY_METHOD, true},
		{"POST", "/-/upload/a.pdb", FORM, DELIVERY_METHOD, false},
		{"GET", "/-/upload/a.pdb", NULL, DELIVERY_METHOD, false},
		{"OPTIONS", "/-/upload/a.pdb", NULL, DELIVERY_METHOD, false},
		{"PUT", "/-/upload", NULL, DELIVERY_OTHER, false},
		{"PUT", "/-/uploads/a", NULL, DELIVERY_OTHER, false},
		{"PUT", "/-/purge", NULL, DELIVERY_OTHER, false},
		{"PUT", "/api/v2/package", NULL, DELIVERY_OTHER, false},
		{"PUT", "/a.pdb/K/a.pdb", NULL, DELIVERY_OTHER, false},
		{"PUT", "/-/upload/%zz", NULL, DELIVERY_BAD, false},
		{"PUT", "/-/upload/a%0a.pdb", NULL, DELIVERY_BAD, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct delivery_asked a = put(rows[i].target);
		struct delivery_request r;

		a.method = slice_of(rows[i].method);
		a.content_type = slice_of(rows[i].type);
		CHECK_INT(judge(&a, &r), rows[i].want, rows[i].target);
		CHECK(rows[i].want == DELIVERY_OTHER || r.is_form == rows[i].is_form,
		      rows[i].target);
		CHECK(r.why || rows[i].want == DELIVERY_OTHER || rows[i].want == DELIVERY_ALLOWED,
		      "and why");
		delivery_request_fini(&r);
	}
}

static void test_who(void)
{
	static const struct {
		const char *target, *authorization, *key;
		enum delivery_verdict want;
	} rows[] = {
		{"/-/upload/a", BEARER, NULL, DELIVERY_ALLOWED},
		{"/-/upload/a", "Basic YW55OmRlYWRiZWVmMDE=", NULL, DELIVERY_ALLOWED},
		{"/-/upload/a", "Bearer deadbeef02", NULL, DELIVERY_DENIED},
		{"/-/upload/a", NULL, NULL, DELIVERY_DENIED},
		{"/-/upload/a", NULL, "deadbeef01", DELIVERY_DENIED},
		{NUGET_PUSH, NULL, " deadbeef01 ", DELIVERY_ALLOWED},
		{NUGET_PUSH, NULL, "deadbeef02", DELIVERY_DENIED},
		{NUGET_PUSH, BEARER, NULL, DELIVERY_ALLOWED},
		{NUGET_PUSH, NULL, NULL, DELIVERY_DENIED},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct delivery_asked a = put(rows[i].target);
		struct delivery_request r;

		a.authorization = slice_of(rows[i].authorization);
		a.nuget_key = slice_of(rows[i].key);
		a.content_type = SLICE(FORM);
		CHECK_INT(judge(&a, &r), rows[i].want, rows[i].target);
		CHECK_STR(r.token ? upload_token_label(r.token) : "",
			  rows[i].want == DELIVERY_ALLOWED ? "ci" : "", "whose token it is");
		delivery_request_fini(&r);
	}
}

static void test_origin(void)
{
	static const struct {
		const char *origin, *host, *scheme, *site;
		enum delivery_verdict want;
	} rows[] = {
		{NULL, NULL, "http", NULL, DELIVERY_ALLOWED},
		{NULL, "h", "http", "none", DELIVERY_ALLOWED},
		{NULL, "h", "http", "same-origin", DELIVERY_ALLOWED},
		{NULL, "h", "http", "cross-site", DELIVERY_FOREIGN},
		{"http://h", "h", "http", "cross-site", DELIVERY_FOREIGN},
		{"http://h", "h", "http", NULL, DELIVERY_ALLOWED},
		{"http://H:80", "h", "http", NULL, DELIVERY_ALLOWED},
		{"http://h", "h:80", "http", NULL, DELIVERY_ALLOWED},
		{"http://h:5000", "h:5000", "http", NULL, DELIVERY_ALLOWED},
		{"http://h:5000", "h:5001", "http", NULL, DELIVERY_FOREIGN},
		{"http://h:5000", "h", "http", NULL, DELIVERY_FOREIGN},
		{"https://h", "h:443", "https", NULL, DELIVERY_ALLOWED},
		{"https://h", "h", "http", NULL, DELIVERY_FOREIGN},
		{"http://evil", "h", "http", NULL, DELIVERY_FOREIGN},
		{"http://evil", NULL, "http", NULL, DELIVERY_FOREIGN},
		{"null", "null", "http", NULL, DELIVERY_FOREIGN},
		{"null", "h", "http", NULL, DELIVERY_FOREIGN},
		{"https://symbols.example.com", "inner:8080", "http", NULL, DELIVERY_ALLOWED},
		{"http://symbols.example.com", "inner:8080", "http", NULL, DELIVERY_FOREIGN},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct delivery_asked a = put("/-/upload/a.pdb");
		struct delivery_request r;

		a.origin = slice_of(rows[i].origin);
		a.host = slice_of(rows[i].host);
		a.scheme = rows[i].scheme;
		a.fetch_site = slice_of(rows[i].site);
		CHECK_INT(judge(&a, &r), rows[i].want, rows[i].origin);
		delivery_request_fini(&r);
	}
}

static void test_body(void)
{
	struct delivery_asked a = put("/-/upload/a.pdb");
	struct delivery_request r;

	a.length = 100;
	CHECK_INT(judge(&a, &r), DELIVERY_ALLOWED, "the longest body");
	delivery_request_fini(&r);
	a.length = 101;
	CHECK_INT(judge(&a, &r), DELIVERY_TOO_LONG, "a longer one");
	delivery_request_fini(&r);
	a.authorization = SLICE_NONE;
	CHECK_INT(judge(&a, &r), DELIVERY_DENIED, "of nobody");
	delivery_request_fini(&r);
	a = put("/-/upload/a.pdb");
	a.content_encoding = SLICE("gzip");
	CHECK_INT(judge(&a, &r), DELIVERY_TYPE, "an encoded one");
	delivery_request_fini(&r);
	a.content_encoding = SLICE("identity");
	CHECK_INT(judge(&a, &r), DELIVERY_ALLOWED, "as it is");
	delivery_request_fini(&r);
}

/* What comes of a query: its texts with '|' between them; or "!" and why not. */
static void test_query(void)
{
	static const struct {
		const char *target, *want;
	} rows[] = {
		{"/-/upload/a%20b+c.pdb", "a b+c.pdb||||"},
		{"/-/upload/a.pdb?product=app&version=7", "a.pdb|app|7||"},
		{"/-/upload/a.pdb?comment=a+b%2Bc&&source=", "a.pdb|||a b+c|"},
		{"/-/upload/a.pdb?source=https://u:p%40w@h/r@1&product=2",
		 "a.pdb|2|||https://h/r@1"},
		{"/-/upload/a.pdb?source=%C3%A4&product=1&product=2", "a.pdb|2|||\xc3\xa4"},
		{"/-/upload/a.pdb?", "a.pdb||||"},
		{"/-/upload/a.pdb?force=1", "!nothing is replaced"},
		{"/-/upload/a.pdb?version=1&force", "!nothing is replaced"},
		{"/-/upload/a.pdb?forse=1", "!there are product"},
		{"/-/upload/a.pdb?product=%0a", "!a value is no text"},
		{"/-/upload/a.pdb?product=%ff", "!a value is no text"},
		{"/-/upload/a.pdb?product=%", "!a value is no text"},
		{"/-/upload/a.pdb?keep_until=soon", "!keep_until is no date"},
		{"/-/upload/a.pdb?keep_until=2027-13-01", "!keep_until is no date"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf text CLEANUP(buf_fini) = BUF_MAX(4096);
		struct delivery_asked a = put(rows[i].target);
		struct delivery_request r;
		bool allowed = judge(&a, &r) == DELIVERY_ALLOWED;

		if (allowed)
			buf_printf(&text,
				   SLICE_FMT "|" SLICE_FMT "|" SLICE_FMT "|" SLICE_FMT
					     "|" SLICE_FMT,
				   SLICE_ARG(r.name), SLICE_ARG(r.product), SLICE_ARG(r.version),
				   SLICE_ARG(r.comment), SLICE_ARG(r.source));
		else
			buf_printf(&text, "!%.*s", (int)strlen(rows[i].want) - 1, r.why);
		CHECK_SLICE(buf_slice(&text), rows[i].want, rows[i].target);
		delivery_request_fini(&r);
	}
}

static void test_date(void)
{
	static const struct {
		const char *target;
		long long want;
	} rows[] = {
		{"/-/upload/a?keep_until=2027-01-31", 1801353600},
		{"/-/upload/a?keep_until=2027-01-31T15:00:00Z", 1801407600},
		{"/-/upload/a?keep_until=2027-01-31T15%3A00%3A00Z", 1801407600},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct delivery_asked a = put(rows[i].target);
		struct delivery_request r;

		CHECK_INT(judge(&a, &r), DELIVERY_ALLOWED, rows[i].target);
		CHECK_INT(r.keep_until_s, rows[i].want, rows[i].target);
		delivery_request_fini(&r);
	}
}

int main(void)
{
	struct error e;

	if (upload_tokens_parse(SLICE("ci deadbeef01"), false, &tokens, &e) != OK)
		return 1;
	test_paths();
	test_who();
	test_origin();
	test_body();
	test_query();
	test_date();
	upload_tokens_free(tokens);
	return tap_done();
}
