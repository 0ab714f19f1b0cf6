// SPDX-License-Identifier: MIT
/*
 * See log.h. A line is built on the caller's stack with TAIL bytes kept free for the closing
 * quote, brace and newline, so that a value that is too long is cut but the line stays
 * well-formed. A field is only begun where it fits with a few bytes of value; after a cut
 * value nothing fits any more.
 */
#include "base/log.h"
#include "base/clock.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

#define TAIL 8

static enum log_level least_level = LOG_INFO;
static enum log_format line_format = LOG_LOGFMT;
static int log_fd = STDERR_FILENO;

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_setup(enum log_level least, enum log_format format, int fd)
{
	least_level = least;
	line_format = format;
	log_fd = fd;
}

bool log_enabled(enum log_level level)
{
	return level >= least_level;
}

static void put(struct log_line *l, const char *p, size_t n)
{
	n = MIN(n, sizeof(l->text) - TAIL - l->n);
	memcpy(l->text + l->n, p, n);
	l->n += n;
}

/* All of it or nothing: an escape that is cut in the middle would spoil the line. */
static bool put_whole(struct log_line *l, const char *p, size_t n)
{
	if (n > sizeof(l->text) - TAIL - l->n)
		return false;
	put(l, p, n);
	return true;
}

/* One character of a quoted value; returns the bytes consumed, 0 when the line is full. */
static size_t put_escaped(struct log_line *l, struct slice s)
{
	char text[TEXT_ESCAPE_SIZE];
	size_t used;

	if (s.p[0] == '"' || s.p[0] == '\\')
		return put_whole(l, (char[]){'\\', s.p[0]}, 2) ? 1 : 0;
	if (s.p[0] == '\n')
		return put_whole(l, "\\n", 2) ? 1 : 0;
	used = text_escape(s, text);
	if (text[0])
		return put_whole(l, text, strlen(text)) ? used : 0;
	return put_whole(l, s.p, used) ? used : 0;
}

static void put_quoted(struct log_line *l, struct slice s)
{
	put(l, "\"", 1);
	while (s.n) {
		size_t used = put_escaped(l, s);

		if (!used)
			break;
		s = slice_from(s, used);
	}
	l->text[l->n++] = '"'; /* within TAIL when the value was cut */
}

static bool is_plain(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\')
			return false;
	}
	return s.n > 0;
}

static void put_key(struct log_line *l, const char *key)
{
	if (line_format == LOG_JSON) {
		put(l, ",\"", 2);
		put(l, key, strlen(key));
		put(l, "\":", 2);
	} else {
		put(l, " ", 1);
		put(l, key, strlen(key));
		put(l, "=", 1);
	}
}

static size_t time_text(char *ret, size_t size)
{
	struct timespec ts;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	n = strftime(ret, size, "%Y-%m-%dT%H:%M:%S", &tm);
	return n + (size_t)snprintf(ret + n, size - n, ".%03dZ", (int)(ts.tv_nsec / 1000000));
}

void log_begin(struct log_line *l, enum log_level level, const char *msg)
{
	char when[40];
	size_t n;

	l->on = log_enabled(level);
	l->n = 0;
	if (!l->on)
		return;
	n = time_text(when, sizeof(when));
	if (line_format == LOG_JSON) {
		put(l, "{\"time\":\"", 9);
		put(l, when, n);
		put(l, "\"", 1);
	} else {
		put(l, "time=", 5);
		put(l, when, n);
	}
	log_add(l, "level", slice_of(level_names[level]));
	log_add(l, "msg", slice_of(msg));
}

void log_add(struct log_line *l, const char *key, struct slice value)
{
	if (!l->on || l->n + strlen(key) + 16 > sizeof(l->text) - TAIL)
		return;
	put_key(l, key);
	if (line_format == LOG_LOGFMT && is_plain(value))
		put(l, value.p, value.n);
	else
		put_quoted(l, value);
}

void log_add_i64(struct log_line *l, const char *key, int64_t value)
{
	char text[24];

	if (!l->on || l->n + strlen(key) + 48 > sizeof(l->text) - TAIL)
		return;
	put_key(l, key);
	put(l, text, (size_t)snprintf(text, sizeof(text), "%lld", (long long)value));
}

void log_add_ms(struct log_line *l, const char *key, int64_t ns)
{
	char text[40];

	if (!l->on || l->n + strlen(key) + 48 > sizeof(l->text) - TAIL)
		return;
	ns = MAX(ns, 0);
	put_key(l, key);
	put(l, text,
	    (size_t)snprintf(text, sizeof(text), "%lld.%03d", (long long)(ns / NS_PER_MS),
			     (int)(ns % NS_PER_MS / 1000)));
}

void log_end(struct log_line *l)
{
	ssize_t n;

	if (!l->on)
		return;
	if (line_format == LOG_JSON)
		l->text[l->n++] = '}';
	l->text[l->n++] = '\n';
	n = write(log_fd, l->text, l->n);
	(void)n; /* a log that cannot be written has nowhere to complain */
}

void log_event(enum log_level level, const char *msg, ...)
{
	struct log_line l;
	const char *key;
	va_list ap;

	if (!log_enabled(level))
		return;
	log_begin(&l, level, msg);
	va_start(ap, msg);
	while ((key = va_arg(ap, const char *))) {
		const char *value = va_arg(ap, const char *);

		log_add(&l, key, slice_of(value));
	}
	va_end(ap);
	log_end(&l);
}
