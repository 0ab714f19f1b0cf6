// SPDX-License-Identifier: MIT
/*
 * What a removal takes away and what it leaves, in a bucket where others write meanwhile, and where things go wrong. What
 * may happen between two that write at once is searched by test_protocol.c.
 */
#include "publish/removal.h"

#include "../plan_rig.h"
#include "tap.h"

static struct memory_store m;

struct heard {
	size_t keys, transactions;
	char fates[32]; /* of each key: "rkaf", removed, kept, absent, failed */
	enum tx_state state;
	bool is_gone;
	int64_t removed, kept;
};

static void hear_key(void *ud, const struct removal_key *key)
{
	static const char words[] = {[FATE_UNDECIDED] = '?',
				     [FATE_REMOVED] = 'r',
				     [FATE_KEPT] = 'k',
				     [FATE_ABSENT] = 'a',
				     [FATE_FAILED] = 'f'};
	struct heard *h = ud;

	if (h->keys < sizeof(h->fates) - 1)
		h->fates[h->keys] = words[key->fate];
	h->keys++;
	CHECK(key->fate != FATE_FAILED || key->why, "why, of what failed");
}

static void hear_transaction(void *ud, const struct tx_id *id, bool is_gone, enum tx_state state,
			     int64_t removed, int64_t kept)
{
	struct heard *h = ud;

	h->transactions++;
	h->is_gone = is_gone;
	h->state = state;
	h->removed = removed;
	h->kept = kept;
}

static enum err remove_some(const unsigned *which, size_t n, bool dry_run, const atomic_bool *stop,
			    struct heard *h, struct removal_result *result, struct error *e)
{
	static const struct removal_events events = {hear_key, hear_transaction};
	const struct catalog_source from = {.store = &m.store, .stop = stop};
	struct tx_id id[8];
	const struct removal_request request = {
		.from = &from, .id = id, .n = n, .by = "me@here", .why = "rm", .dry_run = dry_run};

	ASSERT(n <= ARRAY_LEN(id));
	for (size_t i = 0; i < n; i++)
		id[i] = plan_id(which[i]);
	*h = (struct heard){0};
	return removal_run(&request, &events, h, result, e);
}

static bool is_there(const char *key)
{
	return memory_find(&m, key) != NULL;
}

/* What .gone of a transaction says, "" where there is none. */
static const char *gone_says(unsigned n)
{
	const struct memory_object *o = memory_find(&m, plan_key(n, TX_GONE));

	return !o ? "" : strstr(o->text, "\"gone\"") ? "gone" : "going";
}

/* ---- worlds: transaction 1 is to be removed, and has stored "foo/1/foo" ---- */

static void nothing_else(void)
{
}

static void another_names_it(void)
{
	live_put(&m, 2, "foo/1/foo bar/1/bar", "es");
}

static void an_open_one_names_it(void)
{
	plan_put(&m, 2, "foo/1/foo");
}

static void one_that_goes_names_it(void)
{
	live_put(&m, 2, "foo/1/foo", "e");
	gone_put(&m, 2, false);
}

static void one_that_is_gone_names_it(void)
{
	live_put(&m, 2, "foo/1/foo", "e");
	gone_put(&m, 2, true);
}

static void it_existed(void)
{
	done_put(&m, 1, "e");
}

static void refs_beside_it(void)
{
	memory_put(&m, "foo/1/refs.ptr", "0000000001,file,foo", NULL);
}

static void refs_beside_another(void)
{
	memory_put(&m, "foo/2/refs.ptr", "0000000001,file,foo", NULL);
}

static void it_was_open(void)
{
	memory_remove(&m, plan_key(1, TX_DONE));
}

static void it_was_open_and_another_stored_it(void)
{
	it_was_open();
	memory_put(&m, "foo/1/foo", "0", plan_id(77).s); /* whom nobody knows */
}

static void it_was_open_and_nobody_says_who_stored_it(void)
{
	it_was_open();
	memory_put(&m, "foo/1/foo", "0", NULL);
}

static void it_was_open_and_stored_nothing(void)
{
	it_was_open();
	memory_remove(&m, "foo/1/foo");
}

static void it_is_gone_from_the_store(void)
{
	memory_remove(&m, "foo/1/foo");
}

static void only_gone_of_another(void)
{
	gone_put(&m, 2, true);
}

static void only_going_of_another(void)
{
	gone_put(&m, 2, false);
}

static void only_done_of_another(void)
{
	done_put(&m, 2, "s");
}

static void text_as_a_plan(void)
{
	memory_put(&m, plan_key(2, TX_PLAN), "<html>\n", NULL);
}

static void an_empty_plan(void)
{
	memory_put(&m, plan_key(2, TX_PLAN), "", NULL);
}

static void a_newer_plan(void)
{
	memory_put(&m, plan_key(2, TX_PLAN), "{\"pepto\":2,\"id\":\"20261129-000002-00000002\"}\n",
		   NULL);
}

static void a_hostile_plan(void)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX(4096);

	buf_printf(&text,
		   "{\"pepto\":1,\"id\":\"%s\",\"started\":\"2026-11-29T15:07:17Z\",\"files\":1,"
		   "\"bytes\":"
		   "1}\n{\"key\":\"../foo\",\"size\":1,\"sha256\":\"" PLAN_SHA "\"}\n",
		   plan_id(2).s);
	memory_put(&m, plan_key(2, TX_PLAN), buf_str(&text), NULL);
}

static void a_gone_that_says_nothing(void)
{
	live_put(&m, 2, "bar/1/bar", "s");
	memory_put(&m, plan_key(2, TX_GONE), "{}", NULL);
}

static void another_is_there(void)
{
	live_put(&m, 2, "bar/1/bar", "s");
}

static void many_plans(void)
{
	m.page_keys = 100;
	for (unsigned n = 2; n < 1100; n++) {
		char keys[60];

		snprintf(keys, sizeof(keys), "bar/%u/bar", n);
		plan_put(&m, n, keys);
	}
}

static void many_plans_and_the_last_names_it(void)
{
	many_plans();
	plan_put(&m, 1100, "foo/1/foo");
}

/* ---- what others do meanwhile, and what fails ---- */

static void plan_vanishes(struct memory_store *s, const char *verb, const char *key)
{
	if (strcmp(verb, "GET") == 0 && strcmp(key, plan_key(2, TX_PLAN)) == 0)
		memory_remove(s, key);
}

static void plan_and_all_vanish(struct memory_store *s, const char *verb, const char *key)
{
	if (strcmp(verb, "GET") != 0 || strcmp(key, plan_key(2, TX_PLAN)) != 0)
		return;
	memory_remove(s, plan_key(2, TX_DONE));
	memory_remove(s, key);
}

static void plan_fails(struct memory_store *s, const char *verb, const char *key)
{
	s->fail = STORE_FAULT;
	s->fails = strcmp(verb, "GET") == 0 && strcmp(key, plan_key(2, TX_PLAN)) == 0;
}

static void list_fails(struct memory_store *s, const char *verb, const char *key)
{
	s->fail = STORE_FAULT;
	s->fails = strcmp(verb, "LIST") == 0;
}

static void second_list_fails(struct memory_store *s, const char *verb, const char *key)
{
	s->fail = STORE_FAULT;
	s->fails = strcmp(verb, "LIST") == 0 && s->lists == 2;
}

static void marker_fails(struct memory_store *s, const char *verb, const char *key)
{
	s->fails = strcmp(verb, "PUT") == 0 && strstr(key, TX_REMOVALS);
}

static void gone_fails(struct memory_store *s, const char *verb, const char *key)
{
	s->fails = strcmp(verb, "PUT") == 0 && strstr(key, ".gone");
}

static void delete_fails(struct memory_store *s, const char *verb, const char *key)
{
	s->fails = strcmp(verb, "DELETE") == 0 && strcmp(key, "foo/1/foo") == 0;
}

static void refs_fail(struct memory_store *s, const char *verb, const char *key)
{
	s->fail = STORE_FAULT;
	s->fails = strcmp(key, "foo/1/refs.ptr") == 0;
}

static void head_fails(struct memory_store *s, const char *verb, const char *key)
{
	s->fail = STORE_FAULT;
	s->fails = strcmp(verb, "HEAD") == 0;
}

/* An add begins when all is decided, right before the last look at what there is. */
static void one_comes_in_between(struct memory_store *s, const char *verb, const char *key)
{
	if (strcmp(verb, "LIST") == 0 && s->lists == 3)
		plan_put(s, 3, "foo/1/foo");
}

static void a_broken_one_comes_in_between(struct memory_store *s, const char *verb, const char *key)
{
	if (strcmp(verb, "LIST") == 0 && s->lists == 3)
		memory_put(s, plan_key(3, TX_PLAN), "<html>\n", NULL);
}

static void the_other_goes_in_between(struct memory_store *s, const char *verb, const char *key)
{
	if (strcmp(verb, "LIST") == 0 && s->lists == 3)
		gone_put(s, 2, false);
}

typedef void between(struct memory_store *s, const char *verb, const char *key);

/* stays: is foo/1/foo there afterwards? fates: of the keys of all that go; gone: what .gone of 1 says then */
static const struct {
	const char *what;
	void (*world)(void);
	between *before;
	enum err want;
	bool stays;
	const char *fates, *gone;
	const char *why; /* in the error */
} rows[] = {
	{"stored", nothing_else, NULL, OK, false, "r", "gone", ""},
	{"another names it", another_names_it, NULL, OK, true, "k", "gone", ""},
	{"an open one names it", an_open_one_names_it, NULL, OK, true, "k", "gone", ""},
	{"one that is going goes along", one_that_goes_names_it, NULL, OK, false, "r", "gone", ""},
	{"one that is gone", one_that_is_gone_names_it, NULL, OK, false, "r", "gone", ""},
	{"it existed", it_existed, NULL, OK, true, "k", "gone", ""},
	{"refs.ptr beside it", refs_beside_it, NULL, OK, true, "k", "gone", ""},
	{"refs.ptr beside another", refs_beside_another, NULL, OK, false, "r", "gone", ""},
	{"open, and stored it", it_was_open, NULL, OK, false, "r", "gone", ""},
	{"open, and an unknown one stored it", it_was_open_and_another_stored_it, NULL, OK, true,
	 "k", "gone", ""},
	{"open, and nobody says", it_was_open_and_nobody_says_who_stored_it, NULL, OK, true, "k",
	 "gone", ""},
	{"open, and stored nothing", it_was_open_and_stored_nothing, NULL, OK, false, "a", "gone",
	 ""},
	{"it is not there any more", it_is_gone_from_the_store, NULL, OK, false, "r", "gone", ""},
	{".gone before its plan is seen", only_gone_of_another, NULL, OK, false, "r", "gone", ""},
	{"likewise, while it goes", only_going_of_another, NULL, OK, false, "r", "gone", ""},
	{"of one there is only .done", only_done_of_another, NULL, ERR_CORRUPT, true, "", "",
	 "lost its plan"},
	{"a plan is none", text_as_a_plan, NULL, ERR_CORRUPT, true, "", "", "no JSON"},
	{"a plan is empty", an_empty_plan, NULL, ERR_CORRUPT, true, "", "", "empty"},
	{"a plan is newer", a_newer_plan, NULL, ERR_LIMIT, true, "", "", "update"},
	{"a plan names what is none of ours", a_hostile_plan, NULL, ERR_CORRUPT, true, "", "",
	 "'..'"},
	{"a .gone says nothing", a_gone_that_says_nothing, NULL, ERR_CORRUPT, true, "", "",
	 ".gone"},
	{"a plan cannot be got", another_is_there, plan_fails, ERR_NET, true, "", "", "broken"},
	{"a plan goes between LIST and GET", another_is_there, plan_vanishes, ERR_CORRUPT, true, "",
	 "", "vanished"},
	{"and what lies beside it", another_is_there, plan_and_all_vanish, ERR_CORRUPT, true, "",
	 "", "vanished"},
	{"no list", another_is_there, list_fails, ERR_NET, true, "", "", "cannot list"},
	{"no second list", another_is_there, second_list_fails, ERR_NET, true, "", "going",
	 "cannot list"},
	{"no marker can be put", another_is_there, marker_fails, ERR_NET, true, "", "",
	 TX_REMOVALS},
	{"no .gone can be put", another_is_there, gone_fails, ERR_NET, true, "", "", ".gone"},
	{"it cannot be removed", another_is_there, delete_fails, OK, true, "f", "going", ""},
	{"no answer about refs.ptr", another_is_there, refs_fail, ERR_NET, true, "", "going",
	 "refs.ptr"},
	{"no answer about who stored it", it_was_open, head_fails, ERR_NET, true, "", "going",
	 "foo/1/foo"},
	{"one comes that names it", another_is_there, one_comes_in_between, OK, true, "k", "gone",
	 ""},
	{"one comes that cannot be read", another_is_there, a_broken_one_comes_in_between,
	 ERR_CORRUPT, true, "", "going", "no JSON"},
	{"the other one that names it goes", another_names_it, the_other_goes_in_between, OK, true,
	 "k", "gone", ""},
	{"a thousand others", many_plans, NULL, OK, false, "r", "gone", ""},
	{"and the last of them names it", many_plans_and_the_last_names_it, NULL, OK, true, "k",
	 "gone", ""},
};

static void test_rows(void)
{
	static const unsigned one[] = {1};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct removal_result result;
		struct error e = {.code = OK};
		struct heard h;
		enum err err;

		memory_store_init(&m);
		live_put(&m, 1, "foo/1/foo", "s");
		rows[i].world();
		m.before = rows[i].before;
		err = remove_some(one, 1, false, NULL, &h, &result, &e);
		CHECK_INT(err, rows[i].want, rows[i].what);
		CHECK(strstr(e.msg, rows[i].why), rows[i].why);
		CHECK_INT(is_there("foo/1/foo"), rows[i].stays, "is it there still?");
		CHECK_STR(h.fates, rows[i].fates, "what became of it");
		CHECK_STR(gone_says(1), rows[i].gone, "what is written down");
		CHECK(err || h.state == (rows[i].gone[4] ? TX_STATE_GOING : TX_STATE_GONE),
		      "and told");
		CHECK_INT(result.failed, h.fates[0] == 'f', "so many failed");
		CHECK(!is_there("bar/1/bar") || rows[i].world != nothing_else, "no other key");
		CHECK_INT(memory_asked(&m, "DELETE foo/1/foo"), strspn(h.fates, "rf"),
			  "nothing is removed but what is told");
		m.before = NULL;
		for (size_t k = 0; k < m.n; k++)
			ASSERT(!strstr(m.object[k].key, TX_REMOVALS)); /* no marker stays */
		if (rows[i].gone[0] == '\0')
			CHECK(!result.any_written || strstr(rows[i].why, ".gone"),
			      "nothing was written");
		memory_store_fini(&m);
	}
}

/* In which order: that others can rely on. */
static void test_order(void)
{
	static const unsigned one[] = {1};
	struct removal_result result;
	struct heard h;
	struct error e;
	const char *order;

	memory_store_init(&m);
	live_put(&m, 1, "foo/1/foo", "s");
	ASSERT(remove_some(one, 1, false, NULL, &h, &result, &e) == OK);
	order = buf_str(&m.asked);
	{
		static const char *const steps[] = {
			"LIST .pepto/tx/|",
			"PUT .pepto/rm/",
			"PUT .pepto/tx/20261129-000001-00000001.json.gone|",
			"LIST .pepto/tx/|",
			"PUT .pepto/rm/",
			"LIST .pepto/tx/|",
			"DELETE foo/1/foo|",
			"PUT .pepto/tx/20261129-000001-00000001.json.gone|",
			"DELETE .pepto/rm/"};

		for (size_t i = 0; i < ARRAY_LEN(steps) && order; i++) {
			order = strstr(order, steps[i]);
			CHECK(order, steps[i]);
			order += order ? strlen(steps[i]) : 0;
		}
	}
	CHECK(h.removed == 1 && h.kept == 0 && h.is_gone && result.any_written, "what is told");
	memory_store_fini(&m);
}

static void test_several(void)
{
	static const unsigned both[] = {1, 2, 1}, unknown[] = {1, 9};
	struct removal_result result;
	struct heard h;
	struct error e;

	memory_store_init(&m);
	live_put(&m, 1, "foo/1/foo bar/1/bar", "ss");
	live_put(&m, 2, "foo/1/foo bay/1/bay", "es");
	live_put(&m, 3, "bay/1/bay", "e");
	CHECK_INT(remove_some(unknown, 2, false, NULL, &h, &result, &e), ERR_USAGE,
		  "one is unknown");
	CHECK(strstr(e.msg, plan_id(9).s) && !result.any_written, "then none is touched");
	CHECK_INT(remove_some(both, 3, true, NULL, &h, &result, &e), OK, "dry");
	CHECK_STR(h.fates, "rkr", "what would be removed");
	CHECK(h.transactions == 2 && h.state == TX_STATE_LIVE, "they are live still");
	CHECK(!result.any_written && !memory_asked(&m, "PUT") && !memory_asked(&m, "DELETE"),
	      "nothing is written");
	CHECK_INT(remove_some(both, 3, false, NULL, &h, &result, &e), OK,
		  "both, one of them told twice");
	CHECK_STR(h.fates, "rkr", "what one of them stored, and no other needs");
	CHECK_INT(h.transactions, 2, "each once");
	CHECK(!is_there("foo/1/foo") && !is_there("bar/1/bar") && is_there("bay/1/bay"),
	      "that is so");
	memory_store_fini(&m);
}

/* What another one began and left, whoever is removed next. */
static void test_going(void)
{
	struct removal_result result;
	struct heard h;
	struct error e;

	memory_store_init(&m);
	live_put(&m, 1, "foo/1/foo", "s");
	gone_put(&m, 1, false);
	CHECK_INT(remove_some(NULL, 0, false, NULL, &h, &result, &e), OK, "nothing is asked for");
	CHECK(!is_there("foo/1/foo") && h.transactions == 1, "what was going is finished");
	CHECK_STR(gone_says(1), "gone", "and is gone");
	memory_store_fini(&m);
}

/* Of one that is gone an add may have run on: only what says that it is of it goes. */
static void test_again(void)
{
	static const unsigned one[] = {1};
	struct removal_result result;
	struct heard h;
	struct error e;

	memory_store_init(&m);
	live_put(&m, 1, "foo/1/foo bar/1/bar bay/1/bay", "sss");
	gone_put(&m, 1, true);
	memory_put(&m, "bar/1/bar", "0", plan_id(5).s);
	memory_remove(&m, "bay/1/bay");
	CHECK_INT(remove_some(one, 1, false, NULL, &h, &result, &e), OK, "once more");
	CHECK_STR(h.fates, "kar", "of bar, bay and foo");
	CHECK(!is_there("foo/1/foo") && is_there("bar/1/bar"), "its own alone");
	memory_store_fini(&m);
}

static void test_stop(void)
{
	static const unsigned one[] = {1};
	static atomic_bool stop = true;
	struct removal_result result;
	struct heard h;
	struct error e;

	memory_store_init(&m);
	live_put(&m, 1, "foo/1/foo", "s");
	CHECK_INT(remove_some(one, 1, false, &stop, &h, &result, &e), ERR_CANCELED, "interrupted");
	CHECK(is_there("foo/1/foo") && !memory_asked(&m, "DELETE foo"), "nothing was removed");
	memory_store_fini(&m);
}

/* Of an add that made keys which none makes any more: its plan is read, and what it stored goes. */
static void test_old_keys(void)
{
	static const char *const keys[] = {"a\\b/1/a\\b", "a/.pepto-x/a", "a/1/refs.ptr",
					   "a/000admin/a"};
	static const unsigned one[] = {1};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		struct buf text CLEANUP(buf_fini) = BUF_MAX(4096);
		struct removal_result result;
		struct heard h;
		struct error e;

		memory_store_init(&m);
		buf_printf(&text,
			   "{\"pepto\":1,\"id\":\"%s\",\"started\":\"2026-11-29T15:07:17Z\","
			   "\"files\":1,"
			   "\"bytes\":1}\n{\"key\":",
			   plan_id(1).s);
		buf_putc(&text, '"');
		for (const char *k = keys[i]; *k; k++) {
			if (*k == '\\')
				buf_putc(&text, '\\');
			buf_putc(&text, *k);
		}
		buf_putc(&text, '"');
		buf_puts(&text, ",\"size\":1,\"sha256\":\"" PLAN_SHA "\"}\n");
		memory_put(&m, plan_key(1, TX_PLAN), buf_str(&text), NULL);
		done_put(&m, 1, "s");
		memory_put(&m, keys[i], "0", plan_id(1).s);
		live_put(&m, 2, "foo/1/foo", "s");
		CHECK_INT(remove_some(one, 1, false, NULL, &h, &result, &e), OK, keys[i]);
		/* What is a refs.ptr counts for one beside itself. */
		CHECK_STR(h.fates, strstr(keys[i], "refs.ptr") ? "k" : "r", "what it stored");
		CHECK_STR(gone_says(1), "gone", "and it is gone");
		memory_store_fini(&m);
	}
}

/* More than go at a time. */
static void test_batches(void)
{
	static const unsigned one[] = {1};
	struct buf keys CLEANUP(buf_fini) = BUF_MAX((size_t)1 << 20);
	char outcomes[2502] = "";
	struct removal_result result;
	struct heard h;
	struct error e;

	memory_store_init(&m);
	for (unsigned i = 0; i < sizeof(outcomes) - 1; i++) {
		buf_printf(&keys, "%sfoo/%u/foo", i ? " " : "", i);
		outcomes[i] = i % 500 == 7 ? 'e' : 's';
	}
	live_put(&m, 1, buf_str(&keys), outcomes);
	CHECK_INT(remove_some(one, 1, false, NULL, &h, &result, &e), OK, "2,501 files");
	CHECK(h.removed == 2496 && h.kept == 5, "removed but what existed");
	CHECK_INT(memory_asked(&m, "PUT .pepto/rm/"), 4, "with a marker before each thousand");
	memory_store_fini(&m);
}

int main(void)
{
	test_rows();
	test_order();
	test_several();
	test_going();
	test_again();
	test_stop();
	test_batches();
	test_old_keys();
	return tap_done();
}
