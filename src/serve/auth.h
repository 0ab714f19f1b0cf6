// SPDX-License-Identifier: MIT
/*
 * Who may read: everyone who knows one of the access tokens. A token comes as the password of
 * Basic (any user), as Bearer, or in the path, /t/<token>/, for debuggers that can send no header.
 * Some of those lower-case the path (cdb), so only tokens of lower-case hex digits work there.
 *
 * The time of a check depends on the number and the lengths of what is compared, never on where
 * they differ, and no token appears in an error message. Memory that held one is wiped. A struct
 * auth does not change once it is filled: many threads may check against it.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"

#define AUTH_TOKEN_MIN  8 /* characters; shorter ones can be guessed over the net */
#define AUTH_TOKEN_MAX  512
#define AUTH_TOKENS_MAX 1024

struct auth;

struct auth *auth_new(void);
void auth_free(struct auth *a);
/*
 * Add the tokens of a setting (separated by blanks or commas), or of a file (one per line; lines
 * that begin with # are comments). ERR_USAGE when a token is too short, too long, or not of visible
 * ASCII characters, and when there is none at all: an operator who wants a lock does not get an
 * open door.
 */
MUST_CHECK enum err auth_add_list(struct auth *a, struct slice list, struct error *e);
MUST_CHECK enum err auth_add_file(struct auth *a, struct slice content, struct error *e);
/* By what a client is let in. */
enum auth_way {
	AUTH_DENIED,
	AUTH_NOT_ASKED, /* everybody may read; those that follow have shown that they may */
	AUTH_BY_CERTIFICATE,
	AUTH_BY_HEADER,
	AUTH_BY_PATH, /* also when both did */
};

/* authorization is the header's value, path_token what request.h found; n == 0 for neither. */
MUST_CHECK enum auth_way auth_check(const struct auth *a, struct slice authorization,
				    struct slice path_token);
/* is_it() of what a client shows by Basic, the password, or by Bearer; false: by neither. */
bool auth_shows(struct slice authorization, bool (*is_it)(void *ud, struct slice secret), void *ud);
/* Is it one of the tokens? */
bool auth_has(const struct auth *a, struct slice token);
/* How many tokens work in a header only, since they are not of lower-case hex digits. */
size_t auth_header_only(const struct auth *a);
/*
 * Does one of the tokens, of that length at least, stand in text, in any case? Then text is not to
 * be logged.
 */
bool auth_mentions(const struct auth *a, struct slice text, size_t min);
/* Shorter ones can be guessed, and may stand in the name of a file. */
#define AUTH_SECRET_MIN 16
/* Does the text hold this one, in whatever case? Never an empty one. */
bool auth_has_secret(struct slice text, struct slice secret);
