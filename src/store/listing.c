// SPDX-License-Identifier: MIT
/*
 * See listing.h.
 *
 *	start -> turn --crowded--> wait -> turn
 *	           \--> call --page--> job (reads it, takes its names) -> task --more--> turn
 *	                 ^ \--failed--> pause -> turn                      \--> done
 *
 * What the job works on (answer, names, token) is its own from pool_submit() until its task runs;
 * a cancel in between only marks the listing, and the task frees it.
 */
#include "store/listing.h"
#include "base/clock.h"
#include "metric/metric.h"
#include "store/retry.h"

/* For all of one try: credentials, another region, the body; a head has the time of any other. */
#define PAGE_BUDGET_NS   (5 * NS_PER_S)
#define CROWDED_PAUSE_NS (100 * NS_PER_MS)
#define CROWDED_MAX_NS   (60 * NS_PER_S) /* so long a page waits for others to need less */

struct listing {
	struct store *store;
	struct loop *loop;
	char *folder;
	size_t n_folder;
	unsigned max_pages;
	bool deep;
	void (*page)(void *ud, struct name_page *page);
	void (*done)(void *ud, struct listing_result *r, const struct error *e);
	void *ud;

	struct listing_result result;
	int64_t age_ns;          /* the greatest */
	int64_t date_s;          /* of the last page */
	int64_t wanted_ns;       /* since then the next page is */
	unsigned tries;          /* of that */
	struct store_call *call; /* NULL: none runs */
	struct loop_timer turn;  /* the next try */
	bool begun;              /* the first page was asked for */
	bool reading, cancelled; /* while reading: it is freed by the task */

	struct pool_job job;
	struct loop_task back;
	struct buf answer, token; /* of the last page; of the next one */
	struct name_page got;     /* for page() */
	struct name_pages names;
	struct error error; /* of reading */
};

bool store_can_list(const struct store *s)
{
	return s->ops->list;
}

static struct slice folder_of(const struct listing *l)
{
	return (struct slice){l->folder, l->n_folder};
}

static void listing_free(struct listing *l)
{
	loop_timer_stop(l->loop, &l->turn);
	if (l->call)
		store_call_cancel(l->store, l->call);
	name_pages_fini(&l->names);
	name_page_fini(&l->got);
	buf_fini(&l->answer);
	buf_fini(&l->token);
	free(l->folder);
	free(l);
}

void listing_cancel(struct listing *l)
{
	l->cancelled = true;
	if (!l->reading)
		listing_free(l);
}

/* e == NULL: complete. Frees it. */
static void listing_end(struct listing *l, const struct error *e)
{
	struct listing_result r = {.pages = l->result.pages, .date_s = -1};
	void (*done)(void *ud, struct listing_result *r, const struct error *e) = l->done;
	void *ud = l->ud;
	struct error why = {0};

	if (e) {
		why = *e; /* it may lie in the listing */
	} else {
		r = l->result;
		r.began_ns -= l->age_ns;
		r.names = l->names.names;
		l->names.names = (struct name_list){0};
	}
	listing_free(l);
	done(ud, &r, e ? &why : NULL);
}

static void listing_fail(struct listing *l, enum err code, const char *what)
{
	struct error e;

	err_set(&e, code, "%s", what);
	listing_end(l, &e);
}

/* ---- a page has come ---- */

static void read_page(struct pool_job *job)
{
	struct listing *l = CONTAINER_OF(job, struct listing, job);
	struct name_page page CLEANUP(name_page_fini) = {0};

	buf_clear(&l->token);
	if (l->store->ops->read_page(l->store, folder_of(l), buf_slice(&l->answer), &page,
				     &l->error) == OK &&
	    (l->page ? name_pages_pass : name_pages_add)(&l->names, &page, &l->error) == OK) {
		buf_add(&l->token, page.next);
		if (buf_failed(&l->token))
			err_set(&l->error, ERR_LIMIT, "a continuation token of %zu bytes",
				page.next.n);
		if (l->page) {
			l->got = page;
			l->got.date_s = l->date_s;
			page = (struct name_page){0};
		}
	}
	buf_fini(&l->answer);
	loop_post(l->loop, &l->back);
}

static void want_page(struct listing *l)
{
	l->wanted_ns = clock_mono_ns();
	l->tries = 0;
	loop_timer_set(l->loop, &l->turn, 0);
}

void listing_go_on(struct listing *l)
{
	if (!l->token.n)
		listing_end(l, NULL);
	else if (l->max_pages && l->result.pages >= l->max_pages)
		listing_fail(l, ERR_LIMIT, "a listing of too many pages");
	else
		want_page(l);
}

static void page_read(struct loop_task *task)
{
	struct listing *l = CONTAINER_OF(task, struct listing, back);

	l->reading = false;
	if (l->cancelled) {
		listing_free(l);
		return;
	}
	l->result.pages++;
	if (l->error.code) {
		listing_end(l, &l->error);
		return;
	}
	store_alive(l->store);
	if (l->page) {
		struct name_page got CLEANUP(name_page_fini) = l->got;

		l->got = (struct name_page){0};
		l->page(l->ud, &got);
	} else {
		listing_go_on(l);
	}
}

static void page_came(struct listing *l, struct buf *answer, const struct store_page_time *time)
{
	l->age_ns = MAX(l->age_ns, time->age_s * NS_PER_S);
	l->date_s = time->date_s;
	if (l->result.pages == 0)
		l->result.date_s = time->date_s;
	l->answer = *answer;
	*answer = BUF_MAX(0);
	l->reading = true;
	if (pool_submit(l->store->ctx->disk, &l->job) == OK)
		return;
	l->reading = false;
	metric_inc(refused_disk_jobs);
	listing_fail(l, ERR_BUSY, "too many file lookups are waiting");
}

static void on_page(void *ud, enum store_result result, struct buf *answer,
		    const struct store_page_time *time, const struct error *e)
{
	struct listing *l = ud;
	int64_t at_ns;

	l->call = NULL;
	if (result == STORE_FOUND)
		page_came(l, answer, time);
	else if (result == STORE_FAULT_RETRY && e->code != ERR_CANCELED &&
		 retry_later(l->tries, INT64_MAX, &at_ns))
		loop_timer_set(l->loop, &l->turn, at_ns);
	else if (e && e->code)
		listing_end(l, e);
	else /* none of its answers ends so; it would be taken for complete */
		listing_fail(l, ERR_CORRUPT, "no page, and no reason");
}

/* ---- asking for the next ---- */

static void ask(struct listing *l, int64_t now_ns)
{
	const struct store_page_ask page = {
		.folder = folder_of(l),
		.deep = l->deep,
		.token = buf_slice(&l->token),
		.deadline_ns = now_ns + MAX(PAGE_BUDGET_NS, l->store->ctx->try_timeout_ns),
	};

	if (!l->begun) {
		l->begun = true;
		l->result.began_ns = now_ns;
		l->result.epoch = atomic_load(&l->store->epoch);
	}
	l->tries++;
	l->call = l->store->ops->list(l->store, &page, on_page, l);
}

static void take_turn(struct loop_timer *timer)
{
	struct listing *l = CONTAINER_OF(timer, struct listing, turn);
	int64_t now = clock_mono_ns();

	if (gate_is_closed(l->store, QUESTION_SYMBOL))
		listing_fail(l, ERR_BUSY, "the store is left alone");
	else if (!transfer_engine_crowded(l->store->ctx->engine))
		ask(l, now);
	else if (now - l->wanted_ns >= CROWDED_MAX_NS)
		listing_fail(l, ERR_BUSY, "no transfer could be spared");
	else
		loop_timer_set(l->loop, &l->turn, now + CROWDED_PAUSE_NS);
}

struct listing *
listing_start(const struct listing_request *r,
	      void (*done)(void *ud, struct listing_result *r, const struct error *e), void *ud)
{
	struct listing *l = xnew(struct listing);

	ASSERT(store_can_list(r->store));
	*l = (struct listing){
		.store = r->store,
		.loop = r->store->ctx->loop,
		.folder = xstrndup(r->folder.p, r->folder.n),
		.n_folder = r->folder.n,
		.max_pages = r->max_pages,
		.deep = r->deep,
		.page = r->page,
		.done = done,
		.ud = ud,
		.turn.due = take_turn,
		.job.run = read_page,
		.back.run = page_read,
		.token = BUF_MAX(STORE_TOKEN_MAX),
	};
	name_pages_init(&l->names, r->max_names);
	buf_add(&l->token, r->token);
	want_page(l);
	return l;
}
