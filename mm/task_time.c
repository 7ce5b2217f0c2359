/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * When tasks started and ran. The image's "now" is the newest of the run queues' clocks, which runs from boot in ns as start_time does.
 */
#include "mm/task.h"

#define NSEC_PER_SEC 1000000000ull

uint64_t task_cpu_clock(struct kernel *k, unsigned cpu)
{
	struct symbol rqs;
	uint64_t clock;
	enum member_id id = HAS(k, rq, clock) ? M_rq_clock : M_rq_timestamp_last_tick;
	if (!k->members[id].present || cpu >= k->cpus || !symbol_find(k, "runqueues", &rqs) ||
	    error_drop(kernel_get(k, percpu_addr(k, rqs.addr, cpu), id, &clock)))
		return 0;
	return clock;
}

static uint64_t now(struct kernel *k)
{
	uint64_t newest = 0;
	for (unsigned cpu = 0; cpu < k->cpus; cpu++) {
		uint64_t clock = task_cpu_clock(k, cpu);
		if (clock > newest)
			newest = clock;
	}
	return newest;
}

void task_times(struct kernel *k, const struct task *t, struct task_times *out)
{
	const struct object *o = &t->object;
	uint64_t seconds, jiffies, end = now(k);
	*out = (struct task_times){
		.utime = GET(k, o, task_struct, utime),
		.stime = GET(k, o, task_struct, stime),
	};
	if (HAS(k, task_struct, start_time_sec)) { /* struct timespec, 2.6 to 3.16 */
		out->start = GET(k, o, task_struct, start_time_sec);
		seconds = out->start;
		end /= NSEC_PER_SEC;
	} else {
		out->start = GET(k, o, task_struct, start_time);
		if (end) {
			seconds = out->start / NSEC_PER_SEC;
			end /= NSEC_PER_SEC;
		} else if (!error_drop(kernel_read_symbol(k, "jiffies", 0, &jiffies))) {
			/* 2.4: start_time in jiffies, 100 a second (include/asm-i386/param.h) */
			seconds = out->start / 100;
			end = jiffies / 100;
		} else {
			return;
		}
	}
	out->run_seconds = end > seconds ? end - seconds : 0;
}

uint64_t task_last_run(struct kernel *k, const struct task *t)
{
	return GET(k, &t->object, task_struct, last_arrival);
}
