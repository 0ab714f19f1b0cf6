// SPDX-License-Identifier: MIT
/* Small objects, read and written whole, in a directory and in a bucket that is a script. */
#include "publish/small.h"

#include "store_rig.h"
#include "tap.h"

#include <stdio.h>
#include <sys/stat.h>

#define KEY ".pepto/tx/a"

static char root[] = "/tmp/test_small.XXXXXX";

struct came {
	bool done, there;
	char text[64];
	struct error error;
};

static void got(void *ud, struct buf *bytes, const struct error *e)
{
	struct came *c = ud;

	ASSERT(!c->done && !(bytes && e));
	c->done = true;
	c->there = bytes != NULL;
	if (bytes)
		(void)snprintf(c->text, sizeof(c->text), "%.*s", (int)bytes->n, bytes->p);
	if (e)
		c->error = *e;
}

static void was_put(void *ud, const struct error *e)
{
	struct came *c = ud;

	ASSERT(!c->done);
	c->done = true;
	if (e)
		c->error = *e;
}

static struct came get(struct rig *r, const char *key, size_t max)
{
	struct came c = {0};

	(void)small_get(r->store, slice_of(key), max, got, &c);
	ASSERT(!c.done);
	rig_until(r, &c.done);
	return c;
}

static struct came put(struct rig *r, const char *key, const char *text)
{
	struct buf bytes = BUF_MAX(64);
	struct came c = {0};

	buf_puts(&bytes, text);
	(void)small_put(r->store, slice_of(key), &bytes, was_put, &c);
	ASSERT(!c.done && !bytes.p);
	rig_until(r, &c.done);
	return c;
}

static void open_root(struct rig *r)
{
	char url[64];

	snprintf(url, sizeof(url), "file://%s", root);
	rig_init(r, NULL, 0);
	rig_open(r, url);
}

static void test_directory(void)
{
	struct came c;
	struct rig r;

	open_root(&r);
	c = get(&r, KEY, 64);
	CHECK(!c.there && !c.error.code, "nothing is there");
	CHECK_INT(put(&r, KEY, "one").error.code, OK, "put");
	CHECK_STR(get(&r, KEY, 64).text, "one", "got");
	CHECK_STR(get(&r, KEY, 3).text, "one", "as long as it may be");
	CHECK_INT(get(&r, KEY, 2).error.code, ERR_LIMIT, "longer");
	CHECK_INT(put(&r, KEY, "another").error.code, OK, "what is there is replaced");
	CHECK_STR(get(&r, KEY, 64).text, "another", "by what comes next");
	CHECK(put(&r, KEY "/below", "x").error.code, "below a file");
	rig_fini(&r);
}

/* Whenever it is: nothing is called any more, and nothing is leaked. */
static void test_cancel(void)
{
	for (int turns = 0; turns < 12; turns++) {
		struct buf bytes = BUF_MAX(64);
		struct came read = {0}, written = {0};
		struct small *reads, *writes;
		struct rig r;

		open_root(&r);
		buf_puts(&bytes, "x");
		reads = small_get(r.store, SLICE(KEY), 64, got, &read);
		writes = small_put(r.store, SLICE(".pepto/tx/b"), &bytes, was_put, &written);
		for (int i = 0; i < turns; i++)
			(void)manual_turn(r.ctx.loop, 1);
		if (!read.done)
			small_cancel(reads);
		if (!written.done)
			small_cancel(writes);
		read.done = written.done = true; /* got() would end the test */
		rig_fini(&r);
	}
	small_cancel(NULL);
	CHECK(true, "cancelled at any time");
}

#define ERROR(status, length, code)                                                                \
	{                                                                                          \
		"HTTP/1.1 " status "\r\nContent-Length: " length "\r\n\r\n<Error><Code>" code      \
		"</Code></Error>"                                                                  \
	}
#define WITH(length, body)                                                                         \
	{                                                                                          \
		"HTTP/1.1 200 OK\r\nETag: \"x\"\r\nConnection: close\r\n" length "\r\n" body       \
	}

static void test_bucket(void)
{
	static const struct {
		const char *what;
		struct http_reply reply[3];
		size_t n;
		const char *text; /* NULL: it is not there */
		enum err err;
	} rows[] = {
		{"there", {WITH("Content-Length: 3\r\n", "one")}, 1, "one", OK},
		{"too long", {WITH("Content-Length: 9\r\n", "123456789")}, 1, NULL, ERR_LIMIT},
		{"missing", {ERROR("404 Not Found", "37", "NoSuchKey")}, 1, NULL, OK},
		{"no bucket",
		 {ERROR("404 Not Found", "40", "NoSuchBucket")},
		 1,
		 NULL,
		 ERR_UPSTREAM},
		/* As the random key that a probe would ask for. */
		{"denied",
		 {ERROR("403 Forbidden", "40", "AccessDenied"),
		  ERROR("403 Forbidden", "40", "AccessDenied")},
		 2,
		 NULL,
		 ERR_DENIED},
		{"archived",
		 {ERROR("403 Forbidden", "46", "InvalidObjectState")},
		 1,
		 NULL,
		 ERR_DENIED},
		{"a passing fault",
		 {ERROR("503 Slow Down", "36", "SlowDown"), WITH("Content-Length: 3\r\n", "one")},
		 2,
		 "one",
		 OK},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct came c;
		struct rig r;

		rig_open_with_keys(&r, "s3://bucket/?endpoint=http://127.0.0.1:%u", rows[i].reply,
				   rows[i].n);
		c = get(&r, KEY, 8);
		CHECK_INT(c.error.code, rows[i].err, rows[i].what);
		CHECK_INT(c.there, rows[i].text != NULL, rows[i].what);
		CHECK_STR(c.text, rows[i].text ? rows[i].text : "", rows[i].what);
		rig_fini(&r);
	}
}

/* As its operator tells. */
static void test_bare_misses(void)
{
	static const struct http_reply bare[] = {
		{"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"}};
	struct came c;
	struct rig r;

	rig_open_with_keys(&r, "s3://bucket/?misses=bare&endpoint=http://127.0.0.1:%u", bare, 1);
	c = get(&r, KEY, 8);
	CHECK(!c.there && !c.error.code, "a store whose misses give no reason");
	rig_fini(&r);
}

int main(void)
{
	ASSERT(mkdtemp(root) && chdir(root) == 0);
	test_directory();
	test_cancel();
	test_bucket();
	test_bare_misses();
	return tap_done();
}
