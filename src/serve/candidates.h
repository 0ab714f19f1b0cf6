// SPDX-License-Identifier: MIT
/*
 * Which objects of a store may hold the file that a path asks for, and what is to be made of each;
 * the likeliest comes first. A later candidate is answered only when all before it are proven
 * misses, so the order decides between twins. For name/KEY/name these nest, the outermost first:
 *
 *  1. spelling (symbol_path: '+' and space). Another spelling is another name, so no key of it
 *     comes before all keys of the name as it was asked.
 *  2. key: as asked, then its aliases (key_match.h), as far as the store's option and the client's
 *     habits ask for them.
 *  3. tier (foo.pdb/K/foo.pdb, fo/foo.pdb/K/foo.pdb). The layout belongs to the whole store.
 *  4. form, as far as the store may hold it (traits.forms): msfz0/name for a client that accepts
 *     it, if the key is a PDB's; the plain name; expanded, the `_` twin (of a name without a point,
 *     where all forms are looked for, also name._), name.gz and name.zst; msfz0/name expanded. The
 *     MSFZ that a store which negotiates sends under the plain name of a PDB is no candidate of its
 *     own: it is one question with the PDB.
 *  5. case, lower before as asked. Innermost, so that the two cases stand side by side.
 *
 * Where it is known how the store spells the name (options.names), each of these spellings is one more at 1: the
 * name in lower case, then the others; the key is written in lower case, as symstore.exe does, and as asked.
 * Within such a spelling what lies as files of that name were found to lie (learnt) comes first, since all is the
 * same file there. What the store is not known to have comes after these spellings where it is believed to have
 * no others (options.names_first), and before them elsewhere.
 *
 * and last of all file.ptr, where the store says what it points to (traits.ptr). A .sym that is
 * asked for by the code id of an image is looked for by way of that image, too.
 *
 * Asked for the `_` twin itself: that as it is; then, where cabinets are made (options.cabinets),
 * one of the plain file. Asked for a Breakpad file, name.sym: that, or expanded, name.sym.gz and
 * .zst.
 *
 * A path that names a file by its build-id becomes the key that the store's layout (layout.h) gives
 * that file (in gdb's layout also the key below .build-id/), and then the same with more or fewer
 * zeros at the end of the id. An SSQP path is a name/KEY/name, and is looked for as such first. A
 * store of the unified layout, or one that has given a file out of it, is asked for a key of that
 * layout also where a path has the id of a PDB or Mach-O file. Last comes the path as it was asked,
 * where it is not among these keys. /buildid/HEX/source/... and /section/... have no candidates.
 * Any other path has one: itself.
 *
 * Tiers: a path as it was asked comes before its twin, but for a store that is known to be
 * two-tier a one-tier path (three segments) is asked for in its two-tier form first, and for one
 * that is not known yet, or may be both, in that form second, lest a 404 be unproven. A two-tier
 * path (four segments, the first being the folder of the second) has its one-tier twin on any
 * store. A segment msfz0 before the last does not count. The folder that is put before a name
 * has the case of that name.
 *
 * Eager is a candidate under the key as it was asked: the plain name, in every spelling, tier and
 * case, and msfz0/name for a client that accepts it. By default a lower-case request for a file
 * that is not there costs two questions, of which one is only whether the file is there (the `_`
 * twin). Pure: no I/O, no globals.
 */
#pragma once
#include "cache/name_index.h"
#include "serve/client.h"
#include "serve/request.h"
#include "store/store.h"

/* Candidates beyond this number, which are the least likely, are not looked for. */
#define CANDIDATES_MAX 96
#define CANDIDATES_ADDED_MAX                                                                       \
	48 /* of names that the store spells otherwise; they displace no others */
#define CANDIDATE_STARTS_MAX 8

enum want {
	WANT_FILE, /* the object; its Content-Encoding undone where the client does not accept it */
	WANT_EXPANDED, /* the content of the object, which is compressed */
	WANT_CABINET,  /* a cabinet made of the object */
	WANT_POINTER,  /* the object it leads to: file.ptr to its target, an image to the .sym */
};

struct candidate {
	struct slice key;
	enum want want;
	bool eager;      /* likely: asked for at once; else only its presence is */
	bool alias;      /* it has another key than was asked for */
	bool msfz;       /* the answer is in MSFZ form, which the client accepts */
	bool negotiable; /* or may be, if the store chooses that form, under the plain name */
	bool as_asked;   /* the path itself, which no other candidate is */
	bool unnamed;    /* its key tells no name of the file: a build-id's */
	bool late;    /* it stands behind the aliases of the key, which not every client asks for */
	bool gzipped; /* WANT_FILE: it is gzip by its name, to be sent with that Content-Encoding */
	/*
	 * Where the store has listed the name: how many bytes of the key are the folder before it, and
	 * the name; how the file lies there: its packing, and how its key is written (bits of enum
	 * key_casing, which may come to the same).
	 */
	uint16_t folder_n, name_n;
	uint8_t packing, casings;
	uint8_t name; /* which of options.names that is */
	bool added;   /* and only so it is a candidate at all */
	uint8_t rank; /* candidate_list.c: by spelling of the path, and of the name */
};

struct candidate_options {
	enum store_case key_case;
	enum store_tier tier;
	unsigned forms; /* STORE_FORM_... */
	enum store_aliases aliases;
	enum store_layout layout;
	bool unified;    /* a file has been found in that layout */
	bool wildcards;  /* STORE_ANY_NAME */
	bool pointers;   /* file.ptr is followed */
	bool cabinets;   /* SERVE_CAB */
	bool ranged;     /* a part is wanted: nothing gzipped */
	bool negotiates; /* the store sends PDBs in MSFZ form to requests that accept it */
	size_t first;    /* candidates to leave out at the beginning: candidates.next */
	/* Of the store, that are the path's in any case; or NULL. */
	const struct listed_name *names;
	size_t n_names;
	bool names_first; /* what it is not known to have comes after them; else before, as without */
	uint8_t learnt; /* how files lie under names of which nothing is known (candidate_lies()) */
	const struct client *client; /* not NULL */
};

/* No two are the same. They lie in text and live until candidates_fini(). */
struct candidates {
	size_t n;
	struct candidate list[CANDIDATES_MAX + CANDIDATES_ADDED_MAX];
	struct buf text;
	size_t next; /* > 0: there are more, which begin with options.first = next */
	/*
	 * Where the store writes the name with capitals: how the file's key begins there, if it is one
	 * in a case that is no candidate.
	 */
	bool starts_cut; /* there are more than: */
	size_t starts;
	struct slice start[CANDIDATE_STARTS_MAX];
	/*
	 * Then: a miss of this key, which no object has, is remembered when these have been listed in vain for
	 * the path. Without it the path is not known to be missing, whatever is known of the candidates.
	 */
	struct slice in_vain;
};

/* How a file that was found lies below its name, as one byte that is not 0; have: what was learnt before. */
uint8_t candidate_lies(const struct candidate *c, uint8_t have);

/*
 * *ret needs no preparation and is always safe to give to candidates_fini(). False only when
 * memory is out. A path without segments has no candidates.
 */
MUST_CHECK bool candidates_make(const struct symbol_path *p, const struct candidate_options *o,
				struct candidates *ret);
/* Request headers, as bits, that decide which answer a client gets: those that Vary names. */
enum {
	BY_ENCODING = 1, /* Accept-Encoding */
	BY_ACCEPT = 2,
	BY_AGENT = 4,    /* User-Agent */
	BY_CHECKSUM = 8, /* SymbolChecksum */
	BY_ALL = 15,
};
/*
 * The request headers on which the keys of the path depend, in a store that leaves aliases to us:
 * those from which the client's habits (client.h) are concluded.
 */
unsigned candidates_decided_by(const struct symbol_path *p);
/*
 * The candidates of a path that a file.ptr of the store has led to: that key (below the store's
 * prefix, with slashes) as it is, expanded if its name is that of a `_` twin, and else its
 * compressed twins.
 */
MUST_CHECK bool candidates_of_target(struct slice target, const struct candidate_options *o,
				     struct candidates *ret);
void candidates_fini(struct candidates *c);
