// SPDX-License-Identifier: MIT
/* Kind, machine and privacy of each format; how much of a large file is read for it. */
#include "pdb_rig.h"
#include "publish/facts.h"
#include "symfmt_samples.h"

static enum err read_bytes(struct slice bytes, struct file_facts *f, struct error *e)
{
	struct source file = source_of(&bytes);

	return facts_read(&file, f, e);
}

static void check(const char *what, struct slice bytes, const char *kind, const char *machine)
{
	struct file_facts f;

	CHECK_INT(read_bytes(bytes, &f, NULL), OK, what);
	CHECK_STR(f.kind ? f.kind : "", kind, what);
	CHECK_STR(f.machine, machine, what);
	CHECK(!f.note, what);
}

static void make_pdb(struct buf *b, const struct rig_pdb *p, bool has_dbi, size_t pages)
{
	const struct rig_stream streams[] = {
		{SLICE("old"), false},
		{{p->info, sizeof(p->info)}, false},
		{SLICE("types"), false},
		{has_dbi ? (struct slice){p->dbi, sizeof(p->dbi)} : SLICE_NONE, false},
	};

	rig_make_msf(b, false, 4096, pages, streams, ARRAY_LEN(streams));
}

static void test_kinds(void)
{
	static const struct sample_record record = {
		2, 0, SLICE("RSDS" SAMPLE_GUID_BYTES "\1\0\0\0C:\\b\\foo.pdb\0")};
	static const struct sample_elf elf = {
		.is_64 = true, .sections = true, .build_id = {"\1\2\3\4\5\6\7\10", 8}};
	struct sample pe = make_pe(true, &record, 1), pe32 = make_pe(false, NULL, 0);
	struct sample portable = make_portable_pdb(), image = make_elf(&elf), macho = {0};
	struct file_facts f;

	put_macho(&macho, 0, true, 10, SLICE(SAMPLE_GUID_BYTES));
	check("an image", sample_bytes(&pe), "pe", "x64");
	check("of 32 bits", sample_bytes(&pe32), "pe", "x86");
	check("a portable PDB", sample_bytes(&portable), "portable-pdb", "");
	check("ELF", sample_bytes(&image), "elf", "x64");
	check("a dSYM", sample_bytes(&macho), "macho", "arm64");
	check("Breakpad", SLICE("MODULE mac x86_64 " SAMPLE_GUID "0 Foo\n"), "breakpad", "x64");
	check("text", SLICE("hello, world\n"), "", "");
	check("nothing", SLICE_NONE, "", "");
	CHECK_INT(read_bytes(sample_bytes(&pe), &f, NULL), OK, "the image again");
	CHECK(f.pdbs == 1 && f.pdb[0].path.n == 0, "a PDB without its path");
	CHECK_STR(f.pdb[0].name, "foo.pdb", "by its name");
	CHECK_INT(read_bytes(sample_bytes(&macho), &f, NULL), OK, "the dSYM again");
	CHECK(f.is_debug_file, "is no image");
	CHECK_INT(read_bytes(SLICE("MODULE mac x86_64 " SAMPLE_GUID "0 ../a/Foo\n"), &f, NULL), OK,
		  "a module");
	CHECK_STR(f.module, "Foo", "that climbs has a name all the same");
}

static void test_privacy(void)
{
	static const struct {
		const char *what;
		bool has_dbi;
		uint16_t flags;
		enum privacy want;
	} rows[] = {
		{"stripped", true, 2, PRIVACY_PUBLIC},
		{"as it was linked", true, 0, PRIVACY_PRIVATE},
		{"linked in steps", true, 5, PRIVACY_PRIVATE},
		{"of a compiler", false, 0, PRIVACY_NONE},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf b CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
		struct file_facts f;
		struct rig_pdb p;

		rig_make_pdb(&p);
		store_le16(p.dbi + 56, rows[i].flags);
		make_pdb(&b, &p, rows[i].has_dbi, 16);
		CHECK_INT(read_bytes(buf_slice(&b), &f, NULL), OK, rows[i].what);
		CHECK_INT(f.privacy, rows[i].want, rows[i].what);
		CHECK_STR(f.machine, rows[i].has_dbi ? "x64" : "", rows[i].what);
	}
}

struct counted {
	struct source below;
	size_t bytes;
	bool failing;
};

static enum err read_counted(void *ud, int64_t offset, void *to, size_t n, struct error *e)
{
	struct counted *c = ud;

	c->bytes += n;
	if (c->failing && offset > 0)
		return err_set(e, ERR_IO, "the disk says no");
	return c->below.read(c->below.ud, offset, to, n, e);
}

static void test_pages_are_read(void)
{
	struct buf b CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct rig_pdb p;
	struct slice bytes;
	struct counted c = {0};
	struct source file;
	struct file_facts f;
	struct error e = {0};

	rig_make_pdb(&p);
	make_pdb(&b, &p, true, 4096);
	bytes = buf_slice(&b);
	c.below = source_of(&bytes);
	file = (struct source){read_counted, &c, c.below.size};
	CHECK_INT(facts_read(&file, &f, NULL), OK, "a PDB of 16 MiB");
	CHECK(c.bytes <= 65536, "64 KiB of it are enough");
	c.failing = true;
	CHECK_INT(facts_read(&file, &f, &e), ERR_IO, "a disk that fails");
	CHECK_STR(e.msg, "the disk says no", "is not a damaged file");
}

static void test_damage(void)
{
	struct buf b CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct sample pe = make_pe(true, NULL, 0);
	struct rig_pdb p;
	struct file_facts f;
	struct error e = {0};

	rig_make_pdb(&p);
	make_pdb(&b, &p, true, 16);
	CHECK_INT(read_bytes(slice_head(buf_slice(&b), b.n - 1), &f, &e), ERR_CORRUPT, "a cut PDB");
	CHECK(strstr(e.msg, "cut off"), "says why");
	e = (struct error){0};
	put(&pe, 0x54, 2, 0);
	CHECK_INT(read_bytes(sample_bytes(&pe), &f, &e), ERR_CORRUPT, "a damaged image");
	CHECK(e.msg[0], "says so");
	CHECK_INT(read_bytes(SLICE("MDMP"), &f, &e), ERR_CORRUPT, "a cut dump");
	pe = make_pe(true, NULL, 0);
	put(&pe, 0x58 + 112 + 48, 4, 0x900);
	put(&pe, 0x58 + 112 + 52, 4, 28);
	CHECK_INT(read_bytes(sample_bytes(&pe), &f, &e), OK, "an image with a damaged directory");
	CHECK(f.note && f.identity.kind == SYMBOL_PE, "has its key, and a note");
}

int main(void)
{
	test_kinds();
	test_privacy();
	test_pages_are_read();
	test_damage();
	return tap_done();
}
