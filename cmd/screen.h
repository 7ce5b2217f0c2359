/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The terminal.
 */
#ifndef CMD_SCREEN_H
#define CMD_SCREEN_H

#include <stddef.h>

/* Its columns; 80 where there is no terminal. */
size_t screen_width(void);

#endif
