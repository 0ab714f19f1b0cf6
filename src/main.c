// SPDX-License-Identifier: MIT
/*
 * pepto-symbol: debug symbols out of object storage, to every debugger.
 *
 * The front door. The house, in the order in which its parts may know each other:
 *
 *	base/	slices, buffers, errors, the log, the event loop, threads
 *	conf/	the settings, one table
 *	metric/	the counters, one table
 *	symfmt/	what symbol files are, and the keys that name them
 *	codec/	cabinets, gzip, zstd, SZDD
 *	store/	S3 buckets, directories, other symbol servers behind one asynchronous interface
 *	cache/	what is known: files at rest, misses
 *	flight/	what is on its way, once for everybody; what is made of it
 *	publish/ what a symbol file is, and where it belongs
 *	serve/	the HTTP server: request, lookup, respond
 *	cmd/	the subcommands: cmd/serve.c starts the server
 *
 * ARCHITECTURE.md has the words, the way of a request, and where to change what.
 *
 * Without a subcommand the program serves when PORT, S3_BUCKET or STORES is set, as its
 * predecessor did.
 */
#include "base/slice.h"
#include "cmd/cmd.h"
#include "cmd/help.h"
#include "conf/dotenv.h"

#include <stdio.h>

static const struct {
	const char *name;
	int (*run)(int argc, char *const argv[]);
} commands[] = {
	{"serve", serve_command},   {"key", key_command},       {"find", find_command},
	{"ls", ls_command},         {"export", export_command}, {"check", check_command},
	{"get", get_command},       {"verify", verify_command}, {"rm", rm_command},
	{"expire", expire_command}, {"help", help_command},     {"add", add_command},
};

static bool wants_to_serve(void)
{
	static const char *const names[] = {"PORT", "S3_BUCKET", "STORES"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *value = getenv(names[i]);

		if (value && value[0])
			return true;
	}
	return false;
}

static int without_subcommand(int argc, char *const argv[])
{
	struct error e;

	if (dotenv_load_file(".env", NULL, &e) != OK) {
		fprintf(stderr, "pepto-symbol: %s\n", e.msg);
		return EXIT_USAGE;
	}
	if (wants_to_serve())
		return serve_command(argc - 1, argv + 1);
	if (dotenv_load_file(".env", tell_stray, &e) == OK)
		help_print(stderr);
	return EXIT_USAGE;
}

int main(int argc, char *argv[])
{
	const char *name = argc > 1 ? argv[1] : "";

	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
		help_print(stdout);
		return EXIT_SUCCESS;
	}
	if (strcmp(name, "--version") == 0) {
		printf("pepto-symbol %s\n", PEPTO_VERSION);
		return EXIT_SUCCESS;
	}
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(name, commands[i].name) == 0)
			return commands[i].run(argc - 2, argv + 2);
	if (name[0] == '-' || !name[0])
		return without_subcommand(argc, argv);
	fprintf(stderr, "pepto-symbol: '%s' is not a command; see pepto-symbol --help\n", name);
	return EXIT_USAGE;
}
