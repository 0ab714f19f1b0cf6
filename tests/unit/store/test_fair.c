// SPDX-License-Identifier: MIT
/* Whose turn it is: scripts of who waits, who is given something, and who gives it back. */
#include "store/fair.h"

#include "tap.h"
#include <stdlib.h>

#define ITEMS 64

/*
 * A script: "a1" and so on is the item 1 of asker a, "0" being nobody. "+a1" waits, "=a1" is given out at
 * once, "~a1" waits to go on, "-a1" leaves, and "a1" is the next whose turn it is; "." nobody waits. "a>b2": one more of a may wait
 * in the place of b2; "a>": in none.
 */
struct item {
	struct fair_item fair;
	char name[3];
};

static struct item *item_of(struct item *items, const char *name)
{
	size_t i = 0;

	while (items[i].name[0] && strcmp(items[i].name, name) != 0)
		i++;
	ASSERT(i < ITEMS);
	snprintf(items[i].name, sizeof(items[i].name), "%s", name);
	return &items[i];
}

static bool step(struct fair_queue *q, struct item *items, char *word)
{
	char *name = word + strspn(word, "+=-~");
	uint64_t asker = name[0] == '0' ? 0 : (uint64_t)name[0];
	struct fair_item *next;

	if (word[1] == '>') {
		next = fair_last_of_most(q, (uint64_t)word[0]);
		return strcmp(next ? CONTAINER_OF(next, struct item, fair)->name : "", word + 2) ==
		       0;
	}
	switch (word[0]) {
	case '+': fair_wait(q, &item_of(items, name)->fair, asker); return true;
	case '=': fair_hold(q, &item_of(items, name)->fair, asker); return true;
	case '~': fair_wait_to_go_on(q, &item_of(items, name)->fair, asker); return true;
	case '-': fair_leave(q, &item_of(items, name)->fair); return true;
	default: next = fair_next(q); break;
	}
	if (word[0] == '.')
		return !next && q->waiting == 0;
	return next && !fair_waits(next) &&
	       strcmp(CONTAINER_OF(next, struct item, fair)->name, word) == 0;
}

static bool play(const char *script)
{
	struct fair_queue *q = xnew(struct fair_queue);
	struct item items[ITEMS + 1] = {0};
	char *text = xstrdup(script), *rest = text, *word;
	bool right = true;

	while ((word = strtok_r(rest, " ", &rest)))
		right = step(q, items, word) && right;
	for (size_t i = 0; items[i].name[0]; i++)
		if (items[i].fair.asker)
			fair_leave(q, &items[i].fair);
	for (size_t i = 0; i < FAIR_BUCKETS; i++)
		right = right && LIST_EMPTY(&q->bucket[i]);
	free(text);
	free(q);
	return right;
}

int main(void)
{
	static const struct {
		const char *name, *script;
	} rows[] = {
		{"nobody", "."},
		{"in the order of coming", "+a1 +b1 +c1 a1 b1 c1 ."},
		{"one asker's in their order", "+a1 +a2 +a3 a1 a2 a3 ."},
		{"round and round", "+a1 +a2 +a3 +b1 +b2 +c1 a1 b1 c1 a2 b2 a3 ."},
		{"the first of each first", "+a1 +a2 +a3 a1 a2 +b1 +b2 +c1 b1 c1 a3 b2 ."},
		{"what is given out at once counts, too", "=a1 +a2 +b1 b1 a2 ."},
		{"and no more once all is given back", "=a1 +a2 a2 -a1 -a2 =b1 +b2 +a3 a3 b2 ."},
		{"new ones do not put off the others for ever",
		 "=a1 =b1 +a2 +b2 +c1 +d1 +e1 +f1 +g1 +h1 +i1 c1 d1 e1 a2 f1 g1 h1 b2 i1 ."},
		{"nobody's are one asker's, and no new ones",
		 "+01 +02 +03 +a1 +a2 a1 01 a2 02 03 ."},
		{"who leaves is passed over: the first", "+a1 +a2 +b1 -a1 a2 b1 ."},
		{"the last", "+a1 +a2 +b1 -a2 a1 b1 . +a3 a3 ."},
		{"the only one", "+a1 +b1 +c1 -b1 a1 c1 ."},
		{"the only one, at the end of the row", "+a1 +b1 -b1 +c1 a1 c1 ."},
		{"all", "+a1 +a2 +b1 -a1 -b1 -a2 . +b2 +a3 b2 a3 ."},
		{"a full queue: the last of who has most gives way",
		 "+a1 +a2 +b1 +a3 c>a3 b>a3 a>"},
		{"and no other", "+a1 +a2 +b1 +b2 +b3 +c1 d>b3 c>b3 a> -b3 d>a2 -b2 c> d>a2"},
		{"among equals nobody", "+a1 +b1 +c1 d> a>"},
		{"what is held does not count", "=a1 =a2 =a3 +a4 b> +a5 b>a5 a>"},
		{"nobody's give way, too", "+01 +02 a>02"},
		{"what goes on has every second turn",
		 "+a1 +b1 +c1 ~d1 ~e1 ~f1 d1 a1 e1 b1 f1 c1 ."},
		{"all of them where no others wait", "~a1 ~b1 a1 b1 ."},
		{"and leaves while it waits, and while it is held",
		 "~a1 ~b1 -a1 b1 . -b1 +a2 a2 ."},
		{"and never gives way", "~a1 ~a2 ~a3 b>"},
		{"nor does it make its asker an old one, or wait in its row",
		 "~a1 +a2 +b1 a1 b1 a2 ."},
		{"and those who hold some", "=a1 +a2 +b1 -a2 b1 -a1 ."},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK(play(rows[i].script), rows[i].name);
	return tap_done();
}
