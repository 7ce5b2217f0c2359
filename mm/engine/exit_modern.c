/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tasks ended (kernel/exit.c: do_exit(), release_task()) on kernels with a struct pid. The parent's wait() comes at once.
 */
#include <errno.h>
#include <inttypes.h>

#include "mm/engine/fork_edit.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/modern.h"
#include "mm/engine/pid_edit.h"

/* include/linux/sched.h: EXIT_DEAD and EXIT_ZOMBIE changed places in 3.14 */
#define PF_EXITING  0x4ull
#define EXIT_DEAD   0x10
#define EXIT_ZOMBIE 0x20
#define TASKS_MAX   (4u << 20)

struct exiting {
	struct engine *e;
	struct object t;
	struct object signal;
	bool group_dead;
};

static struct error *open_task(struct engine *e, uint64_t task, struct object *o)
{
	return object_open_writable(e->k, task, S_task_struct, o);
}

/* ---- Memory ---- */

static struct error *exit_mm(struct exiting *x)
{
	struct engine *e = x->e;
	struct kernel *k = e->k;
	uint64_t addr = GET(k, &x->t, task_struct, mm);
	struct object mm;
	if (!addr)
		return NULL;
	TRY(object_open_writable(k, addr, S_mm_struct, &mm));
	TRY(sched_mm_exit(e, &x->t, &mm));
	TRY(sync_mm_rss(e, &x->t, &mm));
	uint64_t rss = GET(k, &x->signal, signal_struct, maxrss), now = GET(k, &mm, mm_struct, hiwater_rss);
	if (x->group_dead && now > rss)
		SET(k, &x->signal, signal_struct, maxrss, now);
	/* mm_update_next_owner(): another task that uses it, the parent first */
	if (GET(k, &mm, mm_struct, owner) == x->t.addr && GET(k, &mm, mm_struct, mm_users) > 1) {
		uint64_t heir = x->group_dead ? GET(k, &x->t, task_struct, real_parent) : GET(k, &x->t, task_struct, group_leader), other;
		TRY(kernel_get(k, heir, M_task_struct_mm, &other));
		SET(k, &mm, mm_struct, owner, other == addr ? heir : 0);
	}
	SET(k, &x->t, task_struct, mm, 0);
	SET(k, &x->t, task_struct, active_mm, 0);
	return mmput(e, addr);
}

/* ---- The family ---- */

static struct error *child_reaper(struct exiting *x, uint64_t *reaper)
{
	struct engine *e = x->e;
	struct kernel *k = e->k;
	uint64_t pid, level, ns;
	TRY(task_pid(e, &x->t, PID_OF_TASK, &pid));
	TRY(kernel_get(k, pid, M_pid_level, &level));
	if (level > 32)
		return error_at(ERR_BAD_OBJECT, pid, "no struct pid: %" PRIx64, pid);
	TRY(kernel_read_pointer(k, pid + OFFSET(k, pid, numbers) + level * SIZE_OF(k, upid) + OFFSET(k, upid, ns), &ns));
	TRY(kernel_get(k, ns, M_pid_namespace_child_reaper, reaper));
	if (!*reaper)
		*reaper = e->init_task;
	return *reaper == x->t.addr ? kernel_error(EPERM, "the kernel panics when init ends") : NULL;
}

/* find_alive_thread(): one of the group that is not ending; 0 for none. The list of threads has been there since 3.14. */
static struct error *find_alive_thread(struct exiting *x, uint64_t *thread)
{
	struct engine *e = x->e;
	struct kernel *k = e->k;
	uint64_t head = MEMBER_ADDR(k, &x->signal, signal_struct, thread_head), node = head, flags;
	*thread = 0;
	if (!HAS(k, signal_struct, thread_head))
		return NULL;
	for (unsigned n = 0; n <= TASKS_MAX; n++) {
		TRY(kernel_read_pointer(k, node, &node));
		if (node == head)
			return NULL;
		uint64_t task = node - OFFSET(k, task_struct, thread_node);
		TRY(kernel_get(k, task, M_task_struct_flags, &flags));
		if (!(flags & PF_EXITING)) {
			*thread = task;
			return NULL;
		}
	}
	return error_at(ERR_BAD_LIST, head, "the list of threads of %" PRIx64 " never ends", x->t.addr);
}

/* forget_original_parent(): the children go to another thread of the group, or to init. */
static struct error *give_children_away(struct exiting *x)
{
	struct engine *e = x->e;
	struct kernel *k = e->k;
	uint64_t head = MEMBER_ADDR(k, &x->t, task_struct, children), node, reaper;
	TRY(find_alive_thread(x, &reaper));
	if (!reaper)
		TRY(child_reaper(x, &reaper));
	for (unsigned n = 0;; n++) {
		struct object c;
		TRY(kernel_read_pointer(k, head, &node));
		if (node == head)
			return NULL;
		if (n > TASKS_MAX)
			return error_at(ERR_BAD_LIST, head, "the list of children of %" PRIx64 " never ends", x->t.addr);
		TRY(open_task(e, node - OFFSET(k, task_struct, sibling), &c));
		TRACE(e, "forget_original_parent", "a child is given away", { "child", c.addr }, { "reaper", reaper });
		SET(k, &c, task_struct, real_parent, reaper);
		SET(k, &c, task_struct, parent, reaper);
		SET(k, &c, task_struct, pdeath_signal, 0);
		TRY(list_del(k, node));
		TRY(list_add_tail(k, node, reaper + OFFSET(k, task_struct, children)));
	}
}

/* What the parent's wait() adds up: the group's faults, and those of its own children. */
static struct error *tell_parent(struct exiting *x)
{
	struct kernel *k = x->e->k;
	struct object p;
	uint64_t signal;
	TRY(kernel_get(k, GET(k, &x->t, task_struct, real_parent), M_task_struct_signal, &signal));
	TRY(object_open_writable(k, signal, S_signal_struct, &p));
	const struct object *s = &x->signal, *t = &x->t;
	ADD(k, &p, signal_struct, cmin_flt, GET(k, t, task_struct, min_flt) + GET(k, s, signal_struct, min_flt) + GET(k, s, signal_struct, cmin_flt));
	ADD(k, &p, signal_struct, cmaj_flt, GET(k, t, task_struct, maj_flt) + GET(k, s, signal_struct, maj_flt) + GET(k, s, signal_struct, cmaj_flt));
	uint64_t most = GET(k, s, signal_struct, maxrss), of_children = GET(k, s, signal_struct, cmaxrss);
	most = most > of_children ? most : of_children;
	if (GET(k, &p, signal_struct, cmaxrss) < most)
		SET(k, &p, signal_struct, cmaxrss, most);
	return NULL;
}

/* A thread's counts stay with its group (__exit_signal()). */
static void leave_counts(struct exiting *x)
{
	struct kernel *k = x->e->k;
	const struct object *s = &x->signal, *t = &x->t;
	ADD(k, s, signal_struct, min_flt, GET(k, t, task_struct, min_flt));
	ADD(k, s, signal_struct, maj_flt, GET(k, t, task_struct, maj_flt));
	ADD(k, s, signal_struct, utime, GET(k, t, task_struct, utime));
	ADD(k, s, signal_struct, stime, GET(k, t, task_struct, stime));
}

/* ---- release_task() ---- */

static struct error *leave_cgroup(struct exiting *x)
{
	struct engine *e = x->e;
	struct kernel *k = e->k;
	uint64_t set = GET(k, &x->t, task_struct, cgroups), node = MEMBER_ADDR(k, &x->t, task_struct, cg_list), next, now;
	if (!set || !HAS(k, css_set, tasks) || !HAS(k, task_struct, cg_list))
		return NULL;
	TRY(kernel_read_pointer(k, node, &next));
	if (next != node) {
		TRY(list_del(k, node));
		TRY(add_count(e, set, S_css_set, M_css_set_nr_tasks, -1, &now));
	}
	return add_count(e, set, S_css_set, M_css_set_refcount, -1, &now);
}

/* __unhash_process() */
static struct error *unhash_process(struct exiting *x)
{
	struct engine *e = x->e;
	struct kernel *k = e->k;
	TRY(count_symbol(e, "nr_threads", -1));
	TRY(detach_pid(e, &x->t, PID_OF_TASK));
	if (GET(k, &x->t, task_struct, group_leader) == x->t.addr) {
		TRY(detach_pid(e, &x->t, PID_OF_GROUP));
		TRY(detach_pid(e, &x->t, PID_OF_PROCESS_GROUP));
		TRY(detach_pid(e, &x->t, PID_OF_SESSION));
		TRY(list_del(k, MEMBER_ADDR(k, &x->t, task_struct, tasks)));
		TRY(list_del(k, MEMBER_ADDR(k, &x->t, task_struct, sibling)));
		TRY(count_processes(e, -1));
	}
	if (HAS(k, task_struct, thread_group))
		TRY(list_del(k, MEMBER_ADDR(k, &x->t, task_struct, thread_group)));
	if (HAS(k, task_struct, scx_tasks_node) && symbol_addr(k, "scx_tasks"))
		TRY(list_del(k, MEMBER_ADDR(k, &x->t, task_struct, scx_tasks_node)));
	return HAS(k, signal_struct, thread_head) ? list_del(k, MEMBER_ADDR(k, &x->t, task_struct, thread_node)) : NULL;
}

struct error *put_sighand_modern(struct engine *e, const struct object *t)
{
	uint64_t addr = GET(e->k, t, task_struct, sighand), left, cache;
	TRY(add_count(e, addr, S_sighand_struct, M_sighand_struct_count, -1, &left));
	SET(e->k, t, task_struct, sighand, 0);
	if (left)
		return NULL;
	TRY(kernel_read_symbol(e->k, "sighand_cachep", 0, &cache));
	return kmem_cache_free(e, cache, addr);
}

struct error *put_signal(struct engine *e, const struct object *signal)
{
	struct kernel *k = e->k;
	uint64_t cache, now;
	ADD(k, signal, signal_struct, nr_threads, -1);
	ADD(k, signal, signal_struct, sigcnt, -1);
	if (GET(k, signal, signal_struct, sigcnt))
		return NULL;
	TRY(add_count(e, GET(k, signal, signal_struct, tty), S_tty_struct, M_tty_struct_kref, -1, &now));
	TRY(add_count(e, GET(k, signal, signal_struct, autogroup), S_autogroup, M_autogroup_kref, -1, &now));
	if (GET(k, signal, signal_struct, oom_mm))
		TRY(mmdrop_areas(e, GET(k, signal, signal_struct, oom_mm)));
	TRY(kernel_read_symbol(k, "signal_cachep", 0, &cache));
	return kmem_cache_free(e, cache, signal->addr);
}

/* __put_task_struct(): nobody looks at it any more. */
static struct error *put_task(struct exiting *x)
{
	struct engine *e = x->e;
	struct kernel *k = e->k;
	uint64_t cache;
	TRY(put_creds(e, &x->t));
	TRY(put_exec_state(e, &x->t));
	if (GET(k, &x->t, task_struct, security))
		TRY(kfree(e, GET(k, &x->t, task_struct, security)));
	TRY(put_signal(e, &x->signal));
	TRY(free_thread_stack(e, GET(k, &x->t, task_struct, stack), GET(k, &x->t, task_struct, stack_vm_area)));
	TRY(kernel_read_symbol(k, "task_struct_cachep", 0, &cache));
	TRACE(e, "release_task", "the parent has waited: the task is freed", { "task", x->t.addr });
	return kmem_cache_free(e, cache, x->t.addr);
}

static struct error *open_exiting(struct engine *e, uint64_t task, struct exiting *x)
{
	*x = (struct exiting){ .e = e };
	TRY(open_task(e, task, &x->t));
	return object_open_writable(e->k, GET(e->k, &x->t, task_struct, signal), S_signal_struct, &x->signal);
}

/* A leader whose threads are all gone is waited for with the last of them. */
static struct error *release_task(struct exiting *x)
{
	struct engine *e = x->e;
	struct kernel *k = e->k;
	uint64_t leader = GET(k, &x->t, task_struct, group_leader), state;
	bool thread = leader != x->t.addr, last = thread && GET(k, &x->signal, signal_struct, nr_threads) == 2;
	if (thread)
		leave_counts(x);
	else
		TRY(tell_parent(x));
	TRY(leave_cgroup(x));
	TRY(unhash_process(x));
	TRY(put_sighand_modern(e, &x->t));
	TRY(put_task(x));
	if (!last)
		return NULL;
	TRY(kernel_get(k, leader, M_task_struct_exit_state, &state));
	if (!state)
		return NULL;
	TRACE(e, "release_task", "its leader has waited for it: released too", { "leader", leader }, { "exit_state", state });
	struct exiting of_leader;
	TRY(open_exiting(e, leader, &of_leader));
	return release_task(&of_leader);
}

/* ---- do_exit() ---- */

static struct error *refuse(struct exiting *x)
{
	struct kernel *k = x->e->k;
	uint64_t pid = GET(k, &x->t, task_struct, pid), ptraced = MEMBER_ADDR(k, &x->t, task_struct, ptraced), next;
	if (!pid)
		return kernel_error(EPERM, "the kernel panics when the idle task ends");
	if (GET(k, &x->t, task_struct, exit_state))
		return kernel_error(ESRCH, "the task has ended already: pid %" PRIu64, pid);
	if (HAS(k, task_struct, ptraced)) {
		TRY(kernel_read_pointer(k, ptraced, &next));
		if (next != ptraced)
			return error_at(ERR_UNSUPPORTED, x->t.addr, "the task traces others: letting them go is not done");
	}
	if (GET(k, &x->t, task_struct, ptrace))
		return error_at(ERR_UNSUPPORTED, x->t.addr, "the task is traced: its tracer would hear of it first: not done");
	if (GET(k, &x->t, task_struct, io_context) || GET(k, &x->t, task_struct, io_uring))
		return error_at(ERR_UNSUPPORTED, x->t.addr, "the task has I/O of its own under way: not done");
	return NULL;
}

struct error *do_exit_modern(struct engine *e, uint64_t task)
{
	struct kernel *k = e->k;
	struct exiting x;
	uint64_t flags;
	TRY(engine_set_current(e, task));
	TRY(open_exiting(e, task, &x));
	TRY(refuse(&x));
	flags = GET(k, &x.t, task_struct, flags);
	SET(k, &x.t, task_struct, flags, flags | PF_EXITING);
	ADD(k, &x.signal, signal_struct, live, -1);
	x.group_dead = !GET(k, &x.signal, signal_struct, live);
	uint64_t mm = GET(k, &x.t, task_struct, mm);
	TRACE(e, "do_exit", mm ? "its memory goes first" : "a kernel thread: no memory", { "task", task }, { "mm", mm }, { "signal->live", !x.group_dead });
	TRY(exit_mm(&x));
	TRY(put_files_modern(e, GET(k, &x.t, task_struct, files)));
	SET(k, &x.t, task_struct, files, 0);
	TRY(put_fs(e, GET(k, &x.t, task_struct, fs)));
	SET(k, &x.t, task_struct, fs, 0);
	TRY(put_namespaces(e, &x.t));
	TRY(give_children_away(&x));
	/* A leader waits for its threads. */
	bool waits = !x.group_dead && GET(k, &x.t, task_struct, group_leader) == task;
	SET(k, &x.t, task_struct, exit_state, waits ? EXIT_ZOMBIE : EXIT_DEAD);
	SET(k, &x.t, task_struct, state, 0x80); /* TASK_DEAD: include/linux/sched.h since 4.14; 64 before */
	TRACE(e, "exit_notify", waits ? "a zombie until its threads have ended" : "its parent waits for it", { "task", task }, { "signal->live", !x.group_dead });
	TRY(engine_set_current(e, 0));
	return waits ? NULL : release_task(&x);
}
