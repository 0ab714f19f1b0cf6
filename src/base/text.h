// SPDX-License-Identifier: MIT
/*
 * Encodings of text that more than one domain needs: hex, base64 (decode), percent-encoding, and
 * the folding of names, and what text may stand where. Pure functions.
 */
#pragma once
#include "base/buf.h"

int hex_digit(char c);         /* 0..15, or -1 */
bool hex_only(struct slice s); /* hex digits, at least one, and nothing else */
/* Lower-case hex of n bytes and a NUL; ret has room for 2 * n + 1. */
void hex_encode(const unsigned char *p, size_t n, char *ret);
/* Standard alphabet, padding optional but then complete; false on anything else. */
bool base64_decode(struct slice s, struct buf *out);
/*
 * Append s with every byte escaped but A-Z a-z 0-9 - . _ ~ and the bytes in keep, hex digits
 * upper-case: the one encoder for SigV4 and for every URL that we send.
 */
void percent_encode(struct slice s, const char *keep, struct buf *out);
/* Percent-decode once; false, with nothing appended, on an invalid escape. */
bool percent_decode(struct slice s, struct buf *out);
/*
 * Append s in lower case: ASCII, and the simple Unicode lower-case mapping where s is valid
 * UTF-8 (bytes that are not stay as they are). No locale. This is what JavaScript's toLowerCase
 * did to the original's keys, U+0130 and a final sigma apart.
 */
void fold_lower(struct slice s, struct buf *out);
/* The same for ASCII alone, into s.n bytes at ret; false when s has others. */
bool fold_lower_ascii(struct slice s, char *ret);
/*
 * What fold_lower() makes of s: in space, of n bytes, if it is ASCII and short enough; else in longer, which is
 * the caller's to free in either case.
 */
struct slice fold_within(struct slice s, char *space, size_t n, struct buf *longer);
/* Are two names the same after fold_lower()? */
bool fold_equal(struct slice a, struct slice b);
/*
 * Does the name match the glob, case ignored as above? '*' is any text, '?' any character. With
 * open_end the name's last character is any one, too.
 */
bool fold_glob(struct slice name, struct slice glob, bool open_end);
/*
 * How the first character of s is written where people read it. Returns its bytes. ret stays ""
 * when it stands there as it is; else it is \uXXXX (two of them beyond U+FFFF, as in JSON): what is
 * not seen or changes how its neighbours are shown (controls, format and bidirectional characters,
 * separators of lines, blanks but ' ', fillers, what is not assigned or private), and each byte
 * that is no UTF-8. s must not be empty.
 */
#define TEXT_ESCAPE_SIZE 16
size_t text_escape(struct slice s, char ret[static TEXT_ESCAPE_SIZE]);
/* Append all of s written so. */
void text_show(struct slice s, struct buf *out);
/* May it stand as (a part of) the value of a header: nothing but printable ASCII, ' ' and tabs? */
bool text_is_field_value(struct slice s);
/* A path or prefix without the slashes around it. */
struct slice text_trim_slashes(struct slice s);
/*
 * URLs in what b has from at on lose their "user:password@": all from "://" to the last '@' before the next
 * slash.
 */
void text_cut_users(struct buf *b, size_t at);
/* The same text, or both NULL. */
bool text_same(const char *a, const char *b);
/* Constant-time comparison: time depends on the lengths only. */
bool equal_secret(struct slice a, struct slice b);
