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

#endif
