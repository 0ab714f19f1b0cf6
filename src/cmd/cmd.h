// SPDX-License-Identifier: MIT
/* The subcommands. Each takes the arguments behind its name and returns the exit code. */
#pragma once

#define EXIT_USAGE       2 /* the settings are wrong: one line on standard error says how */
#define EXIT_UNREACHABLE 4 /* a store could not be reached, or refused, before anything was done */

/* A variable of .env that looks like a misspelt setting, to standard error. */
void tell_stray(const char *name, const char *meant);

int serve_command(int argc, char *const argv[]);
int key_command(int argc, char *const argv[]);
int find_command(int argc, char *const argv[]);
int export_command(int argc, char *const argv[]);
