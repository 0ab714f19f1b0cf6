// SPDX-License-Identifier: MIT
/*
 * See err.h. A message that does not fit is cut at its end, so that the name of the first failure
 * stays.
 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum err err_set(struct error *e, enum err code, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return code;
	e->code = code;
	e->sys = 0;
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	return code;
}

enum err err_sys(struct error *e, enum err code, const char *fmt, ...)
{
	int sys = errno;
	char text[128];
	size_t n;
	va_list ap;

	if (!e)
		return code;
	e->code = code;
	e->sys = sys;
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	n = strlen(e->msg);
	snprintf(e->msg + n, sizeof(e->msg) - n, ": %s", strerror_r(sys, text, sizeof(text)));
	return code;
}

enum err err_wrap(struct error *e, const char *fmt, ...)
{
	char old[ERROR_MSG_MAX];
	size_t n;
	va_list ap;

	if (!e)
		return ERR_IO;
	memcpy(old, e->msg, sizeof(old));
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	n = strlen(e->msg);
	snprintf(e->msg + n, sizeof(e->msg) - n, ": %s", old);
	return e->code;
}

bool err_sys_is_ours(int sys)
{
	return sys == EMFILE || sys == ENFILE || sys == ENOMEM || sys == ENOBUFS;
}

const char *err_name(enum err code)
{
	switch (code) {
	case OK: return "ok";
	case ERR_NOMEM: return "nomem";
	case ERR_IO: return "io";
	case ERR_NET: return "net";
	case ERR_UPSTREAM: return "upstream";
	case ERR_DENIED: return "denied";
	case ERR_TIMEOUT: return "timeout";
	case ERR_CORRUPT: return "corrupt";
	case ERR_OTHER: return "other";
	case ERR_LIMIT: return "limit";
	case ERR_BUSY: return "busy";
	case ERR_CANCELED: return "canceled";
	case ERR_USAGE: return "usage";
	}
	return "unknown";
}
