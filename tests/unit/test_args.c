/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines into words, words into numbers and options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cmd/line.h"
#include "cmd/session.h"

static void number(const char *text, bool hex, uint64_t expected)
{
	uint64_t value = 1;

	assert_null(parse_number(text, hex, &value));
	assert_int_equal(value, expected);
}

static void no_number(const char *text, bool hex)
{
	uint64_t value;

	assert_true(error_drop(parse_number(text, hex, &value)));
}

static void numbers(void **state)
{
	number("10", false, 10);
	number("10", true, 16);
	number("0x10", false, 16);
	number("1f", false, 31); /* letters say that it is hexadecimal, as in crash */
	number("ffffffffffffffff", true, UINT64_MAX);
	number("18446744073709551615", false, UINT64_MAX);
	no_number("", false);
	no_number("0x", true);
	no_number("-1", false);
	no_number(" 1", true);
	no_number("+1", true);
	no_number("1 ", true);
	no_number("0x0x1", true);
	no_number("10000000000000000", true);
	no_number("init_task", true);
}

static void counts(void **state)
{
	uint64_t value;

	assert_null(parse_count("12", &value));
	assert_int_equal(value, 12);
	assert_null(parse_count("0x12", &value));
	assert_int_equal(value, 18);
	assert_true(error_drop(parse_count("1a", &value)));
	assert_true(error_drop(parse_count("-1", &value)));
	assert_true(error_drop(parse_count("", &value)));
}

static void addresses_without_a_kernel(void **state)
{
	struct session s = {0};
	uint64_t value;

	assert_null(parse_address(&s, "1000", &value));
	assert_int_equal(value, 0x1000);
	assert_null(parse_address(&s, "(10 + 0x10)", &value));
	assert_int_equal(value, 26);
	assert_true(error_drop(parse_address(&s, "init_task", &value)));
	assert_true(error_drop(parse_address(&s, "", &value)));
}

static void options(void **state)
{
	char *argv[] = {"rd", "-px", "-o8", "-e", "ff", "--", "-s", NULL};
	struct option_parser p = {.argc = 7, .argv = argv, .spec = "pxo:e:s"};

	assert_int_equal(next_option(&p), 'p');
	assert_int_equal(next_option(&p), 'x');
	assert_int_equal(next_option(&p), 'o');
	assert_string_equal(p.argument, "8");
	assert_int_equal(next_option(&p), 'e');
	assert_string_equal(p.argument, "ff");
	assert_int_equal(next_option(&p), 0);
	assert_int_equal(p.index, 6);
}

static void options_end_at_an_operand(void **state)
{
	char *argv[] = {"rd", "-p", "-", "-x", NULL};
	struct option_parser p = {.argc = 4, .argv = argv, .spec = "px"};

	assert_int_equal(next_option(&p), 'p');
	assert_int_equal(next_option(&p), 0);
	assert_int_equal(p.index, 2);
}

static void bad_options(void **state)
{
	char *argv[] = {"help", "-z", NULL}, *lacking[] = {"help", "-o", NULL},
	     *colon[] = {"help", "-:", NULL};
	struct option_parser p = {.argc = 2, .argv = argv, .spec = "po:"};
	struct error *e;

	assert_int_equal(next_option(&p), '?');
	e = option_error(&p);
	assert_int_equal(e->code, ERR_USAGE);
	assert_non_null(strstr(e->message, "no such option: -z"));
	assert_non_null(strstr(e->message, "usage: help ["));
	error_free(e);
	p = (struct option_parser){.argc = 2, .argv = lacking, .spec = "po:"};
	assert_int_equal(next_option(&p), '?');
	e = option_error(&p);
	assert_non_null(strstr(e->message, "option needs an argument: -o"));
	error_free(e);
	p = (struct option_parser){.argc = 2, .argv = colon, .spec = "po:"};
	assert_int_equal(next_option(&p), '?');
	assert_true(error_drop(option_error(&p)));
}

/* The words of a line joined by '|', quoted ones in their quotes. */
static void words(const char *text, const char *expected, enum line_sink sink, const char *target)
{
	char joined[256] = "";
	struct line line;
	size_t n = 0;

	assert_null(line_parse(text, &line));
	for (int i = 0; i < line.argc; i++) {
		char quote[2] = {line.quotes[i], 0};

		n += (size_t)snprintf(joined + n, sizeof(joined) - n, "%s%s%s%s", i ? "|" : "",
				      quote, line.argv[i], quote);
	}
	assert_string_equal(joined, expected);
	assert_null(line.argv[line.argc]);
	assert_int_equal(line.sink, sink);
	if (target)
		assert_string_equal(line.target, target);
	else
		assert_null(line.target);
	line_free(&line);
}

static void lines(void **state)
{
	words("", "", SINK_OUT, NULL);
	words("  # a comment", "", SINK_OUT, NULL);
	words("ps -t 1\t2 \n", "ps|-t|1|2", SINK_OUT, NULL);
	words("ps # why", "ps", SINK_OUT, NULL);
	words("p a#b", "p|a#b", SINK_OUT, NULL);
	words("foreach 'a b.*' ps", "foreach|'a b.*'|ps", SINK_OUT, NULL);
	words("ps \"odd name\" x", "ps|\"odd name\"|x", SINK_OUT, NULL);
	words("ps odd\\ name \\bash", "ps|odd name|\\bash", SINK_OUT, NULL);
	words("ps | grep -v 'a|b' > x", "ps", SINK_PIPE, "grep -v 'a|b' > x");
	words("ps|wc", "ps", SINK_PIPE, "wc");
	words("ps > 'my file'", "ps", SINK_FILE, "my file");
	words("ps>>log", "ps", SINK_APPEND, "log");
	words("rd (init_task + 8 | 1) 2", "rd|(init_task + 8 | 1)|2", SINK_OUT, NULL);
	words("p init_task->mm", "p|init_task->mm", SINK_OUT, NULL);
	words("*page ff", "*|page|ff", SINK_OUT, NULL);
	words("* page", "*|page", SINK_OUT, NULL);
}

static void bad_line(const char *text)
{
	struct line line;

	assert_true(error_drop(line_parse(text, &line)));
	line_free(&line);
}

static void bad_lines(void **state)
{
	bad_line("ps 'a");
	bad_line("ps \"a");
	bad_line("rd (a");
	bad_line("ps |");
	bad_line("ps >");
	bad_line("ps > a b");
}

static void rest_of_the_line(void **state)
{
	struct line line;

	assert_null(line_parse("  p  'a'  + b  | cat", &line));
	assert_string_equal(line.command + line.starts[1], "'a'  + b");
	line_free(&line);
}

static void nearest(void **state)
{
	assert_string_equal(command_nearest("hepl"), "help");
	assert_string_equal(command_nearest("hlp"), "help");
	assert_null(command_nearest("nothing_like_it"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(counts),
		cmocka_unit_test(addresses_without_a_kernel),
		cmocka_unit_test(options),
		cmocka_unit_test(options_end_at_an_operand),
		cmocka_unit_test(bad_options),
		cmocka_unit_test(lines),
		cmocka_unit_test(bad_lines),
		cmocka_unit_test(rest_of_the_line),
		cmocka_unit_test(nearest),
	};

	return cmocka_run_group_tests_name("args", tests, NULL, NULL);
}
