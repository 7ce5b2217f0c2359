/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * audit: a sound image is found sound, and one wrong value is found by the one rule that is about it.
 *
 *   test_audit           on the simulated machine
 *   test_audit DUMP      on a dump: what the guests' suite runs; says what it classified
 */
#include "tests/unit/small_machine.h"

#include <stdio.h>

#include "mm/audit/audit.h"
#include "mm/list.h"
#include "mm/memmap.h"
#include "mm/slab.h"
#include "mm/state.h"
#include "mm/swap.h"
#include "mm/task.h"
#include "mm/vma.h"
#include "mm/zone.h"

static unsigned passed, failed;

static bool check(bool good, const char *what, const char *detail)
{
	if (good)
		passed++;
	else
		failed++;
	if (!good)
		printf("[  FAILED  ] %s: %s\n", what, detail);
	return good;
}

/* ---- Wrong values ---- */

static bool set(struct kernel *k, uint64_t addr, unsigned size, uint64_t value)
{
	return !error_drop(kernel_write_uint(k, addr, size, value));
}

/* A word more or less than it was. */
static bool add(struct kernel *k, uint64_t addr, unsigned size, int64_t delta)
{
	uint64_t value;
	return !error_drop(kernel_read_uint(k, addr, size, &value)) && set(k, addr, size, value + (uint64_t)delta);
}

static bool add_member(struct kernel *k, uint64_t object, enum member_id id, int64_t delta)
{
	const struct member *m = &k->members[id];
	return m->present && m->size && add(k, object + m->offset, m->size, delta);
}

/* An mm with areas, tables and anonymous memory. */
static uint64_t some_mm(struct kernel *k)
{
	size_t count;
	if (error_drop(tasks_count(k, &count)))
		return 0;
	for (size_t i = 0; i < count; i++)
		if (tasks_get(k, i)->mm)
			return tasks_get(k, i)->mm;
	return 0;
}

static const struct zone *some_zone(struct kernel *k)
{
	for (size_t i = zones_count(k); i-- > 0;)
		if (zones_get(k, i)->managed_pages > 1000 || (!HAS(k, zone, managed_pages) && zones_get(k, i)->spanned_pages > 1000))
			return zones_get(k, i);
	return NULL;
}

struct block {
	uint64_t page;
	bool found;
};

static bool keep_block(void *context, uint64_t page, uint64_t pfn)
{
	struct block *b = context;
	(void)pfn;
	*b = (struct block){page, true};
	return true;
}

/* The last block on a list of at least that order. */
static struct block some_block(struct kernel *k, unsigned least)
{
	struct block b = {0};
	for (size_t i = zones_count(k); i-- > 0;)
		for (unsigned order = least; order < free_area_orders(k); order++)
			for (unsigned type = 0; type < free_area_types(k); type++) {
				if (zones_get(k, i)->spanned_pages)
					error_drop(free_list_walk(k, zones_get(k, i), order, type, keep_block, &b));
				if (b.found)
					return b;
			}
	return b;
}

static bool wrong_block(struct kernel *k)
{
	struct block b = some_block(k, 0);
	return b.found && (page_marks_free(k) ? add_member(k, b.page, M_page_private, 1) : add_member(k, b.page, M_page_refcount, 1));
}

static bool wrong_nr_free(struct kernel *k)
{
	const struct zone *z = some_zone(k);
	if (HAS(k, zone, free_pages))
		return add_member(k, z->addr, M_zone_free_pages, 1);
	return z && add_member(k, z->addr + OFFSET(k, zone, free_area), M_free_area_nr_free, 1);
}

static bool wrong_vm_stat(struct kernel *k)
{
	const struct zone *z = some_zone(k);
	const char *name;
	for (size_t i = 0; (name = vmstat_name(k, VMSTAT_ZONE, i)); i++)
		if (!strcmp(name, "NR_FREE_PAGES"))
			return z && add(k, z->addr + OFFSET(k, zone, vm_stat) + i * k->arch->pointer_size, k->arch->pointer_size, 1);
	return false;
}

static bool wrong_cpu_count(struct kernel *k)
{
	const struct zone *z = some_zone(k);
	uint64_t percpu = z ? GET(k, &z->object, zone, pageset) : 0;
	if (!percpu || !HAS(k, per_cpu_pages, count))
		return false;
	return add_member(k, percpu_ptr(k, percpu, 0) + (HAS_STRUCT(k, per_cpu_pageset) ? OFFSET(k, per_cpu_pageset, pcp) : 0), M_per_cpu_pages_count, 1);
}

static bool wrong_free_page(struct kernel *k)
{
	struct block b = some_block(k, 1);
	return b.found && add_member(k, b.page + SIZE_OF(k, page), M_page_refcount, 1);
}

static bool wrong_map_count(struct kernel *k)
{
	return add_member(k, some_mm(k), M_mm_struct_map_count, 1);
}

static bool wrong_gap(struct kernel *k)
{
	uint64_t mm = some_mm(k), root;
	if (HAS(k, vm_area_struct, rb_subtree_gap))
		return !error_drop(kernel_get(k, mm, M_mm_struct_mm_rb, &root)) &&
		       add_member(k, root - OFFSET(k, vm_area_struct, vm_rb), M_vm_area_struct_rb_subtree_gap, 4096);
	if (!HAS(k, mm_struct, mm_mt) || error_drop(kernel_get(k, mm + OFFSET(k, mm_struct, mm_mt), M_maple_tree_ma_root, &root)))
		return false;
	/* enum maple_type: maple_arange_64 is 3, and keeps gaps. */
	return (root >> 3 & 15) == 3 && add_member(k, root & ~255ull, M_maple_arange_64_gap, 4096);
}

static bool wrong_total_vm(struct kernel *k)
{
	return add_member(k, some_mm(k), M_mm_struct_total_vm, 1);
}

/* ---- Entries ---- */

struct entry_search {
	struct kernel *k;
	uint64_t pgd, end; /* where the area before ends */
	bool (*fits)(struct entry_search *s, const struct vma *vma, uint64_t addr);
	struct vma vma;
	struct walk walk;
	bool found;
};

/* The first page of an area that fits; or with fits NULL an empty entry between two areas. */
static bool search_area(void *context, const struct vma *vma)
{
	struct entry_search *s = context;
	struct kernel *k = s->k;
	if (!s->fits && s->end && s->end < vma->start) {
		pagetable_walk(k->vmcore, &k->geometry, s->pgd, s->end, &s->walk, NULL);
		s->found = s->walk.result == WALK_EMPTY && s->walk.steps == k->geometry.levels;
	}
	s->end = vma->end;
	for (uint64_t addr = vma->start; s->fits && !s->found && addr < vma->end && addr < vma->start + (64 << 12); addr += 4096) {
		pagetable_walk(k->vmcore, &k->geometry, s->pgd, addr, &s->walk, NULL);
		if (s->walk.result == WALK_MAPPED && s->walk.page_size == 4096 && s->fits(s, vma, addr)) {
			s->vma = *vma;
			s->found = true;
		}
	}
	return !s->found;
}

static bool find_entry(struct kernel *k, bool (*fits)(struct entry_search *, const struct vma *, uint64_t), struct entry_search *s)
{
	size_t count;
	if (error_drop(tasks_count(k, &count)))
		return false;
	for (size_t i = 0; i < count; i++) {
		*s = (struct entry_search){.k = k, .fits = fits};
		uint64_t mm = tasks_get(k, i)->mm;
		if (mm && !error_drop(mm_pgd(k, mm, &s->pgd)))
			error_drop(vma_for_each(k, mm, search_area, s));
		if (s->found)
			return true;
	}
	return false;
}

/* Entries of all that is audited here are of 8 bytes. */
static bool set_entry(struct kernel *k, uint64_t entry_addr, uint64_t entry)
{
	return !error_drop(vmcore_write(k->vmcore, entry_addr, &entry, sizeof(entry)));
}

static bool wrong_entry(struct kernel *k)
{
	struct entry_search s;
	uint64_t phys, zero = symbol_addr(k, "empty_zero_page");
	if (!find_entry(k, NULL, &s) || !kernel_try_vtop(k, zero, &phys))
		return false;
	/* The zero page, which nobody counts; present, user, and special where there is such a bit. */
	return set_entry(k, s.walk.step[s.walk.steps - 1].entry_addr, phys | 0x205);
}

static bool page_of(struct entry_search *s, struct page *p)
{
	uint64_t page;
	return pfn_to_page(s->k, phys_to_pfn(s->k, s->walk.phys), &page) && !error_drop(page_open(s->k, page, p)) && !page_is_tail(s->k, p) &&
	       !page_flag(s->k, p->flags, "head") && !page_flag(s->k, p->flags, "reserved");
}

static bool is_mapped(struct entry_search *s, const struct vma *vma, uint64_t addr)
{
	struct page p;
	(void)vma;
	(void)addr;
	return page_of(s, &p) && page_refcount(s->k, &p) >= 2;
}

static bool is_anon(struct entry_search *s, const struct vma *vma, uint64_t addr)
{
	struct page p;
	(void)addr;
	return vma->anon_vma && page_of(s, &p) && (GET(s->k, &p.object, page, mapping) & 3) == 1;
}

static bool is_file(struct entry_search *s, const struct vma *vma, uint64_t addr)
{
	struct page p;
	(void)addr;
	uint64_t mapping = page_of(s, &p) ? GET(s->k, &p.object, page, mapping) : 0;
	return vma->file && mapping && !(mapping & 3);
}

static bool change_page(struct kernel *k, bool (*fits)(struct entry_search *, const struct vma *, uint64_t), enum member_id id, int64_t delta)
{
	struct entry_search s;
	struct page p;
	return find_entry(k, fits, &s) && page_of(&s, &p) && add_member(k, p.object.addr, id, delta);
}

static bool wrong_mapcount(struct kernel *k)
{
	return change_page(k, is_mapped, M_page_mapcount, 1);
}

static bool wrong_refcount(struct kernel *k)
{
	return change_page(k, is_mapped, M_page_refcount, -1);
}

static bool wrong_index(struct kernel *k)
{
	return HAS(k, anon_vma_chain, rb_subtree_last) && change_page(k, is_anon, M_page_index, 1);
}

static bool wrong_nrpages(struct kernel *k)
{
	struct entry_search s;
	struct page p;
	/* 2.4: of the swap cache, which is a mapping like others. */
	if (HAS(k, page, next_hash))
		return add_member(k, symbol_addr(k, "swapper_space"), M_address_space_nrpages, 1);
	return find_entry(k, is_file, &s) && page_of(&s, &p) && add_member(k, GET(k, &p.object, page, mapping), M_address_space_nrpages, 1);
}

static bool wrong_interval(struct kernel *k)
{
	struct entry_search s;
	uint64_t chain;
	if (!HAS(k, anon_vma_chain, rb_subtree_last) || !find_entry(k, is_anon, &s) ||
	    error_drop(kernel_read_pointer(k, s.vma.addr + OFFSET(k, vm_area_struct, anon_vma_chain), &chain)))
		return false;
	return add_member(k, chain - OFFSET(k, anon_vma_chain, same_vma), M_anon_vma_chain_rb_subtree_last, 1);
}

static bool wrong_i_mmap(struct kernel *k)
{
	struct entry_search s;
	return HAS(k, vm_area_struct, shared_subtree_last) && find_entry(k, is_file, &s) &&
	       add_member(k, s.vma.addr, M_vm_area_struct_shared_subtree_last, 1);
}

static bool wrong_rss(struct kernel *k)
{
	uint64_t mm = some_mm(k);
	const struct member *m = &k->members[M_mm_struct_rss_stat];
	int64_t anon = 1;
	enumerator_find(k, "MM_ANONPAGES", &anon);
	if (HAS_STRUCT(k, percpu_counter) && m->count > 1 && m->stride == SIZE_OF(k, percpu_counter))
		return add_member(k, mm + m->offset + (uint64_t)anon * m->stride, M_percpu_counter_count, 1000);
	m = &k->members[M_mm_struct_rss_count];
	return m->present ? add(k, mm + m->offset + (uint64_t)anon * m->stride, m->stride, 1000) : add_member(k, mm, M_mm_struct_rss, 1);
}

static bool wrong_tables(struct kernel *k)
{
	uint64_t mm = some_mm(k), pgd;
	if (HAS(k, mm_struct, pgtables_bytes))
		return add_member(k, mm, M_mm_struct_pgtables_bytes, 4096);
	if (HAS(k, mm_struct, nr_ptes))
		return add_member(k, mm, M_mm_struct_nr_ptes, 1);
	/* Not counted: a table where there is no memory. */
	return !error_drop(mm_pgd(k, mm, &pgd)) && set_entry(k, pgd, 0xfffff007);
}

/* One user more, in the upper four bits of a slot's word. */
static bool wrong_swap_table(struct kernel *k, const struct swap_area *area)
{
	uint64_t clusters, table, entry, count = k->members[M_swap_table_entries].count;
	unsigned word = k->arch->pointer_size, shift = 8 * word - 4;
	if (!HAS(k, swap_cluster_info, table) || !count || error_drop(kernel_get(k, area->addr, M_swap_info_struct_cluster_info, &clusters)))
		return false;
	for (uint64_t n = 1; n < area->max; n++) {
		uint64_t cluster = clusters + n / count * SIZE_OF(k, swap_cluster_info);
		if (error_drop(kernel_get(k, cluster, M_swap_cluster_info_table, &table)) || !table ||
		    error_drop(kernel_read_uint(k, table + n % count * word, word, &entry)))
			continue;
		if ((entry & 15) != 8 && entry >> shift && entry >> shift < 14)
			return set(k, table + n % count * word, word, entry + (1ull << shift));
	}
	return false;
}

static bool wrong_swap(struct kernel *k)
{
	struct swap_area area;
	uint64_t count;
	unsigned wide = HAS(k, swap_info_struct, inuse_pages) ? 0 : 1;
	for (unsigned i = 0; i < swap_areas_count(k); i++)
		if (swap_area_get(k, i, &area) && !area.swap_map && wrong_swap_table(k, &area))
			return true;
	for (unsigned i = 0; i < swap_areas_count(k); i++)
		for (uint64_t n = 1; swap_area_get(k, i, &area) && area.swap_map && n < area.max; n++)
			if (!error_drop(kernel_read_uint(k, area.swap_map + (n << wide), 1 << wide, &count)) && count && count < 0x3e)
				return set(k, area.swap_map + (n << wide), 1 << wide, count + 1);
	return false;
}

static bool wrong_lru(struct kernel *k)
{
	uint64_t memcg, node, counter = symbol_addr(k, "nr_active_pages");
	if (counter)
		return add(k, counter, 4, 1);
	if (!HAS(k, mem_cgroup, nodeinfo) || error_drop(kernel_read_symbol(k, "root_mem_cgroup", 0, &memcg)) ||
	    error_drop(kernel_read_pointer(k, memcg + OFFSET(k, mem_cgroup, nodeinfo), &node)))
		return false;
	return add(k, node + OFFSET(k, mem_cgroup_per_node, lru_zone_size), k->arch->pointer_size, 1);
}

static bool wrong_generation(struct kernel *k)
{
	uint64_t memcg, node;
	if (!HAS(k, lruvec, lrugen) || !HAS(k, mem_cgroup, nodeinfo) || error_drop(kernel_read_symbol(k, "root_mem_cgroup", 0, &memcg)) ||
	    error_drop(kernel_read_pointer(k, memcg + OFFSET(k, mem_cgroup, nodeinfo), &node)))
		return false;
	return add(k, node + OFFSET(k, mem_cgroup_per_node, lruvec) + OFFSET(k, lruvec, lrugen) + OFFSET(k, lru_gen, nr_pages), k->arch->pointer_size, 1);
}

/* ---- Slabs ---- */

static bool some_slab(struct kernel *k, uint64_t least_free, struct slab *s)
{
	uint64_t pfn, end, page;
	bool found;
	for (size_t i = 0; page_run(k, i, &pfn, &end, &page); i++)
		for (; pfn < end; pfn++, page += SIZE_OF(k, page))
			if (!error_drop(slab_of_page(k, page, s, &found)) && found && s->page == page && s->objects > 1 &&
			    s->objects - s->inuse >= least_free && s->freelist)
				return true;
	return false;
}

static bool wrong_inuse(struct kernel *k)
{
	struct slab s;
	struct object o;
	uint64_t first = symbol_addr(k, "cache_cache"), slab;
	if (HAS_STRUCT(k, slab_s)) {
		if (error_drop(kernel_get(k, first, M_kmem_cache_slabs_full, &slab)) || slab == first + OFFSET(k, kmem_cache, slabs_full))
			error_drop(kernel_read_pointer(k, first + OFFSET(k, kmem_cache, slabs_partial), &slab));
		return add_member(k, slab - OFFSET(k, slab_s, list), M_slab_s_inuse, 1);
	}
	if (!some_slab(k, 1, &s) || error_drop(object_open_writable(k, s.page, S_slab, &o)))
		return false;
	SET(k, &o, slab, inuse, s.inuse + 1);
	return true;
}

/* Its free list leads into the middle of an object; by the unmixed head, which every kernel has. */
static bool wrong_freelist(struct kernel *k)
{
	struct slab s;
	return !HAS_STRUCT(k, slab_s) && some_slab(k, 1, &s) && add_member(k, s.page, M_slab_freelist, 4);
}

/* A counter of the zone, or of its node. */
static bool add_counter(struct kernel *k, const struct zone *z, const char *name, int64_t delta)
{
	const unsigned size = k->arch->pointer_size;
	uint64_t pgdat;
	const char *at;
	if (!z || error_drop(kernel_get(k, z->addr, M_zone_zone_pgdat, &pgdat)))
		return false;
	for (size_t i = 0; (at = vmstat_name(k, VMSTAT_NODE, i)); i++)
		if (!strcmp(at, name))
			return add(k, pgdat + OFFSET(k, pglist_data, vm_stat) + i * size, size, delta);
	for (size_t i = 0; (at = vmstat_name(k, VMSTAT_ZONE, i)); i++)
		if (!strcmp(at, name))
			return add(k, z->addr + OFFSET(k, zone, vm_stat) + i * size, size, delta);
	return false;
}

static bool wrong_counter(struct kernel *k)
{
	return add_counter(k, some_zone(k), "NR_FILE_PAGES", 1);
}

static bool wrong_anon_thps(struct kernel *k)
{
	return add_counter(k, some_zone(k), "NR_ANON_THPS", 1) || add_counter(k, some_zone(k), "NR_ANON_TRANSPARENT_HUGEPAGES", 1);
}

static bool wrong_file_thps(struct kernel *k)
{
	return add_counter(k, some_zone(k), "NR_FILE_THPS", 1);
}

static bool wrong_shmem_thps(struct kernel *k)
{
	return add_counter(k, some_zone(k), "NR_SHMEM_THPS", 1);
}

static bool wrong_pmd_mapped(struct kernel *k)
{
	return add_counter(k, some_zone(k), "NR_SHMEM_PMDMAPPED", 1);
}

static bool wrong_file_pmd_mapped(struct kernel *k)
{
	return add_counter(k, some_zone(k), "NR_FILE_PMDMAPPED", 1);
}

/* The struct page of a kernel stack's frame. */
static bool page_of_stack(struct kernel *k, uint64_t *page, uint64_t *pfn)
{
	uint64_t phys;
	size_t count;
	if (error_drop(tasks_count(k, &count)))
		return false;
	for (size_t i = count; i-- > 0;) {
		if (!tasks_get(k, i)->stack || !tasks_get(k, i)->pid || !kernel_try_vtop(k, tasks_get(k, i)->stack, &phys))
			continue;
		*pfn = phys_to_pfn(k, phys);
		if (pfn_to_page(k, *pfn, page))
			return true;
	}
	return false;
}

static bool set_type(struct kernel *k, uint64_t page, const struct page_type *type)
{
	uint32_t word = type->mask == 0xff000000u ? type->value : ~type->mask | type->value;
	return type->mask && set(k, page + OFFSET(k, page, page_type), 4, word);
}

/* A page table that was left behind: counted, and no address space has it. */
static bool wrong_table_left(struct kernel *k)
{
	uint64_t page, pfn;
	return page_of_stack(k, &page, &pfn) && set_type(k, page, &k->mm->pages->words.table) && add_counter(k, zone_of_pfn(k, pfn), "NR_PAGETABLE", 1);
}

/* A kernel stack's frame that says it is a slab. */
static bool wrong_use(struct kernel *k)
{
	uint64_t page, pfn, flags;
	if (!page_of_stack(k, &page, &pfn))
		return false;
	if (k->mm->pages->words.slab.mask)
		return set_type(k, page, &k->mm->pages->words.slab);
	return !error_drop(kernel_get(k, page, M_page_flags, &flags)) &&
	       set(k, page + OFFSET(k, page, flags), k->arch->pointer_size, flags | 1ull << k->mm->pages->words.slab_flag);
}

static const struct {
	enum audit_rule rule;
	const char *what;
	bool (*corrupt)(struct kernel *k);
} cases[] = {
	{AUDIT_FREE_LISTS, "a free block of another order", wrong_block},
	{AUDIT_FREE_COUNTS, "nr_free", wrong_nr_free},
	{AUDIT_FREE_COUNTS, "NR_FREE_PAGES", wrong_vm_stat},
	{AUDIT_CPU_LISTS, "the count of a CPU's lists", wrong_cpu_count},
	{AUDIT_FREE_PAGES, "a reference to a free page", wrong_free_page},
	{AUDIT_AREAS, "map_count", wrong_map_count},
	{AUDIT_AREAS, "a gap of a tree of areas", wrong_gap},
	{AUDIT_AREA_TOTALS, "total_vm", wrong_total_vm},
	{AUDIT_ENTRIES, "an entry outside of all areas", wrong_entry},
	{AUDIT_RSS, "anonymous pages of an mm", wrong_rss},
	{AUDIT_PAGE_TABLES, "page tables of an mm", wrong_tables},
	{AUDIT_PAGE_TABLES, "a page table left behind", wrong_table_left},
	{AUDIT_MAPCOUNT, "_mapcount", wrong_mapcount},
	{AUDIT_REFCOUNT, "_refcount", wrong_refcount},
	{AUDIT_PAGE_CACHE, "nrpages", wrong_nrpages},
	{AUDIT_RMAP, "an anonymous page's index", wrong_index},
	{AUDIT_RMAP, "anon_vma_chain.rb_subtree_last", wrong_interval},
	{AUDIT_RMAP, "an area's rb_subtree_last in i_mmap", wrong_i_mmap},
	{AUDIT_SWAP, "users of a swap slot", wrong_swap},
	{AUDIT_LRU, "length of an LRU list", wrong_lru},
	{AUDIT_LRU, "pages of a generation", wrong_generation},
	{AUDIT_SLAB, "objects in use", wrong_inuse},
	{AUDIT_SLAB, "a slab's free list", wrong_freelist},
	{AUDIT_COUNTERS, "NR_FILE_PAGES", wrong_counter},
	{AUDIT_COUNTERS, "huge pages mapped", wrong_anon_thps},
	{AUDIT_COUNTERS, "huge pages of files", wrong_file_thps},
	{AUDIT_COUNTERS, "huge pages of shared memory", wrong_shmem_thps},
	{AUDIT_COUNTERS, "huge pages of shared memory, mapped", wrong_pmd_mapped},
	{AUDIT_COUNTERS, "huge pages of files, mapped", wrong_file_pmd_mapped},
	{AUDIT_FRAMES, "a stack that is a slab", wrong_use},
};

/* ---- Judging ---- */

static const struct audit_options all = {.limit = 3};

static void describe(const struct audit_report *r, char *text, size_t size)
{
	size_t len = (size_t)snprintf(text, size, "found:");
	for (int i = 0; i < AUDIT_RULE_COUNT; i++)
		if (r->rule[i].counts[AUDIT_FINDING] && len < size)
			len += (size_t)snprintf(text + len, size - len, " %s %" PRIu64 " (%s)", audit_rule_name((enum audit_rule)i),
						r->rule[i].counts[AUDIT_FINDING], r->rule[i].line_count ? r->rule[i].lines[0]->text : "");
}

static bool audit(struct kernel *k, struct audit_report *r, const char *what)
{
	mm_state_forget(k);
	struct error *e = audit_run(k, &all, r);
	bool good = check(!e, what, e ? e->message : "");
	error_free(e);
	return good;
}

static void is_sound(struct kernel *k, const char *what)
{
	struct audit_report r;
	char text[2048];
	if (audit(k, &r, what)) {
		describe(&r, text, sizeof(text));
		check(!audit_findings(&r), what, text);
		double share = 100.0 * (double)(r.frames - r.census[AUDIT_USE_NONE]) / (double)r.frames;
		snprintf(text, sizeof(text), "%.2f%% of %" PRIu64 " frames classified", share, r.frames);
		printf("[          ] %s: %s\n", what, text);
		check(share >= 95, what, text);
	}
	audit_report_free(&r);
}

static void catches(struct kernel *k, size_t n)
{
	struct audit_report r = {.frames = 0};
	char text[2048];
	unsigned depth;
	mm_state_forget(k);
	if (error_drop(nodes_open(k)) || error_drop(vmcore_mark(k->vmcore, &depth))) {
		check(false, cases[n].what, "the image cannot be changed");
		return;
	}
	if (!cases[n].corrupt(k)) {
		printf("[  SKIPPED ] %s: %s: nothing of the kind to make wrong here\n", audit_rule_name(cases[n].rule), cases[n].what);
	} else if (audit(k, &r, cases[n].what)) {
		describe(&r, text, sizeof(text));
		uint64_t mine = r.rule[cases[n].rule].counts[AUDIT_FINDING];
		if (check(mine && mine == audit_findings(&r), cases[n].what, text))
			printf("[       OK ] %s: %s\n", audit_rule_name(cases[n].rule), cases[n].what);
	}
	audit_report_free(&r);
	error_drop(vmcore_undo(k->vmcore));
}

/* Random words anywhere in what the kernel uses: whatever it says, it comes to an end. */
static void survives(struct kernel *k, unsigned rounds)
{
	uint64_t state = 88172645463325252ull, most = vmcore_max_phys(k->vmcore);
	for (unsigned i = 0; i < rounds; i++) {
		struct audit_report r;
		unsigned depth, wrong = 0;
		if (error_drop(vmcore_mark(k->vmcore, &depth)))
			return;
		for (unsigned tries = 0; tries < 100000 && wrong < 40; tries++) {
			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
			uint64_t phys = state % most & ~3ull, pfn = phys_to_pfn(k, phys), page;
			const uint32_t *word = vmcore_try_map(k->vmcore, phys, 4);
			uint32_t value = state & 1 ? (uint32_t)(state >> 32) : word && *word ? *word ^ (1u << (state >> 58 & 31)) : 4;
			/* Where there is something: not in free memory. */
			if (!word || !pfn_to_page(k, pfn, &page) || (!*word && state & 6))
				continue;
			wrong += !error_drop(vmcore_write(k->vmcore, phys, &value, 4));
		}
		mm_state_forget(k);
		error_drop(audit_run(k, &all, &r));
		audit_report_free(&r);
		error_drop(vmcore_undo(k->vmcore));
	}
	check(true, "random damage", "");
}

/* The only task of an address space has given it up, and it is not taken down yet: its pages are nobody's error. */
static void unseen_space_is_sound(struct kernel *k)
{
	const char *what = "an address space that no task has";
	struct audit_report r = {.frames = 0};
	char text[2048];
	unsigned depth;
	size_t count = 0;
	uint64_t users = 0;
	if (HAS(k, kmem_cache, num) || HAS(k, kmem_cache, slabs_full))
		return;		/* objects of SLAB are not known one by one */
	mm_state_forget(k);
	if (error_drop(nodes_open(k)) || error_drop(tasks_count(k, &count)) || error_drop(vmcore_mark(k->vmcore, &depth))) {
		check(false, what, "the image cannot be changed");
		return;
	}
	const struct task *t = NULL;
	for (size_t i = 0; i < count && users != 1; i++) {
		t = tasks_get(k, i);
		users = 0;
		if (t->mm && t->pid > 1 && !t->is_active)
			error_drop(kernel_get(k, t->mm, M_mm_struct_mm_users, &users));
	}
	if (users != 1 || error_drop(kernel_write_pointer(k, t->addr + OFFSET(k, task_struct, mm), 0))) {
		printf("[  SKIPPED ] %s: there is none to take\n", what);
	} else if (audit(k, &r, what)) {
		describe(&r, text, sizeof(text));
		if (check(!audit_findings(&r), what, text))
			printf("[       OK ] %s\n", what);
	}
	audit_report_free(&r);
	error_drop(vmcore_undo(k->vmcore));
}

static void judge(struct kernel *k, unsigned rounds)
{
	is_sound(k, "the image as it is");
	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++)
		catches(k, n);
	unseen_space_is_sound(k);
	survives(k, rounds);
	is_sound(k, "all undone");
}

/* Processes that share and swap. */
static void populate(struct machine *m)
{
	const uint64_t at = 0x08000000;
	uint64_t task = new_process(m), child;
	unsigned freed;
	map(m, task, at, 600, PROT_READ | PROT_WRITE, MAP_FIXED);
	map(m, task, at + 0x00800000, 3, PROT_READ, MAP_FIXED);
	for (unsigned i = 0; i < 600; i++)
		poke32(m, task, at + i * PAGE, i + 1);
	ok(do_fork(m->e, task, 0, 0, &child));
	poke32(m, child, at, 7);
	ok(sys_swapon(m->e, 256));
	for (unsigned i = 0; i < 12; i++)
		ok(try_to_free_pages(m->e, 32, &freed));
	for (unsigned i = 0; i < 600; i += 3)
		peek32(m, task, at + i * PAGE);
	ok(books_check(m->e, NULL));
}

static int on_dump(const char *path, const char *types, const char *symbols)
{
	const struct kernel_options options = {.type_file = types, .symbol_file = symbols};
	const struct vmcore_options raw = {0};
	struct vmcore *vc = NULL;
	struct kernel *k = NULL;
	struct error *e = vmcore_open(path, &raw, &vc);
	if (!e)
		e = kernel_open(vc, &options, &k);
	if (e) {
		printf("[  FAILED  ] %s\n", e->message);
		return 1;
	}
	judge(k, 5);
	kernel_close(k);
	vmcore_close(vc);
	return failed != 0;
}

static int on_machine(void)
{
	struct machine m;
	boot(&m, 32);
	populate(&m);
	judge(m.k, 60);
	shut_down(&m);
	return failed != 0;
}

int main(int argc, char **argv)
{
	int status = argc > 1 ? on_dump(argv[1], argc > 2 ? argv[2] : NULL, argc > 3 ? argv[3] : NULL) : on_machine();
	printf("[==========] %u test(s) run.\n[  PASSED  ] %u test(s).\n", passed + failed, passed);
	return status;
}
