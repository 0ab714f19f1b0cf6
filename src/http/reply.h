// SPDX-License-Identifier: MIT
/*
 * The head of an answer as it goes over the wire, but for what is the connection's to say: Date,
 * Connection and the empty line.
 */
#pragma once
#include "base/buf.h"

const char *http_reason(int status);
void http_reply_begin(struct buf *out, int status);
void http_reply_add(struct buf *out, const char *name, const char *value);
/* Content-Length. */
void http_reply_length(struct buf *out, int64_t length);
