// SPDX-License-Identifier: MIT
#include "publish/present.h"

#include "base/file.h"
#include "tap.h"

#include <stdio.h>

#define ONE   "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
#define OTHER "0000000000000000000000000000000000000000000000000000000000000000"

static struct object_head head_of_row(const char *sha256, const char *encoding, bool is_md5,
				      int64_t total, int fd)
{
	struct object_head head = {.total = total, .etag_is_md5 = is_md5, .fd = fd};

	(void)snprintf(head.origin.sha256, sizeof(head.origin.sha256), "%s", sha256);
	(void)snprintf(head.encoding, sizeof(head.encoding), "%s", encoding);
	return head;
}

static void test_judge(void)
{
	static const struct {
		const char *what, *sha256, *encoding;
		bool is_md5;
		int64_t total;
		bool has_name;
		int fd;
		enum present want;
	} rows[] = {
		{"the same hash", ONE, "", true, 3, false, -1, PRESENT_SAME},
		{"the same hash, packed", ONE, "zstd", false, 99, false, -1, PRESENT_SAME},
		{"the same hash, a cabinet", ONE, "", true, 99, true, -1, PRESENT_SAME},
		{"another hash", OTHER, "", true, 3, false, -1, PRESENT_DIFFERS},
		{"another hash, packed", OTHER, "gzip", true, 3, false, -1, PRESENT_DIFFERS},
		{"no hash, the same length", "", "", true, 3, false, -1, PRESENT_ASKS_MD5},
		{"no hash, another length", "", "", true, 4, false, -1, PRESENT_UNVERIFIED},
		{"no hash, no length", "", "", true, -1, false, -1, PRESENT_UNVERIFIED},
		{"no hash, in parts", "", "", false, 3, false, -1, PRESENT_UNVERIFIED},
		{"no hash, packed", "", "zstd", true, 3, false, -1, PRESENT_UNVERIFIED},
		{"no hash, a cabinet", "", "", true, 3, true, -1, PRESENT_UNVERIFIED},
		{"a file", "", "", false, 3, false, 5, PRESENT_ASKS_BYTES},
		{"a file of another length", "", "", false, 4, true, 5, PRESENT_ASKS_BYTES},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct object_head head = head_of_row(rows[i].sha256, rows[i].encoding,
							    rows[i].is_md5, rows[i].total,
							    rows[i].fd);

		CHECK_INT(present_judge(3, ONE, rows[i].has_name, &head), rows[i].want,
			  rows[i].what);
	}
}

static int file_of(const char *text)
{
	int fd = file_temporary();

	ASSERT(fd >= 0 && file_write_at(fd, slice_of(text), 0));
	return fd;
}

/* As it lies there in each packing. */
static void test_bytes(void)
{
	static const struct {
		const char *theirs;
		enum present want;
	} rows[] = {{"some text\n", PRESENT_SAME},
		    {"some_text\n", PRESENT_DIFFERS},
		    {"some text", PRESENT_DIFFERS},
		    {"some text\n\n", PRESENT_DIFFERS},
		    {"", PRESENT_DIFFERS}};
	int ours CLEANUP(close_p) = file_of("some text\n");
	const struct pack_file file = {
		.fd = ours,
		.size = 10,
		.name = SLICE("x"),
		.sha256 = "a23e5fdcd7b276bdd81aa1a0b7b963101863dd3f61ff57935f8c5ba462681ea6"};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (enum pack_kind kind = PACK_NONE; kind <= PACK_CAB; kind++) {
			const struct pack_how how = {kind, PACK_LEVEL_DEFAULT};
			int plain CLEANUP(close_p) = file_of(rows[i].theirs);
			struct pack_file their = {.fd = plain,
						  .size = (int64_t)strlen(rows[i].theirs),
						  .name = SLICE("x"),
						  .in_the_name = true};
			char sum[PACK_SHA256_SIZE];
			struct object_head head = {.fd = plain, .total = their.size};
			struct packed packed;
			enum present got;

			ASSERT(pack_hash(&their, sum, NULL) == OK);
			their.sha256 = sum;
			ASSERT(pack_file(&how, &their, &packed, NULL) == OK);
			if (packed.fd >= 0) {
				head.fd = packed.fd;
				head.total = packed.size;
			}
			CHECK(present_compare(PRESENT_ASKS_BYTES, &file, &head, &got, NULL) == OK &&
				      got == rows[i].want,
			      rows[i].theirs);
			packed_fini(&packed);
		}
}

static void test_md5(void)
{
	int ours CLEANUP(close_p) = file_of("one");
	const struct pack_file file = {.fd = ours, .size = 3}, longer = {.fd = ours, .size = 4};
	struct object_head head = {
		.fd = -1, .total = 3, .etag = "\"F97C5D29941BFB1B2FDAB0874906AB82\""};
	enum present got;

	CHECK(present_compare(PRESENT_ASKS_MD5, &file, &head, &got, NULL) == OK &&
		      got == PRESENT_SAME,
	      "its MD5");
	head.etag[1] = '0';
	CHECK(present_compare(PRESENT_ASKS_MD5, &file, &head, &got, NULL) == OK &&
		      got == PRESENT_DIFFERS,
	      "another");
	CHECK_INT(present_compare(PRESENT_ASKS_MD5, &longer, &head, &got, NULL), ERR_CORRUPT,
		  "it is shorter");
}

int main(void)
{
	test_judge();
	test_bytes();
	test_md5();
	return tap_done();
}
