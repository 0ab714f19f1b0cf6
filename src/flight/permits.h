// SPDX-License-Identifier: MIT
/*
 * A number of permits for work that takes a processor, given in the order of asking. More threads
 * than permits may be under way: whoever waits for something else gives its permit back meanwhile.
 * Thread safe.
 */
#pragma once

struct permits;

struct permits *permits_new(unsigned n);
void permits_free(struct permits *p); /* nobody has or waits for one; accepts NULL */
void permits_take(struct permits *p); /* waits */
void permits_give(struct permits *p);
/* In the middle of long work: let those go first who wait by now. */
void permits_pass(struct permits *p);
