// SPDX-License-Identifier: MIT
/*
 * See candidates.h. A file is a name, a key, and the forms in which it may lie there. The loops over
 * spelling, key, tier and form put keys together, and the list (candidate_list.h) takes each in the
 * cases that the store may have.
 */
#include "serve/candidates.h"
#include "base/text.h"
#include "serve/build_id.h"
#include "serve/candidate_list.h"
#include "serve/shape.h"
#include "symfmt/key_match.h"

#define FORMS_MAX 6

/* What may be made of an object. */
static const struct candidate whole = {.want = WANT_FILE, .eager = true};
static const struct candidate gzipped = {.want = WANT_FILE, .gzipped = true};
static const struct candidate msfz = {.want = WANT_FILE, .eager = true, .msfz = true};
static const struct candidate expanded = {.want = WANT_EXPANDED};
static const struct candidate cabinet = {.want = WANT_CABINET};
static const struct candidate as_asked = {
	.want = WANT_FILE, .eager = true, .as_asked = true, .unnamed = true};
static const struct candidate pointer = {.want = WANT_POINTER};

/* One way for a file to lie in its folder: as folder, stem and end put together. */
struct form {
	const char *folder;
	struct slice stem;
	const char *end;
	const struct candidate *as;
};

/* name/KEY/ and what may lie there. */
struct file {
	struct slice name, key;
	struct slice folder; /* of a two-tier path that was asked for; n == 0: none */
	bool exact;          /* not looked for under another key */
	size_t n;
	struct form form[FORMS_MAX];
};

/* ---- forms ---- */

static void add_form(struct file *f, const char *folder, struct slice stem, const char *end,
		     const struct candidate *as)
{
	f->form[f->n++] = (struct form){folder, stem, end, as};
}

/* symstore puts '_' for the last character; Ghidra takes that to be the last of the extension. */
static void cab_forms(const struct candidate_options *o, struct file *f, struct slice name)
{
	if (o->forms & STORE_FORM_CAB)
		add_form(f, "", shape_twin_stem(name), "_", &expanded);
	if (o->forms == STORE_FORMS_ALL && slice_find(name, '.') == name.n)
		add_form(f, "", name, "._", &expanded);
}

static void suffix_forms(const struct candidate_options *o, struct file *f, struct slice name)
{
	bool sendable = o->client->gzip && !o->ranged;

	if (o->forms & STORE_FORM_GZIP)
		add_form(f, "", name, ".gz", sendable ? &gzipped : &expanded);
	if (o->forms & STORE_FORM_ZSTD)
		add_form(f, "", name, ".zst", &expanded);
}

/* All that a file of this name may lie as. PDBs alone come as MSFZ, and their keys are GUIDs. */
static void file_forms(const struct candidate_options *o, struct file *f, struct slice name)
{
	bool is_pdb = key_parse(f->name, f->key).kind == KEY_GUID;
	bool may_be_msfz = is_pdb && o->forms & STORE_FORM_MSFZ;

	if (may_be_msfz && o->client->msfz)
		add_form(f, "msfz0/", name, "", &msfz);
	add_form(f, "", name, "", &whole);
	cab_forms(o, f, name);
	suffix_forms(o, f, name);
	if (may_be_msfz && !o->client->msfz)
		add_form(f, "msfz0/", name, "", &expanded);
}

static void twin_forms(const struct candidate_options *o, struct file *f, struct slice twin)
{
	add_form(f, "", twin, "", &whole);
	if (o->cabinets)
		add_form(f, "", f->name, "", &cabinet);
}

/* Asked for by the code id of an image: that tells the id of its PDB, under which the file lies. */
static void sym_forms(const struct candidate_options *o, struct file *f, struct slice name)
{
	add_form(f, "", name, "", &whole);
	suffix_forms(o, f, name);
	if (key_parse(f->name, f->key).kind == KEY_STAMP)
		add_form(f, "", f->name, "", &pointer);
}

/* Where file.ptr leads to, a compressed file is known by its name alone. */
static void target_forms(const struct candidate_options *o, struct file *f, struct slice name)
{
	if (slice_ends(name, SLICE("_"))) {
		add_form(f, "", name, "", &expanded);
		return;
	}
	add_form(f, "", name, "", &whole);
	cab_forms(o, f, name);
	suffix_forms(o, f, name);
}

/* ---- one file ---- */

/* The folders before the name, in order; n == 0 for none. */
static size_t list_tiers(const struct candidate_options *o, const struct file *f,
			 struct slice ret[static 2])
{
	struct slice folder = shape_tier_folder(f->name);
	size_t n = 0;

	if (f->folder.n)
		ret[n++] = f->folder;
	else if (o->tier == TIER_TWO)
		ret[n++] = folder;
	ret[n++] = SLICE_NONE;
	if (n == 1 && (o->tier == TIER_UNKNOWN || o->tier == TIER_BOTH))
		ret[n++] = folder;
	return n;
}

static void put_name(struct buf *b, const struct form *form)
{
	buf_puts(b, form->folder);
	buf_add(b, form->stem);
	buf_puts(b, form->end);
}

static void put_key(struct buf *b, struct slice tier, const struct file *f, struct slice key,
		    const struct form *form)
{
	buf_add(b, tier);
	buf_puts(b, tier.n ? "/" : "");
	buf_add(b, f->name);
	buf_putc(b, '/');
	buf_add(b, key);
	buf_putc(b, '/');
	put_name(b, form);
}

static void add_key(struct candidate_list *l, const struct file *f, struct slice key, bool alias)
{
	struct slice tier[2];
	size_t tiers = list_tiers(l->o, f, tier);

	for (size_t t = 0; t < tiers; t++) {
		for (size_t i = 0; i < f->n; i++) {
			struct candidate as = *f->form[i].as;

			as.eager = as.eager && !alias;
			as.alias = alias;
			put_key(&l->key, tier[t], f, key, &f->form[i]);
			candidate_list_add(l, &as);
		}
	}
}

/* Does the store want this alias looked for, or, left to us, does it cost only who needs it? */
static bool takes_alias(const struct candidate_options *o, enum key_kind kind, enum key_alias why)
{
	if (o->aliases != ALIASES_AUTO)
		return o->aliases == ALIASES_ALL;
	switch (why) {
	case KEY_EXACT:
	case KEY_CANONICAL: return true;
	case KEY_AGE_FROM_DECIMAL: return o->client->decimal_ages;
	case KEY_PADDED:
	case KEY_UNPADDED: return kind != KEY_STAMP || o->client->short_stamps;
	case KEY_AGE_TO_DECIMAL:
	case KEY_AGE_PORTABLE:
	case KEY_AGE_ONE:
	case KEY_AGE_NONE: break;
	}
	return false;
}

static void add_file(struct candidate_list *l, const struct file *f)
{
	struct symbol_key key = key_parse(f->name, f->key);
	struct key_aliases a;

	add_key(l, f, f->key, false);
	key_list_aliases(&key, &a);
	for (size_t i = 0; i < a.n && !f->exact; i++)
		if (a.key[i].why != KEY_EXACT && takes_alias(l->o, key.kind, a.key[i].why))
			add_key(l, f, slice_of(a.key[i].text.s), true);
}

/* ---- by build-id ---- */

static void add_ssqp_debug_file(struct candidate_list *l, const struct symbol_id *id)
{
	struct key_text key = key_of_id(KEY_ELF_SYM, id);
	struct file f = {.name = SLICE("_.debug"), .key = slice_of(key.s)};

	file_forms(l->o, &f, f.name);
	add_file(l, &f);
}

#define PREFIX "elf-buildid-"

/* The id as it was asked for, then with zeros more or fewer at its end. */
static void add_by_layout(struct candidate_list *l, const struct build_id_path *b,
			  enum store_layout layout)
{
	char text[KEY_TEXT_MAX + 1] = PREFIX;
	struct key_aliases a;
	struct symbol_key key;

	hex_encode(b->id.b, b->id.n, text + strlen(PREFIX));
	key = key_parse(SLICE_NONE, slice_of(text));
	key_list_aliases(&key, &a);
	for (size_t i = 0; i < a.n; i++) {
		struct candidate as = whole;
		struct slice hex = slice_from(slice_of(a.key[i].text.s), strlen(PREFIX));

		if ((a.key[i].why == KEY_PADDED && layout != LAYOUT_SSQP) ||
		    (i > 0 && l->o->aliases == ALIASES_NONE))
			continue;
		as.eager = i == 0 && !b->ssqp;
		as.unnamed = true;
		build_id_put_key(layout, hex, b->executable, &l->key);
		candidate_list_add(l, &as);
		if (layout != LAYOUT_GDB)
			continue;
		as.eager = false;
		buf_puts(&l->key, ".build-id/");
		build_id_put_key(layout, hex, b->executable, &l->key);
		candidate_list_add(l, &as);
	}
}

static void add_build_id(struct candidate_list *l, const struct build_id_path *b)
{
	bool ssqp = l->o->layout == LAYOUT_SSQP;

	/* An SSQP path was looked for already, as any name/KEY/name. */
	if (ssqp && !b->ssqp && !b->executable)
		add_ssqp_debug_file(l, &b->id);
	else if (!ssqp || (!b->ssqp && l->o->wildcards))
		add_by_layout(l, b, l->o->layout);
	if (l->o->unified)
		add_by_layout(l, b, LAYOUT_UNIFIED);
}

/* Sentry's word for what lies at name/KEY/last, when the key is an id that its layout goes by. */
static const char *unified_word(enum shape_file shape, enum key_kind kind)
{
	if (kind == KEY_GUID && shape == SHAPE_SYM)
		return "breakpad";
	if (shape != SHAPE_PLAIN)
		return NULL;
	switch (kind) {
	case KEY_GUID:
	case KEY_MACHO_SYM: return "debuginfo";
	case KEY_MACHO: return "executable";
	case KEY_ELF:
	case KEY_ELF_SYM: /* by their build-ids */
	case KEY_STAMP:
	case KEY_OTHER: break;
	}
	return NULL;
}

static void add_unified(struct candidate_list *l, const struct symbol_path *p, size_t name)
{
	struct candidate as = whole;
	struct symbol_key key = key_parse(p->segment[name], p->segment[name + 1]);
	const char *word = unified_word(shape_file(p->segment[name], p->segment[p->segments - 1]),
					key.kind);
	struct buf hex CLEANUP(buf_fini) = BUF_MAX(KEY_TEXT_MAX);
	char id[2 * SYMBOL_ID_MAX + 1];

	if (!word || p->segments != name + 3)
		return;
	hex_encode(key.id.b, key.id.n, id);
	buf_puts(&hex, id);
	fold_lower(key.age_text, &hex);
	as.unnamed = true;
	build_id_put_unified(buf_slice(&hex), word, &l->key);
	candidate_list_add(l, &as);
}

/* ---- the path ---- */

/* Is it [folder/]name/KEY/[msfz0/]last, and which segment is the name? */
static bool find_name(const struct symbol_path *p, size_t *ret)
{
	bool in_msfz = p->segments > 3 &&
		       slice_eq_nocase(p->segment[p->segments - 2], SLICE("msfz0"));
	size_t n = p->segments - in_msfz;

	*ret = n > 3;
	return n == 3 ||
	       (n == 4 && slice_eq_nocase(p->segment[0], shape_tier_folder(p->segment[1])));
}

static struct file cut(const struct symbol_path *p, size_t s, size_t name)
{
	return (struct file){
		.folder = name ? symbol_path_segment(p, s, 0) : SLICE_NONE,
		.name = symbol_path_segment(p, s, name),
		.key = symbol_path_segment(p, s, name + 1),
	};
}

static void add_spelling(struct candidate_list *l, const struct symbol_path *p, size_t s,
			 size_t name)
{
	struct file f = cut(p, s, name);
	size_t at = (size_t)(p->segment[name + 2].p - p->spelling[0].p);
	struct slice rest = slice_from(p->spelling[s], at);

	switch (shape_file(f.name, rest)) {
	case SHAPE_PLAIN: file_forms(l->o, &f, rest); break;
	case SHAPE_TWIN: twin_forms(l->o, &f, rest); break;
	case SHAPE_SYM: sym_forms(l->o, &f, rest); break;
	case SHAPE_PTR:
	case SHAPE_OTHER:
		f.exact = true;
		add_form(&f, "", rest, "", &whole);
		break;
	}
	add_file(l, &f);
}

static void add_pointer(struct candidate_list *l, const struct symbol_path *p, size_t s,
			size_t name)
{
	struct file f = cut(p, s, name);

	add_form(&f, "", SLICE("file.ptr"), "", &pointer);
	add_key(l, &f, f.key, false);
}

static void add_named(struct candidate_list *l, const struct symbol_path *p, size_t name)
{
	bool pointed = l->o->pointers &&
		       shape_file(p->segment[name], p->segment[name + 2]) == SHAPE_PLAIN;

	for (size_t s = 0; s < p->spellings; s++)
		add_spelling(l, p, s, name);
	for (size_t s = 0; s < p->spellings && pointed; s++)
		add_pointer(l, p, s, name);
}

static void add_as_asked(struct candidate_list *l, const struct symbol_path *p)
{
	for (size_t s = 0; s < p->spellings; s++) {
		buf_add(&l->key, p->spelling[s]);
		candidate_list_add(l, &whole);
	}
}

static void add_path(struct candidate_list *l, const struct symbol_path *p)
{
	struct build_id_path b;
	bool by_id = build_id_parse(p, &b);
	size_t name;

	if (build_id_is_part(p))
		return;
	if (by_id && !b.ssqp) {
		add_build_id(l, &b);
		buf_add(&l->key, p->spelling[0]);
		candidate_list_add(l, &as_asked);
		return;
	}
	if (find_name(p, &name)) {
		add_named(l, p, name);
		if (l->o->unified)
			add_unified(l, p, name);
	} else {
		add_as_asked(l, p);
	}
	if (by_id)
		add_build_id(l, &b);
}

bool candidates_make(const struct symbol_path *p, const struct candidate_options *o,
		     struct candidates *ret)
{
	struct candidate_list l;

	candidate_list_begin(&l, o, ret);
	if (p->segments)
		add_path(&l, p);
	return candidate_list_end(&l);
}

bool candidates_of_target(struct slice target, const struct candidate_options *o,
			  struct candidates *ret)
{
	size_t slash = slice_rfind(target, '/');
	struct slice folder = slash < target.n ? slice_head(target, slash + 1) : SLICE_NONE;
	struct slice name = slice_from(target, folder.n);
	struct file f = {.n = 0};
	struct candidate_list l;

	if (name.n)
		target_forms(o, &f, name);
	candidate_list_begin(&l, o, ret);
	for (size_t i = 0; i < f.n; i++) {
		buf_add(&l.key, folder);
		put_name(&l.key, &f.form[i]);
		candidate_list_add(&l, f.form[i].as);
	}
	return candidate_list_end(&l);
}

void candidates_fini(struct candidates *c)
{
	buf_fini(&c->text);
	c->n = 0;
}
