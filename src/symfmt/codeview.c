// SPDX-License-Identifier: MIT
/* See codeview.h. */
#include "symfmt/codeview.h"

struct slice codeview_last(struct slice path)
{
	size_t at = path.n;

	while (at > 0 && path.p[at - 1] != '\\' && path.p[at - 1] != '/')
		at--;
	return slice_from(path, at);
}

static struct slice until_nul(struct slice s)
{
	return slice_head(s, slice_find(s, '\0'));
}

static void take_name(struct codeview *c)
{
	struct slice name = codeview_last(c->path);

	if (name.n && name.n <= CODEVIEW_NAME_MAX)
		memcpy(c->name, name.p, name.n);
}

bool codeview_read(struct slice record, bool is_portable, struct codeview *ret)
{
	struct head h = head_of(record, record.n);
	struct codeview c = {0};

	if (head_starts(&h, SLICE("RSDS"))) {
		c.pdb.kind = is_portable ? SYMBOL_PDB_PORTABLE : SYMBOL_PDB;
		c.pdb.ids = 1;
		c.pdb.id[0] = symbol_id_of_guid(head_bytes(&h, 4, 16));
		c.pdb.has_age = !is_portable;
		c.pdb.age = head_u32(&h, 20);
		c.path = until_nul(slice_from(record, 24));
	} else if (head_starts(&h, SLICE("NB10"))) {
		c.pdb.kind = SYMBOL_PDB_OLD;
		c.pdb.stamp = head_u32(&h, 8);
		c.pdb.size = head_u32(&h, 12);
		c.path = until_nul(slice_from(record, 16));
	}
	if (c.pdb.kind == SYMBOL_UNKNOWN || head_state(&h) != PARSE_OK)
		return false;
	take_name(&c);
	*ret = c;
	return true;
}
