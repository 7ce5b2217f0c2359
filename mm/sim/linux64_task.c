/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The first task, swapper, and what it has, as their initialisers leave them: init/init_task.c and what it points to.
 */
#include <stdio.h>
#include <string.h>

#include "mm/sim/linux64.h"

#define THREAD_SIZE 16384ull

static uint64_t place(struct linux64 *m, const char *name, const char *structure, uint64_t align)
{
	return image_place(&m->image, 'D', name, l64_size(m, structure), align);
}

/* kref and refcount_t were bare atomic counters once. */
static void set_count(struct linux64 *m, uint64_t object, const char *structure, const char *path, const char *old, uint64_t value)
{
	l64_set(m, object, structure, l64_has(m, structure, path) ? path : old, value);
}

static uint64_t place_mm(struct linux64 *m)
{
	static const char s[] = "mm_struct";
	struct image *i = &m->image;
	uint64_t mm = place(m, "init_mm", s, 64);
	l64_set(m, mm, s, "pgd", image_symbol(i, m->flavour->pgd));
	l64_set(m, mm, s, "mm_users.counter", 2);
	l64_set(m, mm, s, "mm_count.counter", 1);
	/* both names of the semaphore: mmap_lock since 5.8 */
	l64_list_init(m, mm, s, "mmap_lock.wait_list");
	l64_list_init(m, mm, s, "mmap_sem.wait_list");
	l64_list_init(m, mm, s, "mmlist");
	l64_set(m, mm, s, "start_code", image_symbol(i, "_text"));
	l64_set(m, mm, s, "end_code", image_symbol(i, "_etext"));
	l64_set(m, mm, s, "user_ns", image_symbol(i, "init_user_ns"));
	return mm;
}

static uint64_t place_files(struct linux64 *m)
{
	static const char s[] = "files_struct";
	uint64_t files = place(m, "init_files", s, 64);
	l64_set(m, files, s, "count.counter", 1);
	l64_set(m, files, s, "fdt", files + l64_offset(m, s, "fdtab"));
	l64_set(m, files, s, "fdtab.max_fds", 64);
	l64_set(m, files, s, "fdtab.fd", files + l64_offset(m, s, "fd_array"));
	l64_set(m, files, s, "fdtab.close_on_exec", files + l64_offset(m, s, "close_on_exec_init"));
	l64_set(m, files, s, "fdtab.open_fds", files + l64_offset(m, s, "open_fds_init"));
	if (l64_has(m, s, "full_fds_bits_init"))
		l64_set(m, files, s, "fdtab.full_fds_bits", files + l64_offset(m, s, "full_fds_bits_init"));
	return files;
}

static uint64_t place_signals(struct linux64 *m, uint64_t task, uint64_t pid)
{
	static const char s[] = "signal_struct";
	/* include/asm-generic/resource.h, in the order of RLIMIT_CPU …; the number of processes is set by fork_init() */
	static const uint64_t limits[16][2] = {
		[0] = { ~0ull, ~0ull },	 [1] = { ~0ull, ~0ull },     [2] = { ~0ull, ~0ull },   [3] = { 8u << 20, ~0ull },
		[4] = { 0, ~0ull },	 [5] = { ~0ull, ~0ull },     [6] = { 0, 0 },	       [7] = { 1024, 4096 },
		[8] = { 65536, 65536 },	 [9] = { ~0ull, ~0ull },     [10] = { ~0ull, ~0ull },  [11] = { 0, 0 },
		[12] = { 819200, 819200 }, [13] = { 0, 0 },	     [14] = { 0, 0 },	       [15] = { ~0ull, ~0ull },
	};
	uint64_t signal = place(m, "init_signals", s, 64), node = l64_offset(m, "task_struct", "thread_node");
	l64_set(m, signal, s, "nr_threads", 1);
	set_count(m, signal, s, "sigcnt.refs.counter", "sigcnt.counter", 1);
	l64_set(m, signal, s, "live.counter", 1);
	l64_list_init(m, signal, s, "thread_head");
	l64_list_add_tail(m, task + node, signal + l64_offset(m, s, "thread_head"));
	l64_list_init(m, signal, s, "shared_pending.list");
	l64_list_init(m, signal, s, "wait_chldexit.head");
	l64_list_init(m, signal, s, "wait_chldexit.task_list");
	l64_list_init(m, signal, s, "posix_timers");
	static const char *const pids[] = { "pids[1]", "pids[2]", "pids[3]" };
	for (unsigned n = 0; n < 3; n++)
		l64_set(m, signal, s, pids[n], pid);
	l64_list_init(m, signal, s, "cred_guard_mutex.wait_list");
	l64_list_init(m, signal, s, "exec_update_lock.wait_list");
	uint64_t at = signal + l64_offset(m, s, "rlim");
	for (unsigned n = 0; n < 16; n++) {
		l64_put(m, at + 16 * n, 8, limits[n][0]);
		l64_put(m, at + 16 * n + 8, 8, limits[n][1]);
	}
	return signal;
}

static uint64_t place_pid(struct linux64 *m)
{
	static const char s[] = "pid", n[] = "pid_namespace";
	uint64_t ns = place(m, "init_pid_ns", n, 64), pid = image_place(&m->image, 'D', "init_struct_pid", 128, 64);
	set_count(m, ns, n, "kref.refcount.refs.counter", "kref.refcount.counter", 2);
	l64_set(m, ns, n, "user_ns", image_symbol(&m->image, "init_user_ns"));
	l64_set(m, ns, n, "child_reaper", 0);
	/* IDR_INIT: entries that are free are marked (include/linux/idr.h) */
	l64_set(m, ns, n, "idr.idr_rt.xa_flags", 0x800000 | 4);
	l64_set(m, ns, n, "pid_allocated", 1u << 31); /* PIDNS_ADDING */
	for (unsigned n = 0; n < 128; n++) {
		char path[40];
		snprintf(path, sizeof(path), "pidmap[%u].nr_free.counter", n);
		l64_set(m, ns, "pid_namespace", path, 8 * PAGE_SIZE64);
	}
	set_count(m, pid, s, "count.refs.counter", "count.counter", 1);
	l64_set(m, pid, s, "numbers[0].ns", ns);
	return pid;
}

static uint64_t place_cred(struct linux64 *m)
{
	static const char s[] = "cred", u[] = "user_struct", un[] = "user_namespace";
	struct image *i = &m->image;
	uint64_t space = place(m, "init_user_ns", un, 64), user = place(m, "root_user", u, 64), cred = place(m, "init_cred", s, 64);
	set_count(m, space, un, "count.refs.counter", "count.counter", 3);
	set_count(m, user, u, "__count.refs.counter", "__count.counter", 1);
	l64_set(m, user, u, "processes.counter", 1);
	l64_set(m, cred, s, "usage.counter", 4);
	static const char *const caps[] = { "cap_permitted", "cap_effective", "cap_bset" };
	for (unsigned n = 0; n < 3; n++) {
		uint64_t at = cred + l64_offset(m, s, caps[n]);
		image_put64(i, at, 0x3fffffffffull); /* CAP_LAST_CAP is 37, then 39 */
	}
	l64_set(m, cred, s, "user", user);
	l64_set(m, cred, s, "user_ns", space);
	return cred;
}

static void set_lists(struct linux64 *m, uint64_t task)
{
	static const char s[] = "task_struct";
	static const char *const lists[] = { "tasks", "children", "sibling", "ptraced", "ptrace_entry", "thread_group", "pending.list",
					     "pi_state_list", "perf_event_list", "cg_list", "rt.run_list" };
	for (size_t n = 0; n < sizeof(lists) / sizeof(lists[0]); n++)
		l64_list_init(m, task, s, lists[n]);
}

static void set_stack(struct linux64 *m, uint64_t task, uint64_t stack)
{
	static const char s[] = "task_struct";
	struct image *i = &m->image;
	l64_set(m, task, s, "stack", stack);
	l64_put(m, stack, 8, 0x57ac6e9d); /* STACK_END_MAGIC */
	uint64_t top = stack + THREAD_SIZE - l64_size(m, "pt_regs");
	/* It sleeps in cpu_startup_entry(), on an empty stack (struct inactive_task_frame: … bp, ret_addr). */
	l64_set(m, task, s, "thread.sp", top - 64);
	l64_put(m, top - 64 + 6 * 8, 8, image_symbol(i, "cpu_startup_entry"));
	if (!l64_has(m, s, "thread_info.flags")) {
		/* before 4.9, thread_info stood at the stack's end */
		l64_set(m, stack, "thread_info", "task", task);
		l64_put(m, stack + l64_size(m, "thread_info"), 8, 0x57ac6e9d);
	}
}

void linux64_place_tasks(struct linux64 *m)
{
	static const char s[] = "task_struct";
	struct image *i = &m->image;
	uint64_t stack = image_place(i, 'D', "init_stack", THREAD_SIZE, THREAD_SIZE);
	image_define(i, 'D', "init_thread_union", stack);
	uint64_t t = place(m, "init_task", s, 64), cred = place_cred(m), mm = place_mm(m), files = place_files(m);
	uint64_t fs = place(m, "init_fs", "fs_struct", 64), hand = place(m, "init_sighand", "sighand_struct", 64), pid = place_pid(m);
	uint64_t proxy = place(m, "init_nsproxy", "nsproxy", 64);
	l64_set(m, fs, "fs_struct", "users", 1);
	l64_set(m, fs, "fs_struct", "umask", 022);
	set_count(m, hand, "sighand_struct", "count.refs.counter", "count.counter", 1);
	l64_set(m, proxy, "nsproxy", "count.counter", 1);
	l64_set(m, proxy, "nsproxy", "uts_ns", image_symbol(i, "init_uts_ns"));
	l64_set(m, proxy, "nsproxy", "pid_ns_for_children", image_symbol(i, "init_pid_ns"));
	set_lists(m, t);
	set_stack(m, t, stack);
	l64_set(m, t, s, l64_has(m, s, "usage.refs.counter") ? "usage.refs.counter" : "usage.counter", 2);
	l64_set(m, t, s, "flags", 0x00200000); /* PF_KTHREAD */
	l64_set(m, t, s, "prio", 120);
	l64_set(m, t, s, "static_prio", 120);
	l64_set(m, t, s, "normal_prio", 120);
	l64_set(m, t, s, "on_cpu", 1);
	l64_set(m, t, s, "nr_cpus_allowed", m->cpus);
	l64_set(m, t, s, "active_mm", mm);
	l64_set(m, t, s, "real_parent", t);
	l64_set(m, t, s, "parent", t);
	l64_set(m, t, s, "group_leader", t);
	l64_set(m, t, s, "real_cred", cred);
	l64_set(m, t, s, "cred", cred);
	l64_set(m, t, s, "thread_pid", pid);
	static const char *const old_pids[] = { "pids[0].pid", "pids[1].pid", "pids[2].pid" };
	for (unsigned n = 0; n < 3; n++)
		l64_set(m, t, s, old_pids[n], pid);
	l64_set(m, t, s, "fs", fs);
	l64_set(m, t, s, "files", files);
	l64_set(m, t, s, "nsproxy", proxy);
	l64_set(m, t, s, "signal", place_signals(m, t, pid));
	l64_set(m, t, s, "sighand", hand);
	l64_set(m, t, s, "timer_slack_ns", 50000);
	l64_set(m, t, s, "default_timer_slack_ns", 50000);
	l64_set_text(m, t, s, "comm", "swapper/0");
}

/* Four frames: of vmalloc space with CONFIG_VMAP_STACK (struct task_struct has stack_vm_area), else a block. */
static uint64_t new_stack(struct linux64 *m)
{
	uint64_t stack;
	if (l64_has(m, "task_struct", "stack_vm_area"))
		stack = l64_vmalloc(m, THREAD_SIZE, "copy_process", 0x2); /* VM_ALLOC */
	else
		stack = l64_direct(m, l64_alloc_pages(m, 2, BLOCK_UNMOVABLE) << PAGE_SHIFT64);
	uint64_t pfn = m->max_pfn - 1; /* counted to the node that it comes from */
	l64_count_node(m, pfn, "NR_KERNEL_STACK_KB", THREAD_SIZE >> 10);
	l64_count_node(m, pfn, "NR_KERNEL_STACK", 1);
	return stack;
}

/* A copy of the first, as fork_idle() makes it: with its signals, files and root, on a stack of its own. */
uint64_t l64_idle_task(struct linux64 *m, unsigned cpu)
{
	static const char s[] = "task_struct";
	uint64_t t = l64_alloc_object(m, s), first = image_symbol(&m->image, "init_task"), stack = new_stack(m);
	char name[16];
	/* What the processor's registers may need stands at its end, and is allocated as long as they are. */
	memcpy(l64_bytes(m, t), l64_bytes(m, first), m->task_size);
	set_lists(m, t);
	l64_list_init(m, t, s, "thread_node");
	set_stack(m, t, stack);
	l64_set(m, t, s, "cpu", cpu);
	l64_set(m, stack, "thread_info", "cpu", cpu);
	l64_set(m, t, s, "group_leader", t);
	snprintf(name, sizeof(name), "swapper/%u", cpu);
	l64_set_text(m, t, s, "comm", name);
	return t;
}
