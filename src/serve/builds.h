// SPDX-License-Identifier: MIT
/*
 * What is known of the transactions of all stores, so that a page of them costs few requests: which there are, as a
 * listing of .pepto/tx/ told a moment ago, the newest BUILDS_LISTED of each store; and what the first lines of those
 * plans say that were read, the last BUILDS_KEPT of them, each as long as the listing tells the
 * same objects of it (catalog_version()). Loop's thread.
 */
#pragma once
#include "publish/catalog.h"
#include "publish/plan.h"

#define BUILDS_LISTED     20000
#define BUILDS_KEPT       1000
#define BUILDS_FRESH_NS   (INT64_C(15) * 1000000000)  /* a listing is told for so long, */
#define BUILDS_GOES_ON_NS (INT64_C(600) * 1000000000) /* or to who goes on in it */
#define BUILD_TEXT_MAX    512                         /* bytes of one of its texts */
#define BUILDS_PRODUCTS   200                         /* that are told */

enum build_text {
	BUILD_PRODUCT,
	BUILD_VERSION,
	BUILD_COMMENT,
	BUILD_SOURCE,
	BUILD_HOST,
	BUILD_USER,
	BUILD_TEXTS,
};

/* One transaction, as its plan's first line tells it. {0} is none. */
struct build {
	size_t place; /* of its store in STORES */
	struct tx_id id;
	uint64_t version; /* of the objects that it was read from (catalog_version()) */
	enum tx_state state;
	int64_t started_s, files, bytes; /* 0, -1, -1: not told */
	char *text[BUILD_TEXTS];         /* owned; "" not told */
	uint64_t used;
};

/* texts: cut to BUILD_TEXT_MAX. files: as plan_read_head() tells. */
void build_read(struct build *b, const struct plan *head, int64_t files);
struct build build_copy(const struct build *b);
void build_fini(struct build *b);

/* What a listing told of a store. */
struct build_list {
	struct catalog catalog;
	int64_t listed_ns; /* 0: never */
};

struct builds;

struct builds *builds_new(size_t stores);
void builds_free(struct builds *b); /* accepts NULL */
struct build_list *builds_of(struct builds *b, size_t place);
/* NULL: it is not known, or not any more. */
const struct build *builds_find(struct builds *b, size_t place, const struct catalog_entry *listed);
/* *build is taken. */
void builds_keep(struct builds *b, struct build *build);
/* The products of those that are kept, sorted, each once, BUILDS_PRODUCTS at most: ret[] are copies. */
size_t builds_products(const struct builds *b, char *ret[static BUILDS_PRODUCTS]);
