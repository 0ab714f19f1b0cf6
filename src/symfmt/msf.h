// SPDX-License-Identifier: MIT
/*
 * The multi-stream file, the container of PDBs: numbered streams of bytes in pages that lie
 * anywhere in the file. 7.0 is what every linker has written since 2002; 2.0 was before it, with
 * 16-bit numbers. A struct msf is a small value without memory of its own: directory and page
 * lists are read where they are, a few bytes at a time.
 *
 * Sources: microsoft-pdb, PDB/msf/msf.cpp; msf.md of pdb-rs.
 */
#pragma once
#include "symfmt/source.h"

#define MSF_MAGIC                                                                                  \
	"Microsoft C/C++ MSF 7.00\r\n\x1a"                                                         \
	"DS\0\0\0"
#define MSF_MAGIC_SIZE 32
#define MSF_SMALL_MAGIC                                                                            \
	"Microsoft C/C++ program database 2.00\r\n\x1a"                                            \
	"JG\0\0"
#define MSF_SMALL_MAGIC_SIZE 44
#define MSF_NIL              UINT32_MAX /* size of a stream that is not there */
#define MSF_PAGE_SIZE_MIN    512U
#define MSF_PAGE_SIZE_MAX    65536U
/* Superblock of 7.0: where the page numbers of the directory's page list begin. */
#define MSF_LIST_AT 52

struct msf {
	const struct source *file;
	bool is_small; /* 2.0 */
	uint32_t page_size;
	uint32_t pages;
	uint32_t directory_size;
	uint32_t streams;
};

struct msf_stream {
	const struct msf *msf;
	uint32_t size;  /* 0 when nil */
	bool is_nil;    /* or beyond the last stream */
	uint64_t pages; /* offset of its page numbers in the directory */
};

/* Both borrow the source that they are opened on. ERR_CORRUPT; or the error of the source. */
MUST_CHECK enum err msf_open(const struct source *file, struct msf *ret, struct error *e);
MUST_CHECK enum err msf_stream_open(const struct msf *m, uint32_t number, struct msf_stream *ret,
				    struct error *e);
/* n bytes from at, which lie within the size of the stream. */
MUST_CHECK enum err msf_stream_read(const struct msf_stream *s, uint32_t at, void *to, size_t n,
				    struct error *e);

static inline uint32_t msf_pages_of(uint32_t size, uint32_t page_size)
{
	return size == MSF_NIL ? 0 : size / page_size + (size % page_size != 0);
}
