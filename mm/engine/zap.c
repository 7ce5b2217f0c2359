/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pages unmapped with their areas (mm/memory.c: zap_pte_range()), tables that map nothing any more, what control groups were charged.
 */
#include <inttypes.h>

#include "mm/engine/areas_edit.h"
#include "mm/engine/huge.h"
#include "mm/engine/near.h"
#include "mm/engine/pgtable_edit.h"
#include "mm/memmap.h"
#include "mm/pte.h"
#include "mm/state.h"
#include "mm/engine/swap_edit.h"
#include "mm/engine/zap.h"
#include "mm/swap.h"
#include "mm/zone.h"

/* ---- Control groups ---- */

struct error *lru_count_in_group(struct engine *e, const struct page *p, int list)
{
	struct kernel *k = e->k;
	uint64_t group, per_node, size, word = k->arch->pointer_size;
	const struct zone *z = zone_of_pfn(k, p->pfn);
	TRY(page_memcg(e, p, &group));
	if (!group || !z || !HAS(k, mem_cgroup_per_node, lru_zone_size))
		return NULL;
	TRY(kernel_read_pointer(k, group + OFFSET(k, mem_cgroup, nodeinfo) + z->node * word, &per_node));
	const struct member *sizes = &k->members[M_mem_cgroup_per_node_lru_zone_size];
	uint64_t at = per_node + sizes->offset + (z->index * 5u + (unsigned)list) * word;
	if (at + word > per_node + sizes->offset + sizes->total)
		return error_at(ERR_BAD_OBJECT, z->addr, "zone %" PRIx64 " is none that groups count", z->addr);
	TRY(kernel_read_pointer(k, at, &size));
	return kernel_write_pointer(k, at, size - (1ull << page_compound_order(k, p)));
}

struct error *uncharge_page(struct engine *e, const struct page *p)
{
	struct kernel *k = e->k;
	uint64_t group, root = 0, counter, usage;
	TRY(page_memcg(e, p, &group));
	if (!group)
		return NULL;
	SET(k, &p->object, page, memcg_data, 0);
	SET(k, &p->object, page, mem_cgroup, 0);
	if (symbol_addr(k, "root_mem_cgroup"))
		TRY(kernel_read_symbol(k, "root_mem_cgroup", 0, &root));
	counter = group + OFFSET(k, mem_cgroup, memory);
	for (unsigned depth = 0; group != root && HAS(k, mem_cgroup, memory) && counter && depth < 64; depth++) {
		TRY(kernel_get(k, counter, M_page_counter_usage, &usage));
		TRY(kernel_write_pointer(k, counter + OFFSET(k, page_counter, usage), usage - (1ull << page_compound_order(k, p))));
		TRY(kernel_get(k, counter, M_page_counter_parent, &counter));
	}
	return NULL;
}

/* ---- Entries ---- */

struct zapping {
	struct engine *e;
	const struct object *mm;
	struct vma vma;
};

/* What a shared page's entry knew of it goes to the page (set_page_dirty(), mark_page_accessed()). */
static struct error *tell_file_page(struct zapping *z, const struct page *p, uint64_t entry)
{
	struct engine *e = z->e;
	if (entry & X86_DIRTY)
		TRY(set_page_dirty(e, p->object.addr));
	if ((entry & X86_ACCESSED) && !(z->vma.flags & VM_SEQ_READ))
		TRY(mark_page_accessed(e, p->object.addr));
	return NULL;
}

static struct error *zap_page(struct zapping *z, uint64_t addr, uint64_t at, uint64_t entry, uint64_t frame)
{
	bool freed;
	struct engine *e = z->e;
	struct fault f = { .e = e, .mm = z->mm, .vma = &z->vma, .addr = addr };
	struct page p;
	uint64_t page;
	if (!pfn_to_page(e->k, frame >> e->k->arch->page_shift, &page))
		return error_at(ERR_BAD_OBJECT, addr, "the entry of %" PRIx64 " leads to no page: %" PRIx64, addr, entry);
	TRY(page_open_writable(e, page, &p));
	int kind = page_counter_kind(e, &p);
	if (kind != e->modern->rss_anon)
		TRY(tell_file_page(z, &p, entry));
	set_pte(e, at, 0);
	TRY(add_mm_counter(e, z->mm, kind, -1, false));
	TRY(page_remove_rmap(&f, page));
	TRACE(e, "zap_pte_range", kind == e->modern->rss_anon ? "an anonymous page goes" : "a page of a file goes", { "addr", addr }, { "pte", entry },
	      { "page", page });
	/* free_swap_cache(), when the page is given back with others (mm/swap_state.c) */
	TRY(page_open_known(e, page, &p));
	if (kind == e->modern->rss_anon && page_mapcount_word(e->k, &p) < 0 && page_is_swap_cache(e, &p))
		TRY(try_to_free_swap(e, page, &freed));
	return put_user_page(e, page);
}

static bool is_swap_slot(struct engine *e, uint64_t entry)
{
	struct swap_entry s;
	swap_entry_decode(e->k, entry, &s);
	return s.kind == SWAP_PAGE;
}

static area_entry_visitor unmap_entry;

/* A huge page that the range has whole goes; of another one the parts, once they have entries of their own. */
static struct error *unmap_huge(struct zapping *z, uint64_t addr, uint64_t end, uint64_t at, unsigned shift)
{
	struct engine *e = z->e;
	struct fault f = { .e = e, .mm = z->mm, .vma = &z->vma, .addr = addr };
	if (z->vma.flags & VM_HUGETLB || shift != e->k->geometry.level[e->modern->pmd_level].shift)
		return error_at(ERR_UNSUPPORTED, addr, "a page of hugetlbfs, or of 1 GB, is mapped at %" PRIx64 ": unmapping it is not done", addr);
	if (end - addr == 1ull << shift)
		return zap_huge_pmd(&f, at, addr);
	TRY(split_huge_pmd(&f, at, addr));
	return area_entries(e, z->mm, addr, end, unmap_entry, z);
}

static struct error *unmap_entry(void *context, uint64_t addr, uint64_t end, uint64_t at, uint64_t entry, unsigned shift)
{
	struct zapping *z = context;
	struct engine *e = z->e;
	uint64_t mask = e->k->geometry.frame_mask, frame = entry & mask;
	if (shift > e->k->arch->page_shift)
		return unmap_huge(z, addr, end, at, shift);
	if (!(entry & (X86_PRESENT | X86_GLOBAL)) && is_swap_slot(e, entry)) {
		set_pte(e, at, 0);
		TRY(add_mm_counter(e, z->mm, e->modern->rss_swap, -1, false));
		TRACE(e, "zap_pte_range", "a swapped-out page goes", { "addr", addr }, { "pte", entry });
		return free_swap_and_cache(e, entry);
	}
	if (!(entry & (X86_PRESENT | X86_GLOBAL)))
		return error_at(ERR_UNSUPPORTED, addr, "the page of %" PRIx64 " is swapped out, or is on its way: giving that up is not done yet", addr);
	if (!(entry & X86_PRESENT) && e->k->geometry.inverts_absent)
		frame ^= mask;
	if ((entry & PTE_SPECIAL) || (z->vma.flags & VM_PFNMAP) || frame >> e->k->arch->page_shift == e->modern->zero_pfn) {
		set_pte(e, at, 0);
		return NULL;
	}
	return zap_page(z, addr, at, entry, frame);
}

uint64_t get_mm_rss(struct engine *e, const struct object *mm)
{
	struct kernel *k = e->k;
	const int kinds[] = { e->modern->rss_file, e->modern->rss_anon, e->modern->rss_shmem };
	uint64_t rss = 0;
	for (int i = 0; i < 3; i++) {
		int64_t n = HAS(k, mm_struct, rss_count) ? (int64_t)object_get_element(k, mm, M_mm_struct_rss_count, (size_t)kinds[i]) : 0;
		rss += n > 0 && (i < 2 || kinds[2] != kinds[0]) ? (uint64_t)n : 0;
	}
	return rss;
}

void update_hiwater_rss(struct engine *e, const struct object *mm)
{
	uint64_t rss = get_mm_rss(e, mm);
	if (HAS(e->k, mm_struct, rss_count) && GET(e->k, mm, mm_struct, hiwater_rss) < rss)
		SET(e->k, mm, mm_struct, hiwater_rss, rss);
}

struct error *unmap_page_range(struct engine *e, const struct object *mm, const struct object *vma, uint64_t start, uint64_t end)
{
	struct zapping z = { .e = e, .mm = mm };
	TRY(vma_open(e->k, vma->addr, &z.vma));
	TRY(nodes_open(e->k));
	update_hiwater_rss(e, mm);
	return area_entries(e, mm, start, end, unmap_entry, &z);
}

/* ---- Tables ---- */

/* pte_free() and its like: the page of a table of `level + 1` that nothing points to any more. */
struct error *free_table_page(struct engine *e, const struct object *mm, uint64_t page, unsigned level)
{
	struct kernel *k = e->k;
	struct page p;
	TRY(page_open_writable(e, page, &p));
	if (page_refcount(k, &p) != 1)
		return error_at(ERR_BAD_OBJECT, page, "page table %" PRIx64 " has %d references", page, page_refcount(k, &p));
	bool typed = k->mm->pages->words.table.mask;
	if (typed ? page_use(k, &p) == PAGE_TABLE : level + 2u == k->geometry.levels)
		mod_page_state(e, page, e->modern->pagetable, -1);
	if (typed)
		SET(k, &p.object, page, page_type, UINT32_MAX);
	near_forget_leaf(e);
	count_table(e, mm, level + 1, -1);
	SET(k, &p.object, page, refcount, 0);
	TRY(uncharge_page(e, &p));
	return free_page_pcp(e, page);
}

struct error *free_page_table(struct engine *e, const struct object *mm, uint64_t entry_addr, uint64_t entry, unsigned level)
{
	struct kernel *k = e->k;
	uint64_t page, frame = entry & k->geometry.frame_mask;
	TRY(nodes_open(k));
	if (!pfn_to_page(k, frame >> k->arch->page_shift, &page))
		return error_at(ERR_BAD_OBJECT, entry_addr, "a page table in no page: %" PRIx64, entry);
	set_pte(e, entry_addr, 0);
	/* The twin that the processor uses in user mode, under page-table isolation. */
	if (e->modern->pti && level == 0)
		set_pte(e, entry_addr + VMCORE_PAGE_SIZE, 0);
	TRACE(e, "free_pgtables", "the table maps nothing any more", { "table", frame }, { "level", level });
	return free_table_page(e, mm, page, level);
}
