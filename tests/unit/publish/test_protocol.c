// SPDX-License-Identifier: MIT
/*
 * How adds and removals share a store without locks, searched through: every order in which their steps, the passing
 * of time, crashes and late requests can follow each other, for a few of them and one file. The protocol
 * as it is must never lose the file; each mutation of it must, or the search sees too little.
 *
 * A step here is a request there, in this order:
 *
 *	add (publication.c)	PLAN	PUT tx/ID.json
 *				LOOK_RM	LIST rm/: the removals that run
 *				UPLOAD	HEAD, and PUT of what is missing
 *				WAIT	only if there were some: until each one's marker is gone, or 120 s old
 *				AGAIN	HEAD, and PUT of what is missing by now
 *				DONE	PUT tx/ID.json.done
 *				OWN	HEAD tx/ID.json.gone: was it removed meanwhile?
 *	rm (removal.c)		GOING	PUT tx/ID.json.gone, "going"
 *				MARK	PUT rm/ID; the batch's deletes end 60 s from here
 *				LIST	LIST tx/, and reading what is new: may the file go?
 *				DELETE	of the file, which the store refuses once the batch has ended
 *				ANSWER	of that; without one, or too late, MARK follows
 *				GONE	PUT tx/ID.json.gone, "gone"
 *				UNMARK	DELETE rm/ID
 *
 * One tick is 30 s of the store's clock. tx 0 and 1 are live at first and name the file; those behind them are the
 * adds'. What must hold: a transaction that is done and not being removed has its file; what lay there before
 * anybody stored it is not deleted; who has been told that all is stored was not removed before that; and when all
 * have ended and every transaction is gone, so is the file. (Not so where an add was removed while it was open: what it
 * put behind the removal's back stays, until its transaction is removed once more; it says so at its end.) Such a second
 * removal has no GOING and no GONE, and goes by what the object tells of who put it.
 */
#include "base/macros.h"
#include "tap.h"

#define DELETES_END 2 /* ticks from the marker */
#define ADD_WAITS   4
#define NEVER       UINT8_MAX
#define MAX_TX      4
#define MAX_ADDS    2
#define MAX_RMS     2
#define FOREIGN     (MAX_TX + 1) /* who put the file: none of us */

enum add_step { PLAN, LOOK_RM, UPLOAD, WAIT, AGAIN, DONE, OWN, ADD_ENDED, ADD_CRASHED };
enum rm_step { GOING, MARK, LIST, DELETE, ANSWER, GONE, UNMARK, RM_ENDED, RM_CRASHED };

struct world {
	uint8_t now;
	uint8_t file; /* 0: it is not there; else who put it: a transaction + 1, or FOREIGN */
	struct {
		uint8_t plan, done, stored, going, gone;
	} tx[MAX_TX];
	uint8_t marker[MAX_RMS]; /* its tick + 1; 0: there is none */
	struct {
		uint8_t step, saw; /* saw: a bit for each removal */
	} add[MAX_ADDS];
	struct {
		uint8_t step, base, may,
			flight; /* flight: the last tick at which it may land, + 1 */
	} rm[MAX_RMS];
};

/* What is other than it should be. */
enum mutation {
	AS_IT_IS,
	NO_SECOND_LOOK,
	NO_WAIT,
	WAITS_BY_OWN_PLAN,
	LOOKS_FOR_REMOVALS_FIRST,
	UPLOADS_BEFORE_LOOKING,
	RESUMES_WITHOUT_WAITING,
	NO_LOOK_FOR_OWN_GONE,
	GONE_WRITTEN_LAST,
	MARKER_NOT_RENEWED,
	LISTS_BEFORE_MARKER,
	DELETE_WITHOUT_END,
	SIGNED_AGAIN_WITHOUT_LIST,
	OPEN_PLANS_DO_NOT_COUNT,
	DELETES_WHAT_EXISTED,
	TAKES_AGAIN_BY_PLAN,
};

struct setting {
	const char *what;
	int adds, rms, ticks;
	bool crashes, resumes;
	bool removes_add; /* the first removal is of the first add */
	bool finishes;    /* the second removal has the first one's to finish, and no other */
	bool again; /* the second removal is of the first one's add once more, when that has ended */
	bool foreign;     /* the file was there before, and nobody has stored it */
	bool comes_later; /* such a file may be put where none is, at any time */
	enum mutation change;
	const char *loses; /* what goes wrong; NULL: nothing may */
};

/* ---- the worlds that were reached ---- */

struct node {
	struct world w;
	uint32_t from;
	uint8_t who;
	const char *did;
};

struct search {
	const struct setting *how;
	struct node *node;
	uint32_t n, room, *table, mask;
	const char *lost; /* and at which node */
	uint32_t lost_at;
};

static uint32_t hash_of(const struct world *w)
{
	const uint8_t *p = (const uint8_t *)w;
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < sizeof(*w); i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return (uint32_t)(h ^ h >> 32);
}

static void grow(struct search *s)
{
	uint32_t room = s->room ? 2 * s->room : 1 << 12;

	s->node = realloc(s->node, room * sizeof(*s->node));
	ASSERT(s->node);
	s->room = room;
	free(s->table);
	s->table = xzalloc(2 * (size_t)room * sizeof(*s->table));
	s->mask = 2 * room - 1;
	for (uint32_t i = 0; i < s->n; i++) {
		uint32_t at = hash_of(&s->node[i].w) & s->mask;

		while (s->table[at])
			at = (at + 1) & s->mask;
		s->table[at] = i + 1;
	}
}

/* w is reached from the node by what this one did. */
static void reach(struct search *s, uint32_t from, const struct world *w, char who, const char *did)
{
	uint32_t at;

	if (s->n == s->room)
		grow(s);
	for (at = hash_of(w) & s->mask; s->table[at]; at = (at + 1) & s->mask)
		if (memcmp(&s->node[s->table[at] - 1].w, w, sizeof(*w)) == 0)
			return;
	s->node[s->n] = (struct node){*w, from, (uint8_t)who, did};
	s->table[at] = ++s->n;
}

static void lose(struct search *s, uint32_t at, const char *what)
{
	if (s->lost)
		return;
	s->lost = what;
	s->lost_at = at;
}

/* ---- what add does ---- */

static bool removals_are_over(const struct world *w, const struct setting *how, int i)
{
	for (int r = 0; r < how->rms; r++)
		if ((w->add[i].saw & 1 << r) && w->marker[r] &&
		    w->now - (w->marker[r] - 1) < ADD_WAITS)
			return false;
	return true;
}

static void put_if_missing(struct world *w, int tx)
{
	if (w->file)
		return;
	w->file = (uint8_t)(tx + 1);
	w->tx[tx].stored = 1;
}

static uint8_t removals_that_run(const struct world *w, int rms)
{
	uint8_t saw = 0;

	for (int r = 0; r < rms; r++)
		if (w->marker[r])
			saw |= (uint8_t)(1 << r);
	return saw;
}

static void add_goes_on(struct search *s, uint32_t from, int i)
{
	const struct setting *how = s->how;
	enum mutation m = how->change;
	struct world w = s->node[from].w;
	int tx = MAX_TX - MAX_ADDS + i;
	uint8_t *step = &w.add[i].step, was = *step;
	char who = (char)('A' + i);

	switch ((enum add_step)was) {
	case PLAN:
		if (m == LOOKS_FOR_REMOVALS_FIRST)
			w.add[i].saw = removals_that_run(&w, how->rms);
		else
			w.tx[tx].plan = 1;
		*step = LOOK_RM;
		break;
	case LOOK_RM:
		if (m == LOOKS_FOR_REMOVALS_FIRST)
			w.tx[tx].plan = 1;
		else if (m == UPLOADS_BEFORE_LOOKING)
			put_if_missing(&w, tx);
		else
			w.add[i].saw = removals_that_run(&w, how->rms);
		*step = UPLOAD;
		break;
	case UPLOAD:
		if (m == UPLOADS_BEFORE_LOOKING)
			w.add[i].saw = removals_that_run(&w, how->rms);
		else
			put_if_missing(&w, tx);
		*step = w.add[i].saw && m != UPLOADS_BEFORE_LOOKING ? WAIT : DONE;
		break;
	case WAIT:
		if (m != NO_WAIT && !removals_are_over(&w, how, i))
			return;
		*step = m == NO_SECOND_LOOK ? DONE : AGAIN;
		break;
	case AGAIN:
		put_if_missing(&w, tx);
		*step = DONE;
		break;
	case DONE:
		w.tx[tx].done = 1;
		*step = OWN;
		if (w.tx[tx].going && m == NO_LOOK_FOR_OWN_GONE)
			lose(s, from, "a removed transaction was told to be done");
		break;
	case OWN: *step = ADD_ENDED; break;
	case ADD_CRASHED:
		if (!how->resumes || !w.tx[tx].plan || w.tx[tx].done || w.tx[tx].going)
			return;
		*step = m == RESUMES_WITHOUT_WAITING ? DONE : LOOK_RM;
		reach(s, from, &w, who, "is resumed");
		return;
	case ADD_ENDED: return;
	}
	static const char *const did[] = {
		[PLAN] = "PUT plan",     [LOOK_RM] = "LIST rm/", [UPLOAD] = "HEAD, PUT",
		[WAIT] = "has waited",   [AGAIN] = "HEAD again", [DONE] = "PUT done",
		[OWN] = "HEAD own gone",
	};
	reach(s, from, &w, who, did[was]);
	if (!how->crashes)
		return;
	w = s->node[from].w;
	w.add[i].step = ADD_CRASHED;
	w.add[i].saw = 0;
	reach(s, from, &w, who, "crashes");
}

/* ---- what rm does ---- */

/* The transaction that a removal is of. */
static int removed_by(const struct setting *how, int r)
{
	if (how->finishes)
		return 0;
	if (how->again)
		return MAX_TX - MAX_ADDS;
	return r == 0 && how->removes_add ? MAX_TX - MAX_ADDS : r;
}

/* What the list of transactions says of the file. */
static bool may_go(const struct world *w, const struct setting *how, int r)
{
	bool is_stored = false, is_named = false, last = how->change == GONE_WRITTEN_LAST;
	bool again = how->again && r == 1 && how->change != TAKES_AGAIN_BY_PLAN;

	for (int tx = 0; tx < MAX_TX; tx++) {
		bool going = last ? tx == removed_by(how, r) || w->tx[tx].gone : w->tx[tx].going;

		if (!w->tx[tx].plan)
			continue;
		if (going && again)
			is_stored |= w->file == removed_by(how, r) + 1;
		else if (!going)
			is_named |= how->change != OPEN_PLANS_DO_NOT_COUNT || w->tx[tx].done;
		else if (w->tx[tx].done)
			is_stored |= w->tx[tx].stored;
		else
			is_stored |= w->file && w->file != FOREIGN;
	}
	return !is_named && (is_stored || how->change == DELETES_WHAT_EXISTED);
}

static void rm_goes_on(struct search *s, uint32_t from, int r)
{
	const struct setting *how = s->how;
	enum mutation m = how->change;
	struct world w = s->node[from].w;
	int tx = removed_by(how, r);
	uint8_t *step = &w.rm[r].step, was = *step;
	char who = (char)('1' + r);

	switch ((enum rm_step)was) {
	case GOING:
		if (!w.tx[tx].plan || (how->finishes && r == 1 && !w.tx[tx].going))
			return;
		if (how->again && r == 1 && (!w.tx[tx].gone || w.add[0].step < ADD_ENDED))
			return;
		w.tx[tx].going = m != GONE_WRITTEN_LAST || w.tx[tx].going;
		*step = m == LISTS_BEFORE_MARKER ? LIST : MARK;
		break;
	case MARK:
		w.marker[r] = (uint8_t)(w.now + 1);
		w.rm[r].base = w.now;
		*step = m == LISTS_BEFORE_MARKER ? DELETE : LIST;
		break;
	case LIST:
		w.rm[r].may = may_go(&w, how, r);
		if (m == MARKER_NOT_RENEWED)
			w.rm[r].base = w.now;
		*step = !w.rm[r].may ? GONE : m == LISTS_BEFORE_MARKER ? MARK : DELETE;
		break;
	case DELETE:
		if (w.now - w.rm[r].base > DELETES_END) {
			*step = m == LISTS_BEFORE_MARKER ? LIST : MARK;
			w.rm[r].base = 0;
			break;
		}
		w.rm[r].flight = m == DELETE_WITHOUT_END
					 ? NEVER
					 : (uint8_t)(w.rm[r].base + DELETES_END + 1);
		*step = ANSWER;
		break;
	case ANSWER: /* none came, and it cannot land any more */
		if (w.rm[r].flight && w.now <= w.rm[r].base + DELETES_END)
			return;
		if (!w.rm[r].flight) {
			*step = GONE;
		} else if (m == SIGNED_AGAIN_WITHOUT_LIST) {
			w.rm[r].base = w.now;
			*step = DELETE;
		} else {
			*step = m == LISTS_BEFORE_MARKER ? LIST : MARK;
		}
		if (m != DELETE_WITHOUT_END)
			w.rm[r].flight = 0;
		break;
	case GONE:
		w.tx[tx].going = w.tx[tx].gone = 1;
		*step = UNMARK;
		break;
	case UNMARK:
		w.marker[r] = 0;
		w.rm[r].base = w.rm[r].may = 0;
		*step = RM_ENDED;
		break;
	case RM_ENDED:
	case RM_CRASHED: return;
	}
	static const char *const did[] = {
		[GOING] = "PUT going",
		[MARK] = "PUT rm/ID",
		[LIST] = "LIST tx/",
		[DELETE] = "DELETE sent",
		[ANSWER] = "has an answer, or none will come",
		[GONE] = "PUT gone",
		[UNMARK] = "DELETE rm/ID",
	};
	reach(s, from, &w, who, was == DELETE && *step != ANSWER ? "is too late" : did[was]);
	if (!how->crashes)
		return;
	w = s->node[from].w;
	w.rm[r].step = RM_CRASHED;
	w.rm[r].base = w.rm[r].may = 0;
	reach(s, from, &w, who, "crashes");
}

/* A request on its way lands when it likes, whatever became of who sent it. */
static void delete_lands(struct search *s, uint32_t from, int r)
{
	struct world w = s->node[from].w;

	if (!w.rm[r].flight || w.now > w.rm[r].flight - 1)
		return;
	if (w.file == FOREIGN)
		lose(s, from, "a file that nobody had stored is deleted");
	w.file = 0;
	w.rm[r].flight = 0;
	reach(s, from, &w, (char)('1' + r), "DELETE lands");
}

/* ---- what must hold ---- */

static bool all_is_over(const struct world *w, const struct setting *how)
{
	for (int i = 0; i < how->adds; i++)
		if (w->add[i].step != ADD_ENDED)
			return false;
	for (int r = 0; r < how->rms; r++)
		if (w->rm[r].step != RM_ENDED &&
		    (!how->finishes || r == 1 || w->rm[r].step != RM_CRASHED))
			return false;
	return true;
}

static void judge(struct search *s, uint32_t at)
{
	const struct world *w = &s->node[at].w;
	bool all_gone = true;

	for (int tx = 0; tx < MAX_TX; tx++) {
		if (w->tx[tx].done && !w->tx[tx].going && !w->file)
			lose(s, at, "a live transaction has lost its file");
		all_gone &= w->tx[tx].gone || !w->tx[tx].plan;
	}
	if (all_gone && all_is_over(w, s->how) && w->file && w->file != FOREIGN &&
	    (!s->how->removes_add || s->how->again))
		lose(s, at, "a file stays that no transaction has");
}

static struct world at_first(const struct setting *how)
{
	struct world w = {.now = 0, .file = how->foreign ? FOREIGN : 1};

	for (int tx = 0; tx < MAX_TX - MAX_ADDS; tx++) {
		bool is_there = how->finishes || how->removes_add ? tx == 0 : tx < how->rms;

		if (how->removes_add)
			is_there = false;
		w.tx[tx].plan = w.tx[tx].done = is_there;
		w.tx[tx].stored = is_there && tx == 0 && !how->foreign;
	}
	if (how->removes_add)
		w.file = how->foreign ? FOREIGN : 0;
	return w;
}

static void search(const struct setting *how)
{
	struct search s = {.how = how};
	struct world first = at_first(how);

	reach(&s, 0, &first, ' ', "");
	for (uint32_t at = 0; at < s.n && !s.lost; at++) {
		judge(&s, at);
		for (int i = 0; i < how->adds; i++)
			add_goes_on(&s, at, i);
		for (int r = 0; r < how->rms; r++) {
			rm_goes_on(&s, at, r);
			delete_lands(&s, at, r);
		}
		if (how->comes_later && !s.node[at].w.file) {
			struct world w = s.node[at].w;

			w.file = FOREIGN;
			reach(&s, at, &w, ' ', "a file is put by others");
		}
		if (s.node[at].w.now < how->ticks) {
			struct world w = s.node[at].w;

			w.now++;
			reach(&s, at, &w, ' ', "30 s pass");
		}
	}
	if (how->loses ? !s.lost || strcmp(s.lost, how->loses) != 0 : s.lost != NULL) {
		CHECK(false, how->what);
		printf("# %s, behind these steps, the last one first:\n",
		       s.lost ? s.lost : "nothing is lost");
		for (uint32_t at = s.lost ? s.lost_at : 0; at; at = s.node[at].from)
			printf("# %c %s\n", s.node[at].who, s.node[at].did);
	} else {
		CHECK(true, how->what);
	}
	printf("# %u states\n", s.n);
	free(s.node);
	free(s.table);
}

#define LOST    "a live transaction has lost its file"
#define KEPT    "a file stays that no transaction has"
#define DELETED "a file that nobody had stored is deleted"
#define TOLD    "a removed transaction was told to be done"

static const struct setting settings[] = {
	{"an add, a removal, crashes", 1, 1, 12, .crashes = true},
	{"an add that is resumed, a removal", 1, 1, 9, .crashes = true, .resumes = true},
	{"an add, two removals, crashes", 1, 2, 6, .crashes = true},
	{"two adds, a removal, crashes", 2, 1, 9, .crashes = true},
	{"two adds, two removals", 2, 2, 5},
	{"an add is removed while it is open", 1, 1, 9, .crashes = true, .resumes = true,
	 .removes_add = true},
	{"the same beside another add", 2, 1, 6, .crashes = true, .removes_add = true},
	{"a removal that another one finishes", 1, 2, 6, .crashes = true, .finishes = true},
	{"a file that was there before", 1, 2, 6, .foreign = true},
	{"an add that ran on is removed once more", 1, 2, 9, .removes_add = true, .again = true},
	{"the same where others put the file, too", 1, 2, 9, .removes_add = true, .again = true,
	 .comes_later = true},
	{"the same beside another add", 2, 2, 5, .removes_add = true, .again = true},
	{"no second look", 1, 1, 6, .change = NO_SECOND_LOOK, .loses = LOST},
	{"no wait", 1, 1, 6, .change = NO_WAIT, .loses = LOST},
	{"list of removals before the plan", 1, 1, 6, .change = LOOKS_FOR_REMOVALS_FIRST,
	 .loses = LOST},
	{"upload before the list of removals", 1, 1, 6, .change = UPLOADS_BEFORE_LOOKING,
	 .loses = LOST},
	{"resumed where it was", 1, 1, 6, .crashes = true, .resumes = true,
	 .change = RESUMES_WITHOUT_WAITING, .loses = LOST},
	{"no look for its own removal", 1, 1, 6, .removes_add = true,
	 .change = NO_LOOK_FOR_OWN_GONE, .loses = TOLD},
	{"gone written last", 1, 1, 6, .crashes = true, .change = GONE_WRITTEN_LAST, .loses = LOST},
	{"marker not renewed", 1, 1, 8, .change = MARKER_NOT_RENEWED, .loses = LOST},
	{"list of transactions before the marker", 1, 1, 6, .change = LISTS_BEFORE_MARKER,
	 .loses = LOST},
	{"a delete without an end", 1, 1, 8, .change = DELETE_WITHOUT_END, .loses = LOST},
	{"a delete that is signed again", 1, 1, 9, .change = SIGNED_AGAIN_WITHOUT_LIST,
	 .loses = LOST},
	{"open plans do not count", 1, 1, 6, .change = OPEN_PLANS_DO_NOT_COUNT, .loses = LOST},
	{"removed once more by its plan alone", 1, 2, 6, .removes_add = true, .again = true,
	 .comes_later = true, .change = TAKES_AGAIN_BY_PLAN, .loses = DELETED},
	{"what existed is deleted", 0, 1, 6, .foreign = true, .change = DELETES_WHAT_EXISTED,
	 .loses = DELETED},
};

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		search(&settings[i]);
	return tap_done();
}
