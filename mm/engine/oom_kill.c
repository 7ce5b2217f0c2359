/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The OOM killer, acting (mm/oom_kill.c). Whom it chooses mm/oom.c says. The signal is delivered at once: the victim, and whoever shares its memory, exits.
 */
#include <errno.h>
#include <inttypes.h>

#include "mm/engine/reclaim.h"
#include "mm/oom.h"
#include "mm/zone.h"

/* Fails with that number when nobody may be killed. The table of tasks is made anew: the act may have changed it. */
static struct error *choose(struct engine *e, int number, const struct task **victim)
{
	struct oom_points p;
	const char *why;
	tasks_forget(e->k);
	TRY(oom_select(e->k, victim, &why));
	if (!*victim)
		return kernel_error(number, "%s", why);
	TRY(oom_badness(e->k, *victim, &p));
	TRACE(e, "out_of_memory", "the process with most points is chosen", { "pid", (*victim)->tgid }, { "points", (uint64_t)p.points },
	      { "rss", (uint64_t)p.rss }, { "swap", (uint64_t)p.swap }, { "page tables", (uint64_t)p.page_tables }, { "oom_score_adj", (uint64_t)p.adj },
	      { "totalpages", oom_total_pages(e->k) });
	return NULL;
}

/* Threads first, the leader last: it waits for them. */
static struct error *kill_process(struct engine *e, uint64_t mm, uint64_t leader)
{
	const struct task *t;
	for (;;) {
		for (size_t i = 0; (t = task_of_mm(e->k, mm, i)) && t->addr == leader; i++)
			;
		uint64_t task = mm && t ? t->addr : leader;
		TRACE(e, "__oom_kill_process", "killed", { "task", task });
		TRY(do_exit(e, task));
		tasks_forget(e->k);
		if (task == leader)
			return NULL;
	}
}

/* 2.4 never kills while swap is left, but tries on. */
static struct error *check_swap(struct engine *e)
{
	uint64_t left = 0;
	if (e->classic && e->nr_swap_pages)
		TRY(kernel_read_uint(e->k, e->nr_swap_pages, 4, &left));
	return (int32_t)left > 0 ? kernel_error(ENOMEM, "out of memory: nothing can be reclaimed, and the kernel tries on for as long as swap is left") : NULL;
}

struct error *out_of_memory(struct engine *e)
{
	const struct task *victim;
	uint64_t own = 0, acting = e->task;
	unsigned cpu = e->cpu;
	TRY(check_swap(e));
	TRY(choose(e, ENOMEM, &victim));
	if (acting)
		TRY(kernel_get(e->k, acting, M_task_struct_mm, &own));
	if (victim->addr == acting || (own && victim->mm == own))
		return kernel_error(ENOMEM, "out of memory: the kernel kills pid %u (%s), which is the one that acts", victim->tgid, victim->comm);
	if (e->modern)
		count_vm_event(e, e->modern->reclaim_events.oom_kill);
	TRY(error_prefix(kill_process(e, victim->mm, victim->addr), "out of memory: the kernel kills pid %u", victim->tgid));
	e->task = acting;
	e->cpu = cpu;
	return e->modern ? nodes_open(e->k) : NULL;
}

struct error *oom_kill(struct engine *e, uint32_t *pid)
{
	const struct task *victim;
	TRY(choose(e, ESRCH, &victim));
	*pid = victim->tgid;
	return kill_process(e, victim->mm, victim->addr);
}
