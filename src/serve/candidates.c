// SPDX-License-Identifier: MIT
/*
 * See candidates.h. A file is a name, a key, and the forms in which it may lie there. The loops
 * over spelling, key, tier and form put keys together, and the list (candidate_list.h) takes each
 * in the cases that the store may have.
 */
#include "serve/candidates.h"
#include "base/text.h"
#include "serve/candidate_list.h"
#include "serve/candidate_name.h"
#include "serve/layout.h"
#include "symfmt/key_match.h"

#define FORMS_MAX (PACKINGS_END + 1) /* each, the plain one, and Ghidra's twin */
#define TWINS     (1U << PLACE_TWIN)
#define BEHIND    (1U << PLACE_BEHIND)
#define IN_FOLDER (1U << PLACE_FOLDER)

/* The forms of an object that a client may be given. */
static const struct candidate as_stored = {.want = WANT_FILE, .eager = true};
static const struct candidate negotiable = {.want = WANT_FILE, .eager = true, .negotiable = true};
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
	enum packing packing;
	const struct candidate *as;
};

/* name/KEY/ and the files that may lie there. */
struct file {
	struct slice name;
	const struct symbol_key *key;
	struct slice folder; /* of a two-tier path that was asked for; n == 0: none */
	bool exact;          /* not looked for under another key */
	size_t n;
	struct form form[FORMS_MAX];
};

/* ---- forms ---- */

static void add_packed(struct file *f, const char *folder, struct slice stem, const char *end,
		       enum packing packing, const struct candidate *as)
{
	f->form[f->n++] = (struct form){folder, stem, end, packing, as};
}

static void add_form(struct file *f, struct slice stem, const struct candidate *as)
{
	add_packed(f, "", stem, "", PACKED_NOT, as);
}

/* symstore puts '_' for the last character; Ghidra takes that to be the last of the extension. */
static void add_twin(const struct candidate_options *o, struct file *f, struct slice name,
		     enum packing packing)
{
	add_packed(f, "", name_twin_stem(name), packing_rows[packing].affix, packing, &expanded);
	if (o->forms == STORE_FORMS_ALL && slice_find(name, '.') == name.n)
		add_packed(f, "", name, "._", packing, &expanded);
}

/* All that it may lie as, packed, in these places (bits of PLACE_...). */
static void packed_forms(const struct candidate_options *o, struct file *f, struct slice name,
			 unsigned places, const struct candidate *in_folder)
{
	bool sendable = o->client->gzip && !o->ranged;

	for (enum packing p = PACKED_NOT + 1; p < PACKINGS_END; p++) {
		const struct packing_row *row = &packing_rows[p];

		if (!(o->forms & 1U << p) || !(places & 1U << row->place))
			continue;
		switch (row->place) {
		case PLACE_TWIN: add_twin(o, f, name, p); break;
		case PLACE_BEHIND:
			add_packed(f, "", name, row->affix, p,
				   sendable && p == PACKED_GZIP ? &gzipped : &expanded);
			break;
		case PLACE_FOLDER: add_packed(f, row->affix, name, "", p, in_folder); break;
		case PLACE_NOWHERE: break;
		}
	}
}

/* All that a file of this name may lie as. PDBs alone come as MSFZ, and their keys are GUIDs. */
static void file_forms(const struct candidate_options *o, struct file *f, struct slice name)
{
	bool is_pdb = f->key->kind == KEY_GUID, first = is_pdb && o->client->msfz;

	if (first)
		packed_forms(o, f, name, IN_FOLDER, &msfz);
	add_form(f, name, is_pdb && o->negotiates ? &negotiable : &as_stored);
	packed_forms(o, f, name, TWINS | BEHIND | (is_pdb && !first ? IN_FOLDER : 0), &expanded);
}

static void twin_forms(const struct candidate_options *o, struct file *f, struct slice twin)
{
	add_packed(f, "", twin, "", PACKED_CAB, &as_stored);
	if (o->cabinets)
		add_form(f, f->name, &cabinet);
}

/* Asked for by the code id of an image: that tells the id of its PDB, under which the file lies. */
static void sym_forms(const struct candidate_options *o, struct file *f, struct slice name)
{
	add_form(f, name, &as_stored);
	packed_forms(o, f, name, BEHIND, NULL);
	if (f->key->kind == KEY_STAMP)
		add_form(f, f->name, &pointer);
}

/* Where file.ptr leads to, a compressed file is known by its name alone. */
static void target_forms(const struct candidate_options *o, struct file *f, struct slice name)
{
	if (slice_ends(name, SLICE("_"))) {
		add_form(f, name, &expanded);
		return;
	}
	add_form(f, name, &as_stored);
	packed_forms(o, f, name, TWINS | BEHIND, NULL);
}

/* ---- one file ---- */

/* The folders before the name, in order; n == 0 for none. */
static size_t list_tiers(const struct candidate_options *o, const struct file *f,
			 struct slice ret[static 2])
{
	struct slice folder = name_tier_folder(f->name);
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
	buf_puts(b, form->folder[0] ? "/" : "");
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

static struct named_file named_file_of(const struct file *f, struct slice key,
				       const struct form *form)
{
	return (struct named_file){f->name, key, f->key->kind, form->folder, form->stem, form->end};
}

/* Is it a spelling that is asked for at all, of a name in this tier? */
static bool takes_name(const struct candidate_options *o, const struct file *f,
		       const struct listed_name *name, bool tiered)
{
	struct buf lower CLEANUP(buf_fini) = BUF_MAX(4 * f->name.n);

	if ((name->folder.n > 0) != tiered)
		return false;
	if (o->key_case == CASE_ASKED)
		return slice_eq(name->name, f->name);
	fold_lower(f->name, &lower);
	return o->key_case == CASE_BOTH || slice_eq(name->name, buf_slice(&lower));
}

/* The names that the store is known to have, with the key in all ways in which it may be written there. */
static void add_listed(struct candidate_list *l, const struct file *f, bool tiered,
		       struct slice key, const struct form *form, const struct candidate *template)
{
	static const enum key_casing symstore_first[] = {KEY_AS_SYMSTORE, KEY_IN_LOWER,
							 KEY_AS_ASKED};
	static const enum key_casing lower_first[] = {KEY_IN_LOWER, KEY_AS_SYMSTORE, KEY_AS_ASKED};
	const struct named_file file = named_file_of(f, key, form);

	for (size_t i = 0; i < l->o->n_names; i++) {
		const struct listed_name *name = &l->o->names[i];
		bool mixed = candidate_list_is_mixed(name->name);
		const enum key_casing *casing = mixed ? symstore_first : lower_first;
		struct candidate as = *template;

		if (!takes_name(l->o, f, name, tiered))
			continue;
		as.packing = (uint8_t)form->packing;
		as.name = (uint8_t)i;
		as.added = true;
		as.folder_n = (uint16_t)name->folder.n;
		as.name_n = (uint16_t)name->name.n;
		for (size_t k = 0; k < KEY_CASINGS; k++) {
			if ((l->o->key_case == CASE_LOWER && casing[k] != KEY_IN_LOWER) ||
			    (l->o->key_case == CASE_ASKED && casing[k] != KEY_AS_ASKED))
				continue;
			as.casings = (uint8_t)(1U << casing[k]);
			candidate_put_listed(&file, name, casing[k], &l->key);
			candidate_list_add_listed(l, &as);
		}
	}
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
			add_listed(l, f, tier[t].n > 0, key, &f->form[i], &as);
		}
	}
}

/* Does the store want this alias looked for, or is it left to us and this client needs it? */
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
	struct key_aliases a;

	add_key(l, f, f->key->text, false);
	l->late = true;
	key_list_aliases(f->key, &a);
	for (size_t i = 0; i < a.n && !f->exact; i++)
		if (a.key[i].why != KEY_EXACT && takes_alias(l->o, f->key->kind, a.key[i].why))
			add_key(l, f, slice_of(a.key[i].text.s), true);
}

/* ---- by build-id ---- */

static void add_ssqp_debug_file(struct candidate_list *l, const struct symbol_id *id)
{
	const struct key_text text = key_of_id(KEY_ELF_SYM, id);
	const struct symbol_key key = key_parse(SLICE("_.debug"), slice_of(text.s));
	struct file f = {.name = SLICE("_.debug"), .key = &key};

	file_forms(l->o, &f, f.name);
	add_file(l, &f);
}

#define PREFIX "elf-buildid-"

/* The id as it was asked for, then with zeros more or fewer at its end. */
static void add_by_layout(struct candidate_list *l, const struct symbol_path *p,
			  enum store_layout layout)
{
	char text[KEY_TEXT_MAX + 1] = PREFIX;
	struct symbol_key key = {.kind = KEY_ELF, .id = p->id};
	struct key_aliases a;

	hex_encode(p->id.b, p->id.n, text + strlen(PREFIX));
	key.text = slice_of(text);
	key_list_aliases(&key, &a);
	for (size_t i = 0; i < a.n; i++) {
		struct candidate as = as_stored;
		struct slice hex = slice_from(slice_of(a.key[i].text.s), strlen(PREFIX));

		if ((a.key[i].why == KEY_PADDED && layout != LAYOUT_SSQP) ||
		    (i > 0 && l->o->aliases == ALIASES_NONE))
			continue;
		as.eager = i == 0 && p->kind == PATH_BUILD_ID;
		as.unnamed = true;
		layout_put_key(layout, hex, p->executable, &l->key);
		candidate_list_add(l, &as);
		if (layout != LAYOUT_GDB)
			continue;
		as.eager = false;
		buf_puts(&l->key, ".build-id/");
		layout_put_key(layout, hex, p->executable, &l->key);
		candidate_list_add(l, &as);
	}
}

static void add_build_id(struct candidate_list *l, const struct symbol_path *p)
{
	bool ssqp = l->o->layout == LAYOUT_SSQP, alone = p->kind == PATH_BUILD_ID;

	/*
	 * A file that is asked for by its SSQP key has been looked for already, as any
	 * name/KEY/name.
	 */
	if (ssqp && alone && !p->executable)
		add_ssqp_debug_file(l, &p->id);
	else if (!ssqp || (alone && l->o->wildcards))
		add_by_layout(l, p, l->o->layout);
	if (l->o->unified)
		add_by_layout(l, p, LAYOUT_UNIFIED);
}

/* Sentry's word for the file, when its key is an id that the unified layout goes by. */
static const char *unified_word(const struct spelling *s)
{
	if (s->key.kind == KEY_GUID && s->last_is == LAST_SYM)
		return "breakpad";
	if (s->last_is != LAST_PLAIN)
		return NULL;
	switch (s->key.kind) {
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

static void add_unified(struct candidate_list *l, const struct spelling *s)
{
	struct candidate as = as_stored;
	const char *word = unified_word(s);
	struct buf hex CLEANUP(buf_fini) = BUF_MAX(KEY_TEXT_MAX);
	char id[2 * SYMBOL_ID_MAX + 1];

	if (!word || s->msfz)
		return;
	hex_encode(s->key.id.b, s->key.id.n, id);
	buf_puts(&hex, id);
	fold_lower(s->key.age_text, &hex);
	as.unnamed = true;
	layout_put_unified(buf_slice(&hex), word, &l->key);
	candidate_list_add(l, &as);
}

/* ---- the path ---- */

static struct file file_of(const struct symbol_path *p, size_t s)
{
	return (struct file){
		.folder = p->spelling[0].tiered ? symbol_path_segment(p, s, 0) : SLICE_NONE,
		.name = p->spelling[s].name,
		.key = &p->spelling[s].key,
	};
}

/* last, or msfz0/last, in the case in which that was asked. */
static struct slice behind_key(const struct spelling *s)
{
	return slice_from(s->path, (size_t)(s->key.text.p - s->path.p) + s->key.text.n + 1);
}

static void add_spelling(struct candidate_list *l, const struct symbol_path *p, size_t s)
{
	const struct spelling *asked = &p->spelling[s];
	struct file f = file_of(p, s);

	switch (asked->msfz ? LAST_OTHER : asked->last_is) {
	case LAST_PLAIN: file_forms(l->o, &f, asked->last); break;
	case LAST_TWIN: twin_forms(l->o, &f, asked->last); break;
	case LAST_SYM: sym_forms(l->o, &f, asked->last); break;
	case LAST_PTR:
	case LAST_OTHER:
		f.exact = true;
		add_form(&f, behind_key(asked), &as_stored);
		break;
	}
	add_file(l, &f);
}

static void add_pointer(struct candidate_list *l, const struct symbol_path *p, size_t s)
{
	struct file f = file_of(p, s);

	add_form(&f, SLICE("file.ptr"), &pointer);
	add_key(l, &f, f.key->text, false);
}

static void add_named(struct candidate_list *l, const struct symbol_path *p)
{
	bool pointed = l->o->pointers && p->spelling[0].last_is == LAST_PLAIN &&
		       !p->spelling[0].msfz;

	for (size_t s = 0; s < p->spellings; s++) {
		l->rank = (uint8_t)(s * CANDIDATE_RANKS);
		add_spelling(l, p, s);
	}
	for (size_t s = 0; s < p->spellings && pointed; s++) {
		l->rank = (uint8_t)((SYMBOL_PATH_SPELLINGS_MAX + s) * CANDIDATE_RANKS);
		add_pointer(l, p, s);
	}
	l->rank = 2 * SYMBOL_PATH_SPELLINGS_MAX * CANDIDATE_RANKS;
	if (l->o->unified)
		add_unified(l, &p->spelling[0]);
	if (p->id.n)
		add_build_id(l, p);
}

static void add_as_asked(struct candidate_list *l, const struct symbol_path *p)
{
	for (size_t s = 0; s < p->spellings; s++) {
		buf_add(&l->key, p->spelling[s].path);
		candidate_list_add(l, &as_stored);
	}
}

static void add_path(struct candidate_list *l, const struct symbol_path *p)
{
	switch (p->kind) {
	case PATH_ROOT:
	case PATH_PART: break;
	case PATH_BUILD_ID:
		add_build_id(l, p);
		buf_add(&l->key, p->spelling[0].path);
		candidate_list_add(l, &as_asked);
		break;
	case PATH_FILE:
	case PATH_UNIFIED: add_named(l, p); break;
	case PATH_INDEX2:
	case PATH_PINGME:
	case PATH_UUID:
	case PATH_OTHER: add_as_asked(l, p); break;
	}
}

/* As takes_alias(): the habit that asks for an alias of this kind. */
static unsigned habit_of(enum key_kind kind, enum key_alias why)
{
	if (why == KEY_AGE_FROM_DECIMAL)
		return BY_AGENT; /* decimal_ages */
	if (kind == KEY_STAMP && (why == KEY_PADDED || why == KEY_UNPADDED))
		return BY_AGENT | BY_ACCEPT; /* short_stamps */
	return 0;
}

unsigned candidates_decided_by(const struct symbol_path *p)
{
	unsigned by = 0;

	for (size_t s = 0; s < p->spellings && p->kind == PATH_FILE; s++) {
		const struct spelling *asked = &p->spelling[s];
		struct key_aliases a;

		if (asked->msfz || asked->last_is == LAST_OTHER || asked->last_is == LAST_PTR)
			continue;
		key_list_aliases(&asked->key, &a);
		for (size_t i = 0; i < a.n; i++)
			by |= habit_of(asked->key.kind, a.key[i].why);
	}
	return by;
}

/* Where a name with capitals is listed, how its file's key may begin: in symstore's case and in lower. */
static void add_starts(struct candidate_list *l, const struct symbol_path *p)
{
	struct file f = file_of(p, 0);
	const struct form as_it_is = {.folder = "", .end = ""};
	const struct named_file file = named_file_of(&f, f.key->text, &as_it_is);

	if (p->kind != PATH_FILE || l->o->key_case != CASE_BOTH ||
	    p->spelling[0].last_is == LAST_PTR)
		return;
	for (size_t i = 0; i < l->o->n_names; i++) {
		if (!candidate_list_is_mixed(l->o->names[i].name))
			continue;
		candidate_put_start(&file, &l->o->names[i], KEY_AS_SYMSTORE, &l->key);
		candidate_list_add_start(l);
		candidate_put_start(&file, &l->o->names[i], KEY_IN_LOWER, &l->key);
		candidate_list_add_start(l);
	}
	if (l->to->starts) {
		buf_putc(&l->to->text, '\xff'); /* in no path */
		buf_putc(&l->to->text, '/');
		buf_add(&l->to->text, p->spelling[0].path);
	}
}

bool candidates_make(const struct symbol_path *p, const struct candidate_options *o,
		     struct candidates *ret)
{
	struct candidate_list l;

	candidate_list_begin(&l, o, ret);
	add_path(&l, p);
	if (o->n_names)
		add_starts(&l, p);
	return candidate_list_end(&l);
}

/* Packing and casing, plus one. */
uint8_t candidate_lies(const struct candidate *c, uint8_t have)
{
	unsigned casing = have ? (have - 1U) % 4 : KEY_CASINGS;

	if (casing >= KEY_CASINGS || !(c->casings & 1U << casing))
		for (casing = 0; casing < KEY_CASINGS - 1 && !(c->casings & 1U << casing);)
			casing++;
	return (uint8_t)(c->packing * 4 + casing + 1);
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
