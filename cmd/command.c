/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of commands that the linker gathered, sorted by name.
 */
#include "cmd/command.h"

#include <stdlib.h>
#include <string.h>

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

/* The number of letters to insert, delete, replace or swap to make b of a; words up to 31 letters.
 */
static unsigned distance(const char *a, const char *b)
{
	size_t m = strlen(a), n = strlen(b);
	unsigned d[33][33];

	if (m > 31 || n > 31)
		return 99;
	for (size_t i = 0; i <= m; i++)
		d[i][0] = (unsigned)i;
	for (size_t j = 0; j <= n; j++)
		d[0][j] = (unsigned)j;
	for (size_t i = 1; i <= m; i++) {
		for (size_t j = 1; j <= n; j++) {
			unsigned best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

			if (d[i - 1][j] + 1 < best)
				best = d[i - 1][j] + 1;
			if (d[i][j - 1] + 1 < best)
				best = d[i][j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    d[i - 2][j - 2] + 1 < best)
				best = d[i - 2][j - 2] + 1;
			d[i][j] = best;
		}
	}
	return d[m][n];
}

const char *command_nearest(const char *name)
{
	const char *nearest = NULL;
	unsigned best = 3;

	gather();
	for (size_t i = 0; i < count; i++) {
		unsigned far = distance(name, sorted[i]->name);

		/* A name of which nothing would be left is not near. */
		if (far < best && far < strlen(sorted[i]->name)) {
			best = far;
			nearest = sorted[i]->name;
		}
	}
	return nearest;
}
