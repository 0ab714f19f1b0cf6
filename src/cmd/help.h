// SPDX-License-Identifier: MIT
/*
 * What the program says about its commands and settings, printed from conf/options.def and
 * conf/notes.def (from which tools/settings.py writes docs/settings.md, the man page and the shell
 * completion). Plain text without colour, at most 80 columns.
 */
#pragma once
#include <stdio.h>

/* pepto-symbol --help: one screen. */
void help_print(FILE *f);
/* pepto-symbol serve --help: every setting, store URLs, AWS's variables. */
void help_print_settings(FILE *f);
/*
 * pepto-symbol help [settings|key|find|export], argv beginning after "help", to standard output. The exit code: 0,
 * 1 when it could not be written, 2 for an unknown topic.
 */
int help_command(int argc, char *const argv[]);
