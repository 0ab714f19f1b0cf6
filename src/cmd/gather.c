// SPDX-License-Identifier: MIT
/* See gather.h. */
#include "cmd/gather.h"

#include "base/pool.h"
#include "base/text.h"
#include "publish/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

static struct slice last_of(const char *path)
{
	struct slice whole = slice_of(path), last = slice_from(whole, slice_rfind(whole, '/') + 1);

	return last.n ? last : whole;
}

static void read_it(struct pool_job *job)
{
	struct gather_slot *s = CONTAINER_OF(job, struct gather_slot, job);
	const struct scan_file file = {.fd = s->fd,
				       .size = s->size,
				       .name = last_of(s->path),
				       .stop = s->gather->stop,
				       .room = &s->room};

	if (scan_file(&s->gather->how, &file, &s->scanned, &s->error) != OK)
		s->scanned = (struct scanned){0};
	sem_post(&s->ready);
}

static void fail(struct gather *g, const char *path, const char *what)
{
	g->failed++;
	g->tell(g->ud, path, what);
}

static void add_line(struct gather *g, struct gather_slot *s, size_t i)
{
	char what[ERROR_MSG_MAX];
	enum scan_added added;
	size_t which;

	if (scan_add(&g->set, &s->scanned.line[i], slice_of(s->path), &added, &which, &g->fatal) !=
	    OK)
		return;
	g->same += added == SCAN_SAME;
	if (added != SCAN_OTHER)
		return;
	g->conflicts++;
	(void)snprintf(what, sizeof(what),
		       "another file than '" SLICE_FMT "', which has the same key",
		       SLICE_ARG(slice_head(g->set.plan->file[which].path, 150)));
	g->tell(g->ud, s->path, what);
}

static void take_first(struct gather *g)
{
	struct gather_slot *s = &g->slot[g->first];

	while (sem_wait(&s->ready) != 0)
		; /* by a signal */
	if (s->error.code && s->error.code != ERR_CANCELED)
		fail(g, s->path, s->error.msg);
	else if (!s->scanned.lines && !s->error.code)
		g->unknown++;
	if (!s->scanned.lines && !s->error.code && s->is_named)
		g->tell(g->ud, s->path,
			s->scanned.is_dump ? "a dump is no symbol file"
					   : "not a symbol file, or without an identity");
	for (size_t i = 0; i < s->scanned.lines && !g->fatal.code; i++)
		add_line(g, s, i);
	scanned_fini(&s->scanned);
	close(s->fd);
	free(TAKE(s->path));
	g->first = (g->first + 1) % GATHER_AT_ONCE;
	g->n--;
}

static bool is_excluded(const struct gather *g, const char *path)
{
	for (size_t i = 0; i < g->n_exclude; i++) {
		struct slice glob = slice_of(g->exclude[i]);
		bool of_path = slice_find(glob, '/') < glob.n;

		if (fold_glob(of_path ? slice_of(path) : last_of(path), glob, false))
			return true;
	}
	return false;
}

static void take_file(void *ud, const char *path, int fd, const struct stat *st, bool is_named)
{
	struct gather *g = ud;
	struct gather_slot *s;

	if (g->fatal.code || (g->stop && atomic_load(g->stop)) || is_excluded(g, path))
		return;
	if (g->n == GATHER_AT_ONCE)
		take_first(g);
	s = &g->slot[(g->first + g->n) % GATHER_AT_ONCE];
	s->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (s->fd < 0) {
		fail(g, path, "no descriptor is left to read it");
		return;
	}
	s->path = xstrdup(path);
	s->size = st->st_size;
	s->is_named = is_named;
	s->error = (struct error){.code = OK};
	g->n++;
	if (pool_submit(g->pool, &s->job) != OK)
		read_it(&s->job);
}

static void take_failure(void *ud, const char *path, const struct error *e)
{
	fail(ud, path, e->msg);
}

void gather_init(struct gather *g)
{
	for (size_t i = 0; i < GATHER_AT_ONCE; i++) {
		g->slot[i].gather = g;
		g->slot[i].job.run = read_it;
		g->slot[i].room = BUF_MAX(SCAN_WHOLE_MAX);
		sem_init(&g->slot[i].ready, 0, 0);
	}
}

static void take_list(struct gather *g, const struct walk *w, const char *path)
{
	FILE *f = fopen(path, "re");
	struct error e;
	char *line = NULL;
	size_t room = 0;

	if (!f) {
		(void)err_sys(&e, ERR_IO, "a list that cannot be read");
		fail(g, path, e.msg);
		return;
	}
	while (getline(&line, &room, f) > 0) {
		line[strcspn(line, "\r\n")] = '\0';
		if (line[0])
			walk(w, line);
	}
	free(line);
	(void)fclose(f);
}

void gather_path(struct gather *g, const char *path)
{
	const struct walk w = {take_file, take_failure, g};

	if (path[0] == '@' && access(path, F_OK) != 0)
		take_list(g, &w, path + 1);
	else
		walk(&w, path);
}

void gather_finish(struct gather *g)
{
	while (g->n)
		take_first(g);
	for (size_t i = 0; i < GATHER_AT_ONCE; i++) {
		sem_destroy(&g->slot[i].ready);
		buf_fini(&g->slot[i].room);
	}
	scan_set_fini(&g->set);
}
