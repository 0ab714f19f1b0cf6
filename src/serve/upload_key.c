// SPDX-License-Identifier: MIT
/* See upload_key.h. */
#include "serve/upload_key.h"

#include "base/text.h"
#include "publish/place.h"
#include "serve/request.h"

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
	*why = place_fault(key);
	if (*why)
		return UPLOAD_KEY_REFUSED;
	*why = "no debugger asks for such a key";
	return is_asked_for(key) ? UPLOAD_KEY_GOOD : UPLOAD_KEY_UNKNOWN;
}
