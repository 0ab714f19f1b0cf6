// SPDX-License-Identifier: MIT
/*
 * Writes to a store as the program does, and asks what is there, for tests/e2e/test_store_write.py:
 *
 *	storewrite URL put [--new] [--encoding WORD] [--meta NAME=VALUE]... [--sum SHA256] KEY FILE
 *	storewrite URL remove KEY...
 *	storewrite URL head KEY
 *	storewrite URL list PREFIX
 *
 * Prints "stored", "present", or for each key that could not be removed "failed KEY: why", and
 * "removed"; what a head or a listing tells is written as lines of "name value". Exit code 0. Else the error on standard error, and exit code 1.
 */
#include "base/clock.h"
#include "base/text.h"
#include "store/creds.h"
#include "store/listing.h"
#include "store/write.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <getopt.h>
#include <openssl/evp.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define KEYS_MAX 1000

struct tool {
	struct store_context context;
	struct store *store;
	struct loop_task begin;
	struct store_put put;
	struct store_remove remove;
	struct store_meta meta[STORE_META_MAX];
	struct slice key[KEYS_MAX];
	const char *head, *list; /* NULL: not wanted */
	struct listing *listing;
	struct loop_timer go_on;
	char sha256[65];
	int code;
	sem_t done;
};

static void warn(const char *store, const char *what)
{
	fprintf(stderr, "%s: %s\n", store, what);
}

static void die(const struct error *e)
{
	fprintf(stderr, "%s: %s\n", err_name(e->code), e->msg);
	exit(1);
}

static void finish(struct tool *t, const char *what, const struct error *e)
{
	if (e)
		fprintf(stderr, "%s: %s\n", err_name(e->code), e->msg);
	else
		puts(what);
	t->code = e ? 1 : 0;
	sem_post(&t->done);
}

static void stored(void *ud, enum store_put_result result, const struct store_put_answer *answer,
		   const struct error *e)
{
	finish(ud, result == STORE_PUT_PRESENT ? "present" : "stored", e);
}

static void failed(void *ud, size_t which, const struct error *e)
{
	struct tool *t = ud;

	printf("failed " SLICE_FMT ": %s\n", SLICE_ARG(t->remove.keys[which]), e->msg);
}

static void removed(void *ud, const struct error *e)
{
	finish(ud, "removed", e);
}

static void on_head(void *ud, const struct object_head *head)
{
	printf("total %lld\netag %s\nencoding %s\ndate %lld\n", (long long)head->total, head->etag,
	       head->encoding, (long long)head->date_s);
	printf("sha256 %s\nsize %lld\ntx %s\n", head->origin.sha256, (long long)head->origin.size,
	       head->origin.tx);
	close_p(&(int){head->fd});
}

static bool on_data(void *ud, struct slice bytes)
{
	return true;
}

static void asked(void *ud, enum store_result result, const struct object_head *head,
		  const struct error *e)
{
	bool fault = result == STORE_FAULT || result == STORE_FAULT_RETRY;

	finish(ud, result == STORE_FOUND ? "found" : "missing", fault ? e : NULL);
}

static void on_page(void *ud, struct name_page *page)
{
	struct tool *t = ud;

	printf("date %lld\n", (long long)page->date_s);
	for (size_t i = 0; i < page->n_keys; i++)
		printf(SLICE_FMT " %lld %lld " SLICE_FMT "\n", SLICE_ARG(page->keys[i]),
		       (long long)page->facts[i].size, (long long)page->facts[i].modified_s,
		       SLICE_ARG(page->facts[i].etag));
	loop_timer_set(t->context.loop, &t->go_on, 0); /* not from within */
}

static void go_on(struct loop_timer *timer)
{
	listing_go_on(CONTAINER_OF(timer, struct tool, go_on)->listing);
}

static void listed(void *ud, struct listing_result *r, const struct error *e)
{
	name_list_fini(&r->names);
	finish(ud, "listed", e);
}

static void ask(struct tool *t)
{
	static const struct store_events events = {on_head, on_data, asked};
	const struct store_read read = {.key = slice_of(t->head ? t->head : ""),
					.head = true,
					.deadline_ns = clock_mono_ns() + 60 * NS_PER_S};
	const struct listing_request r = {.store = t->store,
					  .folder = slice_of(t->list ? t->list : ""),
					  .deep = true,
					  .page = on_page};

	if (t->head)
		(void)store_start(t->store, &read, &events, t);
	else
		t->listing = listing_start(&r, listed, t);
}

static void begin(struct loop_task *task)
{
	static const struct store_remove_events events = {failed, removed};
	struct tool *t = CONTAINER_OF(task, struct tool, begin);

	if (t->remove.n)
		(void)store_remove(t->store, &t->remove, &events, t);
	else if (t->head || t->list)
		ask(t);
	else
		(void)store_put(t->store, &t->put, stored, t);
}

static void open_body(struct tool *t, const char *path)
{
	unsigned char sum[32];
	struct stat st;
	void *bytes = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st)) {
		perror(path);
		exit(1);
	}
	if (st.st_size)
		bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	ASSERT(bytes != MAP_FAILED);
	ASSERT(EVP_Digest(bytes, (size_t)st.st_size, sum, NULL, EVP_sha256(), NULL));
	if (!t->sha256[0])
		hex_encode(sum, sizeof(sum), t->sha256);
	t->put.body = (struct store_body){.fd = fd, .length = st.st_size};
}

static void take_put(struct tool *t, int argc, char **argv)
{
	static const struct option options[] = {{"new", no_argument, NULL, 'n'},
						{"encoding", required_argument, NULL, 'e'},
						{"meta", required_argument, NULL, 'm'},
						{"sum", required_argument, NULL, 's'},
						{0}};
	int c;

	t->put = (struct store_put){
		.meta = t->meta, .sha256 = t->sha256, .answer_ns = 60 * NS_PER_S};
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		char *equals = c == 'm' ? strchr(optarg, '=') : NULL;

		if (c == 'n')
			t->put.only_new = true;
		else if (c == 'e')
			t->put.encoding = optarg;
		else if (c == 's')
			(void)snprintf(t->sha256, sizeof(t->sha256), "%s", optarg);
		else if (equals && t->put.n_meta < STORE_META_MAX)
			t->meta[t->put.n_meta++] = (struct store_meta){optarg, equals + 1};
		if (equals)
			*equals = '\0';
	}
	if (argc - optind != 2)
		exit(2);
	t->put.key = slice_of(argv[optind]);
	open_body(t, argv[optind + 1]);
}

static void take_keys(struct tool *t, int argc, char **argv)
{
	for (int i = 1; i < argc && t->remove.n < KEYS_MAX; i++)
		t->key[t->remove.n++] = slice_of(argv[i]);
	t->remove.keys = t->key;
	t->remove.answer_ns = 60 * NS_PER_S;
}

int main(int argc, char **argv)
{
	const struct transfer_limits limits = {.connect_timeout_ns = 10 * NS_PER_S,
					       .stall_timeout_ns = 10 * NS_PER_S,
					       .max_transfers = 8,
					       .max_waiting = 8};
	struct creds_env env = creds_env_process();
	struct tool *t = xnew(struct tool);
	struct error e;

	if (argc < 4)
		return 2;
	t->context = (struct store_context){.creds_env = &env,
					    .try_timeout_ns = 10 * NS_PER_S,
					    .via = "1.1 storewrite",
					    .warn = warn};
	curl_global_init(CURL_GLOBAL_DEFAULT);
	if (loop_new(&t->context.loop, &e) != OK ||
	    pool_new(2, 64, "pool", &t->context.disk, &e) != OK ||
	    transfer_engine_new(t->context.loop, &limits, &t->context.engine, &e) != OK)
		die(&e);
	t->context.searches = t->context.writes = t->context.creds = t->context.disk;
	if (store_open(&t->context, slice_of(argv[1]), &t->store, &e) != OK)
		die(&e);
	if (strcmp(argv[2], "put") == 0)
		take_put(t, argc - 2, argv + 2);
	else if (strcmp(argv[2], "head") == 0)
		t->head = argv[3];
	else if (strcmp(argv[2], "list") == 0)
		t->list = argv[3];
	else
		take_keys(t, argc - 2, argv + 2);
	t->begin.run = begin;
	t->go_on.due = go_on;
	sem_init(&t->done, 0, 0);
	if (loop_start(t->context.loop, "loop", &e) != OK)
		die(&e);
	loop_post(t->context.loop, &t->begin);
	while (sem_wait(&t->done)) /* a signal may come */
		;
	ASSERT(pool_stop(t->context.disk, 10 * NS_PER_S));
	loop_stop(t->context.loop);
	transfer_engine_free(t->context.engine);
	store_free(t->store);
	pool_free(t->context.disk);
	loop_free(t->context.loop);
	curl_global_cleanup();
	close_p(&t->put.body.fd);
	argc = t->code;
	free(t);
	return argc;
}
