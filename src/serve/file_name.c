// SPDX-License-Identifier: MIT
/* The table of file_name.h: first what the path is, then the names that follow from that. */
#include "serve/file_name.h"
#include "base/text.h"
#include "serve/build_id.h"
#include "serve/shape.h"

/* A path from its end: what is asked for, the name that its folder tells, and what is before. */
struct place {
	struct slice name, last; /* name.n == 0: it has none */
	struct slice before;
	enum shape_file shape;
};

/* Cut the last segment off. */
static struct slice take_last(struct slice *path)
{
	size_t slash = slice_rfind(*path, '/');
	struct slice last = slash < path->n ? slice_from(*path, slash + 1) : *path;

	*path = slash < path->n ? slice_head(*path, slash) : SLICE_NONE;
	return last;
}

static struct place place_of(struct slice path)
{
	struct place p = {.before = path, .shape = SHAPE_OTHER};
	struct slice key, tiered;

	p.last = take_last(&p.before);
	key = take_last(&p.before);
	if (slice_eq_nocase(key, SLICE("msfz0")))
		key = take_last(&p.before);
	p.name = key.n ? take_last(&p.before) : SLICE_NONE;
	if (p.name.n)
		p.shape = shape_file(p.name, p.last);
	tiered = p.before;
	if (p.name.n && slice_eq_nocase(take_last(&tiered), shape_tier_folder(p.name)))
		p.before = tiered;
	if (p.shape == SHAPE_OTHER)
		p.before = path;
	return p;
}

/* A name without what says how it is packed: .gz, .zst, or Ghidra's ._; n == 0: nothing says so. */
static struct slice unpacked(struct slice name)
{
	static const char *const ends[] = {".gz", ".zst", "._"};

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		size_t n = strlen(ends[i]);

		if (name.n > n && slice_eq_nocase(slice_from(name, name.n - n), slice_of(ends[i])))
			return slice_head(name, name.n - n);
	}
	return SLICE_NONE;
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

static bool matches(const struct place *p, struct slice glob)
{
	switch (p->shape) {
	case SHAPE_PLAIN:
	case SHAPE_OTHER: return matches_packed(p->last, glob);
	case SHAPE_TWIN:
	case SHAPE_SYM: return matches_packed(p->name, glob) || fold_glob(p->last, glob, false);
	case SHAPE_PTR:
		return matches_packed(p->name, glob) ||
		       (ends_in_ptr(glob) && fold_glob(p->last, glob, false));
	}
	return false;
}

bool file_name_is(struct slice key, struct slice glob)
{
	struct place p = place_of(key);

	return matches(&p, glob);
}

static bool is_below(struct slice key, struct slice glob)
{
	struct slice before = place_of(key).before, segment;

	while (slice_next(&before, '/', &segment))
		if (!shape_is_key(segment) && matches_packed(segment, glob))
			return true;
	return false;
}

bool file_name_barred(const struct symbol_path *path, struct slice glob)
{
	for (size_t s = 0; s < path->spellings; s++)
		if (file_name_is(path->spelling[s], glob) || is_below(path->spelling[s], glob))
			return true;
	return false;
}

bool file_name_wanted(const struct symbol_path *path, struct slice glob)
{
	for (size_t s = 0; s < path->spellings; s++)
		if (file_name_is(path->spelling[s], glob))
			return true;
	return false;
}

/* ---- paths without a name ---- */

static bool is_hex(struct slice s, size_t n)
{
	for (size_t i = 0; i < s.n; i++)
		if (hex_digit(s.p[i]) < 0)
			return false;
	return s.n == n;
}

/* LLDB's: XXXX/XXXX/XXXX/XXXX/XXXX/XXXXXXXXXXXX, the binary with .app behind it. */
static bool is_by_uuid(const struct symbol_path *p)
{
	struct slice last;

	if (p->segments != 6)
		return false;
	for (size_t i = 0; i < 5; i++)
		if (!is_hex(p->segment[i], 4))
			return false;
	last = p->segment[5];
	return is_hex(slice_head(last, 12), 12) &&
	       (last.n == 12 || slice_eq_nocase(slice_from(last, 12), SLICE(".app")));
}

bool file_name_absent(const struct symbol_path *p)
{
	struct build_id_path b;

	return (build_id_parse(p, &b) && !b.ssqp) || build_id_is_part(p) ||
	       build_id_is_unified(p) || is_by_uuid(p);
}
