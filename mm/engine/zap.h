/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/engine/: pages leaving an address space, on kernels with reverse mapping.
 */
#ifndef MM_ZAP_H
#define MM_ZAP_H

#include "mm/engine/modern.h"

/* ---- mm/engine/pcp_free.c ---- */

/* A page without references goes onto the acting CPU's list of free pages. ERR_UNSUPPORTED when that is full. */
struct error *free_page_pcp(struct engine *e, uint64_t page) MUST_CHECK;
/* All that the CPUs' lists have goes to the buddy lists. Nothing on kernels that have lists by order too (since 5.14). */
struct error *drain_all_pages(struct engine *e) MUST_CHECK;
/* A reference to a page goes; the last one takes it off its LRU list, out of its control group's account, and frees it. */
struct error *put_user_page(struct engine *e, uint64_t page) MUST_CHECK;

/* ---- mm/engine/zap.c ---- */

/* Without what tasks keep to themselves; 0 where the counts are per-CPU counters. */
uint64_t get_mm_rss(struct engine *e, const struct object *mm);

/* pte_free() and its like: the page of a table that entries of `level` led to, and nothing does any more. */
struct error *free_table_page(struct engine *e, const struct object *mm, uint64_t page, unsigned level) MUST_CHECK;
/* The page's control group has it no more on that LRU list (enum lru_list); has it no more at all. */
struct error *lru_count_in_group(struct engine *e, const struct page *p, int list) MUST_CHECK;
/* The most pages that the mm ever had, before some go. */
void update_hiwater_rss(struct engine *e, const struct object *mm);
struct error *uncharge_page(struct engine *e, const struct page *p) MUST_CHECK;

#endif
