/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/engine/: the swap cache, for faults and reclaim (mm/engine/swap_edit.c).
 */
#ifndef MM_SWAP_EDIT_H
#define MM_SWAP_EDIT_H

#include "mm/engine/engine.h"

/* PageSwapCache(). */
bool page_in_swap_cache(const struct engine *e, const struct page *p);
/* Takes a user of the slot and a reference for the cache. */
struct error *add_to_swap_cache(struct engine *e, uint64_t page, uint64_t entry) MUST_CHECK;
/* Gives both back. */
struct error *delete_from_swap_cache(struct engine *e, uint64_t page) MUST_CHECK;

/* ---- mm/engine/swap_areas.c, swapon.c: what the functions of mm/engine/engine.h hand on where swap_map counts in bytes. Entries are as in page tables. ---- */

/* For that page in the swap cache: SWAP_HAS_CACHE. 0: the swap is full, or the page's control group may have no more. */
struct error *get_swap_page_modern(struct engine *e, uint64_t page, uint64_t *entry) MUST_CHECK;
struct error *swap_free_modern(struct engine *e, uint64_t entry) MUST_CHECK;
struct error *swap_duplicate_modern(struct engine *e, uint64_t entry) MUST_CHECK;
struct error *swap_count_modern(struct engine *e, uint64_t entry, unsigned *count) MUST_CHECK;
struct error *lookup_swap_cache_modern(struct engine *e, uint64_t entry, uint64_t *page) MUST_CHECK;
struct error *read_swap_cache_modern(struct engine *e, uint64_t entry, uint64_t *page) MUST_CHECK;
/* Into the swap cache ahead of any fault, unless it is there. ERR_UNSUPPORTED: the bytes are nowhere in the image. */
struct error *read_swap_ahead(struct engine *e, uint64_t entry) MUST_CHECK;
struct error *free_swap_and_cache_modern(struct engine *e, uint64_t entry) MUST_CHECK;
struct error *add_to_swap_cache_modern(struct engine *e, uint64_t page, uint64_t entry) MUST_CHECK;
struct error *delete_from_swap_cache_modern(struct engine *e, uint64_t page) MUST_CHECK;
struct error *sys_swapon_modern(struct engine *e, unsigned pages) MUST_CHECK;
/* The same, and `shadow` (a value, or 0) stands in the page's place then. */
struct error *evict_from_swap_cache(struct engine *e, uint64_t page, uint64_t shadow) MUST_CHECK;
/* A slot for an anonymous page, which is in the swap cache then, dirty. Not *added: the swap is full, or there is no memory for that. */
struct error *add_to_swap(struct engine *e, uint64_t page, bool *added) MUST_CHECK;
/* The same for a page of shared memory, whose file will name the slot (SWAP_MAP_SHMEM). */
struct error *add_shmem_to_swap(struct engine *e, uint64_t page, uint64_t *entry, bool *added) MUST_CHECK;
/* To its slot on the disk. Not *written: no entry names the slot any more, so that the page leaves the swap cache instead. */
struct error *swap_writepage(struct engine *e, uint64_t page, bool *written) MUST_CHECK;
bool page_is_swap_cache(const struct engine *e, const struct page *p);
/* A page of the slot's bytes that is not in the swap cache; the caller has a reference. *page 0: no memory. */
struct error *read_swap_page(struct engine *e, uint64_t entry, uint64_t *page) MUST_CHECK;
/* Is that the way for the slot: its device answers at once (SWP_SYNCHRONOUS_IO, since 4.15), and one entry alone names it? */
bool swap_is_synchronous(struct engine *e, uint64_t entry);
/* Out of the swap cache when no entry names the slot; *freed says so. */
struct error *try_to_free_swap(struct engine *e, uint64_t page, bool *freed) MUST_CHECK;
/* Until 5.17: does nobody but one entry have the page? Then it leaves the swap cache. */
struct error *reuse_swap_page(struct engine *e, uint64_t page, bool *reuse) MUST_CHECK;
/* mem_cgroup_swap_full(), mm/engine/swap_cgroup.c: more than half of it is used, or of what the page's control group may have. */
bool mem_cgroup_swap_full(struct engine *e, const struct page *p);

#endif
