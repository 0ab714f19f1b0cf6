// SPDX-License-Identifier: MIT
/* See members.h. */
#include "publish/members.h"

#include "base/clock.h"
#include "base/text.h"

void json_done(json_t **j)
{
	json_decref(*j);
}

enum err members_parse(struct slice text, json_t **ret, struct error *e)
{
	json_error_t why;
	json_t *o = json_loadb(text.p ? text.p : "", text.n, JSON_REJECT_DUPLICATES, &why);
	struct buf shown CLEANUP(buf_fini) = BUF_MAX(4 * sizeof(why.text));

	if (!o) {
		text_show(slice_of(why.text), &shown);
		return err_set(e, ERR_CORRUPT, "no JSON: %.100s", buf_str(&shown));
	}
	if (!json_is_object(o)) {
		json_decref(o);
		return err_set(e, ERR_CORRUPT, "not an object of JSON");
	}
	*ret = o;
	return OK;
}

enum err member_format(const json_t *o, bool wanted, int newest, struct error *e)
{
	const json_t *v = json_object_get(o, "pepto");

	if (!v && !wanted)
		return OK;
	if (!json_is_integer(v) || json_integer_value(v) < 1)
		return err_set(e, ERR_CORRUPT, "'pepto' is not the number of a format");
	if (json_integer_value(v) > newest)
		return err_set(e, ERR_LIMIT,
			       "of format %lld, written by a newer pepto-symbol: update this one, "
			       "which knows format %d",
			       (long long)json_integer_value(v), newest);
	return OK;
}

enum err member_text(const json_t *o, const char *name, size_t max, struct slice *ret,
		     struct error *e)
{
	const json_t *v = json_object_get(o, name);

	*ret = SLICE_NONE;
	if (!v)
		return OK;
	if (!json_is_string(v))
		return err_set(e, ERR_CORRUPT, "'%s' is not text", name);
	*ret = (struct slice){json_string_value(v), json_string_length(v)};
	if (ret->n && memchr(ret->p, '\0', ret->n))
		return err_set(e, ERR_CORRUPT, "'%s' has a NUL in it", name);
	if (ret->n > max)
		return err_set(e, ERR_CORRUPT, "'%s' is longer than %zu bytes", name, max);
	return OK;
}

enum err member_count(const json_t *o, const char *name, bool wanted, int64_t *ret, struct error *e)
{
	const json_t *v = json_object_get(o, name);

	*ret = 0;
	if (!v && !wanted)
		return OK;
	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return err_set(e, ERR_CORRUPT, "'%s' is not a number from 0", name);
	*ret = json_integer_value(v);
	return OK;
}

enum err member_date(const json_t *o, const char *name, bool wanted, int64_t *ret, struct error *e)
{
	const json_t *v = json_object_get(o, name);
	int64_t t;

	*ret = 0;
	if (!v && !wanted)
		return OK;
	if (!iso_date_parse((struct slice){json_string_value(v), json_string_length(v)}, &t) ||
	    t <= 0)
		return err_set(e, ERR_CORRUPT, "'%s' is not a date", name);
	*ret = t;
	return OK;
}

static struct slice cut(struct slice s, size_t max)
{
	if (s.n <= max)
		return s;
	while (max && ((unsigned char)s.p[max] & 0xc0) == 0x80) /* not within a character */
		max--;
	return slice_head(s, max);
}

void member_put_text(json_t *o, const char *name, struct slice s, size_t max)
{
	struct buf shown CLEANUP(buf_fini) = BUF_MAX(TEXT_ESCAPE_SIZE * (max + 1));
	struct slice whole = cut(s, max);
	json_t *text;

	if (!s.n)
		return;
	text = memchr(whole.p, '\0', whole.n) ? NULL : json_stringn(whole.p, whole.n);
	if (!text) {
		text_show(whole, &shown);
		whole = cut(buf_slice(&shown), max);
		text = json_stringn(whole.p, whole.n);
	}
	if (text)
		json_object_set_new(o, name, text);
}

void member_put_date(json_t *o, const char *name, int64_t t)
{
	char text[ISO_DATE_LEN];

	if (t <= 0)
		return;
	iso_date_format(t, text);
	json_object_set_new(o, name, json_string(text));
}

static int put(const char *p, size_t n, void *ud)
{
	buf_add(ud, (struct slice){p, n});
	return 0;
}

void members_write(const json_t *o, struct buf *out)
{
	if (json_dump_callback(o, put, out, JSON_COMPACT) != 0)
		out->failed = true;
	buf_putc(out, '\n');
}

enum err members_refused(const struct tx_id *id, enum tx_object which, struct error *e)
{
	struct buf key CLEANUP(buf_fini) = BUF_MAX(200);
	struct error why = *e;

	tx_key_add(id, which, &key);
	return err_set(e, why.code, "%s: %s%s", buf_str(&key), why.msg,
		       why.code == ERR_CORRUPT ? " (mend it, or delete it by hand)" : "");
}
