// SPDX-License-Identifier: MIT
/* See reply.h. */
#include "http/reply.h"
#include "base/clock.h"

#include <stdio.h>

static const char *reason_of(int status)
{
	switch (status) {
	case 200: return "OK";
	case 201: return "Created";
	case 204: return "No Content";
	case 206: return "Partial Content";
	case 304: return "Not Modified";
	case 400: return "Bad Request";
	case 401: return "Unauthorized";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 406: return "Not Acceptable";
	case 409: return "Conflict";
	case 413: return "Content Too Large";
	case 414: return "URI Too Long";
	case 415: return "Unsupported Media Type";
	case 416: return "Range Not Satisfiable";
	case 422: return "Unprocessable Content";
	case 431: return "Request Header Fields Too Large";
	case 500: return "Internal Server Error";
	case 501: return "Not Implemented";
	case 503: return "Service Unavailable";
	default: return "";
	}
}

void http_reply_begin(struct buf *out, int status)
{
	buf_printf(out, "HTTP/1.1 %d %s\r\n", status, reason_of(status));
}

void http_reply_add(struct buf *out, const char *name, const char *value)
{
	buf_puts(out, name);
	buf_puts(out, ": ");
	buf_puts(out, value);
	buf_puts(out, "\r\n");
}

void http_reply_length(struct buf *out, int64_t length)
{
	buf_printf(out, "Content-Length: %lld\r\n", (long long)length);
}

struct slice http_refusal(int status)
{
	static const struct {
		int status;
		struct slice head;
	} says[] = {
		{400, SLICE("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n")},
		{414, SLICE("HTTP/1.1 414 URI Too Long\r\nContent-Length: 0\r\n")},
		{431,
		 SLICE("HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\n")},
		{501, SLICE("HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\n")},
	};

	for (size_t i = 0; i < ARRAY_LEN(says); i++)
		if (says[i].status == status)
			return says[i].head;
	return says[0].head;
}

struct slice http_continue(void)
{
	return SLICE("HTTP/1.1 100 Continue\r\n\r\n");
}

struct slice http_wants_tls(struct slice *ret_body)
{
	static const char text[] = "This port speaks https, and not http.\n";

	_Static_assert(sizeof(text) - 1 == 38, "as the head says");
	*ret_body = (struct slice){text, sizeof(text) - 1};
	return SLICE("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"
		     "Content-Length: 38\r\n");
}

struct slice http_tail(struct http_tails *t, enum http_tail which)
{
	static const char *const says[HTTP_TAILS] = {"", "Connection: keep-alive\r\n",
						     "Connection: close\r\n"};
	int64_t now = clock_wall_s();

	if (t->s != now) {
		char date[HTTP_DATE_LEN];

		http_date_format(now, date);
		t->s = now;
		for (int i = 0; i < HTTP_TAILS; i++)
			t->n[i] = (size_t)snprintf(t->text[i], sizeof(t->text[i]),
						   "Date: %s\r\n%s\r\n", date, says[i]);
	}
	return (struct slice){t->text[which], t->n[which]};
}
