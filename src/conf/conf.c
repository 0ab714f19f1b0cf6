// SPDX-License-Identifier: MIT
/*
 * From text to struct conf in three steps: collect what the flags say (take_flags), then for each
 * row of options.def choose flag, variable or default and parse it (load_option), then settle the
 * two ways to name stores into one list (settle_stores). Nothing here knows an option by its name
 * but the last step.
 *
 * Messages begin with the flag or variable as the user wrote it. A value is quoted only when its
 * row is not SECRET, a stray argument only when it cannot be the rest of a secret, and an unknown
 * flag without its value.
 */
#include "conf/conf.h"

#include "base/text.h"
#include "conf/option.h"
#include "conf/value.h"

#include <limits.h>

#define QUOTE_MAX  64
#define BUCKET_MAX 255                 /* of the oldest buckets; a new one may have 63 */
#define URL_MAX    (3 * PATH_MAX + 64) /* a path with every byte escaped */

/*
 * The values of the flags, borrowed from argv; NULL where there was none. LISTs go straight to
 * conf.
 */
struct flags {
	const char *text[OPTION_ROWS];
};

/* A value fit for a message: one line, not too long, no control bytes. */
struct quote {
	char text[QUOTE_MAX];
};

static struct quote quote(struct slice s)
{
	struct quote q = {""};
	size_t n = MIN(s.n, sizeof(q.text) - 4);

	for (size_t i = 0; i < n; i++)
		q.text[i] = value_is_line((struct slice){s.p + i, 1}) ? s.p[i] : '?';
	if (n < s.n)
		memcpy(q.text + n, "...", 4);
	return q;
}

static void *field_of(struct conf *c, const struct option_row *o)
{
	return (char *)c + o->at;
}

/* Cut the next word off *s; false when only blanks are left. */
static bool next_word(struct slice *s, struct slice *ret_word)
{
	size_t n = 0;

	*s = slice_trim(*s);
	while (n < s->n && !strchr(" \t\r\n", s->p[n]))
		n++;
	*ret_word = slice_head(*s, n);
	*s = slice_from(*s, n);
	return n > 0;
}

/* Add copies of the words of s to the list; false when it gets too long. */
static bool add_words(char ***list, struct slice s)
{
	struct slice word;
	size_t n = 0;

	if (!*list)
		*list = xzalloc((CONF_LIST_MAX + 1) * sizeof(**list));
	while ((*list)[n])
		n++;
	for (; next_word(&s, &word); n++) {
		if (n == CONF_LIST_MAX)
			return false;
		(*list)[n] = xstrndup(word.p, word.n);
	}
	return true;
}

static bool parse_in_range(const struct option_row *o, struct slice s, uint64_t *ret)
{
	uint64_t min, max, v;

	if (!option_parse_number(o->kind, slice_of(o->min), &min) ||
	    !option_parse_number(o->kind, slice_of(o->max), &max) ||
	    !option_parse_number(o->kind, s, &v) || v < min || v > max)
		return false;
	*ret = v;
	return true;
}

static bool keep_string(bool valid, struct slice s, char **ret)
{
	if (s.n > 0 && !valid)
		return false;
	*ret = xstrndup(s.n ? s.p : "", s.n);
	return true;
}

static bool parse_value(const struct option_row *o, struct slice s, void *field)
{
	struct slice host;
	uint16_t port;

	switch (o->kind) {
	case OPTION_STRING: return keep_string(value_is_line(s), s, field);
	case OPTION_URL: return keep_string(value_is_url(s), s, field);
	case OPTION_ADDRESS: return keep_string(value_parse_address(s, &host, &port), s, field);
	case OPTION_PORT: return value_parse_port(s, field);
	case OPTION_LIST: return s.n == 0 || add_words(field, s);
	case OPTION_BOOL: return value_parse_bool(s, field);
	case OPTION_CHOICE: return value_parse_choice(s, o->form, field);
	case OPTION_COUNT:
	case OPTION_SIZE:
	case OPTION_TIME: return parse_in_range(o, s, field);
	}
	return false;
}

static const char *allowed(const struct option_row *o, struct buf *text)
{
	switch (o->kind) {
	case OPTION_STRING: return "one line of text";
	case OPTION_URL: return "an http:// or https:// URL";
	case OPTION_ADDRESS: return "an address as host:port";
	case OPTION_PORT: return "a port from 0 to 65535, or off";
	case OPTION_BOOL: return "on or off";
	case OPTION_LIST: buf_printf(text, "a list of at most %d", CONF_LIST_MAX); break;
	case OPTION_CHOICE: buf_printf(text, "one of %s", o->form); break;
	case OPTION_COUNT: buf_printf(text, "a number from %s to %s", o->min, o->max); break;
	case OPTION_SIZE: buf_printf(text, "a size from %s to %s", o->min, o->max); break;
	case OPTION_TIME: buf_printf(text, "a time from %s to %s", o->min, o->max); break;
	}
	return buf_str(text);
}

static enum err set_option(struct conf *c, const struct option_row *o, const char *from,
			   const char *text, struct error *e)
{
	struct buf range CLEANUP(buf_fini) = BUF_MAX(128);

	if (parse_value(o, slice_of(text), field_of(c, o)))
		return OK;
	if (o->flags & OPTION_SECRET)
		return err_set(e, ERR_USAGE, "%s: not %s", from, allowed(o, &range));
	return err_set(e, ERR_USAGE, "%s: '%s' is not %s", from, quote(slice_of(text)).text,
		       allowed(o, &range));
}

static enum err load_option(struct conf *c, const struct option_row *o, const char *flag_text,
			    struct error *e)
{
	const char *variable = getenv(o->name);
	char flag[OPTION_FLAG_MAX + 2] = "--";

	if (flag_text) {
		option_flag(o, flag + 2);
		return set_option(c, o, flag, flag_text, e);
	}
	/* A list that is there already came from its flags, which win. */
	if (o->kind == OPTION_LIST && *(char ***)field_of(c, o))
		return OK;
	if (variable && *variable)
		return set_option(c, o, o->name, variable, e);
	return set_option(c, o, "default", o->def, e);
}

static enum err unknown_flag(struct slice name, struct error *e)
{
	char near[OPTION_FLAG_MAX];

	if (option_nearest_flag(name, near))
		return err_set(e, ERR_USAGE, "--%s: no such flag; did you mean --%s?",
			       quote(name).text, near);
	return err_set(e, ERR_USAGE, "--%s: no such flag; --help lists them", quote(name).text);
}

static enum err keep_flag(struct conf *c, const struct option_row *o, const char *text,
			  struct flags *f, struct error *e)
{
	const char **kept = &f->text[o - option_rows];
	char flag[OPTION_FLAG_MAX + 2] = "--";

	option_flag(o, flag + 2);
	if (!text && o->kind == OPTION_BOOL)
		text = "on";
	if (!text)
		return err_set(e, ERR_USAGE, "%s: needs a value", flag);
	if (o->kind == OPTION_LIST)
		return set_option(c, o, flag, text, e);
	if (*kept)
		return err_set(e, ERR_USAGE, "%s: given twice", flag);
	*kept = text;
	return OK;
}

/* The one flag at argv[0], maybe with its value at argv[1]; how many of them it took. */
static enum err take_flag(struct conf *c, char *const argv[], struct flags *f, int *ret_taken,
			  struct error *e)
{
	struct slice arg = slice_from(slice_of(argv[0]), 2);
	struct slice name = slice_head(arg, slice_find(arg, '='));
	const struct switch_row *s = switch_by_flag(name);
	const struct option_row *o = option_by_flag(name);
	const char *text = name.n < arg.n ? name.p + name.n + 1 : NULL;

	*ret_taken = 1;
	if (s && text)
		return err_set(e, ERR_USAGE, "--%s: takes no value", s->flag);
	if (s) {
		*(bool *)((char *)c + s->at) = true;
		return OK;
	}
	if (!o)
		return unknown_flag(name, e);
	if (!text && argv[1] && !slice_starts(slice_of(argv[1]), SLICE("--"))) {
		text = argv[1];
		*ret_taken = 2;
	}
	return keep_flag(c, o, text, f, e);
}

static bool is_secret_flag(const char *arg)
{
	const struct option_row *o;
	struct slice s = slice_of(arg);

	if (!slice_starts(s, SLICE("--")))
		return false;
	s = slice_from(s, 2);
	o = option_by_flag(slice_head(s, slice_find(s, '=')));
	return o && o->flags & OPTION_SECRET;
}

static enum err stray_argument(char *const argv[], int at, struct error *e)
{
	for (int i = 0; i < at; i++)
		if (is_secret_flag(argv[i]))
			return err_set(e, ERR_USAGE, "argument %d is neither a flag nor its value",
				       at + 1);
	return err_set(e, ERR_USAGE, "'%s' is neither a flag nor its value",
		       quote(slice_of(argv[at])).text);
}

static enum err take_flags(struct conf *c, int argc, char *const argv[], struct flags *f,
			   struct error *e)
{
	enum err err = OK;
	int taken;

	for (int i = 0; i < argc && !err; i += taken) {
		if (!slice_starts(slice_of(argv[i]), SLICE("--"))) {
			if (i == 0 || strcmp(argv[i - 1], "--check") != 0 || !strchr(argv[i], '/'))
				return stray_argument(argv, i, e);
			c->check_path = argv[i];
			taken = 1;
			continue;
		}
		err = take_flag(c, argv + i, f, &taken, e);
	}
	return err;
}

/* Services allow different names, so only a text that no service allows is refused. */
static bool is_bucket_name(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f || strchr("/\\", s.p[i]))
			return false;
	return s.n > 0 && s.n <= BUCKET_MAX;
}

static enum err add_bucket(struct conf *c, struct error *e)
{
	struct buf url CLEANUP(buf_fini) = BUF_MAX(URL_MAX);
	struct slice prefix = text_trim_slashes(slice_of(c->path_prefix));

	if (!is_bucket_name(slice_of(c->s3_bucket)))
		return err_set(e, ERR_USAGE,
			       "S3_BUCKET: '%s' is not a bucket name: 1 to %d characters, without "
			       "blanks and slashes",
			       quote(slice_of(c->s3_bucket)).text, BUCKET_MAX);
	buf_puts(&url, "s3://");
	percent_encode(slice_of(c->s3_bucket), "", &url);
	buf_puts(&url, prefix.n ? "/" : "");
	percent_encode(prefix, "/", &url);
	if (buf_failed(&url))
		return err_set(e, ERR_USAGE, "PATH_PREFIX: too long");
	add_words(&c->stores, buf_slice(&url));
	c->stores_from = "S3_BUCKET";
	return OK;
}

static enum err add_default_store(struct conf *c, struct error *e)
{
	struct buf url CLEANUP(buf_fini) = BUF_MAX(URL_MAX);
	char cwd[PATH_MAX];
	struct slice dir;

	if (!getcwd(cwd, sizeof(cwd)))
		return err_sys(e, ERR_IO, "cannot tell the working directory");
	dir = text_trim_slashes(slice_of(cwd));
	buf_puts(&url, "file:///");
	percent_encode(dir, "/", &url);
	buf_puts(&url, dir.n ? "/symbols" : "symbols");
	add_words(&c->stores, buf_slice(&url));
	c->stores_from = "default";
	return OK;
}

static enum err settle_stores(struct conf *c, struct error *e)
{
	bool named = c->stores && c->stores[0];
	enum err err = OK;

	if (*c->s3_bucket && named)
		return err_set(e, ERR_USAGE,
			       "S3_BUCKET and STORES (--store) are both set: choose one");
	if (*c->path_prefix && !*c->s3_bucket)
		return err_set(e, ERR_USAGE, "PATH_PREFIX is set, but S3_BUCKET is not");
	c->stores_from = "STORES";
	if (*c->s3_bucket)
		err = add_bucket(c, e);
	else if (!named)
		err = add_default_store(c, e);
	while (c->stores && c->stores[c->n_stores])
		c->n_stores++;
	return err;
}

static enum err load(struct conf *c, int argc, char *const argv[], struct error *e)
{
	struct flags f = {{NULL}};
	enum err err = take_flags(c, argc, argv, &f, e);

	if (err || c->help || c->version)
		return err;
	for (size_t i = 0; i < ARRAY_LEN(option_rows); i++) {
		err = load_option(c, &option_rows[i], f.text[i], e);
		if (err)
			return err;
	}
	return settle_stores(c, e);
}

enum err conf_load(struct conf *c, int argc, char *const argv[], struct error *e)
{
	enum err err;

	*c = (struct conf){.n_stores = 0};
	err = load(c, argc, argv, e);
	if (err)
		conf_fini(c);
	return err;
}

static void free_list(char **list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}

void conf_fini(struct conf *c)
{
	for (size_t i = 0; i < ARRAY_LEN(option_rows); i++) {
		const struct option_row *o = &option_rows[i];

		switch (o->kind) {
		case OPTION_STRING:
		case OPTION_URL:
		case OPTION_ADDRESS: free(*(char **)field_of(c, o)); break;
		case OPTION_LIST: free_list(*(char ***)field_of(c, o)); break;
		case OPTION_PORT:
		case OPTION_BOOL:
		case OPTION_CHOICE:
		case OPTION_COUNT:
		case OPTION_SIZE:
		case OPTION_TIME: break;
		}
	}
	*c = (struct conf){.n_stores = 0};
}
