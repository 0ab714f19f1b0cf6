// SPDX-License-Identifier: MIT
/* AWS's INI files: values lie within the text, are trimmed, and belong to profiles that exist. */
#include "store/creds_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_get(struct slice text, enum creds_file_kind kind, struct slice profile)
{
	static const char *const keys[] = {"aws_access_key_id", "region", "k"};
	struct slice v = SLICE_NONE;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (!creds_file_get(text, kind, profile, slice_of(keys[i]), &v))
			continue;
		ASSERT(creds_file_has(text, kind, profile));
		ASSERT(v.n == 0 || (v.p >= text.p && v.p + v.n <= text.p + text.n));
		ASSERT(v.n == slice_trim(v).n && !memchr(v.n ? v.p : "", '\n', v.n));
	}
	if (creds_file_get_nested(text, kind, profile, SLICE("s3"), SLICE("k"), &v))
		ASSERT(creds_file_has(text, kind, profile) &&
		       (v.n == 0 || (v.p >= text.p && v.p + v.n <= text.p + text.n)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = {(const char *)data, size};
	struct error e = {0};

	ASSERT(creds_file_check(text, &e) == e.code);
	fuzz_get(text, CREDS_FILE_CREDENTIALS, SLICE("default"));
	fuzz_get(text, CREDS_FILE_CREDENTIALS, SLICE("x"));
	fuzz_get(text, CREDS_FILE_CONFIG, SLICE("default"));
	fuzz_get(text, CREDS_FILE_CONFIG, SLICE("x"));
	fuzz_get(text, CREDS_FILE_SERVICES, SLICE("x"));
	return 0;
}
