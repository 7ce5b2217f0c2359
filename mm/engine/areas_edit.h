/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/engine/: what the files that change areas of kernels with reverse mapping share beyond mm/engine/engine.h. Functions have the kernel's names.
 */
#ifndef MM_AREAS_EDIT_H
#define MM_AREAS_EDIT_H

#include "mm/engine/engine.h"
#include "mm/engine/mmap_edit.h"

/* ---- mm/engine_areas.c ---- */

void engine_areas_open(struct engine *e);

/* ---- mm/engine/anon_vma_edit.c ---- */

/* Bits of vm_flags that have not moved since 3.7 and that only acts need (include/linux/mm.h). */
#define VM_PFNMAP      0x400ull
#define VM_DENYWRITE   0x800ull /* until 5.15 */
#define VM_LOCKONFAULT 0x80000ull
#define VM_ACCOUNT     0x100000ull
#define VM_NORESERVE   0x200000ull
#define VM_WIPEONFORK  0x2000000ull
#define VM_SOFTDIRTY   0x8000000ull
#define VM_MIXEDMAP    0x10000000ull
#define VM_HUGEPAGE    0x20000000ull
#define VM_NOHUGEPAGE  0x40000000ull
#define VM_MERGEABLE   0x80000000ull
#define VM_ACCESS_FLAGS (VM_READ | VM_WRITE | VM_EXEC)

/* Do the two areas have the same memory policy? */
bool mpol_equal(struct engine *e, const struct object *a, const struct object *b);
bool list_is_singular(struct kernel *k, uint64_t head);
/* All of the area's chains out of their trees, before its pages change, and in again after. */
struct error *anon_vma_interval_tree_pre_update_vma(struct engine *e, const struct object *vma) MUST_CHECK;
struct error *anon_vma_interval_tree_post_update_vma(struct engine *e, const struct object *vma) MUST_CHECK;

/* ---- mm/engine/expand_stack.c ---- */

/* The area below; addr 0: none. */
struct error *area_below(struct engine *e, const struct object *vma, struct vma *below) MUST_CHECK;

/* ---- mm/engine/commit.c ---- */

/* The mm has so many pages more of areas with these flags (and a file). */
void vm_stat_account(struct engine *e, const struct object *mm, uint64_t flags, uint64_t file, int64_t pages);
bool may_expand_vm(struct engine *e, const struct object *mm, uint64_t flags, uint64_t pages);
/* RLIMIT_MEMLOCK, with `number` as the answer. */
struct error *mlock_future_check(struct engine *e, const struct object *mm, uint64_t flags, uint64_t len, int number) MUST_CHECK;
/* ENOMEM when the mm has more areas than vm.max_map_count; as many when `one_more` is to come. */
struct error *map_count_limit(struct engine *e, const struct object *mm, bool one_more) MUST_CHECK;
/* vm.max_map_count */
uint64_t map_count_max(struct engine *e);

/* ---- mm/engine/overcommit.c ---- */

struct error *vm_acct_memory(struct engine *e, int64_t pages) MUST_CHECK;
/* Promises the pages (vm_committed_as), or ENOMEM. */
struct error *security_vm_enough_memory_mm(struct engine *e, const struct object *mm, uint64_t pages) MUST_CHECK;
struct error *vm_unacct_memory(struct engine *e, uint64_t pages) MUST_CHECK;
bool overcommit_never(struct engine *e);

/* ---- mm/engine/area_order.c ---- */

/* Since 6.1; a list and a tree with gaps before. */
bool areas_in_maple_tree(const struct kernel *k);
/* The areas behind and before one in its mm, 0 for none; an area that is not where the tree has it is ERR_BAD_LIST. */
struct error *vma_after(struct engine *e, const struct object *vma, uint64_t *next) MUST_CHECK;
struct error *vma_before(struct engine *e, const struct object *vma, uint64_t *prev) MUST_CHECK;
/* 0: the mm has none. */
struct error *first_vma(struct engine *e, const struct object *mm, uint64_t *vma) MUST_CHECK;
/* In a maple tree: [start, end) is that area's from now on; 0: nobody's. */
struct error *vma_store(struct engine *e, const struct object *mm, uint64_t start, uint64_t end, uint64_t vma) MUST_CHECK;
/* The maple tree goes, and leaves the areas. */
struct error *vma_tree_destroy(struct engine *e, const struct object *mm) MUST_CHECK;

/* ---- mm/engine/vma_alloc.c ---- */

/* Of that mm, in no tree, all else 0. */
struct error *vm_area_alloc(struct engine *e, uint64_t mm, struct object *vma) MUST_CHECK;
struct error *vm_area_dup(struct engine *e, const struct object *from, struct object *copy) MUST_CHECK;
struct error *vm_area_free(struct engine *e, uint64_t vma) MUST_CHECK;

/* ---- mm/engine/commit.c ---- */

/* EPERM for an area that mseal() has sealed; of all that [start, end) touches, from the area `first` on. */
struct error *can_modify_vma(struct engine *e, const struct object *vma) MUST_CHECK;
struct error *can_modify_mm(struct engine *e, uint64_t first, uint64_t end) MUST_CHECK;

/* ---- mm/engine/vma_edit.c ---- */

/* ERR_UNSUPPORTED for kernels that lack members. */
struct error *areas_known(struct engine *e) MUST_CHECK;
uint64_t vm_start_gap(const struct engine *e, const struct object *vma);
struct error *find_vma_links(struct engine *e, const struct object *mm, uint64_t addr, uint64_t end, struct vma_place *place) MUST_CHECK;
struct error *vma_link(struct engine *e, const struct object *mm, const struct object *vma, const struct vma_place *place) MUST_CHECK;
/* Its part that concerns the mm's list and tree; neither the file nor map_count. */
struct error *vma_link_in_mm(struct engine *e, const struct object *mm, const struct object *vma, const struct vma_place *place) MUST_CHECK;
struct error *vma_gap_update(struct engine *e, uint64_t vma) MUST_CHECK;
struct error *vma_rb_erase(struct engine *e, const struct object *mm, const struct object *vma) MUST_CHECK;
struct error *vmacache_invalidate(struct engine *e, const struct object *mm) MUST_CHECK;
/* Areas that deny writing (until 5.15), or may write, count in the inode and in the mapping: one more, or less. */
struct error *count_writers(struct engine *e, const struct object *vma, uint64_t mapping, int delta) MUST_CHECK;
/* A file's side of an area: its tree, and who may write to it. */
struct error *unlink_file_vma(struct engine *e, const struct object *vma) MUST_CHECK;

/* The bounds of `vma` change, together with those of the next area or with `insert` (0: none), which takes the rest; `expand`: the one that grows, 0 for none. */
struct vma_adjust {
	uint64_t vma, start, end, pgoff, insert, expand;
};
struct error *__vma_adjust(struct engine *e, const struct object *mm, struct vma_adjust a) MUST_CHECK;

/* A mapping that might go into an area beside it. */
struct vma_request {
	uint64_t start, end, flags, anon_vma, file, pgoff, uffd_ctx;
	const struct object *policy; /* an area whose memory policy it has; NULL: none */
	bool just_expand;	     /* only the area before it may take it */
};
/* *merged: the area that holds it now, 0: none does. */
struct error *vma_merge(struct engine *e, const struct object *mm, uint64_t prev, const struct vma_request *r, uint64_t *merged) MUST_CHECK;
/* [start, end) of the area is to get other flags: joined with what is beside it, or split off: *changed, whose flags the caller sets. */
struct error *vma_change_flags(struct engine *e, const struct object *mm, uint64_t vma, uint64_t start, uint64_t end, uint64_t flags, struct object *changed) MUST_CHECK;
struct error *split_vma(struct engine *e, const struct object *mm, uint64_t vma, uint64_t addr, bool new_below, bool limited) MUST_CHECK;
/* An area like *vma for [addr, addr + len), joined with others there if they fit: *moved. *vma is that one too when it was joined itself. */
struct error *copy_vma(struct engine *e, const struct object *mm, struct object *vma, uint64_t addr, uint64_t len, uint64_t pgoff, struct object *moved) MUST_CHECK;
/* The area's memory policy, if it has one, is had once more; a reference to it goes. */
struct error *vma_dup_policy(struct engine *e, const struct object *vma) MUST_CHECK;
struct error *vma_policy_put(struct engine *e, const struct object *vma) MUST_CHECK;

/* ---- mm/engine/unmapped_area.c ---- */

struct error *get_unmapped_area(struct engine *e, const struct object *mm, uint64_t file, uint64_t addr, uint64_t len, uint64_t pgoff,
				unsigned flags, uint64_t *out) MUST_CHECK;

/* ---- mm/engine/exec_empty.c ---- */


/* ---- mm/engine/mmap_areas.c: what mm/engine/mmap.c hands on ---- */

struct error *open_mm_areas(struct engine *e, uint64_t mm, struct object *o) MUST_CHECK;
struct error *open_mm_pages(struct engine *e, uint64_t mm, struct object *o) MUST_CHECK;
/* The driver's own say (vm_ops->open, close, split): nothing, known to be nothing, or ERR_UNSUPPORTED with its name. */
struct error *vma_call(struct engine *e, const struct object *vma, enum member_id op, const char *what) MUST_CHECK;

/* ---- mm/engine/mlock_pages.c ---- */

/* The area gets those flags, and since 5.18 its pages in the range are locked or unlocked as they say. */
struct error *mlock_vma_pages_range(struct engine *e, const struct object *mm, const struct object *vma, uint64_t start, uint64_t end, uint64_t flags) MUST_CHECK;
struct error *munlock_vma_pages_range(struct engine *e, const struct object *mm, const struct object *vma, uint64_t start, uint64_t end) MUST_CHECK;
/* Brings in the pages of the range, and locks those of locked areas; what cannot be had ends it, EFAULT or ENOMEM, or is passed over. */
struct error *__mm_populate(struct engine *e, const struct object *mm, uint64_t start, uint64_t len, bool ignore_errors) MUST_CHECK;
struct error *mm_populate(struct engine *e, const struct object *mm, uint64_t start, uint64_t len) MUST_CHECK;

/* MADV_POPULATE_READ, MADV_POPULATE_WRITE: each page of the range as if it were touched. ENOMEM for holes, EINVAL where the area does not allow it. */
struct error *madvise_populate(struct engine *e, const struct object *mm, uint64_t start, uint64_t end, bool write) MUST_CHECK;

/* ---- mm/engine/madvise_pages.c ---- */

/* The pages of the range that nobody else maps count as not used, or go (`pageout`) if they then can. EINVAL for locked areas and drivers'. */
struct error *madvise_cold_or_pageout(struct engine *e, const struct object *mm, const struct object *vma, uint64_t start, uint64_t end, bool pageout) MUST_CHECK;
/* What the file has in the range comes into the page cache, if it is not there. */
struct error *madvise_willneed_file(struct engine *e, const struct object *vma, uint64_t start, uint64_t end) MUST_CHECK;
/* A hole in the file behind the area. EINVAL, EACCES, EBADF, EPERM, EOPNOTSUPP. */
struct error *madvise_remove(struct engine *e, const struct object *vma, uint64_t start, uint64_t end) MUST_CHECK;

/* ---- mm/engine/mremap_areas.c, move_pages.c ---- */

/* Each page of the range that ksmd has merged with others becomes the area's own again, if the area is one for that. */
struct error *unmerge_ksm_pages(struct engine *e, const struct object *mm, const struct object *vma, uint64_t start, uint64_t end) MUST_CHECK;
/* The entries of [from, from + len) go to `to`. *done: bytes moved, fewer when memory for tables lacked (ENOMEM). */
struct error *move_page_tables(struct engine *e, const struct object *mm, uint64_t from, uint64_t to, uint64_t len, uint64_t *done) MUST_CHECK;

/* ---- mm/engine/area_pages.c ---- */

bool vma_wants_writenotify(struct engine *e, const struct object *vma);
void vma_set_page_prot(struct engine *e, const struct object *vma);
/* Does the acting task have READ_IMPLIES_EXEC? */
bool reads_imply_exec(struct engine *e);

/* Every entry of [start, end) that is not empty, of whichever level: [addr, end) is the part that lies in the range, `shift` that of its level. */
typedef struct error *area_entry_visitor(void *context, uint64_t addr, uint64_t end, uint64_t entry_addr, uint64_t entry, unsigned shift);
struct error *area_entries(struct engine *e, const struct object *mm, uint64_t start, uint64_t end, area_entry_visitor *visit, void *context) MUST_CHECK;

/* The entry (of a page of 2^shift bytes) with another protection. */
uint64_t pte_modify(const struct engine *e, uint64_t entry, uint64_t prot, unsigned shift);
struct error *change_protection_areas(struct engine *e, const struct object *mm, uint64_t start, uint64_t end, uint64_t prot, bool dirty_accountable,
				      bool keeps_soft_dirty) MUST_CHECK;
struct error *vma_adjust_trans_huge(struct engine *e, const struct object *mm, const struct object *vma, uint64_t start, uint64_t end) MUST_CHECK;
struct error *unmap_page_range(struct engine *e, const struct object *mm, const struct object *vma, uint64_t start, uint64_t end) MUST_CHECK;
/* Locked areas from `first` on that begin below `end` are so no more. */
struct error *munlock_range(struct engine *e, const struct object *mm, uint64_t first, uint64_t end) MUST_CHECK;
/* Page tables of [start, end) (end 0: to the end) that lie wholly between floor and ceiling (0: none). */
struct error *free_pgtables_between(struct engine *e, const struct object *mm, uint64_t start, uint64_t end, uint64_t floor, uint64_t ceiling) MUST_CHECK;
/* The table that the entry of `level` points to. */
struct error *free_page_table(struct engine *e, const struct object *mm, uint64_t entry_addr, uint64_t entry, unsigned level) MUST_CHECK;
struct error *call_mmap(struct engine *e, uint64_t file, const struct object *vma) MUST_CHECK;
#endif
