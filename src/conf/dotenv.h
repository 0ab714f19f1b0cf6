// SPDX-License-Identifier: MIT
/*
 * Files of settings as foreman and the dotenv libraries read them:
 *
 *	# a comment
 *	S3_BUCKET=symbols
 *	export PATH_PREFIX = 'in single quotes $all is literal'
 *	CACHE_CONTROL="\n, \r, \" and \\ are escapes"   # as is any other byte after a backslash
 *	BASE_PATH=/a#b         # a comment begins after a blank
 *
 * Lines end in LF or CRLF, nothing is expanded, a value is one line, the last of several equal
 * names wins, and a byte order mark at the start is passed over.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"

#define DOTENV_SIZE_MAX 65536 /* bytes of a file */

struct dotenv_var {
	const char *name;
	const char *value;
};

struct dotenv {
	struct dotenv_var *vars; /* in the order of the file */
	size_t n;
	char *text; /* the text that they point into */
};

/*
 * Pure. ERR_USAGE with the number of the first line that is not of this form, and never with its
 * content, which may be a secret; ERR_LIMIT above DOTENV_SIZE_MAX. Then *ret is untouched.
 */
MUST_CHECK enum err dotenv_parse(struct slice text, struct dotenv *ret, struct error *e);
void dotenv_fini(struct dotenv *d);

/*
 * Put the file's variables into the environment, but for those that are there already. A missing
 * file is fine; of a file with an error nothing is taken. Call it before there are threads.
 * stray(), unless NULL, is told each variable that is none of our settings but has nearly the name
 * of one.
 */
MUST_CHECK enum err dotenv_load_file(const char *path,
				     void (*stray)(const char *name, const char *meant),
				     struct error *e);
