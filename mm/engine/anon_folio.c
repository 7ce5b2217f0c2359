/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Anonymous folios of sizes between a page and a huge page (mm/memory.c: alloc_anon_folio(), 6.8): the largest that is switched on, fits into the area, finds all of its
 * entries empty, and can be had.
 */
#include <inttypes.h>

#include "mm/engine/huge.h"
#include "mm/engine/pgtable_edit.h"
#include "mm/pte.h"

/* thp_vma_allowable_orders(), thp_vma_suitable_orders(): a bit for each order. */
static uint64_t orders_for(struct fault *f)
{
	struct engine *e = f->e;
	const unsigned shift = e->k->arch->page_shift;
	uint64_t orders = huge_orders(e, f->vma->flags) & ((1ull << huge_order(e)) - 1), fit = 0;
	if ((f->vma->flags & e->modern->vm_nohugepage) || mm_forbids_huge(e, f->mm) || (f->vma->flags & e->modern->vm_uffd_missing))
		return 0;
	for (unsigned order = 1; order < huge_order(e); order++) {
		uint64_t size = 1ull << (order + shift), start = f->addr & ~(size - 1);
		if ((orders >> order & 1) && start >= f->vma->start && start + size <= f->vma->end)
			fit |= 1ull << order;
	}
	return fit;
}

static unsigned highest(uint64_t orders)
{
	return orders ? 63u - (unsigned)__builtin_clzll(orders) : 0;
}

/* pte_range_none(), of the range of that size around the address; *at is its first entry. */
static bool range_is_empty(struct fault *f, unsigned order, uint64_t *at)
{
	struct engine *e = f->e;
	uint64_t size = e->k->geometry.entry_size, index = (f->addr >> e->k->arch->page_shift) & ((1ull << order) - 1);
	*at = f->entry_addr - index * size;
	for (uint64_t i = 0; i < 1ull << order; i++)
		if (get_pte(e, *at + i * size))
			return false;
	return true;
}

static struct error *map_folio(struct fault *f, uint64_t page, unsigned order, uint64_t at)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	struct fault first = *f;
	struct large l;
	first.addr = f->addr & ~((1ull << (order + k->arch->page_shift)) - 1);
	TRY(charge_page(f, page));
	TRY(large_open(e, page, &l));
	SET(k, &l.head.object, page, refcount, (uint64_t)(page_refcount(k, &l.head) + (int32_t)l.pages - 1));
	TRY(add_mm_counter(e, f->mm, e->modern->rss_anon, (int)l.pages, false));
	count_mthp_stat(e, order, "MTHP_STAT_ANON_FAULT_ALLOC", 1);
	TRY(large_add_new_anon_parts(&first, &l));
	count_mthp_stat(e, order, "MTHP_STAT_NR_ANON", 1);
	TRY(lru_batch_add(f, page));
	for (uint64_t i = 0; i < l.pages; i++) {
		uint64_t entry = pte_mkdirty(mk_pte(e, page + i * e->page_size, f->vma->page_prot)) | soft_dirty_bit(f);
		set_pte(e, at + i * k->geometry.entry_size, f->vma->flags & VM_WRITE ? pte_mkwrite(entry) : entry);
	}
	return NULL;
}

struct error *alloc_anon_folio(struct fault *f, bool *done)
{
	struct engine *e = f->e;
	uint64_t orders = orders_for(f), at, zone, page, flags = 0;
	bool explained;
	*done = false;
	if (!orders)
		return NULL;
	TRY(fault_pte(f, &explained));
	while (orders && !range_is_empty(f, highest(orders), &at))
		orders &= ~(1ull << highest(orders));
	for (; orders; orders &= ~(1ull << highest(orders))) {
		unsigned order = highest(orders);
		TRY(pages_available(e, PAGES_MOVABLE, order, &zone));
		if (!zone) {
			bool fallback;
			if (!error_drop(kernel_read_symbol(e->k, "transparent_hugepage_flags", 0, &flags)))
				TRY(no_huge_page_free(f, flags, &fallback));
			if (!fallback) {
				*done = true;
				return NULL;
			}
			count_mthp_stat(e, order, "MTHP_STAT_ANON_FAULT_FALLBACK", 1);
			continue;
		}
		TRACE(e, "alloc_anon_folio", "a folio of several pages", { "address", f->addr }, { "order", order });
		TRY(new_large_folio(e, PAGES_MOVABLE, order, &page));
		*done = true;
		range_is_empty(f, order, &at);
		return page ? map_folio(f, page, order, at) : NULL;
	}
	return NULL;
}
