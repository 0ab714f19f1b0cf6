// SPDX-License-Identifier: MIT
/* The subcommands. Each takes the arguments behind its name and returns the exit code. */
#pragma once

/* Besides EXIT_SUCCESS, and EXIT_FAILURE: something that was asked for was not done. */
#define EXIT_USAGE    2 /* the settings are wrong: one line on standard error says how */
#define EXIT_CONFLICT 3 /* another file lies where one was to be put */
#define EXIT_UNREACHABLE                                                                           \
	4 /* a store gave no answer; of what writes, only before anything was written */
#define EXIT_INTERRUPTED 130

/* Of two exit codes the one that counts: 130, 2, 4, 1, 3, 0 in this order. */
int exit_code_worse(int a, int b);

/* A variable of .env that looks like a misspelt setting, to standard error. */
void tell_stray(const char *name, const char *meant);

int serve_command(int argc, char *const argv[]);
int key_command(int argc, char *const argv[]);
int find_command(int argc, char *const argv[]);
int export_command(int argc, char *const argv[]);
int add_command(int argc, char *const argv[]);
int ls_command(int argc, char *const argv[]);
int check_command(int argc, char *const argv[]);
int get_command(int argc, char *const argv[]);
int verify_command(int argc, char *const argv[]);
int rm_command(int argc, char *const argv[]);
int expire_command(int argc, char *const argv[]);
