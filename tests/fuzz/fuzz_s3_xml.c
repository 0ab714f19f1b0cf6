// SPDX-License-Identifier: MIT
/*
 * The XML of S3 and STS: what is accepted keeps the promises of s3_xml.h, and slices stay within
 * the text that they belong to.
 */
#include "store/s3_xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_within(struct slice s, const struct buf *text)
{
	ASSERT(s.n == 0 || (s.p >= text->p && s.p + s.n <= text->p + text->n));
}

static void fuzz_error(struct slice body)
{
	struct s3_error x;
	struct error e;

	if (s3_xml_error(body, &x, &e)) {
		ASSERT(e.code != OK && e.msg[0]);
		return;
	}
	ASSERT(x.code[0] && strlen(x.code) < sizeof(x.code));
	ASSERT(strlen(x.message) < sizeof(x.message) && strlen(x.region) < sizeof(x.region));
	ASSERT(strlen(x.endpoint) < sizeof(x.endpoint) && x.actual_size >= -1);
}

static void fuzz_list(struct slice body)
{
	struct s3_list l CLEANUP(s3_list_fini) = {0};
	struct error e;

	if (s3_xml_list(body, 100, &l, &e))
		return;
	ASSERT(l.n_objects + l.n_prefixes <= 100);
	ASSERT(!l.truncated || l.next_token.n || l.next_marker.n);
	for (size_t i = 0; i < l.n_objects; i++) {
		ASSERT(l.objects[i].key.n > 0 && l.objects[i].key.n <= S3_KEY_MAX);
		ASSERT(l.objects[i].size >= 0);
		check_within(l.objects[i].key, &l.text);
		check_within(l.objects[i].etag, &l.text);
	}
	for (size_t i = 0; i < l.n_prefixes; i++)
		check_within(l.prefixes[i], &l.text);
	check_within(l.next_token, &l.text);
	check_within(l.next_marker, &l.text);
}

static void check_key(void *ud, struct slice key, struct slice code)
{
	size_t *n = ud;

	ASSERT(key.n > 0 && code.n < 64);
	++*n;
}

static void fuzz_deleted(struct slice body)
{
	size_t n = 0;
	struct error e;

	if (s3_xml_deleted(body, check_key, &n, &e))
		ASSERT(e.code != OK && e.msg[0]);
	ASSERT(n <= body.n);
}

static void fuzz_find(struct slice body)
{
	struct buf id CLEANUP(buf_fini) = BUF_MAX(64);
	struct error e;

	if (s3_xml_find(body, "/InitiateMultipartUploadResult/UploadId", &id, &e))
		ASSERT(e.code != OK && e.msg[0]);
	ASSERT(id.n <= 64);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice body = {(const char *)data, size};
	struct s3_sts s CLEANUP(s3_sts_fini) = {0};
	struct error e;

	fuzz_error(body);
	fuzz_list(body);
	fuzz_deleted(body);
	fuzz_find(body);
	if (s3_xml_sts(body, &s, &e) == OK)
		ASSERT(s.access_key.n && s.secret_key.n && s.token.n && s.expires_s);
	return 0;
}
