// SPDX-License-Identifier: MIT
/*
 * The end of a flight: which checksum is expected and what a wrong one does, the file that remains,
 * and a disk that fails at every point, with readers who go on without it.
 */
#include "cache_rig.h"
#include "flight/ask.h"
#include "metric/metric.h"

#include "tap.h"
#include <openssl/evp.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>

#define SMALL 1000
#define MI    (INT64_C(1) << 20)

/* ---- checksums ---- */

enum size { IN_MEMORY, ONE_PART, MANY_PARTS, SIZES };

static const int64_t sizes[SIZES] = {1000, 300000, 2 * MI + 300000};

/* Base64 of the pattern's checksum by each kind, for each size: see make_known(). */
struct known {
	const char *name;
	char value[SIZES][48];
};

static struct known known[] = {
	{"sha256", {""}}, {"crc32", {""}}, {"crc32c", {""}}, {"crc64nvme", {""}}};

static void reflected_crc(const unsigned char *p, size_t n, uint64_t poly, int bits, char *ret)
{
	uint64_t all = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1, crc = all;
	unsigned char out[8];

	while (n--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc & 1 ? crc >> 1 ^ poly : crc >> 1;
	}
	crc ^= all;
	for (int i = 0; i < bits / 8; i++)
		out[i] = (unsigned char)(crc >> (bits - 8 - 8 * i));
	EVP_EncodeBlock((unsigned char *)ret, out, bits / 8);
}

static unsigned char *whole_body(int64_t n)
{
	unsigned char *p = xzalloc((size_t)n);

	for (int64_t i = 0; i < n; i++)
		p[i] = (unsigned char)(i % RIG_PERIOD);
	return p;
}

/* The slow way, bit by bit. */
static void make_known(void)
{
	for (int i = 0; i < SIZES; i++) {
		unsigned char sha[32], *body = whole_body(sizes[i]);
		size_t n = (size_t)sizes[i];

		ASSERT(EVP_Digest(body, n, sha, NULL, EVP_sha256(), NULL));
		EVP_EncodeBlock((unsigned char *)known[0].value[i], sha, sizeof(sha));
		reflected_crc(body, n, 0xedb88320, 32, known[1].value[i]);
		reflected_crc(body, n, 0x82f63b78, 32, known[2].value[i]);
		reflected_crc(body, n, 0x9a6c9329ac4bc9b5, 64, known[3].value[i]);
		free(body);
	}
}

static void make_md5_etag(int64_t n, char ret[static 40])
{
	unsigned char sum[16], *body = whole_body(n);

	ASSERT(EVP_Digest(body, (size_t)n, sum, NULL, EVP_md5(), NULL));
	ret += snprintf(ret, 2, "\"");
	for (size_t i = 0; i < sizeof(sum); i++)
		ret += snprintf(ret, 3, "%02x", sum[i]);
	snprintf(ret, 2, "\"");
	free(body);
}

/* What the store says of the whole. */
struct said {
	char etag[128];
	char name[12], base64[48];
	bool is_md5;
};

static void say(struct object_head *h, const struct said *said)
{
	memcpy(h->etag, said->etag, sizeof(h->etag));
	memcpy(h->sum_name, said->name, sizeof(h->sum_name));
	memcpy(h->sum_base64, said->base64, sizeof(h->sum_base64));
	h->etag_is_md5 = said->is_md5;
}

/* A part tells its ETag, but S3 gives no checksum of the whole with it. */
static void answer_part(struct cache_rig *r, struct store_call *c, int64_t total,
			const struct said *said)
{
	int64_t first = c->read.range.first, last = MIN(c->read.range.last, total - 1);
	struct object_head head = fake_part(total, "", first, last);

	memcpy(head.etag, said->etag, sizeof(head.etag));
	head.etag_is_md5 = said->is_md5;
	fake_head(c, &head);
	rig_give(r, c, first, last + 1);
	fake_done(c, STORE_FOUND);
}

static struct store_call *head_call(const struct cache_rig *r)
{
	struct store_call *c = r->store.first;

	while (c && !c->read.head)
		c = c->next;
	return c;
}

static void answer_head(struct cache_rig *r, int64_t total, const struct said *said)
{
	struct object_head head = fake_whole(total, "");
	struct store_call *c = head_call(r);

	say(&head, said);
	fake_head(c, &head);
	fake_done(c, STORE_FOUND);
}

enum again {
	SAME_AGAIN,
	OTHER_BYTES,
	OTHER_ETAG,
	OTHER_SIZE,
	GONE_BY_NOW,
	NO_ANSWER,
	NO_LENGTH,
	AGAINS
};

/* It is asked for once more, as a whole. */
static void answer_again(struct cache_rig *r, struct store_call *c, int64_t total,
			 const struct said *said, enum again again)
{
	struct object_head head = fake_whole(total, "");
	int64_t from = again == OTHER_BYTES;

	say(&head, said);
	CHECK(!c->read.ranged && !c->read.head && !c->read.if_match, "as a whole");
	switch (again) {
	case SAME_AGAIN:
	case OTHER_BYTES: break;
	case OTHER_ETAG: head.etag[2] = head.etag[2] == '0' ? '1' : '0'; break;
	case OTHER_SIZE: head.total = ++head.length; break;
	case GONE_BY_NOW: fake_done(c, STORE_MISS); return;
	case NO_ANSWER: fake_done(c, STORE_FAULT); return;
	case NO_LENGTH: head.total = head.length = -1; break;
	case AGAINS: return;
	}
	fake_head(c, &head);
	if (again == OTHER_ETAG || again == OTHER_SIZE)
		return; /* it is not heard to its end */
	rig_give(r, c, from, from + total);
	fake_done(c, STORE_FOUND);
}

static enum again next_again; /* bring()'s answer to a second question */

/* Bring an object of this size by a store that tells checksums; returns what became of it. */
static bool bring(int64_t total, const struct said *said, bool *ret_head_asked)
{
	int64_t corrupt = metric_get(fills_corrupt);
	struct passenger p = {0};
	struct error e = {OK, 0, ""};
	struct cache_rig r;
	struct fill *f;
	bool good, kept;

	cache_rig_new(&r);
	r.store.store.traits.tells_sums = true;
	ASSERT(rig_take(&r, "k", &p) == SEATED);
	answer_part(&r, r.store.first, total, said);
	f = seat_fill(&p.seat);
	*ret_head_asked = head_call(&r) != NULL;
	while (rig_part(&r, MI))
		answer_part(&r, rig_part(&r, MI), total, said);
	while (rig_part(&r, 2 * MI))
		answer_part(&r, rig_part(&r, 2 * MI), total, said);
	cache_rig_quiet(&r);
	if (*ret_head_asked) {
		CHECK(rig_readable(f, 0) == MAX(total - (int64_t)FILL_HELD_BACK, 0),
		      "the tail waits for the word of the store");
		answer_head(&r, total, said);
		cache_rig_quiet(&r);
	}
	if (r.store.first) {
		CHECK(rig_readable(f, 0) == MAX(total - (int64_t)FILL_HELD_BACK, 0),
		      "the tail waits for the second answer");
		answer_again(&r, r.store.first, total, said, next_again);
		cache_rig_quiet(&r);
	}
	good = rig_readable(f, 0) == total;
	kept = rig_kept(&r, "k", total, said->etag);
	if (!good)
		CHECK(fill_failed(f, &e) && e.code == ERR_CORRUPT &&
			      metric_get(fills_corrupt) - corrupt == 1,
		      "wrong: its readers are told, and it is counted");
	ASSERT(good == kept);
	seat_leave(&p.seat);
	ASSERT(cache_rig_close(&r));
	return good;
}

static void spoil(char *base64)
{
	base64[0] = base64[0] == 'A' ? 'B' : 'A';
}

static void test_sums(void)
{
	for (size_t k = 0; k < ARRAY_LEN(known); k++) {
		for (int i = 0; i < SIZES; i++) {
			struct said said = {.etag = RIG_ETAG};
			char name[80];
			bool asked;

			snprintf(said.name, sizeof(said.name), "%s", known[k].name);
			memcpy(said.base64, known[k].value[i], sizeof(said.base64));
			snprintf(name, sizeof(name), "%s of %lld bytes: right, so kept", said.name,
				 (long long)sizes[i]);
			CHECK(bring(sizes[i], &said, &asked) && asked, name);
			spoil(said.base64);
			snprintf(name, sizeof(name), "%s of %lld bytes: wrong, so not", said.name,
				 (long long)sizes[i]);
			CHECK(!bring(sizes[i], &said, &asked), name);
		}
	}
}

static void test_md5(void)
{
	for (int i = 0; i < SIZES; i++) {
		struct said said = {.is_md5 = true};
		bool asked;

		make_md5_etag(sizes[i], said.etag);
		CHECK(bring(sizes[i], &said, &asked) && !asked,
		      "the ETag is the MD5: right, and no HEAD is needed");
		said.etag[1] = said.etag[1] == '0' ? '1' : '0';
		for (int again = 0; again < AGAINS; again++) {
			next_again = (enum again)again;
			CHECK_INT(bring(sizes[i], &said, &asked), again == SAME_AGAIN,
				  again == SAME_AGAIN
					  ? "another MD5, the same bytes twice: no checksum"
					  : "another MD5: wrong");
		}
		said.is_md5 = false;
		CHECK(bring(sizes[i], &said, &asked) && asked,
		      "an ETag that looks like one and is none says nothing");
	}
}

/* What cannot be understood, or is not about this version, proves nothing. */
static const struct {
	const char *name;
	struct said said;
	enum store_result result;
} mute[] = {
	{"a checksum of checksums", {RIG_ETAG, "crc32", "AAAAAA==-3", false}, STORE_FOUND},
	{"an unknown kind", {RIG_ETAG, "xxh128", "AAAAAA==", false}, STORE_FOUND},
	{"another version", {"\"v2\"", "crc32", "AAAAAA==", false}, STORE_FOUND},
	{"no answer", {RIG_ETAG, "", "", false}, STORE_FAULT},
	{"denied", {RIG_ETAG, "", "", false}, STORE_MISS_DENIED},
};

static void test_mute(void)
{
	static const struct said part = {.etag = RIG_ETAG};

	for (size_t i = 0; i < ARRAY_LEN(mute); i++) {
		struct passenger p = {0};
		struct cache_rig r;

		cache_rig_new(&r);
		r.store.store.traits.tells_sums = true;
		ASSERT(rig_take(&r, "k", &p) == SEATED);
		answer_part(&r, r.store.first, 300000, &part);
		if (mute[i].result == STORE_FOUND)
			answer_head(&r, 300000, &mute[i].said);
		else
			fake_done(head_call(&r), mute[i].result);
		cache_rig_quiet(&r);
		CHECK(rig_kept(&r, "k", 300000, RIG_ETAG) && p.told == 1, mute[i].name);
		seat_leave(&p.seat);
		ASSERT(cache_rig_close(&r));
	}
}

/* Told with the whole; then nobody is asked. Nor is a store that never tells any. */
static void test_head_or_not(void)
{
	struct said said = {RIG_ETAG, "crc32", "", false};
	struct object_head head = fake_whole(1000, RIG_ETAG);
	struct passenger p = {0};
	struct cache_rig r;

	memcpy(said.base64, known[1].value[IN_MEMORY], sizeof(said.base64));
	cache_rig_new(&r);
	r.store.store.traits.tells_sums = true;
	ASSERT(rig_take(&r, "k", &p) == SEATED);
	say(&head, &said);
	fake_head(r.store.first, &head);
	CHECK(!head_call(&r), "an answer with everything says it");
	fake_data(r.store.first, rig_bytes(1, 1000).p, 1000);
	fake_done(r.store.first, STORE_FOUND);
	cache_rig_quiet(&r);
	CHECK(!rig_kept(&r, "k", 1000, RIG_ETAG) && rig_readable(seat_fill(&p.seat), 0) == 0,
	      "and shows that other bytes came");
	seat_leave(&p.seat);
	ASSERT(cache_rig_close(&r));

	cache_rig_new(&r);
	ASSERT(rig_take(&r, "k", &p) == SEATED);
	answer_part(&r, r.store.first, 300000, &said);
	CHECK(!r.store.first, "a store that tells none is not asked");
	seat_leave(&p.seat);
	ASSERT(cache_rig_close(&r));
}

/* A failure in mid-body leaves the question for the checksum without a purpose. */
static void test_head_after_the_end(void)
{
	static const struct said said = {.etag = RIG_ETAG};
	struct passenger p = {0};
	struct cache_rig r;

	cache_rig_new(&r);
	r.store.store.traits.tells_sums = true;
	ASSERT(rig_take(&r, "k", &p) == SEATED);
	answer_part(&r, r.store.first, 2 * MI, &said);
	fake_done(rig_part(&r, MI), STORE_FAULT);
	if (head_call(&r))
		answer_head(&r, 2 * MI, &said);
	cache_rig_quiet(&r);
	CHECK(!rig_kept(&r, "k", 2 * MI, RIG_ETAG), "what comes of it is not looked at");
	seat_leave(&p.seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- the file ---- */

static void test_header(void)
{
	static const int64_t lengths[] = {1, OBJECT_SMALL, OBJECT_SMALL + 1, 2 * MI};

	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		struct object_head head = fake_part(lengths[i], RIG_ETAG, 0,
						    MIN(lengths[i], MI) - 1);
		struct passenger p = {0};
		struct disk_object o = {.fd = -1};
		struct object_id id;
		struct cache_rig r;

		head.mtime = 1234567890;
		memcpy(head.encoding, "br", 3);
		cache_rig_new(&r);
		id = cache_id(r.cache, &r.store.store, SLICE("Ab/Cd"), FORM_STORED, NULL);
		ASSERT(rig_take(&r, "Ab/Cd", &p) == SEATED);
		fake_head(r.store.first, &head);
		rig_give(&r, r.store.first, 0, head.length);
		fake_done(r.store.first, STORE_FOUND);
		if (r.store.first)
			rig_answer(&r, r.store.first, lengths[i]);
		cache_rig_quiet(&r);
		CHECK(rig_kept(&r, "ab/cd", lengths[i], RIG_ETAG), "the body, to the byte");
		CHECK_INT(disk_find(r.cache->disk, &id, &o, NULL), DISK_HIT, "found");
		CHECK(o.meta.mtime == 1234567890 && o.checked_s == RIG_NOW && o.used_s == RIG_NOW,
		      "its times");
		CHECK_STR(o.meta.encoding, "br", "its encoding");
		CHECK_STR(o.meta.key, "Ab/Cd", "its key, as the store spells it");
		CHECK_STR(o.meta.store, "fake", "whose it is");
		CHECK_INT(o.meta.hashed, lengths[i] <= OBJECT_SMALL, "small ones have a hash");
		close_p(&o.fd);
		seat_leave(&p.seat);
		ASSERT(cache_rig_close(&r));
	}
}

/* ---- a disk that fails ---- */

/* Of all the process writes, so nothing is to be checked meanwhile: stdout may be a file. */
static void limit_files(rlim_t bytes)
{
	const struct rlimit limit = {bytes, RLIM_INFINITY};

	ASSERT(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static struct object_head rescued;
static int rescues;

static void on_rescue(void *ud, enum fetch_result result, const struct object_head *head,
		      const struct error *e)
{
	rescues++;
	ASSERT(result == FETCH_FOUND);
	rescued = *head;
}

static void on_found(void *ud, enum fetch_result result, const struct object_head *head,
		     const struct error *e)
{
	ASSERT(result == FETCH_FOUND && head->fd < 0);
	*(struct object_head *)ud = *head;
}

/* The disk takes 76 bytes of the body and no more: a reader is told ERR_IO, and goes on alone. */
static void test_full(void)
{
	const int64_t total = 300000;
	int64_t errors = metric_get(cache_errors);
	struct object_head head = {0};
	struct ask_request request;
	struct store_call *c;
	struct error e = {OK, 0, ""};
	struct cache_rig r;
	struct ask *a;

	cache_rig_new(&r);
	limit_files(OBJECT_HEADER_SIZE + 76);
	request = (struct ask_request){.flights = r.flights,
				       .store = &r.store.store,
				       .key = SLICE("k"),
				       .asker = RIG_ASKER,
				       .deadline_ns = clock_mono_ns() + NS_PER_S,
				       .ring_max = FILL_RING_MIN};
	a = ask_start(&request, on_found, &head);
	c = r.store.first;
	fake_head(c, &(struct object_head){.total = total,
					   .length = total,
					   .ranged = true,
					   .etag = RIG_ETAG,
					   .fd = -1});
	fake_data(c, rig_bytes(0, 1000).p, 1000);
	cache_rig_quiet(&r);
	limit_files(RLIM_INFINITY);
	CHECK_INT(head.total, total, "found");
	CHECK(fill_failed(ask_body(a), &e) && e.code == ERR_IO && !r.store.first,
	      "no space: its readers are told, and it ends");
	CHECK(metric_get(cache_errors) - errors == 1 && !cache_disk_usable(r.cache), "noted");
	CHECK(ask_rescue(a, &head, 1000, total - 1, on_rescue, NULL), "the reader goes on");
	c = r.store.first;
	CHECK(c && c->read.range.first == 1000 && c->read.range.last == total - 1 &&
		      strcmp(c->read.if_match, RIG_ETAG) == 0,
	      "from where it was, with the same version");
	head = fake_part(total, RIG_ETAG, 1000, total - 1);
	fake_head(c, &head);
	CHECK(rescues == 1 && rescued.first == 1000 && rescued.length == total - 1000, "decided");
	fake_data(c, rig_bytes(1000, 30000).p, 30000);
	CHECK(rescues == 1 && fill_length(ask_body(a)) == total - 1000, "by a body of its own");
	ask_free(a);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* The space was there when it was reserved, and is not when it is written. */
static void test_full_later(void)
{
	struct passenger p = {0};
	struct error e = {OK, 0, ""};
	struct object_head head = fake_part(2 * MI, RIG_ETAG, 0, MI - 1);
	struct cache_rig r;
	int64_t fits;

	cache_rig_new(&r);
	ASSERT(rig_take(&r, "k", &p) == SEATED);
	fake_head(r.store.first, &head);
	cache_rig_quiet(&r); /* the draft is made */
	limit_files(100000);
	rig_give(&r, r.store.first, 0, (int64_t)RIG_PIECE);
	cache_rig_quiet(&r);
	fits = rig_readable(seat_fill(&p.seat), 0);
	for (int i = 1; i < 5 && !fill_failed(seat_fill(&p.seat), &e); i++) {
		fake_data(r.store.first, rig_bytes(i * (int64_t)RIG_PIECE, RIG_PIECE).p, RIG_PIECE);
		cache_rig_quiet(&r);
	}
	limit_files(RLIM_INFINITY);
	CHECK_INT(fits, RIG_PIECE, "what fits is written");
	CHECK(fill_failed(seat_fill(&p.seat), &e) && e.code == ERR_IO && e.sys == EFBIG,
	      "what does not fails all, with the disk's own reason");
	CHECK(!r.store.first && !cache_disk_usable(r.cache), "it ends, and is noted");
	seat_leave(&p.seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* A small object needs the disk only when its readers have everything. */
static void test_full_at_the_end(void)
{
	int64_t kept = metric_get(fills_kept);
	struct passenger p = {0};
	struct cache_rig r;

	cache_rig_new(&r);
	ASSERT(rig_take(&r, "k", &p) == SEATED);
	limit_files(1100);
	rig_answer(&r, r.store.first, 1000);
	cache_rig_quiet(&r);
	limit_files(RLIM_INFINITY);
	CHECK_INT(rig_readable(seat_fill(&p.seat), 0), 1000, "its readers have it all");
	CHECK(!cache_disk_usable(r.cache) && metric_get(fills_kept) == kept, "it is not kept");
	clock_freeze_mono_ns(clock_mono_ns() + 6 * NS_PER_S);
	CHECK(cache_disk_usable(r.cache) && !rig_kept(&r, "k", 1000, RIG_ETAG), "nor half of it");
	seat_leave(&p.seat);
	CHECK_INT(rig_take(&r, "k", &p), SEATED, "the next one asks anew");
	rig_answer(&r, r.store.first, 1000);
	cache_rig_quiet(&r);
	CHECK(rig_kept(&r, "k", 1000, RIG_ETAG), "and it is kept");
	seat_leave(&p.seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* Somebody has deleted the directory. */
static void test_vanished(void)
{
	struct passenger p = {0};
	struct error e = {OK, 0, ""};
	struct object_head head = fake_part(2 * MI, RIG_ETAG, 0, MI - 1);
	struct cache_rig r;

	cache_rig_new(&r);
	/* Its thread makes the directory anew when it looks, which it has done for now. */
	while (!evict_stats(cache_evict(r.cache)).walked)
		sched_yield();
	rig_remove_tree(r.dir);
	ASSERT(rig_take(&r, "k", &p) == SEATED);
	fake_head(r.store.first, &head);
	cache_rig_quiet(&r);
	CHECK(p.result == FETCH_FOUND && fill_failed(seat_fill(&p.seat), &e) && e.code == ERR_IO,
	      "no directory: its readers are told");
	seat_leave(&p.seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- asking for a checksum ---- */

/* The question for a checksum is answered without a length: the whole is not fetched a second time. */
static void test_sum_without_a_length(void)
{
	struct object_head head = fake_whole(-1, RIG_ETAG);
	struct passenger p = {0};
	struct cache_rig r;

	cache_rig_new(&r);
	r.store.store.traits.tells_sums = true;
	ASSERT(rig_take(&r, "k", &p) == SEATED);
	rig_answer(&r, r.store.first, SMALL);
	ASSERT(head_call(&r));
	fake_head(head_call(&r), &head);
	if (head_call(&r))
		fake_done(head_call(&r), STORE_FOUND);
	manual_advance(r.loop, NS_PER_S);
	CHECK(!r.store.first && r.store.started == 2, "no length: nothing else is asked");
	cache_rig_quiet(&r);
	CHECK(rig_kept(&r, "k", SMALL, RIG_ETAG), "it is kept as it came");
	seat_leave(&p.seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* Bring an object whose checksum the store does not tell. Was it asked for? */
static bool bring_without_sum(struct cache_rig *r, unsigned n, bool sums_known)
{
	struct object_head head = fake_whole(SMALL, RIG_ETAG);
	struct passenger p = {0};
	char key[12];
	bool asked;

	snprintf(key, sizeof(key), "k%u", n);
	head.sums_known = sums_known;
	ASSERT(rig_take(r, key, &p) == SEATED);
	rig_answer(r, r->store.first, SMALL);
	asked = head_call(r);
	if (asked) {
		fake_head(head_call(r), &head);
		fake_done(head_call(r), STORE_FOUND);
	}
	seat_leave(&p.seat);
	cache_rig_quiet(r);
	return asked;
}

/* Old objects without a checksum do not turn them off for a store that knows them. */
static void test_sums_are_not_given_up(void)
{
	struct cache_rig r;
	bool asked = true;
	int times = 0;

	cache_rig_new(&r);
	r.store.store.traits.tells_sums = true;
	ASSERT(bring_without_sum(&r, 0, true));
	for (unsigned n = 1; n < 20; n++)
		asked = asked && bring_without_sum(&r, n, false);
	CHECK(asked, "a store that knows checksums is asked for each");
	CHECK(cache_rig_close(&r), "nothing is left");

	cache_rig_new(&r);
	r.store.store.traits.tells_sums = true;
	for (unsigned n = 0; n < 140; n++)
		times += bring_without_sum(&r, n, false);
	CHECK(times > 4 && times < 10, "one that has never told any is asked now and then");
	CHECK(cache_rig_close(&r), "nothing is left");
}

int main(void)
{
	signal(SIGXFSZ, SIG_IGN); /* then writing is an error as any other */
	make_known();
	test_sums();
	test_md5();
	test_mute();
	test_head_or_not();
	test_head_after_the_end();
	test_header();
	test_full();
	test_full_later();
	test_full_at_the_end();
	test_vanished();
	test_sum_without_a_length();
	test_sums_are_not_given_up();
	return tap_done();
}
