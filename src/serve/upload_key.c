// SPDX-License-Identifier: MIT
/* See upload_key.h. */
#include "serve/upload_key.h"

#include "base/text.h"
#include "serve/request.h"
#include "store/name_list.h"

#include <unistr.h>

#define SEGMENT_MAX 255 /* bytes that file systems take */

static const char *fault_of(struct slice segment)
{
	static const char control[] = "its name has a control character";

	if (!segment.n || slice_eq(segment, SLICE(".")) || slice_eq(segment, SLICE("..")))
		return "its name is none of a file";
	if (segment.n > SEGMENT_MAX)
		return "its name is longer than 255 bytes";
	for (size_t i = 0; i < segment.n; i++)
		if ((unsigned char)segment.p[i] < ' ' || segment.p[i] == 0x7f)
			return control;
	if (slice_find(segment, '\\') < segment.n)
		return "its name has a backslash";
	if (u8_check((const uint8_t *)segment.p, segment.n))
		return "its name is no UTF-8";
	if (fold_equal(segment, SLICE("000Admin")) || segment_is_ours(segment))
		return "its name is one of the store's own";
	return NULL;
}

/* Does a request for it come to the same path, and would a private store answer that? */
static bool is_asked_for(struct slice key)
{
	static const struct request_rules rules = {.path_token = true};
	struct buf target CLEANUP(buf_fini) = BUF_MAX(REQUEST_TARGET_MAX);
	struct symbol_path path CLEANUP(symbol_path_fini);

	buf_putc(&target, '/');
	percent_encode(key, "/", &target);
	if (request_clean(buf_slice(&target), &rules, &path) != REQUEST_CLEAN ||
	    buf_failed(&target))
		return false;
	return slice_eq(path.spelling[0].path, key) && path.kind == PATH_FILE && path.symbol;
}

enum upload_key upload_key_judge(struct slice key, const char **why)
{
	struct slice rest = key.p ? key : SLICE(""), segment;

	while (slice_next(&rest, '/', &segment)) {
		*why = fault_of(segment);
		if (*why)
			return UPLOAD_KEY_REFUSED;
	}
	*why = "no debugger asks for such a key";
	return is_asked_for(key) ? UPLOAD_KEY_GOOD : UPLOAD_KEY_UNKNOWN;
}
