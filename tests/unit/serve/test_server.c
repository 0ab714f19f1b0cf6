// SPDX-License-Identifier: MIT
/*
 * The end of the server: it waits for whatever the loop may still touch. server.c is included, for
 * the rest of it needs sockets, which the whole-program tests have.
 */
#include "serve/server.c"

#include "lookup_rig.h"

#include "tap.h"
#include <time.h>

static void *cut(void *arg)
{
	cut_exchanges(arg);
	return NULL;
}

/* Has the thread ended within this time? Then it is joined. */
static bool ends_within(pthread_t thread, int64_t ns)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	ns += until.tv_nsec;
	until.tv_sec += ns / NS_PER_S;
	until.tv_nsec = ns % NS_PER_S;
	return pthread_timedjoin_np(thread, NULL, &until) == 0;
}

/*
 * The gauge of requests is a sum over shards that are not read at one moment, and an exchange is
 * counted out before the loop has let go of its lookup: the server was freed under it.
 */
static void test_end_waits_for_the_loop(void)
{
	struct server s = {0};
	pthread_t thread;
	struct world w;

	world_init(&w, 1, "/" ASKED);
	s.parts = (struct server_parts){.loop = w.loop, .flights = w.flights};
	atomic_store(&s.looking, 1);
	ASSERT(pthread_create(&thread, NULL, cut, &s) == 0);
	CHECK(MANUAL_UNTIL(w.loop, atomic_load(&s.aborted)), "what waits is aborted");
	CHECK(!ends_within(thread, 50 * NS_PER_MS), "no request is left, but the loop has one");
	atomic_store(&s.looking, 0);
	CHECK(ends_within(thread, 10 * NS_PER_S), "it has let go of it: then it ends");
	CHECK(world_fini(&w), "nothing is left");
}

/* So that who is let in finds descriptors for all that an answer may need. */
static void test_room(void)
{
	static const struct {
		rlim_t files;
		size_t elsewhere, clients;
	} rows[] = {
		{0, 0, 1},         {64, 0, 1},         {100, 0, 12},        {1024, 0, 416},
		{1024, 1280, 192}, {4096, 1280, 1120}, {20000, 1280, 8078}, {65536, 1280, 28000},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char name[40];

		snprintf(name, sizeof(name), "clients where %llu descriptors are",
			 (unsigned long long)rows[i].files);
		CHECK_INT(server_room_for(rows[i].files, rows[i].elsewhere), rows[i].clients, name);
	}
	CHECK(server_room_for(RLIM_INFINITY, 1280) > 1000000, "no limit");
}

int main(void)
{
	test_room();
	test_end_waits_for_the_loop();
	return tap_done();
}
