// SPDX-License-Identifier: MIT
/*
 * Looking for files as the server does, for commands: through its lookups, in the same stores, with the same keys.
 * Each look is one thread's, which waits; several may run at a time.
 */
#pragma once
#include "cmd/service.h"
#include "serve/lookup.h"

#include <semaphore.h>

/* What the looks of a command share. */
struct looks {
	struct service *service;
	struct client client; /* tells nothing of itself: it is given plain files */
	struct lookups lookups;
};

void looks_init(struct looks *l, struct service *s);
void looks_fini(struct looks *l); /* when each look has ended */

struct look {
	struct looks *all;
	struct answer answer; /* FOUND: its body is read by look_read() */
	struct lookup *lookup;
	struct fill_waiter body;
	atomic_bool left;
	sem_t wake;
};

/* "foo.pdb/K/foo.pdb" as a client would ask for it; false: it is no path of a file. Free it in any case. */
MUST_CHECK bool look_path(struct slice text, struct symbol_path *ret);
/*
 * Looks in the stores for the path, both borrowed until look_end(); part: or NULL, for all of it. By the return the
 * answer is in.
 */
void look_start(struct look *k, struct looks *all, const struct store_list *stores,
		const struct symbol_path *path, const struct part_ask *part);
/*
 * Bytes of the body, which begins at 0 whatever part it is; `at` goes on where the read before ended. How many, 0 at its end,
 * or -1: it broke off, and e says why.
 */
ssize_t look_read(struct look *k, int64_t at, char *to, size_t n, struct error *e);
void look_end(struct look *k);
/* Is the store not asked for the path (resolve.h)? */
bool looks_pass_over(const struct looks *l, const struct symbol_path *path, struct store *store);

/*
 * Behind a miss: the store where something lies under this very path, or NULL. The server takes a file that is none for
 * its key as missing; to whoever published it that is another fault. Waits.
 */
const struct store *looks_find_other(const struct looks *l, const struct symbol_path *path);

enum body_verdict {
	BODY_GOOD,
	BODY_TEXT,      /* no symbol file that is known here */
	BODY_OTHER,     /* another file than the path names: e says which */
	BODY_BROKE_OFF, /* e says why */
};
/*
 * Reads the whole body of what was found. Where there is no room for it on the disk, the file is not held against the
 * path. (check_path.c)
 */
enum body_verdict look_judge(struct look *k, const struct symbol_path *path, int64_t *ret_bytes,
			     struct error *e);
