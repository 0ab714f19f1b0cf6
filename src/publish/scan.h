// SPDX-License-Identifier: MIT
/*
 * From files to the lines of a plan: each file is read once for its SHA-256, and here and there for what it is; a small
 * one once for both. Of a fat Mach-O file there is a line for each of its images, of all others one.
 *
 * scan_file() is for any thread, several at once; it blocks on the file system. A scan_set is one thread's.
 */
#pragma once
#include "publish/pack.h"
#include "publish/place.h"
#include "publish/plan.h"

/*
 * What a PDB is stands in forty places of it. A file of up to so many bytes is read whole, which costs less than these;
 * it is also the ceiling of the room for that.
 */
#define SCAN_WHOLE_MAX ((size_t)256 * 1024)

struct scan_how {
	enum key_case key_case;
	bool two_tier; /* fo/foo.pdb/K/foo.pdb */
	bool local;    /* the store */
	struct pack_how pack;
};

struct scan_file {
	int fd; /* borrowed */
	int64_t offset, size;
	struct slice
		name; /* its last component: that of the file in the store, where that is not told within */
	const atomic_bool *stop; /* as in pack.h */
	struct buf *room;        /* for a small file, kept by who has many; NULL: none */
};

/* What it came to; zeroed: nothing. */
struct scanned {
	struct plan_file
		line[IDENTITY_IDS_MAX]; /* without a path; slices point into what it owns */
	size_t lines;                   /* 0: of no known format, or it tells no identity */
	bool is_dump;                   /* none, because it is a minidump */
	struct buf text;
};

/*
 * ERR_CORRUPT: of a known format, but damaged; ERR_LIMIT: it makes a key that no store may have (its name is too long,
 * no UTF-8, one of ours, or symstore's refs.ptr); the errors of reading it. *ret is to be freed on success only.
 */
MUST_CHECK enum err scan_file(const struct scan_how *how, const struct scan_file *file,
			      struct scanned *ret, struct error *e);
void scanned_fini(struct scanned *s);

/* The keys of a plan that is being made. */
struct scan_set {
	struct plan *plan;
	void *tree; /* tsearch(3) */
};

enum scan_added {
	SCAN_ADDED,
	SCAN_SAME,  /* the same file was added before, under the same key */
	SCAN_OTHER, /* another file was, which file *ret_which of the plan is: nothing was added */
};

/* Adds the line, whose path is that of the file as it is told in the plan. */
MUST_CHECK enum err scan_add(struct scan_set *set, struct plan_file *line, struct slice path,
			     enum scan_added *ret, size_t *ret_which, struct error *e);
void scan_set_fini(struct scan_set *set); /* the plan stays */
