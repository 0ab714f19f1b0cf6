// SPDX-License-Identifier: MIT
/* See body.h. The frame is read byte by byte; data is handed on in one piece. */
#include "http/body.h"
#include "base/text.h"

enum at {
	AT_END,
	AT_LENGTH, /* in a body of a known length */
	AT_SIZE,   /* in a chunk's size */
	AT_EXTENSION,
	AT_SIZE_LF,
	AT_DATA,
	AT_DATA_CR,
	AT_DATA_LF,
	AT_TRAILER, /* at the beginning of a trailer, or of the empty line */
	AT_IN_TRAILER,
	AT_TRAILER_LF,
	AT_LAST_LF,
};

struct http_body http_body_of(const struct http_head *h, uint64_t max)
{
	return (struct http_body){
		.at = h->chunked  ? AT_SIZE
		      : h->length ? AT_LENGTH
				  : AT_END,
		.left = h->length,
		.room = max,
	};
}

static bool add_digit(struct http_body *b, char c)
{
	int digit = hex_digit(c);

	if (digit < 0 || b->left >> 56)
		return false;
	b->left = b->left << 4 | (unsigned)digit;
	b->digits = true;
	return true;
}

/* What a byte of the frame leads to; -1: it does not stand there. */
static int step(struct http_body *b, char c)
{
	switch ((enum at)b->at) {
	case AT_SIZE:
		if (c == '\r' && b->digits)
			return AT_SIZE_LF;
		if ((c == ';' || c == ' ' || c == '\t') && b->digits)
			return AT_EXTENSION;
		return add_digit(b, c) ? AT_SIZE : -1;
	case AT_EXTENSION: return c == '\r' ? AT_SIZE_LF : c == '\n' ? -1 : AT_EXTENSION;
	case AT_SIZE_LF: return c != '\n' ? -1 : b->left ? AT_DATA : AT_TRAILER;
	case AT_DATA_CR: return c == '\r' ? AT_DATA_LF : -1;
	case AT_DATA_LF: return c == '\n' ? AT_SIZE : -1;
	case AT_TRAILER: return c == '\r' ? AT_LAST_LF : c == '\n' ? -1 : AT_IN_TRAILER;
	case AT_IN_TRAILER: return c == '\r' ? AT_TRAILER_LF : c == '\n' ? -1 : AT_IN_TRAILER;
	case AT_TRAILER_LF: return c == '\n' ? AT_TRAILER : -1;
	case AT_LAST_LF: return c == '\n' ? AT_END : -1;
	case AT_END:
	case AT_LENGTH:
	case AT_DATA: break;
	}
	return -1;
}

static enum http_body_state take_data(struct http_body *b, struct slice *in, struct slice *ret)
{
	*ret = slice_head(*in, MIN(b->left, in->n));
	*in = slice_from(*in, ret->n);
	b->left -= ret->n;
	b->room -= ret->n;
	if (!b->left)
		b->at = b->at == AT_DATA ? AT_DATA_CR : AT_END;
	return HTTP_BODY_DATA;
}

/* One byte of the frame. */
static enum http_body_state take_frame(struct http_body *b, char c)
{
	bool trailer = b->at >= AT_TRAILER;
	int next = step(b, c);

	if (next < 0 || ++b->frame > (trailer ? HTTP_TRAILERS_MAX : HTTP_CHUNK_LINE_MAX))
		return HTTP_BODY_BAD;
	b->at = next;
	if (next == AT_DATA || (next == AT_TRAILER && !trailer))
		b->frame = 0;
	b->digits = b->digits && next != AT_DATA && next != AT_TRAILER;
	return HTTP_BODY_MORE;
}

enum http_body_state http_body_take(struct http_body *b, struct slice *in, struct slice *ret)
{
	while (b->at != AT_END) {
		if ((b->at == AT_LENGTH || b->at == AT_DATA) && b->left > b->room)
			return HTTP_BODY_BEYOND;
		if (in->n == 0)
			return HTTP_BODY_MORE;
		if (b->at == AT_LENGTH || b->at == AT_DATA)
			return take_data(b, in, ret);
		if (take_frame(b, in->p[0]) == HTTP_BODY_BAD)
			return HTTP_BODY_BAD;
		*in = slice_from(*in, 1);
	}
	return HTTP_BODY_END;
}
