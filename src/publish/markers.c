// SPDX-License-Identifier: MIT
/* See markers.h. */
#include "publish/markers.h"

#include "publish/members.h"
#include "publish/plan.h"

static const char *const outcomes[OUTCOMES] = {
	[OUTCOME_OPEN] = "open",         [OUTCOME_STORED] = "stored", [OUTCOME_EXISTED] = "existed",
	[OUTCOME_CONFLICT] = "conflict", [OUTCOME_FAILED] = "failed",
};

const char *outcome_name(enum outcome o)
{
	return outcomes[o];
}

/* ---- done ---- */

struct done done_of(size_t files)
{
	return (struct done){.outcome = xzalloc(files + 1), .files = files};
}

void done_fini(struct done *d)
{
	free(d->outcome);
	*d = (struct done){0};
}

enum err done_write(const struct done *d, struct buf *out, struct error *e)
{
	json_t *o CLEANUP(json_done) = json_object(), *lines[OUTCOMES] = {NULL};
	size_t before = out->n;

	if (d->ended_s <= 0 || d->stored_bytes < 0 || memchr(d->outcome, OUTCOME_OPEN, d->files))
		return err_set(e, ERR_CORRUPT, "the transaction is not done");
	member_put_date(o, "ended", d->ended_s);
	json_object_set_new(o, "stored_bytes", json_integer(d->stored_bytes));
	for (int i = OUTCOME_STORED; i < OUTCOMES; i++) {
		lines[i] = json_array();
		json_object_set_new(o, outcomes[i], lines[i]);
	}
	for (size_t i = 0; i < d->files; i++)
		json_array_append_new(lines[d->outcome[i]], json_integer((json_int_t)plan_line(i)));
	members_write(o, out);
	if (!buf_failed(out) && out->n - before <= DONE_SIZE_MAX)
		return OK;
	out->n = before;
	return err_set(e, ERR_LIMIT, "what became of %zu files is too long to be written",
		       d->files);
}

static enum err read_list(const json_t *o, enum outcome which, struct done *d, struct error *e)
{
	const json_t *list = json_object_get(o, outcomes[which]), *line;
	size_t i, file;

	if (!json_is_array(list))
		return err_set(e, ERR_CORRUPT, "'%s' is not a list", outcomes[which]);
	json_array_foreach(list, i, line)
	{
		if (!json_is_integer(line) ||
		    !plan_file_at(d->files, json_integer_value(line), &file))
			return err_set(e, ERR_CORRUPT, "'%s' has what is no line of the plan",
				       outcomes[which]);
		if (d->outcome[file] != OUTCOME_OPEN)
			return err_set(e, ERR_CORRUPT, "it has line %zu twice", plan_line(file));
		d->outcome[file] = (uint8_t)which;
	}
	return OK;
}

static enum err read_done(struct slice text, struct done *d, struct error *e)
{
	json_t *o CLEANUP(json_done) = NULL;
	const uint8_t *open;
	enum err err;

	if (text.n > DONE_SIZE_MAX)
		return err_set(e, ERR_CORRUPT, "it is too long");
	if ((err = members_parse(text, &o, e)) || (err = member_format(o, false, PLAN_FORMAT, e)) ||
	    (err = member_date(o, "ended", true, &d->ended_s, e)) ||
	    (err = member_count(o, "stored_bytes", true, &d->stored_bytes, e)))
		return err;
	for (int i = OUTCOME_STORED; i < OUTCOMES && !err; i++)
		err = read_list(o, (enum outcome)i, d, e);
	if (err)
		return err;
	open = memchr(d->outcome, OUTCOME_OPEN, d->files);
	return open ? err_set(e, ERR_CORRUPT, "it says nothing of line %zu",
			      plan_line((size_t)(open - d->outcome)))
		    : OK;
}

enum err done_read(struct slice text, const struct tx_id *id, size_t files, struct done *ret,
		   struct error *e)
{
	struct done d CLEANUP(done_fini) = done_of(files);
	struct error why = {.code = OK};

	if (read_done(text, &d, &why)) {
		(void)members_refused(id, TX_DONE, &why);
		if (e)
			*e = why;
		return why.code;
	}
	*ret = d;
	d = (struct done){0};
	return OK;
}

/* ---- gone ---- */

enum err gone_write(const struct gone *g, struct buf *out, struct error *e)
{
	json_t *o CLEANUP(json_done) = json_object();
	size_t before = out->n;

	if (g->when_s <= 0 || g->removed < 0 || g->kept < 0)
		return err_set(e, ERR_CORRUPT, "a removal without a date, or with counts below 0");
	json_object_set_new(
		o, "state",
		json_string(tx_state_name(g->is_gone ? TX_STATE_GONE : TX_STATE_GOING)));
	member_put_date(o, "when", g->when_s);
	member_put_text(o, "by", slice_of(g->by), GONE_TEXT_MAX);
	member_put_text(o, "why", slice_of(g->why), GONE_TEXT_MAX);
	json_object_set_new(o, "removed", json_integer(g->removed));
	json_object_set_new(o, "kept", json_integer(g->kept));
	members_write(o, out);
	if (!buf_failed(out))
		return OK;
	out->n = before;
	return err_set(e, ERR_LIMIT, "no room for the mark of a removal");
}

static enum err read_gone(struct slice text, struct gone *g, struct error *e)
{
	json_t *o CLEANUP(json_done) = NULL;
	struct slice word, by, why;
	enum tx_state state;
	enum err err;

	if (text.n > GONE_SIZE_MAX)
		return err_set(e, ERR_CORRUPT, "it is too long");
	if ((err = members_parse(text, &o, e)) || (err = member_format(o, false, PLAN_FORMAT, e)) ||
	    (err = member_text(o, "state", PLAN_TEXT_MAX, &word, e)) ||
	    (err = member_date(o, "when", true, &g->when_s, e)) ||
	    (err = member_text(o, "by", GONE_TEXT_MAX, &by, e)) ||
	    (err = member_text(o, "why", GONE_TEXT_MAX, &why, e)) ||
	    (err = member_count(o, "removed", false, &g->removed, e)) ||
	    (err = member_count(o, "kept", false, &g->kept, e)))
		return err;
	if (!tx_state_parse(word, &state) || (state != TX_STATE_GONE && state != TX_STATE_GOING))
		return err_set(e, ERR_CORRUPT, "'state' is neither going nor gone");
	g->is_gone = state == TX_STATE_GONE;
	memcpy(g->by, by.n ? by.p : "", by.n);
	memcpy(g->why, why.n ? why.p : "", why.n);
	return OK;
}

enum err gone_read(struct slice text, const struct tx_id *id, struct gone *ret, struct error *e)
{
	struct error why = {.code = OK};
	struct gone g = {0};

	if (read_gone(text, &g, &why)) {
		(void)members_refused(id, TX_GONE, &why);
		if (e)
			*e = why;
		return why.code;
	}
	*ret = g;
	return OK;
}
