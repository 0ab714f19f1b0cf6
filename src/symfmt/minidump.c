// SPDX-License-Identifier: MIT
/* See minidump.h. */
#include "symfmt/minidump.h"
#include "base/bytes.h"

#define MAGIC           "MDMP"
#define VERSION         42899 /* the lower half of the word; the upper is of the writer */
#define HEADER_SIZE     32
#define ENTRY_SIZE      12
#define STREAMS_MAX     1024 /* writers make some twenty */
#define STREAM_MODULES  4
#define STREAM_SYSTEM   7
#define SYSTEM_SIZE     24 /* as far as it is read */
#define MODULE_SIZE     108
#define PLATFORM_OTHERS 0x8000 /* Breakpad's numbers for systems that are not Windows */
#define PLATFORM_MAC    0x8101
#define PLATFORM_IOS    0x8102
#define NAME_UNITS      256 /* of UTF-16: longer is no name of a file */

bool minidump_begins(struct slice head)
{
	return slice_starts(head, SLICE(MAGIC));
}

static enum err take_system(struct minidump *m, uint32_t size, uint32_t at, struct error *e)
{
	char system[SYSTEM_SIZE];
	uint32_t platform;
	enum err err;

	if (size < SYSTEM_SIZE)
		return OK;
	err = source_read(m->file, at, system, sizeof(system), e);
	if (err)
		return err;
	platform = load_le32(system + 20);
	m->processor = load_le16(system);
	m->is_windows = platform < PLATFORM_OTHERS;
	m->is_mac = platform == PLATFORM_MAC || platform == PLATFORM_IOS;
	return OK;
}

/* Some writers fill up four bytes between the number of modules and the first of them. */
static enum err take_modules(struct minidump *m, uint32_t size, uint32_t at, struct error *e)
{
	char count[4];
	uint64_t rows;
	enum err err;

	if (size < sizeof(count))
		return err_set(e, ERR_CORRUPT, "minidump: module list of %u bytes", size);
	err = source_read(m->file, at, count, sizeof(count), e);
	if (err)
		return err;
	m->modules = load_le32(count);
	if (m->modules > MINIDUMP_MODULES_MAX)
		return err_set(e, ERR_LIMIT, "minidump: %u modules", m->modules);
	rows = (uint64_t)m->modules * MODULE_SIZE;
	if (rows > size - sizeof(count))
		return err_set(e, ERR_CORRUPT, "minidump: %u modules in %u bytes", m->modules,
			       size);
	m->modules_at = (uint64_t)at + (size == rows + 8 ? 8 : 4);
	return OK;
}

static enum err read_directory(struct minidump *m, uint32_t streams, uint32_t at, struct error *e)
{
	enum err err = OK;

	for (uint32_t i = 0; i < streams && !err; i++) {
		char entry[ENTRY_SIZE] = {0};
		uint32_t type, size, offset;

		err = source_read(m->file, at + (uint64_t)i * ENTRY_SIZE, entry, sizeof(entry), e);
		type = load_le32(entry);
		size = load_le32(entry + 4);
		offset = load_le32(entry + 8);
		if (!err && type == STREAM_SYSTEM)
			err = take_system(m, size, offset, e);
		else if (!err && type == STREAM_MODULES)
			err = take_modules(m, size, offset, e);
	}
	return err;
}

enum err minidump_open(const struct source *file, struct minidump *ret, struct error *e)
{
	struct minidump m = {.file = file, .processor = UINT16_MAX, .is_windows = true};
	char header[HEADER_SIZE] = {0};
	uint32_t streams;
	enum err err = source_read(file, 0, header, sizeof(header), e);

	if (err)
		return err;
	if (!minidump_begins((struct slice){header, sizeof(header)}) ||
	    load_le16(header + 4) != VERSION)
		return err_set(e, ERR_CORRUPT, "not a minidump");
	streams = load_le32(header + 8);
	if (streams > STREAMS_MAX)
		return err_set(e, ERR_LIMIT, "minidump: %u streams", streams);
	err = read_directory(&m, streams, load_le32(header + 12), e);
	if (!err)
		*ret = m;
	return err;
}

/* One character, U+FFFD for half of one. Returns the units that it took. */
static size_t next_rune(const char *p, size_t units, uint32_t *ret)
{
	uint32_t high = load_le16(p), low = units > 1 ? load_le16(p + 2) : 0;

	*ret = high;
	if (high < 0xd800 || high > 0xdfff)
		return 1;
	*ret = 0xfffd;
	if (high > 0xdbff || low < 0xdc00 || low > 0xdfff)
		return 1;
	*ret = 0x10000 + ((high & 0x3ff) << 10) + (low & 0x3ff);
	return 2;
}

static size_t put_rune(uint32_t rune, char to[4])
{
	static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
	size_t n = rune < 0x80 ? 1 : rune < 0x800 ? 2 : rune < 0x10000 ? 3 : 4;

	for (size_t i = n - 1; n > 1 && i > 0; i--, rune >>= 6)
		to[i] = (char)(0x80 | (rune & 0x3f));
	to[0] = (char)(lead[n > 1 ? n : 0] | rune);
	return n;
}

/* The last component of a path in UTF-16, of which p is the end. "" when it does not fit. */
static void take_name(const char *p, size_t units, bool is_whole, char ret[CODEVIEW_NAME_MAX + 1])
{
	size_t at = units, n = 0;

	while (at > 0 && load_le16(p + 2 * (at - 1)) != '\\' && load_le16(p + 2 * (at - 1)) != '/')
		at--;
	if (at == 0 && !is_whole)
		return;
	while (at < units) {
		char text[4];
		uint32_t rune;
		size_t size;

		at += next_rune(p + 2 * at, units - at, &rune);
		if (rune == 0)
			break;
		size = put_rune(rune, text);
		if (n + size > CODEVIEW_NAME_MAX) {
			n = 0;
			break;
		}
		memcpy(ret + n, text, size);
		n += size;
	}
	ret[n] = '\0';
}

/* A MINIDUMP_STRING: its length in bytes, then UTF-16. */
static void read_name(const struct minidump *m, uint32_t at, char ret[CODEVIEW_NAME_MAX + 1])
{
	char length[4] = {0}, text[2 * NAME_UNITS];
	uint32_t units, taken;

	if (source_read(m->file, at, length, sizeof(length), NULL))
		return;
	units = load_le32(length) / 2;
	taken = MIN(units, NAME_UNITS);
	if (!source_read(m->file, (uint64_t)at + 4 + 2 * (uint64_t)(units - taken), text,
			 2 * (size_t)taken, NULL))
		take_name(text, taken, taken == units, ret);
}

/* What a record of Windows means in a dump of another system: Breakpad's ids are UUIDs there. */
static void take_record(const struct minidump *m, struct slice record, struct minidump_module *ret)
{
	if (slice_starts(record, SLICE("LEpB"))) { /* "BpEL", as a number */
		ret->image = (struct symbol_identity){.kind = SYMBOL_ELF, .ids = 1};
		ret->image.id[0] = symbol_id_of(slice_from(record, 4));
		ret->image.ids = ret->image.id[0].n > 0;
		return;
	}
	if (!codeview_read(record, false, &ret->pdb))
		return;
	ret->pdb.path = SLICE_NONE;
	if (m->is_windows)
		return;
	if (m->is_mac && ret->pdb.pdb.ids) {
		ret->image = (struct symbol_identity){.kind = SYMBOL_MACHO, .ids = 1};
		ret->image.id[0] = ret->pdb.pdb.id[0];
	}
	ret->pdb = (struct codeview){0};
}

enum err minidump_module(const struct minidump *m, uint32_t i, struct minidump_module *ret,
			 struct error *e)
{
	char row[MODULE_SIZE], record[MINIDUMP_RECORD_MAX];
	size_t n;
	enum err err = source_read(m->file, m->modules_at + (uint64_t)i * MODULE_SIZE, row,
				   sizeof(row), e);

	if (err)
		return err;
	*ret = (struct minidump_module){0};
	if (m->is_windows)
		ret->image = (struct symbol_identity){.kind = SYMBOL_PE,
						      .stamp = load_le32(row + 16),
						      .size = load_le32(row + 8)};
	read_name(m, load_le32(row + 20), ret->name);
	n = MIN(load_le32(row + 76), sizeof(record));
	if (n && !source_read(m->file, load_le32(row + 80), record, n, NULL))
		take_record(m, (struct slice){record, n}, ret);
	return OK;
}
