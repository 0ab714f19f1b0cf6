// SPDX-License-Identifier: MIT
/* SZDD; see fuzz_codec.h. */
#include "fuzz_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_codec(CODEC_SZDD, data, size);
	return 0;
}
