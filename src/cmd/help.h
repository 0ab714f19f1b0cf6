// SPDX-License-Identifier: MIT
/*
 * Everything that is said about commands and settings, printed from conf/options.def and
 * conf/notes.def: the help texts, and the generated parts of the documentation, which
 * tools/settings.sh writes into the tree. Plain text without colour, at most 80 columns.
 */
#pragma once
#include <stdio.h>

/* pepto-symbol --help: one screen. */
void help_print(FILE *f);
/* pepto-symbol serve --help: every setting, store URLs, AWS's variables. */
void help_print_settings(FILE *f);
/* The settings section of README.md. */
void help_print_markdown(FILE *f);
/* The whole man page, in roff. */
void help_print_man(FILE *f);
/* The completion for bash. */
void help_print_completion(FILE *f);
/*
 * pepto-symbol help [settings|markdown|man|completion], argv beginning after "help", to standard
 * output. The exit code: 0, 1 when it could not be written, 2 for an unknown topic.
 */
int help_command(int argc, char *const argv[]);
