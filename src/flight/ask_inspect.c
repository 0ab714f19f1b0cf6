// SPDX-License-Identifier: MIT
/*
 * See ask_priv.h. Of what passes through only the beginning can be looked at, while it waits in the
 * ring: that is enough for images and small files. A file of a local store is looked at whole, by a
 * worker, for its disk may be slow; the worker's struct outlives an ask that has no more time. There it is
 * also seen what is compressed under a plain name (encoding.h).
 */
#include "flight/ask_priv.h"
#include "store/encoding.h"

struct local_check {
	struct ask *ask; /* NULL: it has gone */
	struct loop *loop;
	struct object_head head;
	struct inspection inspection;
	char *key;   /* owned, for the ask may go */
	bool verify; /* it is held to its key */
	struct pool_job job;
	struct loop_task done;
};

/* ---- a local file ---- */

static struct source source_of_file(const struct object_head *h, struct file_source *file)
{
	*file = (struct file_source){h->fd, h->fd_base};
	return file_source_of(file, h->total);
}

static void look_at_file(struct pool_job *job)
{
	struct local_check *c = CONTAINER_OF(job, struct local_check, job);
	struct file_source file;
	struct source source = source_of_file(&c->head, &file);
	size_t n = (size_t)MIN((int64_t)ENCODING_HEAD, c->head.total);
	char beginning[ENCODING_HEAD];

	if (source_read(&source, 0, beginning, n, NULL) == OK)
		(void)encoding_judge(slice_of(c->key), (struct slice){beginning, n}, true,
				     c->head.encoding);
	if (c->verify && !c->head.encoding[0])
		inspection_finish(&c->inspection, &source);
	loop_post(c->loop, &c->done);
}

static void check_free(struct local_check *c)
{
	inspection_fini(&c->inspection);
	close_p(&c->head.fd);
	free(c->key);
	free(c);
}

static void file_looked_at(struct loop_task *task)
{
	struct local_check *c = CONTAINER_OF(task, struct local_check, done);
	struct ask *a = c->ask;
	struct file_source file;
	struct source source = source_of_file(&c->head, &file);

	if (a && c->inspection.wrong) {
		inspection_tell(&c->inspection, a->request.store->traits.name, &source);
		a->check = NULL;
		ask_tell_wrong_soon(a);
	} else if (a && c->head.encoding[0]) {
		a->check = NULL;
		ask_for_plain(a);
	} else if (a) {
		a->check = NULL;
		a->found = c->head;
		c->head.fd = -1;
		ask_tell_found_soon(a);
	}
	check_free(c);
}

static bool check_file(struct ask *a, const struct object_head *head)
{
	struct local_check *c = xnew(struct local_check);

	c->ask = a;
	c->loop = a->request.flights->loop;
	c->head = *head;
	c->key = xstrdup(a->key);
	c->verify = a->request.flights->settings.verify;
	inspection_begin(&c->inspection, a->inspection.path);
	c->job.run = look_at_file;
	c->done.run = file_looked_at;
	if (pool_submit(a->request.store->ctx->disk, &c->job) == OK) {
		a->check = c;
		return true;
	}
	c->head.fd = -1; /* too much waits for the disk: it is let through */
	check_free(c);
	return false;
}

/* ---- both ---- */

bool ask_inspects(struct ask *a, const struct object_head *head)
{
	const struct ask_request *r = &a->request;

	bool whole = head->fd >= 0 || (head->first == 0 && head->length == head->total);

	if ((!r->flights->settings.verify && head->fd < 0) || r->probe || a->rescuing ||
	    head->encoding[0] || !whole || (r->head && head->fd < 0))
		return false;
	inspection_fini(&a->inspection);
	inspection_begin(&a->inspection, a->expect ? a->expect : a->key);
	if (!a->inspection.looking)
		return false;
	if (head->fd >= 0)
		return check_file(a, head);
	a->found = *head;
	a->holding = true;
	return true;
}

void ask_inspect(struct ask *a, struct slice bytes)
{
	inspection_feed(&a->inspection, bytes, a->found.total);
	if (a->inspection.looking)
		return;
	a->holding = false;
	if (!a->inspection.wrong) {
		ask_tell_found_soon(a);
		return;
	}
	inspection_tell(&a->inspection, a->request.store->traits.name, NULL);
	ask_tell_wrong_soon(a);
}

void ask_inspect_fini(struct ask *a)
{
	if (a->check)
		a->check->ask = NULL;
	inspection_fini(&a->inspection);
}
