// SPDX-License-Identifier: MIT
/*
 * `serve --check PATH`, see check.h: the path is looked for as a client's request is, but in one
 * store after the other, each alone, and nothing is kept. The main thread plays the connection: it
 * waits for the loop by a semaphore, and reads the body to its end, for only then all is known to
 * be right that can be.
 */
#include "base/file.h"
#include "base/text.h"
#include "cache/disk.h"
#include "cmd/check.h"
#include "cmd/cmd.h"
#include "serve/request.h"
#include "symfmt/page.h"
#include "symfmt/verify.h"

#include <semaphore.h>
#include <stdio.h>

struct check_path {
	struct service *service;
	struct resolve_rules rules;
	struct lookups lookups; /* the loop's */
	struct answer answer;
	struct fill_waiter body;
	struct loop_task stop;
	atomic_bool left;
	sem_t wake;
};

static void answered(void *ud, struct answer *answer)
{
	struct check_path *c = ud;

	c->answer = *answer;
	sem_post(&c->wake);
}

static void body_ready(struct fill_waiter *w)
{
	sem_post(&CONTAINER_OF(w, struct check_path, body)->wake);
}

static void released(void *ud)
{
	struct check_path *c = ud;

	sem_post(&c->wake);
}

static void leave(void *ud)
{
	/* The client of a lookup may leave; the one here never does. */
}

/*
 * Bytes of the body, or -1 when it broke off. They are written to a scratch file: where there is no
 * space for it, the file is not judged as a whole, and *scratch is NULL.
 */
static int64_t read_body(struct check_path *c, struct draft **scratch, struct error *e)
{
	struct fill *fill = c->answer.fill;
	int64_t at = 0;
	char block[32768];
	size_t n = 0;

	*scratch = NULL;
	if (!fill)
		return c->answer.head.length;
	if (draft_scratch(0, scratch, e) != OK)
		*scratch = NULL;
	for (;;) {
		switch (fill_read(fill, at, block, sizeof(block), &n)) {
		case FILL_DATA:
			if (*scratch &&
			    (draft_grow(*scratch, at + (int64_t)n, e) != OK ||
			     !file_write_at(draft_fd(*scratch), (struct slice){block, n},
					    OBJECT_HEADER_SIZE + at)))
				draft_free(TAKE(*scratch));
			at += (int64_t)n;
			continue;
		case FILL_END: return at;
		case FILL_FAILED:
			if (!fill_failed(fill, e))
				err_set(e, ERR_IO, "the body cannot be read");
			return -1;
		case FILL_WAIT: break;
		}
		c->body = (struct fill_waiter){.ready = body_ready, .offset = at};
		if (fill_wait(fill, &c->body))
			sem_wait(&c->wake);
	}
}

/*
 * A server looks at the beginning of a body that passes through, and at the whole of one that it
 * keeps: so does this.
 */
static bool is_other(const struct check_path *c, const struct source *file, char *is, size_t n)
{
	const struct symbol_path *path = c->rules.path;
	struct claim claim;
	enum verdict verdict;
	struct error e;

	if (!c->service->conf->verify_keys || !claim_of_path(path->spelling[0].path, &claim) ||
	    verify_file(&claim, file, &verdict, &e) != OK || verdict != VERDICT_WRONG)
		return false;
	verify_describe(file, is, n);
	return true;
}

/* A text is served, for it may be of a format unknown here; but most are pages of some server. */
static bool is_text(const struct source *file)
{
	char head[PAGE_HEAD];
	size_t n = (size_t)MIN(file->size, (int64_t)sizeof(head));
	struct error e;

	return n && source_read(file, 0, head, n, &e) == OK &&
	       page_is_text((struct slice){head, n}) &&
	       !slice_starts((struct slice){head, n}, SLICE("MODULE "));
}

/*
 * The line for a file that is there. True: it is one that a client can use, as far as can be told.
 */
static bool judge(struct check_path *c, const char *name, struct buf *line)
{
	struct draft *scratch = NULL;
	struct error e = {OK, 0, ""};
	int64_t bytes = read_body(c, &scratch, &e);
	struct file_source body =
		c->answer.fill
			? (struct file_source){scratch ? draft_fd(scratch) : -1, OBJECT_HEADER_SIZE}
			: (struct file_source){c->answer.head.fd, c->answer.head.fd_base};
	struct source file = source_of_file(&body, bytes);
	bool good = bytes >= 0;
	char is[160];

	if (!good) {
		buf_printf(line, "FAIL %s: found, but broke off: %s", name, e.msg);
	} else if (body.fd >= 0 && is_other(c, &file, is, sizeof(is))) {
		buf_printf(line, "miss %s: another file than its key names: %s", name, is);
		good = false;
	} else if (body.fd >= 0 && is_text(&file)) {
		buf_printf(line,
			   "unsure %s: found, %lld bytes, but a text and no symbol file that is "
			   "known here",
			   name, (long long)bytes);
	} else {
		buf_printf(line, "ok   %s: found, %lld bytes", name, (long long)bytes);
	}
	draft_free(scratch);
	return good;
}

/* Print the answer of this store alone, in one line. True: it has the file. */
static bool ask(struct check_path *c, struct store *store)
{
	const struct conf *conf = c->service->conf;
	const struct store_list alone = {&store, 1};
	struct lookup_request request = {
		.all = &c->lookups,
		.flights = c->service->flights,
		.stores = &alone,
		.rules = c->rules,
		.loop = c->service->loop,
		.left = &c->left,
		.leave = leave,
		.budget_ns = conf->request_budget_ns,
		.ring_max = conf->stream_buffer,
	};
	struct buf line CLEANUP(buf_fini) = BUF_MAX(16384),
			shown CLEANUP(buf_fini) = BUF_MAX(65536);
	const char *name = store->traits.name;
	struct lookup *lookup;
	bool found = false;

	if (resolve_passes_over(&c->rules, store)) {
		printf("skip %s: is not asked for this path (only=, not=, or SERVE_ANY_PATH)\n",
		       name);
		return false;
	}
	lookup = lookup_start(&request, answered, c);
	sem_wait(&c->wake);
	switch (c->answer.kind) {
	case ANSWER_FOUND: found = judge(c, name, &line); break;
	case ANSWER_MISS:
		buf_printf(&line, "miss %s: not there, or another file than its key names", name);
		break;
	case ANSWER_FAULT: buf_printf(&line, "FAIL %s: %s", name, c->answer.error.msg); break;
	case ANSWER_UNSATISFIABLE: buf_printf(&line, "FAIL %s: an odd answer", name); break;
	}
	answer_drop(&c->answer);
	lookup_release(lookup, released);
	sem_wait(&c->wake);
	text_show(buf_slice(&line), &shown);
	printf("%s\n", buf_str(&shown));
	return found;
}

static void stop(struct loop_task *task)
{
	struct check_path *c = CONTAINER_OF(task, struct check_path, stop);

	lookup_abort_all(&c->lookups);
	flights_abort(c->service->flights); /* break off the asks that still run for this path */
	sem_post(&c->wake);
}

static bool ask_all(struct service *s, const struct symbol_path *path)
{
	struct client client = client_of(&(struct client_headers){{NULL, 0}});
	const struct conf *conf = s->conf;
	struct check_path c = {
		.service = s,
		.rules = {.path = path,
			  .client = &client,
			  .any_path = conf->serve_any_path || conf->auth_tokens[0] ||
				      conf->auth_tokens_file[0],
			  .cabinets = conf->serve_cab},
		.stop.run = stop,
	};
	bool any = false;

	sem_init(&c.wake, 0, 0);
	for (size_t i = 0; i < s->stores.n; i++)
		any |= ask(&c, s->stores.store[i]);
	loop_post(s->loop, &c.stop);
	sem_wait(&c.wake);
	sem_destroy(&c.wake);
	return any;
}

int check_path(struct service *s, const char *text)
{
	struct request_rules rules = {.base_path = slice_of(s->conf->base_path),
				      .path_token = true};
	struct buf target CLEANUP(buf_fini) = BUF_MAX(REQUEST_TARGET_MAX + 2);
	struct symbol_path path;
	bool found;

	buf_printf(&target, strstr(text, "://") || text[0] == '/' ? "%s" : "/%s", text);
	if (request_clean(buf_slice(&target), &rules, &path) == REQUEST_OUTSIDE) {
		symbol_path_fini(&path); /* as it is asked of a store, then */
		rules.base_path = SLICE_NONE;
		if (request_clean(buf_slice(&target), &rules, &path) != REQUEST_CLEAN)
			path.kind = PATH_ROOT;
	}
	if (symbol_path_is_own(&path)) {
		symbol_path_fini(&path);
		fprintf(stderr,
			"pepto-symbol: --check: this is no path of a file: name/KEY/name\n");
		return EXIT_USAGE;
	}
	found = ask_all(s, &path);
	symbol_path_fini(&path);
	return found ? EXIT_SUCCESS : EXIT_FAILURE;
}
