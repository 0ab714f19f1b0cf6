// SPDX-License-Identifier: MIT
/* See object_head.h. */
#include "store/object_head.h"
#include "base/clock.h"
#include "base/text.h"

#include <stdio.h>

/*
 * Is it the name of a content coding (IANA, "HTTP Content Coding Registry", and the x- names of RFC
 * 9110)? Uploaders write much else into that field: charsets, "binary", "none", media types. Of
 * these "identity" changes nothing, and "aws-chunked" is what buggy uploaders leave there.
 */
static bool is_coding(struct slice s)
{
	static const char *const codings[] = {
		"aes128gcm", "br",   "compress",     "dcb",    "dcz",        "deflate",
		"exi",       "gzip", "pack200-gzip", "x-gzip", "x-compress", "zstd",
	};

	for (size_t i = 0; i < ARRAY_LEN(codings); i++)
		if (slice_eq_nocase(s, slice_of(codings[i])))
			return true;
	return false;
}

/* Content-Encoding is a list; keep what really changes the bytes. */
static void copy_encoding(struct slice list, char *ret, size_t size)
{
	struct slice one;
	size_t n = 0;

	while (slice_next(&list, ',', &one)) {
		one = slice_trim(one);
		if (!is_coding(one))
			continue;
		n += (size_t)snprintf(ret + n, size - n, "%s" SLICE_FMT, n ? ", " : "",
				      SLICE_ARG(one));
		n = MIN(n, size - 1);
	}
}

/*
 * RFC 9110, 8.8.3. A text that is no ETag is dropped, for ETags are sent to clients as they stand,
 * and compared; one that was cut for its length has lost its last quote.
 */
static bool is_etag(struct slice s)
{
	if (slice_starts(s, SLICE("W/")))
		s = slice_from(s, 2);
	if (s.n < 2 || s.p[0] != '"' || s.p[s.n - 1] != '"')
		return false;
	for (size_t i = 1; i < s.n - 1; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c <= ' ' || c == '"' || c == 0x7f)
			return false;
	}
	return true;
}

/*
 * Some services grant a part of an empty object ("bytes 0-0/0", "bytes 0--1/0"), which no
 * Content-Range can express: that is the whole.
 */
static bool is_part_of_nothing(const struct transfer_head *answer)
{
	return answer->length == 0 && slice_ends(slice_of(answer->content_range), SLICE("/0"));
}

int64_t object_head_date(const struct transfer_head *answer)
{
	int64_t date_s;

	return http_date_parse(slice_of(answer->date), &date_s) ? date_s : -1;
}

/* Every field by itself; a text that fills its room has lost its end. */
static void read_origin(const struct transfer_head *answer, struct object_origin *ret)
{
	struct slice sha256 = slice_of(answer->pepto_sha256), tx = slice_of(answer->pepto_tx);
	uint64_t size;

	*ret = (struct object_origin){.size = -1};
	if (sha256.n == sizeof(ret->sha256) - 1 && hex_only(sha256))
		(void)fold_lower_ascii(sha256, ret->sha256);
	if (parse_u64(slice_of(answer->pepto_size), INT64_MAX, &size))
		ret->size = (int64_t)size;
	if (tx.n < sizeof(ret->tx) - 1 && text_is_field_value(tx))
		memcpy(ret->tx, tx.p, tx.n);
}

enum err object_head_read(const struct transfer_head *answer, struct object_head *ret,
			  struct error *e)
{
	struct content_range range;
	int64_t mtime;

	*ret = (struct object_head){.total = answer->length,
				    .length = answer->length,
				    .mtime = -1,
				    .fd = -1,
				    .date_s = object_head_date(answer)};
	read_origin(answer, &ret->origin);
	if (answer->bad_length)
		return err_set(e, ERR_CORRUPT, "Content-Length is not a number");
	if (answer->status == 206 && !is_part_of_nothing(answer)) {
		if (!content_range_parse(slice_of(answer->content_range), &range) ||
		    range.first < 0)
			return err_set(e, ERR_CORRUPT, "206 without a usable Content-Range");
		ret->ranged = true;
		ret->first = range.first;
		ret->length = range.last - range.first + 1;
		ret->total = range.total;
		if (answer->length >= 0 && answer->length != ret->length)
			return err_set(e, ERR_CORRUPT, "Content-Range contradicts Content-Length");
	}
	if (http_date_parse(slice_of(answer->last_modified), &mtime))
		ret->mtime = mtime;
	if (is_etag(slice_of(answer->etag)))
		memcpy(ret->etag, answer->etag, sizeof(ret->etag));
	if (strlen(answer->content_encoding) == sizeof(answer->content_encoding) - 1)
		return err_set(e, ERR_CORRUPT, "Content-Encoding is too long");
	copy_encoding(slice_of(answer->content_encoding), ret->encoding, sizeof(ret->encoding));
	return OK;
}

/* In quotes, and nothing else: a multipart ETag has "-N" behind its digits. */
static bool is_md5(struct slice etag)
{
	if (etag.n != 34)
		return false;
	for (size_t i = 1; i < 33; i++)
		if (hex_digit(etag.p[i]) < 0)
			return false;
	return true;
}

/* Encrypted with SSE-S3 or not at all; with any other key the ETag is something else. */
static bool is_plain(const struct transfer_head *answer)
{
	return !answer->customer[0] &&
	       (!answer->encryption[0] || slice_eq(slice_of(answer->encryption), SLICE("AES256")));
}

/* The strongest first, of those that come with the right length: "-N" would make it longer. */
static void copy_sum(const struct transfer_head *answer, struct object_head *ret)
{
	const struct {
		const char *name, *value;
		size_t n;
	} sums[] = {
		{"sha256", answer->sum_sha256, 44},
		{"crc64nvme", answer->sum_crc64nvme, 12},
		{"crc32c", answer->sum_crc32c, 8},
		{"crc32", answer->sum_crc32, 8},
	};

	for (size_t i = 0; i < ARRAY_LEN(sums) && !ret->sum_name[0]; i++) {
		if (strlen(sums[i].value) != sums[i].n)
			continue;
		snprintf(ret->sum_name, sizeof(ret->sum_name), "%s", sums[i].name);
		snprintf(ret->sum_base64, sizeof(ret->sum_base64), "%s", sums[i].value);
	}
}

void object_head_read_sum(const struct transfer_head *answer, bool whole, struct object_head *ret)
{
	ret->sums_known = answer->sum_type[0] || answer->sum_sha256[0] ||
			  answer->sum_crc64nvme[0] || answer->sum_crc32c[0] || answer->sum_crc32[0];
	ret->etag_is_md5 = is_plain(answer) && is_md5(slice_of(ret->etag));
	if (whole && answer->status == 200 &&
	    !slice_eq_nocase(slice_of(answer->sum_type), SLICE("COMPOSITE")))
		copy_sum(answer, ret);
}
