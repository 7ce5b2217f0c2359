/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Passes over virtual memory in its order, without copies: what page tables map, and the kernel's own parts of it.
 */
#ifndef CORE_MAPPED_H
#define CORE_MAPPED_H

#include "core/kernel.h"

/* Gets pieces of memory, ascending, as long as they are contiguous in the image; the bytes are good until it returns. Returns false to end. */
typedef bool mapped_visitor(void *context, uint64_t addr, const unsigned char *bytes, size_t len);

/*
 * All memory mapped in [start, end] (last byte included) by the page tables at physical `pgd` that the image holds. Ends early, with success, when visit() returns
 * false or Ctrl-C was pressed. Errors as vmcore_scan().
 */
struct error *mapped_scan(struct kernel *k, uint64_t pgd, uint64_t start, uint64_t last, mapped_visitor *visit, void *context) MUST_CHECK;
/* Physical memory [start, end) at the addresses that lie `shift` above. */
struct error *mapped_scan_linear(struct vmcore *vc, uint64_t start, uint64_t end, uint64_t shift, mapped_visitor *visit, void *context) MUST_CHECK;

enum kernel_part {
	PART_DIRECT = 1, /* the direct map: all of memory */
	PART_TEXT = 2,	 /* where the kernel's image is linked (x86_64) */
	PART_DYNAMIC = 4, /* vmalloc space, modules, the virtual mem_map, per-CPU entry areas */
};
#define PART_ALL (PART_DIRECT | PART_TEXT | PART_DYNAMIC)

/* The kernel's memory in [start, last] that is of these parts, as mapped_scan(). */
struct error *mapped_scan_kernel(struct kernel *k, unsigned parts, uint64_t start, uint64_t last, mapped_visitor *visit, void *context) MUST_CHECK;

#endif
