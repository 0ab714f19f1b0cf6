// SPDX-License-Identifier: MIT
/* The files of an upload: as they came, and unpacked. */
#include "base/file.h"
#include "serve/upload_files.h"
#include "tap.h"

#include <zip.h>

static atomic_bool stop;

/* An archive of n files, a0 a1..., each with `plain`; the last one may be another archive. */
static void make_archive(const char *plain, size_t n, struct slice inner, char *to, size_t room,
			 size_t *ret_n)
{
	zip_source_t *out = zip_source_buffer_create(NULL, 0, 0, NULL);
	zip_t *z = zip_open_from_source(out, ZIP_TRUNCATE, NULL);

	zip_source_keep(out);
	for (size_t i = 0; i < n; i++) {
		char name[16];
		bool last = inner.n && i + 1 == n;

		snprintf(name, sizeof(name), "d/a%zu", i);
		CHECK(zip_file_add(z, name,
				   zip_source_buffer(z, last ? inner.p : plain,
						     last ? inner.n : strlen(plain), 0),
				   0) >= 0,
		      "an entry");
	}
	CHECK_INT(zip_close(z), 0, "an archive");
	CHECK_INT(zip_source_open(out), 0, "which is read");
	*ret_n = (size_t)zip_source_read(out, to, room);
	zip_source_close(out);
	zip_source_free(out);
}

static void send(struct upload_files *f, const char *name, struct slice bytes)
{
	struct upload_file *file = upload_files_begin(f, UPLOAD_CAME, slice_of(name));
	struct error e;

	file->length = (int64_t)bytes.n;
	f->end[UPLOAD_CAME] += file->length;
	CHECK_INT(upload_files_write(f, UPLOAD_CAME, file->at, bytes, &e), OK, "it is written");
}

/* "name=bytes;" of each, '!' for what cannot be had. */
static void check_files(const struct upload_files *f, const char *want, const char *name)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX(65536);

	for (size_t i = 0; i < f->n; i++) {
		char bytes[64] = "";
		int fd;
		int64_t at = upload_file_place(f, &f->file[i], &fd);

		CHECK_INT(file_read_at(fd, bytes, (size_t)MIN(f->file[i].length, 60), at),
			  MIN(f->file[i].length, 60), "its bytes");
		buf_printf(&text, SLICE_FMT "=%s;", SLICE_ARG(f->file[i].name),
			   f->file[i].why                ? "!"
			   : memcmp(bytes, "PK", 2) == 0 ? "zip"
							 : bytes);
	}
	CHECK_SLICE(buf_slice(&text), want, name);
}

static void test_unpacking(void)
{
	struct upload_files f = {.n = 0};
	static char archive[4096], outer[8192];
	size_t n, outer_n;
	struct error e;

	make_archive("hello", 2, SLICE_NONE, archive, sizeof(archive), &n);
	make_archive("outer", 2, (struct slice){archive, n}, outer, sizeof(outer), &outer_n);
	send(&f, "plain", SLICE("bytes"));
	send(&f, "a.zip", (struct slice){archive, n});
	send(&f, "cut.zip", (struct slice){archive, n - 30});
	send(&f, "", SLICE(""));
	send(&f, "o.zip", (struct slice){outer, outer_n});
	CHECK_INT(upload_files_unpack(&f, 1 << 20, &stop, &e), OK, "unpacked");
	check_files(&f, "plain=bytes;cut.zip=!;=;d/a0=hello;d/a1=hello;d/a0=outer;d/a1=zip;",
		    "an archive within one stays");
	upload_files_fini(&f);
	send(&f, "a.zip", (struct slice){archive, n});
	send(&f, "b.zip", (struct slice){archive, n});
	CHECK_INT(upload_files_unpack(&f, 15, &stop, &e), ERR_LIMIT, "the limit is for all");
	upload_files_fini(&f);
	send(&f, "a.zip", (struct slice){archive, n});
	atomic_store(&stop, true);
	CHECK_INT(upload_files_unpack(&f, 100, &stop, &e), ERR_CANCELED, "it is stopped");
	atomic_store(&stop, false);
	upload_files_fini(&f);
}

static void test_limits(void)
{
	struct upload_files f = {.n = 0};
	static char long_name[UPLOAD_NAME_MAX + 10];
	struct upload_file *file;
	struct error e;

	memset(long_name, 'x', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = 'y';
	file = upload_files_begin(&f, UPLOAD_CAME, (struct slice){long_name, sizeof(long_name)});
	CHECK_INT(file->name.n, UPLOAD_NAME_MAX, "a long name");
	CHECK_INT(file->name.p[UPLOAD_NAME_MAX - 1], 'y', "keeps its end");
	while (upload_files_begin(&f, UPLOAD_CAME, SLICE("a")))
		;
	CHECK_INT(f.n, UPLOAD_FILES_MAX, "so many");
	file_pretend_room(10);
	CHECK_INT(upload_files_write(&f, UPLOAD_CAME, 0, SLICE("01234567890"), &e), ERR_BUSY,
		  "no room for drafts");
	file_pretend_room(-1);
	upload_files_fini(&f);
}

int main(void)
{
	test_unpacking();
	test_limits();
	return tap_done();
}
