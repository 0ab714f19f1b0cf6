// SPDX-License-Identifier: MIT
/*
 * Range, Content-Range and the conditional headers: the same bytes are tried as each of them.
 */
#include "serve/condition.h"
#include "store/range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_range(struct slice header)
{
	static const int64_t totals[] = {0, 1, 2, 1000, INT64_C(1) << 32, INT64_MAX};
	struct range_ask ask;
	struct range r;

	if (!range_parse(header, &ask))
		return;
	ASSERT(ask.last >= 0 && ask.first >= RANGE_UNKNOWN && ask.first <= ask.last);
	for (size_t i = 0; i < ARRAY_LEN(totals); i++)
		if (range_resolve(&ask, totals[i], &r) == RANGE_PART)
			ASSERT(r.first >= 0 && r.first <= r.last && r.last < totals[i]);
}

static void check_content_range(struct slice header)
{
	struct content_range r;

	if (!content_range_parse(header, &r))
		return;
	ASSERT((r.first == RANGE_UNKNOWN) == (r.last == RANGE_UNKNOWN) && r.first <= r.last);
	ASSERT(r.total == RANGE_UNKNOWN ? r.first >= 0 : r.last < r.total);
}

static void check_conditions(struct slice header)
{
	static const struct validators v = {{"\"a,b\"", 5}, 784111777};
	struct condition_headers h = {header, SLICE_NONE, header};

	/* A tag that is equal for If-Range is so for If-None-Match. */
	if (header.p && condition_range_allowed(&h, &v) && slice_find(header, '"') < header.n)
		ASSERT(condition_check(&h, &v) == COND_NOT_MODIFIED);
	h = (struct condition_headers){.if_modified_since = header};
	(void)condition_check(&h, &v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice header = {(const char *)data, size};

	check_range(header);
	check_content_range(header);
	check_conditions(header);
	return 0;
}
