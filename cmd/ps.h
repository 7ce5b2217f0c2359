/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of the ps command share.
 */
#ifndef CMD_PS_H
#define CMD_PS_H

#include "cmd/context.h"

/* -p -c -t -a -g -r: one block a task; the options of ps that exclude each other. */
enum ps_mode {
	PS_LIST,
	PS_PARENTS,
	PS_CHILDREN,
	PS_TIMES,
	PS_LAST_RUN,	 /* -l: as a time stamp */
	PS_LAST_RUN_AGO, /* -m: as days, hours … before now */
	PS_ARGUMENTS,
	PS_GROUPS,
	PS_LIMITS,
	PS_SUMMARY
};

/* Prints the blocks of these tasks; the first failure is returned, the others are complained of. */
struct error *ps_blocks(struct session *s, enum ps_mode mode,
			const struct task_list *list) MUST_CHECK;

/*
 * -l and -m: one line a task, the last run first. `cpus` (NULL: all at once) has a flag for each
 * CPU to show on its own.
 */
void ps_last_run(struct session *s, enum ps_mode mode, struct task_list *list, const bool *cpus);

#endif
