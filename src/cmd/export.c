// SPDX-License-Identifier: MIT
/*
 * `export`: all keys of the stores, a line of JSON each. The names at the root are listed first, and kept; then
 * what lies below each, several at a time, of which nothing is kept. It is whole, or the exit code says that it is
 * not.
 */
#include "base/clock.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/listings.h"
#include "cmd/stores_command.h"

#include <unistd.h>

#define PROGRESS_NS (200 * NS_PER_MS)

struct export
{
	struct store *store;
	struct name_list folders;
	size_t room;
	size_t keys; /* of all stores, told so far */
	size_t at;   /* folders that were begun */
	struct buf line;
	bool shows; /* progress, on a terminal */
	int64_t began_ns, shown_ns;
};

void help_print_export(FILE *f)
{
	fputs("usage: pepto-symbol export [--store URL]... [--flag value]...\n\n"
	      "Print all that the stores hold, as they list it: a line of JSON for each key.\n\n"
	      "  {\"store\":\"s3://symbols\",\"key\":\"foo.pdb/.../foo.pdb\",\"size\":73728,\n"
	      "   \"modified\":\"2026-11-30T07:00:00Z\"}\n\n"
	      "Keys come in no order. Bytes in a key that are no UTF-8 stand as U+0080 to U+00FF,\n"
	      "and \"key_hex\" has the key. The flags are those of serve; an http(s):// store\n"
	      "cannot be listed. A bucket needs s3:ListBucket; a request lists a thousand keys of "
	      "a\n"
	      "name.\n\n"
	      "Exit code: 0 all was listed, 1 some was not, 2 usage, 4 a store that cannot be\n"
	      "reached or listed.\n",
	      f);
}

static const struct stores_flag flags[] = {{NULL}};
static int run(struct service *s, const struct stores_words *w);
static const struct stores_command command = {
	.name = "export", .flags = flags, .help = help_print_export, .run = run};

/* ---- progress ---- */

static void show_progress(struct export *x)
{
	int64_t now = clock_mono_ns();
	double seconds = (double)(now - x->began_ns) / 1e9;

	if (!x->shows || now - x->shown_ns < PROGRESS_NS)
		return;
	x->shown_ns = now;
	fprintf(stderr, "\r\033[K%zu keys, %zu of %zu names (%zu %%), %.0f keys/s", x->keys, x->at,
		x->folders.n, x->folders.n ? x->at * 100 / x->folders.n : 0,
		seconds > 0 ? (double)x->keys / seconds : 0.0);
	fflush(stderr);
}

static void end_progress(struct export *x)
{
	if (x->shows && x->shown_ns)
		fputs("\r\033[K", stderr);
	x->shown_ns = 0;
}

/* ---- pages ---- */

static enum err print_keys(struct export *x, struct slice folder, const struct name_page *page,
			   struct error *e)
{
	struct buf key CLEANUP(buf_fini) = BUF_MAX(16384);

	for (size_t i = 0; i < page->n_keys; i++) {
		buf_clear(&key);
		buf_add(&key, folder);
		buf_add(&key, page->keys[i]);
		if (!key.n)
			continue; /* the marker of a prefix */
		buf_clear(&x->line);
		buf_puts(&x->line, "{\"store\":");
		(void)json_string_add(slice_of(x->store->traits.name), &x->line);
		buf_putc(&x->line, ',');
		json_key_add("key", buf_slice(&key), &x->line);
		json_fact_add(&page->facts[i], &x->line);
		buf_puts(&x->line, "}\n");
		if (buf_failed(&key) || buf_failed(&x->line))
			return err_set(e, ERR_LIMIT, "a key of %zu bytes", page->keys[i].n);
		(void)fwrite(x->line.p, 1, x->line.n, stdout);
		x->keys++;
	}
	return ferror(stdout) ? stdout_flush(e) : OK;
}

static enum err take_root(void *ud, struct slice folder, const struct name_page *page,
			  struct error *e)
{
	struct export *x = ud;

	for (size_t i = 0; i < page->n_folders; i++)
		if (name_list_add(&x->folders, &x->room, page->folders[i], e) != OK)
			return e->code;
	return print_keys(x, folder, page, e);
}

static enum err take_keys(void *ud, struct slice folder, const struct name_page *page,
			  struct error *e)
{
	struct export *x = ud;
	enum err err = print_keys(x, folder, page, e);

	if (!page->next.n)
		x->at++;
	show_progress(x);
	return err;
}

static int export_store(struct export *x, struct store *store)
{
	static const struct listings_how at_root = {0}, below = {.deep = true};
	struct error e;
	int code = EXIT_SUCCESS;

	x->store = store;
	x->folders = (struct name_list){.text = BUF_MAX(NAME_TEXT_MAX)};
	x->room = x->at = 0;
	if (listings_run(store, listings_root(), &at_root, take_root, x, &e) != OK) {
		code = stores_command_failed(&command, store, &e);
		code = x->keys ? EXIT_FAILURE : code;
	} else if (listings_run(store, &x->folders, &below, take_keys, x, &e) != OK) {
		end_progress(x);
		code = stores_command_broke_off(&command, store, &e);
	}
	end_progress(x);
	name_list_fini(&x->folders);
	return code;
}

static int run(struct service *s, const struct stores_words *w)
{
	struct export x = {.line = BUF_MAX(65536),
			   .shows = isatty(STDERR_FILENO),
			   .began_ns = clock_mono_ns()};
	int code = EXIT_SUCCESS;
	struct error e;

	for (size_t i = 0; i < s->stores.n; i++) {
		if (store_can_list(s->stores.store[i]))
			continue;
		stores_command_tell(&command, s->stores.store[i],
				    "cannot be listed; choose other stores with --store");
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < s->stores.n && !code; i++)
		code = export_store(&x, s->stores.store[i]);
	buf_fini(&x.line);
	if (stdout_flush(&e) != OK && !code)
		code = stores_command_broke_off(&command, NULL, &e);
	return code;
}

int export_command(int argc, char *const argv[])
{
	return stores_command_run(&command, argc, argv);
}
