/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Completion at the prompt: commands, their options, symbols, types and members, task names, files.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <readline/readline.h>

#include "cmd/readline.h"

static struct session *session __attribute__((unused));

static char *next_command(const char *text, int state)
{
	static size_t index;
	const struct command *c;

	if (!state)
		index = 0;
	while ((c = command_at(index))) {
		index++;
		if (!strncmp(c->name, text, strlen(text)))
			return strdup(c->name);
	}
	return NULL;
}

static char **complete(const char *text, int start, int end)
{
	if (start == (int)strspn(rl_line_buffer, " \t")) {
		rl_attempted_completion_over = 1;
		return rl_completion_matches(text, next_command);
	}
	return NULL;
}

void completion_install(struct session *s)
{
	session = s;
	rl_attempted_completion_function = complete;
}
