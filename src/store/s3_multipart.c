// SPDX-License-Identifier: MIT
/*
 * See s3_multipart.h.
 *
 *	BEGINNING -> SENDING: each slot: hash (a job) -> PUT -> next part
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
#include "metric/metric.h"
#include "store/retry.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>

#define BLOCK_SIZE    ((size_t)256 * 1024)
#define SHA256_SIZE   32
#define MD5_SIZE      ((size_t)16)
#define ETAG_SIZE     72
#define UPLOAD_ID_MAX ((size_t)2048)
#define COMPLETE_MAX  ((size_t)2 * 1024 * 1024) /* of 10,000 parts some 1.2 MiB */
#define ROUNDING      (INT64_C(1) << 20)

enum step { BEGINNING, SENDING, CHECKING, COMPLETING, LOOKING, ABORTING };
enum slot_state { FREE, HASHING, UPLOADING };

struct slot {
	struct s3_multipart *m;
	enum slot_state state;
	int64_t part; /* from 0 */
	struct store_body body;
	char sha256[2 * SHA256_SIZE + 1], number[24];
	struct sigv4_field query[2];
	struct s3_write request;
	struct store_call *call;
	struct loop_timer again;
	unsigned tries;
};

struct s3_multipart {
	struct s3_store *s3;
	char *key;
	struct store_body body;
	char sha256[2 * SHA256_SIZE + 1];
	struct sigv4_field *headers;
	size_t n_headers;
	char *header_text; /* of them */
	bool only_new;
	int64_t answer_ns;
	store_put_done *done; /* NULL: the owner has left */
	void *ud;
	LIST_ENTRY(s3_multipart) place; /* among those that abort, then */

	enum step step;
	int64_t part_size, parts, begun, sent; /* parts: of them in all, begun, sent */
	char (*etags)[ETAG_SIZE];
	struct slot slots[S3_PARTS_AT_ONCE];
	EVP_MD_CTX *whole; /* the job's while one runs, as the next two */
	struct pool_job job;
	struct error unread;
	struct slot *hashing; /* NULL: no job runs */
	struct loop_task hashed;

	struct buf id, text; /* the upload's; the body of its completion */
	struct store_body complete;
	char complete_sha256[2 * SHA256_SIZE + 1];
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

static void stop_slots(struct s3_multipart *m)
{
	for (size_t i = 0; i < S3_PARTS_AT_ONCE; i++) {
		struct slot *s = &m->slots[i];

		loop_timer_stop(loop_of(m), &s->again);
		if (s->call)
			s3_call_cancel(TAKE(s->call));
		if (s->state == UPLOADING)
			s->state = FREE;
	}
}

static void multipart_free(struct s3_multipart *m)
{
	stop_slots(m);
	loop_timer_stop(loop_of(m), &m->again);
	if (m->call)
		s3_call_cancel(m->call);
	EVP_MD_CTX_free(m->whole);
	close_p(&m->body.fd);
	buf_fini(&m->id);
	buf_fini(&m->text);
	free(m->header_text);
	free(m->headers);
	free(m->etags);
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
static void fill_slots(struct s3_multipart *m);

static void take_step(struct s3_multipart *m, enum step step)
{
	m->step = step;
	m->tries = 0;
	ask(m);
}

/* What there is of it goes; then it ends so. While a job reads, its end is waited for. */
static void abort_with(struct s3_multipart *m, enum store_put_result result, const struct error *e)
{
	stop_slots(m);
	m->result = result;
	if (e)
		m->error = *e;
	m->step = ABORTING;
	if (m->hashing)
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

static bool is_hash(EVP_MD_CTX *hash, char ret[2 * SHA256_SIZE + 1])
{
	unsigned char sum[SHA256_SIZE];
	bool ok = EVP_DigestFinal_ex(hash, sum, NULL);

	if (ok)
		hex_encode(sum, sizeof(sum), ret);
	return ok;
}

static enum err hash_part(struct s3_multipart *m, struct slot *s, struct error *e)
{
	char *block CLEANUP(free_p) = malloc(BLOCK_SIZE);
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	bool ok = block && hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
	ssize_t n = 0;

	for (int64_t at = 0; ok && at < s->body.length; at += n) {
		n = store_body_read(&s->body, at, block, BLOCK_SIZE);
		if (n < 0) {
			EVP_MD_CTX_free(hash);
			return err_sys(e, ERR_IO, "cannot read what is to be stored");
		}
		ok = EVP_DigestUpdate(hash, block, (size_t)n) &&
		     EVP_DigestUpdate(m->whole, block, (size_t)n);
	}
	ok = ok && is_hash(hash, s->sha256);
	EVP_MD_CTX_free(hash);
	return ok ? OK : err_set(e, ERR_NOMEM, "no memory to hash a part");
}

static void run_hash(struct pool_job *job)
{
	struct s3_multipart *m = CONTAINER_OF(job, struct s3_multipart, job);

	(void)hash_part(m, m->hashing, &m->unread);
	loop_post(loop_of(m), &m->hashed);
}

static void send_part(struct slot *s);

static void part_again(struct loop_timer *timer)
{
	send_part(CONTAINER_OF(timer, struct slot, again));
}

/* All are there: is it what was to be stored? */
static void all_sent(struct s3_multipart *m)
{
	char whole[2 * SHA256_SIZE + 1] = "";
	struct error e;

	if (is_hash(m->whole, whole) && strcmp(whole, m->sha256) == 0) {
		take_step(m, m->only_new ? CHECKING : COMPLETING);
		return;
	}
	err_set(&e, ERR_CORRUPT, "it changed while it was being stored");
	fail(m, &e);
}

static void part_written(void *ud, enum s3_verdict verdict, const struct transfer_head *answer,
			 struct slice body, const struct error *e)
{
	struct slot *s = ud;
	struct s3_multipart *m = s->m;
	struct error why;
	int64_t at_ns;

	s->call = NULL;
	if (verdict == S3_RETRY && retry_write_later(s->tries, &at_ns)) {
		loop_timer_set(loop_of(m), &s->again, at_ns);
		return;
	}
	if (verdict != S3_FOUND) {
		s3_put_answer(verdict, answer, body, &m->answer);
		fail(m, e);
		return;
	}
	if (!answer->etag[0] || strlen(answer->etag) >= ETAG_SIZE) {
		err_set(&why, ERR_CORRUPT, "a part was answered with no ETag, or too long a one");
		fail(m, &why);
		return;
	}
	(void)snprintf(m->etags[s->part], ETAG_SIZE, "%s", answer->etag);
	s->state = FREE;
	if (++m->sent == m->parts)
		all_sent(m);
	else
		fill_slots(m);
}

static void send_part(struct slot *s)
{
	const struct s3_asking asking = {
		.what = S3_WRITE, .write = &s->request, .written = part_written, .ud = s};
	const struct store_read read = {.key = slice_of(s->m->key)};

	s->tries++;
	s->call = s3_call_start(s->m->s3, &read, &asking);
}

static void part_hashed(struct loop_task *task)
{
	struct s3_multipart *m = CONTAINER_OF(task, struct s3_multipart, hashed);
	struct slot *s = m->hashing;

	m->hashing = NULL;
	s->state = FREE;
	if (m->step == ABORTING) { /* meanwhile; its begin_anew and result are as they were set */
		abort_with(m, m->result, NULL);
		return;
	}
	if (m->unread.code) {
		fail(m, &m->unread);
		return;
	}
	(void)snprintf(s->number, sizeof(s->number), "%lld", (long long)s->part + 1);
	s->query[0] = (struct sigv4_field){SLICE("partNumber"), slice_of(s->number)};
	s->query[1] = (struct sigv4_field){SLICE("uploadId"), buf_slice(&m->id)};
	s->request = (struct s3_write){.method = "PUT",
				       .query = s->query,
				       .n_query = 2,
				       .body = &s->body,
				       .sha256 = s->sha256,
				       .answer_ns = m->answer_ns};
	s->state = UPLOADING;
	s->tries = 0;
	send_part(s);
	fill_slots(m);
}

/* One part at a time is hashed, in their order, for the hash of the whole. */
static void fill_slots(struct s3_multipart *m)
{
	struct slot *s = NULL;
	struct error e;

	for (size_t i = 0; i < S3_PARTS_AT_ONCE && !s; i++)
		s = m->slots[i].state == FREE ? &m->slots[i] : NULL;
	if (!s || m->hashing || m->begun == m->parts)
		return;
	s->part = m->begun++;
	s->state = HASHING;
	s->body = m->body;
	s->body.offset += s->part * m->part_size;
	s->body.length = MIN(m->part_size, m->body.length - s->part * m->part_size);
	m->hashing = s;
	if (pool_submit(m->s3->store.ctx->writes, &m->job) == OK)
		return;
	m->hashing = NULL;
	s->state = FREE;
	metric_inc(refused_writes);
	err_set(&e, ERR_BUSY, "too many writes are waiting");
	fail(m, &e);
}

/* ---- its begin and its end ---- */

static bool make_completion(struct s3_multipart *m)
{
	unsigned char sum[SHA256_SIZE];

	buf_clear(&m->text);
	buf_puts(&m->text,
		 "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
	for (int64_t i = 0; i < m->parts; i++)
		buf_printf(&m->text, "<Part><PartNumber>%lld</PartNumber><ETag>%s</ETag></Part>",
			   (long long)i + 1, m->etags[i]);
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
		fill_slots(m);
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

static bool hex_to_bytes(struct slice hex, unsigned char *ret)
{
	if (!hex_only(hex))
		return false;
	for (size_t i = 0; i < hex.n / 2; i++)
		ret[i] = (unsigned char)(hex_digit(hex.p[2 * i]) << 4 |
					 hex_digit(hex.p[2 * i + 1]));
	return true;
}

/* Is it the ETag of an object that was made of these parts? Not where theirs are no MD5s. */
static bool is_of_the_parts(const struct s3_multipart *m, const char *etag)
{
	unsigned char sum[MD5_SIZE];
	char hex[2 * MD5_SIZE + 1], want[sizeof(hex) + 24];
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	bool ok = hash && EVP_DigestInit_ex(hash, EVP_md5(), NULL);

	for (int64_t i = 0; i < m->parts && ok; i++) {
		struct slice quoted = slice_of(m->etags[i]);

		ok = quoted.n == 2 * MD5_SIZE + 2 &&
		     hex_to_bytes(slice_head(slice_from(quoted, 1), 2 * MD5_SIZE), sum) &&
		     EVP_DigestUpdate(hash, sum, sizeof(sum));
	}
	ok = ok && EVP_DigestFinal_ex(hash, sum, NULL);
	EVP_MD_CTX_free(hash);
	if (!ok)
		return false;
	hex_encode(sum, sizeof(sum), hex);
	(void)snprintf(want, sizeof(want), "\"%s-%lld\"", hex, (long long)m->parts);
	return strcasecmp(etag, want) == 0;
}

static void looked(struct s3_multipart *m, enum s3_verdict verdict,
		   const struct transfer_head *answer, const struct error *e)
{
	if (verdict == S3_RETRY) {
		retry(m, e);
		return;
	}
	m->result = verdict == S3_FOUND && is_of_the_parts(m, answer->etag) ? STORE_PUT_STORED
									    : STORE_PUT_FAILED;
	end(m);
}

/* A refused HEAD says nothing, since its error has no code; the completion then tells why. */
static void checked(struct s3_multipart *m, enum s3_verdict verdict, int status,
		    const struct error *e)
{
	if (verdict == S3_RETRY)
		retry(m, e);
	else if (verdict == S3_FOUND)
		abort_with(m, STORE_PUT_PRESENT, NULL);
	else if (status / 100 == 4)
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
	case CHECKING: checked(m, verdict, answer->status, e); break;
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
	const struct store_read read = {.key = slice_of(m->key), .head = is_head(m->step)};
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
	}
	m->tries++;
	m->call = s3_call_start(m->s3, &read, &asking);
}

static void begin(struct s3_multipart *m)
{
	struct error e;

	m->begun = m->sent = 0;
	m->unread = (struct error){0};
	if (m->body.fd < 0 || !m->whole || !m->etags ||
	    !EVP_DigestInit_ex(m->whole, EVP_sha256(), NULL)) {
		err_set(&e, ERR_NOMEM, "no memory or no descriptor for an upload");
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

static int64_t part_size_of(const struct s3_store *s3, int64_t length)
{
	int64_t least = (length + S3_PARTS_MAX - 1) / S3_PARTS_MAX;

	return least <= s3->part_size ? s3->part_size
				      : (least + ROUNDING - 1) / ROUNDING * ROUNDING;
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
		.body = *request->body,
		.only_new = request->only_new,
		.answer_ns = request->answer_ns,
		.done = done,
		.ud = ud,
		.part_size = part_size_of(s3, request->body->length),
		.answer.date_s = -1,
		.whole = EVP_MD_CTX_new(),
		.job.run = run_hash,
		.hashed.run = part_hashed,
		.id = BUF_MAX(UPLOAD_ID_MAX),
		.text = BUF_MAX(COMPLETE_MAX),
		.condition = {SLICE("if-none-match"), SLICE("*")},
		.again.due = begin_timer,
	};
	copy_headers(m, request);
	m->parts = (m->body.length + m->part_size - 1) / m->part_size;
	m->body.fd = fcntl(request->body->fd, F_DUPFD_CLOEXEC, 0); /* a job may outlive the owner */
	m->etags = calloc((size_t)m->parts, sizeof(*m->etags));
	(void)snprintf(m->sha256, sizeof(m->sha256), "%s", request->sha256);
	for (size_t i = 0; i < S3_PARTS_AT_ONCE; i++) {
		m->slots[i].m = m;
		m->slots[i].again.due = part_again;
	}
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
