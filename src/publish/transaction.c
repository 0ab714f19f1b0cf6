// SPDX-License-Identifier: MIT
/* See transaction.h. */
#include "publish/transaction.h"

#include "base/clock.h"
#include "base/text.h"

#include <stdio.h>

#define DATE_LEN 15 /* "20261129-150717" */

static const char *const ends[TX_OBJECTS] = {
	[TX_PLAN] = ".json", [TX_DONE] = ".json.done", [TX_GONE] = ".json.gone", [TX_REMOVAL] = ""};

static const char *const states[TX_STATES] = {[TX_STATE_OPEN] = "open",
					      [TX_STATE_LIVE] = "live",
					      [TX_STATE_GOING] = "going",
					      [TX_STATE_GONE] = "gone",
					      [TX_STATE_DAMAGED] = "damaged"};

const char *tx_state_name(enum tx_state state)
{
	return states[state];
}

bool tx_state_parse(struct slice name, enum tx_state *ret)
{
	for (int state = 0; state < TX_STATES; state++) {
		if (!slice_eq(name, slice_of(states[state])))
			continue;
		*ret = (enum tx_state)state;
		return true;
	}
	return false;
}

enum tx_state tx_state_of(unsigned has, bool is_gone)
{
	if (!tx_has(has, TX_PLAN))
		return TX_STATE_DAMAGED;
	if (tx_has(has, TX_GONE))
		return is_gone ? TX_STATE_GONE : TX_STATE_GOING;
	return tx_has(has, TX_DONE) ? TX_STATE_LIVE : TX_STATE_OPEN;
}

struct tx_id tx_id_make(int64_t now_s, uint64_t random)
{
	char date[AMZ_DATE_LEN];
	struct tx_id id;

	amz_date_format(now_s, date);
	(void)snprintf(id.s, sizeof(id.s), "%.8s-%.6s-%08x", date, date + 9,
		       (unsigned)(uint32_t)random);
	return id;
}

/* The date is read as the one that it would be in ISO 8601, whose reader knows what dates there are. */
static bool is_date(const char *s)
{
	char iso[] = "0000-00-00T00:00:00Z";
	int64_t t;

	memcpy(iso, s, 4);
	memcpy(iso + 5, s + 4, 2);
	memcpy(iso + 8, s + 6, 2);
	memcpy(iso + 11, s + 9, 2);
	memcpy(iso + 14, s + 11, 2);
	memcpy(iso + 17, s + 13, 2);
	return s[8] == '-' && iso_date_parse(slice_of(iso), &t);
}

bool tx_id_parse(struct slice s, struct tx_id *ret)
{
	char low[9];

	if (s.n != TX_ID_LEN || memchr(s.p, '\0', s.n) || !is_date(s.p) || s.p[DATE_LEN] != '-' ||
	    !hex_only(slice_from(s, DATE_LEN + 1)))
		return false;
	if (!fold_lower_ascii(slice_from(s, DATE_LEN + 1), low) ||
	    memcmp(low, s.p + DATE_LEN + 1, 8) != 0)
		return false;
	memcpy(ret->s, s.p, TX_ID_LEN);
	ret->s[TX_ID_LEN] = '\0';
	return true;
}

void tx_key_add(const struct tx_id *id, enum tx_object which, struct buf *out)
{
	buf_puts(out, which == TX_REMOVAL ? TX_REMOVALS : TX_FOLDER);
	buf_puts(out, id->s);
	buf_puts(out, ends[which]);
}

bool tx_key_parse(struct slice key, struct tx_id *ret, enum tx_object *ret_which)
{
	bool removal = slice_starts(key, SLICE(TX_REMOVALS));
	struct slice name, end;

	if (!removal && !slice_starts(key, SLICE(TX_FOLDER)))
		return false;
	name = slice_from(key, removal ? sizeof(TX_REMOVALS) - 1 : sizeof(TX_FOLDER) - 1);
	end = slice_from(name, TX_ID_LEN);
	for (int which = 0; which < TX_OBJECTS; which++) {
		if (removal != (which == TX_REMOVAL) || !slice_eq(end, slice_of(ends[which])))
			continue;
		*ret_which = (enum tx_object)which;
		return tx_id_parse(slice_head(name, TX_ID_LEN), ret);
	}
	return false;
}
