// SPDX-License-Identifier: MIT
/* See pdb.h. */
#include "symfmt/pdb.h"
#include "base/bytes.h"
#include "symfmt/msf.h"

#define VERSION_WITH_GUID 20000404U /* VC 7 as it was sold; 19990604 was its beta */
#define INFO_WITHOUT_GUID 12
#define DBI_SIGNATURE     UINT32_MAX
#define DBI_STRIPPED      2

static void take_dbi(struct slice dbi, struct pdb_facts *f)
{
	f->has_dbi = true;
	f->dbi_age = load_le32(dbi.p + 8);
	f->is_stripped = load_le16(dbi.p + 56) & DBI_STRIPPED;
	f->machine = load_le16(dbi.p + 58);
}

enum err pdb_facts_of(struct slice info, struct slice dbi, struct pdb_facts *ret, struct error *e)
{
	struct pdb_facts f = {0};

	if (info.n < INFO_WITHOUT_GUID)
		return err_set(e, ERR_CORRUPT, "PDB: stream 1 of %zu bytes", info.n);
	f.version = load_le32(info.p);
	f.signature = load_le32(info.p + 4);
	f.info_age = load_le32(info.p + 8);
	f.has_guid = f.version >= VERSION_WITH_GUID;
	if (f.has_guid && info.n < PDB_INFO_HEAD)
		return err_set(e, ERR_CORRUPT, "PDB: stream 1 of %zu bytes", info.n);
	if (f.has_guid)
		f.guid = symbol_id_of_guid((struct slice){info.p + INFO_WITHOUT_GUID, 16});
	/* Before there were GUIDs the DBI stream may have had another header; no key needs it. */
	if (dbi.n && f.has_guid) {
		if (dbi.n < PDB_DBI_HEAD || load_le32(dbi.p) != DBI_SIGNATURE)
			return err_set(e, ERR_CORRUPT, "PDB: no header in stream 3");
		take_dbi(dbi, &f);
	}
	*ret = f;
	return OK;
}

struct symbol_identity pdb_identity_of(const struct pdb_facts *f)
{
	if (!f->has_guid)
		return (struct symbol_identity){
			.kind = SYMBOL_PDB_OLD, .stamp = f->signature, .size = f->info_age};
	return (struct symbol_identity){
		.kind = SYMBOL_PDB,
		.ids = 1,
		.id = {f->guid},
		.has_age = f->has_dbi,
		.age = f->dbi_age ? f->dbi_age : f->info_age,
		.age_or_zero = f->has_dbi && !f->dbi_age,
	};
}

/* The first max bytes of a stream, fewer when it is shorter, none when it is nil. */
static enum err read_head(const struct msf *m, uint32_t number, char *to, size_t max,
			  struct slice *ret, struct error *e)
{
	struct msf_stream s = {0};
	enum err err = msf_stream_open(m, number, &s, e);

	if (err)
		return err;
	*ret = (struct slice){to, MIN(max, s.size)};
	return msf_stream_read(&s, 0, to, ret->n, e);
}

enum err pdb_read_facts(const struct source *file, struct pdb_facts *ret, struct error *e)
{
	char info[PDB_INFO_HEAD], dbi[PDB_DBI_HEAD];
	struct slice info_head = SLICE_NONE, dbi_head = SLICE_NONE;
	struct msf m = {0};
	enum err err = msf_open(file, &m, e);

	if (!err)
		err = read_head(&m, PDB_INFO_STREAM, info, sizeof(info), &info_head, e);
	if (!err)
		err = read_head(&m, PDB_DBI_STREAM, dbi, sizeof(dbi), &dbi_head, e);
	return err ? err : pdb_facts_of(info_head, dbi_head, ret, e);
}
