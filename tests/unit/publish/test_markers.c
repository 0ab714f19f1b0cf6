// SPDX-License-Identifier: MIT
#include "publish/markers.h"
#include "publish/plan.h"
#include "tap.h"

#define ID   "20261129-150717-3f9a12bc"
#define DONE "{\"ended\":\"2026-11-29T15:09:00Z\",\"stored_bytes\":7,"
#define LISTS(a, b, c, d)                                                                          \
	"\"stored\":[" a "],\"existed\":[" b "],\"conflict\":[" c "],\"failed\":[" d "]}\n"
#define GONE "\"when\":\"2026-11-29T15:09:00Z\""

static struct tx_id id_of_plan(void)
{
	struct tx_id id;

	ASSERT(tx_id_parse(SLICE(ID), &id));
	return id;
}

static void test_done(void)
{
	struct done d CLEANUP(done_fini) = done_of(5), back CLEANUP(done_fini) = {0};
	struct buf text CLEANUP(buf_fini) = BUF_MAX(1000), small CLEANUP(buf_fini) = BUF_MAX(20);
	struct tx_id id = id_of_plan();
	struct error e;

	d.ended_s = 1795964940;
	d.stored_bytes = 7;
	for (size_t i = 0; i < 4; i++)
		d.outcome[i] = (uint8_t)(OUTCOME_FAILED - i);
	CHECK(done_write(&d, &text, &e) == ERR_CORRUPT && !text.n, "a file that is open");
	d.outcome[4] = OUTCOME_STORED;
	CHECK(done_write(&d, &small, &e) == ERR_LIMIT && !small.n, "no room");
	CHECK(done_write(&d, &text, &e) == OK, "written");
	CHECK_STR(buf_str(&text), DONE LISTS("5,6", "4", "3", "2"), "as text");
	CHECK(done_read(buf_slice(&text), &id, 5, &back, &e) == OK, "read");
	CHECK(back.files == 5 && memcmp(back.outcome, d.outcome, 5) == 0 &&
		      back.ended_s == d.ended_s && back.stored_bytes == 7,
	      "the same");
	CHECK_STR(outcome_name(OUTCOME_EXISTED), "existed", "a name");
}

/* Of as many files as a plan may have, whatever lists they stand in. */
static void test_longest_done(void)
{
	struct done d CLEANUP(done_fini) = done_of(PLAN_FILES_MAX), back CLEANUP(done_fini) = {0};
	struct buf text CLEANUP(buf_fini) = BUF_MAX(DONE_SIZE_MAX);
	struct tx_id id = id_of_plan();
	struct error e;

	d.ended_s = 1;
	memset(d.outcome, OUTCOME_STORED, d.files);
	CHECK(done_write(&d, &text, &e) == OK, "written");
	CHECK(done_read(buf_slice(&text), &id, d.files, &back, &e) == OK, "read");
}

static void test_bad_done(void)
{
	static const struct {
		const char *what, *text, *says;
	} rows[] = {
		{"nothing", "", "no JSON"},
		{"a list", "[]", "not an object"},
		{"newer", "{\"pepto\":2}", "update this one"},
		{"no date", "{\"stored_bytes\":7," LISTS("2,3", "", "", ""), "'ended'"},
		{"no bytes", "{\"ended\":\"2026-11-29T15:09:00Z\"," LISTS("2,3", "", "", ""),
		 "'stored_bytes'"},
		{"a list is missing", DONE "\"stored\":[2,3],\"existed\":[],\"conflict\":[]}",
		 "'failed'"},
		{"a number for a list",
		 DONE "\"stored\":2,\"existed\":[],\"conflict\":[],\"failed\":[]}", "'stored'"},
		{"the head's line", DONE LISTS("1,2,3", "", "", ""), "no line of the plan"},
		{"below all lines", DONE LISTS("-1", "", "", ""), "no line of the plan"},
		{"beyond the last line", DONE LISTS("2,3,4", "", "", ""), "no line of the plan"},
		{"a fraction", DONE LISTS("2.0,3", "", "", ""), "no line of the plan"},
		{"text", DONE LISTS("\"2\",3", "", "", ""), "no line of the plan"},
		{"twice in a list", DONE LISTS("2,3,2", "", "", ""), "line 2 twice"},
		{"in two lists", DONE LISTS("2,3", "", "3", ""), "line 3 twice"},
		{"in none", DONE LISTS("2", "", "", ""), "nothing of line 3"},
	};
	struct tx_id id = id_of_plan();

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct done d = {.files = 77};
		struct error e = {OK, 0, ""};
		enum err err = done_read(slice_of(rows[i].text), &id, 2, &d, &e);

		CHECK_INT(err, strstr(rows[i].says, "update") ? ERR_LIMIT : ERR_CORRUPT,
			  rows[i].what);
		CHECK(strstr(e.msg, rows[i].says), e.msg);
		CHECK(slice_starts(slice_of(e.msg), SLICE(".pepto/tx/" ID ".json.done: ")),
		      "which");
		CHECK(d.files == 77, "untouched");
	}
}

static void test_gone(void)
{
	static const char *const texts[] = {
		"{\"state\":\"going\"," GONE ",\"removed\":0,\"kept\":0}\n",
		"{\"state\":\"gone\"," GONE
		",\"by\":\"me@host\",\"why\":\"older than 90 days\",\"removed\":3,\"kept\":4}\n",
	};
	struct tx_id id = id_of_plan();

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct buf text CLEANUP(buf_fini) = BUF_MAX(1000),
				small CLEANUP(buf_fini) = BUF_MAX(9);
		struct gone g = {0};
		struct error e = {OK, 0, ""};

		CHECK(gone_read(slice_of(texts[i]), &id, &g, &e) == OK, "read");
		CHECK(g.is_gone == (i == 1) && g.when_s == 1795964940 && g.removed == (i ? 3 : 0),
		      "what it says");
		CHECK_STR(g.why, i ? "older than 90 days" : "", "and why");
		CHECK(gone_write(&g, &text, &e) == OK, "written");
		CHECK_STR(buf_str(&text), texts[i], "the same");
		CHECK(gone_write(&g, &small, &e) == ERR_LIMIT && !small.n, "no room");
		g.when_s = 0;
		CHECK(gone_write(&g, &text, &e) == ERR_CORRUPT, "without a date");
	}
}

static void test_bad_gone(void)
{
	static const struct {
		const char *what, *text, *says;
	} rows[] = {
		{"nothing", "", "no JSON"},
		{"no state", "{" GONE "}", "'state'"},
		{"another state", "{\"state\":\"Gone\"," GONE "}", "'state'"},
		{"no state that is text", "{\"state\":1," GONE "}", "'state'"},
		{"no date", "{\"state\":\"gone\"}", "'when'"},
		{"newer", "{\"pepto\":3,\"state\":\"stalled\"," GONE "}", "update this one"},
		{"removed less than none", "{\"state\":\"gone\",\"removed\":-1," GONE "}",
		 "'removed'"},
		{"NUL", "{\"state\":\"gone\",\"by\":\"a\\u0000b\"," GONE "}", "no JSON"},
	};
	struct tx_id id = id_of_plan();

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct gone g = {.kept = 77};
		struct error e = {OK, 0, ""};
		enum err err = gone_read(slice_of(rows[i].text), &id, &g, &e);

		CHECK_INT(err, strstr(rows[i].says, "update") ? ERR_LIMIT : ERR_CORRUPT,
			  rows[i].what);
		CHECK(strstr(e.msg, rows[i].says), e.msg);
		CHECK(slice_starts(slice_of(e.msg), SLICE(".pepto/tx/" ID ".json.gone: ")),
		      "which");
		CHECK(g.kept == 77, "untouched");
	}
}

int main(void)
{
	test_done();
	test_longest_done();
	test_bad_done();
	test_gone();
	test_bad_gone();
	return tap_done();
}
