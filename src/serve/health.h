// SPDX-License-Identifier: MIT
/*
 * Keeping an eye on the stores. Each is probed at start until it answers (with growing pauses),
 * then looked at once for index2.txt, unless its URL tells the tiers, and probed again only when it
 * has been silent for HEALTH_QUIET, so that readiness is known without traffic and costs no request
 * under load.
 *
 * Runs on the loop's thread; the questions may be asked by any thread.
 */
#pragma once
#include "base/clock.h"
#include "serve/lookup.h"

#define HEALTH_QUIET_NS (10 * NS_PER_S)
#define HEALTH_DEAD_NS  (30 * NS_PER_S) /* no store answered for so long: not ready */

struct health;

struct health *health_new(struct loop *loop, const struct store_list *stores);
void health_start(struct health *h);
/* After the loop has stopped. Accepts NULL. */
void health_free(struct health *h);

/* Has any store answered within HEALTH_DEAD_NS? */
bool health_ready(const struct health *h);
/* Is any store known to be two-tier (index2.txt)? */
bool health_two_tier(const struct health *h);
/* Wait until every store's first probe has ended, at most so long. Not on the loop's thread. */
void health_wait_first(struct health *h, int64_t timeout_ns);
