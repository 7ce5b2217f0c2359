/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/engine/: folios of several pages that processes map, whole by one huge entry (pmd) or by their parts, on kernels with reverse mapping.
 */
#ifndef MM_HUGE_H
#define MM_HUGE_H

#include "mm/engine/near.h"

/* ---- mm/engine/rmap_large.c: how often each is mapped ---- */

/* A folio of more than one page, opened to be changed. */
struct large {
	struct page head, second;
	struct object folio; /* struct folio, where the kernel has it; bytes NULL elsewhere */
	unsigned order;
	uint64_t pages;
	bool anon;
};

static inline bool page_is_large(const struct engine *e, const struct page *p)
{
	const struct engine_near *n = e->near;
	if (__builtin_expect(n->plain, 1))
		return p->flags & n->large || (n->head && near_word(p->object.bytes + n->head) & 1);
	return (e->modern->head >= 0 && (p->flags >> e->modern->head & 1)) || page_is_tail(e->k, p);
}

/* Of any of its pages. ERR_UNSUPPORTED where it is not known how this kernel counts the mappings of its parts. */
struct error *large_open(struct engine *e, uint64_t page, struct large *l) MUST_CHECK;

/*
 * Mappings come and go, with what vmstat counts of them: the whole one by a huge entry, or `count` pages from `first` (a frame less the folio's) one by one; the fault
 * gives process and area. What loses its last mapping in part waits to be split.
 */
struct error *large_add_whole(struct fault *f, struct large *l) MUST_CHECK;
struct error *large_remove_whole(struct fault *f, struct large *l) MUST_CHECK;
struct error *large_add_parts(struct fault *f, struct large *l, uint64_t first, uint64_t count) MUST_CHECK;
struct error *large_remove_parts(struct fault *f, struct large *l, uint64_t first, uint64_t count) MUST_CHECK;
/* One whole mapping becomes one of each part. */
struct error *large_split_mapping(struct fault *f, struct large *l) MUST_CHECK;
/* All mappings of all of its pages, whole ones once. */
struct error *large_total_mapcount(struct engine *e, const struct large *l, int64_t *count) MUST_CHECK;
/* By the most often mapped of its pages, whole mappings included. */
struct error *large_most_mapcount(struct engine *e, const struct large *l, int64_t *count) MUST_CHECK;
/* Where folios know the processes that map them (_mm_ids): are all mappings one process's, and all of its references theirs? */
bool large_all_mine(struct engine *e, const struct large *l, int32_t references);
/* page_add_new_anon_rmap() of a new folio that one huge entry maps whole, and to which nobody else can have come. */
struct error *large_add_new_anon_rmap(struct fault *f, struct large *l) MUST_CHECK;
/* The same of one that entries of its parts map; the fault's address is that of the first. */
struct error *large_add_new_anon_parts(struct fault *f, struct large *l) MUST_CHECK;

/* ---- mm/engine/deferred_split.c: the queue of folios that reclaim splits when memory runs short ---- */

/* deferred_split_folio(): `partially`: since a part of it is mapped by nobody any more. */
struct error *deferred_split_folio(struct engine *e, struct large *l, bool partially) MUST_CHECK;
/* Takes it off again, as before it is freed. */
struct error *unqueue_deferred_split(struct engine *e, struct large *l) MUST_CHECK;

/* ---- mm/engine/huge_split.c: entries of huge pages. `at` is the physical address of the entry; the fault gives process and area ---- */

/* The page table (its struct page) that stands by for a huge entry, put there; taken back. */
struct error *pgtable_trans_huge_deposit(struct engine *e, const struct object *mm, uint64_t at, uint64_t table) MUST_CHECK;
struct error *pgtable_trans_huge_withdraw(struct engine *e, const struct object *mm, uint64_t at, uint64_t *table) MUST_CHECK;
/* The huge entry of `addr` gives way to a table of small ones; of a file's page, to nothing. */
struct error *split_huge_pmd(struct fault *f, uint64_t at, uint64_t addr) MUST_CHECK;
/* The same, of the mm's area that has `addr`. */
struct error *split_huge_pmd_address(struct engine *e, const struct object *mm, uint64_t addr, uint64_t at) MUST_CHECK;
/* The entry goes from `at` to `to`, which is empty; the table that stands by goes along where that is named by the table that the entry is in. */
struct error *move_huge_pmd(struct fault *f, uint64_t at, uint64_t to, bool soft_dirty) MUST_CHECK;
/* Until 4.4, where its page is none of several frames any more: the table that stood by is filled, and takes the place of `entry`. */
struct error *map_parts_of_huge(struct fault *f, uint64_t at, uint64_t page, uint64_t entry) MUST_CHECK;
struct error *zap_huge_pmd(struct fault *f, uint64_t at, uint64_t addr) MUST_CHECK;
/*
 * fork: the parent's entry at `src_at` to the child's at `dst_at`, which is empty; `f` is of the child (its mm, its area, the address). A file's page is left to be
 * faulted in. *split: the parent's entry cannot be shared, and was split: its parts are to be copied one by one.
 */
struct error *copy_huge_pmd(struct fault *f, uint64_t dst_at, uint64_t src_at, const struct object *src_mm, const struct vma *src_vma, bool *split) MUST_CHECK;

/* ---- mm/engine/split_huge_page.c ---- */

/*
 * The huge page that this page is of becomes as many small ones, each mapped where its part was; the caller has a reference to its head, and none other than those of mappings
 * may be had (else not *split). Pages of files, and on kernels since 5.19: ERR_UNSUPPORTED.
 */
struct error *split_huge_page(struct engine *e, uint64_t page, bool *split) MUST_CHECK;

/* ---- mm/engine/huge_page.c ---- */

/* Of the pages that entries one level above the lowest map. */
unsigned huge_order(const struct engine *e);
/* A new page to f->entry_addr: cleared where that is empty or has the huge zero page, else a copy of what is there (`old`, a struct page), which goes. */
enum huge_before { HUGE_EMPTY, HUGE_ZERO, HUGE_SHARED };
struct error *map_new_huge_page(struct fault *f, enum huge_before before, uint64_t old) MUST_CHECK;
/* do_huge_pmd_wp_page_fallback(): as many small copies instead. */
struct error *copy_huge_page_in_parts(struct fault *f, uint64_t old) MUST_CHECK;
/* The huge zero page to f->entry_addr; a reference to it for the fault's mm (*page 0: only explained), given back; that of an mm which ends. */
struct error *map_huge_zero_page(struct fault *f) MUST_CHECK;
struct error *mm_get_huge_zero_page(struct fault *f, uint64_t *page) MUST_CHECK;
struct error *put_huge_zero_page(struct engine *e) MUST_CHECK;
struct error *mm_put_huge_zero_page(struct engine *e, const struct object *mm) MUST_CHECK;

/* A new folio of 2^order cleared pages, that may be split; 0 when it was only explained. */
struct error *new_large_folio(struct engine *e, enum page_class class, unsigned order, uint64_t *page) MUST_CHECK;

/* ---- mm/engine/anon_folio.c ---- */

/* A write to memory that has nothing there yet, where sizes between a page and a huge page are switched on: *done when one was mapped (or only explained). */
struct error *alloc_anon_folio(struct fault *f, bool *done) MUST_CHECK;

/* ---- mm/engine/khugepaged.c: where its structures are not known, nothing is done ---- */

/* The mm (opened writable) has an area with those flags where huge pages may come: khugepaged is told, once. */
struct error *khugepaged_enter(struct engine *e, const struct object *mm, uint64_t vm_flags) MUST_CHECK;
/* The same, if the area, which has got such flags or such a size, has room for a huge page. */
struct error *khugepaged_enter_vma_merge(struct engine *e, const struct object *mm, const struct object *vma, uint64_t vm_flags) MUST_CHECK;
struct error *khugepaged_fork(struct engine *e, const struct object *mm, const struct object *old) MUST_CHECK;
struct error *khugepaged_exit(struct engine *e, const struct object *mm) MUST_CHECK;

/* ---- mm/engine/huge_memory.c ---- */

/* Do the switches allow huge pages for an area with those flags? Not the processes that will not have any (MMF_DISABLE_THP). */
bool huge_switched_on(struct engine *e, uint64_t vm_flags);
/* The same, a bit for each order. */
uint64_t huge_orders(struct engine *e, uint64_t vm_flags);
/* No block of a large folio's size is free: *fallback: the kernel takes a smaller one. `flags`: transparent_hugepage_flags. */
struct error *no_huge_page_free(struct fault *f, uint64_t flags, bool *fallback) MUST_CHECK;
bool mm_forbids_huge(const struct engine *e, const struct object *mm);

/* A huge page of the page cache is mapped as a whole where no table is yet, and area and file lie alike; not *done: its page is to be mapped by itself. */
struct error *do_set_pmd(struct fault *f, uint64_t page, bool *done) MUST_CHECK;

#endif
