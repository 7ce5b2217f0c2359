/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CMD_HELP_TEXT_H
#define CMD_HELP_TEXT_H

#include "core/out.h"

/*
 * Prints a help page's text so that its prose and the entries of its tables fit `width` characters.
 * What begins at the margin is moved right by two, but for headings; an example ("    mmscope> …")
 * stays one line and gets a blank line on either side.
 */
void help_print(struct out *o, const char *text, unsigned width);

/*
 * Prints a command's synopsis: each line is a form of its own, one that begins with blanks goes on
 * with the form above. Breaks stand outside of brackets.
 */
void help_print_synopsis(struct out *o, const char *name, const char *synopsis, unsigned width);

#endif
