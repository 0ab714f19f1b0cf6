// SPDX-License-Identifier: MIT
/* The generated documentation: README table, man page, bash completion. See help.h. */
#include "base/slice.h"
#include "cmd/help.h"
#include "conf/option.h"

/* A code span in a table cell, where GitHub wants bars escaped even inside the span. */
static void md_code(FILE *f, const char *text)
{
	if (!*text)
		return;
	fputc('`', f);
	for (; *text; text++)
		fprintf(f, "%s%c", *text == '|' ? "\\" : "", *text);
	fputc('`', f);
}

static void md_option(FILE *f, const struct option_row *o)
{
	char flag[OPTION_FLAG_MAX];

	option_flag(o, flag);
	fprintf(f, "| `%s` | ", o->name);
	md_code(f, o->def);
	fputs(" | ", f);
	if (*o->max)
		fprintf(f, "%s to %s", o->min, o->max);
	else
		md_code(f, o->form);
	fprintf(f, " | %s%s%s%s |\n", o->help, o->kind == OPTION_LIST ? " As a flag: `--" : "",
		o->kind == OPTION_LIST ? flag : "", o->kind == OPTION_LIST ? "`, repeatable." : "");
}

static void md_group(FILE *f, enum option_group group)
{
	fprintf(f, "\n**%s**\n\n| Setting | Default | Allowed | Meaning |\n|---|---|---|---|\n",
		option_group_title(group));
	for (size_t i = 0; i < ARRAY_LEN(option_rows); i++)
		if (option_rows[i].group == group)
			md_option(f, &option_rows[i]);
}

static void md_row(FILE *f, const char *code, const char *middle, const char *text)
{
	fputs("| ", f);
	md_code(f, code);
	fprintf(f, "%s%s | %s |\n", *middle ? " | " : "", middle, text);
}

/* Several names, each in its own code span. */
static void md_names(FILE *f, const char *names, const char *text)
{
	struct slice rest = slice_of(names), name;
	const char *before = "| ";

	for (; slice_next(&rest, ' ', &name); before = ", ")
		fprintf(f, "%s`" SLICE_FMT "`", before, SLICE_ARG(name));
	fprintf(f, " | %s |\n", text);
}

void help_print_markdown(FILE *f)
{
	fputs("Each setting is a variable in the environment or in a file `.env` in the working\n"
	      "directory, or a flag: `PORT=5000` or `--port 5000`. The flag wins over the\n"
	      "environment, the environment over the file; an empty variable counts as not set.\n"
	      "Sizes are written `45056`, `44KiB`, `1m`, `10gb`, all in steps of 1024; times "
	      "`500ms`, `8s`, `2m`, `1h`.\n",
	      f);
	for (enum option_group g = 0; g < GROUP_COUNT; g++)
		md_group(f, g);
	fputs("\n**Stores**\n\n| Store URL | Meaning |\n|---|---|\n", f);
#define STORE(url, help) md_row(f, url, "", help);
#include "conf/notes.def"
	fputs("\nOptions stand behind the URL: "
	      "`s3://bucket/prefix?region=eu-west-1&optional=true`.\n"
	      "\n| Store option | For | Meaning |\n|---|---|---|\n",
	      f);
#define STORE_OPTION(text, scheme, help) md_row(f, text, scheme, help);
#include "conf/notes.def"
	fputs("\nAWS's own variables mean what they mean to the AWS CLI.\n"
	      "\n| Variable | Meaning |\n|---|---|\n",
	      f);
#define AWS(names, help) md_names(f, names, help);
#include "conf/notes.def"
}

/* Text of a man page: names keep their dashes as dashes, a backslash stays one. */
static void roff_text(FILE *f, const char *text)
{
	for (; *text; text++)
		switch (*text) {
		case '\\': fputs("\\e", f); break;
		case '-': fputs("\\-", f); break;
		case '\'': fputs("\\(aq", f); break;
		default: fputc(*text, f);
		}
}

/* A tagged paragraph: the tag bold, what follows it plain. */
static void roff_tag(FILE *f, const char *tag, const char *plain)
{
	fputs(".TP\n\\fB", f);
	roff_text(f, tag);
	fputs("\\fR", f);
	roff_text(f, plain);
	fputc('\n', f);
}

static void roff_entry(FILE *f, const char *tag, const char *text)
{
	roff_tag(f, tag, "");
	roff_text(f, text);
	fputc('\n', f);
}

static void roff_option(FILE *f, const struct option_row *o)
{
	char flag[OPTION_FLAG_MAX + 2] = "--";

	option_flag(o, flag + 2);
	fputs(".TP\n\\fB", f);
	roff_text(f, o->name);
	fputs("\\fR, \\fB", f);
	roff_text(f, flag);
	fputs("\\fR \\fI", f);
	roff_text(f, o->form);
	fputs("\\fR\n", f);
	roff_text(f, o->help);
	if (*o->def)
		fprintf(f, "\nDefault %s", o->def);
	if (*o->max)
		fprintf(f, ", from %s to %s", o->min, o->max);
	fputs(*o->def ? ".\n" : "\n", f);
}

static void roff_settings(FILE *f)
{
	fputs(".SH SETTINGS\n"
	      "Each setting is a variable in the environment or in a file \\fI.env\\fR in the\n"
	      "working directory, or a flag of \\fBserve\\fR. The flag wins over the environment,\n"
	      "the environment over the file; an empty variable counts as not set. Sizes are\n"
	      "written 45056, 44KiB, 1m, 2g; times 500ms, 8s, 2m, 1h.\n",
	      f);
	for (enum option_group g = 0; g < GROUP_COUNT; g++) {
		fprintf(f, ".SS %s\n", option_group_title(g));
		for (size_t i = 0; i < ARRAY_LEN(option_rows); i++)
			if (option_rows[i].group == g)
				roff_option(f, &option_rows[i]);
	}
	fputs(".SS Flags alone\n", f);
#define SWITCH(field, help) roff_entry(f, "--" #field, help);
#include "conf/options.def"
}

static void roff_notes(FILE *f)
{
	fputs(".SH STORES\n", f);
#define STORE(url, help) roff_entry(f, url, help);
#include "conf/notes.def"
	fputs(".PP\nOptions stand behind the URL, as in\n"
	      ".BR s3://bucket/prefix?region=eu\\-west\\-1&optional=true :\n",
	      f);
#define STORE_OPTION(text, scheme, help)                                                           \
	roff_tag(f, text, " (" scheme ")");                                                        \
	roff_text(f, help);                                                                        \
	fputc('\n', f);
#include "conf/notes.def"
	fputs(".SH ENVIRONMENT\n"
	      "Besides the settings, AWS's own variables; they mean what they mean to the AWS\n"
	      "CLI.\n",
	      f);
#define AWS(names, help) roff_entry(f, names, help);
#include "conf/notes.def"
}

void help_print_man(FILE *f)
{
	fputs(".\\\" Made by \"pepto-symbol help man\".\n"
	      ".TH PEPTO\\-SYMBOL 1 \"\" \"pepto\\-symbol " PEPTO_VERSION "\" \"User Commands\"\n"
	      ".SH NAME\n"
	      "pepto\\-symbol \\- symbol server for S3 buckets\n"
	      ".SH SYNOPSIS\n"
	      ".B pepto\\-symbol serve\n"
	      ".RI [ \"flag value\" ]...\n"
	      ".br\n"
	      ".B pepto\\-symbol help\n"
	      ".RB [ settings | markdown | man | completion ]\n"
	      ".br\n"
	      ".B pepto\\-symbol \\-\\-help\n"
	      "|\n"
	      ".B \\-\\-version\n"
	      ".SH DESCRIPTION\n"
	      "Serves debug symbols (PDB, EXE, DLL and others) out of S3 buckets, directories and\n"
	      "other symbol servers to WinDbg, Visual Studio, LLDB and every other client of the\n"
	      "symbol server protocol, whatever case they ask in.\n"
	      "Without a command it serves when PORT, S3_BUCKET or STORES is set.\n",
	      f);
	roff_settings(f);
	roff_notes(f);
	fputs(".SH EXIT STATUS\n"
	      ".TP\n.B 0\nStopped by SIGTERM or SIGINT, or done.\n"
	      ".TP\n.B 1\nSomething failed; the last line on standard error says what.\n"
	      ".TP\n.B 2\nA setting or a flag is wrong; the line on standard error names it.\n"
	      ".SH EXAMPLES\n"
	      ".nf\n"
	      "S3_BUCKET=my\\-symbols pepto\\-symbol serve\n"
	      "pepto\\-symbol serve \\-\\-store file:///srv/symbols \\-\\-port 8080\n"
	      "pepto\\-symbol serve \\-\\-store s3://my\\-symbols \\-\\-check\n"
	      ".fi\n",
	      f);
}

/* What may follow the flag, when that is not one of the flags again. */
static void completion_case(FILE *f, const struct option_row *o)
{
	char flag[OPTION_FLAG_MAX];

	option_flag(o, flag);
	fprintf(f, "\t--%s) ", flag);
	if (o->kind == OPTION_CHOICE || o->kind == OPTION_BOOL) {
		fputs("words='", f);
		for (const char *p = o->form; *p; p++)
			fputc(*p == '|' ? ' ' : *p, f);
		fputs("' ;;\n", f);
	} else if (strcmp(o->form, "FILE") == 0) {
		fputs("mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); return ;;\n", f);
	} else {
		fputs("return ;;\n", f);
	}
}

void help_print_completion(FILE *f)
{
	char flag[OPTION_FLAG_MAX];

	fputs("# shellcheck shell=bash\n"
	      "# Completion of pepto-symbol for bash. Made by \"pepto-symbol help completion\".\n"
	      "_pepto_symbol() {\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words=''\n"
	      "\n"
	      "\tcase $prev in\n"
	      "\tpepto-symbol | */pepto-symbol) words='serve help --help --version' ;;\n"
	      "\thelp) words='settings markdown man completion' ;;\n",
	      f);
	for (size_t i = 0; i < ARRAY_LEN(option_rows); i++)
		completion_case(f, &option_rows[i]);
	fputs("\t*) words='", f);
	for (size_t i = 0; i < ARRAY_LEN(option_rows); i++) {
		option_flag(&option_rows[i], flag);
		fprintf(f, "--%s ", flag);
	}
	for (size_t i = 0; i < ARRAY_LEN(switch_rows); i++)
		fprintf(f, "--%s%s", switch_rows[i].flag, i + 1 < SWITCH_ROWS ? " " : "' ;;\n");
	fputs("\tesac\n"
	      "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
	      "}\n"
	      "complete -F _pepto_symbol pepto-symbol\n",
	      f);
}
