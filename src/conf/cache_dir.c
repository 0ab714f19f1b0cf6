// SPDX-License-Identifier: MIT
/*
 * Where the cache is: the one setting whose default depends on the user that runs the program. See
 * conf.h.
 */
#include "conf/conf.h"

#include <limits.h>
#include <pwd.h>
#include <stdio.h>

#define PASSWD_TEXT_MAX 4096

static bool is_absolute(const char *path)
{
	return path && *path == '/';
}

/* The first of the directories that systemd has made for the service; NULL when it has none. */
static char *dir_of_service(void)
{
	struct slice all = slice_of(getenv("CACHE_DIRECTORY"));
	struct slice first = slice_head(all, slice_find(all, ':'));

	return first.n && *first.p == '/' ? xstrndup(first.p, first.n) : NULL;
}

static char *dir_below(const char *parent, const char *name)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s", parent, name);

	return n < (int)sizeof(path) ? xstrdup(path) : NULL;
}

static char *dir_in_home(void)
{
	const char *home = getenv("HOME");
	char text[PASSWD_TEXT_MAX];
	struct passwd pw, *found = NULL;

	if (!is_absolute(home) && getpwuid_r(geteuid(), &pw, text, sizeof(text), &found) == 0)
		home = found ? found->pw_dir : NULL;
	return is_absolute(home) ? dir_below(home, ".cache/pepto-symbol") : NULL;
}

char *conf_cache_dir(const struct conf *c)
{
	const char *caches = getenv("XDG_CACHE_HOME");
	char *dir;

	if (slice_eq_nocase(slice_of(c->cache_dir), SLICE("off")))
		return NULL;
	if (*c->cache_dir)
		return xstrdup(c->cache_dir);
	dir = dir_of_service();
	if (!dir && is_absolute(caches))
		dir = dir_below(caches, "pepto-symbol");
	return dir ? dir : dir_in_home();
}
