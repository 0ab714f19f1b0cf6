// SPDX-License-Identifier: MIT
/*
 * Removing objects from an S3 store (write.h): by DeleteObjects, all at once, which AWS wants with
 * a Content-MD5; and from a service that does not know that request, one by one.
 *
 *	DeleteObjects --DeleteResult--> those of its errors that pass: again; the others have failed
 *	  \--400, 405, 501--> DELETE of each
 *
 * A key with control characters, which XML cannot tell, has a DELETE of its own in any case.
 *
 * No key takes another one's way: whoever refuses a key in the answer has removed the others. If the
 * key that is refused is none of those that were asked for, it may be any of them: all have failed.
 */
#include "base/text.h"
#include "store/retry.h"
#include "store/s3_store.h"
#include "store/write.h"

#include <openssl/evp.h>
#include <stdio.h>

#define BODY_MAX    ((size_t)8 * 1024 * 1024) /* a thousand keys of 1,024 bytes, all of them escaped */
#define MD5_SIZE    16
#define SHA256_SIZE 32

enum fate { WANTED, REMOVED, FAILED };

struct fated {
	char *key;  /* the full one */
	bool alone; /* cannot be told in the request for all */
	enum fate fate;
	struct error error; /* why it has failed, or was tried again */
};

struct s3_removing {
	struct store_write write;
	struct s3_store *s3;
	struct fated *objects;
	size_t n;
	struct store_remove_events events;
	void *ud;

	bool *unanswered;
	bool one_by_one;
	size_t at; /* then: which one */
	struct buf text;
	struct store_body body;
	char md5[4 * ((MD5_SIZE + 2) / 3) + 1], sha256[2 * SHA256_SIZE + 1];
	struct sigv4_field headers[2], query;
	struct s3_write request;
	struct store_call *call;
	struct loop_timer again;
	unsigned tries;
};

static struct loop *loop_of(const struct s3_removing *r)
{
	return r->s3->store.ctx->loop;
}

static void removing_free(struct s3_removing *r)
{
	loop_timer_stop(loop_of(r), &r->again);
	if (r->call)
		s3_call_cancel(r->call);
	for (size_t i = 0; i < r->n; i++)
		free(r->objects[i].key);
	free(r->objects);
	buf_fini(&r->text);
	free(r);
}

static void cancel(struct store_write *write)
{
	removing_free(CONTAINER_OF(write, struct s3_removing, write));
}

static void end(struct s3_removing *r, const struct error *e)
{
	struct store_remove_events events = r->events;
	void *ud = r->ud;

	for (size_t i = 0; i < r->n; i++)
		if (r->objects[i].fate == FAILED)
			events.failed(ud, i, &r->objects[i].error);
	removing_free(r);
	events.done(ud, e);
}

static void ask(struct s3_removing *r);

static void try_again(struct loop_timer *timer)
{
	ask(CONTAINER_OF(timer, struct s3_removing, again));
}

/* The request has failed in a way that passes, and with it all that it was to remove. */
static void retry(struct s3_removing *r, const struct error *e)
{
	int64_t at_ns;

	if (retry_write_later(r->tries, &at_ns))
		loop_timer_set(loop_of(r), &r->again, at_ns);
	else
		end(r, e);
}

/* ---- all at once ---- */

static struct fated *find(struct s3_removing *r, struct slice key)
{
	for (size_t i = 0; i < r->n; i++)
		if (slice_eq(slice_of(r->objects[i].key), key))
			return &r->objects[i];
	return NULL;
}

/* What a code means does not depend on where it is said. */
static bool passes(struct slice code)
{
	const struct s3_answer a = {.status = 400, .code = code};
	struct slice region;

	return s3_judge(&a, &region) == S3_RETRY;
}

/* One that fails for good is not asked for again. */
static void fail_one(struct fated *object, struct slice code)
{
	if (object->fate != WANTED || object->alone)
		return;
	err_set(&object->error, ERR_UPSTREAM, "answered " SLICE_FMT, SLICE_ARG(code));
	if (!passes(code))
		object->fate = FAILED;
}

static void not_removed(void *ud, struct slice key, struct slice code)
{
	struct s3_removing *r = ud;
	struct fated *object = find(r, key);

	if (object)
		fail_one(object, code);
	for (size_t i = 0; !object && i < r->n; i++)
		fail_one(&r->objects[i], code);
}

/* All that is left. */
static void go_one_by_one(struct s3_removing *r)
{
	r->one_by_one = true;
	r->tries = 0;
	ask(r);
}

static void settle(struct s3_removing *r)
{
	bool any = false;
	int64_t at_ns = 0;

	for (size_t i = 0; i < r->n; i++) {
		struct fated *object = &r->objects[i];

		if (object->alone)
			continue;
		if (object->fate == WANTED && object->error.code == OK)
			object->fate = REMOVED;
		any |= object->fate == WANTED;
	}
	if (any && retry_write_later(r->tries, &at_ns)) {
		loop_timer_set(loop_of(r), &r->again, at_ns);
		return;
	}
	for (size_t i = 0; i < r->n; i++)
		if (r->objects[i].fate == WANTED && !r->objects[i].alone)
			r->objects[i].fate = FAILED;
	go_one_by_one(r);
}

/* S3 may say 200 and then find out that it cannot. */
static void answered(struct s3_removing *r, struct slice body)
{
	struct s3_error x;
	struct error e;

	for (size_t i = 0; i < r->n; i++)
		if (r->objects[i].fate == WANTED)
			r->objects[i].error.code = OK;
	if (s3_xml_error(body, &x, NULL) == OK) {
		err_set(&e, ERR_UPSTREAM, "answered 200, and then %s", x.code);
		if (passes(slice_of(x.code)))
			retry(r, &e);
		else
			end(r, &e);
	} else if (s3_xml_deleted(body, not_removed, r, &e) == OK) {
		settle(r);
	} else {
		end(r, &e);
	}
}

static void batch_written(struct s3_removing *r, enum s3_verdict verdict, int status,
			  struct slice body, const struct error *e)
{
	if (verdict == S3_FOUND) {
		answered(r, body);
	} else if (verdict == S3_RETRY) {
		retry(r, e);
	} else if (verdict == S3_FAULT && (status == 400 || status == 405 || status == 501)) {
		go_one_by_one(r);
	} else {
		end(r, e);
	}
}

static void put_escaped(struct slice key, struct buf *out)
{
	for (size_t i = 0; i < key.n; i++)
		switch (key.p[i]) {
		case '&': buf_puts(out, "&amp;"); break;
		case '<': buf_puts(out, "&lt;"); break;
		case '>': buf_puts(out, "&gt;"); break;
		default: buf_putc(out, key.p[i]);
		}
}

/* How many keys there are in it. */
static size_t make_body(struct s3_removing *r)
{
	size_t n = 0;

	buf_clear(&r->text);
	buf_puts(&r->text, "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
			   "<Quiet>true</Quiet>");
	for (size_t i = 0; i < r->n; i++) {
		if (r->objects[i].fate != WANTED || r->objects[i].alone)
			continue;
		buf_puts(&r->text, "<Object><Key>");
		put_escaped(slice_of(r->objects[i].key), &r->text);
		buf_puts(&r->text, "</Key></Object>");
		n++;
	}
	buf_puts(&r->text, "</Delete>");
	return n;
}

static bool hash_body(struct s3_removing *r)
{
	unsigned char md5[MD5_SIZE], sha256[SHA256_SIZE];

	if (buf_failed(&r->text) || !EVP_Digest(r->text.p, r->text.n, md5, NULL, EVP_md5(), NULL) ||
	    !EVP_Digest(r->text.p, r->text.n, sha256, NULL, EVP_sha256(), NULL))
		return false;
	(void)EVP_EncodeBlock((unsigned char *)r->md5, md5, sizeof(md5));
	hex_encode(sha256, sizeof(sha256), r->sha256);
	return true;
}

/* False: there was no memory. */
static bool prepare_batch(struct s3_removing *r)
{
	if (!hash_body(r))
		return false;
	r->body = store_body_of(buf_slice(&r->text));
	r->query = (struct sigv4_field){SLICE("delete"), SLICE("")};
	r->headers[0] = (struct sigv4_field){SLICE("content-md5"), slice_of(r->md5)};
	r->headers[1] = (struct sigv4_field){SLICE("content-type"), SLICE("application/xml")};
	r->request.method = "POST";
	r->request.query = &r->query;
	r->request.n_query = 1;
	r->request.headers = r->headers;
	r->request.n_headers = ARRAY_LEN(r->headers);
	r->request.body = &r->body;
	r->request.sha256 = r->sha256;
	return true;
}

/* ---- one by one ---- */

static void one_written(struct s3_removing *r, enum s3_verdict verdict, int status,
			const struct error *e)
{
	struct fated *object = &r->objects[r->at];

	if (verdict == S3_RETRY) {
		retry(r, e);
		return;
	}
	object->fate = verdict == S3_FOUND || status == 404 ? REMOVED : FAILED;
	if (object->fate == FAILED)
		object->error = *e;
	r->at++;
	r->tries = 0;
	ask(r);
}

/* False: there is none left. */
static bool prepare_one(struct s3_removing *r)
{
	while (r->at < r->n && r->objects[r->at].fate != WANTED)
		r->at++;
	r->request = (struct s3_write){.method = "DELETE",
				       .answer_ns = r->request.answer_ns,
				       .signed_s = r->request.signed_s,
				       .valid_s = r->request.valid_s};
	return r->at < r->n;
}

/* ---- asking ---- */

static void written(void *ud, enum s3_verdict verdict, const struct transfer_head *answer,
		    struct slice body, const struct error *e)
{
	struct s3_removing *r = ud;

	r->call = NULL;
	if (!answer->status && r->unanswered)
		*r->unanswered = true;
	if (r->one_by_one)
		one_written(r, verdict, answer->status, e);
	else
		batch_written(r, verdict, answer->status, body, e);
}

static void ask(struct s3_removing *r)
{
	const struct s3_asking asking = {
		.what = S3_WRITE, .write = &r->request, .written = written, .ud = r};
	struct store_read read = {.key = SLICE("")};
	struct error e;

	if (!r->one_by_one && make_body(r) == 0)
		r->one_by_one = true;
	if (r->one_by_one && !prepare_one(r)) {
		end(r, NULL);
		return;
	}
	if (r->one_by_one) {
		read.key = slice_of(r->objects[r->at].key);
	} else if (!prepare_batch(r)) {
		err_set(&e, ERR_NOMEM, "no memory for the keys that are to be removed");
		end(r, &e);
		return;
	}
	r->tries++;
	r->call = s3_call_start(r->s3, &read, &asking);
}

struct store_write *s3_remove(struct store *s, const struct store_remove *remove,
			      const struct store_remove_events *events, void *ud)
{
	struct s3_removing *r = xnew(struct s3_removing);

	*r = (struct s3_removing){.write.cancel = cancel,
				  .s3 = (struct s3_store *)s,
				  .objects = xzalloc(remove->n * sizeof(*r->objects)),
				  .n = remove->n,
				  .events = *events,
				  .ud = ud,
				  .text = BUF_MAX(BODY_MAX),
				  .request.answer_ns = remove->answer_ns,
				  .unanswered = remove->unanswered,
				  .request.signed_s = remove->signed_s,
				  .request.valid_s = remove->valid_s,
				  .again.due = try_again};
	for (size_t i = 0; i < r->n; i++) {
		struct buf key CLEANUP(buf_fini) = BUF_MAX(8192);
		struct fated *object = &r->objects[i];

		s3_full_key(r->s3, remove->keys[i], &key);
		object->key = xstrdup(buf_str(&key));
		object->alone = s3_key_has_controls(buf_slice(&key));
		if (store_key_is_clean(remove->keys[i]) && s3_key_removable(buf_slice(&key)))
			continue;
		object->fate = FAILED;
		err_set(&object->error, ERR_USAGE, "no object can have such a key");
	}
	loop_timer_set(loop_of(r), &r->again, 0);
	return &r->write;
}
