// SPDX-License-Identifier: MIT
/*
 * `verify ID | --all`: is what transactions have put into the stores still there, and what it was? Each key that is
 * stored, or existed, is looked at once, however many transactions name it with the same file.
 */
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/progress.h"
#include "cmd/reads.h"
#include "cmd/stored_file.h"
#include "cmd/stores_command.h"
#include "cmd/transactions.h"

#include <search.h>

enum { ALL = 1, FULL = 2, JSON = 4 };

static const char *const words[] = {[STORED_GOOD] = "good",
				    [STORED_MISSING] = "missing",
				    [STORED_WRONG] = "wrong",
				    [STORED_FAULT] = "fault"};

/* One transaction's files, of which some are looked at. */
struct batch {
	struct plan plan;
	struct done done;
	struct verdict_of {
		bool looks;
		enum stored_finding finding;
		struct stored_told told;
		struct error e;
	} * file;
};

struct verify {
	struct store *store;
	const char *word; /* NULL: all */
	bool full, json;
	const struct transaction *tx; /* the present one */
	struct batch batch;
	void *seen; /* tsearch(3): key and SHA-256 */
	struct progress progress;
	atomic_size_t files;
	atomic_llong bytes;
	size_t n[4], transactions; /* by finding; that were looked at */
	size_t otherwise_signed;   /* of those that are good */
};

void help_print_verify(FILE *f)
{
	fputs("usage: pepto-symbol verify ID | --all [--full] [--json] [--store URL]...\n"
	      "                           [--flag value]...\n\n"
	      "Are the files of a transaction, or of all that are live, still in the stores,\n"
	      "and what they were? By length and identity, for which a few ranges of each are\n"
	      "read; of what is stored compressed by what its publisher wrote beside it.\n\n"
	      "  --full   read every byte, and compare its SHA-256\n"
	      "  --json   a line of JSON for each file; else for those that are not good\n\n"
	      "  missing  it is not there\n"
	      "  wrong    it is damaged, or another file\n"
	      "  fault    the store gave no answer\n\n"
	      "The other flags are those of serve. What symstore.exe published tells no\n"
	      "checksums, and is passed over.\n\n"
	      "Exit code: 0 all are good, 1 some are not, or no such ID, 2 usage, 4 a store\n"
	      "that gave no answer.\n\n"
	      "  pepto-symbol verify --all --full --store s3://my-symbols\n",
	      f);
}

static const struct stores_flag flags[] = {
	{.name = "all"}, {.name = "full"}, {.name = "json"}, {NULL}};
static int run(struct service *s, const struct stores_words *w);
static const struct stores_command command = {.name = "verify",
					      .word = "ID",
					      .words_max = 1,
					      .flags = flags,
					      .help = help_print_verify,
					      .run = run};

/* ---- one file ---- */

static void look(void *ud, size_t i)
{
	struct verify *v = ud;
	struct verdict_of *f = &v->batch.file[i];
	const struct stored_how how = {.store = v->store, .full = v->full, .bytes = &v->bytes};

	if (f->looks)
		f->finding = stored_judge(&how, &v->batch.plan.file[i],
					  v->batch.done.outcome[i] == OUTCOME_EXISTED, &f->told,
					  &f->e);
	atomic_fetch_add(&v->files, 1);
}

static void tick(void *ud)
{
	struct verify *v = ud;

	progress_tell(&v->progress, atomic_load(&v->files),
		      MIN((int64_t)atomic_load(&v->bytes), v->progress.bytes));
}

static void tell(const struct verify *v, const struct plan_file *f, const struct verdict_of *is)
{
	struct buf line CLEANUP(buf_fini) = BUF_MAX(65536);

	if (v->json) {
		buf_printf(&line, "{\"status\":\"%s\",", words[is->finding]);
		json_key_add("key", f->key, &line);
		buf_printf(&line, ",\"transaction\":\"%s\",\"store\":", v->tx->id.s);
		(void)json_string_add(slice_of(v->store->traits.name), &line);
		if (is->finding == STORED_GOOD)
			buf_printf(&line, ",\"by\":\"%s\"", is->told.by);
		if (is->finding == STORED_GOOD && is->told.form)
			buf_printf(&line, ",\"form\":\"%s\"", is->told.form);
		if (is->e.code) {
			buf_puts(&line, ",\"why\":");
			(void)json_string_add(slice_of(is->e.msg), &line);
		}
		buf_puts(&line, "}\n");
	} else if (is->finding != STORED_GOOD) {
		buf_printf(&line, "%s\t", words[is->finding]);
		text_show(f->key, &line);
		buf_printf(&line, "\t%s", v->tx->id.s);
		if (is->e.code) {
			buf_putc(&line, '\t');
			text_show(slice_of(is->e.msg), &line);
		}
		buf_putc(&line, '\n');
	}
	(void)fwrite(line.p ? line.p : "", 1, line.n, stdout);
}

/* ---- one transaction ---- */

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Has this key been looked at for this very file? */
static bool is_new(struct verify *v, const struct plan_file *f)
{
	char *text = xzalloc(f->key.n + sizeof(f->sha256) + 1), **found;

	(void)snprintf(text, f->key.n + sizeof(f->sha256) + 1, "%s/" SLICE_FMT, f->sha256,
		       SLICE_ARG(f->key));
	found = tsearch(text, &v->seen, by_text);
	ASSERT(found);
	if (*found == text)
		return true;
	free(text);
	return false;
}

static int verify_batch(struct verify *v)
{
	struct batch *b = &v->batch;
	int64_t bytes = 0;
	int code = EXIT_SUCCESS;

	b->file = xzalloc((b->plan.files + 1) * sizeof(*b->file));
	for (size_t i = 0; i < b->plan.files; i++) {
		bool is_there = b->done.outcome[i] == OUTCOME_STORED ||
				b->done.outcome[i] == OUTCOME_EXISTED;

		b->file[i].looks = is_there && is_new(v, &b->plan.file[i]);
		bytes += b->file[i].looks ? b->plan.file[i].size : 0;
	}
	atomic_store(&v->files, 0);
	atomic_store(&v->bytes, 0);
	progress_begin(&v->progress, "verifying", b->plan.files, MAX(bytes, 1), false);
	crew_run(b->plan.files, look, tick, v, NULL);
	progress_hide(&v->progress);
	for (size_t i = 0; i < b->plan.files; i++) {
		const struct verdict_of *f = &b->file[i];

		if (!f->looks)
			continue;
		tell(v, &b->plan.file[i], f);
		v->n[f->finding]++;
		v->otherwise_signed += f->finding == STORED_GOOD && f->told.form;
		if (f->finding != STORED_GOOD)
			code = exit_code_worse(code, f->finding == STORED_FAULT ? EXIT_UNREACHABLE
										: EXIT_FAILURE);
	}
	free(b->file);
	return code;
}

static int complain(const struct verify *v, const char *why)
{
	stores_command_tell(&command, v->store, why);
	return EXIT_FAILURE;
}

static int verify_transaction(struct verify *v, const struct transaction *tx)
{
	struct error e = {OK, 0, ""};
	int code;

	v->tx = tx;
	v->batch = (struct batch){0};
	v->transactions++;
	if (transaction_read(v->store, tx, &v->batch.plan, &v->batch.done, &e) != OK)
		code = complain(v, e.msg);
	else
		code = verify_batch(v);
	plan_fini(&v->batch.plan);
	done_fini(&v->batch.done);
	return code;
}

/* That of --all, or of the ID. */
static int verify_wanted(struct verify *v, const struct transaction *tx)
{
	struct buf why CLEANUP(buf_fini) = BUF_MAX(200);

	if (v->word ? strcmp(v->word, tx->id.s) != 0 : tx->is_symstore)
		return EXIT_SUCCESS;
	if (tx->told.error.code) {
		v->transactions++;
		return complain(v, tx->told.error.msg);
	}
	if (tx->told.state == TX_STATE_LIVE && !tx->is_symstore)
		return verify_transaction(v, tx);
	if (!v->word)
		return EXIT_SUCCESS;
	v->transactions++;
	buf_printf(&why, "%s is %s", tx->id.s,
		   tx->is_symstore ? "symstore's, and tells no checksums"
				   : tx_state_name(tx->told.state));
	return complain(v, buf_str(&why));
}

static void summarise(const struct verify *v)
{
	printf("%zu good", v->n[STORED_GOOD]);
	if (v->otherwise_signed)
		printf(" (%zu with another signature)", v->otherwise_signed);
	printf(", %zu missing, %zu wrong, %zu not known\n", v->n[STORED_MISSING],
	       v->n[STORED_WRONG], v->n[STORED_FAULT]);
}

static int verify_store(struct verify *v, struct store *store)
{
	struct transactions t CLEANUP(transactions_fini) = {0};
	int code = EXIT_SUCCESS;
	struct error e;

	v->store = store;
	v->seen = NULL;
	if (transactions_list(store, &t, &e) != OK)
		return stores_command_failed(&command, store, &e);
	transactions_look(&t);
	for (size_t i = 0; i < t.n; i++)
		code = exit_code_worse(code, verify_wanted(v, &t.tx[i]));
	tdestroy(v->seen, free);
	return code;
}

static int run(struct service *s, const struct stores_words *w)
{
	struct verify v = {
		.full = w->set & FULL, .json = w->set & JSON, .word = w->n ? w->word[0] : NULL};
	int code = EXIT_SUCCESS;
	bool any = false;
	struct error e;

	if (v.word && !transactions_is_id(v.word)) {
		stores_command_tell(&command, NULL,
				    "takes the ID of a transaction, as ls prints it");
		return EXIT_USAGE;
	}
	if (!v.word == !(w->set & ALL)) {
		stores_command_tell(&command, NULL, "which transaction? an ID, or --all");
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < s->stores.n; i++) {
		if (!store_can_list(s->stores.store[i])) {
			stores_command_tell(&command, s->stores.store[i], "cannot be listed");
			continue;
		}
		any = true;
		code = exit_code_worse(code, verify_store(&v, s->stores.store[i]));
	}
	if (!any)
		return EXIT_USAGE;
	if (v.word && !v.transactions && !code) {
		stores_command_tell(&command, NULL, "there is no such transaction");
		code = EXIT_FAILURE;
	}
	if (!v.json && v.transactions)
		summarise(&v);
	if (stdout_flush(&e) != OK)
		return exit_code_worse(code, stores_command_broke_off(&command, NULL, &e));
	return code;
}

int verify_command(int argc, char *const argv[])
{
	return stores_command_run(&command, argc, argv);
}
