/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The OOM killer, acting (mm/oom_kill.c). Whom it chooses mm/oom.c says. The signal is delivered at once: the victim, and whoever shares its memory, exits.
 */
#include <errno.h>
#include <inttypes.h>

#include "mm/engine/reclaim.h"
#include "mm/oom.h"

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

struct error *out_of_memory(struct engine *e)
{
	const struct task *victim;
	TRY(choose(e, ENOMEM, &victim));
	return kernel_error(ENOMEM, "out of memory: the kernel kills pid %u (%s) now", victim->tgid, victim->comm);
}

/* Threads first, the leader last: it waits for them. */
struct error *oom_kill(struct engine *e, uint32_t *pid)
{
	const struct task *victim, *t;
	TRY(choose(e, ESRCH, &victim));
	uint64_t mm = victim->mm, leader = victim->addr;
	*pid = victim->tgid;
	for (;;) {
		for (size_t i = 0; (t = task_of_mm(e->k, mm, i)) && t->addr == leader; i++)
			;
		uint64_t task = mm && t ? t->addr : leader;
		TRACE(e, "__oom_kill_process", "killed", { "task", task });
		TRY(do_exit(e, task));
		if (task == leader)
			return NULL;
		tasks_forget(e->k);
	}
}
