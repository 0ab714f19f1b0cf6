// SPDX-License-Identifier: MIT
/*
 * What a request's path means. request.h takes it apart; symbol_path_read() decides here, once for each
 * request, what is wanted, and all others read that: which keys (candidates.h), which stores (resolve.h),
 * by which names (file_name.h), and whether a private store may serve it.
 *
 *	PATH_FILE	[fo/]name/KEY/last, [fo/]name/KEY/msfz0/last; fo: the first two characters of name
 *	PATH_BUILD_ID	an ELF file by its build-id, of 8 bytes or more where nothing says "build-id":
 *				debug file		executable
 *		debuginfod	buildid/HEX/debuginfo	buildid/HEX/executable
 *		Symbolicator	HEX/debuginfo		HEX/executable
 *		GDB		nn/nnnn.debug		nn/nnnn, and both behind .build-id/
 *		Sentry		nn/nnnn/debuginfo	nn/nnnn/executable
 *	PATH_UNIFIED	nn/nnnn/WORD of Sentry's unified layout that is no build-id's, but by a GUID and
 *			age, or with another word: breakpad, sourcebundle, meta...
 *	PATH_PART	buildid/HEX/source/..., buildid/HEX/section/...: only a debuginfod server can tell
 *	PATH_UUID	LLDB's XXXX/XXXX/XXXX/XXXX/XXXX/XXXXXXXXXXXX, also with .app behind it
 *
 * A PATH_FILE by the SSQP key of an ELF file tells its build-id, too: name/elf-buildid-HEX/name is the
 * executable, _.debug/elf-buildid-sym-HEX/_.debug the debug file.
 *
 * A store that is read with credentials serves to clients without any only what symbol clients ask for
 * (design rule: a private bucket is not made public by accident); the rest is refused before the store
 * hears of it. symbol_path.symbol is that list:
 *
 *	PATH_FILE	the name, its `_` twin or file.ptr, with KEY of 5 to 128 hex digits (PE keys come
 *			unpadded, decimal ages are hex digits too) or one of SSQP's: elf-buildid-...,
 *			mach-uuid-..., sha1-..., r2rmap-v...; name.sym, with hex digits and without msfz0
 *	PATH_BUILD_ID	and PATH_PART, with 5 hex digits or more
 *	PATH_UNIFIED	debuginfo, executable and breakpad, of 32 hex digits or more
 *
 * Never among them: what lies in symstore's 000Admin folder, and refs.ptr. Names are compared as the fold
 * of text.h does. Pure.
 */
#pragma once
#include "base/buf.h"
#include "symfmt/key.h"

#define SYMBOL_PATH_MAX           1024 /* bytes of the segments joined by '/'; S3's own limit */
#define SYMBOL_PATH_SEGMENTS_MAX  16   /* behind base path and token */
#define SYMBOL_PATH_SPELLINGS_MAX 4

enum path_kind {
	PATH_ROOT,   /* no segments */
	PATH_INDEX2, /* index2.txt, in any case */
	PATH_PINGME, /* pingme.txt, in any case */
	PATH_FILE,
	PATH_BUILD_ID,
	PATH_UNIFIED,
	PATH_PART,
	PATH_UUID,
	PATH_OTHER, /* looked for as it is */
};

/* What the last segment of name/KEY/last is. */
enum path_last {
	LAST_OTHER,
	LAST_PLAIN, /* the name again */
	LAST_TWIN, /* the name of the compressed file: name without its last character and '_', or name._ */
	LAST_SYM, /* Breakpad's: name.sym, or that with .pdb, .exe or .dll cut off the name */
	LAST_PTR, /* file.ptr */
};

/* One way to read the path's '+' and spaces. All slices are parts of path. */
struct spelling {
	struct slice path; /* whole, as the key of a store */
	/*
	 * As far as the end of the path tells, whatever stands before it: [.../]name/KEY/[msfz0/]last.
	 * name.n == 0: there are fewer segments.
	 */
	struct slice name, last;
	enum path_last last_is; /* with name.n == 0: LAST_OTHER */
	bool msfz;              /* msfz0 stands before last */
	bool tiered;            /* the folder of a two-tier store stands before name */
	struct symbol_key key;  /* KEY; its text alone, unless the path is a PATH_FILE */
};

/*
 * All slices lie in text and live until symbol_path_fini(). The spellings are those ways to read
 * '+' and space that differ from one another, likeliest first: as decoded; a raw '+' as space;
 * every '+' as space; every space as '+'. They differ in these bytes only, so that the segments
 * of all have the same places; kind and all that goes with it are those of spelling[0].
 */
struct symbol_path {
	enum path_kind kind;
	bool symbol;     /* of the list above */
	bool unified;    /* nn/nnnn/WORD: PATH_UNIFIED, and PATH_BUILD_ID in that form */
	bool debuginfod; /* PATH_BUILD_ID, its answer tells X-DEBUGINFOD-SIZE: buildid/HEX/... */
	bool executable; /* with an id: not the debug file */
	struct symbol_id
		id; /* PATH_BUILD_ID, PATH_FILE with SSQP's key of an ELF file; else id.n == 0 */
	struct slice token; /* hex digits as sent; n == 0 when there is none */
	size_t spellings;   /* 1 to 4 */
	struct spelling spelling[SYMBOL_PATH_SPELLINGS_MAX];
	size_t segments;
	struct slice segment[SYMBOL_PATH_SEGMENTS_MAX]; /* of spelling[0] */
	struct buf text;
};

/* Decide what the path means, by its segments and the spellings' paths. */
void symbol_path_read(struct symbol_path *p);
/*
 * All spellings, one behind the other: paths that have the same are looked for alike. One spelling does not tell
 * that: of a '+' another one may depend on whether it was escaped.
 */
struct slice symbol_path_spellings(const struct symbol_path *p);
/* Segment i of spelling s. */
struct slice symbol_path_segment(const struct symbol_path *p, size_t s, size_t i);
/* Is it one of the server's own, which no store is asked for: the root, index2.txt, pingme.txt? */
bool symbol_path_is_own(const struct symbol_path *p);
/* Does it tell no name of the file, but only an id? */
bool symbol_path_is_nameless(const struct symbol_path *p);
void symbol_path_fini(struct symbol_path *p);

/* The end of any path, such as the key of a store: all of *ret but what the key says. */
struct spelling path_end(struct slice path);
enum path_last path_last(struct slice name, struct slice last);
/* Can it be a KEY: 5 to 128 hex digits, or one of SSQP's? */
bool path_is_key(struct slice s);
