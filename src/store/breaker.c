// SPDX-License-Identifier: MIT
/* See breaker.h. A try that never reports back is replaced by another one a pause later. */
#include "store/breaker.h"

bool breaker_allows(struct breaker *b, int64_t now_ns)
{
	if (!b->open_until_ns)
		return true;
	if (now_ns < b->open_until_ns)
		return false;
	b->trying = true;
	b->open_until_ns = now_ns + b->pause_ns;
	return true;
}

bool breaker_failed(struct breaker *b, int64_t now_ns)
{
	if (b->open_until_ns) {
		if (!b->trying)
			return false; /* a request from before it opened teaches nothing new */
		b->trying = false;
		b->pause_ns *= 2;
		if (b->pause_ns > BREAKER_LAST_PAUSE_NS)
			b->pause_ns = BREAKER_LAST_PAUSE_NS;
	} else {
		if (++b->failures < BREAKER_FAILURES)
			return false;
		b->pause_ns = BREAKER_FIRST_PAUSE_NS;
	}
	b->open_until_ns = now_ns + b->pause_ns;
	return true;
}

bool breaker_succeeded(struct breaker *b)
{
	bool was_open = b->open_until_ns != 0;

	*b = (struct breaker){0};
	return was_open;
}
