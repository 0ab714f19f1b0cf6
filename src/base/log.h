// SPDX-License-Identifier: MIT
/*
 * The log: one line per event on standard error, logfmt or JSON, written by one write(2) so that
 * lines of several threads never mix. Only the edges log (end of a request, end of a background
 * job, main, the commands); libraries return struct error. Never log a secret.
 *
 *	log_event(LOG_WARN, "store skipped", "store", name, "error", e.msg, NULL);
 *
 * or, for numbers and for the request log, build the line on the stack:
 *
 *	struct log_line l;
 *	log_begin(&l, LOG_INFO, "request");
 *	log_add(&l, "path", path);
 *	log_add_i64(&l, "bytes", n);
 *	log_end(&l);
 *
 * Values are escaped here (quotes, and what text_escape() does) and cut at LOG_LINE_MAX.
 * Thread safe after log_setup().
 */
#pragma once
#include "base/slice.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_LOGFMT, LOG_JSON };

#define LOG_LINE_MAX 4096

struct log_line {
	bool on;
	size_t n;
	char text[LOG_LINE_MAX];
};

void log_setup(enum log_level least, enum log_format format, int fd);
bool log_enabled(enum log_level level);
void log_begin(struct log_line *l, enum log_level level, const char *msg);
void log_add(struct log_line *l, const char *key, struct slice value);
void log_add_i64(struct log_line *l, const char *key, int64_t value);
/* A duration in milliseconds with microseconds after the point: dur_ms=1.234. */
void log_add_ms(struct log_line *l, const char *key, int64_t ns);
void log_end(struct log_line *l);
/* key, value, key, value, ..., NULL: all C strings. */
void log_event(enum log_level level, const char *msg, ...) __attribute__((sentinel));
