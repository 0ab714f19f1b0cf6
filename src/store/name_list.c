// SPDX-License-Identifier: MIT
/*
 * See name_list.h. The keys of a page and its common prefixes are two sequences, each sorted by
 * its bytes as the keys of the store are, so that merging them gives the order of the store. It is
 * checked as it came, what is passed over included: a page that comes twice, or one that begins
 * again within a prefix that was told, shows by an entry that is not behind the last one. One
 * without entries shows by its token.
 */
#include "store/name_list.h"

#include <xxhash.h>

#define FIRST_ROOM 1024

void name_list_fini(struct name_list *l)
{
	buf_fini(&l->text);
	free(l->end);
	*l = (struct name_list){0};
}

struct slice name_list_at(const struct name_list *l, size_t i)
{
	uint32_t begin = i ? l->end[i - 1] : 0;

	return (struct slice){l->text.p + begin, l->end[i] - begin};
}

void name_page_fini(struct name_page *p)
{
	free(p->keys);
	free(p->folders);
	free(p->facts);
	buf_fini(&p->text);
	*p = (struct name_page){0};
}

void name_pages_init(struct name_pages *p, size_t max_names)
{
	*p = (struct name_pages){
		.names = {.text = BUF_MAX(NAME_TEXT_MAX)},
		.last = BUF_MAX(NAME_TEXT_MAX),
		.max_names = max_names,
	};
}

void name_pages_fini(struct name_pages *p)
{
	name_list_fini(&p->names);
	buf_fini(&p->last);
	free(p->tokens);
	*p = (struct name_pages){0};
}

/* Room for one more of n. False: no memory. */
static bool make_room(void **items, size_t size, size_t n, size_t *room)
{
	size_t more = *room ? 2 * *room : FIRST_ROOM;
	void *p;

	if (n < *room)
		return true;
	p = reallocarray(*items, more, size);
	if (!p)
		return false;
	*items = p;
	*room = more;
	return true;
}

static enum err no_memory(struct error *e)
{
	return err_set(e, ERR_NOMEM, "no memory for a list of names");
}

/* ---- the token ---- */

static enum err add_token(struct name_pages *p, struct slice token, struct error *e)
{
	uint64_t hash = XXH3_64bits(token.p, token.n);

	for (size_t i = 0; i < p->n_tokens; i++)
		if (p->tokens[i] == hash)
			return err_set(e, ERR_CORRUPT, "a listing that goes in a circle");
	if (p->n_tokens == NAME_PAGES_MAX)
		return err_set(e, ERR_LIMIT, "a listing of more than %d pages", NAME_PAGES_MAX);
	if (!make_room((void **)&p->tokens, sizeof(*p->tokens), p->n_tokens, &p->token_room))
		return no_memory(e);
	p->tokens[p->n_tokens++] = hash;
	return OK;
}

/* ---- the order ---- */

/*
 * Keys, or folders, of a page: each behind the one before, the first behind all of the pages
 * before.
 */
static enum err check_order(const struct name_pages *p, const struct slice *v, size_t n,
			    struct error *e)
{
	for (size_t i = 0; i < n; i++) {
		if (i ? slice_compare(v[i - 1], v[i]) >= 0
		      : p->any && slice_compare(buf_slice(&p->last), v[i]) >= 0)
			return err_set(e, ERR_CORRUPT,
				       "a listing that is out of order at '" SLICE_FMT "'",
				       SLICE_ARG(slice_head(v[i], 100)));
	}
	return OK;
}

/* Directly below the folder: a key has no '/', a folder one at its end. */
static enum err check_place(const struct slice *v, size_t n, size_t slashes, struct error *e)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].n < slashes || slice_find(v[i], '/') != v[i].n - slashes)
			return err_set(e, ERR_CORRUPT,
				       "a listing with '" SLICE_FMT "', which does not stand there",
				       SLICE_ARG(slice_head(v[i], 100)));
	return OK;
}

static enum err check_entries(const struct name_page *page, struct error *e)
{
	enum err err = check_place(page->keys, page->n_keys, 0, e);

	return err ? err : check_place(page->folders, page->n_folders, 1, e);
}

/* Its order, and the token; both are remembered for the pages behind. */
static enum err check_page(struct name_pages *p, const struct name_page *page, struct error *e)
{
	enum err err = check_order(p, page->keys, page->n_keys, e);

	if (!err)
		err = check_order(p, page->folders, page->n_folders, e);
	if (!err && page->next.n)
		err = add_token(p, page->next, e);
	return err;
}

/* ---- the names ---- */

struct slice name_of_key(struct slice key)
{
	return slice_head(key, MIN(slice_find(key, '/') + 1, key.n));
}

bool segment_is_ours(struct slice segment)
{
	return slice_eq_nocase(segment, SLICE(".pepto")) ||
	       slice_starts_nocase(segment, SLICE(".pepto-"));
}

bool name_is_reserved(struct slice name)
{
	if (name.n && name.p[name.n - 1] == '/')
		name.n--;
	return !name.n || slice_starts_nocase(name, SLICE(".pepto")) ||
	       slice_eq_nocase(name, SLICE("000admin"));
}

enum err name_list_add(struct name_list *l, size_t *room, struct slice name, struct error *e)
{
	if (!make_room((void **)&l->end, sizeof(*l->end), l->n, room))
		return no_memory(e);
	buf_add(&l->text, name);
	if (buf_failed(&l->text))
		return l->text.n + name.n > NAME_TEXT_MAX
			       ? err_set(e, ERR_LIMIT, "names of more than %zu bytes",
					 NAME_TEXT_MAX)
			       : no_memory(e);
	l->end[l->n++] = (uint32_t)l->text.n;
	return OK;
}

static enum err add_name(struct name_pages *p, struct slice name, struct error *e)
{
	if (name_is_reserved(name))
		return OK;
	if (p->names.n >= p->max_names)
		return err_set(e, ERR_LIMIT, "more than %zu names", p->max_names);
	return name_list_add(&p->names, &p->room, name, e);
}

static void remember_last(struct name_pages *p, struct slice last)
{
	p->any = true;
	buf_clear(&p->last);
	buf_add(&p->last, last);
}

static void remember_last_of(struct name_pages *p, const struct name_page *page)
{
	struct slice key = page->n_keys ? page->keys[page->n_keys - 1] : SLICE_NONE;
	struct slice folder = page->n_folders ? page->folders[page->n_folders - 1] : SLICE_NONE;

	if (page->n_keys + page->n_folders)
		remember_last(p, slice_compare(key, folder) < 0 ? folder : key);
}

enum err name_pages_pass(struct name_pages *p, const struct name_page *page, struct error *e)
{
	enum err err = check_page(p, page, e);

	if (err)
		return err;
	remember_last_of(p, page);
	return buf_failed(&p->last) ? no_memory(e) : OK;
}

enum err name_pages_add(struct name_pages *p, const struct name_page *page, struct error *e)
{
	size_t k = 0, f = 0;
	enum err err = check_entries(page, e);

	if (!err)
		err = check_page(p, page, e);
	while (!err && (k < page->n_keys || f < page->n_folders)) {
		bool key = f == page->n_folders ||
			   (k < page->n_keys && slice_compare(page->keys[k], page->folders[f]) < 0);

		err = add_name(p, key ? page->keys[k++] : page->folders[f++], e);
	}
	if (!err)
		remember_last_of(p, page);
	if (!err && buf_failed(&p->last))
		err = no_memory(e);
	return err;
}
