// SPDX-License-Identifier: MIT
/* What opens can be read module by module, or says why not; names are texts of their length. */
#include "symfmt/minidump.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes = {(const char *)data, size};
	struct source file = source_of(&bytes);
	struct error e = {0};
	struct minidump m;

	if (minidump_open(&file, &m, &e)) {
		ASSERT((e.code == ERR_CORRUPT || e.code == ERR_LIMIT) && e.msg[0]);
		return 0;
	}
	ASSERT(m.modules <= MINIDUMP_MODULES_MAX);
	for (uint32_t i = 0; i < MIN(m.modules, 64U); i++) {
		struct minidump_module module;

		if (minidump_module(&m, i, &module, &e))
			break;
		ASSERT(strlen(module.name) <= CODEVIEW_NAME_MAX);
		ASSERT(strlen(module.pdb.name) <= CODEVIEW_NAME_MAX && !module.pdb.path.n);
		ASSERT(module.image.ids <= 1 && module.pdb.pdb.ids <= 1);
		ASSERT(m.is_windows == (module.image.kind == SYMBOL_PE) ||
		       module.image.kind == SYMBOL_ELF);
	}
	return 0;
}
