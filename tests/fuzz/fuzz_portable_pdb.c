// SPDX-License-Identifier: MIT
#include "fuzz_symfmt.h"
#include "symfmt/portable_pdb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice file = {(const char *)data, size};

	fuzz_heads(portable_pdb_identity, file);
	fuzz_heads(identity_read, file);
	return 0;
}
