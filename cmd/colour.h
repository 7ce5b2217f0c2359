/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Colour, sparingly: headings and the name before an error, on a terminal. */
#ifndef CMD_COLOUR_H
#define CMD_COLOUR_H

#include "cmd/session.h"

#define COLOUR_ERROR   "\033[31m"
#define COLOUR_END     "\033[0m"

/*
 * May what goes to this descriptor have colour? Only on a terminal: there as "set color" says, by itself unless NO_COLOR is set
 * (https://no-color.org) or TERM is "dumb".
 */
bool colour_wanted(const struct session *s, int fd);

#endif
