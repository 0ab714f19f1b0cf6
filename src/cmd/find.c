// SPDX-License-Identifier: MIT
/*
 * `find GLOB [--keys]`: the names that stores have, as they spell them, and the keys below these. The names at the
 * root are listed; of a two-tier store those in its folders of two letters, too. What matches is kept and sorted;
 * of keys nothing is kept.
 */
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/listings.h"
#include "cmd/stores_command.h"

enum { KEYS = 1, JSON = 2 };

struct loose { /* a key at the root */
	char *key;
	struct name_fact fact;
};

struct find {
	struct store *store;
	struct buf glob; /* a '+' in it, or in a name, is a space (name_list.h) */
	bool keys, json, tells_store;
	size_t told;
	struct name_list names,
		tiers; /* that match, with a '/' at their end; folders of two letters */
	size_t names_room, tiers_room;
	bool two_tier;
	struct loose *loose; /* that match, sorted */
	size_t n_loose, loose_told;
};

void help_print_find(FILE *f)
{
	fputs("usage: pepto-symbol find GLOB [--keys] [--json] [--store URL]... [--flag "
	      "value]...\n\n"
	      "Print the names in the stores that match GLOB ('*', '?', any case), sorted for "
	      "each\n"
	      "store, and the store where there are several.\n\n"
	      "  --keys    print the keys below these names\n"
	      "  --json    a line of JSON for each name or key, with store, size and time\n\n"
	      "The other flags are those of serve. An http(s):// store cannot be listed and is\n"
	      "passed over. A bucket needs s3:ListBucket; a request lists a thousand names.\n\n"
	      "Exit code: 0 found, 1 nothing found or not all keys listed, 2 usage, 4 a store "
	      "that\n"
	      "cannot be reached or listed.\n\n"
	      "  pepto-symbol find 'myapp*' --keys --store s3://my-symbols\n",
	      f);
}

static const struct stores_flag flags[] = {{.name = "keys"}, {.name = "json"}, {NULL}};
static int run(struct service *s, const struct stores_words *w);
static const struct stores_command command = {.name = "find",
					      .word = "GLOB",
					      .words_min = 1,
					      .words_max = 1,
					      .flags = flags,
					      .help = help_print_find,
					      .run = run};

/* ---- which names ---- */

static struct slice add_spaced(struct slice s, struct buf *out)
{
	buf_clear(out);
	buf_add(out, s);
	for (size_t i = 0; i < out->n; i++)
		if (out->p[i] == '+')
			out->p[i] = ' ';
	return buf_slice(out);
}

static struct slice bare(struct slice name)
{
	return slice_head(name, name.n - slice_ends(name, SLICE("/")));
}

static bool matches(const struct find *x, struct slice name)
{
	struct buf spaced CLEANUP(buf_fini) = BUF_MAX(16384);

	return name.n && fold_glob(add_spaced(name, &spaced), buf_slice(&x->glob), false);
}

/* May a folder of two letters hold a name that matches? */
static bool tier_matches(const struct find *x, struct slice folder)
{
	struct slice glob = slice_head(buf_slice(&x->glob), 2);

	for (size_t i = 0; i < glob.n; i++)
		if (glob.p[i] == '*' || glob.p[i] == '?' || (unsigned char)glob.p[i] >= 0x80)
			return true;
	return fold_equal(slice_head(folder, 2), glob);
}

static enum err add_match(struct find *x, struct slice folder, struct slice name, struct error *e)
{
	struct buf whole CLEANUP(buf_fini) = BUF_MAX(16384);

	if (name_is_reserved(name) || !matches(x, bare(name)))
		return OK;
	buf_add(&whole, folder);
	buf_add(&whole, name);
	return name_list_add(&x->names, &x->names_room, buf_slice(&whole), e);
}

static void add_loose(struct find *x, struct slice key, const struct name_fact *fact)
{
	if (slice_eq(key, SLICE("index2.txt")))
		x->two_tier = true;
	if (name_is_reserved(key) || !matches(x, key))
		return;
	x->loose = reallocarray(x->loose, x->n_loose + 1, sizeof(*x->loose));
	ASSERT(x->loose);
	x->loose[x->n_loose++] = (struct loose){xstrndup(key.p, key.n), *fact};
}

static enum err take_root(void *ud, struct slice folder, const struct name_page *page,
			  struct error *e)
{
	struct find *x = ud;
	enum err err = OK;

	for (size_t i = 0; i < page->n_keys; i++)
		add_loose(x, page->keys[i], &page->facts[i]);
	for (size_t i = 0; i < page->n_folders && !err; i++)
		err = page->folders[i].n == 3
			      ? name_list_add(&x->tiers, &x->tiers_room, page->folders[i], e)
			      : add_match(x, folder, page->folders[i], e);
	return err;
}

static enum err take_tier(void *ud, struct slice folder, const struct name_page *page,
			  struct error *e)
{
	struct find *x = ud;
	enum err err = OK;

	for (size_t i = 0; i < page->n_folders && !err; i++)
		err = add_match(x, folder, page->folders[i], e);
	return err;
}

/* A folder of two letters is a name as others in a store of one tier. */
static enum err settle_tiers(struct find *x, struct error *e)
{
	static const struct listings_how how = {0};
	int tier = atomic_load(&x->store->tier);
	bool two = tier == TIER_TWO || tier == TIER_BOTH || (tier == TIER_UNKNOWN && x->two_tier);
	struct name_list wanted = {.text = BUF_MAX(NAME_TEXT_MAX)};
	size_t room = 0;
	enum err err = OK;

	for (size_t i = 0; i < x->tiers.n && !err; i++) {
		struct slice folder = name_list_at(&x->tiers, i);

		if (!two)
			err = add_match(x, SLICE(""), folder, e);
		else if (tier_matches(x, folder))
			err = name_list_add(&wanted, &room, folder, e);
	}
	if (!err && wanted.n)
		err = listings_run(x->store, &wanted, &how, take_tier, x, e);
	name_list_fini(&wanted);
	return err;
}

/* ---- telling ---- */

static void tell(struct find *x, struct slice name, struct slice key, const struct name_fact *fact)
{
	struct buf line CLEANUP(buf_fini) = BUF_MAX(65536);

	x->told++;
	if (x->json) {
		buf_puts(&line, "{\"store\":");
		(void)json_string_add(slice_of(x->store->traits.name), &line);
		buf_putc(&line, ',');
		json_key_add("name", name, &line);
		if (x->keys) {
			buf_putc(&line, ',');
			json_key_add("key", key, &line);
			json_fact_add(fact, &line);
		}
		buf_puts(&line, "}");
	} else {
		text_show(x->keys ? key : name, &line);
		if (x->tells_store)
			buf_printf(&line, "\t%s", x->store->traits.name);
	}
	buf_putc(&line, '\n');
	(void)fwrite(line.p, 1, line.n, stdout);
}

/* Keys at the root that come before, or all. */
static void tell_loose(struct find *x, struct slice before, bool all)
{
	while (x->loose_told < x->n_loose) {
		const struct loose *l = &x->loose[x->loose_told];

		if (!all && slice_compare(slice_of(l->key), before) >= 0)
			return;
		tell(x, slice_of(l->key), slice_of(l->key), &l->fact);
		x->loose_told++;
	}
}

/* "fo/foo.pdb/" is foo.pdb. */
static struct slice name_in(struct slice folder)
{
	struct slice name = bare(folder);
	size_t slash = slice_find(name, '/');

	return slash < name.n ? slice_from(name, slash + 1) : name;
}

static enum err tell_keys(void *ud, struct slice folder, const struct name_page *page,
			  struct error *e)
{
	struct find *x = ud;
	struct buf key CLEANUP(buf_fini) = BUF_MAX(16384);

	tell_loose(x, folder, false);
	for (size_t i = 0; i < page->n_keys; i++) {
		buf_clear(&key);
		buf_add(&key, folder);
		buf_add(&key, page->keys[i]);
		tell(x, name_in(folder), buf_slice(&key), &page->facts[i]);
	}
	return ferror(stdout) ? stdout_flush(e) : OK;
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct loose *)a)->key, ((const struct loose *)b)->key);
}

static int by_name(const void *a_, const void *b_, void *ud)
{
	struct slice a = name_list_at(ud, *(const uint32_t *)a_);
	struct slice b = name_list_at(ud, *(const uint32_t *)b_);
	int names = slice_compare(name_in(a), name_in(b));

	return names ? names : slice_compare(a, b);
}

/* Those of several folders come as these were listed. */
static enum err sorted(const struct name_list *l, struct name_list *ret, struct error *e)
{
	uint32_t *order = xzalloc((l->n + 1) * sizeof(*order));
	enum err err = OK;
	size_t room = 0;

	*ret = (struct name_list){.text = BUF_MAX(NAME_TEXT_MAX)};
	for (size_t i = 0; i < l->n; i++)
		order[i] = (uint32_t)i;
	qsort_r(order, l->n, sizeof(*order), by_name, (void *)l);
	for (size_t i = 0; i < l->n && !err; i++)
		err = name_list_add(ret, &room, name_list_at(l, order[i]), e);
	free(order);
	return err;
}

static enum err tell_all(struct find *x, struct error *e)
{
	static const struct listings_how how = {.deep = true, .ordered = true};
	struct name_list names = {0};
	enum err err = sorted(&x->names, &names, e);

	if (x->n_loose)
		qsort(x->loose, x->n_loose, sizeof(x->loose[0]), by_key);
	if (!err && x->keys)
		err = listings_run(x->store, &names, &how, tell_keys, x, e);
	for (size_t i = 0; i < names.n && !err && !x->keys; i++) {
		struct slice folder = name_list_at(&names, i);

		tell_loose(x, name_in(folder), false);
		tell(x, name_in(folder), folder, NULL);
	}
	if (!err)
		tell_loose(x, SLICE(""), true);
	name_list_fini(&names);
	return err;
}

/* ---- stores ---- */

static int find_in(struct find *x, struct store *store)
{
	static const struct listings_how how = {0};
	int code = EXIT_SUCCESS;
	struct error e;

	x->store = store;
	x->names = (struct name_list){.text = BUF_MAX(NAME_TEXT_MAX)};
	x->tiers = (struct name_list){.text = BUF_MAX(NAME_TEXT_MAX)};
	x->names_room = x->tiers_room = x->n_loose = x->loose_told = 0;
	x->loose = NULL;
	x->two_tier = false;
	if (listings_run(store, listings_root(), &how, take_root, x, &e) != OK ||
	    settle_tiers(x, &e) != OK) {
		code = stores_command_failed(&command, store, &e);
	} else if (tell_all(x, &e) != OK) {
		code = stores_command_broke_off(&command, store, &e);
	}
	for (size_t i = 0; i < x->n_loose; i++)
		free(x->loose[i].key);
	free(x->loose);
	name_list_fini(&x->names);
	name_list_fini(&x->tiers);
	return code;
}

static bool any_can_list(const struct service *s)
{
	for (size_t i = 0; i < s->stores.n; i++)
		if (store_can_list(s->stores.store[i]))
			return true;
	return false;
}

static int run(struct service *s, const struct stores_words *w)
{
	struct find x = {
		.keys = w->set & KEYS, .json = w->set & JSON, .tells_store = s->stores.n > 1};
	int code = any_can_list(s) ? EXIT_SUCCESS : EXIT_USAGE;
	struct error e;

	x.glob = BUF_MAX(16384);
	(void)add_spaced(slice_of(w->word[0]), &x.glob);
	for (size_t i = 0; i < s->stores.n; i++) {
		if (store_can_list(s->stores.store[i]))
			code = exit_code_worse(code, find_in(&x, s->stores.store[i]));
		else
			stores_command_tell(&command, s->stores.store[i], "cannot be listed");
	}
	buf_fini(&x.glob);
	if (stdout_flush(&e) != OK)
		return exit_code_worse(code, stores_command_broke_off(&command, NULL, &e));
	return !code && !x.told ? EXIT_FAILURE : code;
}

int find_command(int argc, char *const argv[])
{
	return stores_command_run(&command, argc, argv);
}
