// SPDX-License-Identifier: MIT
/*
 * `add PATH...`: gather the files, make the plan, and let publish/publication.h put it into a store on the loop's
 * thread. The main thread waits, tells, and hears SIGINT. What the loop has to say comes in a list, under a lock.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/pool.h"
#include "base/random.h"
#include "base/wait.h"
#include "cmd/add_origin.h"
#include "cmd/cmd.h"
#include "cmd/gather.h"
#include "cmd/notify.h"
#include "cmd/progress.h"
#include "cmd/stores_command.h"
#include "cmd/transactions.h"
#include "publish/publication.h"
#include "store/fetch.h"
#include "store/write.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#define JOBS_MAX        64
#define UPLOADS_DEFAULT 8
/* Files that are put into a directory are made durable in groups (store/dir_commit.h). */
#define UPLOADS_LOCAL 512
/* Descriptors: of the process itself; of a file on its way, which is read by who sends it and who writes it. */
#define OWN_FILES        48
#define FILES_PER_UPLOAD 3
#define PACK_QUEUE       1024
#define WAIT_NS          (100 * NS_PER_MS)
#define LOOK_NS          (30 * NS_PER_S)
#define SETTLE_NS        (10 * NS_PER_S)
#define SETTLE_STEP_NS   (20 * NS_PER_MS)
#define MIB              (1024.0 * 1024.0)

enum flag {
	EXCLUDE,
	STRICT,
	CASE,
	COMPRESS,
	LEVEL,
	JOBS,
	PRODUCT,
	VERSION,
	COMMENT,
	KEEP_UNTIL,
	SOURCE,
	DRY_RUN,
	FORCE,
	RESUME,
	JSON,
	NOTIFY,
};

static const struct stores_flag flags[] = {
	[EXCLUDE] = {"exclude", 0, true},
	[STRICT] = {"strict"},
	[CASE] = {"case", 0, true},
	[COMPRESS] = {"compress", 0, true},
	[LEVEL] = {"level", 0, true},
	[JOBS] = {"jobs", 'j', true},
	[PRODUCT] = {"product", 0, true},
	[VERSION] = {"version", 0, true},
	[COMMENT] = {"comment", 0, true},
	[KEEP_UNTIL] = {"keep-until", 0, true},
	[SOURCE] = {"source", 0, true},
	[DRY_RUN] = {"dry-run"},
	[FORCE] = {"force"},
	[RESUME] = {"resume", 0, true},
	[JSON] = {"json"},
	[NOTIFY] = {"notify", 0, true},
	{NULL},
};

void help_print_add(FILE *f)
{
	fputs("usage: pepto-symbol add PATH... [--store URL] [--flag value]...\n"
	      "       pepto-symbol add --resume ID [--store URL]\n\n"
	      "Publish symbol files into a bucket or a directory: the files at PATH, those in\n"
	      "the directories there, or with @LIST those that the lines of a file name. What\n"
	      "is there already stays: the same file counts as done, another one is a conflict.\n"
	      "Without --store it goes to the only store that is set and can be written.\n\n"
	      "  --exclude GLOB      pass over files of that name (or path, with a '/' in it)\n"
	      "  --strict            files of no known format are a failure\n"
	      "  --case symstore     keys as symstore.exe writes them; else in lower case\n"
	      "  --compress KIND     zstd (into buckets), gzip, cab, none (into directories)\n"
	      "  --level N           1 to 22 of zstd (3), 1 to 9 of the others (6)\n"
	      "  --jobs N, -j N      uploads at a time (8)\n"
	      "  --product, --version, --comment, --source TEXT\n"
	      "                      told by ls; else from GITHUB_*, CI_*, BUILD_* variables\n"
	      "  --keep-until DATE   2027-01-31; expire keeps it until then\n"
	      "  --dry-run           look, and write nothing\n"
	      "  --force             replace what differs\n"
	      "  --resume ID         go on with what was broken off\n"
	      "  --notify URL        tell a server that its misses of these files are over\n"
	      "  --json              a line of JSON for each file, and one for all\n\n"
	      "The other flags are those of serve. docs/publish.md tells more.\n\n"
	      "Exit code: 0 done; 1 something was not done, or there was nothing to do; 2 usage;\n"
	      "3 conflict: another file has that key; 4 the store cannot be reached, or denies\n"
	      "it; 130 interrupted (--resume goes on).\n",
	      f);
}

static int run(struct service *s, const struct stores_words *w);
static const struct stores_command command = {.name = "add",
					      .word = "PATH",
					      .words_max = SIZE_MAX,
					      .flags = flags,
					      .help = help_print_add,
					      .run = run};

/* What became of a file, on its way to the main thread. */
struct told {
	STAILQ_ENTRY(told) place;
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
	unsigned jobs;
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
	STAILQ_HEAD(, told) told; /* under mu, as the next */
	size_t waiting;
	bool done; /* set before changed is posted, as all below */
	struct publication_result result;
	struct error error;
	struct progress progress;
	size_t files_done;
	int64_t bytes_done;
};

/* What a signal may touch. */
static atomic_bool interrupted;
static sem_t changed;

static void hear(int signal)
{
	atomic_store(&interrupted, true);
	sem_post(&changed);
}

/* The second one ends the process as signals do. */
static void hear_signals(void)
{
	const struct sigaction heard = {.sa_handler = hear, .sa_flags = (int)SA_RESETHAND};

	sem_init(&changed, 0, 0);
	atomic_store(&interrupted, false);
	(void)sigaction(SIGINT, &heard, NULL);
	(void)sigaction(SIGTERM, &heard, NULL);
}

/* ---- the arguments ---- */

static enum err number(const char *text, const char *what, uint64_t max, uint64_t *ret,
		       struct error *e)
{
	if (parse_u64(slice_of(text), max, ret) && *ret > 0)
		return OK;
	return err_set(e, ERR_USAGE, "--%s is a number from 1 to %" PRIu64, what, max);
}

static enum err take_packing(struct add *a, struct error *e)
{
	const char *kind = a->words->value[COMPRESS], *level = a->words->value[LEVEL];
	uint64_t n = 0;

	a->how = (struct pack_how){a->store->traits.local ? PACK_NONE : PACK_ZSTD,
				   PACK_LEVEL_DEFAULT};
	if (kind && !pack_kind_of(slice_of(kind), &a->how.kind))
		return err_set(e, ERR_USAGE, "--compress is zstd, gzip, cab or none");
	if (level && number(level, "level", 22, &n, e) != OK)
		return e->code;
	a->how.level = level ? (int)n : PACK_LEVEL_DEFAULT;
	if (!pack_level_is_good(a->how.kind, a->how.level))
		return err_set(e, ERR_USAGE, "--level %s: %s has no such level", level,
			       pack_word(a->how.kind));
	return OK;
}

static enum err take_date(struct add *a, struct error *e)
{
	const char *text = a->words->value[KEEP_UNTIL];
	char whole[64];

	if (!text || iso_date_parse(slice_of(text), &a->plan.keep_until_s))
		return OK;
	(void)snprintf(whole, sizeof(whole), "%sT00:00:00Z", text);
	if (strlen(text) == 10 && iso_date_parse(slice_of(whole), &a->plan.keep_until_s))
		return OK;
	return err_set(e, ERR_USAGE, "--keep-until is a date such as 2027-01-31");
}

static enum err take_case(struct add *a, struct error *e)
{
	const char *word = a->words->value[CASE];

	if (word && strcmp(word, "lower") != 0 && strcmp(word, "symstore") != 0)
		return err_set(e, ERR_USAGE, "--case is lower or symstore");
	a->gather.how.key_case = word && *word == 's' ? PLACE_AS_SYMSTORE : PLACE_IN_LOWER;
	return OK;
}

/* --notify, any number of times; else PEPTO_NOTIFY, with blanks between. The token may not be read from a list of processes. */
static void take_notified(struct add *a)
{
	const char *token = getenv("PEPTO_NOTIFY_TOKEN"), *all = getenv("PEPTO_NOTIFY");
	size_t n = 0;
	char *rest = NULL;

	a->notified =
		xzalloc((a->words->n_given + (all ? strlen(all) : 0) + 1) * sizeof(*a->notified));
	for (size_t i = 0; i < a->words->n_given; i++)
		if (a->words->given[i].flag == NOTIFY)
			a->notified[n++] = a->words->given[i].value;
	a->notified_text = BUF_MAX((size_t)1 << 20);
	if (!n && all) {
		buf_puts(&a->notified_text, all);
		for (char *url = strtok_r(a->notified_text.p, " ,\t\n", &rest); url;
		     url = strtok_r(NULL, " ,\t\n", &rest))
			a->notified[n++] = url;
	}
	a->notify = (struct notify){.urls = a->notified,
				    .n_urls = n,
				    .token = token ? token : "",
				    .paths = BUF_MAX((size_t)512 << 20)};
}

static void take_excludes(struct add *a)
{
	a->exclude = xzalloc((a->words->n_given + 1) * sizeof(*a->exclude));
	for (size_t i = 0; i < a->words->n_given; i++)
		if (a->words->given[i].flag == EXCLUDE)
			a->exclude[a->gather.n_exclude++] = a->words->given[i].value;
	a->gather.exclude = a->exclude;
}

/* What the plan has decided already. */
static enum err refuse_planned(const struct add *a, struct error *e)
{
	static const enum flag planned[] = {EXCLUDE, CASE, COMPRESS, LEVEL};

	for (size_t i = 0; i < ARRAY_LEN(planned); i++)
		if (a->words->set & 1U << planned[i])
			return err_set(e, ERR_USAGE, "--resume takes no --%s: the plan tells it",
				       flags[planned[i]].name);
	return OK;
}

/* More files at a time would find no descriptors. */
static uint64_t jobs_allowed(void)
{
	size_t files = file_descriptors_max();

	return files > OWN_FILES + FILES_PER_UPLOAD ? (files - OWN_FILES) / FILES_PER_UPLOAD : 1;
}

static enum err take_words(struct add *a, struct error *e)
{
	uint64_t jobs = 0;

	a->json = a->words->set & 1U << JSON;
	a->resumes = a->words->value[RESUME];
	take_excludes(a);
	take_notified(a);
	if (!a->words->n == !a->resumes)
		return err_set(e, ERR_USAGE,
			       a->resumes ? "--resume takes no PATH: the plan names the files"
					  : "needs a PATH; see --help");
	if (a->resumes && refuse_planned(a, e) != OK)
		return e->code;
	if (a->words->value[JOBS] &&
	    number(a->words->value[JOBS], "jobs", JOBS_MAX, &jobs, e) != OK)
		return e->code;
	if (stores_command_writable(a->service, &a->store, e) != OK)
		return e->code;
	if (!jobs)
		jobs = a->store->traits.local ? UPLOADS_LOCAL : UPLOADS_DEFAULT;
	a->jobs = (unsigned)MIN(jobs, jobs_allowed());
	if (take_packing(a, e) != OK || take_case(a, e) != OK)
		return e->code;
	return take_date(a, e);
}

/* ---- what is told ---- */

static void tell_line(void *ud, const char *path, const char *what)
{
	struct buf line CLEANUP(buf_fini) = BUF_MAX((size_t)128 * 1024);
	struct add *a = ud;

	progress_hide(&a->progress);
	buf_printf(&line, "%s: %s", path, what);
	stores_command_tell(&command, NULL, buf_str(&line));
}

static void add_text(struct buf *line, const char *name, struct slice value)
{
	buf_printf(line, ",\"%s\":", name);
	(void)json_string_add(value, line);
}

static void print_json(const struct add *a, const struct told *t)
{
	struct buf line CLEANUP(buf_fini) = BUF_MAX((size_t)1 << 20);
	const struct plan_file *f = &a->plan.file[t->which];

	buf_printf(&line, "{\"status\":\"%s\"", outcome_name(t->result.outcome));
	add_text(&line, "key", f->key);
	add_text(&line, "file", f->path);
	if (t->result.outcome == OUTCOME_STORED)
		buf_printf(&line, ",\"stored_bytes\":%" PRId64, t->result.stored_bytes);
	if (t->result.why[0])
		add_text(&line, "why", slice_of(t->result.why));
	if (t->result.holder[0] && t->result.outcome != OUTCOME_STORED)
		add_text(&line, "holder", slice_of(t->result.holder));
	buf_puts(&line, "}\n");
	(void)fwrite(line.p, 1, line.n, stdout);
}

static void tell_file(struct add *a, const struct told *t)
{
	const struct plan_file *f = &a->plan.file[t->which];
	struct buf path CLEANUP(buf_fini) = BUF_MAX(PLAN_TEXT_MAX + 1);
	char what[ERROR_MSG_MAX + 100];

	a->files_done++;
	a->bytes_done += f->size;
	if (a->json)
		print_json(a, t);
	if (t->result.outcome == OUTCOME_STORED || t->result.outcome == OUTCOME_EXISTED)
		notify_add(&a->notify, f->key);
	if (t->result.outcome != OUTCOME_CONFLICT && t->result.outcome != OUTCOME_FAILED &&
	    !t->result.by_signature)
		return;
	buf_add(&path, f->path);
	(void)snprintf(what, sizeof(what), "%s: %s%s%s", outcome_name(t->result.outcome),
		       t->result.why, t->result.holder[0] ? ", stored by " : "", t->result.holder);
	tell_line(a, buf_str(&path), what);
}

/* As ls says it. */
static const char *state_word(const struct add *a)
{
	if (a->result.gone)
		return "going";
	return a->error.code && !a->result.ended ? "open" : "live";
}

/* A dry run has begun no transaction. */
static void print_summary(struct add *a)
{
	const size_t *n = a->result.n;
	bool dry_run = a->words->set & 1U << DRY_RUN;
	size_t conflict = n[OUTCOME_CONFLICT] + a->gather.conflicts,
	       failed = n[OUTCOME_FAILED] + a->gather.failed;

	progress_hide(&a->progress);
	if (a->json) {
		printf("{");
		if (!dry_run)
			printf("\"transaction\":\"%s\",\"state\":\"%s\",", a->plan.id.s,
			       state_word(a));
		printf("\"stored\":%zu,\"existed\":%zu,\"conflict\":%zu,\"failed\":%zu,"
		       "\"unknown\":%zu,\"bytes\":%" PRId64 ",\"stored_bytes\":%" PRId64 "}\n",
		       n[OUTCOME_STORED], n[OUTCOME_EXISTED], conflict, failed, a->gather.unknown,
		       a->plan.bytes, a->result.stored_bytes);
		return;
	}
	printf("%s %zu (%.1f MiB), existed %zu, conflict %zu, failed %zu, unknown %zu",
	       dry_run ? "would store" : "stored", n[OUTCOME_STORED],
	       (double)a->result.stored_bytes / MIB, n[OUTCOME_EXISTED], conflict, failed,
	       a->gather.unknown);
	if (!dry_run)
		printf(": transaction %s", a->plan.id.s);
	printf("\n");
}

/* ---- the bodies ---- */

static enum err open_body(void *ud, size_t which, struct upload_body *ret, struct error *e)
{
	const struct add *a = ud;
	const struct plan_file *f = &a->plan.file[which];
	struct buf path CLEANUP(buf_fini) = BUF_MAX(PLAN_TEXT_MAX + 1);
	struct stat st;

	buf_add(&path, f->path);
	ret->offset = 0;
	ret->fd = open(buf_str(&path), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (ret->fd < 0)
		return err_sys(e, ERR_IO, "cannot open it");
	if (fstat(ret->fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == f->size)
		return OK;
	close(ret->fd);
	return err_set(e, ERR_CORRUPT, "it has changed meanwhile%s",
		       a->resumes ? ": publish it anew, without --resume" : "");
}

static void close_body(void *ud, size_t which, struct upload_body *body)
{
	close(body->fd);
}

/* ---- on the loop ---- */

static void file_done(void *ud, size_t which, const struct upload_result *r)
{
	struct told *t = xnew(struct told);
	struct add *a = ud;

	t->which = which;
	t->result = *r;
	{
		LOCK_SCOPE(&a->mu);
		STAILQ_INSERT_TAIL(&a->told, t, place);
	}
	sem_post(&changed);
}

static void waits(void *ud, size_t removals)
{
	struct add *a = ud;

	{
		LOCK_SCOPE(&a->mu);
		a->waiting = removals;
	}
	sem_post(&changed);
}

static void end(struct add *a)
{
	{
		LOCK_SCOPE(&a->mu);
		a->done = true;
	}
	sem_post(&changed);
}

/* What was broken off is taken back, which takes a moment. */
static void settle(struct loop_timer *timer)
{
	struct add *a = CONTAINER_OF(timer, struct add, settled);
	int64_t now = clock_mono_ns();

	if (store_is_settling(a->store) && now < a->settle_by_ns)
		loop_timer_set(a->service->loop, timer, now + SETTLE_STEP_NS);
	else
		end(a);
}

static void published(void *ud, const struct publication_result *r, const struct error *e)
{
	struct add *a = ud;

	a->publication = NULL;
	a->result = *r;
	a->result.done = (struct done){0};
	if (e)
		a->error = *e;
	a->settled.due = settle;
	a->settle_by_ns = clock_mono_ns() + SETTLE_NS;
	loop_timer_set(a->service->loop, &a->settled, 0);
}

static void begin(struct loop_task *task)
{
	static const struct publication_events events = {file_done, waits, published};
	static struct upload_bodies bodies = {open_body, close_body, NULL};
	struct add *a = CONTAINER_OF(task, struct add, begin);
	const struct publication_request request = {.store = a->store,
						    .plan = &a->plan,
						    .bodies = &bodies,
						    .pool = a->pool,
						    .uploads = a->jobs,
						    .how = a->how,
						    .force = a->words->set & 1U << FORCE,
						    .replaces_unsigned = true,
						    .resume = a->resumes,
						    .dry_run = a->words->set & 1U << DRY_RUN};

	bodies.ud = a;
	a->publication = publication_start(&request, &events, a);
}

static void stop(struct loop_task *task)
{
	struct add *a = CONTAINER_OF(task, struct add, stop);

	if (a->publication)
		publication_stop(a->publication);
}

/* ---- is it of two tiers? ---- */

/* An empty index2.txt counts, so that this is no fetch, to which an empty object is none. */
struct look {
	struct store *store;
	struct loop_task go;
	enum store_result result;
	struct error error;
	unsigned tries;
	sem_t done;
};

static void look_head(void *ud, const struct object_head *head)
{
	if (head->fd >= 0)
		close(head->fd);
}

static bool look_data(void *ud, struct slice bytes)
{
	return true;
}

static void look_done(void *ud, enum store_result result, const struct object_head *head,
		      const struct error *e)
{
	struct look *l = ud;

	l->result = result;
	if (result == STORE_FAULT || result == STORE_FAULT_RETRY)
		l->error = *e;
	sem_post(&l->done);
}

static void look_go(struct loop_task *task)
{
	static const struct store_events events = {look_head, look_data, look_done};
	struct look *l = CONTAINER_OF(task, struct look, go);
	const struct store_read read = {
		.key = SLICE("index2.txt"), .head = true, .deadline_ns = clock_mono_ns() + LOOK_NS};

	(void)store_start(l->store, &read, &events, l);
}

static enum err ask_tiers(struct add *a, struct error *e)
{
	struct look l = {.store = a->store, .go.run = look_go, .result = STORE_FAULT_RETRY};
	int tier = atomic_load(&a->store->tier);

	a->gather.how.two_tier = tier == TIER_TWO;
	if (tier != TIER_UNKNOWN)
		return OK;
	sem_init(&l.done, 0, 0);
	for (unsigned i = 0; i < 3 && l.result == STORE_FAULT_RETRY; i++) {
		loop_post(a->service->loop, &l.go);
		while (sem_wait(&l.done) != 0)
			; /* by a signal */
	}
	sem_destroy(&l.done);
	a->gather.how.two_tier = l.result == STORE_FOUND;
	if (l.result != STORE_FAULT && l.result != STORE_FAULT_RETRY)
		return OK;
	*e = l.error;
	return e->code;
}

/* ---- the plan ---- */

static const char *variable(void *ctx, const char *name)
{
	return getenv(name);
}

static void make_head(struct add *a)
{
	static const struct {
		enum flag flag;
		size_t field;
	} texts[] = {{PRODUCT, offsetof(struct plan, product)},
		     {VERSION, offsetof(struct plan, version)},
		     {COMMENT, offsetof(struct plan, comment)},
		     {SOURCE, offsetof(struct plan, source)}};
	char host[256] = "";

	a->plan.started_s = clock_wall_s();
	a->plan.id = tx_id_make(a->plan.started_s, random_u64());
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		const char *given = a->words->value[texts[i].flag];

		if (given)
			*(struct slice *)((char *)&a->plan + texts[i].field) =
				plan_text(&a->plan, slice_of(given));
	}
	(void)gethostname(host, sizeof(host) - 1);
	a->plan.host = plan_text(&a->plan, slice_of(host));
	a->plan.tool = plan_text(&a->plan, SLICE("pepto-symbol " PEPTO_VERSION));
	add_origin(&a->plan, variable, NULL);
}

static bool gather(struct add *a)
{
	struct gather *g = &a->gather;

	g->how.pack = a->how;
	g->how.local = a->store->traits.local;
	g->set.plan = &a->plan;
	g->pool = a->pool;
	g->stop = &interrupted;
	g->tell = tell_line;
	g->ud = a;
	gather_init(g);
	for (size_t i = 0; i < a->words->n; i++)
		gather_path(g, a->words->word[i]);
	gather_finish(g);
	if (g->fatal.code) {
		stores_command_tell(&command, NULL, g->fatal.msg);
		a->code = EXIT_FAILURE;
	} else if (!a->plan.files && !atomic_load(&interrupted)) {
		stores_command_tell(&command, NULL, "no symbol file was found");
		a->code = EXIT_FAILURE;
	}
	if (g->failed || (g->unknown && a->words->set & 1U << STRICT))
		a->code = exit_code_worse(a->code, EXIT_FAILURE);
	if (g->conflicts)
		a->code = exit_code_worse(a->code, EXIT_CONFLICT);
	return a->plan.files && !g->fatal.code;
}

static bool read_plan(struct add *a)
{
	struct transaction tx = {0};
	struct transactions all = {0};
	struct done done = {0};
	const char *why = NULL;
	struct error e;

	if (!tx_id_parse(slice_of(a->words->value[RESUME]), &tx.id)) {
		stores_command_tell(&command, NULL,
				    "--resume takes the ID of a transaction, as ls prints it");
		a->code = EXIT_USAGE;
		return false;
	}
	if (transactions_list(a->store, &all, &e) != OK) {
		a->code = stores_command_failed(&command, a->store, &e);
		return false;
	}
	for (size_t i = 0; i < all.n; i++)
		if (strcmp(all.tx[i].id.s, tx.id.s) == 0)
			tx.has = all.tx[i].has;
	transactions_fini(&all);
	if (!(tx.has & 1U << TX_PLAN))
		why = "there is no such transaction";
	else if (tx.has & 1U << TX_GONE)
		why = "it is being removed, or has been";
	else if (tx.has & 1U << TX_DONE)
		why = "it is done already";
	else if (transaction_read(a->store, &tx, &a->plan, &done, &e) != OK)
		why = e.msg;
	done_fini(&done);
	if (!why)
		return true;
	stores_command_tell(&command, a->store, why);
	a->code = EXIT_FAILURE;
	return false;
}

/* ---- waiting for the end ---- */

static void take_told(struct add *a)
{
	STAILQ_HEAD(, told) all = STAILQ_HEAD_INITIALIZER(all);
	char what[100];
	size_t waiting;

	{
		LOCK_SCOPE(&a->mu);
		STAILQ_CONCAT(&all, &a->told);
		waiting = a->waiting;
		a->waiting = 0;
	}
	while (!STAILQ_EMPTY(&all)) {
		struct told *t = STAILQ_FIRST(&all);

		STAILQ_REMOVE_HEAD(&all, place);
		tell_file(a, t);
		free(t);
	}
	if (waiting && !a->json) {
		(void)snprintf(what, sizeof(what), "waits for %zu removal%s to end", waiting,
			       waiting == 1 ? "" : "s");
		progress_hide(&a->progress);
		stores_command_tell(&command, a->store, what);
	}
	progress_tell(&a->progress, a->files_done, a->bytes_done);
}

static bool is_done(struct add *a)
{
	LOCK_SCOPE(&a->mu);
	return a->done;
}

static void wait_for_it(struct add *a)
{
	bool told = false;

	while (!is_done(a)) {
		(void)wait_posted(&changed, WAIT_NS);
		take_told(a);
		if (atomic_load(&interrupted) && !told) {
			loop_post(a->service->loop, &a->stop);
			told = true;
		}
	}
	take_told(a);
}

static void tell_removed(const struct add *a)
{
	char what[200];

	(void)snprintf(
		what, sizeof(what),
		"the transaction was removed while it ran: pepto-symbol rm %s takes away what "
		"it stored since",
		a->plan.id.s);
	stores_command_tell(&command, a->store, what);
}

static void tell_end(struct add *a)
{
	char what[ERROR_MSG_MAX + 100];
	bool stopped = atomic_load(&interrupted) && a->error.code == ERR_CANCELED;

	if (a->error.code && !stopped)
		stores_command_tell(&command, a->store, a->error.msg);
	if (a->error.code && a->result.any_written) {
		(void)snprintf(
			what, sizeof(what),
			a->result.ended
				? "%s is published; whether it was removed meanwhile is not known"
				: "it is not done: pepto-symbol add --resume %s goes on",
			a->plan.id.s);
		stores_command_tell(&command, a->store, what);
	}
	if (a->result.gone)
		tell_removed(a);
	if (a->error.code)
		a->code = exit_code_worse(a->code,
					  exit_code_of_write(&a->error, a->result.any_written));
	if (a->result.n[OUTCOME_FAILED] || a->result.gone)
		a->code = exit_code_worse(a->code, EXIT_FAILURE);
	if (a->result.n[OUTCOME_CONFLICT]) {
		stores_command_tell(&command, NULL, "--force replaces what differs");
		a->code = exit_code_worse(a->code, EXIT_CONFLICT);
	}
}

static void warn_of_server(const char *url, const char *why)
{
	char what[ERROR_MSG_MAX + 400];

	(void)snprintf(what, sizeof(what), "warning: %.300s was not told: %s", url, why);
	stores_command_tell(&command, NULL, what);
}

static void publish(struct add *a)
{
	progress_begin(&a->progress, "adding", a->plan.files, a->plan.bytes, a->json);
	a->begin.run = begin;
	a->stop.run = stop;
	loop_post(a->service->loop, &a->begin);
	wait_for_it(a);
	print_summary(a);
	tell_end(a);
	if (a->result.any_written && !atomic_load(&interrupted))
		notify_send(&a->notify, a->service, warn_of_server);
}

static void add(struct add *a)
{
	struct error e;

	if (a->resumes) {
		if (read_plan(a))
			publish(a);
		return;
	}
	if (ask_tiers(a, &e) != OK) {
		stores_command_tell(&command, a->store, e.msg);
		a->code = exit_code_of_write(&e, false);
		return;
	}
	make_head(a);
	if (gather(a) && !atomic_load(&interrupted))
		publish(a);
	if (atomic_load(&interrupted) && !a->result.any_written)
		a->code = EXIT_INTERRUPTED;
}

static unsigned cores(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 ? (unsigned)n : 1;
}

static int run(struct service *s, const struct stores_words *w)
{
	struct add *a = xnew(struct add);
	struct error e = {.code = OK};
	int code;

	a->service = s;
	a->words = w;
	a->mu = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	STAILQ_INIT(&a->told);
	hear_signals();
	if (take_words(a, &e) != OK) {
		stores_command_tell(&command, NULL, e.msg);
		a->code = EXIT_USAGE;
	} else if (pool_new(cores(), PACK_QUEUE, "pepto-pack", &a->pool, &e) != OK) {
		a->code = stores_command_broke_off(&command, NULL, &e);
	} else {
		add(a);
	}
	if (stdout_flush(&e) != OK)
		a->code = exit_code_worse(a->code, stores_command_broke_off(&command, NULL, &e));
	if (!pool_stop(a->pool, NS_PER_S))
		_exit(a->code);
	pool_free(a->pool);
	plan_fini(&a->plan);
	free(a->exclude);
	free(a->notified);
	buf_fini(&a->notified_text);
	notify_fini(&a->notify);
	code = a->code;
	free(a);
	return code;
}

int add_command(int argc, char *const argv[])
{
	return stores_command_run(&command, argc, argv);
}
