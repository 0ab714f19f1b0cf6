// SPDX-License-Identifier: MIT
/*
 * `rm ID...` and `expire`: remove transactions from the one store that can be written. What a removal does is
 * publish/removal.h's; which transactions `expire` chooses, publish/expiry.h's.
 */
#include "base/clock.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/stores_command.h"
#include "publish/expiry.h"
#include "publish/removal.h"

#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define IDS_MAX 10000

static atomic_bool stop;

struct rm {
	const struct stores_command *command;
	bool dry_run, json;
	struct store *store;
	struct buf line;
};

void help_print_rm(FILE *f)
{
	fputs("usage: pepto-symbol rm ID... [--dry-run] [--json] [--store URL] [--flag value]\n\n"
	      "Remove what these transactions of `add` or of the upload door have stored, and\n"
	      "no other file: what another transaction names too, what was there before, and\n"
	      "what symstore.exe refers to stays, and is counted as kept. Others may add to the\n"
	      "store meanwhile. A removal that was broken off is finished by the next one.\n\n"
	      "  --dry-run  write nothing, and print what would be removed\n"
	      "  --json     a line of JSON for each file and each transaction\n\n"
	      "Transactions of symstore.exe (000Admin) are removed by symstore.exe alone. The\n"
	      "store is the one of STORES that can be written. A bucket needs s3:ListBucket,\n"
	      "s3:GetObject, s3:PutObject and s3:DeleteObject.\n\n"
	      "Exit code: 0 done, 1 some of it was not, 2 usage, 4 the store cannot be reached\n"
	      "or refuses, 130 interrupted.\n\n"
	      "  pepto-symbol rm 20261129-150717-3f9a12bc --store s3://my-symbols\n",
	      f);
}

enum { DRY_RUN = 1, JSON = 2 };
static const struct stores_flag flags[] = {{.name = "dry-run"}, {.name = "json"}, {NULL}};
static int run_rm(struct service *s, const struct stores_words *w);
static const struct stores_command rm_words = {.name = "rm",
					       .word = "ID",
					       .words_min = 1,
					       .words_max = IDS_MAX,
					       .flags = flags,
					       .help = help_print_rm,
					       .run = run_rm};

void help_print_expire(FILE *f)
{
	fputs("usage: pepto-symbol expire [--keep-last N] [--older-than AGE] [--product NAME]\n"
	      "                           [--dry-run] [--json] [--store URL] [--flag value]...\n\n"
	      "Remove, as `rm` does, the transactions that have had their time: those that are\n"
	      "older than AGE, and not among the last N of their product. At least one of the\n"
	      "two has to be told. What was published with --keep-until stays until then.\n\n"
	      "  --keep-last N     the last N transactions of each product stay\n"
	      "  --older-than AGE  90d, 12w, 36h: what is not older stays\n"
	      "  --product NAME    only transactions of this product\n"
	      "  --dry-run         write nothing, and print what would be removed\n"
	      "  --json            a line of JSON for each file and each transaction\n\n"
	      "An upload that was broken off, and not resumed within a week, counts as\n"
	      "abandoned: it goes by its age, and is not among the last N.\n\n"
	      "Exit code: as of rm.\n\n"
	      "  pepto-symbol expire --keep-last 20 --older-than 90d --store s3://my-symbols\n",
	      f);
}

enum { EXPIRE_KEEP_LAST = 2, EXPIRE_OLDER_THAN, EXPIRE_PRODUCT };
static const struct stores_flag expire_flags[] = {{.name = "dry-run"},
						  {.name = "json"},
						  {.name = "keep-last", .has_value = true},
						  {.name = "older-than", .has_value = true},
						  {.name = "product", .has_value = true},
						  {NULL}};
static int run_expire(struct service *s, const struct stores_words *w);
static const struct stores_command expire_words = {
	.name = "expire", .flags = expire_flags, .help = help_print_expire, .run = run_expire};

/* ---- telling ---- */

static const char *word_of(enum removal_fate fate)
{
	switch (fate) {
	case FATE_REMOVED: return "removed";
	case FATE_ABSENT: return "absent";
	case FATE_FAILED: return "failed";
	case FATE_KEPT:
	case FATE_UNDECIDED: break;
	}
	return "kept";
}

static void print_line(struct rm *x)
{
	buf_putc(&x->line, '\n');
	(void)fwrite(x->line.p, 1, x->line.n, stdout);
}

static void tell_failed(const struct rm *x, const struct removal_key *key)
{
	struct buf what CLEANUP(buf_fini) = BUF_MAX(16384);

	buf_printf(&what, "cannot remove '%s': %s", key->key, key->why);
	stores_command_tell(x->command, x->store, buf_str(&what));
}

static void tell_key(void *ud, const struct removal_key *key)
{
	struct rm *x = ud;

	if (key->fate == FATE_FAILED)
		tell_failed(x, key);
	buf_clear(&x->line);
	if (x->json) {
		buf_puts(&x->line, "{");
		json_key_add("key", slice_of(key->key), &x->line);
		buf_printf(&x->line, ",\"status\":\"%s\"}", word_of(key->fate));
		print_line(x);
	} else if (x->dry_run) {
		buf_printf(&x->line, "%s\t", key->fate == FATE_REMOVED ? "remove" : "keep");
		text_show(slice_of(key->key), &x->line);
		print_line(x);
	}
}

static void tell_transaction(void *ud, const struct tx_id *id, bool is_gone, enum tx_state state,
			     int64_t removed, int64_t kept)
{
	struct rm *x = ud;

	buf_clear(&x->line);
	if (x->json)
		buf_printf(
			&x->line,
			"{\"transaction\":\"%s\",\"state\":\"%s\",\"removed\":%lld,\"kept\":%lld}",
			id->s, tx_state_name(state), (long long)removed, (long long)kept);
	else
		buf_printf(&x->line, "%s: %lld files %sremoved, %lld kept%s", id->s,
			   (long long)removed, x->dry_run ? "to be " : "", (long long)kept,
			   is_gone ? "" : "; not all could be removed");
	print_line(x);
}

static void tell_drafts(struct rm *x, size_t n)
{
	buf_clear(&x->line);
	buf_printf(&x->line,
		   x->json ? "{\"drafts\":%zu}" : "%zu drafts of what was broken off removed", n);
	print_line(x);
}

/* ---- which store, which transactions ---- */

static struct store *the_store(const struct rm *x, const struct service *s)
{
	struct store *found = NULL;
	struct error e;

	if (stores_command_writable(s, &found, &e) == OK)
		return found;
	stores_command_tell(x->command, NULL, e.msg);
	return NULL;
}

/* As symstore.exe numbers them: ten digits. */
static bool is_of_symstore(struct slice word)
{
	for (size_t i = 0; i < word.n; i++)
		if (word.p[i] < '0' || word.p[i] > '9')
			return false;
	return word.n > 0 && word.n <= 10;
}

static int take_id(const struct rm *x, const char *word, struct tx_id *ret)
{
	struct buf what CLEANUP(buf_fini) = BUF_MAX(16384);

	if (tx_id_parse(slice_of(word), ret))
		return EXIT_SUCCESS;
	if (is_of_symstore(slice_of(word)))
		buf_printf(&what,
			   "'%s' is a transaction of symstore.exe, which alone can remove it: "
			   "symstore.exe del /i %s /s ...",
			   word, word);
	else
		buf_printf(&what, "'%.100s' is no transaction, as 20261129-150717-3f9a12bc is one",
			   word);
	stores_command_tell(x->command, NULL, buf_str(&what));
	return is_of_symstore(slice_of(word)) ? EXIT_FAILURE : EXIT_USAGE;
}

/* ---- running ---- */

static void on_signal(int signal)
{
	atomic_store(&stop, true);
}

static void by(char *ret, size_t size)
{
	char host[256] = "";
	char text[4096];
	struct passwd pw, *user = NULL;

	(void)getpwuid_r(geteuid(), &pw, text, sizeof(text), &user);
	(void)gethostname(host, sizeof(host) - 1);
	(void)snprintf(ret, size, "%s@%s", user ? user->pw_name : "?", host);
}

static int failed(const struct rm *x, const struct removal_result *r, const struct error *e)
{
	stores_command_tell(x->command, x->store, e->msg);
	return exit_code_of_write(e, r->any_written);
}

static int remove_all(struct rm *x, const struct catalog_source *from, const struct tx_id *id,
		      size_t n, const char *why)
{
	static const struct removal_events events = {tell_key, tell_transaction};
	char who[GONE_TEXT_MAX];
	const struct removal_request request = {
		.from = from, .id = id, .n = n, .by = who, .why = why, .dry_run = x->dry_run};
	struct removal_result result;
	struct error e;
	int code = EXIT_SUCCESS;

	by(who, sizeof(who));
	if (removal_run(&request, &events, x, &result, &e) != OK)
		code = failed(x, &result, &e);
	else if (result.failed)
		code = EXIT_FAILURE;
	if (result.drafts)
		tell_drafts(x, result.drafts);
	if (stdout_flush(&e) != OK)
		code = exit_code_worse(code, stores_command_broke_off(x->command, NULL, &e));
	return code;
}

static void begin(struct rm *x, const struct service *s, struct catalog_source *from)
{
	/* The second one ends the process: what is going is finished by the next removal. */
	const struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};

	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	*from = (struct catalog_source){
		.store = x->store, .cache_dir = conf_cache_dir(s->conf), .stop = &stop};
	x->line = BUF_MAX(65536);
}

static void end(struct rm *x, struct catalog_source *from)
{
	free((char *)from->cache_dir);
	buf_fini(&x->line);
}

static int run_rm(struct service *s, const struct stores_words *w)
{
	struct rm x = {.command = &rm_words, .dry_run = w->set & DRY_RUN, .json = w->set & JSON};
	struct tx_id *id CLEANUP(free_p) = xzalloc((w->n + 1) * sizeof(*id));
	struct catalog_source from;
	int code = EXIT_SUCCESS;

	for (size_t i = 0; i < w->n; i++)
		code = exit_code_worse(code, take_id(&x, w->word[i], &id[i]));
	if (code)
		return code;
	x.store = the_store(&x, s);
	if (!x.store)
		return EXIT_USAGE;
	begin(&x, s, &from);
	code = remove_all(&x, &from, id, w->n, "rm");
	end(&x, &from);
	return code;
}

/* ---- expire ---- */

static bool take_rule(const struct rm *x, const struct stores_words *w, struct expiry_rule *ret)
{
	const char *last = w->value[EXPIRE_KEEP_LAST], *age = w->value[EXPIRE_OLDER_THAN];
	uint64_t n = 0;

	*ret = (struct expiry_rule){.product = w->value[EXPIRE_PRODUCT]};
	if (!last && !age)
		stores_command_tell(x->command, NULL, "needs --keep-last or --older-than");
	else if (last && (!parse_u64(slice_of(last), INT32_MAX, &n) || n == 0))
		stores_command_tell(x->command, NULL, "--keep-last: a number from 1 on");
	else if (age && !expiry_parse_age(slice_of(age), &ret->older_s))
		stores_command_tell(x->command, NULL, "--older-than: an age as 90d, 12w or 36h");
	else {
		ret->keep_last = (int64_t)n;
		return true;
	}
	return false;
}

static int expire(struct rm *x, const struct catalog_source *from, struct expiry_rule *rule)
{
	const struct removal_result nothing = {0};
	struct catalog catalog;
	struct expiry all = {0};
	struct tx_id *id;
	struct error e;
	size_t n = 0;
	int code;

	if (catalog_read(from->store, &catalog, &e) != OK)
		return failed(x, &nothing, &e);
	if (expiry_read(from, &catalog, &all, &e) != OK) {
		catalog_fini(&catalog);
		return failed(x, &nothing, &e);
	}
	rule->now_s = catalog.date_s >= 0 ? catalog.date_s : clock_wall_s();
	catalog_fini(&catalog);
	expiry_choose(rule, &all);
	id = xzalloc((all.n + 1) * sizeof(*id));
	for (size_t i = 0; i < all.n; i++)
		if (all.v[i].chosen)
			id[n++] = all.v[i].id;
	expiry_fini(&all);
	code = remove_all(x, from, id, n, "expire");
	free(id);
	return code;
}

static int run_expire(struct service *s, const struct stores_words *w)
{
	struct rm x = {
		.command = &expire_words, .dry_run = w->set & DRY_RUN, .json = w->set & JSON};
	struct catalog_source from;
	struct expiry_rule rule;
	int code;

	if (!take_rule(&x, w, &rule))
		return EXIT_USAGE;
	x.store = the_store(&x, s);
	if (!x.store)
		return EXIT_USAGE;
	begin(&x, s, &from);
	code = expire(&x, &from, &rule);
	end(&x, &from);
	return code;
}

int expire_command(int argc, char *const argv[])
{
	return stores_command_run(&expire_words, argc, argv);
}

int rm_command(int argc, char *const argv[])
{
	return stores_command_run(&rm_words, argc, argv);
}
