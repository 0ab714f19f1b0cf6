// SPDX-License-Identifier: MIT
/* Paths that are told in questions of /-/api/, and the list of them. */
#include "conf/conf.h"
#include "serve/api_keys.h"
#include "serve/api_path.h"

#include "tap.h"

#define TOKEN "the-operators-token"
#define FOO   "foo.pdb/ABCDEF0123/foo.pdb"

static char base[] = "/sym", token[] = TOKEN, nothing[] = "";
static struct conf conf = {.base_path = base, .admin_token = token, .notify_token = nothing};
static struct server server = {.parts.conf = &conf};

struct row {
	const char *text;
	enum api_path kind;
	const char *path; /* FILE */
};

static void check(const struct row *row, enum api_path kind, struct symbol_path *path)
{
	CHECK_INT(kind, row->kind, row->text);
	if (kind == API_PATH_FILE)
		CHECK(slice_eq(path->spelling[0].path, slice_of(row->path)), row->text);
	symbol_path_fini(path);
}

static void test_targets(void)
{
	static const struct row rows[] = {
		{FOO, API_PATH_FILE, FOO},
		{"/" FOO, API_PATH_FILE, FOO},
		{"  /sym/" FOO "\t", API_PATH_FILE, FOO},
		{"foo.pdb\\ABCDEF0123\\foo.pdb", API_PATH_FILE, FOO},
		{"foo%2epdb/ABCDEF0123/foo.pdb?x=y", API_PATH_FILE, FOO},
		{"http://user:pass@host:80/sym/" FOO, API_PATH_FILE, FOO},
		{"https://host/" FOO, API_PATH_FILE, FOO},
		{"", API_PATH_NONE, NULL},
		{"/sym", API_PATH_NONE, NULL},
		{"http://host", API_PATH_NONE, NULL},
		{"index2.txt", API_PATH_NONE, NULL},
		{"-/api/test", API_PATH_NONE, NULL},
		{"-/purge", API_PATH_NONE, NULL},
		{".pepto/tx/x", API_PATH_REFUSED, NULL},
		{"x/.PePtO/y", API_PATH_REFUSED, NULL},
		{"a/../b", API_PATH_REFUSED, NULL},
		{"a/%2e%2e/b", API_PATH_REFUSED, NULL},
		{"a/%zz", API_PATH_REFUSED, NULL},
		{"a/b\nc", API_PATH_REFUSED, NULL},
		{"x/" TOKEN "/x", API_PATH_REFUSED, NULL},
		{"buildid/abcdef0123/source/x.c", API_PATH_REFUSED, NULL},
	};
	struct symbol_path path;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(&rows[i], api_path_of_target(&server, slice_of(rows[i].text), &path), &path);
}

static void test_texts(void)
{
	static const struct row rows[] = {
		{FOO, API_PATH_FILE, FOO},
		{"/" FOO, API_PATH_FILE, FOO},
		{"foo.pdb\\ABCDEF0123\\foo.pdb", API_PATH_FILE, FOO},
		{"a%2e+ b/K/c?d", API_PATH_FILE, "a%2e+ b/K/c?d"},
		{"", API_PATH_NONE, NULL},
		{"pingme.txt", API_PATH_NONE, NULL},
		{".pepto/tx/x", API_PATH_REFUSED, NULL},
		{"a/../b", API_PATH_REFUSED, NULL},
		{"a\nb", API_PATH_REFUSED, NULL},
		{TOKEN, API_PATH_REFUSED, NULL},
	};
	struct symbol_path path;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(&rows[i], api_path_of_text(&server, slice_of(rows[i].text), &path), &path);
}

static void test_lists(void)
{
	static const struct {
		const char *body;
		size_t n; /* 0: it is none */
	} rows[] = {
		{"{\"paths\":[\"a\"]}", 1},
		{" {\"more\":{},\"paths\":[\"a\",\"\"]}\n", 2},
		{"{\"paths\":[]}", 0},
		{"{\"paths\":[\"a\",[]]}", 0},
		{"{\"paths\":[\"a\\u0000\"]}", 0},
		{"{\"paths\":[\"\xff\"]}", 0},
		{"{\"paths\":\"a\"}", 0},
		{"{\"path\":[\"a\"]}", 0},
		{"{\"paths\":[\"a\"]} x", 0},
		{"[\"a\"]", 0},
		{"", 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		json_t *paths = NULL;
		struct error e = {0};
		bool good = api_keys_read(slice_of(rows[i].body), &paths, &e) == OK;

		CHECK(good == (rows[i].n > 0) && (good || e.msg[0]), rows[i].body);
		CHECK_INT(json_array_size(paths), (long long)rows[i].n, "paths");
		json_decref(paths);
	}
}

int main(void)
{
	test_targets();
	test_texts();
	test_lists();
	return tap_done();
}
