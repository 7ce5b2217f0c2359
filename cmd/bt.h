/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What bt's files share (cmd/bt.c: frames; cmd/bt_stack.c: what a stack holds otherwise). */
#ifndef CMD_BT_H
#define CMD_BT_H

#include "cmd/session.h"
#include "mm/unwind.h"

enum { BT_SYMBOLS = 1, BT_CACHES = 2 };
/*
 * The words in [start, end), two a line after `prefix`: 0 as numbers, from BT_SYMBOLS on addresses as symbols, from BT_CACHES on (-F) objects of slab
 * caches by the cache's name, beyond that (-FF) with the address.
 */
void bt_words(struct session *s, uint64_t start, uint64_t end, const char *prefix, const char *separator, unsigned symbolic);
/* The tasks of the following have a stack. -t, -T: every word of [start, top) that is an address in text. */
struct error *bt_text(struct session *s, const struct task *t, uint64_t start) MUST_CHECK;
/* -r: the whole stack. */
struct error *bt_raw(struct session *s, const struct task *t) MUST_CHECK;
/* -e: what looks like registers saved by an exception, on the task's stack; -E: on the stacks of a CPU. */
struct error *bt_exceptions(struct session *s, const struct task *t) MUST_CHECK;
struct error *bt_cpu_exceptions(struct session *s, unsigned cpu) MUST_CHECK;
/* -v: stacks whose end was written over. */
struct error *bt_check_stacks(struct session *s) MUST_CHECK;

#endif
