/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/engine/: page tables of kernels with reverse mapping, made and freed (mm/engine/pgtable_levels.c). Levels are those of the geometry: 0 is the top.
 */
#ifndef MM_PGTABLE_EDIT_H
#define MM_PGTABLE_EDIT_H

#include "mm/engine/engine.h"

/* _PAGE_TABLE: present, writable, user, accessed, dirty. */
#define TABLE_FLAGS 0x67ull

static inline uint64_t pgd_phys(struct engine *e, const struct object *mm)
{
	return GET(e->k, mm, mm_struct, pgd) - e->k->page_offset;
}

/* Where the entry of addr stands in a table of that level; both physical. */
static inline uint64_t table_entry(const struct pagetable_geometry *g, uint64_t table, unsigned level, uint64_t addr)
{
	/* A table is a frame; PAE's top one has fewer entries, and addresses no more bits. */
	return g->entry_size == 8 ? table + (addr >> g->level[level].shift & 511) * 8 : table + (addr >> g->level[level].shift & 1023) * 4;
}

/*
 * The table that the entry at `entry_addr` (of a table of `level`) leads to, made when there is none; its page is kept (typed, counted, charged) as those of `like` are, the mm
 * itself or the one that it is copied from. *table 0: explained only (fault_refuse()).
 */
struct error *table_alloc(struct engine *e, const struct object *mm, const struct object *like, unsigned level, uint64_t entry_addr, uint64_t addr, uint64_t *table) MUST_CHECK;

/* A page table for `level` that nothing points to yet, counted as the mm's; kept as those of `like`. By its physical address; 0: explained only. */
struct error *new_page_table(struct engine *e, const struct object *mm, const struct object *like, unsigned level, uint64_t *phys) MUST_CHECK;

/* The mm has a table of that level more, or (-1) less. */
void count_table(struct engine *e, const struct object *mm, unsigned level, int n);

/* pgd_alloc(), pgd_free(): a top table for the mm, with the kernel's half; on pgd_list where there is one. Virtual addresses. */
struct error *pgd_alloc_modern(struct engine *e, uint64_t mm, uint64_t *pgd) MUST_CHECK;
struct error *pgd_free_modern(struct engine *e, uint64_t pgd) MUST_CHECK;

#endif
