/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the terminal can show.
 */
#ifndef CMD_SCREEN_H
#define CMD_SCREEN_H

#include "cmd/session.h"

/* Its columns; 80 where there is no terminal. */
size_t screen_width(void);

/* Colour, sparingly: headings, maps, and the name before an error. */
#define COLOUR_ERROR "\033[31m"
#define COLOUR_END   "\033[0m"

/*
 * May what goes to this descriptor have colour? Only on a terminal: there as "set color" says, by itself unless NO_COLOR is set
 * (https://no-color.org) or TERM is "dumb".
 */
bool colour_wanted(const struct session *s, int fd);
/* Does the running command's output go to such a terminal, through the pager or not? */
bool screen_colour(const struct session *s);

#endif
