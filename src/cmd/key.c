// SPDX-License-Identifier: MIT
/*
 * See key.h. A file comes to an object of JSON, printed as a line, or as a few lines of
 * text; of a minidump the modules take the place of the keys. Damaged files are told and the others
 * go on; in a directory a file of no known format is no fault.
 */
#include "cmd/key.h"

#include "base/text.h"
#include "cmd/cmd.h"
#include "publish/place.h"
#include "publish/walk.h"
#include "symfmt/minidump.h"

#include <fcntl.h>
#include <jansson.h>

#define PATH_TEXT_MAX ((size_t)4 * WALK_PATH_MAX)
#define PLACE_MAX     4096

struct key_run {
	bool as_json, help;
	enum key_case how;
	size_t recognised;
	bool any_failed;
};

void help_print_key(FILE *f)
{
	fputs("usage: pepto-symbol key [--json] [--case lower|symstore] FILE|DIR|DUMP...\n\n"
	      "Tell of each symbol file what it is, by which key debuggers ask for it, and\n"
	      "its path in a store; of an image also which PDB it wants, of a minidump all\n"
	      "that for its modules. Directories are walked through. No store is asked.\n\n"
	      "  --json            a line of JSON for each file\n"
	      "  --case symstore   paths as symstore.exe writes them; else in lower case\n"
	      "  --help            this text\n\n"
	      "Exit code: 0 done; 1 a file is damaged, cannot be read or is no symbol file\n"
	      "(in directories those are passed over), or nothing was found; 2 usage.\n",
	      f);
}

/* Text that JSON and terminals can take, whatever bytes it came of. */
static json_t *json_text(struct slice s)
{
	struct buf shown CLEANUP(buf_fini) = BUF_MAX(PATH_TEXT_MAX);
	json_t *text = json_stringn(s.p ? s.p : "", s.n);

	if (text)
		return text;
	text_show(s, &shown);
	return json_stringn(buf_str(&shown), shown.n);
}

/* {"name", "key", "path"}; the name only of what is wanted. */
static json_t *json_place(struct slice name, const struct key_text *key, const struct buf *path)
{
	json_t *place = json_object();

	if (name.n)
		json_object_set_new(place, "name", json_text(name));
	json_object_set_new(place, "key", json_string(key->s));
	if (path->n && !buf_failed(path))
		json_object_set_new(place, "path", json_text(buf_slice(path)));
	return place;
}

/* NULL when no key is known for it. */
static json_t *json_wanted(const struct key_run *run, const struct symbol_identity *i,
			   const char *name)
{
	struct buf path CLEANUP(buf_fini) = BUF_MAX(PLACE_MAX);
	struct key_text key;

	if (!place_of_wanted(i, slice_of(name), run->how, &key, &path))
		return NULL;
	return json_place(slice_of(name), &key, &path);
}

static json_t *json_keys(const struct key_run *run, const struct file_facts *f, struct slice name)
{
	json_t *keys = json_array();
	struct key_text key;

	for (size_t which = 0;; which++) {
		struct buf path CLEANUP(buf_fini) = BUF_MAX(PLACE_MAX);

		if (!place_of_file(f, name, which, run->how, &key, &path))
			break;
		json_array_append_new(keys, json_place(SLICE_NONE, &key, &path));
	}
	return keys;
}

static void set_image(const struct key_run *run, const struct file_facts *f, json_t *o)
{
	json_t *pdbs = json_array();
	struct key_text key;

	for (size_t i = 0; i < f->pdbs; i++) {
		json_t *pdb = json_wanted(run, &f->pdb[i].pdb, f->pdb[i].name);

		if (pdb)
			json_array_append_new(pdbs, pdb);
	}
	json_object_set_new(o, "pdbs", pdbs);
	if (key_of_identity(&f->embedded, false, 0, &key))
		json_object_set_new(o, "embedded_pdb", json_string(key.s));
}

static json_t *json_module(const struct key_run *run, const struct minidump_module *m)
{
	json_t *module = json_wanted(run, &m->image, m->name);
	json_t *pdb = json_wanted(run, &m->pdb.pdb, m->pdb.name);

	if (!module) {
		module = json_object();
		json_object_set_new(module, "name", json_text(slice_of(m->name)));
	}
	if (pdb)
		json_object_set_new(module, "pdb", pdb);
	return module;
}

static enum err set_modules(const struct key_run *run, const struct source *file, json_t *o,
			    struct error *e)
{
	json_t *modules = json_array();
	struct minidump dump = {0};
	enum err err = minidump_open(file, &dump, e);

	json_object_set_new(o, "modules", modules);
	for (uint32_t i = 0; i < dump.modules && !err; i++) {
		struct minidump_module module;

		err = minidump_module(&dump, i, &module, e);
		if (!err)
			json_array_append_new(modules, json_module(run, &module));
	}
	return err;
}

static enum err describe(const struct key_run *run, const struct source *file, struct slice name,
			 json_t *o, struct error *e)
{
	struct file_facts *f CLEANUP(free_p) = xnew(struct file_facts);
	enum err err = facts_read(file, f, e);

	if (err || !f->kind)
		return err;
	json_object_set_new(o, "kind", json_string(f->kind));
	json_object_set_new(o, "title", json_string(f->title));
	if (f->machine[0])
		json_object_set_new(o, "machine", json_text(slice_of(f->machine)));
	if (f->privacy)
		json_object_set_new(o, "private", json_boolean(f->privacy == PRIVACY_PRIVATE));
	if (f->note)
		json_object_set_new(o, "note", json_string(f->note));
	if (f->is_minidump)
		return set_modules(run, file, o, e);
	json_object_set_new(o, "keys", json_keys(run, f, name));
	if (f->identity.kind == SYMBOL_PE)
		set_image(run, f, o);
	return OK;
}

static const char *text_of(const json_t *o, const char *field)
{
	const char *text = json_string_value(json_object_get(o, field));

	return text ? text : "";
}

/* A file may be named so that a terminal would obey it. */
static void show(const char *text)
{
	struct buf shown CLEANUP(buf_fini) = BUF_MAX(PATH_TEXT_MAX);

	text_show(slice_of(text), &shown);
	fputs(buf_str(&shown), stdout);
}

static void print_place(const char *label, const json_t *place)
{
	const char *key = text_of(place, "key"), *path = text_of(place, "path");

	printf("  %-4s %s%s", label, key, *key ? "  " : "no key: ");
	show(*path ? path : text_of(place, "name"));
	putchar('\n');
}

static void print_places(const char *label, const json_t *places)
{
	size_t i;
	json_t *place;

	json_array_foreach(places, i, place) print_place(label, place);
}

static void print_text(const json_t *o)
{
	const json_t *private = json_object_get(o, "private");
	const char *machine = text_of(o, "machine"), *embedded = text_of(o, "embedded_pdb");
	json_t *module;
	size_t i;

	show(text_of(o, "file"));
	printf(": %s", text_of(o, "title"));
	if (*machine)
		printf(", %s", machine);
	if (private)
		printf(", %s", json_is_true(private) ? "private" : "public symbols only");
	if (*text_of(o, "note"))
		printf(" (%s)", text_of(o, "note"));
	putchar('\n');
	print_places("key", json_object_get(o, "keys"));
	print_places("pdb", json_object_get(o, "pdbs"));
	if (*embedded)
		printf("  pdb  %s  within the image\n", embedded);
	json_array_foreach(json_object_get(o, "modules"), i, module)
	{
		print_place("key", module);
		if (json_object_get(module, "pdb"))
			print_place("pdb", json_object_get(module, "pdb"));
	}
	if (json_array_size(json_object_get(o, "keys")) == 0 && !json_object_get(o, "modules"))
		puts("  no key: it tells no identity");
}

static void complain(struct key_run *run, const char *path, const char *why)
{
	struct buf shown CLEANUP(buf_fini) = BUF_MAX(PATH_TEXT_MAX);

	run->any_failed = true;
	text_show(slice_of(path), &shown);
	fprintf(stderr, "pepto-symbol key: %s: %s\n", buf_str(&shown), why);
}

static void tell_failed(void *ud, const char *path, const struct error *e)
{
	complain(ud, path, e->msg);
}

static void tell_file(void *ud, const char *path, int fd, const struct stat *st, bool is_named)
{
	struct key_run *run = ud;
	struct slice whole = slice_of(path);
	struct slice name = slice_from(whole, slice_rfind(whole, '/') + 1);
	struct file_source opened = {.fd = fd};
	struct source file = source_of_file(&opened, st->st_size);
	struct error e = {.code = OK};
	json_t *o = json_object();

	if (!name.n)
		name = whole;
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM); /* or the kernel reads on */
	json_object_set_new(o, "file", json_text(whole));
	if (describe(run, &file, name, o, &e)) {
		complain(run, path, e.msg);
	} else if (!json_object_get(o, "kind")) {
		if (is_named)
			complain(run, path, "not a symbol file, of no format that is known here");
	} else {
		run->recognised++;
		if (run->as_json) {
			json_dumpf(o, stdout, JSON_COMPACT);
			putchar('\n');
		} else {
			print_text(o);
		}
	}
	json_decref(o);
}

static bool refuse(const char *why, const char *argument)
{
	fprintf(stderr, "pepto-symbol key: %s%s; see pepto-symbol key --help\n", why, argument);
	return false;
}

static bool take_case(struct key_run *run, const char *word)
{
	if (!word || (strcmp(word, "lower") != 0 && strcmp(word, "symstore") != 0))
		return refuse("--case is lower or symstore", "");
	run->how = *word == 'l' ? PLACE_IN_LOWER : PLACE_AS_SYMSTORE;
	return true;
}

/*
 * What is no option goes to paths, *ret_paths of them, which has room for all. False, with a line on
 * standard error, for arguments that make no sense.
 */
static bool take_arguments(struct key_run *run, int argc, char *const argv[], const char **paths,
			   size_t *ret_paths)
{
	bool ended = false, good = true;

	for (int i = 0; i < argc && good; i++) {
		if (ended || argv[i][0] != '-' || !argv[i][1])
			paths[(*ret_paths)++] = argv[i];
		else if (strcmp(argv[i], "--") == 0)
			ended = true;
		else if (strcmp(argv[i], "--json") == 0)
			run->as_json = true;
		else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			run->help = true;
		else if (strncmp(argv[i], "--case=", 7) == 0)
			good = take_case(run, argv[i] + 7);
		else if (strcmp(argv[i], "--case") == 0)
			good = take_case(run, ++i < argc ? argv[i] : NULL);
		else
			good = refuse("no such option: ", argv[i]);
	}
	if (good && !run->help && *ret_paths == 0)
		return refuse("which files?", "");
	return good;
}

int key_command(int argc, char *const argv[])
{
	struct key_run run = {.how = PLACE_IN_LOWER};
	struct walk walker = {tell_file, tell_failed, &run};
	const char **paths CLEANUP(free_p) = xzalloc(((size_t)argc + 1) * sizeof(*paths));
	size_t n = 0;

	if (!take_arguments(&run, argc, argv, paths, &n))
		return EXIT_USAGE;
	if (run.help)
		help_print_key(stdout);
	for (size_t i = 0; i < n && !run.help; i++)
		walk(&walker, paths[i]);
	if (!run.help && !run.recognised && !run.any_failed)
		complain(&run, paths[0], "no symbol file was found");
	if (fflush(stdout) || ferror(stdout)) {
		perror("pepto-symbol key");
		return EXIT_FAILURE;
	}
	return run.any_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
