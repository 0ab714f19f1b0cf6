// SPDX-License-Identifier: MIT
/*
 * A proof by the key, from the first byte to its verdict: what the beginning tells, however it is cut, what
 * only the whole tells, and what cannot be told. Which file belongs to which key is test_verify.c's
 * business.
 */
#include "base/log.h"
#include "flight/proof.h"
#include "forms_rig.h"
#include "metric/metric.h"

#include "tap.h"
#include <sys/mman.h>

#define PIECE 100

enum outcome { NOT_LOOKING, LET_THROUGH, WRONG, WANTS_WHOLE, WANTS_MORE };

static const char *const outcomes[] = {"not looked at", "let through", "wrong",
				       "the whole is wanted", "more is wanted"};

/* Feed the file in pieces, as long as more is wanted. */
static enum outcome inspect(struct slice file, const char *path, size_t piece, int64_t total)
{
	enum outcome outcome = NOT_LOOKING;
	struct proof in = {0};

	proof_begin(&in, path);
	if (in.looking)
		outcome = WANTS_MORE;
	for (; in.looking && file.n; file = slice_from(file, piece))
		proof_look(&in, slice_head(file, piece), total);
	if (outcome == WANTS_MORE && !in.looking)
		outcome = in.other ? WRONG : in.at_end ? WANTS_WHOLE : LET_THROUGH;
	proof_fini(&in);
	return outcome;
}

static void test_heads(void)
{
	struct buf pe CLEANUP(buf_fini) = FORMS_BUF, pdb CLEANUP(buf_fini) = FORMS_BUF;
	struct buf text CLEANUP(buf_fini) = FORMS_BUF;
	const struct {
		const char *path;
		const struct buf *file;
		enum outcome outcome;
	} rows[] = {
		{FORMS_PE_KEY, &pe, LET_THROUGH},
		{FORMS_PE_OTHER, &pe, WRONG},
		{"foo.exe/opaque/foo.exe", &pe, NOT_LOOKING},
		{"readme.txt", &pe, NOT_LOOKING},
		{"", &pe, NOT_LOOKING},
		{FORMS_PE_OTHER, &text, LET_THROUGH},
		{FORMS_PDB_KEY, &pdb, WANTS_WHOLE},
		{FORMS_PDB_OTHER, &pdb, WANTS_WHOLE},
	};
	static const size_t pieces[] = {1, 100, 4096, 1 << 20};

	forms_pe(&pe, 200000);
	forms_pdb(&pdb, 50 * FORMS_PDB_PAGE);
	forms_text(&text, 200000);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice file = buf_slice(rows[i].file);

		for (size_t p = 0; p < ARRAY_LEN(pieces); p++)
			CHECK_STR(outcomes[inspect(file, rows[i].path, pieces[p], (int64_t)file.n)],
				  outcomes[rows[i].outcome], rows[i].path);
		CHECK_STR(outcomes[inspect(file, rows[i].path, PIECE, INT64_MAX)],
			  outcomes[rows[i].outcome], "the same when the length is not known");
	}
}

/* What is shorter than its format wants is not waited for, unless its length is not known. */
static void test_short(void)
{
	struct buf pe CLEANUP(buf_fini) = FORMS_BUF;
	struct slice cut;

	forms_pe(&pe, 1024);
	cut = slice_head(buf_slice(&pe), 70);
	CHECK_STR(outcomes[inspect(cut, FORMS_PE_OTHER, PIECE, 70)], outcomes[LET_THROUGH],
		  "cut off: nothing tells");
	CHECK_STR(outcomes[inspect(cut, FORMS_PE_OTHER, PIECE, INT64_MAX)], outcomes[WANTS_MORE],
		  "no length: more may come");
	CHECK_STR(outcomes[inspect(cut, FORMS_PE_OTHER, PIECE, 1024)], outcomes[WANTS_MORE],
		  "of a longer file: it will");
}

static enum err fail(void *ud, int64_t offset, void *to, size_t n, struct error *e)
{
	return err_set(e, ERR_IO, "no such luck");
}

/* At the end of a fill of unknown length, or of a PDB. */
static void test_whole(void)
{
	const struct source broken = {.read = fail, .size = 100000};
	struct buf pdb CLEANUP(buf_fini) = FORMS_BUF;
	struct slice bytes;
	struct source file;

	forms_pdb(&pdb, 50 * FORMS_PDB_PAGE);
	bytes = buf_slice(&pdb);
	file = source_of(&bytes);
	for (int wrong = 0; wrong < 2; wrong++) {
		struct proof in = {0};

		proof_begin(&in, wrong ? FORMS_PDB_OTHER : FORMS_PDB_KEY);
		proof_look(&in, bytes, (int64_t)bytes.n);
		ASSERT(in.at_end);
		proof_look_at_all(&in, &file);
		CHECK(in.other == wrong && !in.at_end, wrong ? "another one" : "the right one");
		proof_fini(&in);

		proof_begin(&in, FORMS_PDB_OTHER);
		proof_look(&in, bytes, (int64_t)bytes.n);
		proof_look_at_all(&in, &broken);
		CHECK(!in.other && !in.at_end, "what cannot be read is not wrong");
		proof_fini(&in);
	}
}

/* A file that begins behind something else. */
static void test_file_source(void)
{
	struct file_source at = {memfd_create("file", MFD_CLOEXEC), 1000};
	struct buf pdb CLEANUP(buf_fini) = FORMS_BUF;
	struct proof in = {0};
	struct source file;
	struct error e = {0};
	char got[4];

	forms_pdb(&pdb, 8 * FORMS_PDB_PAGE);
	ASSERT(pwrite(at.fd, pdb.p, pdb.n, at.base) == (ssize_t)pdb.n);
	file = source_of_file(&at, (int64_t)pdb.n);
	CHECK(file.size == (int64_t)pdb.n && file.read(file.ud, 0, got, 4, &e) == OK &&
		      memcmp(got, "Micr", 4) == 0,
	      "byte 0 lies behind the base");
	proof_begin(&in, FORMS_PDB_OTHER);
	proof_look(&in, buf_slice(&pdb), (int64_t)pdb.n);
	proof_look_at_all(&in, &file);
	CHECK(in.other, "and is looked at there");
	CHECK_INT(file.read(file.ud, (int64_t)pdb.n - 2, got, 4, &e), ERR_IO,
		  "a file that ends too early");
	proof_fini(&in);
	close(at.fd);
}

static void test_tell(void)
{
	struct buf pe CLEANUP(buf_fini) = FORMS_BUF;
	int64_t counted = metric_get(identity_wrong);
	struct proof in = {0};
	struct slice bytes;
	struct source file;

	forms_pe(&pe, 1024);
	bytes = buf_slice(&pe);
	file = source_of(&bytes);
	proof_begin(&in, FORMS_PE_OTHER);
	proof_tell_other(&in, "store", &file);
	proof_tell_other(&in, "store", NULL);
	CHECK_INT(metric_get(identity_wrong) - counted, 2,
		  "with or without the file, it is counted");
	proof_fini(&in);
	proof_fini(&in);
	CHECK(!in.path, "ended twice is once");
}

int main(void)
{
	log_setup(LOG_ERROR, LOG_LOGFMT, 2);
	test_heads();
	test_short();
	test_whole();
	test_file_source();
	test_tell();
	return tap_done();
}
