// SPDX-License-Identifier: MIT
/* The two tables of build_id.h, one function for each way to ask. */
#include "serve/build_id.h"
#include "base/text.h"

#define ID_MIN 8 /* bytes: shorter numbers are likely to be something else */

static bool is(struct slice s, const char *word)
{
	return slice_eq_nocase(s, slice_of(word));
}

static bool parse_file(struct slice word, bool *ret_executable)
{
	*ret_executable = is(word, "executable");
	return *ret_executable || is(word, "debuginfo");
}

static bool parse_whole(struct slice hex, struct slice word, struct build_id_path *ret)
{
	return parse_file(word, &ret->executable) && symbol_id_parse(hex, &ret->id);
}

/* nn/nnnn: the first byte of an id, and the others. */
static bool parse_split(struct slice first, struct slice others, struct symbol_id *ret)
{
	struct symbol_id one;

	if (!symbol_id_parse(first, &one) || one.n != 1 || !symbol_id_parse(others, ret) ||
	    ret->n == SYMBOL_ID_MAX)
		return false;
	memmove(ret->b + 1, ret->b, ret->n);
	ret->b[0] = one.b[0];
	ret->n++;
	return true;
}

static bool parse_gdb(struct slice first, struct slice name, struct build_id_path *ret)
{
	size_t dot = slice_rfind(name, '.');

	ret->executable = dot == name.n;
	return (ret->executable || is(slice_from(name, dot), ".debug")) &&
	       parse_split(first, slice_head(name, dot), &ret->id);
}

static bool parse_ssqp(const struct slice seg[static 3], struct build_id_path *ret)
{
	struct symbol_key key = key_parse(seg[0], seg[1]);

	ret->id = key.id;
	ret->executable = key.kind == KEY_ELF;
	ret->ssqp = true;
	return fold_equal(seg[0], seg[2]) &&
	       (ret->executable || (key.kind == KEY_ELF_SYM && is(seg[0], "_.debug")));
}

/* Forms that do not say what they are. */
static bool parse_unnamed(const struct symbol_path *p, struct build_id_path *ret)
{
	const struct slice *seg = p->segment;
	bool found;

	if (p->segments == 2)
		found = parse_whole(seg[0], seg[1], ret) || parse_gdb(seg[0], seg[1], ret);
	else
		found = p->segments == 3 && parse_split(seg[0], seg[1], &ret->id) &&
			parse_file(seg[2], &ret->executable);
	return found && ret->id.n >= ID_MIN;
}

bool build_id_parse(const struct symbol_path *p, struct build_id_path *ret)
{
	const struct slice *seg = p->segment;

	*ret = (struct build_id_path){0};
	if (p->segments == 3 && is(seg[0], "buildid"))
		return parse_whole(seg[1], seg[2], ret);
	if (p->segments == 3 && is(seg[0], ".build-id"))
		return parse_gdb(seg[1], seg[2], ret);
	return parse_unnamed(p, ret) || (p->segments == 3 && parse_ssqp(seg, ret));
}

bool build_id_is_debuginfod(const struct symbol_path *p)
{
	struct build_id_path b;

	return p->segments == 3 && is(p->segment[0], "buildid") && build_id_parse(p, &b);
}

bool build_id_is_part(const struct symbol_path *p)
{
	struct symbol_id id;

	return p->segments > 3 && is(p->segment[0], "buildid") &&
	       symbol_id_parse(p->segment[1], &id) &&
	       (is(p->segment[2], "source") || is(p->segment[2], "section"));
}

static bool is_hex(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (hex_digit(s.p[i]) < 0)
			return false;
	return true;
}

bool build_id_is_unified(const struct symbol_path *p)
{
	static const char *const words[] = {"executable",   "debuginfo", "breakpad",
					    "sourcebundle", "uuidmap",   "bcsymbolmap",
					    "il2cpp",       "proguard",  "meta"};
	const struct slice *seg = p->segment;

	if (p->segments != 3 || seg[0].n != 2 || seg[0].n + seg[1].n < 2 * (size_t)ID_MIN ||
	    !is_hex(seg[0]) || !is_hex(seg[1]))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (is(seg[2], words[i]))
			return true;
	return false;
}

void build_id_put_unified(struct slice hex, const char *word, struct buf *out)
{
	buf_printf(out, SLICE_FMT "/" SLICE_FMT "/%s", SLICE_ARG(slice_head(hex, 2)),
		   SLICE_ARG(slice_from(hex, 2)), word);
}

void build_id_put_key(enum store_layout layout, struct slice hex, bool executable, struct buf *out)
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
		build_id_put_unified(hex, executable ? "executable" : "debuginfo", out);
		break;
	case LAYOUT_DEBUGINFOD:
		buf_printf(out, "buildid/" SLICE_FMT "/%s", SLICE_ARG(hex),
			   executable ? "executable" : "debuginfo");
		break;
	}
}
