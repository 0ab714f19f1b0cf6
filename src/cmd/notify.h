// SPDX-License-Identifier: MIT
/*
 * Telling servers what has been published: POST /-/notify with the paths, NOTIFY_PATHS_MAX at a time, so that they
 * forget that these were missing. A server that does not take it is a warning: its memory of misses ends by itself.
 * Main thread; the service's loop runs.
 */
#pragma once
#include "cmd/service.h"

#define NOTIFY_PATHS_MAX 10000

struct notify {
	const char *const *urls; /* "https://symbols.example.com"; borrowed, as all here */
	size_t n_urls;
	const char *token; /* "": none */
	struct buf paths;  /* each ends with a line feed; owned */
	size_t n;
};

/* A key of a store, as debuggers ask for it: neither in a folder of two tiers, nor as what is packed is called. */
void notify_add(struct notify *n, struct slice key);
/* warn() of each server that was not told. */
void notify_send(struct notify *n, struct service *s,
		 void (*warn)(const char *url, const char *why));
void notify_fini(struct notify *n);
