// SPDX-License-Identifier: MIT
/*
 * `get KEY|FILE|DIR|DUMP... -o DIR`: what debuggers want, fetched into a directory that they can use as a store. Each
 * file goes into a draft in its place, which a later run goes on with, is held to its key, and takes its name then.
 */
#include "base/file.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/looks.h"
#include "cmd/out_dir.h"
#include "cmd/progress.h"
#include "cmd/reads.h"
#include "cmd/stores_command.h"
#include "cmd/wanted.h"
#include "symfmt/verify.h"

#include <unistd.h>

#define BLOCK ((size_t)64 << 10)

enum { JSON, OUTPUT };

enum finding { GOT, HAVE, MISSING, WRONG, FAULT, FAILED, NOT_BEGUN };
static const char *const words[] = {
	[GOT] = "got",     [HAVE] = "have",     [MISSING] = "missing",    [WRONG] = "wrong",
	[FAULT] = "fault", [FAILED] = "failed", [NOT_BEGUN] = "not begun"};

struct got {
	enum finding finding;
	const struct store *store; /* NULL: none */
	int64_t bytes;
	int64_t resumed_at; /* so much of it was there by an earlier run */
	struct error e;
};

struct get {
	struct service *service;
	struct looks looks;
	struct wanted wanted;
	struct got *got; /* of each wanted file */
	struct progress progress;
	atomic_size_t files_done;
	atomic_llong bytes_done;
	int dir;
	bool json;
	int code;
};

void help_print_get(FILE *f)
{
	fputs("usage: pepto-symbol get -o DIR [--json] [--store URL]... [--flag value]...\n"
	      "                        KEY|FILE|DIR|DUMP...\n\n"
	      "Fetch what a debugger wants into DIR/name/KEY/name, plain, eight at a time; a\n"
	      "debugger can use DIR as a store. A KEY is a path in a store; of files and\n"
	      "minidumps it is what check looks for.\n\n"
	      "A file that is there already is kept, if it is what its key names. One that\n"
	      "broke off is gone on with the next time, if the store still has the same.\n\n"
	      "  -o, --output DIR  where to; it is made\n"
	      "  --json            a line of JSON for each\n\n"
	      "  got, have         it is there: fetched now, or before\n"
	      "  missing, wrong    no store has it; what came is damaged or another file\n"
	      "  fault, failed     a store gave no answer; it broke off, or cannot be written\n\n"
	      "The other flags are those of serve.\n\n"
	      "Exit code: 0 all are there, 1 some are not, 2 usage, 4 a store gave no answer.\n\n"
	      "  pepto-symbol get crash.dmp -o symbols --store s3://my-symbols\n",
	      f);
}

static const struct stores_flag flags[] = {
	[JSON] = {.name = "json"},
	[OUTPUT] = {.name = "output", .letter = 'o', .has_value = true},
	{NULL},
};
static int run(struct service *s, const struct stores_words *w);
static const struct stores_command command = {.name = "get",
					      .word = "KEY or FILE",
					      .words_min = 1,
					      .words_max = SIZE_MAX,
					      .flags = flags,
					      .help = help_print_get,
					      .run = run};

/* ---- one of them ---- */

/* False: it is known to be another file. */
static bool is_right(const struct symbol_path *path, int fd, int64_t size, struct error *e)
{
	struct file_source opened = {.fd = fd};
	struct source file = source_of_file(&opened, size);
	struct claim claim;
	enum verdict verdict;
	char is[160];

	if (!claim_of_path(path->spelling[0].path, &claim) ||
	    verify_file(&claim, &file, &verdict, e) != OK || verdict != VERDICT_WRONG)
		return true;
	verify_describe(&file, is, sizeof(is));
	err_set(e, ERR_OTHER, "another file than its key names: %s", is);
	return false;
}

static bool have(struct get *g, const struct symbol_path *path, const struct out_file *f,
		 struct got *got)
{
	int64_t size = 0;
	int fd CLEANUP(close_p) = out_file_there(f, &size);

	if (fd < 0 || !size ||
	    (g->service->conf->verify_keys && !is_right(path, fd, size, &got->e)))
		return false;
	got->bytes = size;
	got->finding = HAVE;
	return true;
}

/* The body goes into the draft, from `at` on. True: to its end. */
static bool take_body(struct get *g, struct look *k, struct out_file *f, int64_t at,
		      struct got *got)
{
	char *block CLEANUP(free_p) = xzalloc(BLOCK);
	int64_t given = 0;
	ssize_t n;

	while ((n = look_read(k, given, block, BLOCK, &got->e)) > 0) {
		if (!file_write_at(f->fd, (struct slice){block, (size_t)n}, at + given)) {
			err_sys(&got->e, ERR_IO, "it cannot be written");
			return false;
		}
		given += n;
		atomic_fetch_add(&g->bytes_done, n);
	}
	got->bytes = at + given;
	return n == 0;
}

static void keep(struct get *g, const struct symbol_path *path, struct out_file *f, struct got *got)
{
	if (g->service->conf->verify_keys && !is_right(path, f->fd, got->bytes, &got->e)) {
		got->finding = WRONG;
		out_file_drop(f);
	} else if (out_file_keep(f, &got->e) != OK) {
		got->finding = FAILED;
	} else {
		got->finding = GOT;
	}
}

static void take(struct get *g, const struct symbol_path *path, struct look *k, struct out_file *f,
		 struct got *got)
{
	const struct object_head *head = &k->answer.head;
	bool goes_on = f->size && head->ranged && head->first == f->size;

	got->store = k->answer.from;
	got->resumed_at = goes_on ? f->size : 0;
	got->finding = FAILED;
	if (!goes_on && out_file_restart(f, head->etag, &got->e) != OK)
		return;
	if (take_body(g, k, f, got->resumed_at, got)) {
		keep(g, path, f, got);
	} else if (got->e.code == ERR_CORRUPT || got->e.code == ERR_OTHER) {
		got->finding = WRONG;
		out_file_drop(f);
	}
}

/* True: to be asked once more, for all of it. */
static bool fetch(struct get *g, const struct symbol_path *path, struct out_file *f,
		  struct got *got)
{
	const struct part_ask rest = {
		.ranged = true, .range = {f->size, INT64_MAX}, .if_range = f->tag};
	struct look look;
	bool again = false;

	look_start(&look, &g->looks, &g->service->stores, path, f->size ? &rest : NULL);
	switch (look.answer.kind) {
	case ANSWER_FOUND: take(g, path, &look, f, got); break;
	case ANSWER_MISS:
		got->store = looks_find_other(&g->looks, path);
		got->finding = got->store ? WRONG : MISSING;
		if (got->store)
			err_set(&got->e, ERR_OTHER, "another file than its key names");
		break;
	case ANSWER_FAULT:
		got->e = look.answer.error;
		got->finding = got->e.code == ERR_CORRUPT ? WRONG : FAULT;
		break;
	case ANSWER_UNSATISFIABLE: /* the draft had all of it, or is of another version */
		again = f->size > 0;
		got->finding = WRONG;
		if (again)
			out_file_drop(f);
		break;
	}
	look_end(&look);
	return again;
}

static void get_path(struct get *g, const struct symbol_path *path, struct got *got)
{
	struct out_file f;
	enum err err = out_file_open(g->dir, path->spelling[0].path, &f, &got->e);

	if (err) {
		got->finding = FAILED;
		return;
	}
	if (!have(g, path, &f, got)) {
		got->e = (struct error){OK, 0, ""};
		if (fetch(g, path, &f, got)) {
			out_file_close(&f);
			if (out_file_open(g->dir, path->spelling[0].path, &f, &got->e) != OK) {
				got->finding = FAILED;
				return;
			}
			(void)fetch(g, path, &f, got);
		}
	}
	out_file_close(&f);
}

static void get_one(void *ud, size_t i)
{
	struct get *g = ud;
	struct got *got = &g->got[i];
	struct symbol_path path;

	if (look_path(slice_of(g->wanted.file[i].path), &path)) {
		get_path(g, &path, got);
	} else {
		got->finding = FAILED;
		err_set(&got->e, ERR_USAGE, "no path of a file: name/KEY/name");
	}
	symbol_path_fini(&path);
	atomic_fetch_add(&g->files_done, 1);
}

/* How many bytes there are in all is not known: so many for each file as for those that are there. */
static void tick(void *ud)
{
	struct get *g = ud;
	size_t files = atomic_load(&g->files_done);
	int64_t bytes = atomic_load(&g->bytes_done);

	g->progress.bytes = (int64_t)((double)bytes * (double)g->wanted.n / (double)MAX(files, 1));
	progress_tell(&g->progress, files, MIN(bytes, g->progress.bytes));
}

/* ---- all of them ---- */

static void tell_json(const struct wanted_file *w, const struct got *got)
{
	struct buf line CLEANUP(buf_fini) = BUF_MAX(65536);

	buf_printf(&line, "{\"status\":\"%s\",", words[got->finding]);
	json_key_add("path", slice_of(w->path), &line);
	buf_puts(&line, ",\"file\":");
	(void)json_string_add(slice_of(w->from), &line);
	if (got->store) {
		buf_puts(&line, ",\"store\":");
		(void)json_string_add(slice_of(got->store->traits.name), &line);
	}
	if (got->finding == GOT || got->finding == HAVE)
		buf_printf(&line, ",\"bytes\":%lld", (long long)got->bytes);
	if (got->resumed_at)
		buf_printf(&line, ",\"resumed_at\":%lld", (long long)got->resumed_at);
	if (got->e.code) {
		buf_puts(&line, ",\"why\":");
		(void)json_string_add(slice_of(got->e.msg), &line);
	}
	printf("%s}\n", buf_str(&line));
}

static void tell(const struct wanted_file *w, const struct got *got)
{
	struct buf line CLEANUP(buf_fini) = BUF_MAX(65536);

	buf_printf(&line, "%s\t", words[got->finding]);
	text_show(slice_of(w->path), &line);
	if (got->finding == GOT || got->finding == HAVE)
		buf_printf(&line, "\t%lld", (long long)got->bytes);
	if (got->e.code) {
		buf_putc(&line, '\t');
		text_show(slice_of(got->e.msg), &line);
	}
	printf("%s\n", buf_str(&line));
}

static void tell_all(struct get *g)
{
	for (size_t i = 0; i < g->wanted.n; i++) {
		enum finding finding = g->got[i].finding;

		(g->json ? tell_json : tell)(&g->wanted.file[i], &g->got[i]);
		if (finding == FAULT)
			g->code = exit_code_worse(g->code, EXIT_UNREACHABLE);
		else if (finding != GOT && finding != HAVE)
			g->code = exit_code_worse(g->code, EXIT_FAILURE);
	}
}

static void complain(void *ud, const char *file, const char *why)
{
	struct get *g = ud;
	struct buf line CLEANUP(buf_fini) = BUF_MAX(65536);

	buf_printf(&line, "%s%s%s", file ? file : "", file ? ": " : "", why);
	stores_command_tell(&command, NULL, buf_str(&line));
	g->code = EXIT_FAILURE;
}

static void take_word(struct get *g, const char *word)
{
	struct symbol_path path;

	if (access(word, F_OK) == 0) {
		wanted_by(&g->wanted, word);
		return;
	}
	if (look_path(slice_of(word), &path) && path.segments >= 2)
		wanted_path(&g->wanted, word);
	else
		complain(g, word, "neither a file nor a path in a store: name/KEY/name");
	symbol_path_fini(&path);
}

static void get_all(struct get *g)
{
	g->got = xzalloc((g->wanted.n + 1) * sizeof(*g->got));
	for (size_t i = 0; i < g->wanted.n; i++)
		g->got[i].finding = NOT_BEGUN;
	looks_init(&g->looks, g->service);
	progress_begin(&g->progress, "fetching", g->wanted.n, 0, false);
	crew_run(g->wanted.n, get_one, tick, g, NULL);
	progress_hide(&g->progress);
	looks_fini(&g->looks);
	tell_all(g);
	free(g->got);
}

static int run(struct service *s, const struct stores_words *w)
{
	struct get g = {.service = s, .json = w->set & 1U << JSON, .dir = -1};
	struct error e;

	if (!w->value[OUTPUT]) {
		stores_command_tell(&command, NULL, "where to? -o DIR");
		return EXIT_USAGE;
	}
	g.wanted.failed = complain;
	g.wanted.ud = &g;
	for (size_t i = 0; i < w->n; i++)
		take_word(&g, w->word[i]);
	if (!g.wanted.n && !g.code)
		complain(&g, w->word[0], "nothing is wanted for it");
	if (g.wanted.n && out_dir_open(w->value[OUTPUT], &g.dir, &e) != OK)
		complain(&g, NULL, e.msg);
	else if (g.wanted.n)
		get_all(&g);
	close_p(&g.dir);
	wanted_fini(&g.wanted);
	if (stdout_flush(&e) != OK)
		return exit_code_worse(g.code, stores_command_broke_off(&command, NULL, &e));
	return g.code;
}

int get_command(int argc, char *const argv[])
{
	return stores_command_run(&command, argc, argv);
}
