// SPDX-License-Identifier: MIT
/*
 * See checksum.h. The hashes are OpenSSL's. The three CRCs are one algorithm: all are reflected,
 * begin with and end by inverting every bit, and fit into 64 bits, so that only their polynomials
 * and widths differ. It goes sixteen bytes at a time ("slicing by 16"): table[k][b] is what byte b
 * does to the register when k more bytes follow it, and since a CRC is linear, the effects of
 * sixteen bytes are put together by exclusive or. CRC-32C has an instruction on x86.
 */
#include "cache/checksum.h"
#include "base/text.h"

#include <endian.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <xxhash.h>
#ifdef __x86_64__
#include <nmmintrin.h>
#endif

/* ---- CRC ---- */

struct crc {
	uint64_t polynomial; /* reflected, its highest power left out */
	uint64_t ones;       /* as many as the register is wide */
	uint64_t (*add)(const struct crc *c, uint64_t r, struct slice s);
	uint64_t table[16][256]; /* made by crc_setup() */
};

static void crc_make_tables(struct crc *c)
{
	for (unsigned b = 0; b < 256; b++) {
		uint64_t r = b;

		for (int bit = 0; bit < 8; bit++)
			r = r >> 1 ^ (r & 1 ? c->polynomial : 0);
		c->table[0][b] = r;
	}
	for (unsigned k = 1; k < 16; k++) {
		for (unsigned b = 0; b < 256; b++) {
			uint64_t r = c->table[k - 1][b];

			c->table[k][b] = r >> 8 ^ c->table[0][r & 0xff];
		}
	}
}

static uint64_t load_le64(const char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

/* The effects of eight bytes; table[0] is that of the last of them. */
static uint64_t eight(const uint64_t (*table)[256], uint64_t v)
{
	return table[7][v & 0xff] ^ table[6][v >> 8 & 0xff] ^ table[5][v >> 16 & 0xff] ^
	       table[4][v >> 24 & 0xff] ^ table[3][v >> 32 & 0xff] ^ table[2][v >> 40 & 0xff] ^
	       table[1][v >> 48 & 0xff] ^ table[0][v >> 56];
}

static uint64_t crc_add(const struct crc *c, uint64_t r, struct slice s)
{
	for (; s.n >= 16; s.p += 16, s.n -= 16)
		r = eight(c->table + 8, r ^ load_le64(s.p)) ^ eight(c->table, load_le64(s.p + 8));
	for (; s.n > 0; s.p++, s.n--)
		r = r >> 8 ^ c->table[0][(r ^ (uint8_t)*s.p) & 0xff];
	return r;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint64_t crc32c_add_sse42(const struct crc *c, uint64_t r,
								   struct slice s)
{
	for (; s.n >= 8; s.p += 8, s.n -= 8)
		r = _mm_crc32_u64(r, load_le64(s.p));
	for (; s.n > 0; s.p++, s.n--)
		r = _mm_crc32_u8((uint32_t)r, (uint8_t)*s.p);
	return r;
}
#endif

static struct crc crc32 = {.polynomial = 0xedb88320, .ones = UINT32_MAX, .add = crc_add};
static struct crc crc32c = {.polynomial = 0x82f63b78, .ones = UINT32_MAX, .add = crc_add};
static struct crc crc64nvme = {
	.polynomial = 0x9a6c9329ac4bc9b5, .ones = UINT64_MAX, .add = crc_add};

static pthread_once_t crc_once = PTHREAD_ONCE_INIT;

static void crc_setup(void)
{
	crc_make_tables(&crc32);
	crc_make_tables(&crc32c);
	crc_make_tables(&crc64nvme);
#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2"))
		crc32c.add = crc32c_add_sse42;
#endif
}

/* The register's last `length` bytes, big-endian. */
static void crc_value(const struct crc *c, uint64_t r, size_t length, uint8_t *ret)
{
	uint64_t big = htobe64(r ^ c->ones);

	memcpy(ret, (const uint8_t *)&big + sizeof(big) - length, length);
}

/* ---- kinds ---- */

static const struct {
	size_t length;
	const EVP_MD *(*hash)(void); /* one of these two; none for CHECKSUM_NONE */
	const struct crc *crc;
} kinds[] = {
	[CHECKSUM_NONE] = {.length = 0},
	[CHECKSUM_MD5] = {.length = 16, .hash = EVP_md5},
	[CHECKSUM_SHA1] = {.length = 20, .hash = EVP_sha1},
	[CHECKSUM_SHA256] = {.length = 32, .hash = EVP_sha256},
	[CHECKSUM_CRC32] = {.length = 4, .crc = &crc32},
	[CHECKSUM_CRC32C] = {.length = 4, .crc = &crc32c},
	[CHECKSUM_CRC64NVME] = {.length = 8, .crc = &crc64nvme},
};

bool checksum_from_etag(struct slice etag, struct checksum *ret)
{
	struct checksum sum = {.kind = CHECKSUM_MD5};

	if (etag.n != 34 || etag.p[0] != '"' || etag.p[33] != '"')
		return false;
	for (size_t i = 0; i < 16; i++) {
		int high = hex_digit(etag.p[1 + 2 * i]), low = hex_digit(etag.p[2 + 2 * i]);

		if (high < 0 || low < 0)
			return false;
		sum.value[i] = (uint8_t)(high << 4 | low);
	}
	*ret = sum;
	return true;
}

bool checksum_from_base64(enum checksum_kind kind, struct slice base64, struct checksum *ret)
{
	struct buf value CLEANUP(buf_fini) = BUF_MAX(CHECKSUM_LEN_MAX);

	if (kind == CHECKSUM_NONE || !base64_decode(base64, &value) ||
	    value.n != kinds[kind].length)
		return false;
	*ret = (struct checksum){.kind = kind};
	memcpy(ret->value, value.p, value.n);
	return true;
}

/* ---- digests ---- */

struct digest {
	enum checksum_kind kind;
	EVP_MD_CTX *hash;  /* or NULL */
	XXH3_state_t *own; /* or NULL: beside an MD5, to know the same bytes again */
	uint64_t crc;      /* the register of a CRC, not yet inverted at the end */
	bool broken;       /* OpenSSL failed on the way: nothing will match */
};

/* A refusal leaves nothing in the thread's error queue, where libcurl would find it. */
static void hash_begin(struct digest *d)
{
	d->hash = EVP_MD_CTX_new();
	ASSERT(d->hash);
	ERR_set_mark();
	if (!EVP_DigestInit_ex(d->hash, kinds[d->kind].hash(), NULL))
		d->kind = CHECKSUM_NONE;
	ERR_pop_to_mark();
}

struct digest *digest_new(enum checksum_kind kind)
{
	struct digest *d = xnew(struct digest);

	d->kind = kind;
	if (kinds[kind].hash)
		hash_begin(d);
	if (d->kind == CHECKSUM_MD5) {
		d->own = XXH3_createState();
		ASSERT(d->own);
		XXH3_128bits_reset(d->own);
	}
	if (kinds[kind].crc) {
		pthread_once(&crc_once, crc_setup);
		d->crc = kinds[kind].crc->ones;
	}
	return d;
}

void digest_free(struct digest *d)
{
	if (!d)
		return;
	EVP_MD_CTX_free(d->hash);
	XXH3_freeState(d->own);
	free(d);
}

enum checksum_kind digest_kind(const struct digest *d)
{
	return d->kind;
}

void digest_add(struct digest *d, struct slice bytes)
{
	const struct crc *crc = kinds[d->kind].crc;

	if (crc)
		d->crc = crc->add(crc, d->crc, bytes);
	else if (d->kind != CHECKSUM_NONE)
		d->broken |= !EVP_DigestUpdate(d->hash, bytes.p, bytes.n);
	if (d->own)
		XXH3_128bits_update(d->own, bytes.p, bytes.n);
}

void digest_own(const struct digest *d, uint8_t ret[static 16])
{
	XXH128_canonical_t own;

	ASSERT(d->own);
	XXH128_canonicalFromHash(&own, XXH3_128bits_digest(d->own));
	memcpy(ret, own.digest, sizeof(own.digest));
}

bool digest_matches(struct digest *d, const struct checksum *told)
{
	size_t length = kinds[d->kind].length;
	uint8_t value[EVP_MAX_MD_SIZE];

	if (d->kind == CHECKSUM_NONE || told->kind == CHECKSUM_NONE)
		return true;
	ASSERT(d->kind == told->kind);
	if (kinds[d->kind].crc)
		crc_value(kinds[d->kind].crc, d->crc, length, value);
	else
		d->broken |= !EVP_DigestFinal_ex(d->hash, value, NULL);
	return !d->broken && memcmp(value, told->value, length) == 0;
}
