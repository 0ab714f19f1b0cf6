// SPDX-License-Identifier: MIT
/*
 * The rows of options.def as data, for the modules that walk over them: conf.c, which fills a
 * struct conf, and cmd/help.c, which describes them. Constant, hence thread safe.
 */
#pragma once
#include "base/slice.h"

enum option_kind {
	OPTION_STRING,  /* one line of text */
	OPTION_URL,     /* http or https */
	OPTION_ADDRESS, /* host:port */
	OPTION_PORT,    /* a number, or off */
	OPTION_LIST,    /* words separated by blanks; the flag is repeatable */
	OPTION_BOOL,
	OPTION_COUNT,
	OPTION_SIZE,
	OPTION_TIME,
	OPTION_CHOICE,
};

enum option_group {
#define GROUP(id, title) GROUP_##id,
#include "conf/options.def"
	GROUP_COUNT,
};

enum option_id {
#define OPTION(name, field, kind, def, min, max, form, group, flags, help) OPTION_ID_##name,
#include "conf/options.def"
	OPTION_ROWS,
};

enum option_switch {
#define SWITCH(field, help) SWITCH_##field,
#include "conf/options.def"
	SWITCH_ROWS,
};

#define OPTION_SECRET 1u /* the value is never shown */
#define OPTION_BASIC  2u /* among the few that the short help shows */

struct option_row {
	const char *name;
	const char *def;
	const char *min;
	const char *max;
	const char *form;
	const char *help;
	enum option_kind kind;
	enum option_group group;
	unsigned flags;
	size_t at; /* offset of the field in struct conf */
};

struct switch_row {
	const char *flag;
	const char *help;
	size_t at; /* offset of the bool in struct conf */
};

extern const struct option_row option_rows[OPTION_ROWS];
extern const struct switch_row switch_rows[SWITCH_ROWS];

#define OPTION_FLAG_MAX 32

const char *option_group_title(enum option_group group);
/* The flag without its dashes: "listen-address". */
void option_flag(const struct option_row *o, char ret[static OPTION_FLAG_MAX]);
/* The row behind a flag's name, or NULL. */
const struct option_row *option_by_flag(struct slice flag);
const struct switch_row *switch_by_flag(struct slice flag);
/* The flag that the user may have meant, into ret; false when none is near. */
bool option_nearest_flag(struct slice wrong, char ret[static OPTION_FLAG_MAX]);
/*
 * The setting whose name is nearest to this variable's, by a letter or two but the first; NULL:
 * none, or it is one.
 */
const char *option_nearest_name(struct slice variable);
/* The value of a COUNT, SIZE or TIME in the notation of its kind, whatever the row's range. */
bool option_parse_number(enum option_kind kind, struct slice s, uint64_t *ret);
