// SPDX-License-Identifier: MIT
/*
 * Two halves that meet in key_compare(): a path is read from its end, where its layout shows; a
 * file is read by identity_read(), from the bytes that are there or from all of it. See verify.h.
 */
#include "symfmt/verify.h"
#include "base/buf.h"
#include "symfmt/identity.h"
#include "symfmt/page.h"
#include "symfmt/pe.h"

#include <stdio.h>
#include <unistr.h>

#define BUILD_ID_MIN 8    /* bytes of one that a path does not call so */
#define SEGMENTS     4    /* of a path, from its end: name/KEY/msfz0/name */
#define ALL_KEYS_MAX 1024 /* bytes of all keys of a fat file */

/* The last segments of a path, the very last first. */
struct tail {
	size_t n; /* SEGMENTS: so many, or more */
	struct slice seg[SEGMENTS];
};

static struct tail tail_of(struct slice path)
{
	struct tail t = {0};

	while (t.n < SEGMENTS && path.n) {
		size_t slash = slice_rfind(path, '/');
		bool is_first = slash == path.n;

		t.seg[t.n++] = is_first ? path : slice_from(path, slash + 1);
		path = slice_head(path, is_first ? 0 : slash);
	}
	return t;
}

static bool is(struct slice s, const char *word)
{
	return slice_eq_nocase(s, slice_of(word));
}

static struct slice without(struct slice s, const char *suffix)
{
	size_t n = strlen(suffix);

	return s.n >= n && is(slice_from(s, s.n - n), suffix) ? slice_head(s, s.n - n) : s;
}

/* foo.pd_, libfo_; and for a name without an extension also libfoo._ */
static bool is_underscored(struct slice last, struct slice name)
{
	struct slice stem = without(last, "_"), file = without(stem, ".");
	struct slice cut = slice_from(name, stem.n);

	if (stem.n == last.n)
		return false;
	if (file.n < stem.n && slice_eq_nocase(file, name))
		return true;
	return slice_starts_nocase(name, stem) && cut.n > 0 &&
	       (cut.n == 1 || u8_mblen((const uint8_t *)cut.p, cut.n) == (int)cut.n);
}

/* How a name says that the file is packed: base/packings.def. */
static const struct {
	enum { NOWHERE, TWIN, BEHIND, FOLDER } place;
	const char *affix;
} packings[] = {
#define PACKING(ID, name, word, place, affix, ...) {place, affix},
#include "base/packings.def"
};

static struct slice without_packing(struct slice last)
{
	for (size_t i = 0; i < ARRAY_LEN(packings); i++)
		if (packings[i].place == BEHIND)
			last = without(last, packings[i].affix);
	return last;
}

static bool is_packed_folder(struct slice segment)
{
	for (size_t i = 0; i < ARRAY_LEN(packings); i++)
		if (packings[i].place == FOLDER && is(segment, packings[i].affix))
			return true;
	return false;
}

static bool is_same_file(struct slice last, struct slice name)
{
	return slice_eq_nocase(last, name) || slice_eq_nocase(without_packing(last), name) ||
	       is_underscored(last, name);
}

/* Writers do not agree which extensions to cut from the name. */
static bool is_breakpad_file(struct slice last, struct slice name)
{
	static const char *const cut[] = {"", ".pdb", ".exe", ".dll"};
	struct slice file = without_packing(last), stem = without(without(file, ".sym"), ".sy_");

	for (size_t i = 0; i < ARRAY_LEN(cut) && stem.n < file.n; i++)
		if (slice_eq_nocase(stem, without(name, cut[i])))
			return true;
	return false;
}

/* name/KEY/name: a key that is opaque only ever means something to a Breakpad file (CODE_ID). */
static bool claim_key(struct tail t, struct claim *ret)
{
	size_t key = t.n > 3 && is_packed_folder(t.seg[1]) ? 2 : 1;
	bool is_breakpad;

	if (t.n < key + 2)
		return false;
	is_breakpad = is_breakpad_file(t.seg[0], t.seg[key + 1]);
	if (!is_breakpad && !is_same_file(t.seg[0], t.seg[key + 1]))
		return false;
	ret->name = t.seg[key + 1];
	ret->key = key_parse(ret->name, t.seg[key]);
	return is_breakpad || ret->key.kind != KEY_OTHER;
}

static void claim_build_id(struct slice text, bool is_debug_file, struct claim *ret)
{
	ret->key.text = text;
	ret->key.kind = is_debug_file ? KEY_ELF_SYM : KEY_ELF;
}

static bool claim_debuginfod(struct tail t, struct claim *ret)
{
	bool is_debug_file = t.n == 3 && is(t.seg[0], "debuginfo");

	if (t.n != 3 || !is(t.seg[2], "buildid") || !(is_debug_file || is(t.seg[0], "executable")))
		return false;
	claim_build_id(t.seg[1], is_debug_file, ret);
	return symbol_id_parse(t.seg[1], &ret->key.id);
}

/* nn/nnnn: the first byte of a build-id and the others. */
static bool claim_split(struct tail t, struct claim *ret)
{
	struct slice others = without(t.seg[0], ".debug");

	if (t.n != 2 && !(t.n == 3 && is(t.seg[2], ".build-id")))
		return false;
	claim_build_id(others, others.n < t.seg[0].n, ret);
	return symbol_id_parse_split(t.seg[1], others, &ret->key.id) &&
	       ret->key.id.n >= BUILD_ID_MIN;
}

bool claim_of_path(struct slice path, struct claim *ret)
{
	struct tail t = tail_of(path);

	*ret = (struct claim){.name = t.seg[0]};
	return claim_key(t, ret) || claim_debuginfod(t, ret) || claim_split(t, ret);
}

/* No format that we know: a text may turn out to be a page as more of it comes. */
static enum verdict judge_page(const struct head *h)
{
	if (page_name(h->bytes))
		return VERDICT_WRONG;
	return h->bytes.n < MIN(PAGE_HEAD, h->file_size) && page_is_text(h->bytes)
		       ? VERDICT_MORE
		       : VERDICT_UNKNOWN;
}

static enum verdict judge_claim(const struct claim *x, struct head *h)
{
	struct head from_start = *h;
	struct symbol_identity i;
	enum parse state = identity_read(h, &i);

	if (state == PARSE_OK && i.kind == SYMBOL_PE && x->key.kind != KEY_STAMP &&
	    x->key.kind != KEY_OTHER) {
		state = pe_add_ids(&from_start, &i);
		h->need = from_start.need;
	}
	switch (state) {
	case PARSE_OK: break;
	case PARSE_MORE: return h->need > VERIFY_HEAD ? VERDICT_WHOLE : VERDICT_MORE;
	case PARSE_OTHER: return judge_page(h);
	case PARSE_CORRUPT: return VERDICT_UNKNOWN;
	}
	switch (key_compare(&x->key, &i)) {
	case KEY_MATCH:
	case KEY_MATCH_ALIAS: return VERDICT_GOOD;
	case KEY_MATCH_NOT: return VERDICT_WRONG;
	case KEY_MATCH_UNKNOWN: break;
	}
	return VERDICT_UNKNOWN;
}

enum verdict verify_head(const struct claim *x, struct slice bytes, int64_t size)
{
	struct head h = head_of(bytes, size == INT64_MAX ? HEAD_SIZE_UNKNOWN : (uint64_t)size);

	return judge_claim(x, &h);
}

enum err verify_file(const struct claim *x, const struct source *file, enum verdict *ret,
		     struct error *e)
{
	struct watched_source watched;
	struct source source = source_watch(&watched, file, e);
	struct head_file *room CLEANUP(free_p) = xnew(struct head_file);
	struct head h = head_of_file(&source, room);
	enum verdict verdict = judge_claim(x, &h);

	if (watched.err)
		return watched.err;
	*ret = verdict == VERDICT_GOOD || verdict == VERDICT_WRONG ? verdict : VERDICT_UNKNOWN;
	return OK;
}

void verify_describe(const struct source *file, char *to, size_t n)
{
	static const char *const kinds[] = {
		[SYMBOL_UNKNOWN] = "unknown", [SYMBOL_PDB] = "PDB",
		[SYMBOL_PDB_OLD] = "PDB 2.0", [SYMBOL_PDB_PORTABLE] = "portable PDB",
		[SYMBOL_PE] = "PE",           [SYMBOL_ELF] = "ELF",
		[SYMBOL_MACHO] = "Mach-O",    [SYMBOL_BREAKPAD] = "Breakpad",
	};
	struct head_file *room CLEANUP(free_p) = xnew(struct head_file);
	struct buf text CLEANUP(buf_fini) = BUF_MAX(ALL_KEYS_MAX);
	struct head h = head_of_file(file, room);
	struct symbol_identity i;
	struct key_text key;
	const char *page;

	if (identity_read(&h, &i) != PARSE_OK)
		i = (struct symbol_identity){.kind = SYMBOL_UNKNOWN};
	page = i.kind == SYMBOL_UNKNOWN ? page_name(h.bytes) : NULL;
	buf_puts(&text, page ? page : kinds[i.kind]);
	for (size_t which = 0; key_of_identity(&i, false, which, &key); which++)
		buf_printf(&text, "%s%s", which ? ", " : " ", key.s);
	(void)snprintf(to, n, "%s", buf_str(&text));
}
