// SPDX-License-Identifier: MIT
/*
 * Mach-O as <mach-o/loader.h> and <mach-o/fat.h> of Apple lay it out: both word sizes, both byte
 * orders, and fat files, which hold one image for each architecture. An image is known by its
 * LC_UUID; the UUID of a dSYM is that of its binary.
 */
#pragma once
#include "symfmt/head.h"
#include "symfmt/symbol_id.h"

#define MACHO_IMAGES_MAX IDENTITY_IDS_MAX

struct macho_image {
	uint32_t cpu; /* cputype: 0x01000007 x86-64, 0x0100000c arm64 */
	uint32_t file_type;
	bool is_64, is_dsym;
	struct symbol_id uuid; /* n == 0: none */
};

struct macho {
	bool is_fat;
	size_t images;
	struct macho_image image[MACHO_IMAGES_MAX];
};

/* A fat file takes the first bytes of its last image, and so nearly the whole of it. */
MUST_CHECK enum parse macho_read(struct head *h, struct macho *ret);
MUST_CHECK enum parse macho_identity(struct head *h, struct symbol_identity *ret);
