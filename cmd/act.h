/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Commands that act: they change the image through the engine. An act is done whole or not at all.
 */
#ifndef CMD_ACT_H
#define CMD_ACT_H

#include "cmd/command.h"
#include "cmd/session.h"
#include "mm/engine/engine.h"
#include "mm/task.h"

/*
 * Does it, with a mark set before: on failure all is as it was. Prints the trace when that is on. What was read off the image before is
 * void afterwards (tasks, paths …).
 */
typedef struct error *act_function(struct engine *e, void *context);
struct error *act_do(struct session *s, act_function *act, void *context) MUST_CHECK;

/* The same for bytes that are written without an engine. The session may have no kernel. */
typedef struct error *change_function(struct session *s, void *context);
struct error *act_change(struct session *s, change_function *change, void *context) MUST_CHECK;

/* The same for what takes faults and does nothing else: more kernels can do that. */
struct error *act_do_faults(struct session *s, act_function *act, void *context) MUST_CHECK;
/* Does it, prints the trace when that is on, and takes it back. */
struct error *act_explain(struct session *s, act_function *act, void *context) MUST_CHECK;
/* As act_task(), where faults are all that is wanted. */
struct error *act_fault_task(struct session *s, const char *word, uint64_t *task) MUST_CHECK;

/* The task that acts: the one that `word` (of -c) names, or the context's when it is NULL. */
struct error *act_task(struct session *s, const char *word, uint64_t *task) MUST_CHECK;
/* Its mm. ERR_KERNEL (EFAULT) for a kernel thread. */
struct error *act_mm(struct session *s, uint64_t task, uint64_t *mm) MUST_CHECK;

/* The area that holds the address, when there is one, as vm shows it. */
void act_print_area(struct session *s, uint64_t mm, uint64_t addr);

/* "4096", "64k", "2M", "0x1000": bytes. */
struct error *parse_length(const char *text, uint64_t *out) MUST_CHECK;
/* "rwx", "r", "-": PROT_READ … */
struct error *parse_protection(const char *text, unsigned *out) MUST_CHECK;

#endif
