/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CMD_BANNER_H
#define CMD_BANNER_H

#include "cmd/session.h"

#define MMSCOPE_VERSION "0.1"

void print_version(void);
/* The program's --help. */
void print_usage(void);
/* What a person sees before the first prompt: what was opened. */
void print_banner(struct session *s);

#endif
