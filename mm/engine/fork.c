/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tasks made and ended (kernel/fork.c, kernel/exit.c of 2.4).
 */
#include <errno.h>
#include <inttypes.h>

#include "mm/engine/fork_edit.h"
#include "mm/engine/list_edit.h"

/* include/linux/sched.h, include/linux/threads.h of 2.4 */
#define MAX_COUNTER 20 /* 20 * HZ / 100: include/linux/sched.h */
#define PF_FORKNOEXEC 0x40
#define PF_SUPERPRIV  0x100
#define PF_USEDFPU    0x100000
#define PF_EXITING24  0x4
#define PID_MAX	      0x8000
#define PIDHASH_SIZE  1024 /* PIDHASH_SZ: a page of pointers */
#define SIGCHLD24     17

struct error *count_symbol(struct engine *e, const char *symbol, int delta)
{
	uint64_t at = symbol_addr(e->k, symbol), v;
	if (!at)
		return NULL;
	TRY(kernel_read_uint(e->k, at, 4, &v));
	return kernel_write_uint(e->k, at, 4, v + (uint64_t)(int64_t)delta);
}

static struct error *open_task(struct engine *e, uint64_t task, struct object *o)
{
	return object_open_writable(e->k, task, S_task_struct, o);
}

/* ---- pids ---- */

static bool pid_is_used(struct engine *e, const struct object *t, uint64_t pid)
{
	struct kernel *k = e->k;
	return GET(k, t, task_struct, pid) == pid || GET(k, t, task_struct, pgrp) == pid || GET(k, t, task_struct, tgid) == pid ||
	       GET(k, t, task_struct, session) == pid;
}

/* Does any task have it as pid, process group, thread group or session? */
static struct error *pid_taken(struct engine *e, uint64_t pid, bool *taken)
{
	struct kernel *k = e->k;
	struct object t;
	uint64_t at, count = 0;
	*taken = false;
	TRY(kernel_get(k, e->init_task, M_task_struct_next_task, &at));
	for (; at != e->init_task; at = GET(k, &t, task_struct, next_task)) {
		if (++count > PID_MAX)
			return error_at(ERR_BAD_LIST, at, "the task list never ends");
		TRY(object_open(k, at, S_task_struct, &t));
		if (pid_is_used(e, &t, pid)) {
			*taken = true;
			return NULL;
		}
	}
	return NULL;
}

/* get_pid(): the one after last_pid that nothing uses; beyond PID_MAX again from 300 on. `wanted` other than 0 must be free. */
static struct error *get_pid(struct engine *e, uint32_t wanted, uint64_t *pid)
{
	uint64_t last = symbol_addr(e->k, "last_pid"), first;
	bool taken;
	if (wanted) {
		TRY(pid_taken(e, wanted, &taken));
		if (taken || wanted >= PID_MAX)
			return kernel_error(taken ? EEXIST : EINVAL, taken ? "pid %u is in use" : "no pid is as large as %u", wanted);
		*pid = wanted;
		return last ? kernel_write_uint(e->k, last, 4, wanted) : NULL;
	}
	first = 0;
	if (last)
		TRY(kernel_read_uint(e->k, last, 4, &first));
	*pid = first;
	do {
		*pid = *pid + 1 >= PID_MAX ? 300 : *pid + 1;
		if (*pid == first)
			return kernel_error(EAGAIN, "every pid is in use");
		TRY(pid_taken(e, *pid, &taken));
	} while (taken);
	return last ? kernel_write_uint(e->k, last, 4, *pid) : NULL;
}

static uint64_t pid_bucket(struct engine *e, uint64_t pid)
{
	uint64_t table = symbol_addr(e->k, "pidhash");
	return table ? table + ((pid >> 8 ^ pid) & (PIDHASH_SIZE - 1)) * e->k->arch->pointer_size : 0;
}

static struct error *hash_pid(struct engine *e, const struct object *t)
{
	struct kernel *k = e->k;
	uint64_t bucket = pid_bucket(e, GET(k, t, task_struct, pid)), first;
	if (!bucket || !HAS(k, task_struct, pidhash_next))
		return NULL;
	TRY(kernel_read_pointer(k, bucket, &first));
	SET(k, t, task_struct, pidhash_next, first);
	SET(k, t, task_struct, pidhash_pprev, bucket);
	if (first)
		TRY(kernel_write_pointer(k, first + OFFSET(k, task_struct, pidhash_pprev), MEMBER_ADDR(k, t, task_struct, pidhash_next)));
	return kernel_write_pointer(k, bucket, t->addr);
}

static struct error *unhash_pid(struct engine *e, const struct object *t)
{
	struct kernel *k = e->k;
	uint64_t next = GET(k, t, task_struct, pidhash_next), pprev = GET(k, t, task_struct, pidhash_pprev);
	if (!pprev)
		return NULL;
	if (next)
		TRY(kernel_write_pointer(k, next + OFFSET(k, task_struct, pidhash_pprev), pprev));
	return kernel_write_pointer(k, pprev, next);
}

/* ---- The list of tasks, and the family ---- */

static struct error *set_pointer(struct engine *e, uint64_t task, enum member_id member, uint64_t value)
{
	return kernel_write_pointer(e->k, task + e->k->members[member].offset, value);
}

/* The youngest child of its p_pptr. */
static struct error *link_child(struct engine *e, const struct object *t)
{
	struct kernel *k = e->k;
	uint64_t parent = GET(k, t, task_struct, p_pptr), older;
	TRY(kernel_get(k, parent, M_task_struct_p_cptr, &older));
	SET(k, t, task_struct, p_ysptr, 0);
	SET(k, t, task_struct, p_osptr, older);
	if (older)
		TRY(set_pointer(e, older, M_task_struct_p_ysptr, t->addr));
	return set_pointer(e, parent, M_task_struct_p_cptr, t->addr);
}

static struct error *unlink_child(struct engine *e, const struct object *t)
{
	struct kernel *k = e->k;
	uint64_t older = GET(k, t, task_struct, p_osptr), younger = GET(k, t, task_struct, p_ysptr);
	if (older)
		TRY(set_pointer(e, older, M_task_struct_p_ysptr, younger));
	if (younger)
		return set_pointer(e, younger, M_task_struct_p_osptr, older);
	return set_pointer(e, GET(k, t, task_struct, p_pptr), M_task_struct_p_cptr, older);
}

/* SET_LINKS() */
static struct error *link_task(struct engine *e, const struct object *t)
{
	struct kernel *k = e->k;
	uint64_t last;
	TRY(kernel_get(k, e->init_task, M_task_struct_prev_task, &last));
	SET(k, t, task_struct, next_task, e->init_task);
	SET(k, t, task_struct, prev_task, last);
	TRY(set_pointer(e, last, M_task_struct_next_task, t->addr));
	TRY(set_pointer(e, e->init_task, M_task_struct_prev_task, t->addr));
	return link_child(e, t);
}

/* REMOVE_LINKS() */
static struct error *unlink_task(struct engine *e, const struct object *t)
{
	struct kernel *k = e->k;
	uint64_t next = GET(k, t, task_struct, next_task), previous = GET(k, t, task_struct, prev_task);
	TRY(set_pointer(e, next, M_task_struct_prev_task, previous));
	TRY(set_pointer(e, previous, M_task_struct_next_task, next));
	return unlink_child(e, t);
}

/* ---- The run queue ---- */

static struct error *wake_up_process(struct engine *e, const struct object *t)
{
	struct kernel *k = e->k;
	uint64_t queue = symbol_addr(k, "runqueue_head");
	SET(k, t, task_struct, state, 0); /* TASK_RUNNING */
	if (!queue || !HAS(k, task_struct, run_list))
		return NULL;
	TRY(list_add(k, MEMBER_ADDR(k, t, task_struct, run_list), queue));
	return count_symbol(e, "nr_running", 1);
}

static struct error *leave_run_queue(struct engine *e, const struct object *t)
{
	struct kernel *k = e->k;
	uint64_t at = MEMBER_ADDR(k, t, task_struct, run_list), next;
	if (!HAS(k, task_struct, run_list))
		return NULL;
	TRY(kernel_read_pointer(k, at, &next));
	if (!next || next == at)
		return NULL;
	TRY(list_del(k, at));
	TRY(kernel_write_pointer(k, at, 0));
	return count_symbol(e, "nr_running", -1);
}

/* ---- fork ---- */

/* An array of per-CPU times, cleared. */
static void clear_array(struct engine *e, const struct object *t, enum member_id member)
{
	size_t len;
	const unsigned char *p = object_bytes(e->k, t, member, &len);
	if (p)
		memset((void *)p, 0, len);
}

/* What a child does not inherit. */
static struct error *reset_task(struct engine *e, const struct object *t, uint64_t parent)
{
	struct kernel *k = e->k;
	static const enum member_id zero[] = {
		M_task_struct_did_exec,	  M_task_struct_p_cptr,	  M_task_struct_vfork_done, M_task_struct_sigpending, M_task_struct_pending_head,
		M_task_struct_leader,	  M_task_struct_tty_old_pgrp, M_task_struct_utime,  M_task_struct_stime,      M_task_struct_cutime,
		M_task_struct_cstime,	  M_task_struct_semundo,  M_task_struct_ptrace,	    M_task_struct_min_flt,    M_task_struct_maj_flt,
		M_task_struct_cmin_flt,	  M_task_struct_cmaj_flt, M_task_struct_nswap,	    M_task_struct_cnswap,     M_task_struct_exit_code,
		M_task_struct_pdeath_signal,
	};
	for (size_t i = 0; i < sizeof(zero) / sizeof(zero[0]); i++)
		object_set(k, t, zero[i], 0);
	clear_array(e, t, M_task_struct_per_cpu_utime);
	clear_array(e, t, M_task_struct_per_cpu_stime);
	clear_array(e, t, M_task_struct_run_list);
	uint64_t flags = GET(k, t, task_struct, flags);
	SET(k, t, task_struct, flags, (flags & ~(uint64_t)(PF_SUPERPRIV | PF_USEDFPU)) | PF_FORKNOEXEC);
	SET(k, t, task_struct, wait_lock, 1);
	SET(k, t, task_struct, pending_tail, MEMBER_ADDR(k, t, task_struct, pending_head));
	SET(k, t, task_struct, cpus_runnable, ~0ull);
	SET(k, t, task_struct, lock_depth, ~0ull);
	SET(k, t, task_struct, timer_data, t->addr);
	SET(k, t, task_struct, parent_exec_id, GET(k, t, task_struct, self_exec_id));
	SET(k, t, task_struct, exit_signal, SIGCHLD24);
	SET(k, t, task_struct, swappable, 1);
	SET(k, t, task_struct, real_parent, parent);
	SET(k, t, task_struct, p_pptr, parent);
	if (e->jiffies) {
		uint64_t now;
		TRY(kernel_read_pointer(k, e->jiffies, &now));
		SET(k, t, task_struct, start_time, now);
	}
	const enum member_id lists[] = { M_task_struct_wait_list, M_task_struct_local_pages, M_task_struct_thread_group };
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (k->members[lists[i]].present)
			TRY(list_init(k, t->addr + k->members[lists[i]].offset));
	return NULL;
}

/* copy_thread(): the registers that the child returns to user space with, and where it starts in the kernel. */
static struct error *copy_thread(struct engine *e, const struct object *t, uint64_t parent)
{
	struct kernel *k = e->k;
	uint32_t size = SIZE_OF(k, pt_regs);
	uint64_t end = (uint64_t)VMCORE_PAGE_SIZE << TASK_UNION_ORDER, regs = t->addr + end - size;
	struct object r;
	unsigned char saved[256];
	if (!size || size > sizeof(saved))
		return error_new(ERR_UNSUPPORTED, "this kernel's struct pt_regs is not known");
	TRY(kernel_read(k, parent + end - size, saved, size));
	TRY(object_open_bytes_writable(k, regs, size, &r));
	memcpy((void *)r.bytes, saved, size);
	SET(k, &r, pt_regs, ax, 0);
	SET(k, t, task_struct, sp, regs);
	SET(k, t, task_struct, esp0, regs + size);
	SET(k, t, task_struct, eip, symbol_addr(k, "ret_from_fork"));
	return NULL;
}

static struct error *copy_mm(struct engine *e, const struct object *t, unsigned clone_flags)
{
	struct kernel *k = e->k;
	uint64_t old = GET(k, t, task_struct, mm), mm = old;
	struct object o;
	SET(k, t, task_struct, mm, 0);
	SET(k, t, task_struct, active_mm, 0);
	if (!old) {
		TRACE(e, "copy_mm", "a kernel thread has no memory to copy", { "mm", 0 });
		return NULL;
	}
	if (clone_flags & CLONE_VM_FLAG) {
		TRY(object_open_writable(k, old, S_mm_struct, &o));
		ADD(k, &o, mm_struct, mm_users, 1);
		TRACE(e, "copy_mm", "CLONE_VM: shared", { "mm", old }, { "mm->mm_users", GET(k, &o, mm_struct, mm_users) });
	} else {
		TRY(dup_mm(e, old, &mm));
		TRACE(e, "copy_mm", "a copy", { "old mm", old }, { "mm", mm });
	}
	SET(k, t, task_struct, mm, mm);
	SET(k, t, task_struct, active_mm, mm);
	return NULL;
}

static struct error *count_user(struct engine *e, const struct object *t, int delta)
{
	struct kernel *k = e->k;
	uint64_t user = GET(k, t, task_struct, user);
	struct object u;
	if (!user)
		return NULL;
	TRY(object_open_writable(k, user, S_user_struct, &u));
	ADD(k, &u, user_struct, count, delta);
	ADD(k, &u, user_struct, processes, delta);
	return NULL;
}

static struct error *check_thread_limit(struct engine *e)
{
	uint64_t threads, most, at = symbol_addr(e->k, "max_threads");
	if (!at || !symbol_addr(e->k, "nr_threads"))
		return NULL;
	TRY(kernel_read_uint(e->k, at, 4, &most));
	TRY(kernel_read_symbol(e->k, "nr_threads", 4, &threads));
	return most && threads >= most ? kernel_error(EAGAIN, "there are %" PRIu64 " tasks already", threads) : NULL;
}

/* All that may fail; a failure undoes it. */
static struct error *fill_child(struct engine *e, const struct object *t, const struct object *parent, unsigned clone_flags, uint32_t pid)
{
	struct kernel *k = e->k;
	uint64_t number = 0;
	TRY(get_pid(e, pid, &number));
	TRY(reset_task(e, t, parent->addr));
	SET(k, t, task_struct, pid, number);
	SET(k, t, task_struct, tgid, number);
	SET(k, t, task_struct, state, 2); /* TASK_UNINTERRUPTIBLE */
	TRY(copy_shared_structs(e, t, clone_flags));
	struct error *failure = copy_mm(e, t, clone_flags);
	return failure ? error_worse(failure, put_shared_structs(e, t)) : NULL;
}

struct error *do_fork(struct engine *e, uint64_t parent_addr, unsigned clone_flags, uint32_t pid, uint64_t *task)
{
	if (!e->classic)
		return do_fork_modern(e, parent_addr, clone_flags, pid, task);
	struct kernel *k = e->k;
	struct object parent, t, all;
	TRY(check_thread_limit(e));
	TRY(get_free_pages(e, GFP24_KERNEL, TASK_UNION_ORDER, task));
	TRY(open_task(e, parent_addr, &parent));
	TRY(open_task(e, *task, &t));
	/* The stack's second frame is new, its first begins with the task_struct; both are the child's to fill. */
	for (uint64_t i = 0; i < 1 << TASK_UNION_ORDER; i++)
		TRY(object_open_bytes_writable(k, *task + i * VMCORE_PAGE_SIZE, VMCORE_PAGE_SIZE, &all));
	memcpy((void *)t.bytes, parent.bytes, t.size);
	TRY(count_user(e, &t, 1));
	struct error *failure = fill_child(e, &t, &parent, clone_flags, pid);
	if (failure) {
		failure = error_worse(failure, count_user(e, &t, -1));
		return error_worse(failure, free_pages_addr(e, *task, TASK_UNION_ORDER));
	}
	TRY(copy_thread(e, &t, parent_addr));
	/* The time slice is shared between the two. */
	uint64_t counter = GET(k, &parent, task_struct, counter);
	SET(k, &t, task_struct, counter, (counter + 1) >> 1);
	SET(k, &parent, task_struct, counter, counter >> 1);
	if (clone_flags & CLONE_THREAD) {
		SET(k, &t, task_struct, tgid, GET(k, &parent, task_struct, tgid));
		TRY(list_add(k, MEMBER_ADDR(k, &t, task_struct, thread_group), MEMBER_ADDR(k, &parent, task_struct, thread_group)));
	}
	TRY(link_task(e, &t));
	TRY(hash_pid(e, &t));
	TRY(count_symbol(e, "nr_threads", 1));
	TRY(wake_up_process(e, &t));
	TRACE(e, "do_fork", "a new task", { "task", *task }, { "pid", GET(k, &t, task_struct, pid) }, { "clone_flags", clone_flags });
	return count_symbol(e, "total_forks", 1);
}

/* ---- exit ---- */

/* forget_original_parent() and exit_notify(): the children go to init, which waits for all. */
static struct error *give_children_away(struct engine *e, const struct object *t)
{
	struct kernel *k = e->k;
	uint64_t child = GET(k, t, task_struct, p_cptr), reaper = 0, next;
	if (!child)
		return NULL;
	uint64_t at = symbol_addr(k, "child_reaper");
	if (at)
		TRY(kernel_read_pointer(k, at, &reaper));
	/* child_reaper is init_task until init is there; it is always first on the list. */
	if (!reaper || reaper == t->addr)
		TRY(kernel_get(k, e->init_task, M_task_struct_next_task, &reaper));
	if (reaper == t->addr)
		reaper = e->init_task;
	for (uint64_t n = 0; child; child = next) {
		struct object c;
		if (++n > PID_MAX)
			return error_at(ERR_BAD_LIST, child, "the list of children of %" PRIx64 " never ends", t->addr);
		TRY(open_task(e, child, &c));
		next = GET(k, &c, task_struct, p_osptr);
		TRACE(e, "exit_notify", "a child is given to init", { "child", child }, { "reaper", reaper });
		SET(k, t, task_struct, p_cptr, next);
		/* Nobody slays init. */
		SET(k, &c, task_struct, exit_signal, SIGCHLD24);
		ADD(k, &c, task_struct, self_exec_id, 1);
		SET(k, &c, task_struct, real_parent, reaper);
		SET(k, &c, task_struct, p_pptr, reaper);
		TRY(link_child(e, &c));
	}
	return NULL;
}

/* release_task(), as the parent's wait() does it: its faults are added to the parent's, its two frames are freed. */
static struct error *release_task(struct engine *e, const struct object *t)
{
	struct kernel *k = e->k;
	struct object parent;
	TRY(count_user(e, t, -1));
	TRY(count_symbol(e, "nr_threads", -1));
	TRY(unhash_pid(e, t));
	TRY(unlink_task(e, t));
	if (HAS(k, task_struct, thread_group))
		TRY(list_del(k, MEMBER_ADDR(k, t, task_struct, thread_group)));
	TRY(open_task(e, GET(k, t, task_struct, p_pptr), &parent));
	ADD(k, &parent, task_struct, cmin_flt, GET(k, t, task_struct, min_flt) + GET(k, t, task_struct, cmin_flt));
	ADD(k, &parent, task_struct, cmaj_flt, GET(k, t, task_struct, maj_flt) + GET(k, t, task_struct, cmaj_flt));
	ADD(k, &parent, task_struct, cnswap, GET(k, t, task_struct, nswap) + GET(k, t, task_struct, cnswap));
	/* What is left of its time slice is the parent's. */
	uint64_t slice = GET(k, &parent, task_struct, counter) + GET(k, t, task_struct, counter);
	SET(k, &parent, task_struct, counter, slice > MAX_COUNTER ? MAX_COUNTER : slice);
	TRACE(e, "release_task", "the parent has waited: its frames are freed", { "task", t->addr }, { "parent", parent.addr });
	return free_pages_addr(e, t->addr, TASK_UNION_ORDER);
}

struct error *do_exit(struct engine *e, uint64_t task)
{
	if (!e->classic)
		return do_exit_modern(e, task);
	struct kernel *k = e->k;
	struct object t;
	TRY(open_task(e, task, &t));
	if (!GET(k, &t, task_struct, pid))
		return kernel_error(EPERM, "the kernel panics when the idle task ends");
	uint64_t mm = GET(k, &t, task_struct, mm);
	SET(k, &t, task_struct, flags, GET(k, &t, task_struct, flags) | PF_EXITING24);
	TRACE(e, "do_exit", mm ? "its memory goes first" : "a kernel thread: no memory", { "task", task }, { "mm", mm });
	SET(k, &t, task_struct, mm, 0);
	SET(k, &t, task_struct, active_mm, 0);
	if (mm)
		TRY(mmput(e, mm));
	TRY(put_shared_structs(e, &t));
	SET(k, &t, task_struct, state, 8); /* TASK_ZOMBIE */
	TRY(give_children_away(e, &t));
	TRY(leave_run_queue(e, &t));
	if (e->task == task)
		e->task = 0;
	return release_task(e, &t);
}
