// SPDX-License-Identifier: MIT
/* See dir_sweep.h. */
#include "store/dir_sweep.h"

#include "base/file.h"
#include "store/dir_draft.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define DRAFT_BEGINS ".pepto-"
#define DRAFT_DIGITS 16

bool dir_is_draft(const char *name)
{
	const char *digits = name + sizeof(DRAFT_BEGINS) - 1;

	return strncmp(name, DRAFT_BEGINS, sizeof(DRAFT_BEGINS) - 1) == 0 &&
	       strlen(digits) == DRAFT_DIGITS && strspn(digits, "0123456789abcdef") == DRAFT_DIGITS;
}

void dir_remove_folders(int root, char *path)
{
	while (*path) {
		const char *folder, *name = dir_cut_last(path, &folder);
		int above CLEANUP(close_p) = dir_open_folder(root, folder);

		if (above < 0 || unlinkat(above, name, AT_REMOVEDIR) != 0)
			return;
		if (name == path)
			return;
	}
}

static bool remove_draft(int folder, const char *name)
{
	struct stat st;

	return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	       unlinkat(folder, name, 0) == 0;
}

size_t dir_sweep(int root, char *path)
{
	int fd = dir_open_folder(root, path);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	size_t removed = 0, others = 0;

	if (!list) {
		close_p(&fd);
		return 0;
	}
	while ((entry = readdir(list))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (dir_is_draft(entry->d_name) && remove_draft(fd, entry->d_name))
			removed++;
		else
			others++;
	}
	closedir(list);
	if (!others)
		dir_remove_folders(root, path);
	return removed;
}
