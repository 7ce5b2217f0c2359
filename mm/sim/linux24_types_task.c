/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Linux 2.4.20 for i386, SMP: the types of tasks, as gcc lays out include/linux/sched.h, include/asm-i386/processor.h, ptrace.h.
 */
#include <stddef.h>

#include "mm/sim/linux24.h"

/* clang-format off */
static const struct layout_member task_struct_members[] = {
	FIELD(0, "long", state), FIELD(4, "unsigned long", flags), FIELD(8, "int", sigpending),
	FIELD(0xc, "mm_segment_t", addr_limit), FIELD(0x10, "struct exec_domain *", exec_domain),
	FIELD(0x14, "long", need_resched), FIELD(0x18, "unsigned long", ptrace), FIELD(0x1c, "int", lock_depth),
	FIELD(0x20, "long", counter), FIELD(0x24, "long", nice), FIELD(0x28, "unsigned long", policy),
	FIELD(0x2c, "struct mm_struct *", mm), FIELD(0x30, "int", processor),
	FIELD(0x34, "unsigned long", cpus_runnable), FIELD(0x38, "unsigned long", cpus_allowed),
	FIELD(0x3c, "struct list_head", run_list), FIELD(0x44, "unsigned long", sleep_time),
	FIELD(0x48, "struct task_struct *", next_task), FIELD(0x4c, "struct task_struct *", prev_task),
	FIELD(0x50, "struct mm_struct *", active_mm), FIELD(0x54, "struct list_head", local_pages),
	FIELD(0x5c, "unsigned int", allocation_order), FIELD(0x60, "unsigned int", nr_local_pages),
	FIELD(0x64, "struct linux_binfmt *", binfmt), FIELD(0x68, "int", exit_code), FIELD(0x6c, "int", exit_signal),
	FIELD(0x70, "int", pdeath_signal), FIELD(0x74, "unsigned long", personality),
	BITS(0x78, "int", did_exec, 1, 0), FIELD(0x7c, "pid_t", pid), FIELD(0x80, "pid_t", pgrp),
	FIELD(0x84, "pid_t", tty_old_pgrp), FIELD(0x88, "pid_t", session), FIELD(0x8c, "pid_t", tgid),
	FIELD(0x90, "int", leader), FIELD(0x94, "struct task_struct *", p_opptr),
	FIELD(0x98, "struct task_struct *", p_pptr), FIELD(0x9c, "struct task_struct *", p_cptr),
	FIELD(0xa0, "struct task_struct *", p_ysptr), FIELD(0xa4, "struct task_struct *", p_osptr),
	FIELD(0xa8, "struct list_head", thread_group), FIELD(0xb0, "struct task_struct *", pidhash_next),
	FIELD(0xb4, "struct task_struct **", pidhash_pprev), FIELD(0xb8, "wait_queue_head_t", wait_chldexit),
	FIELD(0xc4, "struct completion *", vfork_done), FIELD(0xc8, "unsigned long", rt_priority),
	FIELD(0xcc, "unsigned long", it_real_value), FIELD(0xd0, "unsigned long", it_prof_value),
	FIELD(0xd4, "unsigned long", it_virt_value), FIELD(0xd8, "unsigned long", it_real_incr),
	FIELD(0xdc, "unsigned long", it_prof_incr), FIELD(0xe0, "unsigned long", it_virt_incr),
	FIELD(0xe4, "struct timer_list", real_timer), FIELD(0xf8, "struct tms", times),
	FIELD(0x108, "unsigned long", start_time), FIELD(0x10c, "long [32]", per_cpu_utime),
	FIELD(0x18c, "long [32]", per_cpu_stime), FIELD(0x20c, "unsigned long", min_flt),
	FIELD(0x210, "unsigned long", maj_flt), FIELD(0x214, "unsigned long", nswap),
	FIELD(0x218, "unsigned long", cmin_flt), FIELD(0x21c, "unsigned long", cmaj_flt),
	FIELD(0x220, "unsigned long", cnswap), BITS(0x224, "int", swappable, 1, 0), FIELD(0x228, "uid_t", uid),
	FIELD(0x22c, "uid_t", euid), FIELD(0x230, "uid_t", suid), FIELD(0x234, "uid_t", fsuid),
	FIELD(0x238, "gid_t", gid), FIELD(0x23c, "gid_t", egid), FIELD(0x240, "gid_t", sgid),
	FIELD(0x244, "gid_t", fsgid), FIELD(0x248, "int", ngroups), FIELD(0x24c, "gid_t [32]", groups),
	FIELD(0x2cc, "kernel_cap_t", cap_effective), FIELD(0x2d0, "kernel_cap_t", cap_inheritable),
	FIELD(0x2d4, "kernel_cap_t", cap_permitted), BITS(0x2d8, "int", keep_capabilities, 1, 0),
	FIELD(0x2dc, "struct user_struct *", user), FIELD(0x2e0, "struct rlimit [11]", rlim),
	FIELD(0x338, "unsigned short", used_math), FIELD(0x33a, "char [16]", comm), FIELD(0x34c, "int", link_count),
	FIELD(0x350, "int", total_link_count), FIELD(0x354, "struct tty_struct *", tty),
	FIELD(0x358, "unsigned int", locks), FIELD(0x35c, "struct sem_undo *", semundo),
	FIELD(0x360, "struct sem_queue *", semsleeping), FIELD(0x370, "struct thread_struct", thread),
	FIELD(0x650, "struct fs_struct *", fs), FIELD(0x654, "struct files_struct *", files),
	FIELD(0x658, "struct namespace *", namespace), FIELD(0x65c, "spinlock_t", sigmask_lock),
	FIELD(0x660, "struct signal_struct *", sig), FIELD(0x664, "sigset_t", blocked),
	FIELD(0x66c, "struct sigpending", pending), FIELD(0x67c, "unsigned long", sas_ss_sp),
	FIELD(0x680, "size_t", sas_ss_size), FIELD(0x684, "int (*)(void *)", notifier),
	FIELD(0x688, "void *", notifier_data), FIELD(0x68c, "sigset_t *", notifier_mask),
	FIELD(0x690, "u32", parent_exec_id), FIELD(0x694, "u32", self_exec_id),
	FIELD(0x698, "spinlock_t", alloc_lock), FIELD(0x69c, "void *", journal_info), END,
};

static const struct layout_member mm_segment_t_members[] = {
	FIELD(0, "unsigned long", seg), END,
};

static const struct layout_member timer_list_members[] = {
	FIELD(0, "struct list_head", list), FIELD(8, "unsigned long", expires), FIELD(0xc, "unsigned long", data),
	FIELD(0x10, "void (*)(unsigned long)", function), END,
};

static const struct layout_member tms_members[] = {
	FIELD(0, "clock_t", tms_utime), FIELD(4, "clock_t", tms_stime), FIELD(8, "clock_t", tms_cutime),
	FIELD(0xc, "clock_t", tms_cstime), END,
};

static const struct layout_member rlimit_members[] = {
	FIELD(0, "unsigned long", rlim_cur), FIELD(4, "unsigned long", rlim_max), END,
};

static const struct layout_member thread_struct_members[] = {
	FIELD(0, "unsigned long", esp0), FIELD(4, "unsigned long", eip), FIELD(8, "unsigned long", esp),
	FIELD(0xc, "unsigned long", fs), FIELD(0x10, "unsigned long", gs),
	FIELD(0x14, "unsigned long [8]", debugreg), FIELD(0x34, "unsigned long", cr2),
	FIELD(0x38, "unsigned long", trap_no), FIELD(0x3c, "unsigned long", error_code),
	FIELD(0x40, "union i387_union", i387), FIELD(0x240, "struct vm86_struct *", vm86_info),
	FIELD(0x244, "unsigned long", screen_bitmap), FIELD(0x248, "unsigned long", v86flags),
	FIELD(0x24c, "unsigned long", v86mask), FIELD(0x250, "unsigned long", saved_esp0),
	FIELD(0x254, "int", ioperm), FIELD(0x258, "unsigned long [33]", io_bitmap), END,
};

static const struct layout_member i387_union_members[] = {
	FIELD(0, "struct i387_fsave_struct", fsave), FIELD(0, "struct i387_fxsave_struct", fxsave),
	FIELD(0, "struct i387_soft_struct", soft), END,
};

static const struct layout_member i387_fsave_struct_members[] = {
	FIELD(0, "long", cwd), FIELD(4, "long", swd), FIELD(8, "long", twd), FIELD(0xc, "long", fip),
	FIELD(0x10, "long", fcs), FIELD(0x14, "long", foo), FIELD(0x18, "long", fos),
	FIELD(0x1c, "long [20]", st_space), FIELD(0x6c, "long", status), END,
};

static const struct layout_member i387_fxsave_struct_members[] = {
	FIELD(0, "unsigned short", cwd), FIELD(2, "unsigned short", swd), FIELD(4, "unsigned short", twd),
	FIELD(6, "unsigned short", fop), FIELD(8, "long", fip), FIELD(0xc, "long", fcs), FIELD(0x10, "long", foo),
	FIELD(0x14, "long", fos), FIELD(0x18, "long", mxcsr), FIELD(0x1c, "long", reserved),
	FIELD(0x20, "long [32]", st_space), FIELD(0xa0, "long [32]", xmm_space), FIELD(0x120, "long [56]", padding),
	END,
};

static const struct layout_member i387_soft_struct_members[] = {
	FIELD(0, "long", cwd), FIELD(4, "long", swd), FIELD(8, "long", twd), FIELD(0xc, "long", fip),
	FIELD(0x10, "long", fcs), FIELD(0x14, "long", foo), FIELD(0x18, "long", fos),
	FIELD(0x1c, "long [20]", st_space), FIELD(0x6c, "unsigned char", ftop),
	FIELD(0x6d, "unsigned char", changed), FIELD(0x6e, "unsigned char", lookahead),
	FIELD(0x6f, "unsigned char", no_update), FIELD(0x70, "unsigned char", rm),
	FIELD(0x71, "unsigned char", alimit), FIELD(0x74, "struct info *", info),
	FIELD(0x78, "unsigned long", entry_eip), END,
};

static const struct layout_member sigset_t_members[] = {
	FIELD(0, "unsigned long [2]", sig), END,
};

static const struct layout_member sigpending_members[] = {
	FIELD(0, "struct sigqueue *", head), FIELD(4, "struct sigqueue **", tail), FIELD(8, "sigset_t", signal), END,
};

static const struct layout_member task_union_members[] = {
	FIELD(0, "struct task_struct", task), FIELD(0, "unsigned long [2048]", stack), END,
};

static const struct layout_member pt_regs_members[] = {
	FIELD(0, "long", ebx), FIELD(4, "long", ecx), FIELD(8, "long", edx), FIELD(0xc, "long", esi),
	FIELD(0x10, "long", edi), FIELD(0x14, "long", ebp), FIELD(0x18, "long", eax), FIELD(0x1c, "int", xds),
	FIELD(0x20, "int", xes), FIELD(0x24, "long", orig_eax), FIELD(0x28, "long", eip), FIELD(0x2c, "int", xcs),
	FIELD(0x30, "long", eflags), FIELD(0x34, "long", esp), FIELD(0x38, "int", xss), END,
};

static const struct layout_member signal_struct_members[] = {
	FIELD(0, "atomic_t", count), FIELD(4, "struct k_sigaction [64]", action),
	FIELD(0x504, "spinlock_t", siglock), END,
};

static const struct layout_member k_sigaction_members[] = {
	FIELD(0, "struct sigaction", sa), END,
};

static const struct layout_member sigaction_members[] = {
	FIELD(0, "__sighandler_t", sa_handler), FIELD(4, "unsigned long", sa_flags),
	FIELD(8, "void (*)()", sa_restorer), FIELD(0xc, "sigset_t", sa_mask), END,
};

static const struct layout_member user_struct_members[] = {
	FIELD(0, "atomic_t", __count), FIELD(4, "atomic_t", processes), FIELD(8, "atomic_t", files),
	FIELD(0xc, "struct user_struct *", next), FIELD(0x10, "struct user_struct **", pprev),
	FIELD(0x14, "uid_t", uid), END,
};

static const struct layout_member exec_domain_members[] = {
	FIELD(0, "char *", name), FIELD(4, "handler_t", handler), FIELD(8, "unsigned char", pers_low),
	FIELD(9, "unsigned char", pers_high), FIELD(0xc, "unsigned long *", signal_map),
	FIELD(0x10, "unsigned long *", signal_invmap), FIELD(0x14, "struct map_segment *", err_map),
	FIELD(0x18, "struct map_segment *", socktype_map), FIELD(0x1c, "struct map_segment *", sockopt_map),
	FIELD(0x20, "struct map_segment *", af_map), FIELD(0x24, "struct module *", module),
	FIELD(0x28, "struct exec_domain *", next), END,
};

static const struct layout_member cpuinfo_x86_members[] = {
	FIELD(0, "__u8", x86), FIELD(1, "__u8", x86_vendor), FIELD(2, "__u8", x86_model), FIELD(3, "__u8", x86_mask),
	FIELD(4, "char", wp_works_ok), FIELD(5, "char", hlt_works_ok), FIELD(6, "char", hard_math),
	FIELD(7, "char", rfu), FIELD(8, "int", cpuid_level), FIELD(0xc, "__u32 [4]", x86_capability),
	FIELD(0x1c, "char [16]", x86_vendor_id), FIELD(0x2c, "char [64]", x86_model_id),
	FIELD(0x6c, "int", x86_cache_size), FIELD(0x70, "int", fdiv_bug), FIELD(0x74, "int", f00f_bug),
	FIELD(0x78, "int", coma_bug), FIELD(0x7c, "unsigned long", loops_per_jiffy),
	FIELD(0x80, "unsigned long *", pgd_quick), FIELD(0x84, "unsigned long *", pmd_quick),
	FIELD(0x88, "unsigned long *", pte_quick), FIELD(0x8c, "unsigned long", pgtable_cache_sz), END,
};

static const struct layout_member timeval_members[] = {
	FIELD(0, "time_t", tv_sec), FIELD(4, "suseconds_t", tv_usec), END,
};

static const struct layout_member timespec_members[] = {
	FIELD(0, "time_t", tv_sec), FIELD(4, "long", tv_nsec), END,
};

const struct layout_struct linux24_task_structs[] = {
	{ "task_struct", 1696, false, task_struct_members },
	{ "$mm_segment_t", 4, false, mm_segment_t_members },
	{ "timer_list", 20, false, timer_list_members },
	{ "tms", 16, false, tms_members },
	{ "rlimit", 8, false, rlimit_members },
	{ "thread_struct", 736, false, thread_struct_members },
	{ "i387_union", 512, true, i387_union_members },
	{ "i387_fsave_struct", 112, false, i387_fsave_struct_members },
	{ "i387_fxsave_struct", 512, false, i387_fxsave_struct_members },
	{ "i387_soft_struct", 124, false, i387_soft_struct_members },
	{ "$sigset_t", 8, false, sigset_t_members },
	{ "sigpending", 16, false, sigpending_members },
	{ "task_union", 8192, true, task_union_members },
	{ "pt_regs", 60, false, pt_regs_members },
	{ "signal_struct", 1288, false, signal_struct_members },
	{ "k_sigaction", 20, false, k_sigaction_members },
	{ "sigaction", 20, false, sigaction_members },
	{ "user_struct", 24, false, user_struct_members },
	{ "exec_domain", 44, false, exec_domain_members },
	{ "cpuinfo_x86", 160, false, cpuinfo_x86_members },
	{ "timeval", 8, false, timeval_members },
	{ "timespec", 8, false, timespec_members },
	{ NULL, 0, false, NULL },
};

const struct layout_typedef linux24_typedefs[] = {
	{ "rb_root_t", "struct rb_root_s" }, { "pgd_t", "struct $pgd_t" }, { "atomic_t", "struct $atomic_t" },
	{ "spinlock_t", "struct $spinlock_t" }, { "mm_context_t", "struct $mm_context_t" },
	{ "pgprot_t", "struct $pgprot_t" }, { "rb_node_t", "struct rb_node_s" },
	{ "free_area_t", "struct free_area_struct" }, { "wait_queue_head_t", "struct __wait_queue_head" },
	{ "zone_t", "struct zone_struct" }, { "zonelist_t", "struct zonelist_struct" },
	{ "size_t", "__kernel_size_t" }, { "__kernel_size_t", "unsigned int" },
	{ "kmem_cache_t", "struct kmem_cache_s" }, { "cpucache_t", "struct cpucache_s" },
	{ "kmem_bufctl_t", "unsigned int" }, { "kdev_t", "unsigned short" }, { "mode_t", "__kernel_mode_t" },
	{ "__kernel_mode_t", "unsigned short" }, { "loff_t", "__kernel_loff_t" }, { "__kernel_loff_t", "long long" },
	{ "uid_t", "__kernel_uid32_t" }, { "__kernel_uid32_t", "unsigned int" }, { "umode_t", "unsigned short" },
	{ "nlink_t", "__kernel_nlink_t" }, { "__kernel_nlink_t", "unsigned short" }, { "gid_t", "__kernel_gid32_t" },
	{ "__kernel_gid32_t", "unsigned int" }, { "time_t", "__kernel_time_t" }, { "__kernel_time_t", "long" },
	{ "__u32", "unsigned int" }, { "__u8", "unsigned char" }, { "swp_entry_t", "struct $swp_entry_t" },
	{ "rwlock_t", "struct $spinlock_t" }, { "fd_set", "__kernel_fd_set" },
	{ "__kernel_fd_set", "struct $__kernel_fd_set" }, { "ssize_t", "__kernel_ssize_t" },
	{ "__kernel_ssize_t", "int" }, { "filldir_t", "int (*)(void *, char *, int, loff_t, ino_t, unsigned int)" },
	{ "ino_t", "__kernel_ino_t" }, { "__kernel_ino_t", "unsigned long" }, { "kernel_cap_t", "__u32" },
	{ "mm_segment_t", "struct $mm_segment_t" }, { "pid_t", "__kernel_pid_t" }, { "__kernel_pid_t", "int" },
	{ "clock_t", "__kernel_clock_t" }, { "__kernel_clock_t", "long" }, { "sigset_t", "struct $sigset_t" },
	{ "u32", "unsigned int" }, { "__sighandler_t", "void (*)(int)" },
	{ "handler_t", "void (*)(int, struct pt_regs *)" }, { "suseconds_t", "__kernel_suseconds_t" },
	{ "__kernel_suseconds_t", "long" },
	{ NULL, NULL },
};
