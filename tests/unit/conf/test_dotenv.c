// SPDX-License-Identifier: MIT
/* What a .env file may look like, what it may not, and that no message shows what is in it. */
#include "base/buf.h"
#include "conf/dotenv.h"
#include "tap.h"

#include <fcntl.h>

static void test_values(void)
{
	static const struct {
		const char *text;
		const char *name; /* NULL: the text holds no variable */
		const char *value;
	} t[] = {
		{"A=b", "A", "b"},
		{"A=b\n", "A", "b"},
		{"A=b\r\n", "A", "b"},
		{"A=b\r", "A", "b"},
		{"\n\r\n  \nA=b\n\n", "A", "b"},
		{"\xef\xbb\xbf"
		 "A=b",
		 "A", "b"},
		{"\xef\xbb\xbf", NULL, NULL},
		{"", NULL, NULL},
		{"# A=b", NULL, NULL},
		{"  # A=b\n\t", NULL, NULL},
		{"export A=b", "A", "b"},
		{" export \t A=b", "A", "b"},
		{"export=b", "export", "b"},
		{"exportA=b", "exportA", "b"},
		{"A = b", "A", "b"},
		{"A=", "A", ""},
		{"A=  ", "A", ""},
		{"A=#b", "A", "#b"},
		{"A= # b", "A", ""},
		{"A=b # c", "A", "b"},
		{"A=b\t# c", "A", "b"},
		{"A=b#c", "A", "b#c"},
		{"A=b c  ", "A", "b c"},
		{"A=b=c", "A", "b=c"},
		{"A=it's", "A", "it's"},
		{"A=$HOME\\n", "A", "$HOME\\n"},
		{"_a1=\xc3\xa4", "_a1", "\xc3\xa4"},
		{"A='b # \"c\" \\n $D'", "A", "b # \"c\" \\n $D"},
		{"A=''", "A", ""},
		{"A='b' # c", "A", "b"},
		{"A=\"\"", "A", ""},
		{"A=\"b c\"  ", "A", "b c"},
		{"A=\" it's # b \"", "A", " it's # b "},
		{"A=\"a\\nb\\r\\\"c\\\"\\\\d\\$e\"", "A", "a\nb\r\"c\"\\d$e"},
		{"A=\"\\\\\"", "A", "\\"},
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct dotenv d CLEANUP(dotenv_fini) = {.n = 0};
		struct error e = {.msg = ""};

		CHECK_INT(dotenv_parse(slice_of(t[i].text), &d, &e), OK, "parsed");
		CHECK_INT((long long)d.n, t[i].name ? 1 : 0, "one variable or none");
		if (d.n != 1)
			continue;
		CHECK_STR(d.vars[0].name, t[i].name, "its name");
		CHECK_STR(d.vars[0].value, t[i].value, "its value");
	}
}

static void test_errors(void)
{
	static const struct {
		const char *text;
		const char *msg;
	} t[] = {
		{"s3cret", "line 1: not of the form NAME=value"},
		{"\n\r\nA=b\n=s3cret", "line 4: not of the form NAME=value"},
		{"1A=s3cret", "line 1: not of the form NAME=value"},
		{"A B=s3cret", "line 1: not of the form NAME=value"},
		{"export A", "line 1: not of the form NAME=value"},
		{"export", "line 1: not of the form NAME=value"},
		{"A-B=s3cret", "line 1: not of the form NAME=value"},
		{"A='s3cret", "line 1: text after the closing quote, or no closing quote"},
		{"A=\"s3cret\\\"", "line 1: text after the closing quote, or no closing quote"},
		{"A=\"s3cret\\", "line 1: text after the closing quote, or no closing quote"},
		{"A=\"s3\ncret\"", "line 1: text after the closing quote, or no closing quote"},
		{"B=1\nA='s3'cret", "line 2: text after the closing quote, or no closing quote"},
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct dotenv d = {.n = 0};
		struct error e = {.msg = ""};

		CHECK_INT(dotenv_parse(slice_of(t[i].text), &d, &e), ERR_USAGE, "refused");
		CHECK_STR(e.msg, t[i].msg, "with the line, without its content");
		CHECK(!d.vars && !d.text, "untouched");
	}
}

static void test_limits(void)
{
	static char text[DOTENV_SIZE_MAX + 1];
	struct dotenv d CLEANUP(dotenv_fini) = {.n = 0};
	struct error e;

	CHECK_INT(dotenv_parse((struct slice){"A=b\0c", 5}, &d, &e), ERR_USAGE, "a NUL");
	memset(text, '#', sizeof(text));
	CHECK_INT(dotenv_parse((struct slice){text, sizeof(text)}, &d, &e), ERR_LIMIT, "too long");
	CHECK_INT(dotenv_parse((struct slice){text, sizeof(text) - 1}, &d, &e), OK, "just not");
}

static void write_file(const char *path, const char *text)
{
	int fd CLEANUP(close_p) = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "test file");
}

static struct buf strays;

static void keep_stray(const char *name, const char *meant)
{
	buf_printf(&strays, "%s %s\n", name, meant);
}

static void test_load(void)
{
	char dir[] = "/tmp/dotenv-XXXXXX";
	struct error e = {.msg = ""};

	CHECK(mkdtemp(dir) && chdir(dir) == 0, "test directory");
	CHECK_INT(dotenv_load_file(".env", NULL, &e), OK, "no file is fine");
	write_file(".env", "DOTENV_A=file\nDOTENV_B=first\nDOTENV_B=last\nDOTENV_C=file\n");
	setenv("DOTENV_A", "before", 1);
	setenv("DOTENV_C", "", 1);
	CHECK_INT(dotenv_load_file(".env", NULL, &e), OK, "a file");
	CHECK_STR(getenv("DOTENV_A"), "before", "what is set stays");
	CHECK_STR(getenv("DOTENV_B"), "last", "the last of equal names");
	CHECK_STR(getenv("DOTENV_C"), "", "what is set to nothing stays too");
	write_file(".env", "DOTENV_D=1\noops\n");
	CHECK_INT(dotenv_load_file(".env", NULL, &e), ERR_USAGE, "a bad file");
	CHECK_STR(e.msg, "'.env': line 2: not of the form NAME=value", "named with its line");
	CHECK(!getenv("DOTENV_D"), "nothing is taken from it");
	strays = BUF_MAX(4096);
	write_file(".env", "S3_BUCKT=b\nPORT=1\nPROT=\nSTORE=s\nMY_BUCKET=x\nAWS_PROFILE=y\nP=1\n");
	CHECK_INT(dotenv_load_file(".env", keep_stray, &e), OK, "odd names are no error");
	CHECK_STR(buf_str(&strays), "S3_BUCKT S3_BUCKET\nSTORE STORES\n",
		  "but those near a setting are told");
	buf_fini(&strays);
	unlink(".env");
	CHECK_INT(dotenv_load_file(".", NULL, &e), ERR_IO, "a directory");
	CHECK(chdir("/") == 0 && rmdir(dir) == 0, "cleaned up");
}

int main(void)
{
	test_values();
	test_errors();
	test_limits();
	test_load();
	return tap_done();
}
