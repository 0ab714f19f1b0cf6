// SPDX-License-Identifier: MIT
/* See search_names.h. */
#include "serve/search_names.h"

#include "base/text.h"
#include "store/name_list.h"

#define NAME_MAX_BYTES 2048

static void add_spaced(struct slice s, struct buf *out)
{
	size_t at = out->n;

	buf_add(out, s);
	for (size_t i = at; i < out->n; i++)
		if (out->p[i] == '+')
			out->p[i] = ' ';
}

void search_names_init(struct search_names *m, struct slice glob, struct slice after, size_t max)
{
	*m = (struct search_names){.glob = BUF_MAX(glob.n + 1), .after = after, .max = max};
	add_spaced(glob, &m->glob);
	m->ascii = fold_lower_ascii(buf_slice(&m->glob), m->glob.p);
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

static bool is_ascii(struct slice s)
{
	unsigned char all = 0;

	for (size_t i = 0; i < s.n; i++)
		all |= (unsigned char)s.p[i];
	return all < 0x80;
}

static char plain(char c)
{
	return c == '+' ? ' ' : ascii_lower(c);
}

/* As fold_glob(), in a fifth of the time: an index may have a million names. */
static bool ascii_glob(struct slice name, struct slice glob)
{
	size_t n = 0, g = 0, star = SIZE_MAX, mark = 0;

	while (n < name.n) {
		if (g < glob.n && glob.p[g] == '*') {
			star = g++;
			mark = n;
		} else if (g < glob.n && (glob.p[g] == '?' || glob.p[g] == plain(name.p[n]))) {
			g++;
			n++;
		} else if (star < glob.n) {
			g = star + 1;
			n = ++mark;
		} else {
			return false;
		}
	}
	while (g < glob.n && glob.p[g] == '*')
		g++;
	return g == glob.n;
}

static bool matches(const struct search_names *m, struct slice name)
{
	struct buf spaced CLEANUP(buf_fini) = BUF_MAX(NAME_MAX_BYTES);

	if (m->ascii && is_ascii(name))
		return ascii_glob(name, buf_slice(&m->glob));
	if (slice_find(name, '+') == name.n)
		return fold_glob(name, buf_slice(&m->glob), false);
	add_spaced(name, &spaced);
	return !buf_failed(&spaced) && fold_glob(buf_slice(&spaced), buf_slice(&m->glob), false);
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

void search_names_take(struct search_names *m, struct slice folder, struct slice name)
{
	char text[NAME_MAX_BYTES];
	struct slice whole = {text, folder.n + name.n + 1};

	if (name_is_reserved(name) || whole.n > sizeof(text) || !matches(m, name))
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
