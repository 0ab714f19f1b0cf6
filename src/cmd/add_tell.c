// SPDX-License-Identifier: MIT
/* What `add` tells: a line for each file, the bar, the numbers at the end, what went wrong (add_priv.h). */
#include "base/text.h"
#include "cmd/add_priv.h"
#include "cmd/cmd.h"

#include <inttypes.h>
#include <stdio.h>

#define MIB (1024.0 * 1024.0)

void add_tell_line(void *ud, const char *path, const char *what)
{
	struct buf line CLEANUP(buf_fini) = BUF_MAX((size_t)128 * 1024);
	struct add *a = ud;

	progress_hide(&a->progress);
	buf_printf(&line, "%s: %s", path, what);
	stores_command_tell(&add_stores_command, NULL, buf_str(&line));
}

static void add_text(struct buf *line, const char *name, struct slice value)
{
	buf_printf(line, ",\"%s\":", name);
	(void)json_string_add(value, line);
}

static void print_json(const struct add *a, const struct add_told *t)
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

static void tell_file(struct add *a, const struct add_told *t)
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
	add_tell_line(a, buf_str(&path), what);
}

static enum tx_state state_of(const struct add *a)
{
	if (a->result.gone)
		return TX_STATE_GOING;
	return a->error.code && !a->result.ended ? TX_STATE_OPEN : TX_STATE_LIVE;
}

/* A dry run has begun no transaction. */
void add_tell_summary(struct add *a)
{
	const size_t *n = a->result.n;
	bool dry_run = a->words->set & 1U << ADD_DRY_RUN;
	size_t conflict = n[OUTCOME_CONFLICT] + a->gather.conflicts,
	       failed = n[OUTCOME_FAILED] + a->gather.failed;

	progress_hide(&a->progress);
	if (a->json) {
		printf("{");
		if (!dry_run)
			printf("\"transaction\":\"%s\",\"state\":\"%s\",", a->plan.id.s,
			       tx_state_name(state_of(a)));
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

void add_tell_news(struct add *a)
{
	STAILQ_HEAD(, add_told) all = STAILQ_HEAD_INITIALIZER(all);
	char what[100];
	size_t waiting;

	{
		LOCK_SCOPE(&a->mu);
		STAILQ_CONCAT(&all, &a->told);
		waiting = a->waiting;
		a->waiting = 0;
	}
	while (!STAILQ_EMPTY(&all)) {
		struct add_told *t = STAILQ_FIRST(&all);

		STAILQ_REMOVE_HEAD(&all, place);
		tell_file(a, t);
		free(t);
	}
	if (waiting && !a->json) {
		(void)snprintf(what, sizeof(what), "waits for %zu removal%s to end", waiting,
			       waiting == 1 ? "" : "s");
		progress_hide(&a->progress);
		stores_command_tell(&add_stores_command, a->store, what);
	}
	progress_tell(&a->progress, a->files_done, a->bytes_done);
}

static void tell_removed(const struct add *a)
{
	char what[200];

	(void)snprintf(
		what, sizeof(what),
		"the transaction was removed while it ran: pepto-symbol rm %s takes away what "
		"it stored since",
		a->plan.id.s);
	stores_command_tell(&add_stores_command, a->store, what);
}

void add_tell_end(struct add *a, bool interrupted)
{
	char what[ERROR_MSG_MAX + 100];
	bool stopped = interrupted && a->error.code == ERR_CANCELED;

	if (a->error.code && !stopped)
		stores_command_tell(&add_stores_command, a->store, a->error.msg);
	if (a->error.code && a->result.any_written) {
		(void)snprintf(
			what, sizeof(what),
			a->result.ended
				? "%s is published; whether it was removed meanwhile is not known"
				: "it is not done: pepto-symbol add --resume %s goes on",
			a->plan.id.s);
		stores_command_tell(&add_stores_command, a->store, what);
	}
	if (a->result.gone)
		tell_removed(a);
	if (a->error.code)
		a->code = exit_code_worse(a->code,
					  exit_code_of_write(&a->error, a->result.any_written));
	if (a->result.n[OUTCOME_FAILED] || a->result.gone)
		a->code = exit_code_worse(a->code, EXIT_FAILURE);
	if (a->result.n[OUTCOME_CONFLICT]) {
		stores_command_tell(&add_stores_command, NULL, "--force replaces what differs");
		a->code = exit_code_worse(a->code, EXIT_CONFLICT);
	}
}
