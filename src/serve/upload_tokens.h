// SPDX-License-Identifier: MIT
/*
 * Who may upload. A line each: a label, which the log and the plan tell, a token, and globs of the
 * names that it may publish (none: all), separated by blanks:
 *
 *	app-ci   3f9a12bc5d7e8801   app*.pdb app*.dll _.debug
 *
 * Such a token does not let its bearer read, and those that do (auth.h) do not let in here. Times
 * of a check as there. A struct upload_tokens does not change once it is made: any thread.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"

#define UPLOAD_LABEL_MAX 64

struct upload_tokens;
struct upload_token;

/*
 * Lines end at a newline, of a setting also at a semicolon; an empty one and what begins with #
 * counts for nothing. ERR_USAGE, without a token in the message, when a line is no such line, a
 * label or a token stands twice, and when there is none at all.
 */
MUST_CHECK enum err upload_tokens_parse(struct slice text, bool is_setting,
					struct upload_tokens **ret, struct error *e);
void upload_tokens_free(struct upload_tokens *t); /* accepts NULL */
/* Whose token is it? NULL: nobody's. authorization: Basic or Bearer; key: of X-NuGet-ApiKey. */
const struct upload_token *upload_tokens_check(const struct upload_tokens *t,
					       struct slice authorization, struct slice key);
const char *upload_token_label(const struct upload_token *t);
/* May its bearer publish a file of that name? */
bool upload_token_may(const struct upload_token *t, struct slice name);
/* The which-th token; SLICE_NONE beyond the last. */
struct slice upload_tokens_secret(const struct upload_tokens *t, size_t which);
/* Does one of them stand in text, in any case? Then text is not to be logged. */
bool upload_tokens_mention(const struct upload_tokens *t, struct slice text);
