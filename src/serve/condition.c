// SPDX-License-Identifier: MIT
/* Entity tags may hold commas, so their list is walked and not split; see condition.h. */
#include "serve/condition.h"
#include "base/clock.h"

struct etag {
	bool weak;
	struct slice quoted; /* with the quotes */
};

/* Cut an entity tag off the front of *s. */
static bool next_etag(struct slice *s, struct etag *ret)
{
	struct slice rest = *s;
	size_t n;

	ret->weak = slice_starts(rest, SLICE("W/"));
	if (ret->weak)
		rest = slice_from(rest, 2);
	if (!slice_starts(rest, SLICE("\"")))
		return false;
	n = 2 + slice_find(slice_from(rest, 1), '"');
	if (n > rest.n)
		return false;
	ret->quoted = slice_head(rest, n);
	*s = slice_from(rest, n);
	return true;
}

/* False also when s is more than one tag. */
static bool parse_etag(struct slice s, struct etag *ret)
{
	return next_etag(&s, ret) && s.n == 0;
}

/* The list ends at its first mistake; the ETags before that still count. */
static bool any_matches(struct slice list, struct slice own)
{
	struct etag ours, theirs;

	if (slice_eq(slice_trim(list), SLICE("*")))
		return true;
	if (!parse_etag(own, &ours))
		return false;
	for (;;) {
		list = slice_trim(list);
		if (slice_starts(list, SLICE(","))) {
			list = slice_from(list, 1);
			continue;
		}
		if (!next_etag(&list, &theirs))
			return false;
		if (slice_eq(ours.quoted, theirs.quoted))
			return true;
	}
}

enum condition condition_check(const struct condition_headers *h, const struct validators *v)
{
	int64_t since;

	if (h->if_none_match.p)
		return any_matches(h->if_none_match, v->etag) ? COND_NOT_MODIFIED : COND_PROCEED;
	if (v->modified != DATE_UNKNOWN &&
	    http_date_parse(slice_trim(h->if_modified_since), &since) && v->modified <= since)
		return COND_NOT_MODIFIED;
	return COND_PROCEED;
}

bool condition_range_allowed(const struct condition_headers *h, const struct validators *v)
{
	struct slice want = slice_trim(h->if_range);
	struct etag ours, theirs;
	int64_t date;

	if (!h->if_range.p)
		return true;
	if (parse_etag(want, &theirs))
		return parse_etag(v->etag, &ours) && !ours.weak && !theirs.weak &&
		       slice_eq(ours.quoted, theirs.quoted);
	return v->modified != DATE_UNKNOWN && http_date_parse(want, &date) && date == v->modified;
}
