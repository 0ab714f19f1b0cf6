// SPDX-License-Identifier: MIT
/* See auth.h. What a client presents is compared with every token, also after a match. */
#include "serve/auth.h"
#include "base/text.h"

struct auth {
	size_t n;
	struct slice token[AUTH_TOKENS_MAX]; /* owned */
};

struct auth *auth_new(void)
{
	return xnew(struct auth);
}

void auth_free(struct auth *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->n; i++) {
		char *p = (char *)a->token[i].p;

		explicit_bzero(p, a->token[i].n);
		free(p);
	}
	free(a);
}

static bool is_visible(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f)
			return false;
	return true;
}

/* where and number say which token is meant, since the token itself may not be shown. */
static enum err add_token(struct auth *a, struct slice token, const char *where, size_t number,
			  struct error *e)
{
	if (token.n < AUTH_TOKEN_MIN)
		return err_set(e, ERR_USAGE, "%s %zu: token is shorter than %d characters", where,
			       number, AUTH_TOKEN_MIN);
	if (token.n > AUTH_TOKEN_MAX)
		return err_set(e, ERR_USAGE, "%s %zu: token is longer than %d characters", where,
			       number, AUTH_TOKEN_MAX);
	if (!is_visible(token))
		return err_set(e, ERR_USAGE,
			       "%s %zu: token has a blank, or a character that is not ASCII", where,
			       number);
	if (a->n == AUTH_TOKENS_MAX)
		return err_set(e, ERR_USAGE, "more than %d tokens", AUTH_TOKENS_MAX);
	a->token[a->n++] = (struct slice){xstrndup(token.p, token.n), token.n};
	return OK;
}

static bool is_separator(char c)
{
	return c == ',' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

enum err auth_add_list(struct auth *a, struct slice list, struct error *e)
{
	size_t number = 0;

	while (list.n) {
		struct slice token = list;
		size_t n = 0;
		enum err err;

		while (n < list.n && !is_separator(list.p[n]))
			n++;
		list = slice_from(list, n + 1);
		if (n == 0)
			continue;
		err = add_token(a, slice_head(token, n), "token", ++number, e);
		if (err)
			return err;
	}
	return number ? OK : err_set(e, ERR_USAGE, "no token in the list");
}

enum err auth_add_file(struct auth *a, struct slice content, struct error *e)
{
	size_t number = 0, found = 0;
	struct slice line;

	while (slice_next(&content, '\n', &line)) {
		enum err err;

		number++;
		line = slice_trim(line);
		if (line.n == 0 || line.p[0] == '#')
			continue;
		err = add_token(a, line, "line", number, e);
		if (err)
			return err;
		found++;
	}
	return found ? OK : err_set(e, ERR_USAGE, "no token in the file");
}

static bool is_token(const struct auth *a, struct slice presented)
{
	unsigned found = 0;

	for (size_t i = 0; i < a->n; i++)
		found |= (unsigned)equal_secret(presented, a->token[i]);
	return found;
}

static bool is_token_of(void *ud, struct slice presented)
{
	return is_token(ud, presented);
}

/* user:password; without a colon the password is empty, as no token is. */
static bool show_password(struct slice encoded, bool (*is_it)(void *ud, struct slice secret),
			  void *ud)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX((size_t)2 * AUTH_TOKEN_MAX);
	struct slice pair;
	bool ok;

	/* Room for all of it at once, so that growth leaves no copies behind. */
	if (!buf_reserve(&text, encoded.n / 4 * 3 + 3))
		return false;
	ok = base64_decode(encoded, &text);
	pair = buf_slice(&text);
	ok = ok && is_it(ud, slice_from(pair, slice_find(pair, ':') + 1));
	explicit_bzero(text.p, text.cap);
	return ok;
}

bool auth_shows(struct slice authorization, bool (*is_it)(void *ud, struct slice secret), void *ud)
{
	struct slice s = slice_trim(authorization);
	size_t at = slice_find(s, ' ');
	struct slice scheme = slice_head(s, at), value = slice_trim(slice_from(s, at));

	if (slice_eq_nocase(scheme, SLICE("basic")))
		return show_password(value, is_it, ud);
	return slice_eq_nocase(scheme, SLICE("bearer")) && is_it(ud, value);
}

static bool check_header(const struct auth *a, struct slice authorization)
{
	return auth_shows(authorization, is_token_of, (void *)(uintptr_t)a);
}

/*
 * The path's digits may come in any case; only a token of lower-case hex can equal them once
 * they are lower-cased.
 */
static bool check_path(const struct auth *a, struct slice path_token)
{
	char lower[AUTH_TOKEN_MAX];
	bool ok;

	if (path_token.n > sizeof(lower))
		return false;
	for (size_t i = 0; i < path_token.n; i++) {
		if (hex_digit(path_token.p[i]) < 0)
			return false;
		lower[i] = ascii_lower(path_token.p[i]);
	}
	ok = is_token(a, (struct slice){lower, path_token.n});
	explicit_bzero(lower, sizeof(lower));
	return ok;
}

enum auth_way auth_check(const struct auth *a, struct slice authorization, struct slice path_token)
{
	bool by_header = check_header(a, authorization), by_path = check_path(a, path_token);

	return by_path ? AUTH_BY_PATH : by_header ? AUTH_BY_HEADER : AUTH_DENIED;
}

bool auth_has(const struct auth *a, struct slice token)
{
	return is_token(a, token);
}

size_t auth_header_only(const struct auth *a)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++)
		n += !check_path(a, a->token[i]);
	return n;
}

bool auth_has_secret(struct slice text, struct slice secret)
{
	for (size_t at = 0; secret.n && at + secret.n <= text.n; at++)
		if (slice_starts_nocase(slice_from(text, at), secret))
			return true;
	return false;
}

bool auth_mentions(const struct auth *a, struct slice text, size_t min)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->token[i].n >= min && auth_has_secret(text, a->token[i]))
			return true;
	return false;
}
