/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CMD_READLINE_H
#define CMD_READLINE_H

#include "cmd/session.h"

/* Reads lines at the prompt and runs them until the session ends. Keeps the history between
 * sessions. */
void interact(struct session *s);

/*
 * Completion (cmd/complete.c): installs itself in readline; `s` is the session that it asks for
 * symbols, types and commands.
 */
void completion_install(struct session *s);

#endif
