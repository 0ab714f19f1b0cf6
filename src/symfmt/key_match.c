// SPDX-License-Identifier: MIT
/* The table of key_match.h, once as a list of texts and once as a judgement. */
#include "symfmt/key_match.h"
#include "base/text.h"

#include <stdio.h>

#define GUID_SIZE      16
#define GUID_DIGITS    32
#define AGE_DIGITS_MAX 8
#define STAMP_DIGITS   8
#define SIZE_MIN       3 /* digits of an image's size: none is smaller than its own headers */
#define ELF_SIZE       20

static bool is_decimal(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n > 0;
}

static struct slice without_zeros(struct slice s)
{
	while (s.n > 1 && s.p[0] == '0')
		s = slice_from(s, 1);
	return s;
}

static bool decimal_age(struct slice text, uint32_t *ret)
{
	uint64_t v;

	if (!is_decimal(text) || !parse_u64(text, UINT32_MAX, &v))
		return false;
	*ret = (uint32_t)v;
	return true;
}

static void add(struct key_aliases *a, enum key_alias why, struct key_text text)
{
	for (size_t i = 0; i < a->n; i++)
		if (slice_eq_nocase(slice_of(a->key[i].text.s), slice_of(text.s)))
			return;
	ASSERT(a->n < KEY_ALIASES_MAX);
	a->key[a->n].why = why;
	a->key[a->n++].text = text;
}

static struct key_text join(struct slice front, struct slice back)
{
	struct key_text t;

	(void)snprintf(t.s, sizeof(t.s), SLICE_FMT SLICE_FMT, SLICE_ARG(front), SLICE_ARG(back));
	return t;
}

static void add_age(struct key_aliases *a, enum key_alias why, const struct symbol_key *k,
		    uint32_t age)
{
	add(a, why, key_of_guid(&k->id, true, age));
}

static void list_ages(const struct symbol_key *k, struct key_aliases *a)
{
	char decimal[16];
	uint32_t age;

	if (k->age_text.n) {
		add_age(a, KEY_CANONICAL, k, k->age);
		if (decimal_age(k->age_text, &age))
			add_age(a, KEY_AGE_FROM_DECIMAL, k, age);
		(void)snprintf(decimal, sizeof(decimal), "%u", k->age);
		if (strlen(decimal) <= AGE_DIGITS_MAX)
			add(a, KEY_AGE_TO_DECIMAL,
			    join(slice_head(k->text, GUID_DIGITS), slice_of(decimal)));
	}
	add_age(a, KEY_AGE_PORTABLE, k, UINT32_MAX);
	if (k->age_text.n == 0 || k->age == UINT32_MAX)
		add_age(a, KEY_AGE_ONE, k, 1);
	add(a, KEY_AGE_NONE, key_of_guid(&k->id, false, 0));
}

/*
 * A text with zeros before it is a key if that makes the stamp 8 digits long and leaves a size of
 * at most 8. Few zeros are likelier than many.
 */
static void list_stamps(const struct symbol_key *k, struct key_aliases *a)
{
	struct slice bare = without_zeros(k->text);

	for (size_t zeros = 1; zeros <= STAMP_DIGITS; zeros++) {
		size_t stamp = STAMP_DIGITS - zeros;

		if (bare.n >= stamp + SIZE_MIN && bare.n - stamp <= 8)
			add(a, KEY_PADDED, join(slice_head(SLICE("00000000"), zeros), bare));
	}
	add(a, KEY_UNPADDED, join(bare, SLICE_NONE));
}

static struct symbol_id without_tail(struct symbol_id id)
{
	while (id.n > 0 && id.b[id.n - 1] == 0)
		id.n--;
	return id;
}

/* Where zeros end an id of 20 bytes, it may have been one of 8 or 16, the usual shorter sizes. */
static void list_build_ids(const struct symbol_key *k, struct key_aliases *a)
{
	size_t used = without_tail(k->id).n;
	size_t prefix = k->text.n - 2 * k->id.n;

	add(a, KEY_PADDED, key_of_id(k->kind, &k->id));
	for (size_t n = 16; n >= 8 && n >= used && k->id.n == ELF_SIZE; n -= 8)
		add(a, KEY_UNPADDED, join(slice_head(k->text, prefix + 2 * n), SLICE_NONE));
}

void key_list_aliases(const struct symbol_key *k, struct key_aliases *ret)
{
	ret->n = 0;
	if (k->text.n > KEY_TEXT_MAX)
		return;
	add(ret, KEY_EXACT, join(k->text, SLICE_NONE));
	switch (k->kind) {
	case KEY_GUID: list_ages(k, ret); break;
	case KEY_STAMP: list_stamps(k, ret); break;
	case KEY_ELF:
	case KEY_ELF_SYM: list_build_ids(k, ret); break;
	case KEY_MACHO:
	case KEY_MACHO_SYM:
	case KEY_OTHER: break;
	}
}

static bool same_id(const struct symbol_id *a, const struct symbol_id *b)
{
	return a->n == b->n && memcmp(a->b, b->b, a->n) == 0;
}

static bool has_id(const struct symbol_identity *i, const struct symbol_id *id)
{
	for (size_t n = 0; n < i->ids; n++)
		if (same_id(&i->id[n], id))
			return true;
	return false;
}

static enum key_match compare_age(const struct symbol_key *k, const struct symbol_identity *i)
{
	uint32_t age;

	if (i->kind == SYMBOL_PDB_PORTABLE)
		return k->age == UINT32_MAX ? KEY_MATCH : KEY_MATCH_ALIAS;
	if ((k->age_text.n > 0) == i->has_age && k->age == (i->has_age ? i->age : 0))
		return KEY_MATCH;
	if (i->age_or_zero && k->age == 0)
		return KEY_MATCH_ALIAS;
	if (k->age_text.n == 0 || !i->has_age)
		return KEY_MATCH_ALIAS;
	if (decimal_age(k->age_text, &age) && age == i->age)
		return KEY_MATCH_ALIAS;
	return KEY_MATCH_NOT;
}

/*
 * A file of another format than the key is for is not refused for that: GNU ld calls the GUID of an
 * image its build-id, and a unified store keeps everything under ids of one form. Its own id
 * decides, if it has one of that length: a GUID, in the order of its text or of its bytes, or a
 * UUID. Digits behind the 16 bytes in the key are an age or padding.
 */
static enum key_match compare_foreign(const struct symbol_key *k, const struct symbol_identity *i)
{
	bool is_comparable = false;

	for (size_t n = 0; n < i->ids && k->id.n >= GUID_SIZE; n++) {
		const unsigned char *id = i->id[n].b;
		struct symbol_id turned =
			symbol_id_of_guid((struct slice){(const char *)id, GUID_SIZE});

		if (i->id[n].n < GUID_SIZE)
			continue;
		if (!memcmp(id, k->id.b, GUID_SIZE) || !memcmp(turned.b, k->id.b, GUID_SIZE))
			return KEY_MATCH_ALIAS;
		is_comparable = true;
	}
	return is_comparable ? KEY_MATCH_NOT : KEY_MATCH_UNKNOWN;
}

/*
 * An ELF or Mach-O image under an id of this form is a habit of stores that are not ours to judge.
 */
static enum key_match compare_guid(const struct symbol_key *k, const struct symbol_identity *i)
{
	switch (i->kind) {
	case SYMBOL_PDB:
	case SYMBOL_PDB_PORTABLE: return has_id(i, &k->id) ? compare_age(k, i) : KEY_MATCH_NOT;
	case SYMBOL_PE: return compare_foreign(k, i);
	case SYMBOL_PDB_OLD:
	case SYMBOL_ELF:
	case SYMBOL_MACHO:
	case SYMBOL_BREAKPAD:
	case SYMBOL_UNKNOWN: break;
	}
	return KEY_MATCH_UNKNOWN;
}

static enum key_match compare_stamp(const struct symbol_key *k, const struct symbol_identity *i)
{
	struct key_text t = key_of_stamp(i->stamp, i->size);
	struct slice want = slice_of(t.s);

	/*
	 * No other format has a stamp to compare. rust-minidump asks for ELF and Mach-O images by a
	 * build-id or UUID alone.
	 */
	if (i->kind != SYMBOL_PE && i->kind != SYMBOL_PDB_OLD)
		return KEY_MATCH_UNKNOWN;
	if (slice_eq_nocase(k->text, want))
		return KEY_MATCH;
	return slice_eq_nocase(without_zeros(k->text), without_zeros(want)) ? KEY_MATCH_ALIAS
									    : KEY_MATCH_NOT;
}

/* The debug file has the id of its image, so the two forms of a key are not told apart. */
static enum key_match compare_id(const struct symbol_key *k, const struct symbol_identity *i)
{
	bool is_elf = k->kind == KEY_ELF || k->kind == KEY_ELF_SYM;
	struct symbol_id a, b;

	if (i->kind != (is_elf ? SYMBOL_ELF : SYMBOL_MACHO))
		return compare_foreign(k, i);
	if (i->ids == 0)
		return KEY_MATCH_UNKNOWN;
	if (has_id(i, &k->id))
		return KEY_MATCH;
	a = without_tail(k->id);
	b = without_tail(i->id[0]);
	return same_id(&a, &b) ? KEY_MATCH_ALIAS : KEY_MATCH_NOT;
}

/*
 * A .sym file is asked for by its own id, which always has an age, or by that of its image, which
 * it may not tell: a build-id, a UUID or a stamp.
 */
static enum key_match compare_breakpad(const struct symbol_key *k, const struct symbol_identity *i)
{
	bool is_own = k->kind == KEY_GUID && k->age_text.n > 0 && k->age_text.n < AGE_DIGITS_MAX;

	if (k->kind == KEY_GUID && has_id(i, &k->id))
		return compare_age(k, i);
	if (slice_eq_nocase(without_zeros(k->text), without_zeros(i->code_id)))
		return KEY_MATCH_ALIAS;
	return is_own || i->code_id.n ? KEY_MATCH_NOT : KEY_MATCH_UNKNOWN;
}

enum key_match key_compare(const struct symbol_key *k, const struct symbol_identity *i)
{
	if (i->kind == SYMBOL_BREAKPAD)
		return compare_breakpad(k, i);
	switch (k->kind) {
	case KEY_OTHER: break;
	case KEY_GUID: return compare_guid(k, i);
	case KEY_STAMP: return compare_stamp(k, i);
	case KEY_ELF:
	case KEY_ELF_SYM:
	case KEY_MACHO:
	case KEY_MACHO_SYM: return compare_id(k, i);
	}
	return KEY_MATCH_UNKNOWN;
}
