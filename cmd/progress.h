/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bar on standard error while a command takes longer than a second: on a terminal only, as long as nothing else is written there. */
#ifndef CMD_PROGRESS_H
#define CMD_PROGRESS_H

#include "cmd/session.h"

/* A command begins: `stays` when its output goes elsewhere, so that the bar may stay while there is output. */
void progress_arm(struct session *s, bool stays);
/* The bar goes, and comes no more for this command. */
void progress_end(void);
/* The bar goes: something is to be written in its place. */
void progress_clear(void);

#endif
