// SPDX-License-Identifier: MIT
/*
 * See store_url.h. Decoded pieces are appended to one buffer; since that may move while it grows,
 * its full size is reserved first: no decoded piece is longer than its source.
 */
#include "store/store_url.h"
#include "base/text.h"

#define URL_MAX ((size_t)4096)

static bool decode(struct store_url *u, struct slice raw, struct slice *ret)
{
	size_t at = u->text.n;

	if (!percent_decode(raw, &u->text) || memchr(u->text.p + at, '\0', u->text.n - at))
		return false;
	*ret = (struct slice){u->text.p + at, u->text.n - at};
	return true;
}

static enum err parse_flag(struct slice name, struct slice value, bool *ret, struct error *e)
{
	if (slice_eq_nocase(value, SLICE("true")) || slice_eq_nocase(value, SLICE("on")) ||
	    slice_eq(value, SLICE("1")))
		*ret = true;
	else if (slice_eq_nocase(value, SLICE("false")) || slice_eq_nocase(value, SLICE("off")) ||
		 slice_eq(value, SLICE("0")))
		*ret = false;
	else
		return err_set(e, ERR_USAGE, SLICE_FMT "='" SLICE_FMT "' is neither true nor false",
			       SLICE_ARG(name), SLICE_ARG(value));
	return OK;
}

/* A word and the enumerator that it stands for; a list ends with NULL. */
struct word {
	const char *text;
	int value;
};

static enum err parse_word(struct slice name, struct slice value, const struct word *words,
			   int *ret, struct error *e)
{
	for (; words->text; words++) {
		if (value.n && slice_eq_nocase(value, slice_of(words->text))) {
			*ret = words->value;
			return OK;
		}
	}
	return err_set(e, ERR_USAGE,
		       "'" SLICE_FMT "' is not a value of the store option '" SLICE_FMT "'",
		       SLICE_ARG(value), SLICE_ARG(name));
}

static enum err parse_forms(struct slice name, struct slice list, unsigned *ret, struct error *e)
{
	static const struct word words[] = {{"plain", 0},
#define PACKING(ID, name, word, ...) {word, STORE_FORM_##ID},
#include "base/packings.def"
					    {NULL, 0}};
	struct slice one;
	unsigned forms = 0;
	int word = 0;

	while (slice_next(&list, ',', &one)) {
		enum err err = parse_word(name, one, words, &word, e);

		if (err)
			return err;
		forms |= (unsigned)word;
	}
	*ret = forms;
	return OK;
}

static bool is_slash(char c)
{
	return c == '/' || c == '\\';
}

static enum err parse_root(struct slice value, struct slice *ret, struct error *e)
{
	if (value.n < 3 || !is_slash(value.p[0]) || !is_slash(value.p[1]) || is_slash(value.p[2]))
		return err_set(e, ERR_USAGE, "ptr='" SLICE_FMT "' does not begin like \\\\server",
			       SLICE_ARG(value));
	*ret = value;
	return OK;
}

/* The options that say which forms and names the store has, and where. */
static enum err parse_contents(struct store_url *u, struct slice name, struct slice value,
			       bool *ret_known, struct error *e)
{
	static const struct word tiers[] = {
		{"1", TIER_ONE}, {"2", TIER_TWO}, {"both", TIER_BOTH}, {NULL, 0}};
	static const struct word aliases[] = {
		{"auto", ALIASES_AUTO}, {"all", ALIASES_ALL}, {"none", ALIASES_NONE}, {NULL, 0}};
	static const struct word layouts[] = {{"ssqp", LAYOUT_SSQP},
					      {"gdb", LAYOUT_GDB},
					      {"debuginfod", LAYOUT_DEBUGINFOD},
					      {"unified", LAYOUT_UNIFIED},
					      {NULL, 0}};
	enum err err = OK;
	int word = 0;

	if (slice_eq(name, SLICE("forms")))
		return parse_forms(name, value, &u->forms, e);
	if (slice_eq(name, SLICE("ptr")))
		return parse_root(value, &u->ptr, e);
	if (slice_eq(name, SLICE("tiers"))) {
		err = parse_word(name, value, tiers, &word, e);
		u->tier = (enum store_tier)word;
	} else if (slice_eq(name, SLICE("aliases"))) {
		err = parse_word(name, value, aliases, &word, e);
		u->aliases = (enum store_aliases)word;
	} else if (slice_eq(name, SLICE("layout"))) {
		err = parse_word(name, value, layouts, &word, e);
		u->layout = (enum store_layout)word;
	} else {
		*ret_known = false;
	}
	return err;
}

/* How an S3 service is spoken to. */
static enum err parse_s3(struct store_url *u, struct slice name, struct slice value,
			 bool *ret_known, struct error *e)
{
	static const struct word styles[] = {
		{"path", STYLE_PATH}, {"virtual", STYLE_VIRTUAL}, {NULL, 0}};
	static const struct word indexes[] = {
		{"auto", INDEX_AUTO}, {"on", INDEX_ON}, {"off", INDEX_OFF}, {NULL, 0}};
	static const struct word misses[] = {{"coded", false}, {"bare", true}, {NULL, 0}};
	enum err err = OK;
	int word = 0;

	if (slice_eq(name, SLICE("anonymous")))
		return parse_flag(name, value, &u->anonymous, e);
	if (slice_eq(name, SLICE("requester-pays")))
		return parse_flag(name, value, &u->requester_pays, e);
	if (slice_eq(name, SLICE("endpoint"))) {
		u->endpoint = value;
	} else if (slice_eq(name, SLICE("region"))) {
		u->region = value;
	} else if (slice_eq(name, SLICE("style"))) {
		err = parse_word(name, value, styles, &word, e);
		u->style = (enum store_style)word;
	} else if (slice_eq(name, SLICE("misses"))) {
		err = parse_word(name, value, misses, &word, e);
		u->bare_misses = word;
	} else if (slice_eq(name, SLICE("index"))) {
		err = parse_word(name, value, indexes, &word, e);
		u->index = (enum store_index_option)word;
	} else {
		*ret_known = false;
	}
	return err;
}

static enum err parse_option(struct store_url *u, struct slice name, struct slice value,
			     bool *ret_known, struct error *e)
{
	static const struct word cases[] = {{"lower", CASE_OPTION_LOWER},
					    {"asked", CASE_OPTION_ASKED},
					    {"both", CASE_OPTION_BOTH},
					    {NULL, 0}};
	enum err err = OK;
	int word = 0;

	*ret_known = true;
	if (slice_eq(name, SLICE("optional")))
		return parse_flag(name, value, &u->optional, e);
	if (slice_eq(name, SLICE("redirect")) && slice_eq(value, SLICE("any")) &&
	    slice_starts(u->scheme, SLICE("http"))) {
		u->follows_anywhere = true;
	} else if (slice_eq(name, SLICE("case"))) {
		err = parse_word(name, value, cases, &word, e);
		u->key_case = (enum store_case_option)word;
	} else if (slice_eq(name, SLICE("only"))) {
		u->only = value;
	} else if (slice_eq(name, SLICE("not"))) {
		u->not = value;
	} else {
		err = parse_contents(u, name, value, ret_known, e);
		if (!*ret_known && slice_eq(u->scheme, SLICE("s3"))) {
			*ret_known = true;
			err = parse_s3(u, name, value, ret_known, e);
		}
	}
	return err;
}

static enum err parse_query(struct store_url *u, struct slice query, struct error *e)
{
	bool http = slice_starts(u->scheme, SLICE("http"));
	struct buf rest CLEANUP(buf_fini) = BUF_MAX(URL_MAX);
	struct slice pair, name, value;
	bool known;

	while (slice_next(&query, '&', &pair)) {
		size_t eq = slice_find(pair, '=');
		enum err err;

		if (!decode(u, slice_head(pair, eq), &name) ||
		    !decode(u, slice_from(pair, eq + 1), &value))
			return err_set(e, ERR_USAGE, "invalid percent-encoding in the query");
		err = parse_option(u, name, value, &known, e);
		if (err)
			return err;
		if (!known && !http)
			return err_set(e, ERR_USAGE, "unknown store option '" SLICE_FMT "'",
				       SLICE_ARG(name));
		if (!known) {
			buf_puts(&rest, rest.n ? "&" : "");
			buf_add(&rest, pair);
		}
	}
	u->query = (struct slice){u->text.p + u->text.n, rest.n};
	buf_add(&u->text, buf_slice(&rest));
	return OK;
}

/* In a directory to look costs little, so that all is looked for there. */
static void set_defaults(struct store_url *u)
{
	bool file = slice_eq(u->scheme, SLICE("file"));

	u->forms = file ? STORE_FORMS_ALL : STORE_FORM_CAB;
	u->aliases = file ? ALIASES_ALL : ALIASES_AUTO;
	u->layout = slice_starts(u->scheme, SLICE("http")) ? LAYOUT_DEBUGINFOD : LAYOUT_SSQP;
}

static enum err parse_parts(struct store_url *u, struct slice url, struct error *e)
{
	size_t colon = slice_find(url, ':'), q, slash, at;
	struct slice rest, query, authority;

	u->scheme = slice_head(url, colon);
	set_defaults(u);
	rest = slice_from(url, colon + 1);
	if (!slice_starts(rest, SLICE("//")))
		return err_set(e, ERR_USAGE, "not a URL of the form scheme://...");
	rest = slice_from(rest, 2);
	q = slice_find(rest, '?');
	query = slice_from(rest, q + 1);
	rest = slice_head(rest, q);
	slash = slice_find(rest, '/');
	authority = slice_head(rest, slash);
	u->raw_path = slice_from(rest, slash);
	at = slice_rfind(authority, '@');
	if (at < authority.n) {
		if (!decode(u, slice_head(authority, at), &u->user_password))
			return err_set(e, ERR_USAGE, "invalid percent-encoding before '@'");
		authority = slice_from(authority, at + 1);
	}
	u->host = authority;
	if (!decode(u, u->raw_path, &u->path))
		return err_set(e, ERR_USAGE, "invalid percent-encoding in the path");
	if (slice_eq(u->scheme, SLICE("s3"))) {
		u->path = text_trim_slashes(u->path);
		if (!decode(u, authority, &u->host))
			return err_set(e, ERR_USAGE, "invalid percent-encoding in the bucket name");
	}
	return query.n ? parse_query(u, query, e) : OK;
}

enum err store_url_parse(struct slice url, struct store_url *ret, struct error *e)
{
	struct store_url u = {.text = BUF_MAX(3 * URL_MAX)};
	char *copy;
	enum err err;

	if (url.n > URL_MAX)
		return err_set(e, ERR_USAGE, "a store URL of more than %zu bytes", URL_MAX);
	copy = buf_reserve(&u.text, 3 * URL_MAX);
	ASSERT(copy);
	buf_add(&u.text, url);
	err = parse_parts(&u, (struct slice){copy, url.n}, e);
	if (err) {
		store_url_fini(&u);
		return err;
	}
	*ret = u;
	return OK;
}

void store_url_fini(struct store_url *u)
{
	buf_fini(&u->text);
}

bool store_url_host_valid(struct slice host)
{
	size_t bracket = slice_rfind(host, ']');
	size_t colon = slice_rfind(host, ':');
	uint64_t port;

	if (bracket < host.n && (colon < bracket || colon == host.n))
		return host.p[0] == '[' && bracket + 1 == host.n;
	if (colon == host.n)
		return host.n > 0;
	return colon > 0 && parse_u64(slice_from(host, colon + 1), UINT16_MAX, &port) && port > 0;
}

void store_url_name(const struct store_url *u, struct buf *out)
{
	struct slice path = u->raw_path;

	while (path.n && path.p[path.n - 1] == '/')
		path.n--;
	buf_add(out, u->scheme);
	buf_puts(out, "://");
	buf_add(out, u->host);
	buf_add(out, path);
}
