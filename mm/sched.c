/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/sched.h"

#include <inttypes.h>

#include "core/interrupt.h"
#include "mm/list.h"
#include "mm/rbtree.h"

#define GROUPS_DEEP 64 /* cgroups may be nested deeper, but not usefully */

struct error *run_queue_open(struct kernel *k, unsigned cpu, struct run_queue *out)
{
	struct symbol symbol;
	struct object o;

	*out = (struct run_queue){.cpu = cpu};
	TRY(tasks_count(k, &(size_t){0}));
	if (!symbol_find(k, "runqueues", &symbol))
		return error_new(ERR_UNSUPPORTED, "this kernel has no run queue for each CPU");
	TRY(members_require(k, "run queues", M_rq_curr, M_rq_cfs, M_rq_rt, M_cfs_rq_timeline, M_rt_rq_active, M_rt_rq_queue, MEMBER_NONE));
	out->addr = percpu_addr(k, symbol.addr, cpu);
	TRY(object_open(k, out->addr, S_rq, &o));
	out->current = task_by_addr(k, GET(k, &o, rq, curr));
	out->rt_array = run_queue_realtime(k, out) + OFFSET(k, rt_rq, active);
	out->cfs_root = run_queue_fair(k, out) + OFFSET(k, cfs_rq, timeline);
	out->clock = task_cpu_clock(k, cpu);
	return NULL;
}

uint64_t run_queue_fair(struct kernel *k, const struct run_queue *rq)
{
	return rq->addr + OFFSET(k, rq, cfs);
}

uint64_t run_queue_realtime(struct kernel *k, const struct run_queue *rq)
{
	return rq->addr + OFFSET(k, rq, rt);
}

bool run_queue_groups_realtime(struct kernel *k)
{
	return HAS(k, task_group, rt_rq);
}

void task_group_name(struct kernel *k, uint64_t group, char *buf, size_t size)
{
	uint64_t at;

	*buf = '\0';
	if (!HAS(k, task_group, cgroup) || !HAS(k, cgroup, kn) || error_drop(kernel_get(k, group, M_task_group_cgroup, &at)) || !at ||
	    error_drop(kernel_get(k, at, M_cgroup_kn, &at)) || !at || error_drop(kernel_get(k, at, M_kernfs_node_name, &at)) || !at ||
	    error_drop(kernel_read_string(k, at, buf, size)))
		*buf = '\0';
}

/* ---- Walks ---- */

struct sched_walk {
	struct kernel *k;
	const struct run_queue *rq;
	enum run_class class;
	bool groups;
	unsigned depth, list;
	queued_visitor *visit;
	void *context;
	bool stop;
	struct error *error;
};

static void visit_task(struct sched_walk *w, uint64_t addr, bool running)
{
	struct kernel *k = w->k;
	const struct task *t = task_by_addr(k, addr);
	struct queued q = {.class = w->class, .depth = w->depth, .task = t, .is_running = running};

	if (!t) {
		w->error = error_at(ERR_BAD_LIST, addr, "run queue of CPU %u leads to what is no task: %" PRIx64, w->rq->cpu, addr);
		return;
	}
	q.priority = w->class == RUN_REALTIME ? (int)w->list : (int)GET(k, &t->object, task_struct, prio);
	w->stop = !w->visit(w->context, &q);
}

static void walk_fair(struct sched_walk *w, uint64_t cfs_rq);
static void walk_realtime(struct sched_walk *w, uint64_t rt_rq);

/* A group's queue: said where groups are wanted, and entered. */
static void visit_group(struct sched_walk *w, uint64_t queue)
{
	bool fair = w->class == RUN_FAIR;
	struct queued q = {.class = w->class, .depth = w->depth, .priority = (int)w->list, .queue = queue};
	struct object o;

	if (w->depth == GROUPS_DEEP) {
		w->error = error_at(ERR_BAD_LIST, queue, "groups are nested too deeply: %" PRIx64, queue);
		return;
	}
	w->error = object_open(w->k, queue, fair ? S_cfs_rq : S_rt_rq, &o);
	if (w->error)
		return;
	q.group = fair ? GET(w->k, &o, cfs_rq, tg) : GET(w->k, &o, rt_rq, tg);
	q.throttled = fair ? GET(w->k, &o, cfs_rq, throttled) != 0 : GET(w->k, &o, rt_rq, throttled) != 0;
	if (w->groups && !w->visit(w->context, &q)) {
		w->stop = true;
		return;
	}
	w->depth++;
	if (fair)
		walk_fair(w, queue);
	else
		walk_realtime(w, queue);
	w->depth--;
}

static void visit_entity(struct sched_walk *w, uint64_t entity, bool running)
{
	uint64_t queue = 0;

	if (HAS(w->k, sched_entity, my_q))
		w->error = kernel_get(w->k, entity, M_sched_entity_my_q, &queue);
	if (w->error)
		return;
	if (queue)
		visit_group(w, queue);
	else if (!running || w->groups)
		visit_task(w, entity - OFFSET(w->k, task_struct, se), running);
}

static bool fair_node(void *context, uint64_t node)
{
	struct sched_walk *w = context;

	visit_entity(w, node - OFFSET(w->k, sched_entity, run_node), false);
	return !w->stop && !w->error;
}

/* What runs is not in the tree: `curr` is it, or the group that it is in (kernel/sched/fair.c, set_next_entity()). */
static void walk_fair(struct sched_walk *w, uint64_t cfs_rq)
{
	uint64_t root, current;
	struct error *e;

	w->error = kernel_get(w->k, cfs_rq, M_cfs_rq_curr, &current);
	if (!w->error && current)
		visit_entity(w, current, true);
	if (w->error || w->stop)
		return;
	w->error = kernel_get(w->k, cfs_rq, M_cfs_rq_timeline_root, &root);
	if (w->error)
		return;
	e = rbtree_for_each(w->k, root, fair_node, w);
	if (w->error)
		error_free(e);
	else
		w->error = e;
}

static bool realtime_node(void *context, uint64_t node)
{
	struct sched_walk *w = context;
	uint64_t entity = node - OFFSET(w->k, sched_rt_entity, run_list), queue = 0, task = entity - OFFSET(w->k, task_struct, rt);

	if (HAS(w->k, sched_rt_entity, my_q))
		w->error = kernel_get(w->k, entity, M_sched_rt_entity_my_q, &queue);
	if (!w->error && queue)
		visit_group(w, queue);
	/* It stays in its list while it runs. */
	else if (!w->error && (w->groups || !w->rq->current || w->rq->current->addr != task))
		visit_task(w, task, w->rq->current && w->rq->current->addr == task);
	return !w->stop && !w->error;
}

static void walk_realtime(struct sched_walk *w, uint64_t rt_rq)
{
	const struct member *lists = &w->k->members[M_rt_rq_queue];
	unsigned outer = w->list;

	for (uint32_t i = 0; i < lists->count && !w->error && !w->stop; i++) {
		struct error *e;

		w->list = i;
		e = list_for_each(w->k, rt_rq + lists->offset + (uint64_t)i * lists->stride, realtime_node, w);
		if (w->error)
			error_free(e);
		else
			w->error = e;
	}
	w->list = outer;
}

static bool deadline_node(void *context, uint64_t node)
{
	struct sched_walk *w = context;
	uint64_t task = node - OFFSET(w->k, task_struct, dl_node);

	/* A server stands for a class, not for a task (6.8). */
	if (task_by_addr(w->k, task))
		visit_task(w, task, w->rq->current && w->rq->current->addr == task);
	return !w->stop && !w->error;
}

static bool extensible_node(void *context, uint64_t node)
{
	struct sched_walk *w = context;

	visit_task(w, node - OFFSET(w->k, task_struct, scx_node), false);
	return !w->stop && !w->error;
}

struct error *run_queue_class(struct kernel *k, const struct run_queue *rq, enum run_class class, bool groups, queued_visitor *visit,
			      void *context)
{
	struct sched_walk w = {.k = k, .rq = rq, .class = class, .groups = groups, .visit = visit, .context = context};
	struct error *e = NULL;
	uint64_t root;

	if (class == RUN_FAIR) {
		walk_fair(&w, run_queue_fair(k, rq));
	} else if (class == RUN_REALTIME) {
		walk_realtime(&w, run_queue_realtime(k, rq));
	} else if (class == RUN_DEADLINE && HAS(k, rq, dl_root) && HAS(k, task_struct, dl_node)) {
		TRY(kernel_get(k, rq->addr, M_rq_dl_root, &root));
		e = rbtree_for_each(k, root, deadline_node, &w);
	} else if (class == RUN_EXTENSIBLE && HAS(k, rq, scx_list) && HAS(k, task_struct, scx_node)) {
		e = list_for_each(k, rq->addr + OFFSET(k, rq, scx_list), extensible_node, &w);
	}
	if (w.error && e)
		error_free(e);
	return w.error ? w.error : e;
}
