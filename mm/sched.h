/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Run queues (kernel/sched/sched.h).
 */
#ifndef MM_SCHED_H
#define MM_SCHED_H

#include "core/kernel.h"
#include "mm/task.h"

struct run_queue {
	unsigned cpu;
	uint64_t addr;		     /* struct rq; 0 where there is one list for all CPUs (2.4) */
	const struct task *current;  /* NULL: not known */
	uint64_t rt_array;	     /* rt_prio_array */
	uint64_t cfs_root;	     /* rb_root of the fair class */
	uint64_t clock;		     /* ns */
};
/* ERR_UNSUPPORTED: a kernel whose run queues are not known. */
struct error *run_queue_open(struct kernel *k, unsigned cpu, struct run_queue *out) MUST_CHECK;

enum run_class { RUN_DEADLINE, RUN_REALTIME, RUN_FAIR, RUN_EXTENSIBLE };

/* What is queued: a task, or the queue of a task_group with what is in it one level deeper. */
struct queued {
	enum run_class class;
	unsigned depth;		  /* of groups above it */
	int priority;		  /* a task's (a deadline task's is -1); in the realtime class the list that it stands in */
	const struct task *task; /* NULL: a group */
	uint64_t group;		  /* its task_group */
	uint64_t queue;		  /* its cfs_rq or rt_rq */
	bool throttled;
	bool is_running;	  /* the task runs, and stands in no tree */
};
typedef bool queued_visitor(void *context, const struct queued *q);
/*
 * What waits in a class to run, in the order of its tree or lists; with `groups`, groups are visited too, and the task that runs where it
 * would stand. ERR_BAD_LIST.
 */
struct error *run_queue_class(struct kernel *k, const struct run_queue *rq, enum run_class class, bool groups, queued_visitor *visit,
			      void *context) MUST_CHECK;
/* The cfs_rq of a queue, and its rt_rq; whether realtime tasks have groups. */
uint64_t run_queue_fair(struct kernel *k, const struct run_queue *rq);
uint64_t run_queue_realtime(struct kernel *k, const struct run_queue *rq);
bool run_queue_groups_realtime(struct kernel *k);
/* The name of a group's cgroup; "" when it has none. */
void task_group_name(struct kernel *k, uint64_t group, char *buf, size_t size);

#endif
