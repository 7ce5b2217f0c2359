/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Completion at the prompt: commands, their options, symbols, types and their members, tasks,
 * files. What a place takes, the command's flags say.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <readline/readline.h>

#include "cmd/line.h"
#include "cmd/readline.h"
#include "mm/engine/engine.h"
#include "mm/sim/programs.h"
#include "mm/task.h"

/* More than this many matches are of no use to anybody. */
#define MOST_MATCHES 20000

static struct session *session;

/* ---- The set of matches ---- */

static struct {
	char **names;
	size_t count, room;
	const char *text; /* what they must begin with */
	size_t len;
} matches;

static void match(const char *name)
{
	if (strncmp(name, matches.text, matches.len) || matches.count >= MOST_MATCHES)
		return;
	if (matches.count == matches.room) {
		size_t room = matches.room ? 2 * matches.room : 64;
		char **names = realloc(matches.names, room * sizeof(*names));

		if (!names)
			return;
		matches.names = names;
		matches.room = room;
	}
	if ((matches.names[matches.count] = strdup(name)))
		matches.count++;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* readline takes the names one by one and owns them then. */
static char *next_match(const char *text, int state)
{
	static size_t index;

	if (!state)
		index = 0;
	return index < matches.count ? matches.names[index++] : NULL;
}

/* ---- Sources ---- */

static void match_commands(unsigned flags)
{
	const char *name, *line;
	const struct command *c;

	for (size_t i = 0; (c = command_at(i)); i++)
		if ((c->flags & flags) == flags)
			match(c->name);
	for (size_t i = 0; !flags && command_alias_at(i, &name, &line); i++)
		match(name);
}

static void match_words(const char *words)
{
	char *copy = strdup(words ? words : ""), *at = NULL;

	for (char *word = copy ? strtok_r(copy, " \t\n", &at) : NULL; word;
	     word = strtok_r(NULL, " \t\n", &at))
		match(word);
	free(copy);
}

static void match_symbols(struct kernel *k)
{
	size_t count = symbols_count(k);
	struct symbol symbol;

	for (size_t i = 0; i < count && symbols_get(k, i, &symbol); i++)
		match(symbol.name);
}

static void match_types(struct kernel *k)
{
	const char *name;
	size_t cursor = 0;

	while ((name = type_names_next(k, TYPE_AGGREGATE, &cursor)))
		if (*name)
			match(name);
}

static void match_tasks(struct kernel *k)
{
	size_t count;

	if (error_drop(tasks_count(k, &count)))
		return;
	for (size_t i = 0; i < count; i++) {
		const struct task *t = tasks_get(k, i);
		char pid[16];

		if (!strpbrk(t->comm, " \t'\"|>#\\"))
			match(t->comm);
		snprintf(pid, sizeof(pid), "%u", t->pid);
		match(pid);
	}
}

/* The members of a struct, those of its anonymous structs and unions included, each behind
 * `before`. */
static void match_members_of(struct kernel *k, struct type t, const char *before, unsigned depth)
{
	struct type_member member;
	char name[512];

	for (size_t i = 0; depth < 8 && type_member_at(k, type_strip(t), i, &member); i++) {
		if (!member.name || !*member.name) {
			match_members_of(k, member.type, before, depth + 1);
			continue;
		}
		snprintf(name, sizeof(name), "%s%s", before, member.name);
		match(name);
	}
}

/* "task_struct.pid,se.lo": the struct is task_struct, the path se., the rest a member's beginning.
 */
static void match_members(struct kernel *k, const char *text)
{
	const char *dot = strchr(text, '.'), *comma = strrchr(text, ','), *path, *last;
	struct type_member member;
	char name[256], before[512];
	struct type t;

	snprintf(name, sizeof(name), "%.*s", (int)(dot - text), text);
	t = type_find(k, TYPE_AGGREGATE, name);
	if (!type_valid(t))
		t = type_find(k, TYPE_TYPEDEF, name);
	if (!type_valid(t))
		return;
	path = comma && comma > dot ? comma + 1 : dot + 1;
	last = strrchr(path, '.');
	if (last) {
		snprintf(name, sizeof(name), "%.*s", (int)(last - path), path);
		if (error_drop(type_member_find(k, type_strip(t), name, &member)))
			return;
		t = member.type;
	}
	snprintf(before, sizeof(before), "%.*s", (int)((last ? last + 1 : path) - text), text);
	match_members_of(k, t, before, 0);
}

static void match_name(void *context, const char *name)
{
	char path[1024];

	snprintf(path, sizeof(path), "%s%s", (const char *)context, name);
	match(path);
}

/* A path's last name; of a directory, with its slash, so that one can go on. */
static void match_paths(struct kernel *k, const char *text)
{
	const char *slash = strrchr(text, '/');
	char directory[1024] = "/";

	if (slash)
		snprintf(directory, sizeof(directory), "%.*s", (int)(slash + 1 - text), text);
	struct engine *e;

	if (error_drop(engine_open(k, &e)) || error_drop(file_names(e, directory, match_name, directory)))
		return;
	/* A directory alone is not the end. */
	rl_completion_suppress_append = matches.count == 1 && matches.names[0][strlen(matches.names[0]) - 1] == '/';
}

static void match_programs(void)
{
	const struct sim_program *program;

	for (size_t i = 0; (program = sim_program_at(i)); i++)
		match(program->name);
}

/* What the option before the cursor takes; false when it is no such option. */
static bool match_option_argument(const struct command *c, const char *option, const char *text)
{
	struct kernel *k = session->kernel;

	if (!(c->flags & CMD_ACTS) && strcmp(c->name, "save"))
		return false;
	if (!strcmp(option, "-c") && k)
		match_tasks(k);
	else if (!strcmp(option, "-f") && !strcmp(c->name, "save"))
		match_words("elf kdump");
	else if (!strcmp(option, "-f") && !strcmp(c->name, "mmap") && k)
		match_paths(k, text);
	else if (!strcmp(option, "-p") && !strcmp(c->name, "mkfile"))
		match_programs();
	else
		return false;
	return true;
}

/* What a command takes at a place that is no option. */
static void match_operands(const struct command *c, const char *text)
{
	struct kernel *k = session->kernel;

	match_words(c->words);
	if (!strcmp(c->name, "help"))
		match_commands(0);
	if (!strcmp(c->name, "foreach"))
		match_commands(CMD_FOREACH);
	if (!k)
		return;
	if (c->flags & CMD_STRUCT_ARGS) {
		if (strchr(text, '.'))
			match_members(k, text);
		else
			match_types(k);
	}
	if (c->flags & CMD_SYMBOL_ARGS && matches.len) /* all of them would be 150,000 */
		match_symbols(k);
	if (c->flags & CMD_TASK_ARGS)
		match_tasks(k);
	if (c->flags & CMD_PATH_ARGS)
		match_paths(k, text);
}

/* ---- What stands before the cursor ---- */

/* The start of the command's part when the text up to `end` is still one: NULL behind a '|', '>' or
 * '!'. */
static const struct command *command_before(const char *buffer, int end, bool *first, bool *outside)
{
	const struct command *c = NULL;
	struct line line;
	char *before = strndup(buffer, (size_t)end);
	struct error *e;

	*first = false;
	*outside = true;
	if (!before || before[strspn(before, " \t")] == '!') {
		free(before);
		return NULL;
	}
	e = line_parse(before, &line);
	/* A quote still open is a word still typed. */
	*outside = line.sink != SINK_OUT;
	if (!*outside && !line.argc) {
		*first = true;
	} else if (!*outside && line.argc) {
		const char *alias = command_alias(line.argv[0]);
		char name[64] = "";

		if (alias)
			snprintf(name, sizeof(name), "%.*s", (int)strcspn(alias, " "), alias);
		c = command_find(alias ? name : line.argv[0]);
		/* foreach's words end in a command of its own. */
		for (int i = 1; c && !strcmp(c->name, "foreach") && i < line.argc; i++)
			if (command_find(line.argv[i]) &&
			    command_find(line.argv[i])->flags & CMD_FOREACH)
				c = command_find(line.argv[i]);
	}
	error_drop(e);
	line_free(&line);
	free(before);
	return c;
}

/* The word before the cursor's, when it may be an option. */
static void option_before(int start, char *option, size_t size)
{
	const char *end = rl_line_buffer + start, *begin;

	while (end > rl_line_buffer && end[-1] == ' ')
		end--;
	for (begin = end; begin > rl_line_buffer && begin[-1] != ' ';)
		begin--;
	snprintf(option, size, "%.*s", (int)(*begin == '-' ? end - begin : 0), begin);
}

static char **complete(const char *text, int start, int end)
{
	char option[8];
	const struct command *c;
	bool first, outside;

	c = command_before(rl_line_buffer, start, &first, &outside);
	if (outside)
		return NULL; /* file names */
	matches.count = 0;
	matches.text = text;
	matches.len = strlen(text);
	if (first) {
		match_commands(0);
		/* The keyword may be left out: "page.flags ADDR". */
		if (strchr(text, '.') && session->kernel)
			match_members(session->kernel, text);
	} else if (c && (option_before(start, option, sizeof(option)), match_option_argument(c, option, text))) {
		/* all said */
	} else if (c && *text == '-') {
		match_words(c->options);
	} else if (c) {
		match_operands(c, text);
		if (!matches.count &&
		    !(c->flags & (CMD_STRUCT_ARGS | CMD_SYMBOL_ARGS | CMD_TASK_ARGS | CMD_PATH_ARGS)))
			match_words(c->options);
		if (!matches.count && matches.len)
			return NULL; /* file names: rd -r FILE */
	}
	rl_attempted_completion_over = 1;
	if (!matches.count)
		return NULL;
	qsort(matches.names, matches.count, sizeof(*matches.names), by_name);
	/* After a struct's name may come '.', after a member ','. */
	rl_completion_suppress_append = c && c->flags & CMD_STRUCT_ARGS && *text != '-';
	return rl_completion_matches(text, next_match);
}

/* readline asks this itself only where it displays the list itself. */
static bool wants_all(int count)
{
	int key;

	if (count <= rl_completion_query_items)
		return true;
	fprintf(rl_outstream, "\nDisplay all %d possibilities? (y or n)", count);
	fflush(rl_outstream);
	do
		key = rl_read_key();
	while (!strchr("yYnN \177\007\003\n\r", key));
	return key == 'y' || key == 'Y' || key == ' ';
}

/* Of "task_struct.pid" only "pid" is worth a column of the list. */
static void display_matches(char **list, int count, int longest)
{
	size_t skip = 0;
	const char *dot = strrchr(list[0], '.'), *comma = strrchr(list[0], ',');
	char **shorter;

	if (dot && !rl_filename_completion_desired)
		skip = (size_t)((comma > dot ? comma : dot) + 1 - list[0]);
	if (!wants_all(count)) {
		putc('\n', rl_outstream);
		rl_on_new_line();
		rl_redisplay();
		return;
	}
	shorter = calloc((size_t)count + 2, sizeof(*shorter));
	if (!shorter)
		return;
	for (int i = 0; i <= count; i++)
		shorter[i] = strlen(list[i]) >= skip ? list[i] + skip : list[i];
	putc('\n', rl_outstream);
	rl_display_match_list(shorter, count, longest - (int)skip);
	rl_on_new_line();
	rl_redisplay();
	free(shorter);
}

void completion_install(struct session *s)
{
	session = s;
	rl_attempted_completion_function = complete;
	rl_completion_display_matches_hook = display_matches;
	rl_completer_word_break_characters = " \t\n|>(";
	rl_completer_quote_characters = "'\"";
}
