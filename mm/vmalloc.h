/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Areas of the kernel's vmalloc space (mm/vmalloc.c).
 */
#ifndef MM_VMALLOC_H
#define MM_VMALLOC_H

#include <stdbool.h>
#include <stdint.h>

#include "core/kernel.h"

struct vmalloc_area {
	uint64_t addr;	     /* vmap_area; 0 where the kernel has only vm_structs */
	uint64_t vm;	     /* vm_struct, 0 for none (a vm_map_ram() area) */
	uint64_t start, end; /* bytes, end exclusive */
};

typedef bool vmalloc_visitor(void *context, const struct vmalloc_area *area);

/*
 * All areas in use, ascending within each list that the kernel keeps (one, or since 6.9 one per
 * vmap_node). visit() returns false to end. ERR_UNSUPPORTED, ERR_BAD_LIST.
 */
struct error *vmalloc_for_each(struct kernel *k, vmalloc_visitor *visit, void *context) MUST_CHECK;
/* The area that holds the address. */
struct error *vmalloc_at(struct kernel *k, uint64_t addr, struct vmalloc_area *out,
			 bool *found) MUST_CHECK;

#endif
