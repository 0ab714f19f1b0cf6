// SPDX-License-Identifier: MIT
/* See scan.h. */
#include "publish/scan.h"

#include "base/text.h"

#include <openssl/evp.h>
#include <search.h>
#include <stdio.h>

#define SHA256_BYTES 32

/* ---- keys ---- */

static void put_tier(struct slice path, bool two_tier, struct buf *key)
{
	struct slice name = slice_head(path, slice_find(path, '/'));

	if (!two_tier)
		return;
	buf_add(key, name_tier_folder(name));
	buf_putc(key, '/');
}

/* foo.pdb is foo.pd_ or foo.pdb.zst, in that packing. */
static void put_packed(struct slice path, enum pack_kind kind, struct buf *key)
{
	switch (kind) {
	case PACK_NONE: buf_add(key, path); break;
	case PACK_CAB:
		buf_add(key, name_twin_stem(path));
		buf_putc(key, '_');
		break;
	case PACK_ZSTD:
		buf_add(key, path);
		buf_puts(key, ".zst");
		break;
	case PACK_GZIP:
		buf_add(key, path);
		buf_puts(key, ".gz");
		break;
	}
}

/* ---- one file ---- */

/* A copy within the text of what was scanned, which is reserved as a whole. */
static struct slice keep(struct scanned *s, struct slice text)
{
	size_t at = s->text.n;

	buf_add(&s->text, text);
	return (struct slice){s->text.p + at, text.n};
}

static bool put_pdb(const struct file_facts *f, enum key_case key_case, struct scanned *s,
		    struct slice *ret)
{
	struct buf path CLEANUP(buf_fini) = BUF_MAX(PLAN_TEXT_MAX);
	struct key_text key;

	if (!f->pdbs ||
	    !place_of_wanted(&f->pdb[0].pdb, slice_of(f->pdb[0].name), key_case, &key, &path) ||
	    buf_failed(&path))
		return false;
	*ret = keep(s, buf_slice(&path));
	return true;
}

static enum err add_line(const struct scan_how *how, const struct file_facts *f,
			 enum pack_kind kind, struct slice path, const struct key_text *id,
			 struct scanned *s, struct error *e)
{
	struct plan_file *line = &s->line[s->lines];
	struct buf key CLEANUP(buf_fini) = BUF_MAX((size_t)4 * PLACE_KEY_MAX);
	const char *fault;

	put_tier(path, how->two_tier, &key);
	put_packed(path, pack_in_the_name(kind, how->local) ? kind : PACK_NONE, &key);
	fault = buf_failed(&key) ? "is too long" : place_fault(buf_slice(&key));
	if (fault)
		return err_set(e, ERR_LIMIT, "no store can have it: its key %s", fault);
	line->key = keep(s, buf_slice(&key));
	line->id = keep(s, slice_of(id->s));
	line->kind = slice_of(f->kind);
	line->as = slice_of(pack_word(kind));
	line->machine = keep(s, slice_of(f->machine));
	line->privacy = f->privacy;
	(void)put_pdb(f, how->key_case, s, &line->pdb);
	s->lines++;
	return OK;
}

static enum err add_lines(const struct scan_how *how, const struct scan_file *file,
			  const struct file_facts *f, enum pack_kind kind, struct scanned *s,
			  struct error *e)
{
	struct key_text id;
	enum err err = OK;

	for (size_t which = 0; which < IDENTITY_IDS_MAX && !err; which++) {
		struct buf path CLEANUP(buf_fini) = BUF_MAX((size_t)4 * PLACE_KEY_MAX);

		if (!place_of_file(f, file->name, which, how->key_case, &id, &path))
			break;
		if (buf_failed(&path))
			err = err_set(e, ERR_LIMIT, "no store can have such a name");
		else
			err = add_line(how, f, kind, buf_slice(&path), &id, s, e);
	}
	return err;
}

/* Cabinets are symstore.exe's: nobody looks for one of a file that Windows does not know. */
static bool can_be_a_cabinet(enum symbol_kind kind)
{
	return kind == SYMBOL_PDB || kind == SYMBOL_PDB_OLD || kind == SYMBOL_PDB_PORTABLE ||
	       kind == SYMBOL_PE;
}

/* How it is to be packed, as far as that stands in its name. */
static enum err choose_packing(const struct scan_how *how, const struct scan_file *file,
			       const struct file_facts *f, enum pack_kind *ret, struct error *e)
{
	const struct pack_file whole = {.fd = file->fd,
					.offset = file->offset,
					.size = file->size,
					.name = file->name,
					.stop = file->stop};
	bool worth = true;
	enum err err = OK;

	if (how->pack.kind == PACK_CAB && !can_be_a_cabinet(f->identity.kind))
		worth = false;
	else if (pack_in_the_name(how->pack.kind, how->local))
		err = pack_is_worth_it(&how->pack, &whole, &worth, e);
	*ret = worth ? how->pack.kind : PACK_NONE;
	return err;
}

/* What has been read already is not read again. */
static enum err hash(const struct scan_file *file, struct slice whole,
		     char ret[static PACK_SHA256_SIZE], struct error *e)
{
	const struct pack_file there = {
		.fd = file->fd, .offset = file->offset, .size = file->size, .stop = file->stop};
	unsigned char sum[SHA256_BYTES];

	if (!whole.n)
		return pack_hash(&there, ret, e);
	if (!EVP_Digest(whole.p, whole.n, sum, NULL, EVP_sha256(), NULL))
		return err_set(e, ERR_NOMEM, "no memory to hash a file");
	hex_encode(sum, sizeof(sum), ret);
	return OK;
}

static enum err scan_known(const struct scan_how *how, const struct scan_file *file,
			   struct slice whole, const struct file_facts *f, struct scanned *s,
			   struct error *e)
{
	char sha256[PACK_SHA256_SIZE];
	enum pack_kind kind;

	if (choose_packing(how, file, f, &kind, e) != OK ||
	    add_lines(how, file, f, kind, s, e) != OK)
		return e->code;
	if (!s->lines)
		return OK;
	if (hash(file, whole, sha256, e) != OK)
		return e->code;
	for (size_t i = 0; i < s->lines; i++) {
		s->line[i].size = file->size;
		memcpy(s->line[i].sha256, sha256, sizeof(sha256));
	}
	return OK;
}

/* Of one line: key, id, machine, PDB. */
#define LINE_TEXT_MAX ((size_t)PLACE_KEY_MAX + KEY_TEXT_MAX + FACTS_MACHINE_MAX + PLAN_TEXT_MAX)

/* The bytes of a small file; of others, and without memory for them, none. */
static enum err read_whole(const struct scan_file *file, struct buf *room, struct slice *ret,
			   struct error *e)
{
	const struct pack_file there = {
		.fd = file->fd, .offset = file->offset, .size = file->size, .stop = file->stop};
	char *to;

	*ret = SLICE_NONE;
	buf_clear(room);
	if (!file->size || file->size > (int64_t)SCAN_WHOLE_MAX)
		return OK;
	to = buf_reserve(room, (size_t)file->size);
	if (!to)
		return OK;
	*ret = (struct slice){to, (size_t)file->size};
	return pack_read(&there, 0, to, ret->n, e);
}

enum err scan_file(const struct scan_how *how, const struct scan_file *file, struct scanned *ret,
		   struct error *e)
{
	struct file_facts *f CLEANUP(free_p) = xnew(struct file_facts);
	struct buf own CLEANUP(buf_fini) = BUF_MAX(SCAN_WHOLE_MAX);
	struct file_source opened = {.fd = file->fd, .base = file->offset};
	struct source source = source_of_file(&opened, file->size);
	struct slice whole;
	enum err err = read_whole(file, file->room ? file->room : &own, &whole, e);

	if (whole.n)
		source = source_of(&whole);
	if (!err)
		err = facts_read(&source, f, e);
	*ret = (struct scanned){.is_dump = f->is_minidump};
	if (err || !f->kind || f->is_minidump)
		return err;
	ret->text = BUF_MAX(LINE_TEXT_MAX * IDENTITY_IDS_MAX);
	(void)buf_reserve(&ret->text, LINE_TEXT_MAX * MAX(f->identity.ids, 1));
	err = scan_known(how, file, whole, f, ret, e);
	if (err)
		scanned_fini(ret);
	return err;
}

void scanned_fini(struct scanned *s)
{
	buf_fini(&s->text);
}

/* ---- all of them ---- */

struct node {
	struct slice key; /* the plan's */
	size_t which;
};

static int compare(const void *a, const void *b)
{
	return slice_compare(((const struct node *)a)->key, ((const struct node *)b)->key);
}

enum err scan_add(struct scan_set *set, struct plan_file *line, struct slice path,
		  enum scan_added *ret, size_t *ret_which, struct error *e)
{
	struct node probe = {line->key, 0}, *node;
	struct node *const *found = tfind(&probe, &set->tree, compare);

	if (found) {
		*ret_which = (*found)->which;
		*ret = strcmp(set->plan->file[*ret_which].sha256, line->sha256) == 0 ? SCAN_SAME
										     : SCAN_OTHER;
		return OK;
	}
	line->path = path;
	if (plan_add(set->plan, line, e) != OK)
		return e->code;
	*ret = SCAN_ADDED;
	*ret_which = set->plan->files - 1;
	node = xnew(struct node);
	*node = (struct node){set->plan->file[*ret_which].key, *ret_which};
	if (!tsearch(node, &set->tree, compare)) {
		free(node);
		return err_set(e, ERR_NOMEM, "no memory for the plan");
	}
	return OK;
}

void scan_set_fini(struct scan_set *set)
{
	tdestroy(set->tree, free);
	set->tree = NULL;
}
