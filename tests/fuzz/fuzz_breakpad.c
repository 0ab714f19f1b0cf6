// SPDX-License-Identifier: MIT
#include "fuzz_symfmt.h"
#include "symfmt/breakpad.h"

static enum parse parse(struct head *h, struct symbol_identity *ret)
{
	struct breakpad b;
	enum parse state = breakpad_read(h, &b);

	if (state != PARSE_OK)
		return state;
	fuzz_touch(b.name);
	fuzz_touch(b.code_file);
	ret->code_id = b.code_id;
	return PARSE_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice file = {(const char *)data, size};

	fuzz_heads(parse, file);
	fuzz_heads(breakpad_identity, file);
	fuzz_heads(identity_read, file);
	return 0;
}
