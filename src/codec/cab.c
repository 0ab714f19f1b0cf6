// SPDX-License-Identifier: MIT
/*
 * Probing and expanding cabinets; see cab.h. libmspack pulls: it opens "files" that are windows on
 * the run's input and output. It reads the header once to list what is inside, and again block by
 * block from the front; it never asks for the length of the input, so the input may still grow.
 * It gives out exactly as many bytes as the header states, and verifies the checksum of every
 * block that has one.
 */
#include "codec/cab.h"
#include "base/bytes.h"
#include "codec/codec_priv.h"

#include <mspack.h>

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

struct cab {
	struct mspack_system system;
	struct codec_run *run;
	enum err failed; /* what a callback answered, while libmspack knows only that it failed */
};

struct cab_handle {
	struct cab *cab;
	int64_t at;
};

static enum codec_probe bad(struct error *e, const char *what)
{
	err_set(e, ERR_CORRUPT, "cabinet: %s", what);
	return PROBE_BAD;
}

static enum codec_probe need(size_t n, struct error *e)
{
	return n > CAB_HEAD_MAX ? bad(e, "header is too long") : PROBE_MORE;
}

static enum codec_probe probe_header(struct slice head, struct header *ret, struct error *e)
{
	struct header h = {.folders_at = HEADER_SIZE, .folder_size = FOLDER_SIZE};

	if (!slice_starts(SLICE(CAB_MAGIC), slice_head(head, 4)))
		return bad(e, "not a cabinet");
	if (head.n < HEADER_SIZE)
		return PROBE_MORE;
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
			return PROBE_MORE;
		h.folders_at += 4U + load_le16(head.p + HEADER_SIZE);
		h.folder_size += (unsigned char)head.p[HEADER_SIZE + 2];
	}
	*ret = h;
	return PROBE_OK;
}

static enum codec_probe probe_file(struct slice head, const struct header *h, uint16_t *ret_folder,
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
	return PROBE_OK;
}

enum codec_probe cab_probe(struct slice head, struct cab_info *ret, struct error *e)
{
	struct header h = {0};
	struct cab_info info;
	uint16_t folder = 0, method;
	size_t at;
	enum codec_probe answer = probe_header(head, &h, e);

	if (answer == PROBE_OK)
		answer = probe_file(head, &h, &folder, &info, e);
	if (answer != PROBE_OK)
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
	return PROBE_OK;
}

static struct mspack_file *cab_open(struct mspack_system *self, const char *name, int mode)
{
	struct cab_handle *h = xnew(struct cab_handle);

	h->cab = CONTAINER_OF(self, struct cab, system);
	return (struct mspack_file *)h;
}

static void cab_close(struct mspack_file *file)
{
	free(file);
}

static int cab_read(struct mspack_file *file, void *to, int n)
{
	struct cab_handle *h = (struct cab_handle *)file;
	size_t got = 0;

	if (n < 0 || h->cab->failed)
		return -1;
	h->cab->failed = codec_read(h->cab->run, h->at, to, (size_t)n, &got);
	h->at += (int64_t)got;
	return h->cab->failed ? -1 : (int)got;
}

static int cab_write(struct mspack_file *file, void *from, int n)
{
	struct cab_handle *h = (struct cab_handle *)file;

	if (n < 0 || h->cab->failed)
		return -1;
	h->cab->failed = codec_write(h->cab->run, (struct slice){from, (size_t)n});
	return h->cab->failed ? -1 : n;
}

static int cab_seek(struct mspack_file *file, off_t offset, int mode)
{
	struct cab_handle *h = (struct cab_handle *)file;
	int64_t from = mode == MSPACK_SYS_SEEK_CUR ? h->at : 0;

	if (mode == MSPACK_SYS_SEEK_END || offset < -from || offset > INT64_MAX - from)
		return -1;
	h->at = from + offset;
	return 0;
}

static off_t cab_tell(struct mspack_file *file)
{
	return ((struct cab_handle *)file)->at;
}

__attribute__((format(printf, 2, 3))) static void cab_message(struct mspack_file *file,
							      const char *fmt, ...)
{
}

/*
 * Zeroed: libmspack lets the first block of MSZIP refer to what lies before it, in a window that it
 * has not cleared, and would hand out what the heap held there.
 */
static void *cab_alloc(struct mspack_system *self, size_t n)
{
	return calloc(1, n);
}

static void cab_copy(void *from, void *to, size_t n)
{
	memcpy(to, from, n);
}

static const struct mspack_system cab_system = {
	.open = cab_open,
	.close = cab_close,
	.read = cab_read,
	.write = cab_write,
	.seek = cab_seek,
	.tell = cab_tell,
	.message = cab_message,
	.alloc = cab_alloc,
	.free = free,
	.copy = cab_copy,
};

static enum err mspack_failed(struct cab *c, int status)
{
	static const char *const what[] = {
		[MSPACK_ERR_READ] = "cut off",
		[MSPACK_ERR_SEEK] = "cut off",
		[MSPACK_ERR_SIGNATURE] = "damaged header",
		[MSPACK_ERR_DATAFORMAT] = "damaged structure",
		[MSPACK_ERR_CHECKSUM] = "checksum does not match",
		[MSPACK_ERR_DECRUNCH] = "damaged data",
	};
	bool known = status > 0 && (size_t)status < ARRAY_LEN(what) && what[status];

	if (c->failed)
		return c->failed;
	if (status == MSPACK_ERR_NOMEMORY)
		return err_set(c->run->e, ERR_NOMEM, "cabinet: no memory");
	return err_set(c->run->e, ERR_CORRUPT, "cabinet: %s", known ? what[status] : "damaged");
}

static enum err expand(struct cab *c, struct mscab_decompressor *d, const struct cab_info *info)
{
	struct mscabd_cabinet *list = d->open(d, "");
	struct mscabd_file *file = list ? list->files : NULL;
	int status = list ? MSPACK_ERR_DATAFORMAT : d->last_error(d);

	if (file && !file->next && file->length == info->size)
		status = d->extract(d, file, "");
	if (list)
		d->close(d, list);
	return status == MSPACK_ERR_OK ? OK : mspack_failed(c, status);
}

static enum err probe_input(struct codec_run *run, struct cab_info *ret)
{
	struct codec_input *in = xnew(struct codec_input);
	enum codec_probe answer = PROBE_MORE;
	enum err err = OK;

	in->run = run;
	for (size_t had = 0; !err && answer == PROBE_MORE; had = in->n) {
		err = codec_input_want(in, MIN(had + 1, CAB_HEAD_MAX));
		if (!err && in->n == had)
			err = err_set(run->e, ERR_CORRUPT, "cabinet: cut off");
		if (!err)
			answer = cab_probe((struct slice){in->p, in->n}, ret, run->e);
	}
	ret->name = SLICE_NONE;
	free(in);
	return answer == PROBE_BAD ? run->e->code : err;
}

enum err cab_decode(struct codec_run *run)
{
	struct cab c = {cab_system, run, OK};
	struct mscab_decompressor *d;
	struct cab_info info = {0};
	int selftest;
	enum err err = probe_input(run, &info);

	if (!err)
		err = codec_state_size(run, info.size);
	if (err)
		return err;
	MSPACK_SYS_SELFTEST(selftest);
	ASSERT(selftest == MSPACK_ERR_OK);
	d = mspack_create_cab_decompressor(&c.system);
	if (!d)
		return err_set(run->e, ERR_NOMEM, "cabinet: no memory");
	err = expand(&c, d, &info);
	mspack_destroy_cab_decompressor(d);
	return err;
}
