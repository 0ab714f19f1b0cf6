// SPDX-License-Identifier: MIT
#include "publish/transaction.h"
#include "tap.h"

static void test_ids(void)
{
	static const struct {
		const char *text;
		bool good;
	} rows[] = {
		{"20261129-150717-3f9a12bc", true},   {"20280229-235959-00000000", true},
		{"20261129-150717-3F9A12BC", false},  {"20261129-150717-3f9a12b", false},
		{"20261129-150717-3f9a12bcd", false}, {"20261129-150717-3f9a12bg", false},
		{"20261129-240717-3f9a12bc", false},  {"20270229-150717-3f9a12bc", false},
		{"20261329-150717-3f9a12bc", false},  {"20261129x150717-3f9a12bc", false},
		{"20261129-150717x3f9a12bc", false},  {"2026112a-150717-3f9a12bc", false},
		{"../../x9-150717-3f9a12bc", false},  {"", false},
	};
	struct tx_id id = tx_id_make(1795964837, UINT64_C(0xffffffff3f9a12bc)), read;

	CHECK_STR(id.s, "20261129-150717-3f9a12bc", "of a time and a random number");
	CHECK_STR(tx_id_make(INT64_MAX, 1).s, "99991231-235959-00000001", "of a clock gone mad");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		memset(&read, 0, sizeof(read));
		CHECK_INT(tx_id_parse(slice_of(rows[i].text), &read), rows[i].good, rows[i].text);
		CHECK_STR(read.s, rows[i].good ? rows[i].text : "", rows[i].text);
	}
}

static void test_keys(void)
{
	static const struct {
		const char *key;
		enum tx_object which;
	} rows[] = {
		{".pepto/tx/20261129-150717-3f9a12bc.json", TX_PLAN},
		{".pepto/tx/20261129-150717-3f9a12bc.json.done", TX_DONE},
		{".pepto/tx/20261129-150717-3f9a12bc.json.gone", TX_GONE},
		{".pepto/rm/20261129-150717-3f9a12bc", TX_REMOVAL},
	};
	static const char *const none[] = {
		"",
		".pepto/tx/",
		".pepto/rm/",
		".pepto/tx/20261129-150717-3f9a12bc",
		".pepto/rm/20261129-150717-3f9a12bc.json",
		".pepto/tx/20261129-150717-3f9a12bc.json.don",
		".pepto/tx/20261129-150717-3f9a12bc.json.done2",
		".pepto/tx/20261329-150717-3f9a12bc.json",
		"pepto/tx/20261129-150717-3f9a12bc.json",
		"x/.pepto/tx/20261129-150717-3f9a12bc.json",
	};
	struct tx_id id = tx_id_make(1795964837, 0x3f9a12bc), read;
	enum tx_object which;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf key CLEANUP(buf_fini) = BUF_MAX(100);

		tx_key_add(&id, rows[i].which, &key);
		CHECK_STR(buf_str(&key), rows[i].key, rows[i].key);
		CHECK(tx_key_parse(buf_slice(&key), &read, &which) && which == rows[i].which,
		      rows[i].key);
		CHECK_STR(read.s, id.s, "and its id");
	}
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		CHECK(!tx_key_parse(slice_of(none[i]), &read, &which), none[i]);
}

static void test_states(void)
{
	enum { PLAN = 1U << TX_PLAN, DONE = 1U << TX_DONE, GONE = 1U << TX_GONE };
	static const struct {
		unsigned has;
		bool is_gone;
		const char *want;
	} rows[] = {
		{PLAN, false, "open"},          {PLAN | DONE, false, "live"},
		{PLAN | GONE, false, "going"},  {PLAN | DONE | GONE, false, "going"},
		{PLAN | GONE, true, "gone"},    {PLAN | DONE | GONE, true, "gone"},
		{PLAN | DONE, true, "live"}, /* what says so is not there */
		{0, false, "damaged"},          {DONE, false, "damaged"},
		{DONE | GONE, true, "damaged"}, {1U << TX_REMOVAL, false, "damaged"},
	};
	static const char *const none[] = {"", "Live", "live ", "liv", "lives", "failed"};
	enum tx_state state = TX_STATE_DAMAGED;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_STR(tx_state_name(tx_state_of(rows[i].has, rows[i].is_gone)), rows[i].want,
			  rows[i].want);
		CHECK(tx_state_parse(slice_of(rows[i].want), &state) &&
			      strcmp(tx_state_name(state), rows[i].want) == 0,
		      "read as it is written");
	}
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		CHECK(!tx_state_parse(slice_of(none[i]), &state), none[i]);
}

int main(void)
{
	test_states();
	test_ids();
	test_keys();
	return tap_done();
}
