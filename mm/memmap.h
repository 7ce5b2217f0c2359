/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/: what pages_open() finds out once per image. mm/page.h is for everybody.
 */
#ifndef MM_MEMMAP_H
#define MM_MEMMAP_H

#include "mm/page.h"

/* Frames [pfn, end) have their struct pages side by side from `page` on. */
struct page_run {
	uint64_t pfn, end, page;
};

/* How this kernel writes what a page is into its words (include/linux/page-flags.h). */
struct page_words {
	/*
	 * Page types. A page is of a type when (word & mask) == value, the word being page_type (or
	 * _mapcount, which shares its place). mask 0: this kernel has no such type.
	 */
	struct page_type {
		uint32_t mask, value;
	} buddy, table, offline, guard, hugetlb, slab;
	/* Flag bits, -1 when absent. */
	int head, lru, slab_flag, reserved, swapcache, swapbacked;
	bool swapcache_is_shared; /* PG_swapcache is PG_owner_priv_1: counts only with PG_swapbacked
				   */
	int hugetlb_dtor; /* of a hugetlb page's first tail, where that has one; -1 where not */
	int hugetlb_flag; /* the bit in the first tail's flags that marks one (6.6); -1 */
	int tail; /* PG_tail, where that marks a tail page (until 4.4); -1 */
	bool compound_mask;	  /* a tail's compound word is a mask, not a pointer */
};

struct page_model {
	uint32_t page_size; /* bytes of a struct page */
	struct page_run *runs;
	size_t count, allocated;
	struct page_section *sections; /* SPARSEMEM: those marked present; else none */
	size_t section_count, section_allocated;
	struct page_words words;
};

/* The run of struct pages that has the frame's; NULL when there is none. */
const struct page_run *page_run_of(const struct page_model *p, uint64_t pfn);
/* What page_type is of a page of that type: its number stands in the top byte, or its bit is cleared; of none it is all ones. */
static inline uint32_t page_type_word(const struct page_type *t)
{
	return t->mask == 0xff000000u ? t->value : t->value | ~t->mask;
}
struct error *page_words_resolve(struct kernel *k, struct page_words *w) MUST_CHECK;

#endif
