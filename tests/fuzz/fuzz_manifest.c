// SPDX-License-Identifier: MIT
/*
 * A plan and its markers. Whatever is read is written again, and is then the same; every key of it is clean, none
 * is one of ours, and no file of it is in two states.
 *
 *	'p' plan | 'd' files done | 'g' gone
 */
#include "publish/markers.h"
#include "publish/plan.h"
#include "store/name_list.h"
#include "store/write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_plan(struct slice text, const struct tx_id *id)
{
	struct buf once CLEANUP(buf_fini) = BUF_MAX(PLAN_SIZE_MAX),
			twice CLEANUP(buf_fini) = BUF_MAX(PLAN_SIZE_MAX);
	struct plan p CLEANUP(plan_fini) = {0}, again CLEANUP(plan_fini) = {0};
	struct error e = {0};

	if (plan_read(text, id, &p, &e) != OK) {
		ASSERT(e.code && e.msg[0] && !p.text);
		return;
	}
	for (size_t i = 0; i < p.files; i++) {
		ASSERT(store_key_is_clean(p.file[i].key) && p.file[i].size >= 0);
		ASSERT(!name_is_reserved(name_of_key(p.file[i].key)));
	}
	ASSERT(plan_write(&p, &once, &e) == OK);
	ASSERT(plan_read(buf_slice(&once), id, &again, &e) == OK && again.files == p.files);
	ASSERT(plan_write(&again, &twice, &e) == OK);
	ASSERT(slice_eq(buf_slice(&once), buf_slice(&twice)));
}

static void try_done(struct slice text, size_t files, const struct tx_id *id)
{
	struct buf out CLEANUP(buf_fini) = BUF_MAX(DONE_SIZE_MAX);
	struct done d CLEANUP(done_fini) = {0}, again CLEANUP(done_fini) = {0};
	struct error e = {0};

	if (done_read(text, id, files, &d, &e) != OK) {
		ASSERT(e.code && e.msg[0] && !d.outcome);
		return;
	}
	ASSERT(done_write(&d, &out, &e) == OK);
	ASSERT(done_read(buf_slice(&out), id, files, &again, &e) == OK);
	ASSERT(memcmp(d.outcome, again.outcome, files) == 0 && d.ended_s == again.ended_s);
}

static void try_gone(struct slice text, const struct tx_id *id)
{
	struct buf out CLEANUP(buf_fini) = BUF_MAX(GONE_SIZE_MAX);
	struct gone g = {0}, again = {0};
	struct error e = {0};

	if (gone_read(text, id, &g, &e) != OK) {
		ASSERT(e.code && e.msg[0] && !g.when_s);
		return;
	}
	ASSERT(gone_write(&g, &out, &e) == OK && gone_read(buf_slice(&out), id, &again, &e) == OK);
	ASSERT(g.is_gone == again.is_gone && strcmp(g.why, again.why) == 0 && g.kept == again.kept);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = {(const char *)data, size};
	struct tx_id id;

	if (!tx_id_parse(SLICE("20261129-150717-3f9a12bc"), &id) || size < 2)
		return 0;
	switch (data[0]) {
	case 'p': try_plan(slice_from(text, 1), &id); break;
	case 'd': try_done(slice_from(text, 2), data[1], &id); break;
	case 'g': try_gone(slice_from(text, 1), &id); break;
	default: break;
	}
	return 0;
}
