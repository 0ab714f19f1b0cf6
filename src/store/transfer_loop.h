// SPDX-License-Identifier: MIT
/*
 * The sockets and the timeout of libcurl, in our event loop; for transfer.c. libcurl says by
 * callbacks what to watch; act() is called for each event. Loop's thread only.
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
	bool closing; /* the loop has stopped: nothing is posted any more */
	struct socket *
		*by_fd; /* by number; one closed by libcurl stays until its number comes back */
	size_t n_by_fd;
	struct socket *gone; /* closed by us; freed after this turn of the loop */
	uint64_t turn;       /* counted where something was let go of */
	struct loop_task turn_over;
};

/* Take over the callbacks of the multi handle, which has to be cleaned up before the end. */
void transfer_loop_init(struct transfer_loop *g, struct loop *loop, CURLM *multi,
			void (*act)(struct transfer_loop *g, curl_socket_t fd, int curl_events));
/* From now on the sockets that this handle connects are closed through close_socket(). */
void transfer_loop_adopt(struct transfer_loop *g, CURL *easy);
void transfer_loop_fini(struct transfer_loop *g);
