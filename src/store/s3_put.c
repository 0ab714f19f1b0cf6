// SPDX-License-Identifier: MIT
/*
 * Putting an object into an S3 store (write.h), in one request, or in parts (s3_multipart.h).
 *
 *	HEAD --there, only_new--> PRESENT
 *	  \--else--> PUT --200--> STORED
 *	              ^ \--412--> PRESENT
 *	              \--501: without the condition--/
 *
 * What is asked first costs a request, whatever the store is believed to support: some services
 * take If-None-Match and replace the object all the same. A HEAD that is refused says nothing,
 * since its error has no code; the PUT then tells why. But one that is denied is asked by GET, for
 * what may be there is not written over. Between the two another writer may come, where the
 * condition is not kept.
 *
 * Failures that pass are tried again, each request by itself; after an answer that has got lost the
 * next try finds what the one before it stored, and says PRESENT.
 */
#include "base/text.h"
#include "store/object_head.h"
#include "store/retry.h"
#include "store/s3_multipart.h"
#include "store/s3_store.h"
#include "store/write.h"

#include <stdio.h>

#define FIXED_HEADERS 3                  /* Content-Type, Content-Encoding, If-None-Match */
#define TEXT_MAX      ((size_t)8 * 1024) /* of all headers; S3 takes 2 KiB of metadata */

struct s3_putting {
	struct store_write write;
	struct s3_store *s3;
	char *key; /* the full one */
	struct store_body body;
	char sha256[65];
	bool only_new;
	store_put_done *done;
	void *ud;

	struct sigv4_field headers[FIXED_HEADERS + STORE_META_MAX];
	size_t n_headers; /* without If-None-Match, which is the next one */
	struct buf text;  /* of them */
	struct s3_write head, get, put;
	struct store_call *call;
	struct s3_multipart *parts; /* NULL: it goes as a whole */
	struct loop_timer again;
	bool looked; /* the HEAD has been answered, or is not needed */
	bool by_get; /* it was denied */
	struct store_put_answer answer;
	unsigned tries;
};

static struct loop *loop_of(const struct s3_putting *p)
{
	return p->s3->store.ctx->loop;
}

static void putting_free(struct s3_putting *p)
{
	loop_timer_stop(loop_of(p), &p->again);
	if (p->call)
		s3_call_cancel(p->call);
	if (p->parts)
		s3_multipart_cancel(p->parts);
	buf_fini(&p->text);
	free(p->key);
	free(p);
}

static void cancel(struct store_write *write)
{
	putting_free(CONTAINER_OF(write, struct s3_putting, write));
}

static void end(struct s3_putting *p, enum store_put_result result, const struct error *e)
{
	store_put_done *done = p->done;
	struct store_put_answer answer = p->answer;
	void *ud = p->ud;

	putting_free(p);
	done(ud, result, &answer, result == STORE_PUT_FAILED ? e : NULL);
}

void s3_put_answer(enum s3_verdict verdict, const struct transfer_head *answer, struct slice body,
		   struct store_put_answer *ret)
{
	struct s3_error x = {.code = ""};

	if (verdict != S3_FOUND && s3_xml_error(body, &x, NULL) != OK)
		x.code[0] = '\0';
	ret->refused = verdict != S3_FOUND && s3_refuses(answer->status, slice_of(x.code));
	(void)snprintf(ret->etag, sizeof(ret->etag), "%s", answer->etag);
	ret->date_s = object_head_date(answer);
}

static bool is_conditional(const struct s3_putting *p)
{
	return p->put.n_headers > p->n_headers;
}

static void ask(struct s3_putting *p);

static void try_again(struct loop_timer *timer)
{
	ask(CONTAINER_OF(timer, struct s3_putting, again));
}

/* The last try has failed in a way that passes. */
static void retry(struct s3_putting *p, const struct error *e)
{
	int64_t at_ns;

	if (retry_write_later(p->tries, &at_ns))
		loop_timer_set(loop_of(p), &p->again, at_ns);
	else
		end(p, STORE_PUT_FAILED, e);
}

static void parts_ended(void *ud, enum store_put_result result,
			const struct store_put_answer *answer, const struct error *e)
{
	struct s3_putting *p = ud;

	p->parts = NULL;
	p->answer = *answer;
	end(p, result, e);
}

static void put_in_parts(struct s3_putting *p)
{
	const struct s3_multipart_request request = {.key = p->key,
						     .body = &p->body,
						     .sha256 = p->sha256,
						     .headers = p->headers,
						     .n_headers = p->n_headers,
						     .only_new = p->only_new,
						     .answer_ns = p->put.answer_ns};

	p->parts = s3_multipart_start(p->s3, &request, parts_ended, p);
}

/* In parts, if it is long. */
static void send(struct s3_putting *p)
{
	p->looked = true;
	p->tries = 0;
	if (p->body.fd >= 0 && p->body.length >= p->s3->multipart_from)
		put_in_parts(p);
	else
		ask(p);
}

/* Only a proven miss is one. */
static void looked_by_get(struct s3_putting *p, enum s3_verdict verdict, const struct error *e)
{
	if (verdict == S3_RETRY)
		retry(p, e);
	else if (verdict == S3_FOUND || verdict == S3_RANGE)
		end(p, STORE_PUT_PRESENT, NULL);
	else if (verdict == S3_MISS)
		send(p);
	else
		end(p, STORE_PUT_FAILED, e);
}

static void looked(struct s3_putting *p, enum s3_verdict verdict,
		   const struct transfer_head *answer, const struct error *e)
{
	if (p->by_get) {
		looked_by_get(p, verdict, e);
	} else if (verdict == S3_RETRY) {
		retry(p, e);
	} else if (verdict == S3_FOUND && p->only_new) {
		end(p, STORE_PUT_PRESENT, NULL);
	} else if (answer->status == 403 && p->only_new) {
		p->by_get = true;
		ask(p);
	} else if (verdict == S3_FOUND || answer->status / 100 == 4) {
		send(p);
	} else {
		end(p, STORE_PUT_FAILED, e);
	}
}

static bool is_not_implemented(const struct transfer_head *answer, struct slice body)
{
	struct s3_error x;

	return answer->status == 501 ||
	       (s3_xml_error(body, &x, NULL) == OK && strcmp(x.code, "NotImplemented") == 0);
}

static void has_put(struct s3_putting *p, enum s3_verdict verdict,
		    const struct transfer_head *answer, struct slice body, const struct error *e)
{
	if (verdict == S3_FOUND) {
		store_alive(&p->s3->store);
		end(p, STORE_PUT_STORED, NULL);
	} else if (verdict == S3_PRECONDITION && is_conditional(p)) {
		store_alive(&p->s3->store);
		end(p, STORE_PUT_PRESENT, NULL);
	} else if (verdict == S3_FAULT && is_conditional(p) && is_not_implemented(answer, body)) {
		p->s3->no_conditions = true;
		ask(p);
	} else if (verdict == S3_RETRY) {
		retry(p, e);
	} else {
		end(p, STORE_PUT_FAILED, e);
	}
}

static void written(void *ud, enum s3_verdict verdict, const struct transfer_head *answer,
		    struct slice body, const struct error *e)
{
	struct s3_putting *p = ud;

	p->call = NULL;
	s3_put_answer(verdict, answer, body, &p->answer);
	if (p->looked)
		has_put(p, verdict, answer, body, e);
	else
		looked(p, verdict, answer, e);
}

static void ask(struct s3_putting *p)
{
	bool first_byte = !p->looked && p->by_get;
	const struct store_read read = {.key = slice_of(p->key),
					.head = !p->looked && !first_byte,
					.denied_fails = first_byte,
					.ranged = first_byte};
	const struct s3_asking asking = {.what = S3_WRITE,
					 .write = p->looked    ? &p->put
						  : first_byte ? &p->get
							       : &p->head,
					 .written = written,
					 .ud = p};

	p->put.n_headers = p->n_headers + (p->only_new && !p->s3->no_conditions);
	p->tries++;
	p->call = s3_call_start(p->s3, &read, &asking);
}

/* The text is reserved as a whole, so that what points into it stays. */
static struct slice keep(struct s3_putting *p, const char *text)
{
	size_t at = p->text.n;

	buf_puts(&p->text, text);
	buf_add(&p->text, (struct slice){"", 1});
	return (struct slice){p->text.p + at, strlen(text)};
}

static void add_header(struct s3_putting *p, const char *prefix, const char *name,
		       const char *value)
{
	char whole[128];

	if (snprintf(whole, sizeof(whole), "%s%s", prefix, name) >= (int)sizeof(whole))
		p->text.failed = true;
	if (!text_is_field_value(slice_of(value)))
		p->text.failed = true;
	if (!buf_failed(&p->text))
		p->headers[p->n_headers++] = (struct sigv4_field){keep(p, whole), keep(p, value)};
}

static void add_headers(struct s3_putting *p, const struct store_put *put)
{
	buf_reserve(&p->text, TEXT_MAX);
	add_header(p, "", "content-type", "application/octet-stream");
	if (put->encoding)
		add_header(p, "", "content-encoding", put->encoding);
	for (size_t i = 0; i < put->n_meta; i++)
		add_header(p, "x-amz-meta-", put->meta[i].name, put->meta[i].value);
	p->headers[p->n_headers] = (struct sigv4_field){SLICE("if-none-match"), SLICE("*")};
}

static void refuse(struct loop_timer *timer)
{
	struct s3_putting *p = CONTAINER_OF(timer, struct s3_putting, again);
	struct error e;

	err_set(&e, ERR_USAGE, "no object can have such a key or such metadata");
	p->answer.refused = true;
	end(p, STORE_PUT_FAILED, &e);
}

struct store_write *s3_put(struct store *s, const struct store_put *put, store_put_done *done,
			   void *ud)
{
	struct s3_putting *p = xnew(struct s3_putting);
	struct buf key CLEANUP(buf_fini) = BUF_MAX(8192);

	*p = (struct s3_putting){.write.cancel = cancel,
				 .s3 = (struct s3_store *)s,
				 .body = put->body,
				 .only_new = put->only_new,
				 .answer.date_s = -1,
				 .done = done,
				 .ud = ud,
				 .text = BUF_MAX(TEXT_MAX),
				 .again.due = try_again};
	(void)snprintf(p->sha256, sizeof(p->sha256), "%s", put->sha256);
	s3_full_key(p->s3, put->key, &key);
	p->key = xstrdup(buf_str(&key));
	add_headers(p, put);
	p->head = (struct s3_write){.answer_ns = put->answer_ns};
	p->get = (struct s3_write){.method = "GET", .answer_ns = put->answer_ns};
	p->put = (struct s3_write){.method = "PUT",
				   .headers = p->headers,
				   .n_headers = p->n_headers,
				   .body = &p->body,
				   .sha256 = p->sha256,
				   .answer_ns = put->answer_ns};
	if (store_key_is_clean(put->key) && s3_key_possible(buf_slice(&key)) &&
	    !buf_failed(&p->text)) {
		if (put->looked)
			send(p);
		else
			ask(p);
		return &p->write;
	}
	p->again.due = refuse;
	loop_timer_set(loop_of(p), &p->again, 0);
	return &p->write;
}
