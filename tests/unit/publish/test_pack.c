// SPDX-License-Identifier: MIT
#include "publish/pack.h"

#include "base/file.h"
#include "codec/cab.h"
#include "codec/codec.h"
#include "codec/zstd.h"
#include "tap.h"

#include <stdio.h>
#include <zstd.h>

/* Text-like, or noise. */
static int make_file(size_t n, bool noise, unsigned seed)
{
	int fd = file_temporary();
	char *p = xzalloc(n + 1);
	unsigned x = seed * 2654435761U + 1;

	for (size_t i = 0; i < n; i++) {
		x = x * 1664525U + 1013904223U;
		p[i] = (char)(noise ? x >> 24 : "symbols "[i % 8] + (x >> 30));
	}
	ASSERT(fd >= 0 && file_write_at(fd, (struct slice){p, n}, 100));
	free(p);
	return fd;
}

static struct pack_file file_of(int fd, size_t n, char sha256[static PACK_SHA256_SIZE])
{
	struct pack_file f = {.fd = fd,
			      .offset = 100,
			      .size = (int64_t)n,
			      .name = SLICE("foo.pdb"),
			      .mtime_s = 1700000000};
	struct error e;

	ASSERT(pack_hash(&f, sha256, &e) == OK);
	f.sha256 = sha256;
	return f;
}

struct unpacked {
	int fd;
	struct buf out;
};

static enum err read_packed(void *ud, int64_t at, void *to, size_t n, size_t *ret_n,
			    struct error *e)
{
	ssize_t got = file_read_at(((struct unpacked *)ud)->fd, to, n, at);

	ASSERT(got >= 0);
	*ret_n = (size_t)got;
	return OK;
}

static enum err take(void *ud, struct slice bytes, struct error *e)
{
	buf_add(&((struct unpacked *)ud)->out, bytes);
	return OK;
}

static bool unpacks_to(const struct packed *p, enum codec codec, const struct pack_file *f)
{
	struct unpacked u = {.fd = p->fd, .out = BUF_MAX((size_t)64 << 20)};
	const struct codec_io io = {.read = read_packed,
				    .write = take,
				    .ud = &u,
				    .promised = CODEC_SIZE_UNKNOWN,
				    .max_output = INT64_MAX};
	char *plain = xzalloc((size_t)f->size + 1);
	struct error e = {.msg = ""};
	bool same = codec_decode(codec, &io, &e) == OK;

	ASSERT(file_read_at(f->fd, plain, (size_t)f->size, f->offset) == f->size);
	same = same && u.out.n == (size_t)f->size &&
	       memcmp(u.out.p ? u.out.p : "", plain, u.out.n) == 0;
	if (!same)
		fprintf(stderr, "# %s\n", e.msg);
	free(plain);
	buf_fini(&u.out);
	return same;
}

static void test_forms(void)
{
	static const struct {
		enum pack_kind kind;
		enum codec codec;
	} rows[] = {{PACK_ZSTD, CODEC_ZSTD}, {PACK_GZIP, CODEC_GZIP}, {PACK_CAB, CODEC_CAB}};
	static const size_t sizes[] = {1, 4000, 256 * 1024, 256 * 1024 + 1, 3000000};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
			struct pack_how how = {rows[i].kind, PACK_LEVEL_DEFAULT};
			char plain[PACK_SHA256_SIZE], stored[PACK_SHA256_SIZE];
			int fd = make_file(sizes[k], false, 1);
			struct pack_file f = file_of(fd, sizes[k], plain), whole;
			struct packed p;
			struct error e = {.msg = ""};

			f.in_the_name = sizes[k] < 100;
			CHECK(pack_file(&how, &f, &p, &e) == OK, e.msg);
			CHECK(p.kind == rows[i].kind && unpacks_to(&p, rows[i].codec, &f),
			      pack_word(rows[i].kind));
			whole = (struct pack_file){.fd = p.fd, .size = p.size};
			ASSERT(pack_hash(&whole, stored, &e) == OK);
			CHECK_STR(p.sha256, stored, "hash of what is stored");
			packed_fini(&p);
			close(fd);
		}
}

static void test_zstd_frame(void)
{
	for (int level = 1; level <= 22; level += level < 16 ? 15 : 1) {
		struct pack_how how = {PACK_ZSTD, level};
		size_t n = level > 16 ? 9 << 20 : 1 << 20;
		char plain[PACK_SHA256_SIZE], head[18];
		int fd = make_file(n, false, 2);
		struct pack_file f = file_of(fd, n, plain);
		struct packed p;
		struct error e;

		if (level > 17 && level < 22) {
			close(fd);
			continue;
		}
		ASSERT(pack_file(&how, &f, &p, &e) == OK);
		ASSERT(file_read_at(p.fd, head, sizeof(head), 0) > 0);
		CHECK_INT((long long)ZSTD_getFrameContentSize(head, sizeof(head)), (long long)n,
			  "the size is told");
		CHECK(zstd_window((struct slice){head, sizeof(head)}) <= 8 << 20, "the window");
		packed_fini(&p);
		close(fd);
	}
}

static void test_as_it_is(void)
{
	static const enum pack_kind kinds[] = {PACK_NONE, PACK_ZSTD, PACK_GZIP, PACK_CAB};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		for (int noise = 0; noise <= 1; noise++) {
			struct pack_how how = {kinds[i], PACK_LEVEL_DEFAULT};
			char plain[PACK_SHA256_SIZE];
			int fd = make_file(300000, noise, 3);
			struct pack_file f = file_of(fd, 300000, plain);
			struct packed p;
			struct error e;
			bool worth;

			ASSERT(pack_file(&how, &f, &p, &e) == OK);
			CHECK_INT(p.kind, noise ? PACK_NONE : kinds[i],
				  "what does not shrink stays");
			if (p.kind == PACK_NONE)
				CHECK(p.fd < 0 && p.size == 300000 && strcmp(p.sha256, plain) == 0,
				      "as it is");
			CHECK(pack_is_worth_it(&how, &f, &worth, &e) == OK &&
				      worth == (p.kind != PACK_NONE),
			      "told before");
			packed_fini(&p);
			close(fd);
		}
}

static void test_packed_already(void)
{
	static const char msfz[] = "Microsoft MSFZ Container\r\n\x1a"
				   "ALD\0\0";
	static const char *const heads[] = {"MSCF....................................",
					    "\x1f\x8b\x08.....", "\x28\xb5\x2f\xfd....",
					    "PK\x03\x04....", msfz};

	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		struct pack_how how = {PACK_ZSTD, PACK_LEVEL_DEFAULT};
		char plain[PACK_SHA256_SIZE];
		int fd = make_file(100000, false, 4);
		struct pack_file f;
		struct packed p;
		struct error e;
		bool worth;

		ASSERT(file_write_at(fd, (struct slice){heads[i], i == 4 ? 32 : strlen(heads[i])},
				     100));
		f = file_of(fd, 100000, plain);
		ASSERT(pack_file(&how, &f, &p, &e) == OK);
		CHECK_INT(p.kind, PACK_NONE, heads[i]);
		CHECK(pack_is_worth_it(&how, &f, &worth, &e) == OK && !worth, heads[i]);
		close(fd);
	}
}

static void test_failures(void)
{
	struct pack_how how = {PACK_ZSTD, PACK_LEVEL_DEFAULT};
	char plain[PACK_SHA256_SIZE];
	int fd = make_file(1000000, false, 5);
	struct pack_file f = file_of(fd, 1000000, plain);
	atomic_bool stop = true;
	struct packed p;
	struct error e;

	for (how.kind = PACK_ZSTD; how.kind <= PACK_CAB; how.kind++) {
		ASSERT(file_write_at(fd, SLICE("symbols"), 500000));
		f = file_of(fd, 1000000, plain);
		ASSERT(file_write_at(fd, SLICE("changed"), 500000));
		CHECK_INT(pack_file(&how, &f, &p, &e), ERR_CORRUPT, "it has changed");
		f.size = 1000000;
		f.stop = &stop;
		CHECK_INT(pack_file(&how, &f, &p, &e), ERR_CANCELED, "stopped");
		f.stop = NULL;
		f.size = 1000001;
		CHECK_INT(pack_file(&how, &f, &p, &e), ERR_CORRUPT, "it is shorter");
		file_pretend_room(10);
		f.size = 1000000;
		CHECK_INT(pack_file(&how, &f, &p, &e), ERR_BUSY, "no room");
		file_pretend_room(-1);
	}
	close(fd);
}

static void test_words(void)
{
	enum pack_kind kind;

	for (enum pack_kind k = PACK_NONE; k <= PACK_CAB; k++)
		CHECK(pack_kind_of(slice_of(pack_word(k)), &kind) && kind == k, pack_word(k));
	CHECK(!pack_kind_of(SLICE("zip"), &kind) && !pack_kind_of(SLICE(""), &kind), "no others");
	CHECK(pack_level_is_good(PACK_ZSTD, 22) && !pack_level_is_good(PACK_ZSTD, 23) &&
		      pack_level_is_good(PACK_GZIP, 9) && !pack_level_is_good(PACK_CAB, 0) &&
		      pack_level_is_good(PACK_CAB, PACK_LEVEL_DEFAULT),
	      "levels");
}

int main(void)
{
	test_forms();
	test_zstd_frame();
	test_as_it_is();
	test_packed_already();
	test_failures();
	test_words();
	return tap_done();
}
