// SPDX-License-Identifier: MIT
/*
 * `check FILE|DIR|DUMP...`: would a debugger find what it needs for these files? Each file that is wanted is looked for
 * as the server does, and its body is read to its end.
 */
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/looks.h"
#include "cmd/reads.h"
#include "cmd/stores_command.h"
#include "cmd/wanted.h"

enum { JSON = 1 };

enum finding { THERE, TEXT, MISSING, WRONG, FAULT };
static const char *const words[] = {[THERE] = "there",
				    [TEXT] = "text",
				    [MISSING] = "missing",
				    [WRONG] = "wrong",
				    [FAULT] = "fault"};

struct found {
	enum finding finding;
	const struct store *store; /* NULL: none */
	const char *form;
	int64_t bytes;
	struct error e;
};

struct check {
	struct service *service;
	struct looks looks;
	struct wanted wanted;
	struct found *found; /* of each wanted file */
	bool json;
	int code;
};

void help_print_check(FILE *f)
{
	fputs("usage: pepto-symbol check [--json] [--store URL]... [--flag value]...\n"
	      "                          FILE|DIR|DUMP...\n\n"
	      "Would a debugger find the symbols for these? Look in the stores, as the server\n"
	      "does, for each file itself, the PDBs that images name, and the images and PDBs\n"
	      "of a minidump's modules; read what is found, and hold it to its key.\n\n"
	      "  there    with its store, in which form it lies there, and its bytes\n"
	      "  missing  no store has it\n"
	      "  wrong    what lies there is damaged, or another file than its key names\n"
	      "  text     there, but no symbol file that is known here\n"
	      "  fault    a store gave no answer, and no other one has it\n\n"
	      "  --json   a line of JSON for each\n\n"
	      "The other flags are those of serve.\n\n"
	      "Exit code: 0 all are there, 1 some are missing or wrong, or a file cannot be\n"
	      "read, 2 usage, 4 a store gave no answer.\n\n"
	      "  pepto-symbol check crash.dmp --store s3://my-symbols\n",
	      f);
}

static const struct stores_flag flags[] = {{.name = "json"}, {NULL}};
static int run(struct service *s, const struct stores_words *w);
static const struct stores_command command = {.name = "check",
					      .word = "FILE",
					      .words_min = 1,
					      .words_max = SIZE_MAX,
					      .flags = flags,
					      .help = help_print_check,
					      .run = run};

/* ---- one of them ---- */

/* How the body that was read is to be had: as the store has it, or unpacked on its way. */
static const char *form_of(const struct answer *a)
{
	struct slice etag = slice_of(a->head.etag);

	if (a->msfz)
		return "msfz";
	if (slice_ends(etag, SLICE("-plain\"")) || slice_ends(etag, SLICE("-expanded\"")))
		return "compressed";
	return "plain";
}

static void look_why_missing(struct check *c, const struct symbol_path *path, struct found *f)
{
	f->store = looks_find_other(&c->looks, path);
	if (!f->store)
		return;
	f->finding = WRONG;
	err_set(&f->e, ERR_OTHER, "another file than its key names");
}

static void judge(struct look *k, const struct symbol_path *path, struct found *f)
{
	f->store = k->answer.from;
	f->form = form_of(&k->answer);
	switch (look_judge(k, path, &f->bytes, &f->e)) {
	case BODY_GOOD: f->finding = THERE; break;
	case BODY_TEXT: f->finding = TEXT; break;
	case BODY_OTHER: f->finding = WRONG; break;
	case BODY_BROKE_OFF:
		f->finding = f->e.code == ERR_CORRUPT || f->e.code == ERR_OTHER ? WRONG : FAULT;
		break;
	}
}

static void look_at(void *ud, size_t i)
{
	struct check *c = ud;
	struct found *f = &c->found[i];
	struct symbol_path path;
	struct look look;

	f->finding = MISSING;
	if (look_path(slice_of(c->wanted.file[i].path), &path)) {
		look_start(&look, &c->looks, &c->service->stores, &path, NULL);
		switch (look.answer.kind) {
		case ANSWER_FOUND: judge(&look, &path, f); break;
		case ANSWER_MISS: look_why_missing(c, &path, f); break;
		case ANSWER_UNSATISFIABLE: f->finding = WRONG; break;
		case ANSWER_FAULT:
			f->finding = look.answer.error.code == ERR_CORRUPT ? WRONG : FAULT;
			f->e = look.answer.error;
			break;
		}
		look_end(&look);
	} else {
		err_set(&f->e, ERR_USAGE, "no debugger can ask for it");
	}
	symbol_path_fini(&path);
}

/* ---- all of them ---- */

static void tell_json(const struct wanted_file *w, const struct found *f)
{
	struct buf line CLEANUP(buf_fini) = BUF_MAX(65536);

	buf_printf(&line, "{\"status\":\"%s\",", words[f->finding]);
	json_key_add("path", slice_of(w->path), &line);
	buf_puts(&line, ",\"file\":");
	(void)json_string_add(slice_of(w->from), &line);
	buf_printf(&line, ",\"wants\":\"%s\"", w->is_pdb ? "pdb" : "image");
	if (f->store) {
		buf_puts(&line, ",\"store\":");
		(void)json_string_add(slice_of(f->store->traits.name), &line);
	}
	if (f->finding == THERE || f->finding == TEXT)
		buf_printf(&line, ",\"form\":\"%s\",\"bytes\":%lld", f->form, (long long)f->bytes);
	if (f->e.code) {
		buf_puts(&line, ",\"why\":");
		(void)json_string_add(slice_of(f->e.msg), &line);
	}
	printf("%s}\n", buf_str(&line));
}

static void tell(const struct wanted_file *w, const struct found *f)
{
	struct buf line CLEANUP(buf_fini) = BUF_MAX(65536);

	buf_printf(&line, "%s\t", words[f->finding]);
	text_show(slice_of(w->path), &line);
	if (f->store) {
		buf_putc(&line, '\t');
		text_show(slice_of(f->store->traits.name), &line);
	}
	if (f->finding == THERE || f->finding == TEXT)
		buf_printf(&line, "\t%s\t%lld", f->form, (long long)f->bytes);
	if (f->e.code) {
		buf_putc(&line, '\t');
		text_show(slice_of(f->e.msg), &line);
	}
	printf("%s\n", buf_str(&line));
}

static void tell_all(struct check *c)
{
	for (size_t i = 0; i < c->wanted.n; i++) {
		const struct found *f = &c->found[i];

		(c->json ? tell_json : tell)(&c->wanted.file[i], f);
		if (f->finding == FAULT)
			c->code = exit_code_worse(c->code, EXIT_UNREACHABLE);
		else if (f->finding == MISSING || f->finding == WRONG)
			c->code = exit_code_worse(c->code, EXIT_FAILURE);
	}
}

static void complain(void *ud, const char *file, const char *why)
{
	struct check *c = ud;
	struct buf line CLEANUP(buf_fini) = BUF_MAX(65536);

	buf_printf(&line, "%s: %s", file, why);
	stores_command_tell(&command, NULL, buf_str(&line));
	c->code = EXIT_FAILURE;
}

static int run(struct service *s, const struct stores_words *w)
{
	struct check c = {.service = s, .json = w->set & JSON};
	struct error e;

	c.wanted.failed = complain;
	c.wanted.ud = &c;
	for (size_t i = 0; i < w->n; i++)
		wanted_by(&c.wanted, w->word[i]);
	if (!c.wanted.n && !c.code)
		complain(&c, w->word[0], "nothing is wanted for it");
	c.found = xzalloc((c.wanted.n + 1) * sizeof(*c.found));
	looks_init(&c.looks, s);
	crew_run(c.wanted.n, look_at, NULL, &c, NULL);
	looks_fini(&c.looks);
	tell_all(&c);
	free(c.found);
	wanted_fini(&c.wanted);
	if (stdout_flush(&e) != OK)
		return exit_code_worse(c.code, stores_command_broke_off(&command, NULL, &e));
	return c.code;
}

int check_command(int argc, char *const argv[])
{
	return stores_command_run(&command, argc, argv);
}
