// SPDX-License-Identifier: MIT
/*
 * How fast a client takes what is sent to it, as its kernel acknowledges it.
 *
 * Too slow is who has taken less than the rate for fifteen minutes while bytes waited for it all the time.
 * So long, because a pause is usual: a proxy that buffers to disk stops reading until its own client has
 * caught up, a laptop sleeps. A client for which nothing waits, waits for us, and is not measured. For a
 * server that is full there is the rate of the last one or two minutes.
 *
 * And how fast it sends the body of a request. There nobody else's pause is behind a pause, and what takes
 * the body (room on a disk, a place among few) is kept from others: it may fall back by a minute.
 */
#pragma once
#include "base/clock.h"

#define HTTP_PACE_WINDOW_NS (INT64_C(15) * 60 * NS_PER_S)
#define HTTP_PACE_MINUTE_NS (60 * NS_PER_S)
#define HTTP_PACE_LOOK_NS   (1 * NS_PER_S) /* between two looks */
#define HTTP_PACE_UNKNOWN   UINT64_MAX
#define HTTP_PACE_LAG_NS    (60 * NS_PER_S) /* of a body that comes */
#define HTTP_PACE_NEVER     INT64_MAX

/* What the client had taken at a time; ns == 0: not measured. */
struct http_mark {
	int64_t ns;
	uint64_t acked;
};

struct http_pace {
	struct http_mark window;    /* start of the present window */
	struct http_mark minute[2]; /* the last two minutes of it, each with its beginning */
	uint64_t rate; /* bytes per second since minute[0]; UNKNOWN: not for a minute yet */
};

/* An answer begins. */
void http_pace_begin(struct http_pace *p);
/* Look at the socket now. True: too slow, by this rate. */
bool http_pace_look(struct http_pace *p, int fd, uint64_t min_rate);
/* Bytes beyond those `before` that have reached the client, over the life of the connection. */
int64_t http_pace_taken(int fd, uint64_t before);

/*
 * By when more of a body has to have come, n bytes having come since the deadline was computed; NEVER: it was
 * not, or any rate will do (0).
 */
int64_t http_pace_deadline(int64_t deadline, uint32_t n, uint64_t min_rate);
