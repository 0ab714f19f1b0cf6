// SPDX-License-Identifier: MIT
/*
 * What becomes of each stored form as each wanted form: from a file, or a fill that has landed; and
 * what is not made, because it is another file than its key names.
 */
#include "base/log.h"
#include "maker_job.h"

#include "tap.h"

/* ---- what is made of what ---- */

static const struct {
	const char *name;
	enum form form;
	const char *encoding;
	enum stored stored;
	enum maker_end end;
	enum err err;           /* FAILED */
	const struct buf *made; /* MADE */
} forms[] = {
	{"gzip undone", FORM_PLAIN, "gzip", GZ, MAKER_MADE, OK, &files[TEXT]},
	{"zstd undone", FORM_PLAIN, "zstd", ZST, MAKER_MADE, OK, &files[TEXT]},
	{"the magic decides which", FORM_PLAIN, "gzip", ZST, MAKER_MADE, OK, &files[TEXT]},
	{"one encoding is undone, once", FORM_PLAIN, "gzip", GZ_OF_GZ, MAKER_MADE, OK, &files[GZ]},
	{"and no container", FORM_PLAIN, "gzip", GZ_OF_CAB, MAKER_MADE, OK, &files[CAB]},
	{"not encoded in truth", FORM_PLAIN, "gzip", TEXT, MAKER_MADE, OK, &files[TEXT]},
	{"nor is a cabinet", FORM_PLAIN, "gzip", CAB, MAKER_MADE, OK, &files[CAB]},
	{"nor a zip archive", FORM_PLAIN, "gzip", ZIP, MAKER_MADE, OK, &files[ZIP]},
	{"a cabinet", FORM_EXPANDED, "", CAB, MAKER_MADE, OK, &files[TEXT]},
	{"gzip", FORM_EXPANDED, "", GZ, MAKER_MADE, OK, &files[TEXT]},
	{"zstd", FORM_EXPANDED, "", ZST, MAKER_MADE, OK, &files[TEXT]},
	{"MSFZ", FORM_EXPANDED, "", MSFZ, MAKER_MADE, OK, &expanded_msfz},
	{"nothing of these", FORM_EXPANDED, "", TEXT, MAKER_MADE, OK, &files[TEXT]},
	{"one container is opened, once", FORM_EXPANDED, "", GZ_OF_CAB, MAKER_MADE, OK,
	 &files[CAB]},
	{"an encoded cabinet", FORM_EXPANDED, "gzip", GZ_OF_CAB, MAKER_MADE, OK, &files[TEXT]},
	{"encoded gzip", FORM_EXPANDED, "gzip", GZ_OF_GZ, MAKER_MADE, OK, &files[TEXT]},
	{"gzip, encoded by zstd", FORM_EXPANDED, "zstd", ZST_OF_GZ, MAKER_MADE, OK, &files[TEXT]},
	{"gzip by name and by encoding", FORM_EXPANDED, "gzip", GZ, MAKER_MADE, OK, &files[TEXT]},
	{"a cabinet, not encoded in truth", FORM_EXPANDED, "gzip", CAB, MAKER_MADE, OK,
	 &files[TEXT]},
	{"an encoding that is not undone", FORM_EXPANDED, "br", NOISE, MAKER_FAILED, ERR_UPSTREAM},
	{"the same, before a cabinet is made", FORM_CABINET, "br", NOISE, MAKER_FAILED,
	 ERR_UPSTREAM},
	{"a zip archive", FORM_EXPANDED, "", ZIP, MAKER_FAILED, ERR_CORRUPT},
	{"a damaged SZDD file", FORM_EXPANDED, "", SZDD, MAKER_FAILED, ERR_CORRUPT},
	{"nothing in it: gzip", FORM_EXPANDED, "", NO_BYTES_GZ, MAKER_NONE},
	{"nothing in it: a cabinet", FORM_EXPANDED, "", NO_BYTES_CAB, MAKER_NONE},
	{"nothing in it: encoded", FORM_PLAIN, "gzip", NO_BYTES_GZ, MAKER_NONE},
	{"cut off: gzip", FORM_EXPANDED, "", CUT_GZ, MAKER_FAILED, ERR_CORRUPT},
	{"cut off: zstd", FORM_EXPANDED, "", CUT_ZST, MAKER_FAILED, ERR_CORRUPT},
	{"cut off: a cabinet", FORM_EXPANDED, "", CUT_CAB, MAKER_FAILED, ERR_CORRUPT},
	{"cut off: an encoding", FORM_EXPANDED, "gzip", CUT_GZ, MAKER_FAILED, ERR_CORRUPT},
};

static void test_forms(enum input input, const char *name)
{
	int64_t none_active = metric_get(active_decoders);
	struct cache_rig r;

	cache_rig_new(&r);
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct slice bytes = file_of_kind(forms[i].stored);
		struct job j;

		if (input == AS_MEMORY && bytes.n > OBJECT_SMALL)
			continue;
		job_init(&j, &r, forms[i].form, bytes, input);
		j.request.input.encoding = forms[i].encoding;
		if (input == AS_FILL)
			feed(&j, bytes.n);
		if (input == AS_MEMORY)
			fill_write(j.fill, bytes);
		if (input != AS_FILE)
			fill_commit(j.fill);
		job_start(&j);
		CHECK(over(&j) && j.end == forms[i].end, forms[i].name);
		if (j.end == MAKER_FAILED)
			CHECK_INT(maker_failure(j.maker)->code, forms[i].err,
				  "... for this reason");
		if (forms[i].made)
			CHECK(j.began == 1 && j.made == (int64_t)forms[i].made->n &&
				      j.length == j.made &&
				      file_has(draft_fd(j.draft), buf_slice(forms[i].made)),
			      "... to the byte");
		job_end(&j);
	}
	CHECK_INT(metric_get(active_decoders), none_active, name);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- cabinets ---- */

struct unpacking {
	int fd;
	struct buf out;
};

static enum err unpack_read(void *ud, int64_t offset, void *to, size_t n, size_t *ret_n,
			    struct error *e)
{
	struct unpacking *u = ud;
	ssize_t got = pread(u->fd, to, n, OBJECT_HEADER_SIZE + offset);

	*ret_n = (size_t)MAX(got, 0);
	return OK;
}

static enum err unpack_write(void *ud, struct slice bytes, struct error *e)
{
	buf_add(&((struct unpacking *)ud)->out, bytes);
	return OK;
}

/* Is this the content, and the name, of the cabinet that was made? */
static bool holds(struct job *j, struct slice content, const char *name)
{
	struct unpacking u = {draft_fd(j->draft), FORMS_BUF};
	const struct codec_io io = {.read = unpack_read,
				    .write = unpack_write,
				    .ud = &u,
				    .promised = CODEC_SIZE_UNKNOWN,
				    .max_output = INT64_MAX};
	struct cab_info info;
	char head[256];
	bool good;

	good = pread(u.fd, head, sizeof(head), OBJECT_HEADER_SIZE) == sizeof(head) &&
	       cab_sniff((struct slice){head, sizeof(head)}, &info, NULL) == SNIFF_OK &&
	       slice_eq(info.name, slice_of(name)) && codec_decode(CODEC_CAB, &io, NULL) == OK &&
	       slice_eq(buf_slice(&u.out), content);
	buf_fini(&u.out);
	return good;
}

static void test_cabinet(void)
{
	int64_t counted = metric_get(cabinets_made);
	struct cache_rig r;
	struct job j;

	cache_rig_new(&r);
	job_init(&j, &r, FORM_CABINET, file_of_kind(TEXT), AS_FILL);
	feed(&j, TEXT_N / 2);
	job_start(&j);
	CHECK(waits(&j) && !j.began, "half of the file");
	feed(&j, TEXT_N);
	CHECK(waits(&j) && !j.began, "all of it, but the store's word");
	fill_commit(j.fill);
	CHECK(over(&j) && j.end == MAKER_MADE && j.length == j.made, "a cabinet");
	CHECK(holds(&j, file_of_kind(TEXT), "foo.pdb"), "of the file, under its name");
	job_end(&j);

	job_init(&j, &r, FORM_CABINET, file_of_kind(GZ), AS_FILE);
	j.request.input.encoding = "gzip";
	job_start(&j);
	CHECK(over(&j) && j.end == MAKER_MADE && holds(&j, file_of_kind(TEXT), "foo.pdb"),
	      "what is encoded is decoded first");
	job_end(&j);
	CHECK_INT(metric_get(cabinets_made) - counted, 2, "which is counted");

	job_init(&j, &r, FORM_CABINET, file_of_kind(TEXT), AS_FILE);
	j.request.input.length = CAB_FILE_MAX;
	ASSERT(ftruncate(j.fd, 7 + j.request.input.length) == 0);
	job_start(&j);
	maker_cancel(j.maker);
	CHECK(over(&j) && j.end == MAKER_FAILED && maker_failure(j.maker)->code == ERR_CANCELED,
	      "the longest that fits is begun");
	job_end(&j);
	job_init(&j, &r, FORM_CABINET, file_of_kind(TEXT), AS_FILE);
	j.request.input.length = CAB_FILE_MAX + 1;
	ASSERT(ftruncate(j.fd, 7 + j.request.input.length) == 0);
	job_start(&j);
	CHECK(over(&j) && j.end == MAKER_NONE, "there is none of a byte more");
	job_end(&j);
	CHECK(cache_rig_close(&r), "nothing is left");
}
/* ---- identity ---- */

static const struct {
	const char *name;
	enum stored stored;
	const char *named;
	enum maker_end end;
	int began;
} identities[] = {
	{"an image", GZ_OF_PE, FORMS_PE_KEY, MAKER_MADE, 1},
	{"another image: nobody hears of it", GZ_OF_PE, FORMS_PE_OTHER, MAKER_WRONG, 0},
	{"the same, when nothing was compressed", PE_FILE, FORMS_PE_OTHER, MAKER_WRONG, 0},
	{"an image under a name that says nothing", GZ_OF_PE, "readme.txt", MAKER_MADE, 1},
	{"a PDB", GZ_OF_PDB, FORMS_PDB_KEY, MAKER_MADE, 1},
	{"another PDB: begun, for only the whole tells", GZ_OF_PDB, FORMS_PDB_OTHER, MAKER_WRONG,
	 1},
	{"the same in zstd", ZST_OF_PDB, FORMS_PDB_OTHER, MAKER_WRONG, 1},
	{"a small PDB", ZST_OF_SMALL_PDB, FORMS_PDB_KEY, MAKER_MADE, 1},
	{"another small PDB: nobody hears of it", ZST_OF_SMALL_PDB, FORMS_PDB_OTHER, MAKER_WRONG,
	 0},
	{"an MSFZ", MSFZ, FORMS_PDB_KEY, MAKER_MADE, 1},
	{"another MSFZ", MSFZ, FORMS_PDB_OTHER, MAKER_WRONG, 1},
	{"text, of which nothing tells", GZ, FORMS_PDB_OTHER, MAKER_MADE, 1},
};

static void test_identity(bool promise)
{
	struct cache_rig r;

	cache_rig_new(&r);
	for (size_t i = 0; i < ARRAY_LEN(identities); i++) {
		int64_t counted = metric_get(identity_wrong), failed = metric_get(decode_failed);
		bool wrong = identities[i].end == MAKER_WRONG;
		struct job j;

		job_init(&j, &r, FORM_EXPANDED, file_of_kind(identities[i].stored), AS_FILE);
		j.request.named = identities[i].named;
		j.request.promise = promise;
		job_start(&j);
		CHECK(over(&j) && j.end == identities[i].end, identities[i].name);
		if (promise)
			CHECK_INT(j.began, identities[i].began, "... begun, or not");
		CHECK(metric_get(identity_wrong) - counted == wrong &&
			      metric_get(decode_failed) == failed && !maker_broke_promise(j.maker),
		      "... and counted, as nothing else");
		job_end(&j);
	}
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* A cabinet is made of nothing but what its key names. */
static void test_identity_of_a_cabinet(void)
{
	struct cache_rig r;
	struct job j;

	cache_rig_new(&r);
	for (int wrong = 0; wrong < 2; wrong++) {
		job_init(&j, &r, FORM_CABINET, file_of_kind(PDB_FILE), AS_FILE);
		j.request.named = wrong ? FORMS_PDB_OTHER : FORMS_PDB_KEY;
		job_start(&j);
		CHECK(over(&j) && j.end == (wrong ? MAKER_WRONG : MAKER_MADE),
		      wrong ? "another PDB" : "the one");
		job_end(&j);
	}
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- where it is made ---- */

static void test_scratch(void)
{
	static const char *const names[] = {"in the cache", "no disk", "a disk that has failed",
					    "larger than the cache"};

	for (int i = 0; i < 4; i++) {
		struct cache_rig r;
		struct job j;

		cache_rig_init(&r);
		if (i == 1)
			r.settings.dir = NULL;
		if (i == 3)
			r.settings.max_bytes = TEXT_N / 2;
		cache_rig_open(&r);
		if (i == 2)
			atomic_store(&r.cache->disk_failed_ns, clock_mono_ns());
		for (int promise = 0; promise < 2; promise++) {
			job_init(&j, &r, FORM_EXPANDED, file_of_kind(GZ), AS_FILE);
			j.request.promise = promise;
			job_start(&j);
			CHECK(over(&j) && j.end == MAKER_MADE &&
				      file_has(draft_fd(j.draft), file_of_kind(TEXT)),
			      names[i]);
			/* What has no length yet may be longer than all there is room for. */
			CHECK_INT(j.scratch, i > 0 || !promise, "... lies in a temporary file");
			job_end(&j);
		}
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}
int main(void)
{
	log_setup(LOG_ERROR, LOG_LOGFMT, 2);
	make_files();
	test_forms(AS_FILE, "files");
	test_forms(AS_FILL, "fills that have landed");
	test_forms(AS_MEMORY, "small fills");
	test_cabinet();
	test_identity(true);
	test_identity(false);
	test_identity_of_a_cabinet();
	test_scratch();
	free_files();
	return tap_done();
}
