// SPDX-License-Identifier: MIT
/* See plan.h. What it owns of text lies in blocks, which never move. */
#include "publish/plan.h"

#include "base/clock.h"
#include "base/text.h"
#include "publish/members.h"
#include "publish/place.h"

#define BLOCK_LEAST                                                                                \
	((size_t)512) /* many plans are of one file; each next block is twice as large */
#define BLOCK_MOST ((size_t)64 << 10)
#define WORD_MAX   64 /* bytes of a kind, a form */
#define SHA256_LEN 64

struct plan_block {
	struct plan_block *next;
	size_t n, size;
	char p[];
};

/* ---- what it owns ---- */

void plan_fini(struct plan *p)
{
	while (p->text) {
		struct plan_block *b = p->text;

		p->text = b->next;
		free(b);
	}
	free(p->file);
	*p = (struct plan){0};
}

static struct slice keep(struct plan *p, struct slice s)
{
	struct plan_block *b = p->text;
	size_t size = MAX(b ? MIN(2 * b->size, BLOCK_MOST) : BLOCK_LEAST, s.n);

	if (!s.n)
		return SLICE_NONE;
	if (!b || b->size - b->n < s.n) {
		b = xzalloc(sizeof(*b) + size);
		b->size = size;
		b->next = p->text;
		p->text = b;
	}
	memcpy(b->p + b->n, s.p, s.n);
	b->n += s.n;
	return (struct slice){b->p + b->n - s.n, s.n};
}

struct slice plan_text(struct plan *p, struct slice s)
{
	json_t *o CLEANUP(json_done) = json_object();
	const json_t *text;

	member_put_text(o, "text", s, PLAN_TEXT_MAX);
	text = json_object_get(o, "text");
	return keep(p, (struct slice){json_string_value(text), json_string_length(text)});
}

static enum err make_room(struct plan *p, struct error *e)
{
	size_t room = p->room ? 2 * p->room : 16;
	struct plan_file *more;

	if (p->files == PLAN_FILES_MAX)
		return err_set(e, ERR_LIMIT, "more than %d files: publish them in parts",
			       PLAN_FILES_MAX);
	if (p->files < p->room)
		return OK;
	more = realloc(p->file, room * sizeof(*more));
	if (!more)
		return err_set(e, ERR_NOMEM, "out of memory for a plan of %zu files", p->files);
	p->file = more;
	p->room = room;
	return OK;
}

enum err plan_add(struct plan *p, const struct plan_file *file, struct error *e)
{
	struct plan_file *f;
	enum err err = make_room(p, e);

	if (err)
		return err;
	if (file->size < 0 || file->size > INT64_MAX - p->bytes)
		return err_set(e, ERR_LIMIT, "sizes beyond all measure");
	f = &p->file[p->files++];
	*f = *file;
	f->key = keep(p, file->key);
	f->id = keep(p, file->id);
	f->kind = keep(p, file->kind);
	f->path = keep(p, file->path);
	f->as = keep(p, file->as);
	f->machine = keep(p, file->machine);
	f->pdb = keep(p, file->pdb);
	p->bytes += file->size;
	return OK;
}

bool plan_keep_until(struct slice text, int64_t *ret_s)
{
	struct buf whole CLEANUP(buf_fini) = BUF_MAX(64);
	int64_t at_s;

	buf_add(&whole, text);
	if (text.n == 10)
		buf_puts(&whole, "T00:00:00Z");
	if (buf_failed(&whole) || !iso_date_parse(buf_slice(&whole), &at_s) || at_s <= 0)
		return false;
	*ret_s = at_s;
	return true;
}

size_t plan_line(size_t which)
{
	return which + 2;
}

bool plan_file_at(size_t files, int64_t line, size_t *ret_which)
{
	if (line < 2 || (uint64_t)line - 2 >= files)
		return false;
	*ret_which = (size_t)line - 2;
	return true;
}

/* ---- what may stand in it ---- */

static bool is_sha256(const char *s)
{
	char low[SHA256_LEN];

	return strnlen(s, SHA256_LEN + 1) == SHA256_LEN && hex_only(slice_of(s)) &&
	       fold_lower_ascii(slice_of(s), low) && memcmp(low, s, SHA256_LEN) == 0;
}

static enum err check_file(const struct plan_file *f, bool is_new, size_t line, struct error *e)
{
	const char *fault = is_new ? place_fault(f->key) : place_harm(f->key);

	if (fault)
		return err_set(e, ERR_CORRUPT, "line %zu: its key %s", line, fault);
	if (f->size < 0)
		return err_set(e, ERR_CORRUPT, "line %zu has a size below 0", line);
	return is_sha256(f->sha256) ? OK : err_set(e, ERR_CORRUPT, "line %zu has no SHA-256", line);
}

static int compare_keys(const void *a, const void *b)
{
	const struct plan_file *const *x = a, *const *y = b;
	int order = slice_compare((*x)->key, (*y)->key);

	return order ? order : (*x > *y) - (*x < *y);
}

/* A key that is named twice would have two files, one of which is not there. */
static enum err check_twice(const struct plan *p, struct error *e)
{
	const struct plan_file **sorted CLEANUP(free_p) = calloc(p->files + 1, sizeof(*sorted));

	if (!sorted)
		return err_set(e, ERR_NOMEM, "out of memory for a plan of %zu files", p->files);
	for (size_t i = 0; i < p->files; i++)
		sorted[i] = &p->file[i];
	qsort(sorted, p->files, sizeof(*sorted), compare_keys);
	for (size_t i = 1; i < p->files; i++)
		if (slice_eq(sorted[i - 1]->key, sorted[i]->key))
			return err_set(e, ERR_CORRUPT, "line %zu has the key of line %zu",
				       plan_line((size_t)(sorted[i] - p->file)),
				       plan_line((size_t)(sorted[i - 1] - p->file)));
	return OK;
}

/* is_new: it is ours, and not one that somebody wrote once. */
static enum err check(const struct plan *p, bool is_new, struct error *e)
{
	struct tx_id id;

	if (!tx_id_parse(slice_of(p->id.s), &id) || p->started_s <= 0)
		return err_set(e, ERR_CORRUPT, "a plan without an id or a date");
	if (p->files > PLAN_FILES_MAX)
		return err_set(e, ERR_LIMIT, "more than %d files", PLAN_FILES_MAX);
	for (size_t i = 0; i < p->files; i++) {
		enum err err = check_file(&p->file[i], is_new, plan_line(i), e);

		if (err)
			return err;
	}
	return check_twice(p, e);
}

/* ---- writing ---- */

static void write_head(const struct plan *p, struct buf *out)
{
	json_t *o CLEANUP(json_done) = json_object();

	json_object_set_new(o, "pepto", json_integer(PLAN_FORMAT));
	json_object_set_new(o, "id", json_string(p->id.s));
	member_put_date(o, "started", p->started_s);
	member_put_text(o, "product", p->product, PLAN_TEXT_MAX);
	member_put_text(o, "version", p->version, PLAN_TEXT_MAX);
	member_put_text(o, "comment", p->comment, PLAN_TEXT_MAX);
	member_put_date(o, "keep_until", p->keep_until_s);
	member_put_text(o, "source", p->source, PLAN_TEXT_MAX);
	member_put_text(o, "host", p->host, PLAN_TEXT_MAX);
	member_put_text(o, "user", p->user, PLAN_TEXT_MAX);
	member_put_text(o, "tool", p->tool, PLAN_TEXT_MAX);
	json_object_set_new(o, "files", json_integer((json_int_t)p->files));
	json_object_set_new(o, "bytes", json_integer(p->bytes));
	members_write(o, out);
}

/* A path may be of any bytes, and whoever goes on with the transaction has to open it. */
static void put_path(json_t *o, struct slice path)
{
	struct buf hex CLEANUP(buf_fini) = BUF_MAX(2 * PLAN_TEXT_MAX + 1);
	json_t *text = json_stringn(path.p ? path.p : "", path.n);
	char *digits;

	member_put_text(o, "path", path, PLAN_TEXT_MAX);
	if (!text && path.n <= PLAN_TEXT_MAX && (digits = buf_reserve(&hex, 2 * path.n + 1))) {
		hex_encode((const unsigned char *)path.p, path.n, digits);
		json_object_set_new(o, "path_hex", json_string(digits));
	}
	json_decref(text);
}

static enum err write_file(const struct plan_file *f, size_t line, struct buf *out, struct error *e)
{
	json_t *o CLEANUP(json_done) = json_object(), *key = json_stringn(f->key.p, f->key.n);

	if (!key)
		return err_set(e, ERR_CORRUPT, "line %zu has a key that is no UTF-8", line);
	json_object_set_new(o, "key", key);
	member_put_text(o, "id", f->id, PLACE_KEY_MAX);
	member_put_text(o, "kind", f->kind, WORD_MAX);
	put_path(o, f->path);
	json_object_set_new(o, "size", json_integer(f->size));
	json_object_set_new(o, "sha256", json_string(f->sha256));
	member_put_text(o, "as", f->as, WORD_MAX);
	member_put_text(o, "machine", f->machine, FACTS_MACHINE_MAX);
	if (f->privacy != PRIVACY_NONE)
		json_object_set_new(o, "private", json_boolean(f->privacy == PRIVACY_PRIVATE));
	member_put_text(o, "pdb", f->pdb, PLACE_KEY_MAX);
	members_write(o, out);
	return OK;
}

enum err plan_write(const struct plan *p, struct buf *out, struct error *e)
{
	size_t before = out->n;
	enum err err = check(p, true, e);

	if (err)
		return err;
	write_head(p, out);
	for (size_t i = 0; i < p->files && !err; i++)
		err = write_file(&p->file[i], plan_line(i), out, e);
	if (!err && (buf_failed(out) || out->n - before > PLAN_SIZE_MAX))
		err = err_set(e, ERR_LIMIT,
			      "a plan of %zu files is too large: publish them in parts", p->files);
	if (err)
		out->n = before;
	return err;
}

/* ---- reading ---- */

static enum err text_of(struct plan *p, const json_t *o, const char *name, size_t max,
			struct slice *ret, struct error *e)
{
	enum err err = member_text(o, name, max, ret, e);

	*ret = err ? SLICE_NONE : keep(p, *ret);
	return err;
}

static enum err read_head(struct plan *p, struct slice line, const struct tx_id *id,
			  int64_t *ret_files, int64_t *ret_bytes, struct error *e)
{
	json_t *o CLEANUP(json_done) = NULL;
	struct slice told;
	const struct {
		const char *name;
		struct slice *to;
	} text[] = {
		{"product", &p->product}, {"version", &p->version}, {"comment", &p->comment},
		{"source", &p->source},   {"host", &p->host},       {"user", &p->user},
		{"tool", &p->tool},
	};
	enum err err;

	if ((err = members_parse(line, &o, e)) || (err = member_format(o, true, PLAN_FORMAT, e)) ||
	    (err = member_text(o, "id", TX_ID_LEN, &told, e)) ||
	    (err = member_date(o, "started", true, &p->started_s, e)) ||
	    (err = member_date(o, "keep_until", false, &p->keep_until_s, e)) ||
	    (err = member_count(o, "files", true, ret_files, e)) ||
	    (err = member_count(o, "bytes", true, ret_bytes, e)))
		return err;
	if (!slice_eq(told, slice_of(id->s)))
		return err_set(e, ERR_CORRUPT, "it is the plan of another transaction");
	p->id = *id;
	for (size_t i = 0; i < ARRAY_LEN(text) && !err; i++)
		err = text_of(p, o, text[i].name, PLAN_TEXT_MAX, text[i].to, e);
	return err;
}

static enum err read_path(struct plan *p, const json_t *o, struct slice *ret, struct error *e)
{
	struct slice hex;
	enum err err = member_text(o, "path_hex", (size_t)2 * PLAN_TEXT_MAX, &hex, e);
	char *bytes;

	if (err || !hex.n)
		return err ? err : text_of(p, o, "path", PLAN_TEXT_MAX, ret, e);
	if (hex.n % 2 || !hex_only(hex))
		return err_set(e, ERR_CORRUPT, "'path_hex' is not in hex");
	bytes = xzalloc(hex.n / 2);
	for (size_t i = 0; i < hex.n / 2; i++)
		bytes[i] = (char)(hex_digit(hex.p[2 * i]) << 4 | hex_digit(hex.p[2 * i + 1]));
	*ret = keep(p, (struct slice){bytes, hex.n / 2});
	free(bytes);
	return ret->n == strnlen(ret->p, ret->n)
		       ? OK
		       : err_set(e, ERR_CORRUPT, "'path_hex' has a NUL in it");
}

static enum err read_privacy(const json_t *o, enum privacy *ret, struct error *e)
{
	const json_t *v = json_object_get(o, "private");

	if (v && !json_is_boolean(v))
		return err_set(e, ERR_CORRUPT, "'private' is neither true nor false");
	if (v)
		*ret = json_is_true(v) ? PRIVACY_PRIVATE : PRIVACY_PUBLIC;
	return OK;
}

static enum err read_file(struct plan *p, const json_t *o, struct error *e)
{
	struct plan_file f = {0};
	struct slice sha256;
	enum err err;

	if ((err = member_text(o, "key", SIZE_MAX, &f.key, e)) ||
	    (err = member_text(o, "id", PLACE_KEY_MAX, &f.id, e)) ||
	    (err = member_text(o, "kind", WORD_MAX, &f.kind, e)) ||
	    (err = read_path(p, o, &f.path, e)) ||
	    (err = member_count(o, "size", true, &f.size, e)) ||
	    (err = member_text(o, "sha256", SHA256_LEN, &sha256, e)) ||
	    (err = member_text(o, "as", WORD_MAX, &f.as, e)) ||
	    (err = member_text(o, "machine", FACTS_MACHINE_MAX, &f.machine, e)) ||
	    (err = read_privacy(o, &f.privacy, e)) ||
	    (err = member_text(o, "pdb", PLACE_KEY_MAX, &f.pdb, e)))
		return err;
	memcpy(f.sha256, sha256.n ? sha256.p : "", sha256.n);
	return plan_add(p, &f, e);
}

static enum err read_line(struct plan *p, struct slice line, struct error *e)
{
	json_t *o CLEANUP(json_done) = NULL;
	size_t number = plan_line(p->files);
	enum err err = members_parse(line, &o, e);

	if (!err)
		err = read_file(p, o, e);
	return err ? err_wrap(e, "line %zu", number) : OK;
}

/* The first line of *text, which goes on behind it. */
static enum err read_first(struct plan *p, struct slice *text, const struct tx_id *id,
			   int64_t *ret_files, int64_t *ret_bytes, struct error *e)
{
	struct slice line;
	enum err err;

	(void)slice_next(text, '\n', &line);
	if (line.n > PLAN_LINE_MAX)
		return err_set(e, ERR_CORRUPT, "line 1 is too long");
	err = read_head(p, line, id, ret_files, ret_bytes, e);
	return err == OK || err == ERR_LIMIT ? err : err_wrap(e, "line 1");
}

static enum err read_lines(struct plan *p, struct slice text, const struct tx_id *id,
			   struct error *e)
{
	int64_t files = 0, bytes = 0;
	struct slice line;
	enum err err;

	if (!slice_ends(text, SLICE("\n")))
		return err_set(e, ERR_CORRUPT, "it is empty or cut short");
	text.n--;
	err = read_first(p, &text, id, &files, &bytes, e);
	while (!err && slice_next(&text, '\n', &line)) {
		if (line.n > PLAN_LINE_MAX)
			return err_set(e, ERR_CORRUPT, "line %zu is too long", plan_line(p->files));
		err = read_line(p, line, e);
	}
	if (!err && ((int64_t)p->files != files || p->bytes != bytes))
		err = err_set(e, ERR_CORRUPT,
			      "it does not have the files that it says, cut short?");
	return err ? err : check(p, false, e);
}

/* *p goes to *ret, or *why, with what it is of, to *e. */
static enum err hand_over(struct plan *p, const struct tx_id *id, struct error *why,
			  struct plan *ret, struct error *e)
{
	if (why->code) {
		(void)members_refused(id, TX_PLAN, why);
		if (e)
			*e = *why;
		return why->code;
	}
	*ret = *p;
	*p = (struct plan){0};
	return OK;
}

enum err plan_read(struct slice text, const struct tx_id *id, struct plan *ret, struct error *e)
{
	struct plan p CLEANUP(plan_fini) = {0};
	struct error why = {.code = OK};

	if (text.n > PLAN_SIZE_MAX)
		err_set(&why, ERR_LIMIT, "larger than any plan that is read here");
	else
		(void)read_lines(&p, text, id, &why);
	return hand_over(&p, id, &why, ret, e);
}

enum err plan_read_head(struct slice text, const struct tx_id *id, struct plan *ret,
			int64_t *ret_files, struct error *e)
{
	struct plan p CLEANUP(plan_fini) = {0};
	struct error why = {.code = OK};

	(void)read_first(&p, &text, id, ret_files, &p.bytes, &why);
	return hand_over(&p, id, &why, ret, e);
}
