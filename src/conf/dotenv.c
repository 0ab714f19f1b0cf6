// SPDX-License-Identifier: MIT
/*
 * The parser works in place on a copy of the text: a value without its quotes and escapes is never
 * longer than it was with them, so each name and value ends up, NUL-terminated, where it stood.
 */
#include "conf/dotenv.h"
#include "conf/option.h"

#include "base/file.h"

#include <errno.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_name_byte(char c, bool first)
{
	char lower = ascii_lower(c);

	return (lower >= 'a' && lower <= 'z') || c == '_' || (!first && c >= '0' && c <= '9');
}

static char *skip_blanks(char *p)
{
	while (is_blank(*p))
		p++;
	return p;
}

/* Nothing but blanks and perhaps a comment. */
static bool is_rest(char *p)
{
	p = skip_blanks(p);
	return *p == '\0' || *p == '#';
}

/* "NAME" or "export NAME" and the "=": where the value begins, or NULL. */
static char *take_name(char *line, char **ret_name)
{
	char *name = line, *end;

	if (slice_starts(slice_of(line), SLICE("export")) && is_blank(line[6]))
		name = skip_blanks(line + 6);
	for (end = name; is_name_byte(*end, end == name); end++)
		;
	line = skip_blanks(end);
	if (end == name || *line != '=')
		return NULL;
	*end = '\0';
	*ret_name = name;
	return skip_blanks(line + 1);
}

static char unescape(char c)
{
	return c == 'n' ? '\n' : c == 'r' ? '\r' : c;
}

/* The value that begins with a quote at p, moved to where the quote was; false if it never ends. */
static bool take_quoted(char *p)
{
	char quote = *p, *to = p;

	for (p++; *p && *p != quote; p++) {
		if (quote == '"' && *p == '\\' && p[1])
			*to++ = unescape(*++p);
		else
			*to++ = *p;
	}
	if (*p == '\0' || !is_rest(p + 1))
		return false;
	*to = '\0';
	return true;
}

/* Ends before a comment, which begins after a blank, and the blanks in front of it. */
static void take_bare(char *p)
{
	char *end = p;

	for (; *p && !(*p == '#' && is_blank(p[-1])); p++)
		if (!is_blank(*p))
			end = p + 1;
	*end = '\0';
}

static const char *parse_line(char *line, struct dotenv *d)
{
	char *name, *value;

	line = skip_blanks(line);
	if (is_rest(line))
		return NULL;
	value = take_name(line, &name);
	if (!value)
		return "not of the form NAME=value";
	if (*value != '"' && *value != '\'')
		take_bare(value);
	else if (!take_quoted(value))
		return "text after the closing quote, or no closing quote";
	d->vars[d->n++] = (struct dotenv_var){name, value};
	return NULL;
}

/* Make the line at p a C string; where the next one begins. *end is the NUL of the whole text. */
static char *end_line(char *p, char *end)
{
	char *nl = memchr(p, '\n', (size_t)(end - p));
	char *next = nl ? nl + 1 : end;

	if (!nl)
		nl = end;
	*nl = '\0';
	if (nl > p && nl[-1] == '\r')
		nl[-1] = '\0';
	return next;
}

static size_t count_lines(struct slice s)
{
	size_t n = 1;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '\n';
	return n;
}

void dotenv_fini(struct dotenv *d)
{
	free(d->vars);
	free(d->text);
	*d = (struct dotenv){.n = 0};
}

enum err dotenv_parse(struct slice text, struct dotenv *ret, struct error *e)
{
	struct dotenv d CLEANUP(dotenv_fini) = {.n = 0};
	char *p, *next, *end;

	if (text.n > DOTENV_SIZE_MAX)
		return err_set(e, ERR_LIMIT, "more than %d bytes", DOTENV_SIZE_MAX);
	if (slice_find(text, '\0') < text.n)
		return err_set(e, ERR_USAGE, "not a text file");
	if (slice_starts(text, SLICE("\xef\xbb\xbf")))
		text = slice_from(text, 3);
	if (text.n == 0)
		text = SLICE("");
	d.text = xstrndup(text.p, text.n);
	d.vars = xzalloc(count_lines(text) * sizeof(*d.vars));
	end = d.text + text.n;
	p = d.text;
	for (int line = 1; p < end; line++, p = next) {
		const char *wrong;

		next = end_line(p, end);
		wrong = parse_line(p, &d);
		if (wrong)
			return err_set(e, ERR_USAGE, "line %d: %s", line, wrong);
	}
	*ret = d;
	d = (struct dotenv){.n = 0};
	return OK;
}

/* In the order of the file. */
static void tell_strays(const struct dotenv *d, void (*stray)(const char *name, const char *meant))
{
	for (size_t i = 0; stray && i < d->n; i++) {
		const char *meant = option_nearest_name(slice_of(d->vars[i].name));

		if (meant)
			stray(d->vars[i].name, meant);
	}
}

enum err dotenv_load_file(const char *path, void (*stray)(const char *name, const char *meant),
			  struct error *e)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX(DOTENV_SIZE_MAX);
	struct dotenv d CLEANUP(dotenv_fini) = {.n = 0};
	struct error why = {.code = OK};

	if (file_read_small(path, DOTENV_SIZE_MAX, &text, &why))
		return why.sys == ENOENT ? OK : err_set(e, why.code, "%s", why.msg);
	if (dotenv_parse(buf_slice(&text), &d, e))
		return err_wrap(e, "'%s'", path);
	tell_strays(&d, stray);
	/* Backwards, so that the last of equal names is the one that finds its place free. */
	while (d.n > 0) {
		d.n--;
		// NOLINTNEXTLINE(concurrency-mt-unsafe): dotenv.h asks for it
		if (setenv(d.vars[d.n].name, d.vars[d.n].value, 0))
			return err_sys(e, ERR_NOMEM, "setenv");
	}
	return OK;
}
