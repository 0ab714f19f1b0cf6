// SPDX-License-Identifier: MIT
/* See drafts.h. */
#include "publish/drafts.h"

#include "base/file.h"
#include "store/dir_sweep.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

static int open_root(const struct store *s)
{
	return open(dir_store_path(s), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

size_t drafts_sweep(const struct store *s, const struct plan *plan)
{
	int root CLEANUP(close_p) = open_root(s);
	struct slice last = SLICE_NONE;
	size_t n = 0;

	for (size_t i = 0; i < plan->files && root >= 0; i++) {
		struct slice key = plan->file[i].key,
			     folder = slice_head(key, slice_rfind(key, '/'));
		char path[PATH_MAX];

		if (folder.n == key.n || folder.n >= sizeof(path) ||
		    (last.n && slice_eq(folder, last)))
			continue; /* it was looked at just now */
		last = folder;
		(void)snprintf(path, sizeof(path), SLICE_FMT, SLICE_ARG(folder));
		n += dir_sweep(root, path);
	}
	return n;
}

size_t drafts_sweep_ours(const struct store *s)
{
	int root CLEANUP(close_p) = open_root(s);
	char path[] = TX_FOLDER;

	path[sizeof(path) - 2] = '\0'; /* its slash */
	return root >= 0 ? dir_sweep(root, path) : 0;
}
