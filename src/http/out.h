// SPDX-License-Identifier: MIT
/*
 * What an answer is made of, and how far it has gone out: a head; then bytes that somebody else owns, a
 * part of a file, or what a source gives piece by piece.
 *
 * Head and first bytes leave in one system call, or with the file behind them. What a full socket has
 * not taken of the head, and of bytes that lie in the worker's block, is copied; all else stays where it
 * is. The socket's thread.
 */
#pragma once
#include "base/slice.h"
#include "http/io.h"

enum http_piece_kind {
	HTTP_PIECE_NONE,  /* nothing yet: whoever gives it wakes the connection (http_wake()) */
	HTTP_PIECE_BYTES, /* readable until the next pull */
	HTTP_PIECE_FILE,  /* n bytes from offset on of fd, which stays open until the next pull */
	HTTP_PIECE_CUT,   /* it does not come to its end */
};

struct http_piece {
	enum http_piece_kind kind;
	struct slice bytes;
	int fd;
	int64_t offset;
	size_t n;
};

struct http_block {
	char *p;
	size_t n;
};

struct http_source {
	/* The next piece, of n bytes at most; the block may be written to. */
	void (*pull)(void *ud, struct http_block block, size_t n, struct http_piece *ret);
	/* The last n bytes that were given as part of a file cannot be read from it: give them otherwise. */
	void (*unread)(void *ud, size_t n);
};

enum http_answer_kind {
	HTTP_ANSWER_EMPTY,
	HTTP_ANSWER_BYTES,
	HTTP_ANSWER_FILE,
	HTTP_ANSWER_SOURCE
};

struct http_answer {
	struct slice head; /* as reply.h makes it; borrowed until the end of the request */
	bool close;        /* and then the connection */
	enum http_answer_kind kind;
	int64_t length;     /* of the body */
	struct slice bytes; /* BYTES */
	int fd;             /* FILE */
	int64_t offset;     /* FILE */
	const struct http_source *source;
	void (*release)(
		void *ud); /* the body is not needed any more; NULL: that is nobody's concern */
	void *ud;          /* of source and release */
};

enum http_out_state {
	HTTP_OUT_DONE,
	HTTP_OUT_BLOCKED, /* the socket takes no more */
	HTTP_OUT_TURN,    /* it would take more, but the others want their turn */
	HTTP_OUT_NOTHING, /* the source has nothing yet */
	HTTP_OUT_COLD, /* what comes next would be waited for: it is on the disk, and not in memory */
	HTTP_OUT_CUT,   /* by the source */
	HTTP_OUT_SHORT, /* the file is shorter than it was */
	HTTP_OUT_LOST,  /* the connection is */
};

struct http_out {
	struct http_answer a;
	struct http_piece piece; /* being sent; NONE: pull */
	bool begun;              /* the head has been offered to the socket */
	bool waits;    /* the source has had nothing, or the file is read: a wake is owed */
	size_t head_n; /* bytes of the whole head */
	int64_t left;  /* bytes of the body that no piece has been made of */
	uint64_t sent; /* bytes that the socket has taken, with the head */
	unsigned wary; /* of a large file: turns for which it is asked whether it is in memory */
	int64_t warm;  /* where in the file that ends which is not asked about any more */
	char *rest;    /* owned: bytes that go before the piece */
	size_t rest_at, rest_n;
};

/*
 * Bytes, then it is another connection's turn. Small answers wait behind large ones for as long as that takes;
 * four times as much is sent no faster.
 */
#define HTTP_OUT_TURN_MAX ((size_t)256 * 1024)

void http_out_begin(struct http_out *o, const struct http_answer *a);
/* tail: what ends the head; needed until it has been begun. */
enum http_out_state http_out_run(struct http_out *o, const struct http_io *io, struct slice tail,
				 struct http_block block);
/* The source has been heard of. */
static inline void http_out_woken(struct http_out *o)
{
	o->waits = false;
}

/*
 * After COLD: the part of the file that has to be read into memory. The next run sends it, whether it has been or
 * not.
 */
struct http_io_part http_out_cold(struct http_out *o);
/* It has been. A disk that takes no time is as well waited for by who sends. */
void http_out_has_read(struct http_out *o, int64_t took_ns);

/* Let go of the body. Not while the source owes a wake. */
void http_out_end(struct http_out *o);

/* Bytes of the body that the socket has taken. */
static inline int64_t http_out_body_sent(const struct http_out *o)
{
	return o->sent > o->head_n ? (int64_t)(o->sent - o->head_n) : 0;
}
