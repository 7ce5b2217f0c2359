/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tasks: every process and thread of the image, idle tasks of each CPU included.
 */
#ifndef MM_TASK_H
#define MM_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/kernel.h"

struct task {
	uint64_t addr;		  /* task_struct */
	uint32_t pid, tgid, ppid; /* in the initial pid namespace; ppid is real_parent's tgid, as
				     /proc/PID/status has it */
	uint32_t cpu;
	char comm[17];
	uint64_t mm, active_mm; /* mm_struct, 0 for a kernel thread */
	uint64_t stack;		/* lowest address of the kernel stack; 0 when it is freed already */
	uint64_t group_leader, parent;
	bool is_leader, is_kernel,
		is_active; /* is_active: running on its CPU when the image was taken */
	bool is_idle;
	struct object object;
};

/*
 * The table, sorted as crash's ps sorts (idle tasks first, then by pid). Built once, on demand;
 * errors: ERR_UNSUPPORTED, ERR_BAD_LIST. A list that is damaged in part gives what could be
 * reached, and tasks_damage() then says what is wrong, else NULL.
 */
struct error *tasks_count(struct kernel *k, size_t *count) MUST_CHECK;
/* NULL past the last. Pointers into the table stay good until tasks_forget(). */
const struct task *tasks_get(struct kernel *k, size_t index);
const char *tasks_damage(struct kernel *k);
/* Drops the table: after the image was changed, the next question builds it anew. */
void tasks_forget(struct kernel *k);

/* By address of its task_struct; by pid (a pid of 0 gives CPU 0's idle task); NULL when there is
 * none. */
const struct task *task_by_addr(struct kernel *k, uint64_t addr);
const struct task *task_by_pid(struct kernel *k, uint64_t pid);
/* The task whose kernel stack or task_struct holds addr, or NULL. */
const struct task *task_holding(struct kernel *k, uint64_t addr);
/*
 * The tasks whose mm is this one (threads, and processes that share it), by index from 0, in the
 * table's order; NULL past the last.
 */
const struct task *task_of_mm(struct kernel *k, uint64_t mm, size_t index);
/* The context a dump opens with: the panicking task when known, else the active task of CPU 0, else
 * pid 1 … */
const struct task *task_default(struct kernel *k);
/* The task that ran on a CPU, or NULL when that cannot be known (or there is no such CPU). */
const struct task *task_active(struct kernel *k, unsigned cpu);
/* The task that panicked (panic_cpu, or crashing_cpu of a kdump), or NULL. */
const struct task *task_panic(struct kernel *k);
/* Declares t the active task of its CPU, where the image is wrong about it. */
void task_mark_active(struct kernel *k, const struct task *t);

/* Bytes of a kernel stack (THREAD_SIZE). */
uint64_t task_stack_size(struct kernel *k);
/* Its thread_info: within task_struct (since 4.9 on x86), else at the lowest address of the stack.
 */
static inline uint64_t task_thread_info(struct kernel *k, const struct task *t)
{
	const struct member *m = &k->members[M_task_struct_thread_info];
	return m->present && m->total == SIZE_OF(k, thread_info) ? t->addr + m->offset : t->stack;
}

/* ---- mm/task_state.c ---- */

/* "RU", "IN", "UN", "ST", "TR", "ZO", "DE", "ID", "WA", "PA", "NE" … as crash's ps prints them. */
const char *task_state_short(struct kernel *k, const struct task *t);
/* "TASK_RUNNING", "TASK_INTERRUPTIBLE", … as crash's set prints it, with flags joined by '|'. */
void task_state_long(struct kernel *k, const struct task *t, char *buf, size_t size);

/*
 * A kernel thread's name where it is longer than comm has room for (struct kthread's full_name,
 * since 5.17), else its comm.
 */
void task_full_name(struct kernel *k, const struct task *t, char *buf, size_t size);

/* Has the task that capability (its bit), in the initial user namespace? True where neither tasks nor credentials say. */
bool task_capable(struct kernel *k, uint64_t task, unsigned capability);

/* ---- mm/task_time.c ---- */

struct task_times {
	uint64_t start;	       /* since boot: ns, or s where start_time was a timespec, or jiffies
				  before 2.6 */
	uint64_t utime, stime; /* as the kernel counts them: ns since 4.11, jiffies before */
	uint64_t run_seconds;  /* from start to the image's now; 0 when now is not known */
};
void task_times(struct kernel *k, const struct task *t, struct task_times *out);
/* When the task last got onto a CPU, in ns of the scheduler's clock (sched_info.last_arrival); 0:
 * never, or not known. */
uint64_t task_last_run(struct kernel *k, const struct task *t);
/* The scheduler's clock of a CPU, in ns; 0 when it is not known. */
uint64_t task_cpu_clock(struct kernel *k, unsigned cpu);

/* ---- mm/task_mm.c ---- */

/* Pages of an mm by kind, with the per-CPU and per-task parts that the kernel has (rss_stat). In
 * pages. */
struct mm_rss {
	int64_t file, anon, shmem, swap;
};
struct error *mm_rss(struct kernel *k, uint64_t mm, struct mm_rss *out) MUST_CHECK;
/* The same without the parts that CPUs and tasks keep to themselves: get_mm_counter(). */
struct error *mm_rss_rough(struct kernel *k, uint64_t mm, struct mm_rss *out) MUST_CHECK;
static inline int64_t mm_rss_total(const struct mm_rss *r)
{
	return r->file + r->anon + r->shmem;
}

/* Physical address of an mm's topmost page table. The pgd of no mm (0) is the kernel's own. */
struct error *mm_pgd(struct kernel *k, uint64_t mm, uint64_t *phys) MUST_CHECK;
/*
 * Copies user memory of an mm through its page tables: up to len bytes, of which *got (never more
 * than len) were there in one run. Success with *got < len says that the next page is absent; *why
 * (may be NULL) then says how: "swapped out", "not mapped", …
 */
struct error *mm_read_user(struct kernel *k, uint64_t mm, uint64_t addr, void *buffer, size_t len,
			   size_t *got, const char **why) MUST_CHECK;

#endif
