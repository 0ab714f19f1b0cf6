// SPDX-License-Identifier: MIT
#include "fuzz_symfmt.h"
#include "symfmt/pe.h"

static void touch(const struct pe_debug *d)
{
	ASSERT(d->codeviews <= PE_CODEVIEWS_MAX);
	for (size_t i = 0; i < d->codeviews; i++) {
		ASSERT(strlen(d->codeview[i].name) <= d->codeview[i].path.n);
		fuzz_touch(d->codeview[i].path);
	}
	fuzz_touch(d->checksum_name);
	fuzz_touch(d->checksum);
}

/* The identity of the image, or that of its first PDB. */
static enum parse parse(struct head *h, struct symbol_identity *ret)
{
	struct pe_debug d;
	struct pe pe;
	enum parse state = pe_read(h, &pe);

	if (state == PARSE_OTHER)
		return dbg_identity(h, ret);
	if (state != PARSE_OK)
		return state;
	state = pe_read_debug(h, &pe, &d);
	if (state != PARSE_OK)
		return state;
	touch(&d);
	if (d.codeviews)
		*ret = d.codeview[0].pdb;
	else
		*ret = (struct symbol_identity){.stamp = pe.timestamp, .size = pe.image_size};
	return PARSE_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_heads(parse, (struct slice){(const char *)data, size});
	return 0;
}
