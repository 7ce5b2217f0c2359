/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/engine/: what the engine's files about areas, faults and files share beyond mm/engine/engine.h.
 */
#ifndef MM_MMAP_EDIT_H
#define MM_MMAP_EDIT_H

#include "mm/engine/engine.h"

/* Bits of vm_flags that are where 2.4 had them, and that only acts need (include/linux/mm.h). */
#define VM_SEQ_READ   0x8000ull
#define VM_RAND_READ  0x10000ull
#define VM_DONTCOPY   0x20000ull
#define VM_DONTEXPAND 0x40000ull

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
/* The hint if nothing is there (or `fixed`), else the first hole from a third of the user's part up. ENOMEM, EINVAL. */
struct error *arch_get_unmapped_area(struct engine *e, const struct object *mm, uint64_t addr, uint64_t len, bool fixed, uint64_t *out) MUST_CHECK;
/* Only areas of nothing (no file, no ops) are joined, with those flags. */
bool can_vma_merge(const struct kernel *k, const struct object *vma, uint64_t flags);

/* 2.4's ways to give a part of an area flags of its own: mprotect_fixup(), mlock_fixup(), madvise_behavior(); the latter two never join areas. */
enum fixup_kind { FIXUP_MPROTECT, FIXUP_MLOCK, FIXUP_MADVISE };
struct error *vma_fixup(struct engine *e, const struct object *mm, const struct object *vma, uint64_t start, uint64_t end, uint64_t flags,
			enum fixup_kind kind) MUST_CHECK;

/* Pages of 2.4 come into an area: where that is locked they count, and are brought in if the acting task has that mm. mm/engine/mlock.c */
struct error *lock_new_pages(struct engine *e, const struct object *mm, uint64_t flags, uint64_t addr, uint64_t len) MUST_CHECK;

/* mprotect's way through the page tables: new protection for present entries of [start, end). mm/engine/pgtable.c */
struct error *change_protection(struct engine *e, const struct object *mm, uint64_t start, uint64_t end, uint64_t page_prot) MUST_CHECK;

/* FMODE_READ 1, FMODE_WRITE 2 of an open file; the address of the head of the list (i_mmap, i_mmap_shared) that an area of a file is on, 0 for
 * none. mm/engine/file.c */
struct error *file_open_mode(struct engine *e, uint64_t file, unsigned *mode) MUST_CHECK;
struct error *file_mapping_list(struct engine *e, const struct object *vma, uint64_t *head) MUST_CHECK;

/* ---- mm/engine/commit.c ---- */

enum rlimit_resource { RESOURCE_DATA = 2, RESOURCE_STACK = 3, RESOURCE_RSS = 5, RESOURCE_MEMLOCK = 8, RESOURCE_AS = 9 }; /* include/uapi/asm-generic/resource.h */
enum capability { CAPABILITY_IPC_LOCK = 14, CAPABILITY_SYS_RAWIO = 17, CAPABILITY_SYS_ADMIN = 21 };

/* Of a task (0: of nobody); in bytes, all ones for no limit. */
uint64_t rlimit_of(struct engine *e, uint64_t task, enum rlimit_resource resource);
/* Of the task that acts on the mm, else of the mm's owner. */
uint64_t rlimit(struct engine *e, const struct object *mm, enum rlimit_resource resource);
bool capable(struct engine *e, const struct object *mm, enum capability capability);

/* What the functions of mm/engine/engine.h hand on where areas have an anon_vma: mm/engine/mmap_areas.c, vma_edit.c, mprotect_areas.c, area_pages.c. */
struct error *do_mmap_areas(struct engine *e, uint64_t mm, uint64_t file, uint64_t addr, uint64_t len, unsigned prot, unsigned flags, uint64_t pgoff,
			    uint64_t *result) MUST_CHECK;
struct error *do_munmap_areas(struct engine *e, uint64_t mm, uint64_t start, uint64_t len) MUST_CHECK;
/* vm_brk_flags(): VM_EXEC or 0. */
struct error *do_brk_flags_areas(struct engine *e, uint64_t mm, uint64_t addr, uint64_t len, uint64_t flags) MUST_CHECK;
struct error *do_brk_areas(struct engine *e, uint64_t mm, uint64_t addr, uint64_t len) MUST_CHECK;
struct error *insert_vm_struct_areas(struct engine *e, uint64_t mm, uint64_t vma) MUST_CHECK;
struct error *exit_mmap_areas(struct engine *e, uint64_t mm) MUST_CHECK;
struct error *find_vma_areas(struct engine *e, const struct object *mm, uint64_t addr, uint64_t *vma) MUST_CHECK;
struct error *sys_mprotect_areas(struct engine *e, uint64_t mm, uint64_t start, uint64_t len, unsigned prot) MUST_CHECK;
struct error *sys_mlock_areas(struct engine *e, uint64_t mm, uint64_t start, uint64_t len, bool on_fault) MUST_CHECK;
struct error *sys_munlock_areas(struct engine *e, uint64_t mm, uint64_t start, uint64_t len) MUST_CHECK;
struct error *sys_mlockall_areas(struct engine *e, uint64_t mm, int flags) MUST_CHECK;
struct error *sys_madvise_areas(struct engine *e, uint64_t mm, uint64_t start, uint64_t len, int advice) MUST_CHECK;
struct error *sys_mremap_areas(struct engine *e, uint64_t mm, uint64_t addr, uint64_t old_len, uint64_t new_len, unsigned flags, uint64_t new_addr,
			       uint64_t *result) MUST_CHECK;
struct error *sys_brk_areas(struct engine *e, uint64_t mm, uint64_t brk, uint64_t *result) MUST_CHECK;
struct error *fput_delayed(struct engine *e, uint64_t file) MUST_CHECK;
uint64_t vm_get_page_prot_areas(struct engine *e, uint64_t vm_flags);


/* mm/engine/overcommit.c: 2.4's vm_enough_memory(), ENOMEM. */
struct error *vm_enough_memory(struct engine *e, uint64_t pages) MUST_CHECK;

#endif
