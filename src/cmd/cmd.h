// SPDX-License-Identifier: MIT
/* The subcommands. Each takes the arguments behind its name and returns the exit code. */
#pragma once

#define EXIT_USAGE 2 /* the settings are wrong: one line on standard error says how */

int serve_command(int argc, char *const argv[]);
