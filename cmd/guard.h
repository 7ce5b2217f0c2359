/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The one guard around a command: Ctrl-C raises a flag that loops poll; a read beyond the end of an
 * image file that shrank (SIGBUS) ends the command with an error.
 */
#ifndef CMD_GUARD_H
#define CMD_GUARD_H

#include "cmd/session.h"

/* Installs the handlers; once, at the start. SIGPIPE is ignored: a write says EPIPE instead. */
void guard_install(void);
/* Runs the command with them armed. */
struct error *guard_run(const struct command *c, struct session *s, int argc,
			char **argv) MUST_CHECK;
/* How many Ctrl-C there were. Unlike interrupt_flag this is not raised by output that nobody reads. */
unsigned guard_signals(void);
/* Ends the program as an unhandled Ctrl-C would have, so that the shell that started it knows. */
void guard_die_of_signal(void);
/* In a forked child before exec: signals as a shell expects to find them. */
void guard_child(void);

#endif
