// SPDX-License-Identifier: MIT
/*
 * Is what a server sends a page in place of a file? A sign-in form or the page of a captive portal
 * comes with status 200 like any file, and labels do not tell one: servers call a PDB text/html as
 * well, and pages nothing. So the first bytes of a body are looked at (symfmt/page.h) before its
 * head is told. Pure.
 */
#pragma once
#include "base/buf.h"
#include "store/store.h"

struct page_look {
	bool is_symbol_path;  /* a symbol file is asked for, which no page can be */
	bool is_called_page;  /* by its Content-Type */
	bool is_called_coded; /* by its Content-Encoding */
	int64_t length;       /* of the body, -1 unknown */
	const char *name;     /* of the page that was seen: "an HTML page" */
	struct buf beginning;
};

enum page_seen {
	PAGE_NONE, /* it is none */
	PAGE_SEEN,
	PAGE_MORE, /* more bytes would tell; those until now are in `beginning` */
};

/* A new answer; is_symbol_path stays. False: there is nothing to be seen by its bytes. */
bool page_look_begin(struct page_look *l, const char *content_type, const struct object_head *head);
/* The next bytes of the body. Those that were held come first: see page_look_take(). */
enum page_seen page_look_feed(struct page_look *l, struct slice bytes);
/* The bytes that were held, with those given last if any were; the caller's to free. */
struct buf page_look_take(struct page_look *l);
void page_look_fini(struct page_look *l);
