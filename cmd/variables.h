/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The variables of "set". */
#ifndef CMD_VARIABLES_H
#define CMD_VARIABLES_H

#include "cmd/session.h"

/* Is this the name of a variable? */
bool variable_is(const char *name);
/* By index, NULL past the last: for completion and suggestions. */
const char *variable_name(size_t index);
/* Sets it to `word` where that is not NULL, and prints it. ERR_USAGE for a value that it cannot have. */
struct error *variable_set(struct session *s, const char *name, const char *word) MUST_CHECK;
/* Prints all. */
struct error *variables_show(struct session *s) MUST_CHECK;
/* As parse_cpus(), but for those that "set offline hide" leaves out. */
struct error *variable_shown_cpus(struct session *s, const char *text, bool **out) MUST_CHECK;

#endif
