// SPDX-License-Identifier: MIT
/*
 * See s3_multipart.h.
 *
 *	BEGINNING -> SENDING (s3_parts.h)
 *	  \--all sent, the hash is right--> CHECKING --404--> COMPLETING --200--> STORED
 *	     (CHECKING if only_new, else at once)   \--200-----------\--412--> ABORTING -> PRESENT
 *	any of them --failed--> ABORTING -> done
 *
 * Whether the key is free is asked once more after the parts, which may take hours: some services
 * pass over If-None-Match in a completion and replace the object. What is left to them is the time
 * between two requests.
 *
 * One request at a time begins, completes and aborts (`call`), others send parts. A 409 to the
 * completion means that another writer has the key just now; AWS wants all parts anew then, which
 * is done once. If an answer to the completion got lost, the next try (which may be one of libcurl's
 * own, on another connection) hears that there is no such upload; then the object is looked at: it
 * is ours if its ETag is what comes of those of the parts, their MD5s hashed.
 */
#include "store/s3_multipart.h"
#include "base/text.h"
#include "store/retry.h"
#include "store/s3_parts.h"

#include <openssl/evp.h>
#include <stdio.h>

#define SHA256_SIZE   32
#define UPLOAD_ID_MAX ((size_t)2048)
#define COMPLETE_MAX  ((size_t)2 * 1024 * 1024) /* of 10,000 parts some 1.2 MiB */

enum step { BEGINNING, SENDING, CHECKING, CHECKING_BY_GET, COMPLETING, LOOKING, ABORTING };
struct s3_multipart {
	struct s3_store *s3;
	char *key;
	char sha256[S3_SHA256_SIZE];
	struct sigv4_field *headers;
	size_t n_headers;
	char *header_text; /* of them */
	bool only_new;
	int64_t answer_ns;
	store_put_done *done; /* NULL: the owner has left */
	void *ud;
	LIST_ENTRY(s3_multipart) place; /* among those that abort, then */

	enum step step;
	struct s3_parts parts;

	struct buf id, text; /* the upload's; the body of its completion */
	struct store_body complete;
	char complete_sha256[S3_SHA256_SIZE];
	struct sigv4_field query, condition;
	struct s3_write request;
	struct store_call *call;
	struct loop_timer again;
	unsigned tries;
	bool unanswered;              /* a completion has got no answer */
	bool anew;                    /* it is the second upload */
	bool begin_anew;              /* once this one is aborted */
	enum store_put_result result; /* after aborting */
	struct store_put_answer answer;
	struct error error;
};

static struct loop *loop_of(const struct s3_multipart *m)
{
	return m->s3->store.ctx->loop;
}

static void multipart_free(struct s3_multipart *m)
{
	s3_parts_fini(&m->parts);
	loop_timer_stop(loop_of(m), &m->again);
	if (m->call)
		s3_call_cancel(m->call);
	buf_fini(&m->id);
	buf_fini(&m->text);
	free(m->header_text);
	free(m->headers);
	free(m->key);
	if (!m->done)
		LIST_REMOVE(m, place);
	free(m);
}

static void end(struct s3_multipart *m)
{
	store_put_done *done = m->done;
	enum store_put_result result = m->result;
	struct store_put_answer answer = m->answer;
	struct error e = m->error;
	void *ud = m->ud;

	multipart_free(m);
	if (done)
		done(ud, result, &answer, result == STORE_PUT_FAILED ? &e : NULL);
}

static void ask(struct s3_multipart *m);

static void take_step(struct s3_multipart *m, enum step step)
{
	m->step = step;
	m->tries = 0;
	ask(m);
}

/* What there is of it goes; then it ends so. While a job reads, its end is waited for. */
static void abort_with(struct s3_multipart *m, enum store_put_result result, const struct error *e)
{
	bool is_over = s3_parts_stop(&m->parts);

	m->result = result;
	if (e)
		m->error = *e;
	m->step = ABORTING;
	if (!is_over)
		return;
	if (m->id.n)
		take_step(m, ABORTING);
	else
		end(m);
}

static void fail(struct s3_multipart *m, const struct error *e)
{
	abort_with(m, STORE_PUT_FAILED, e);
}

static void try_again(struct loop_timer *timer)
{
	ask(CONTAINER_OF(timer, struct s3_multipart, again));
}

static void retry(struct s3_multipart *m, const struct error *e)
{
	int64_t at_ns;

	if (retry_write_later(m->tries, &at_ns))
		loop_timer_set(loop_of(m), &m->again, at_ns);
	else if (m->step == ABORTING)
		end(m);
	else
		fail(m, e);
}

/* ---- parts ---- */

/* All are there: is it what was to be stored? */
static void parts_ended(struct s3_parts *parts, const struct error *e)
{
	struct s3_multipart *m = CONTAINER_OF(parts, struct s3_multipart, parts);
	char whole[S3_SHA256_SIZE] = "";
	struct error changed;

	if (m->step == ABORTING) { /* meanwhile; its begin_anew and result are as they were set */
		abort_with(m, m->result, NULL);
	} else if (e) {
		m->answer = parts->answer;
		fail(m, e);
	} else if (s3_parts_sum(parts, whole) && strcmp(whole, m->sha256) == 0) {
		take_step(m, m->only_new ? CHECKING : COMPLETING);
	} else {
		err_set(&changed, ERR_CORRUPT, "it changed while it was being stored");
		fail(m, &changed);
	}
}

/* ---- its begin and its end ---- */

static bool make_completion(struct s3_multipart *m)
{
	unsigned char sum[SHA256_SIZE];

	buf_clear(&m->text);
	buf_puts(&m->text,
		 "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
	for (int64_t i = 0; i < m->parts.n; i++)
		buf_printf(&m->text, "<Part><PartNumber>%lld</PartNumber><ETag>%s</ETag></Part>",
			   (long long)i + 1, m->parts.etags[i]);
	buf_puts(&m->text, "</CompleteMultipartUpload>");
	if (buf_failed(&m->text) ||
	    !EVP_Digest(m->text.p, m->text.n, sum, NULL, EVP_sha256(), NULL))
		return false;
	hex_encode(sum, sizeof(sum), m->complete_sha256);
	m->complete = store_body_of(buf_slice(&m->text));
	return true;
}

static void has_begun(struct s3_multipart *m, struct slice body)
{
	struct error e;

	buf_clear(&m->id);
	if (s3_xml_find(body, "/InitiateMultipartUploadResult/UploadId", &m->id, &e) == OK &&
	    m->id.n) {
		if (!m->done) {
			abort_with(m, STORE_PUT_FAILED, NULL);
			return;
		}
		m->step = SENDING;
		s3_parts_send(&m->parts, buf_slice(&m->id));
		return;
	}
	buf_clear(&m->id);
	err_set(&e, ERR_CORRUPT, "an upload was begun without an id");
	fail(m, &e);
}

static bool is_code(struct slice body, const char *code)
{
	struct s3_error x;

	return s3_xml_error(body, &x, NULL) == OK && strcmp(x.code, code) == 0;
}

/* In the answer to a completion the ETag lies in the body, and may be left out. */
static void take_etag(struct s3_multipart *m, struct slice body)
{
	struct buf etag CLEANUP(buf_fini) = BUF_MAX(sizeof(m->answer.etag) - 1);

	if (s3_xml_find(body, "/CompleteMultipartUploadResult/ETag", &etag, NULL) == OK)
		(void)snprintf(m->answer.etag, sizeof(m->answer.etag), "%s", buf_str(&etag));
}

/* 200 may be the beginning of an error. */
static void completed(struct s3_multipart *m, struct slice body)
{
	struct buf none CLEANUP(buf_fini) = BUF_MAX(1);
	struct s3_error x;
	struct slice region;
	struct error e;

	if (s3_xml_error(body, &x, NULL) == OK) {
		const struct s3_answer a = {.status = 400, .code = slice_of(x.code)};

		err_set(&e, ERR_UPSTREAM, "answered 200, and then %s", x.code);
		if (s3_judge(&a, &region) == S3_RETRY)
			retry(m, &e);
		else
			fail(m, &e);
	} else if (s3_xml_find(body, "/CompleteMultipartUploadResult", &none, &e) == OK) {
		store_alive(&m->s3->store);
		buf_clear(&m->id);
		take_etag(m, body);
		m->result = STORE_PUT_STORED;
		end(m);
	} else {
		retry(m, &e);
	}
}

static void not_completed(struct s3_multipart *m, enum s3_verdict verdict, int status,
			  struct slice body, const struct error *e)
{
	bool is_conditional = m->request.n_headers > 0;

	if (verdict == S3_PRECONDITION && is_conditional) {
		abort_with(m, STORE_PUT_PRESENT, NULL);
	} else if (is_conditional && (status == 501 || is_code(body, "NotImplemented"))) {
		m->s3->no_conditions = true;
		ask(m);
	} else if (status == 409 && !m->anew) {
		m->anew = m->begin_anew = true;
		fail(m, e);
	} else if (verdict == S3_RETRY && status != 409) {
		retry(m, e);
	} else if (is_code(body, "NoSuchUpload")) {
		buf_clear(&m->id);
		m->error = *e;
		take_step(m, LOOKING);
	} else {
		fail(m, e);
	}
}

static void looked(struct s3_multipart *m, enum s3_verdict verdict,
		   const struct transfer_head *answer, const struct error *e)
{
	if (verdict == S3_RETRY) {
		retry(m, e);
		return;
	}
	m->result = verdict == S3_FOUND && s3_parts_made(&m->parts, answer->etag)
			    ? STORE_PUT_STORED
			    : STORE_PUT_FAILED;
	end(m);
}

/*
 * A refused HEAD says nothing, since its error has no code; the completion then tells why. But what is denied may be
 * there: it is asked by GET then, as in s3_put.c.
 */
static void checked(struct s3_multipart *m, enum s3_verdict verdict, int status,
		    const struct error *e)
{
	bool is_head = m->step == CHECKING;

	if (verdict == S3_RETRY)
		retry(m, e);
	else if (verdict == S3_FOUND || verdict == S3_RANGE)
		abort_with(m, STORE_PUT_PRESENT, NULL);
	else if (is_head && status == 403)
		take_step(m, CHECKING_BY_GET);
	else if (is_head ? status / 100 == 4 : verdict == S3_MISS)
		take_step(m, COMPLETING);
	else
		fail(m, e);
}

static void begin(struct s3_multipart *m);

static void aborted(struct s3_multipart *m)
{
	buf_clear(&m->id);
	if (m->begin_anew && m->done) {
		m->begin_anew = false;
		begin(m);
	} else {
		end(m);
	}
}

static void written(void *ud, enum s3_verdict verdict, const struct transfer_head *answer,
		    struct slice body, const struct error *e)
{
	struct s3_multipart *m = ud;

	m->call = NULL;
	if (m->step != ABORTING)
		s3_put_answer(verdict, answer, body, &m->answer);
	switch (m->step) {
	case BEGINNING:
		if (verdict == S3_FOUND)
			has_begun(m, body);
		else if (!m->done)
			end(m);
		else if (verdict == S3_RETRY)
			retry(m, e);
		else
			fail(m, e);
		break;
	case COMPLETING:
		if (verdict == S3_FOUND)
			completed(m, body);
		else
			not_completed(m, verdict, answer->status, body, e);
		break;
	case CHECKING:
	case CHECKING_BY_GET: checked(m, verdict, answer->status, e); break;
	case LOOKING: looked(m, verdict, answer, e); break;
	case ABORTING:
		if (verdict == S3_RETRY)
			retry(m, e);
		else
			aborted(m);
		break;
	case SENDING: break; /* no request of its own */
	}
}

static bool is_head(enum step step)
{
	return step == CHECKING || step == LOOKING;
}

static void ask(struct s3_multipart *m)
{
	const struct s3_asking asking = {
		.what = S3_WRITE, .write = &m->request, .written = written, .ud = m};
	bool first_byte = m->step == CHECKING_BY_GET;
	const struct store_read read = {.key = slice_of(m->key),
					.head = is_head(m->step),
					.ranged = first_byte,
					.denied_fails = first_byte};
	struct error e;

	m->query = (struct sigv4_field){SLICE("uploadId"), buf_slice(&m->id)};
	m->request = (struct s3_write){.query = &m->query, .n_query = 1, .answer_ns = m->answer_ns};
	m->complete = store_body_of(SLICE(""));
	if (m->step == BEGINNING) {
		m->query = (struct sigv4_field){SLICE("uploads"), SLICE("")};
		m->request.method = "POST";
		m->request.headers = m->headers;
		m->request.n_headers = m->n_headers;
		m->request.body = &m->complete;
	} else if (m->step == COMPLETING) {
		if (!make_completion(m)) {
			err_set(&e, ERR_NOMEM, "no memory to complete an upload");
			fail(m, &e);
			return;
		}
		m->request.method = "POST";
		m->request.headers = &m->condition;
		m->request.n_headers = m->only_new && !m->s3->no_conditions;
		m->request.body = &m->complete;
		m->request.sha256 = m->complete_sha256;
	} else if (m->step == ABORTING) {
		m->request.method = "DELETE";
	} else {
		m->request.n_query = 0;
		m->request.method = first_byte ? "GET" : NULL;
	}
	m->tries++;
	m->call = s3_call_start(m->s3, &read, &asking);
}

static void begin(struct s3_multipart *m)
{
	struct error e;

	if (s3_parts_begin(&m->parts, &e) != OK) {
		fail(m, &e);
		return;
	}
	take_step(m, BEGINNING);
}

static void begin_timer(struct loop_timer *timer)
{
	struct s3_multipart *m = CONTAINER_OF(timer, struct s3_multipart, again);

	m->again.due = try_again;
	begin(m);
}

static struct slice keep(char **to, struct slice s)
{
	char *at = *to;

	if (s.n)
		memcpy(at, s.p, s.n);
	*to += s.n + 1; /* a NUL */
	return (struct slice){at, s.n};
}

/* It may be asked to begin once more when its owner has left, on a way back of the call's. */
static void copy_headers(struct s3_multipart *m, const struct s3_multipart_request *request)
{
	size_t n = 0;
	char *to;

	for (size_t i = 0; i < request->n_headers; i++)
		n += request->headers[i].name.n + request->headers[i].value.n + 2;
	m->n_headers = request->n_headers;
	m->headers = xzalloc((m->n_headers + 1) * sizeof(*m->headers));
	m->header_text = to = xzalloc(n + 1);
	for (size_t i = 0; i < m->n_headers; i++) {
		m->headers[i].name = keep(&to, request->headers[i].name);
		m->headers[i].value = keep(&to, request->headers[i].value);
	}
}

struct s3_multipart *s3_multipart_start(struct s3_store *s3,
					const struct s3_multipart_request *request,
					store_put_done *done, void *ud)
{
	struct s3_multipart *m = xnew(struct s3_multipart);

	*m = (struct s3_multipart){
		.s3 = s3,
		.key = xstrdup(request->key),
		.only_new = request->only_new,
		.answer_ns = request->answer_ns,
		.done = done,
		.ud = ud,
		.answer.date_s = -1,
		.id = BUF_MAX(UPLOAD_ID_MAX),
		.text = BUF_MAX(COMPLETE_MAX),
		.condition = {SLICE("if-none-match"), SLICE("*")},
		.again.due = begin_timer,
	};
	copy_headers(m, request);
	s3_parts_init(&m->parts, s3, request->body);
	m->parts.key = m->key;
	m->parts.answer_ns = m->answer_ns;
	m->parts.ended = parts_ended;
	(void)snprintf(m->sha256, sizeof(m->sha256), "%s", request->sha256);
	loop_timer_set(loop_of(m), &m->again, 0);
	return m;
}

/*
 * One that is just being begun can be aborted only when its id has been told, which is waited for. Where
 * it completes or aborts, that is aborted.
 */
void s3_multipart_cancel(struct s3_multipart *m)
{
	m->done = NULL;
	LIST_INSERT_HEAD(&m->s3->aborting, m, place);
	loop_timer_stop(loop_of(m), &m->again);
	if (m->step == BEGINNING && m->call)
		return;
	if (m->call)
		s3_call_cancel(TAKE(m->call));
	abort_with(m, STORE_PUT_FAILED, NULL);
}

void s3_multipart_end_all(struct s3_store *s3)
{
	while (!LIST_EMPTY(&s3->aborting))
		multipart_free(LIST_FIRST(&s3->aborting));
}
