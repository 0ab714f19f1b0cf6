// SPDX-License-Identifier: MIT
/*
 * The error of a transfer that libcurl has failed. Pure, but for a look at whether there are
 * descriptors left.
 */
#pragma once
#include "base/err.h"

#include <curl/curl.h>

/*
 * code is not CURLE_OK; in_head: an answer has begun, and its head has not ended; sys: why no
 * socket could be made, or 0; words: libcurl's own, or "".
 */
void transfer_error_set(struct error *e, CURLcode code, bool in_head, int sys, const char *words);
