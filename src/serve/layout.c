// SPDX-License-Identifier: MIT
/* The table of layout.h. */
#include "serve/layout.h"

void layout_put_unified(struct slice hex, const char *word, struct buf *out)
{
	buf_printf(out, SLICE_FMT "/" SLICE_FMT "/%s", SLICE_ARG(slice_head(hex, 2)),
		   SLICE_ARG(slice_from(hex, 2)), word);
}

void layout_put_key(enum store_layout layout, struct slice hex, bool executable, struct buf *out)
{
	switch (layout) {
	case LAYOUT_SSQP:
		ASSERT(executable);
		buf_printf(out, STORE_ANY_NAME "/elf-buildid-" SLICE_FMT "/" STORE_ANY_NAME,
			   SLICE_ARG(hex));
		break;
	case LAYOUT_GDB:
		buf_printf(out, SLICE_FMT "/" SLICE_FMT "%s", SLICE_ARG(slice_head(hex, 2)),
			   SLICE_ARG(slice_from(hex, 2)), executable ? "" : ".debug");
		break;
	case LAYOUT_UNIFIED:
		layout_put_unified(hex, executable ? "executable" : "debuginfo", out);
		break;
	case LAYOUT_DEBUGINFOD:
		buf_printf(out, "buildid/" SLICE_FMT "/%s", SLICE_ARG(hex),
			   executable ? "executable" : "debuginfo");
		break;
	}
}
