// SPDX-License-Identifier: MIT
/* See s3_parts.h. Of each: hash (a job) -> PUT -> the next one. */
#include "store/s3_parts.h"
#include "base/text.h"
#include "metric/metric.h"
#include "store/retry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define BLOCK_SIZE  ((size_t)256 * 1024)
#define SHA256_SIZE 32
#define MD5_SIZE    ((size_t)16)
#define ROUNDING    (INT64_C(1) << 20)

static struct loop *loop_of(const struct s3_parts *p)
{
	return p->s3->store.ctx->loop;
}

/* ---- hashing ---- */

static bool is_hash(EVP_MD_CTX *hash, char ret[static S3_SHA256_SIZE])
{
	unsigned char sum[SHA256_SIZE];
	bool ok = EVP_DigestFinal_ex(hash, sum, NULL);

	if (ok)
		hex_encode(sum, sizeof(sum), ret);
	return ok;
}

bool s3_parts_sum(struct s3_parts *p, char ret[static S3_SHA256_SIZE])
{
	return is_hash(p->whole, ret);
}

static enum err hash_part(struct s3_parts *p, struct s3_part *s, struct error *e)
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
		     EVP_DigestUpdate(p->whole, block, (size_t)n);
	}
	ok = ok && is_hash(hash, s->sha256);
	EVP_MD_CTX_free(hash);
	return ok ? OK : err_set(e, ERR_NOMEM, "no memory to hash a part");
}

static void run_hash(struct pool_job *job)
{
	struct s3_parts *p = CONTAINER_OF(job, struct s3_parts, job);

	(void)hash_part(p, p->hashing, &p->unread);
	loop_post(loop_of(p), &p->hashed);
}

static void send_part(struct s3_part *s);
static void fill(struct s3_parts *p);

static void part_again(struct loop_timer *timer)
{
	send_part(CONTAINER_OF(timer, struct s3_part, again));
}

static void part_written(void *ud, enum s3_verdict verdict, const struct transfer_head *answer,
			 struct slice body, const struct error *e)
{
	struct s3_part *s = ud;
	struct s3_parts *p = s->all;
	struct error why;
	int64_t at_ns;

	s->call = NULL;
	if (verdict == S3_RETRY && retry_write_later(s->tries, &at_ns)) {
		loop_timer_set(loop_of(p), &s->again, at_ns);
		return;
	}
	if (verdict != S3_FOUND) {
		s3_put_answer(verdict, answer, body, &p->answer);
		p->ended(p, e);
		return;
	}
	if (!answer->etag[0] || strlen(answer->etag) >= S3_PART_ETAG_SIZE) {
		err_set(&why, ERR_CORRUPT, "a part was answered with no ETag, or too long a one");
		p->ended(p, &why);
		return;
	}
	(void)snprintf(p->etags[s->number], S3_PART_ETAG_SIZE, "%s", answer->etag);
	s->state = S3_PART_FREE;
	if (++p->sent == p->n)
		p->ended(p, NULL);
	else
		fill(p);
}

static void send_part(struct s3_part *s)
{
	const struct s3_asking asking = {
		.what = S3_WRITE, .write = &s->request, .written = part_written, .ud = s};
	const struct store_read read = {.key = slice_of(s->all->key)};

	s->tries++;
	s->call = s3_call_start(s->all->s3, &read, &asking);
}

static void part_hashed(struct loop_task *task)
{
	struct s3_parts *p = CONTAINER_OF(task, struct s3_parts, hashed);
	struct s3_part *s = p->hashing;

	p->hashing = NULL;
	s->state = S3_PART_FREE;
	if (p->stopped) {
		p->ended(p, NULL);
		return;
	}
	if (p->unread.code) {
		p->ended(p, &p->unread);
		return;
	}
	(void)snprintf(s->number_text, sizeof(s->number_text), "%lld", (long long)s->number + 1);
	s->query[0] = (struct sigv4_field){SLICE("partNumber"), slice_of(s->number_text)};
	s->query[1] = (struct sigv4_field){SLICE("uploadId"), p->id};
	s->request = (struct s3_write){.method = "PUT",
				       .query = s->query,
				       .n_query = 2,
				       .body = &s->body,
				       .sha256 = s->sha256,
				       .answer_ns = p->answer_ns};
	s->state = S3_PART_SENDING;
	s->tries = 0;
	send_part(s);
	fill(p);
}

/* One part at a time is hashed, in their order, for the hash of the whole. */
static void fill(struct s3_parts *p)
{
	struct s3_part *s = NULL;
	struct error e;

	for (size_t i = 0; i < S3_PARTS_AT_ONCE && !s; i++)
		s = p->part[i].state == S3_PART_FREE ? &p->part[i] : NULL;
	if (!s || p->hashing || p->begun == p->n)
		return;
	s->number = p->begun++;
	s->state = S3_PART_HASHING;
	s->body = p->body;
	s->body.offset += s->number * p->size;
	s->body.length = MIN(p->size, p->body.length - s->number * p->size);
	p->hashing = s;
	if (pool_submit(p->s3->store.ctx->writes, &p->job) == OK)
		return;
	p->hashing = NULL;
	s->state = S3_PART_FREE;
	metric_inc(refused_writes);
	err_set(&e, ERR_BUSY, "too many writes are waiting");
	p->ended(p, &e);
}

/* ---- what comes of them ---- */

static bool hex_to_bytes(struct slice hex, unsigned char *ret)
{
	if (!hex_only(hex))
		return false;
	for (size_t i = 0; i < hex.n / 2; i++)
		ret[i] = (unsigned char)(hex_digit(hex.p[2 * i]) << 4 |
					 hex_digit(hex.p[2 * i + 1]));
	return true;
}

bool s3_parts_made(const struct s3_parts *p, const char *etag)
{
	unsigned char sum[MD5_SIZE];
	char hex[2 * MD5_SIZE + 1], want[sizeof(hex) + 24];
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	bool ok = hash && EVP_DigestInit_ex(hash, EVP_md5(), NULL);

	for (int64_t i = 0; i < p->n && ok; i++) {
		struct slice quoted = slice_of(p->etags[i]);

		ok = quoted.n == 2 * MD5_SIZE + 2 &&
		     hex_to_bytes(slice_head(slice_from(quoted, 1), 2 * MD5_SIZE), sum) &&
		     EVP_DigestUpdate(hash, sum, sizeof(sum));
	}
	ok = ok && EVP_DigestFinal_ex(hash, sum, NULL);
	EVP_MD_CTX_free(hash);
	if (!ok)
		return false;
	hex_encode(sum, sizeof(sum), hex);
	(void)snprintf(want, sizeof(want), "\"%s-%lld\"", hex, (long long)p->n);
	return strcasecmp(etag, want) == 0;
}

/* ---- all of them ---- */

static int64_t part_size_of(const struct s3_store *s3, int64_t length)
{
	int64_t least = (length + S3_PARTS_MAX - 1) / S3_PARTS_MAX;

	return least <= s3->part_size ? s3->part_size
				      : (least + ROUNDING - 1) / ROUNDING * ROUNDING;
}

void s3_parts_init(struct s3_parts *p, struct s3_store *s3, const struct store_body *body)
{
	*p = (struct s3_parts){.s3 = s3,
			       .body = *body,
			       .size = part_size_of(s3, body->length),
			       .answer.date_s = -1,
			       .whole = EVP_MD_CTX_new(),
			       .job.run = run_hash,
			       .hashed.run = part_hashed};
	p->n = (body->length + p->size - 1) / p->size;
	p->body.fd = fcntl(body->fd, F_DUPFD_CLOEXEC, 0);
	p->etags = calloc((size_t)p->n, sizeof(*p->etags));
	for (size_t i = 0; i < S3_PARTS_AT_ONCE; i++) {
		p->part[i].all = p;
		p->part[i].again.due = part_again;
	}
}

enum err s3_parts_begin(struct s3_parts *p, struct error *e)
{
	p->begun = p->sent = 0;
	p->stopped = false;
	p->unread = (struct error){0};
	if (p->body.fd >= 0 && p->whole && p->etags &&
	    EVP_DigestInit_ex(p->whole, EVP_sha256(), NULL))
		return OK;
	return err_set(e, ERR_NOMEM, "no memory or no descriptor for an upload");
}

void s3_parts_send(struct s3_parts *p, struct slice id)
{
	p->id = id;
	fill(p);
}

bool s3_parts_stop(struct s3_parts *p)
{
	p->stopped = true;
	for (size_t i = 0; i < S3_PARTS_AT_ONCE; i++) {
		struct s3_part *s = &p->part[i];

		loop_timer_stop(loop_of(p), &s->again);
		if (s->call)
			s3_call_cancel(TAKE(s->call));
		if (s->state == S3_PART_SENDING)
			s->state = S3_PART_FREE;
	}
	return !p->hashing;
}

void s3_parts_fini(struct s3_parts *p)
{
	(void)s3_parts_stop(p);
	EVP_MD_CTX_free(p->whole);
	close_p(&p->body.fd);
	free(p->etags);
}
