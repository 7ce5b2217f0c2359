/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The stacks that each CPU has beside its tasks': for interrupts, and on x86_64 one for each of the exceptions that bring their own
 * (arch/x86/include/asm/cpu_entry_area.h).
 */
#ifndef MM_STACKS_H
#define MM_STACKS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/kernel.h"

struct stack_kind {
	const char *name; /* "IRQ", "DOUBLEFAULT", "NMI", "DEBUG", "MCE", "VC" */
	uint64_t size;	  /* bytes */
	enum member_id member;
};
/* Those that this kernel has, by index; false past the last. */
bool stack_kind(struct kernel *k, unsigned index, struct stack_kind *out);
/* Its lowest address on a CPU. */
bool stack_of_cpu(struct kernel *k, const struct stack_kind *kind, unsigned cpu, uint64_t *base);

#endif
