// SPDX-License-Identifier: MIT
/*
 * Two files of one key that are not the same: what tells them apart?
 *
 * A PE image has the key that it had before it was signed. Signing changes the checksum in its header, and adds the
 * certificate table at its end (behind up to 7 zeros) with an entry for it in the header, nothing else; so the two
 * are held against each other without these. A stripped PDB has the key of the private one.
 *
 * What lies in the store may be packed: it is expanded into a temporary file (base/file.h) then. Any thread; blocks.
 */
#pragma once
#include "publish/pack.h"
#include "publish/plan.h"

enum twin_kind {
	TWIN_OTHER,
	/* The same but for the signature: */
	TWIN_SIGNED,   /* what lies there has one, and the file has none */
	TWIN_UNSIGNED, /* the other way around */
	TWIN_RESIGNED, /* both have one; or none, and another checksum */
};

struct twin {
	enum twin_kind kind; /* of an image */
	enum privacy
		privacy; /* of the PDB that lies there; PRIVACY_NONE where that cannot be told */
};

/* Of a greater certificate table it is not told that it alone is what differs. */
#define TWIN_CERTIFICATES_MAX ((int64_t)16 << 20)
/* A PDB in a store that is longer, as it lies there, is not fetched to be looked into. */
#define TWIN_PDB_MAX ((int64_t)256 << 20)

/*
 * Of the plain image in fd, which has n bytes and is not the planned one: in which way was that signed? *ret_proven: without
 * the signature, if any, and with the checksum that a linker writes or none, it has the plan's SHA-256: TWIN_SIGNED, or
 * TWIN_RESIGNED where only the checksum is another one. Else that the planned one had another signature (TWIN_RESIGNED),
 * or had one (TWIN_UNSIGNED), is no more than their lengths allow: it may be anything that begins as an image.
 */
MUST_CHECK enum err twin_of_planned(const struct plan_file *file, int fd, int64_t n,
				    enum twin_kind *ret, bool *ret_proven, struct error *e);

bool twin_is_image(const struct plan_file *file);
/* May what lies there tell more, and is it short enough? total: its length as it lies there; plain: expanded, or -1. */
bool twin_is_worth_it(const struct plan_file *file, int64_t total, int64_t plain);
/*
 * there: n bytes at 0, which are packed or not. ours->sha256 is not looked at. Errors: of reading, temporary files,
 * ours->stop; e is not NULL.
 */
MUST_CHECK enum err twin_compare(const struct plan_file *file, const struct pack_file *ours,
				 int there, int64_t n, struct twin *ret, struct error *e);
