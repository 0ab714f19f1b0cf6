// SPDX-License-Identifier: MIT
/*
 * `add PATH...`: gather the files, make the plan, and let publish/publication.h put it into a store on the loop's
 * thread. The main thread waits, tells (add_tell.c), and hears SIGINT. What the loop has to say comes in a list, under a
 * lock.
 */
#include "base/clock.h"
#include "base/pool.h"
#include "base/random.h"
#include "base/wait.h"
#include "cmd/add_origin.h"
#include "cmd/add_priv.h"
#include "cmd/cmd.h"
#include "cmd/transactions.h"
#include "cmd/two_tier.h"
#include "publish/await.h"
#include "store/fetch.h"
#include "store/write.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#define PACK_QUEUE     1024
#define WAIT_NS        (100 * NS_PER_MS)
#define SETTLE_NS      (10 * NS_PER_S)
#define SETTLE_STEP_NS (20 * NS_PER_MS)

static int run(struct service *s, const struct stores_words *w);
const struct stores_command add_stores_command = {.name = "add",
						  .word = "PATH",
						  .words_max = SIZE_MAX,
						  .flags = add_flags,
						  .help = help_print_add,
						  .run = run};

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
	struct add_told *t = xnew(struct add_told);
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
						    .looks = a->looks,
						    .how = a->how,
						    .force = a->words->set & 1U << ADD_FORCE,
						    .replaces_unsigned = true,
						    .resume = a->resumes,
						    .dry_run = a->words->set & 1U << ADD_DRY_RUN};

	bodies.ud = a;
	a->publication = publication_start(&request, &events, a);
}

static void stop(struct loop_task *task)
{
	struct add *a = CONTAINER_OF(task, struct add, stop);

	if (a->publication)
		publication_stop(a->publication);
}

/* ---- the plan ---- */

static const char *variable(void *ctx, const char *name)
{
	return getenv(name);
}

static void make_head(struct add *a)
{
	static const struct {
		enum add_flag flag;
		size_t field;
	} texts[] = {{ADD_PRODUCT, offsetof(struct plan, product)},
		     {ADD_VERSION, offsetof(struct plan, version)},
		     {ADD_COMMENT, offsetof(struct plan, comment)},
		     {ADD_SOURCE, offsetof(struct plan, source)}};
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
	g->tell = add_tell_line;
	g->ud = a;
	gather_init(g);
	for (size_t i = 0; i < a->words->n; i++)
		gather_path(g, a->words->word[i]);
	gather_finish(g);
	if (g->fatal.code) {
		stores_command_tell(&add_stores_command, NULL, g->fatal.msg);
		a->code = EXIT_FAILURE;
	} else if (!a->plan.files && !atomic_load(&interrupted)) {
		stores_command_tell(&add_stores_command, NULL, "no symbol file was found");
		a->code = EXIT_FAILURE;
	}
	if (g->failed || (g->unknown && a->words->set & 1U << ADD_STRICT))
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

	if (!tx_id_parse(slice_of(a->words->value[ADD_RESUME]), &tx.id)) {
		stores_command_tell(&add_stores_command, NULL,
				    "--resume takes the ID of a transaction, as ls prints it");
		a->code = EXIT_USAGE;
		return false;
	}
	if (transactions_list(a->store, &all, &e) != OK) {
		a->code = stores_command_failed(&add_stores_command, a->store, &e);
		return false;
	}
	for (size_t i = 0; i < all.n; i++)
		if (strcmp(all.tx[i].id.s, tx.id.s) == 0)
			tx.has = all.tx[i].has;
	transactions_fini(&all);
	if (!tx_has(tx.has, TX_PLAN))
		why = "there is no such transaction";
	else if (tx_has(tx.has, TX_GONE))
		why = "it is being removed, or has been";
	else if (tx_has(tx.has, TX_DONE))
		why = "it is done already";
	else if (transaction_read(a->store, &tx, &a->plan, &done, &e) != OK)
		why = e.msg;
	done_fini(&done);
	if (!why)
		return true;
	stores_command_tell(&add_stores_command, a->store, why);
	a->code = EXIT_FAILURE;
	return false;
}

/* ---- waiting for the end ---- */

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
		add_tell_news(a);
		if (atomic_load(&interrupted) && !told) {
			loop_post(a->service->loop, &a->stop);
			told = true;
		}
	}
	add_tell_news(a);
}

static void warn_of_server(const char *url, const char *why)
{
	char what[ERROR_MSG_MAX + 400];

	(void)snprintf(what, sizeof(what), "warning: %.300s was not told: %s", url, why);
	stores_command_tell(&add_stores_command, NULL, what);
}

static void publish(struct add *a)
{
	progress_begin(&a->progress, "adding", a->plan.files, a->plan.bytes, a->json);
	a->begin.run = begin;
	a->stop.run = stop;
	loop_post(a->service->loop, &a->begin);
	wait_for_it(a);
	add_tell_summary(a);
	add_tell_end(a, atomic_load(&interrupted));
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
	if (two_tier_ask(a->service, a->store, &a->gather.how.two_tier, &e) != OK) {
		stores_command_tell(&add_stores_command, a->store, e.msg);
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
	if (add_take_words(a, &e) != OK) {
		stores_command_tell(&add_stores_command, NULL, e.msg);
		a->code = EXIT_USAGE;
	} else if (pool_new(cores(), PACK_QUEUE, "pepto-pack", &a->pool, &e) != OK) {
		a->code = stores_command_broke_off(&add_stores_command, NULL, &e);
	} else {
		add(a);
	}
	if (stdout_flush(&e) != OK)
		a->code = exit_code_worse(a->code,
					  stores_command_broke_off(&add_stores_command, NULL, &e));
	if (!pool_stop(a->pool, NS_PER_S))
		_exit(a->code);
	pool_free(a->pool);
	plan_fini(&a->plan);
	add_words_fini(a);
	code = a->code;
	free(a);
	return code;
}

int add_command(int argc, char *const argv[])
{
	return stores_command_run(&add_stores_command, argc, argv);
}
