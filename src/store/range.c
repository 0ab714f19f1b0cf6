// SPDX-License-Identifier: MIT
/* Two small grammars; see range.h. */
#include "store/range.h"

#include <stdio.h>

static bool is_digits(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n > 0;
}

static bool parse_size(struct slice s, int64_t *ret)
{
	uint64_t v;

	if (!parse_u64(s, INT64_MAX, &v))
		return false;
	*ret = (int64_t)v;
	return true;
}

static bool parse_size_clamped(struct slice s, int64_t *ret)
{
	if (!is_digits(s))
		return false;
	if (!parse_size(s, ret))
		*ret = INT64_MAX;
	return true;
}

/* Cut s in two at the first sep; false when there is none. */
static bool split_at(struct slice s, char sep, struct slice *ret_left, struct slice *ret_right)
{
	size_t at = slice_find(s, sep);

	if (at == s.n)
		return false;
	*ret_left = slice_head(s, at);
	*ret_right = slice_from(s, at + 1);
	return true;
}

bool range_parse(struct slice header, struct range_ask *ret)
{
	struct slice unit, set, first, last;
	struct range_ask ask = {RANGE_UNKNOWN, INT64_MAX};

	if (!split_at(slice_trim(header), '=', &unit, &set) ||
	    !slice_eq_nocase(unit, SLICE("bytes")))
		return false;
	if (!split_at(set, '-', &first, &last) || (first.n == 0 && last.n == 0))
		return false;
	if (first.n && !parse_size_clamped(first, &ask.first))
		return false;
	if (last.n && !parse_size_clamped(last, &ask.last))
		return false;
	if (ask.first > ask.last)
		return false;
	*ret = ask;
	return true;
}

enum range_result range_resolve(const struct range_ask *ask, int64_t total, struct range *ret)
{
	bool is_suffix = ask->first == RANGE_UNKNOWN;
	int64_t first = is_suffix ? MAX(total - ask->last, 0) : ask->first;

	if (first >= total)
		return RANGE_UNSATISFIABLE;
	*ret = (struct range){first, is_suffix ? total - 1 : MIN(ask->last, total - 1)};
	return RANGE_PART;
}

bool content_range_parse(struct slice header, struct content_range *ret)
{
	struct slice unit, rest, range, total, first, last;
	struct content_range r = {RANGE_UNKNOWN, RANGE_UNKNOWN, RANGE_UNKNOWN};

	if (!split_at(slice_trim(header), ' ', &unit, &rest) ||
	    !slice_eq_nocase(unit, SLICE("bytes")) ||
	    !split_at(slice_trim(rest), '/', &range, &total))
		return false;
	if (!slice_eq(total, SLICE("*")) && !parse_size(total, &r.total))
		return false;
	if (slice_eq(range, SLICE("*"))) {
		*ret = r;
		return r.total != RANGE_UNKNOWN;
	}
	if (!split_at(range, '-', &first, &last) || !parse_size(first, &r.first) ||
	    !parse_size(last, &r.last) || r.first > r.last)
		return false;
	if (r.total != RANGE_UNKNOWN && r.last >= r.total)
		return false;
	*ret = r;
	return true;
}

void range_header(const struct range_ask *r, char *ret, size_t size)
{
	ret[0] = '\0';
	if (!r)
		return;
	if (r->first == RANGE_UNKNOWN)
		snprintf(ret, size, "bytes=-%lld", (long long)r->last);
	else if (r->last == INT64_MAX)
		snprintf(ret, size, "bytes=%lld-", (long long)r->first);
	else
		snprintf(ret, size, "bytes=%lld-%lld", (long long)r->first, (long long)r->last);
}
