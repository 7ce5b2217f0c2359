/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * h and r: the lines that were typed, and one of them again. readline's list of lines is the list at the prompt and without one.
 */
#include "cmd/history.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <readline/history.h>

static const char *last_line(void)
{
	HIST_ENTRY *last = history_length ? history_get(history_base + history_length - 1) : NULL;

	return last ? last->line : NULL;
}

static void remember(const char *line)
{
	const char *last = last_line();
	size_t len = strcspn(line, "\r\n");
	char *one = strndup(line, len);

	if (one && one[strspn(one, " \t")] && (!last || strcmp(last, one)))
		add_history(one);
	free(one);
}

bool history_run(struct session *s, const char *line)
{
	const char *text = line + strspn(line, " \t");
	size_t digits = *text == '!' ? strspn(text + 1, "0123456789") : 0;
	char again[32];

	if (text[0] == '!' && text[1] == '!' && !text[2 + strspn(text + 2, " \t\r\n")])
		line = "r";
	else if (digits && digits < 16 && !text[1 + digits + strspn(text + 1 + digits, " \t\r\n")])
		line = (snprintf(again, sizeof(again), "r %.*s", (int)digits, text + 1), again);
	remember(line);
	return session_run_line(s, line);
}

/* ---- h ---- */

static struct error *run_h(struct session *s, int argc, char **argv)
{
	static const struct column columns[] = {{"number", "", 0, '>', 0}, {"line", "", 0, '<', 1}};
	HIST_ENTRY *entry;

	if (argc > 1)
		return usage_error(argv[0], "too many words: %s", argv[1]);
	out_table(s->out, "lines", columns, 2, false);
	for (int i = 0; (entry = history_get(history_base + i)); i++) {
		char number[24];

		snprintf(number, sizeof(number), "[%d]", history_base + i);
		out_cell_dec_as(s->out, (uint64_t)(history_base + i), number);
		out_cell_str(s->out, entry->line);
		out_row_end(s->out);
	}
	out_table_end(s->out);
	return NULL;
}

COMMAND(h) = {
	.name = "h",
	.summary = "the lines that were typed",
	.synopsis = "",
	.help = "Lists the lines typed, of earlier sessions too, with their numbers: for \"r NUMBER\" and \"!NUMBER\".\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> h\n",
	.run = run_h,
};

/* ---- r ---- */

/* The newest line before this one that begins with the text; NULL when there is none. */
static const char *line_that_begins(const char *text)
{
	for (int i = history_length - 2; i >= 0; i--) {
		const HIST_ENTRY *entry = history_get(history_base + i);

		if (entry && !strncmp(entry->line, text, strlen(text)))
			return entry->line;
	}
	return NULL;
}

static struct error *find_line(int argc, char **argv, const char **line)
{
	HIST_ENTRY *entry;
	uint64_t number;

	*line = NULL;
	if (argc < 2) {
		entry = history_length > 1 ? history_get(history_base + history_length - 2) : NULL;
		*line = entry ? entry->line : NULL;
		return *line ? NULL : error_new(ERR_NOT_FOUND, "no line was typed before");
	}
	if (argv[1][strspn(argv[1], "0123456789")]) {
		*line = line_that_begins(argv[1]);
		return *line ? NULL : error_new(ERR_NOT_FOUND, "no line begins so: %s", argv[1]);
	}
	TRY(parse_count(argv[1], &number));
	entry = number < INT32_MAX ? history_get((int)number) : NULL;
	*line = entry ? entry->line : NULL;
	return *line ? NULL : error_new(ERR_NOT_FOUND, "no line has this number: %s", argv[1]);
}

static struct error *run_r(struct session *s, int argc, char **argv)
{
	const char *found;
	HIST_ENTRY *old;
	char *line;

	if (argc > 2)
		return usage_error(argv[0], "too many words: %s", argv[2]);
	/* What a script runs is not in the list, and what is there may run the script. */
	if (s->depth > 1)
		return error_new(ERR_USAGE, "only for lines that are typed, not within scripts and repeat");
	TRY(find_line(argc, argv, &found));
	line = strdup(found);
	if (!line)
		return error_new(ERR_NO_MEMORY, "out of memory");
	/* The list gets the line, not the "r". */
	old = replace_history_entry(history_length - 1, line, NULL);
	if (old)
		free_history_entry(old);
	out_printf(s->out, "%s\n", line);
	out_flush(s->out);
	session_run_line(s, line);
	free(line);
	return NULL;
}

COMMAND(r) = {
	.name = "r",
	.summary = "a line that was typed, again",
	.synopsis = "[NUMBER | BEGINNING]",
	.help = "Runs the last line again (\"!!\" does the same), or the one with this number in the list of \"h\" (\"!NUMBER\"),\n"
		"or the newest one that begins so.\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> ps 1\n"
		"    mmscope> r\n"
		"    mmscope> r ps\n",
	.flags = CMD_RUNS_LINES,
	.run = run_r,
};
