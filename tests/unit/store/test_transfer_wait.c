// SPDX-License-Identifier: MIT
/*
 * Transfers that wait for one of those in flight to end (store/transfer.h): whose turn it is, how many may
 * wait and for how long, and what becomes of those that do not any more. Whose turn it is in all cases is
 * in test_fair.c; here, that it goes by that.
 */
#include "store/transfer.h"

#include "manual_loop.h"
#include "metric/metric.h"

#include "http_server.h"
#include "tap.h"
#include <curl/curl.h>

#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define QUIET ""

static struct loop *loop;
static struct transfer_engine *engine;
static struct http_server server;

struct client {
	struct transfer *transfer;
	struct client *cancels; /* from inside its data */
	int dones;
	bool over;
	struct error error;
};

static void cancel(struct client *c)
{
	transfer_cancel(TAKE(c->transfer));
}

static void on_head(void *ud, const struct transfer_head *head)
{
}

static bool on_data(void *ud, struct slice bytes)
{
	struct client *c = ud;

	if (c->cancels)
		cancel(TAKE(c->cancels));
	return true;
}

static void on_done(void *ud, const struct error *e)
{
	struct client *c = ud;

	c->dones++;
	c->error = *e;
	c->transfer = NULL;
	c->over = true;
}

static void begin_world(size_t max_transfers, size_t max_waiting, const struct http_reply *script,
			size_t n)
{
	const struct transfer_limits limits = {
		.connect_timeout_ns = 60 * NS_PER_S,
		.stall_timeout_ns = 60 * NS_PER_S,
		.max_transfers = max_transfers,
		.max_waiting = max_waiting,
	};

	loop = manual_loop();
	ASSERT(transfer_engine_new(loop, &limits, &engine, NULL) == OK);
	http_server_start(&server, script, n);
}

static void end_world(void)
{
	transfer_engine_free(engine);
	loop_free(loop);
	http_server_stop(&server);
}

static enum err ask(struct client *c, struct transfer_request r, uint64_t asker, const char *path)
{
	static const struct transfer_events events = {on_head, on_data, on_done};
	char url[100];

	*c = (struct client){.cancels = c->cancels};
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/%s", server.port, path);
	r.url = url;
	r.asker = asker;
	if (!r.head_deadline_ns)
		r.head_deadline_ns = clock_mono_ns() + 3600 * NS_PER_S;
	return transfer_start(engine, &r, &events, c, &c->transfer, NULL);
}

static void begin(struct client *c, uint64_t asker, const char *path)
{
	ASSERT(ask(c, (struct transfer_request){0}, asker, path) == OK);
}

static bool heard(size_t i, const char *path)
{
	char line[100];

	snprintf(line, sizeof(line), "GET /%s HTTP", path);
	return http_server_heard(&server, i, line);
}

static int64_t waiting, active, refused;

static void note_metrics(void)
{
	waiting = metric_get(waiting_transfers);
	active = metric_get(active_transfers);
	refused = metric_get(refused_transfers);
}

static bool metrics_are(int64_t waits, int64_t runs, int64_t turned_away)
{
	return metric_get(waiting_transfers) - waiting == waits &&
	       metric_get(active_transfers) - active == runs &&
	       metric_get(refused_transfers) - refused == turned_away;
}

/* One asker fills the only place and waits with many; another comes last, with one. */
static void test_turns(void)
{
	static const struct http_reply script[] = {{QUIET}, {HELLO}, {HELLO}, {HELLO}, {HELLO}};
	static const char *const order[] = {"a0", "b", "a1", "a2", "a3"};
	struct client a[4] = {{0}}, b = {0};

	note_metrics();
	begin_world(1, 8, script, ARRAY_LEN(script));
	begin(&a[0], 1, "a0");
	ASSERT(MANUAL_UNTIL(loop, http_server_asked(&server) == 1));
	begin(&a[1], 1, "a1");
	begin(&a[2], 1, "a2");
	begin(&a[3], 1, "a3");
	begin(&b, 2, "b");
	manual_settle(loop);
	CHECK(metrics_are(4, 1, 0), "four wait for the one that runs");
	cancel(&a[0]);
	ASSERT(manual_until(loop, &a[3].over));
	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		CHECK(heard(i, order[i]), order[i]);
	CHECK(a[1].error.code == OK && a[2].error.code == OK && b.error.code == OK,
	      "each is answered");
	CHECK(metrics_are(0, 0, 0), "none is left");
	end_world();
}

/* Between an end and the turn of who waits there is a moment in which there is room. */
static void test_nobody_overtakes(void)
{
	static const struct http_reply script[] = {{QUIET}, {HELLO}, {HELLO}};
	struct client a = {0}, b = {0}, c = {0};

	begin_world(1, 8, script, ARRAY_LEN(script));
	begin(&a, 1, "a");
	ASSERT(MANUAL_UNTIL(loop, http_server_asked(&server) == 1));
	begin(&b, 2, "b");
	cancel(&a);
	begin(&c, 3, "c");
	ASSERT(manual_until(loop, &c.over));
	CHECK(heard(1, "b") && heard(2, "c"), "who comes in that moment is behind who waits");
	end_world();
}

static void test_too_many(void)
{
	static const struct http_reply script[] = {{QUIET}, {QUIET}, {QUIET}};
	const struct transfer_request probe = {.at_once = true};
	struct client c[4] = {{0}};

	note_metrics();
	begin_world(1, 1, script, ARRAY_LEN(script));
	begin(&c[0], 1, "0");
	begin(&c[1], 2, "1");
	CHECK_INT(ask(&c[2], (struct transfer_request){0}, 3, "2"), ERR_BUSY,
		  "no more than so many wait");
	CHECK(metrics_are(1, 1, 1), "which is counted");
	CHECK_INT(ask(&c[2], probe, 0, "2"), OK, "but probes do not");
	CHECK(metrics_are(1, 2, 1), "they go beyond the limit");
	cancel(&c[0]);
	manual_settle(loop);
	CHECK(metrics_are(1, 1, 1), "which holds for all others");
	cancel(&c[2]);
	manual_settle(loop);
	CHECK(metrics_are(0, 1, 1), "until there is room");
	end_world();
	CHECK(c[1].dones == 1 && c[1].error.code == ERR_CANCELED, "");
}

/* One asker fills all places to wait: others get one, until he has no more than they. */
static void test_too_many_of_one(void)
{
	static const struct http_reply script[] = {{QUIET}, {HELLO}, {HELLO}, {HELLO}};
	struct client a[4] = {{0}}, b = {0}, c = {0}, d = {0};

	note_metrics();
	begin_world(1, 3, script, ARRAY_LEN(script));
	for (size_t i = 0; i < 4; i++)
		begin(&a[i], 1, "a");
	ASSERT(MANUAL_UNTIL(loop, http_server_asked(&server) == 1));
	CHECK_INT(ask(&d, (struct transfer_request){0}, 1, "a"), ERR_BUSY, "no more of his");
	begin(&b, 2, "b");
	CHECK(!a[3].over, "nothing is called from inside a start");
	manual_settle(loop);
	CHECK(a[3].dones == 1 && a[3].error.code == ERR_BUSY, "the last of his gives way");
	begin(&c, 3, "c");
	cancel(&a[2]);
	CHECK(metrics_are(3, 1, 2), "another, which is cancelled meanwhile");
	CHECK_INT(ask(&d, (struct transfer_request){0}, 4, "d"), ERR_BUSY, "all wait with one");
	cancel(&a[0]);
	ASSERT(MANUAL_UNTIL(loop, a[1].over && b.over && c.over));
	CHECK(a[1].error.code == OK && b.error.code == OK && c.error.code == OK && a[2].dones == 0,
	      "those that waited are answered");
	CHECK(metrics_are(0, 0, 3), "all that was turned away is counted");
	end_world();
}

/* Where the one that leaves stood, and from where it is called. */
static void test_cancel_waiting(void)
{
	static const struct http_reply script[] = {{HELLO}, {HELLO}, {HELLO}};
	static const char *const names[] = {"the first leaves", "the second", "the last"};

	note_metrics();
	for (size_t who = 0; who < 3; who++)
		for (int inside = 0; inside < 2; inside++) {
			struct client first = {.cancels = NULL}, c[3] = {{0}};
			bool right = true;

			begin_world(1, 3, script, ARRAY_LEN(script));
			first.cancels = inside ? &c[who] : NULL;
			begin(&first, 1, "first");
			for (size_t i = 0; i < 3; i++)
				begin(&c[i], i < 2 ? 1 : 2, "next");
			if (!inside)
				cancel(&c[who]);
			right = metrics_are(inside ? 3 : 2, 1, 0);
			for (size_t i = 0; i < 3; i++)
				if (i != who)
					right = manual_until(loop, &c[i].over) && right;
			right = right && c[who].dones == 0 && metrics_are(0, 0, 0) &&
				http_server_asked(&server) == 3;
			CHECK(right, names[who]);
			end_world();
		}
}

static void test_end_of_the_engine(void)
{
	static const struct http_reply script[] = {{QUIET}};
	struct client c[3] = {{0}};

	note_metrics();
	begin_world(1, 2, script, ARRAY_LEN(script));
	begin(&c[0], 1, "0");
	begin(&c[1], 1, "1");
	begin(&c[2], 2, "2");
	end_world();
	for (int i = 0; i < 3; i++)
		CHECK(c[i].dones == 1 && c[i].error.code == ERR_CANCELED,
		      "an engine that goes ends what waits, too");
	CHECK(metrics_are(0, 0, 0), "");
}

/*
 * The head has to be there two seconds after its transfer began, and ten after it was asked for. When its
 * turn came late, and it then gets no answer:
 */
static void test_deadlines(void)
{
	static const struct http_reply script[] = {{QUIET}, {QUIET}};
	static const struct {
		const char *name;
		int64_t turn_s, end_s; /* turn_s 0: it does not come */
		enum err code;
		bool patient; /* all ten, whenever it began */
		bool goes_on; /* all ten, from when it began */
	} rows[] = {
		{"its turn did not come: ours", 0, 10, ERR_BUSY},
		{"it had all its time: the store's", 7, 9, ERR_TIMEOUT},
		{"just all of it", 8, 10, ERR_TIMEOUT},
		{"it had less for having waited: ours", 9, 10, ERR_BUSY},
		{"patient, and its turn did not come: ours", 0, 10, ERR_BUSY, true},
		{"patient, and it had more than others have: the store's", 1, 10, ERR_TIMEOUT,
		 true},
		{"patient, as much as others have", 8, 10, ERR_TIMEOUT, true},
		{"patient, and it had less: ours", 9, 10, ERR_BUSY, true},
		{"it goes on, and has all its time whenever it began: the store's", 60, 62,
		 ERR_TIMEOUT, false, true},
		{"it goes on, and is patient", 60, 70, ERR_TIMEOUT, true, true},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client first = {0}, c = {0};
		int64_t due_ns;

		note_metrics();
		begin_world(1, 1, script, ARRAY_LEN(script));
		begin(&first, 1, "first");
		due_ns = clock_mono_ns() + 10 * NS_PER_S;
		ASSERT(ask(&c,
			   (struct transfer_request){.head_deadline_ns = due_ns,
						     .put_off_ns = rows[i].goes_on ? &due_ns : NULL,
						     .head_within_ns = 2 * NS_PER_S,
						     .patient = rows[i].patient},
			   2, "c") == OK);
		if (rows[i].turn_s) {
			manual_advance(loop, rows[i].turn_s * NS_PER_S);
			cancel(&first);
			manual_settle(loop);
		}
		manual_advance(loop, (rows[i].end_s - rows[i].turn_s) * NS_PER_S - 1);
		CHECK(!c.over, "not before its time");
		CHECK(!rows[i].goes_on ||
			      due_ns == clock_mono_ns() + 1 +
						(10 - (rows[i].end_s - rows[i].turn_s)) * NS_PER_S,
		      "its asker's deadline is put off");
		manual_advance(loop, 1);
		CHECK(c.dones == 1 && c.error.code == rows[i].code, rows[i].name);
		CHECK(metrics_are(0, !rows[i].turn_s, !rows[i].turn_s),
		      "what never had a turn was turned away");
		end_world();
	}
}

/*
 * The store is found to be down, and its connections are given up (gate.c), while a transfer waits that was
 * asked for before: it does not go out on one of these.
 */
static void test_fresh_at_its_turn(void)
{
	static const struct http_reply script[] = {{HELLO}, {HELLO}, {HELLO}};
	int64_t fresh_ns = 0;
	const struct transfer_request request = {.fresh_ns = &fresh_ns};

	for (int given_up = 0; given_up < 2; given_up++) {
		struct client c[3] = {{0}};

		fresh_ns = 0;
		begin_world(1, 8, script, ARRAY_LEN(script));
		ASSERT(ask(&c[0], request, 1, "0") == OK && ask(&c[1], request, 1, "1") == OK);
		if (given_up)
			fresh_ns = clock_mono_ns();
		ASSERT(manual_until(loop, &c[1].over));
		CHECK_INT(http_server_connections(&server), 1 + given_up,
			  given_up ? "given up meanwhile: another connection" : "the same one");
		end_world();
	}
}

int main(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
	test_turns();
	test_nobody_overtakes();
	test_too_many();
	test_too_many_of_one();
	test_cancel_waiting();
	test_end_of_the_engine();
	test_deadlines();
	test_fresh_at_its_turn();
	curl_global_cleanup();
	return tap_done();
}
