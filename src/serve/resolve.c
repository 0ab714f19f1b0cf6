// SPDX-License-Identifier: MIT
/* See resolve.h. */
#include "serve/resolve.h"
#include "serve/file_name.h"
#include "store/packing.h"

/* What the path's last segment is, wherever the file lies. */
static enum path_last last_of(const struct symbol_path *path)
{
	return path->spelling[0].msfz ? LAST_OTHER : path->spelling[0].last_is;
}

bool resolve_refuses(const struct resolve_rules *rules)
{
	return rules->client->spoils_cabs && last_of(rules->path) == LAST_TWIN;
}

/* only= and not= */
static bool takes_name(const struct store *s, const struct symbol_path *path)
{
	const struct store_traits *t = &s->traits;

	if (!t->only && !t->not )
		return true;
	if (symbol_path_is_nameless(path))
		return !t->only;
	return (!t->only || file_name_wanted(path, slice_of(t->only))) &&
	       (!t->not || !file_name_barred(path, slice_of(t->not )));
}

/* In all spellings that a path for it has: a blank may be meant by '+', and a '+' by a blank. */
static bool takes_path(const struct store *s, struct slice path)
{
	const struct store_traits *t = &s->traits;
	static const char blanks[] = {'\0', ' ', '+'}; /* '\0': as it is */
	struct slice wanted_glob = slice_of(t->only), barred_glob = slice_of(t->not );
	bool wanted = !t->only, barred = false;

	for (size_t b = 0; b < sizeof(blanks); b++) {
		struct buf spelled CLEANUP(buf_fini) = BUF_MAX(path.n + 1);

		for (size_t i = 0; i < path.n; i++)
			buf_putc(&spelled, blanks[b] && (path.p[i] == ' ' || path.p[i] == '+')
						   ? blanks[b]
						   : path.p[i]);
		wanted = wanted || file_name_is(buf_slice(&spelled), wanted_glob);
		barred = barred ||
			 (barred_glob.p && file_name_key_barred(buf_slice(&spelled), barred_glob));
	}
	return wanted && !barred;
}

bool resolve_takes_key(const struct store *s, struct slice name, struct slice key,
		       struct slice last)
{
	struct buf path CLEANUP(buf_fini) = BUF_MAX(name.n + key.n + last.n + 3);

	if (!s->traits.only && !s->traits.not )
		return true;
	buf_add(&path, name);
	buf_putc(&path, '/');
	buf_add(&path, key);
	buf_putc(&path, '/');
	buf_add(&path, last);
	return takes_path(s, buf_slice(&path));
}

static bool takes_named(const struct store *s, struct slice name, struct slice head,
			const char *end)
{
	struct buf last CLEANUP(buf_fini) = BUF_MAX(name.n + 16);

	buf_add(&last, head);
	buf_puts(&last, end);
	return resolve_takes_key(s, name, SLICE("00000") /* any: no glob looks at it */,
				 buf_slice(&last));
}

/* By its own name, by a pointer to it, as it is packed, or by its .sym. */
bool resolve_takes_below(const struct store *s, struct slice name)
{
	bool takes = takes_named(s, name, name, "") ||
		     takes_named(s, name, SLICE_NONE, "file.ptr") ||
		     takes_named(s, name, slice_head(name, MAX(name.n, 1) - 1), "_") ||
		     takes_named(s, name, name, "._") || takes_named(s, name, name, ".sym") ||
		     takes_named(s, name, slice_head(name, slice_rfind(name, '.')), ".sym");

	for (enum packing p = PACKED_NOT + 1; p < PACKINGS_END && !takes; p++)
		takes = packing_rows[p].place == PLACE_BEHIND &&
			takes_named(s, name, name, packing_rows[p].affix);
	return takes;
}

bool resolve_is_loop(const struct resolve_rules *rules, const struct store *s)
{
	return rules->looped && s->traits.loops;
}

bool resolve_passes_over(const struct resolve_rules *rules, struct store *s)
{
	const struct symbol_path *path = rules->path;

	return !takes_name(s, path) || resolve_is_loop(rules, s) ||
	       (!rules->any_path && store_is_private(s) && !path->symbol) || resolve_refuses(rules);
}

/* As the forms of candidates.c have it. */
static bool may_be_msfz(const struct symbol_path *path)
{
	return path->kind == PATH_FILE && last_of(path) == LAST_PLAIN &&
	       path->spelling[0].key.kind == KEY_GUID;
}

unsigned resolve_decided_by(const struct resolve_rules *rules, const struct store_list *stores,
			    const struct store *from, bool late)
{
	/* The twin that others are given is refused to one client; what is missing, to all. */
	unsigned by = from && last_of(rules->path) == LAST_TWIN ? BY_AGENT : 0;
	bool aliases = false, accepts = rules->client->msfz && may_be_msfz(rules->path);

	for (size_t i = 0; i < stores->n; i++) {
		const struct store *s = stores->store[i];

		if (resolve_passes_over(rules, stores->store[i]))
			continue;
		by |= s->traits.checksums ? BY_CHECKSUM : 0;
		by |= s->traits.negotiates && accepts ? BY_ACCEPT : 0;
		aliases |= s->traits.aliases == ALIASES_AUTO && (s != from || late);
		if (s == from)
			break;
	}
	return by | (aliases ? candidates_decided_by(rules->path) : 0);
}

enum form resolve_asks_for(const struct resolve_rules *rules, const struct candidate *c)
{
	return c->negotiable && rules->client->msfz && !rules->ranged && !rules->head ? FORM_MSFZ
										      : FORM_STORED;
}

static struct candidate_options options_of(const struct resolve_rules *rules, struct store *s)
{
	const struct store_traits *t = &s->traits;

	return (struct candidate_options){
		.key_case = t->any_case ? CASE_ASKED : t->key_case,
		.tier = (enum store_tier)atomic_load(&s->tier),
		.forms = t->forms,
		.negotiates = t->negotiates,
		.aliases = t->aliases,
		.layout = t->layout,
		.unified = t->layout == LAYOUT_UNIFIED || atomic_load(&s->unified),
		.wildcards = t->wildcards,
		.pointers = t->ptr != NULL,
		.cabinets = rules->cabinets,
		.ranged = rules->ranged,
		.client = rules->client,
	};
}

static bool is_unwanted(const struct store *s, struct slice key)
{
	struct slice glob = slice_of(s->traits.not );

	return glob.n > 0 && file_name_is(key, glob);
}

/*
 * A store that is never to be asked for a name (not=) is not asked for it as the twin of another.
 */
static void drop_unwanted(const struct store *s, struct candidates *c)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->n; i++)
		if (c->list[i].unnamed || !is_unwanted(s, c->list[i].key))
			c->list[kept++] = c->list[i];
	c->n = kept;
}

bool resolve_candidates(const struct resolve_rules *rules, struct store *s, struct candidates *ret)
{
	struct candidate_options options = options_of(rules, s);
	struct listed_name names[NAMES_ALIKE_MAX];
	bool made;

	if (rules->cache && rules->path->kind == PATH_FILE) {
		options.names = names;
		options.n_names = cache_names_alike(rules->cache, s, rules->path->spelling[0].name,
						    names);
		options.names_first = s->traits.listed_believed;
		options.learnt = atomic_load_explicit(&s->learnt, memory_order_relaxed);
	}
	made = candidates_make(rules->path, &options, ret);
	if (!symbol_path_is_nameless(rules->path))
		drop_unwanted(s, ret);
	return made;
}

/* Whoever may have asked. */
static const struct client anybody = {
	.gzip = true, .msfz = true, .symsrv = true, .decimal_ages = true, .short_stamps = true};

/*
 * What the URL says does not change; tier and unified are learnt, and known anew after a restart.
 */
bool resolve_every(const struct symbol_path *path, struct store *s, size_t *next,
		   struct candidates *ret)
{
	const struct resolve_rules rules = {.path = path, .client = &anybody, .cabinets = true};
	struct candidate_options options = options_of(&rules, s);
	bool made;

	options.tier = TIER_BOTH;
	options.unified = true;
	options.first = *next;
	made = candidates_make(path, &options, ret);
	*next = ret->next;
	return made;
}

bool resolve_target(const struct resolve_rules *rules, struct slice target, struct store *s,
		    struct candidates *ret)
{
	const struct candidate_options options = options_of(rules, s);
	bool made = candidates_of_target(is_unwanted(s, target) ? SLICE_NONE : target, &options,
					 ret);

	drop_unwanted(s, ret);
	return made;
}

/* ---- siblings ---- */

/* The path with another last segment: clean, as the one it is made of. False: it is too long. */
static bool replace_last(const struct symbol_path *path, struct slice last, struct symbol_path *ret)
{
	struct slice asked = path->spelling[0].path;
	struct slice front = slice_head(asked, asked.n - path->segment[path->segments - 1].n);

	*ret = (struct symbol_path){.text = BUF_MAX(SYMBOL_PATH_MAX)};
	buf_add(&ret->text, front);
	buf_add(&ret->text, last);
	if (buf_failed(&ret->text)) {
		symbol_path_fini(ret);
		return false;
	}
	ret->spellings = 1;
	ret->spelling[0].path = buf_slice(&ret->text);
	ret->segments = path->segments;
	for (size_t i = 0; i < path->segments; i++)
		ret->segment[i] = (struct slice){ret->text.p + (path->segment[i].p - asked.p),
						 path->segment[i].n};
	ret->segment[path->segments - 1].n = last.n;
	symbol_path_read(ret);
	return true;
}

size_t resolve_siblings(const struct symbol_path *path, bool wants_ptr,
			struct symbol_path ret[static 2])
{
	enum path_last last = last_of(path);
	size_t n = 0;

	if (last == LAST_TWIN)
		n += replace_last(path, path->spelling[0].name, &ret[n]);
	if ((last == LAST_PLAIN || last == LAST_TWIN) && wants_ptr)
		n += replace_last(path, SLICE("file.ptr"), &ret[n]);
	return n;
}
