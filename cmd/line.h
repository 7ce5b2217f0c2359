/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A command line: words, and where the output goes.
 */
#ifndef CMD_LINE_H
#define CMD_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "vmcore/error.h"

enum line_sink { SINK_OUT, SINK_PIPE, SINK_FILE, SINK_APPEND };

struct line {
	char *command; /* the command's part of the line, as typed */
	int argc;
	char **argv;	/* words without their quotes; argv[argc] is NULL */
	char *quotes;	/* per word '\'' or '"', or 0 */
	size_t *starts; /* per word, where it begins in `command` */
	enum line_sink sink;
	char *target; /* the shell's command line after '|', or the file's name */
	char *input;  /* the file after '<', or NULL */
};

/*
 * Splits a line. Blanks part words, except within '…', "…" and (…); a backslash makes the next
 * quote, blank, '|', '>', '#' or backslash plain, and stands for itself before all else; '#' at a
 * word's start begins a comment, as "//" does at the line's; '<' at a word's start, but not "<<" and "<=", goes before
 * the last word, a file's name. "*page" is "* page". ERR_USAGE for a quote or redirection without
 * its end. line_free() frees what it holds, also after an error.
 */
struct error *line_parse(const char *text, struct line *out) MUST_CHECK;
void line_free(struct line *line);

#endif
