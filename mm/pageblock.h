/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pageblocks: the unit in which the buddy allocator keeps pages of different mobility apart, and the migrate type of each
 * (include/linux/pageblock-flags.h, mm/page_alloc.c).
 */
#ifndef MM_PAGEBLOCK_H
#define MM_PAGEBLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/kernel.h"

/* pageblock_order: of the pages of one block. After nodes_open(). */
unsigned pageblock_order(struct kernel *k);

/*
 * The migrate type of the block that holds the frame (get_pageblock_migratetype()). False where it has no struct page, or this kernel keeps no types.
 * After nodes_open().
 */
bool pageblock_migratetype(struct kernel *k, uint64_t pfn, unsigned *type);
/* Where the three bits of that type stand: the address of their word, and how far up they begin. */
bool pageblock_word(struct kernel *k, uint64_t pfn, uint64_t *at, unsigned *shift);

#endif
