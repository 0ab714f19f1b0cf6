// SPDX-License-Identifier: MIT
/*
 * What libcurl waits for (descriptors, and one timeout), in our event loop; for transfer.c. It is
 * libcurl that says what to watch, by callbacks of its own; act() is called for what has happened.
 * Loop's thread only.
 */
#pragma once
#include "base/loop.h"
#include <curl/curl.h>

struct socket;

struct transfer_loop {
	struct loop *loop;
	CURLM *multi;
	void (*act)(struct transfer_loop *g, curl_socket_t fd, int curl_events);
	struct loop_timer timer;
	bool closing;          /* the loop has stopped: nothing is posted any more */
	struct socket **by_fd; /* those that are watched */
	size_t n_by_fd;
	struct socket *gone; /* no longer watched, freed after this turn of the loop */
	struct loop_task reap;
};

/* Take over the callbacks of the multi handle, which has to be cleaned up before the end. */
void transfer_loop_init(struct transfer_loop *g, struct loop *loop, CURLM *multi,
			void (*act)(struct transfer_loop *g, curl_socket_t fd, int curl_events));
/* The handle's sockets are closed by way of us from now on. */
void transfer_loop_adopt(struct transfer_loop *g, CURL *easy);
void transfer_loop_fini(struct transfer_loop *g);
