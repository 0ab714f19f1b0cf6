// SPDX-License-Identifier: MIT
/* See s3_page.h. */
#include "store/s3_page.h"
#include "store/s3_xml.h"

/* Why the answer is no listing: some services say what went wrong with a 200. */
static enum err explain(struct slice body, struct error *e)
{
	struct s3_error x;

	if (s3_xml_error(body, &x, NULL) == OK)
		return err_set(e, ERR_UPSTREAM, "answered 200 with the error %s", x.code);
	return e ? e->code : ERR_CORRUPT;
}

/* A '+' of the store's may have come as a space (name_list.h). */
static bool begins(struct slice s, struct slice prefix)
{
	for (size_t i = 0; i < prefix.n; i++)
		if (i >= s.n || (s.p[i] != prefix.p[i] && !(s.p[i] == ' ' && prefix.p[i] == '+')))
			return false;
	return true;
}

static enum err cut(struct slice prefix, struct slice *entry, struct error *e)
{
	if (!begins(*entry, prefix))
		return err_set(e, ERR_CORRUPT,
			       "a listing with '" SLICE_FMT "', which is not below '" SLICE_FMT "'",
			       SLICE_ARG(slice_head(*entry, 100)),
			       SLICE_ARG(slice_head(prefix, 100)));
	*entry = slice_from(*entry, prefix.n);
	return OK;
}

enum err s3_page_read(struct slice prefix, struct slice body, struct name_page *ret,
		      struct error *e)
{
	struct s3_list l CLEANUP(s3_list_fini) = {0};
	struct name_page page CLEANUP(name_page_fini) = {0};
	enum err err = s3_xml_list(body, S3_LIST_MAX, &l, e);

	if (err)
		return explain(body, e);
	if (l.truncated ? !l.next_token.n : !l.complete || l.next_token.n)
		return err_set(
			e, ERR_CORRUPT,
			"a listing that does not say whether it is complete, or how to go on");
	page.keys = xzalloc((l.n_objects + 1) * sizeof(*page.keys));
	page.facts = xzalloc((l.n_objects + 1) * sizeof(*page.facts));
	for (; !err && page.n_keys < l.n_objects; page.n_keys++) {
		const struct s3_object *object = &l.objects[page.n_keys];

		page.keys[page.n_keys] = object->key;
		page.facts[page.n_keys] = (struct name_fact){object->size, object->modified_s,
							     object->etag};
		err = cut(prefix, &page.keys[page.n_keys], e);
	}
	page.folders = TAKE(l.prefixes);
	page.n_folders = l.n_prefixes;
	for (size_t i = 0; !err && i < page.n_folders; i++)
		err = cut(prefix, &page.folders[i], e);
	if (err)
		return err;
	page.next = l.next_token;
	page.text = l.text;
	l.text = (struct buf){0};
	*ret = page;
	page = (struct name_page){0};
	return OK;
}
