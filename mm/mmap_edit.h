/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/: what the engine's files about areas, faults and files share beyond mm/engine.h.
 */
#ifndef MM_MMAP_EDIT_H
#define MM_MMAP_EDIT_H

#include "mm/engine.h"

/* RLIMIT_STACK's default (include/asm-i386/resource.h: _STK_LIM). */
#define STACK_LIMIT (8u << 20)

struct vma_place {
	uint64_t vma;	 /* the first area that ends above the address, 0 for none */
	bool inside;	 /* it holds the address: the rest is not filled then */
	uint64_t prev;	 /* the area before the address, 0 for none */
	uint64_t parent; /* rb_node under which a new area would hang, 0: at the root */
	uint64_t link;	 /* address of the child pointer */
};
struct error *find_vma_prepare(struct engine *e, const struct object *mm, uint64_t addr, struct vma_place *place) MUST_CHECK;

/* To be changed. */
struct error *open_mm(struct engine *e, uint64_t mm, struct object *o) MUST_CHECK;
struct error *open_vma(struct engine *e, uint64_t vma, struct object *o) MUST_CHECK;
/* The area before `start`, 0 for none. */
struct error *previous_vma(struct engine *e, const struct object *mm, uint64_t start, uint64_t *prev) MUST_CHECK;
/* Takes the area off list, tree and file. `prev` is the area before it, 0 for none. */
struct error *unlink_vma(struct engine *e, const struct object *mm, const struct object *vma, uint64_t prev) MUST_CHECK;
/* Only areas of nothing (no file, no ops) are joined, with those flags. */
bool can_vma_merge(const struct kernel *k, const struct object *vma, uint64_t flags);

/* mprotect's way through the page tables: new protection for present entries of [start, end). mm/pgtable.c */
struct error *change_protection(struct engine *e, const struct object *mm, uint64_t start, uint64_t end, uint64_t page_prot) MUST_CHECK;

/* FMODE_READ 1, FMODE_WRITE 2 of an open file; the address of the head of the list (i_mmap, i_mmap_shared) that an area of a file is on, 0 for
 * none. mm/file.c */
struct error *file_open_mode(struct engine *e, uint64_t file, unsigned *mode) MUST_CHECK;
struct error *file_mapping_list(struct engine *e, const struct object *vma, uint64_t *head) MUST_CHECK;

#endif
