/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The machine's memory in numbers, as /proc/meminfo has them (fs/proc/meminfo.c). All in pages.
 */
#ifndef MM_MEMINFO_H
#define MM_MEMINFO_H

#include <stdbool.h>
#include <stdint.h>

#include "core/kernel.h"

struct meminfo {
	uint64_t total, free;
	uint64_t buffers, cached, swap_cached, slab;
	uint64_t huge_total, huge_free; /* hugetlb pages of all sizes */
	uint64_t swap_total, swap_free;
	uint64_t commit_limit, committed;
	bool has_commit_limit;
};

/* A kernel that lacks one of the counters gives 0 for it. ERR_UNSUPPORTED when there is no count of
 * all memory. */
struct error *meminfo_read(struct kernel *k, struct meminfo *out) MUST_CHECK;

/* Frames neither reserved nor slab that have more than one reference: reads every struct page.
 * ERR_INTERRUPTED. */
struct error *meminfo_shared(struct kernel *k, uint64_t *pages) MUST_CHECK;

/* vm_commit_limit() (mm/util.c): pages that may be promised where that is limited. False when this kernel says no ratio. */
bool vm_commit_limit(struct kernel *k, uint64_t *pages);

/* A percpu_counter with what CPUs have not folded in (lib/percpu_counter.c: percpu_counter_sum()).
 * False when it cannot be read. */
bool percpu_counter_sum(struct kernel *k, uint64_t addr, int64_t *value);

#endif
