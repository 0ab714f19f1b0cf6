// SPDX-License-Identifier: MIT
/*
 * Cabinets as symbol stores hold them: one file in one cabinet. Source of the format: [MS-CAB].
 *
 * cab_sniff() reads the header, codec_decode() expands by libmspack (stored, MSZIP, Quantum, LZX)
 * and cab_encode() writes MSZIP. Cabinets that are part of a set, or that hold more or less than
 * one file, are refused.
 */
#pragma once
#include "codec/codec.h"

#define CAB_MAGIC "MSCF"
/* The longest header that is looked through for the entry of the file; that of symstore has 44. */
#define CAB_HEAD_MAX ((size_t)64 * 1024)
/* A cabinet counts blocks of 32 KiB with 16 bits. */
#define CAB_FILE_MAX (INT64_C(65535) * 32768)
/* Longest name of a file in a cabinet, without its NUL. */
#define CAB_NAME_MAX 255

enum cab_method { CAB_STORED, CAB_MSZIP, CAB_QUANTUM, CAB_LZX };

struct cab_info {
	int64_t size; /* of the file, decoded */
	enum cab_method method;
	struct slice name; /* as it is in the header, which it points into */
	bool is_utf8;      /* else in the code page of the machine that made it */
};

/* SNIFF_BAD also when the entry of the file ends behind CAB_HEAD_MAX. */
enum sniff cab_sniff(struct slice head, struct cab_info *ret, struct error *e);

struct cab_member {
	struct slice name; /* UTF-8 */
	int64_t size;      /* ERR_LIMIT beyond CAB_FILE_MAX */
	int64_t mtime_s;   /* since the epoch; stored in steps of 2 s from 1980 to 2107 */
};

struct cab_output {
	/* As in struct codec_io. ERR_CORRUPT when the file ends before its size. */
	enum err (*read)(void *ud, int64_t offset, void *to, size_t n, size_t *ret_n,
			 struct error *e);
	/*
	 * In order of offset, but for the last call, which puts the header at 0: before that call
	 * the output is no cabinet.
	 */
	enum err (*write_at)(void *ud, int64_t offset, struct slice bytes, struct error *e);
	void *ud;
};

/* Write a cabinet of one file at zlib's compression level (1 to 9). Needs 0.5 MiB. */
MUST_CHECK enum err cab_encode(const struct cab_member *m, int level, const struct cab_output *io,
			       struct error *e);
