// SPDX-License-Identifier: MIT
/* See transactions.h. */
#include "cmd/transactions.h"

#include "base/text.h"
#include "cmd/reads.h"
#include "publish/catalog_get.h"

#include <stdio.h>

#define TIMEOUT_NS   (60 * NS_PER_S)
#define SYMSTORE_MAX ((size_t)16 << 20) /* bytes of a list in 000Admin */
#define SYMSTORE_ID  10

void transactions_fini(struct transactions *t)
{
	for (size_t i = 0; i < t->n; i++)
		summary_fini(&t->tx[i].told);
	free(t->tx);
	*t = (struct transactions){0};
}

/* NULL: there are too many. */
static struct transaction *append(struct transactions *t, struct error *e)
{
	if (t->n == TRANSACTIONS_MAX) {
		err_set(e, ERR_LIMIT, "more than %d transactions", TRANSACTIONS_MAX);
		return NULL;
	}
	if (t->n == t->room) {
		t->room = t->room ? 2 * t->room : 64;
		t->tx = reallocarray(t->tx, t->room, sizeof(*t->tx));
		ASSERT(t->tx);
	}
	t->tx[t->n] = (struct transaction){.told.files = -1};
	return &t->tx[t->n++];
}

static int newest_first(const void *a_, const void *b_)
{
	const struct transaction *a = a_, *b = b_;

	if (a->is_symstore != b->is_symstore)
		return a->is_symstore - b->is_symstore;
	return strcmp(b->id.s, a->id.s);
}

/* ---- what is told in a line ---- */

struct looking {
	struct await_each each;
	struct transactions *all;
	struct transaction **wanted;
};

struct look {
	struct looking *all;
	struct transaction *tx;
};

static void told(void *ud, struct summary *s)
{
	struct look *l = ud;
	struct looking *all = l->all;

	summary_fini(&l->tx->told);
	l->tx->told = *s;
	*s = (struct summary){0};
	if (l->tx->told.error.code)
		l->tx->told.files = -1;
	free(l);
	await_each_over(&all->each, NULL);
}

static void look(struct await_each *each, size_t i)
{
	struct looking *all = CONTAINER_OF(each, struct looking, each);
	struct look *l = xnew(struct look);
	const struct catalog_entry t = {.id = all->wanted[i]->id, .has = all->wanted[i]->has};

	*l = (struct look){all, all->wanted[i]};
	(void)summary_start(all->all->store, &t, told, l);
}

void transactions_look(struct transactions *t)
{
	struct looking all = {.each = {.at_once = READS_PARALLEL, .start = look}, .all = t};
	struct error e;
	enum err err = OK;

	all.wanted = xcalloc(t->n + 1, sizeof(struct transaction *));
	for (size_t i = 0; i < t->n; i++)
		if (!t->tx[i].is_symstore && !t->tx[i].told.error.code)
			all.wanted[all.each.n++] = &t->tx[i];
	if (all.each.n)
		err = await_each(&all.each, t->store->ctx->loop, &e);
	ASSERT(!err); /* none of them fails: what does stands in the summary */
	free(all.wanted);
}

/* ---- symstore's ---- */

static enum err read_key(struct store *s, struct slice key, struct buf *out, struct error *e)
{
	const struct read_ask ask = {
		.store = s, .key = key, .max = SYMSTORE_MAX, .timeout_ns = TIMEOUT_NS};
	struct object_head head;

	switch (read_object(&ask, &head, out, e)) {
	case FETCH_FOUND: return OK;
	case FETCH_UNSATISFIABLE:
	case FETCH_MISS:
	case FETCH_DENIED:
	case FETCH_REFUSED: return err_set(e, ERR_OTHER, "is not there, or empty");
	case FETCH_FAULT: break;
	}
	return e->code;
}

/* The next field of a line of symstore's lists, quotes taken off. */
static struct slice next_field(struct slice *line)
{
	struct slice field = SLICE_NONE;

	if (line->n && line->p[0] == '"') {
		struct slice rest = slice_from(*line, 1);
		size_t end = slice_find(rest, '"');

		field = slice_head(rest, end);
		*line = slice_from(rest, end + 1);
		(void)slice_next(line, ',', &rest);
	} else {
		(void)slice_next(line, ',', &field);
	}
	return field;
}

/* 0000000001,add,file,09/09/2022,10:11:12,"product","version","comment", */
static enum err take_symstore_line(struct transactions *t, struct slice line, struct error *e)
{
	struct slice id = next_field(&line), what = next_field(&line);
	struct transaction *tx;

	if (id.n != SYMSTORE_ID || !slice_eq_nocase(what, SLICE("add")))
		return OK;
	tx = append(t, e);
	if (!tx)
		return e->code;
	memcpy(tx->id.s, id.p, id.n);
	tx->is_symstore = true;
	tx->told.state = TX_STATE_LIVE;
	(void)next_field(&line); /* file or ptr */
	(void)next_field(&line); /* its date and time, of no time zone */
	(void)next_field(&line);
	tx->told.head.product = plan_text(&tx->told.head, next_field(&line));
	tx->told.head.version = plan_text(&tx->told.head, next_field(&line));
	tx->told.head.comment = plan_text(&tx->told.head, next_field(&line));
	return OK;
}

static bool is_number(struct slice s)
{
	uint64_t n;

	return s.n == SYMSTORE_ID && parse_u64(s, UINT64_MAX, &n);
}

static enum err take_symstore(struct transactions *t, struct error *e)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX(SYMSTORE_MAX);
	enum err err = read_key(t->store, SLICE("000Admin/server.txt"), &text, e);
	struct slice rest = buf_slice(&text), line;

	if (err == ERR_OTHER)
		return OK;
	while (!err && slice_next(&rest, '\n', &line))
		if (is_number(slice_head(line, SYMSTORE_ID)))
			err = take_symstore_line(t, slice_trim(line), e);
	return err ? err_wrap(e, "000Admin/server.txt") : OK;
}

/* "foo.pdb\KEY","where it was": of each the name and key, as a path of the store. */
static enum err read_symstore(struct store *s, const struct transaction *tx, struct plan *ret,
			      struct error *e)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX(SYMSTORE_MAX),
			key CLEANUP(buf_fini) = BUF_MAX(64);
	struct slice rest, line;
	enum err err;

	buf_printf(&key, "000Admin/%s", tx->id.s);
	err = read_key(s, buf_slice(&key), &text, e);
	rest = buf_slice(&text);
	while (!err && slice_next(&rest, '\n', &line)) {
		struct plan_file f = {0};
		struct slice folder;

		line = slice_trim(line);
		folder = next_field(&line);
		if (!folder.n)
			continue;
		for (char *p = (char *)folder.p; p < folder.p + folder.n; p++)
			if (*p == '\\')
				*p = '/';
		f.key = folder;
		f.id = slice_from(folder, slice_find(folder, '/') + 1);
		f.path = next_field(&line);
		err = plan_add(ret, &f, e);
	}
	return err ? err_wrap(e, "%s", buf_str(&key)) : OK;
}

/* ---- for others ---- */

static enum err take_listed(struct transactions *t, struct error *e)
{
	struct catalog all;
	enum err err = catalog_read(t->store, &all, e);

	for (size_t i = 0; i < all.n && !err; i++) {
		struct transaction *tx = append(t, e);

		if (!tx) {
			err = e->code;
			break;
		}
		tx->id = all.entry[i].id;
		tx->has = all.entry[i].has;
		(void)summary_of_listed(&all.entry[i], &tx->told);
	}
	catalog_fini(&all);
	return err;
}

enum err transactions_list(struct store *s, struct transactions *ret, struct error *e)
{
	struct transactions t CLEANUP(transactions_fini) = {.store = s};
	enum err err = take_listed(&t, e);

	if (!err)
		err = take_symstore(&t, e);
	if (err)
		return err;
	if (t.n)
		qsort(t.tx, t.n, sizeof(*t.tx), newest_first);
	*ret = t;
	t = (struct transactions){0};
	return OK;
}

enum err transaction_read(struct store *s, const struct transaction *tx, struct plan *ret_plan,
			  struct done *ret_done, struct error *e)
{
	const struct catalog_source from = {.store = s};
	const struct catalog_entry t = {.id = tx->id, .has = tx->has};
	enum err err;

	*ret_done = (struct done){0};
	if (tx->is_symstore)
		return read_symstore(s, tx, ret_plan, e);
	err = catalog_get_plan(&from, &t, ret_plan, e);
	return err ? err : catalog_get_done(&from, &t, ret_plan->files, ret_done, e);
}

bool transactions_is_id(const char *word)
{
	struct tx_id id;

	return tx_id_parse(slice_of(word), &id) ||
	       (strlen(word) == 10 && strspn(word, "0123456789") == 10);
}
