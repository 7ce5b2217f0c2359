/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Signals: what a task does on each, what it holds back, what waits for it (kernel/signal.c, include/linux/sched/signal.h).
 */
#ifndef MM_SIGNAL_H
#define MM_SIGNAL_H

#include "core/kernel.h"
#include "mm/task.h"

/* "SIGHUP", "SIGCHLD", "SIGRTMIN+1" … of 1 to 64 (include/uapi/asm/signal.h of x86); `buf` has room for 16 bytes. */
const char *signal_name(unsigned number, char *buf);
/* The second name that a signal has ("SIGIOT" of SIGABRT), or NULL. */
const char *signal_other_name(unsigned number);
/* "SA_RESTART|SA_SIGINFO"; "" when no bit has a name. */
void signal_action_flags(uint64_t flags, char *buf, size_t size);

struct task_signals {
	uint64_t signal_struct;
	uint64_t threads; /* in it; where the kernel keeps no such number, references to it */
	bool counts_threads;
	uint64_t blocked;
	uint64_t pending, shared; /* sets; of the task, of its process (0 before 2.6) */
	uint64_t pending_queue, shared_queue; /* struct sigpending; 0: none */
};
/* ERR_UNSUPPORTED; a task that is dead already has neither signal_struct nor actions. */
struct error *task_signals(struct kernel *k, const struct task *t, struct task_signals *out) MUST_CHECK;

struct signal_action {
	unsigned number; /* from 1 */
	uint64_t addr, handler, mask, flags;
};
typedef bool signal_action_visitor(void *context, const struct signal_action *a);
/* All of the task's, by number. A task without a sighand_struct has none. */
struct error *signal_actions(struct kernel *k, const struct task *t, signal_action_visitor *visit, void *context) MUST_CHECK;

/* What is queued in a sigpending: the number, and the address of the siginfo. ERR_BAD_LIST. */
typedef bool signal_queue_visitor(void *context, unsigned number, uint64_t siginfo);
struct error *signal_queue(struct kernel *k, uint64_t sigpending, signal_queue_visitor *visit, void *context) MUST_CHECK;

#endif
