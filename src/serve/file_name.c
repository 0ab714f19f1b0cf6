// SPDX-License-Identifier: MIT
/* The table of file_name.h. */
#include "serve/file_name.h"
#include "base/text.h"
#include "store/packing.h"

static struct slice without(struct slice name, const char *end)
{
	size_t n = strlen(end);

	if (name.n > n && slice_eq_nocase(slice_from(name, name.n - n), slice_of(end)))
		return slice_head(name, name.n - n);
	return SLICE_NONE;
}

/*
 * The name without the suffix that says how it is packed (.gz, .zst, or Ghidra's ._); n == 0: it
 * has none.
 */
static struct slice unpacked(struct slice name)
{
	struct slice ret = SLICE_NONE;

	for (enum packing p = PACKED_NOT + 1; p < PACKINGS_END && !ret.n; p++)
		if (packing_rows[p].place == PLACE_BEHIND)
			ret = without(name, packing_rows[p].affix);
	return ret.n ? ret : without(name, "._");
}

/* A name alone: it may be that of a packed file, or of one that is packed once more. */
static bool matches_packed(struct slice name, struct slice glob)
{
	for (int depth = 0; depth < 3 && name.n; depth++, name = unpacked(name))
		if (fold_glob(name, glob, slice_ends(name, SLICE("_"))))
			return true;
	return false;
}

static bool ends_in_ptr(struct slice glob)
{
	return glob.n >= 4 && slice_eq_nocase(slice_from(glob, glob.n - 4), SLICE(".ptr"));
}

static bool matches(const struct spelling *s, struct slice glob)
{
	switch (s->last_is) {
	case LAST_PLAIN:
	case LAST_OTHER: return matches_packed(s->last, glob);
	case LAST_TWIN:
	case LAST_SYM: return matches_packed(s->name, glob) || fold_glob(s->last, glob, false);
	case LAST_PTR:
		return matches_packed(s->name, glob) ||
		       (ends_in_ptr(glob) && fold_glob(s->last, glob, false));
	}
	return false;
}

bool file_name_is(struct slice key, struct slice glob)
{
	struct spelling s = path_end(key);

	return matches(&s, glob);
}

/*
 * The segments before the name and its tier; of a path whose last segment is no name, all of them.
 */
static struct slice before_name(const struct spelling *s)
{
	struct slice before = s->path;

	if (s->last_is == LAST_OTHER)
		return before;
	before = slice_head(before, (size_t)(s->name.p - before.p));
	if (s->tiered)
		before = slice_head(before, before.n - name_tier_folder(s->name).n - 1);
	return before;
}

static bool is_below(const struct spelling *s, struct slice glob)
{
	struct slice before = before_name(s), segment;

	while (slice_next(&before, '/', &segment))
		if (!path_is_key(segment) && matches_packed(segment, glob))
			return true;
	return false;
}

static bool is_barred(const struct spelling *s, struct slice glob)
{
	return matches(s, glob) || is_below(s, glob);
}

bool file_name_key_barred(struct slice key, struct slice glob)
{
	struct spelling s = path_end(key);

	return is_barred(&s, glob);
}

bool file_name_barred(const struct symbol_path *p, struct slice glob)
{
	for (size_t s = 0; s < p->spellings; s++)
		if (is_barred(&p->spelling[s], glob))
			return true;
	return false;
}

bool file_name_wanted(const struct symbol_path *p, struct slice glob)
{
	for (size_t s = 0; s < p->spellings; s++)
		if (matches(&p->spelling[s], glob))
			return true;
	return false;
}
