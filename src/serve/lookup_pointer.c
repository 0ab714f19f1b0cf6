// SPDX-License-Identifier: MIT
/*
 * Objects that lead to another one, which is then looked for in the same store, once: a target that
 * is a pointer itself is not followed.
 *
 * file.ptr: a store that symstore filled with pointers has, in place of a file, a text that tells
 * where it is. Where that is the store itself by another name (traits.ptr) it is followed. Else it
 * is as if there were no pointer; a client that asks for file.ptr itself gets it as it is.
 *
 * An image: rust-minidump asks for foo.dll/CODEID/foo.sym when it knows nothing but the code id.
 * The image of that id tells its PDB, and foo.pdb/ID/foo.sym is what was meant.
 */
#include "metric/metric.h"
#include "serve/lookup_priv.h"
#include "store/name_list.h"
#include "symfmt/pe.h"
#include "symfmt/pointer.h"

/* Longer images are not brought here for the sake of a .sym. */
#define IMAGE_MAX (INT64_C(256) << 20)

enum found { TARGET, NO_TARGET, UNREADABLE };

/* ---- the body, which has arrived ---- */

static enum err read_fill(void *ud, int64_t offset, void *to, size_t n, struct error *e)
{
	struct fill *body = ud;

	for (size_t got = 0, more = 0; got < n; got += more)
		if (fill_read(body, offset + (int64_t)got, (char *)to + got, n - got, &more) !=
		    FILL_DATA)
			return err_set(e, ERR_IO, "cannot read what has arrived");
	return OK;
}

static struct source body_of(const struct slot *slot, struct file_source *file)
{
	const struct object_head *h = &slot->head;

	*file = (struct file_source){h->fd, h->fd_base};
	if (h->fd >= 0)
		return source_of_file(file, h->total);
	return (struct source){read_fill, ask_body(slot->ask), h->total};
}

/* ---- where it leads to ---- */

/*
 * A target has to have the name that was asked for, as symstore writes it: the right to write one
 * file.ptr must not open the rest of the bucket, nor the files in which symstore and we keep books.
 */
static bool may_be_meant(const struct lookup *l)
{
	const struct symbol_path *path = l->request.rules.path;
	struct slice rest = buf_slice(&l->target), segment = SLICE_NONE;
	enum path_last last;

	while (slice_next(&rest, '/', &segment))
		if (slice_eq_nocase(segment, SLICE("000Admin")) || segment_is_ours(segment))
			return false;
	last = path_last(path->spelling[0].last, segment);
	return last == LAST_PLAIN || last == LAST_TWIN;
}

static enum found follow_text(struct lookup *l, const struct source *body)
{
	struct slice root = slice_of(lookup_present(l)->traits.ptr);
	char text[POINTER_MAX];
	size_t n = (size_t)body->size;
	struct error e;

	if (source_read(body, 0, text, n, &e) != OK)
		return UNREADABLE;
	return pointer_target((struct slice){text, n}, root, &l->target) && may_be_meant(l)
		       ? TARGET
		       : NO_TARGET;
}

/* foo.sym becomes foo.pdb/ID/foo.sym: the name in the image would be that of the build's time. */
static enum found follow_image(struct lookup *l, const struct source *body)
{
	const struct symbol_path *path = l->request.rules.path;
	struct slice last = path->spelling[0].last;
	struct slice stem = slice_head(last, last.n - strlen(".sym"));
	struct head_file file;
	struct head head = head_of_file(body, &file);
	struct pe_debug debug;
	struct key_text key;
	struct pe pe;

	if (pe_read(&head, &pe) != PARSE_OK || pe_read_debug(&head, &pe, &debug) != PARSE_OK ||
	    debug.codeviews == 0 || !key_of_identity(&debug.codeview[0].pdb, false, 0, &key))
		return NO_TARGET;
	if (path->segments > 3 || atomic_load(&lookup_present(l)->tier) == TIER_TWO) {
		buf_add(&l->target, name_tier_folder(stem));
		buf_putc(&l->target, '/');
	}
	buf_add(&l->target, stem);
	buf_puts(&l->target, ".pdb/");
	buf_puts(&l->target, key.s);
	buf_putc(&l->target, '/');
	buf_add(&l->target, last);
	return TARGET;
}

static bool is_text(const struct slot *slot)
{
	struct slice key = slot->candidate.key;

	return slice_eq_nocase(slice_from(key, slice_rfind(key, '/') + 1), SLICE("file.ptr"));
}

bool lookup_may_point(const struct slot *slot)
{
	return slot->head.total > 0 &&
	       slot->head.total <= (is_text(slot) ? (int64_t)POINTER_MAX : IMAGE_MAX);
}

static enum found find_target(struct lookup *l, const struct slot *slot)
{
	struct file_source file;
	struct source body = body_of(slot, &file);
	enum found found;

	l->target = BUF_MAX(SYMBOL_PATH_MAX);
	found = is_text(slot) ? follow_text(l, &body) : follow_image(l, &body);
	if (found == TARGET && buf_failed(&l->target))
		found = NO_TARGET;
	if (found != TARGET)
		lookup_forget_target(l);
	return found;
}

void lookup_pointer_arrived(struct lookup *l, struct slot *slot)
{
	struct slice asked = l->request.rules.path->spelling[0].path;
	struct error e;

	switch (find_target(l, slot)) {
	case TARGET: break;
	case NO_TARGET: lookup_take_for_missing(l, slot); return;
	case UNREADABLE:
		if (slot->head.fd >= 0 || !fill_failed(ask_body(slot->ask), &e))
			err_set(&e, ERR_IO, "cannot read what leads to the file");
		lookup_store_failed(l, &e, true);
		return;
	}
	metric_inc(pointers_followed);
	l->asked = xstrndup(asked.p, asked.n);
	lookup_drop_slots(l);
	loop_timer_set(l->request.loop, &l->next, clock_mono_ns());
}

void lookup_forget_target(struct lookup *l)
{
	buf_fini(&l->target);
	free(TAKE(l->asked));
}
