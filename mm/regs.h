/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The registers that the kernel keeps of a task: those of user mode, saved at its last entry into
 * the kernel, and CR3.
 */
#ifndef MM_REGS_H
#define MM_REGS_H

#include "mm/task.h"

/*
 * The pt_regs at the top of a task's kernel stack; read its members with GET(k, regs, pt_regs, …).
 * ERR_NOT_FOUND for a task without user mode (a kernel thread) or without a stack (one that has
 * ended).
 */
struct error *task_user_regs(struct kernel *k, const struct task *t,
			     struct object *regs) MUST_CHECK;

/*
 * CR3 without its PCID bits: physical addresses of the topmost page tables, in use in the kernel
 * and, under page-table isolation, in user mode (0: the same one). A kernel thread's are those of
 * swapper_pg_dir.
 */
struct error *task_cr3(struct kernel *k, const struct task *t, uint64_t *kernel_pgd,
		       uint64_t *user_pgd) MUST_CHECK;

#endif
