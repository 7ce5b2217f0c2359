/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reclaim as 2.4 does it (mm/vmscan.c): pages age on two lists; mapped ones are unmapped by walking the page tables of one mm after the other; what nobody maps
 * any more is written out and freed from the end of the inactive list.
 */
#include <inttypes.h>

#include "core/interrupt.h"
#include "mm/engine/engine.h"
#include "mm/engine/file_edit.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/mmap_edit.h"
#include "mm/engine/reclaim.h"
#include "mm/pte.h"
#include "mm/engine/swap_edit.h"

#define DEF_PRIORITY	 6

/* One call of try_to_free_pages_zone(). */
struct reclaim {
	struct engine *e;
	uint64_t classzone; /* the zone_struct whose pages, and those of zones below it, are wanted */
	unsigned wanted;    /* pages still to be freed, as the kernel reckons: what slabs gave is forgotten when it was not enough */
	unsigned freed;	    /* frames that were */
};

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

/* memclass(): is a page of that zone of use to who wants one of the class? */
static bool memclass(const struct reclaim *r, const struct page *p)
{
	const struct kernel *k = r->e->k;
	return r->e->contig_page_data + OFFSET(k, pglist_data, node_zones) + (p->flags >> 24) * SIZE_OF(k, zone) <= r->classzone;
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

/* try_to_swap_out(): one present entry of a page that is not reserved. *freeable: nobody but a cache has the page any more. */
static struct error *try_to_swap_out(struct reclaim *r, const struct object *mm, uint64_t page, uint64_t at, uint64_t entry, bool *freeable)
{
	struct engine *e = r->e;
	struct kernel *k = e->k;
	struct page p;
	uint64_t slot = 0;
	*freeable = false;
	if (entry & X86_ACCESSED) {
		set_pte(e, at, entry & ~X86_ACCESSED);
		return mark_page_accessed(e, page);
	}
	TRY(page_open_writable(e, page, &p));
	if (has(&p, e->bit_active) || !memclass(r, &p) || has(&p, e->bit_locked))
		return NULL;
	if (entry & X86_DIRTY)
		TRY(set_page_dirty(e, page));
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
		TRY(set_page_dirty(e, page));
	}
	TRACE(e, "try_to_swap_out", slot ? "the entry becomes a swap entry" : "the entry is dropped: the page can be read again",
	      { "page", page }, { "pte", entry }, { "swap entry", slot });
	set_pte(e, at, slot);
	ADD(k, mm, mm_struct, rss, -1);
	*freeable = page_refcount(k, &p) <= 2;
	return put_page(e, page);
}

static bool is_reserved_frame(struct engine *e, uint64_t phys, uint64_t *page)
{
	struct page p;
	if (phys >> e->k->arch->page_shift >= e->max_pfn)
		return true;
	*page = engine_phys_page(e, phys);
	return error_drop(page_open_known(e, *page, &p)) || has(&p, e->bit_reserved);
}

/* swap_out_vma(): the area's entries from addr on, until `wanted` is 0. Leaves off at mm->swap_address. */
static struct error *swap_out_vma(struct reclaim *r, const struct object *mm, const struct vma *vma, uint64_t addr, unsigned *wanted)
{
	struct engine *e = r->e;
	struct kernel *k = e->k;
	uint64_t span = 1ull << k->geometry.level[0].shift, page;
	while (addr < vma->end && *wanted) {
		uint64_t at = pte_offset(e, mm, addr), stop = (addr & ~(span - 1)) + span;
		if (stop > vma->end)
			stop = vma->end;
		if (!at) {
			addr = stop;
			continue;
		}
		for (; addr < stop && *wanted; addr += VMCORE_PAGE_SIZE, at += k->geometry.entry_size) {
			uint64_t entry = get_pte(e, at);
			bool freeable = false;
			if (!pte_present(entry) || is_reserved_frame(e, entry & k->geometry.frame_mask, &page))
				continue;
			/* A locked area's pages are only marked as used. */
			if (vma->flags & VM_LOCKED)
				TRY(mark_page_accessed(e, page));
			else
				TRY(try_to_swap_out(r, mm, page, at, entry, &freeable));
			*wanted -= freeable;
		}
		SET(k, mm, mm_struct, swap_address, addr);
	}
	return NULL;
}

/* swap_out_mm(): from mm->swap_address to the end, which TASK_SIZE there says was reached. */
static struct error *swap_out_mm(struct reclaim *r, uint64_t mm_addr, unsigned *wanted)
{
	struct engine *e = r->e;
	struct kernel *k = e->k;
	struct object mm;
	uint64_t at, addr, last = 0;
	TRY(object_open_writable(k, mm_addr, S_mm_struct, &mm));
	addr = GET(k, &mm, mm_struct, swap_address);
	TRY(find_vma(e, &mm, addr, &at));
	while (at) {
		struct vma vma;
		TRY(check_interrupt());
		TRY(vma_open(k, at, &vma));
		if (vma.start < last || vma.end > k->page_offset)
			return error_at(ERR_BAD_LIST, at, "areas of mm %" PRIx64 " out of order: %" PRIx64, mm_addr, at);
		last = vma.end;
		TRY(swap_out_vma(r, &mm, &vma, addr > vma.start ? addr : vma.start, wanted));
		at = GET(k, &vma.object, vm_area_struct, vm_next);
		if (at && !*wanted)
			return NULL;
		addr = 0;
	}
	SET(k, &mm, mm_struct, swap_address, k->page_offset);
	return NULL;
}

/* The mm whose turn it is: swap_mm, or the next one of the list that was not gone through to its end. *mm is 0 when there is none. */
static struct error *next_mm(struct engine *e, uint64_t *mm)
{
	struct kernel *k = e->k;
	struct object o;
	uint64_t next;
	for (unsigned n = 0;; n++) {
		TRY(object_open_writable(k, *mm, S_mm_struct, &o));
		if (*mm != e->init_mm && GET(k, &o, mm_struct, swap_address) != k->page_offset)
			return NULL;
		SET(k, &o, mm_struct, swap_address, 0);
		TRY(kernel_read_pointer(k, MEMBER_ADDR(k, &o, mm_struct, mmlist), &next));
		next -= OFFSET(k, mm_struct, mmlist);
		if (n > 200000)
			return error_at(ERR_BAD_LIST, *mm, "the list of mms never ends: %" PRIx64, *mm);
		if (next == *mm) {
			*mm = 0;
			return NULL;
		}
		*mm = next;
	}
}

/* swap_out(): at most once around all mms. */
static struct error *swap_out(struct reclaim *r)
{
	struct engine *e = r->e;
	struct kernel *k = e->k;
	uint64_t turn = symbol_addr(k, "swap_mm"), mm = e->init_mm, count;
	unsigned wanted = SWAP_CLUSTER_MAX;
	TRY(kernel_read_symbol(k, "mmlist_nr", 4, &count));
	/* Each has a frame at least. */
	if (count > e->max_pfn)
		return error_new(ERR_BAD_OBJECT, "mmlist_nr is too large: %" PRIu64, count);
	if (turn)
		TRY(kernel_read_pointer(k, turn, &mm));
	for (uint64_t n = 0; n <= count && wanted; n++) {
		TRY(next_mm(e, &mm));
		if (!mm)
			return NULL;
		if (turn)
			TRY(kernel_write_pointer(k, turn, mm));
		TRY(check_interrupt());
		TRY(swap_out_mm(r, mm, &wanted));
	}
	return NULL;
}

/* ---- Freeing ---- */

/* writepage(): to where the page came from. A page that only the swap cache has is not worth a write; it is freed (swap_writepage()). */
static struct error *write_out(struct engine *e, const struct page *p, bool *gone)
{
	struct kernel *k = e->k;
	uint64_t page = p->object.addr, mapping = GET(k, &p->object, page, mapping), index = GET(k, &p->object, page, index), inode;
	unsigned users;
	const void *bytes = vmcore_try_map(k->vmcore, engine_page_phys(e, page), VMCORE_PAGE_SIZE);
	*gone = false;
	if (!bytes)
		return error_at(ERR_NOT_IN_IMAGE, page, "the page's frame is not in the image: %" PRIx64, page);
	set_flag(e, p, e->bit_dirty, false);
	/* PG_launder is set here and cleared when the write has ended (unlock_page()), which is before this returns. */
	if (mapping != e->swapper_space) {
		TRACE(e, "shrink_cache", "dirty: written out", { "page", page }, { "mapping", mapping }, { "index", index });
		TRY(kernel_get(k, mapping, M_address_space_host, &inode));
		return disk_write(e, inode, index << k->arch->page_shift, bytes, VMCORE_PAGE_SIZE);
	}
	TRY(swap_count(e, index, &users));
	*gone = users == 1;
	TRACE(e, "shrink_cache", *gone ? "only the swap cache has it: freed" : "dirty: written to its slot", { "page", page }, { "index", index });
	return *gone ? delete_from_swap_cache(e, page) : swap_write(e, swp_type(index), swp_offset(index), bytes);
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

/* shrink_cache(): a part of the inactive list, from its end. Too many mapped pages there, and entries are unmapped. */
static struct error *shrink_cache(struct reclaim *r, unsigned priority)
{
	struct engine *e = r->e;
	struct kernel *k = e->k;
	uint64_t inactive, page;
	TRY(read_count(e, e->nr_inactive_pages, &inactive));
	uint64_t max_scan = inactive / priority, max_mapped = (uint64_t)r->wanted << (10 - priority);
	if (max_mapped > max_scan / 10)
		max_mapped = max_scan / 10;
	while (max_scan-- && r->wanted) {
		struct page p;
		bool gone;
		TRY(check_interrupt());
		TRY(last_on(e, e->inactive_list, &page));
		if (!page)
			return NULL;
		TRY(page_open_writable(e, page, &p));
		uint64_t lru = MEMBER_ADDR(k, &p.object, page, lru);
		TRY(list_del(k, lru));
		TRY(list_add(k, lru, e->inactive_list));
		if (!memclass(r, &p))
			continue;
		if (!GET(k, &p.object, page, mapping) || page_refcount(k, &p) != 1) {
			if (max_mapped--)
				continue;
			return swap_out(r);
		}
		if (has(&p, e->bit_locked))
			continue;
		/* Written pages are freed when the list's end comes to them again. What writepage() frees is not reckoned. */
		if (has(&p, e->bit_dirty)) {
			TRY(write_out(e, &p, &gone));
			r->freed += gone;
			continue;
		}
		TRY(free_cached(e, &p));
		r->freed++;
		r->wanted--;
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

/* *enough: nothing more is wanted. */
static struct error *shrink_caches(struct reclaim *r, unsigned priority, bool *enough)
{
	struct engine *e = r->e;
	uint64_t active, inactive;
	unsigned reaped;
	TRY(kmem_cache_reap(e, &reaped));
	r->freed += reaped;
	*enough = reaped >= r->wanted;
	if (*enough)
		return NULL;
	TRY(read_count(e, e->nr_active_pages, &active));
	TRY(read_count(e, e->nr_inactive_pages, &inactive));
	/* The active list should be about two thirds of all. */
	TRY(refill_inactive(e, r->wanted * active / ((inactive + 1) * 2)));
	TRY(shrink_cache(r, priority));
	*enough = !r->wanted;
	return NULL;
}

/* At each priority, from a sixth of the inactive list to all of it. */
struct error *try_to_free_pages_zone(struct engine *e, uint64_t classzone, unsigned nr_pages, unsigned *freed, bool *enough)
{
	struct reclaim r = { .e = e, .classzone = classzone, .wanted = nr_pages };
	*enough = false;
	for (unsigned priority = DEF_PRIORITY; priority && !*enough; priority--) {
		TRY(shrink_caches(&r, priority, enough));
		TRACE(e, "try_to_free_pages", *enough ? "enough" : "not enough yet", { "priority", priority }, { "classzone", classzone },
		      { "freed", r.freed });
	}
	*freed = r.freed;
	return NULL;
}

struct error *try_to_free_pages(struct engine *e, unsigned nr_pages, unsigned *freed)
{
	struct kernel *k = e->k;
	if (!e->classic)
		return try_to_free_pages_modern(e, highest_zone(e, PAGES_MOVABLE), nr_pages, freed);
	uint64_t classzone, zonelist = e->contig_page_data + OFFSET(k, pglist_data, node_zonelists) +
				       (uint64_t)(GFP24_HIGHUSER & 15) * SIZE_OF(k, zonelist);
	bool enough;
	*freed = 0;
	TRY(kernel_read_pointer(k, zonelist + OFFSET(k, zonelist, zones), &classzone));
	return try_to_free_pages_zone(e, classzone, nr_pages, freed, &enough);
}
