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

/* ---- mm/engine/fork_areas.c: the same where areas have an anon_vma; mm_alloc(), mmput() and dup_mm() hand on ---- */

struct error *mm_alloc_areas(struct engine *e, uint64_t *mm) MUST_CHECK;
struct error *dup_mm_areas(struct engine *e, uint64_t old, uint64_t *mm) MUST_CHECK;
struct error *mmput_areas(struct engine *e, uint64_t mm) MUST_CHECK;
/* mm/engine/mm_parts.c: counters per CPU, numbers of its own and of its tasks; an mm that is all zeroes or a copy gets them (on ENOMEM none), and gives them back. */
struct error *mm_alloc_parts(struct engine *e, const struct object *mm) MUST_CHECK;
struct error *mm_drop_parts(struct engine *e, const struct object *mm) MUST_CHECK;
struct error *mm_drop_futexes(struct engine *e, const struct object *mm) MUST_CHECK;
/* mm/engine/mm_sched.c: the scheduler's part of that; the task is one of those that run in the mm, and is so no more. */
struct error *mm_alloc_sched(struct engine *e, const struct object *mm) MUST_CHECK;
struct error *mm_destroy_sched(struct engine *e, const struct object *mm) MUST_CHECK;
struct error *sched_mm_fork(struct engine *e, const struct object *task, const struct object *mm) MUST_CHECK;
struct error *sched_mm_exit(struct engine *e, const struct object *task, const struct object *mm) MUST_CHECK;
/* mm/engine/lru_gen_mm.c: the mm is on no list; it comes onto that which `like` is on; it leaves its own. Nothing where there are no such lists. */
struct error *lru_gen_init_mm(struct engine *e, const struct object *mm) MUST_CHECK;
struct error *lru_gen_add_mm(struct engine *e, const struct object *mm, const struct object *like) MUST_CHECK;
struct error *lru_gen_del_mm(struct engine *e, const struct object *mm) MUST_CHECK;
/* A reference to the mm_struct itself goes. */
struct error *mmdrop_areas(struct engine *e, uint64_t mm) MUST_CHECK;

/* ---- mm/engine/fork_modern.c, exit_modern.c: what do_fork() and do_exit() hand on where tasks have a struct pid ---- */

struct error *do_fork_modern(struct engine *e, uint64_t parent, unsigned clone_flags, uint32_t pid, uint64_t *task) MUST_CHECK;
struct error *do_exit_modern(struct engine *e, uint64_t task) MUST_CHECK;
/* The task has no signal handlers any more; put_signal_struct(): one thread less, and with the last the structure goes. */
struct error *put_sighand_modern(struct engine *e, const struct object *task) MUST_CHECK;
struct error *put_signal(struct engine *e, const struct object *signal) MUST_CHECK;
/* exit_creds(): the task has none any more. */
struct error *put_creds(struct engine *e, const struct object *task) MUST_CHECK;
/* What says who may look at the task, where that is not the mm; the task has none any more. */
struct error *put_exec_state(struct engine *e, const struct object *task) MUST_CHECK;
/* process_counts of the acting CPU */
struct error *count_processes(struct engine *e, int delta) MUST_CHECK;

/* ---- mm/engine/task_stack.c ---- */

/* A kernel stack: its address, and the vm_struct of its area (0: a block of the direct map). */
struct error *alloc_thread_stack(struct engine *e, uint64_t *stack, uint64_t *vm) MUST_CHECK;
struct error *free_thread_stack(struct engine *e, uint64_t stack, uint64_t vm) MUST_CHECK;

/* ---- mm/engine/copy_pages.c ---- */

/* copy_page_range(): the entries of the area `from` of mm `src` into `dst`, where its copy is; both mms are opened writable. */
struct error *copy_page_range_areas(struct engine *e, const struct object *dst, const struct object *src, const struct object *from) MUST_CHECK;

/* ---- mm/engine/fork_files.c ---- */

/* A counter within an object, of which it is a part; *now: what it is then. Object 0 is left alone. */
struct error *add_count(struct engine *e, uint64_t object, enum struct_id id, enum member_id count, int delta, uint64_t *now) MUST_CHECK;

/* Open files in a table of their own (struct fdtable, since 2.6.15); root and working directory; namespaces. */
struct error *copy_files_modern(struct engine *e, const struct object *child, unsigned clone_flags) MUST_CHECK;
struct error *put_files_modern(struct engine *e, uint64_t files) MUST_CHECK;
struct error *copy_fs(struct engine *e, const struct object *child, unsigned clone_flags) MUST_CHECK;
struct error *put_fs(struct engine *e, uint64_t fs) MUST_CHECK;
struct error *put_namespaces(struct engine *e, const struct object *task) MUST_CHECK;
/* files_struct, fs_struct, signal_struct: shared by flag, else copied; `child` is a copy of `parent` still. */
struct error *copy_shared_structs(struct engine *e, const struct object *child, unsigned clone_flags) MUST_CHECK;
struct error *put_shared_structs(struct engine *e, const struct object *task) MUST_CHECK;

#endif
