// SPDX-License-Identifier: MIT
/* See resolve.h. */
#include "serve/resolve.h"
#include "serve/shape.h"

bool resolve_passes_over(const struct resolve_rules *rules, struct store *s)
{
	const struct symbol_path *path = rules->path;

	return !store_takes_name(s, path->segment[path->segments - 1]) ||
	       (rules->looped && s->traits.loops) ||
	       (!rules->any_path && store_is_private(s) && !shape_is_symbol(path));
}

bool resolve_candidates(const struct symbol_path *path, struct store *s, struct candidates *ret)
{
	static const enum key_case cases[] = {[CASE_LOWER] = KEY_CASE_LOWER,
					      [CASE_ASKED] = KEY_CASE_ASKED,
					      [CASE_BOTH] = KEY_CASE_BOTH};
	static const enum key_tier tiers[] = {[TIER_UNKNOWN] = KEY_TIER_UNKNOWN,
					      [TIER_ONE] = KEY_TIER_ONE,
					      [TIER_TWO] = KEY_TIER_TWO};
	const struct candidate_options options = {
		.key_case = s->traits.any_case ? KEY_CASE_ASKED : cases[s->traits.key_case],
		.tier = tiers[atomic_load(&s->tier)]};

	return candidates_make(path, &options, ret);
}

/* ---- siblings ---- */

#define PTR SLICE("file.ptr")

/* name with its last character made '_', as symstore /compress and the debuggers do. */
static bool is_twin(struct slice name, struct slice plain)
{
	return slice_ends(name, SLICE("_")) &&
	       slice_eq_nocase(slice_head(name, name.n - 1), shape_twin_stem(plain));
}

/* The path with another last segment, given in two pieces: clean, as the one it is made of. */
static bool replace_last(const struct symbol_path *path, struct slice stem, struct slice end,
			 struct symbol_path *ret)
{
	struct slice whole = path->spelling[0];
	struct slice front = slice_head(whole, whole.n - path->segment[path->segments - 1].n);

	*ret = (struct symbol_path){.text = BUF_MAX(REQUEST_KEY_MAX)};
	buf_add(&ret->text, front);
	buf_add(&ret->text, stem);
	buf_add(&ret->text, end);
	if (buf_failed(&ret->text)) {
		symbol_path_fini(ret);
		return false;
	}
	ret->kind = REQ_SYMBOL;
	ret->spellings = 1;
	ret->spelling[0] = buf_slice(&ret->text);
	ret->segments = path->segments;
	for (size_t i = 0; i < path->segments; i++)
		ret->segment[i] = (struct slice){ret->text.p + (path->segment[i].p - whole.p),
						 path->segment[i].n};
	ret->segment[path->segments - 1].n = stem.n + end.n;
	return true;
}

size_t resolve_siblings(const struct symbol_path *path, bool wants_ptr,
			struct symbol_path ret[static 2])
{
	struct slice last, plain;
	size_t n = 0;

	if (path->segments < 3)
		return 0;
	last = path->segment[path->segments - 1];
	plain = path->segment[path->segments - 3];
	if (slice_eq_nocase(last, plain)) {
		n += !slice_ends(last, SLICE("_")) &&
		     replace_last(path, shape_twin_stem(last), SLICE("_"), &ret[n]);
	} else if (is_twin(last, plain)) {
		n += replace_last(path, plain, SLICE_NONE, &ret[n]);
	} else {
		return 0;
	}
	if (wants_ptr)
		n += replace_last(path, PTR, SLICE_NONE, &ret[n]);
	return n;
}
