// SPDX-License-Identifier: MIT
/*
 * POST /-/api/keys: is each of these files there, where and in which form? As `check` tells it, but no file is read.
 *
 * So many lanes look at a time, each for one path after the other; to the transfers that are shared by all they are one
 * asker. What is known takes no time, so that after some of it a lane lets the loop do other things.
 */
#include "serve/api_keys.h"
#include "base/clock.h"
#include "publish/members.h"
#include "serve/api.h"
#include "serve/api_look.h"
#include "serve/api_path.h"

#define LANES      8
#define AT_ONCE    16
#define REFUSED    "no store is asked for such a path"
#define NO_PATH    "no debugger can ask for it: name/KEY/name"
#define NO_TIME    "no time was left: ask again"
#define OTHER_FILE "what lies there is another file than its key names"

enum found { FAULT, THERE, MISSING, WRONG };
static const char *const words[] = {
	[FAULT] = "fault", [THERE] = "there", [MISSING] = "missing", [WRONG] = "wrong"};

struct key {
	enum found found;
	bool hidden;      /* the path is not repeated */
	const char *form; /* THERE; constant */
	int64_t size;
	const struct store *store;
	const char *why; /* constant, or: */
	char *error;     /* owned */
};

struct keys;

struct lane {
	struct keys *keys;
	size_t at; /* which one it looks for */
	struct symbol_path path;
	struct api_look look;
	bool looks;
	struct loop_timer again;
};

struct keys {
	struct api_work work;
	json_t *paths; /* owned */
	struct key *key;
	size_t n, next;
	bool any_path;
	uint64_t asker;
	struct lane lane[LANES];
	size_t running; /* lanes */
};

/* ---- one of them ---- */

static struct slice path_of(const struct keys *k, size_t i)
{
	const json_t *path = json_array_get(k->paths, i);

	return (struct slice){json_string_value(path), json_string_length(path)};
}

static void judge(struct key *key, const struct api_look *look)
{
	key->why = NULL;
	key->store = look->store;
	key->size = look->size;
	switch (look->kind) {
	case ANSWER_FOUND:
	case ANSWER_UNSATISFIABLE:
		key->found = THERE;
		key->form = look->form;
		break;
	case ANSWER_MISS:
		key->found = look->other ? WRONG : MISSING;
		key->why = look->other ? OTHER_FILE : look->passed_over ? REFUSED : NULL;
		break;
	case ANSWER_FAULT:
		key->found = look->error.code == ERR_CORRUPT || look->error.code == ERR_OTHER
				     ? WRONG
				     : FAULT;
		key->why = key->error = xstrdup(look->error.msg);
		break;
	}
}

static void looked(struct lane *lane)
{
	struct keys *k = lane->keys;

	if (!k->work.stopped || lane->look.kind != ANSWER_FAULT)
		judge(&k->key[lane->at], &lane->look);
	api_look_fini(&lane->look);
	symbol_path_fini(&lane->path);
	lane->looks = false;
}

/* ---- the lanes ---- */

static void lane_end(struct lane *lane)
{
	struct keys *k = lane->keys;

	if (--k->running == 0)
		api_done(&k->work);
}

static void go_on(struct lane *lane);

static void look_ended(struct api_look *look)
{
	struct lane *lane = CONTAINER_OF(look, struct lane, look);

	looked(lane);
	go_on(lane);
}

/* True: it is being looked for. */
static bool look_for(struct lane *lane)
{
	struct keys *k = lane->keys;

	lane->look = (struct api_look){
		.server = k->work.server,
		.path = &lane->path,
		.any_path = k->any_path,
		.asker = k->asker,
		.left = k->work.left,
		.ended = look_ended,
	};
	lane->looks = true;
	if (!api_look_start(&lane->look))
		return true;
	looked(lane);
	return false;
}

/* True: it is being looked for. */
static bool begin_one(struct lane *lane)
{
	struct keys *k = lane->keys;
	struct key *key;

	lane->at = k->next++;
	key = &k->key[lane->at];
	switch (api_path_of_text(k->work.server, path_of(k, lane->at), &lane->path)) {
	case API_PATH_FILE: return look_for(lane);
	case API_PATH_NONE:
		key->found = MISSING;
		key->why = NO_PATH;
		break;
	case API_PATH_REFUSED:
		key->found = MISSING;
		key->hidden = true;
		key->why = REFUSED;
		break;
	case API_PATH_NOMEM: break;
	}
	symbol_path_fini(&lane->path);
	return false;
}

static void go_on(struct lane *lane)
{
	struct keys *k = lane->keys;

	for (size_t i = 0; !k->work.stopped && k->next < k->n; i++) {
		if (i == AT_ONCE) {
			loop_timer_set(k->work.server->parts.loop, &lane->again, clock_mono_ns());
			return;
		}
		if (begin_one(lane))
			return;
	}
	lane_end(lane);
}

static void again(struct loop_timer *timer)
{
	go_on(CONTAINER_OF(timer, struct lane, again));
}

/* ---- the work ---- */

static void begin(struct api_work *w)
{
	struct keys *k = CONTAINER_OF(w, struct keys, work);
	size_t lanes = MIN(k->n, LANES);

	k->asker = ++w->server->lookups.count;
	k->running = lanes;
	for (size_t i = 0; i < lanes; i++) {
		k->lane[i].keys = k;
		k->lane[i].again.due = again;
		loop_timer_set(w->server->parts.loop, &k->lane[i].again, clock_mono_ns());
	}
}

/* A lane that looks ends with its look, one that lets others go first in its turn. */
static void stop(struct api_work *w)
{
	struct keys *k = CONTAINER_OF(w, struct keys, work);

	for (size_t i = 0; i < LANES; i++)
		if (k->lane[i].looks)
			api_look_cancel(&k->lane[i].look);
}

static void free_keys(struct api_work *w)
{
	struct keys *k = CONTAINER_OF(w, struct keys, work);

	for (size_t i = 0; i < k->n; i++)
		free(k->key[i].error);
	free(k->key);
	json_decref(k->paths);
	free(k);
}

/* ---- the answer ---- */

static void add_key(const struct keys *k, size_t i, struct buf *out)
{
	const struct key *key = &k->key[i];

	buf_puts(out, i ? ",\n{\"path\":" : "\n{\"path\":");
	if (key->hidden)
		buf_puts(out, "null");
	else
		api_string(path_of(k, i), out);
	buf_printf(out, ",\"found\":\"%s\",\"form\":", words[key->found]);
	api_string_or_null(key->form, out);
	if (key->found == THERE && key->size >= 0)
		buf_printf(out, ",\"size\":%lld", (long long)key->size);
	else
		buf_puts(out, ",\"size\":null");
	buf_puts(out, ",\"store\":");
	api_string_or_null(key->store ? key->store->traits.name : NULL, out);
	buf_puts(out, ",\"why\":");
	api_string_or_null(key->why, out);
	buf_putc(out, '}');
}

static void tell(struct api_work *w, struct page *ret)
{
	struct keys *k = CONTAINER_OF(w, struct keys, work);

	buf_puts(&ret->text, "{\"api\":1,\"keys\":[");
	for (size_t i = 0; i < k->n; i++)
		add_key(k, i, &ret->text);
	buf_puts(&ret->text, "]}\n");
}

enum err api_keys_read(struct slice body, json_t **ret, struct error *e)
{
	json_t *o CLEANUP(json_done) = NULL;
	json_t *paths = NULL;

	if (members_parse(body, &o, e) != OK)
		return e->code;
	paths = json_object_get(o, "paths");
	if (!json_is_array(paths) || !json_array_size(paths))
		return err_set(e, ERR_USAGE, "send {\"paths\":[\"foo.pdb/KEY/foo.pdb\",...]}");
	if (json_array_size(paths) > API_KEYS_MAX)
		return err_set(e, ERR_USAGE, "%zu paths: send %d at most at a time",
			       json_array_size(paths), API_KEYS_MAX);
	for (size_t i = 0; i < json_array_size(paths); i++)
		if (!json_is_string(json_array_get(paths, i)))
			return err_set(e, ERR_USAGE, "path %zu, counted from 0, is no text", i);
	*ret = json_incref(paths);
	return OK;
}

struct api_work *api_keys(struct exchange *x, const struct api_asked *asked, struct page *ret)
{
	json_t *paths = NULL;
	struct keys *k;
	struct error e;

	if (api_keys_read(asked->body, &paths, &e) != OK) {
		api_error(ret, 400, e.msg);
		return NULL;
	}
	k = xnew(struct keys);
	k->work = (struct api_work){.begin = begin, .stop = stop, .tell = tell, .free = free_keys};
	k->any_path = exchange_rules(x).any_path;
	k->paths = paths;
	k->n = json_array_size(paths);
	k->key = xzalloc(k->n * sizeof(*k->key));
	for (size_t i = 0; i < k->n; i++)
		k->key[i].why = NO_TIME;
	return &k->work;
}
