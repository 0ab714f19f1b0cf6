// SPDX-License-Identifier: MIT
/* Which of the places that may be named is taken, and which are passed over. */
#include "conf/conf.h"

#include "tap.h"
#include <limits.h>
#include <pwd.h>

static char long_path[PATH_MAX] = "/";

static void set(const char *name, const char *value)
{
	if (value)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

struct given {
	const char *dir, *service, *xdg, *home;
};

static char *resolve(const struct given *g)
{
	char *dir CLEANUP(free_p) = xstrdup(g->dir);
	struct conf c = {.cache_dir = dir};

	set("CACHE_DIRECTORY", g->service);
	set("XDG_CACHE_HOME", g->xdg);
	set("HOME", g->home);
	return conf_cache_dir(&c);
}

static void test_order(void)
{
	static const struct {
		struct given given;
		const char *want;
		const char *name;
	} t[] = {
		{{"/a", "/s", "/x", "/h"}, "/a", "the setting wins"},
		{{"a/b", "/s", "/x", "/h"}, "a/b", "and may be relative"},
		{{"./off", "/s", "/x", "/h"}, "./off", "a directory of that name"},
		{{"offset", "/s", "/x", "/h"}, "offset", "off is a whole word"},
		{{"off", "/s", "/x", "/h"}, NULL, "off"},
		{{"OFF", "/s", "/x", "/h"}, NULL, "in any case"},
		{{"", "/s", "/x", "/h"}, "/s", "systemd's, which is ours alone"},
		{{"", "/s:/t", "/x", "/h"}, "/s", "the first of several"},
		{{"", "", "/x", "/h"}, "/x/pepto-symbol", "an empty one counts as not set"},
		{{"", ":/t", "/x", "/h"}, "/x/pepto-symbol", "so does an empty first"},
		{{"", "s", "/x", "/h"}, "/x/pepto-symbol", "and a relative one"},
		{{"", NULL, "/x", "/h"}, "/x/pepto-symbol", "XDG"},
		{{"", NULL, "x", "/h"}, "/h/.cache/pepto-symbol", "XDG wants absolute paths"},
		{{"", NULL, "", "/h"}, "/h/.cache/pepto-symbol", "and not none"},
		{{"", NULL, NULL, "/h"}, "/h/.cache/pepto-symbol", "home"},
		{{"", NULL, long_path, "/h"}, "/h/.cache/pepto-symbol", "a path too long"},
		{{"", NULL, NULL, long_path}, NULL, "everywhere"},
	};

	memset(long_path + 1, 'x', sizeof(long_path) - 2);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		char *got CLEANUP(free_p) = resolve(&t[i].given);

		CHECK_STR(got ? got : "none", t[i].want ? t[i].want : "none", t[i].name);
	}
}

/* What the user database says, when HOME says nothing of use. */
static void test_no_home(void)
{
	static const char *const homes[] = {NULL, "", "relative"};
	const struct passwd *pw = getpwuid(geteuid());
	char want[PATH_MAX] = "none";

	if (pw && *pw->pw_dir == '/')
		snprintf(want, sizeof(want), "%s/.cache/pepto-symbol", pw->pw_dir);
	for (size_t i = 0; i < ARRAY_LEN(homes); i++) {
		char *got CLEANUP(free_p) = resolve(&(struct given){"", NULL, NULL, homes[i]});

		CHECK_STR(got ? got : "none", want, "home of the user database");
	}
}

int main(void)
{
	test_order();
	test_no_home();
	return tap_done();
}
