// SPDX-License-Identifier: MIT
/* The header, then the load commands until LC_UUID; a fat file is a table of such. See macho.h. */
#include "symfmt/macho.h"

#define LC_UUID      0x1b
#define TYPE_DSYM    10
#define COMMANDS_MAX 4096

enum { MAGIC_32 = 0xfeedface, MAGIC_64 = 0xfeedfacf, FAT_32 = 0xcafebabe, FAT_64 = 0xcafebabf };

static struct symbol_id find_uuid(struct head *h, uint64_t at, uint32_t commands)
{
	for (; commands > 0 && head_state(h) == PARSE_OK; commands--) {
		uint32_t command = head_u32(h, at), size = head_u32(h, at + 4);

		if (command == LC_UUID)
			return symbol_id_of(head_bytes(h, at + 8, 16));
		if (size < 8)
			break;
		at += size;
	}
	return (struct symbol_id){0};
}

/* PARSE_OTHER when no image begins at at. */
static enum parse read_image(struct head *h, uint64_t at, struct macho_image *ret)
{
	uint32_t magic, commands;

	h->big_endian = false;
	magic = head_u32(h, at);
	if (magic == __builtin_bswap32(MAGIC_32) || magic == __builtin_bswap32(MAGIC_64)) {
		h->big_endian = true;
		magic = __builtin_bswap32(magic);
	}
	if (head_state(h) == PARSE_OK && magic != MAGIC_32 && magic != MAGIC_64)
		return PARSE_OTHER;
	ret->is_64 = magic == MAGIC_64;
	ret->cpu = head_u32(h, at + 4);
	ret->file_type = head_u32(h, at + 12);
	ret->is_dsym = ret->file_type == TYPE_DSYM;
	commands = head_u32(h, at + 16);
	if (head_state(h) == PARSE_OK && commands > COMMANDS_MAX)
		return PARSE_CORRUPT;
	ret->uuid = find_uuid(h, at + (ret->is_64 ? 32 : 28), commands);
	return head_state(h);
}

/* A member of a fat file that is no Mach-O image (it may be a static library) has no UUID. */
static enum parse read_fat(struct head *h, bool is_64, struct macho *m)
{
	uint32_t n;

	h->big_endian = true;
	n = head_u32(h, 4);
	for (uint32_t i = 0; i < n && head_state(h) == PARSE_OK; i++) {
		uint64_t entry = 8 + (uint64_t)i * (is_64 ? 32 : 20);
		uint64_t at;
		enum parse state;

		h->big_endian = true;
		at = is_64 ? head_u64(h, entry + 8) : head_u32(h, entry + 8);
		state = read_image(h, at, &m->image[m->images]);
		if (state == PARSE_OK)
			m->images++;
		else if (state != PARSE_OTHER)
			return state;
	}
	return head_state(h);
}

/* A Java class has the magic of a fat file, and its version, 45 or more, for the count. */
static enum parse read_any(struct head *h, struct macho *m)
{
	uint32_t magic, n;

	h->big_endian = true;
	magic = head_u32(h, 0);
	if (head_state(h) != PARSE_OK)
		return head_other(h);
	m->is_fat = magic == FAT_32 || magic == FAT_64;
	if (!m->is_fat) {
		m->images = 1;
		return read_image(h, 0, &m->image[0]);
	}
	n = head_u32(h, 4);
	if (head_state(h) == PARSE_OK && (n == 0 || n > MACHO_IMAGES_MAX))
		return PARSE_OTHER;
	return read_fat(h, magic == FAT_64, m);
}

enum parse macho_read(struct head *h, struct macho *ret)
{
	struct macho m = {0};
	enum parse state = read_any(h, &m);

	if (state == PARSE_OK)
		*ret = m;
	return state;
}

enum parse macho_identity(struct head *h, struct symbol_identity *ret)
{
	struct symbol_identity i = {.kind = SYMBOL_MACHO};
	struct macho m = {0};
	enum parse state = macho_read(h, &m);

	if (state != PARSE_OK)
		return state;
	for (size_t n = 0; n < m.images; n++)
		if (m.image[n].uuid.n)
			i.id[i.ids++] = m.image[n].uuid;
	*ret = i;
	return PARSE_OK;
}
