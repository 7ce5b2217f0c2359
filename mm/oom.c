/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>

#include "core/interrupt.h"
#include "mm/needs.h"
#include "mm/oom.h"

#define OOM_SCORE_ADJ_MIN (-1000) /* include/uapi/linux/oom.h */
#define MMF_OOM_SKIP	  21	  /* include/linux/sched/coredump.h; a bit of no meaning before 4.6 */
#define CAP_SYS_RAWIO	  17
#define CAP_SYS_ADMIN	  21

uint64_t oom_total_pages(struct kernel *k)
{
	uint64_t ram = 0, swap = 0;
	if (error_drop(kernel_read_symbol(k, "_totalram_pages", 0, &ram)))
		error_drop(kernel_read_symbol(k, "totalram_pages", 0, &ram));
	error_drop(kernel_read_symbol(k, "total_swap_pages", 0, &swap));
	return ram + swap;
}

/* Commit 9066e5cfb73c of 5.9, which leaves no trace in types: points may be below zero. This function came with the same release. */
static bool points_are_signed(struct kernel *k)
{
	return symbol_addr(k, "overcommit_policy_handler") != 0;
}

/* Commit d46078b28889 of 4.17 ended root's bonus of 3 %; system calls' inner functions got their names then. */
static bool root_has_bonus(struct kernel *k)
{
	return !symbol_addr(k, "ksys_write");
}

/* ---- A process ---- */

/* find_lock_task_mm(): a thread of the process that still has an mm; NULL for none. */
static const struct task *task_with_mm(struct kernel *k, const struct task *t)
{
	const struct task *other;
	if (t->mm)
		return t;
	for (size_t i = 0; (other = tasks_get(k, i)); i++)
		if (other->tgid == t->tgid && other->mm && !other->is_kernel)
			return other;
	return NULL;
}

/* in_vfork(), since 4.8: its parent waits until it execs or exits, and has the same mm. */
static bool in_vfork(struct kernel *k, const struct task *t)
{
	uint64_t parent_mm;
	if (!HAS(k, signal_struct, oom_mm) || !GET(k, &t->object, task_struct, vfork_done))
		return false;
	return !error_drop(kernel_get(k, GET(k, &t->object, task_struct, real_parent), M_task_struct_mm, &parent_mm)) && parent_mm == t->mm;
}

static int64_t page_tables(struct kernel *k, const struct object *mm)
{
	if (HAS(k, mm_struct, pgtables_bytes))
		return (int64_t)(GET(k, mm, mm_struct, pgtables_bytes) >> k->arch->page_shift);
	return (int64_t)GET(k, mm, mm_struct, nr_ptes) + (int64_t)GET(k, mm, mm_struct, nr_pmds);
}

/* /proc/PID/oom_score (fs/proc/base.c): since 5.9 from 0 to 1333, so that what is below zero is seen. */
static uint64_t score(struct kernel *k, int64_t points, int64_t total)
{
	if (!total)
		return 0;
	int64_t share = (int64_t)((__int128)points * 1000 / total);
	return points_are_signed(k) ? (uint64_t)((1000 + share) * 2 / 3) : (uint64_t)share;
}

static struct error *weigh(struct kernel *k, const struct task *t, struct oom_points *out)
{
	uint64_t total = oom_total_pages(k);
	struct mm_rss rss;
	struct object mm;
	TRY(object_open(k, t->mm, S_mm_struct, &mm));
	TRY(mm_rss_rough(k, t->mm, &rss));
	out->rss = mm_rss_total(&rss);
	out->swap = rss.swap;
	out->page_tables = page_tables(k, &mm);
	if (out->adj <= OOM_SCORE_ADJ_MIN)
		out->exempt = "oom_score_adj";
	else if (GET(k, &mm, mm_struct, flags) >> MMF_OOM_SKIP & 1)
		out->exempt = "reaped already";
	else if (in_vfork(k, t))
		out->exempt = "vfork";
	if (out->exempt || total > INT64_MAX / 2000 || out->rss > INT64_MAX / 8 || out->swap > INT64_MAX / 8 || out->page_tables > INT64_MAX / 8)
		return NULL;
	out->points = out->rss + out->swap + out->page_tables;
	if (root_has_bonus(k) && task_capable(k, t->addr, CAP_SYS_ADMIN))
		out->points -= out->points * 3 / 100;
	out->points += out->adj * (int64_t)(total / 1000);
	if (!points_are_signed(k) && out->points < 1)
		out->points = 1;
	out->score = score(k, out->points, (int64_t)total);
	return NULL;
}

/* ---- 2.4 ---- */

/* int_sqrt() as mm/oom_kill.c has it: not quite. */
static unsigned int_sqrt(unsigned x)
{
	unsigned out = x;
	while (x & ~1u) {
		x >>= 2;
		out >>= 1;
	}
	if (x)
		out -= out >> 2;
	return out ? out : 1;
}

/* badness(): what would be lost least, by size and how long and how hard it has run. HZ is 100, SHIFT_HZ 7. */
static struct error *weigh_classic(struct kernel *k, const struct task *t, struct oom_points *out)
{
	uint64_t jiffies = 0, total_vm;
	struct mm_rss rss;
	TRY(kernel_get(k, t->mm, M_mm_struct_total_vm, &total_vm));
	TRY(mm_rss(k, t->mm, &rss));
	TRY(kernel_read_symbol(k, "jiffies", 0, &jiffies));
	unsigned cpu = (unsigned)(GET(k, &t->object, task_struct, utime) + GET(k, &t->object, task_struct, stime)) >> (7 + 3);
	unsigned run = (unsigned)(jiffies - GET(k, &t->object, task_struct, start_time)) >> (7 + 10);
	out->rss = mm_rss_total(&rss);
	out->points = (int64_t)(total_vm & INT32_MAX) / int_sqrt(cpu) / int_sqrt(int_sqrt(run));
	if ((int64_t)GET(k, &t->object, task_struct, nice) > 0)
		out->points *= 2;
	if (task_capable(k, t->addr, CAP_SYS_ADMIN) || !GET(k, &t->object, task_struct, uid) || !GET(k, &t->object, task_struct, euid))
		out->points /= 4;
	if (task_capable(k, t->addr, CAP_SYS_RAWIO))
		out->points /= 4;
	if (out->points <= 0)
		out->exempt = "no points";
	return NULL;
}

struct error *oom_badness(struct kernel *k, const struct task *t, struct oom_points *out)
{
	*out = (struct oom_points){0};
	bool classic = !HAS(k, signal_struct, oom_score_adj);
	TRY(needs_check(k, "the weight of processes", NEEDS_TASKS | NEEDS_AREAS | NEEDS_COUNTS));
	if (classic && !HAS(k, task_struct, nice))
		return error_new(ERR_UNSUPPORTED, "how this kernel weighs processes is not known: it has no oom_score_adj");
	out->exempt = t->is_idle ? "idle" : t->is_kernel ? "kernel thread" : !classic && t->tgid == 1 ? "init" : NULL;
	if (!classic) {
		uint64_t signal;
		TRY(kernel_get(k, t->addr, M_task_struct_signal, &signal));
		TRY(kernel_get(k, signal, M_signal_struct_oom_score_adj, (uint64_t *)&out->adj));
	}
	const struct task *with = classic ? t : task_with_mm(k, t);
	if (!out->exempt && (!with || !with->mm))
		out->exempt = "no memory";
	if (out->exempt)
		return NULL;
	return classic ? weigh_classic(k, t, out) : weigh(k, with, out);
}

/* ---- The choice ---- */

/* The next of the kernel's list of processes; NULL behind the last. */
static struct error *next_process(struct kernel *k, uint64_t at, const struct task **out)
{
	uint64_t next;
	if (HAS(k, task_struct, tasks)) {
		TRY(kernel_read_pointer(k, at + OFFSET(k, task_struct, tasks), &next));
		next -= OFFSET(k, task_struct, tasks);
	} else {
		TRY(kernel_get(k, at, M_task_struct_next_task, &next));
	}
	*out = task_by_addr(k, next);
	if (!*out)
		return error_at(ERR_BAD_LIST, next, "the list of processes leads to no task: %" PRIx64, next);
	if ((*out)->is_idle)
		*out = NULL;
	return NULL;
}

/* One that was chosen before and has not died yet: since 4.8 signal->oom_mm says so. *skip: it will free nothing more. */
static struct error *is_dying(struct kernel *k, const struct task *t, bool *dying, bool *skip)
{
	uint64_t signal, mm, flags = 0;
	*dying = *skip = false;
	if (!HAS(k, signal_struct, oom_mm))
		return NULL;
	TRY(kernel_get(k, t->addr, M_task_struct_signal, &signal));
	TRY(kernel_get(k, signal, M_signal_struct_oom_mm, &mm));
	*dying = mm != 0;
	if (mm)
		TRY(kernel_get(k, mm, M_mm_struct_flags, &flags));
	*skip = flags >> MMF_OOM_SKIP & 1;
	return NULL;
}

/* oom_task_origin(): it takes the memory for itself alone (swapoff, KSM being stopped) and is the first to go. */
static bool is_origin(struct kernel *k, const struct task *t)
{
	uint64_t signal, origin;
	return HAS(k, signal_struct, oom_flag_origin) && !error_drop(kernel_get(k, t->addr, M_task_struct_signal, &signal)) &&
	       !error_drop(kernel_get(k, signal, M_signal_struct_oom_flag_origin, &origin)) && origin;
}

struct choice {
	const struct task *task;
	int64_t points;
	bool origin;
};

/* Of two with as many points the later one since 5.9, before the earlier one. */
static struct error *consider(struct kernel *k, const struct task *t, struct choice *c, bool *abort)
{
	struct oom_points p;
	bool skip;
	TRY(is_dying(k, t, abort, &skip));
	*abort &= !t->is_kernel;
	if (skip || *abort) {
		*abort &= !skip;
		c->task = *abort ? t : c->task;
		return NULL;
	}
	if (!t->is_kernel && t->tgid != 1 && is_origin(k, t)) {
		c->task = t;
		c->origin = true;
	}
	if (c->origin)
		return NULL;
	TRY(oom_badness(k, t, &p));
	if (p.exempt || (c->task && (p.points < c->points || (p.points == c->points && !points_are_signed(k)))))
		return NULL;
	c->task = t;
	c->points = p.points;
	return NULL;
}

/* Until 5.4 a child with an mm of its own and most points died for its parent. */
static struct error *sacrifice_child(struct kernel *k, struct choice *c)
{
	const struct task *parent = c->task, *t;
	struct oom_points p;
	int64_t most = 0;
	if (!HAS(k, signal_struct, oom_score_adj) || HAS_STRUCT(k, mm_walk_ops))
		return NULL;
	for (size_t i = 0; (t = tasks_get(k, i)); i++) {
		if (!t->is_leader || t->is_kernel || t->ppid != parent->tgid || t->tgid == parent->tgid || t->mm == parent->mm)
			continue;
		TRY(oom_badness(k, t, &p));
		if (!p.exempt && p.points > most) {
			most = p.points;
			c->task = t;
		}
	}
	return NULL;
}

struct error *oom_select(struct kernel *k, const struct task **victim, const char **why)
{
	struct choice c = {0};
	const struct task *t;
	size_t count;
	bool abort = false;
	*victim = NULL;
	*why = NULL;
	TRY(tasks_count(k, &count));
	t = tasks_get(k, 0);
	for (size_t i = 0; t && i < count; i++) {
		TRY(check_interrupt());
		TRY(next_process(k, t->addr, &t));
		if (t)
			TRY(consider(k, t, &c, &abort));
		if (abort) {
			*victim = c.task;
			*why = "was chosen before and has not died yet";
			return NULL;
		}
	}
	if (c.task && !c.origin)
		TRY(sacrifice_child(k, &c));
	*victim = c.task;
	*why = c.task ? NULL : "no process may be killed: the kernel would panic";
	return NULL;
}
