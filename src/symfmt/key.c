// SPDX-License-Identifier: MIT
/* Two grammars of hex digits and four prefixes; see key.h. */
#include "symfmt/key.h"
#include "base/text.h"

#include <stdio.h>
#include <unistr.h>

#define GUID_SIZE        16
#define GUID_DIGITS      32
#define AGE_DIGITS_MAX   8
#define STAMP_DIGITS_MIN 5 /* a stamp and a size that lost its leading zeros, at the least */
#define STAMP_DIGITS_MAX 16
#define ELF_SIZE         20 /* SSQP fills shorter build-ids up to this */

static const struct {
	enum key_kind kind;
	const char *prefix;
} prefixes[] = {
	/* The longer first: the shorter ones are their beginnings. */
	{KEY_ELF_SYM, "elf-buildid-sym-"},
	{KEY_ELF, "elf-buildid-"},
	{KEY_MACHO_SYM, "mach-uuid-sym-"},
	{KEY_MACHO, "mach-uuid-"},
};

static uint32_t parse_age(struct slice hex)
{
	uint32_t v = 0;

	for (size_t i = 0; i < hex.n; i++)
		v = v << 4 | (uint32_t)hex_digit(hex.p[i]);
	return v;
}

static bool parse_guid(struct slice text, struct symbol_key *k)
{
	if (!hex_only(text) || text.n < GUID_DIGITS || text.n > GUID_DIGITS + AGE_DIGITS_MAX)
		return false;
	k->kind = KEY_GUID;
	k->age_text = slice_from(text, GUID_DIGITS);
	k->age = parse_age(k->age_text);
	return symbol_id_parse(slice_head(text, GUID_DIGITS), &k->id);
}

static bool parse_prefixed(struct slice text, struct symbol_key *k)
{
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		struct slice prefix = slice_of(prefixes[i].prefix);

		if (!slice_starts_nocase(text, prefix))
			continue;
		k->kind = prefixes[i].kind;
		return symbol_id_parse(slice_from(text, prefix.n), &k->id) &&
		       (k->kind == KEY_ELF || k->kind == KEY_ELF_SYM || k->id.n == GUID_SIZE);
	}
	return false;
}

static bool parse_stamp(struct slice text, struct symbol_key *k)
{
	k->kind = KEY_STAMP;
	return hex_only(text) && text.n >= STAMP_DIGITS_MIN && text.n <= STAMP_DIGITS_MAX;
}

/* sos.dll, mscordaccore_amd64_amd64_8.0.dll and their like go by the key of another file. */
static bool is_clr_companion(struct slice name)
{
	static const char *const beginnings[] = {
		"mscordaccore", "mscordacwks", "mscordbi", "sos.", "sos_",
	};

	for (size_t i = 0; i < ARRAY_LEN(beginnings); i++)
		if (slice_starts_nocase(name, slice_of(beginnings[i])))
			return true;
	return false;
}

struct symbol_key key_parse(struct slice name, struct slice text)
{
	struct symbol_key k = {.text = text};

	if (parse_guid(text, &k) || parse_prefixed(text, &k))
		return k;
	k = (struct symbol_key){.text = text};
	if (!is_clr_companion(name) && parse_stamp(text, &k))
		return k;
	return (struct symbol_key){.text = text};
}

static void upper(char *s)
{
	for (; *s; s++)
		if (*s >= 'a' && *s <= 'f')
			*s = (char)(*s - 'a' + 'A');
}

struct key_text key_of_guid(const struct symbol_id *guid, bool has_age, uint32_t age)
{
	struct key_text t;

	hex_encode(guid->b, GUID_SIZE, t.s);
	upper(t.s);
	if (has_age)
		(void)snprintf(t.s + GUID_DIGITS, sizeof(t.s) - GUID_DIGITS, "%x", age);
	return t;
}

struct key_text key_of_stamp(uint32_t stamp, uint32_t size)
{
	struct key_text t;

	(void)snprintf(t.s, sizeof(t.s), "%08X%x", stamp, size);
	return t;
}

void key_put_cased(struct slice text, enum key_kind kind, enum key_casing casing, struct buf *out)
{
	size_t upper = 0;

	if (casing == KEY_AS_SYMSTORE && kind == KEY_GUID)
		upper = 2 * GUID_SIZE;
	else if (casing == KEY_AS_SYMSTORE && kind == KEY_STAMP)
		upper = 8;
	for (size_t i = 0; i < text.n; i++) {
		int c = (unsigned char)text.p[i];

		if (casing == KEY_AS_ASKED)
			buf_putc(out, text.p[i]);
		else if (i < upper)
			buf_putc(out, (char)(c >= 'a' && c <= 'z' ? c - 32 : c));
		else
			buf_putc(out, (char)(c >= 'A' && c <= 'Z' ? c + 32 : c));
	}
}

struct key_text key_of_id(enum key_kind kind, const struct symbol_id *id)
{
	struct symbol_id full = *id;
	struct key_text t;
	int n = 0;

	if (kind == KEY_ELF || kind == KEY_ELF_SYM)
		full.n = MAX(full.n, ELF_SIZE);
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (prefixes[i].kind == kind)
			n = snprintf(t.s, sizeof(t.s), "%s", prefixes[i].prefix);
	hex_encode(full.b, full.n, t.s + n);
	return t;
}

bool key_of_identity(const struct symbol_identity *i, bool is_debug_file, size_t which,
		     struct key_text *ret)
{
	switch (i->kind) {
	case SYMBOL_UNKNOWN: return false;
	case SYMBOL_PE:
	case SYMBOL_PDB_OLD: *ret = key_of_stamp(i->stamp, i->size); return which == 0;
	case SYMBOL_PDB:
	case SYMBOL_PDB_PORTABLE:
	case SYMBOL_BREAKPAD:
	case SYMBOL_ELF:
	case SYMBOL_MACHO: break;
	}
	if (which >= i->ids)
		return false;
	if (i->kind == SYMBOL_ELF)
		*ret = key_of_id(is_debug_file ? KEY_ELF_SYM : KEY_ELF, &i->id[which]);
	else if (i->kind == SYMBOL_MACHO)
		*ret = key_of_id(is_debug_file ? KEY_MACHO_SYM : KEY_MACHO, &i->id[which]);
	else if (i->kind == SYMBOL_PDB_PORTABLE)
		*ret = key_of_guid(&i->id[which], true, UINT32_MAX);
	else
		*ret = key_of_guid(&i->id[which], i->has_age, i->age);
	return true;
}

struct key_text key_of_breakpad(enum symbol_kind kind, const struct symbol_id *id)
{
	struct symbol_id guid = {.n = GUID_SIZE};

	memcpy(guid.b, id->b, GUID_SIZE);
	if (kind == SYMBOL_ELF)
		guid = symbol_id_of_guid((struct slice){(const char *)id->b, GUID_SIZE});
	return key_of_guid(&guid, true, 0);
}

static size_t char_size(struct slice s)
{
	int n = s.n ? u8_mblen((const uint8_t *)s.p, s.n) : 0;

	return n > 0 ? (size_t)n : MIN(s.n, 1);
}

struct slice name_tier_folder(struct slice name)
{
	size_t one = char_size(name);
	struct slice rest = slice_from(name, one);

	return slice_head(name, rest.n == 0 || rest.p[0] == '.' ? one : one + char_size(rest));
}

struct slice name_twin_stem(struct slice name)
{
	struct slice rest = name;
	size_t last = 0;

	while (rest.n) {
		last = rest.n;
		rest = slice_from(rest, char_size(rest));
	}
	return slice_head(name, name.n - last);
}
