/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/engine/: areas of vmalloc space (mm/vmalloc.c), taken and given back.
 */
#ifndef MM_VMALLOC_EDIT_H
#define MM_VMALLOC_EDIT_H

#include "mm/engine/engine.h"

/* An area of so many bytes for that vm_struct: one that the CPU's node has ready (since 6.9), else the lowest place that is free; *start is where. ENOMEM, with nothing changed. */
struct error *alloc_vmap_area(struct engine *e, uint64_t vm, uint64_t size, uint64_t align, uint64_t *start) MUST_CHECK;
/* The area of that vm_struct is no more; its addresses wait to be used again where the kernel lets them (vmap_purge_list). */
struct error *free_vmap_area(struct engine *e, uint64_t vm) MUST_CHECK;

#endif
