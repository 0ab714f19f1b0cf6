// SPDX-License-Identifier: MIT
/* See twin.h. */
#include "publish/twin.h"

#include "base/file.h"
#include "base/text.h"
#include "store/packing.h"

#include <openssl/evp.h>

#define BLOCK_SIZE   ((size_t)64 * 1024)
#define PADDING      8 /* to a multiple of which an image is filled up before it is signed */
#define EXPANDED_MAX ((int64_t)1 << 30) /* of a PDB */

bool twin_is_image(const struct plan_file *file)
{
	return slice_eq(file->kind, SLICE("pe"));
}

bool twin_is_worth_it(const struct plan_file *file, int64_t total, int64_t plain)
{
	if (total <= 0)
		return false;
	if (!twin_is_image(file))
		return file->privacy != PRIVACY_NONE && total <= TWIN_PDB_MAX;
	return total <= file->size + TWIN_CERTIFICATES_MAX &&
	       (plain < 0 || (plain <= file->size + TWIN_CERTIFICATES_MAX &&
			      file->size <= plain + TWIN_CERTIFICATES_MAX));
}

/* ---- as it was before it was packed ---- */

struct expanding {
	int from, fd;
	int64_t n, counted; /* bytes in fd, and their count (file.h) */
	const atomic_bool *stop;
};

static enum err read_packed(void *ud, int64_t at, void *to, size_t n, size_t *ret_n,
			    struct error *e)
{
	ssize_t got = file_read_at(((struct expanding *)ud)->from, to, n, at);

	*ret_n = got < 0 ? 0 : (size_t)got;
	return got < 0 ? err_sys(e, ERR_IO, "cannot read what is there") : OK;
}

static enum err write_plain(void *ud, struct slice bytes, struct error *e)
{
	struct expanding *x = ud;
	int64_t end = x->n + (int64_t)bytes.n;

	if (x->stop && atomic_load(x->stop))
		return err_set(e, ERR_CANCELED, "not wanted any more");
	if (file_temporary_grow(x->fd, &x->counted, end, e) != OK)
		return e->code;
	if (!file_write_at(x->fd, bytes, x->n))
		return err_sys(e, ERR_IO, "cannot write a temporary file");
	x->n = end;
	return OK;
}

/* ERR_CORRUPT, too, for a packing that cannot be undone. Nothing is packed: x->fd stays -1. */
static enum err expand(struct expanding *x, int64_t max, struct error *e)
{
	const struct codec_io io = {.read = read_packed,
				    .write = write_plain,
				    .ud = x,
				    .promised = CODEC_SIZE_UNKNOWN,
				    .max_output = max};
	char head[PACKING_MAGIC_MAX];
	ssize_t n = file_read_at(x->from, head, sizeof(head), 0);
	enum packing packing;

	if (n < 0)
		return err_sys(e, ERR_IO, "cannot read what is there");
	packing = packing_of((struct slice){head, (size_t)n});
	if (packing == PACKED_NOT)
		return OK;
	if (packing >= PACKINGS_END || !packing_rows[packing].is_codec)
		return err_set(e, ERR_CORRUPT, "packed in a way that cannot be undone");
	x->fd = file_temporary();
	if (x->fd < 0)
		return err_sys(e, ERR_IO, "cannot make a temporary file");
	return codec_decode(packing_rows[packing].codec, &io, e);
}

/* ---- images ---- */

struct image {
	struct file_source file;
	int64_t size;
	struct pe pe;
	int64_t end; /* of what is no signature */
	char block[BLOCK_SIZE];
};

/* False: its signature is not where it ought to be. */
static enum err read_image(struct image *i, bool *ret, struct error *e)
{
	struct head_file *room CLEANUP(free_p) = xnew(struct head_file);
	const struct source file = source_of_file(&i->file, i->size);
	struct watched_source watched;
	struct error failed = {.code = OK};
	const struct source source = source_watch(&watched, &file, &failed);
	struct head h = head_of_file(&source, room);
	enum parse state = pe_read(&h, &i->pe);

	if (watched.err) {
		*e = failed;
		return watched.err;
	}
	i->end = i->pe.certificates_size ? i->pe.certificates_at : i->size;
	*ret = state == PARSE_OK && i->end >= (int64_t)i->pe.sections_at &&
	       (!i->pe.certificates_size || i->end + i->pe.certificates_size == i->size);
	return OK;
}

/* Bytes of the block that lies at `at` which stand in the n at `field` of the file. */
static void blank(struct image *i, int64_t at, size_t n_block, uint64_t field, size_t n)
{
	int64_t from = MAX((int64_t)field - at, 0);
	int64_t to = MIN((int64_t)(field + n) - at, (int64_t)n_block);

	if (field && from < to)
		memset(i->block + from, 0, (size_t)(to - from));
}

static enum err load(struct image *i, int64_t at, size_t n, struct error *e)
{
	const struct source file = source_of_file(&i->file, i->size);

	if (source_read(&file, (uint64_t)at, i->block, n, e) != OK)
		return e->code;
	blank(i, at, n, i->pe.checksum_at, 4);
	blank(i, at, n, i->pe.security_at, 8);
	return OK;
}

static enum err is_same_to_the_end(struct image *a, struct image *b, const atomic_bool *stop,
				   bool *ret, struct error *e)
{
	int64_t end = MIN(a->end, b->end);

	*ret = true;
	for (int64_t at = 0; at < end && *ret;) {
		size_t n = (size_t)MIN((int64_t)BLOCK_SIZE, end - at);

		if (stop && atomic_load(stop))
			return err_set(e, ERR_CANCELED, "not wanted any more");
		if (load(a, at, n, e) != OK || load(b, at, n, e) != OK)
			return e->code;
		*ret = memcmp(a->block, b->block, n) == 0;
		at += (int64_t)n;
	}
	return OK;
}

/* What is longer than the other has been filled up with zeros, to be signed. */
static enum err is_filled_up(struct image *longer, int64_t from, bool *ret, struct error *e)
{
	static const char zeros[PADDING];
	int64_t n = longer->end - from;

	*ret = n == 0 || (longer->pe.certificates_size && n < PADDING);
	if (!n || !*ret)
		return OK;
	if (load(longer, from, (size_t)n, e) != OK)
		return e->code;
	*ret = memcmp(longer->block, zeros, (size_t)n) == 0;
	return OK;
}

static enum twin_kind twin_of(const struct image *ours, const struct image *theirs)
{
	bool is_signed = ours->pe.certificates_size;

	if (is_signed == (theirs->pe.certificates_size > 0))
		return TWIN_RESIGNED;
	return is_signed ? TWIN_UNSIGNED : TWIN_SIGNED;
}

static enum err compare_images(struct image *ours, struct image *theirs, const atomic_bool *stop,
			       enum twin_kind *ret, struct error *e)
{
	bool good = true, same = true;
	struct image *longer;

	if (read_image(ours, &good, e) != OK || (good && read_image(theirs, &good, e) != OK))
		return e->code;
	if (!good || ours->pe.checksum_at != theirs->pe.checksum_at ||
	    ours->pe.security_at != theirs->pe.security_at)
		return OK;
	longer = ours->end > theirs->end ? ours : theirs;
	if (is_filled_up(longer, MIN(ours->end, theirs->end), &same, e) != OK ||
	    (same && is_same_to_the_end(ours, theirs, stop, &same, e) != OK))
		return e->code;
	if (same)
		*ret = twin_of(ours, theirs);
	return OK;
}

/* ---- an image and a plan ---- */

/* The words of the file, carry by carry, and its length: what linkers and signing tools write. */
static enum err pe_checksum(struct image *i, int64_t size, uint32_t *ret, struct error *e)
{
	uint64_t sum = 0;

	for (int64_t at = 0; at < size; at += (int64_t)BLOCK_SIZE) {
		size_t n = (size_t)MIN((int64_t)BLOCK_SIZE, size - at);

		if (load(i, at, n, e) != OK)
			return e->code;
		for (size_t b = 0; b < n; b++)
			sum += (uint64_t)(unsigned char)i->block[b] << (b % 2 ? 8 : 0);
	}
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	*ret = (uint32_t)(sum + (uint64_t)size);
	return OK;
}

static void put_checksum(struct image *i, int64_t at, size_t n, uint32_t checksum)
{
	for (int b = 0; b < 4 && i->pe.checksum_at; b++) {
		int64_t where = (int64_t)i->pe.checksum_at + b - at;

		if (where >= 0 && where < (int64_t)n)
			i->block[where] = (char)(checksum >> (8 * b));
	}
}

/* Its first bytes, as they were before it was signed, with this checksum. */
static enum err hash_unsigned(struct image *i, int64_t size, uint32_t checksum,
			      char ret_sha256[static 65], struct error *e)
{
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	unsigned char sum[32];
	enum err err = OK;

	ASSERT(hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL));
	for (int64_t at = 0; at < size && !err; at += (int64_t)BLOCK_SIZE) {
		size_t n = (size_t)MIN((int64_t)BLOCK_SIZE, size - at);

		err = load(i, at, n, e);
		put_checksum(i, at, n, checksum);
		ASSERT(EVP_DigestUpdate(hash, i->block, n));
	}
	ASSERT(EVP_DigestFinal_ex(hash, sum, NULL));
	EVP_MD_CTX_free(hash);
	hex_encode(sum, sizeof(sum), ret_sha256);
	return err;
}

static enum err was_planned(const struct plan_file *file, struct image *i, bool *ret,
			    struct error *e)
{
	uint32_t checksum[2] = {0};
	char sha256[65];
	bool good = true;

	if (is_filled_up(i, file->size, &good, e) != OK ||
	    (good && pe_checksum(i, file->size, &checksum[1], e) != OK))
		return e->code;
	for (size_t k = 0; k < ARRAY_LEN(checksum) && good && !*ret; k++) {
		if (hash_unsigned(i, file->size, checksum[k], sha256, e) != OK)
			return e->code;
		*ret = strcmp(sha256, file->sha256) == 0;
	}
	return OK;
}

enum err twin_of_planned(const struct plan_file *file, int fd, int64_t n, enum twin_kind *ret,
			 bool *ret_proven, struct error *e)
{
	struct image *i CLEANUP(free_p) = xzalloc(sizeof(*i));
	bool is_image;

	i->file = (struct file_source){.fd = fd};
	i->size = n;
	*ret = TWIN_OTHER;
	*ret_proven = false;
	if (read_image(i, &is_image, e) != OK)
		return e->code;
	if (!is_image)
		return OK;
	if (file->size > i->end && file->size - i->end <= TWIN_CERTIFICATES_MAX)
		*ret = i->pe.certificates_size ? TWIN_RESIGNED : TWIN_UNSIGNED;
	if (file->size > i->end || i->end - file->size >= PADDING)
		return OK;
	if (was_planned(file, i, ret_proven, e) != OK)
		return e->code;
	if (*ret_proven)
		*ret = i->pe.certificates_size ? TWIN_SIGNED : TWIN_RESIGNED;
	return OK;
}

/* ---- both ---- */

static enum err compare_plain(const struct plan_file *file, const struct pack_file *ours, int fd,
			      int64_t n, struct twin *ret, struct error *e)
{
	struct image *two CLEANUP(free_p) = NULL;
	struct file_source place = {.fd = fd};
	const struct source source = source_of_file(&place, n);
	struct file_facts *facts CLEANUP(free_p) = NULL;
	enum err err;

	if (twin_is_image(file)) {
		two = xzalloc(2 * sizeof(*two));
		two[0].file = (struct file_source){ours->fd, ours->offset};
		two[0].size = ours->size;
		two[1].file = place;
		two[1].size = n;
		return compare_images(&two[0], &two[1], ours->stop, &ret->kind, e);
	}
	facts = xnew(struct file_facts);
	err = facts_read(&source, facts, e);
	if (!err)
		ret->privacy = facts->privacy;
	return err == ERR_CORRUPT ? OK : err;
}

enum err twin_compare(const struct plan_file *file, const struct pack_file *ours, int there,
		      int64_t n, struct twin *ret, struct error *e)
{
	struct expanding x = {.from = there, .fd = -1, .stop = ours->stop};
	int64_t max = twin_is_image(file) ? ours->size + TWIN_CERTIFICATES_MAX : EXPANDED_MAX;
	enum err err = expand(&x, max, e);

	*ret = (struct twin){TWIN_OTHER, PRIVACY_NONE};
	if (!err)
		err = compare_plain(file, ours, x.fd >= 0 ? x.fd : there, x.fd >= 0 ? x.n : n, ret,
				    e);
	else if (err == ERR_CORRUPT || err == ERR_LIMIT)
		err = OK;
	close_p(&x.fd);
	file_temporary_end(&x.counted);
	return err;
}
