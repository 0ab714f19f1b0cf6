// SPDX-License-Identifier: MIT
#include "cmd/add_origin.h"

#include "tap.h"

struct row {
	const char *name;
	const char *variable[8]; /* names and values in turn */
	const char *given, *source;
};

static const char *get(void *ctx, const char *name)
{
	const char *const *v = ctx;

	while (*v && strcmp(*v, name) != 0)
		v += 2;
	return *v ? v[1] : NULL;
}

/* A plan is for all to read: it has no password. */
static struct row rows[] = {
	{"GitHub",
	 {"GITHUB_SERVER_URL", "https://x:ghs_1@github.com", "GITHUB_REPOSITORY", "a/b",
	  "GITHUB_SHA", "12"},
	 "",
	 "https://github.com/a/b@12"},
	{"GitLab",
	 {"CI_PROJECT_URL", "https://ci:glcbt@2@gitlab.example:8443/a/b", "CI_COMMIT_SHA", "12"},
	 "",
	 "https://gitlab.example:8443/a/b@12"},
	{"Azure",
	 {"BUILD_REPOSITORY_URI", "https://org:pat@dev.azure.com/o/p/_git/r", "BUILD_SOURCEVERSION",
	  "12"},
	 "",
	 "https://dev.azure.com/o/p/_git/r@12"},
	{"nobody there",
	 {"BUILD_REPOSITORY_URI", "https://h/@a", "BUILD_SOURCEVERSION", "12"},
	 "",
	 "https://h/@a@12"},
	{"a host alone",
	 {"BUILD_REPOSITORY_URI", "https://h", "BUILD_SOURCEVERSION", "12"},
	 "",
	 "https://h@12"},
	{"given",
	 {NULL},
	 "git+https://u:p@h/r and ssh://git@h2/r",
	 "git+https://h/r and ssh://h2/r"},
	{"no URL", {NULL}, "git@h:r", "git@h:r"},
	{"not told", {NULL}, "", ""},
};

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct plan plan = {.source = slice_of(rows[i].given)};

		add_origin(&plan, get, rows[i].variable);
		CHECK_SLICE(plan.source, rows[i].source, rows[i].name);
		plan_fini(&plan);
	}
	return tap_done();
}
