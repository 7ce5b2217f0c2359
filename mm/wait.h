/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Wait queues (include/linux/wait.h, swait.h).
 */
#ifndef MM_WAIT_H
#define MM_WAIT_H

#include "core/kernel.h"
#include "mm/task.h"

struct waiter {
	uint64_t addr;		  /* wait_queue_entry, __wait_queue, swait_queue */
	uint64_t func;		  /* what wakes it; 0: a simple wait queue's */
	const struct task *task; /* who waits; NULL where nobody does (epoll) or it is not known */
};
typedef bool waiter_visitor(void *context, const struct waiter *w);
/*
 * Those on the queue at an address, the first to be woken first; `simple`: it is a swait_queue_head. A task that poll() or select()
 * has there waits through its poll_wqueues. ERR_UNSUPPORTED, ERR_BAD_LIST.
 */
struct error *waiters_for_each(struct kernel *k, uint64_t head, bool simple, waiter_visitor *visit, void *context) MUST_CHECK;

#endif
