// SPDX-License-Identifier: MIT
/* See transfer_due.h. */
#include "store/transfer_due.h"

struct transfer_due transfer_due_of(const struct transfer_request *r, int64_t now_ns)
{
	return (struct transfer_due){
		.asked_ns = now_ns,
		.until_ns = r->head_deadline_ns,
		.within_ns = r->head_within_ns,
		.put_off_ns = r->put_off_ns,
		.patient = r->patient,
	};
}

void transfer_due_wait(struct transfer_due *d)
{
	d->at_ns = d->until_ns;
	d->overdue = ERR_BUSY;
}

/* The wait does not count for a transfer that goes on, nor for its asker. */
static void put_off(struct transfer_due *d, int64_t now_ns)
{
	int64_t waited_ns = now_ns - d->asked_ns;

	*d->put_off_ns += waited_ns;
	d->until_ns += waited_ns;
	d->asked_ns = now_ns;
}

static int64_t due_ns(const struct transfer_due *d, int64_t begun_ns)
{
	return d->within_ns && !d->patient ? MIN(begun_ns + d->within_ns, d->until_ns)
					   : d->until_ns;
}

/*
 * A time that is too short is the store's affair only if it would have been as short without the
 * wait. Of a patient transfer not even then, if it is as long as within_ns, which is enough for
 * others.
 */
void transfer_due_begin(struct transfer_due *d, int64_t now_ns)
{
	int64_t fair;

	if (d->put_off_ns)
		put_off(d, now_ns);
	fair = due_ns(d, d->asked_ns) - d->asked_ns;
	if (d->within_ns)
		fair = MIN(fair, d->within_ns);
	d->at_ns = due_ns(d, now_ns);
	d->overdue = d->at_ns - now_ns < fair ? ERR_BUSY : ERR_TIMEOUT;
}

void transfer_due_sent(struct transfer_due *d, int64_t now_ns)
{
	d->at_ns = now_ns + d->within_ns;
	d->overdue = ERR_TIMEOUT;
}
