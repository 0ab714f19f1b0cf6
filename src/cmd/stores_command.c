// SPDX-License-Identifier: MIT
/* See stores_command.h. All that is no word or flag of the command is a setting, as it is to serve. */
#include "cmd/stores_command.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "conf/dotenv.h"
#include "conf/option.h"
#include "store/write.h"

#include <errno.h>
#include <signal.h>

struct arguments {
	char **settings; /* of argv, NULL at the end */
	int n;
	struct stores_words words;
	bool help;
};

/* ---- the arguments ---- */

static bool is_flag(const struct stores_flag *f, const char *argument)
{
	size_t n = strlen(f->name);

	if (argument[0] == '-' && f->letter && argument[1] == f->letter)
		return !argument[2];
	return strncmp(argument, "--", 2) == 0 && strncmp(argument + 2, f->name, n) == 0 &&
	       (!argument[2 + n] || (f->has_value && argument[2 + n] == '='));
}

/* The command's own flag at argv[i]; its value may be the next one, *ret_next is behind all that. */
static enum err take_own(const struct stores_command *c, char *const argv[], int i, int *ret_next,
			 struct arguments *a, struct error *e)
{
	const char *given = strncmp(argv[i], "--", 2) == 0 ? strchr(argv[i], '=') : NULL;

	*ret_next = i;
	for (unsigned which = 0; c->flags[which].name; which++) {
		const struct stores_flag *f = &c->flags[which];

		if (!is_flag(f, argv[i]))
			continue;
		a->words.set |= 1U << which;
		*ret_next = i + (f->has_value && !given ? 2 : 1);
		if (f->has_value)
			a->words.value[which] = given ? given + 1 : argv[i + 1];
		if (f->has_value && !a->words.value[which])
			return err_set(e, ERR_USAGE, "%s needs a value; see --help", argv[i]);
		if (f->has_value) {
			a->words.given[a->words.n_given].flag = which;
			a->words.given[a->words.n_given++].value = a->words.value[which];
		}
		break;
	}
	return OK;
}

static bool takes_value(struct slice flag, const char *next)
{
	const struct option_row *o = option_by_flag(flag);

	if (!next || slice_starts(slice_of(next), SLICE("--")))
		return false;
	/* Of an unknown one conf.c complains. */
	return !o ||
	       !(o->kind == OPTION_BOOL && strcmp(next, "on") != 0 && strcmp(next, "off") != 0);
}

static enum err take_word(const struct stores_command *c, const char *word, struct arguments *a,
			  struct error *e)
{
	if (!c->words_max)
		return err_set(e, ERR_USAGE, "'%.100s' is one word too many; see --help", word);
	if (a->words.n == c->words_max)
		return err_set(e, ERR_USAGE,
			       "one %s at a time, in quotes where a shell would expand it",
			       c->word);
	a->words.word[a->words.n++] = word;
	return OK;
}

static enum err take_arguments(const struct stores_command *c, int argc, char *const argv[],
			       struct arguments *a, struct error *e)
{
	enum err err = OK;
	int next;

	a->settings = xzalloc(((size_t)argc + 1) * sizeof(*a->settings));
	a->words.word = xzalloc(((size_t)argc + 1) * sizeof(*a->words.word));
	a->words.given = xzalloc(((size_t)argc + 1) * sizeof(*a->words.given));
	for (int i = 0; i < argc && !err; i++) {
		struct slice flag = slice_from(slice_of(argv[i]), 2);

		err = take_own(c, argv, i, &next, a, e);
		if (err || next > i) {
			i = next - 1;
		} else if (!slice_starts(slice_of(argv[i]), SLICE("--"))) {
			err = take_word(c, argv[i], a, e);
		} else if (slice_eq(flag, SLICE("help"))) {
			a->help = true;
		} else if (slice_eq(flag, SLICE("check")) || slice_eq(flag, SLICE("version"))) {
			err = err_set(e, ERR_USAGE, "%s: no such flag; see --help", argv[i]);
		} else {
			a->settings[a->n++] = argv[i];
			if (takes_value(flag, argv[i + 1]))
				a->settings[a->n++] = argv[++i];
		}
	}
	return err;
}

/* ---- running ---- */

static int complain(const struct stores_command *c, const struct error *e)
{
	stores_command_tell(c, NULL, e->msg);
	return e->code == ERR_USAGE ? EXIT_USAGE : EXIT_FAILURE;
}

static int run(const struct stores_command *c, const struct arguments *a, struct conf *conf)
{
	struct service service = {0};
	struct error e = {OK, 0, ""};
	int code;

	conf->check = true; /* nothing is kept */
	log_setup(LOG_ERROR, (enum log_format)conf->log_format, STDERR_FILENO);
	signal(SIGPIPE,
	       SIG_IGN); /* a connection's, or that of standard output, whose end is an error */
	if (service_default_store(conf, &e) == OK && service_init(&service, conf, &e) == OK &&
	    loop_start(service.loop, "pepto-loop", &e) == OK)
		code = c->run(&service, &a->words);
	else
		code = complain(c, &e);
	if (!service_fini(&service))
		_exit(code);
	return code;
}

static enum err load_settings(const struct stores_command *c, const struct arguments *a,
			      struct conf *conf, struct error *e)
{
	if (dotenv_load_file(".env", tell_stray, e) != OK ||
	    conf_load(conf, a->n, a->settings, e) != OK)
		return e->code;
	return a->words.n < c->words_min ? err_set(e, ERR_USAGE, "needs a %s; see --help", c->word)
					 : OK;
}

int stores_command_run(const struct stores_command *c, int argc, char *const argv[])
{
	struct arguments a = {0};
	struct conf conf = {0};
	struct error e;
	int code = EXIT_SUCCESS;
	enum err err = take_arguments(c, argc, argv, &a, &e);

	if (!err && a.help)
		c->help(stdout);
	else if (!err && load_settings(c, &a, &conf, &e) == OK)
		code = run(c, &a, &conf);
	else
		code = complain(c, &e);
	conf_fini(&conf);
	free(a.settings);
	free(a.words.word);
	free(a.words.given);
	return code;
}

/* ---- what they say ---- */

int exit_code_worse(int a, int b)
{
	static const int order[] = {EXIT_INTERRUPTED, EXIT_USAGE, EXIT_UNREACHABLE, EXIT_FAILURE,
				    EXIT_CONFLICT};

	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		if (a == order[i] || b == order[i])
			return order[i];
	return EXIT_SUCCESS;
}

void stores_command_tell(const struct stores_command *c, const struct store *store,
			 const char *what)
{
	struct buf line CLEANUP(buf_fini) = BUF_MAX(16384),
			shown CLEANUP(buf_fini) = BUF_MAX(65536);

	buf_printf(&line, "pepto-symbol %s: %s%s%s", c->name, store ? store->traits.name : "",
		   store ? ": " : "", what);
	text_show(buf_slice(&line), &shown);
	fprintf(stderr, "%s\n", buf_str(&shown));
}

int stores_command_broke_off(const struct stores_command *c, const struct store *store,
			     const struct error *e)
{
	if (e->sys != EPIPE)
		stores_command_tell(c, store, e->msg);
	return EXIT_FAILURE;
}

int stores_command_failed(const struct stores_command *c, const struct store *store,
			  const struct error *e)
{
	struct buf why CLEANUP(buf_fini) = BUF_MAX(8192);

	buf_puts(&why, e->msg);
	if (e->code == ERR_DENIED)
		buf_puts(&why, " (listing a bucket needs s3:ListBucket)");
	stores_command_tell(c, store, buf_str(&why));
	return EXIT_UNREACHABLE;
}

enum err stores_command_writable(const struct service *s, struct store **ret, struct error *e)
{
	enum err err = store_writable(s->stores.store, s->stores.n, ret, e);

	return err ? err_wrap(e, "say which by --store") : OK;
}

int exit_code_of_write(const struct error *e, bool any_written)
{
	switch (e->code) {
	case ERR_CANCELED: return EXIT_INTERRUPTED;
	case ERR_CORRUPT:
	case ERR_LIMIT:
	case ERR_USAGE:
	case ERR_NOMEM: return EXIT_FAILURE;
	default: return any_written ? EXIT_FAILURE : EXIT_UNREACHABLE;
	}
}

bool json_string_add(struct slice s, struct buf *out)
{
	char escaped[TEXT_ESCAPE_SIZE];
	bool whole = true;

	buf_putc(out, '"');
	while (s.n) {
		size_t n = text_escape(s, escaped);

		if (*s.p == '"' || *s.p == '\\')
			buf_putc(out, '\\');
		whole &= !(escaped[0] && n == 1 && (unsigned char)*s.p >= 0x80);
		if (escaped[0])
			buf_puts(out, escaped);
		else
			buf_add(out, slice_head(s, n));
		s = slice_from(s, n);
	}
	buf_putc(out, '"');
	return whole;
}

void json_key_add(const char *name, struct slice key, struct buf *out)
{
	char *hex;

	buf_printf(out, "\"%s\":", name);
	if (json_string_add(key, out))
		return;
	hex = xzalloc(2 * key.n + 1);
	hex_encode((const unsigned char *)key.p, key.n, hex);
	buf_printf(out, ",\"%s_hex\":\"%s\"", name, hex);
	free(hex);
}

void json_fact_add(const struct name_fact *fact, struct buf *out)
{
	char text[ISO_DATE_LEN];

	buf_printf(out, ",\"size\":%lld", (long long)fact->size);
	if (fact->modified_s <= 0)
		return;
	iso_date_format(fact->modified_s, text);
	buf_printf(out, ",\"modified\":\"%s\"", text);
}

enum err stdout_flush(struct error *e)
{
	if (fflush(stdout) != 0 || ferror(stdout))
		return err_sys(e, ERR_IO, "standard output cannot be written");
	return OK;
}
