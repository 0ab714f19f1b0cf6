// SPDX-License-Identifier: MIT
/* What is known of transactions: how many, what is kept of them and for how long. */
#include "serve/builds.h"

#include "base/macros.h"
#include "publish/plan.h"
#include "tap.h"

#include <stdio.h>

static struct tx_id id_of(unsigned n)
{
	struct tx_id id;

	snprintf(id.s, sizeof(id.s), "20261129-%02u%02u%02u-%08x", n / 3600 % 24, n / 60 % 60,
		 n % 60, n);
	return id;
}

static struct catalog_entry listed_as(unsigned n, uint64_t etag)
{
	return (struct catalog_entry){
		.id = id_of(n), .has = 1U << TX_PLAN, .object[TX_PLAN].etag = {etag, etag}};
}

static struct build build_of(unsigned n, const char *product, uint64_t version)
{
	const struct plan plan = {.product = slice_of(product), .started_s = 1, .bytes = 2};
	const struct catalog_entry t = listed_as(n, version);
	struct build b = {.id = id_of(n), .version = catalog_version(&t)};

	build_read(&b, &plan, 3);
	return b;
}

static void test_kept(void)
{
	struct builds *all = builds_new(2);
	struct catalog_entry listed = listed_as(1, 7);
	struct build b = build_of(1, "app", 7);
	const struct build *found;

	CHECK(!builds_find(all, 0, &listed), "nothing yet");
	builds_keep(all, &b);
	found = builds_find(all, 0, &listed);
	CHECK(found && found->files == 3 && found->bytes == 2, "what was kept");
	CHECK(!builds_find(all, 1, &listed), "not of another store");
	listed = listed_as(1, 8);
	CHECK(!builds_find(all, 0, &listed), "nor of another version");
	b = build_of(1, "app", 8);
	builds_keep(all, &b);
	CHECK(builds_find(all, 0, &listed), "which takes its place");
	for (unsigned i = 2; i < 2 + BUILDS_KEPT; i++) {
		(void)builds_find(all, 0, &listed);
		b = build_of(i, "many", 1);
		builds_keep(all, &b);
	}
	CHECK(builds_find(all, 0, &listed), "what is used stays");
	listed = listed_as(2, 1);
	CHECK(!builds_find(all, 0, &listed), "the one used longest ago went");
	builds_free(all);
}

static void test_products(void)
{
	static const char *const products[] = {"b", "a", "b", "", "c", "a"};
	struct builds *all = builds_new(1);
	char *told[BUILDS_PRODUCTS];
	size_t n;

	for (unsigned i = 0; i < ARRAY_LEN(products); i++) {
		struct build b = build_of(i, products[i], 1);

		builds_keep(all, &b);
	}
	n = builds_products(all, told);
	CHECK_INT(n, 3, "each once");
	for (size_t i = 0; i < n; i++) {
		CHECK(told[i][0] == (char)('a' + i), "sorted");
		free(told[i]);
	}
	for (unsigned i = 0; i < BUILDS_KEPT; i++) {
		char product[16];
		struct build b;

		snprintf(product, sizeof(product), "%04u", i);
		b = build_of(i, product, 1);
		builds_keep(all, &b);
	}
	n = builds_products(all, told);
	CHECK_INT(n, BUILDS_PRODUCTS, "so many at most");
	for (size_t i = 0; i < n; i++)
		free(told[i]);
	builds_free(all);
}

static void test_long_texts(void)
{
	char text[2 * BUILD_TEXT_MAX + 1];
	struct build b;

	for (size_t i = 0; i + 1 < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xa4", 2);
	text[sizeof(text) - 1] = '\0';
	b = build_of(1, text, 1);
	CHECK_INT(strlen(b.text[BUILD_PRODUCT]), BUILD_TEXT_MAX, "cut");
	build_fini(&b);
	b = build_of(1, text + 1, 1);
	CHECK(strlen(b.text[BUILD_PRODUCT]) == BUILD_TEXT_MAX - 1, "not within a character");
	build_fini(&b);
}

int main(void)
{
	test_kept();
	test_products();
	test_long_texts();
	return tap_done();
}
