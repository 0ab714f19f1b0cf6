// SPDX-License-Identifier: MIT
/*
 * Files that are no symbol files but lie or come in their place: a sign-in form or error page that
 * was saved, the pointer that Git LFS keeps for a file, the framing of an upload (aws-chunked) that
 * a service stored as if it were the content. No debugger can use one, and each is known by its
 * beginning, under any label. Pure.
 *
 * Sources: WHATWG MIME Sniffing, 7.1 (HTML, XML); Git LFS specification, "The Pointer"; AWS S3 API
 * reference, "Signature calculations: transferring payload in multiple chunks".
 */
#pragma once
#include "base/slice.h"

/* So much of the beginning is looked at, if there is so much. */
#define PAGE_HEAD ((size_t)256)

/* Which of these it is, for a log line: "an HTML page"; NULL when it is none. */
const char *page_name(struct slice beginning);
/* Is it text, in any superset of ASCII or in UTF-16: no control bytes but white space? */
bool page_is_text(struct slice beginning);
