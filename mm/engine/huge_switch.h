/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What says when transparent huge pages are used: /sys/kernel/mm/transparent_hugepage (mm/huge_memory.c).
 */
#ifndef MM_HUGE_SWITCH_H
#define MM_HUGE_SWITCH_H

#include "core/kernel.h"

enum huge_switch {
	HUGE_ENABLED,	    /* "always", "madvise", "never" */
	HUGE_DEFRAG,	    /* whether memory is compacted for one: "always", "defer", "defer+madvise", "madvise", "never" */
	HUGE_USE_ZERO_PAGE, /* "1", "0" */
	HUGE_SWITCHES
};

/* As the file is called: "enabled", … */
const char *huge_switch_name(enum huge_switch which);
/* Value n (from 0) that it can have on this kernel; NULL behind the last, and for all where the kernel has no huge pages. */
const char *huge_switch_value(struct kernel *k, enum huge_switch which, unsigned n);
/* What it has; NULL where the kernel has no huge pages. */
const char *huge_switch_read(struct kernel *k, enum huge_switch which);
/* As a write to the file does it: EINVAL for what is no value of it; ERR_UNSUPPORTED where the kernel has no huge pages. */
struct error *huge_switch_write(struct kernel *k, enum huge_switch which, const char *value) MUST_CHECK;

/* Since 6.8 each size has a switch of its own (hugepages-64kB/enabled): "always", "inherit", "madvise", "never". By order, NULL for one that has none. */
const char *huge_size_read(struct kernel *k, unsigned order);
struct error *huge_size_write(struct kernel *k, unsigned order, const char *value) MUST_CHECK;

#endif
