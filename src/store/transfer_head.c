// SPDX-License-Identifier: MIT
/*
 * See transfer_head.h. A header that comes twice counts as it came last, but for the length and the
 * age, and for Content-Encoding, which is a list.
 */
#include "store/transfer_head.h"

static void copy_text(char *to, size_t size, struct slice value)
{
	size_t n = MIN(value.n, size - 1);

	if (n)
		memcpy(to, value.p, n);
	to[n] = '\0';
}

/* As if all had come in one line. */
static void add_to_list(char *list, size_t size, struct slice value)
{
	size_t n = strlen(list);

	if (n && n + 2 < size) {
		copy_text(list + n, size - n, SLICE(", "));
		n += 2;
	}
	copy_text(list + n, size - n, value);
}

void transfer_head_add(struct transfer_head *h, struct slice name, struct slice value)
{
	static const struct {
		const char *name;
		size_t offset, size;
	} fields[] = {
#define FIELD(text, f)                                                                             \
	{text, offsetof(struct transfer_head, f), sizeof(((struct transfer_head *)0)->f)}
		FIELD("etag", etag),
		FIELD("last-modified", last_modified),
		FIELD("content-range", content_range),
		FIELD("content-type", content_type),
		FIELD("date", date),
		FIELD("retry-after", retry_after),
		FIELD("x-amz-bucket-region", bucket_region),
		FIELD("x-amz-request-id", request_id),
		FIELD("x-amz-checksum-sha256", sum_sha256),
		FIELD("x-amz-checksum-crc64nvme", sum_crc64nvme),
		FIELD("x-amz-checksum-crc32c", sum_crc32c),
		FIELD("x-amz-checksum-crc32", sum_crc32),
		FIELD("x-amz-checksum-type", sum_type),
		FIELD("x-amz-meta-pepto-sha256", pepto_sha256),
		FIELD("x-amz-meta-pepto-size", pepto_size),
		FIELD("x-amz-meta-pepto-tx", pepto_tx),
		FIELD("x-amz-server-side-encryption", encryption),
		FIELD("x-amz-server-side-encryption-customer-algorithm", customer),
#undef FIELD
	};
	uint64_t length, age;

	if (slice_eq_nocase(name, SLICE("content-length"))) {
		if (!parse_u64(value, INT64_MAX, &length) ||
		    (h->length >= 0 && h->length != (int64_t)length))
			h->bad_length = true;
		else
			h->length = (int64_t)length;
		return;
	}
	if (slice_eq_nocase(name, SLICE("age"))) {
		h->age_s = MAX(h->age_s,
			       parse_u64(value, INT32_MAX, &age) ? (int64_t)age : INT32_MAX);
		return;
	}
	if (slice_eq_nocase(name, SLICE("content-encoding"))) {
		add_to_list(h->content_encoding, sizeof(h->content_encoding), value);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (slice_eq_nocase(name, slice_of(fields[i].name)))
			copy_text((char *)h + fields[i].offset, fields[i].size, value);
}

void transfer_head_begin(struct transfer_head *h, struct slice line)
{
	uint64_t status = 0;

	*h = (struct transfer_head){.length = -1};
	parse_u64(slice_head(slice_from(line, slice_find(line, ' ') + 1), 3), 999, &status);
	h->status = (int)status;
}
