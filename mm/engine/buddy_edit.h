/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/engine/: the buddy lists by migrate type (mm/page_alloc.c since 2.6.24), changed.
 */
#ifndef MM_BUDDY_EDIT_H
#define MM_BUDDY_EDIT_H

#include "mm/engine/modern.h"

/* __rmqueue(): a block from the zone's lists of that type, else from those of another; *page 0 when there is none. `nofragment`: of another type only whole pageblocks. The
 * counter of free pages is the caller's. */
struct error *rmqueue_buddy(struct engine *e, uint64_t zone, unsigned order, unsigned type, bool nofragment, uint64_t *page) MUST_CHECK;
/* Could it give one? */
bool buddy_has_block(struct engine *e, uint64_t zone, unsigned order, unsigned type, bool nofragment);
/* __free_one_page(): to the lists, joined with its buddies; counted. */
struct error *free_one_page(struct engine *e, uint64_t zone, uint64_t page, unsigned order, unsigned type) MUST_CHECK;
/* get_pfnblock_migratetype(). ERR_UNSUPPORTED where a kernel keeps it in a way that is not known. */
struct error *pageblock_type(struct engine *e, uint64_t page, unsigned *type) MUST_CHECK;

/* ---- The CPUs' own lists: mm/engine/pcp_alloc.c, pcp_free.c ---- */

/* The head of the list for blocks of that order and type among those of the per_cpu_pages at `pcp`; 0: there is none. */
uint64_t pcp_list(struct engine *e, uint64_t pcp, unsigned order, unsigned type);
/* free_unref_page_commit(): a block that free_pages_prepare() was called for goes onto the acting CPU's list. */
struct error *free_unref_block(struct engine *e, uint64_t zone, uint64_t page, unsigned order, unsigned type) MUST_CHECK;

/* ---- mm/engine/pcp_tune.c: where their length is tuned (per_cpu_pages.alloc_factor) ---- */

/* A block of that order has come onto the lists: how many pages are to go to the buddy lists. */
struct error *pcp_surplus(struct engine *e, const struct object *pcp, uint64_t zone, unsigned order, int32_t *surplus) MUST_CHECK;
/* After they have gone: the zone may be above its high mark again. */
struct error *pcp_above_high(struct engine *e, uint64_t zone) MUST_CHECK;

/* ---- mm/engine/compound.c ---- */

/* prep_compound_page(): 2^order frames become one page. */
struct error *prep_compound_page(struct engine *e, uint64_t page, unsigned order) MUST_CHECK;
/* __free_pages() of a block without references: the CPU's list for blocks like it, else the buddy lists. What a compound page's tails keep of that is undone. */
struct error *free_pages_modern(struct engine *e, uint64_t page, unsigned order) MUST_CHECK;

/* free_pages_prepare(): nothing of its former use stays in the page but its place. mm/engine/pcp_free.c */
struct error *free_pages_prepare(struct engine *e, uint64_t page) MUST_CHECK;

#endif
