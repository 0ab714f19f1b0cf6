// SPDX-License-Identifier: MIT
/* What is common: names, magics, sizes by the beginning. The formats have tests of their own. */
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
		enum codec c = CODEC_CAB;
		bool known = codec_sniff(rows[i].head, &c);

		CHECK_INT(known ? (int)c : -1, rows[i].codec, "magic");
	}
	CHECK_STR(codec_name(CODEC_CAB), "cab", "name");
	CHECK_STR(codec_name(CODEC_GZIP), "gzip", "name");
	CHECK_STR(codec_name(CODEC_ZSTD), "zstd", "name");
	CHECK_STR(codec_name(CODEC_SZDD), "szdd", "name");
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
		{CODEC_GZIP, {"\x1f\x8b\x08", 3}, SNIFF_OK, CODEC_SIZE_UNKNOWN},
		{CODEC_GZIP, {"MS", 2}, SNIFF_BAD, 0},
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

		CHECK_INT(codec_sniff_size(rows[i].codec, rows[i].head, &size, &e), rows[i].answer,
			  "answer");
		CHECK_INT(size, rows[i].size, "size, untouched unless known");
		CHECK((e.code != OK) == (rows[i].answer == SNIFF_BAD), "error only when bad");
	}
}

static void test_empty_input(void)
{
	struct rig r = {0};
	struct error e;

	for (enum codec c = CODEC_CAB; c <= CODEC_SZDD; c++) {
		CHECK_INT(rig_decode(&r, c, SLICE_NONE, &e), ERR_CORRUPT, codec_name(c));
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
