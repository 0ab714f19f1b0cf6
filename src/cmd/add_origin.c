// SPDX-License-Identifier: MIT
/* See add_origin.h. */
#include "cmd/add_origin.h"

#include "base/text.h"

#include <stdio.h>

/* Values in a row, with what stands before each; all of them are there, or it is the next service's turn. */
struct piece {
	const char *before, *name;
};

struct origin_row {
	size_t field; /* of struct plan */
	struct piece piece[3];
};

static const struct origin_row rows[] = {
	{offsetof(struct plan, product), {{"", "GITHUB_REPOSITORY"}}},
	{offsetof(struct plan, product), {{"", "CI_PROJECT_PATH"}}},
	{offsetof(struct plan, product), {{"", "BUILD_REPOSITORY_NAME"}}},
	{offsetof(struct plan, version), {{"", "GITHUB_REF_NAME"}, {" #", "GITHUB_RUN_NUMBER"}}},
	{offsetof(struct plan, version), {{"", "CI_COMMIT_REF_NAME"}, {" #", "CI_PIPELINE_IID"}}},
	{offsetof(struct plan, version), {{"", "BUILD_BUILDNUMBER"}}},
	{offsetof(struct plan, source),
	 {{"", "GITHUB_SERVER_URL"}, {"/", "GITHUB_REPOSITORY"}, {"@", "GITHUB_SHA"}}},
	{offsetof(struct plan, source), {{"", "CI_PROJECT_URL"}, {"@", "CI_COMMIT_SHA"}}},
	{offsetof(struct plan, source),
	 {{"", "BUILD_REPOSITORY_URI"}, {"@", "BUILD_SOURCEVERSION"}}},
	{offsetof(struct plan, user), {{"", "GITHUB_ACTOR"}}},
	{offsetof(struct plan, user), {{"", "GITLAB_USER_LOGIN"}}},
	{offsetof(struct plan, user), {{"", "BUILD_REQUESTEDFOR"}}},
	{offsetof(struct plan, user), {{"", "USER"}}},
};

static bool join(const struct origin_row *row, const char *(*get)(void *ctx, const char *name),
		 void *ctx, struct buf *out)
{
	for (size_t i = 0; i < ARRAY_LEN(row->piece) && row->piece[i].name; i++) {
		const char *value = get(ctx, row->piece[i].name);

		if (!value || !value[0])
			return false;
		size_t at;

		buf_puts(out, row->piece[i].before);
		at = out->n;
		buf_puts(out, value);
		text_cut_users(out, at); /* each runner clones by a token of its own */
	}
	return true;
}

static void cut_users(struct plan *plan, struct slice *field)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX(PLAN_TEXT_MAX);

	buf_add(&text, *field);
	text_cut_users(&text, 0);
	if (field->n && !buf_failed(&text))
		*field = plan_text(plan, buf_slice(&text));
}

void add_origin(struct plan *plan, const char *(*get)(void *ctx, const char *name), void *ctx)
{
	cut_users(plan, &plan->source);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice *field = (struct slice *)((char *)plan + rows[i].field);
		struct buf text CLEANUP(buf_fini) = BUF_MAX((size_t)64 * 1024);

		if (!field->n && join(&rows[i], get, ctx, &text))
			*field = plan_text(plan, buf_slice(&text));
	}
}
