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

struct error *get_swap_page_modern(struct engine *e, uint64_t *entry) MUST_CHECK; /* for the swap cache: SWAP_HAS_CACHE */
struct error *swap_free_modern(struct engine *e, uint64_t entry) MUST_CHECK;
struct error *swap_duplicate_modern(struct engine *e, uint64_t entry) MUST_CHECK;
struct error *swap_count_modern(struct engine *e, uint64_t entry, unsigned *count) MUST_CHECK;
struct error *lookup_swap_cache_modern(struct engine *e, uint64_t entry, uint64_t *page) MUST_CHECK;
struct error *read_swap_cache_modern(struct engine *e, uint64_t entry, uint64_t *page) MUST_CHECK;
/* Past the swap cache, where the device is done at once and nobody else needs the slot; *page 0: not so, or no memory. The slot stays the caller's to give back. */
struct error *read_swap_alone(struct engine *e, uint64_t entry, uint64_t *page) MUST_CHECK;
/* Into the swap cache ahead of any fault, unless it is there. */
struct error *read_swap_ahead(struct engine *e, uint64_t entry) MUST_CHECK;
struct error *free_swap_and_cache_modern(struct engine *e, uint64_t entry) MUST_CHECK;
struct error *add_to_swap_cache_modern(struct engine *e, uint64_t page, uint64_t entry) MUST_CHECK;
struct error *delete_from_swap_cache_modern(struct engine *e, uint64_t page) MUST_CHECK;
struct error *sys_swapon_modern(struct engine *e, unsigned pages) MUST_CHECK;
/* The same, and `shadow` (a value, or 0) stands in the page's place then. */
struct error *evict_from_swap_cache(struct engine *e, uint64_t page, uint64_t shadow) MUST_CHECK;
/* A slot for a page, which is in the swap cache then. *entry 0: the swap is full, or there is no memory for that. */
struct error *add_to_new_slot(struct engine *e, uint64_t page, uint64_t *entry) MUST_CHECK;
/* A file in shared memory names the slot: more than one never does. */
struct error *swap_shmem_alloc(struct engine *e, uint64_t entry) MUST_CHECK;
/* A slot for an anonymous page, which is in the swap cache then, dirty. Not *added: the swap is full, or there is no memory for that. */
struct error *add_to_swap(struct engine *e, uint64_t page, bool *added) MUST_CHECK;
/* To its slot on the disk. Not *written: no entry names the slot any more, so that the page leaves the swap cache instead. */
struct error *swap_writepage(struct engine *e, uint64_t page, bool *written) MUST_CHECK;
bool page_is_swap_cache(const struct engine *e, const struct page *p);
/* Out of the swap cache when no entry names the slot; *freed says so. */
struct error *try_to_free_swap(struct engine *e, uint64_t page, bool *freed) MUST_CHECK;
/* Until 5.17: does nobody but one entry have the page? Then it leaves the swap cache. */
struct error *reuse_swap_page(struct engine *e, uint64_t page, bool *reuse) MUST_CHECK;
/* vm_swap_full(): more than half of it is used. */
bool swap_is_short(struct engine *e);

#endif
