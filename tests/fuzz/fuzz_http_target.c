// SPDX-License-Identifier: MIT
/*
 * Request targets: the first byte chooses the rules, the rest is the target. Whatever comes out
 * as a path must keep the promises of request.h, and must come out again from its own encoding.
 */
#include "base/text.h"
#include "serve/candidates.h"
#include "serve/file_name.h"
#include "serve/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_segment(struct slice s)
{
	ASSERT(s.n > 0 && !slice_eq(s, SLICE(".")) && !slice_eq(s, SLICE("..")));
	for (size_t i = 0; i < s.n; i++)
		ASSERT((unsigned char)s.p[i] >= 0x20 && s.p[i] != 0x7f && s.p[i] != '\\' &&
		       s.p[i] != '/');
}

static void check_path(const struct symbol_path *p)
{
	ASSERT(p->segments <= SYMBOL_PATH_SEGMENTS_MAX && p->spelling[0].path.n <= SYMBOL_PATH_MAX);
	ASSERT(p->spellings >= 1 && p->spellings <= SYMBOL_PATH_SPELLINGS_MAX);
	ASSERT((p->kind == PATH_ROOT) == (p->segments == 0));
	for (size_t s = 0; s < p->spellings; s++) {
		size_t n = 0;

		for (size_t i = 0; i < p->segments; i++) {
			struct slice segment = symbol_path_segment(p, s, i);

			check_segment(segment);
			ASSERT(segment.p == p->spelling[s].path.p + n);
			n += segment.n + 1;
		}
		ASSERT(p->segments == 0 || n == p->spelling[s].path.n + 1);
		for (size_t other = 0; other < s; other++)
			ASSERT(!slice_eq(p->spelling[s].path, p->spelling[other].path));
	}
	for (size_t i = 0; i < p->token.n; i++)
		ASSERT(hex_digit(p->token.p[i]) >= 0);
}

static void check_round_trip(const struct symbol_path *p)
{
	struct buf target CLEANUP(buf_fini) = BUF_MAX(4 * SYMBOL_PATH_MAX);
	struct symbol_path again CLEANUP(symbol_path_fini);

	buf_putc(&target, '/');
	percent_encode(p->spelling[0].path, "/", &target);
	ASSERT(request_clean(buf_slice(&target), &(struct request_rules){0}, &again) ==
	       REQUEST_CLEAN);
	ASSERT(slice_eq(again.spelling[0].path, p->spelling[0].path) && again.kind == p->kind);
}

/* All cases, tiers and layouts; the other options in turn. */
static struct candidate_options options_of(unsigned i, const struct client *client)
{
	return (struct candidate_options){
		.key_case = i % 3,
		.tier = i / 3 % 4,
		.layout = i / 12 % 4,
		.unified = i % 3 == 0,
		.forms = i % 2 ? STORE_FORMS_ALL : STORE_FORM_CAB,
		.aliases = i % 5 % 3,
		.wildcards = i % 7 == 0,
		.pointers = i % 4 == 0,
		.cabinets = i % 5 == 0,
		.ranged = i % 11 == 0,
		.client = client,
	};
}

static void check_candidates(const struct symbol_path *p)
{
	for (unsigned i = 0; i < 48; i++) {
		const struct client client = {
			.gzip = i & 1, .msfz = i & 2, .decimal_ages = i & 4, .short_stamps = i & 8};
		struct candidate_options options = options_of(i, &client);
		const struct listed_name names[] = {
			{.name = p->spelling[0].name},
			{.folder = SLICE("Fo/"), .name = p->spelling[0].name, .learnt = (uint8_t)i},
			{.name = SLICE("FOO.pdb")},
		};
		struct candidates c CLEANUP(candidates_fini);

		options.names = names;
		options.n_names = p->spelling[0].name.n ? i % (ARRAY_LEN(names) + 1) : 0;
		options.learnt = (uint8_t)(i * 5);

		ASSERT(candidates_make(p, &options, &c));
		ASSERT(c.n <= CANDIDATES_MAX + CANDIDATES_ADDED_MAX &&
		       (c.n == 0 || p->segments > 0));
		for (size_t k = 0; k < c.n; k++) {
			ASSERT(c.list[k].key.n > 0);
			for (size_t j = 0; j < k; j++)
				ASSERT(!slice_eq(c.list[k].key, c.list[j].key));
		}
	}
}

/* What only= wants is what not= bars, and more. */
static void check_names(const struct symbol_path *p)
{
	static const char *const globs[] = {"*", "*.pdb", "a*", "*_", "?*.p?r", "*\xc3\xa4*"};

	for (size_t i = 0; i < ARRAY_LEN(globs) && p->segments; i++) {
		bool wanted = file_name_wanted(p, slice_of(globs[i]));

		ASSERT(wanted || i > 0);
		ASSERT(!wanted || file_name_barred(p, slice_of(globs[i])));
		ASSERT(!wanted || p->spellings > 1 ||
		       file_name_is(p->spelling[0].path, slice_of(globs[i])));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct request_rules rules = {
		.path_token = size && (text[0] & 1),
		.base_path = size && (text[0] & 2) ? SLICE("/Sym/c++ \xc3\x84/") : SLICE_NONE,
	};
	struct symbol_path p CLEANUP(symbol_path_fini);
	enum request_verdict v = request_clean(slice_from((struct slice){text, size}, 1), &rules,
					       &p);

	ASSERT(v != REQUEST_NOMEM && (v != REQUEST_OUTSIDE || rules.base_path.n));
	if (v == REQUEST_BAD)
		return 0;
	check_path(&p);
	check_round_trip(&p);
	check_candidates(&p);
	check_names(&p);
	ASSERT(!p.symbol || p.segments >= 2);
	return 0;
}
