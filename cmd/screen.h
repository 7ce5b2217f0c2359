/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the terminal can show.
 */
#ifndef CMD_SCREEN_H
#define CMD_SCREEN_H

#include "cmd/session.h"

/* Its columns; 80 where there is no terminal. */
size_t screen_width(void);
/* Does the running command's output go to a terminal that shows colours? NO_COLOR (no-color.org) says no. */
bool screen_colour(const struct session *s);

#endif
