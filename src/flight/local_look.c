// SPDX-License-Identifier: MIT
/* See local_look.h. */
#include "flight/local_look.h"
#include "flight/flight_priv.h"
#include "flight/proof.h"
#include "store/encoding.h"

struct local_look {
	local_looked *looked; /* NULL: the owner has dropped it */
	void *ud;
	struct loop *loop;
	struct store *store;
	char *key;
	bool verify; /* the file is held to its path */
	struct object_head head;
	struct file_source file;
	struct source source; /* of that */
	struct proof proof;
	struct pool_job job;
	struct loop_task done;
};

/* On a thread of the disk. */
static void look_at_file(struct pool_job *job)
{
	struct local_look *l = CONTAINER_OF(job, struct local_look, job);
	size_t n = (size_t)MIN((int64_t)ENCODING_HEAD, l->head.total);
	char beginning[ENCODING_HEAD];

	if (source_read(&l->source, 0, beginning, n, NULL) == OK)
		(void)encoding_judge(slice_of(l->key), (struct slice){beginning, n}, true,
				     l->head.encoding);
	if (l->verify && !l->head.encoding[0])
		proof_look_at_all(&l->proof, &l->source);
	loop_post(l->loop, &l->done);
}

static void look_free(struct local_look *l)
{
	proof_fini(&l->proof);
	close_p(&l->head.fd);
	free(l->key);
	free(l);
}

static void come_back(struct loop_task *task)
{
	struct local_look *l = CONTAINER_OF(task, struct local_look, done);
	struct object_head head = l->head;

	if (l->looked) {
		if (l->proof.other)
			proof_tell_other(&l->proof, l->store->traits.name, &l->source);
		l->head.fd = -1;
		l->looked(l->ud, l->proof.other, &head);
	}
	look_free(l);
}

struct local_look *local_look_start(const struct local_look_request *r, local_looked *told,
				    void *ud)
{
	struct local_look *l = xnew(struct local_look);

	l->looked = told;
	l->ud = ud;
	l->loop = r->flights->loop;
	l->store = r->store;
	l->key = xstrdup(r->key);
	l->verify = r->flights->settings.verify;
	l->head = *r->head;
	l->file = (struct file_source){r->head->fd, r->head->fd_base};
	l->source = source_of_file(&l->file, r->head->total);
	proof_begin(&l->proof, r->path);
	l->job.run = look_at_file;
	l->done.run = come_back;
	if (pool_submit(r->store->ctx->disk, &l->job) == OK)
		return l;
	l->head.fd = -1;
	look_free(l);
	return NULL;
}

void local_look_drop(struct local_look *l)
{
	if (l)
		l->looked = NULL;
}
