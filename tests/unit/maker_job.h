// SPDX-License-Identifier: MIT
/*
 * Makers by themselves: files in all forms, made once, and a maker with an input that the test feeds by
 * hand.
 *
 *	struct job j;
 *	job_init(&j, &r, FORM_EXPANDED, file_of_kind(CAB), AS_FILL);
 *	job_start(&j);		it waits for its input
 *	feed(&j, j.bytes.n);
 *	fill_commit(j.fill);
 *	CHECK(over(&j) && j.end == MAKER_MADE, "made");
 *	job_end(&j);
 */
#pragma once
#include "flight/maker.h"
#include "forms_rig.h"
#include "maker_rig.h"
#include "pdb_rig.h"

#include <sys/mman.h>

#define TEXT_N 300000

/* ---- stored forms, made once ---- */

enum stored {
	TEXT,
	GZ,
	ZST,
	CAB,
	MSFZ,
	GZ_OF_CAB,
	GZ_OF_GZ,
	ZST_OF_GZ,
	PE_FILE,
	GZ_OF_PE,
	GZ_OF_PDB,
	ZST_OF_PDB,
	ZST_OF_SMALL_PDB,
	PDB_FILE,
	ZIP,
	SZDD,
	NOISE,
	NO_BYTES_GZ,
	NO_BYTES_ZST,
	NO_BYTES_CAB,
	CUT_GZ,
	CUT_ZST,
	CUT_CAB,
	MEMBERS,
	STOREDS,
};

static struct buf files[STOREDS];
static struct buf expanded_msfz, small_pdb;

__attribute__((unused)) static struct slice file_of_kind(enum stored s)
{
	return buf_slice(&files[s]);
}

static enum err sink_size(void *ud, int64_t size, struct error *e)
{
	return OK;
}

static enum err sink_write(void *ud, struct slice bytes, struct error *e)
{
	buf_add(ud, bytes);
	return OK;
}

static void make_msfz(void)
{
	const struct msfz_sink sink = {sink_size, sink_write, &expanded_msfz, INT64_MAX};
	struct rig_stream streams[4] = {{SLICE_NONE, false}};
	struct rig_pdb pdb;
	struct source file;
	struct slice bytes;

	rig_make_pdb(&pdb);
	streams[1].data = (struct slice){pdb.info, sizeof(pdb.info)};
	streams[2].data = buf_slice(&files[TEXT]);
	streams[3].data = (struct slice){pdb.dbi, sizeof(pdb.dbi)};
	rig_make_msfz(&files[MSFZ], (struct rig_msfz){1, 4096, 0, 1}, streams, 4);
	bytes = file_of_kind(MSFZ);
	file = source_of(&bytes);
	ASSERT(msfz_expand(&file, &sink, NULL) == OK);
}

static void cut(enum stored to, enum stored from)
{
	buf_add(&files[to], slice_head(file_of_kind(from), files[from].n / 2));
}

__attribute__((unused)) static void make_files(void)
{
	for (int i = 0; i < STOREDS; i++)
		files[i] = FORMS_BUF;
	expanded_msfz = small_pdb = FORMS_BUF;
	forms_text(&files[TEXT], TEXT_N);
	forms_gzip(&files[GZ], file_of_kind(TEXT));
	forms_zstd(&files[ZST], file_of_kind(TEXT));
	forms_cab(&files[CAB], file_of_kind(TEXT));
	make_msfz();
	forms_gzip(&files[GZ_OF_CAB], file_of_kind(CAB));
	forms_gzip(&files[GZ_OF_GZ], file_of_kind(GZ));
	forms_zstd(&files[ZST_OF_GZ], file_of_kind(GZ));
	forms_pe(&files[PE_FILE], 200000);
	forms_gzip(&files[GZ_OF_PE], file_of_kind(PE_FILE));
	forms_pdb(&files[PDB_FILE], 100 * FORMS_PDB_PAGE);
	forms_gzip(&files[GZ_OF_PDB], file_of_kind(PDB_FILE));
	forms_zstd(&files[ZST_OF_PDB], file_of_kind(PDB_FILE));
	forms_pdb(&small_pdb, 24 * FORMS_PDB_PAGE);
	forms_zstd(&files[ZST_OF_SMALL_PDB], buf_slice(&small_pdb));
	buf_puts(&files[ZIP], "PK\x03\x04");
	forms_text(&files[ZIP], 1000);
	buf_puts(&files[SZDD], "SZDD\x88\xF0\x27\x33");
	forms_text(&files[SZDD], 1000);
	forms_noise(&files[NOISE], 1000);
	forms_gzip(&files[NO_BYTES_GZ], SLICE_NONE);
	forms_zstd(&files[NO_BYTES_ZST], SLICE_NONE);
	forms_cab(&files[NO_BYTES_CAB], SLICE_NONE);
	cut(CUT_GZ, GZ);
	cut(CUT_ZST, ZST);
	cut(CUT_CAB, CAB);
	forms_gzip(&files[MEMBERS], SLICE("ten bytes "));
	forms_gzip(&files[MEMBERS], file_of_kind(TEXT));
}

__attribute__((unused)) static void free_files(void)
{
	for (int i = 0; i < STOREDS; i++)
		buf_fini(&files[i]);
	buf_fini(&expanded_msfz);
	buf_fini(&small_pdb);
}

/* ---- a maker and its input ---- */

enum input { AS_FILE, AS_FILL, AS_MEMORY };

struct job {
	struct cache_rig *rig;
	struct maker *maker;
	struct maker_request request;
	struct slice bytes;
	int fd;            /* of the input */
	struct fill *fill; /* AS_FILL, AS_MEMORY */
	atomic_bool wanted;
	int began, grew, ended;
	enum maker_end end;
	int64_t length, made; /* when it began; when it ended */
	struct draft *draft;
	bool scratch;
};

static void take_draft(struct job *j)
{
	if (!j->draft)
		j->draft = maker_draft(j->maker, &j->scratch);
}

static void began(void *ud)
{
	struct job *j = ud;

	ASSERT(j->maker && !j->began && !j->ended);
	j->began++;
	j->length = maker_length(j->maker);
	take_draft(j);
}

static void grew(void *ud)
{
	struct job *j = ud;

	ASSERT(j->began && !j->ended && maker_made(j->maker) <= j->length);
	j->grew++;
}

static void ended(void *ud, enum maker_end end)
{
	struct job *j = ud;

	ASSERT(!j->ended);
	j->ended++;
	j->end = end;
	j->made = maker_made(j->maker);
}

static void wanted(void *ud)
{
	atomic_store(&((struct job *)ud)->wanted, true);
}

/* Nothing is there of a fill yet, but who feeds it may read the whole. */
__attribute__((unused)) static void job_init(struct job *j, struct cache_rig *r, enum form form,
					     struct slice bytes, enum input input)
{
	*j = (struct job){.rig = r, .bytes = bytes, .fd = memfd_create("input", MFD_CLOEXEC)};
	ASSERT(pwrite(j->fd, bytes.p, bytes.n, 7) == (ssize_t)bytes.n);
	j->request = (struct maker_request){
		.flights = r->flights,
		.form = form,
		.input = {.fd = j->fd, .base = 7, .length = (int64_t)bytes.n, .encoding = ""},
		.store = "fake",
		.key = "a/b/foo.pdb",
		.promise = true,
		.began = began,
		.grew = grew,
		.ended = ended,
		.ud = j,
	};
	if (input == AS_FILE)
		return;
	j->fill = j->request.input.fill = fill_new((struct fill_writer){.wanted = wanted, .ud = j});
	if (input == AS_MEMORY) {
		ASSERT(fill_begin_memory(j->fill, (int64_t)bytes.n, NULL) == OK);
		return;
	}
	fill_begin_file(j->fill, (int64_t)bytes.n);
	fill_set_file(j->fill, j->fd, 7);
}

__attribute__((unused)) static void job_start(struct job *j)
{
	ASSERT(maker_start(&j->request, &j->maker, NULL) == OK);
	ASSERT(!j->began && !j->ended);
}

/* The input grows to so many bytes. */
__attribute__((unused)) static void feed(struct job *j, size_t up_to)
{
	if (!j->fill->n_parts)
		fill_add_part(j->fill, 0, (int64_t)j->bytes.n);
	fill_stored(j->fill, 0, (int64_t)up_to);
}

__attribute__((unused)) static void refute(struct job *j)
{
	static const struct error e = {ERR_CORRUPT, 0, "the checksum is another"};

	fill_fail(j->fill, &e);
}

static bool over(struct job *j)
{
	return SOON(j->rig, j->ended);
}

/* It waits for input, so that nothing moves before that comes. */
__attribute__((unused)) static bool waits(struct job *j)
{
	bool is_waiting = SOON(j->rig, somebody_waits(j->fill));

	manual_settle(j->rig->loop);
	return is_waiting;
}

__attribute__((unused)) static void job_end(struct job *j)
{
	ASSERT(over(j));
	maker_free(j->maker);
	draft_free(j->draft);
	fill_unref(j->fill);
	close(j->fd);
}
