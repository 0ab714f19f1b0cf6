// SPDX-License-Identifier: MIT
/*
 * Pages of listings, as S3 services send them: which names they come to, and what makes all of them
 * worthless. How pages are asked for is test_listing.c's.
 */
#include "store/name_list.h"
#include "store/s3_page.h"

#include "tap.h"

#define PAGE(inner) "<ListBucketResult>" inner "</ListBucketResult>"
#define URL         "<EncodingType>url</EncodingType>"
#define LAST        "<IsTruncated>false</IsTruncated>"
#define MORE(token)                                                                                \
	"<IsTruncated>true</IsTruncated><NextContinuationToken>" token "</NextContinuationToken>"
#define KEY(k)  "<Contents><Key>" k "</Key><Size>1</Size></Contents>"
#define DIR(p)  "<CommonPrefixes><Prefix>" p "</Prefix></CommonPrefixes>"
#define CIRCLE  "goes in a circle"
#define ORDER   "out of order"
#define PLACE   "does not stand there"
#define BELOW   "not below"
#define NEITHER "does not say whether"

static const struct {
	const char *name, *prefix;
	const char *page[4];
	const char *names; /* with '|' between them; NULL: a failure */
	const char *why;   /* of which this is a part; with names: NULL */
	enum err code;
} listings[] = {
	/* ---- what they come to ---- */
	{"keys and prefixes are merged",
	 "",
	 {PAGE(LAST URL KEY("a") KEY("index2.txt") KEY("z") DIR("b.pdb/") DIR("index2.txt/"))},
	 "a|b.pdb/|index2.txt|index2.txt/|z"},
	{"by bytes, not by letters",
	 "",
	 {PAGE(LAST KEY("B.txt") KEY("a.txt") DIR("B-/") DIR("B.txt/") DIR("b/"))},
	 "B-/|B.txt|B.txt/|a.txt|b/"},
	{"below a prefix and a folder",
	 "pre/fo/",
	 {PAGE(LAST DIR("pre/fo/foo.pdb/") DIR("pre/fo/fop.pdb/"))},
	 "foo.pdb/|fop.pdb/"},
	{"nothing at all", "", {PAGE(LAST)}, ""},
	{"page after page",
	 "",
	 {PAGE(MORE("1") DIR("a/") DIR("b/")), PAGE(MORE("2") KEY("c")), PAGE(LAST DIR("c/"))},
	 "a/|b/|c|c/"},
	{"an empty page in the middle",
	 "",
	 {PAGE(MORE("1") DIR("a/")), PAGE(MORE("2")), PAGE(MORE("3")), PAGE(LAST DIR("b/"))},
	 "a/|b/"},
	{"an empty page at the beginning, and one at the end",
	 "",
	 {PAGE(MORE("1")), PAGE(MORE("2") DIR("b/")), PAGE(LAST)},
	 "b/"},
	{"the marker of a prefix, and an empty segment",
	 "pre/",
	 {PAGE(LAST KEY("pre/") DIR("pre//") DIR("pre/a/"))},
	 "a/"},
	{"an empty segment at the root", "", {PAGE(LAST DIR("/") DIR("a/"))}, "a/"},
	{"what is no name",
	 "",
	 {PAGE(LAST KEY(".pepto") KEY("000ADMIN") KEY("000admin.txt") DIR(".Pepto-x/")
		       DIR(".peptide/") DIR("000Admin/") DIR("000admins/"))},
	 ".peptide/|000admin.txt|000admins/"},

	/* ---- bytes ---- */
	{"a plus, encoded", "", {PAGE(LAST URL DIR("c%2B%2Brt.pdb/"))}, "c++rt.pdb/"},
	{"a space, as AWS writes it", "", {PAGE(LAST URL DIR("a+b.pdb/"))}, "a b.pdb/"},
	{"a space, as RGW writes it", "", {PAGE(LAST URL DIR("a%20b.pdb/"))}, "a b.pdb/"},
	{"a plus that is left as it is comes as a space",
	 "",
	 {PAGE(LAST URL DIR("c++rt.pdb/"))},
	 "c  rt.pdb/"},
	{"which may look out of order",
	 "",
	 {PAGE(LAST URL DIR("c#.pdb/") DIR("c++.pdb/"))},
	 NULL,
	 ORDER,
	 ERR_CORRUPT},
	{"no decoding but where it is said",
	 "",
	 {PAGE(LAST DIR("c++rt%2Bx.pdb/"))},
	 "c++rt%2Bx.pdb/"},
	{"said behind the names", "", {PAGE(DIR("c%2B%2Brt.pdb/") LAST URL)}, "c++rt.pdb/"},
	{"a percent sign", "", {PAGE(LAST URL KEY("100%25") KEY("100%2525"))}, "100%|100%25"},
	{"control bytes", "", {PAGE(LAST URL DIR("%01%09%0A%7F/"))}, "\x01\x09\x0a\x7f/"},
	{"odd UTF-8",
	 "",
	 {PAGE(LAST URL DIR("a%C3%28%FF/") DIR("%F0%9F%98%80/"))},
	 "a\xc3(\xff/|\xf0\x9f\x98\x80/"},
	{"order is that of decoded bytes",
	 "",
	 {PAGE(LAST URL DIR("a-/") DIR("a%2F") DIR("a%C3%A9/"))},
	 "a-/|a/|a\xc3\xa9/"},

	/* ---- what makes them worthless ---- */
	{"cut", "", {"<ListBucketResult>" LAST DIR("a/")}, NULL, "XML", ERR_CORRUPT},
	{"no answer", "", {""}, NULL, "XML", ERR_CORRUPT},
	{"200 with an error",
	 "",
	 {"<Error><Code>SlowDown</Code></Error>"},
	 NULL,
	 "SlowDown",
	 ERR_UPSTREAM},
	{"200 with a page for people",
	 "",
	 {"<html><body/></html>"},
	 NULL,
	 "not a bucket listing",
	 ERR_CORRUPT},
	{"the second is an error",
	 "",
	 {PAGE(MORE("1") DIR("a/")), "<Error><Code>InternalError</Code></Error>"},
	 NULL,
	 "InternalError",
	 ERR_UPSTREAM},
	{"a token twice",
	 "",
	 {PAGE(MORE("1") DIR("a/")), PAGE(MORE("2")), PAGE(MORE("1"))},
	 NULL,
	 CIRCLE,
	 ERR_CORRUPT},
	{"a token twice in a row",
	 "",
	 {PAGE(MORE("1") DIR("a/")), PAGE(MORE("1") DIR("b/"))},
	 NULL,
	 CIRCLE,
	 ERR_CORRUPT},
	{"not said whether there is more", "", {PAGE(DIR("a/"))}, NULL, NEITHER, ERR_CORRUPT},
	{"said in another word",
	 "",
	 {PAGE("<IsTruncated>no</IsTruncated>")},
	 NULL,
	 NEITHER,
	 ERR_CORRUPT},
	{"more, and no token",
	 "",
	 {PAGE("<IsTruncated>true</IsTruncated>" KEY("a"))},
	 NULL,
	 NEITHER,
	 ERR_CORRUPT},
	{"more, by a marker",
	 "",
	 {PAGE("<IsTruncated>true</IsTruncated><NextMarker>a</NextMarker>" KEY("a"))},
	 NULL,
	 NEITHER,
	 ERR_CORRUPT},
	{"the last, and a token",
	 "",
	 {PAGE(LAST "<NextContinuationToken>1</NextContinuationToken>")},
	 NULL,
	 NEITHER,
	 ERR_CORRUPT},
	{"the last and not the last", "", {PAGE(LAST MORE("1"))}, NULL, "twice", ERR_CORRUPT},
	{"two encodings", "", {PAGE(LAST URL "<EncodingType/>")}, NULL, "twice", ERR_CORRUPT},
	{"an entry of two keys",
	 "",
	 {PAGE(LAST "<Contents><Key>a</Key><Key>b</Key></Contents>")},
	 NULL,
	 "two keys",
	 ERR_CORRUPT},
	{"keys out of order", "", {PAGE(LAST KEY("b") KEY("a"))}, NULL, ORDER, ERR_CORRUPT},
	{"prefixes out of order", "", {PAGE(LAST DIR("b/") DIR("a/"))}, NULL, ORDER, ERR_CORRUPT},
	{"a key twice", "", {PAGE(LAST KEY("a") KEY("a"))}, NULL, ORDER, ERR_CORRUPT},
	{"a prefix twice", "", {PAGE(LAST DIR("a/") DIR("a/"))}, NULL, ORDER, ERR_CORRUPT},
	{"out of order where it is no name",
	 "",
	 {PAGE(LAST DIR("000b/") DIR("000Admin/"))},
	 NULL,
	 ORDER,
	 ERR_CORRUPT},
	{"a page again",
	 "",
	 {PAGE(MORE("1") DIR("a/") DIR("b/")), PAGE(MORE("2") DIR("a/") DIR("b/"))},
	 NULL,
	 ORDER,
	 ERR_CORRUPT},
	{"a rolled-up prefix again",
	 "",
	 {PAGE(MORE("1") KEY("a") DIR("b/")), PAGE(LAST DIR("b/") DIR("c/"))},
	 NULL,
	 ORDER,
	 ERR_CORRUPT},
	{"a key before a prefix of the page before",
	 "",
	 {PAGE(MORE("1") KEY("a") DIR("m/")), PAGE(LAST KEY("b"))},
	 NULL,
	 ORDER,
	 ERR_CORRUPT},
	{"a prefix before a key of the page before",
	 "",
	 {PAGE(MORE("1") KEY("m")), PAGE(LAST DIR("b/"))},
	 NULL,
	 ORDER,
	 ERR_CORRUPT},
	{"before the last of the pages before, with an empty one between",
	 "",
	 {PAGE(MORE("1") DIR("m/")), PAGE(MORE("2")), PAGE(LAST DIR("b/"))},
	 NULL,
	 ORDER,
	 ERR_CORRUPT},
	{"before what was no name",
	 "",
	 {PAGE(MORE("1") DIR("000admin/")), PAGE(LAST DIR("000a/"))},
	 NULL,
	 ORDER,
	 ERR_CORRUPT},
	{"a key of another prefix", "pre/", {PAGE(LAST KEY("pra/a"))}, NULL, BELOW, ERR_CORRUPT},
	{"a prefix of another prefix",
	 "pre/",
	 {PAGE(LAST DIR("pre/a/") DIR("prf/b/"))},
	 NULL,
	 BELOW,
	 ERR_CORRUPT},
	{"an empty prefix", "pre/", {PAGE(LAST DIR(""))}, NULL, BELOW, ERR_CORRUPT},
	{"an empty prefix at the root", "", {PAGE(LAST DIR(""))}, NULL, PLACE, ERR_CORRUPT},
	{"the delimiter was not minded", "", {PAGE(LAST KEY("a/1/a"))}, NULL, PLACE, ERR_CORRUPT},
	{"a prefix that goes deeper",
	 "pre/",
	 {PAGE(LAST DIR("pre/a/b/"))},
	 NULL,
	 PLACE,
	 ERR_CORRUPT},
	{"a prefix without a slash", "", {PAGE(LAST DIR("a"))}, NULL, PLACE, ERR_CORRUPT},
};

static void join(const struct name_list *l, struct buf *out)
{
	for (size_t i = 0; i < l->n; i++) {
		if (i)
			buf_putc(out, '|');
		buf_add(out, name_list_at(l, i));
	}
}

/* Up to its last page. Each is read where its text ends, so that ASan sees who reads beyond. */
static enum err take_all(struct name_pages *p, const char *prefix, const char *const *page,
			 bool *ret_complete, struct error *e)
{
	enum err err = OK;

	*ret_complete = false;
	for (size_t i = 0; !err && !*ret_complete && i < 4 && page[i]; i++) {
		struct slice body = slice_of(page[i]);
		char *copy CLEANUP(free_p) = malloc(MAX(body.n, 1));
		struct name_page read CLEANUP(name_page_fini) = {0};

		memcpy(copy, body.p, body.n);
		err = s3_page_read(slice_of(prefix), (struct slice){copy, body.n}, &read, e);
		if (!err)
			err = name_pages_add(p, &read, e);
		*ret_complete = !err && !read.next.n;
	}
	return err;
}

static void test_listings(void)
{
	for (size_t i = 0; i < ARRAY_LEN(listings); i++) {
		struct buf names CLEANUP(buf_fini) = BUF_MAX(1000);
		struct name_pages p CLEANUP(name_pages_fini);
		struct error e = {0};
		bool complete;

		name_pages_init(&p, 100);
		CHECK_INT(take_all(&p, listings[i].prefix, listings[i].page, &complete, &e),
			  listings[i].code, listings[i].name);
		CHECK(complete == !!listings[i].names, "complete only where all of it came");
		join(&p.names, &names);
		if (listings[i].names)
			CHECK_STR(buf_str(&names), listings[i].names, "names");
		else if (!CHECK(strstr(e.msg, listings[i].why), listings[i].why))
			printf("# '%s'\n", e.msg);
	}
}

/* ---- pages of which nothing is kept ---- */

static const struct {
	const char *page[2];
	const char *why; /* NULL: nothing is wrong */
} passed[] = {
	{{PAGE(MORE("t") KEY("a//2") KEY("a/1") KEY("b")), PAGE(LAST KEY("b/") KEY("c"))}, NULL},
	{{PAGE(MORE("t") KEY("b") DIR("a/")), PAGE(LAST KEY("c"))}, NULL},
	{{PAGE(LAST KEY("b/2") KEY("b/1"))}, ORDER},
	{{PAGE(MORE("t") KEY("b/2")), PAGE(LAST KEY("b/1"))}, ORDER},
	{{PAGE(MORE("t") KEY("a") DIR("b/")), PAGE(LAST KEY("b"))}, ORDER},
	{{PAGE(MORE("t") KEY("b/2")), PAGE(LAST KEY("b/2"))}, ORDER},
	{{PAGE(MORE("t") KEY("b/2")), PAGE(MORE("t") KEY("b/3"))}, CIRCLE},
};

static void test_passed(void)
{
	for (size_t i = 0; i < ARRAY_LEN(passed); i++) {
		struct name_pages p CLEANUP(name_pages_fini);
		struct error e = {0};
		enum err err = OK;

		name_pages_init(&p, 0);
		for (size_t k = 0; k < 2 && passed[i].page[k] && !err; k++) {
			struct name_page read CLEANUP(name_page_fini) = {0};

			ASSERT(s3_page_read(SLICE(""), slice_of(passed[i].page[k]), &read, &e) ==
			       OK);
			err = name_pages_pass(&p, &read, &e);
		}
		CHECK(passed[i].why ? err == ERR_CORRUPT && strstr(e.msg, passed[i].why) : !err,
		      passed[i].why ? passed[i].why : "in order, and no names are counted");
		CHECK_INT((long long)p.names.n, 0, "nothing is kept");
	}
}

/* ---- limits ---- */

static void test_many_names(void)
{
	static const char *const page[4] = {PAGE(LAST DIR("a/") DIR("b/") KEY(".pepto"))};
	bool complete;

	for (size_t max = 1; max < 3; max++) {
		struct name_pages p CLEANUP(name_pages_fini);
		struct error e = {0};

		name_pages_init(&p, max);
		CHECK_INT(take_all(&p, "", page, &complete, &e), max < 2 ? ERR_LIMIT : OK,
			  "so many names and no more, not counting what is none");
	}
}

/* A page of one key, which is the number n in ten digits. */
static enum err add_one(struct name_pages *p, unsigned n, size_t length, struct error *e)
{
	char *key CLEANUP(free_p) = xzalloc(MAX(length, 11)), token[12];
	struct slice entry;

	snprintf(token, sizeof(token), "%010u", n);
	memset(key, 'k', length);
	memcpy(key, token, 10);
	entry = (struct slice){key, length};
	return name_pages_add(
		p,
		&(struct name_page){.keys = &entry, .n_keys = length > 0, .next = slice_of(token)},
		e);
}

static void test_bounds(void)
{
	struct name_pages p CLEANUP(name_pages_fini), q CLEANUP(name_pages_fini);
	struct error e = {0};
	enum err err = OK;
	unsigned n = 0;

	name_pages_init(&p, 5000);
	for (; !err && n < 5000; n++)
		err = add_one(&p, n, (size_t)64 << 10, &e);
	CHECK(err == ERR_LIMIT && n == 1025 && p.names.n == 1024, "64 MiB of names and no more");

	name_pages_init(&q, SIZE_MAX);
	for (err = OK, n = 0; !err && n < 2500; n++)
		err = add_one(&q, n, 20, &e);
	CHECK(!err && q.names.n == 2500, "2,500 names");
	CHECK(slice_starts(name_list_at(&q.names, 0), SLICE("0000000000k")) &&
		      slice_starts(name_list_at(&q.names, 2499), SLICE("0000002499k")),
	      "from the first to the last");
	q.n_tokens = NAME_PAGES_MAX - 1;
	q.token_room = NAME_PAGES_MAX;
	free(q.tokens);
	q.tokens = xzalloc(NAME_PAGES_MAX * sizeof(*q.tokens));
	CHECK_INT(add_one(&q, n, 0, &e), OK, "as many pages as there may be");
	CHECK_INT(add_one(&q, n + 1, 0, &e), ERR_LIMIT, "and no more, be they empty");
}

/* Every beginning of a page is refused. */
static void test_truncation(void)
{
	static const char page[] = PAGE(URL KEY("a%20b") DIR("b/") LAST);
	size_t accepted = 0;

	for (size_t n = 0; n < sizeof(page) - 1; n++) {
		char *copy CLEANUP(free_p) = xstrndup(page, n);
		struct name_page read CLEANUP(name_page_fini) = {0};

		accepted += s3_page_read(SLICE(""), (struct slice){copy, n}, &read, NULL) == OK;
	}
	CHECK_INT(accepted, 0, "no page that was cut is one");
}

int main(void)
{
	test_listings();
	test_passed();
	test_many_names();
	test_bounds();
	test_truncation();
	return tap_done();
}
