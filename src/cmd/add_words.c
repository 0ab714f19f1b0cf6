// SPDX-License-Identifier: MIT
/* The words of `add`: its flags, its help, and what they come to (add_priv.h). */
#include "base/file.h"
#include "base/text.h"
#include "cmd/add_priv.h"
#include "cmd/cmd.h"

#include <inttypes.h>
#include <stdio.h>

#define JOBS_MAX        64
#define UPLOADS_DEFAULT 8
/* Files that are put into a directory are made durable in groups (store/dir_commit.h). */
#define UPLOADS_LOCAL 512
/* Buckets are far: where all exists, so many more questions than uploads are on their way, each on its connection. */
#define LOOKS_PER_UPLOAD 4
/* Descriptors: of the process itself; of a file on its way, which is read by who sends it and who writes it. */
#define OWN_FILES        48
#define FILES_PER_UPLOAD 3

const struct stores_flag add_flags[] = {
	[ADD_EXCLUDE] = {"exclude", 0, true},
	[ADD_STRICT] = {"strict"},
	[ADD_CASE] = {"case", 0, true},
	[ADD_COMPRESS] = {"compress", 0, true},
	[ADD_LEVEL] = {"level", 0, true},
	[ADD_JOBS] = {"jobs", 'j', true},
	[ADD_PRODUCT] = {"product", 0, true},
	[ADD_VERSION] = {"version", 0, true},
	[ADD_COMMENT] = {"comment", 0, true},
	[ADD_KEEP_UNTIL] = {"keep-until", 0, true},
	[ADD_SOURCE] = {"source", 0, true},
	[ADD_DRY_RUN] = {"dry-run"},
	[ADD_FORCE] = {"force"},
	[ADD_RESUME] = {"resume", 0, true},
	[ADD_JSON] = {"json"},
	[ADD_NOTIFY] = {"notify", 0, true},
	{NULL},
};

void help_print_add(FILE *f)
{
	fputs("usage: pepto-symbol add PATH... [--store URL] [--flag value]...\n"
	      "       pepto-symbol add --resume ID [--store URL]\n\n"
	      "Publish symbol files into a bucket or a directory: the files at PATH, those in\n"
	      "the directories there, or with @LIST those that the lines of a file name. What\n"
	      "is there already stays: the same file counts as done, another one is a conflict.\n"
	      "Without --store it goes to the only store that is set and can be written.\n\n"
	      "  --exclude GLOB      pass over files of that name (or path, with a '/' in it)\n"
	      "  --strict            files of no known format are a failure\n"
	      "  --case symstore     keys as symstore.exe writes them; else in lower case\n"
	      "  --compress KIND     zstd (into buckets), gzip, cab, none (into directories)\n"
	      "  --level N           1 to 22 of zstd (3), 1 to 9 of the others (6)\n"
	      "  --jobs N, -j N      uploads at a time (8)\n"
	      "  --product, --version, --comment, --source TEXT\n"
	      "                      told by ls; else from GITHUB_*, CI_*, BUILD_* variables\n"
	      "  --keep-until DATE   2027-01-31; expire keeps it until then\n"
	      "  --dry-run           look, and write nothing\n"
	      "  --force             replace what differs\n"
	      "  --resume ID         go on with what was broken off\n"
	      "  --notify URL        tell a server that its misses of these files are over\n"
	      "  --json              a line of JSON for each file, and one for all\n\n"
	      "The other flags are those of serve. docs/publish.md tells more.\n\n"
	      "Exit code: 0 done; 1 something was not done, or there was nothing to do; 2 usage;\n"
	      "3 conflict: another file has that key; 4 the store cannot be reached, or denies\n"
	      "it; 130 interrupted (--resume goes on).\n",
	      f);
}

static enum err number(const char *text, const char *what, uint64_t max, uint64_t *ret,
		       struct error *e)
{
	if (parse_u64(slice_of(text), max, ret) && *ret > 0)
		return OK;
	return err_set(e, ERR_USAGE, "--%s is a number from 1 to %" PRIu64, what, max);
}

static enum err take_packing(struct add *a, struct error *e)
{
	const char *kind = a->words->value[ADD_COMPRESS], *level = a->words->value[ADD_LEVEL];
	uint64_t n = 0;

	a->how = (struct pack_how){a->store->traits.local ? PACK_NONE : PACK_ZSTD,
				   PACK_LEVEL_DEFAULT};
	if (kind && !pack_kind_of(slice_of(kind), &a->how.kind))
		return err_set(e, ERR_USAGE, "--compress is zstd, gzip, cab or none");
	if (level && number(level, "level", 22, &n, e) != OK)
		return e->code;
	a->how.level = level ? (int)n : PACK_LEVEL_DEFAULT;
	if (!pack_level_is_good(a->how.kind, a->how.level))
		return err_set(e, ERR_USAGE, "--level %s: %s has no such level", level,
			       pack_word(a->how.kind));
	return OK;
}

static enum err take_date(struct add *a, struct error *e)
{
	const char *text = a->words->value[ADD_KEEP_UNTIL];

	return !text || plan_keep_until(slice_of(text), &a->plan.keep_until_s)
		       ? OK
		       : err_set(e, ERR_USAGE, "--keep-until is a date such as 2027-01-31");
}

static enum err take_case(struct add *a, struct error *e)
{
	const char *word = a->words->value[ADD_CASE];

	if (word && strcmp(word, "lower") != 0 && strcmp(word, "symstore") != 0)
		return err_set(e, ERR_USAGE, "--case is lower or symstore");
	a->gather.how.key_case = word && *word == 's' ? PLACE_AS_SYMSTORE : PLACE_IN_LOWER;
	return OK;
}

/* --notify, any number of times; else PEPTO_NOTIFY, with blanks between. The token may not be read from a list of processes. */
static void take_notified(struct add *a)
{
	const char *token = getenv("PEPTO_NOTIFY_TOKEN"), *all = getenv("PEPTO_NOTIFY");
	size_t n = 0;
	char *rest = NULL;

	a->notified =
		xzalloc((a->words->n_given + (all ? strlen(all) : 0) + 1) * sizeof(*a->notified));
	for (size_t i = 0; i < a->words->n_given; i++)
		if (a->words->given[i].flag == ADD_NOTIFY)
			a->notified[n++] = a->words->given[i].value;
	a->notified_text = BUF_MAX((size_t)1 << 20);
	if (!n && all) {
		buf_puts(&a->notified_text, all);
		for (char *url = strtok_r(a->notified_text.p, " ,\t\n", &rest); url;
		     url = strtok_r(NULL, " ,\t\n", &rest))
			a->notified[n++] = url;
	}
	a->notify = (struct notify){.urls = a->notified,
				    .n_urls = n,
				    .token = token ? token : "",
				    .paths = BUF_MAX((size_t)512 << 20)};
}

static void take_excludes(struct add *a)
{
	a->exclude = xzalloc((a->words->n_given + 1) * sizeof(*a->exclude));
	for (size_t i = 0; i < a->words->n_given; i++)
		if (a->words->given[i].flag == ADD_EXCLUDE)
			a->exclude[a->gather.n_exclude++] = a->words->given[i].value;
	a->gather.exclude = a->exclude;
}

/* What the plan has decided already. */
static enum err refuse_planned(const struct add *a, struct error *e)
{
	static const enum add_flag planned[] = {ADD_EXCLUDE, ADD_CASE, ADD_COMPRESS, ADD_LEVEL};

	for (size_t i = 0; i < ARRAY_LEN(planned); i++)
		if (a->words->set & 1U << planned[i])
			return err_set(e, ERR_USAGE, "--resume takes no --%s: the plan tells it",
				       add_flags[planned[i]].name);
	return OK;
}

/* More files at a time would find no descriptors. */
static uint64_t jobs_allowed(void)
{
	size_t files = file_descriptors_max();

	return files > OWN_FILES + FILES_PER_UPLOAD ? (files - OWN_FILES) / FILES_PER_UPLOAD : 1;
}

/* Of the descriptors, what uploads leave is for questions: each takes one, its connection. */
static unsigned looks_allowed(const struct add *a)
{
	size_t files = file_descriptors_max(),
	       used = OWN_FILES + (size_t)FILES_PER_UPLOAD * a->jobs;

	if (a->store->traits.local || files <= used)
		return a->jobs;
	return (unsigned)MIN(a->jobs + files - used, (size_t)LOOKS_PER_UPLOAD * a->jobs);
}

enum err add_take_words(struct add *a, struct error *e)
{
	uint64_t jobs = 0;

	a->json = a->words->set & 1U << ADD_JSON;
	a->resumes = a->words->value[ADD_RESUME];
	take_excludes(a);
	take_notified(a);
	if (!a->words->n == !a->resumes)
		return err_set(e, ERR_USAGE,
			       a->resumes ? "--resume takes no PATH: the plan names the files"
					  : "needs a PATH; see --help");
	if (a->resumes && refuse_planned(a, e) != OK)
		return e->code;
	if (a->words->value[ADD_JOBS] &&
	    number(a->words->value[ADD_JOBS], "jobs", JOBS_MAX, &jobs, e) != OK)
		return e->code;
	if (stores_command_writable(a->service, &a->store, e) != OK)
		return e->code;
	if (!jobs)
		jobs = a->store->traits.local ? UPLOADS_LOCAL : UPLOADS_DEFAULT;
	a->jobs = (unsigned)MIN(jobs, jobs_allowed());
	a->looks = looks_allowed(a);
	if (take_packing(a, e) != OK || take_case(a, e) != OK)
		return e->code;
	return take_date(a, e);
}

void add_words_fini(struct add *a)
{
	free(a->exclude);
	free(a->notified);
	buf_fini(&a->notified_text);
	notify_fini(&a->notify);
}
