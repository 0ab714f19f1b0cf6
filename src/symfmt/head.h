// SPDX-License-Identifier: MIT
/*
 * The head of a file: its first bytes, and how long it is. The parsers of symfmt read from one,
 * so that a caller through whom a file streams can ask what it is long before the last byte is
 * there, and can hear how much more would settle the question.
 *
 * A read that passes the end of the bytes is remembered: as *corrupt* when it passes the end of
 * the file too, else as a *need* of so many leading bytes. The first such read decides, and all
 * reads from it on give zeros; so a parser reads a whole structure and asks head_state() once. No
 * read touches memory outside the bytes, whatever the offset, and no offset overflows.
 *
 *	struct head h = head_of(bytes, HEAD_SIZE_UNKNOWN);
 *	uint32_t at = head_u32(&h, 0x3c);
 *	uint32_t magic = head_u32(&h, at);
 *	if (head_state(&h) != PARSE_OK)
 *		return head_state(&h);
 *
 * Slices that come out of a head lie in its bytes and live as long as they do.
 *
 * Of a file that can be read anywhere (source.h) the head is never short: what lies behind its
 * bytes is read when it is asked for, through a window. A slice of the window lives until the next
 * read, so this is for parsers that copy at once, as those of identities do. Text is not looked
 * for there; and when the windows of a head are used up, or one cannot be read, it is as short as
 * any other.
 */
#pragma once
#include "symfmt/source.h"

#define HEAD_SIZE_UNKNOWN UINT64_MAX
#define HEAD_FIRST        16384 /* bytes of a file that are read first */
#define HEAD_WINDOW       4096
#define HEAD_WINDOWS_MAX  1024 /* no table of an honest file takes more */

/* The result of a parser. */
enum parse {
	PARSE_OK,
	PARSE_MORE,    /* not enough bytes to tell; try again with head.need of them */
	PARSE_OTHER,   /* not a file of this format */
	PARSE_CORRUPT, /* of this format, but no linker wrote it so, or it is cut short */
};

struct head_window {
	uint64_t at; /* in the file */
	size_t n;    /* bytes of it */
	char bytes[HEAD_WINDOW];
};

/* Two windows, since a table and what its rows point to are read by turns. */
struct head_file {
	const struct source *source;
	size_t windows_left, used; /* used: which of the two was looked through last */
	struct head_window window[2];
	char first[HEAD_FIRST];
};

struct head {
	struct slice bytes;
	uint64_t file_size; /* HEAD_SIZE_UNKNOWN until it is known */
	uint64_t need;      /* 0, or the number of leading bytes without which it ends here */
	bool corrupt;
	bool big_endian;        /* of the integers, set by the parser */
	struct head_file *file; /* NULL: the bytes are all there is */
};

/* The bytes are cut to file_size when there are more of them. */
struct head head_of(struct slice bytes, uint64_t file_size);
/* Reads the first bytes; *f needs no preparation and has to live as long as the head. */
struct head head_of_file(const struct source *source, struct head_file *f);
enum parse head_state(const struct head *h);
/* Does the file begin so? A head that is too short for an answer needs more. */
bool head_starts(struct head *h, struct slice magic);
/* The result for a file that lacks the magic: PARSE_OTHER, or PARSE_MORE. */
enum parse head_other(const struct head *h);

uint16_t head_u16(struct head *h, uint64_t at);
uint32_t head_u32(struct head *h, uint64_t at);
uint64_t head_u64(struct head *h, uint64_t at);
/* n bytes, or SLICE_NONE when they are not all there. */
struct slice head_bytes(struct head *h, uint64_t at, uint64_t n);
/*
 * The text from at up to the first stop, without it; at most max bytes, longer is corrupt. When
 * stop is a line feed the end of the file stops it as well: a last line may have none.
 */
struct slice head_text(struct head *h, uint64_t at, char stop, size_t max);
