/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a kernel's types must have for what is read of a subject: the members of mm/needs.def.
 */
#ifndef MM_NEEDS_H
#define MM_NEEDS_H

#include "core/kernel.h"

enum needs {
	NEEDS_TASKS = 1,
	NEEDS_AREAS = 2,
	NEEDS_PAGES = 4,
	NEEDS_ZONES = 8,
	NEEDS_COUNTS = 16, /* what processes, zones and nodes count */
	NEEDS_CACHE = 32,
	NEEDS_RMAP = 64,
	NEEDS_SLAB = 128,
	NEEDS_SWAP = 256,
	NEEDS_VMALLOC = 512,
	NEEDS_ACTS = 1024,
	/* set by themselves: the parts of counts that kernels for several processors have, of sections where struct pages lie in a vmemmap */
	NEEDS_SMP = 2048,
	NEEDS_VMEMMAP = 4096,
	NEEDS_ALL = NEEDS_SMP - 1
};

/* ERR_UNSUPPORTED, "WHAT: this kernel has no STRUCT.MEMBER", naming the first that is missing of subjects ORed together. */
struct error *needs_check(struct kernel *k, const char *what, unsigned subjects) MUST_CHECK;

#endif
