// SPDX-License-Identifier: MIT
/* Bodies of multipart/form-data: what is told of each, however it is cut in pieces. */
#include "base/buf.h"
#include "http/multipart.h"
#include "tap.h"

/* What is told of a body: [name]bytes; for each file, then "." for the end, "!" for no such body. */
static void tell(const char *type, struct slice body, size_t step, struct buf *told)
{
	struct multipart *m CLEANUP(free_p) = xnew(struct multipart);
	enum multipart_event event = MULTIPART_MORE;

	if (!multipart_begin(m, slice_of(type))) {
		buf_puts(told, "?");
		return;
	}
	for (size_t at = 0; at < body.n; at += step) {
		struct slice in = slice_head(slice_from(body, at), step), piece;

		while ((event = multipart_take(m, &in, &piece)) != MULTIPART_MORE) {
			if (event == MULTIPART_FILE)
				buf_puts(told, "[");
			buf_add(told, piece);
			if (event == MULTIPART_FILE)
				buf_puts(told, "]");
			if (event == MULTIPART_FILE_END)
				buf_puts(told, ";");
			if (event == MULTIPART_END || event == MULTIPART_BAD)
				break;
		}
		if (event == MULTIPART_END || event == MULTIPART_BAD)
			break;
	}
	buf_puts(told, event == MULTIPART_END ? "." : event == MULTIPART_BAD ? "!" : "");
}

#define TYPE      "multipart/form-data; boundary=XyZ"
#define FILE_HEAD "Content-Disposition: form-data; name=\"f\"; filename="

static const struct {
	const char *name, *type, *body, *want;
} rows[] = {
	{"a file", TYPE, "--XyZ\r\n" FILE_HEAD "\"a.pdb\"\r\n\r\nhello\r\n--XyZ--\r\n",
	 "[a.pdb]hello;."},
	{"two, the first empty", TYPE,
	 "--XyZ\r\n" FILE_HEAD "a\r\n\r\n\r\n--XyZ\r\n" FILE_HEAD "b\r\n\r\n1\r\n--XyZ--",
	 "[a];[b]1;."},
	{"a field is skipped", TYPE,
	 "--XyZ\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\nno\r\n--XyZ\r\n" FILE_HEAD
	 "b\r\n\r\n1\r\n--XyZ--",
	 "[b]1;."},
	{"a part without headers", TYPE, "--XyZ\r\n\r\nno\r\n--XyZ--", "."},
	{"what looks like a boundary", TYPE,
	 "--XyZ\r\n" FILE_HEAD
	 "a\r\n\r\n\r\n\r\n--Xy\r\r\n--Xy\r\n-\r\n--XyY--XyZ\n--XyZ\r\n--XyZ--",
	 "[a]\r\n\r\n--Xy\r\r\n--Xy\r\n-\r\n--XyY--XyZ\n--XyZ;."},
	{"data that begins like one", TYPE, "--XyZ\r\n" FILE_HEAD "a\r\n\r\n--Xy\r\n--XyZ--",
	 "[a]--Xy;."},
	{"a preamble and an epilogue", TYPE,
	 "pre\r\namble\r\n--XyZ\r\n" FILE_HEAD "a\r\n\r\n1\r\n--XyZ--epi\r\n--XyZ\r\n", "[a]1;."},
	{"blanks behind a boundary", TYPE, "--XyZ \t\r\n" FILE_HEAD "a\r\n\r\n1\r\n--XyZ--",
	 "[a]1;."},
	{"no file at all", TYPE, "--XyZ--", "."},
	{"cut in its data", TYPE, "--XyZ\r\n" FILE_HEAD "a\r\n\r\n12\r\n--Xy", "[a]12"},
	{"cut before its last dashes", TYPE, "--XyZ\r\n" FILE_HEAD "a\r\n\r\n12\r\n--XyZ",
	 "[a]12;"},
	{"nothing", TYPE, "", ""},
	{"a boundary that goes on", TYPE, "--XyZ\r\n" FILE_HEAD "a\r\n\r\n1\r\n--XyZw", "[a]1;!"},
	{"one dash", TYPE, "--XyZ-\r\n", "!"},
	{"a bare CR", TYPE, "--XyZ\rx", "!"},
	{"raw paths", TYPE, "--XyZ\r\n" FILE_HEAD "\"C:\\out\\a.pdb\"\r\n\r\n1\r\n--XyZ--",
	 "[C:\\out\\a.pdb]1;."},
	{"an escaped quote", TYPE, "--XyZ\r\n" FILE_HEAD "\"a\\\"b;c\"\r\n\r\n1\r\n--XyZ--",
	 "[a\"b;c]1;."},
	{"an extended name counts more", TYPE,
	 "--XyZ\r\n" FILE_HEAD "x.pdb; filename*=utf-8''%C3%A4.pdb\r\n\r\n1\r\n--XyZ--",
	 "[\xc3\xa4.pdb]1;."},
	{"also before the other", TYPE,
	 "--XyZ\r\nContent-Disposition: form-data; filename*=UTF-8'en'y; "
	 "filename=x\r\n\r\n1\r\n--XyZ--",
	 "[y]1;."},
	{"an extended name of another charset", TYPE,
	 "--XyZ\r\n" FILE_HEAD "x; filename*=latin1''y\r\n\r\n1\r\n--XyZ--", "[x]1;."},
	{"an empty name", TYPE, "--XyZ\r\n" FILE_HEAD "\"\"\r\n\r\n1\r\n--XyZ--", "[]1;."},
	{"a quoted boundary", "Multipart/Form-Data ; charset=x; boundary=\"X Z\"",
	 "--X Z\r\n" FILE_HEAD "a\r\n\r\n1\r\n--X Z--", "[a]1;."},
	{"another type", "multipart/mixed; boundary=XyZ", "--XyZ--", "?"},
	{"no boundary", "multipart/form-data", "--XyZ--", "?"},
	{"an empty boundary", "multipart/form-data; boundary=\"\"", "--XyZ--", "?"},
	{"a long boundary",
	 "multipart/form-data; boundary="
	 "12345678901234567890123456789012345678901234567890123456789012345678901",
	 "", "?"},
	{"no type", "", "", "?"},
};

static void test_bodies(void)
{
	static const size_t steps[] = {1, 2, 3, 5, 7, 1 << 20};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (size_t k = 0; k < ARRAY_LEN(steps); k++) {
			struct buf told CLEANUP(buf_fini) = BUF_MAX(65536);

			tell(rows[i].type, slice_of(rows[i].body), steps[k], &told);
			CHECK_SLICE(buf_slice(&told), rows[i].want, rows[i].name);
		}
	}
}

static void test_long_head(void)
{
	struct buf body CLEANUP(buf_fini) = BUF_MAX(65536), told CLEANUP(buf_fini) = BUF_MAX(65536);

	buf_puts(&body, "--XyZ\r\nX: ");
	for (int i = 0; i < MULTIPART_HEAD_MAX; i++)
		buf_putc(&body, 'x');
	buf_puts(&body, "\r\n\r\n1\r\n--XyZ--");
	tell(TYPE, buf_slice(&body), 4096, &told);
	CHECK_SLICE(buf_slice(&told), "!", "headers are bounded");
}

int main(void)
{
	test_bodies();
	test_long_head();
	return tap_done();
}
