// SPDX-License-Identifier: MIT
/* gzip; see fuzz_codec.h. */
#include "fuzz_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_codec(CODEC_GZIP, data, size);
	return 0;
}
