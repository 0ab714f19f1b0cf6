// SPDX-License-Identifier: MIT
/* See candidate_name.h. */
#include "serve/candidate_name.h"
#include "base/text.h"

#define START_DIGITS 8

static bool is_space(char c)
{
	return c == '+' || c == ' ';
}

/* As the store spells it, with the spaces of the path. */
static void put_name(struct slice listed, struct slice asked, struct buf *out)
{
	for (size_t i = 0; i < listed.n; i++) {
		bool told = listed.n == asked.n && is_space(listed.p[i]) && is_space(asked.p[i]);

		buf_putc(out, told ? asked.p[i] : listed.p[i]);
	}
}

/* The last segment begins as the name does, all of it or without its end, and is spelled so. */
static void put_stem(struct slice listed, struct slice name, struct slice stem, struct buf *out)
{
	struct slice sym = slice_from(stem, stem.n - MIN(stem.n, 4));

	if (fold_equal(stem, name)) {
		put_name(listed, name, out);
	} else if (fold_equal(stem, name_twin_stem(name))) {
		put_name(name_twin_stem(listed), name_twin_stem(name), out);
	} else if (slice_ends(stem, SLICE("_")) &&
		   fold_equal(slice_head(stem, stem.n - 1), name_twin_stem(name))) {
		put_name(name_twin_stem(listed), name_twin_stem(name), out);
		buf_putc(out, '_');
	} else if (fold_equal(sym, SLICE(".sym")) && listed.n == name.n &&
		   fold_equal(slice_head(stem, stem.n - 4), slice_head(name, stem.n - 4))) {
		put_name(slice_head(listed, stem.n - 4), slice_head(name, stem.n - 4), out);
		fold_lower(slice_from(stem, MIN(stem.n - 4, name.n)), out);
	} else {
		buf_add(out, stem);
	}
}

static void put_key(const struct named_file *f, const struct listed_name *listed,
		    enum key_casing casing, struct slice key, struct buf *out)
{
	buf_add(out, listed->folder);
	put_name(listed->name, f->name, out);
	buf_putc(out, '/');
	key_put_cased(key, f->kind, casing, out);
}

void candidate_put_listed(const struct named_file *f, const struct listed_name *listed,
			  enum key_casing casing, struct buf *out)
{
	put_key(f, listed, casing, f->key, out);
	buf_putc(out, '/');
	buf_puts(out, f->in);
	buf_puts(out, f->in[0] ? "/" : "");
	put_stem(listed->name, f->name, f->stem, out);
	buf_puts(out, f->affix);
}

void candidate_put_start(const struct named_file *f, const struct listed_name *listed,
			 enum key_casing casing, struct buf *out)
{
	put_key(f, listed, casing, slice_head(f->key, START_DIGITS), out);
}
