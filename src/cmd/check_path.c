// SPDX-License-Identifier: MIT
/*
 * `serve --check PATH`, see check.h: the path is looked for as a client's request is, but in one
 * store after the other, each alone, and nothing is kept. The body is read to its end, for only then
 * all is known to be right that can be.
 */
#include "base/file.h"
#include "base/text.h"
#include "cache/disk.h"
#include "cmd/check.h"
#include "cmd/cmd.h"
#include "cmd/looks.h"
#include "serve/request.h"
#include "symfmt/page.h"
#include "symfmt/verify.h"

#include <stdio.h>

/*
 * Bytes of the body, or -1 when it broke off. They are written to a scratch file: where there is no
 * space for it, the file is not judged as a whole, and *scratch is NULL.
 */
static int64_t read_body(struct look *k, struct draft **scratch, struct error *e)
{
	int64_t at = 0;
	char block[32768];
	ssize_t n;

	*scratch = NULL;
	if (!k->answer.fill)
		return k->answer.head.length;
	if (draft_scratch(0, scratch, e) != OK)
		*scratch = NULL;
	while ((n = look_read(k, at, block, sizeof(block), e)) > 0) {
		if (*scratch &&
		    (draft_grow(*scratch, at + n, e) != OK ||
		     !file_write_at(draft_fd(*scratch), (struct slice){block, (size_t)n},
				    OBJECT_HEADER_SIZE + at)))
			draft_free(TAKE(*scratch));
		at += n;
	}
	return n < 0 ? -1 : at;
}

/*
 * A server looks at the beginning of a body that passes through, and at the whole of one that it
 * keeps: so does this.
 */
static bool is_other(const struct symbol_path *path, const struct source *file, char *is, size_t n)
{
	struct claim claim;
	enum verdict verdict;
	struct error e;

	if (!claim_of_path(path->spelling[0].path, &claim) ||
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

enum body_verdict look_judge(struct look *k, const struct symbol_path *path, int64_t *ret_bytes,
			     struct error *e)
{
	struct draft *scratch = NULL;
	int64_t bytes = *ret_bytes = read_body(k, &scratch, e);
	struct file_source body =
		k->answer.fill
			? (struct file_source){scratch ? draft_fd(scratch) : -1, OBJECT_HEADER_SIZE}
			: (struct file_source){k->answer.head.fd, k->answer.head.fd_base};
	struct source file = source_of_file(&body, bytes);
	enum body_verdict verdict = BODY_GOOD;
	char is[160];

	if (bytes < 0) {
		verdict = BODY_BROKE_OFF;
	} else if (body.fd >= 0 && k->all->service->conf->verify_keys &&
		   is_other(path, &file, is, sizeof(is))) {
		err_set(e, ERR_OTHER, "another file than its key names: %s", is);
		verdict = BODY_OTHER;
	} else if (body.fd >= 0 && is_text(&file)) {
		verdict = BODY_TEXT;
	}
	draft_free(scratch);
	return verdict;
}

/*
 * The line for a file that is there. True: it is one that a client can use, as far as can be told.
 */
static bool judge(struct look *k, const struct symbol_path *path, const char *name,
		  struct buf *line)
{
	struct error e = {OK, 0, ""};
	int64_t bytes;

	switch (look_judge(k, path, &bytes, &e)) {
	case BODY_BROKE_OFF:
		buf_printf(line, "FAIL %s: found, but broke off: %s", name, e.msg);
		return false;
	case BODY_OTHER: buf_printf(line, "miss %s: %s", name, e.msg); return false;
	case BODY_TEXT:
		buf_printf(line,
			   "unsure %s: found, %lld bytes, but a text and no symbol file that is "
			   "known here",
			   name, (long long)bytes);
		return true;
	case BODY_GOOD:
		buf_printf(line, "ok   %s: found, %lld bytes", name, (long long)bytes);
		break;
	}
	return true;
}

/* Print the answer of this store alone, in one line. True: it has the file. */
static bool ask(struct looks *looks, const struct symbol_path *path, struct store *store)
{
	const struct store_list alone = {&store, 1};
	struct buf line CLEANUP(buf_fini) = BUF_MAX(16384),
			shown CLEANUP(buf_fini) = BUF_MAX(65536);
	const char *name = store->traits.name;
	struct look look;
	bool found = false;

	if (looks_pass_over(looks, path, store)) {
		printf("skip %s: is not asked for this path (only=, not=, or SERVE_ANY_PATH)\n",
		       name);
		return false;
	}
	look_start(&look, looks, &alone, path, NULL);
	switch (look.answer.kind) {
	case ANSWER_FOUND: found = judge(&look, path, name, &line); break;
	case ANSWER_MISS:
		buf_printf(&line, "miss %s: not there, or another file than its key names", name);
		break;
	case ANSWER_FAULT: buf_printf(&line, "FAIL %s: %s", name, look.answer.error.msg); break;
	case ANSWER_UNSATISFIABLE: buf_printf(&line, "FAIL %s: an odd answer", name); break;
	}
	look_end(&look);
	text_show(buf_slice(&line), &shown);
	printf("%s\n", buf_str(&shown));
	return found;
}

static bool ask_all(struct service *s, const struct symbol_path *path)
{
	struct looks looks;
	bool any = false;

	looks_init(&looks, s);
	for (size_t i = 0; i < s->stores.n; i++)
		any |= ask(&looks, path, s->stores.store[i]);
	looks_fini(&looks);
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
