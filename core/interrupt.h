/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Ctrl-C: a flag set by the signal handler (cmd/guard.c), polled by every loop over an image that can be long.
 */
#ifndef CORE_INTERRUPT_H
#define CORE_INTERRUPT_H

#include <signal.h>
#include <stdbool.h>

#include "vmcore/error.h"

extern volatile sig_atomic_t interrupt_flag;

static inline bool interrupted(void)
{
	return __builtin_expect(interrupt_flag != 0, 0);
}

/* ERR_INTERRUPTED when Ctrl-C was pressed, else NULL. */
static inline struct error *check_interrupt(void)
{
	return interrupted() ? error_new(ERR_INTERRUPTED, "interrupted") : NULL;
}

#endif
