// SPDX-License-Identifier: MIT
/* See present.h. */
#include "publish/present.h"

#include "base/file.h"
#include "base/text.h"
#include "codec/codec.h"
#include "store/packing.h"

#include <openssl/evp.h>
#include <stdio.h>

#define BLOCK_SIZE ((size_t)64 * 1024)
#define MD5_SIZE   16

enum present present_judge(int64_t size, const char *sha256, bool has_name,
			   const struct object_head *head)
{
	if (head->fd >= 0)
		return PRESENT_ASKS_BYTES;
	if (head->origin.sha256[0])
		return strcmp(head->origin.sha256, sha256) == 0 ? PRESENT_SAME : PRESENT_DIFFERS;
	if (head->encoding[0] || has_name || !head->etag_is_md5 || head->total != size)
		return PRESENT_UNVERIFIED;
	return PRESENT_ASKS_MD5;
}

/* The next bytes of the plain file. */
struct comparing {
	const struct pack_file *file;
	int fd; /* of what lies there */
	int64_t at;
	bool differs;
	char block[BLOCK_SIZE];
};

static enum err compare_next(void *ud, struct slice theirs, struct error *e)
{
	struct comparing *c = ud;

	while (theirs.n && !c->differs) {
		size_t n = MIN(theirs.n, sizeof(c->block));

		if (c->at + (int64_t)n > c->file->size) {
			c->differs = true;
			break;
		}
		if (pack_read(c->file, c->at, c->block, n, e) != OK)
			return e->code;
		c->differs = memcmp(c->block, theirs.p, n) != 0;
		c->at += (int64_t)n;
		theirs = slice_from(theirs, n);
	}
	return c->differs ? err_set(e, ERR_OTHER, "another file") : OK;
}

static enum err read_there(void *ud, int64_t at, void *to, size_t n, size_t *ret_n, struct error *e)
{
	ssize_t got = file_read_at(((struct comparing *)ud)->fd, to, n, at);

	*ret_n = got < 0 ? 0 : (size_t)got;
	return got < 0 ? err_sys(e, ERR_IO, "cannot read what is there") : OK;
}

static enum err compare_plain(struct comparing *c, struct error *e)
{
	char block[BLOCK_SIZE];
	int64_t at = 0;
	size_t n;
	enum err err;

	do {
		err = read_there(c, at, block, sizeof(block), &n, e);
		at += (int64_t)n;
		if (!err && n)
			err = compare_next(c, (struct slice){block, n}, e);
	} while (!err && n);
	return err;
}

static enum err compare_expanded(struct comparing *c, enum codec codec, struct error *e)
{
	const struct codec_io io = {.read = read_there,
				    .write = compare_next,
				    .ud = c,
				    .promised = CODEC_SIZE_UNKNOWN,
				    .max_output = c->file->size};

	return codec_decode(codec, &io, e);
}

static enum err packing_at(int fd, int64_t at, enum packing *ret, struct error *e)
{
	char head[PACKING_MAGIC_MAX];
	ssize_t n = file_read_at(fd, head, sizeof(head), at);

	if (n < 0)
		return err_sys(e, ERR_IO, "cannot read its beginning");
	*ret = packing_of((struct slice){head, (size_t)n});
	return OK;
}

static enum err compare_bytes(struct comparing *c, const struct object_head *head,
			      enum present *ret, struct error *e)
{
	enum packing ours = PACKED_NOT, theirs = PACKED_NOT;
	enum err err;

	if (packing_at(c->file->fd, c->file->offset, &ours, e) != OK ||
	    packing_at(head->fd, 0, &theirs, e) != OK)
		return e->code;
	*ret = PRESENT_DIFFERS;
	if (ours != PACKED_NOT || theirs == PACKED_NOT) {
		if (head->total != c->file->size)
			return OK;
		err = compare_plain(c, e);
	} else if (theirs < PACKINGS_END && packing_rows[theirs].is_codec) {
		err = compare_expanded(c, packing_rows[theirs].codec, e);
		c->differs |= err == ERR_CORRUPT || err == ERR_LIMIT;
	} else {
		*ret = PRESENT_UNVERIFIED;
		return OK;
	}
	if (c->differs)
		return OK;
	if (!err && c->at == c->file->size)
		*ret = PRESENT_SAME;
	return err;
}

static enum err compare_md5(struct comparing *c, const struct object_head *head, enum present *ret,
			    struct error *e)
{
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	unsigned char sum[MD5_SIZE];
	char hex[2 * MD5_SIZE + 1];
	enum err err = OK;

	/* A build of OpenSSL that obeys FIPS has no MD5. */
	if (!hash || !EVP_DigestInit_ex(hash, EVP_md5(), NULL)) {
		*ret = PRESENT_UNVERIFIED;
		EVP_MD_CTX_free(hash);
		return OK;
	}
	while (!err && c->at < c->file->size) {
		size_t n = (size_t)MIN((int64_t)sizeof(c->block), c->file->size - c->at);

		err = pack_read(c->file, c->at, c->block, n, e);
		if (!err)
			ASSERT(EVP_DigestUpdate(hash, c->block, n));
		c->at += (int64_t)n;
	}
	ASSERT(EVP_DigestFinal_ex(hash, sum, NULL));
	EVP_MD_CTX_free(hash);
	hex_encode(sum, sizeof(sum), hex);
	*ret = slice_eq_nocase(slice_head(slice_from(slice_of(head->etag), 1), 2 * sizeof(sum)),
			       slice_of(hex))
		       ? PRESENT_SAME
		       : PRESENT_DIFFERS;
	return err;
}

enum err present_compare(enum present asks, const struct pack_file *file,
			 const struct object_head *head, enum present *ret, struct error *e)
{
	struct comparing *c CLEANUP(free_p) = xnew(struct comparing);

	ASSERT(asks == PRESENT_ASKS_MD5 || asks == PRESENT_ASKS_BYTES);
	c->file = file;
	c->fd = head->fd;
	return asks == PRESENT_ASKS_MD5 ? compare_md5(c, head, ret, e)
					: compare_bytes(c, head, ret, e);
}
