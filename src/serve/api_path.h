// SPDX-License-Identifier: MIT
/*
 * A path of a file that somebody tells in a question of /-/api/: read as that of a request is (request.h), and held to the
 * same gates. Any thread.
 */
#pragma once
#include "serve/server_priv.h"
#include "serve/symbol_path.h"

enum api_path {
	API_PATH_FILE,
	API_PATH_NONE,    /* no path of a file; what the server answers by itself */
	API_PATH_REFUSED, /* no store is ever asked for it */
	API_PATH_NOMEM,
};

/*
 * As a client sends it, percent-escapes and all: with or without a slash before it, or a whole URL, of which only the path
 * counts; base path and token are taken off. *ret is symbol_path_fini()'s in any case, and not to be shown unless it
 * is FILE.
 */
enum api_path api_path_of_target(const struct server *s, struct slice target,
				 struct symbol_path *ret);
/* As text: "foo.pdb/KEY/foo.pdb". */
enum api_path api_path_of_text(const struct server *s, struct slice text, struct symbol_path *ret);
