// SPDX-License-Identifier: MIT
/*
 * The first byte tells where to cut the rest in pieces; a line, the Content-Type, then the body. What is
 * told of it must not depend on the cuts.
 */
#include "base/buf.h"
#include "http/multipart.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TOLD_MAX ((size_t)1 << 22)

static void tell(struct slice type, struct slice body, size_t step, struct buf *told)
{
	struct multipart *m CLEANUP(free_p) = xnew(struct multipart);
	enum multipart_event event = MULTIPART_MORE;

	if (!multipart_begin(m, type))
		return;
	for (size_t at = 0; at < body.n && event != MULTIPART_END && event != MULTIPART_BAD;
	     at += step) {
		struct slice in = slice_head(slice_from(body, at), step), piece;

		while ((event = multipart_take(m, &in, &piece)) != MULTIPART_MORE) {
			if (event == MULTIPART_END || event == MULTIPART_BAD)
				break;
			if (event == MULTIPART_FILE || event == MULTIPART_DATA)
				buf_add(told, piece);
			if (event != MULTIPART_DATA)
				buf_printf(told, "<%d>", event);
		}
	}
	buf_printf(told, "<%d>", event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole CLEANUP(buf_fini) = BUF_MAX(TOLD_MAX);
	struct buf cut CLEANUP(buf_fini) = BUF_MAX(TOLD_MAX);
	struct slice text = {(const char *)data, size}, type;

	if (!size)
		return 0;
	text = slice_from(text, 1);
	if (!slice_next(&text, '\n', &type))
		return 0;
	tell(type, text, text.n ? text.n : 1, &whole);
	tell(type, text, (size_t)1 + data[0] % 16, &cut);
	ASSERT(slice_eq(buf_slice(&whole), buf_slice(&cut)));
	return 0;
}
