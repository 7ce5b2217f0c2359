/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The program: its command line, the image it opens, and where its commands come from.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/banner.h"
#include "cmd/files.h"
#include "cmd/guard.h"
#include "cmd/history.h"
#include "cmd/machine.h"
#include "cmd/nearest.h"
#include "cmd/readline.h"
#include "cmd/session.h"
#include "vmcore/vmcore.h"

#define EXIT_COMMAND_FAILED 1
#define EXIT_NO_IMAGE	    2

struct action {
	char kind; /* 'c': a command line, 'i': a script */
	const char *text;
};

struct arguments {
	struct files files;
	struct vmcore_options raw;
	bool no_kernel, no_rc, silent, json;
	const char *machine; /* the simulated one, or NULL */
	struct action *actions;
	size_t action_count;
};

static void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
static void fail(const char *format, ...)
{
	va_list args;

	fputs("mmscope: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(EXIT_NO_IMAGE);
}

static void fail_with(struct error *e)
{
	if (e)
		fail("%s", e->message);
}

static void fail_option(const char *word, const struct option *options)
{
	struct nearest n = nearest_to(word + strspn(word, "-"));

	for (; options->name; options++)
		nearest_try(&n, options->name);
	if (n.word)
		fail("no such option: %s; did you mean \"--%s\"?", word, n.word);
	fail("no such option: %s", word);
}

static void parse_arguments(struct arguments *a, int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{"raw", no_argument, NULL, 'r'},
		{"no-kernel", no_argument, NULL, 'n'},
		{"phys-offset", required_argument, NULL, 'p'},
		{"sim", required_argument, NULL, 'm'},
		{"no-rc", no_argument, NULL, 'R'},
		{"list-commands", no_argument, NULL, 'L'},
		{0},
	};
	int letter;

	a->actions = calloc((size_t)argc, sizeof(*a->actions));
	if (!a->actions)
		fail("out of memory");
	opterr = 0;
	while ((letter = getopt_long(argc, argv, ":c:i:s", options, NULL)) >= 0) {
		switch (letter) {
		case 'c':
		case 'i':
			a->actions[a->action_count++] = (struct action){(char)letter, optarg};
			break;
		case 's':
			a->silent = true;
			break;
		case 'j':
			a->json = true;
			break;
		case 'r':
			a->raw.raw = true;
			break;
		case 'n':
			a->no_kernel = true;
			break;
		case 'R':
			a->no_rc = true;
			break;
		case 'm':
			a->machine = optarg;
			break;
		case 'p':
			fail_with(parse_number(optarg, true, &a->raw.phys_offset));
			break;
		case 'h':
			print_usage();
			exit(0);
		case 'L': /* for completion scripts */
			for (size_t i = 0; command_at(i); i++)
				puts(command_at(i)->name);
			exit(0);
		case 'V':
			print_version();
			exit(0);
		case ':':
			fail("option needs an argument: %s", argv[optind - 1]);
		default:
			if (optopt && optopt < 128)
				fail("no such option: -%c", optopt);
			fail_option(argv[optind - 1], options);
		}
	}
	while (optind < argc)
		fail_with(files_add(&a->files, argv[optind++]));
	if (a->machine && (a->files.image || a->files.symbol_file || a->files.type_file))
		fail("a simulated machine needs no files");
	if (!a->files.image && (a->files.symbol_file || a->files.type_file))
		fail("no memory image among the files");
	if (!a->files.image && !a->machine)
		a->machine = MACHINE_DEFAULT;
}

static void boot_machine(struct session *s, const char *text)
{
	struct machine_options options;
	char flavour[64];

	bool scenario;

	fail_with(parse_machine(text, flavour, sizeof(flavour), &options, &scenario));
	fail_with(machine_boot(flavour, &options, &s->vmcore, &s->kernel));
	if (scenario)
		fail_with(machine_scenario(s, flavour, &options));
}

static void open_image(struct session *s, const struct arguments *a)
{
	struct kernel_options options = {a->files.symbol_file, a->files.type_file};
	struct error *e;

	fail_with(vmcore_open(a->files.image, &a->raw, &s->vmcore));
	if (a->no_kernel)
		return;
	e = kernel_open(s->vmcore, &options, &s->kernel);
	if (!e)
		return;
	s->kernel = NULL;
	if (!a->raw.raw)
		fail("%s: %s", a->files.image, e->message);
	fprintf(stderr, "mmscope: %s: %s; only physical memory can be read\n", a->files.image,
		e->message);
	error_free(e);
}

static void run_action(struct session *s, const struct action *action)
{
	const char *path = strcmp(action->text, "-") ? action->text : "/dev/stdin";
	const char *line = action->text;
	struct error *e;

	if (action->kind == 'i') {
		e = session_run_file(s, path);
		if (e) {
			fprintf(stderr, "mmscope: %s\n", e->message);
			error_free(e);
			s->failures++;
		}
		return;
	}
	/* -c may hold several lines. */
	while (*line && !s->quit) {
		size_t len = strcspn(line, "\n");
		char *one = strndup(line, len);

		if (!one)
			fail("out of memory");
		history_run(s, one);
		free(one);
		line += len + (line[len] == '\n');
	}
}

int main(int argc, char **argv)
{
	struct arguments arguments = {0};
	struct session s = {.settings = {.radix = 10, .scroll = true, .print_max = 256, .refresh = true}};

	parse_arguments(&arguments, argc, argv);
	guard_install();
	if (arguments.machine)
		boot_machine(&s, arguments.machine);
	else
		open_image(&s, &arguments);
	s.settings.silent = arguments.silent;
	s.settings.json = arguments.json;
	s.out = out_new(STDOUT_FILENO, OUT_TEXT);
	s.interactive = !arguments.action_count && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	if (!arguments.no_rc)
		session_run_startup(&s);
	if (arguments.action_count) {
		for (size_t i = 0; i < arguments.action_count && !s.quit; i++)
			run_action(&s, &arguments.actions[i]);
	} else if (s.interactive) {
		print_banner(&s);
		interact(&s);
		s.failures = 0; /* a person has seen them */
	} else {
		run_action(&s, &(struct action){'i', "-"});
	}
	out_free(s.out);
	free(s.settings.error_file);
	if (s.kernel)
		kernel_close(s.kernel);
	vmcore_close(s.vmcore);
	free(arguments.actions);
	if (!s.interactive && guard_signals())
		guard_die_of_signal();
	return s.failures ? EXIT_COMMAND_FAILED : 0;
}
