// SPDX-License-Identifier: MIT
#include "fuzz_symfmt.h"
#include "symfmt/elf.h"

static uint32_t sum_of(const char *text)
{
	uint32_t sum = 0;

	while (*text)
		sum = sum * 31 + (unsigned char)*text++;
	return sum;
}

/* The build-id, and what the sections say in the place of numbers. */
static enum parse parse(struct head *h, struct symbol_identity *ret)
{
	struct elf_sections s;
	struct elf elf;
	enum parse state = elf_read(h, &elf);

	if (state != PARSE_OK)
		return state;
	state = elf_read_sections(h, &elf, &s);
	if (state != PARSE_OK)
		return state;
	ASSERT(s.is_stripped == !(s.has_debug_info || s.has_symtab));
	ASSERT(!s.is_debug_file || !s.is_stripped);
	*ret = (struct symbol_identity){.ids = 1,
					.id = {elf.build_id},
					.stamp = elf.machine,
					.size = s.has_debug_info * 4u + s.has_symtab * 2u +
						s.is_debug_file,
					.age = sum_of(s.debug_link)};
	return PARSE_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice file = {(const char *)data, size};

	fuzz_heads(parse, file);
	fuzz_heads(elf_identity, file);
	return 0;
}
