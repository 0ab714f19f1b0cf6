// SPDX-License-Identifier: MIT
/* The first line is the name of a file, the rest a key. */
#include "symfmt/key_match.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_aliases(const struct symbol_key *k)
{
	struct key_aliases a;

	key_list_aliases(k, &a);
	ASSERT((a.n == 0) == (k->text.n > KEY_TEXT_MAX));
	ASSERT(a.n == 0 || a.key[0].why == KEY_EXACT);
	for (size_t i = 0; i < a.n; i++) {
		struct symbol_key alias = key_parse(SLICE_NONE, slice_of(a.key[i].text.s));

		ASSERT(a.key[i].why != KEY_EXACT || i == 0);
		ASSERT(i == 0 || k->kind == alias.kind || k->kind == KEY_STAMP);
		for (size_t j = 0; j < i; j++)
			ASSERT(!slice_eq_nocase(slice_of(a.key[j].text.s), alias.text));
	}
}

/* The file that a key names, if its numbers are what they seem to be. */
static bool imagine(const struct symbol_key *k, struct symbol_identity *ret)
{
	static const enum symbol_kind kinds[] = {
		[KEY_GUID] = SYMBOL_PDB,        [KEY_ELF] = SYMBOL_ELF,
		[KEY_ELF_SYM] = SYMBOL_ELF,     [KEY_MACHO] = SYMBOL_MACHO,
		[KEY_MACHO_SYM] = SYMBOL_MACHO,
	};

	*ret = (struct symbol_identity){.ids = 1, .id = {k->id}, .age = k->age};
	if (k->kind == KEY_OTHER || k->kind == KEY_STAMP)
		return false;
	ret->kind = kinds[k->kind];
	ret->has_age = k->age_text.n > 0;
	return true;
}

static void check_compare(const struct symbol_key *k)
{
	bool is_debug_file = k->kind == KEY_ELF_SYM || k->kind == KEY_MACHO_SYM;
	struct symbol_identity i;
	struct key_text t;
	struct symbol_key again;

	if (!imagine(k, &i))
		return;
	ASSERT(key_compare(k, &i) == KEY_MATCH);
	ASSERT(key_of_identity(&i, is_debug_file, 0, &t));
	again = key_parse(SLICE_NONE, slice_of(t.s));
	ASSERT(again.kind == k->kind && key_compare(&again, &i) <= KEY_MATCH_ALIAS);
	i.id[0].b[0] ^= 1;
	ASSERT(key_compare(k, &i) == KEY_MATCH_NOT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = {(const char *)data, size}, name = SLICE_NONE;
	struct symbol_key k;

	(void)slice_next(&text, '\n', &name);
	k = key_parse(name, text);
	ASSERT(slice_eq(k.text, text));
	if (memchr(text.p ? text.p : "", '\0', text.n))
		return 0;
	check_aliases(&k);
	check_compare(&k);
	return 0;
}
