// SPDX-License-Identifier: MIT
/*
 * `add` as its files know it: add_words.c takes the words of the command line, add_tell.c tells people and machines what
 * comes of it, add.c does it. One `struct add`, of the main thread; what the loop writes into it stands under mu.
 */
#pragma once
#include "cmd/gather.h"
#include "cmd/notify.h"
#include "cmd/progress.h"
#include "cmd/stores_command.h"
#include "publish/publication.h"

#include <pthread.h>

enum add_flag {
	ADD_EXCLUDE,
	ADD_STRICT,
	ADD_CASE,
	ADD_COMPRESS,
	ADD_LEVEL,
	ADD_JOBS,
	ADD_PRODUCT,
	ADD_VERSION,
	ADD_COMMENT,
	ADD_KEEP_UNTIL,
	ADD_SOURCE,
	ADD_DRY_RUN,
	ADD_FORCE,
	ADD_RESUME,
	ADD_JSON,
	ADD_NOTIFY,
};

/* What became of a file, on its way to the main thread. */
struct add_told {
	STAILQ_ENTRY(add_told) place;
	size_t which;
	struct upload_result result;
};

struct add {
	struct service *service;
	const struct stores_words *words;
	struct store *store;
	bool json;
	struct plan plan;
	struct gather gather;
	struct pool *pool;
	struct pack_how how;
	unsigned jobs, looks;
	bool resumes;
	const char **exclude;
	const char **notified;
	struct buf notified_text;
	struct notify notify;
	int code;

	struct loop_task begin, stop;
	struct loop_timer settled;
	int64_t settle_by_ns;
	struct publication *publication; /* the loop's */
	pthread_mutex_t mu;
	STAILQ_HEAD(, add_told) told; /* under mu, as the next */
	size_t waiting;
	bool done; /* set before changed is posted, as all below */
	struct publication_result result;
	struct error error;
	struct progress progress;
	size_t files_done;
	int64_t bytes_done;
};

extern const struct stores_flag add_flags[];
extern const struct stores_command add_stores_command;

/* ERR_USAGE, with what is wrong; what was taken is freed all the same. */
MUST_CHECK enum err add_take_words(struct add *a, struct error *e);
void add_words_fini(struct add *a);

/* A line for people; ud: the struct add. */
void add_tell_line(void *ud, const char *path, const char *what);
/* What the loop has to say since the last time. */
void add_tell_news(struct add *a);
/* At the end, when the loop says nothing more: the numbers, then what went wrong, which decides the exit code. */
void add_tell_summary(struct add *a);
void add_tell_end(struct add *a, bool interrupted);
