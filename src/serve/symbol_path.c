// SPDX-License-Identifier: MIT
/*
 * See symbol_path.h. First what the end of a path is, then which kind the whole is (a new kind is a
 * function here and a line in kind_of()), last which of them are symbols.
 */
#include "serve/symbol_path.h"
#include "base/text.h"
#include "store/packing.h"

#define KEY_MIN 5 /* hex digits */
#define KEY_MAX 128
#define ID_MIN  8 /* bytes of a build-id: shorter numbers are likely to be something else */
/* Digits of a UUID behind the first two, which Sentry's paths have that are by no build-id. */
#define UNIFIED_MIN 30

static bool is(struct slice s, const char *word)
{
	return slice_eq_nocase(s, slice_of(word));
}

/* ---- name/KEY/last ---- */

static bool is_hex_key(struct slice s)
{
	return s.n >= KEY_MIN && s.n <= KEY_MAX && hex_only(s);
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

bool path_is_key(struct slice s)
{
	return is_hex_key(s) || is_ssqp_key(s);
}

static bool is_twin(struct slice last, struct slice name)
{
	if (!slice_ends(last, SLICE("_")))
		return false;
	last.n--;
	if (fold_equal(last, name_twin_stem(name)))
		return true;
	return slice_find(name, '.') == name.n && slice_ends(last, SLICE(".")) &&
	       fold_equal(slice_head(last, last.n - 1), name);
}

/* Clients ask for foo.sym or for foo.dll.sym; they do not agree which extensions to cut. */
static bool is_breakpad(struct slice last, struct slice name)
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

enum path_last path_last(struct slice name, struct slice last)
{
	/* Most are asked for in the same case twice; to fold takes ten times as long. */
	if (slice_eq(last, name) || fold_equal(last, name))
		return LAST_PLAIN;
	if (is_twin(last, name))
		return LAST_TWIN;
	if (is_breakpad(last, name))
		return LAST_SYM;
	return is(last, "file.ptr") ? LAST_PTR : LAST_OTHER;
}

/* Cut the last segment off. */
static struct slice take_last(struct slice *path)
{
	size_t slash = slice_rfind(*path, '/');
	struct slice last = slash < path->n ? slice_from(*path, slash + 1) : *path;

	*path = slash < path->n ? slice_head(*path, slash) : SLICE_NONE;
	return last;
}

struct spelling path_end(struct slice path)
{
	struct spelling s = {.path = path};

	s.last = take_last(&path);
	s.key.text = take_last(&path);
	/* Between name and last it would be the key itself. */
	if (packing_is_folder(s.key.text) && slice_find(path, '/') < path.n) {
		s.msfz = true;
		s.key.text = take_last(&path);
	}
	s.name = take_last(&path);
	if (!s.name.n)
		return s;
	s.last_is = path_last(s.name, s.last);
	s.tiered = path.n && slice_eq_nocase(take_last(&path), name_tier_folder(s.name));
	return s;
}

static bool is_file(const struct symbol_path *p)
{
	const struct spelling *s = &p->spelling[0];

	return p->segments == 3 + (size_t)s->msfz + s->tiered;
}

/* The build-id that the key of an ELF file tells, of SSQP's form. */
static void learn_ssqp(struct symbol_path *p)
{
	const struct spelling *s = &p->spelling[0];

	p->executable = s->key.kind == KEY_ELF;
	if (p->segments == 3 && s->last_is == LAST_PLAIN &&
	    (p->executable || (s->key.kind == KEY_ELF_SYM && is(s->name, "_.debug"))))
		p->id = s->key.id;
}

/* ---- by an id alone ---- */

static bool parse_file(struct symbol_path *p, struct slice word)
{
	p->executable = is(word, "executable");
	return p->executable || is(word, "debuginfo");
}

static bool parse_whole(struct symbol_path *p, struct slice hex, struct slice word)
{
	return parse_file(p, word) && symbol_id_parse(hex, &p->id);
}

static bool parse_gdb(struct symbol_path *p, struct slice first, struct slice name)
{
	size_t dot = slice_rfind(name, '.');

	p->executable = dot == name.n;
	return (p->executable || is(slice_from(name, dot), ".debug")) &&
	       symbol_id_parse_split(first, slice_head(name, dot), &p->id);
}

static bool is_by_build_id(struct symbol_path *p)
{
	const struct slice *seg = p->segment;
	bool found = false;

	if (p->segments == 3 && is(seg[0], "buildid")) {
		p->debuginfod = parse_whole(p, seg[1], seg[2]);
		return p->debuginfod;
	}
	if (p->segments == 3 && is(seg[0], ".build-id"))
		return parse_gdb(p, seg[1], seg[2]);
	if (p->segments == 2)
		found = parse_whole(p, seg[0], seg[1]) || parse_gdb(p, seg[0], seg[1]);
	else if (p->segments == 3)
		found = symbol_id_parse_split(seg[0], seg[1], &p->id) && parse_file(p, seg[2]);
	return found && p->id.n >= ID_MIN;
}

/* Whatever file the word says and whatever id it is. */
static bool is_unified(const struct symbol_path *p)
{
	static const char *const words[] = {"executable",   "debuginfo", "breakpad",
					    "sourcebundle", "uuidmap",   "bcsymbolmap",
					    "il2cpp",       "proguard",  "meta"};
	const struct slice *seg = p->segment;

	if (p->segments != 3 || seg[0].n != 2 || seg[0].n + seg[1].n < 2 * (size_t)ID_MIN ||
	    !hex_only(seg[0]) || !hex_only(seg[1]))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (is(seg[2], words[i]))
			return true;
	return false;
}

static bool is_part(const struct symbol_path *p)
{
	struct symbol_id id;

	return p->segments > 3 && is(p->segment[0], "buildid") &&
	       symbol_id_parse(p->segment[1], &id) &&
	       (is(p->segment[2], "source") || is(p->segment[2], "section"));
}

static bool is_by_uuid(const struct symbol_path *p)
{
	struct slice last;

	if (p->segments != 6)
		return false;
	for (size_t i = 0; i < 5; i++)
		if (p->segment[i].n != 4 || !hex_only(p->segment[i]))
			return false;
	last = p->segment[5];
	return last.n >= 12 && hex_only(slice_head(last, 12)) &&
	       (last.n == 12 || is(slice_from(last, 12), ".app"));
}

/* ---- all together ---- */

static enum path_kind kind_of(struct symbol_path *p)
{
	if (p->segments == 0)
		return PATH_ROOT;
	if (p->segments == 1 && is(p->segment[0], "index2.txt"))
		return PATH_INDEX2;
	if (p->segments == 1 && is(p->segment[0], "pingme.txt"))
		return PATH_PINGME;
	p->unified = is_unified(p);
	if (is_by_build_id(p))
		return PATH_BUILD_ID;
	p->id.n = 0;
	if (p->unified)
		return PATH_UNIFIED;
	if (is_part(p))
		return PATH_PART;
	if (is_by_uuid(p))
		return PATH_UUID;
	return is_file(p) ? PATH_FILE : PATH_OTHER;
}

/* By the fold of candidate keys, which turns more than A to Z into these letters. */
static bool is_admin(struct slice folder)
{
	return fold_equal(folder, SLICE("000Admin"));
}

static bool is_symbol_file(const struct spelling *s)
{
	switch (s->last_is) {
	case LAST_OTHER: break;
	case LAST_PLAIN:
	case LAST_TWIN:
	case LAST_PTR: return s->key.kind == KEY_GUID || path_is_key(s->key.text);
	case LAST_SYM: return is_hex_key(s->key.text) && !s->msfz;
	}
	return false;
}

static bool is_symbol(const struct symbol_path *p)
{
	const struct slice *seg = p->segment;

	if (is_admin(seg[0]) || fold_equal(seg[p->segments - 1], SLICE("refs.ptr")))
		return false;
	switch (p->kind) {
	case PATH_ROOT:
	case PATH_INDEX2:
	case PATH_PINGME:
	case PATH_UUID:
	case PATH_OTHER: break;
	case PATH_FILE: return !is_admin(p->spelling[0].name) && is_symbol_file(&p->spelling[0]);
	case PATH_BUILD_ID: return 2 * p->id.n >= KEY_MIN;
	case PATH_PART: return is_hex_key(seg[1]);
	case PATH_UNIFIED:
		return seg[1].n >= UNIFIED_MIN &&
		       (is(seg[2], "debuginfo") || is(seg[2], "executable") ||
			is(seg[2], "breakpad"));
	}
	return false;
}

void symbol_path_read(struct symbol_path *p)
{
	for (size_t s = 0; s < p->spellings; s++)
		p->spelling[s] = path_end(p->spelling[s].path);
	p->kind = kind_of(p);
	if (symbol_path_is_own(p))
		return;
	for (size_t s = 0; s < p->spellings && p->kind == PATH_FILE; s++)
		p->spelling[s].key = key_parse(p->spelling[s].name, p->spelling[s].key.text);
	if (p->kind == PATH_FILE)
		learn_ssqp(p);
	p->symbol = is_symbol(p);
}

/* request_clean() puts them into the text so; they are equally long. */
struct slice symbol_path_spellings(const struct symbol_path *p)
{
	struct slice first = p->spelling[0].path;

	return (struct slice){first.p, first.n * MAX(p->spellings, 1)};
}

struct slice symbol_path_segment(const struct symbol_path *p, size_t s, size_t i)
{
	ptrdiff_t at = p->segment[i].p - p->spelling[0].path.p;

	return (struct slice){p->spelling[s].path.p + at, p->segment[i].n};
}

bool symbol_path_is_own(const struct symbol_path *p)
{
	return p->kind == PATH_ROOT || p->kind == PATH_INDEX2 || p->kind == PATH_PINGME;
}

bool symbol_path_is_nameless(const struct symbol_path *p)
{
	return p->kind == PATH_BUILD_ID || p->kind == PATH_UNIFIED || p->kind == PATH_PART ||
	       p->kind == PATH_UUID;
}

void symbol_path_fini(struct symbol_path *p)
{
	buf_fini(&p->text);
}
