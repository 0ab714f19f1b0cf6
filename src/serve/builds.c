// SPDX-License-Identifier: MIT
/* See builds.h. What is kept is looked for one by one: it is few. */
#include "serve/builds.h"

#include "base/text.h"

struct builds {
	size_t stores;
	uint64_t now; /* counts uses */
	struct build kept[BUILDS_KEPT];
	struct build_list list[];
};

/* ---- one ---- */

static char *cut_copy(struct slice s)
{
	size_t n = MIN(s.n, BUILD_TEXT_MAX);

	while (n && n < s.n && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--; /* not within a character */
	return xstrndup(n ? s.p : "", n);
}

void build_read(struct build *b, const struct plan *head, int64_t files)
{
	const struct slice text[BUILD_TEXTS] = {
		[BUILD_PRODUCT] = head->product, [BUILD_VERSION] = head->version,
		[BUILD_COMMENT] = head->comment, [BUILD_SOURCE] = head->source,
		[BUILD_HOST] = head->host,       [BUILD_USER] = head->user,
	};

	b->started_s = head->started_s;
	b->files = files;
	b->bytes = head->bytes;
	for (size_t i = 0; i < BUILD_TEXTS; i++) {
		free(b->text[i]);
		b->text[i] = cut_copy(text[i]);
	}
}

struct build build_copy(const struct build *b)
{
	struct build copy = *b;

	for (size_t i = 0; i < BUILD_TEXTS; i++)
		copy.text[i] = b->text[i] ? xstrndup(b->text[i], strlen(b->text[i])) : NULL;
	return copy;
}

void build_fini(struct build *b)
{
	for (size_t i = 0; i < BUILD_TEXTS; i++)
		free(b->text[i]);
	*b = (struct build){0};
}

/* ---- what is kept ---- */

struct builds *builds_new(size_t stores)
{
	struct builds *b = xzalloc(sizeof(*b) + stores * sizeof(b->list[0]));

	b->stores = stores;
	return b;
}

void builds_free(struct builds *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < BUILDS_KEPT; i++)
		build_fini(&b->kept[i]);
	for (size_t i = 0; i < b->stores; i++)
		catalog_fini(&b->list[i].catalog);
	free(b);
}

struct build_list *builds_of(struct builds *b, size_t place)
{
	return &b->list[place];
}

const struct build *builds_find(struct builds *b, size_t place, const struct catalog_entry *listed)
{
	const uint64_t version = catalog_version(listed);

	for (size_t i = 0; i < BUILDS_KEPT; i++) {
		struct build *k = &b->kept[i];

		if (!k->used || k->place != place || strcmp(k->id.s, listed->id.s) != 0)
			continue;
		if (k->version != version)
			return NULL;
		k->used = ++b->now;
		return k;
	}
	return NULL;
}

void builds_keep(struct builds *b, struct build *build)
{
	struct build *to = &b->kept[0];

	for (size_t i = 0; i < BUILDS_KEPT; i++) {
		struct build *k = &b->kept[i];

		if (k->used && k->place == build->place && strcmp(k->id.s, build->id.s) == 0) {
			to = k;
			break;
		}
		if (k->used < to->used)
			to = k;
	}
	build_fini(to);
	*to = *build;
	to->used = ++b->now;
	*build = (struct build){0};
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

size_t builds_products(const struct builds *b, char *ret[static BUILDS_PRODUCTS])
{
	const char *all[BUILDS_KEPT];
	size_t n = 0, told = 0;

	for (size_t i = 0; i < BUILDS_KEPT; i++)
		if (b->kept[i].used && b->kept[i].text[BUILD_PRODUCT] &&
		    b->kept[i].text[BUILD_PRODUCT][0])
			all[n++] = b->kept[i].text[BUILD_PRODUCT];
	if (n)
		qsort(all, n, sizeof(all[0]), by_text);
	for (size_t i = 0; i < n && told < BUILDS_PRODUCTS; i++)
		if (!i || strcmp(all[i], all[i - 1]) != 0)
			ret[told++] = xstrndup(all[i], strlen(all[i]));
	return told;
}
