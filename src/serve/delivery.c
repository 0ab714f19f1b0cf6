// SPDX-License-Identifier: MIT
/* See delivery.h: the body as it comes, and the answer. */
#include "serve/delivery.h"

#include "metric/metric.h"

#define WRITE_BYTES ((size_t)1 << 20)          /* at once; a piece more may be held */
#define BYTES_MAX   ((size_t)4 << 20)          /* MAX_HEADER_SIZE bounds a piece */
#define ANSWER_MAX  ((size_t)64 * 1024 * 1024) /* of 20,000 files with names of a KiB */

struct delivery *delivery_new(struct door *door, struct delivery_request *request,
			      struct slice content_type, const char *peer, void (*wake)(void *ud),
			      void *ud)
{
	struct delivery *d = xnew(struct delivery);

	d->door = door;
	d->wake = wake;
	d->ud = ud;
	d->request = *request;
	*request = (struct delivery_request){.token = NULL};
	memcpy(d->peer, peer, strnlen(peer, sizeof(d->peer) - 1));
	d->bytes = BUF_MAX(BYTES_MAX);
	d->text = BUF_MAX(ANSWER_MAX);
	d->set.plan = &d->plan;
	if (d->request.is_form) {
		d->form = xnew(struct multipart);
		d->form_bad = !multipart_begin(d->form, content_type);
	} else {
		(void)upload_files_begin(&d->files, UPLOAD_CAME, d->request.name);
	}
	return d;
}

void delivery_free(struct delivery *d)
{
	if (!d)
		return;
	delivery_request_fini(&d->request);
	free(d->form);
	buf_fini(&d->bytes);
	upload_files_fini(&d->files);
	scan_set_fini(&d->set);
	plan_fini(&d->plan);
	delivery_rows_fini(&d->rows);
	free(d->row_of);
	free(d->file_of);
	purge_free(d->purge);
	buf_fini(&d->text);
	door_leave(d->door);
	free(d);
}

/* ---- the answer ---- */

static int status_of(enum err err)
{
	switch (err) {
	case ERR_LIMIT: return 413;
	case ERR_CORRUPT:
	case ERR_USAGE: return 400;
	default: return 503;
	}
}

/* The upload comes to nothing. */
static void fail(struct delivery *d)
{
	if (d->answered)
		return;
	d->answered = true;
	d->status = status_of(d->failure.code);
	delivery_tell(&(struct delivery_rows){.n = 0}, "", d->failure.msg, &d->text);
}

bool delivery_answered(struct delivery *d)
{
	if (d->failure.code)
		fail(d);
	return d->answered;
}

static void count(const struct delivery *d)
{
	metric_add(upload_stored, delivery_rows_count(&d->rows, DELIVERY_STORED));
	metric_add(upload_exists, delivery_rows_count(&d->rows, DELIVERY_EXISTS));
	metric_add(upload_conflict, delivery_rows_count(&d->rows, DELIVERY_CONFLICT));
	metric_add(upload_refused, delivery_rows_count(&d->rows, DELIVERY_REFUSED));
	metric_add(upload_unknown, delivery_rows_count(&d->rows, DELIVERY_UNKNOWN));
	metric_add(upload_failed, delivery_rows_count(&d->rows, DELIVERY_FAILED) +
					  delivery_rows_count(&d->rows, DELIVERY_FAULT));
}

static void tell(struct delivery *d)
{
	const char *error = d->failure.code ? d->failure.msg : NULL;

	delivery_rows_settle(&d->rows);
	count(d);
	d->status = error ? 503 : delivery_rows_status(&d->rows);
	if (d->request.is_nuget && d->status == 422) /* which its clients know no meaning of */
		d->status = 400;
	delivery_tell(&d->rows, d->published ? d->plan.id.s : "", error, &d->text);
	if (buf_failed(&d->text)) {
		d->text = BUF_MAX(ANSWER_MAX);
		delivery_tell(&(struct delivery_rows){.n = 0}, d->published ? d->plan.id.s : "",
			      "the list of files is too long to be told", &d->text);
	}
	d->answered = true;
}

static void tell_on_worker(struct pool_job *job)
{
	struct delivery *d = CONTAINER_OF(job, struct delivery, job);

	tell(d);
	d->wake(d->ud);
}

void delivery_told(struct delivery *d)
{
	d->job = (struct pool_job){.run = tell_on_worker};
	if (pool_submit(d->door->work, &d->job) == OK)
		return;
	tell(d);
	d->wake(d->ud);
}

/* ---- the body ---- */

static void write_bytes(struct delivery *d)
{
	struct error e;

	if (!d->failure.code && d->bytes.n &&
	    upload_files_write(&d->files, UPLOAD_CAME, d->written, buf_slice(&d->bytes), &e) != OK)
		d->failure = e;
	d->written += (int64_t)d->bytes.n;
	buf_clear(&d->bytes);
}

static void write_on_worker(struct pool_job *job)
{
	struct delivery *d = CONTAINER_OF(job, struct delivery, job);

	write_bytes(d);
	d->wake(d->ud);
}

/* Each upload has one job at a time, and there is a thread for each. */
static bool submit(struct delivery *d, void (*run)(struct pool_job *job))
{
	d->job = (struct pool_job){.run = run};
	if (pool_submit(d->door->work, &d->job) == OK)
		return true;
	err_set(&d->failure, ERR_BUSY, "too many uploads at a time");
	return false;
}

static void add_bytes(struct delivery *d, struct slice bytes)
{
	struct upload_file *file = &d->files.file[d->files.n - 1];

	file->length += (int64_t)bytes.n;
	d->files.end[UPLOAD_CAME] += (int64_t)bytes.n;
	buf_add(&d->bytes, bytes);
}

static void begin_part(struct delivery *d, struct slice name)
{
	if (!upload_files_begin(&d->files, UPLOAD_CAME, name))
		err_set(&d->failure, ERR_LIMIT, "more than %d files", UPLOAD_FILES_MAX);
}

static void take_form(struct delivery *d, struct slice in)
{
	while (!d->form_ended && !d->form_bad && !d->failure.code) {
		struct slice piece;

		switch (multipart_take(d->form, &in, &piece)) {
		case MULTIPART_MORE: return;
		case MULTIPART_FILE: begin_part(d, piece); break;
		case MULTIPART_DATA: add_bytes(d, piece); break;
		case MULTIPART_FILE_END: break;
		case MULTIPART_END: d->form_ended = true; break;
		case MULTIPART_BAD: d->form_bad = true; break;
		}
	}
}

static void judge_form(struct delivery *d)
{
	if (d->form_bad && !d->failure.code)
		err_set(&d->failure, ERR_CORRUPT, "the body is no multipart/form-data");
}

bool delivery_body(struct delivery *d, struct slice bytes)
{
	metric_add(upload_bytes, bytes.n);
	if (d->form)
		take_form(d, bytes);
	else
		add_bytes(d, bytes);
	if (buf_failed(&d->bytes))
		err_set(&d->failure, ERR_NOMEM, "out of memory");
	judge_form(d);
	return !d->failure.code && d->bytes.n >= WRITE_BYTES && submit(d, write_on_worker);
}

/* ---- behind it ---- */

static void publish_on_loop(struct loop_task *task)
{
	delivery_publish(CONTAINER_OF(task, struct delivery, task));
}

static void work(struct pool_job *job)
{
	struct delivery *d = CONTAINER_OF(job, struct delivery, job);
	struct error e;

	write_bytes(d);
	if (!d->failure.code && delivery_scan(d, &e) != OK)
		d->failure = e;
	if (d->failure.code || !d->plan.files) {
		if (!d->failure.code)
			tell(d);
		d->wake(d->ud);
		return;
	}
	d->task = (struct loop_task){.run = publish_on_loop};
	loop_post(d->door->server->parts.loop, &d->task);
}

bool delivery_complete(struct delivery *d, bool beyond)
{
	if (beyond)
		err_set(&d->failure, ERR_LIMIT, "longer than UPLOAD_MAX_SIZE");
	if (d->form && !d->form_ended && !d->failure.code)
		err_set(&d->failure, ERR_CORRUPT, "the body ends before its last boundary");
	return !d->failure.code && submit(d, work);
}
