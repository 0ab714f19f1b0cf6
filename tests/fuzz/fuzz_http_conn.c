// SPDX-License-Identifier: MIT
/*
 * One connection, driven by a client that sends what the input says, in steps of any size, and by a
 * handler that wakes it, time that passes, and the end of a side in between. Whatever that is, what comes
 * back are answers, one behind the other, each of the length that it says; only the last may be cut, and
 * then the connection ends. What is kept of a body that is not taken for now is bounded. Nothing of the
 * connection is left at the end.
 *
 *	each step: a byte that says what is done, and of what size; then so many bytes that are sent
 */
#include "../unit/http_rig.h"

#include "http/conn.c"

#define OUT_MAX ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char out[OUT_MAX];
static size_t out_n;

static void receive_all(struct rig *r)
{
	ssize_t n;

	rig_settle(r);
	while (out_n < OUT_MAX &&
	       (n = recv(r->client, out + out_n, OUT_MAX - out_n, MSG_DONTWAIT)) > 0)
		out_n += (size_t)n;
}

static uint64_t length_of(struct slice head)
{
	struct slice line;
	uint64_t n = 0;

	while (slice_next(&head, '\n', &line))
		if (slice_starts(line, SLICE("Content-Length: ")))
			ASSERT(parse_u64(slice_trim(slice_from(line, 16)), OUT_MAX, &n));
	return n;
}

/* How much of what came is no whole answer. */
static size_t check_frames(void)
{
	struct slice rest = {out, out_n};

	while (rest.n) {
		const char *end = memmem(rest.p, rest.n, "\r\n\r\n", 4);
		struct slice head = {rest.p, end ? (size_t)(end - rest.p) + 4 : 0};
		uint64_t n;

		ASSERT(slice_starts(rest, slice_head(SLICE("HTTP/1.1 "), rest.n)));
		if (!end)
			return rest.n;
		n = length_of(head);
		if (n > rest.n - head.n)
			return rest.n;
		rest = slice_from(rest, head.n + n);
	}
	return 0;
}

/* One step. */
static void act(struct rig *r, unsigned what)
{
	switch (what) {
	case 1:
		if (r->late)
			rig_wake(r, TAKE(r->late));
		break;
	case 2: manual_advance(r->w->loop, 3 * NS_PER_S); break;
	case 3: shutdown(r->client, SHUT_WR); break;
	default: break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char endless[] = "/endless";
	size_t at = 0;
	struct rig r;

	if (memmem(data, size, endless, sizeof(endless) - 1))
		return 0;
	out_n = 0;
	rig_init(&r);
	rig_connect(&r);
	while (at < size) {
		size_t n = MIN((size_t)(data[at] >> 2) * 4, size - at - 1);

		act(&r, data[at++] & 3);
		if (n && send(r.client, data + at, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			break;
		at += n;
		receive_all(&r);
		if (r.late)
			ASSERT(r.late->in.room <= 2 * r.w->buf_n);
	}
	while (r.late) { /* a body that is taken piece by piece wants several */
		rig_wake(&r, TAKE(r.late));
		receive_all(&r);
	}
	receive_all(&r);
	ASSERT(check_frames() == 0 || !rig_open(&r));
	ASSERT(rig_fini(&r));
	return 0;
}
