/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/engine/: pids of tasks (kernel/pid.c).
 */
#ifndef MM_PID_EDIT_H
#define MM_PID_EDIT_H

#include "mm/engine/engine.h"

/* What a task hangs on a struct pid as (enum pid_type). */
enum pid_kind { PID_OF_TASK, PID_OF_GROUP, PID_OF_PROCESS_GROUP, PID_OF_SESSION };

/* A struct pid in the namespace of `like` (a struct pid), with the number `wanted`, or (0) the next one. EEXIST, EINVAL, EAGAIN. *pid is its address. */
struct error *alloc_pid(struct engine *e, uint64_t like, uint32_t wanted, uint64_t *pid, uint32_t *number) MUST_CHECK;
/* The struct pid that a task has of a kind; 0. */
struct error *task_pid(struct engine *e, const struct object *task, enum pid_kind kind, uint64_t *pid) MUST_CHECK;
/* Hangs the task on it, which it says it has. */
struct error *attach_pid(struct engine *e, const struct object *task, enum pid_kind kind, uint64_t pid) MUST_CHECK;
/* Takes the task off; the pid goes when nothing hangs on it any more. */
struct error *detach_pid(struct engine *e, const struct object *task, enum pid_kind kind) MUST_CHECK;

/* ---- mm/engine/idr_edit.c: the tree of a namespace's pids (lib/idr.c, lib/radix-tree.c) ---- */

/* `idr` is the address of the tree's root pointer (xa_head, rnode); `value` is put at number `id`. EEXIST when that is taken. */
struct error *idr_insert(struct engine *e, uint64_t idr, uint64_t id, uint64_t value) MUST_CHECK;
/* The lowest number from `id` on that is free. */
struct error *idr_next_free(struct engine *e, uint64_t idr, uint64_t *id) MUST_CHECK;
struct error *idr_remove(struct engine *e, uint64_t idr, uint64_t id) MUST_CHECK;

#endif
