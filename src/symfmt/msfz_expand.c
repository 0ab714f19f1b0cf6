// SPDX-License-Identifier: MIT
/*
 * MSFZ to MSF 7.0, front to back. All sizes are known once the container is open, so every page
 * has its number before the first one is written:
 *
 *	page 0		superblock
 *	1, 2		the two free page maps; again at 1 and 2 of each interval of page_size pages
 *	then		list of the directory's pages (one page), directory, streams in their order
 *
 * The pages that are no maps are counted in "slots", of which the first is page 3. The page size is
 * the least with which the list fits into its page, as other readers insist: 512 up to 8 MiB, and
 * each doubling serves eight times as much, 4096 up to 4 GiB. Larger pages would only leave more
 * of the last page of each stream unused, and there are thousands of streams.
 */
#include "base/bytes.h"
#include "symfmt/msf.h"
#include "symfmt/msfz.h"

enum { SLOT_LIST, SLOT_DIRECTORY };

struct layout {
	uint32_t page_size;
	uint32_t pages;
	uint32_t directory_size;
	uint32_t directory_pages;
};

struct writer {
	struct msfz *z;
	const struct msfz_sink *sink;
	struct layout l;
	uint64_t at; /* offset of the next byte */
	char page[MSF_PAGE_SIZE_MAX];
	size_t waiting; /* small pieces are collected */
	char out[64 * 1024];
};

/* Slots begin at page 3; of each interval they leave out pages 1 and 2. */
static uint64_t page_of_slot(uint64_t slot, uint32_t page_size)
{
	uint32_t usable = page_size - 2;

	return slot / usable * page_size + slot % usable + 3;
}

static uint64_t count_pages(const struct msfz *z, uint32_t page_size)
{
	uint64_t pages = 0;

	for (uint32_t i = 0; i < msfz_streams(z); i++)
		pages += msf_pages_of(msfz_stream_size(z, i), page_size);
	return pages;
}

static enum err plan(const struct msfz *z, struct layout *ret, struct error *e)
{
	for (uint32_t size = MSF_PAGE_SIZE_MIN; size <= MSF_PAGE_SIZE_MAX; size *= 2) {
		uint64_t pages = count_pages(z, size);
		uint64_t directory = 4 + 4 * ((uint64_t)msfz_streams(z) + pages);
		uint64_t directory_pages = (directory + size - 1) / size;
		uint64_t last = page_of_slot(directory_pages + pages, size);

		if (directory_pages * 4 > size)
			continue;
		/* An interval has its maps even where it ends after its first page. */
		if (last % size == 0)
			last += 2;
		*ret = (struct layout){size, (uint32_t)last + 1, (uint32_t)directory,
				       (uint32_t)directory_pages};
		return OK;
	}
	return err_set(e, ERR_LIMIT, "MSFZ: too much for an MSF file");
}

static enum err flush(struct writer *w, struct error *e)
{
	struct slice out = {w->out, w->waiting};

	w->waiting = 0;
	return out.n ? w->sink->write(w->sink->ud, out, e) : OK;
}

static enum err write_bytes(struct writer *w, struct slice bytes, struct error *e)
{
	enum err err = OK;

	w->at += bytes.n;
	if (bytes.n > sizeof(w->out) - w->waiting)
		err = flush(w, e);
	if (err)
		return err;
	if (bytes.n > sizeof(w->out))
		return w->sink->write(w->sink->ud, bytes, e);
	memcpy(w->out + w->waiting, bytes.p, bytes.n);
	w->waiting += bytes.n;
	return OK;
}

/*
 * Part of the bitmap of free pages that stands in the first map of an interval, with a 1 for each
 * page that is free, of which there are none but behind the end. The second map is not in use.
 */
static enum err write_maps(struct writer *w, struct error *e)
{
	uint32_t size = w->l.page_size;
	uint64_t first = w->at / size / size * size * 8;
	enum err err;

	for (uint32_t i = 0; i < size; i++) {
		uint64_t page = first + (uint64_t)i * 8;
		uint64_t busy = page >= w->l.pages ? 0 : MIN(w->l.pages - page, 8);

		w->page[i] = (char)(0xff << busy);
	}
	err = write_bytes(w, (struct slice){w->page, size}, e);
	memset(w->page, 0xff, size);
	return err ? err : write_bytes(w, (struct slice){w->page, size}, e);
}

/* Write the pages of the slots, with the maps where they have to be: at page 1 of an interval. */
static enum err put(struct writer *w, struct slice bytes, struct error *e)
{
	uint64_t interval = (uint64_t)w->l.page_size * w->l.page_size;

	while (bytes.n > 0) {
		uint64_t to_maps = (w->l.page_size - w->at) & (interval - 1);
		struct slice part = slice_head(bytes, to_maps);
		enum err err = part.n ? write_bytes(w, part, e) : write_maps(w, e);

		if (err)
			return err;
		bytes = slice_from(bytes, part.n);
	}
	return OK;
}

static enum err fill_page(struct writer *w, struct error *e)
{
	size_t used = w->at % w->l.page_size;

	if (used == 0)
		return OK;
	memset(w->page, 0, w->l.page_size - used);
	return put(w, (struct slice){w->page, w->l.page_size - used}, e);
}

static enum err write_superblock(struct writer *w, struct error *e)
{
	memset(w->page, 0, w->l.page_size);
	memcpy(w->page, MSF_MAGIC, MSF_MAGIC_SIZE);
	store_le32(w->page + 32, w->l.page_size);
	store_le32(w->page + 36, 1); /* the map in use */
	store_le32(w->page + 40, w->l.pages);
	store_le32(w->page + 44, w->l.directory_size);
	store_le32(w->page + MSF_LIST_AT, (uint32_t)page_of_slot(SLOT_LIST, w->l.page_size));
	return put(w, (struct slice){w->page, w->l.page_size}, e);
}

static enum err put_number(struct writer *w, uint32_t number, struct error *e)
{
	char bytes[4];

	store_le32(bytes, number);
	return put(w, (struct slice){bytes, sizeof(bytes)}, e);
}

/* The numbers of n pages from a slot on. */
static enum err put_pages(struct writer *w, uint64_t slot, uint64_t n, struct error *e)
{
	enum err err = OK;

	for (uint64_t i = 0; !err && i < n; i++)
		err = put_number(w, (uint32_t)page_of_slot(slot + i, w->l.page_size), e);
	return err;
}

static enum err write_directory(struct writer *w, struct error *e)
{
	uint64_t slot = SLOT_DIRECTORY + w->l.directory_pages;
	enum err err = put_number(w, msfz_streams(w->z), e);

	for (uint32_t i = 0; !err && i < msfz_streams(w->z); i++)
		err = put_number(w, msfz_stream_size(w->z, i), e);
	if (!err)
		err = put_pages(w, slot, count_pages(w->z, w->l.page_size), e);
	return err ? err : fill_page(w, e);
}

static enum err take(void *ud, struct slice bytes, struct error *e)
{
	return put(ud, bytes, e);
}

static enum err write_all(struct writer *w, struct error *e)
{
	enum err err = write_superblock(w, e);

	if (!err)
		err = put_pages(w, SLOT_DIRECTORY, w->l.directory_pages, e);
	if (!err)
		err = fill_page(w, e);
	if (!err)
		err = write_directory(w, e);
	for (uint32_t i = 0; !err && i < msfz_streams(w->z); i++) {
		err = msfz_stream_read(w->z, i, UINT32_MAX, &(struct msfz_taker){take, w}, e);
		if (!err)
			err = fill_page(w, e);
	}
	if (!err && w->at / w->l.page_size < w->l.pages)
		err = write_maps(w, e);
	return err ? err : flush(w, e);
}

enum err msfz_expand(const struct source *file, const struct msfz_sink *sink, struct error *e)
{
	struct msfz *z CLEANUP(msfz_free_p) = NULL;
	struct writer *w CLEANUP(free_p) = xnew(struct writer);
	enum err err = msfz_open(file, &z, e);
	int64_t size;

	if (!err)
		err = plan(z, &w->l, e);
	if (err)
		return err;
	size = (int64_t)w->l.pages * w->l.page_size;
	if (size > sink->max_output)
		return err_set(e, ERR_LIMIT, "%lld bytes of PDB are beyond %lld", (long long)size,
			       (long long)sink->max_output);
	w->z = z;
	w->sink = sink;
	err = sink->size(sink->ud, size, e);
	if (!err)
		err = write_all(w, e);
	ASSERT(err || w->at == (uint64_t)size);
	return err;
}
