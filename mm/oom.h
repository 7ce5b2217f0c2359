/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whom the OOM killer would choose (mm/oom_kill.c): how many points a task has as this kernel counts them, and which has most.
 */
#ifndef MM_OOM_H
#define MM_OOM_H

#include "mm/task.h"

struct oom_points {
	const char *exempt; /* why it is never chosen ("init", "oom_score_adj", …), NULL: it may be; then points and score are set */
	int64_t rss, swap, page_tables; /* pages, as badness sees them: without what CPUs and tasks keep of the counts to themselves */
	int64_t adj;			/* oom_score_adj, -1000 to 1000 */
	int64_t points;			/* pages, adj with them; until 2.6.36 a number of its own kind */
	uint64_t score;			/* /proc/PID/oom_score; 0 where there is no such */
};

/*
 * oom_badness() of the process that the task is of, badness() of 2.4. ERR_UNSUPPORTED for kernels in between, which weighed
 * otherwise; as object_open().
 */
struct error *oom_badness(struct kernel *k, const struct task *t, struct oom_points *out) MUST_CHECK;

/* Points are shares of this: totalram_pages + total_swap_pages. */
uint64_t oom_total_pages(struct kernel *k);

/*
 * select_bad_process(), when the whole machine is out of memory: NULL in *victim when nobody may be killed. *why then, or when a
 * victim that has not died yet keeps others from being chosen (*victim is that one), says so; else it is NULL.
 */
struct error *oom_select(struct kernel *k, const struct task **victim, const char **why) MUST_CHECK;

#endif
