/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which parts of a range of virtual memory are there: runs of pages alike, read from the page tables.
 */
#ifndef MM_RESIDENCY_H
#define MM_RESIDENCY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/kernel.h"

enum residency {
	RESIDENT, /* mapped to memory (the zero page too) */
	SWAPPED,  /* in a slot of swap space */
	OTHERWISE, /* neither empty nor present: migrating, poisoned, markers */
	NOTHING,   /* nothing mapped */
	UNKNOWN,   /* the page table is not in the image */
};

struct residency_run {
	uint64_t start, end; /* page-aligned */
	enum residency kind;
};
/* Returns false to end. */
typedef bool residency_visitor(void *context, const struct residency_run *run);

/*
 * All of [start, end) in ascending runs, without gaps; neighbours are of different kinds. `pgd`: physical address of the topmost table.
 * ERR_INTERRUPTED.
 */
struct error *residency_for_each(struct kernel *k, uint64_t pgd, uint64_t start, uint64_t end, residency_visitor *visit, void *context) MUST_CHECK;

/* The parts of the kernel's half of the address space, ascending, as this machine has them (Documentation/arch/x86/x86_64/mm.rst). */
struct kernel_region {
	const char *name;
	uint64_t start, last; /* the last byte */
};
#define KERNEL_REGIONS_MAX 16
size_t kernel_regions(const struct kernel *k, struct kernel_region out[KERNEL_REGIONS_MAX]);

#endif
