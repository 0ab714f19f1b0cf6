// SPDX-License-Identifier: MIT
/* Which transactions there are, and what they consist of, while others write. */
#include "publish/catalog_get.h"
#include "publish/kept.h"

#include "../plan_rig.h"
#include "cache/disk.h"
#include "tap.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

static struct memory_store m;

static struct catalog read_all(void)
{
	struct catalog c;
	struct error e;

	ASSERT(catalog_read(&m.store, &c, &e) == OK);
	return c;
}

static void test_listing(void)
{
	static const char *const others[] = {"notes.txt", "20261129-000002-00000002.json.more",
					     "20261329-000002-00000002.json", "sub/x"};
	const enum tx_object which[] = {TX_PLAN, TX_DONE, TX_GONE};
	struct tx_id unknown = plan_id(77), third = plan_id(3);
	struct catalog c;

	memory_store_init(&m);
	c = read_all();
	CHECK(c.n == 0 && c.pages == 1 && !catalog_find(&c, &third), "an empty store");
	catalog_fini(&c);
	for (unsigned n = 1; n <= 5; n++)
		for (size_t i = 0; i < ARRAY_LEN(which); i++)
			if (n & 1U << i)
				memory_put(&m, plan_key(n, which[i]), "x", NULL);
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		char key[100];

		snprintf(key, sizeof(key), TX_FOLDER "%s", others[i]);
		memory_put(&m, key, "x", NULL);
	}
	for (m.page_keys = 1; m.page_keys < 20; m.page_keys += 6) {
		c = read_all();
		CHECK_INT(c.n, 5, "what is ours, on pages of any length");
		for (unsigned n = 1; n <= c.n; n++) {
			CHECK_STR(c.entry[n - 1].id.s, plan_id(n).s, "in their order");
			CHECK_INT(c.entry[n - 1].has, n, "what each has");
		}
		CHECK(c.date_s > MEMORY_START_S && c.date_s < m.now_s + 1,
		      "when, by the store's clock");
		CHECK_INT(c.entry[0].object[TX_PLAN].size, 1, "how long one is");
		CHECK(catalog_find(&c, &third) == &c.entry[2] && !catalog_find(&c, &unknown),
		      "found by id");
		CHECK_INT(catalog_before(&c, &third), 2, "those before the third");
		CHECK_INT(catalog_before(&c, NULL), 5, "all");
		catalog_fini(&c);
	}
	memory_store_fini(&m);
}

static void test_versions(void)
{
	struct catalog before, after;

	memory_store_init(&m);
	plan_put(&m, 1, "a/1/a");
	plan_put(&m, 2, "b/1/b");
	plan_put(&m, 3, "c/1/c");
	before = read_all();
	plan_put(&m, 2, "b/2/b");
	done_put(&m, 3, "s");
	after = read_all();
	CHECK(catalog_version(&before.entry[0]) == catalog_version(&after.entry[0]),
	      "what is the same has the same version");
	CHECK(catalog_version(&before.entry[1]) != catalog_version(&after.entry[1]),
	      "an object that was written anew makes another one");
	CHECK(catalog_version(&before.entry[2]) != catalog_version(&after.entry[2]),
	      "as does one that has come");
	CHECK(catalog_version(&before.entry[0]) != catalog_version(&before.entry[1]),
	      "two are not the same");
	catalog_fini(&before);
	catalog_fini(&after);
	memory_store_fini(&m);
}

struct newest {
	struct await await;
	size_t newest;
	struct catalog catalog;
};

static void came(void *ud, struct catalog *c, const struct error *e)
{
	struct newest *n = ud;

	n->catalog = *c;
	*c = (struct catalog){0};
	await_over(&n->await, e);
}

static void begin(struct await *a)
{
	struct newest *n = CONTAINER_OF(a, struct newest, await);

	(void)catalog_list(&m.store, n->newest, came, n);
}

/* Well above a thousand, on many pages; and the newest of them alone. */
static void test_many(void)
{
	static const size_t newest[] = {0, 100, 599, 600, 5000};

	memory_store_init(&m);
	m.page_keys = 100;
	for (unsigned n = 0; n < 1200; n++)
		memory_put(&m, plan_key(n, TX_PLAN), "x", NULL);
	for (size_t i = 0; i < ARRAY_LEN(newest); i++) {
		struct newest all = {.await.begin = begin, .newest = newest[i]};
		bool cut = newest[i] && 2 * newest[i] < 1200;
		const struct catalog *c = &all.catalog;

		ASSERT(await_run(&all.await, m.ctx.loop, NULL) == OK);
		CHECK_INT(c->cut, cut, "are older ones left out?");
		CHECK(cut ? c->n >= newest[i] && c->n <= 2 * newest[i] : c->n == 1200, "how many");
		CHECK_STR(c->entry[c->n - 1].id.s, plan_id(1199).s, "to the newest");
		CHECK_STR(c->entry[0].id.s, plan_id(1200 - (unsigned)c->n).s, "without a gap");
		CHECK_INT(c->pages, 12, "pages");
		catalog_fini(&all.catalog);
	}
	memory_store_fini(&m);
}

static void fail_second_list(struct memory_store *s, const char *verb, const char *key)
{
	s->fails = strcmp(verb, "LIST") == 0 && s->lists == 2;
	s->fail = STORE_FAULT;
}

static void test_no_list(void)
{
	struct catalog c;
	struct error e;

	memory_store_init(&m);
	m.page_keys = 10;
	for (unsigned n = 0; n < 30; n++)
		memory_put(&m, plan_key(n, TX_PLAN), "x", NULL);
	m.before = fail_second_list;
	CHECK_INT(catalog_read(&m.store, &c, &e), ERR_NET, "a page fails");
	CHECK(strstr(e.msg, "cannot list the transactions"), "and it is said what");
	CHECK(!c.n && !c.entry, "half a list is none");
	memory_store_fini(&m);
}

/* ---- objects ---- */

struct taken {
	size_t n, fail_at; /* 0: never */
	char order[400];
};

static enum err take(void *ud, const struct catalog_entry *t, struct slice text, struct error *e)
{
	struct taken *all = ud;

	snprintf(all->order + strlen(all->order), sizeof(all->order) - strlen(all->order), "%.*s",
		 (int)text.n, text.p);
	return ++all->n == all->fail_at ? err_set(e, ERR_USAGE, "no more") : OK;
}

static enum err get_all(const struct catalog_source *from, const struct catalog *c,
			struct taken *all, struct error *e)
{
	const struct catalog_entry **entry = xcalloc(c->n + 1, sizeof(*entry));
	enum err err;

	for (size_t i = 0; i < c->n; i++)
		entry[i] = &c->entry[i];
	err = catalog_get(from, entry, c->n, TX_PLAN, take, all, e);
	free(entry);
	return err;
}

static char vanishes[64];

static void vanish(struct memory_store *s, const char *verb, const char *key)
{
	if (strcmp(verb, "GET") == 0 && strcmp(key, vanishes) == 0)
		memory_remove(s, key);
}

static void fail_it(struct memory_store *s, const char *verb, const char *key)
{
	s->fails = strcmp(key, vanishes) == 0;
	s->fail = STORE_FAULT;
}

static void test_getting(void)
{
	struct catalog_source from = {.store = &m.store};
	static atomic_bool stop;
	struct catalog c;
	struct error e;

	memory_store_init(&m);
	for (unsigned n = 0; n < 40; n++) {
		const char text[] = {(char)('A' + n), '\0'};

		memory_put(&m, plan_key(n, TX_PLAN), text, NULL);
	}
	c = read_all();
	{
		struct taken all = {0};

		CHECK_INT(get_all(&from, &c, &all, &e), OK, "all are got");
		CHECK_STR(all.order, "ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefgh", "in their order");
		CHECK_INT(m.gets, 40, "each once");
	}
	{
		struct taken all = {.fail_at = 3};

		m.gets = 0;
		CHECK_INT(get_all(&from, &c, &all, &e), ERR_USAGE, "taking fails");
		CHECK(all.n == 3 && m.gets <= 16, "that ends it");
	}
	snprintf(vanishes, sizeof(vanishes), "%s", plan_key(20, TX_PLAN));
	{
		struct taken all = {0};

		m.before = fail_it;
		CHECK_INT(get_all(&from, &c, &all, &e), ERR_NET, "the store fails");
		CHECK(strstr(e.msg, plan_id(20).s) && all.n == 16,
		      "with which one, those before were taken");
	}
	{
		struct taken all = {0};

		m.before = vanish;
		CHECK_INT(get_all(&from, &c, &all, &e), ERR_CORRUPT,
			  "one goes between LIST and GET");
		CHECK(strstr(e.msg, plan_id(20).s) && strstr(e.msg, "vanished"), "that is said");
	}
	{
		struct taken all = {0};

		m.before = NULL;
		m.gets = 0;
		atomic_store(&stop, true);
		from.stop = &stop;
		CHECK_INT(get_all(&from, &c, &all, &e), ERR_CANCELED, "interrupted");
		CHECK(!all.n && !m.gets, "nothing is asked for");
	}
	catalog_fini(&c);
	memory_store_fini(&m);
}

static void test_plans(void)
{
	static const struct {
		const char *plan, *done; /* done: NULL, it is not listed */
		enum err want_plan, want_done;
		const char *why;
	} rows[] = {
		{NULL, NULL, OK, OK, ""},
		{NULL,
		 "{\"ended\":\"2026-11-29T15:07:17Z\",\"stored_bytes\":1,\"stored\":[2],"
		 "\"existed\":[],\"conflict\":[],\"failed\":[]}",
		 OK, OK, ""},
		{NULL,
		 "{\"ended\":\"2026-11-29T15:07:17Z\",\"stored_bytes\":1,\"stored\":[3],"
		 "\"existed\":[],\"conflict\":[],\"failed\":[]}",
		 OK, ERR_CORRUPT, "no line of the plan"},
		{NULL, "<html>", OK, ERR_CORRUPT, ".done"},
		{"<html>\n", NULL, ERR_CORRUPT, OK, "no JSON"},
		{"{\"pepto\":2,\"id\":\"20261129-000001-00000001\"}\n", NULL, ERR_LIMIT, OK,
		 "update"},
		{"{\"pepto\":1}\n", NULL, ERR_CORRUPT, OK, "line 1"},
		{"{\"pepto\":1,\"id\":\"20261129-000001-00000001\"}", NULL, ERR_CORRUPT, OK,
		 "cut short"},
	};
	const struct catalog_source from = {.store = &m.store};

	memory_store_init(&m);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct plan plan CLEANUP(plan_fini) = {0};
		struct done done CLEANUP(done_fini) = {0};
		struct error e = {.code = OK};
		struct catalog c;

		plan_put(&m, 1, "a/1/a");
		memory_remove(&m, plan_key(1, TX_DONE));
		if (rows[i].plan)
			memory_put(&m, plan_key(1, TX_PLAN), rows[i].plan, NULL);
		if (rows[i].done)
			memory_put(&m, plan_key(1, TX_DONE), rows[i].done, NULL);
		c = read_all();
		CHECK_INT(catalog_get_plan(&from, &c.entry[0], &plan, &e), rows[i].want_plan,
			  rows[i].why);
		if (!rows[i].want_plan) {
			CHECK(plan.files == 1, "its file");
			CHECK_INT(catalog_get_done(&from, &c.entry[0], 1, &done, &e),
				  rows[i].want_done, rows[i].why);
			CHECK(!done.files == (!rows[i].done || rows[i].want_done),
			      "what became of it");
		}
		CHECK(strstr(e.msg, rows[i].why) || !rows[i].why[0], e.msg);
		catalog_fini(&c);
	}
	memory_store_fini(&m);
}

/* ---- what is kept ---- */

static size_t kept_files(const char *folder, char *ret_one, size_t size)
{
	DIR *d = opendir(folder);
	const struct dirent *entry;
	size_t n = 0;

	while (d && (entry = readdir(d)))
		if (entry->d_name[0] != '.') {
			snprintf(ret_one, size, "%s/%s", folder, entry->d_name);
			n++;
		}
	if (d)
		closedir(d);
	return n;
}

static void test_kept(void)
{
	char root[] = "/tmp/test_catalog.XXXXXX", folder[200], one[500];
	struct catalog_source from = {.store = &m.store};
	struct taken all = {0};
	struct catalog c;
	struct error e;
	int fd;

	ASSERT(mkdtemp(root));
	from.cache_dir = root;
	memory_store_init(&m);
	memset(m.store.id, 0xab, STORE_ID_SIZE);
	snprintf(folder, sizeof(folder), "%s/" DISK_PLANS "/abababababababababababababababab",
		 root);
	memory_put(&m, plan_key(1, TX_PLAN), "one", NULL);
	c = read_all();
	CHECK(get_all(&from, &c, &all, &e) == OK && m.gets == 1, "got from the store");
	CHECK_INT(kept_files(folder, one, sizeof(one)), 1, "and kept");
	CHECK(get_all(&from, &c, &all, &e) == OK && m.gets == 1, "not got again");
	fd = open(one, O_WRONLY | O_CLOEXEC);
	ASSERT(fd >= 0 && pwrite(fd, "X", 1, 0) == 1);
	close(fd);
	CHECK(get_all(&from, &c, &all, &e) == OK && m.gets == 2,
	      "what is damaged there is got again");
	CHECK(get_all(&from, &c, &all, &e) == OK && m.gets == 2, "and kept again");
	catalog_fini(&c);
	memory_put(&m, plan_key(1, TX_PLAN), "two", NULL);
	c = read_all();
	CHECK(get_all(&from, &c, &all, &e) == OK && m.gets == 3, "so is what was written anew");
	CHECK_INT(kept_files(folder, one, sizeof(one)), 2, "which is kept beside it,");
	kept_prune(&from, &c);
	CHECK_INT(kept_files(folder, one, sizeof(one)), 1, "until they are looked through");
	CHECK(get_all(&from, &c, &all, &e) == OK && m.gets == 3, "what is wanted stays");
	CHECK_STR(all.order, "oneoneoneonetwotwo", "what was taken");
	memory_remove(&m, plan_key(1, TX_PLAN));
	catalog_fini(&c);
	c = read_all();
	kept_prune(&from, &c);
	CHECK_INT(kept_files(folder, one, sizeof(one)), 0, "what the store has no more goes");
	catalog_fini(&c);
	(void)rmdir(folder);
	snprintf(folder, sizeof(folder), "%s/" DISK_PLANS, root);
	(void)rmdir(folder);
	(void)rmdir(root);
	memory_store_fini(&m);
}

int main(void)
{
	test_listing();
	test_versions();
	test_many();
	test_no_list();
	test_getting();
	test_plans();
	test_kept();
	return tap_done();
}
