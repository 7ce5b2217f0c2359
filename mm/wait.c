/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/wait.h"

#include "mm/list.h"

struct wait_walk {
	struct kernel *k;
	bool simple;
	waiter_visitor *visit;
	void *context;
	struct error *error;
};

static bool visit_node(void *context, uint64_t node)
{
	struct wait_walk *w = context;
	struct kernel *k = w->k;
	struct waiter waiter = {.addr = node - (w->simple ? OFFSET(k, swait_queue, entry) : OFFSET(k, wait_queue_entry, entry))};
	uint64_t who, polling;
	struct object o;

	w->error = object_open(k, waiter.addr, w->simple ? S_swait_queue : S_wait_queue_entry, &o);
	if (w->error)
		return false;
	who = w->simple ? GET(k, &o, swait_queue, task) : GET(k, &o, wait_queue_entry, private);
	waiter.func = w->simple ? 0 : GET(k, &o, wait_queue_entry, func);
	waiter.task = who ? task_by_addr(k, who) : NULL;
	/* fs/select.c: __pollwait() puts pollwake() there, with its table */
	if (!waiter.task && who && waiter.func == symbol_addr(k, "pollwake") && HAS(k, poll_wqueues, polling_task) &&
	    !error_drop(kernel_get(k, who, M_poll_wqueues_polling_task, &polling)))
		waiter.task = task_by_addr(k, polling);
	return w->visit(w->context, &waiter);
}

struct error *waiters_for_each(struct kernel *k, uint64_t head, bool simple, waiter_visitor *visit, void *context)
{
	struct wait_walk w = {k, simple, visit, context, NULL};
	struct error *e;

	if (simple)
		TRY(members_require(k, "simple wait queues", M_swait_queue_head_head, M_swait_queue_task, M_swait_queue_entry, MEMBER_NONE));
	else
		TRY(members_require(k, "wait queues", M_wait_queue_head_head, MEMBER_NONE));
	TRY(tasks_count(k, &(size_t){0}));
	e = list_for_each(k, head + (simple ? OFFSET(k, swait_queue_head, head) : OFFSET(k, wait_queue_head, head)), visit_node, &w);
	if (w.error && e)
		error_free(e);
	return w.error ? w.error : e;
}
