/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reclaim as 2.4 does it (mm/vmscan.c): pages age on two lists; mapped ones are unmapped by walking the page tables of one mm after the other; what nobody maps
 * any more is written out and freed from the end of the inactive list.
 */
#include <inttypes.h>

#include "core/interrupt.h"
#include "mm/engine.h"
#include "mm/file_edit.h"
#include "mm/list_edit.h"
#include "mm/mmap_edit.h"
#include "mm/pte.h"
#include "mm/swap_edit.h"

#define DEF_PRIORITY 6

static bool has(const struct page *p, int bit)
{
	return p->flags >> bit & 1;
}

static void set_flag(struct engine *e, const struct page *p, int bit, bool on)
{
	uint64_t flags = GET(e->k, &p->object, page, flags);
	SET(e->k, &p->object, page, flags, on ? flags | 1ull << bit : flags & ~(1ull << bit));
}

static struct error *read_count(struct engine *e, uint64_t counter, uint64_t *value)
{
	return kernel_read_uint(e->k, counter, 4, value);
}

/* The page whose lru is last on the list, 0 when it is empty. */
static struct error *last_on(struct engine *e, uint64_t list, uint64_t *page)
{
	uint64_t at;
	TRY(kernel_read_pointer(e->k, list + e->k->arch->pointer_size, &at));
	*page = at == list ? 0 : at - OFFSET(e->k, page, lru);
	return NULL;
}

/* ---- Unmapping ---- */

/* try_to_swap_out(): one present entry. *freed: the page's entry went. */
static struct error *try_to_swap_out(struct engine *e, const struct object *mm, uint64_t at, uint64_t entry, bool *done)
{
	struct kernel *k = e->k;
	struct page p;
	uint64_t phys = entry & k->geometry.frame_mask, slot = 0;
	*done = false;
	if (phys >> k->arch->page_shift >= e->max_pfn)
		return NULL;
	uint64_t page = engine_phys_page(e, phys);
	TRY(page_open_writable(e, page, &p));
	if (entry & X86_ACCESSED) {
		set_pte(e, at, entry & ~X86_ACCESSED);
		return mark_page_accessed(e, page);
	}
	if (has(&p, e->bit_reserved) || has(&p, e->bit_active) || has(&p, e->bit_locked))
		return NULL;
	if (entry & X86_DIRTY)
		set_flag(e, &p, e->bit_dirty, true);
	if (page_in_swap_cache(e, &p)) {
		slot = GET(k, &p.object, page, index);
		TRY(swap_duplicate(e, slot));
	} else if (!GET(k, &p.object, page, mapping) && (GET(k, &p.object, page, flags) >> e->bit_dirty & 1)) {
		TRY(get_swap_page(e, &slot));
		if (!slot)
			return NULL;
		TRY(add_to_swap_cache(e, page, slot));
		set_flag(e, &p, e->bit_locked, false);
		set_flag(e, &p, e->bit_uptodate, true);
		set_flag(e, &p, e->bit_dirty, true);
	}
	TRACE(e, "try_to_swap_out", slot ? "the entry becomes a swap entry" : "the entry is dropped: the page can be read again",
	      { "page", page }, { "pte", entry }, { "swap entry", slot });
	set_pte(e, at, slot);
	ADD(k, mm, mm_struct, rss, -1);
	*done = true;
	return put_page(e, page);
}

/* swap_out_mm(): from mm->swap_address on, once around at most; stops after `wanted` entries. */
static struct error *swap_out_mm(struct engine *e, uint64_t mm_addr, unsigned *wanted)
{
	struct kernel *k = e->k;
	struct object mm;
	struct vma_place place;
	TRY(object_open_writable(k, mm_addr, S_mm_struct, &mm));
	uint64_t addr = GET(k, &mm, mm_struct, swap_address);
	for (;;) {
		struct vma vma;
		TRY(check_interrupt());
		TRY(find_vma_prepare(e, &mm, addr, &place));
		if (!place.vma)
			break;
		TRY(vma_open(k, place.vma, &vma));
		if (addr < vma.start)
			addr = vma.start;
		for (; addr < vma.end && !(vma.flags & VM_LOCKED); addr += VMCORE_PAGE_SIZE) {
			uint64_t at = pte_offset(e, &mm, addr), entry = at ? get_pte(e, at) : 0;
			bool done;
			if (!pte_present(entry))
				continue;
			TRY(try_to_swap_out(e, &mm, at, entry, &done));
			if (!done || --*wanted)
				continue;
			SET(k, &mm, mm_struct, swap_address, addr + VMCORE_PAGE_SIZE);
			return NULL;
		}
		addr = vma.end;
	}
	SET(k, &mm, mm_struct, swap_address, 0);
	return NULL;
}

/* swap_out(): over all mms, by the list at init_mm.mmlist. */
static struct error *swap_out(struct engine *e, unsigned wanted)
{
	struct kernel *k = e->k;
	uint64_t head = e->init_mm + OFFSET(k, mm_struct, mmlist), at;
	TRY(kernel_read_pointer(k, head, &at));
	for (unsigned n = 0; at && at != head && wanted; n++) {
		uint64_t next;
		if (n > 100000)
			return error_at(ERR_BAD_LIST, at, "the list of mms never ends: %" PRIx64, at);
		TRY(kernel_read_pointer(k, at, &next));
		TRY(swap_out_mm(e, at - OFFSET(k, mm_struct, mmlist), &wanted));
		at = next;
	}
	return NULL;
}

/* ---- Freeing ---- */

/* The page of a file or of swap is written where it came from. */
static struct error *write_out(struct engine *e, const struct page *p)
{
	struct kernel *k = e->k;
	uint64_t mapping = GET(k, &p->object, page, mapping), index = GET(k, &p->object, page, index), inode;
	const void *bytes = vmcore_try_map(k->vmcore, engine_page_phys(e, p->object.addr), VMCORE_PAGE_SIZE);
	if (!bytes)
		return error_at(ERR_NOT_IN_IMAGE, p->object.addr, "the page's frame is not in the image: %" PRIx64, p->object.addr);
	set_flag(e, p, e->bit_dirty, false);
	TRACE(e, "shrink_cache", "dirty: written out", { "page", p->object.addr }, { "mapping", mapping }, { "index", index });
	if (mapping == e->swapper_space)
		return swap_write(e, swp_type(index), swp_offset(index), bytes);
	TRY(kernel_get(k, mapping, M_address_space_host, &inode));
	return disk_write(e, inode, index << k->arch->page_shift, bytes, VMCORE_PAGE_SIZE);
}

/* A page of the page cache that only the cache holds any more. */
static struct error *free_cached(struct engine *e, const struct page *p)
{
	uint64_t page = p->object.addr;
	TRACE(e, "shrink_cache", "clean, and nobody else has it: freed", { "page", page });
	if (page_in_swap_cache(e, p)) {
		/* delete_from_swap_cache() takes the last reference, and with it the page off the list. */
		return delete_from_swap_cache(e, page);
	}
	TRY(remove_inode_page(e, page));
	return put_page(e, page);
}

static struct error *shrink_cache(struct engine *e, unsigned wanted, unsigned priority, unsigned *freed)
{
	struct kernel *k = e->k;
	uint64_t inactive, page;
	TRY(read_count(e, e->nr_inactive_pages, &inactive));
	uint64_t max_scan = inactive / priority, max_mapped = (uint64_t)wanted << (10 - priority);
	while (max_scan-- && *freed < wanted) {
		struct page p;
		TRY(last_on(e, e->inactive_list, &page));
		if (!page)
			return NULL;
		TRY(page_open_writable(e, page, &p));
		uint64_t lru = MEMBER_ADDR(k, &p.object, page, lru);
		TRY(list_del(k, lru));
		TRY(list_add(k, lru, e->inactive_list));
		bool cached = GET(k, &p.object, page, mapping) != 0;
		if (!cached || page_refcount(k, &p) != 1) {
			if (max_mapped && --max_mapped)
				continue;
			return swap_out(e, 32);
		}
		if (has(&p, e->bit_dirty)) {
			TRY(write_out(e, &p));
			TRY(page_open_writable(e, page, &p));
		}
		TRY(free_cached(e, &p));
		++*freed;
	}
	return NULL;
}

/* refill_inactive(): the end of the active list moves over, but what was used since is put back to its front. */
static struct error *refill_inactive(struct engine *e, uint64_t wanted)
{
	struct kernel *k = e->k;
	uint64_t active, page;
	TRY(read_count(e, e->nr_active_pages, &active));
	for (uint64_t scan = active; wanted && scan; scan--) {
		struct page p;
		TRY(last_on(e, e->active_list, &page));
		if (!page)
			return NULL;
		TRY(page_open_writable(e, page, &p));
		uint64_t lru = MEMBER_ADDR(k, &p.object, page, lru);
		if (has(&p, e->bit_referenced)) {
			set_flag(e, &p, e->bit_referenced, false);
			TRY(list_del(k, lru));
			TRY(list_add(k, lru, e->active_list));
			continue;
		}
		wanted--;
		TRY(lru_cache_del(e, page));
		TRY(lru_cache_add(e, page));
		set_flag(e, &p, e->bit_referenced, true);
	}
	return NULL;
}

struct error *try_to_free_pages(struct engine *e, unsigned nr_pages, unsigned *freed)
{
	*freed = 0;
	for (unsigned priority = DEF_PRIORITY; priority && *freed < nr_pages; priority--) {
		uint64_t active, inactive;
		TRY(read_count(e, e->nr_active_pages, &active));
		TRY(read_count(e, e->nr_inactive_pages, &inactive));
		/* The active list should be about two thirds of all. */
		TRY(refill_inactive(e, (uint64_t)nr_pages * active / ((inactive + 1) * 2)));
		TRY(shrink_cache(e, nr_pages, priority, freed));
		TRACE(e, "try_to_free_pages", *freed >= nr_pages ? "enough" : "not enough yet", { "priority", priority }, { "freed", *freed });
	}
	return NULL;
}
