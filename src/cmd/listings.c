// SPDX-License-Identifier: MIT
/*
 * See listings.h. A slot is one listing at a time. It belongs to the loop while it RUNS, and to the main thread
 * otherwise; a semaphore says that one has changed hands.
 *
 * A name with a space in it may be one with a '+' in the store (name_list.h). Where nothing lies below the one,
 * the other is asked for; where nothing lies below either, the listing is not whole. And RGW repeats what it was
 * asked for in a form that is no XML where control bytes stand in it: of such a name the beginning is asked for,
 * and what is none of it is passed over.
 */
#include "cmd/listings.h"

#include "publish/await.h"

#include <semaphore.h>

enum state { FREE, RUNS, PAGE, ENDED };

struct slot {
	struct listings *all;
	struct loop_task go;
	struct listing *listing;  /* the loop's */
	atomic_uint state;        /* enum state */
	size_t number;            /* of the folder */
	char *folder;             /* as the store is believed to spell it */
	size_t n_folder, n_asked; /* so much of it is asked for */
	bool plus, any;
	struct name_page page;
	struct error error;
};

struct listings {
	struct store *store;
	const struct name_list *folders;
	const struct listings_how *how;
	size_t next;
	struct slot slot[LISTINGS_PARALLEL];
	struct await stop;
	sem_t changed;
};

/* ---- on the loop ---- */

static void hand_over(struct slot *s, enum state state)
{
	atomic_store(&s->state, state);
	sem_post(&s->all->changed);
}

static void page_came(void *ud, struct name_page *page)
{
	struct slot *s = ud;

	s->page = *page;
	*page = (struct name_page){0};
	hand_over(s, PAGE);
}

static void ended(void *ud, struct listing_result *r, const struct error *e)
{
	struct slot *s = ud;

	s->listing = NULL;
	if (e)
		s->error = *e;
	name_list_fini(&r->names);
	hand_over(s, ENDED);
}

static void go(struct loop_task *task)
{
	struct slot *s = CONTAINER_OF(task, struct slot, go);
	const struct listing_request request = {
		.store = s->all->store,
		.folder = {s->folder, s->n_asked},
		.deep = s->all->how->deep,
		.page = page_came,
	};

	if (s->listing)
		listing_go_on(s->listing);
	else
		s->listing = listing_start(&request, ended, s);
}

static void stop(struct await *await)
{
	struct listings *w = CONTAINER_OF(await, struct listings, stop);

	for (size_t i = 0; i < LISTINGS_PARALLEL; i++)
		if (w->slot[i].listing)
			listing_cancel(w->slot[i].listing);
	await_over(await, NULL);
}

/* ---- on the main thread ---- */

static void run(struct slot *s)
{
	atomic_store(&s->state, RUNS);
	loop_post(s->all->store->ctx->loop, &s->go);
}

static size_t as_xml_can_say(struct slice folder)
{
	size_t n = 0;

	while (n < folder.n && (unsigned char)folder.p[n] >= ' ' && folder.p[n] != 0x7f)
		n++;
	return n;
}

static void begin(struct listings *w, struct slot *s)
{
	struct slice folder = name_list_at(w->folders, w->next);

	s->number = w->next++;
	free(s->folder);
	s->folder = xstrndup(folder.p, folder.n);
	s->n_folder = folder.n;
	s->n_asked = w->how->deep ? as_xml_can_say(folder) : folder.n;
	s->plus = s->any = false;
	run(s);
}

static struct slot *slot_to_look_at(struct listings *w)
{
	struct slot *first = NULL;

	for (size_t i = 0; i < LISTINGS_PARALLEL; i++) {
		struct slot *s = &w->slot[i];
		unsigned state = atomic_load(&s->state);

		if (state == FREE && w->next < w->folders->n)
			begin(w, s);
		state = atomic_load(&s->state);
		if (state == FREE || (!w->how->ordered && state != PAGE && state != ENDED))
			continue;
		if (!first || s->number < first->number)
			first = s;
	}
	return first;
}

static bool is_over(const struct listings *w)
{
	for (size_t i = 0; i < LISTINGS_PARALLEL; i++)
		if (atomic_load(&w->slot[i].state) != FREE)
			return false;
	return w->next == w->folders->n;
}

static struct slice folder_of(const struct slot *s)
{
	return (struct slice){s->folder, s->n_folder};
}

/* True: it is asked for once more. */
static bool try_plus(struct slot *s)
{
	if (s->any || s->plus || !s->all->how->deep || !memchr(s->folder, ' ', s->n_folder))
		return false;
	s->plus = true;
	for (size_t i = 0; i < s->n_folder; i++)
		if (s->folder[i] == ' ')
			s->folder[i] = '+';
	run(s);
	return true;
}

static enum err folder_ended(struct slot *s, struct error *e)
{
	if (s->error.code) {
		*e = s->error;
		return e->code;
	}
	if (try_plus(s))
		return OK;
	if (s->plus && !s->any)
		return err_set(e, ERR_CORRUPT, "nothing is listed below '" SLICE_FMT "'",
			       SLICE_ARG(slice_head(folder_of(s), 100)));
	atomic_store(&s->state, FREE);
	return OK;
}

static void pass_over_others(struct name_page *page, struct slice rest)
{
	size_t n = 0;

	for (size_t i = 0; i < page->n_keys && rest.n; i++) {
		if (!slice_starts(page->keys[i], rest))
			continue;
		page->facts[n] = page->facts[i];
		page->keys[n++] = slice_from(page->keys[i], rest.n);
	}
	if (rest.n)
		page->n_keys = n;
}

static enum err look_at(struct slot *s, listings_page *page, void *ud, struct error *e)
{
	enum err err;

	if (atomic_load(&s->state) == ENDED)
		return folder_ended(s, e);
	for (size_t i = 0; s->plus && i < s->page.text.n; i++)
		if (s->page.text.p[i] == ' ')
			s->page.text.p[i] = '+';
	pass_over_others(&s->page, slice_from(folder_of(s), s->n_asked));
	s->any |= s->page.n_keys > 0;
	err = page(ud, folder_of(s), &s->page, e);
	name_page_fini(&s->page);
	if (!err)
		run(s);
	return err;
}

static void fini(struct listings *w)
{
	enum err err = await_run(&w->stop, w->store->ctx->loop, NULL);

	ASSERT(!err);
	for (size_t i = 0; i < LISTINGS_PARALLEL; i++) {
		name_page_fini(&w->slot[i].page);
		free(w->slot[i].folder);
	}
	sem_destroy(&w->changed);
	free(w);
}

const struct name_list *listings_root(void)
{
	static uint32_t end[] = {0};
	static char nothing[1];
	static const struct name_list list = {.text.p = nothing, .end = end, .n = 1};

	return &list;
}

enum err listings_run(struct store *s, const struct name_list *folders,
		      const struct listings_how *how, listings_page *page, void *ud,
		      struct error *e)
{
	struct listings *w = xnew(struct listings);
	enum err err = OK;

	w->store = s;
	w->folders = folders;
	w->how = how;
	w->stop.begin = stop;
	sem_init(&w->changed, 0, 0);
	for (size_t i = 0; i < LISTINGS_PARALLEL; i++) {
		w->slot[i].all = w;
		w->slot[i].go.run = go;
	}
	while (!err && !is_over(w)) {
		struct slot *one = slot_to_look_at(w);
		unsigned state = one ? atomic_load(&one->state) : RUNS;

		if (state == PAGE || state == ENDED)
			err = look_at(one, page, ud, e);
		else
			sem_wait(&w->changed);
	}
	fini(w);
	return err;
}
