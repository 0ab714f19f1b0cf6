// SPDX-License-Identifier: MIT
/* What S3, Ceph, MinIO and STS answer, what must be refused, and truncation at every byte. */
#include "store/s3_xml.h"

#include "tap.h"

#define DECL        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define XMLNS       " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""
#define LIST(inner) DECL "<ListBucketResult" XMLNS ">" inner "</ListBucketResult>"
#define DTD         "<!DOCTYPE Error [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;\">]>"
#define STS(inner)                                                                                 \
	"<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"  \
	"<AssumeRoleWithWebIdentityResult><Audience>a</Audience><Credentials>" inner               \
	"</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
#define STS_FULL                                                                                   \
	STS("<AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>se/cr+et</SecretAccessKey>"    \
	    "<SessionToken>tok&amp;en==</SessionToken>"                                            \
	    "<Expiration>2026-11-22T15:00:00.123Z</Expiration>")

static const char region_error[] = DECL
	"<Error><Code>AuthorizationHeaderMalformed</Code>"
	"<Message>The region 'us-east-1' is wrong; expecting 'eu-west-1'</Message>"
	"<Region>eu-west-1</Region><RequestId>X</RequestId></Error>";

static const char page_v2[] = LIST(
	"<Name>b</Name><Prefix/><MaxKeys>1000</MaxKeys><IsTruncated>true</IsTruncated>"
	"<NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=</"
	"NextContinuationToken>"
	"<Contents><Key>a &amp; "
	"b/c++.pdb</Key><LastModified>2013-05-24T00:00:00.000Z</LastModified>"
	"<ETag>&quot;70ee1738b6b21e2c8a43f3a5ab0eee71&quot;</ETag><Size>9007199254740993</Size>"
	"<Owner><ID>x</ID><Key>not a "
	"key</Key></Owner><StorageClass>STANDARD</StorageClass></Contents>"
	"<Contents><Key>\xc3\xa9</Key><LastModified>yesterday</LastModified><Size>0</Size></"
	"Contents>"
	"<CommonPrefixes><Prefix>foo.pdb/</Prefix></CommonPrefixes>"
	"<CommonPrefixes><Prefix>goo.pdb/</Prefix></CommonPrefixes>");

static void check_error_cases(void)
{
	static const struct {
		const char *name, *body;
		enum err want;
		const char *code, *region;
		int64_t size;
	} cases[] = {
		{"plain", "<Error><Code>NoSuchKey</Code></Error>", OK, "NoSuchKey", "", -1},
		{"with a region", region_error, OK, "AuthorizationHeaderMalformed", "eu-west-1",
		 -1},
		{"unknown elements",
		 "<Error><X><Code>no</Code></X><Code>SlowDown</Code><Y z='1'/></Error>", OK,
		 "SlowDown", "", -1},
		{"range",
		 "<Error><Code>InvalidRange</Code><ActualObjectSize>1024</ActualObjectSize>"
		 "</Error>",
		 OK, "InvalidRange", "", 1024},
		{"bad size is no size",
		 "<Error><Code>InvalidRange</Code><ActualObjectSize>-3</ActualObjectSize></Error>",
		 OK, "InvalidRange", "", -1},
		{"STS",
		 "<ErrorResponse xmlns='x'><Error><Type>Sender</Type>"
		 "<Code>ExpiredTokenException</Code></Error></ErrorResponse>",
		 OK, "ExpiredTokenException", "", -1},
		{"two codes", "<Error><Code>NoSuchBucket</Code><Code>NoSuchKey</Code></Error>",
		 ERR_CORRUPT},
		{"one code twice", "<Error><Code>NoSuchKey</Code><Code>NoSuchKey</Code></Error>",
		 ERR_CORRUPT},
		{"a code beside an empty one", "<Error><Code/><Code>NoSuchKey</Code></Error>",
		 ERR_CORRUPT},
		{"two errors",
		 "<ErrorResponse><Error><Code>A</Code></Error><Error><Code>NoSuchKey</Code></Error>"
		 "</ErrorResponse>",
		 ERR_CORRUPT},
		{"a code around another element",
		 "<Error><Code>NoSuchBucket<b/>NoSuchKey</Code></Error>", ERR_CORRUPT},
		{"two regions",
		 "<Error><Code>A</Code><Region>eu-west-1</Region><Region>x</Region></Error>",
		 ERR_CORRUPT},
		{"two sizes",
		 "<Error><Code>InvalidRange</Code><ActualObjectSize>1</ActualObjectSize>"
		 "<ActualObjectSize>2</ActualObjectSize></Error>",
		 ERR_CORRUPT},
		{"empty", "", ERR_CORRUPT},
		{"no code", "<Error><Message>x</Message></Error>", ERR_CORRUPT},
		{"another root", "<html><Code>NoSuchKey</Code></html>", ERR_CORRUPT},
		{"HTML", "<html><head><title>502</title></head><body><hr></body></html>",
		 ERR_CORRUPT},
		{"text", "Access denied", ERR_CORRUPT},
		{"cut", "<Error><Code>NoSuchKey</Code>", ERR_CORRUPT},
		{"two roots", "<Error><Code>A</Code></Error><Error/>", ERR_CORRUPT},
		{"DTD", DTD "<Error><Code>&b;</Code></Error>", ERR_CORRUPT},
		{"external DTD", "<!DOCTYPE Error SYSTEM 'file:///etc/passwd'><Error/>",
		 ERR_CORRUPT},
		{"unknown entity", "<Error><Code>&b;</Code></Error>", ERR_CORRUPT},
		{"invalid UTF-8", "<Error><Code>\xff</Code></Error>", ERR_CORRUPT},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct s3_error x = {.code = "untouched"};
		struct error e = {0};

		CHECK_INT(s3_xml_error(slice_of(cases[i].body), &x, &e), cases[i].want,
			  cases[i].name);
		CHECK_STR(x.code, cases[i].want ? "untouched" : cases[i].code, "code");
		if (cases[i].want) {
			CHECK_INT(e.code, cases[i].want, "the error is filled in");
			continue;
		}
		CHECK_STR(x.region, cases[i].region, "region");
		CHECK_INT(x.actual_size, cases[i].size, "actual size");
	}
}

/* Fixed fields are cut between characters, never within one. */
static void check_error_cut(void)
{
	struct buf b CLEANUP(buf_fini) = BUF_MAX(8192);
	struct s3_error x;
	struct error e;

	buf_puts(&b, "<Error><Code>");
	for (int i = 0; i < 62; i++)
		buf_putc(&b, 'c');
	buf_puts(&b, "\xc3\xa9</Code><Message>");
	for (int i = 0; i < 300; i++)
		buf_puts(&b, "\xe2\x82\xac");
	buf_puts(&b, "</Message></Error>");
	CHECK_INT(s3_xml_error(buf_slice(&b), &x, &e), OK, "long fields");
	CHECK_INT(strlen(x.code), 62, "the character that does not fit is left out");
	CHECK_INT(strlen(x.message), 255, "255 = 85 characters of three bytes");
}

static void check_bounds(void)
{
	struct buf b CLEANUP(buf_fini) = BUF_MAX(S3_XML_MAX + 100);
	struct s3_error x;
	struct error e;

	for (int i = 0; i < 100; i++)
		buf_puts(&b, "<deep>");
	CHECK_INT(s3_xml_error(buf_slice(&b), &x, &e), ERR_LIMIT, "nesting is bounded");
	buf_clear(&b);
	buf_puts(&b, "<Error><Code>");
	for (int i = 0; i < 16385; i++)
		buf_putc(&b, 'x');
	buf_puts(&b, "</Code></Error>");
	CHECK_INT(s3_xml_error(buf_slice(&b), &x, &e), ERR_LIMIT, "text is bounded");
	buf_clear(&b);
	while (b.n <= S3_XML_MAX)
		buf_putc(&b, ' ');
	CHECK_INT(s3_xml_error(buf_slice(&b), &x, &e), ERR_LIMIT, "the body is bounded");
}

static void check_page(void)
{
	struct s3_list l CLEANUP(s3_list_fini) = {0};
	struct error e = {0};

	CHECK_INT(s3_xml_list(SLICE(page_v2), S3_LIST_MAX, &l, &e), OK, "a page of V2");
	if (l.n_objects != 2 || l.n_prefixes != 2) {
		CHECK(false, "two objects and two prefixes");
		return;
	}
	CHECK_SLICE(l.objects[0].key, "a & b/c++.pdb", "a plus is a plus without encoding-type");
	CHECK_SLICE(l.objects[0].etag, "\"70ee1738b6b21e2c8a43f3a5ab0eee71\"", "etag and quotes");
	CHECK_INT(l.objects[0].size, 9007199254740993, "size beyond 2^53");
	CHECK_INT(l.objects[0].modified_s, 1369353600, "date");
	CHECK_SLICE(l.objects[1].key, "\xc3\xa9", "UTF-8 key");
	CHECK_INT(l.objects[1].modified_s, 0, "unreadable date");
	CHECK_INT(l.objects[1].etag.n, 0, "nothing carried over from the entry before");
	CHECK_SLICE(l.prefixes[0], "foo.pdb/", "prefix");
	CHECK_SLICE(l.prefixes[1], "goo.pdb/", "prefix");
	CHECK(l.truncated && !l.complete, "truncated");
	CHECK_SLICE(l.next_token, "1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=", "token");
}

#define KEY(k) "<Contents><Key>" k "</Key><Size>1</Size></Contents>"
#define URL    "<EncodingType>url</EncodingType>"
#define MORE   "<IsTruncated>true</IsTruncated>"

static void check_list_cases(void)
{
	static const struct {
		const char *name, *body;
		enum err want;
		const char *key, *marker;
	} cases[] = {
		{"encoded, named before", LIST(URL KEY("a%20b+c%2Bd%C3%A9")), OK, "a b c+d\xc3\xa9",
		 ""},
		{"encoded, named after", LIST(KEY("a%2Fb") URL), OK, "a/b", ""},
		{"not encoded", LIST(KEY("a%2Fb+c")), OK, "a%2Fb+c", ""},
		{"control byte and NUL", LIST(URL KEY("%01%00x")), OK, NULL, ""},
		{"broken escapes stay", LIST(URL KEY("a%zz%4")), OK, "a%zz%4", ""},
		{"V1 with a marker", LIST(MORE "<NextMarker>m</NextMarker>" KEY("k")), OK, "k",
		 "m"},
		{"V1 with an encoded marker",
		 LIST(URL MORE "<NextMarker>m%20n</NextMarker>" KEY("k")), OK, "k", "m n"},
		{"V1 without a marker", LIST(MORE KEY("j") KEY("k")), OK, "j", "k"},
		{"nothing in it", LIST(""), OK, "", ""},
		{"truncated, empty", LIST(MORE), ERR_CORRUPT},
		{"truncated, prefixes, no marker",
		 LIST(MORE KEY("k") "<CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes>"),
		 ERR_CORRUPT},
		{"no key", LIST("<Contents><Size>1</Size></Contents>"), ERR_CORRUPT},
		{"empty key", LIST(KEY("")), ERR_CORRUPT},
		{"two keys of one entry", LIST("<Contents><Key>j</Key><Key>k</Key></Contents>"),
		 ERR_CORRUPT},
		{"truncated twice", LIST(MORE "<IsTruncated>false</IsTruncated>" KEY("k")),
		 ERR_CORRUPT},
		{"two tokens",
		 LIST(MORE "<NextContinuationToken>1</NextContinuationToken>"
			   "<NextContinuationToken>2</NextContinuationToken>"),
		 ERR_CORRUPT},
		{"two markers", LIST(MORE "<NextMarker>m</NextMarker><NextMarker>n</NextMarker>"),
		 ERR_CORRUPT},
		{"two encodings", LIST(URL URL KEY("k")), ERR_CORRUPT},
		{"an unknown encoding", LIST("<EncodingType>base64</EncodingType>" KEY("k")),
		 ERR_CORRUPT},
		{"an encoding that is none", LIST("<EncodingType/>" KEY("a%2Fb")), OK, "a%2Fb", ""},
		{"negative size", LIST("<Contents><Key>k</Key><Size>-1</Size></Contents>"),
		 ERR_CORRUPT},
		{"an error with 200", "<Error><Code>InternalError</Code></Error>", ERR_CORRUPT},
		{"versions", "<ListVersionsResult/>", ERR_CORRUPT},
		{"DTD", DTD LIST(KEY("&b;")), ERR_CORRUPT},
		{"empty", "", ERR_CORRUPT},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct s3_list l CLEANUP(s3_list_fini) = {0};
		struct error e = {0};

		CHECK_INT(s3_xml_list(slice_of(cases[i].body), S3_LIST_MAX, &l, &e), cases[i].want,
			  cases[i].name);
		if (cases[i].want) {
			CHECK(!l.objects && !l.text.p, "nothing is handed out on failure");
			continue;
		}
		if (cases[i].key)
			CHECK_SLICE(l.n_objects ? l.objects[0].key : SLICE_NONE, cases[i].key,
				    "key");
		else
			CHECK(slice_eq(l.objects[0].key, SLICE("\x01\0x")), "any byte");
		CHECK_SLICE(l.next_marker, cases[i].marker, "marker");
	}
}

/* Complete is what says so. */
static void check_complete(void)
{
	static const struct {
		const char *name, *body;
		bool complete;
	} cases[] = {
		{"false", LIST("<IsTruncated>false</IsTruncated>"), true},
		{"false, in another case", LIST("<IsTruncated> False </IsTruncated>"), true},
		{"another word", LIST("<IsTruncated>no</IsTruncated>"), false},
		{"empty", LIST("<IsTruncated/>"), false},
		{"not said", LIST(""), false},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct s3_list l CLEANUP(s3_list_fini) = {0};

		CHECK_INT(s3_xml_list(slice_of(cases[i].body), 1, &l, NULL), OK, cases[i].name);
		CHECK(l.complete == cases[i].complete && !l.truncated, "complete only by its word");
	}
}

static void check_list_limits(void)
{
	struct buf b CLEANUP(buf_fini) = BUF_MAX(1 << 20);
	struct s3_list l CLEANUP(s3_list_fini) = {0};
	struct error e = {0};

	CHECK_INT(s3_xml_list(SLICE(page_v2), 3, &l, &e), ERR_LIMIT, "four entries, limit three");
	CHECK_INT(s3_xml_list(SLICE(page_v2), 4, &l, &e), OK, "four entries, limit four");
	s3_list_fini(&l);
	for (int over = 0; over < 2; over++) {
		buf_clear(&b);
		buf_puts(&b, "<ListBucketResult>");
		for (int i = 0; i < S3_LIST_MAX + over; i++)
			buf_printf(&b, "<Contents><Key>%d</Key></Contents>", i);
		buf_puts(&b, "</ListBucketResult>");
		CHECK_INT(s3_xml_list(buf_slice(&b), SIZE_MAX, &l, &e), over ? ERR_LIMIT : OK,
			  "1000 entries and no more");
	}
	CHECK_INT(l.n_objects, S3_LIST_MAX, "all of them");
	CHECK_SLICE(l.objects[999].key, "999", "to the last");
	s3_list_fini(&l);
	for (int over = 0; over < 2; over++) {
		buf_clear(&b);
		buf_puts(&b, "<ListBucketResult>" URL "<Contents><Key>");
		for (int i = 0; i < S3_KEY_MAX + over; i++)
			buf_puts(&b, "%41");
		buf_puts(&b, "</Key></Contents></ListBucketResult>");
		CHECK_INT(s3_xml_list(buf_slice(&b), 1, &l, &e), over ? ERR_LIMIT : OK,
			  "1024 bytes of decoded key and no more");
	}
}

static void check_sts(void)
{
	struct s3_sts s CLEANUP(s3_sts_fini) = {0};
	struct error e = {0};

	CHECK_INT(s3_xml_sts(SLICE(STS_FULL), &s, &e), OK, "STS");
	CHECK_SLICE(s.access_key, "ASIAEXAMPLE", "access key");
	CHECK_SLICE(s.secret_key, "se/cr+et", "secret key");
	CHECK_SLICE(s.token, "tok&en==", "session token");
	CHECK_INT(s.expires_s, 1795359600, "expiration");
	s3_sts_fini(&s);
	CHECK_INT(s3_xml_sts(SLICE(STS("<AccessKeyId>A</AccessKeyId>")), &s, &e), ERR_CORRUPT,
		  "half an answer");
	CHECK_INT(s3_xml_sts(SLICE(STS("<Expiration>soon</Expiration>")), &s, &e), ERR_CORRUPT,
		  "an expiration that is none");
	CHECK_INT(s3_xml_sts(SLICE("<ErrorResponse/>"), &s, &e), ERR_CORRUPT, "an error");
}

/* Every prefix of a document is refused, by an exact copy so that ASan sees an over-read. */
static void check_truncation(void)
{
	size_t accepted = 0;

	for (size_t n = 0; n < sizeof(page_v2) - 1; n++) {
		char *copy CLEANUP(free_p) = xstrndup(page_v2, n);
		struct s3_list l CLEANUP(s3_list_fini) = {0};
		struct error e;

		accepted += s3_xml_list((struct slice){copy, n}, 10, &l, &e) == OK;
	}
	for (size_t n = 0; n < sizeof(STS_FULL) - 1; n++) {
		struct s3_sts s CLEANUP(s3_sts_fini) = {0};
		struct error e;

		accepted += s3_xml_sts((struct slice){STS_FULL, n}, &s, &e) == OK;
	}
	CHECK_INT(accepted, 0, "no truncated document is accepted");
}

static void note_deleted(void *ud, struct slice key, struct slice code)
{
	buf_printf(ud, SLICE_FMT "=" SLICE_FMT " ", SLICE_ARG(key), SLICE_ARG(code));
}

static void check_deleted(void)
{
	static const struct {
		const char *name, *body;
		enum err err;
		const char *failed;
	} rows[] = {
		{"quiet", "<DeleteResult/>", OK, ""},
		{"not quiet", "<DeleteResult><Deleted><Key>a</Key></Deleted></DeleteResult>", OK,
		 ""},
		{"two errors, in any order within",
		 "<DeleteResult><Error><Code>X</Code><Key>a&amp;b</Key></Error><Deleted><Key>c</"
		 "Key>"
		 "</Deleted><Error><Key>d</Key><Message>m</Message></Error></DeleteResult>",
		 OK, "a&b=X d= "},
		{"no key", "<DeleteResult><Error><Code>X</Code></Error></DeleteResult>",
		 ERR_CORRUPT, ""},
		{"an error", "<Error><Code>X</Code></Error>", ERR_CORRUPT, ""},
		{"cut", "<DeleteResult><Error><Key>a</Key></Error>", ERR_CORRUPT, "a= "},
		{"nothing", "", ERR_CORRUPT, ""},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf failed CLEANUP(buf_fini) = BUF_MAX(1000);
		struct error e;

		CHECK_INT(s3_xml_deleted(slice_of(rows[i].body), note_deleted, &failed, &e),
			  rows[i].err, rows[i].name);
		CHECK_STR(buf_str(&failed), rows[i].failed, rows[i].name);
	}
}

static void check_find(void)
{
	static const struct {
		const char *name, *body;
		enum err err;
		const char *text;
	} rows[] = {
		{"there", "<a><b>x</b><c>y&amp;z</c></a>", OK, "y&z"},
		{"empty", "<a><c/></a>", OK, ""},
		{"elsewhere", "<a><b><c>y</c></b></a>", ERR_CORRUPT, ""},
		{"twice", "<a><c>x</c><c>y</c></a>", ERR_CORRUPT, NULL},
		{"too long", "<a><c>0123456789abcdef0</c></a>", ERR_LIMIT, NULL},
		{"cut", "<a><c>x</c>", ERR_CORRUPT, NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf text CLEANUP(buf_fini) = BUF_MAX(16);
		struct error e;

		CHECK_INT(s3_xml_find(slice_of(rows[i].body), "/a/c", &text, &e), rows[i].err,
			  rows[i].name);
		CHECK(!rows[i].text || strcmp(buf_str(&text), rows[i].text) == 0, rows[i].name);
	}
}

int main(void)
{
	check_error_cases();
	check_error_cut();
	check_bounds();
	check_page();
	check_list_cases();
	check_complete();
	check_list_limits();
	check_sts();
	check_truncation();
	check_deleted();
	check_find();
	return tap_done();
}
