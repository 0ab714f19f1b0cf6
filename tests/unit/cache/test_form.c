// SPDX-License-Identifier: MIT
/* Names of forms, and the head that a made form gets. */
#include "cache/form.h"

#include "tap.h"

static void test_names(void)
{
	static const char *const names[FORMS] = {"stored", "plain", "expanded", "cabinet", "msfz"};

	for (int i = 0; i < FORMS; i++)
		CHECK_STR(form_name((enum form)i), names[i],
			  "part of identities on disks: never changes");
}

static struct object_head head_of_version(const char *etag, int64_t mtime)
{
	struct object_head h = {.total = 1000,
				.length = 10,
				.first = 5,
				.ranged = true,
				.mtime = mtime,
				.encoding = "gzip",
				.sum_name = "crc32",
				.sums_known = true,
				.etag_is_md5 = true,
				.fd = 77};

	memcpy(h.etag, etag, strlen(etag) + 1);
	return h;
}

static void test_etags(void)
{
	static const struct {
		const char *stored, *made;
	} rows[] = {
		{"\"v1\"", "\"v1-plain\""},
		{"W/\"v1\"", "W/\"v1-plain\""},
		{"\"\"", "\"-plain\""},
		{"", ""},
		{"bare", ""},
	};
	char longest[sizeof(((struct object_head *)0)->etag)];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct object_head stored = head_of_version(rows[i].stored, 12);
		struct object_head made = form_head(FORM_PLAIN, &stored);

		CHECK_STR(made.etag, rows[i].made,
			  "an ETag of its own, if the stored form has one");
	}
	for (size_t n = sizeof(longest) - 12; n < sizeof(longest); n++) {
		struct object_head stored, made;
		bool fits = n + strlen("-plain") < sizeof(longest);

		memset(longest, 'x', sizeof(longest));
		longest[0] = longest[n - 1] = '"';
		longest[n] = '\0';
		stored = head_of_version(longest, 12);
		made = form_head(FORM_PLAIN, &stored);
		CHECK(fits ? strlen(made.etag) == n + 6 : !made.etag[0],
		      "none where it has no room");
	}
}

static void test_head(void)
{
	struct object_head stored = head_of_version("\"v1\"", 12);
	struct object_head made = form_head(FORM_EXPANDED, &stored);

	CHECK(made.total == -1 && made.length == -1 && made.first == 0 && !made.ranged,
	      "of a length that is not known yet");
	CHECK(made.mtime == 12 && !made.encoding[0], "of the same date, not encoded");
	CHECK(!made.sum_name[0] && !made.etag_is_md5 && made.fd == -1,
	      "what is told of the stored bytes says nothing of these");
}

struct current {
	const char *name;
	enum form form;
	const char *made, *stored; /* ETags */
	int64_t made_mtime, stored_mtime, made_total;
	bool current;
};

static const struct current currents[] = {
	{"stored: the same", FORM_STORED, "\"a\"", "\"a\"", 1, 2, 1000, true},
	{"stored: another ETag", FORM_STORED, "\"a\"", "\"b\"", 1, 1, 1000, false},
	{"stored: another length", FORM_STORED, "\"a\"", "\"a\"", 1, 1, 999, false},
	{"stored: no ETags, same date", FORM_STORED, "", "", 1, 1, 1000, true},
	{"stored: no ETags, another date", FORM_STORED, "", "", 1, 2, 1000, false},
	{"MSFZ: the same", FORM_MSFZ, "\"a\"", "\"a\"", 1, 2, 1000, true},
	{"MSFZ: the ETag of what was made of it", FORM_MSFZ, "\"a-msfz\"", "\"a\"", 1, 1, 1000,
	 false},
	{"MSFZ: another length", FORM_MSFZ, "\"a\"", "\"a\"", 1, 1, 999, false},
	{"made: of this version", FORM_EXPANDED, "\"a-expanded\"", "\"a\"", 1, 2, 5555, true},
	{"made: of another version", FORM_EXPANDED, "\"a-expanded\"", "\"b\"", 1, 1, 5555, false},
	{"made: another form", FORM_EXPANDED, "\"a-plain\"", "\"a\"", 1, 1, 5555, false},
	{"made: the ETag of what is stored", FORM_PLAIN, "\"a\"", "\"a\"", 1, 1, 5555, false},
	{"made: no ETag, same date", FORM_CABINET, "", "\"a\"", 1, 1, 5555, true},
	{"made: no ETag, another date", FORM_CABINET, "", "\"a\"", 1, 2, 5555, false},
	{"made: the store tells no ETag any more", FORM_PLAIN, "\"a-plain\"", "", 1, 1, 5555, true},
};

static void test_current(void)
{
	for (size_t i = 0; i < ARRAY_LEN(currents); i++) {
		const struct current *c = &currents[i];
		struct object_head made = head_of_version(c->made, c->made_mtime);
		struct object_head stored = head_of_version(c->stored, c->stored_mtime);

		made.total = c->made_total;
		CHECK_INT(form_is_current(c->form, &made, &stored), c->current, c->name);
	}
}

static void test_sent(void)
{
	for (enum form form = 0; form < FORMS; form++)
		CHECK_INT(form_is_sent(form), form == FORM_STORED || form == FORM_MSFZ,
			  form_name(form));
}

int main(void)
{
	test_sent();
	test_names();
	test_etags();
	test_head();
	test_current();
	return tap_done();
}
