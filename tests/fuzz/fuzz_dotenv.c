// SPDX-License-Identifier: MIT
/*
 * The .env parser: whatever comes in, what comes out is names and values that setenv() would take,
 * and never more bytes than went in.
 */
#include "conf/dotenv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dotenv d CLEANUP(dotenv_fini) = {.n = 0};
	struct error e;
	size_t total = 0;

	if (dotenv_parse((struct slice){(const char *)data, size}, &d, &e)) {
		ASSERT(e.msg[0] && !d.vars && !d.text);
		return 0;
	}
	for (size_t i = 0; i < d.n; i++) {
		ASSERT(d.vars[i].name[0] && !strchr(d.vars[i].name, '='));
		total += strlen(d.vars[i].name) + strlen(d.vars[i].value) + 1;
	}
	ASSERT(total <= size);
	return 0;
}
