// SPDX-License-Identifier: MIT
/* See place.h. */
#include "publish/place.h"

#include "base/text.h"
#include "store/name_list.h"

#include <stdio.h>
#include <unistr.h>

#define SEGMENT_MAX 255 /* bytes of a name, on each file system that counts */

static const char own[] = "is kept for the store's own files";

static const char *harm_of(struct slice segment)
{
	if (!segment.n || slice_eq(segment, SLICE(".")) || slice_eq(segment, SLICE("..")))
		return "has an empty name, '.' or '..' in it";
	if (segment.n > SEGMENT_MAX)
		return "has a name of more than 255 bytes in it";
	for (size_t i = 0; i < segment.n; i++)
		if ((unsigned char)segment.p[i] < ' ' || segment.p[i] == 0x7f)
			return "has a control character in it";
	return NULL;
}

const char *place_harm(struct slice key)
{
	struct slice rest = key, segment;
	const char *harm = NULL;

	if (!key.n)
		return "is empty";
	if (key.n > PLACE_KEY_MAX)
		return "is too long";
	while (!harm && slice_next(&rest, '/', &segment))
		harm = harm_of(segment);
	return !harm && name_is_reserved(name_of_key(key)) ? own : harm;
}

/* Plans are JSON, which has UTF-8 alone; and by refs.ptr beside a file symstore.exe counts who needs it. */
const char *place_fault(struct slice key)
{
	struct slice rest = key, segment = SLICE_NONE;
	const char *harm = place_harm(key);

	if (harm)
		return harm;
	if (u8_check((const uint8_t *)key.p, key.n))
		return "is no UTF-8";
	if (slice_find(key, '\\') < key.n) /* requests take it for a slash */
		return "has a backslash in it";
	while (slice_next(&rest, '/', &segment))
		if (name_is_reserved(segment))
			return own;
	return fold_equal(segment, SLICE("refs.ptr")) ? own : NULL;
}

static void put_path(struct slice name, const struct key_text *key, struct slice last,
		     enum key_case how, struct buf *path)
{
	struct buf whole CLEANUP(buf_fini) = BUF_MAX(path->max);

	buf_add(&whole, name);
	buf_printf(&whole, "/%s/", key->s);
	buf_add(&whole, last);
	if (how == PLACE_IN_LOWER)
		fold_lower(buf_slice(&whole), path);
	else
		buf_add(path, buf_slice(&whole));
	path->failed |= buf_failed(&whole);
}

/* foo.pdb has its symbols in foo.sym, any other file in libfoo.so.sym. */
static void put_breakpad(const struct file_facts *f, const struct key_text *key, enum key_case how,
			 struct buf *path)
{
	struct slice module = slice_of(f->module), stem = module;
	char last[sizeof(f->module) + 4];

	if (module.n > 4 && slice_eq_nocase(slice_from(module, module.n - 4), SLICE(".pdb")))
		stem.n -= 4;
	(void)snprintf(last, sizeof(last), SLICE_FMT ".sym", SLICE_ARG(stem));
	put_path(module, key, slice_of(last), how, path);
}

bool place_of_file(const struct file_facts *f, struct slice name, size_t which, enum key_case how,
		   struct key_text *ret, struct buf *path)
{
	enum symbol_kind kind = f->identity.kind;

	if (!key_of_identity(&f->identity, f->is_debug_file, which, ret))
		return false;
	if (kind == SYMBOL_BREAKPAD) {
		if (f->module[0])
			put_breakpad(f, ret, how, path);
		return f->module[0];
	}
	if (f->is_debug_file)
		name = kind == SYMBOL_ELF ? SLICE("_.debug") : SLICE("_.dwarf");
	put_path(name, ret, name, how, path);
	return true;
}

bool place_of_wanted(const struct symbol_identity *i, struct slice name, enum key_case how,
		     struct key_text *ret, struct buf *path)
{
	if (!name.n || !key_of_identity(i, false, 0, ret))
		return false;
	put_path(name, ret, name, how, path);
	return true;
}
