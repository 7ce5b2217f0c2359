/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The lines that were typed. */
#ifndef CMD_HISTORY_H
#define CMD_HISTORY_H

#include "cmd/session.h"

/* Runs a line as it was typed, or came in a batch: "!!" and "!NUMBER" are "r" and "r NUMBER", and it is remembered. */
bool history_run(struct session *s, const char *line);

#endif
