// SPDX-License-Identifier: MIT
/*
 * The URL of a store, taken apart. Pure.
 *
 *	s3://bucket/prefix?endpoint=URL&region=NAME&style=path|virtual&anonymous=true&
 *		misses=bare&requester-pays=true&...
 *	file:///dir?...
 *	https://user:password@host:port/base?...
 *
 * Options for every kind:
 *
 *	case=lower|asked|both, optional=true, only=GLOB, not=GLOB
 *	forms=plain,cab,gz,zst,msfz	what it may hold; plain always
 *	tiers=1|2|both			instead of a look at index2.txt
 *	aliases=auto|all|none		other keys of the same file
 *	layout=ssqp|gdb|debuginfod|unified	where files lie that are known by their build-id
 *	index=auto|on|off		s3: are its names listed (cache/name_index.h)?
 *	redirect=any			http(s): redirects may lead anywhere (address.h)
 *	ptr=\\server\share		what file.ptr calls the place that this URL names
 *
 * An option that is unknown is an error, except that the query of an http(s) URL may hold what its
 * server wants to see (a SAS token): it is kept and sent along.
 */
#pragma once
#include "store/store.h"

enum store_style { STYLE_DEFAULT, STYLE_PATH, STYLE_VIRTUAL };
enum store_index_option { INDEX_AUTO, INDEX_ON, INDEX_OFF };
enum store_case_option { CASE_OPTION_NONE, CASE_OPTION_LOWER, CASE_OPTION_ASKED, CASE_OPTION_BOTH };

struct store_url {
	struct buf text; /* owns the text of the slices */
	struct slice scheme;
	struct slice user_password; /* decoded */
	struct slice host;          /* with its port; the bucket for s3 */
	struct slice path;     /* decoded; s3: without slashes at the ends; file: the directory */
	struct slice raw_path; /* as written */
	struct slice query;    /* http only: the parameters that are no option of ours */
	struct slice endpoint, region, only, not, ptr; /* decoded; empty = not given */
	enum store_style style;
	enum store_case_option key_case;
	enum store_index_option index;
	bool anonymous, optional, bare_misses, requester_pays, follows_anywhere;
	enum store_tier tier;
	unsigned forms; /* STORE_FORM_...; this and the next two are the scheme's when not given */
	enum store_aliases aliases;
	enum store_layout layout;
};

/* The message names the part that is wrong, never the password. */
MUST_CHECK enum err store_url_parse(struct slice url, struct store_url *ret, struct error *e);
void store_url_fini(struct store_url *u);
/* host, host:port, [v6] or [v6]:port, with a port of 1 to 65535. */
bool store_url_host_valid(struct slice host);
/* The URL for people: without credentials and query. */
void store_url_name(const struct store_url *u, struct buf *out);
