// SPDX-License-Identifier: MIT
/* The list of shape.h, one predicate per line of it. */
#include "serve/shape.h"
#include "base/text.h"
#include "serve/build_id.h"

#include <unistr.h>

#define KEY_MIN 5
#define KEY_MAX 128
/* Digits of a UUID behind the first two, which Sentry's paths have that are by no build-id. */
#define UNIFIED_MIN 30

/* A path in whole or from its second segment on. */
struct path {
	const struct slice *seg;
	size_t n;
};

static bool is(struct slice s, const char *word)
{
	return slice_eq_nocase(s, slice_of(word));
}

static bool is_hex_key(struct slice s)
{
	if (s.n < KEY_MIN || s.n > KEY_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (hex_digit(s.p[i]) < 0)
			return false;
	return true;
}

static bool is_key_char(char c)
{
	c = ascii_lower(c);
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '.' || c == '_' || c == '-';
}

/* The variants -sym- and -coreclr- begin like their plain forms. */
static bool is_ssqp_key(struct slice s)
{
	static const char *const prefixes[] = {"elf-buildid-", "mach-uuid-", "sha1-", "r2rmap-v"};

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		struct slice prefix = slice_of(prefixes[i]);

		if (!slice_starts_nocase(s, prefix) || s.n == prefix.n)
			continue;
		for (size_t at = prefix.n; at < s.n; at++)
			if (!is_key_char(s.p[at]))
				return false;
		return true;
	}
	return false;
}

bool shape_is_key(struct slice s)
{
	return is_hex_key(s) || is_ssqp_key(s);
}

static size_t char_size(struct slice s)
{
	int n = s.n ? u8_mblen((const uint8_t *)s.p, s.n) : 0;

	return n > 0 ? (size_t)n : MIN(s.n, 1);
}

struct slice shape_twin_stem(struct slice name)
{
	struct slice rest = name;
	size_t last = 0;

	while (rest.n) {
		last = rest.n;
		rest = slice_from(rest, char_size(rest));
	}
	return slice_head(name, name.n - last);
}

static bool is_compressed_twin(struct slice last, struct slice name)
{
	if (!slice_ends(last, SLICE("_")))
		return false;
	last.n--;
	if (fold_equal(last, shape_twin_stem(name)))
		return true;
	return slice_find(name, '.') == name.n && slice_ends(last, SLICE(".")) &&
	       fold_equal(slice_head(last, last.n - 1), name);
}

/* Clients ask for foo.sym or for foo.dll.sym; they do not agree which extensions to cut. */
static bool is_breakpad_file(struct slice last, struct slice name)
{
	static const char *const cut[] = {".pdb", ".exe", ".dll"};

	if (last.n < 4 || !is(slice_from(last, last.n - 4), ".sym"))
		return false;
	last.n -= 4;
	if (fold_equal(last, name))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(cut); i++)
		if (name.n > 4 && is(slice_from(name, name.n - 4), cut[i]))
			return fold_equal(last, slice_head(name, name.n - 4));
	return false;
}

enum shape_file shape_file(struct slice name, struct slice last)
{
	if (fold_equal(last, name))
		return SHAPE_PLAIN;
	if (is_compressed_twin(last, name))
		return SHAPE_TWIN;
	if (is_breakpad_file(last, name))
		return SHAPE_SYM;
	return is(last, "file.ptr") ? SHAPE_PTR : SHAPE_OTHER;
}

/* By the fold of candidate keys, which turns more than A to Z into these letters. */
static bool is_admin(struct slice folder)
{
	return fold_equal(folder, SLICE("000Admin"));
}

static bool is_one_tier(struct path p)
{
	if (p.n < 3 || p.n > 4 || is_admin(p.seg[0]) || (p.n == 4 && !is(p.seg[2], "msfz0")))
		return false;
	switch (shape_file(p.seg[0], p.seg[p.n - 1])) {
	case SHAPE_OTHER: break;
	case SHAPE_PLAIN:
	case SHAPE_TWIN:
	case SHAPE_PTR: return shape_is_key(p.seg[1]);
	case SHAPE_SYM: return is_hex_key(p.seg[1]) && p.n == 3;
	}
	return false;
}

static bool is_two_tier(struct path p)
{
	return p.n > 3 && slice_eq_nocase(p.seg[0], shape_tier_folder(p.seg[1])) &&
	       is_one_tier((struct path){p.seg + 1, p.n - 1});
}

static bool is_by_build_id(const struct symbol_path *p)
{
	struct build_id_path b;

	if (build_id_is_part(p))
		return is_hex_key(p->segment[1]);
	if (build_id_is_unified(p) && p->segment[1].n >= UNIFIED_MIN)
		return is(p->segment[2], "debuginfo") || is(p->segment[2], "executable") ||
		       is(p->segment[2], "breakpad");
	return build_id_parse(p, &b) && 2 * b.id.n >= KEY_MIN;
}

bool shape_is_symbol(const struct symbol_path *p)
{
	struct path all = {p->segment, p->segments};

	if (all.n == 0 || is_admin(all.seg[0]) || fold_equal(all.seg[all.n - 1], SLICE("refs.ptr")))
		return false;
	return is_one_tier(all) || is_two_tier(all) || is_by_build_id(p);
}

struct slice shape_tier_folder(struct slice name)
{
	size_t one = char_size(name);
	struct slice rest = slice_from(name, one);

	return slice_head(name, rest.n == 0 || rest.p[0] == '.' ? one : one + char_size(rest));
}
