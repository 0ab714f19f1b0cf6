// SPDX-License-Identifier: MIT
/* See summary.h. */
#include "publish/summary.h"

#include "publish/small.h"

#define HEAD_SIZE ((size_t)16 << 10) /* most first lines are shorter */

struct summary_reading {
	struct store *store;
	struct tx_id id;
	unsigned has;
	struct small *small;
	struct summary summary;
	void (*done)(void *ud, struct summary *s);
	void *ud;
};

void summary_fini(struct summary *s)
{
	plan_fini(&s->head);
	free(s->gone);
	*s = (struct summary){0};
}

bool summary_of_listed(const struct catalog_entry *t, struct summary *ret)
{
	*ret = (struct summary){.state = tx_state_of(t->has, false), .files = -1};
	if (ret->state != TX_STATE_DAMAGED)
		return true;
	err_set(&ret->error, ERR_CORRUPT, "%s: there is no plan, only what belongs to it", t->id.s);
	return false;
}

void summary_cancel(struct summary_reading *r)
{
	if (!r)
		return;
	small_cancel(r->small);
	summary_fini(&r->summary);
	free(r);
}

static void finish(struct summary_reading *r)
{
	struct summary *s = &r->summary;

	s->state = s->error.code ? TX_STATE_DAMAGED
				 : tx_state_of(r->has, s->gone && s->gone->is_gone);
	r->done(r->ud, s);
	summary_cancel(r);
}

/* False: why not stands in the summary. What is too long is damaged; any other failure is the store's. */
static bool take_bytes(struct summary_reading *r, enum tx_object which, const struct buf *bytes,
		       const struct error *e)
{
	struct buf key CLEANUP(buf_fini) = BUF_MAX(128);
	struct error *why = &r->summary.error;

	if (bytes)
		return true;
	if (e)
		*why = *e;
	else
		err_set(why, ERR_CORRUPT, "is not there, or is empty");
	r->summary.is_fault = e && e->code != ERR_LIMIT;
	tx_key_add(&r->id, which, &key);
	err_wrap(why, "%s", buf_str(&key));
	return false;
}

static void gone_came(void *ud, struct buf *bytes, const struct error *e)
{
	struct summary_reading *r = ud;
	struct summary *s = &r->summary;

	r->small = NULL;
	if (take_bytes(r, TX_GONE, bytes, e)) {
		s->gone = xnew(struct gone);
		if (gone_read(buf_slice(bytes), &r->id, s->gone, &s->error) != OK)
			free(TAKE(s->gone));
	}
	finish(r);
}

static void read_gone(struct summary_reading *r)
{
	struct buf key CLEANUP(buf_fini) = BUF_MAX(128);

	tx_key_add(&r->id, TX_GONE, &key);
	r->small = small_get(r->store, buf_slice(&key), GONE_SIZE_MAX, gone_came, r);
}

static void read_head(struct summary_reading *r, size_t max, small_got *got)
{
	struct buf key CLEANUP(buf_fini) = BUF_MAX(128);

	tx_key_add(&r->id, TX_PLAN, &key);
	r->small = small_get_first(r->store, buf_slice(&key), max, got, r);
}

static void long_head_came(void *ud, struct buf *bytes, const struct error *e)
{
	struct summary_reading *r = ud;
	struct summary *s = &r->summary;

	r->small = NULL;
	if (take_bytes(r, TX_PLAN, bytes, e) &&
	    plan_read_head(buf_slice(bytes), &r->id, &s->head, &s->files, &s->error) == OK &&
	    tx_has(r->has, TX_GONE))
		read_gone(r);
	else
		finish(r);
}

static void head_came(void *ud, struct buf *bytes, const struct error *e)
{
	struct summary_reading *r = ud;

	if (bytes && bytes->n >= HEAD_SIZE && slice_find(buf_slice(bytes), '\n') == bytes->n)
		read_head(r, PLAN_LINE_MAX + 1, long_head_came); /* or it is too long */
	else
		long_head_came(ud, bytes, e);
}

struct summary_reading *summary_start(struct store *store, const struct catalog_entry *t,
				      void (*done)(void *ud, struct summary *s), void *ud)
{
	struct summary_reading *r = xnew(struct summary_reading);

	*r = (struct summary_reading){
		.store = store, .id = t->id, .has = t->has, .done = done, .ud = ud};
	ASSERT(summary_of_listed(t, &r->summary));
	read_head(r, HEAD_SIZE, head_came);
	return r;
}
