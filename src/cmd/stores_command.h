// SPDX-License-Identifier: MIT
/*
 * What commands have in common that ask stores for something and end: their words and flags besides the settings,
 * the stores, the exit code. Main thread.
 */
#pragma once
#include "cmd/service.h"
#include "store/name_list.h"

#include <stdio.h>

#define STORES_FLAGS_MAX 16

/* What stands behind the command's name, settings apart. */
struct stores_words {
	const char **word;
	size_t n;
	unsigned set;                        /* a bit for each of the command's flags */
	const char *value[STORES_FLAGS_MAX]; /* of those with a value, as given last; else NULL */
	struct {
		unsigned flag;
		const char *value;
	} * given; /* all values, in their order */
	size_t n_given;
};

struct stores_flag {
	const char *name; /* without its dashes */
	char letter;      /* -o; 0: none */
	bool has_value;
};

struct stores_command {
	const char *name;
	const char *word; /* what its words are, "GLOB" */
	size_t words_min, words_max;
	const struct stores_flag *flags; /* of its own; a name of NULL at the end */
	void (*help)(FILE *f);
	/* Returns the exit code. */
	int (*run)(struct service *s, const struct stores_words *w);
};

/* pepto-symbol find --help; export --help */
void help_print_find(FILE *f);
void help_print_export(FILE *f);
void help_print_ls(FILE *f);
void help_print_check(FILE *f);
void help_print_get(FILE *f);
void help_print_verify(FILE *f);
void help_print_rm(FILE *f);
void help_print_expire(FILE *f);
void help_print_add(FILE *f);

/* argv: behind the command's name. Returns the exit code. */
int stores_command_run(const struct stores_command *command, int argc, char *const argv[]);

/* "pepto-symbol find: s3://bucket: access denied", as it is safe to show on a terminal. */
void stores_command_tell(const struct stores_command *command, const struct store *store,
			 const char *what);
/* The same of a failure, but for that nobody reads what is printed any more. Returns the exit code. */
int stores_command_broke_off(const struct stores_command *command, const struct store *store,
			     const struct error *e);
/* The exit code, where a store could not be asked at all. */
int stores_command_failed(const struct stores_command *command, const struct store *store,
			  const struct error *e);
/* The store that is written to. ERR_USAGE: there is none, or it has to be chosen by --store. */
MUST_CHECK enum err stores_command_writable(const struct service *s, struct store **ret,
					    struct error *e);
/* What writes and failed: interrupted, begun and not done, or not even begun since the store gave no answer. */
int exit_code_of_write(const struct error *e, bool any_written);
/* A string of JSON, quotes included. False: bytes that are no UTF-8 stand in it as U+0080 to U+00FF. */
bool json_string_add(struct slice s, struct buf *out);
/* "size":1,"modified":"2026-11-30T07:00:00Z" as members of an object; what is not told is left out. */
void json_fact_add(const struct name_fact *fact, struct buf *out);
/* "key":"foo.pdb/...", and its bytes in hex where that does not tell them. */
void json_key_add(const char *name, struct slice key, struct buf *out);
/* Was all of it written? */
MUST_CHECK enum err stdout_flush(struct error *e);
