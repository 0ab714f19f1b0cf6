// SPDX-License-Identifier: MIT
/*
 * See upload.h. While a job runs the upload is the pool's, but for `stop`; its task brings it back.
 */
#include "publish/upload.h"
#include "publish/twin.h"

#include "base/file.h"
#include "store/fetch.h"
#include "store/write.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#define LOOK_NS   (60 * NS_PER_S)
#define ANSWER_NS (60 * NS_PER_S)
#define BODY_NS   (300 * NS_PER_S) /* of what is there; it may still come after that */
/*
 * Another writer may come between a look and a put, and go again. And an empty object is none to who reads
 * (fetch.h), but stands in the way of what is new.
 */
#define LOOKS_MAX 3
/* So long after a look a store is asked once more whether nothing is there: others may have come. */
#define LOOK_COUNTS_NS (2 * NS_PER_S)

enum job { JOB_NONE, JOB_COMPARE, JOB_TWIN, JOB_PACK };

struct upload {
	struct upload_request r;
	const struct plan_file *file;
	upload_done *done;
	void *ud;
	unsigned looks;
	int64_t looked_ns;
	struct fetch *look;
	struct store_write *write;
	bool replaces;
	struct upload_result result;

	TAILQ_ENTRY(upload) place;      /* while it waits for its turn */
	void (*next)(struct upload *u); /* once it has that */
	bool has_turn;

	enum job what;
	bool job_runs; /* its task comes back */
	struct pool_job job;
	struct loop_task back;
	atomic_bool stop;

	struct object_head head; /* of what is there; its fd is ours */
	int64_t counted;         /* with that, file_temporary_end() is owed */
	enum present present;
	struct twin twin; /* what is there */
	bool opened;
	struct upload_body body;
	struct packed packed;
	struct error error;
};

static struct loop *loop_of(const struct upload *u)
{
	return u->r.store->ctx->loop;
}

/* ---- turns ---- */

static void go_on(struct upload *u, void (*next)(struct upload *u))
{
	struct upload_turns *t = u->r.turns;

	if (!u->has_turn && !t->left) {
		u->next = next;
		TAILQ_INSERT_TAIL(&t->waiting, u, place);
		return;
	}
	t->left -= !u->has_turn;
	u->has_turn = true;
	next(u);
}

static void stop_waiting(struct upload *u)
{
	if (TAILQ_IS_IN(u, place))
		TAILQ_LEAVE(&u->r.turns->waiting, u, place);
}

/* To the first that waits, which goes on by way of its task: it may end at once. */
static void give_turn(struct upload *u)
{
	struct upload_turns *t = u->r.turns;
	struct upload *first = TAILQ_FIRST(&t->waiting);

	if (!u->has_turn)
		return;
	t->left += !first;
	if (!first)
		return;
	stop_waiting(first);
	first->has_turn = true;
	first->what = JOB_NONE;
	first->job_runs = true;
	loop_post(loop_of(first), &first->back);
}

/* ---- the end ---- */

static void drop_head(struct upload *u)
{
	close_p(&u->head.fd);
	u->head.fd = -1;
	file_temporary_end(&u->counted);
}

static void close_body(struct upload *u)
{
	if (u->opened)
		u->r.bodies->close(u->r.bodies->ud, u->r.which, &u->body);
	u->opened = false;
}

static void end(struct upload *u, enum outcome outcome)
{
	upload_done *done = u->done;
	struct upload_result result = u->result;
	void *ud = u->ud;

	give_turn(u);
	drop_head(u);
	close_body(u);
	packed_fini(&u->packed);
	result.outcome = outcome;
	free(u);
	done(ud, &result);
}

static void say(struct upload *u, const char *why)
{
	(void)snprintf(u->result.why, sizeof(u->result.why), "%s", why);
}

static void fail(struct upload *u, const struct error *e)
{
	u->result.err = e->code;
	say(u, e->msg);
	end(u, e->code == ERR_CANCELED && atomic_load(&u->stop) ? OUTCOME_OPEN : OUTCOME_FAILED);
}

/* ---- on the pool ---- */

/* By the plan: this run may be told of another packing than the one that made it. */
static bool is_in_the_name(const struct upload *u)
{
	enum pack_kind kind;

	return pack_kind_of(u->file->as, &kind) && pack_in_the_name(kind, u->r.store->traits.local);
}

static struct pack_file plain(struct upload *u)
{
	struct slice key = u->file->key;
	struct stat st = {0};

	(void)fstat(u->body.fd, &st);
	return (struct pack_file){.fd = u->body.fd,
				  .offset = u->body.offset,
				  .size = u->file->size,
				  .name = slice_from(key, slice_rfind(key, '/') + 1),
				  .mtime_s = st.st_mtim.tv_sec,
				  .sha256 = u->file->sha256,
				  .in_the_name = is_in_the_name(u),
				  .stop = &u->stop};
}

static enum err do_job(struct upload *u, struct error *e)
{
	struct pack_how how = *u->r.how;
	struct pack_file file;

	if (!u->opened && u->r.bodies->open(u->r.bodies->ud, u->r.which, &u->body, e) != OK)
		return e->code;
	u->opened = true;
	file = plain(u);
	if (u->what == JOB_COMPARE)
		return present_compare(u->present, &file, &u->head, &u->present, e);
	if (u->what == JOB_TWIN)
		return twin_compare(u->file, &file, u->head.fd, u->head.total, &u->twin, e);
	if (!pack_kind_of(u->file->as, &how.kind))
		return err_set(e, ERR_USAGE,
			       "the plan says '" SLICE_FMT "', which is no way to pack it",
			       SLICE_ARG(u->file->as));
	return pack_file(&how, &file, &u->packed, e);
}

static void work(struct pool_job *job)
{
	struct upload *u = CONTAINER_OF(job, struct upload, job);
	struct error e;

	/* What it comes upon on its way, and is no failure of its own, is not kept. */
	if (atomic_load(&u->stop))
		err_set(&u->error, ERR_CANCELED, "not wanted any more");
	else if (do_job(u, &e) != OK)
		u->error = e;
	loop_post(loop_of(u), &u->back);
}

static void submit(struct upload *u, enum job what)
{
	struct error e;

	u->what = what;
	u->error = (struct error){.code = OK};
	if (pool_submit(u->r.pool, &u->job) == OK) {
		u->job_runs = true;
		return;
	}
	err_set(&e, ERR_BUSY, "too many files are waiting to be packed");
	fail(u, &e);
}

/* ---- putting ---- */

static void look(struct upload *u);

static void has_put(void *ud, enum store_put_result result, const struct store_put_answer *answer,
		    const struct error *e)
{
	struct upload *u = ud;

	u->write = NULL;
	switch (result) {
	case STORE_PUT_STORED:
		u->result.stored_bytes = u->packed.size;
		end(u, OUTCOME_STORED);
		break;
	case STORE_PUT_PRESENT:
		look(u);
		break; /* another writer's; or ours, whose answer was lost */
	case STORE_PUT_FAILED:
		u->result.refused = answer->refused;
		fail(u, e);
		break;
	}
}

static void put(struct upload *u)
{
	const struct packed *p = &u->packed;
	struct slice coding = SLICE("");
	char size[24];
	const struct store_meta meta[] = {{"pepto-sha256", u->file->sha256},
					  {"pepto-size", size},
					  {"pepto-tx", u->r.plan->id.s}};
	struct store_put put = {.key = u->file->key,
				.sha256 = p->sha256,
				.meta = meta,
				.n_meta = ARRAY_LEN(meta),
				.only_new = !u->replaces,
				.looked = clock_mono_ns() - u->looked_ns < LOOK_COUNTS_NS,
				.answer_ns = ANSWER_NS};

	(void)snprintf(size, sizeof(size), "%" PRId64, u->file->size);
	if (p->kind != PACK_NONE && !is_in_the_name(u))
		coding = slice_of(pack_word(p->kind));
	put.encoding = coding.n ? coding.p : NULL;
	put.body = (struct store_body){.fd = p->fd >= 0 ? p->fd : u->body.fd,
				       .offset = p->fd >= 0 ? 0 : u->body.offset,
				       .length = p->size};
	u->write = store_put(u->r.store, &put, has_put, u);
}

static void pack_and_put(struct upload *u)
{
	if (u->opened && u->packed.sha256[0])
		put(u); /* it has been packed before */
	else
		submit(u, JOB_PACK);
}

static void write_it(struct upload *u)
{
	if (u->r.dry_run)
		end(u, OUTCOME_STORED);
	else
		go_on(u, pack_and_put);
}

/* ---- looking ---- */

static void exists(struct upload *u, const char *why)
{
	if (strcmp(u->head.origin.tx, u->r.plan->id.s) == 0) {
		u->result.stored_bytes = u->head.total;
		end(u, OUTCOME_STORED);
		return;
	}
	say(u, why);
	end(u, OUTCOME_EXISTED);
}

static void replace(struct upload *u)
{
	u->replaces = true;
	drop_head(u);
	write_it(u);
}

static void conflict(struct upload *u, const char *why)
{
	say(u, why);
	end(u, OUTCOME_CONFLICT);
}

static void keep(struct upload *u, const char *why)
{
	u->result.by_signature = true;
	say(u, why);
	end(u, OUTCOME_EXISTED);
}

static const char *why_other(const struct upload *u)
{
	enum privacy ours = u->file->privacy;

	if (ours == PRIVACY_PUBLIC && u->twin.privacy == PRIVACY_PRIVATE)
		return "the private PDB lies there under this key, and this is the stripped one";
	if (ours == PRIVACY_PRIVATE && u->twin.privacy == PRIVACY_PUBLIC)
		return "the stripped PDB lies there under this key, and this is the private one";
	if (ours == PRIVACY_PUBLIC && u->twin.privacy == PRIVACY_NONE)
		return "another file lies there under this key, and this is a stripped PDB";
	return "another file lies there under this key";
}

/* Which of the two is kept? */
static void choose(struct upload *u)
{
	switch (u->twin.kind) {
	case TWIN_OTHER: conflict(u, why_other(u)); break;
	case TWIN_SIGNED: keep(u, "what is there is the same, and signed: it stays"); break;
	case TWIN_RESIGNED:
		keep(u, "what is there differs by its signature or checksum alone: it stays");
		break;
	case TWIN_UNSIGNED:
		if (!u->r.replaces_unsigned) {
			keep(u, "what is there is the same, but not signed: it stays");
			break;
		}
		u->result.by_signature = true;
		say(u, "signed: it replaces the same image, which was not");
		replace(u);
		break;
	}
}

/* It cannot be known which of two images is the signed one; of PDBs less is said then. */
static void cannot_choose(struct upload *u, const struct error *e)
{
	if (twin_is_image(u->file) || e->code == ERR_CANCELED)
		fail(u, e);
	else
		choose(u);
}

static void look(struct upload *u);

static void fetched(void *ud, enum fetch_result result, const struct object_head *head,
		    const struct error *e)
{
	struct upload *u = ud;
	struct fetch *f = u->look;
	struct error why = {.code = OK};

	u->look = NULL;
	if (e)
		why = *e; /* it may be the fetch's */
	if (result == FETCH_FOUND) {
		u->head = *head;
		u->counted = fetch_take_spool(f);
	}
	fetch_free(f);
	switch (result) {
	case FETCH_FOUND: submit(u, JOB_TWIN); break;
	case FETCH_MISS: look(u); break; /* somebody has removed it meanwhile */
	case FETCH_DENIED:
	case FETCH_REFUSED:
	case FETCH_UNSATISFIABLE:
		err_set(&why, ERR_DENIED, "the store does not let us read what is there");
		cannot_choose(u, &why);
		break;
	case FETCH_FAULT: cannot_choose(u, &why); break;
	}
}

static void compare_twin(struct upload *u)
{
	const struct fetch_request request = {.store = u->r.store,
					      .key = u->file->key,
					      .denied_fails = true,
					      .into_file = true,
					      .deadline_ns = clock_mono_ns() + BODY_NS};

	if (u->head.fd >= 0)
		submit(u, JOB_TWIN);
	else
		u->look = fetch_start(&request, NULL, fetched, u);
}

static void compare(struct upload *u)
{
	submit(u, JOB_COMPARE);
}

static void differs(struct upload *u)
{
	if (u->r.force)
		replace(u);
	else if (!twin_is_worth_it(u->file, u->head.total, u->head.origin.size))
		choose(u);
	else
		go_on(u, compare_twin);
}

static void judge(struct upload *u, enum present present)
{
	u->present = present;
	switch (present) {
	case PRESENT_SAME: exists(u, ""); break;
	case PRESENT_UNVERIFIED: exists(u, "unverified: it tells no checksum"); break;
	case PRESENT_DIFFERS: differs(u); break;
	case PRESENT_ASKS_MD5:
	case PRESENT_ASKS_BYTES: go_on(u, compare); break;
	}
}

static void looked(void *ud, enum fetch_result result, const struct object_head *head,
		   const struct error *e)
{
	struct upload *u = ud;
	struct error refused;

	fetch_free(u->look);
	u->look = NULL;
	switch (result) {
	case FETCH_FOUND:
		u->head = *head;
		(void)snprintf(u->result.holder, sizeof(u->result.holder), "%s", head->origin.tx);
		judge(u, present_judge(u->file->size, u->file->sha256, is_in_the_name(u), head));
		break;
	case FETCH_MISS:
	case FETCH_DENIED: write_it(u); break; /* a 404 that gives no reason, as to a HEAD */
	case FETCH_REFUSED:
		err_set(&refused, ERR_DENIED, "the store takes no such key");
		u->result.refused = true;
		fail(u, &refused);
		break;
	case FETCH_UNSATISFIABLE:
	case FETCH_FAULT: fail(u, e); break;
	}
}

static void look(struct upload *u)
{
	const struct fetch_request request = {.store = u->r.store,
					      .key = u->file->key,
					      .head = true,
					      .unproven = true,
					      .denied_fails = true,
					      .origin = true,
					      .deadline_ns = clock_mono_ns() + LOOK_NS};
	drop_head(u);
	if (u->looks++ < LOOKS_MAX) {
		u->looked_ns = clock_mono_ns();
		u->look = fetch_start(&request, NULL, looked, u);
		return;
	}
	if (u->r.force)
		replace(u);
	else
		conflict(u, "an empty object lies there under this key");
}

/* ---- from the pool, and into it ---- */

static void worked(struct upload *u)
{
	switch (u->what) {
	case JOB_NONE: u->next(u); break;
	case JOB_COMPARE: judge(u, u->present); break;
	case JOB_TWIN: choose(u); break;
	case JOB_PACK: put(u); break;
	}
}

static void come_back(struct loop_task *task)
{
	struct upload *u = CONTAINER_OF(task, struct upload, back);

	u->job_runs = false;
	if (atomic_load(&u->stop))
		end(u, OUTCOME_OPEN);
	else if (u->error.code && u->what == JOB_TWIN)
		cannot_choose(u, &u->error);
	else if (u->error.code)
		fail(u, &u->error);
	else
		worked(u);
}

/* A put into a directory looks by itself, and what is not packed before costs nothing if something is there. */
static bool begins_with_put(const struct upload *u)
{
	enum pack_kind kind;

	return u->r.store->traits.local && !u->r.dry_run && pack_kind_of(u->file->as, &kind) &&
	       kind == PACK_NONE;
}

struct upload *upload_start(const struct upload_request *request, upload_done *done, void *ud)
{
	struct upload *u = xnew(struct upload);

	*u = (struct upload){.r = *request,
			     .file = &request->plan->file[request->which],
			     .done = done,
			     .ud = ud,
			     .job.run = work,
			     .back.run = come_back,
			     .head.fd = -1,
			     .packed.fd = -1};
	if (begins_with_put(u))
		write_it(u);
	else
		look(u);
	return u;
}

void upload_stop(struct upload *u)
{
	atomic_store(&u->stop, true);
	stop_waiting(u);
	fetch_free(u->look);
	u->look = NULL;
	if (u->write)
		store_write_cancel(u->write);
	u->write = NULL;
	if (!u->job_runs)
		loop_post(loop_of(u), &u->back);
}
