// SPDX-License-Identifier: MIT
/*
 * One iterator over lines that mean something, three loops around it. What an indented line is
 * depends on the key before it: deeper than that key it belongs to its value, otherwise it is a key
 * itself, so that a file whose keys are all indented reads as its author meant it.
 */
#include "store/creds_file.h"

enum event { END, SECTION, PROPERTY, NESTED, BAD };

struct ini {
	struct slice rest;
	size_t line; /* number of the line last read, from 1 */
	bool in_section;
	bool has_key; /* since the section began */
	size_t key_indent;
	struct slice name;               /* SECTION: what stands in the brackets */
	struct slice key, value;         /* PROPERTY; of NESTED what it stands below */
	struct slice inner, inner_value; /* NESTED */
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static struct slice without_comment(struct slice s)
{
	for (size_t i = 1; i < s.n; i++)
		if ((s.p[i] == '#' || s.p[i] == ';') && is_space(s.p[i - 1]))
			return slice_trim(slice_head(s, i));
	return s;
}

static enum event section(struct ini *it, struct slice line)
{
	size_t end = slice_find(line, ']');

	if (end == line.n)
		return BAD;
	it->name = slice_trim((struct slice){line.p + 1, end - 1});
	it->in_section = true;
	it->has_key = false;
	return SECTION;
}

static enum event property(struct ini *it, struct slice line, size_t indent)
{
	size_t at = MIN(slice_find(line, '='), slice_find(line, ':'));

	if (!it->in_section || at == line.n)
		return BAD;
	it->key = slice_trim(slice_head(line, at));
	it->value = without_comment(slice_trim(slice_from(line, at + 1)));
	it->has_key = true;
	it->key_indent = indent;
	return it->key.n ? PROPERTY : BAD;
}

/* A line below a key; only one that reads "key = value" tells something. */
static enum event nested(struct ini *it, struct slice line)
{
	size_t at = slice_find(line, '=');

	it->inner = slice_trim(slice_head(line, at));
	it->inner_value = without_comment(slice_trim(slice_from(line, at + 1)));
	return NESTED;
}

static enum event next(struct ini *it)
{
	struct slice raw, line;

	while (slice_next(&it->rest, '\n', &raw)) {
		size_t indent = 0;

		it->line++;
		line = slice_trim(raw);
		if (line.n == 0 || line.p[0] == '#' || line.p[0] == ';')
			continue;
		while (is_space(raw.p[indent]))
			indent++;
		if (it->has_key && indent > it->key_indent)
			return nested(it, line);
		return line.p[0] == '[' ? section(it, line) : property(it, line, indent);
	}
	return END;
}

static struct slice unquoted(struct slice s)
{
	bool quoted = s.n >= 2 && (s.p[0] == '"' || s.p[0] == '\'') && s.p[s.n - 1] == s.p[0];

	return quoted ? (struct slice){s.p + 1, s.n - 2} : s;
}

static bool is_profile(enum creds_file_kind kind, struct slice name, struct slice profile)
{
	struct slice word = kind == CREDS_FILE_SERVICES ? SLICE("services") : SLICE("profile");

	if (kind == CREDS_FILE_CREDENTIALS)
		return slice_eq(name, profile);
	if (slice_starts(name, word) && name.n > word.n && is_space(name.p[word.n]))
		return slice_eq(unquoted(slice_trim(slice_from(name, word.n))), profile);
	return kind == CREDS_FILE_CONFIG && slice_eq(name, SLICE("default")) &&
	       slice_eq(profile, name);
}

enum err creds_file_check(struct slice text, struct error *e)
{
	struct ini it = {.rest = text};
	enum event event;

	do {
		event = next(&it);
		if (event == BAD)
			return err_set(e, ERR_CORRUPT, "line %zu is not a section, key or comment",
				       it.line);
	} while (event != END);
	return OK;
}

bool creds_file_has(struct slice text, enum creds_file_kind kind, struct slice profile)
{
	struct ini it = {.rest = text};
	enum event event;

	while ((event = next(&it)) != END)
		if (event == SECTION && is_profile(kind, it.name, profile))
			return true;
	return false;
}

bool creds_file_get(struct slice text, enum creds_file_kind kind, struct slice profile,
		    struct slice key, struct slice *ret_value)
{
	struct ini it = {.rest = text};
	bool inside = false, found = false;
	enum event event;

	while ((event = next(&it)) != END) {
		if (event == SECTION) {
			inside = is_profile(kind, it.name, profile);
		} else if (event == PROPERTY && inside && slice_eq_nocase(it.key, key)) {
			*ret_value = it.value;
			found = true;
		}
	}
	return found;
}

bool creds_file_get_nested(struct slice text, enum creds_file_kind kind, struct slice profile,
			   struct slice key, struct slice inner, struct slice *ret_value)
{
	struct ini it = {.rest = text};
	bool inside = false, found = false;
	enum event event;

	while ((event = next(&it)) != END) {
		if (event == SECTION)
			inside = is_profile(kind, it.name, profile);
		if (event != NESTED || !inside || it.value.n || !slice_eq_nocase(it.key, key) ||
		    !slice_eq_nocase(it.inner, inner))
			continue;
		*ret_value = it.inner_value;
		found = true;
	}
	return found;
}
