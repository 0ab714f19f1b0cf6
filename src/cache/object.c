// SPDX-License-Identifier: MIT
/*
 * See object.h. The reader has one rule that stands for many: it takes the fields out, writes a
 * header of them, and wants the same bytes. So the checksum, the padding, unknown flags and spare
 * bytes are all checked, and no file has two spellings.
 */
#include "cache/object.h"
#include "base/bytes.h"
#include "base/text.h"

#include <xxhash.h>

enum offset {
	AT_MAGIC = 0,
	AT_VERSION = 8,
	AT_SIZE = 12,
	AT_ID = 16,
	AT_LENGTH = 32,
	AT_MTIME = 40,
	AT_XXH3 = 48,
	AT_FLAGS = 56,
	AT_ETAG = 64,
	AT_ENCODING = 192,
	AT_STORE = 232,
	AT_KEY = 360,
	AT_CHECKSUM = 1016,
};

#define FLAG_HASHED 1U

static const char magic[] = "PeptoObj";

_Static_assert(AT_ENCODING == AT_ETAG + sizeof(((struct object_meta *)0)->etag), "etag");
_Static_assert(AT_STORE == AT_ENCODING + sizeof(((struct object_meta *)0)->encoding), "encoding");
_Static_assert(AT_KEY == AT_STORE + sizeof(((struct object_meta *)0)->store), "store");
_Static_assert(AT_CHECKSUM == AT_KEY + sizeof(((struct object_meta *)0)->key), "key");
_Static_assert(OBJECT_HEADER_SIZE == AT_CHECKSUM + sizeof(uint64_t), "checksum");

void object_header_write(const struct object_meta *meta, uint8_t ret[static OBJECT_HEADER_SIZE])
{
	memset(ret, 0, OBJECT_HEADER_SIZE);
	memcpy(ret + AT_MAGIC, magic, sizeof(magic) - 1);
	store_le(ret + AT_VERSION, OBJECT_VERSION, 4);
	store_le(ret + AT_SIZE, OBJECT_HEADER_SIZE, 4);
	memcpy(ret + AT_ID, meta->id.b, sizeof(meta->id.b));
	store_le(ret + AT_LENGTH, (uint64_t)meta->length, 8);
	store_le(ret + AT_MTIME, (uint64_t)meta->mtime, 8);
	store_le(ret + AT_XXH3, meta->hashed ? meta->xxh3 : 0, 8);
	store_le(ret + AT_FLAGS, meta->hashed ? FLAG_HASHED : 0, 4);
	memcpy(ret + AT_ETAG, meta->etag, strnlen(meta->etag, sizeof(meta->etag) - 1));
	memcpy(ret + AT_ENCODING, meta->encoding,
	       strnlen(meta->encoding, sizeof(meta->encoding) - 1));
	memcpy(ret + AT_STORE, meta->store, strnlen(meta->store, sizeof(meta->store) - 1));
	memcpy(ret + AT_KEY, meta->key, strnlen(meta->key, sizeof(meta->key) - 1));
	store_le(ret + AT_CHECKSUM, XXH3_64bits(ret, AT_CHECKSUM), 8);
}

/* Fields as they are. Texts may lack their NUL, so they are not looked at before the comparison. */
static void take_fields(const uint8_t *p, struct object_meta *ret)
{
	memset(ret, 0, sizeof(*ret));
	memcpy(ret->id.b, p + AT_ID, sizeof(ret->id.b));
	ret->length = (int64_t)load_le(p + AT_LENGTH, 8);
	ret->mtime = (int64_t)load_le(p + AT_MTIME, 8);
	ret->xxh3 = load_le(p + AT_XXH3, 8);
	ret->hashed = load_le(p + AT_FLAGS, 4) & FLAG_HASHED;
	memcpy(ret->etag, p + AT_ETAG, sizeof(ret->etag));
	memcpy(ret->encoding, p + AT_ENCODING, sizeof(ret->encoding));
	memcpy(ret->store, p + AT_STORE, sizeof(ret->store));
	memcpy(ret->key, p + AT_KEY, sizeof(ret->key));
}

/* Both go into a header of HTTP as they are. */
static bool has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == '\x7f')
			return true;
	return false;
}

enum err object_header_read(struct slice bytes, struct object_meta *ret, struct error *e)
{
	const uint8_t *p = (const uint8_t *)bytes.p;
	uint8_t again[OBJECT_HEADER_SIZE];
	struct object_meta meta;

	if (bytes.n < OBJECT_HEADER_SIZE || memcmp(p + AT_MAGIC, magic, sizeof(magic) - 1) != 0)
		return err_set(e, ERR_CORRUPT, "not a cached object");
	if (load_le(p + AT_VERSION, 4) != OBJECT_VERSION)
		return err_set(e, ERR_CORRUPT, "cached object of another version: %u",
			       (unsigned)load_le(p + AT_VERSION, 4));
	take_fields(p, &meta);
	object_header_write(&meta, again);
	if (memcmp(p, again, sizeof(again)) != 0)
		return err_set(e, ERR_CORRUPT, "cached object with a damaged header");
	if (meta.length < 0 || meta.length > OBJECT_LENGTH_MAX || has_control(meta.etag) ||
	    has_control(meta.encoding))
		return err_set(e, ERR_CORRUPT, "cached object with an impossible header");
	*ret = meta;
	return OK;
}

/*
 * The two texts go in as length and hash, which makes one block of fixed size of them: no memory
 * is needed whatever their length.
 */
struct object_id object_id_make(const uint8_t store_id[static 32], struct slice key,
				struct slice form)
{
	const struct slice parts[] = {key, form};
	uint8_t block[32 + 2 * (8 + sizeof(XXH128_canonical_t))], *to = block + 32;
	XXH128_canonical_t hash;
	struct object_id id;

	memcpy(block, store_id, 32);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		store_le(to, parts[i].n, 8);
		XXH128_canonicalFromHash(&hash, XXH3_128bits(parts[i].p, parts[i].n));
		memcpy(to + 8, hash.digest, sizeof(hash.digest));
		to += 8 + sizeof(hash.digest);
	}
	XXH128_canonicalFromHash(&hash, XXH3_128bits(block, sizeof(block)));
	memcpy(id.b, hash.digest, sizeof(id.b));
	return id;
}

void object_name(const struct object_id *id, char ret[static OBJECT_NAME_LEN])
{
	hex_encode(id->b, 1, ret);
	ret[2] = '/';
	hex_encode(id->b + 1, sizeof(id->b) - 1, ret + 3);
}
