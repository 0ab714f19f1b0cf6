// SPDX-License-Identifier: MIT
/*
 * Sniffing at and expanding cabinets; see cab.h. libmspack (mspack_run.h) reads the header once to
 * list what is inside, and again block by block from the front. It gives out exactly as many bytes
 * as the header states, and verifies the checksum of every block that has one. It takes the entry
 * of the file to stand right behind the folders, whatever the header says (coffFiles): while it
 * reads the list, what lies in between is left out for it.
 */
#include "codec/cab.h"
#include "base/bytes.h"
#include "codec/mspack_run.h"

/* [MS-CAB] 2.1 to 2.4 */
enum {
	HEADER_SIZE = 36,
	FOLDER_SIZE = 8,
	FILE_SIZE = 16,
	FLAG_PREVIOUS = 1,
	FLAG_NEXT = 2,
	FLAG_RESERVE = 4,
	ATTRIBUTE_UTF8 = 0x80,
};

struct header {
	size_t files_at; /* offset of the one CFFILE */
	uint16_t folders, flags;
	size_t folders_at, folder_size;
};

static enum sniff bad(struct error *e, const char *what)
{
	err_set(e, ERR_CORRUPT, "cabinet: %s", what);
	return SNIFF_BAD;
}

static enum sniff need(size_t n, struct error *e)
{
	return n > CAB_HEAD_MAX ? bad(e, "header is too long") : SNIFF_MORE;
}

static enum sniff sniff_header(struct slice head, struct header *ret, struct error *e)
{
	struct header h = {.folders_at = HEADER_SIZE, .folder_size = FOLDER_SIZE};

	if (!slice_starts(SLICE(CAB_MAGIC), slice_head(head, 4)))
		return bad(e, "not a cabinet");
	if (head.n < HEADER_SIZE)
		return SNIFF_MORE;
	if (head.p[25] != 1)
		return bad(e, "unknown version");
	h.files_at = load_le32(head.p + 16);
	h.folders = load_le16(head.p + 26);
	h.flags = load_le16(head.p + 30);
	if (h.flags & (FLAG_PREVIOUS | FLAG_NEXT))
		return bad(e, "one of a set that spans several");
	if (load_le16(head.p + 28) != 1)
		return bad(e, "does not hold exactly one file");
	if (h.flags & FLAG_RESERVE) {
		if (head.n < HEADER_SIZE + 4)
			return SNIFF_MORE;
		h.folders_at += 4U + load_le16(head.p + HEADER_SIZE);
		h.folder_size += (unsigned char)head.p[HEADER_SIZE + 2];
	}
	*ret = h;
	return SNIFF_OK;
}

static size_t folders_end(const struct header *h)
{
	return h->folders_at + h->folders * h->folder_size;
}

static enum sniff sniff_file(struct slice head, const struct header *h, uint16_t *ret_folder,
			     struct cab_info *info, struct error *e)
{
	struct slice entry = slice_from(head, h->files_at);
	struct slice name = slice_from(entry, FILE_SIZE);

	if (entry.n <= FILE_SIZE)
		return need(h->files_at + FILE_SIZE + 1, e);
	name.n = slice_find(slice_head(name, CAB_NAME_MAX + 1), '\0');
	if (name.n > CAB_NAME_MAX)
		return bad(e, "name of its file is too long");
	if (entry.n == FILE_SIZE + name.n)
		return need(h->files_at + entry.n + 1, e);
	info->size = load_le32(entry.p);
	info->name = name;
	info->is_utf8 = load_le16(entry.p + 14) & ATTRIBUTE_UTF8;
	*ret_folder = load_le16(entry.p + 8);
	return SNIFF_OK;
}

static enum sniff sniff(struct slice head, struct header *ret_header, struct cab_info *ret,
			struct error *e)
{
	struct header h = {0};
	struct cab_info info;
	uint16_t folder = 0, method;
	size_t at;
	enum sniff answer = sniff_header(head, &h, e);

	if (answer == SNIFF_OK && h.files_at < folders_end(&h))
		return bad(e, "the entry of its file lies in its header");
	if (answer == SNIFF_OK)
		answer = sniff_file(head, &h, &folder, &info, e);
	if (answer != SNIFF_OK)
		return answer;
	if (folder >= h.folders)
		return bad(e, "its file is in no folder, or spans several cabinets");
	at = h.folders_at + folder * h.folder_size;
	if (head.n < at + FOLDER_SIZE)
		return need(at + FOLDER_SIZE, e);
	method = load_le16(head.p + at + 6) & 0xf;
	if (method > CAB_LZX)
		return bad(e, "unknown compression");
	info.method = (enum cab_method)method;
	*ret = info;
	*ret_header = h;
	return SNIFF_OK;
}

bool cab_begins(struct slice head)
{
	return slice_starts(head, SLICE(CAB_MAGIC));
}

enum sniff cab_sniff(struct slice head, struct cab_info *ret, struct error *e)
{
	struct header h;

	return sniff(head, &h, ret, e);
}

static enum err expand(struct mspack_run *m, struct mscab_decompressor *d, const struct header *h,
		       const struct cab_info *info)
{
	struct mscabd_cabinet *list;
	struct mscabd_file *file;
	int status;

	m->gap_at = (int64_t)folders_end(h);
	m->gap = (int64_t)h->files_at - m->gap_at;
	list = d->open(d, "");
	m->gap = 0;
	file = list ? list->files : NULL;
	status = list ? MSPACK_ERR_DATAFORMAT : d->last_error(d);
	if (file && !file->next && file->length == info->size)
		status = d->extract(d, file, "");
	if (list)
		d->close(d, list);
	return status == MSPACK_ERR_OK ? mspack_run_flush(m)
				       : mspack_run_failed(m, "cabinet", status);
}

static enum err sniff_input(struct codec_run *run, struct header *ret_header, struct cab_info *ret)
{
	struct codec_input *in = xnew(struct codec_input);
	enum sniff answer = SNIFF_MORE;
	enum err err = OK;

	in->run = run;
	for (size_t had = 0; !err && answer == SNIFF_MORE; had = in->n) {
		err = codec_input_want(in, MIN(had + 1, CAB_HEAD_MAX));
		if (!err && in->n == had)
			err = err_set(run->e, ERR_CORRUPT, "cabinet: cut off");
		if (!err)
			answer = sniff((struct slice){in->p, in->n}, ret_header, ret, run->e);
	}
	ret->name = SLICE_NONE;
	free(in);
	return answer == SNIFF_BAD ? run->e->code : err;
}

enum err cab_decode(struct codec_run *run)
{
	struct mspack_run *m CLEANUP(free_p) = NULL;
	struct mscab_decompressor *d;
	struct cab_info info = {0};
	struct header h = {0};
	enum err err = sniff_input(run, &h, &info);

	if (!err)
		err = codec_state_size(run, info.size);
	if (err)
		return err;
	m = xnew(struct mspack_run);
	mspack_run_init(m, run);
	d = mspack_create_cab_decompressor(&m->system);
	if (!d)
		return err_set(run->e, ERR_NOMEM, "cabinet: no memory");
	err = expand(m, d, &h, &info);
	mspack_destroy_cab_decompressor(d);
	return err;
}
