// SPDX-License-Identifier: MIT
/*
 * One walk serves the three documents: expat reports elements, the walk keeps the path of open
 * ones ("/ListBucketResult/Contents/Key") and the text of the innermost, and at each end tag hands
 * both to the document's leaf function, which takes what it knows. Attributes (xmlns) and prefixes
 * do not matter.
 *
 * Bounds: the path (and with it the depth), the text of one element, the body. What is kept goes
 * into one buffer reserved at the length of the body: text never grows when it is unescaped, so
 * the slices into it stay where they are. The first error stops the parser and is the one reported.
 */
#include "store/s3_xml.h"

#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"
#include <expat.h>
#include <openssl/crypto.h>
#include <stdatomic.h>

#define PATH_MAX_LEN 256
#define TEXT_MAX     16384 /* a session token is the longest text known */

struct walk;
typedef enum err (*leaf_fn)(struct walk *w, const char *path, struct slice text);

struct walk {
	XML_Parser parser;
	leaf_fn leaf;
	void *ret; /* what leaf fills */
	char path[PATH_MAX_LEN];
	size_t n_path;
	struct buf text; /* of the innermost element so far */
	bool parent;     /* that has held another one: its text is no value */
	unsigned seen;   /* which of the values that come once have come */
	enum err err;
	struct error *e;
};

static void fail(struct walk *w, enum err err)
{
	w->err = err;
	XML_StopParser(w->parser, XML_FALSE);
}

static void XMLCALL on_start(void *ctx, const XML_Char *name, const XML_Char **attributes)
{
	struct walk *w = ctx;
	size_t n = strlen(name);

	if (w->err)
		return;
	if (w->n_path + 1 + n + 1 > sizeof(w->path)) {
		fail(w, err_set(w->e, ERR_LIMIT, "XML nested too deeply"));
		return;
	}
	w->path[w->n_path] = '/';
	memcpy(w->path + w->n_path + 1, name, n + 1);
	w->n_path += n + 1;
	w->parent = false;
	buf_clear(&w->text);
}

static void XMLCALL on_end(void *ctx, const XML_Char *name)
{
	struct walk *w = ctx;
	enum err err;

	if (w->err)
		return;
	err = w->leaf(w, w->path, w->parent ? SLICE_NONE : buf_slice(&w->text));
	if (err) {
		fail(w, err);
		return;
	}
	w->n_path -= strlen(name) + 1;
	w->path[w->n_path] = '\0';
	w->parent = true;
	buf_clear(&w->text);
}

static void XMLCALL on_text(void *ctx, const XML_Char *p, int n)
{
	struct walk *w = ctx;

	if (w->err)
		return;
	buf_add(&w->text, (struct slice){p, (size_t)n});
	if (buf_failed(&w->text))
		fail(w, err_set(w->e, ERR_LIMIT, "XML text of '%s' too long", w->path));
}

static void XMLCALL on_doctype(void *ctx, const XML_Char *name, const XML_Char *system_id,
			       const XML_Char *public_id, int has_internal_subset)
{
	struct walk *w = ctx;

	fail(w, err_set(w->e, ERR_CORRUPT, "XML with a document type declaration"));
}

/*
 * By what expat spreads names over its tables, so that nobody can choose names that meet in one place. It
 * would ask the kernel for each document; one for the life of the process is as little known.
 */
static unsigned long salt(void)
{
	static atomic_ulong kept;
	unsigned long s = atomic_load_explicit(&kept, memory_order_relaxed);

	if (!s) {
		s = (unsigned long)random_u64() | 1; /* 0: expat asks all the same */
		atomic_store_explicit(&kept, s, memory_order_relaxed);
	}
	return s;
}

static enum err too_long(struct error *e)
{
	return err_set(e, ERR_LIMIT, "XML answer longer than %d bytes", S3_XML_MAX);
}

static enum err walk_parse(struct walk *w, struct slice body)
{
	if (body.n > S3_XML_MAX)
		return too_long(w->e);
	/* Naming the encoding overrides the document's own, which could grow in UTF-8. */
	w->parser = XML_ParserCreate("UTF-8");
	if (!w->parser)
		return err_set(w->e, ERR_NOMEM, "no memory for an XML parser");
	XML_SetHashSalt(w->parser, salt());
	XML_SetUserData(w->parser, w);
	XML_SetElementHandler(w->parser, on_start, on_end);
	XML_SetCharacterDataHandler(w->parser, on_text);
	XML_SetStartDoctypeDeclHandler(w->parser, on_doctype);
	if (XML_Parse(w->parser, body.p ? body.p : "", (int)body.n, XML_TRUE) == XML_STATUS_OK)
		return OK;
	if (w->err)
		return w->err;
	return err_set(w->e, ERR_CORRUPT, "XML line %lu: %s",
		       (unsigned long)XML_GetCurrentLineNumber(w->parser),
		       XML_ErrorString(XML_GetErrorCode(w->parser)));
}

static enum err walk_all(struct walk *w, struct slice body)
{
	enum err err = walk_parse(w, body);

	if (w->parser)
		XML_ParserFree(w->parser);
	if (w->text.p)
		OPENSSL_cleanse(w->text.p, w->text.cap);
	buf_fini(&w->text);
	return err;
}

static enum err walk(struct slice body, leaf_fn leaf, void *ret, struct error *e)
{
	struct walk w = {.leaf = leaf, .ret = ret, .text = BUF_MAX(TEXT_MAX), .e = e};

	return walk_all(&w, body);
}

/* Room for every text of the body, so that keep() never moves what it kept before. */
static enum err reserve_text(struct buf *b, struct slice body, struct error *e)
{
	if (body.n > S3_XML_MAX)
		return too_long(e);
	*b = BUF_MAX(body.n);
	return buf_reserve(b, body.n) ? OK : err_set(e, ERR_NOMEM, "no memory for an XML answer");
}

static struct slice keep(struct buf *b, struct slice text)
{
	size_t at = b->n;

	buf_add(b, text);
	ASSERT(!buf_failed(b));
	return (struct slice){b->p + at, text.n};
}

static bool is(const char *path, const char *want)
{
	return strcmp(path, want) == 0;
}

/* ---- <Error> ---- */

static void copy_cut(struct slice text, char *ret, size_t size)
{
	size_t n = MIN(text.n, size - 1);

	/* 10xxxxxx continues a character: step back to the start of the one that is cut. */
	while (n > 0 && n < text.n && ((unsigned char)text.p[n] & 0xc0) == 0x80)
		n--;
	if (n > 0)
		memcpy(ret, text.p, n);
	ret[n] = '\0';
}

/* A document that says a thing twice may have been put together by others. */
static enum err once(struct walk *w, unsigned which)
{
	if (w->seen & which)
		return err_set(w->e, ERR_CORRUPT, "XML that says '%s' twice", w->path);
	w->seen |= which;
	return OK;
}

static enum err copy_once(struct walk *w, unsigned which, struct slice text, char *ret, size_t size)
{
	copy_cut(text, ret, size);
	return once(w, which);
}

static enum err error_leaf(struct walk *w, const char *path, struct slice text)
{
	enum { CODE = 1, REGION = 2, ENDPOINT = 4, ACTUAL_SIZE = 8 };
	struct s3_error *x = w->ret;
	uint64_t size;

	if (strncmp(path, "/ErrorResponse/Error", 20) == 0)
		path += 14;
	if (is(path, "/Error/Code"))
		return copy_once(w, CODE, text, x->code, sizeof(x->code));
	if (is(path, "/Error/Region"))
		return copy_once(w, REGION, text, x->region, sizeof(x->region));
	if (is(path, "/Error/Endpoint"))
		return copy_once(w, ENDPOINT, text, x->endpoint, sizeof(x->endpoint));
	if (is(path, "/Error/Message"))
		copy_cut(text, x->message, sizeof(x->message));
	if (!is(path, "/Error/ActualObjectSize"))
		return OK;
	if (parse_u64(text, INT64_MAX, &size))
		x->actual_size = (int64_t)size;
	return once(w, ACTUAL_SIZE);
}

enum err s3_xml_error(struct slice body, struct s3_error *ret, struct error *e)
{
	struct s3_error x = {.actual_size = -1};
	enum err err = walk(body, error_leaf, &x, e);

	if (err)
		return err;
	if (!x.code[0])
		return err_set(e, ERR_CORRUPT, "not an S3 error document");
	*ret = x;
	return OK;
}

/* ---- <ListBucketResult> ---- */

struct list_reading {
	struct s3_list l;
	struct s3_object now; /* the <Contents> being read */
	bool keyed;           /* whose key has come */
	size_t limit;
	bool is_list; /* the root was ListBucketResult */
	bool encoded; /* <EncodingType>url */
};

static enum err list_room(struct walk *w, struct list_reading *x)
{
	if (x->l.n_objects + x->l.n_prefixes >= x->limit)
		return err_set(w->e, ERR_LIMIT, "listing of more than %zu entries", x->limit);
	return OK;
}

static enum err add_object(struct walk *w, struct list_reading *x)
{
	enum err err = list_room(w, x);

	if (err)
		return err;
	if (x->now.key.n == 0)
		return err_set(w->e, ERR_CORRUPT, "listing with an entry that has no key");
	x->l.objects[x->l.n_objects++] = x->now;
	x->now = (struct s3_object){0};
	x->keyed = false;
	return OK;
}

static enum err add_prefix(struct walk *w, struct list_reading *x, struct slice text)
{
	enum err err = list_room(w, x);

	if (err)
		return err;
	x->l.prefixes[x->l.n_prefixes++] = keep(&x->l.text, text);
	return OK;
}

static enum err object_leaf(struct walk *w, struct list_reading *x, const char *name,
			    struct slice text)
{
	uint64_t size;

	if (is(name, "/Key")) {
		if (x->keyed)
			return err_set(w->e, ERR_CORRUPT, "listing with an entry of two keys");
		x->keyed = true;
		x->now.key = keep(&x->l.text, text);
	} else if (is(name, "/ETag")) {
		x->now.etag = keep(&x->l.text, text);
	} else if (is(name, "/LastModified")) {
		if (!iso_date_parse(text, &x->now.modified_s))
			x->now.modified_s = 0;
	} else if (is(name, "/Size")) {
		if (!parse_u64(text, INT64_MAX, &size))
			return err_set(w->e, ERR_CORRUPT, "listing with an invalid size");
		x->now.size = (int64_t)size;
	} else if (is(name, "")) {
		return add_object(w, x);
	}
	return OK;
}

static enum err list_leaf(struct walk *w, const char *path, struct slice text)
{
	static const char root[] = "/ListBucketResult", contents[] = "/Contents";
	enum { TRUNCATED = 1, TOKEN = 2, MARKER = 4, ENCODING = 8 };
	struct list_reading *x = w->ret;

	if (strncmp(path, root, sizeof(root) - 1) != 0)
		return OK;
	path += sizeof(root) - 1;
	if (strncmp(path, contents, sizeof(contents) - 1) == 0)
		return object_leaf(w, x, path + sizeof(contents) - 1, text);
	if (is(path, "/CommonPrefixes/Prefix"))
		return add_prefix(w, x, text);
	if (is(path, "/IsTruncated")) {
		x->l.truncated = slice_eq_nocase(slice_trim(text), SLICE("true"));
		x->l.complete = slice_eq_nocase(slice_trim(text), SLICE("false"));
		return once(w, TRUNCATED);
	}
	if (is(path, "/NextContinuationToken")) {
		x->l.next_token = keep(&x->l.text, text);
		return once(w, TOKEN);
	}
	if (is(path, "/NextMarker")) {
		x->l.next_marker = keep(&x->l.text, text);
		return once(w, MARKER);
	}
	if (is(path, "/EncodingType")) {
		text = slice_trim(text);
		x->encoded = slice_eq_nocase(text, SLICE("url"));
		if (text.n && !x->encoded)
			return err_set(w->e, ERR_CORRUPT, "listing in an unknown encoding");
		return once(w, ENCODING);
	}
	if (is(path, ""))
		x->is_list = true;
	return OK;
}

/*
 * Undo encoding-type=url where the text lies: it only shrinks. An escape that is none stands for
 * itself, as it does to the services that write such keys.
 */
static void url_decode(struct slice *s)
{
	char *to = (char *)s->p;
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++, n++) {
		bool escape = s->p[i] == '%' && s->n - i > 2 && hex_digit(s->p[i + 1]) >= 0 &&
			      hex_digit(s->p[i + 2]) >= 0;

		if (escape) {
			to[n] = (char)(hex_digit(s->p[i + 1]) << 4 | hex_digit(s->p[i + 2]));
			i += 2;
		} else {
			to[n] = s->p[i] == '+' ? ' ' : s->p[i];
		}
	}
	s->n = n;
}

static enum err decode_key(const struct list_reading *x, struct slice *key, struct error *e)
{
	if (x->encoded)
		url_decode(key);
	if (key->n > S3_KEY_MAX)
		return err_set(e, ERR_LIMIT, "listing with a key longer than %d bytes", S3_KEY_MAX);
	return OK;
}

/* After the last tag: the encoding may have been named after the keys. */
static enum err list_finish(struct list_reading *x, struct error *e)
{
	struct s3_list *l = &x->l;
	enum err err = OK;

	if (!x->is_list)
		return err_set(e, ERR_CORRUPT, "not a bucket listing");
	for (size_t i = 0; i < l->n_objects && !err; i++)
		err = decode_key(x, &l->objects[i].key, e);
	for (size_t i = 0; i < l->n_prefixes && !err; i++)
		err = decode_key(x, &l->prefixes[i], e);
	if (!err)
		err = decode_key(x, &l->next_marker, e);
	if (err || !l->truncated || l->next_token.n > 0)
		return err;
	/* V1 without a delimiter names no marker: it is the last key. */
	if (l->next_marker.n == 0 && l->n_prefixes == 0 && l->n_objects > 0)
		l->next_marker = l->objects[l->n_objects - 1].key;
	if (l->next_marker.n == 0)
		return err_set(e, ERR_CORRUPT, "truncated listing that does not say how to go on");
	return OK;
}

void s3_list_fini(struct s3_list *l)
{
	free(l->objects);
	free(l->prefixes);
	buf_fini(&l->text);
	*l = (struct s3_list){0};
}

enum err s3_xml_list(struct slice body, size_t limit, struct s3_list *ret, struct error *e)
{
	struct list_reading x = {.limit = MIN(limit, S3_LIST_MAX)};
	enum err err = reserve_text(&x.l.text, body, e);

	if (err)
		return err;
	x.l.objects = xzalloc(S3_LIST_MAX * sizeof(*x.l.objects));
	x.l.prefixes = xzalloc(S3_LIST_MAX * sizeof(*x.l.prefixes));
	err = walk(body, list_leaf, &x, e);
	if (!err)
		err = list_finish(&x, e);
	if (err)
		s3_list_fini(&x.l);
	else
		*ret = x.l;
	return err;
}

/* ---- <AssumeRoleWithWebIdentityResponse> ---- */

static enum err sts_leaf(struct walk *w, const char *path, struct slice text)
{
	static const char root[] =
		"/AssumeRoleWithWebIdentityResponse/AssumeRoleWithWebIdentityResult/Credentials/";
	enum { ACCESS_KEY = 1, SECRET_KEY = 2, TOKEN = 4, EXPIRATION = 8 };
	struct s3_sts *x = w->ret;

	if (strncmp(path, root, sizeof(root) - 1) != 0)
		return OK;
	path += sizeof(root) - 1;
	if (is(path, "AccessKeyId")) {
		x->access_key = keep(&x->text, text);
		return once(w, ACCESS_KEY);
	}
	if (is(path, "SecretAccessKey")) {
		x->secret_key = keep(&x->text, text);
		return once(w, SECRET_KEY);
	}
	if (is(path, "SessionToken")) {
		x->token = keep(&x->text, text);
		return once(w, TOKEN);
	}
	if (!is(path, "Expiration"))
		return OK;
	if (!iso_date_parse(text, &x->expires_s))
		return err_set(w->e, ERR_CORRUPT, "STS answer with an invalid expiration");
	return once(w, EXPIRATION);
}

void s3_sts_fini(struct s3_sts *s)
{
	if (s->text.p)
		OPENSSL_cleanse(s->text.p, s->text.cap);
	buf_fini(&s->text);
	*s = (struct s3_sts){0};
}

enum err s3_xml_sts(struct slice body, struct s3_sts *ret, struct error *e)
{
	struct s3_sts x CLEANUP(s3_sts_fini) = {0};
	enum err err = reserve_text(&x.text, body, e);

	if (!err)
		err = walk(body, sts_leaf, &x, e);
	if (err)
		return err;
	if (!x.access_key.n || !x.secret_key.n || !x.token.n || !x.expires_s)
		return err_set(e, ERR_CORRUPT, "STS answer without complete credentials");
	*ret = x;
	x = (struct s3_sts){0};
	return OK;
}

/* ---- DeleteResult ---- */

struct deleted {
	struct s3_error error; /* of the present one: its code, and its key in the next */
	struct buf key;
	bool is_one; /* the document is a DeleteResult */
	void (*failed)(void *ud, struct slice key, struct slice code);
	void *ud;
};

static enum err deleted_leaf(struct walk *w, const char *path, struct slice text)
{
	struct deleted *d = w->ret;

	if (is(path, "/DeleteResult")) {
		d->is_one = true;
	} else if (is(path, "/DeleteResult/Error/Key")) {
		buf_clear(&d->key);
		buf_add(&d->key, text);
	} else if (is(path, "/DeleteResult/Error/Code")) {
		copy_cut(text, d->error.code, sizeof(d->error.code));
	} else if (is(path, "/DeleteResult/Error")) {
		if (!d->key.n)
			return err_set(w->e, ERR_CORRUPT, "an error without a key");
		d->failed(d->ud, buf_slice(&d->key), slice_of(d->error.code));
		d->error.code[0] = '\0';
		buf_clear(&d->key);
	}
	return OK;
}

enum err s3_xml_deleted(struct slice body,
			void (*failed)(void *ud, struct slice key, struct slice code), void *ud,
			struct error *e)
{
	struct deleted d = {.key = BUF_MAX(TEXT_MAX), .failed = failed, .ud = ud};
	enum err err = walk(body, deleted_leaf, &d, e);

	buf_fini(&d.key);
	if (!err && !d.is_one)
		return err_set(e, ERR_CORRUPT, "XML that is no DeleteResult");
	return err;
}

/* ---- one element ---- */

struct finding {
	const char *path;
	struct buf *text;
};

static enum err find_leaf(struct walk *w, const char *path, struct slice text)
{
	struct finding *f = w->ret;

	if (!is(path, f->path))
		return OK;
	buf_add(f->text, text);
	if (buf_failed(f->text))
		return err_set(w->e, ERR_LIMIT, "XML text of '%s' too long", path);
	return once(w, 1);
}

enum err s3_xml_find(struct slice body, const char *path, struct buf *ret, struct error *e)
{
	struct finding f = {.path = path, .text = ret};
	struct walk w = {.leaf = find_leaf, .ret = &f, .text = BUF_MAX(TEXT_MAX), .e = e};
	enum err err = walk_all(&w, body);

	if (!err && !w.seen)
		return err_set(e, ERR_CORRUPT, "XML without '%s'", path);
	return err;
}
