/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/engine/: what fork, exec and exit share beyond mm/engine/engine.h.
 */
#ifndef MM_FORK_EDIT_H
#define MM_FORK_EDIT_H

#include "mm/engine/engine.h"

/* include/linux/sched.h of 2.4 */
#define CLONE_FS      0x200
#define CLONE_FILES   0x400
#define CLONE_SIGHAND 0x800
#define CLONE_THREAD  0x10000
#define TASK_UNION_ORDER 1 /* include/asm-i386/processor.h: task_struct and kernel stack, two pages */

/* Adds to a 32-bit counter of the kernel; a kernel that lacks it is left alone. */
struct error *count_symbol(struct engine *e, const char *symbol, int delta) MUST_CHECK;

/* ---- mm/engine/fork_mm.c ---- */

/* A copy of the address space, with one user, on the list of all of them behind the old one. */
struct error *dup_mm(struct engine *e, uint64_t old, uint64_t *mm) MUST_CHECK;
/* Gives the task an empty address space: its own when nobody else uses that, else a new one. */
struct error *exec_mmap(struct engine *e, uint64_t task) MUST_CHECK;

/* ---- mm/engine/fork_files.c ---- */

/* files_struct, fs_struct, signal_struct: shared by flag, else copied; `child` is a copy of `parent` still. */
struct error *copy_shared_structs(struct engine *e, const struct object *child, unsigned clone_flags) MUST_CHECK;
struct error *put_shared_structs(struct engine *e, const struct object *task) MUST_CHECK;

#endif
