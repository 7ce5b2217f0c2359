/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * help: the list of commands, and a page for each in the layout of crash's.
 */
#include <stdio.h>
#include <string.h>

#include "cmd/banner.h"
#include "cmd/help_text.h"
#include "cmd/screen.h"
#include "cmd/session.h"

#define LIST_ROWS                                                                                  \
	8 /* like crash: columns of a fixed height, read downwards, as long as they fit the screen \
	   */
#define CELL_WIDTH 14 /* characters */

/* Longer lines are hard to read, and authors broke theirs somewhere below. */
static unsigned page_width(void)
{
	size_t width = screen_width();

	return width < 100 ? (unsigned)width : 100;
}

static void list_commands(struct session *s)
{
	size_t count = 0, columns, rows;
	const struct command *c;

	while (command_at(count))
		count++;
	columns = (count + LIST_ROWS - 1) / LIST_ROWS;
	if (columns * CELL_WIDTH > screen_width())
		columns = screen_width() / CELL_WIDTH;
	if (!columns)
		columns = 1;
	rows = (count + columns - 1) / columns;
	out_text(s->out, "\n");
	for (size_t row = 0; row < rows; row++) {
		for (size_t column = 0; column < columns; column++) {
			size_t index = column * rows + row;
			bool last = index + rows >= count;

			c = command_at(index);
			if (c)
				out_printf(s->out, "%-*s", last ? 0 : CELL_WIDTH, c->name);
		}
		out_text(s->out, "\n");
	}
	out_text(s->out,
		 "\nFor help on any command above, enter \"help <command>\".\n"
		 "For help on input and output, enter \"help input\" or \"help output\"; on commands that act, \"help machine\".\n\n");
	out_array_begin(s->out, "commands");
	for (size_t i = 0; (c = command_at(i)) && out_json(s->out); i++) {
		out_object_begin(s->out, NULL);
		out_str(s->out, "name", NULL, c->name);
		out_str(s->out, "summary", NULL, c->summary);
		out_bool(s->out, "acts", NULL, c->flags & CMD_ACTS);
		out_object_end(s->out);
	}
	out_array_end(s->out);
}

static void page(struct session *s, const struct command *c)
{
	static const char description[] = "DESCRIPTION\n";
	struct out *o = s->out;
	const char *help = c->help;

	if (!strncmp(help, description, strlen(description)))
		help += strlen(description);

	out_text(o, "\n");
	out_title(o, "NAME");
	out_printf(o, "\n  %s - %s\n\n", c->name, c->summary);
	out_title(o, "SYNOPSIS");
	out_text(o, "\n");
	help_print_synopsis(o, c->name, c->synopsis, page_width());
	out_text(o, "\n");
	out_title(o, "DESCRIPTION");
	out_text(o, "\n");
	help_print(o, help, page_width());
	out_text(o, "\n");
	out_str(o, "name", NULL, c->name);
	out_str(o, "summary", NULL, c->summary);
	out_str(o, "synopsis", NULL, c->synopsis);
	out_str(o, "options", NULL, c->options);
	out_str(o, "help", NULL, help);
}

/* Pages about the session rather than one command. */
static const struct {
	const char *name, *text;
} topics[] = {
	{"input", "\nEach line is one command with its words. Addresses are hexadecimal, with or "
		  "without 0x; wherever one is asked for,\n"
		  "these are taken too:\n"
		  "\n"
		  "  init_task           a symbol\n"
		  "  init_task+16        a symbol with an offset, decimal or 0x…\n"
		  "  runqueues:1         a per-CPU variable, on CPU 1\n"
		  "  (expression)        its value, as p would print it\n"
		  "\n"
		  "Quotes '…' and \"…\" hold a word together; # begins a comment, at a line's start // too; !command is run by the "
		  "shell.\n"
		  "A line that is the name of a struct (\"page.flags ADDR\") is taken as \"struct …\", a variable's as \"p …\", another\n"
		  "type's as \"whatis …\".\n"
		  "\n"
		  "  < FILE              runs the lines of a file, which may do so too\n"
		  "  ps -p < FILE        runs the command with each line of the file behind it\n"
		  "  repeat -1 COMMAND   again and again, every second\n"
		  "  h                   the lines typed, of earlier sessions too\n"
		  "  r, !!               the last one again; r NUMBER, !NUMBER, r BEGINNING: another one\n"
		  "\n"
		  "At the prompt: Ctrl-R searches the lines typed, TAB completes commands, options, symbols, types, members, tasks and\n"
		  "file names; \"set vi\" and \"set emacs\" choose the keys. Ctrl-C ends a running command.\n"
		  "Lines in ~/.mmscoperc and .mmscoperc are run when a session begins (\"help set\").\n"
		  "\n"
		  "Other names:\n"},
	{"machine", "\nA simulated machine (mmscope without files, or --sim) can be acted on, and a dump\n"
		    "that \"save\" made of one. The process that acts is the context (\"set PID\") or the\n"
		    "one that -c names.\n"
		    "\n"
		    "  ps, set, vm         who is there, whose turn it is, what it has mapped\n"
		    "  spawn, fork, clone, exec, exit-task\n"
		    "                      processes come, change and go\n"
		    "  mmap, munmap, mprotect, brk, mremap, madvise, mlock, munlock, mlockall, munlockall\n"
		    "                      areas of a process\n"
		    "  touch, poke, peek   a process uses its memory, with the faults that this takes\n"
		    "  mkfile              a new file, to be mapped or executed\n"
		    "  swapon, reclaim     memory is short\n"
		    "  trace on            acts say which functions they go through, and what each decides on\n"
		    "  diff, undo, snapshot\n"
		    "                      what the last act has changed; back; back to a point of your choice\n"
		    "  pin                 which frames and slab slots come next\n"
		    "  save FILE           the machine as a dump\n"
		    "\n"
		    "To begin with:\n"
		    "\n"
		    "  trace on\n"
		    "  touch -c 300 -w 8051000\n"
		    "  diff\n"
		    "\n"
		    "A file with such lines is a scenario. This starts from nothing and runs it:\n"
		    "mmscope --sim linux-2.4-i386,scenario=off -i FILE\n"},
	{"output", "\nAt a terminal, output of more than a screen goes through less; \"set scroll "
		   "off\" (or sf) ends that, \"set scroll on\"\n"
		   "(or sn) brings it back. MMSCOPE_PAGER names another program; \"set scroll less\", \"more\" and \"CRASHPAGER\" choose, too.\n"
		   "Headings and the names of failed commands have colour there; \"set color off\" or NO_COLOR ends that.\n"
		   "\n"
		   "  ps | grep bash      the output through a shell command\n"
		   "  kmem -p > pages     into a file\n"
		   "  vm >> pages         to the end of a file\n"
		   "\n"
		   "\"set json on\", or the option --json, gives each command's facts as one JSON "
		   "object on one line.\n"},
};

/* help -o: where each member stands that is used of this kernel's structures. */
static void print_members(struct session *s)
{
	static const struct column columns[] = {{"member", "MEMBER", 44, '<', 0}, {"name", "NAME HERE", 32, '<', 1}, {"offset", "OFFSET", 8, '>', 1}, {"size", "SIZE", 8, '>', 1}};

	if (!s->kernel)
		return;
	out_table(s->out, "members", columns, 4, true);
	for (unsigned i = 0; i < MEMBER_COUNT; i++) {
		const struct member *m = &s->kernel->members[i];

		out_cell_str(s->out, member_describe(i));
		if (m->present) {
			out_cell_str(s->out, m->name);
			out_cell_dec(s->out, m->offset);
			out_cell_dec(s->out, m->total);
		} else {
			for (int j = 0; j < 3; j++)
				out_cell_none(s->out, j ? "-" : "(not in this kernel)");
		}
		out_row_end(s->out);
	}
	out_table_end(s->out);
}

static bool print_topic(struct session *s, const char *name)
{
	const char *alias, *line;

	for (size_t i = 0; i < sizeof(topics) / sizeof(*topics); i++) {
		if (strcmp(topics[i].name, name))
			continue;
		out_text(s->out, topics[i].text);
		out_str(s->out, "name", NULL, name);
		out_str(s->out, "help", NULL, topics[i].text);
		for (size_t j = 0; !strcmp(name, "input") && command_alias_at(j, &alias, &line);
		     j++)
			out_printf(s->out, "  %-18s  %s\n", alias, line);
		out_text(s->out, "\n");
		return true;
	}
	return false;
}

/*
 * crash's options of help show tables of its own inner workings. What can be known of the same things here, other commands say; the
 * members that are looked for in the kernel's types are shown here.
 */
static struct error *inner_data(struct session *s, char letter)
{
	static const struct {
		char letter;
		const char *line;
	} lines[] = {{'a', "alias"}, {'D', "sys"}, {'n', "sys"},	{'e', "extend"}, {'f', "mount"}, {'k', "mach"}, {'K', "mach"},
		     {'m', "mach"},   {'M', "mach -m"},	   {'p', "set"}, {'r', "regs"}, {'s', "sym -M"}, {'t', "ps"},	 {'T', "ps"},	{'v', "kmem -i"},
		     {'V', "kmem -V"}, {'z', "help help"}};
	static const char without[] = "bcdghHLN";

	if (letter == 'o') {
		print_members(s);
		return NULL;
	}
	if (letter == 'B') {
		out_str(s->out, "version", "mmscope %s\n", MMSCOPE_VERSION);
		return NULL;
	}
	if (strchr(without, letter))
		return error_new(ERR_UNSUPPORTED, "no such tables are kept here: -%c", letter);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (lines[i].letter != letter)
			continue;
		char *copy = strdup(lines[i].line), *at = NULL, *words[4] = {0};
		int count = 0;

		for (char *word = copy ? strtok_r(copy, " ", &at) : NULL; word && count < 3; word = strtok_r(NULL, " ", &at))
			words[count++] = word;
		struct error *e = count ? session_run(s, count, words) : NULL;
		free(copy);
		return e;
	}
	char word[] = {'-', letter, 0};
	return unknown_option("help", letter, word);
}

static struct error *run_help(struct session *s, int argc, char **argv)
{
	if (argc == 2 && argv[1][0] == '-' && argv[1][1] && !argv[1][2])
		return inner_data(s, argv[1][1]);
	if (argc > 1 && argv[1][0] == '-')
		return usage_error(argv[0], "no such option: %s", argv[1]);
	if (argc < 2) {
		list_commands(s);
		return NULL;
	}
	if (out_json(s->out) && argc > 2)
		return usage_error(argv[0], "one command at a time in JSON");
	for (int i = 1; i < argc; i++) {
		const char *alias = command_alias(argv[i]);
		const struct command *c = command_find(argv[i]);
		char name[64];

		if (!c && alias) {
			snprintf(name, sizeof(name), "%.*s", (int)strcspn(alias, " "), alias);
			c = command_find(name);
		}
		if (c) {
			page(s, c);
		} else if (!strcmp(argv[i], "all")) {
			for (size_t j = 0; !out_json(s->out) && command_at(j); j++)
				page(s, command_at(j));
		} else if (!print_topic(s, argv[i])) {
			const char *near = command_nearest(argv[i]);

			return error_new(ERR_NOT_FOUND, "no such command: %s%s%s%s", argv[i],
					 near ? "; did you mean \"" : "", near ? near : "",
					 near ? "\"?" : "");
		}
	}
	return NULL;
}

COMMAND(help) = {
	.name = "help",
	.summary = "get help",
	.synopsis = "[command | input | output | machine | all]... | -OPTION",
	.options = "-a -b -B -c -d -D -e -f -g -h -H -k -K -L -M -m -N -n -o -p -r -s -t -T -v -V -z",
	.help = "Without an argument: the names of all commands. With one: that command's page.\n"
		"\n"
		"  input    how addresses and lines are written, and other names of commands\n"
		"  output   the pager, pipes, files and JSON\n"
		"  machine  the commands that act, and what goes with them\n"
		"  all      the pages of all commands\n"
		"\n"
		"crash's options, which show what it keeps of an image, give what the commands here say of the same:\n"
		"\n"
		"  -a alias   -B the version   -D -n sys   -e extend   -f mount   -k -K -m mach   -M mach -m   -p set   -r regs\n"
		"  -s sym -M   -t -T ps   -v kmem -i   -V kmem -V   -z this page\n"
		"  -o         the members of structures that are looked for, and where this kernel has them\n"
		"  -b -c -d -g -h -H -L -N   tables that are not kept here: refused\n"
		"\n"
		"EXAMPLES\n"
		"  The page of the command help:\n"
		"\n"
		"    mmscope> help help\n"
		"\n"
		"  How output is sent elsewhere:\n"
		"\n"
		"    mmscope> help output\n",
	.run = run_help,
};
