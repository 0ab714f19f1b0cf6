// SPDX-License-Identifier: MIT
/*
 * See msf.h. All three lists of page numbers (of a stream, of the directory, and of the list of the
 * directory's pages) are followed for each page anew: a page number is a few bytes, an identity
 * needs a handful of them, and a table of them all would be as long as the input says.
 */
#include "symfmt/msf.h"
#include "base/bytes.h"

/* Superblock of 2.0: where the page numbers of the directory are. */
#define SMALL_LIST_AT 60

static size_t number_size(const struct msf *m)
{
	return m->is_small ? 2 : 4;
}

/* n bytes of a page. */
static enum err read_page(const struct msf *m, uint32_t page, uint32_t at, void *to, size_t n,
			  struct error *e)
{
	if (page >= m->pages)
		return err_set(e, ERR_CORRUPT, "MSF: page %u of %u", page, m->pages);
	return source_read(m->file, (uint64_t)page * m->page_size + at, to, n, e);
}

/* The page number in a list of them that begins at an offset of a page. */
static enum err read_number(const struct msf *m, uint32_t page, uint32_t at, uint32_t *ret,
			    struct error *e)
{
	char number[4] = {0};
	enum err err = read_page(m, page, at, number, number_size(m), e);

	if (!err)
		*ret = load_le32(number);
	return err;
}

/* Which page holds the index-th page of the directory? */
static enum err directory_page(const struct msf *m, uint32_t index, uint32_t *ret, struct error *e)
{
	uint64_t at = (uint64_t)index * 4;
	uint32_t list = 0;
	enum err err;

	if (m->is_small)
		return read_number(m, 0, SMALL_LIST_AT + index * 2, ret, e);
	err = read_number(m, 0, MSF_LIST_AT + (uint32_t)(at / m->page_size) * 4, &list, e);
	return err ? err : read_number(m, list, (uint32_t)(at % m->page_size), ret, e);
}

static enum err read_directory(const struct msf *m, uint64_t at, void *to, size_t n,
			       struct error *e)
{
	if (at > m->directory_size || n > m->directory_size - at)
		return err_set(e, ERR_CORRUPT, "MSF: directory of %u bytes is too short",
			       m->directory_size);
	while (n > 0) {
		uint32_t in_page = (uint32_t)(at % m->page_size), page = 0;
		size_t part = MIN(n, m->page_size - in_page);
		enum err err = directory_page(m, (uint32_t)(at / m->page_size), &page, e);

		if (!err)
			err = read_page(m, page, in_page, to, part, e);
		if (err)
			return err;
		to = (char *)to + part;
		at += part;
		n -= part;
	}
	return OK;
}

static enum err check(const struct msf *m, struct error *e)
{
	uint32_t pages = msf_pages_of(m->directory_size, m->page_size);
	uint32_t room = m->is_small ? (m->page_size - SMALL_LIST_AT) / 2
				    : (m->page_size - MSF_LIST_AT) / 4 * (m->page_size / 4);

	if (m->directory_size < 4 || m->directory_size == MSF_NIL || pages > room)
		return err_set(e, ERR_CORRUPT, "MSF: impossible directory of %u bytes",
			       m->directory_size);
	if (!source_has(m->file, 0, (uint64_t)m->pages * m->page_size))
		return err_set(e, ERR_CORRUPT, "MSF: cut off, %lld bytes are there of %llu",
			       (long long)m->file->size,
			       (unsigned long long)m->pages * m->page_size);
	return OK;
}

static enum err read_superblock(const struct source *file, struct msf *ret, struct error *e)
{
	char head[64] = {0};
	struct msf m = {.file = file};
	enum err err = source_read(file, 0, head, sizeof(head), e);

	if (err)
		return err;
	m.is_small = memcmp(head, MSF_SMALL_MAGIC, MSF_SMALL_MAGIC_SIZE) == 0;
	if (!m.is_small && memcmp(head, MSF_MAGIC, MSF_MAGIC_SIZE) != 0)
		return err_set(e, ERR_CORRUPT, "not an MSF file");
	m.page_size = load_le32(head + (m.is_small ? 44 : 32));
	m.pages = m.is_small ? load_le16(head + 50) : load_le32(head + 40);
	m.directory_size = load_le32(head + (m.is_small ? 52 : 44));
	if (m.page_size < MSF_PAGE_SIZE_MIN || m.page_size > MSF_PAGE_SIZE_MAX ||
	    (m.page_size & (m.page_size - 1)))
		return err_set(e, ERR_CORRUPT, "MSF: page size %u", m.page_size);
	*ret = m;
	return check(&m, e);
}

enum err msf_open(const struct source *file, struct msf *ret, struct error *e)
{
	struct msf m = {0};
	char count[4] = {0};
	enum err err = read_superblock(file, &m, e);

	/* In 2.0 the number of streams is followed by two bytes that mean nothing. */
	if (!err)
		err = read_directory(&m, 0, count, number_size(&m), e);
	if (err)
		return err;
	m.streams = load_le32(count);
	if (m.streams > (m.directory_size - 4) / (m.is_small ? 8 : 4))
		return err_set(e, ERR_CORRUPT, "MSF: directory has no room for %u streams",
			       m.streams);
	*ret = m;
	return OK;
}

/* In 2.0 each size is followed by what once was a pointer. */
static enum err read_sizes(const struct msf *m, uint32_t first, uint32_t n, uint32_t *ret,
			   struct error *e)
{
	size_t each = m->is_small ? 8 : 4;
	char sizes[64 * 8];
	enum err err = read_directory(m, 4 + (uint64_t)first * each, sizes, n * each, e);

	for (uint32_t i = 0; !err && i < n; i++)
		ret[i] = load_le32(sizes + i * each);
	return err;
}

enum err msf_stream_open(const struct msf *m, uint32_t number, struct msf_stream *ret,
			 struct error *e)
{
	struct msf_stream s = {.msf = m, .is_nil = true};
	uint64_t pages_before = 0;
	uint32_t sizes[64];

	if (number >= m->streams) {
		*ret = s;
		return OK;
	}
	for (uint32_t first = 0, n; first <= number; first += n) {
		enum err err;

		n = MIN((uint32_t)ARRAY_LEN(sizes), number + 1 - first);
		err = read_sizes(m, first, n, sizes, e);
		if (err)
			return err;
		for (uint32_t i = 0; i < n; i++) {
			s.is_nil = sizes[i] == MSF_NIL;
			s.size = s.is_nil ? 0 : sizes[i];
			pages_before += first + i < number ? msf_pages_of(sizes[i], m->page_size)
							   : 0;
		}
	}
	s.pages = 4 + (uint64_t)m->streams * (m->is_small ? 8 : 4) + pages_before * number_size(m);
	*ret = s;
	return OK;
}

enum err msf_stream_read(const struct msf_stream *s, uint32_t at, void *to, size_t n,
			 struct error *e)
{
	const struct msf *m = s->msf;

	if (at > s->size || n > s->size - at)
		return err_set(e, ERR_CORRUPT, "MSF: stream of %u bytes is too short", s->size);
	while (n > 0) {
		uint32_t in_page = at % m->page_size;
		size_t part = MIN(n, m->page_size - in_page);
		char page[4] = {0};
		enum err err =
			read_directory(m, s->pages + (uint64_t)(at / m->page_size) * number_size(m),
				       page, number_size(m), e);

		if (!err)
			err = read_page(m, load_le32(page), in_page, to, part, e);
		if (err)
			return err;
		to = (char *)to + part;
		at += (uint32_t)part;
		n -= part;
	}
	return OK;
}
