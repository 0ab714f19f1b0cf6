// SPDX-License-Identifier: MIT
/*
 * /-/api/builds?id=: one transaction with its files and what became of them, page by page. Of the stores the first one
 * is told that has it. Its plan and what lies beside it are read by the loop; what they say is read by the thread of
 * the connection, since a plan may be long.
 */
#include "publish/markers.h"
#include "publish/plan.h"
#include "publish/small.h"
#include "serve/api_builds.h"

#define ROWS_WANTED 200
#define ROWS_MAX    1000
#define PLAN_MAX    ((size_t)8 << 20) /* bytes of a plan that is told */

struct api_one {
	struct api_work work;
	const struct store_list *stores;
	bool operator;
	struct tx_id id;
	size_t from, wanted;
	size_t at;
	enum tx_object which; /* is got now */
	struct small *small;
	struct buf text[TX_GONE + 1];
	bool has[TX_GONE + 1];
	struct error error;
};

/* ---- on the loop ---- */

static void get_next(struct api_one *a);

static void came(void *ud, struct buf *bytes, const struct error *e)
{
	struct api_one *a = ud;

	a->small = NULL;
	if (e) {
		a->error = *e;
		if (a->which == TX_PLAN && e->code == ERR_LIMIT)
			a->has[TX_PLAN] = true;
	} else if (bytes) {
		if (a->which == TX_PLAN)
			a->error.code = OK; /* of stores before, which may not tell */
		a->text[a->which] = *bytes;
		*bytes = (struct buf){0};
		a->has[a->which] = true;
	}
	if (a->which == TX_PLAN && !a->has[TX_PLAN])
		a->at++;
	else
		a->which++;
	get_next(a);
}

static size_t size_max(enum tx_object which)
{
	return which == TX_PLAN ? PLAN_MAX : which == TX_DONE ? DONE_SIZE_MAX : GONE_SIZE_MAX;
}

static void get_next(struct api_one *a)
{
	struct buf key CLEANUP(buf_fini) = BUF_MAX(128);

	while (a->at < a->stores->n && !store_can_list(a->stores->store[a->at]))
		a->at++;
	if (a->at == a->stores->n || a->which > TX_GONE) {
		api_done(&a->work);
		return;
	}
	tx_key_add(&a->id, a->which, &key);
	a->small = small_get(a->stores->store[a->at], buf_slice(&key), size_max(a->which), came, a);
}

static void begin(struct api_work *w)
{
	get_next(CONTAINER_OF(w, struct api_one, work));
}

static void stop(struct api_work *w)
{
	struct api_one *a = CONTAINER_OF(w, struct api_one, work);

	small_cancel(TAKE(a->small));
	err_set(&a->error, ERR_TIMEOUT, "the store has not answered in time");
	api_done(w);
}

/* ---- the answer ---- */

static void tell_text(const char *name, struct slice text, struct buf *out)
{
	buf_printf(out, ",\"%s\":", name);
	if (text.n)
		api_string(text, out);
	else
		buf_puts(out, "null");
}

static void tell_file(const struct plan_file *f, enum outcome outcome, struct buf *out)
{
	buf_puts(out, "\n{\"path\":");
	api_string(f->key, out);
	tell_text("kind", f->kind, out);
	tell_text("machine", f->machine, out);
	buf_printf(out, ",\"size\":%lld", (long long)f->size);
	tell_text("as", f->as, out);
	buf_printf(out, ",\"outcome\":\"%s\"}", outcome_name(outcome));
}

static void tell_files(const struct api_one *a, const struct plan *plan, const struct done *done,
		       struct buf *out)
{
	size_t end = a->from + MIN(a->wanted, plan->files - MIN(a->from, plan->files));

	buf_puts(out, ",\"files\":[");
	for (size_t i = a->from; i < end; i++) {
		buf_puts(out, i > a->from ? "," : "");
		tell_file(&plan->file[i], done ? done->outcome[i] : OUTCOME_OPEN, out);
	}
	if (end < plan->files && end > a->from)
		buf_printf(out, "],\"next\":\"%zu\"", end);
	else
		buf_puts(out, "],\"next\":null");
}

struct read {
	struct plan plan;
	struct done done;
	struct gone gone;
	bool has_plan, has_done, has_gone;
};

static void read_all(struct api_one *a, struct read *r)
{
	r->has_plan = a->text[TX_PLAN].n &&
		      plan_read(buf_slice(&a->text[TX_PLAN]), &a->id, &r->plan, &a->error) == OK;
	r->has_done = r->has_plan && a->has[TX_DONE] &&
		      done_read(buf_slice(&a->text[TX_DONE]), &a->id, r->plan.files, &r->done,
				&a->error) == OK;
	r->has_gone = a->has[TX_GONE] &&
		      gone_read(buf_slice(&a->text[TX_GONE]), &a->id, &r->gone, &a->error) == OK;
}

static enum tx_state state_of(const struct api_one *a, const struct read *r)
{
	if (!r->has_plan || r->has_gone != a->has[TX_GONE] || r->has_done != a->has[TX_DONE])
		return TX_STATE_DAMAGED;
	return tx_state_of(1U << TX_PLAN | (unsigned)r->has_done << TX_DONE |
				   (unsigned)r->has_gone << TX_GONE,
			   r->gone.is_gone);
}

static void tell_build(const struct api_one *a, const struct read *r, struct buf *out)
{
	struct build b = {.id = a->id, .files = -1, .bytes = -1, .state = state_of(a, r)};

	if (r->has_plan)
		build_read(&b, &r->plan, (int64_t)r->plan.files);
	buf_puts(out, "{\"api\":1,\"build\":{");
	api_build_members(&b, a->stores->store[a->at], a->operator, out);
	api_build_date("ended", r->has_done ? r->done.ended_s : 0, out);
	if (r->has_gone) {
		api_build_date("when", r->gone.when_s, out);
		tell_text("why", slice_of(r->gone.why), out);
		if (a->operator)
			tell_text("by", slice_of(r->gone.by), out);
		buf_printf(out, ",\"removed\":%lld,\"kept\":%lld", (long long)r->gone.removed,
			   (long long)r->gone.kept);
	}
	buf_putc(out, '}');
	build_fini(&b);
}

static void tell(struct api_work *w, struct page *ret)
{
	struct api_one *a = CONTAINER_OF(w, struct api_one, work);
	struct read r = {0};

	if (!a->has[TX_PLAN]) {
		api_error(ret, a->error.code ? 503 : 404,
			  a->error.code ? a->error.msg : "there is no such transaction");
		return;
	}
	if (!a->error.code || a->error.code == ERR_LIMIT)
		read_all(a, &r);
	tell_build(a, &r, &ret->text);
	if (r.has_plan)
		tell_files(a, &r.plan, r.has_done ? &r.done : NULL, &ret->text);
	else
		buf_puts(&ret->text, ",\"files\":null,\"next\":null");
	if (a->error.code)
		tell_text("error", slice_of(a->error.msg), &ret->text);
	buf_puts(&ret->text, "}\n");
	plan_fini(&r.plan);
	if (r.has_done)
		done_fini(&r.done);
}

/* ---- the question ---- */

static void one_free(struct api_work *w)
{
	struct api_one *a = CONTAINER_OF(w, struct api_one, work);

	for (size_t i = 0; i < ARRAY_LEN(a->text); i++)
		buf_fini(&a->text[i]);
	free(a);
}

static const char *read_query(struct api_one *a, struct slice query)
{
	struct buf id CLEANUP(buf_fini) = BUF_MAX(64), from CLEANUP(buf_fini) = BUF_MAX(16);
	struct buf n CLEANUP(buf_fini) = BUF_MAX(16);
	uint64_t first = 0, wanted = ROWS_WANTED;

	if (!api_parameter(query, SLICE("id"), &id) || buf_failed(&id) ||
	    !tx_id_parse(buf_slice(&id), &a->id))
		return "id is no transaction's, such as 20261129-150717-3f9a12bc";
	if (api_has(query, "n") && (!api_parameter(query, SLICE("n"), &n) ||
				    !parse_u64(buf_slice(&n), ROWS_MAX, &wanted) || !wanted))
		return "n is a number from 1 to 1000";
	if (api_has(query, "from") && (!api_parameter(query, SLICE("from"), &from) ||
				       !parse_u64(buf_slice(&from), PLAN_FILES_MAX, &first)))
		return "from is none of ours: begin again without it";
	a->from = (size_t)first;
	a->wanted = (size_t)wanted;
	return NULL;
}

struct api_work *api_build(struct exchange *x, const struct api_asked *asked, struct page *ret)
{
	struct api_one *a = xnew(struct api_one);
	const char *wrong;

	a->work = (struct api_work){.begin = begin, .stop = stop, .tell = tell, .free = one_free};
	a->stores = x->server->parts.stores;
	a->operator= api_is_operator(x);
	wrong = read_query(a, asked->query);
	if (!wrong)
		return &a->work;
	api_error(ret, 400, wrong);
	one_free(&a->work);
	return NULL;
}
