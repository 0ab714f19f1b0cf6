// SPDX-License-Identifier: MIT
/* Zip archives, whole ones and such as nobody but an attacker makes. */
#include "base/buf.h"
#include "base/bytes.h"
#include "base/file.h"
#include "publish/unpack.h"
#include "tap.h"

#include <zlib.h>

#define ARCHIVE_MAX ((size_t)64 << 20)
#define BEFORE      7 /* bytes before the archive in its file */

/* ---- making them ---- */

struct zip_writer {
	struct buf out, directory;
	uint64_t entries;
};

struct entry {
	const char *name, *plain;
	unsigned method, flags;
	uint32_t crc_xor;
	int more;   /* added to the length that is told */
	int cut;    /* bytes that are taken off what is packed */
	bool again; /* shares the bytes of the first entry */
};

static void put(struct buf *b, uint64_t v, size_t n)
{
	char bytes[8];

	store_le(bytes, v, n);
	buf_add(b, (struct slice){bytes, n});
}

static size_t deflate_into(struct slice plain, char *to, size_t room)
{
	z_stream z = {.next_in = (Bytef *)plain.p,
		      .avail_in = (uInt)plain.n,
		      .next_out = (Bytef *)to,
		      .avail_out = (uInt)room};

	if (deflateInit2(&z, 9, Z_DEFLATED, -15, 8, 0) != Z_OK)
		return 0;
	(void)deflate(&z, Z_FINISH);
	deflateEnd(&z);
	return z.total_out;
}

/* What both headers of an entry have in common, from "version needed" on. */
static void put_common(struct buf *b, const struct entry *e, size_t packed)
{
	struct slice plain = slice_of(e->plain);

	put(b, 20, 2);
	put(b, e->flags, 2);
	put(b, e->method, 2);
	put(b, 0, 4);
	put(b, (uint32_t)crc32(0, (const Bytef *)plain.p, (uInt)plain.n) ^ e->crc_xor, 4);
	put(b, packed, 4);
	put(b, plain.n + (size_t)e->more, 4);
	put(b, strlen(e->name), 2);
	put(b, 0, 2);
}

static void add(struct zip_writer *w, const struct entry *e)
{
	static char packed[1 << 20];
	struct slice bytes = slice_of(e->plain);
	size_t at = e->again ? 0 : w->out.n;

	if (e->method == 8)
		bytes = (struct slice){packed, deflate_into(bytes, packed, sizeof(packed))};
	bytes.n -= (size_t)e->cut;
	if (!e->again) {
		buf_puts(&w->out, "PK\3\4");
		put_common(&w->out, e, bytes.n);
		buf_puts(&w->out, e->name);
		buf_add(&w->out, bytes);
	}
	buf_puts(&w->directory, "PK\1\2");
	put(&w->directory, 20, 2);
	put_common(&w->directory, e, bytes.n);
	put(&w->directory, 0, 6);
	put(&w->directory, 0, 4);
	put(&w->directory, at, 4);
	buf_puts(&w->directory, e->name);
	w->entries++;
}

/* told: what the end record tells of entries. */
static void finish(struct zip_writer *w, uint64_t told)
{
	size_t at = w->out.n;

	buf_add(&w->out, buf_slice(&w->directory));
	buf_puts(&w->out, "PK\5\6");
	put(&w->out, 0, 4);
	put(&w->out, told, 2);
	put(&w->out, told, 2);
	put(&w->out, w->directory.n, 4);
	put(&w->out, at, 4);
	put(&w->out, 0, 2);
	buf_fini(&w->directory);
}

static struct zip_writer begin(void)
{
	return (struct zip_writer){.out = BUF_MAX(ARCHIVE_MAX), .directory = BUF_MAX(ARCHIVE_MAX)};
}

/* ---- reading them ---- */

struct told {
	struct buf text;
	size_t files;
	bool refuse; /* bytes() does */
};

static void file_begins(void *ud, struct slice name)
{
	struct told *t = ud;

	t->files++;
	buf_printf(&t->text, "[" SLICE_FMT "]", SLICE_ARG(name));
}

static enum err file_bytes(void *ud, struct slice bytes, struct error *e)
{
	struct told *t = ud;

	if (t->refuse)
		return err_set(e, ERR_IO, "no room");
	buf_add(&t->text, bytes);
	return OK;
}

static void file_ends(void *ud, const struct error *e)
{
	buf_puts(&((struct told *)ud)->text, e ? "!" : ";");
}

static const struct unpack_events events = {
	.begin = file_begins, .bytes = file_bytes, .end = file_ends};

static enum err run(struct slice archive, int64_t max, struct told *told, int64_t *ret_bytes,
		    struct error *e)
{
	int fd CLEANUP(close_p) = file_temporary();
	const struct unpack_archive a = {
		.fd = fd, .offset = BEFORE, .length = (int64_t)archive.n, .max = max};

	CHECK(file_write_at(fd, SLICE("before:"), 0) && file_write_at(fd, archive, BEFORE),
	      "the archive lies in a file");
	told->text = BUF_MAX(ARCHIVE_MAX);
	return unpack(&a, &events, told, ret_bytes, e);
}

static void test_archives(void)
{
	static const struct {
		const char *name;
		struct entry entry[3];
		int64_t max;
		const char *want;
		enum err want_err;
	} rows[] = {
		{"stored and deflated",
		 {{"a", "hello"}, {"d/b", "world", 8}},
		 10,
		 "[a]hello;[d/b]world;",
		 OK},
		{"directories are passed over", {{"d/", ""}, {"d/a", "1"}}, 10, "[d/a]1;", OK},
		{"an empty file", {{"a", ""}, {"b", "", 8}}, 10, "[a];[b];", OK},
		{"none", {{0}}, 10, "", OK},
		{"names as they are",
		 {{"../a", "1"}, {"C:\\b", "2"}, {"/c", "3"}},
		 10,
		 "[../a]1;[C:\\b]2;[/c]3;",
		 OK},
		{"an encrypted one is told", {{"a", "1", 0, 1}, {"b", "2"}}, 10, "[a]![b]2;", OK},
		{"a wrong checksum", {{"a", "1", 8, 0, 1}, {"b", "2"}}, 10, "[a]1![b]2;", OK},
		{"bzip2", {{"a", "1", 12}, {"b", "2"}}, 10, "[a]![b]2;", OK},
		{"another method", {{"a", "1", 97}, {"b", "2"}}, 10, "[a]![b]2;", OK},
		{"longer than told", {{"a", "12", 8, 0, 0, -1}, {"b", "2"}}, 10, "[a]12![b]2;", OK},
		{"shorter than told", {{"a", "12", 8, 0, 0, 1}, {"b", "2"}}, 10, "[a]12![b]2;", OK},
		{"cut short", {{"a", "12345678", 8, 0, 0, 0, 4}, {"b", "2"}}, 10, NULL, OK},
		{"to the limit", {{"a", "12345", 8}, {"b", "67890"}}, 10, "[a]12345;[b]67890;", OK},
		{"beyond it", {{"a", "12345", 8}, {"b", "678901"}}, 10, "[a]12345;[b]", ERR_LIMIT},
		{"what shares its bytes counts each time",
		 {{"a", "12345", 8},
		  {"a", "12345", 8, .again = true},
		  {"a", "12345", 8, .again = true}},
		 14,
		 "[a]12345;[a]12345;[a]",
		 ERR_LIMIT},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct zip_writer w = begin();
		struct told told = {.files = 0};
		struct error e = {.msg = ""};
		int64_t bytes = 0;

		for (size_t k = 0; k < 3 && rows[i].entry[k].name; k++)
			add(&w, &rows[i].entry[k]);
		finish(&w, w.entries);
		CHECK(unpack_begins(buf_slice(&w.out)), rows[i].name);
		CHECK_INT(run(buf_slice(&w.out), rows[i].max, &told, &bytes, &e), rows[i].want_err,
			  rows[i].name);
		if (rows[i].want)
			CHECK_SLICE(buf_slice(&told.text), rows[i].want, rows[i].name);
		else
			CHECK(slice_ends(buf_slice(&told.text), SLICE("![b]2;")), rows[i].name);
		buf_fini(&told.text);
		buf_fini(&w.out);
	}
}

/* Each beginning of an archive that is not the whole. */
static void test_cut(void)
{
	const struct entry a = {"a", "hello hello hello", 8}, b = {"b", "world"};
	struct zip_writer w = begin();
	bool refused = true;

	add(&w, &a);
	add(&w, &b);
	finish(&w, 2);
	for (size_t n = 0; n < w.out.n; n++) {
		int fd CLEANUP(close_p) = file_temporary();
		const struct unpack_archive archive = {.fd = fd, .length = (int64_t)n, .max = 100};
		struct told told = {.text = BUF_MAX(ARCHIVE_MAX)};
		struct error e;
		int64_t bytes;

		refused &= file_write_at(fd, slice_head(buf_slice(&w.out), n), 0);
		refused &= unpack(&archive, &events, &told, &bytes, &e) == ERR_CORRUPT;
		refused &= told.files == 0;
		buf_fini(&told.text);
	}
	CHECK(refused, "no beginning of an archive is one");
	buf_fini(&w.out);
}

static void check_refused(const struct zip_writer *w, enum err want, const char *name)
{
	struct told told = {.files = 0};
	struct error e = {.msg = ""};
	int64_t bytes;

	CHECK_INT(run(buf_slice(&w->out), 1 << 20, &told, &bytes, &e), want, name);
	CHECK_INT(told.files, want ? 0 : (long long)w->entries, name);
	buf_fini(&told.text);
}

/* As the end record tells, and as there are when it tells less (libzip goes on reading). */
static void test_many(void)
{
	static const struct {
		size_t entries, told;
		enum err want;
		const char *name;
	} rows[] = {
		{UNPACK_ENTRIES_MAX, UNPACK_ENTRIES_MAX, OK, "the most entries"},
		{UNPACK_ENTRIES_MAX + 1, UNPACK_ENTRIES_MAX + 1, ERR_LIMIT, "one more"},
		{1, 65535, ERR_LIMIT, "more are told of than there are"},
		{UNPACK_ENTRIES_MAX + 1, 1, ERR_LIMIT, "fewer are told of than there are"},
	};
	const struct entry first = {"a", "1"}, next = {"a", "1", .again = true};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct zip_writer w = begin();

		for (size_t k = 0; k < rows[i].entries; k++)
			add(&w, k ? &next : &first);
		finish(&w, rows[i].told);
		check_refused(&w, rows[i].want, rows[i].name);
		buf_fini(&w.out);
	}
}

static void test_directory(void)
{
	struct zip_writer w = begin();
	char name[60001];
	const struct entry first = {"a", "1"}, next = {name, "1", .again = true};

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	add(&w, &first);
	for (int k = 0; k < 300; k++)
		add(&w, &next);
	finish(&w, w.entries);
	check_refused(&w, ERR_LIMIT, "a directory longer than may be read");
	buf_fini(&w.out);
	w = begin();
	for (int k = 0; k < 10; k++) {
		buf_puts(&w.out, "PK\5\6");
		put(&w.out, 0, 8);
		put(&w.out, 0, 8);
		put(&w.out, 0, 2);
	}
	finish(&w, 0);
	check_refused(&w, ERR_CORRUPT, "end upon end");
	buf_fini(&w.out);
}

static void test_no_room(void)
{
	const struct entry a = {"a", "1"};
	struct zip_writer w = begin();
	struct told told = {.refuse = true};
	struct error e = {.msg = ""};
	int64_t bytes;

	add(&w, &a);
	finish(&w, 1);
	CHECK_INT(run(buf_slice(&w.out), 10, &told, &bytes, &e), ERR_IO,
		  "who takes them has an error");
	CHECK_STR(e.msg, "no room", "which is told");
	CHECK_SLICE(buf_slice(&told.text), "[a]", "and the entry does not end");
	buf_fini(&told.text);
	buf_fini(&w.out);
}

int main(void)
{
	test_archives();
	test_cut();
	test_many();
	test_directory();
	test_no_room();
	return tap_done();
}
