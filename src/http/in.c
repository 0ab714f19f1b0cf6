// SPDX-License-Identifier: MIT
/* See in.h. */
#include "http/in.h"

#define OWN_MIN ((size_t)1024)

static bool own_bytes(struct http_in *in, size_t room)
{
	char *own = malloc(room);

	if (!own)
		return false;
	if (in->n)
		memcpy(own, in->p, in->n);
	free(in->own);
	in->own = in->p = own;
	in->room = room;
	return true;
}

/* Have the buffer of its own hold what is there, and so much more. */
static bool make_room(struct http_in *in, size_t more)
{
	if (in->own && in->room >= in->n + more)
		return true;
	return own_bytes(in, MAX(in->n + more, MAX(2 * in->n, OWN_MIN)));
}

bool http_in_extend(struct http_in *in, char *turn, size_t turn_n)
{
	if (in->n == 0) {
		free(in->own);
		*in = (struct http_in){.p = turn, .room = turn_n};
	}
	return in->n < in->room || make_room(in, 1);
}

bool http_in_stay(struct http_in *in)
{
	if (!in->n)
		http_in_drop(in);
	return !in->n || in->own || own_bytes(in, MAX(in->n, OWN_MIN));
}

bool http_in_add(struct http_in *in, struct slice more)
{
	if (!more.n)
		return true;
	if (!make_room(in, more.n))
		return false;
	memcpy(in->p + in->n, more.p, more.n);
	in->n += more.n;
	return true;
}

void http_in_forget(struct http_in *in, size_t head, size_t n)
{
	if (n)
		memmove(in->p + head, in->p + in->n - n, n);
	in->n = head + n;
	in->used = head;
}

void http_in_next(struct http_in *in)
{
	in->p += in->used;
	in->n -= in->used;
	in->room -= in->used;
	in->used = 0;
}

void http_in_drop(struct http_in *in)
{
	free(in->own);
	*in = (struct http_in){0};
}
