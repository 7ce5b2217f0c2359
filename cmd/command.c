/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of commands that the linker gathered, sorted by name.
 */
#include "cmd/command.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/nearest.h"
#include "cmd/session.h"

extern const struct command __start_mmscope_commands[], __stop_mmscope_commands[];

static const struct command **sorted;
static size_t count;

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct command *const *)a)->name,
		      (*(const struct command *const *)b)->name);
}

static void gather(void)
{
	if (sorted)
		return;
	count = (size_t)(__stop_mmscope_commands - __start_mmscope_commands);
	sorted = calloc(count + 1, sizeof(*sorted));
	if (!sorted)
		abort();
	for (size_t i = 0; i < count; i++)
		sorted[i] = &__start_mmscope_commands[i];
	qsort(sorted, count, sizeof(*sorted), by_name);
}

void command_add(const struct command *c)
{
	const struct command **more;

	gather();
	more = realloc(sorted, (count + 1) * sizeof(*sorted));
	if (!more)
		abort();
	sorted = more;
	sorted[count++] = c;
	qsort(sorted, count, sizeof(*sorted), by_name);
}

void command_remove(const struct command *c)
{
	for (size_t i = 0; i < count; i++)
		if (sorted[i] == c)
			memmove(&sorted[i], &sorted[i + 1], (--count - i) * sizeof(*sorted));
}

const struct command *command_at(size_t index)
{
	gather();
	return index < count ? sorted[index] : NULL;
}

const struct command *command_find(const char *name)
{
	gather();
	for (size_t i = 0; i < count; i++)
		if (!strcmp(sorted[i]->name, name))
			return sorted[i];
	return NULL;
}

/* crash's built-in aliases, as far as their commands are here, and its other spellings. */
static const struct {
	const char *name, *line;
} aliases[] = {
	{"?", "help"},		 {"man", "help"},	  {"dmesg", "log"},
	{"for", "foreach"},	 {"size", "*"},		  {"px", "p -x"},
	{"pd", "p -d"},		 {"hex", "set radix 16"}, {"p/x", "p -x"},
	{"p/d", "p -d"},	 {"dec", "set radix 10"}, {"sf", "set scroll off"},
	{"sn", "set scroll on"}, {"last", "ps -l"},	  {"lsmod", "mod"},
};

/* Those of the user, who may give a built-in one another meaning. */
#define USER_ALIASES 64
static struct {
	char *name, *line;
} own[USER_ALIASES];
static size_t own_count;

static size_t own_find(const char *name)
{
	size_t i = 0;

	while (i < own_count && strcmp(own[i].name, name))
		i++;
	return i;
}

bool command_alias_set(const char *name, const char *line)
{
	size_t i = own_find(name);

	if (!*line) {
		if (i == own_count)
			return false;
		free(own[i].name);
		free(own[i].line);
		own[i] = own[--own_count];
		return true;
	}
	if (i == USER_ALIASES)
		return false;
	char *name_copy = strdup(name), *line_copy = strdup(line);
	if (!name_copy || !line_copy) {
		free(name_copy);
		free(line_copy);
		return false;
	}
	if (i < own_count) {
		free(own[i].name);
		free(own[i].line);
	} else {
		own_count++;
	}
	own[i].name = name_copy;
	own[i].line = line_copy;
	return true;
}

bool command_alias_own(size_t index, const char **name, const char **line)
{
	if (index >= own_count)
		return false;
	*name = own[index].name;
	*line = own[index].line;
	return true;
}

const char *command_alias(const char *name)
{
	size_t mine = own_find(name);

	if (mine < own_count)
		return own[mine].line;
	for (size_t i = 0; i < sizeof(aliases) / sizeof(*aliases); i++)
		if (!strcmp(aliases[i].name, name))
			return aliases[i].line;
	return NULL;
}

bool command_alias_at(size_t index, const char **name, const char **line)
{
	if (index >= sizeof(aliases) / sizeof(*aliases))
		return false;
	*name = aliases[index].name;
	*line = aliases[index].line;
	return true;
}

const char *command_nearest(const char *name)
{
	struct nearest n = nearest_to(name);

	gather();
	for (size_t i = 0; i < count; i++)
		nearest_try(&n, sorted[i]->name);
	return n.word;
}
