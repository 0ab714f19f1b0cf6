// SPDX-License-Identifier: MIT
/* See last_fault.h. Failures are few, so that one lock does for all stores. */
#include "store/last_fault.h"

#include "base/clock.h"
#include "base/macros.h"
#include "store/store.h"

#include <pthread.h>

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;

void last_fault_note(struct store *s, const struct error *e)
{
	int64_t now_s = clock_wall_s(), now_ns = clock_mono_ns();
	struct last_fault *f = &s->fault;

	LOCK_SCOPE(&mu);
	f->count++;
	f->at_s = now_s;
	f->at_ns = now_ns;
	f->error = *e;
}

struct last_fault last_fault_get(const struct store *s)
{
	LOCK_SCOPE(&mu);
	return s->fault;
}
