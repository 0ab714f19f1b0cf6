// SPDX-License-Identifier: MIT
/*
 * /-/api/test?path=PATH: what would a debugger be told, and why: which keys were asked of which store, what each said,
 * from memory or not, how long it took.
 */
#include "base/clock.h"
#include "serve/api.h"
#include "serve/api_look.h"
#include "serve/api_path.h"

#define ROWS_MAX 1000
#define GRACE_NS (5 * NS_PER_S) /* the lookup ends by itself, and says which store was late */

struct test {
	struct api_work work;
	struct symbol_path path;
	struct api_look look;
	bool refused, ran;
	struct buf rows; /* JSON */
	size_t n_rows;
	bool cut; /* there are more */
};

static const char *const said_words[] = {
	[SAID_FOUND] = "found",         [SAID_MISS] = "miss",
	[SAID_DENIED] = "denied",       [SAID_REFUSED] = "refused",
	[SAID_FAULT] = "fault",         [SAID_NO_ANSWER] = "no answer",
	[SAID_NOT_ASKED] = "not asked", [SAID_PASSED_OVER] = "passed over",
};

/* ---- rows ---- */

static void add_ms(int64_t ns, struct buf *out)
{
	buf_printf(out, ",\"ms\":%lld.%03lld", (long long)(ns / NS_PER_MS),
		   (long long)(ns % NS_PER_MS / 1000));
}

static void add_key(const struct lookup_note *n, struct buf *out)
{
	struct buf start CLEANUP(buf_fini) = BUF_MAX((size_t)SYMBOL_PATH_MAX * 4);

	if (!n->candidate) {
		buf_puts(out, "null");
	} else if (n->listed) {
		buf_add(&start, n->candidate->key);
		buf_putc(&start, '*');
		api_string(buf_slice(&start), out);
	} else {
		api_string(n->candidate->key, out);
	}
}

static void add_row(struct api_look *k, const struct lookup_note *n)
{
	struct test *t = CONTAINER_OF(k, struct test, look);
	struct buf *out = &t->rows;

	t->cut = t->n_rows == ROWS_MAX;
	if (t->cut)
		return;
	buf_puts(out, t->n_rows++ ? ",\n{\"store\":" : "\n{\"store\":");
	api_string(slice_of(n->store->traits.name), out);
	buf_puts(out, ",\"key\":");
	add_key(n, out);
	buf_printf(out, ",\"said\":\"%s\",\"why\":", said_words[n->said]);
	api_string_or_null(n->why, out);
	buf_printf(out, ",\"memory\":%s", n->memory ? "true" : "false");
	if (n->took_ns)
		add_ms(n->took_ns, out);
	else
		buf_puts(out, ",\"ms\":null");
	buf_putc(out, '}');
}

/* ---- the work ---- */

static void looked(struct api_look *k)
{
	api_done(&CONTAINER_OF(k, struct test, look)->work);
}

static void begin(struct api_work *w)
{
	struct test *t = CONTAINER_OF(w, struct test, work);

	t->look.server = w->server;
	t->look.left = w->left;
	t->ran = true;
	if (api_look_start(&t->look))
		api_done(w);
}

static void stop(struct api_work *w)
{
	api_look_cancel(&CONTAINER_OF(w, struct test, work)->look);
}

static void free_test(struct api_work *w)
{
	struct test *t = CONTAINER_OF(w, struct test, work);

	api_look_fini(&t->look);
	symbol_path_fini(&t->path);
	buf_fini(&t->rows);
	free(t);
}

/* ---- the answer ---- */

static const char *why(const struct test *t)
{
	if (t->refused)
		return "no store is asked for such a path";
	if (t->look.passed_over)
		return "no store is asked for this path (only=, not=, or SERVE_ANY_PATH)";
	if (t->look.kind == ANSWER_FAULT)
		return t->look.error.msg;
	return t->look.other ? "what lies there is another file than its key names" : NULL;
}

static const char *answer_word(const struct test *t)
{
	if (t->refused || t->look.passed_over)
		return "refused";
	return t->look.kind == ANSWER_FOUND  ? "found"
	       : t->look.kind == ANSWER_MISS ? "miss"
					     : "fault";
}

static int status_told(const struct test *t, const struct conf *conf)
{
	if (t->ran && t->look.kind == ANSWER_FOUND)
		return 200;
	return t->ran && t->look.kind == ANSWER_FAULT && conf->outage != OUTAGE_404 ? 503 : 404;
}

static void print(const struct test *t, const struct conf *conf, struct buf *out)
{
	const struct api_look *k = &t->look;
	bool found = t->ran && k->kind == ANSWER_FOUND;

	buf_puts(out, "{\"api\":1,\"path\":");
	if (t->refused)
		buf_puts(out, "null");
	else
		api_string(t->path.spelling[0].path, out);
	buf_printf(out, ",\"status\":%d,\"answer\":\"%s\",\"why\":", status_told(t, conf),
		   answer_word(t));
	api_string_or_null(why(t), out);
	buf_puts(out, ",\"store\":");
	api_string_or_null(k->store ? k->store->traits.name : NULL, out);
	buf_puts(out, ",\"key\":");
	api_string_or_null(found ? k->key : NULL, out);
	buf_puts(out, ",\"form\":");
	api_string_or_null(found ? k->form : NULL, out);
	if (found && k->size >= 0)
		buf_printf(out, ",\"size\":%lld", (long long)k->size);
	else
		buf_puts(out, ",\"size\":null");
	buf_printf(out, ",\"memory\":%s", k->memory ? "true" : "false");
	add_ms(k->took_ns, out);
	buf_puts(out, ",\n\"asked\":[");
	buf_add(out, buf_slice(&t->rows));
	buf_printf(out, "],\"cut\":%s}\n", t->cut ? "true" : "false");
}

static void tell(struct api_work *w, struct page *ret)
{
	struct test *t = CONTAINER_OF(w, struct test, work);

	print(t, w->server->parts.conf, &ret->text);
	ret->text.failed |= buf_failed(&t->rows);
}

struct api_work *api_test(struct exchange *x, const struct api_asked *asked, struct page *ret)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX(REQUEST_TARGET_MAX);
	struct test *t = xnew(struct test);

	t->work = (struct api_work){
		.begin = begin,
		.stop = stop,
		.tell = tell,
		.free = free_test,
		.budget_ns = x->server->parts.conf->request_budget_ns + GRACE_NS,
	};
	t->look.path = &t->path;
	t->look.any_path = exchange_rules(x).any_path;
	t->look.note = add_row;
	t->look.ended = looked;
	t->rows = BUF_MAX((size_t)ROWS_MAX * 4096);
	if (!api_parameter(asked->query, SLICE("path"), &text) || buf_failed(&text)) {
		api_error(ret, 400, "say which path: test?path=name/KEY/name");
		free_test(&t->work);
		return NULL;
	}
	switch (api_path_of_target(x->server, buf_slice(&text), &t->path)) {
	case API_PATH_FILE: return &t->work;
	case API_PATH_REFUSED:
		t->refused = true;
		print(t, x->server->parts.conf, &ret->text);
		break;
	case API_PATH_NONE: api_error(ret, 400, "this is no path of a file: name/KEY/name"); break;
	case API_PATH_NOMEM: ret->text.failed = true; break;
	}
	free_test(&t->work);
	return NULL;
}
