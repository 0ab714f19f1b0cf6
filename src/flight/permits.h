// SPDX-License-Identifier: MIT
/*
 * A number of permits for work that takes a processor, given in the order of asking. More threads
 * than permits may be under way: a thread that waits for something else gives its permit back
 * meanwhile. Thread safe.
 */
#pragma once

struct permits;

struct permits *permits_new(unsigned n);
void permits_free(struct permits *p); /* once no thread has one or waits for one; accepts NULL */
void permits_take(struct permits *p); /* waits */
void permits_give(struct permits *p);
/* In the middle of long work: let the threads that wait by now go first. */
void permits_pass(struct permits *p);
