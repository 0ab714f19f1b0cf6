// SPDX-License-Identifier: MIT
/* See transfer_error.h. */
#include "store/transfer_error.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static enum err code_of(CURLcode code)
{
	switch (code) {
	case CURLE_OK: return OK;
	case CURLE_OPERATION_TIMEDOUT: return ERR_TIMEOUT;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE: return ERR_DENIED;
	case CURLE_TOO_MANY_REDIRECTS:
	case CURLE_UNSUPPORTED_PROTOCOL: return ERR_UPSTREAM;
	case CURLE_OUT_OF_MEMORY: return ERR_NOMEM;
	default: return ERR_NET;
	}
}

/*
 * Did it fail for want of descriptors? For a socket errno tells. A name is looked up in a thread of
 * libcurl's, which does not say why that failed, so one is opened to see.
 */
static bool is_our_want(CURLcode code, int sys)
{
	int fd;

	if (code == CURLE_COULDNT_CONNECT)
		return err_sys_is_ours(sys);
	if (code != CURLE_COULDNT_RESOLVE_HOST)
		return false;
	fd = open("/", O_PATH | O_CLOEXEC);
	if (fd < 0)
		return err_sys_is_ours(errno);
	close(fd);
	return false;
}

/*
 * libcurl takes lines of 100 KiB. For a longer one it reports that it has no memory, and within a
 * head for nothing else: it has allocated all that it needs for a head by then.
 */
static bool is_line_too_long(CURLcode code, bool in_head)
{
	return code == CURLE_OUT_OF_MEMORY && in_head;
}

void transfer_error_set(struct error *e, CURLcode code, bool in_head, int sys, const char *words)
{
	/* libcurl's words may quote a URL, and one of a proxy may hold a password. */
	bool fit = words[0] && !strstr(words, "://");

	if (is_our_want(code, sys))
		err_set(e, ERR_BUSY, "no descriptors left to ask with (RLIMIT_NOFILE)");
	else if (is_line_too_long(code, in_head))
		err_set(e, ERR_UPSTREAM, "the answer has a header that is too long");
	else
		err_set(e, code_of(code), "%s", fit ? words : curl_easy_strerror(code));
}
