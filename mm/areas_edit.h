/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/: what the files that change areas of kernels with reverse mapping share beyond mm/engine.h. Functions have the kernel's names.
 */
#ifndef MM_AREAS_EDIT_H
#define MM_AREAS_EDIT_H

#include "mm/engine.h"

/* ---- mm/engine_areas.c ---- */

void engine_areas_open(struct engine *e);
struct error *engine_areas_set_cpu(struct engine *e) MUST_CHECK;

/* ---- mm/anon_vma.c ---- */

/* Bits of vm_flags that have not moved since 3.7 and that only acts need (include/linux/mm.h). */
#define VM_PFNMAP      0x400ull
#define VM_DENYWRITE   0x800ull /* until 5.15 */
#define VM_DONTCOPY    0x20000ull
#define VM_DONTEXPAND  0x40000ull
#define VM_LOCKONFAULT 0x80000ull
#define VM_ACCOUNT     0x100000ull
#define VM_NORESERVE   0x200000ull
#define VM_WIPEONFORK  0x2000000ull
#define VM_SOFTDIRTY   0x8000000ull
#define VM_MIXEDMAP    0x10000000ull
#define VM_HUGEPAGE    0x20000000ull
#define VM_NOHUGEPAGE  0x40000000ull
#define VM_ACCESS_FLAGS (VM_READ | VM_WRITE | VM_EXEC)

/* The areas before and behind one in its mm, 0 for none; where areas stand in a tree alone, only those that touch it. */
struct error *vma_neighbours(struct engine *e, const struct object *vma, uint64_t *prev, uint64_t *next) MUST_CHECK;
/* Do the two areas have the same memory policy? */
bool mpol_equal(struct engine *e, const struct object *a, const struct object *b);
bool list_is_singular(struct kernel *k, uint64_t head);
/* All of the area's chains out of their trees, before its pages change, and in again after. */
struct error *anon_vma_interval_tree_pre_update_vma(struct engine *e, const struct object *vma) MUST_CHECK;
struct error *anon_vma_interval_tree_post_update_vma(struct engine *e, const struct object *vma) MUST_CHECK;

#endif
