/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How far a long loop is: two numbers that it writes, and that the bar on the terminal reads (cmd/progress.c). A loop that says nothing
 * has its time shown.
 */
#ifndef CORE_PROGRESS_H
#define CORE_PROGRESS_H

#include <stdint.h>

extern volatile struct progress {
	uint64_t done, total; /* of whatever unit; total 0: not known */
} progress;

static inline void progress_start(uint64_t total)
{
	progress.done = 0;
	progress.total = total;
}

static inline void progress_at(uint64_t done)
{
	progress.done = done;
}

#endif
