// SPDX-License-Identifier: MIT
/* What the generated texts promise: they fit a terminal, and they leave no setting out. */
#include "base/buf.h"
#include "cmd/help.h"
#include "conf/option.h"
#include "tap.h"

#define TEXT_MAX (256 * 1024)

/* What print writes, as one string that the caller frees. */
static char *capture(void (*print)(FILE *f))
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	CHECK(f, "open_memstream");
	print(f);
	CHECK(fclose(f) == 0 && n > 0 && n < TEXT_MAX && text[n - 1] == '\n', "ends its last line");
	return text;
}

static void measure(const char *text, size_t *ret_lines, size_t *ret_widest)
{
	struct slice rest = slice_of(text), line;

	*ret_lines = *ret_widest = 0;
	for (; slice_next(&rest, '\n', &line); (*ret_lines)++)
		*ret_widest = MAX(*ret_widest, line.n);
}

static void test_screen(void)
{
	char *brief CLEANUP(free_p) = capture(help_print);
	char *full CLEANUP(free_p) = capture(help_print_settings);
	size_t lines, widest;

	measure(brief, &lines, &widest);
	CHECK(lines >= 24 && lines <= 40, "--help fits a screen");
	CHECK(widest <= 80, "in width, too");
	measure(full, &lines, &widest);
	CHECK(widest <= 80, "serve --help does not wrap");
	CHECK(!strstr(brief, " \n") && !strstr(full, " \n"), "no blanks at the end of a line");
}

/* Is word in text, and not only as the beginning of a longer name? */
static bool has_word(const char *text, const char *word)
{
	const char *at = text;

	while ((at = strstr(at, word))) {
		at += strlen(word);
		if (*at != '-' && *at != '_' && !(*at >= 'A' && *at <= 'Z'))
			return true;
	}
	return false;
}

static void check_variables(const char *text)
{
	for (size_t i = 0; i < ARRAY_LEN(option_rows); i++)
		CHECK(has_word(text, option_rows[i].name), option_rows[i].name);
}

static void check_flags(const char *text)
{
	for (size_t i = 0; i < ARRAY_LEN(option_rows); i++) {
		char flag[OPTION_FLAG_MAX + 2] = "--";

		option_flag(&option_rows[i], flag + 2);
		CHECK(has_word(text, flag), flag);
	}
}

static void test_complete(void)
{
	char *full CLEANUP(free_p) = capture(help_print_settings);

	check_flags(full);
	check_variables(full);
	CHECK(strstr(full, "--check") && strstr(full, "AWS_ROLE_ARN") &&
		      strstr(full, "optional=true"),
	      "switches, AWS's variables and store options are there");
}

static void test_command(void)
{
	char *const wrong[] = {(char[]){"nonsense"}, NULL};

	CHECK_INT(help_command(1, wrong), 2, "an unknown topic");
}

int main(void)
{
	test_screen();
	test_complete();
	test_command();
	return tap_done();
}
