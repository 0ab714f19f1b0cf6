// SPDX-License-Identifier: MIT
/* The last failure of a store: none, one, the newest of several; read while others are noted. */
#include "store/last_fault.h"

#include "base/clock.h"
#include "store/store.h"
#include "tap.h"

#include <pthread.h>

#define NOTED 20000

static void none(void)
{
	struct store s = {0};
	struct last_fault f = last_fault_get(&s);

	CHECK(f.count == 0 && f.at_ns == 0 && f.error.msg[0] == '\0', "a store that never failed");
}

static void newest(void)
{
	struct store s = {0};
	struct last_fault f;
	struct error e;

	clock_freeze_wall_s(1000);
	err_set(&e, ERR_NET, "first");
	last_fault_note(&s, &e);
	clock_freeze_wall_s(2000);
	err_set(&e, ERR_UPSTREAM, "second");
	last_fault_note(&s, &e);
	clock_freeze_wall_s(0);
	f = last_fault_get(&s);
	CHECK(f.count == 2 && f.at_s == 2000, "two failures, at the time of the second");
	CHECK(strcmp(f.error.msg, "second") == 0 && f.error.code == ERR_UPSTREAM, "and its words");
}

static void *note_many(void *ud)
{
	struct error e;

	for (int i = 0; i < NOTED; i++) {
		err_set(&e, ERR_NET, i % 2 ? "aaaaaaaaaaaaaaaaaaaa" : "bbbbbbbbbbbbbbbbbbbb");
		last_fault_note(ud, &e);
	}
	return NULL;
}

static void read_meanwhile(void)
{
	struct store s = {0};
	pthread_t thread;
	bool whole = true;

	pthread_create(&thread, NULL, note_many, &s);
	for (int i = 0; i < NOTED; i++) {
		struct last_fault f = last_fault_get(&s);

		whole = whole && (!f.count || strspn(f.error.msg, "a") == 20 ||
				  strspn(f.error.msg, "b") == 20);
	}
	pthread_join(thread, NULL);
	CHECK(whole, "what is read is one message");
	CHECK(last_fault_get(&s).count == NOTED, "all were counted");
}

int main(void)
{
	none();
	newest();
	read_meanwhile();
	return tap_done();
}
