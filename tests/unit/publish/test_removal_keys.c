// SPDX-License-Identifier: MIT
/* Which keys may be removed, as far as plans tell. */
#include "publish/removal_keys.h"
#include "tap.h"

static struct plan plan_of(const char *const *keys, size_t n)
{
	struct plan p = {0};
	struct error e;

	for (size_t i = 0; i < n; i++) {
		const struct plan_file f = {.key = slice_of(keys[i])};

		ASSERT(plan_add(&p, &f, &e) == OK);
	}
	return p;
}

static struct removal_keys keys_of(const struct plan *p, bool folds)
{
	struct removal_keys k = {.folds = folds};

	ASSERT(removal_keys_add(&k, p, 100, NULL) == OK);
	removal_keys_sort(&k);
	return k;
}

/* Of the key "k/1/k": one plan is to be removed, and what is known of others. */
static const struct {
	const char *name;
	unsigned named, unnamed; /* by so many, of which so many are gone later */
	bool stored;             /* by the one that goes, else it existed */
	bool open;               /* that one was open */
	bool by_another;         /* that is gone stored it */
	bool may_go;
} rows[] = {
	{"stored", 0, 0, true, false, false, true},
	{"it existed", 0, 0, false, false, false, false},
	{"stored, and another one names it", 1, 0, true, false, false, false},
	{"stored, and two did", 2, 2, true, false, false, true},
	{"stored, and one of two still does", 2, 1, true, false, false, false},
	{"it existed, as another stored it that is gone", 0, 0, false, false, true, true},
	{"likewise, and a third one names it", 1, 0, false, false, true, false},
	{"open: its object tells", 0, 0, false, true, false, true},
	{"open, and another one names it", 1, 0, false, true, false, false},
};

static void test_what_may_go(void)
{
	static const char *const names[] = {"a/0/a", "k/1/k"};
	struct plan p = plan_of(names, 2);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct removal_keys k = keys_of(&p, false);
		struct done done = done_of(2);
		struct removal_key *key;

		done.outcome[0] = OUTCOME_FAILED;
		done.outcome[1] = rows[i].stored ? OUTCOME_STORED : OUTCOME_EXISTED;
		removal_keys_stored(&k, &p, rows[i].open ? NULL : &done, INT64_MAX);
		done.outcome[1] = OUTCOME_STORED;
		if (rows[i].by_another)
			removal_keys_stored(&k, &p, &done, INT64_MAX);
		for (unsigned n = 0; n < rows[i].named; n++)
			removal_keys_name(&k, &p, true);
		for (unsigned n = 0; n < rows[i].unnamed; n++)
			removal_keys_name(&k, &p, false);
		key = removal_keys_find(&k, SLICE("k/1/k"));
		CHECK(key && removal_key_may_go(key) == rows[i].may_go, rows[i].name);
		key = removal_keys_find(&k, SLICE("a/0/a"));
		CHECK(key && (rows[i].open || !removal_key_may_go(key)), "what failed stays");
		CHECK(!removal_keys_find(&k, SLICE("K/1/k")), "in its own case");
		done_fini(&done);
		removal_keys_fini(&k);
	}
	plan_fini(&p);
}

/* Each once, however many of the plans have it. */
static void test_several_plans(void)
{
	static const char *const first[] = {"b", "a", "c"}, *const second[] = {"c", "d", "a"};
	struct plan p = plan_of(first, 3), q = plan_of(second, 3);
	struct removal_keys k = {0};

	ASSERT(removal_keys_add(&k, &p, 100, NULL) == OK &&
	       removal_keys_add(&k, &q, 100, NULL) == OK);
	removal_keys_sort(&k);
	CHECK_INT(k.n, 4, "of six");
	for (size_t i = 0; i < k.n; i++)
		CHECK(k.v[i].key[0] == "abcd"[i], "in their order");
	removal_keys_fini(&k);
	plan_fini(&p);
	plan_fini(&q);
}

/* A store that finds names in any case has one file for them; it goes as it was stored. */
static void test_any_case(void)
{
	static const char *const theirs[] = {"Foo.pdb/AB1/Foo.pdb"}, *const ours[] = {
									     "foo.pdb/ab1/foo.pdb"};
	struct plan stored = plan_of(theirs, 1), existed = plan_of(ours, 1);
	struct removal_keys k = keys_of(&existed, true);
	struct done done = done_of(1);
	struct removal_key *key = removal_keys_find(&k, SLICE("FOO.PDB/ab1/foo.pdb"));

	done.outcome[0] = OUTCOME_STORED;
	CHECK(key && !removal_key_may_go(key), "one file");
	removal_keys_stored(&k, &stored, &done, INT64_MAX);
	CHECK(removal_key_may_go(key), "which another one stored");
	CHECK_STR(key->key, theirs[0], "under this name");
	removal_keys_name(&k, &stored, true);
	CHECK(!removal_key_may_go(key), "and a third one names");
	done_fini(&done);
	removal_keys_fini(&k);
	plan_fini(&stored);
	plan_fini(&existed);
}

/* Of one that was gone before, what plans say of its keys counts no more: the object has to tell. */
static void test_once_more(void)
{
	static const char *const names[] = {"k/1/k"};
	struct plan p = plan_of(names, 1);
	struct removal_keys k = {0};
	struct done done = done_of(1);

	done.outcome[0] = OUTCOME_STORED;
	ASSERT(removal_keys_add(&k, &p, INT64_MAX, NULL) == OK);
	removal_keys_sort(&k);
	removal_keys_stored(&k, &p, &done, 2000000000);
	CHECK(!removal_key_may_go(&k.v[0]), "another one that is gone stored it once");
	removal_keys_stored_since(&k, &p);
	CHECK(removal_key_may_go(&k.v[0]) && !k.v[0].stored && !k.v[0].asks, "its object tells");
	removal_keys_name(&k, &p, true);
	CHECK(!removal_key_may_go(&k.v[0]), "not what another one names");
	done_fini(&done);
	removal_keys_fini(&k);
	plan_fini(&p);
}

int main(void)
{
	test_what_may_go();
	test_several_plans();
	test_any_case();
	test_once_more();
	return tap_done();
}
