// SPDX-License-Identifier: MIT
/*
 * What follows from an answer of S3 that is no object: s3_error.c says what it means, here it is
 * acted on. Each way back into the call is taken once at most, which its flag remembers.
 */
#include "base/clock.h"
#include "metric/metric.h"
#include "store/s3_call.h"

static void describe(const struct store_call *c, const struct s3_error *x, struct error *e)
{
	int status = c->answer.status;
	/* Such an answer is about this request, not about the store's health: 501 is one to a header. */
	bool refused = (status >= 400 && status < 500 && status != 404 && status != 408 &&
			status != 429) ||
		       status == 501;

	err_set(e, refused ? ERR_DENIED : ERR_UPSTREAM, "answered %d%s%s%s%s", c->answer.status,
		x->code[0] ? " " : "", x->code, c->answer.request_id[0] ? ", request " : "",
		c->answer.request_id);
}

static bool move_region(struct store_call *c, struct slice region, struct error *e)
{
	if (c->resigned)
		return false;
	c->resigned = true;
	/* Another call may have moved the store already. */
	if (!slice_eq(region, slice_of(c->s3->region)) && s3_set_region(c->s3, region, e) != OK)
		return false;
	metric_inc(store_resigned);
	return true;
}

static bool correct_clock(struct store_call *c)
{
	int64_t theirs;

	if (c->reclocked || !http_date_parse(slice_of(c->answer.date), &theirs))
		return false;
	c->reclocked = true;
	c->s3->skew_s = theirs - clock_wall_s();
	return true;
}

static bool renew(struct store_call *c)
{
	if (c->renewed || !keeper_renew(&c->s3->keeper))
		return false;
	c->renewed = true;
	return true;
}

/* "bytes * / total" of a 416, S3's own ActualObjectSize, or else a look at the whole. */
static void end_range(struct store_call *c, const struct s3_error *x)
{
	struct content_range range;

	if (!c->read.ranged) {
		s3_call_fail(c, S3_FAULT, ERR_CORRUPT, "416 to a request without a range");
		return;
	}
	c->object = (struct object_head){.total = x->actual_size, .mtime = -1, .fd = -1};
	if (c->object.total < 0 && content_range_parse(slice_of(c->answer.content_range), &range))
		c->object.total = range.total;
	if (c->object.total >= 0) {
		s3_call_end(c, S3_RANGE, NULL);
	} else if (!c->whole) {
		c->whole = true;
		s3_call_ask(c);
	} else {
		s3_call_fail(c, S3_FAULT, ERR_CORRUPT, "416 to a request without a range");
	}
}

static void act_on(struct store_call *c, enum s3_verdict verdict, struct slice region,
		   const struct s3_error *x)
{
	struct error e;
	bool again = false;

	describe(c, x, &e);
	switch (verdict) {
	case S3_REGION: again = move_region(c, region, &e); break;
	case S3_SKEW: again = correct_clock(c); break;
	case S3_EXPIRED:
		if (!renew(c))
			break;
		s3_call_wait_creds(c);
		return;
	case S3_ASK_GET: again = c->as_get = true; break;
	case S3_RANGE: end_range(c, x); return;
	case S3_ARCHIVED: metric_inc(store_archived); break;
	case S3_DENIED_IN_DOUBT:
		if (c->asking.what != S3_READ)
			break;
		if (doubt_wait(&c->s3->doubt)) {
			s3_call_wait_probe(c);
			return;
		}
		break;
	case S3_MISS:
		if (c->asking.what == S3_READ && c->answer.status == 403)
			s3_doubt_count_denied(c->s3);
		else if (c->asking.what == S3_READ)
			doubt_not_found(&c->s3->doubt);
		break;
	case S3_BARE:
		if (c->asking.what == S3_READ)
			doubt_not_found(&c->s3->doubt);
		break;
	case S3_FOUND:
	case S3_NAME:
	case S3_NOT_MODIFIED:
	case S3_PRECONDITION:
	case S3_RETRY:
	case S3_FAULT: break;
	}
	if (again)
		s3_call_ask(c);
	else
		s3_call_end(c, verdict, &e);
}

/*
 * A 404 without a code: something between us and the store may have said it. A probe only wants to
 * know; else it counts when there is no body at all and the store has shown, by an object, that it is
 * one; or, whatever the body, where whoever runs the server says so. But no error document, however
 * torn or contradictory.
 */
static bool bare_counts(const struct store_call *c)
{
	bool silent = c->text.n == 0 && !c->too_long;

	if (c->asking.what != S3_READ)
		return silent;
	if (c->s3->bare_misses)
		return !c->too_long && !(c->text.n && memmem(c->text.p, c->text.n, "<Error", 6));
	return silent && c->s3->ever_tagged;
}

void s3_call_judge(struct store_call *c)
{
	struct s3_error x = {.actual_size = -1};
	struct slice region = SLICE_NONE;
	enum s3_verdict verdict;
	struct s3_answer a = {
		.status = c->answer.status,
		.head = c->read.head && !c->as_get,
		.exactness = c->asking.what == S3_READ ? s3_doubt_exactness(c->s3) : S3_UNKNOWN,
		.refreshable = !c->renewed,
		.header_region = slice_of(c->answer.bucket_region),
		.our_region = slice_of(c->region),
	};

	if (s3_xml_error(buf_slice(&c->text), &x, NULL) == OK) {
		a.code = slice_of(x.code);
		a.body_region = slice_of(x.region);
	} else {
		a.bare = bare_counts(c);
	}
	verdict = s3_judge(&a, &region);
	if (verdict == S3_MISS || verdict == S3_BARE || verdict == S3_NAME || verdict == S3_RANGE ||
	    verdict == S3_PRECONDITION)
		store_alive(&c->s3->store);
	if (c->asking.what == S3_READ)
		doubt_answered(&c->s3->doubt);
	act_on(c, verdict, region, &x);
}
