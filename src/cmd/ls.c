// SPDX-License-Identifier: MIT
/*
 * `ls [ID | GLOB]`: the transactions that stores have, newest first; the files of one; or the files whose names
 * match, and which transactions name them.
 */
#include "base/clock.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/listings.h"
#include "cmd/stores_command.h"
#include "cmd/transactions.h"
#include "serve/symbol_path.h"

enum { JSON = 1 };

#define LINE_MAX_ ((size_t)1 << 20)

struct ls {
	struct store *store;
	const char *word;
	bool json, tells_store, is_id;
	size_t told;
};

void help_print_ls(FILE *f)
{
	fputs("usage: pepto-symbol ls [ID | GLOB] [--json] [--store URL]... [--flag value]...\n\n"
	      "Print the transactions of the stores, newest first: id, state, files, bytes of\n"
	      "the plain files, product, version. With an ID the files of that one, with a GLOB\n"
	      "('*', '?', any case) the files of that name and the transactions that name them.\n\n"
	      "  live     published      open     not ended: it runs, or was broken off\n"
	      "  going    being removed  gone     removed\n"
	      "  damaged  what is written down of it cannot be read\n\n"
	      "What symstore.exe wrote down in 000Admin is shown, too. --json prints a line for\n"
	      "each with all that is known. The other flags are those of serve; a bucket needs\n"
	      "s3:ListBucket.\n\n"
	      "Exit code: 0 done, 1 no such ID or file, or a damaged one, 2 usage, 4 a store\n"
	      "that cannot be reached or listed.\n\n"
	      "  pepto-symbol ls 'myapp*' --store s3://my-symbols\n",
	      f);
}

static const struct stores_flag flags[] = {{.name = "json"}, {NULL}};
static int run(struct service *s, const struct stores_words *w);
static const struct stores_command command = {.name = "ls",
					      .word = "ID or GLOB",
					      .words_max = 1,
					      .flags = flags,
					      .help = help_print_ls,
					      .run = run};

/* ---- lines ---- */

static void put_member(struct buf *line, const char *name, struct slice value)
{
	if (!value.n)
		return;
	buf_printf(line, ",\"%s\":", name);
	(void)json_string_add(value, line);
}

static void put_date(struct buf *line, const char *name, int64_t t)
{
	char text[ISO_DATE_LEN];

	if (t <= 0)
		return;
	iso_date_format(t, text);
	put_member(line, name, slice_of(text));
}

static void begin_json(const struct ls *x, const struct transaction *tx, struct buf *line)
{
	buf_puts(line, "{\"store\":");
	(void)json_string_add(slice_of(x->store->traits.name), line);
	buf_printf(line, ",\"transaction\":\"%s\",\"state\":\"%s\"", tx->id.s,
		   tx_state_name(tx->told.state));
}

static void print_line(struct ls *x, struct buf *line, bool ends_object)
{
	if (!ends_object && x->tells_store)
		buf_printf(line, "\t%s", x->store->traits.name);
	buf_puts(line, ends_object ? "}\n" : "\n");
	x->told++;
	(void)fwrite(line->p, 1, line->n, stdout);
}

static void tell_json(struct ls *x, const struct transaction *tx)
{
	struct buf line CLEANUP(buf_fini) = BUF_MAX(LINE_MAX_);
	const struct plan *p = &tx->told.head;

	begin_json(x, tx, &line);
	if (tx->is_symstore)
		buf_puts(&line, ",\"symstore\":true");
	put_date(&line, "started", p->started_s);
	put_member(&line, "product", p->product);
	put_member(&line, "version", p->version);
	put_member(&line, "comment", p->comment);
	put_date(&line, "keep_until", p->keep_until_s);
	put_member(&line, "source", p->source);
	put_member(&line, "host", p->host);
	put_member(&line, "user", p->user);
	put_member(&line, "tool", p->tool);
	if (tx->told.files >= 0)
		buf_printf(&line, ",\"files\":%lld,\"bytes\":%lld", (long long)tx->told.files,
			   (long long)p->bytes);
	if (tx->told.state == TX_STATE_GOING || tx->told.state == TX_STATE_GONE) {
		put_date(&line, "removed_when", tx->told.gone->when_s);
		put_member(&line, "removed_by", slice_of(tx->told.gone->by));
		put_member(&line, "removed_why", slice_of(tx->told.gone->why));
		buf_printf(&line, ",\"removed\":%lld,\"kept\":%lld",
			   (long long)tx->told.gone->removed, (long long)tx->told.gone->kept);
	}
	put_member(&line, "error", slice_of(tx->told.error.msg));
	print_line(x, &line, true);
}

static void put_cell(struct buf *line, struct slice text, const char *none)
{
	buf_putc(line, '\t');
	if (text.n)
		text_show(text, line);
	else
		buf_puts(line, none);
}

static void tell(struct ls *x, const struct transaction *tx)
{
	struct buf line CLEANUP(buf_fini) = BUF_MAX(LINE_MAX_);

	if (x->json) {
		tell_json(x, tx);
		return;
	}
	buf_printf(&line, "%s\t%s", tx->id.s, tx_state_name(tx->told.state));
	if (tx->told.files >= 0)
		buf_printf(&line, "\t%lld\t%lld", (long long)tx->told.files,
			   (long long)tx->told.head.bytes);
	else
		buf_puts(&line, "\t-\t-");
	put_cell(&line, tx->told.head.product, "-");
	put_cell(&line, tx->told.head.version, "-");
	print_line(x, &line, false);
}

/* done: NULL, or what became of the files. */
static void tell_file(struct ls *x, const struct transaction *tx, const struct plan_file *f,
		      const char *outcome)
{
	struct buf line CLEANUP(buf_fini) = BUF_MAX(LINE_MAX_);

	if (x->json) {
		begin_json(x, tx, &line);
		put_member(&line, "key", f->key);
		put_member(&line, "symbol_key", f->id);
		put_member(&line, "kind", f->kind);
		put_member(&line, "path", f->path);
		if (!tx->is_symstore)
			buf_printf(&line, ",\"size\":%lld", (long long)f->size);
		put_member(&line, "sha256", slice_of(f->sha256));
		put_member(&line, "as", f->as);
		put_member(&line, "machine", f->machine);
		if (f->privacy != PRIVACY_NONE)
			buf_printf(&line, ",\"private\":%s",
				   f->privacy == PRIVACY_PRIVATE ? "true" : "false");
		put_member(&line, "pdb", f->pdb);
		put_member(&line, "status", slice_of(outcome));
		print_line(x, &line, true);
		return;
	}
	text_show(f->key, &line);
	buf_printf(&line, "\t%s", *outcome ? outcome : tx_state_name(tx->told.state));
	if (tx->is_symstore)
		buf_puts(&line, "\t-");
	else
		buf_printf(&line, "\t%lld", (long long)f->size);
	if (!x->is_id)
		buf_printf(&line, "\t%s\t%s", tx->id.s, tx_state_name(tx->told.state));
	print_line(x, &line, false);
}

/* ---- which of them ---- */

static bool matches(const struct ls *x, struct slice key)
{
	struct slice rest = key, name = slice_head(key, slice_find(key, '/'));
	struct spelling end = path_end(rest);

	if (x->is_id)
		return true;
	if (end.name.n)
		name = end.name;
	return fold_glob(name, slice_of(x->word), false);
}

static enum err tell_files(struct ls *x, const struct transaction *tx, struct error *e)
{
	struct plan plan CLEANUP(plan_fini) = {0};
	struct done done CLEANUP(done_fini) = {0};
	enum err err = transaction_read(x->store, tx, &plan, &done, e);

	for (size_t i = 0; i < plan.files && !err; i++) {
		enum outcome o = done.outcome ? (enum outcome)done.outcome[i] : OUTCOME_OPEN;

		if (matches(x, plan.file[i].key))
			tell_file(x, tx, &plan.file[i], done.outcome ? outcome_name(o) : "");
	}
	return err;
}

static int complain(const struct ls *x, const struct error *e)
{
	stores_command_tell(&command, x->store, e->msg);
	return EXIT_FAILURE;
}

static int tell_wanted(struct ls *x, const struct transaction *tx)
{
	struct error e = {OK, 0, ""};

	if (tx->told.error.code && (!x->is_id || strcmp(x->word, tx->id.s) == 0)) {
		if (!x->word)
			tell(x, tx);
		return complain(x, &tx->told.error);
	}
	if (!x->word) {
		tell(x, tx);
		return EXIT_SUCCESS;
	}
	if (x->is_id ? strcmp(x->word, tx->id.s) != 0 : tx->told.state == TX_STATE_GONE)
		return EXIT_SUCCESS;
	return tell_files(x, tx, &e) ? complain(x, &e) : EXIT_SUCCESS;
}

static int list_store(struct ls *x, struct store *store)
{
	struct transactions t CLEANUP(transactions_fini) = {0};
	int code = EXIT_SUCCESS;
	struct error e;

	x->store = store;
	if (transactions_list(store, &t, &e) != OK)
		return stores_command_failed(&command, store, &e);
	transactions_look(&t);
	for (size_t i = 0; i < t.n; i++)
		code = exit_code_worse(code, tell_wanted(x, &t.tx[i]));
	return code;
}

static int run(struct service *s, const struct stores_words *w)
{
	struct ls x = {.json = w->set & JSON, .tells_store = s->stores.n > 1};
	int code = EXIT_SUCCESS;
	bool any = false;
	struct error e;

	x.word = w->n ? w->word[0] : NULL;
	x.is_id = x.word && transactions_is_id(x.word);
	for (size_t i = 0; i < s->stores.n; i++) {
		if (!store_can_list(s->stores.store[i])) {
			stores_command_tell(&command, s->stores.store[i], "cannot be listed");
			continue;
		}
		any = true;
		code = exit_code_worse(code, list_store(&x, s->stores.store[i]));
	}
	if (stdout_flush(&e) != OK)
		return exit_code_worse(code, stores_command_broke_off(&command, NULL, &e));
	if (!any)
		return EXIT_USAGE;
	if (x.word && !x.told && !code)
		stores_command_tell(&command, NULL,
				    x.is_id ? "there is no such transaction"
					    : "no transaction names such a file");
	return x.word && !x.told ? exit_code_worse(code, EXIT_FAILURE) : code;
}

int ls_command(int argc, char *const argv[])
{
	return stores_command_run(&command, argc, argv);
}
