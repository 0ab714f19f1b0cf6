// SPDX-License-Identifier: MIT
/*
 * Every line is one line and well-formed, whatever is in it. The JSON is read back with jansson;
 * the logfmt with a few lines here, since its grammar is only what we write.
 */
#include "base/buf.h"
#include "base/log.h"
#include "base/text.h"
#include "tap.h"

#include <fcntl.h>
#include <jansson.h>
#include <sys/mman.h>

static int fd;

/* What was logged since the last call. */
static void take(struct buf *ret)
{
	off_t n = lseek(fd, 0, SEEK_END);
	char *to = buf_reserve(ret, (size_t)n);

	if (to && pread(fd, to, (size_t)n, 0) == n)
		ret->n += (size_t)n;
	if (ftruncate(fd, 0) || lseek(fd, 0, SEEK_SET))
		abort();
}

static bool matches(struct slice line, struct slice glob)
{
	return fold_glob(line, glob, false);
}

static bool is_one_line(struct slice s)
{
	return s.n && slice_find(s, '\n') == s.n - 1 && s.n <= LOG_LINE_MAX;
}

/* Cut one key=value or key="value" off the front; false at the end or when it is malformed. */
static bool next_pair(struct slice *s)
{
	size_t at = slice_find(*s, '=');

	if (at == 0 || at == s->n)
		return false;
	*s = slice_from(*s, at + 1);
	if (!slice_starts(*s, SLICE("\""))) {
		at = MIN(slice_find(*s, ' '), slice_find(*s, '\n'));
	} else {
		for (at = 1; at < s->n && s->p[at] != '"'; at++)
			at += s->p[at] == '\\';
		at++;
	}
	if (at >= s->n || (s->p[at] != ' ' && s->p[at] != '\n'))
		return false;
	*s = slice_from(*s, at + 1);
	return true;
}

static bool is_logfmt(struct slice s)
{
	while (s.n)
		if (!next_pair(&s))
			return false;
	return true;
}

static bool is_json(struct slice s)
{
	json_t *j = json_loadb(s.p, s.n, 0, NULL);
	bool ok = json_is_object(j);

	json_decref(j);
	return ok;
}

static const char *after_msg(const struct buf *b, const char *msg)
{
	const char *p = strstr(buf_str(b), msg);

	return p ? p + strlen(msg) : "(no msg)";
}

static void test_logfmt(void)
{
	static const struct {
		const char *value, *want;
	} rows[] = {
		{"plain/value-1.0", "plain/value-1.0"},
		{"", "\"\""},
		{NULL, "\"\""},
		{"two words", "\"two words\""},
		{"a=b", "\"a=b\""},
		{"a\"b\\c", "\"a\\\"b\\\\c\""},
		{"a\nb\tc\rd", "\"a\\nb\\u0009c\\u000dd\""},
		{"\x1b[31m\x7f", "\"\\u001b[31m\\u007f\""},
		{"\xc3\xa4", "\"\xc3\xa4\""},
		{"\xff\xc3", "\"\\u00ff\\u00c3\""},
		{"\xc2\x9b"
		 "31m",
		 "\"\\u009b31m\""},
		{"\xc2\x80\xc2\x9f\xc2\xa0", "\"\\u0080\\u009f\\u00a0\""},
		{"a\xe2\x80\xae\xe2\x80\xa8"
		 "b",
		 "\"a\\u202e\\u2028b\""},
		{"\xf3\xa0\x81\x81", "\"\\udb40\\udc41\""},
		{"\xed\xa0\x80", "\"\\u00ed\\u00a0\\u0080\""},
		{"\xc0\xaf", "\"\\u00c0\\u00af\""},
		{"\xe2\x82", "\"\\u00e2\\u0082\""},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf b CLEANUP(buf_fini) = BUF_MAX(65536);
		char want[100], name[32];

		snprintf(name, sizeof(name), "logfmt row %zu", i);
		snprintf(want, sizeof(want), " k=%s\n", rows[i].want);
		log_event(LOG_INFO, "hello", "k", rows[i].value, NULL);
		take(&b);
		CHECK(is_one_line(buf_slice(&b)) && is_logfmt(buf_slice(&b)), name);
		CHECK_STR(after_msg(&b, " level=info msg=hello"), want, name);
	}
}

static void test_time(void)
{
	struct buf b CLEANUP(buf_fini) = BUF_MAX(65536);

	log_event(LOG_ERROR, "it broke", NULL);
	take(&b);
	CHECK(matches(buf_slice(&b), SLICE("time=20*-*-*T*:*:*.*Z level=error msg=\"it broke\"\n")),
	      "time, level, message");
}

static void test_level(void)
{
	struct buf b CLEANUP(buf_fini) = BUF_MAX(65536);
	struct log_line l;

	log_event(LOG_DEBUG, "quiet", "k", "v", NULL);
	log_begin(&l, LOG_DEBUG, "quiet");
	log_add(&l, "k", SLICE("v"));
	log_add_i64(&l, "k", 1);
	log_add_ms(&l, "k", 1);
	log_end(&l);
	take(&b);
	CHECK_STR(buf_str(&b), "", "below the level nothing is written");
	CHECK(!log_enabled(LOG_DEBUG) && log_enabled(LOG_INFO), "and one can ask");
}

static void test_numbers(void)
{
	struct buf b CLEANUP(buf_fini) = BUF_MAX(65536);
	struct log_line l;

	log_begin(&l, LOG_WARN, "n");
	log_add_i64(&l, "min", INT64_MIN);
	log_add_i64(&l, "max", INT64_MAX);
	log_add_ms(&l, "a", 1234567);
	log_add_ms(&l, "b", 999);
	log_add_ms(&l, "c", INT64_MAX);
	log_add_ms(&l, "d", -1500000);
	log_end(&l);
	take(&b);
	CHECK_STR(after_msg(&b, "msg=n"),
		  " min=-9223372036854775808 max=9223372036854775807 a=1.234 b=0.000"
		  " c=9223372036854.775 d=0.000\n",
		  "numbers");
}

static void check_value(const char *json_text, const char *want, const char *name)
{
	json_t *j = json_loads(json_text, 0, NULL);

	CHECK_STR(json_string_value(json_object_get(j, "k")), want, name);
	json_decref(j);
}

static void test_json(void)
{
	static const char *const values[][2] = {
		{"", ""},
		{"plain", "plain"},
		{"a \"b\" \\ c\n\t\x01", "a \"b\" \\ c\n\t\x01"},
		{"\xc3\xa4\xf0\x9f\x90\x9b", "\xc3\xa4\xf0\x9f\x90\x9b"},
		{"\xff", "\xc3\xbf"},
		{"\xc2\x9b", "\xc2\x9b"},
		{"\x7f", "\x7f"},
	};

	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		struct buf b CLEANUP(buf_fini) = BUF_MAX(65536);
		struct log_line l;
		char name[32];

		snprintf(name, sizeof(name), "json row %zu", i);
		log_begin(&l, LOG_INFO, values[i][0]);
		log_add(&l, "k", slice_of(values[i][0]));
		log_add_i64(&l, "i", -5);
		log_add_ms(&l, "ms", 1500000);
		log_end(&l);
		take(&b);
		CHECK(is_one_line(buf_slice(&b)) && is_json(buf_slice(&b)), name);
		check_value(buf_str(&b), values[i][1], name);
		CHECK(strstr(buf_str(&b), ",\"i\":-5,\"ms\":1.500}\n"), "numbers are numbers");
	}
}

/* A line with value in it, and more fields behind that must not spoil it. */
static bool survives(enum log_format format, struct slice value)
{
	struct buf b CLEANUP(buf_fini) = BUF_MAX(65536);
	struct log_line l;

	log_begin(&l, LOG_INFO, "long");
	log_add(&l, "k", value);
	log_add(&l, "k2", value);
	log_add_i64(&l, "i", INT64_MIN);
	log_add_ms(&l, "ms", INT64_MAX);
	log_add(&l, "k3", SLICE("x y"));
	log_end(&l);
	take(&b);
	return is_one_line(buf_slice(&b)) &&
	       (format == LOG_JSON ? is_json(buf_slice(&b)) : is_logfmt(buf_slice(&b)));
}

/* Too long, of one kind of character, shifted so that the cut falls on each byte of an escape. */
static void test_cut(enum log_format format, const char *unit)
{
	bool ok = true;

	for (size_t shift = 0; shift < 16; shift++) {
		struct buf value CLEANUP(buf_fini) = BUF_MAX(65536);

		while (value.n < shift)
			buf_putc(&value, 'x');
		while (value.n < LOG_LINE_MAX + 16)
			buf_puts(&value, unit);
		ok &= survives(format, buf_slice(&value));
	}
	CHECK(ok, format == LOG_JSON ? "value cut, JSON" : "value cut, logfmt");
}

/* Every length around the end of the line, plain and quoted. */
static void test_edge(enum log_format format, char fill)
{
	char value[LOG_LINE_MAX + 16];
	bool ok = true;

	memset(value, fill, sizeof(value));
	for (size_t n = LOG_LINE_MAX - 256; n < sizeof(value); n++)
		ok &= survives(format, (struct slice){value, n});
	CHECK(ok, format == LOG_JSON ? "line just full, JSON" : "line just full, logfmt");
}

static void test_many_fields(enum log_format format)
{
	struct buf b CLEANUP(buf_fini) = BUF_MAX(65536);
	struct log_line l;

	log_begin(&l, LOG_INFO, "many");
	for (int i = 0; i < 2000; i++) {
		log_add(&l, "k", SLICE("v"));
		log_add(&l, "q", SLICE("\""));
		log_add_i64(&l, "i", i);
	}
	log_end(&l);
	take(&b);
	CHECK(is_one_line(buf_slice(&b)) &&
		      (format == LOG_JSON ? is_json(buf_slice(&b)) : is_logfmt(buf_slice(&b))),
	      "more fields than fit");
}

static void *write_lines(void *arg)
{
	for (int i = 0; i < 500; i++)
		log_event(LOG_INFO, "from a thread", "who", arg, "what", "some words here", NULL);
	return NULL;
}

static void test_threads(void)
{
	struct buf b CLEANUP(buf_fini) = BUF_MAX(1 << 20);
	static char names[4][2] = {"a", "b", "c", "d"};
	pthread_t thread[4];
	struct slice rest, line;
	size_t good = 0;

	for (size_t i = 0; i < ARRAY_LEN(thread); i++)
		if (pthread_create(&thread[i], NULL, write_lines, names[i]))
			abort();
	for (size_t i = 0; i < ARRAY_LEN(thread); i++)
		pthread_join(thread[i], NULL);
	take(&b);
	rest = buf_slice(&b);
	while (slice_next(&rest, '\n', &line))
		good += matches(line, SLICE("time=* level=info msg=\"from a thread\" "
					    "who=? what=\"some words here\""));
	CHECK_INT(good, 2000, "lines of several threads never mix");
}

static void test_limits(enum log_format format)
{
	static const char *const units[] = {"a",        "\"",       "\\",   "\n",
					    "\x01",     "\xc3\xa4", "\xff", "\xf0\x9f\x90\x9b",
					    "\xc2\x9b", "x y\""};

	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		test_cut(format, units[i]);
	test_edge(format, 'a');
	test_edge(format, ' ');
	test_many_fields(format);
}

int main(void)
{
	fd = memfd_create("log", 0);
	if (fd < 0 || fcntl(fd, F_SETFL, O_APPEND) < 0)
		abort();
	log_setup(LOG_INFO, LOG_LOGFMT, fd);
	test_logfmt();
	test_time();
	test_level();
	test_numbers();
	test_limits(LOG_LOGFMT);
	test_threads();
	log_setup(LOG_INFO, LOG_JSON, fd);
	test_json();
	test_limits(LOG_JSON);
	return tap_done();
}
