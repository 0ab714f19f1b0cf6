// SPDX-License-Identifier: MIT
/* See transactions.h. */
#include "cmd/transactions.h"

#include "base/text.h"
#include "cmd/listings.h"
#include "cmd/reads.h"

#include <stdio.h>

#define HEAD_SIZE    ((int64_t)16 << 10) /* most first lines are shorter */
#define TIMEOUT_NS   (60 * NS_PER_S)
#define SYMSTORE_MAX ((size_t)16 << 20) /* bytes of a list in 000Admin */
#define SYMSTORE_ID  10

void transactions_fini(struct transactions *t)
{
	for (size_t i = 0; i < t->n; i++) {
		plan_fini(&t->tx[i].head);
		free(t->tx[i].gone);
	}
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
	t->tx[t->n] = (struct transaction){.files = -1};
	return &t->tx[t->n++];
}

/* ---- listing ---- */

/* They come in the order of their keys: what lies beside a plan stands behind it, or behind one that is missing. */
static enum err take_page(void *ud, struct slice folder, const struct name_page *page,
			  struct error *e)
{
	struct transactions *t = ud;

	for (size_t i = 0; i < page->n_keys; i++) {
		struct buf key CLEANUP(buf_fini) = BUF_MAX(4096);
		struct transaction *tx = t->n ? &t->tx[t->n - 1] : NULL;
		enum tx_object which;
		struct tx_id id;

		buf_add(&key, folder);
		buf_add(&key, page->keys[i]);
		if (!tx_key_parse(buf_slice(&key), &id, &which))
			continue;
		if (!tx || strcmp(tx->id.s, id.s) != 0)
			tx = append(t, e);
		if (!tx)
			return e->code;
		tx->id = id;
		tx->has |= 1U << which;
	}
	return OK;
}

static int newest_first(const void *a_, const void *b_)
{
	const struct transaction *a = a_, *b = b_;

	if (a->is_symstore != b->is_symstore)
		return a->is_symstore - b->is_symstore;
	return strcmp(b->id.s, a->id.s);
}

/* ---- reading ---- */

static enum err read_key(struct store *s, struct slice key, int64_t last, size_t max,
			 struct buf *out, struct error *e)
{
	const struct read_ask ask = {
		.store = s, .key = key, .last = last, .max = max, .timeout_ns = TIMEOUT_NS};
	struct object_head head;

	switch (read_object(&ask, &head, out, e)) {
	case FETCH_FOUND: return OK;
	case FETCH_UNSATISFIABLE: return OK; /* it is empty */
	case FETCH_MISS:
	case FETCH_DENIED:
	case FETCH_REFUSED: return err_set(e, ERR_OTHER, "is not there, or empty");
	case FETCH_FAULT: break;
	}
	return e->code;
}

static enum err read_of(struct store *s, const struct tx_id *id, enum tx_object which, int64_t last,
			size_t max, struct buf *out, struct error *e)
{
	struct buf key CLEANUP(buf_fini) = BUF_MAX(200);

	tx_key_add(id, which, &key);
	return read_key(s, buf_slice(&key), last, max, out, e) ? err_wrap(e, "%s", buf_str(&key))
							       : OK;
}

static enum err read_head(struct store *s, struct transaction *tx, struct error *e)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX(PLAN_SIZE_MAX);
	enum err err = read_of(s, &tx->id, TX_PLAN, HEAD_SIZE - 1, PLAN_SIZE_MAX, &text, e);

	if (!err && text.n >= (size_t)HEAD_SIZE && slice_find(buf_slice(&text), '\n') == text.n) {
		buf_clear(&text);
		err = read_of(s, &tx->id, TX_PLAN, 0, PLAN_SIZE_MAX, &text, e);
	}
	return err ? err : plan_read_head(buf_slice(&text), &tx->id, &tx->head, &tx->files, e);
}

static enum err read_gone(struct store *s, struct transaction *tx, struct error *e)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX(GONE_SIZE_MAX);
	enum err err = read_of(s, &tx->id, TX_GONE, 0, GONE_SIZE_MAX, &text, e);

	tx->gone = xnew(struct gone);
	return err ? err : gone_read(buf_slice(&text), &tx->id, tx->gone, e);
}

static void look(void *ud, size_t i)
{
	struct transactions *t = ud;
	struct transaction *tx = &t->tx[i];
	bool removed = tx->has & 1U << TX_GONE;

	if (tx->is_symstore)
		return;
	if (!(tx->has & 1U << TX_PLAN))
		err_set(&tx->error, ERR_CORRUPT, "%s: there is no plan, only what belongs to it",
			tx->id.s);
	else if (read_head(t->store, tx, &tx->error) == OK && removed)
		(void)read_gone(t->store, tx, &tx->error);
	if (tx->error.code) {
		tx->state = TX_STATE_DAMAGED;
		tx->files = -1;
	} else {
		tx->state = tx_state_of(tx->has, removed && tx->gone->is_gone);
	}
}

void transactions_look(struct transactions *t)
{
	crew_run(t->n, look, NULL, t, NULL);
}

/* ---- symstore's ---- */

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
	tx->state = TX_STATE_LIVE;
	(void)next_field(&line); /* file or ptr */
	(void)next_field(&line); /* its date and time, of no time zone */
	(void)next_field(&line);
	tx->head.product = plan_text(&tx->head, next_field(&line));
	tx->head.version = plan_text(&tx->head, next_field(&line));
	tx->head.comment = plan_text(&tx->head, next_field(&line));
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
	enum err err = read_key(t->store, SLICE("000Admin/server.txt"), 0, SYMSTORE_MAX, &text, e);
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
	err = read_key(s, buf_slice(&key), 0, SYMSTORE_MAX, &text, e);
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

enum err transactions_list(struct store *s, struct transactions *ret, struct error *e)
{
	static const struct listings_how how = {.deep = true, .ordered = true};
	struct transactions t CLEANUP(transactions_fini) = {.store = s};
	struct name_list folders = {.text = BUF_MAX(64)};
	size_t room = 0;
	enum err err = name_list_add(&folders, &room, SLICE(TX_FOLDER), e);

	if (!err)
		err = listings_run(s, &folders, &how, take_page, &t, e);
	name_list_fini(&folders);
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
	struct buf text CLEANUP(buf_fini) = BUF_MAX(PLAN_SIZE_MAX);
	enum err err;

	*ret_done = (struct done){0};
	if (tx->is_symstore)
		return read_symstore(s, tx, ret_plan, e);
	err = read_of(s, &tx->id, TX_PLAN, 0, PLAN_SIZE_MAX, &text, e);
	if (!err)
		err = plan_read(buf_slice(&text), &tx->id, ret_plan, e);
	if (err || !(tx->has & 1U << TX_DONE))
		return err;
	buf_clear(&text);
	err = read_of(s, &tx->id, TX_DONE, 0, DONE_SIZE_MAX, &text, e);
	return err ? err : done_read(buf_slice(&text), &tx->id, ret_plan->files, ret_done, e);
}

bool transactions_is_id(const char *word)
{
	struct tx_id id;

	return tx_id_parse(slice_of(word), &id) ||
	       (strlen(word) == 10 && strspn(word, "0123456789") == 10);
}
