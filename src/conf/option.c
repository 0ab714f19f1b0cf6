// SPDX-License-Identifier: MIT
/*
 * The table of options, its flags, and the guess at what a misspelt flag was meant to be. That is
 * the nearest by edit distance, where a third of the letters may be wrong, and one more because
 * two swapped letters count as two.
 */
#include "conf/option.h"

#include "conf/conf.h"
#include "conf/value.h"

const struct option_row option_rows[OPTION_ROWS] = {
#define OPTION(name_, field_, kind_, def_, min_, max_, form_, group_, flags_, help_)               \
	[OPTION_ID_##name_] = {.name = #name_,                                                     \
			       .def = (def_),                                                      \
			       .min = (min_),                                                      \
			       .max = (max_),                                                      \
			       .form = (form_),                                                    \
			       .help = (help_),                                                    \
			       .kind = OPTION_##kind_,                                             \
			       .group = GROUP_##group_,                                            \
			       .flags = (flags_),                                                  \
			       .at = offsetof(struct conf, field_)},
#include "conf/options.def"
};

const struct switch_row switch_rows[SWITCH_ROWS] = {
#define SWITCH(field_, help_)                                                                      \
	[SWITCH_##field_] = {.flag = #field_, .help = (help_), .at = offsetof(struct conf, field_)},
#include "conf/options.def"
};

static const char *const group_titles[GROUP_COUNT] = {
#define GROUP(id, title) [GROUP_##id] = (title),
#include "conf/options.def"
};

const char *option_group_title(enum option_group group)
{
	return group_titles[group];
}

void option_flag(const struct option_row *o, char ret[static OPTION_FLAG_MAX])
{
	size_t n = strlen(o->name) - (o->kind == OPTION_LIST);

	ASSERT(n < OPTION_FLAG_MAX);
	for (size_t i = 0; i < n; i++)
		ret[i] = o->name[i] == '_' ? '-' : ascii_lower(o->name[i]);
	ret[n] = '\0';
}

const struct option_row *option_by_flag(struct slice flag)
{
	char name[OPTION_FLAG_MAX] = "";

	for (size_t i = 0; i < ARRAY_LEN(option_rows); i++) {
		option_flag(&option_rows[i], name);
		if (slice_eq(flag, slice_of(name)))
			return &option_rows[i];
	}
	return NULL;
}

const struct switch_row *switch_by_flag(struct slice flag)
{
	for (size_t i = 0; i < ARRAY_LEN(switch_rows); i++)
		if (slice_eq(flag, slice_of(switch_rows[i].flag)))
			return &switch_rows[i];
	return NULL;
}

/* Levenshtein's distance of two words shorter than OPTION_FLAG_MAX, one row at a time. */
static size_t edit_distance(struct slice a, struct slice b)
{
	size_t row[OPTION_FLAG_MAX];

	for (size_t j = 0; j <= b.n; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			size_t change = diagonal + (a.p[i - 1] != b.p[j - 1]);

			diagonal = row[j];
			row[j] = MIN(change, MIN(row[j], row[j - 1]) + 1);
		}
	}
	return row[b.n];
}

/* Keep name in ret if it is nearer than *best. */
static void prefer_nearer(struct slice wrong, const char *name, size_t *best, char *ret)
{
	size_t distance = edit_distance(wrong, slice_of(name));

	if (distance >= *best)
		return;
	*best = distance;
	memcpy(ret, name, strlen(name) + 1);
}

bool option_nearest_flag(struct slice wrong, char ret[static OPTION_FLAG_MAX])
{
	size_t best = wrong.n / 3 + 2;
	char name[OPTION_FLAG_MAX] = "";

	ret[0] = '\0';
	if (wrong.n >= OPTION_FLAG_MAX)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(option_rows); i++) {
		option_flag(&option_rows[i], name);
		prefer_nearer(wrong, name, &best, ret);
	}
	for (size_t i = 0; i < ARRAY_LEN(switch_rows); i++)
		prefer_nearer(wrong, switch_rows[i].flag, &best, ret);
	return ret[0] != '\0';
}

const char *option_nearest_name(struct slice variable)
{
	size_t best = MIN(variable.n / 3, 2) + 1;
	const char *nearest = NULL;

	if (!variable.n || variable.n >= OPTION_FLAG_MAX)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(option_rows); i++) {
		size_t distance = edit_distance(variable, slice_of(option_rows[i].name));

		if (distance == 0)
			return NULL;
		if (distance >= best || variable.p[0] != option_rows[i].name[0])
			continue;
		best = distance;
		nearest = option_rows[i].name;
	}
	return nearest;
}

bool option_parse_number(enum option_kind kind, struct slice s, uint64_t *ret)
{
	switch (kind) {
	case OPTION_COUNT: return parse_u64(s, UINT64_MAX, ret);
	case OPTION_SIZE: return value_parse_size(s, ret);
	case OPTION_TIME: return value_parse_time(s, ret);
	case OPTION_STRING:
	case OPTION_URL:
	case OPTION_ADDRESS:
	case OPTION_PORT:
	case OPTION_LIST:
	case OPTION_BOOL:
	case OPTION_CHOICE: return false;
	}
	return false;
}
