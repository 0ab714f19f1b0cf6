// SPDX-License-Identifier: MIT
/*
 * SZDD: what compress.exe of the 1990s made of a file (LZSS, a window of 4 KiB), in old symbol
 * stores under the same names as cabinets: foo.pd_. The header states the length. QBasic's
 * installer had a header of its own for the same data.
 *
 *	 0	"SZDD\x88\xf0\x27\x33", 'A', the last letter of the name, u32 length	(14 bytes)
 *	 0	"SZ \x88\xf0\x27\x33\xd1", u32 length					(12 bytes)
 *
 * Source: the description of the format in libmspack's documentation (mspack.h).
 */
#pragma once
#include "codec/codec.h"

#define SZDD_MAGIC       "SZDD\x88\xf0\x27\x33"
#define SZDD_QBASIC      "SZ \x88\xf0\x27\x33\xd1"
#define SZDD_MAGIC_SIZE  8
#define SZDD_HEADER_SIZE 14

enum sniff szdd_sniff(struct slice head, int64_t *ret_size, struct error *e);
