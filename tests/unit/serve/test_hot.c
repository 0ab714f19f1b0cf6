// SPDX-License-Identifier: MIT
/*
 * The hottest files: what is found again, and that nothing is which was found before it was
 * forgotten. The bodies are as small as can be; what counts is the entry.
 */
#include "base/clock.h"
#include "serve/hot.h"
#include "serve/request.h"

#include "tap.h"
#include <stdlib.h>
#include <unistd.h>

struct rig {
	struct hot *hot;
	uint64_t purges; /* so many until now */
	struct store store;
	struct symbol_path path;
	char file[24];
	int fd;
	int64_t length;
};

static void rig_init(struct rig *r)
{
	const struct request_rules rules = {.base_path = SLICE_NONE};

	*r = (struct rig){.hot = hot_new(), .file = "/tmp/pepto-hot-XXXXXX"};
	clock_freeze_mono_ns(100 * NS_PER_S);
	ASSERT(request_clean(SLICE("/foo.pdb/ABC1/foo.pdb"), &rules, &r->path) == REQUEST_CLEAN);
	r->fd = mkstemp(r->file);
	ASSERT(r->fd >= 0 && write(r->fd, "abcdefg", 7) == 7);
	r->length = 4;
}

static void rig_fini(struct rig *r)
{
	hot_free(r->hot);
	symbol_path_fini(&r->path);
	unlink(r->file); /* a test may have done so */
	close(r->fd);
}

static const struct client anybody, lldb = {.decimal_ages = true},
				    perfview = {.short_stamps = true};

/* Offer the file as it was found for this client after so many purges. */
static void offer_for(struct rig *r, const struct client *client, uint64_t purges)
{
	const struct hot_offer o = {
		.path = &r->path,
		.client = client,
		.store = &r->store,
		.head = SLICE("HTTP/1.1 200 OK\r\n"),
		.fd = r->fd,
		.purges = purges,
		.base = 3,
		.length = r->length,
		.fresh_ns = 60 * NS_PER_S,
	};

	hot_add(r->hot, &o);
}

static void offer(struct rig *r, uint64_t purges)
{
	offer_for(r, &anybody, purges);
}

static bool is_hot_for(struct rig *r, const struct client *client)
{
	const struct resolve_rules rules = {.path = &r->path, .client = client, .any_path = true};
	struct hot_entry *e = hot_find(r->hot, &rules, r->purges);

	if (e)
		hot_done(r->hot, e);
	return e;
}

static bool is_hot(struct rig *r)
{
	return is_hot_for(r, &anybody);
}

static void test_found(void)
{
	struct rig r;

	rig_init(&r);
	CHECK(!is_hot(&r), "nothing yet");
	offer(&r, r.purges);
	CHECK(is_hot(&r), "found");
	clock_freeze_mono_ns(clock_mono_ns() + 60 * NS_PER_S);
	CHECK(!is_hot(&r), "as long as it is fresh");
	rig_fini(&r);
}

static void test_removed(void)
{
	struct rig r;

	rig_init(&r);
	offer(&r, r.purges);
	ASSERT(unlink(r.file) == 0);
	clock_freeze_mono_ns(clock_mono_ns() + NS_PER_S);
	CHECK(!is_hot(&r), "a file that is gone is noticed within a second");
	rig_fini(&r);
}

/* Who had found the file before a purge made it hot after the purge: served as if never purged. */
static void test_found_before_a_purge(void)
{
	struct rig r;

	rig_init(&r);
	offer(&r, r.purges);
	r.purges++;
	CHECK(!is_hot(&r), "forgotten, whoever has purged");
	offer(&r, r.purges - 1);
	CHECK(!is_hot(&r), "what was found before does not count after");
	offer(&r, r.purges);
	CHECK(is_hot(&r), "what is found now does");
	hot_clear(r.hot);
	CHECK(!is_hot(&r), "and can be given back");
	rig_fini(&r);
}

/* The same path may be the key of another file: 10 is sixteen to one, and ten to the other. */
static void test_who_writes_keys_otherwise(void)
{
	const struct client same = {.gzip = true, .symsrv = true, .max_size = 1};
	struct rig r;

	rig_init(&r);
	offer_for(&r, &lldb, r.purges);
	CHECK(is_hot_for(&r, &lldb) && !is_hot(&r) && !is_hot_for(&r, &perfview),
	      "found for one that writes ages in decimal: for such alone");
	offer(&r, r.purges);
	CHECK(is_hot_for(&r, &lldb) && is_hot(&r), "one entry for each");
	CHECK(is_hot_for(&r, &same), "what else a client is like does not matter");
	CHECK(!is_hot_for(&r, &perfview), "and none for who pads no stamps");
	rig_fini(&r);
}

/* A small body is in memory, a large one in the file; either stays until it has been sent. */
static void test_answers(void)
{
	static const struct {
		int64_t length;
		enum http_answer_kind kind;
	} t[] = {{4, HTTP_ANSWER_BYTES},
		 {16 << 10, HTTP_ANSWER_BYTES},
		 {(16 << 10) + 1, HTTP_ANSWER_FILE}};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		const struct resolve_rules rules = {.client = &anybody, .any_path = true};
		struct resolve_rules of = rules;
		struct http_answer a;
		struct rig r;
		char got[4];

		rig_init(&r);
		of.path = &r.path;
		r.length = t[i].length;
		ASSERT(ftruncate(r.fd, 3 + r.length) == 0);
		offer(&r, r.purges);
		a = hot_answer(hot_find(r.hot, &of, r.purges));
		hot_clear(r.hot);
		CHECK(a.kind == t[i].kind && a.length == r.length, "where it lies");
		CHECK_SLICE(a.head, "HTTP/1.1 200 OK\r\n", "with its head");
		if (a.kind == HTTP_ANSWER_FILE)
			ASSERT(pread(a.fd, got, 4, a.offset) == 4);
		else
			memcpy(got, a.bytes.p, 4);
		CHECK(memcmp(got, "defg", 4) == 0, "and its body");
		a.release(a.ud);
		rig_fini(&r);
	}
}

int main(void)
{
	test_answers();
	test_found();
	test_removed();
	test_found_before_a_purge();
	test_who_writes_keys_otherwise();
	hot_free(NULL);
	return tap_done();
}
