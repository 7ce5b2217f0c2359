/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tasks made (kernel/fork.c: copy_process()) on kernels with a struct pid. What such a kernel does not have is left out by what its task_struct lacks.
 */
#include <errno.h>
#include <inttypes.h>

#include "mm/engine/fork_edit.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/modern.h"
#include "mm/engine/pid_edit.h"
#include "mm/slab.h"
#include "mm/task.h"

/* include/linux/sched.h, magic.h */
#define PF_IDLE		0x2ull
#define PF_KTHREAD	0x200000ull
#define PF_WQ_WORKER	0x20ull
#define PF_FORKNOEXEC	0x40ull
#define PF_SUPERPRIV	0x100ull
#define STACK_END_MAGIC 0x57ac6e9dull
#define SIGCHLD		17
#define TIF_FORK	18 /* arch/x86/include/asm/thread_info.h, until 4.9 */
#define SIGNAL_UNKILLABLE 0x40

/* A new task on its way. */
struct forking {
	struct engine *e;
	struct object t, parent;
	unsigned flags;
	uint64_t pid; /* struct pid */
	uint32_t wanted, number; /* 0: any */
};

static struct error *open_task(struct engine *e, uint64_t task, struct object *o)
{
	return object_open_writable(e->k, task, S_task_struct, o);
}

static void clear_member(struct kernel *k, const struct object *o, enum member_id id)
{
	size_t len;
	const unsigned char *p = object_bytes(k, o, id, &len);
	if (p)
		memset((void *)p, 0, len);
}

/* ---- The task_struct and its stack: dup_task_struct() ---- */

/* end_of_stack(): thread_info stood there until 4.9. */
static struct error *set_stack_end(struct engine *e, const struct object *t, uint64_t parent_stack)
{
	struct kernel *k = e->k;
	uint64_t stack = GET(k, t, task_struct, stack);
	struct object from, to;
	if (HAS(k, task_struct, thread_info))
		return kernel_write_pointer(k, stack, STACK_END_MAGIC);
	TRY(object_open(k, parent_stack, S_thread_info, &from));
	TRY(object_open_writable(k, stack, S_thread_info, &to));
	memcpy((void *)to.bytes, from.bytes, to.size);
	SET(k, &to, thread_info, task, t->addr);
	return kernel_write_pointer(k, stack + to.size, STACK_END_MAGIC);
}

/* The processor's registers stand at the end of the task_struct, or (since 6.16) behind it; fpu_clone(). A state that the parent has elsewhere is larger than the common one. */
static struct error *dup_fpu(struct forking *f)
{
	struct kernel *k = f->e->k;
	uint32_t at = HAS(k, task_struct, fpu) ? OFFSET(k, task_struct, fpu) : SIZE_OF(k, task_struct);
	struct object fpu, from;
	if (!HAS(k, fpu, own_fpstate) || !HAS(k, fpu, fpstate) || GET(k, &f->parent, task_struct, flags) & PF_KTHREAD)
		return NULL;
	TRY(object_open(k, f->parent.addr + at, S_fpu, &from));
	TRY(object_open_writable(k, f->t.addr + at, S_fpu, &fpu));
	if (GET(k, &from, fpu, fpstate) != MEMBER_ADDR(k, &from, fpu, own_fpstate))
		return error_at(ERR_UNSUPPORTED, f->parent.addr, "the task has more registers than common: a copy of them is not made");
	SET(k, &fpu, fpu, fpstate, MEMBER_ADDR(k, &fpu, fpu, own_fpstate));
	SET(k, &fpu, fpu, task_fpstate, 0);
	SET(k, &fpu, fpu, last_cpu, UINT64_MAX);
	return NULL;
}

static struct error *dup_task_struct(struct forking *f)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	uint64_t cache, addr, stack, vm, size;
	uint32_t behind = HAS(k, task_struct, fpu) ? 0 : SIZE_OF(k, fpu);
	struct object from, bytes;
	TRY(kernel_read_symbol(k, "task_struct_cachep", 0, &cache));
	TRY(kmem_cache_alloc(e, cache, GFP24_KERNEL, &addr));
	struct error *failure = alloc_thread_stack(e, &stack, &vm);
	if (failure)
		return failure->code == ERR_KERNEL ? error_worse(failure, kmem_cache_free(e, cache, addr)) : failure;
	/* As long as the processor's registers need, which the type leaves room for at its end. */
	TRY(kernel_get(k, cache, M_kmem_cache_object_size, &size));
	if (size > SIZE_OF(k, task_struct) + behind || size < k->members[M_task_struct_mm].offset)
		return error_at(ERR_BAD_OBJECT, cache, "a task_struct of %" PRIu64 " bytes", size);
	TRY(object_open_bytes(k, f->parent.addr, size, &from));
	TRY(object_open_bytes_writable(k, addr, size, &bytes));
	memcpy((void *)bytes.bytes, from.bytes, size);
	TRY(open_task(e, addr, &f->t));
	SET(k, &f->t, task_struct, stack, stack);
	SET(k, &f->t, task_struct, stack_vm_area, vm);
	SET(k, &f->t, task_struct, stack_refcount, 1);
	/* Since 5.3 the two are counted apart. */
	SET(k, &f->t, task_struct, rcu_users, 2);
	SET(k, &f->t, task_struct, usage, HAS(k, task_struct, rcu_users) ? 1 : 2);
	/* Lots are drawn for it; here they fall the same way each time. */
	SET(k, &f->t, task_struct, stack_canary, (addr ^ stack) * 0x9e3779b97f4a7c15ull & ~0xffull);
	/* Which CPUs it may run on, by its own mask. */
	if (GET(k, &f->parent, task_struct, cpus_ptr) == MEMBER_ADDR(k, &f->parent, task_struct, cpus_mask))
		SET(k, &f->t, task_struct, cpus_ptr, MEMBER_ADDR(k, &f->t, task_struct, cpus_mask));
	TRY(dup_fpu(f));
	return set_stack_end(e, &f->t, GET(k, &f->parent, task_struct, stack));
}

/* What a child does not inherit. */
static struct error *reset_task(struct forking *f)
{
	struct kernel *k = f->e->k;
	static const enum member_id zero[] = {
		M_task_struct_utime,	     M_task_struct_stime,      M_task_struct_gtime,	  M_task_struct_nvcsw,	       M_task_struct_nivcsw,
		M_task_struct_min_flt,	     M_task_struct_maj_flt,    M_task_struct_vfork_done,  M_task_struct_kthread,       M_task_struct_clear_child_tid,
		M_task_struct_splice_pipe,   M_task_struct_frag_page,  M_task_struct_io_context,  M_task_struct_robust_list,   M_task_struct_pdeath_signal,
		M_task_struct_on_cpu,	     M_task_struct_on_rq,      M_task_struct_exit_state,  M_task_struct_exit_code,     M_task_struct_task_works,
		M_task_struct_io_uring,	     M_task_struct_last_switch_time, M_task_struct_plug,  M_task_struct_vmacache_seqnum, M_task_struct_mm,
		M_task_struct_active_mm,     M_task_struct_ptrace,     M_task_struct_audit_context, M_task_struct_delays,    M_task_struct_sum_exec_runtime,
		M_task_struct_last_arrival,  M_task_struct_last_switch_count, M_task_struct_rss_events,    M_task_struct_user_cpus_ptr, M_task_struct_bpf_storage,
		M_task_struct_cid_active,    M_task_struct_sched_cache_grp,
	};
	static const enum member_id arrays[] = {
		M_task_struct_rss_stat, M_task_struct_vmacache, M_task_struct_prev_cputime, M_task_struct_pid_links, M_task_struct_cid_node, M_task_struct_scx,
	};
	static const enum member_id none[] = {
		M_task_struct_cid, M_task_struct_cid_last, M_task_struct_cid_migrate_from, M_task_struct_scx_sticky_cpu, M_task_struct_scx_holding_cpu,
	};
	static const enum member_id lists[] = {
		M_task_struct_tasks,	 M_task_struct_children,      M_task_struct_sibling,   M_task_struct_ptraced,	    M_task_struct_ptrace_entry, M_task_struct_thread_group,
		M_task_struct_thread_node, M_task_struct_pending_list, M_task_struct_pi_state_list, M_task_struct_perf_event_list, M_task_struct_cg_list, M_task_struct_rt_run_list,
		M_task_struct_trc_holdout_list, M_task_struct_prio_list, M_task_struct_node_list, M_task_struct_se_group_node,
		M_task_struct_scx_dsq_list, M_task_struct_scx_runnable_node,
	};
	for (size_t i = 0; i < sizeof(zero) / sizeof(zero[0]); i++)
		object_set(k, &f->t, zero[i], 0);
	for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++)
		clear_member(k, &f->t, arrays[i]);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		object_set(k, &f->t, none[i], UINT64_MAX);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (k->members[lists[i]].present)
			TRY(list_init(k, f->t.addr + k->members[lists[i]].offset));
	uint64_t flags = GET(k, &f->parent, task_struct, flags);
	SET(k, &f->t, task_struct, flags, (flags & ~(PF_SUPERPRIV | PF_WQ_WORKER | PF_IDLE)) | PF_FORKNOEXEC);
	return NULL;
}

/* A new object like the one at `old`, of the same general cache, whose size nothing else tells. `copied`: with its bytes. 0 stays 0. */
static struct error *dup_blob(struct engine *e, uint64_t old, bool copied, uint64_t *blob)
{
	struct kernel *k = e->k;
	struct slab at;
	struct object from, to;
	bool found;
	*blob = 0;
	if (!old)
		return NULL;
	TRY(slab_at(k, old, &at, &found));
	if (!found)
		return error_at(ERR_BAD_OBJECT, old, "no object of a slab: %" PRIx64, old);
	TRY(kmem_cache_alloc(e, at.cache.addr, GFP24_KERNEL, blob));
	TRY(object_open_bytes(k, old, at.cache.object_size, &from));
	TRY(object_open_bytes_writable(k, *blob, at.cache.object_size, &to));
	if (copied)
		memcpy((void *)to.bytes, from.bytes, to.size);
	else
		memset((void *)to.bytes, 0, to.size);
	return NULL;
}

/* ---- Whose rights: copy_creds() ---- */

static struct error *count_cred(struct engine *e, const struct object *cred, int delta)
{
	struct kernel *k = e->k;
	uint64_t now;
	TRY(add_count(e, GET(k, cred, cred, user), S_user_struct, M_user_struct_count, delta, &now));
	TRY(add_count(e, GET(k, cred, cred, group_info), S_group_info, M_group_info_usage, delta, &now));
	TRY(add_count(e, GET(k, cred, cred, session_keyring), S_key, M_key_usage, delta, &now));
	return add_count(e, GET(k, cred, cred, user_ns), S_user_namespace, M_user_namespace_count, delta, &now);
}

static struct error *copy_creds(struct forking *f)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	uint64_t old = GET(k, &f->t, task_struct, cred), cache, addr, now, blob;
	struct object from, cred;
	TRY(object_open_writable(k, old, S_cred, &from));
	if (f->flags & CLONE_THREAD) {
		ADD(k, &from, cred, usage, 2);
		SET(k, &f->t, task_struct, real_cred, old);
		return add_count(e, GET(k, &from, cred, user), S_user_struct, M_user_struct_processes, 1, &now);
	}
	TRY(kernel_read_symbol(k, "cred_jar", 0, &cache));
	TRY(kmem_cache_alloc(e, cache, GFP24_KERNEL, &addr));
	TRY(object_open_writable(k, addr, S_cred, &cred));
	memcpy((void *)cred.bytes, from.bytes, cred.size);
	/* Keys of a thread or process are not handed on. */
	SET(k, &cred, cred, thread_keyring, 0);
	SET(k, &cred, cred, process_keyring, 0);
	SET(k, &cred, cred, usage, 2);
	struct error *failure = dup_blob(e, GET(k, &from, cred, security), true, &blob);
	if (failure)
		return failure->code == ERR_KERNEL ? error_worse(failure, kmem_cache_free(e, cache, addr)) : failure;
	SET(k, &cred, cred, security, blob);
	TRY(count_cred(e, &cred, 1));
	SET(k, &f->t, task_struct, cred, addr);
	SET(k, &f->t, task_struct, real_cred, addr);
	return add_count(e, GET(k, &from, cred, user), S_user_struct, M_user_struct_processes, 1, &now);
}

struct error *put_creds(struct engine *e, const struct object *task)
{
	struct kernel *k = e->k;
	uint64_t addr = GET(k, task, task_struct, cred), cache, now;
	struct object cred;
	TRY(object_open_writable(k, addr, S_cred, &cred));
	TRY(add_count(e, GET(k, &cred, cred, user), S_user_struct, M_user_struct_processes, -1, &now));
	SET(k, task, task_struct, cred, 0);
	SET(k, task, task_struct, real_cred, 0);
	ADD(k, &cred, cred, usage, -2);
	if (GET(k, &cred, cred, usage))
		return NULL;
	TRY(count_cred(e, &cred, -1));
	if (GET(k, &cred, cred, security))
		TRY(kfree(e, GET(k, &cred, cred, security)));
	TRY(kernel_read_symbol(k, "cred_jar", 0, &cache));
	return kmem_cache_free(e, cache, addr);
}

/* ---- Signals: copy_sighand(), copy_signal() ---- */

static struct error *copy_sighand(struct forking *f)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	uint64_t old = GET(k, &f->t, task_struct, sighand), cache, addr, now;
	struct object from, to;
	if (f->flags & CLONE_SIGHAND)
		return add_count(e, old, S_sighand_struct, M_sighand_struct_count, 1, &now);
	TRY(kernel_read_symbol(k, "sighand_cachep", 0, &cache));
	TRY(kmem_cache_alloc(e, cache, GFP24_KERNEL, &addr));
	TRY(object_open(k, old, S_sighand_struct, &from));
	TRY(object_open_writable(k, addr, S_sighand_struct, &to));
	uint32_t at = OFFSET(k, sighand_struct, action), len = k->members[M_sighand_struct_action].total;
	memcpy((unsigned char *)to.bytes + at, from.bytes + at, len);
	SET(k, &to, sighand_struct, count, 1);
	SET(k, &f->t, task_struct, sighand, addr);
	return NULL;
}

/* Of a thread group all of whose tasks have these in common. */
static struct error *copy_signal(struct forking *f)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	uint64_t old = GET(k, &f->t, task_struct, signal), cache, addr, now;
	struct object from, to;
	static const enum member_id lists[] = {
		M_signal_struct_wait_list, M_signal_struct_pending_list, M_signal_struct_posix_timers, M_signal_struct_cred_guard_list, M_signal_struct_exec_update_list,
	};
	static const enum member_id same[] = { M_signal_struct_oom_score_adj, M_signal_struct_oom_score_adj_min, M_signal_struct_tty, M_signal_struct_autogroup };
	if (f->flags & CLONE_THREAD)
		return NULL;
	TRY(kernel_read_symbol(k, "signal_cachep", 0, &cache));
	TRY(kmem_cache_alloc(e, cache, GFP24_KERNEL, &addr));
	TRY(object_open(k, old, S_signal_struct, &from));
	TRY(object_open_writable(k, addr, S_signal_struct, &to));
	memset((void *)to.bytes, 0, to.size);
	SET(k, &to, signal_struct, nr_threads, 1);
	SET(k, &to, signal_struct, live, 1);
	SET(k, &to, signal_struct, sigcnt, 1);
	SET(k, &to, signal_struct, curr_target, f->t.addr);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (k->members[lists[i]].present && k->members[lists[i]].total == SIZE_OF(k, list_head))
			TRY(list_init(k, addr + k->members[lists[i]].offset));
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		object_set(k, &to, same[i], object_get(k, &from, same[i]));
	size_t len;
	const unsigned char *rlim = object_bytes(k, &from, M_signal_struct_rlim, &len);
	if (rlim)
		memcpy((unsigned char *)to.bytes + OFFSET(k, signal_struct, rlim), rlim, len);
	for (unsigned i = 0; i < k->members[M_signal_struct_cpu_timers].count && HAS(k, signal_struct, cpu_timers); i++)
		TRY(list_init(k, MEMBER_ADDR(k, &to, signal_struct, cpu_timers) + i * SIZE_OF(k, list_head)));
	SET(k, &to, signal_struct, real_timer_function, symbol_addr(k, "it_real_fn"));
	TRY(add_count(e, GET(k, &to, signal_struct, tty), S_tty_struct, M_tty_struct_kref, 1, &now));
	TRY(add_count(e, GET(k, &to, signal_struct, autogroup), S_autogroup, M_autogroup_kref, 1, &now));
	SET(k, &f->t, task_struct, signal, addr);
	if (!HAS(k, signal_struct, thread_head))
		return NULL;
	TRY(list_init(k, MEMBER_ADDR(k, &to, signal_struct, thread_head)));
	return list_add(k, MEMBER_ADDR(k, &f->t, task_struct, thread_node), MEMBER_ADDR(k, &to, signal_struct, thread_head));
}

/* ---- Who may look at it: copy_exec_state(), put_task_exec_state() ---- */

static struct error *copy_exec_state(struct forking *f)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	uint64_t old = GET(k, &f->t, task_struct, exec_state), cache, addr, now;
	struct object from, to;
	if (!HAS(k, task_struct, exec_state) || !old)
		return NULL;
	if (f->flags & CLONE_VM_FLAG)
		return add_count(e, old, S_task_exec_state, M_task_exec_state_count, 1, &now);
	TRY(kernel_read_symbol(k, "task_exec_state_cachep", 0, &cache));
	TRY(kmem_cache_alloc(e, cache, GFP24_KERNEL, &addr));
	TRY(object_open(k, old, S_task_exec_state, &from));
	TRY(object_open_writable(k, addr, S_task_exec_state, &to));
	memcpy((void *)to.bytes, from.bytes, to.size);
	SET(k, &to, task_exec_state, count, 1);
	SET(k, &f->t, task_struct, exec_state, addr);
	return add_count(e, GET(k, &to, task_exec_state, user_ns), S_user_namespace, M_user_namespace_count, 1, &now);
}

struct error *put_exec_state(struct engine *e, const struct object *task)
{
	struct kernel *k = e->k;
	uint64_t addr = GET(k, task, task_struct, exec_state), cache, left, user_ns;
	if (!HAS(k, task_struct, exec_state) || !addr)
		return NULL;
	SET(k, task, task_struct, exec_state, 0);
	TRY(add_count(e, addr, S_task_exec_state, M_task_exec_state_count, -1, &left));
	if (left)
		return NULL;
	TRY(kernel_get(k, addr, M_task_exec_state_user_ns, &user_ns));
	TRY(add_count(e, user_ns, S_user_namespace, M_user_namespace_count, -1, &left));
	TRY(kernel_read_symbol(k, "task_exec_state_cachep", 0, &cache));
	return kmem_cache_free(e, cache, addr);
}

/* ---- Memory, registers ---- */

static struct error *copy_mm(struct forking *f)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	uint64_t old = GET(k, &f->parent, task_struct, mm), mm = old;
	struct object o, root;
	if (!old) {
		TRACE(e, "copy_mm", "a kernel thread has no memory to copy", { "mm", 0 });
		return NULL;
	}
	if (f->flags & CLONE_VM_FLAG) {
		TRY(object_open_writable(k, old, S_mm_struct, &o));
		ADD(k, &o, mm_struct, mm_users, 1);
		TRACE(e, "copy_mm", "CLONE_VM: shared", { "mm", old }, { "mm->mm_users", GET(k, &o, mm_struct, mm_users) });
	} else {
		TRY(dup_mm(e, old, &mm));
		TRY(object_open_writable(k, mm, S_mm_struct, &root));
		SET(k, &root, mm_struct, owner, f->t.addr);
		TRACE(e, "copy_mm", "a copy", { "old mm", old }, { "mm", mm });
	}
	SET(k, &f->t, task_struct, mm, mm);
	SET(k, &f->t, task_struct, active_mm, mm);
	TRY(object_open_writable(k, mm, S_mm_struct, &o));
	return sched_mm_fork(e, &f->t, &o);
}

/* copy_thread(): the registers that the child returns to user space with; below them what __switch_to_asm() finds (struct fork_frame, since 4.9), or a flag that says so. */
static struct error *copy_thread(struct forking *f)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	unsigned word = k->arch->pointer_size;
	uint64_t size = task_stack_size(k), stack = GET(k, &f->t, task_struct, stack), old = GET(k, &f->parent, task_struct, stack);
	uint32_t regs_size = SIZE_OF(k, pt_regs), frame = HAS_STRUCT(k, inactive_task_frame) ? SIZE_OF(k, inactive_task_frame) : 7 * word;
	uint64_t regs = stack + size - regs_size, flags;
	unsigned char saved[256];
	struct object r, info;
	if (!regs_size || regs_size > sizeof(saved))
		return error_new(ERR_UNSUPPORTED, "this kernel's struct pt_regs is not known");
	TRY(kernel_read(k, old + size - regs_size, saved, regs_size));
	TRY(kernel_write(k, regs, saved, regs_size));
	TRY(object_open_bytes_writable(k, regs, regs_size, &r));
	SET(k, &r, pt_regs, ax, 0);
	SET(k, &f->t, task_struct, sp0, regs + regs_size);
	if (HAS(k, task_struct, thread_info)) {
		uint64_t at = regs - frame;
		SET(k, &f->t, task_struct, sp, at);
		return kernel_write_pointer(k, at + frame - word, symbol_addr(k, "ret_from_fork"));
	}
	SET(k, &f->t, task_struct, sp, regs);
	TRY(object_open_writable(k, stack, S_thread_info, &info));
	flags = GET(k, &info, thread_info, flags);
	SET(k, &info, thread_info, flags, flags | 1u << TIF_FORK);
	return NULL;
}

/* ---- Into the lists ---- */

/* cgroup_post_fork(): the group has a task more. */
static struct error *join_cgroup(struct forking *f)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	uint64_t set = GET(k, &f->t, task_struct, cgroups), now;
	if (!set || !HAS(k, css_set, tasks) || !HAS(k, task_struct, cg_list))
		return NULL;
	TRY(add_count(e, set, S_css_set, M_css_set_refcount, 1, &now));
	/* Tasks are not on their group's list before somebody has mounted one. */
	uint64_t on = 1, list = MEMBER_ADDR(k, &f->parent, task_struct, cg_list), next;
	TRY(kernel_read_pointer(k, list, &next));
	on = next != list;
	if (!on)
		return NULL;
	TRY(add_count(e, set, S_css_set, M_css_set_nr_tasks, 1, &now));
	return list_add_tail(k, MEMBER_ADDR(k, &f->t, task_struct, cg_list), set + OFFSET(k, css_set, tasks));
}

static struct error *link_thread(struct forking *f)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	uint64_t leader = GET(k, &f->parent, task_struct, group_leader);
	struct object signal;
	TRY(object_open_writable(k, GET(k, &f->t, task_struct, signal), S_signal_struct, &signal));
	SET(k, &f->t, task_struct, group_leader, leader);
	SET(k, &f->t, task_struct, exit_signal, UINT64_MAX);
	ADD(k, &signal, signal_struct, nr_threads, 1);
	ADD(k, &signal, signal_struct, live, 1);
	ADD(k, &signal, signal_struct, sigcnt, 1);
	if (HAS(k, task_struct, thread_group))
		TRY(list_add_tail(k, MEMBER_ADDR(k, &f->t, task_struct, thread_group), leader + OFFSET(k, task_struct, thread_group)));
	return HAS(k, signal_struct, thread_head)
		       ? list_add_tail(k, MEMBER_ADDR(k, &f->t, task_struct, thread_node), MEMBER_ADDR(k, &signal, signal_struct, thread_head))
		       : NULL;
}

/* The first process of a namespace is who orphans are given to. */
static struct error *set_child_reaper(struct forking *f)
{
	struct kernel *k = f->e->k;
	struct object pid, signal;
	uint64_t last, nr, ns;
	TRY(object_open(k, f->pid, S_pid, &pid));
	last = f->pid + OFFSET(k, pid, numbers) + GET(k, &pid, pid, level) * SIZE_OF(k, upid);
	TRY(kernel_get(k, last, M_upid_nr, &nr));
	if (nr != 1)
		return NULL;
	TRY(kernel_get(k, last, M_upid_ns, &ns));
	TRY(object_open_writable(k, GET(k, &f->t, task_struct, signal), S_signal_struct, &signal));
	SET(k, &signal, signal_struct, flags, GET(k, &signal, signal_struct, flags) | SIGNAL_UNKILLABLE);
	return kernel_write_pointer(k, ns + OFFSET(k, pid_namespace, child_reaper), f->t.addr);
}

static struct error *link_leader(struct forking *f)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	uint64_t group, session;
	TRY(task_pid(e, &f->parent, PID_OF_PROCESS_GROUP, &group));
	TRY(task_pid(e, &f->parent, PID_OF_SESSION, &session));
	SET(k, &f->t, task_struct, group_leader, f->t.addr);
	SET(k, &f->t, task_struct, exit_signal, SIGCHLD);
	TRY(set_child_reaper(f));
	uint64_t parent = GET(k, &f->t, task_struct, real_parent);
	TRY(list_add_tail(k, MEMBER_ADDR(k, &f->t, task_struct, sibling), parent + OFFSET(k, task_struct, children)));
	TRY(list_add_tail(k, MEMBER_ADDR(k, &f->t, task_struct, tasks), e->init_task + OFFSET(k, task_struct, tasks)));
	TRY(attach_pid(e, &f->t, PID_OF_GROUP, f->pid));
	TRY(group ? attach_pid(e, &f->t, PID_OF_PROCESS_GROUP, group) : NULL);
	TRY(session ? attach_pid(e, &f->t, PID_OF_SESSION, session) : NULL);
	return count_processes(e, 1);
}

struct error *count_processes(struct engine *e, int delta)
{
	uint64_t counts = symbol_addr(e->k, "process_counts"), at, n;
	if (!counts)
		return NULL;
	at = percpu_addr(e->k, counts, e->cpu);
	TRY(kernel_read_uint(e->k, at, e->k->arch->pointer_size, &n));
	return kernel_write_pointer(e->k, at, n + (uint64_t)(int64_t)delta);
}

/* scx_post_fork(): on the list of all that a scheduler written in BPF may get; while there is one, it would be asked. */
static struct error *join_scx(struct forking *f)
{
	struct kernel *k = f->e->k;
	uint64_t list = symbol_addr(k, "scx_tasks"), enabled = 0;
	if (!HAS(k, task_struct, scx_tasks_node) || !list)
		return NULL;
	if (symbol_addr(k, "scx_init_task_enabled"))
		TRY(kernel_read_symbol(k, "scx_init_task_enabled", 1, &enabled));
	if (enabled)
		return error_at(ERR_UNSUPPORTED, f->parent.addr, "a scheduler written in BPF is told of new tasks (sched_ext): that is not followed");
	return list_add_tail(k, MEMBER_ADDR(k, &f->t, task_struct, scx_tasks_node), list);
}

static struct error *link_task(struct forking *f)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	bool thread = f->flags & CLONE_THREAD;
	uint64_t parent = thread ? GET(k, &f->parent, task_struct, real_parent) : f->parent.addr;
	SET(k, &f->t, task_struct, pid, f->number);
	SET(k, &f->t, task_struct, tgid, thread ? GET(k, &f->parent, task_struct, tgid) : f->number);
	SET(k, &f->t, task_struct, real_parent, parent);
	SET(k, &f->t, task_struct, parent, parent);
	SET(k, &f->t, task_struct, parent_exec_id, thread ? GET(k, &f->parent, task_struct, parent_exec_id) : GET(k, &f->parent, task_struct, self_exec_id));
	TRY(thread ? link_thread(f) : link_leader(f));
	TRY(attach_pid(e, &f->t, PID_OF_TASK, f->pid));
	TRY(count_symbol(e, "nr_threads", 1));
	TRY(join_cgroup(f));
	return join_scx(f);
}

/* ---- All of it ---- */

static struct error *check_limits(struct engine *e)
{
	uint64_t threads, most, at = symbol_addr(e->k, "max_threads");
	if (!at || !symbol_addr(e->k, "nr_threads"))
		return NULL;
	TRY(kernel_read_uint(e->k, at, 4, &most));
	TRY(kernel_read_symbol(e->k, "nr_threads", 4, &threads));
	return most && threads >= most ? kernel_error(EAGAIN, "there are %" PRIu64 " tasks already", threads) : NULL;
}

static struct error *refuse(struct forking *f)
{
	struct kernel *k = f->e->k;
	TRY(members_require(k, "tasks of this kernel are not made", M_task_struct_tasks, M_task_struct_children, M_task_struct_sibling, M_task_struct_stack, M_task_struct_signal,
			    M_task_struct_sighand, M_task_struct_cred, M_task_struct_pid_links, M_task_struct_nsproxy, M_files_struct_fdt, M_sighand_struct_action, MEMBER_NONE));
	if (GET(k, &f->parent, task_struct, exit_state))
		return kernel_error(ESRCH, "the task has ended: pid %" PRIu64, GET(k, &f->parent, task_struct, pid));
	if (GET(k, &f->parent, task_struct, mempolicy))
		return error_at(ERR_UNSUPPORTED, f->parent.addr, "the task has a memory policy, which would be copied: not done");
	return f->e->init_task ? NULL : error_new(ERR_NO_SYMBOL, "no such symbol: init_task");
}

static struct error *copy_namespaces(struct forking *f)
{
	uint64_t now;
	return add_count(f->e, GET(f->e->k, &f->t, task_struct, nsproxy), S_nsproxy, M_nsproxy_count, 1, &now);
}

static struct error *copy_security(struct forking *f)
{
	struct kernel *k = f->e->k;
	uint64_t blob;
	TRY(dup_blob(f->e, GET(k, &f->parent, task_struct, security), false, &blob));
	SET(k, &f->t, task_struct, security, blob);
	return NULL;
}

static struct error *copy_open_files(struct forking *f)
{
	return copy_files_modern(f->e, &f->t, f->flags);
}

static struct error *copy_directories(struct forking *f)
{
	return copy_fs(f->e, &f->t, f->flags);
}

/* Of the namespace that children are born in: the parent's own, where it has not asked for another. */
static struct error *new_pid(struct forking *f)
{
	uint64_t like;
	TRY(task_pid(f->e, &f->parent, PID_OF_TASK, &like));
	return alloc_pid(f->e, like, f->wanted, &f->pid, &f->number);
}

/* ---- What has been made goes again: bad_fork_cleanup_… ---- */

static struct error *drop_creds(struct forking *f)
{
	return put_creds(f->e, &f->t);
}

static struct error *drop_exec_state(struct forking *f)
{
	return put_exec_state(f->e, &f->t);
}

static struct error *drop_security(struct forking *f)
{
	uint64_t blob = GET(f->e->k, &f->t, task_struct, security);
	return blob ? kfree(f->e, blob) : NULL;
}

static struct error *drop_files(struct forking *f)
{
	return put_files_modern(f->e, GET(f->e->k, &f->t, task_struct, files));
}

static struct error *drop_directories(struct forking *f)
{
	return put_fs(f->e, GET(f->e->k, &f->t, task_struct, fs));
}

static struct error *drop_sighand(struct forking *f)
{
	return put_sighand_modern(f->e, &f->t);
}

/* A thread has its process's, and is not counted there yet. */
static struct error *drop_signal(struct forking *f)
{
	struct object signal;
	if (f->flags & CLONE_THREAD)
		return NULL;
	TRY(object_open_writable(f->e->k, GET(f->e->k, &f->t, task_struct, signal), S_signal_struct, &signal));
	return put_signal(f->e, &signal);
}

static struct error *drop_mm(struct forking *f)
{
	uint64_t mm = GET(f->e->k, &f->t, task_struct, mm);
	struct object o;
	if (!mm)
		return NULL;
	TRY(object_open_writable(f->e->k, mm, S_mm_struct, &o));
	TRY(sched_mm_exit(f->e, &f->t, &o));
	return mmput(f->e, mm);
}

static struct error *drop_namespaces(struct forking *f)
{
	return put_namespaces(f->e, &f->t);
}

static struct error *drop_task(struct forking *f)
{
	struct kernel *k = f->e->k;
	uint64_t cache;
	TRY(free_thread_stack(f->e, GET(k, &f->t, task_struct, stack), GET(k, &f->t, task_struct, stack_vm_area)));
	TRY(kernel_read_symbol(k, "task_struct_cachep", 0, &cache));
	return kmem_cache_free(f->e, cache, f->t.addr);
}

/* copy_process() in its order, each part with what undoes it. */
static const struct {
	struct error *(*make)(struct forking *f), *(*drop)(struct forking *f);
} parts[] = {
	{ dup_task_struct, drop_task },	   { reset_task, NULL },	    { copy_exec_state, drop_exec_state }, { copy_creds, drop_creds },	  { copy_security, drop_security },
	{ copy_open_files, drop_files },   { copy_directories, drop_directories }, { copy_sighand, drop_sighand }, { copy_signal, drop_signal },
	{ copy_mm, drop_mm },		   { copy_namespaces, drop_namespaces }, { copy_thread, NULL },	  { new_pid, NULL },
};

static struct error *copy_process(struct forking *f)
{
	struct error *failure = NULL;
	size_t n = 0;
	for (; n < sizeof(parts) / sizeof(parts[0]) && !failure; n++)
		failure = parts[n].make(f);
	if (!failure)
		return link_task(f);
	if (failure->code != ERR_KERNEL)
		return failure;
	TRACE(f->e, "copy_process", "a part cannot be had: those before it go again", { "parts", n - 1 });
	for (n--; n--;)
		if (parts[n].drop)
			failure = error_worse(failure, parts[n].drop(f));
	return failure;
}

struct error *do_fork_modern(struct engine *e, uint64_t parent, unsigned flags, uint32_t wanted, uint64_t *task)
{
	struct kernel *k = e->k;
	struct forking f = { .e = e, .flags = flags, .wanted = wanted };
	/* The parent forks, on its CPU. */
	TRY(engine_set_current(e, parent));
	TRY(open_task(e, parent, &f.parent));
	TRY(refuse(&f));
	TRY(check_limits(e));
	TRY(copy_process(&f));
	*task = f.t.addr;
	/* wake_up_new_task(): it may run. No queue of the scheduler is changed. */
	SET(k, &f.t, task_struct, state, 0);
	TRACE(e, "copy_process", "a new task", { "task", *task }, { "pid", f.number }, { "clone_flags", flags });
	return count_symbol(e, "total_forks", 1);
}
