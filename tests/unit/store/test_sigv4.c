// SPDX-License-Identifier: MIT
/*
 * SigV4 against the exact bytes that AWS publishes: the examples of the S3 API reference
 * ("Signature Calculations: Transferring Payload in a Single Chunk", "Using Query Parameters") and
 * of the aws-sig-v4-test-suite. Cases that AWS does not publish were computed by botocore.
 */
#include "store/sigv4.h"

#include "tap.h"

#define DOC_TIME   INT64_C(1369353600) /* 20130524T000000Z */
#define SUITE_TIME INT64_C(1440938160) /* 20150830T123600Z */
#define DOC_SCOPE                                                                                  \
	"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
#define SUITE_SCOPE                                                                                \
	"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
#define FIELD(n, v) .name = SLICE(n), .value = SLICE(v)
#define DOC_HOST    "examplebucket.s3.amazonaws.com"

static char doc_access[] = "AKIAIOSFODNN7EXAMPLE";
static char doc_secret[] = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
static char suite_access[] = "AKIDEXAMPLE";
static char suite_secret[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
static char session_token[] = "IQoJb3JpZ2luX2VjEXAMPLE//token+with/signs==";

static const struct creds doc = {.access_key = doc_access, .secret_key = doc_secret};
static const struct creds suite = {.access_key = suite_access, .secret_key = suite_secret};
static const struct creds session = {
	.access_key = doc_access, .secret_key = doc_secret, .token = session_token};

static const struct vector {
	const char *name, *method, *host, *path, *payload;
	const struct creds *creds;
	struct sigv4_field query[8], headers[8];
	const char *want;
} vectors[] = {
	{"S3: get object", "GET", DOC_HOST, "/test.txt", SIGV4_EMPTY, &doc,
	 .headers = {{FIELD("range", "bytes=0-9")}},
	 .want = DOC_SCOPE
	 "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
	 "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
	{"S3: put object", "PUT", DOC_HOST, "/test%24file.text",
	 "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072", &doc,
	 .headers = {{FIELD("x-amz-storage-class", "REDUCED_REDUNDANCY")},
		     {FIELD("date", "Fri, 24 May 2013 00:00:00 GMT")}},
	 .want = DOC_SCOPE
	 "SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class, "
	 "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
	{"S3: get bucket lifecycle", "GET", DOC_HOST, "/", SIGV4_EMPTY, &doc,
	 .query = {{FIELD("lifecycle", "")}},
	 .want = DOC_SCOPE
	 "SignedHeaders=host;x-amz-content-sha256;x-amz-date, "
	 "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
	{"S3: list objects", "GET", DOC_HOST, "/", SIGV4_EMPTY, &doc,
	 .query = {{FIELD("prefix", "J")}, {FIELD("max-keys", "2")}},
	 .want = DOC_SCOPE
	 "SignedHeaders=host;x-amz-content-sha256;x-amz-date, "
	 "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
	{"suite: get-vanilla", "GET", "example.amazonaws.com", "/", SIGV4_EMPTY, &suite,
	 .want = SUITE_SCOPE
	 "SignedHeaders=host;x-amz-date, "
	 "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
	{"suite: get-vanilla-query-order-key-case", "GET", "example.amazonaws.com", "/",
	 SIGV4_EMPTY, &suite, .query = {{FIELD("Param2", "value2")}, {FIELD("Param1", "value1")}},
	 .want = SUITE_SCOPE
	 "SignedHeaders=host;x-amz-date, "
	 "Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
	{"suite: post-vanilla", "POST", "example.amazonaws.com", "/", SIGV4_EMPTY, &suite,
	 .want = SUITE_SCOPE
	 "SignedHeaders=host;x-amz-date, "
	 "Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
	{"suite: get-unreserved", "GET", "example.amazonaws.com",
	 "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", SIGV4_EMPTY, &suite,
	 .want = SUITE_SCOPE
	 "SignedHeaders=host;x-amz-date, "
	 "Signature=07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
	{"suite: get-header-value-trim", "GET", "example.amazonaws.com", "/", SIGV4_EMPTY, &suite,
	 .headers = {{FIELD("my-header1", " value1")}, {FIELD("my-header2", " \"a   b   c\"")}},
	 .want = SUITE_SCOPE
	 "SignedHeaders=host;my-header1;my-header2;x-amz-date, "
	 "Signature=acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
};

/* How many of a fixed array are filled. */
static size_t count(const struct sigv4_field *f)
{
	size_t n = 0;

	while (n < 8 && f[n].name.n)
		n++;
	return n;
}

static struct sigv4_request request_of(const struct vector *v)
{
	return (struct sigv4_request){
		.method = v->method,
		.host = slice_of(v->host),
		.path = slice_of(v->path),
		.query = v->query,
		.n_query = count(v->query),
		.headers = v->headers,
		.n_headers = count(v->headers),
		.payload_hash = slice_of(v->payload),
		.region = "us-east-1",
		.service = v->creds == &suite ? "service" : "s3",
		.wall_s = v->creds == &suite ? SUITE_TIME : DOC_TIME,
		.creds = v->creds,
	};
}

static void check_vectors(void)
{
	struct sigv4 s CLEANUP(sigv4_fini);

	sigv4_init(&s);
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		struct buf out CLEANUP(buf_fini) = BUF_MAX(4096);
		struct sigv4_request r = request_of(&vectors[i]);
		char date[AMZ_DATE_LEN] = "";
		struct error e = {0};

		CHECK_INT(sigv4_sign(&s, &r, date, &out, &e), OK, vectors[i].name);
		CHECK_STR(buf_str(&out), vectors[i].want, vectors[i].name);
		CHECK_STR(date, r.creds == &suite ? "20150830T123600Z" : "20130524T000000Z",
			  "x-amz-date");
	}
}

static void check_presign(void)
{
	struct sigv4 s CLEANUP(sigv4_fini);
	struct vector v = {"presigned get", "GET", DOC_HOST, "/test.txt", SIGV4_UNSIGNED, &doc};
	struct sigv4_request r = request_of(&v);
	struct buf out CLEANUP(buf_fini) = BUF_MAX(4096);
	struct error e = {0};

	sigv4_init(&s);
	CHECK_INT(sigv4_presign(&s, &r, 86400, &out, &e), OK, "S3: presigned get object");
	CHECK_STR(
		buf_str(&out),
		"X-Amz-Algorithm=AWS4-HMAC-SHA256"
		"&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
		"&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
		"&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
		"S3: presigned get object, exact bytes");
	r.creds = &session;
	r.path = SLICE("/a%20b");
	buf_clear(&out);
	CHECK_INT(sigv4_presign(&s, &r, SIGV4_EXPIRES_MAX, &out, &e), OK, "seven days, a token");
	CHECK_STR(
		buf_str(&out),
		"X-Amz-Algorithm=AWS4-HMAC-SHA256"
		"&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
		"&X-Amz-Date=20130524T000000Z&X-Amz-Expires=604800"
		"&X-Amz-Security-Token=IQoJb3JpZ2luX2VjEXAMPLE%2F%2Ftoken%2Bwith%2Fsigns%3D%3D"
		"&X-Amz-SignedHeaders=host"
		"&X-Amz-Signature=7835549805ed0701cbe326a982c292a8e180a6263b76853e2fd4a7307e7e999a",
		"the token is part of what is signed");
	CHECK_INT(sigv4_presign(&s, &r, 1, &out, &e), OK, "one second");
	CHECK_INT(sigv4_presign(&s, &r, 0, &out, &e), ERR_USAGE, "no time at all");
	CHECK_INT(sigv4_presign(&s, &r, SIGV4_EXPIRES_MAX + 1, &out, &e), ERR_USAGE, "too long");
}

/* Encoded order is not raw order: '%' comes before '-', '.' and the digits. */
static void check_session_and_order(void)
{
	static const struct sigv4_field query[] = {
		{FIELD("a/b", "1")}, {FIELD("a-b", "2")}, {FIELD("a", "3")}, {FIELD("a", "x+y z")}};
	struct sigv4 s CLEANUP(sigv4_fini);
	struct vector v = {"", "GET", DOC_HOST, "/a%20b", SIGV4_EMPTY, &session};
	struct sigv4_request r = request_of(&v);
	struct buf out CLEANUP(buf_fini) = BUF_MAX(4096);
	struct buf q CLEANUP(buf_fini) = BUF_MAX(4096);
	char date[AMZ_DATE_LEN];
	struct error e = {0};

	sigv4_init(&s);
	r.query = query;
	r.n_query = ARRAY_LEN(query);
	CHECK_INT(sigv4_query(query, ARRAY_LEN(query), &q, &e), OK, "query string");
	CHECK_STR(buf_str(&q), "a=3&a=x%2By%20z&a%2Fb=1&a-b=2", "sorted as encoded");
	CHECK_INT(sigv4_sign(&s, &r, date, &out, &e), OK, "session token");
	CHECK_STR(buf_str(&out),
		  DOC_SCOPE
		  "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token, "
		  "Signature=2bc787720ba07b30af6d1defc80f18f80bb462f63660a3bcf35b9b97ba58b6ec",
		  "as botocore signs it");
}

/* Every part of the cached key is part of its name; the same inputs give the same bytes again. */
static void check_key_cache(void)
{
	struct sigv4 s CLEANUP(sigv4_fini);
	struct sigv4_request base = request_of(&vectors[3]), r[5];
	char first[256], date[AMZ_DATE_LEN], other_secret[] = "another";
	struct creds other = {.access_key = doc_access, .secret_key = other_secret};
	struct error e = {0};

	sigv4_init(&s);
	for (size_t i = 0; i < ARRAY_LEN(r); i++)
		r[i] = base;
	r[1].region = "eu-west-1";
	r[2].service = "sts";
	r[3].wall_s += 86400;
	r[4].creds = &other;
	for (size_t i = 0; i < 2 * ARRAY_LEN(r); i++) {
		struct buf out CLEANUP(buf_fini) = BUF_MAX(1024);
		bool doc_again = i == 0 || i % 2 == 0;

		CHECK_INT(sigv4_sign(&s, &r[doc_again ? 0 : i / 2], date, &out, &e), OK, "sign");
		if (i == 0)
			snprintf(first, sizeof(first), "%s", buf_str(&out));
		CHECK((strcmp(first, buf_str(&out)) == 0) == (doc_again || i / 2 == 0),
		      "a changed input changes the signature, and changing it back restores it");
	}
	CHECK(strstr(first, "34b48302e7b5fa45"), "and it is AWS's");
}

static void check_limits(void)
{
	static struct sigv4_field many[SIGV4_FIELDS_MAX + 1];
	static char secret[CREDS_SECRET_MAX + 2], region[SIGV4_SCOPE_MAX];
	struct sigv4 s CLEANUP(sigv4_fini);
	struct sigv4_request r = request_of(&vectors[0]);
	struct creds c = {.access_key = doc_access, .secret_key = secret};
	struct buf out CLEANUP(buf_fini) = BUF_MAX(1024);
	struct buf tiny CLEANUP(buf_fini) = BUF_MAX(16);
	char date[AMZ_DATE_LEN], *huge CLEANUP(free_p) = xzalloc(200000);
	struct error e = {0};

	sigv4_init(&s);
	memset(secret, 's', sizeof(secret) - 1);
	memset(region, 'r', sizeof(region) - 1);
	memset(huge, 'p', 199999);
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = (struct sigv4_field){FIELD("x", "y")};
	r.creds = &c;
	CHECK_INT(sigv4_sign(&s, &r, date, &out, &e), ERR_LIMIT, "secret one byte too long");
	secret[CREDS_SECRET_MAX] = '\0';
	CHECK_INT(sigv4_sign(&s, &r, date, &out, &e), OK, "longest secret");
	r.creds = &doc;
	CHECK_INT(sigv4_sign(&s, &r, date, &tiny, &e), ERR_LIMIT, "no room for the header");
	r.region = region;
	CHECK_INT(sigv4_sign(&s, &r, date, &out, &e), ERR_LIMIT, "region too long");
	r.region = "us-east-1";
	r.path = slice_of(huge);
	CHECK_INT(sigv4_sign(&s, &r, date, &out, &e), ERR_LIMIT, "path too long");
	r.path = SLICE("/");
	CHECK_INT(sigv4_sign(&s, &r, date, &out, &e), OK, "the signer recovers");
	r.query = many;
	r.n_query = ARRAY_LEN(many);
	CHECK_INT(sigv4_sign(&s, &r, date, &out, &e), ERR_LIMIT, "too many parameters");
	CHECK_INT(sigv4_query(many, ARRAY_LEN(many), &out, &e), ERR_LIMIT, "here too");
	r.n_query = SIGV4_FIELDS_MAX;
	CHECK_INT(sigv4_sign(&s, &r, date, &out, &e), OK, "as many as fit");
}

static void check_key_encoding(void)
{
	static const char *const cases[][2] = {
		{"foo.pdb/1A/foo.pdb", "foo.pdb/1A/foo.pdb"},
		{"", ""},
		{"c++ rt#1%.pdb", "c%2B%2B%20rt%231%25.pdb"},
		{"a//b/./../c/", "a//b/./../c/"},
		{"-._~AZaz09", "-._~AZaz09"},
		{"\xc3\xa9\\\x01\x7f", "%C3%A9%5C%01%7F"},
		{"already%20encoded", "already%2520encoded"},
		{"a=b&c?d:e@f!g$h'i(j)k*l,m;n",
		 "a%3Db%26c%3Fd%3Ae%40f%21g%24h%27i%28j%29k%2Al%2Cm%3Bn"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out CLEANUP(buf_fini) = BUF_MAX(256);

		s3_key_encode(slice_of(cases[i][0]), &out);
		CHECK_STR(buf_str(&out), cases[i][1], cases[i][0][0] ? cases[i][1] : "empty key");
	}
}

int main(void)
{
	check_vectors();
	check_presign();
	check_session_and_order();
	check_key_cache();
	check_limits();
	check_key_encoding();
	return tap_done();
}
