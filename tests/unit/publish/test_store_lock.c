// SPDX-License-Identifier: MIT
/* The lock of a directory: shared by those who add, alone for who removes. */
#include "publish/store_lock.h"

#include "store_rig.h"
#include "tap.h"

#include <stdio.h>
#include <sys/stat.h>

static char root[] = "/tmp/test_store_lock.XXXXXX";

struct taken {
	struct store_lock *lock;
	bool done;
	struct error error;
};

static void has_come(void *ud, const struct error *e)
{
	struct taken *t = ud;

	ASSERT(!t->done);
	t->done = true;
	if (e)
		t->error = *e;
}

static struct taken take(struct rig *r, bool alone)
{
	struct taken t = {0};

	t.lock = store_lock_start(r->store, alone, has_come, &t);
	ASSERT(!t.done);
	rig_until(r, &t.done);
	return t;
}

static void open_root(struct rig *r)
{
	char url[64];

	snprintf(url, sizeof(url), "file://%s", root);
	rig_init(r, NULL, 0);
	rig_open(r, url);
}

static void test_who_has_it(void)
{
	static const struct {
		const char *what;
		bool first, second; /* alone */
		enum err want;
		const char *told;
	} rows[] = {
		{"two add", false, false, OK, ""},
		{"one adds, one wants to remove", false, true, ERR_BUSY, "adds to it"},
		{"one removes, one wants to add", true, false, ERR_BUSY, "removes files from"},
		{"two remove", true, true, ERR_BUSY, "adds to it, or removes from"},
	};
	struct rig r;

	open_root(&r);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct taken first = take(&r, rows[i].first), second = take(&r, rows[i].second);

		CHECK_INT(first.error.code, OK, rows[i].what);
		CHECK_INT(second.error.code, rows[i].want, rows[i].what);
		CHECK(strstr(second.error.msg, rows[i].told), rows[i].what);
		store_lock_free(second.lock);
		store_lock_free(first.lock);
		first = take(&r, true);
		CHECK_INT(first.error.code, OK, "when they are done");
		store_lock_free(first.lock);
	}
	rig_fini(&r);
}

/* Whenever it is: nothing is called any more, and it is not held. */
static void test_free(void)
{
	for (int turns = 0; turns < 6; turns++) {
		struct taken t = {0}, after;
		struct rig r;

		open_root(&r);
		t.lock = store_lock_start(r.store, true, has_come, &t);
		for (int i = 0; i < turns; i++)
			(void)manual_turn(r.ctx.loop, 1);
		store_lock_free(t.lock);
		t.done = true; /* has_come() would end the test */
		manual_settle(r.ctx.loop);
		do {
			after = take(&r, true);
			store_lock_free(after.lock);
		} while (after.error.code == ERR_BUSY); /* the job may run yet */
		CHECK_INT(after.error.code, OK, "it is let go of");
		rig_fini(&r);
	}
	store_lock_free(NULL);
}

static void test_what_cannot_be_locked(void)
{
	struct taken t;
	struct rig r;

	open_root(&r);
	ASSERT(unlink(".pepto/lock") == 0 && symlink("/tmp/elsewhere", ".pepto/lock") == 0);
	t = take(&r, false);
	CHECK_INT(t.error.code, ERR_IO, "a link in its place");
	store_lock_free(t.lock);
	ASSERT(unlink(".pepto/lock") == 0 && rmdir(".pepto") == 0 &&
	       symlink("/tmp", ".pepto") == 0);
	t = take(&r, false);
	CHECK_INT(t.error.code, ERR_IO, "a link in place of the folder");
	store_lock_free(t.lock);
	ASSERT(unlink(".pepto") == 0 && chdir("/tmp") == 0 && rmdir(root) == 0);
	t = take(&r, false);
	CHECK_INT(t.error.code, ERR_IO, "a store that is gone");
	store_lock_free(t.lock);
	rig_fini(&r);
}

int main(void)
{
	ASSERT(mkdtemp(root) && chdir(root) == 0);
	test_who_has_it();
	test_free();
	test_what_cannot_be_locked();
	return tap_done();
}
