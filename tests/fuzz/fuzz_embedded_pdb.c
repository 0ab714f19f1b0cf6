// SPDX-License-Identifier: MIT
#include "fuzz_symfmt.h"
#include "symfmt/embedded_pdb.h"

/* The whole input is the entry of the directory. */
static enum parse parse(struct head *h, struct symbol_identity *ret)
{
	return embedded_pdb_identity(h, 0, (uint32_t)h->file_size, ret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_heads(parse, (struct slice){(const char *)data, size});
	return 0;
}
