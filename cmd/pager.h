/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CMD_PAGER_H
#define CMD_PAGER_H

#include "cmd/session.h"

/*
 * The shell command that the output of a command goes through, or NULL for none: only for a person
 * at a terminal, not with "set scroll off". $MMSCOPE_PAGER, else less if it is installed. Owned by
 * the pager.
 */
const char *pager_command(const struct session *s);

/* What it would be, wherever the output goes: "none". */
const char *pager_name(const struct session *s);

#endif
