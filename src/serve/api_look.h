// SPDX-License-Identifier: MIT
/*
 * Looking for a file as a HEAD of a client would, for a question of /-/api/: what is known is told from memory, and else
 * by a lookup, which only finds out whether the file is there. The client tells nothing of itself. Nothing is counted as
 * missing.
 *
 * Loop's thread.
 */
#pragma once
#include "serve/server_priv.h"

struct api_look {
	/* before the start; the path is borrowed until the end */
	struct server *server;
	const struct symbol_path *path;
	bool any_path;           /* as resolve_rules have it */
	uint64_t asker;          /* lookup_request.asker */
	const atomic_bool *left; /* lives as long */
	/* NULL, or as lookup_request.note, with the look. Not after api_look_cancel(). */
	void (*note)(struct api_look *k, const struct lookup_note *note);
	/* Once, when nothing touches the look any more, unless it was answered at once. */
	void (*ended)(struct api_look *k);

	/* after the end */
	enum answer_kind kind;     /* FOUND, MISS or FAULT */
	bool memory;               /* no store was asked */
	bool passed_over;          /* by every store: whatever they have, nobody is given it */
	bool other;                /* a MISS: what lies there is another file */
	const struct store *store; /* FOUND, or the first that failed; or NULL */
	char *key;                 /* FOUND: owned */
	const char *form;          /* FOUND: "plain", "cabinet"... */
	int64_t size;              /* FOUND: in bytes; -1: not told */
	int64_t took_ns;
	struct error error; /* FAULT */

	/* api_look.c's */
	struct client client;
	struct lookup *lookup;
	struct store *spare; /* of known_answer(): what is there in any case */
	size_t spare_rank;
	int64_t began_ns;
	size_t asked; /* stores */
	bool canceled;
};

/* True: it was answered at once, and ended() is not called. */
bool api_look_start(struct api_look *k);
/* Nobody wants the answer any more: ended() comes soon, with a FAULT if there was none. */
void api_look_cancel(struct api_look *k);
void api_look_fini(struct api_look *k); /* after its end, or before its start */
