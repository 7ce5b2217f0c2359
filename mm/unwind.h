/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The calls that a kernel stack holds, innermost first: by ORC (mm/orc.h), from memory alone.
 */
#ifndef MM_UNWIND_H
#define MM_UNWIND_H

#include "mm/task.h"

/* A stack as it lies in memory. */
struct stack_place {
	const char *name; /* NULL: a task's; "IRQ", "NMI" … (mm/stacks.h) */
	uint64_t base, size;
};

struct frame {
	uint64_t ip;   /* in this function: where it goes on when the inner one returns, or where an exception found it */
	uint64_t slot; /* the stack's word that holds ip; for an exception's frame the stack pointer then */
	uint64_t end;  /* first address above the frame; 0: not known */
	bool interrupted; /* ip is no return address: an exception or interrupt came there */
	/* The registers saved where this function was entered from an exception, an interrupt or user mode: a pt_regs. bytes is NULL when there are none. */
	struct object regs;
	bool regs_partial; /* of regs only ip, cs, flags, sp and ss are true */
	bool user;	   /* regs are of user mode: nothing is below */
	const struct stack_place *left; /* the walk goes on another stack below this frame: the stack that it left; or NULL */
};

/* Returns false to end. */
typedef bool frame_visitor(void *context, const struct frame *frame);

/*
 * Where a walk begins: the task's saved stack pointer when it is not running, else its processor's registers when the image has them (`regs`), else
 * nothing (ERR_NOT_FOUND).
 */
struct unwind_start {
	uint64_t ip, sp, bp;
	uint64_t slot;	    /* of ip, as frame.slot; 0 with registers */
	struct object regs; /* of a running task: the processor's, else bytes is NULL */
	bool user;	    /* running in user mode: no calls */
};
struct error *unwind_begin(struct kernel *k, const struct task *t, struct unwind_start *out) MUST_CHECK;
/*
 * Visits each frame from there. With registers the first frame is the caller of the function that they are of (which the registers tell). Errors:
 * ERR_UNSUPPORTED (no ORC tables in this kernel), ERR_BAD_LIST (the stack cannot be followed to its end; the frames given are good), ERR_INTERRUPTED.
 */
struct error *unwind(struct kernel *k, const struct task *t, const struct unwind_start *start, frame_visitor *visit, void *context) MUST_CHECK;

#endif
