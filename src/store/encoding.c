// SPDX-License-Identifier: MIT
/* See encoding.h. */
#include "store/encoding.h"
#include "symfmt/msf.h"
#include "symfmt/verify.h"

#include <stdio.h>

#define PACKED "packed"

/* ---- bytes ---- */

bool encoding_is_msfz(struct slice beginning)
{
	return packing_of(beginning) == PACKED_MSFZ;
}

/* The beginning shows what is inside the outermost coding, and no deeper. */
bool encoding_may_hold_msfz(struct slice beginning)
{
	bool nothing;
	enum packing inside = packing_inside(beginning, &nothing);

	return inside == PACKED_MSFZ || inside == PACKED_UNKNOWN || packing_is_coding(inside);
}

/*
 * Does it begin like a file that debuggers take? The magics are long enough that no compressed
 * stream is taken for one.
 */
static bool is_symbol_file(struct slice beginning)
{
	static const struct slice magics[] = {
		{MSF_MAGIC, MSF_MAGIC_SIZE},
		{"MZ\x90\0\x03\0\0\0", 8},
		{"MODULE ", 7},
		{"\177ELF", 4},
		{"BSJB", 4},
		{"\xce\xfa\xed\xfe", 4},
		{"\xcf\xfa\xed\xfe", 4},
		{"\xca\xfe\xba\xbe", 4},
	};

	for (size_t i = 0; i < ARRAY_LEN(magics); i++)
		if (slice_starts(beginning, magics[i]))
			return true;
	return false;
}

/* ---- keys ---- */

static bool ends(struct slice name, const char *suffix)
{
	size_t n = strlen(suffix);

	return name.n >= n &&
	       slice_eq_nocase(slice_from(name, name.n - n), (struct slice){suffix, n});
}

static bool is_name_end(const struct packing_row *row)
{
	return row->place == PLACE_TWIN || row->place == PLACE_BEHIND;
}

/* Does the name say that the file is compressed, or is an archive by itself? */
static bool is_packed_name(struct slice name)
{
	static const char *const others[] = {".tgz", ".cab", ".msu"};

	for (enum packing p = PACKED_NOT + 1; p < PACKINGS_END; p++)
		if (is_name_end(&packing_rows[p]) && ends(name, packing_rows[p].affix))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (ends(name, others[i]))
			return true;
	return false;
}

bool encoding_file_is_plain(struct slice key)
{
	struct claim x;

	return claim_of_path(key, &x) && !is_packed_name(x.name);
}

static struct slice last_of(struct slice path)
{
	size_t slash = slice_rfind(path, '/');

	return slash < path.n ? slice_from(path, slash + 1) : SLICE_NONE;
}

bool encoding_key_is_plain(struct slice key)
{
	size_t slash = slice_rfind(key, '/');

	return slash < key.n && !is_packed_name(slice_from(key, slash + 1)) &&
	       !packing_is_folder(last_of(slice_head(key, slash))) && encoding_file_is_plain(key);
}

/* ---- labels ---- */

static bool is_known(struct slice coding)
{
	for (enum packing p = PACKED_NOT + 1; p < PACKINGS_END; p++)
		if (packing_is_coding(p) &&
		    slice_eq_nocase(coding, slice_of(packing_rows[p].coding)))
			return true;
	return slice_eq_nocase(coding, SLICE("x-gzip"));
}

bool encoding_is_undone(const char *encoding)
{
	return is_known(slice_of(encoding)) || strcmp(encoding, PACKED) == 0;
}

/*
 * Is the label of one coding, or of several that are all known? Then the bytes can tell whether it
 * is true.
 */
static bool can_be_told(const char *label, bool *all_known)
{
	struct slice list = slice_of(label), one;
	size_t n = 0;

	*all_known = true;
	if (!label[0])
		return true;
	for (; slice_next(&list, ',', &one); n++)
		*all_known = *all_known && is_known(slice_trim(one));
	return *all_known || n == 1;
}

bool encoding_in_doubt(struct slice key, const char *label)
{
	return label[0] || encoding_key_is_plain(key);
}

/* Of several codings the last one was applied last. */
static bool ends_list(const char *label, const char *coding)
{
	const char *comma = strrchr(label, ',');

	return comma && slice_eq_nocase(slice_trim(slice_of(comma + 1)), slice_of(coding));
}

/* The label says that it is encoded: how, by its bytes. */
static const char *coding_of(struct slice key, struct slice beginning, const char *label)
{
	const char *coding = packing_rows[packing_of(beginning)].coding;
	bool nothing, plain = encoding_key_is_plain(key);
	enum packing inside = packing_inside(beginning, &nothing);

	if (plain && (nothing || packing_can_be_undone(inside)))
		return PACKED;
	/*
	 * A list of codings that fits all that can be seen, and that is not undone, stays as it is.
	 */
	return (packing_is_coding(inside) || inside == PACKED_UNKNOWN) && ends_list(label, coding)
		       ? label
		       : coding;
}

static const char *truth(struct slice key, struct slice beginning, const char *label)
{
	enum packing outer = packing_of(beginning);
	bool all_known;

	if (strcmp(label, PACKED) == 0 || !can_be_told(label, &all_known))
		return label;
	if (packing_is_coding(outer) && label[0])
		return coding_of(key, beginning, label);
	if (packing_can_be_undone(outer))
		return encoding_key_is_plain(key) ? PACKED : "";
	return all_known || is_symbol_file(beginning) ? "" : label;
}

bool encoding_judge(struct slice key, struct slice beginning, bool all,
		    char label[static sizeof(((struct object_head *)0)->encoding)])
{
	size_t size = sizeof(((struct object_head *)0)->encoding);
	size_t want = packing_is_coding(packing_of(beginning)) && label[0] ? ENCODING_HEAD
									   : PACKING_MAGIC_MAX;
	char copy[sizeof(((struct object_head *)0)->encoding)];

	if (!all && beginning.n < want)
		return false;
	memcpy(copy, label, size);
	(void)snprintf(label, size, "%s", truth(key, beginning, copy));
	return true;
}
