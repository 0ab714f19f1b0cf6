// SPDX-License-Identifier: MIT
/*
 * A body of multipart/form-data (RFC 7578) as it comes, in pieces of any size: the names of its
 * files, and their bytes. Parts that are no files are skipped, and so is what stands before the
 * first boundary and behind the last. Nothing is copied but the headers of a part. Pure.
 */
#pragma once
#include "base/slice.h"

#define MULTIPART_BOUNDARY_MAX 70   /* RFC 2046, 5.1.1 */
#define MULTIPART_HEAD_MAX     8192 /* bytes of a part's headers */

enum multipart_event {
	MULTIPART_MORE, /* all that was given is taken */
	MULTIPART_FILE, /* one begins: *ret is its name, as it was sent, valid until the next call */
	MULTIPART_DATA, /* its next bytes */
	MULTIPART_FILE_END,
	MULTIPART_END, /* of the body; what follows is nothing of it */
	MULTIPART_BAD, /* and so it stays */
};

struct multipart { /* its own, all of it */
	int at;
	bool is_file, ends; /* the present part is one; its end has come and is not told yet */
	char mark[MULTIPART_BOUNDARY_MAX + 4]; /* CR LF -- boundary */
	size_t mark_n, matched; /* so much of it has come, and may turn out to be data, */
	size_t no_data;         /* but for so much, which was the end of the headers */
	size_t head_n;
	char head[MULTIPART_HEAD_MAX];
};

/* The value of the header Content-Type. False: it is not of that kind, or tells no usable boundary. */
MUST_CHECK bool multipart_begin(struct multipart *m, struct slice content_type);
/* Take what is at the front of *in. At the end of the body: it was whole if END has been told. */
enum multipart_event multipart_take(struct multipart *m, struct slice *in, struct slice *ret);
