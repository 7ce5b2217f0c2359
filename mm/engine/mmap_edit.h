/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/engine/: what the engine's files about areas, faults and files share beyond mm/engine/engine.h.
 */
#ifndef MM_MMAP_EDIT_H
#define MM_MMAP_EDIT_H

#include "mm/engine/engine.h"

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
/* 2.4: the area's file is denied to writers once more, or less. mm/engine/mmap.c */
struct error *count_denials(struct engine *e, const struct object *vma, int delta) MUST_CHECK;
/* Takes the area off list, tree and file. `prev` is the area before it, 0 for none. */
struct error *unlink_vma(struct engine *e, const struct object *mm, const struct object *vma, uint64_t prev) MUST_CHECK;
/* Only areas of nothing (no file, no ops) are joined, with those flags. */
bool can_vma_merge(const struct kernel *k, const struct object *vma, uint64_t flags);

/* mprotect's way through the page tables: new protection for present entries of [start, end). mm/engine/pgtable.c */
struct error *change_protection(struct engine *e, const struct object *mm, uint64_t start, uint64_t end, uint64_t page_prot) MUST_CHECK;

/* FMODE_READ 1, FMODE_WRITE 2 of an open file; the address of the head of the list (i_mmap, i_mmap_shared) that an area of a file is on, 0 for
 * none. mm/engine/file.c */
struct error *file_open_mode(struct engine *e, uint64_t file, unsigned *mode) MUST_CHECK;
struct error *file_mapping_list(struct engine *e, const struct object *vma, uint64_t *head) MUST_CHECK;

/* What the functions of mm/engine/engine.h hand on where areas have an anon_vma: mm/engine/mmap_areas.c, vma_edit.c, mprotect_areas.c, area_pages.c. */
struct error *do_mmap_areas(struct engine *e, uint64_t mm, uint64_t file, uint64_t addr, uint64_t len, unsigned prot, unsigned flags, uint64_t pgoff,
			    uint64_t *result) MUST_CHECK;
struct error *do_munmap_areas(struct engine *e, uint64_t mm, uint64_t start, uint64_t len) MUST_CHECK;
struct error *do_brk_areas(struct engine *e, uint64_t mm, uint64_t addr, uint64_t len) MUST_CHECK;
struct error *insert_vm_struct_areas(struct engine *e, uint64_t mm, uint64_t vma) MUST_CHECK;
struct error *exit_mmap_areas(struct engine *e, uint64_t mm) MUST_CHECK;
struct error *find_vma_areas(struct engine *e, const struct object *mm, uint64_t addr, uint64_t *vma) MUST_CHECK;
struct error *sys_mprotect_areas(struct engine *e, uint64_t mm, uint64_t start, uint64_t len, unsigned prot) MUST_CHECK;
struct error *sys_brk_areas(struct engine *e, uint64_t mm, uint64_t brk, uint64_t *result) MUST_CHECK;
struct error *fput_delayed(struct engine *e, uint64_t file) MUST_CHECK;
uint64_t vm_get_page_prot_areas(struct engine *e, uint64_t vm_flags);


/* mm/engine/overcommit.c: 2.4's vm_enough_memory(), ENOMEM. */
struct error *vm_enough_memory(struct engine *e, uint64_t pages) MUST_CHECK;

#endif
