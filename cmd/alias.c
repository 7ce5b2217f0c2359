/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * alias: short names for the beginnings of command lines.
 */
#include <stdio.h>
#include <string.h>

#include "cmd/session.h"

static void row(struct session *s, const char *origin, const char *name, const char *line)
{
	out_cell_str(s->out, origin);
	out_cell_str(s->out, name);
	out_cell_str(s->out, line);
	out_row_end(s->out);
}

static struct error *show(struct session *s, const char *wanted)
{
	static const struct column columns[] = {{"origin", "ORIGIN", 7, '<', 0}, {"alias", "ALIAS", 8, '<', 2}, {"command", "COMMAND", 0, '<', 1}};
	const char *name, *line;

	if (wanted && !command_alias(wanted))
		return error_new(ERR_NOT_FOUND, "no such alias: %s", wanted);
	out_table(s->out, "aliases", columns, 3, true);
	for (size_t i = 0; command_alias_at(i, &name, &line); i++)
		if (!wanted || !strcmp(wanted, name))
			row(s, "builtin", name, line);
	for (size_t i = 0; command_alias_own(i, &name, &line); i++)
		if (!wanted || !strcmp(wanted, name))
			row(s, "runtime", name, line);
	out_table_end(s->out);
	return NULL;
}

static struct error *run_alias(struct session *s, int argc, char **argv)
{
	char line[1024] = "";
	size_t n = 0;

	if (argc < 3)
		return show(s, argc > 1 ? argv[1] : NULL);
	if (command_find(argv[1]))
		return error_new(ERR_USAGE, "a command has this name: %s", argv[1]);
	for (int i = 2; i < argc; i++) {
		int more = snprintf(line + n, sizeof(line) - n, "%s%s", n ? " " : "", argv[i]);

		if (more < 0 || n + (size_t)more >= sizeof(line))
			return error_new(ERR_USAGE, "the command is too long: %s", argv[1]);
		n += (size_t)more;
	}
	if (!command_alias_set(argv[1], line))
		return *line ? error_new(ERR_USAGE, "too many aliases: %s", argv[1]) : error_new(ERR_NOT_FOUND, "no alias of yours: %s", argv[1]);
	return *line ? show(s, argv[1]) : NULL;
}

COMMAND(alias_names) = {
	.name = "alias",
	.summary = "short names for command lines",
	.synopsis = "[ALIAS [COMMAND…]]",
	.help = "DESCRIPTION\n"
		"  Lists the aliases, or one; with a COMMAND makes ALIAS stand for it at the beginning of a line. An empty\n"
		"  COMMAND (\"\") takes it away again. An alias is not looked for in what another stands for.\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> alias\n"
		"    mmscope> alias init ps 1\n",
	.run = run_alias,
};
