// SPDX-License-Identifier: MIT
/* What is common: magics, sizes by the beginning. The formats have tests of their own. */
#include "codec/cab.h"
#include "codec/szdd.h"
#include "codec/zstd.h"
#include "codec_rig.h"

static void test_sniff(void)
{
	static const struct {
		struct slice head;
		int codec; /* -1: none */
	} rows[] = {
		{{NULL, 0}, -1},
		{{"MSC", 3}, -1},
		{{"MSCF", 4}, CODEC_CAB},
		{{"MSCF\0\0\0\0", 8}, CODEC_CAB},
		{{"mscf", 4}, -1},
		{{"\x1f\x8b", 2}, -1},
		{{"\x1f\x8b\x08", 3}, CODEC_GZIP},
		{{"\x1f\x8b\x09\0", 4}, -1},
		{{"\x28\xb5\x2f\xfd", 4}, CODEC_ZSTD},
		{{"\x27\xb5\x2f\xfd", 4}, -1},
		{{"\x50\x2a\x4d\x18", 4}, CODEC_ZSTD}, /* as pzstd begins */
		{{"\x5f\x2a\x4d\x18", 4}, CODEC_ZSTD},
		{{"\x60\x2a\x4d\x18", 4}, -1},
		{{"SZDD\x88\xf0\x27\x33", 8}, CODEC_SZDD},
		{{"SZ \x88\xf0\x27\x33\xd1", 8}, CODEC_SZDD},
		{{"SZDD\x88\xf0\x27\x34", 8}, -1},
		{{"SZDD", 4}, -1},
		{{"Microsoft C/C++ MSF 7.00", 24}, -1},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int found = -1;

#define CODEC(ID, name, ...)                                                                       \
	if (name##_begins(rows[i].head))                                                           \
		found = found < 0 ? (int)CODEC_##ID : -2;
#include "base/packings.def"
		CHECK_INT(found, rows[i].codec, "magic, of one at most");
	}
}

static enum sniff sniff_size(enum codec c, struct slice head, int64_t *ret, struct error *e)
{
	struct cab_info cab = {.size = *ret};
	enum sniff answer = c == CODEC_CAB    ? cab_sniff(head, &cab, e)
			    : c == CODEC_ZSTD ? zstd_sniff(head, ret, e)
					      : szdd_sniff(head, ret, e);

	if (c == CODEC_CAB)
		*ret = cab.size;
	return answer;
}

static void test_size(void)
{
	static const struct {
		enum codec codec;
		struct slice head;
		enum sniff answer;
		int64_t size;
	} rows[] = {
		{CODEC_CAB, {"MSCF", 4}, SNIFF_MORE, 0},
		{CODEC_CAB, {"\x1f", 1}, SNIFF_BAD, 0},
		{CODEC_ZSTD, {"\x28\xb5\x2f\xfd\x20\x05", 6}, SNIFF_OK, 5},
		{CODEC_ZSTD, {"\x28\xb5\x2f\xfd", 4}, SNIFF_MORE, 0},
		{CODEC_ZSTD, {"MSCF", 4}, SNIFF_BAD, 0},
		{CODEC_SZDD,
		 {"SZDD\x88\xf0\x27\x33"
		  "Ab\5\0\0\0",
		  14},
		 SNIFF_OK,
		 5},
		{CODEC_SZDD,
		 {"SZDD\x88\xf0\x27\x33"
		  "Ab\5\0\0",
		  13},
		 SNIFF_MORE,
		 0},
		{CODEC_SZDD,
		 {"SZDD\x88\xf0\x27\x33"
		  "B",
		  9},
		 SNIFF_BAD,
		 0},
		{CODEC_SZDD, {"SZ \x88\xf0\x27\x33\xd1\7\0\0\0", 12}, SNIFF_OK, 7},
		{CODEC_SZDD, {"SZ \x88\xf0\x27\x33\xd1\7", 9}, SNIFF_MORE, 0},
		{CODEC_SZDD, {"MSCF", 4}, SNIFF_BAD, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error e = {0};
		int64_t size = 0;

		CHECK_INT(sniff_size(rows[i].codec, rows[i].head, &size, &e), rows[i].answer,
			  "answer");
		CHECK_INT(size, rows[i].size, "size, untouched unless known");
		CHECK((e.code != OK) == (rows[i].answer == SNIFF_BAD), "error only when bad");
	}
}

static void test_empty_input(void)
{
	struct rig r = {0};
	struct error e;

	static const enum codec all[] = {
#define CODEC(ID, ...) CODEC_##ID,
#include "base/packings.def"
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		enum codec c = all[i];

		CHECK_INT(rig_decode(&r, c, SLICE_NONE, &e), ERR_CORRUPT,
			  "nothing is none of them");
		CHECK_INT(codec_decode(c, &(struct codec_io){.read = rig_read, .ud = &r}, NULL),
			  ERR_CORRUPT, "nobody wants to know why");
	}
	buf_fini(&r.out);
}

int main(void)
{
	test_sniff();
	test_size();
	test_empty_input();
	return tap_done();
}
