/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * When tasks started and ran.
 */
#include "mm/clock.h"
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

/* The newest of the run queues' clocks, in ns; they run from boot. */
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

/*
 * Seconds from a task's start to now, by the first pair of clocks that the kernel has: time since
 * boot with the time asleep (start_boottime), the scheduler's clock, jiffies.
 */
static uint64_t run_seconds(struct kernel *k, const struct object *o, uint64_t start)
{
	uint64_t boottime = GET(k, o, task_struct, start_boottime), clock = now(k), jiffies;
	uint64_t end = 0, from = 0;
	if (k->members[M_task_struct_start_boottime].size == 8 &&
	    !error_drop(clock_uptime(k, &end))) {
		from = boottime / NSEC_PER_SEC;
		end /= NSEC_PER_SEC;
	} else if (HAS(k, task_struct, start_time_sec)) { /* struct timespec, 2.6 to 3.16 */
		from = start;
		end = clock / NSEC_PER_SEC;
	} else if (clock) {
		from = start / NSEC_PER_SEC;
		end = clock / NSEC_PER_SEC;
	} else if (!error_drop(kernel_read_symbol(k, "jiffies", 0, &jiffies))) {
		/* 2.4: start_time in jiffies, 100 a second (include/asm-i386/param.h) */
		from = start / 100;
		end = jiffies / 100;
	}
	return end > from ? end - from : 0;
}

void task_times(struct kernel *k, const struct task *t, struct task_times *out)
{
	const struct object *o = &t->object;
	*out = (struct task_times){
		.start = HAS(k, task_struct, start_time_sec)
				 ? GET(k, o, task_struct, start_time_sec)
				 : GET(k, o, task_struct, start_time),
		.utime = GET(k, o, task_struct, utime),
		.stime = GET(k, o, task_struct, stime),
	};
	out->run_seconds = run_seconds(k, o, out->start);
}

uint64_t task_last_run(struct kernel *k, const struct task *t)
{
	return GET(k, &t->object, task_struct, last_arrival);
}
