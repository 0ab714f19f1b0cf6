// SPDX-License-Identifier: MIT
/* See encoding.h. */
#include "store/encoding.h"
#include "codec/codec.h"
#include "symfmt/msf.h"
#include "symfmt/msfz.h"
#include "symfmt/verify.h"

#include <stdio.h>

#define PACKED     "packed"
#define MAGIC_SIZE ((size_t)MSFZ_MAGIC_SIZE) /* the longest */
#define PEEK_SIZE  ((size_t)64)

/* ---- bytes ---- */

enum packing packing_of(struct slice beginning)
{
	static const enum packing kinds[] = {[CODEC_CAB] = PACKED_CAB,
					     [CODEC_GZIP] = PACKED_GZIP,
					     [CODEC_ZSTD] = PACKED_ZSTD,
					     [CODEC_SZDD] = PACKED_SZDD};
	enum codec codec;

	if (codec_sniff(beginning, &codec))
		return kinds[codec];
	if (slice_starts(beginning, (struct slice){MSFZ_MAGIC, MSFZ_MAGIC_SIZE}))
		return PACKED_MSFZ;
	return slice_starts(beginning, SLICE("PK\x03\x04")) ? PACKED_ZIP : PACKED_NOT;
}

bool packing_can_be_undone(enum packing p)
{
	return p != PACKED_NOT && p != PACKED_ZIP && p != PACKED_UNKNOWN;
}

static bool is_coding(enum packing p)
{
	return p == PACKED_GZIP || p == PACKED_ZSTD;
}

enum packing packing_inside(struct slice beginning, bool *nothing)
{
	enum packing outer = packing_of(beginning);
	char inside[PEEK_SIZE];
	size_t n;

	*nothing = false;
	if (!is_coding(outer))
		return PACKED_NOT;
	n = codec_peek(outer == PACKED_GZIP ? CODEC_GZIP : CODEC_ZSTD, beginning, inside,
		       sizeof(inside), nothing);
	return n || *nothing ? packing_of((struct slice){inside, n}) : PACKED_UNKNOWN;
}

bool encoding_is_msfz(struct slice beginning)
{
	return packing_of(beginning) == PACKED_MSFZ;
}

/* Only the outermost coding can be looked into. */
bool encoding_may_hold_msfz(struct slice beginning)
{
	bool nothing;
	enum packing inside = packing_inside(beginning, &nothing);

	return inside == PACKED_MSFZ || inside == PACKED_UNKNOWN || is_coding(inside);
}

/* Of a file that a debugger takes, long enough that no compressed stream is taken for one. */
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

/* What is compressed by its name, be it that of the file itself. */
static bool is_packed_name(struct slice name)
{
	static const char *const suffixes[] = {"_", ".gz", ".tgz", ".zst", ".cab", ".msu"};

	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
		if (ends(name, suffixes[i]))
			return true;
	return false;
}

bool encoding_file_is_plain(struct slice key)
{
	struct claim x;

	return claim_of_path(key, &x) && !is_packed_name(x.name);
}

bool encoding_key_is_plain(struct slice key)
{
	size_t slash = slice_rfind(key, '/');

	return slash < key.n && !is_packed_name(slice_from(key, slash + 1)) &&
	       !ends(slice_head(key, slash), "/msfz0") && encoding_file_is_plain(key);
}

/* ---- labels ---- */

static bool is_known(struct slice coding)
{
	return slice_eq_nocase(coding, SLICE("gzip")) || slice_eq_nocase(coding, SLICE("x-gzip")) ||
	       slice_eq_nocase(coding, SLICE("zstd"));
}

bool encoding_is_undone(const char *encoding)
{
	return is_known(slice_of(encoding)) || strcmp(encoding, PACKED) == 0;
}

/* Of one coding, or of several that are all known: then the bytes can tell what is true of it. */
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

/* By its label it is encoded, and by its bytes this is how. */
static const char *coding_of(struct slice key, struct slice beginning, const char *label)
{
	const char *coding = packing_of(beginning) == PACKED_GZIP ? "gzip" : "zstd";
	bool nothing, plain = encoding_key_is_plain(key);
	enum packing inside = packing_inside(beginning, &nothing);

	if (plain && (nothing || packing_can_be_undone(inside)))
		return PACKED;
	/* A list that is true, for all that can be seen, of what is not expanded. */
	return (is_coding(inside) || inside == PACKED_UNKNOWN) && ends_list(label, coding) ? label
											   : coding;
}

static const char *truth(struct slice key, struct slice beginning, const char *label)
{
	enum packing outer = packing_of(beginning);
	bool all_known;

	if (strcmp(label, PACKED) == 0 || !can_be_told(label, &all_known))
		return label;
	switch (outer) {
	case PACKED_GZIP:
	case PACKED_ZSTD:
		if (label[0])
			return coding_of(key, beginning, label);
		return encoding_key_is_plain(key) ? PACKED : "";
	case PACKED_CAB:
	case PACKED_MSFZ:
	case PACKED_SZDD: return encoding_key_is_plain(key) ? PACKED : "";
	case PACKED_ZIP:
	case PACKED_UNKNOWN:
	case PACKED_NOT: break;
	}
	return all_known || is_symbol_file(beginning) ? "" : label;
}

bool encoding_judge(struct slice key, struct slice beginning, bool all,
		    char label[static sizeof(((struct object_head *)0)->encoding)])
{
	size_t size = sizeof(((struct object_head *)0)->encoding);
	size_t want = is_coding(packing_of(beginning)) && label[0] ? ENCODING_HEAD : MAGIC_SIZE;
	char copy[sizeof(((struct object_head *)0)->encoding)];

	if (!all && beginning.n < want)
		return false;
	memcpy(copy, label, size);
	(void)snprintf(label, size, "%s", truth(key, beginning, copy));
	return true;
}
