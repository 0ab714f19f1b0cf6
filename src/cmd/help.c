// SPDX-License-Identifier: MIT
/*
 * The help texts for the terminal; the docs, man page and completion are written by
 * tools/settings.py.
 */
#include "cmd/help.h"

#include "base/slice.h"
#include "cmd/key.h"
#include "cmd/stores_command.h"
#include "conf/option.h"

#define COLUMNS 80

typedef void (*print_fn)(FILE *f);

/* The commands with a help of their own, in the order in which --help has them. */
static const struct {
	const char *name;
	print_fn print;
	const char *what; /* NULL: no command */
} topics[] = {
	{"settings", help_print_settings, NULL},
	{"key", help_print_key, "Tell the keys of symbol files, and of what they want."},
	{"add", help_print_add, "Publish symbol files into a store, as one transaction."},
	{"ls", help_print_ls, "Print the transactions of the stores, or the files of one."},
	{"check", help_print_check, "Tell whether a debugger would find all that a file wants."},
	{"get", help_print_get, "Fetch it into a directory that is a store for a debugger."},
	{"verify", help_print_verify, "Tell whether what was published is still there, and right."},
	{"find", help_print_find, "Print the names in the stores, or the keys below them."},
	{"rm", help_print_rm, "Remove transactions; expire: those that have had their time."},
	{"expire", help_print_expire, NULL},
	{"export", help_print_export, "Print all keys of the stores as lines of JSON."},
};

/*
 * Print text in words from column at on, and go on in column indent wherever it would pass
 * COLUMNS; ends the line.
 */
static void put_wrapped(FILE *f, size_t at, size_t indent, const char *text)
{
	struct slice rest = slice_of(text), word;
	const char *gap = "";

	while (slice_next(&rest, ' ', &word)) {
		if (*gap && at + 1 + word.n > COLUMNS) {
			fprintf(f, "\n%*s", (int)indent, "");
			at = indent;
			gap = "";
		}
		fprintf(f, "%s" SLICE_FMT, gap, SLICE_ARG(word));
		at += strlen(gap) + word.n;
		gap = " ";
	}
	fputc('\n', f);
}

/* "  name   text", the text in a column of its own; below the name when that is too wide. */
static void put_entry(FILE *f, const char *name, size_t column, const char *text)
{
	fprintf(f, "  %s", name);
	if (strlen(name) + 3 > column)
		fprintf(f, "\n%*s", (int)column, "");
	else
		fprintf(f, "%*s", (int)(column - strlen(name) - 2), "");
	put_wrapped(f, column, column, text);
}

/* "  --port N                       PORT (5000; 0 to 65535)" and the sentence below it. */
static void put_option(FILE *f, const struct option_row *o)
{
	char flag[OPTION_FLAG_MAX];
	int n;

	option_flag(o, flag);
	n = fprintf(f, "  --%s %s", flag, o->form);
	fprintf(f, "%*s%s", MAX(36 - n, 2), "", o->name);
	if (*o->max)
		fprintf(f, " (%s; %s to %s)", o->def, o->min, o->max);
	else if (*o->def)
		fprintf(f, " (%s)", o->def);
	fprintf(f, "\n      ");
	put_wrapped(f, 6, 6, o->help);
}

static void put_group(FILE *f, enum option_group group)
{
	fprintf(f, "\n%s\n", option_group_title(group));
	for (size_t i = 0; i < ARRAY_LEN(option_rows); i++)
		if (option_rows[i].group == group)
			put_option(f, &option_rows[i]);
}

void help_print(FILE *f)
{
	fputs("pepto-symbol " PEPTO_VERSION ": a symbol server for S3 buckets\n\n"
	      "usage: pepto-symbol COMMAND [--flag value]...\n"
	      "       pepto-symbol help [settings|COMMAND]\n"
	      "       pepto-symbol --help | --version\n\n"
	      "Commands:\n",
	      f);
	put_entry(f, "serve", 20,
		  "Answer debuggers from the stores. This is also what happens without a command "
		  "when PORT, S3_BUCKET or STORES is set.");
	for (size_t i = 0; i < ARRAY_LEN(topics); i++)
		if (topics[i].what)
			put_entry(f, topics[i].name, 20, topics[i].what);
	fputc('\n', f);
	put_wrapped(f, 0, 0,
		    "A setting is a variable in the environment or in a file .env in the working "
		    "directory, or a flag of serve with the same name: PORT=5000 or --port 5000. "
		    "The flag wins. The most used:");
	for (size_t i = 0; i < ARRAY_LEN(option_rows); i++)
		if (option_rows[i].flags & OPTION_BASIC)
			put_entry(f, option_rows[i].name, 20, option_rows[i].help);
	fputs("\n'pepto-symbol serve --help' explains them all. A first server:\n"
	      "  S3_BUCKET=my-symbols pepto-symbol serve\n",
	      f);
}

void help_print_settings(FILE *f)
{
	fputs("usage: pepto-symbol serve [--flag value | --flag=value]...\n\n", f);
	put_wrapped(f, 0, 0,
		    "Each setting is a flag or a variable in the environment or in a file .env in "
		    "the working directory; the flag wins over the environment, the environment "
		    "over the file. Defaults and ranges are in parentheses. Sizes: 44KiB, 1m, 2g. "
		    "Times: 500ms, 8s, 2m, 1h.");
	for (enum option_group g = 0; g < GROUP_COUNT; g++)
		put_group(f, g);
	fputs("\nFlags alone\n", f);
#define SWITCH(field, help) put_entry(f, "--" #field, 16, help);
#include "conf/options.def"
	fputs("\nStores\n", f);
#define STORE(url, help) put_entry(f, url, 24, help);
#include "conf/notes.def"
	fputs("\nStore options, as in s3://bucket/prefix?region=eu-west-1&optional=true\n", f);
#define STORE_OPTION(text, scheme, help) put_entry(f, text, 24, help);
#include "conf/notes.def"
	fputs("\nAWS's own variables, which mean what they mean to the AWS CLI\n", f);
#define AWS(names, help)                                                                           \
	fputs("  ", f);                                                                            \
	put_wrapped(f, 2, 2, names);                                                               \
	fprintf(f, "      %s\n", help);
#include "conf/notes.def"
}

int help_command(int argc, char *const argv[])
{
	print_fn print = argc ? NULL : help_print;

	for (size_t i = 0; i < ARRAY_LEN(topics); i++)
		if (argc == 1 && strcmp(argv[0], topics[i].name) == 0)
			print = topics[i].print;
	if (!print) {
		fputs("pepto-symbol help: settings, a command, or nothing\n", stderr);
		return 2;
	}
	print(stdout);
	if (fflush(stdout) || ferror(stdout)) {
		perror("pepto-symbol help");
		return 1;
	}
	return 0;
}
