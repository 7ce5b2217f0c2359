/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fork's copy of page tables where pages know who maps them (mm/memory.c: copy_page_range()).
 */
#include <inttypes.h>

#include "core/interrupt.h"
#include "mm/engine/areas_edit.h"
#include "mm/engine/fork_edit.h"
#include "mm/engine/huge.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/near.h"
#include "mm/engine/pgtable_edit.h"
#include "mm/memmap.h"
#include "mm/pte.h"
#include "mm/swap.h"

#define RSS_KINDS 8

struct copying {
	struct engine *e;
	const struct object *dst, *src, *from;
	struct vma vma; /* the parent's */
	uint64_t flags;
	bool cow;
	int rss[RSS_KINDS]; /* pages by kind, added to the mm at the end of each table */
	uint64_t pages;
};

static void count(struct copying *c, int kind)
{
	if (kind >= 0 && kind < RSS_KINDS)
		c->rss[kind]++;
}

/* ---- Entries ---- */

/* dup_page() of an anonymous page of one frame. False: the general way. */
static inline bool near_dup(struct engine *e, uint64_t page)
{
	const struct engine_near *n = e->near;
	unsigned char *p = n->plain ? near_page(e, page) : NULL;
	if (!p || !near_is_single(n, p) || !(near_word(p + n->mapping) & PAGE_MAPPING_ANON))
		return false;
	if (n->exclusive)
		store_uint(p + n->flags, 8, near_word(p + n->flags) & ~n->exclusive);
	store_uint(p + n->refcount, 4, load_uint(p + n->refcount, 4) + 1);
	store_uint(p + n->mapcount, 4, load_uint(p + n->mapcount, 4) + 1);
	return true;
}

/* page_dup_rmap(), page_try_dup_anon_rmap(): one mapping more; the page is nobody's alone any more. */
static struct error *dup_page(struct copying *c, uint64_t page, uint64_t addr)
{
	struct engine *e = c->e;
	struct kernel *k = e->k;
	struct page p;
	if (near_dup(e, page)) {
		count(c, e->modern->rss_anon);
		c->pages++;
		return NULL;
	}
	TRY(page_open_writable(e, page, &p));
	int kind = page_counter_kind(e, &p);
	if (kind == e->modern->rss_anon && e->modern->anon_exclusive >= 0)
		SET(k, &p.object, page, flags, p.flags & ~(1ull << e->modern->anon_exclusive));
	if (page_is_large(e, &p)) {
		struct fault f = { .e = e, .mm = c->dst, .vma = &c->vma, .addr = addr };
		struct large l;
		TRY(large_open(e, page, &l));
		SET(k, &l.head.object, page, refcount, (uint64_t)(page_refcount(k, &l.head) + 1));
		TRY(large_add_parts(&f, &l, (page - l.head.object.addr) / e->page_size, 1));
	} else {
		SET(k, &p.object, page, refcount, (uint64_t)(page_refcount(k, &p) + 1));
		SET(k, &p.object, page, mapcount, (uint64_t)(page_mapcount_word(k, &p) + 1));
	}
	count(c, kind);
	c->pages++;
	return NULL;
}

/* What the child has where the parent, after its own entry was write-protected, has `entry`. */
static inline uint64_t child_entry(const struct copying *c, uint64_t entry)
{
	if (c->flags & VM_SHARED)
		entry &= ~X86_DIRTY;
	if (!(c->flags & c->e->modern->vm_uffd_wp))
		entry &= ~PTE_UFFD_WP;
	return entry & ~X86_ACCESSED;
}

static struct error *copy_present(struct copying *c, uint64_t addr, uint64_t src_at, uint64_t dst_at, uint64_t entry)
{
	struct engine *e = c->e;
	struct kernel *k = e->k;
	uint64_t pfn = pagetable_entry_phys(&k->geometry, entry, k->geometry.levels - 1u) >> k->arch->page_shift, page;
	/* vm_normal_page(): the zero page, raw frames and the like have nobody to count them. */
	bool special = (entry & PTE_SPECIAL) || (c->flags & VM_PFNMAP) || pfn == e->modern->zero_pfn || !pfn_to_page(k, pfn, &page);
	if (!special)
		TRY(dup_page(c, page, addr));
	if (c->cow && (entry & X86_RW)) {
		entry = pte_wrprotect(entry);
		set_pte(e, src_at, entry);
	}
	set_pte(e, dst_at, child_entry(c, entry));
	return NULL;
}

/* copy_present() of an anonymous page of one frame in a zone that is near, from a table to a table that are. False: the general way. */
static inline bool copy_near(struct copying *c, const struct near_zone *z, unsigned char *src, unsigned char *dst, uint64_t entry)
{
	struct engine *e = c->e;
	uint64_t pfn = (entry & e->k->geometry.frame_mask) >> VMCORE_PAGE_SHIFT;
	if ((entry & (X86_PRESENT | PTE_SPECIAL)) != X86_PRESENT || pfn - z->pfn >= z->frames || pfn == e->modern->zero_pfn ||
	    !near_dup(e, e->mem_map + pfn * e->page_size))
		return false;
	count(c, e->modern->rss_anon);
	c->pages++;
	if (c->cow && (entry & X86_RW)) {
		entry = pte_wrprotect(entry);
		store_uint(src, 8, entry);
	}
	store_uint(dst, 8, child_entry(c, entry));
	return true;
}

/* copy_nonpresent_pte(): a swap slot has one more who needs it. */
static struct error *copy_absent(struct copying *c, uint64_t addr, uint64_t src_at, uint64_t dst_at, uint64_t entry)
{
	struct engine *e = c->e;
	struct kernel *k = e->k;
	struct swap_entry s;
	uint64_t next, list = MEMBER_ADDR(k, c->dst, mm_struct, mmlist);
	swap_entry_decode(k, entry, &s);
	if (s.kind != SWAP_PAGE)
		return error_at(ERR_UNSUPPORTED, addr, "the page of %" PRIx64 " is being moved, or is no page: copying its entry is not done yet", addr);
	TRY(swap_duplicate(e, entry));
	/* The mm has pages in swap: it stands on the list of those that have. */
	TRY(kernel_read_pointer(k, list, &next));
	if (next == list)
		TRY(list_add(k, list, MEMBER_ADDR(k, c->src, mm_struct, mmlist)));
	count(c, e->modern->rss_swap);
	/* It is no longer one process's alone. */
	if (e->modern->anon_exclusive >= 0 && (entry & SWAP_ENTRY_EXCLUSIVE)) {
		entry &= ~SWAP_ENTRY_EXCLUSIVE;
		set_pte(e, src_at, entry);
	}
	set_pte(e, dst_at, entry);
	return NULL;
}

/* ---- Tables ---- */

static struct error *copy_ptes(struct copying *c, uint64_t src, uint64_t dst, uint64_t addr, uint64_t end)
{
	struct engine *e = c->e;
	const struct pagetable_geometry *g = &e->k->geometry;
	unsigned level = g->levels - 1u;
	const struct near_zone *z = g->entry_size == 8 && e->mem_map && !(c->flags & VM_PFNMAP) ? near_zone_used_last(e) : NULL;
	unsigned char *from = z ? vmcore_near_writable(e->k->flat, src, VMCORE_PAGE_SIZE) : NULL;
	unsigned char *to = from ? vmcore_near_writable(e->k->flat, dst, VMCORE_PAGE_SIZE) : NULL;
	for (; addr < end; addr += VMCORE_PAGE_SIZE) {
		uint64_t at = table_entry(g, src, level, addr), entry = get_pte(e, at);
		if (!entry || (to && copy_near(c, z, from + (at - src), to + (at - src), entry)))
			continue;
		if (pagetable_entry_present(g, entry))
			TRY(copy_present(c, addr, at, table_entry(g, dst, level, addr), entry));
		else
			TRY(copy_absent(c, addr, at, table_entry(g, dst, level, addr), entry));
	}
	for (int kind = 0; kind < RSS_KINDS; kind++)
		if (c->rss[kind])
			TRY(add_mm_counter(e, c->dst, kind, c->rss[kind], false));
	memset(c->rss, 0, sizeof(c->rss));
	return check_interrupt();
}

/*
 * A huge page is shared as a whole, where that can be; else its mapping is split first, and *entry is what stands there then. Of other huge entries (hugetlbfs has its
 * own way) nothing is known.
 */
static struct error *copy_huge(struct copying *c, unsigned level, uint64_t src_at, uint64_t dst, uint64_t addr, uint64_t *entry)
{
	struct engine *e = c->e;
	struct fault f = { .e = e, .mm = c->dst, .vma = &c->vma, .addr = addr };
	bool split;
	if (level != e->modern->pmd_level)
		return error_at(ERR_UNSUPPORTED, addr, "a page of 1 GB is mapped at %" PRIx64 ": its copy is not done", addr);
	TRY(copy_huge_pmd(&f, table_entry(&e->k->geometry, dst, level, addr), src_at, c->src, &c->vma, &split));
	*entry = split ? get_pte(e, src_at) : 0;
	return NULL;
}

/* Where the parent has a table the child gets one, even if nothing of this area is in it. */
static struct error *copy_level(struct copying *c, unsigned level, uint64_t src, uint64_t dst, uint64_t addr, uint64_t end)
{
	struct engine *e = c->e;
	const struct pagetable_geometry *g = &e->k->geometry;
	uint64_t size = 1ull << g->level[level].shift;
	if (level + 1u == g->levels)
		return copy_ptes(c, src, dst, addr, end);
	while (addr < end) {
		uint64_t next = (addr & ~(size - 1)) + size, entry = get_pte(e, table_entry(g, src, level, addr)), table;
		if (next > end || next < addr)
			next = end;
		if (entry && (!(entry & X86_PRESENT) || (g->level[level].may_be_leaf && (entry & X86_PSE))))
			TRY(copy_huge(c, level, table_entry(g, src, level, addr), dst, addr & ~(size - 1), &entry));
		if (entry) {
			TRY(table_alloc(e, c->dst, c->src, level, table_entry(g, dst, level, addr), addr, &table));
			if (!table)
				return error_new(ERR_UNSUPPORTED, "a page table was only explained");
			TRY(copy_level(c, level + 1, entry & g->frame_mask, table, addr, next));
		}
		addr = next;
	}
	return NULL;
}

struct error *copy_page_range_areas(struct engine *e, const struct object *dst, const struct object *src, const struct object *from)
{
	struct kernel *k = e->k;
	struct copying c = { .e = e, .dst = dst, .src = src, .from = from };
	uint64_t start = GET(k, from, vm_area_struct, vm_start), end = GET(k, from, vm_area_struct, vm_end);
	c.flags = GET(k, from, vm_area_struct, vm_flags);
	c.cow = (c.flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE;
	/* What a fault will find again in the file is left to it. */
	if (!(c.flags & (VM_HUGETLB | VM_PFNMAP | VM_MIXEDMAP)) && !GET(k, from, vm_area_struct, anon_vma)) {
		TRACE(e, "copy_page_range", "no page of its own: faults will fill the child's entries", { "vma", from->addr }, { "vma->anon_vma", 0 });
		return NULL;
	}
	if (c.flags & VM_HUGETLB)
		return error_at(ERR_UNSUPPORTED, from->addr, "area %" PRIx64 " is of hugetlbfs: copying it is not done", from->addr);
	TRY(vma_open(k, from->addr, &c.vma));
	TRY(copy_level(&c, 0, pgd_phys(e, src), pgd_phys(e, dst), start, end));
	TRACE(e, "copy_page_range", c.cow ? "pages shared; writable ones write-protected in both" : "pages shared", { "vma", from->addr }, { "vma->vm_flags", c.flags },
	      { "pages", c.pages });
	return NULL;
}
