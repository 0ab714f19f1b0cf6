// SPDX-License-Identifier: MIT
/* See answer.h. */
#include "store/answer.h"
#include "base/clock.h"

#include <stdio.h>

/* Content-Encoding is a list; keep what really changes the bytes. */
static void copy_encoding(struct slice list, char *ret, size_t size)
{
	struct slice one;
	size_t n = 0;

	while (slice_next(&list, ',', &one)) {
		one = slice_trim(one);
		if (one.n == 0 || slice_eq_nocase(one, SLICE("identity")) ||
		    slice_eq_nocase(one, SLICE("aws-chunked")))
			continue;
		n += (size_t)snprintf(ret + n, size - n, "%s" SLICE_FMT, n ? ", " : "",
				      SLICE_ARG(one));
		n = MIN(n, size - 1);
	}
}

/*
 * RFC 9110, 8.8.3. What is none is dropped, for it would be sent to clients as it stands and be
 * compared; one that was cut for its length has lost its last quote.
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

enum err answer_head(const struct transfer_head *answer, struct object_head *ret, struct error *e)
{
	struct content_range range;
	int64_t mtime;

	*ret = (struct object_head){
		.total = answer->length, .length = answer->length, .mtime = -1, .fd = -1};
	if (answer->bad_length)
		return err_set(e, ERR_CORRUPT, "Content-Length is not a number");
	if (answer->status == 206) {
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
	copy_encoding(slice_of(answer->content_encoding), ret->encoding, sizeof(ret->encoding));
	return OK;
}

void range_header(const struct store_read *read, char *ret, size_t size)
{
	const struct range_ask *r = &read->range;

	ret[0] = '\0';
	if (!read->ranged)
		return;
	if (r->first == RANGE_UNKNOWN)
		snprintf(ret, size, "bytes=-%lld", (long long)r->last);
	else if (r->last == INT64_MAX)
		snprintf(ret, size, "bytes=%lld-", (long long)r->first);
	else
		snprintf(ret, size, "bytes=%lld-%lld", (long long)r->first, (long long)r->last);
}
