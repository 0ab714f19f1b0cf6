// SPDX-License-Identifier: MIT
/* See search_names.h. */
#include "serve/search_names.h"

#include "base/text.h"
#include "store/name_list.h"

#include <unistr.h>

#define NAME_MAX_BYTES 2048
#define SHORT          256 /* bytes of a name that are folded on the stack */

static void add_spaced(struct slice s, struct buf *out)
{
	size_t at = out->n;

	buf_add(out, s);
	for (size_t i = at; i < out->n; i++)
		if (out->p[i] == '+')
			out->p[i] = ' ';
}

static char plain(char c)
{
	return c == '+' ? ' ' : ascii_lower(c);
}

static bool is_ascii(struct slice s)
{
	unsigned char all = 0;

	for (size_t i = 0; i < s.n; i++)
		all |= (unsigned char)s.p[i];
	return all < 0x80;
}

static bool is_wild(char c)
{
	return c == '*' || c == '?';
}

static void measure(struct search_names *m, struct slice glob)
{
	size_t run = 0; /* where the text begins that is not wild */
	bool wild = false;

	m->head = glob.n;
	for (size_t i = 0; i < glob.n; i++) {
		m->least += glob.p[i] != '*';
		if (!is_wild(glob.p[i]))
			continue;
		if (!wild)
			m->head = i;
		else if (i - run > m->piece.n)
			m->piece = (struct slice){glob.p + run, i - run};
		wild = true;
		run = i + 1;
	}
	m->tail = glob.n - run;
}

void search_names_init(struct search_names *m, struct slice glob, struct slice after, size_t max)
{
	struct buf spaced CLEANUP(buf_fini) = BUF_MAX(glob.n + 1);

	*m = (struct search_names){.glob = BUF_MAX(4 * glob.n + 4), .after = after, .max = max};
	add_spaced(glob, &spaced);
	fold_lower(buf_slice(&spaced), &m->glob);
	m->ascii = is_ascii(buf_slice(&m->glob));
	measure(m, buf_slice(&m->glob));
	m->folder = xzalloc((max + 1) * sizeof(*m->folder));
}

void search_names_fini(struct search_names *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->folder[i]);
	free(m->folder);
	buf_fini(&m->glob);
	*m = (struct search_names){0};
}

/* In lower case, '+' as ' '; false: it is longer, or no ASCII. */
static bool fold_short(struct slice name, char ret[static SHORT])
{
	unsigned char all = 0;

	if (name.n > SHORT)
		return false;
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		all |= (unsigned char)c;
		ret[i] = plain(c);
	}
	return all < 0x80;
}

/* Bytes of the first character; a byte that is no UTF-8 is one of its own. */
static size_t char_bytes(struct slice s)
{
	int n = (unsigned char)s.p[0] < 0x80 ? 1 : u8_mblen((const uint8_t *)s.p, s.n);

	return n > 0 ? (size_t)n : 1;
}

static bool stands_at(struct slice glob, struct slice c)
{
	return glob.n >= c.n && memcmp(glob.p, c.p, c.n) == 0;
}

/*
 * As fold_glob(), of what is folded. It goes back to the last star alone: for each character of the name as many steps
 * as the text behind that has, at most.
 */
static bool folded_glob(struct slice name, struct slice glob, size_t *steps)
{
	size_t n = 0, g = 0, star = SIZE_MAX, mark = 0;

	for (; n < name.n; ++*steps) {
		struct slice c = {name.p + n, char_bytes(slice_from(name, n))};

		if (g < glob.n && glob.p[g] == '*') {
			star = g++;
			mark = n;
			if (g == glob.n)
				return true;
		} else if (g < glob.n && glob.p[g] == '?') {
			g++;
			n += c.n;
		} else if (g < glob.n && stands_at(slice_from(glob, g), c)) {
			g += c.n;
			n += c.n;
		} else if (star < glob.n) {
			g = star + 1;
			mark += char_bytes(slice_from(name, mark));
			n = mark;
		} else {
			return false;
		}
	}
	while (g < glob.n && glob.p[g] == '*')
		g++;
	return g == glob.n;
}

/* Most names are told by their ends, or lack a text that the GLOB has: an index may have a million of them. */
static bool may_match(const struct search_names *m, struct slice name)
{
	struct slice glob = buf_slice(&m->glob);

	return name.n >= m->least && (!m->head || memcmp(name.p, glob.p, m->head) == 0) &&
	       (!m->tail ||
		memcmp(name.p + name.n - m->tail, glob.p + glob.n - m->tail, m->tail) == 0) &&
	       (!m->piece.n || (memchr(name.p, m->piece.p[0], name.n) &&
				memmem(name.p, name.n, m->piece.p, m->piece.n)));
}

/* In lower case, '+' as ' ', whatever it is. */
static void fold_any(struct slice name, struct buf *out)
{
	fold_lower(name, out);
	for (size_t i = 0; i < out->n; i++)
		out->p[i] = plain(out->p[i]);
}

static bool matches(struct search_names *m, struct slice name)
{
	struct buf longer CLEANUP(buf_fini) = BUF_MAX(4 * name.n);
	struct slice glob = buf_slice(&m->glob);
	char folded[SHORT];

	if (fold_short(name, folded)) {
		name.p = folded;
		return m->ascii && may_match(m, name) && folded_glob(name, glob, &m->steps);
	}
	m->steps += name.n;
	fold_any(name, &longer);
	name = buf_slice(&longer);
	return !buf_failed(&longer) && may_match(m, name) && folded_glob(name, glob, &m->steps);
}

/*
 * A letter stands as a capital, as itself, or as something that is no ASCII (the sign of Kelvin is a k); a blank as '+'
 * or ' ', which ends what is looked at.
 */
bool search_names_pass(const struct search_names *m, struct slice name, struct buf *to)
{
	const char *head = m->glob.p;
	size_t i = 0;
	char c, capital;

	if (!m->ascii)
		return false;
	while (i < m->head && i < name.n && plain(name.p[i]) == head[i])
		i++;
	if (i == m->head || head[i] == ' ' || (i < name.n && (unsigned char)name.p[i] >= 0x80))
		return false;
	c = i < name.n ? name.p[i] : '\0';
	capital = head[i] >= 'a' && head[i] <= 'z' ? (char)(head[i] - 32) : head[i];
	buf_add(to, slice_head(name, i));
	buf_putc(to, c < capital ? capital : c < head[i] ? head[i] : (char)0x80);
	return true;
}

/* The place of the first that is not before it. */
static size_t place_of(const struct search_names *m, struct slice folder)
{
	size_t low = 0, high = m->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (slice_compare(slice_of(m->folder[middle]), folder) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void insert(struct search_names *m, struct slice folder)
{
	size_t at = place_of(m, folder);

	if (at < m->n && slice_eq(slice_of(m->folder[at]), folder))
		return;
	if (at == m->max) {
		m->more = true;
		return;
	}
	memmove(m->folder + at + 1, m->folder + at, (m->n - at) * sizeof(*m->folder));
	m->folder[at] = xstrndup(folder.p, folder.n);
	if (m->n++ < m->max)
		return;
	free(m->folder[--m->n]);
	m->more = true;
}

bool search_names_match(struct search_names *m, struct slice name)
{
	return matches(m, name) && !name_is_reserved(name);
}

size_t search_names_looks(struct search_names *m)
{
	size_t looks = m->steps / SEARCH_STEPS_A_LOOK;

	m->steps = 0;
	return looks;
}

void search_names_add(struct search_names *m, struct slice folder, struct slice name)
{
	char text[NAME_MAX_BYTES];
	struct slice whole = {text, folder.n + name.n + 1};

	if (whole.n > sizeof(text))
		return;
	memcpy(text, folder.p ? folder.p : "", folder.n);
	memcpy(text + folder.n, name.p, name.n);
	text[whole.n - 1] = '/';
	if (!m->after.n || slice_compare(whole, m->after) > 0)
		insert(m, whole);
}

bool search_names_may_lie_in(const struct search_names *m, struct slice folder)
{
	struct slice glob = slice_head(buf_slice(&m->glob), 2);

	for (size_t i = 0; i < glob.n; i++)
		if (glob.p[i] == '*' || glob.p[i] == '?' || (unsigned char)glob.p[i] >= 0x80)
			return true;
	return fold_equal(slice_head(folder, 2), glob);
}
