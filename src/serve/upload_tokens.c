// SPDX-License-Identifier: MIT
/* See upload_tokens.h. What a client presents is compared with every token, also after a match. */
#include "serve/upload_tokens.h"
#include "base/text.h"
#include "serve/auth.h"

struct upload_token {
	char *label;         /* owned */
	struct slice secret; /* owned */
	char *globs;         /* owned; separated by blanks; "": all */
};

struct upload_tokens {
	size_t n;
	struct upload_token token[AUTH_TOKENS_MAX];
};

void upload_tokens_free(struct upload_tokens *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++) {
		char *p = (char *)t->token[i].secret.p;

		explicit_bzero(p, t->token[i].secret.n);
		free(p);
		free(t->token[i].label);
		free(t->token[i].globs);
	}
	free(t);
}

/* Cut the next word off *s. */
static struct slice next_word(struct slice *s)
{
	struct slice word;
	size_t n = 0;

	*s = slice_trim(*s);
	while (n < s->n && s->p[n] != ' ' && s->p[n] != '\t')
		n++;
	word = slice_head(*s, n);
	*s = slice_trim(slice_from(*s, n));
	return word;
}

static bool is_label(struct slice s)
{
	if (!s.n || s.n > UPLOAD_LABEL_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '!' || s.p[i] > '~' || s.p[i] == '"' || s.p[i] == '\\')
			return false;
	return true;
}

static enum err judge(const struct upload_tokens *t, struct slice label, struct slice secret,
		      size_t number, struct error *e)
{
	bool visible = true;

	for (size_t i = 0; i < secret.n; i++)
		visible &= secret.p[i] > ' ' && secret.p[i] < 0x7f;
	if (!is_label(label))
		return err_set(e, ERR_USAGE,
			       "line %zu: the label is not of 1 to %d visible ASCII characters",
			       number, UPLOAD_LABEL_MAX);
	if (!secret.n)
		return err_set(e, ERR_USAGE, "line %zu: there is no token behind the label",
			       number);
	if (secret.n < AUTH_TOKEN_MIN || secret.n > AUTH_TOKEN_MAX)
		return err_set(e, ERR_USAGE, "line %zu: the token is not of %d to %d characters",
			       number, AUTH_TOKEN_MIN, AUTH_TOKEN_MAX);
	if (!visible)
		return err_set(e, ERR_USAGE,
			       "line %zu: the token has a character that is not ASCII", number);
	for (size_t i = 0; i < t->n; i++)
		if (slice_eq(label, slice_of(t->token[i].label)) ||
		    slice_eq(secret, t->token[i].secret))
			return err_set(e, ERR_USAGE, "line %zu: its label or token stands before",
				       number);
	if (t->n == AUTH_TOKENS_MAX)
		return err_set(e, ERR_USAGE, "more than %d tokens", AUTH_TOKENS_MAX);
	return OK;
}

static enum err add_line(struct upload_tokens *t, struct slice line, size_t number, struct error *e)
{
	struct slice label = next_word(&line), secret = next_word(&line);
	enum err err = judge(t, label, secret, number, e);

	if (err)
		return err;
	t->token[t->n++] = (struct upload_token){
		.label = xstrndup(label.p, label.n),
		.secret = {xstrndup(secret.p, secret.n), secret.n},
		.globs = xstrndup(line.n ? line.p : "", line.n),
	};
	return OK;
}

static bool next_line(struct slice *text, bool is_setting, struct slice *ret)
{
	struct slice rest = *text;
	size_t n = 0;

	if (!rest.p)
		return false;
	while (n < rest.n && rest.p[n] != '\n' && !(is_setting && rest.p[n] == ';'))
		n++;
	*ret = slice_trim(slice_head(rest, n));
	*text = slice_from(rest, n + 1);
	return true;
}

enum err upload_tokens_parse(struct slice text, bool is_setting, struct upload_tokens **ret,
			     struct error *e)
{
	struct upload_tokens *t = xnew(struct upload_tokens);
	struct slice line;
	enum err err = OK;

	for (size_t number = 1; !err && next_line(&text, is_setting, &line); number++)
		if (line.n && line.p[0] != '#')
			err = add_line(t, line, number, e);
	if (!err && !t->n)
		err = err_set(e, ERR_USAGE, "there is no token in it");
	if (err)
		upload_tokens_free(t);
	else
		*ret = t;
	return err;
}

struct search {
	const struct upload_tokens *tokens;
	size_t found; /* 1 + which; 0: none */
};

static bool look_for(void *ud, struct slice secret)
{
	struct search *s = ud;

	for (size_t i = 0; i < s->tokens->n; i++) {
		size_t is_it = (size_t)equal_secret(secret, s->tokens->token[i].secret);

		s->found |= (0 - is_it) & (i + 1);
	}
	return s->found;
}

const struct upload_token *upload_tokens_check(const struct upload_tokens *t,
					       struct slice authorization, struct slice key)
{
	struct search s = {.tokens = t};

	if (key.n)
		(void)look_for(&s, key);
	else
		(void)auth_shows(authorization, look_for, &s);
	return s.found ? &t->token[s.found - 1] : NULL;
}

const char *upload_token_label(const struct upload_token *t)
{
	return t->label;
}

bool upload_token_may(const struct upload_token *t, struct slice name)
{
	struct slice globs = slice_of(t->globs), glob = next_word(&globs);

	if (!glob.n)
		return true;
	for (; glob.n; glob = next_word(&globs))
		if (fold_glob(name, glob, false))
			return true;
	return false;
}

struct slice upload_tokens_secret(const struct upload_tokens *t, size_t which)
{
	return which < t->n ? t->token[which].secret : SLICE_NONE;
}

bool upload_tokens_mention(const struct upload_tokens *t, struct slice text)
{
	for (size_t i = 0; i < t->n; i++)
		if (auth_has_secret(text, t->token[i].secret))
			return true;
	return false;
}
