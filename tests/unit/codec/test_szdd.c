// SPDX-License-Identifier: MIT
/* SZDD, put together by hand: letters as they are, references back, and what the header says. */
#include "base/bytes.h"
#include "codec/szdd.h"
#include "codec_rig.h"

#define NORMAL SZDD_MAGIC "Ab"
#define QBASIC SZDD_QBASIC

static void head(struct buf *b, const char *magic, uint32_t length)
{
	char n[4];

	store_le32(n, length);
	buf_puts(b, magic);
	buf_add(b, (struct slice){n, sizeof(n)});
}

/* A byte of flags before each eight: all of them stand for themselves. */
static void literals(struct buf *b, struct slice s)
{
	for (; s.n; s = slice_from(s, 8)) {
		struct slice group = slice_head(s, 8);

		buf_putc(b, (char)((1U << group.n) - 1));
		buf_add(b, group);
	}
}

static void test_literals(void)
{
	static const char *const magics[] = {NORMAL, QBASIC};
	static const size_t sizes[] = {0, 1, 8, 9, 5000, 70000};

	for (size_t m = 0; m < ARRAY_LEN(magics); m++)
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
			struct buf plain CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
			struct buf packed CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);

			rig_noise(&plain, sizes[i]);
			head(&packed, magics[m], (uint32_t)sizes[i]);
			literals(&packed, buf_slice(&plain));
			rig_check_good(CODEC_SZDD, buf_slice(&packed), buf_slice(&plain),
				       (int64_t)sizes[i]);
		}
}

/* The window is full of blanks, and begins 16 bytes before its end. */
static void test_references(void)
{
	static const struct {
		struct slice packed, plain;
	} rows[] = {
		{{"\x3fhello \xf0\xf5", 9}, {"hello hello he", 14}},
		{{"\0\0\0", 3}, {"   ", 3}},
		{{"\1a\xf0\xff", 4}, {"aaaaaaaaaaaaaaaaaaa", 19}}, /* over itself */
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf b CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);

		head(&b, NORMAL, (uint32_t)rows[i].plain.n);
		buf_add(&b, rows[i].packed);
		rig_check_good(CODEC_SZDD, buf_slice(&b), rows[i].plain, (int64_t)rows[i].plain.n);
	}
}

static void test_damage(void)
{
	struct buf plain CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct buf b CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct rig r = {0};
	struct codec_io io;
	struct error e;

	rig_noise(&plain, 1000);
	head(&b, NORMAL, 1000);
	literals(&b, buf_slice(&plain));
	rig_check_cuts(CODEC_SZDD, buf_slice(&b), buf_slice(&plain));
	literals(&b, SLICE("more"));
	CHECK_INT(rig_decode(&r, CODEC_SZDD, buf_slice(&b), &e), ERR_CORRUPT, "more than stated");
	b.n -= 30;
	io = rig_io(&r);
	io.size = NULL;
	r.input = buf_slice(&b);
	CHECK_INT(codec_decode(CODEC_SZDD, &io, &e), ERR_CORRUPT,
		  "cut off, where nobody was promised anything");
	store_le32(b.p + 10, UINT32_MAX);
	CHECK_INT(rig_decode(&r, CODEC_SZDD, buf_slice(&b), &e), ERR_LIMIT, "states 4 GiB");
	b.p[8] = 'B';
	CHECK_INT(rig_decode(&r, CODEC_SZDD, buf_slice(&b), &e), ERR_CORRUPT, "another method");
	buf_fini(&r.out);
}

int main(void)
{
	test_literals();
	test_references();
	test_damage();
	return tap_done();
}
