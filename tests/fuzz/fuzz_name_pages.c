// SPDX-License-Identifier: MIT
/*
 * A listing whose pages are what the input says, with a byte between them that cannot be in XML.
 * Whatever that is, the list is sorted, no two names of it are the same, each stands directly
 * below the folder, and it is complete only if a page has said so, by a listing that ends there.
 *
 *	how many names there may be; is there a prefix? page 0x1e page 0x1e ...
 */
#include "store/name_list.h"
#include "store/s3_page.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int compare(struct slice a, struct slice b)
{
	size_t n = MIN(a.n, b.n);
	int order = n ? memcmp(a.p, b.p, n) : 0;

	return order ? order : (a.n > b.n) - (a.n < b.n);
}

static void check_list(const struct name_list *l, size_t max)
{
	ASSERT(l->n <= max && l->text.n <= NAME_TEXT_MAX);
	ASSERT(l->n == 0 || l->end[l->n - 1] == l->text.n);
	for (size_t i = 0; i < l->n; i++) {
		struct slice name = name_list_at(l, i);

		ASSERT(name.n && name.p[0] != '/' && slice_find(name, '/') >= name.n - 1);
		ASSERT(i == 0 || compare(name_list_at(l, i - 1), name) < 0);
	}
}

/* True: it was the last page. */
static bool take(struct name_pages *p, struct slice prefix, struct slice body)
{
	char *copy CLEANUP(free_p) = xstrndup(body.p, body.n);
	struct name_page page CLEANUP(name_page_fini) = {0};
	struct error e = {0};

	if (s3_page_read(prefix, (struct slice){copy, body.n}, &page, &e) != OK) {
		ASSERT(e.code && e.msg[0] && !page.keys && !page.text.p);
		return true;
	}
	if (name_pages_add(p, &page, &e) != OK) {
		ASSERT(e.code && e.msg[0]);
		return true;
	}
	check_list(&p->names, p->max_names);
	if (page.next.n)
		return false;
	ASSERT(memmem(body.p, body.n, "ListBucketResult", 16) &&
	       memmem(body.p, body.n, "IsTruncated", 11));
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct name_pages p CLEANUP(name_pages_fini) = {0};
	struct slice rest = {(const char *)data, size}, body;

	if (size < 2)
		return 0;
	name_pages_init(&p, data[0]);
	rest = slice_from(rest, 2);
	while (slice_next(&rest, '\x1e', &body))
		if (take(&p, data[1] & 1 ? SLICE("pre/") : SLICE(""), body))
			break;
	return 0;
}
