// SPDX-License-Identifier: MIT
/* Two images that differ, by the signature or else; two PDBs, one of them stripped. */
#include "publish/twin.h"

#include "base/file.h"
#include "pdb_rig.h"
#include "symfmt_samples.h"

#define BODY     0x900 /* where the image ends that is not signed, but for its tail */
#define CHECKSUM (0x58 + 64)
#define SECURITY (0x58 + 112 + 4 * 8)

/* One of the two: its tail of so many bytes behind BODY, and how it is signed. */
struct side {
	size_t tail, zeros, certificates; /* zeros: it has been filled up with */
	uint32_t checksum;
	size_t changed; /* a byte there, 0: none */
	int lies;       /* bytes by which the table is said to be longer than it is */
	unsigned char filled;
};

static int file_of(struct slice bytes)
{
	int fd = file_temporary();

	ASSERT(fd >= 0 && file_write_at(fd, bytes, 0));
	return fd;
}

static struct sample make_side(const struct side *side)
{
	struct sample s = make_pe(true, NULL, 0);
	size_t end = BODY + side->tail + side->zeros;

	put(&s, BODY - 1, 1, 7);
	for (size_t i = 0; i < side->tail; i++)
		put(&s, BODY + i, 1, 9);
	for (size_t i = 0; i < side->zeros; i++)
		put(&s, BODY + side->tail + i, 1, side->filled);
	put(&s, CHECKSUM, 4, side->checksum);
	if (side->certificates) {
		put(&s, SECURITY, 4, end);
		put(&s, SECURITY + 4, 4, side->certificates + (size_t)side->lies);
		for (size_t i = 0; i < side->certificates; i++)
			put(&s, end + i, 1, i ^ side->checksum);
	}
	if (side->changed)
		s.b[side->changed] ^= 1;
	return s;
}

/* Both as they are and packed. */
static void check_pair(const char *what, const struct sample *ours, const struct sample *theirs,
		       enum twin_kind want)
{
	const struct plan_file line = {.kind = SLICE("pe"), .size = (int64_t)ours->n};
	int fd CLEANUP(close_p) = file_of(sample_bytes(ours));
	int there CLEANUP(close_p) = file_of(sample_bytes(theirs));
	const struct pack_file file = {.fd = fd, .size = (int64_t)ours->n};

	for (enum pack_kind kind = PACK_NONE; kind <= PACK_CAB; kind++) {
		const struct pack_how how = {kind, PACK_LEVEL_DEFAULT};
		struct pack_file plain = {.in_the_name = true,
					  .fd = there,
					  .size = (int64_t)theirs->n,
					  .name = SLICE("x")};
		char sum[PACK_SHA256_SIZE];
		struct packed packed;
		struct twin got;
		struct error e;

		ASSERT(pack_hash(&plain, sum, NULL) == OK);
		plain.sha256 = sum;
		ASSERT(pack_file(&how, &plain, &packed, NULL) == OK);
		CHECK_INT(twin_compare(&line, &file, packed.fd >= 0 ? packed.fd : there,
				       packed.size, &got, &e),
			  OK, what);
		CHECK_INT(got.kind, want, what);
		packed_fini(&packed);
	}
}

static enum twin_kind seen_from_there(enum twin_kind t)
{
	if (t == TWIN_SIGNED)
		return TWIN_UNSIGNED;
	return t == TWIN_UNSIGNED ? TWIN_SIGNED : t;
}

static void test_images(void)
{
	static const struct {
		const char *what;
		struct side ours, theirs;
		enum twin_kind want;
	} rows[] = {
		{"signed", {0}, {.certificates = 64, .checksum = 5}, TWIN_SIGNED},
		{"signed, the checksum as it was", {0}, {.certificates = 64}, TWIN_SIGNED},
		{"filled up, signed",
		 {.tail = 3},
		 {.tail = 3, .zeros = 5, .certificates = 64},
		 TWIN_SIGNED},
		{"filled up, not with zeros",
		 {.tail = 3},
		 {.tail = 3, .zeros = 5, .filled = 1, .certificates = 64},
		 TWIN_OTHER},
		{"filled up by more than signing does",
		 {.tail = 0},
		 {.zeros = 8, .certificates = 64},
		 TWIN_OTHER},
		{"signed, and cut before", {.tail = 3}, {.certificates = 64}, TWIN_OTHER},
		{"signed by two",
		 {.certificates = 64, .checksum = 5},
		 {.certificates = 96, .checksum = 6},
		 TWIN_RESIGNED},
		{"another checksum", {.checksum = 5}, {.checksum = 6}, TWIN_RESIGNED},
		{"longer, and not signed", {0}, {.tail = 1, .checksum = 1}, TWIN_OTHER},
		{"another byte", {0}, {.certificates = 64, .changed = BODY - 1}, TWIN_OTHER},
		{"another byte in the header",
		 {0},
		 {.certificates = 64, .changed = CHECKSUM + 4},
		 TWIN_OTHER},
		{"another byte before the entry",
		 {0},
		 {.certificates = 64, .changed = SECURITY - 1},
		 TWIN_OTHER},
		{"a table that passes the end", {0}, {.certificates = 64, .lies = 1}, TWIN_OTHER},
		{"a table before the end", {0}, {.certificates = 64, .lies = -8}, TWIN_OTHER},
		{"no image", {0}, {.changed = 0x40}, TWIN_OTHER},
		{"an image no more", {0}, {.changed = 1}, TWIN_OTHER},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sample ours = make_side(&rows[i].ours), theirs = make_side(&rows[i].theirs);

		check_pair(rows[i].what, &ours, &theirs, rows[i].want);
		check_pair(rows[i].what, &theirs, &ours, seen_from_there(rows[i].want));
	}
}

/* As a linker writes it. */
static void put_checksum(struct sample *s)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < s->n; i += 2) {
		sum += s->b[i] + (i + 1 < s->n ? 256U * s->b[i + 1] : 0);
		sum = (sum & 0xffff) + (sum >> 16);
	}
	put(s, CHECKSUM, 4, sum + s->n);
}

/* What lies there, held against what a plan tells of the other one. */
static void test_planned(void)
{
	static const struct {
		const char *what;
		struct side planned, there;
		bool sums; /* the planned one has a checksum that is right */
		enum twin_kind want;
		bool proven;
	} rows[] = {
		{"signed", {0}, {.certificates = 64, .checksum = 5}, false, TWIN_SIGNED, true},
		{"signed, of a checksum that was right",
		 {0},
		 {.certificates = 64, .checksum = 5},
		 true,
		 TWIN_SIGNED,
		 true},
		{"of an odd length, filled up, signed",
		 {.tail = 3},
		 {.tail = 3, .zeros = 5, .certificates = 64},
		 true,
		 TWIN_SIGNED,
		 true},
		{"filled up, not with zeros",
		 {.tail = 3},
		 {.tail = 3, .zeros = 5, .filled = 1, .certificates = 64},
		 false,
		 TWIN_OTHER},
		{"filled up by more than signing does",
		 {0},
		 {.zeros = 8, .certificates = 64},
		 false,
		 TWIN_OTHER},
		{"another byte", {0}, {.certificates = 64, .changed = BODY - 1}, false, TWIN_OTHER},
		{"another byte in the header",
		 {0},
		 {.certificates = 64, .changed = CHECKSUM + 4},
		 true,
		 TWIN_OTHER},
		{"signed, of a checksum that is none",
		 {.checksum = 77},
		 {.certificates = 64},
		 false,
		 TWIN_OTHER},
		{"another checksum", {0}, {.checksum = 6}, false, TWIN_RESIGNED, true},
		{"another checksum, and byte",
		 {0},
		 {.checksum = 6, .changed = BODY - 1},
		 false,
		 TWIN_OTHER},
		{"signed by two",
		 {.certificates = 64, .checksum = 5},
		 {.certificates = 96, .checksum = 6},
		 false,
		 TWIN_RESIGNED},
		{"not signed", {.certificates = 64, .checksum = 5}, {0}, false, TWIN_UNSIGNED},
		{"no image", {0}, {.changed = 0x40}, false, TWIN_OTHER},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sample planned = make_side(&rows[i].planned),
			      there = make_side(&rows[i].there);
		struct plan_file line = {.kind = SLICE("pe"), .size = (int64_t)planned.n};
		struct pack_file file = {.size = (int64_t)planned.n};
		int fd CLEANUP(close_p) = file_of(sample_bytes(&there)), ours CLEANUP(close_p) = -1;
		char sum[PACK_SHA256_SIZE];
		enum twin_kind got;
		struct error e;
		bool proven;

		if (rows[i].sums)
			put_checksum(&planned);
		file.fd = ours = file_of(sample_bytes(&planned));
		ASSERT(pack_hash(&file, sum, NULL) == OK);
		memcpy(line.sha256, sum, sizeof(line.sha256));
		CHECK_INT(twin_of_planned(&line, fd, (int64_t)there.n, &got, &proven, &e), OK,
			  rows[i].what);
		CHECK_INT(got, rows[i].want, rows[i].what);
		CHECK_INT(proven, rows[i].proven, rows[i].what);
	}
}

/* Blocks are compared one by one: a difference in the last of several, and fields in the first alone. */
static void test_long(void)
{
	enum { LONG = 200000 };
	const struct side bare = {0}, made = {.certificates = 64, .checksum = 9};

	for (int differs = 0; differs <= 1; differs++) {
		struct buf ours CLEANUP(buf_fini) = BUF_MAX(LONG + 4096);
		struct buf theirs CLEANUP(buf_fini) = BUF_MAX(LONG + 4096);
		struct sample a = make_side(&bare), b = make_side(&made);
		int fd CLEANUP(close_p) = -1, there CLEANUP(close_p) = -1;
		struct plan_file line = {.kind = SLICE("pe"), .size = LONG};
		struct pack_file file = {.size = LONG};
		struct twin got;
		struct error e;

		put(&b, SECURITY, 4, LONG);
		buf_add(&ours, sample_bytes(&a));
		rig_zeros(&ours, LONG - ours.n);
		buf_add(&theirs, slice_head(sample_bytes(&b), BODY));
		rig_zeros(&theirs, LONG - theirs.n);
		if (differs)
			theirs.p[LONG - 1] = 1;
		buf_add(&theirs, slice_from(sample_bytes(&b), BODY));
		file.fd = fd = file_of(buf_slice(&ours));
		there = file_of(buf_slice(&theirs));
		CHECK_INT(twin_compare(&line, &file, there, (int64_t)theirs.n, &got, &e), OK,
			  "a long one");
		CHECK_INT(got.kind, differs ? TWIN_OTHER : TWIN_SIGNED, "to its end");
	}
}

static void test_stop(void)
{
	const struct side side = {0};
	const struct sample s = make_side(&side);
	const struct plan_file line = {.kind = SLICE("pe"), .size = (int64_t)s.n};
	int fd CLEANUP(close_p) = file_of(sample_bytes(&s));
	const atomic_bool stop = true;
	const struct pack_file file = {.fd = fd, .size = (int64_t)s.n, .stop = &stop};
	struct twin got;
	struct error e;

	CHECK_INT(twin_compare(&line, &file, fd, file.size, &got, &e), ERR_CANCELED,
		  "not wanted any more");
}

static void test_packed_badly(void)
{
	const struct side side = {0};
	const struct sample s = make_side(&side);
	const struct plan_file line = {.kind = SLICE("pe"), .size = (int64_t)s.n};
	int fd CLEANUP(close_p) = file_of(sample_bytes(&s));
	const struct pack_file file = {.fd = fd, .size = (int64_t)s.n};
	static const struct slice theirs[] = {SLICE("\x28\xb5\x2f\xfd damaged"),
					      SLICE("PK\x03\x04 a zip"), SLICE("x")};

	for (size_t i = 0; i < ARRAY_LEN(theirs); i++) {
		int there CLEANUP(close_p) = file_of(theirs[i]);
		struct twin got;
		struct error e;

		CHECK(twin_compare(&line, &file, there, (int64_t)theirs[i].n, &got, &e) == OK &&
			      got.kind == TWIN_OTHER,
		      "what cannot be expanded is another file");
	}
}

static void test_worth(void)
{
	static const int64_t room = TWIN_CERTIFICATES_MAX;
	const struct plan_file image = {.kind = SLICE("pe"), .size = 1000};
	const struct plan_file pdb = {
		.kind = SLICE("pdb"), .size = 1000, .privacy = PRIVACY_PUBLIC};
	const struct plan_file other = {.kind = SLICE("elf"), .size = 1000};
	const struct {
		const struct plan_file *file;
		int64_t total, plain;
		bool want;
	} rows[] = {
		{&image, 900, -1, true},
		{&image, 900, 1000 + room, true},
		{&image, 900, 1001 + room, false},
		{&image, 1000 + room, -1, true},
		{&image, 1001 + room, -1, false},
		{&image, 0, -1, false},
		{&image, -1, -1, false},
		{&pdb, TWIN_PDB_MAX, -1, true},
		{&pdb, TWIN_PDB_MAX + 1, -1, false},
		{&other, 900, -1, false},
	};
	const struct plan_file large = {.kind = SLICE("pe"), .size = 1001 + room};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK_INT(twin_is_worth_it(rows[i].file, rows[i].total, rows[i].plain),
			  rows[i].want, "worth a look");
	CHECK(!twin_is_worth_it(&large, 900, 1000), "much shorter than ours");
}

static void test_privacy(void)
{
	static const enum privacy want[] = {PRIVACY_PRIVATE, PRIVACY_PUBLIC};
	const struct plan_file line = {.kind = SLICE("pdb"), .privacy = PRIVACY_PUBLIC};
	int none CLEANUP(close_p) = file_of(SLICE("no PDB"));
	const struct pack_file file = {.fd = none, .size = 6};
	struct twin got;
	struct error e;

	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		struct buf b CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
		int there CLEANUP(close_p) = -1;
		struct rig_pdb p;
		const struct rig_stream streams[] = {{SLICE("old"), false},
						     {{p.info, sizeof(p.info)}, false},
						     {SLICE("types"), false},
						     {{p.dbi, sizeof(p.dbi)}, false}};

		rig_make_pdb(&p);
		store_le16(p.dbi + 56, want[i] == PRIVACY_PUBLIC ? 2 : 0);
		rig_make_msf(&b, false, 4096, 16, streams, ARRAY_LEN(streams));
		there = file_of(buf_slice(&b));
		CHECK(twin_compare(&line, &file, there, (int64_t)b.n, &got, &e) == OK &&
			      got.kind == TWIN_OTHER,
		      "a PDB");
		CHECK_INT(got.privacy, want[i], "stripped, or not");
	}
	CHECK(twin_compare(&line, &file, none, 6, &got, &e) == OK && got.privacy == PRIVACY_NONE,
	      "no PDB");
}

int main(void)
{
	test_images();
	test_planned();
	test_long();
	test_stop();
	test_packed_badly();
	test_worth();
	test_privacy();
	return tap_done();
}
