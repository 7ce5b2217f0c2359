/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the engine looks up once per image.
 */
#include <errno.h>
#include <stdlib.h>

#include "mm/engine/areas_edit.h"
#include "mm/engine/engine.h"
#include "mm/memmap.h"
#include "mm/needs.h"
#include "mm/engine/modern.h"
#include "mm/engine/near.h"
#include "mm/state.h"
#include "mm/task.h"
#include "mm/zone.h"

static uint64_t word_at(struct kernel *k, uint64_t addr)
{
	uint64_t value;
	return addr && !error_drop(kernel_read_pointer(k, addr, &value)) ? value : 0;
}

static uint64_t word(struct kernel *k, const char *symbol)
{
	return word_at(k, symbol_addr(k, symbol));
}

/* 2.4 keeps free page tables per processor (include/asm-i386/pgalloc.h: current_cpu_data); ours is the first. */
static void find_quicklists(struct engine *e)
{
	struct kernel *k = e->k;
	uint64_t cpu = symbol_addr(k, "cpu_data");
	e->pgd_quicklist = symbol_addr(k, "pgd_quicklist");
	e->pte_quicklist = symbol_addr(k, "pte_quicklist");
	e->pgtable_cache_size = symbol_addr(k, "pgtable_cache_size");
	if (!e->pgd_quicklist && cpu && HAS(k, cpuinfo_x86, pgd_quick)) {
		e->pgd_quicklist = cpu + OFFSET(k, cpuinfo_x86, pgd_quick);
		e->pte_quicklist = cpu + OFFSET(k, cpuinfo_x86, pte_quick);
		e->pgtable_cache_size = cpu + OFFSET(k, cpuinfo_x86, pgtable_cache_sz);
	}
}

/* What every kernel marks pages with. Slabs may have a type of their own instead; what is in the swap cache, 2.4 tells by page.mapping. */
static struct error *find_flags(struct engine *e)
{
	const struct {
		const char *name;
		int *bit;
		bool needed;
	} flags[] = {
		{ "locked", &e->bit_locked, true },	{ "referenced", &e->bit_referenced, true }, { "uptodate", &e->bit_uptodate, true },
		{ "dirty", &e->bit_dirty, true },	{ "lru", &e->bit_lru, true },		    { "active", &e->bit_active, true },
		{ "reserved", &e->bit_reserved, true }, { "slab", &e->bit_slab, e->classic },    { "swapcache", &e->bit_swap_cache, false },
	};
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		*flags[i].bit = page_flag_bit(e->k, flags[i].name);
		if (*flags[i].bit < 0 && flags[i].needed)
			return error_new(ERR_UNSUPPORTED, "this kernel can be read, but not act: it has no PG_%s", flags[i].name);
	}
	return NULL;
}

/* cache_chain is a variable, or (2.4) a macro for the list in cache_cache. */
static void find_caches(struct engine *e)
{
	struct kernel *k = e->k;
	e->cache_cache = symbol_addr(k, "cache_cache");
	e->cache_chain = symbol_addr(k, "cache_chain");
	if (!e->cache_chain && e->cache_cache && HAS(k, kmem_cache, next))
		e->cache_chain = e->cache_cache + OFFSET(k, kmem_cache, next);
}

void engine_resolve(struct engine *e)
{
	struct kernel *k = e->k;
	e->vm_area_cachep = word(k, "vm_area_cachep");
	e->areas.anon_vma_cachep = word(k, "anon_vma_cachep");
	e->areas.anon_vma_chain_cachep = word(k, "anon_vma_chain_cachep");
	e->mm_cachep = word(k, "mm_cachep");
	e->files_cachep = word(k, "files_cachep");
	e->fs_cachep = word(k, "fs_cachep");
	e->sigact_cachep = word(k, "sigact_cachep");
	e->filp_cachep = word(k, "filp_cachep");
	e->dentry_cache = word(k, "dentry_cache");
	e->inode_cachep = word(k, "inode_cachep");
	e->page_hash_table = word(k, "page_hash_table");
	e->page_hash_bits = word(k, "page_hash_bits");
}

static void find_symbols(struct engine *e)
{
	struct kernel *k = e->k;
	uint64_t zero = symbol_addr(k, "empty_zero_page"), phys;
	if (zero && e->mem_map && kernel_try_vtop(k, zero, &phys) && phys >> k->arch->page_shift < e->max_pfn)
		e->empty_zero_page = engine_phys_page(e, phys);
	if (e->modern)
		e->empty_zero_page = e->mem_map + e->modern->zero_pfn * e->page_size;
	e->contig_page_data = symbol_addr(k, "contig_page_data");
	e->jiffies = symbol_addr(k, "jiffies");
	e->active_list = symbol_addr(k, "active_list");
	e->inactive_list = symbol_addr(k, "inactive_list");
	e->nr_active_pages = symbol_addr(k, "nr_active_pages");
	e->nr_inactive_pages = symbol_addr(k, "nr_inactive_pages");
	e->page_cache_size = symbol_addr(k, "page_cache_size");
	e->total_vm_committed = symbol_addr(k, "vm_committed_space");
	e->nr_swap_pages = symbol_addr(k, "nr_swap_pages");
	e->swap_info = symbol_addr(k, "swap_info");
	e->nr_swapfiles = symbol_addr(k, "nr_swapfiles");
	e->swapper_space = symbol_addr(k, "swapper_space");
	e->init_mm = symbol_addr(k, "init_mm");
	e->init_task = symbol_addr(k, e->classic ? "init_task_union" : "init_task");
	e->pins = symbol_addr(k, "sim_pins");
	if (e->pins && HAS_STRUCT(k, sim_pins))
		e->pin_bytes = kernel_try_map(k, e->pins, SIZE_OF(k, sim_pins));
	find_caches(e);
	find_quicklists(e);
	engine_resolve(e);
}

struct error *engine_fail(void)
{
	return kernel_error(ENOMEM, "no memory: this allocation was to fail");
}

struct error *engine_not_classic(const struct engine *e, const char *what)
{
	(void)e;
	return error_new(ERR_UNSUPPORTED, "%s is not done on a kernel like this one yet", what);
}

void engine_trace(struct engine *e, const char *function, const char *decision, const struct trace_value *values, unsigned count)
{
	e->trace->step(e->trace, function, decision, values, count);
}

struct error *engine_set_current(struct engine *e, uint64_t task)
{
	uint64_t cpu = 0;
	e->task = task;
	/* What acts on pages looks up their zones; forgotten after each act. */
	if (!e->classic && !(e->k->mm && e->k->mm->nodes))
		TRY(nodes_open(e->k));
	if (task && HAS(e->k, task_struct, cpu)) {
		TRY(kernel_get(e->k, task, M_task_struct_cpu, &cpu));
	} else if (task && !e->classic) {
		const struct task *t = task_by_addr(e->k, task);
		cpu = t ? t->cpu : 0;
	}
	e->cpu = cpu < e->k->cpus ? (unsigned)cpu : 0;
	return NULL;
}

/* What the acts here are written for, where there is no reverse mapping: 2.4's memory management over one array of pages. */
static struct error *check(struct kernel *k)
{
	static const char *const symbols[] = { "mem_map", "contig_page_data", "active_list", "inactive_list", "cache_cache" };
	for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++)
		if (!symbol_addr(k, symbols[i]))
			return error_new(ERR_UNSUPPORTED, "this kernel can be read, but not act: it has no %s", symbols[i]);
	TRY(members_require(k, "this kernel can be read, but not act", M_page_flags, M_page_refcount, M_page_buddy_list, M_page_lru, M_zone_zone_mem_map,
			    M_zone_free_area, M_free_area_free_list, M_free_area_map, M_pglist_data_node_zonelists, M_kmem_cache_slabs_full, MEMBER_NONE));
	/* Free lists are read and changed without another look, once their zone has been opened. */
	const unsigned word = k->arch->pointer_size;
	if (OFFSET(k, zone, free_area) + k->members[M_zone_free_area].total > SIZE_OF(k, zone) ||
	    OFFSET(k, free_area, free_list) + 2 * word > SIZE_OF(k, free_area) || OFFSET(k, free_area, map) + word > SIZE_OF(k, free_area))
		return error_new(ERR_BAD_OBJECT, "this image cannot act: its free lists do not lie in its zones");
	return NULL;
}

/* Where the page array lies; in one piece, or in pieces at one distance from where frame 0 would have its page (vmemmap). */
static struct error *find_pages(struct engine *e)
{
	struct kernel *k = e->k;
	uint64_t pfn, end, page;
	e->page_size = SIZE_OF(k, page);
	e->page_inverse = UINT64_MAX / e->page_size + 1;
	for (size_t i = 0; page_run(k, i, &pfn, &end, &page); i++) {
		uint64_t first = page - pfn * e->page_size;
		if (i && first != e->mem_map)
			return error_new(ERR_UNSUPPORTED, "this kernel can be read, but not act: its page array lies in pieces");
		e->mem_map = first;
		e->max_pfn = end;
	}
	return NULL;
}

#define PAGE_HASH_BITS_MAX 30 /* as many buckets as there can be pages, and more */

/* The engine without a check of what it can do; kept with the kernel. */
static struct error *engine_make(struct kernel *k, struct engine **out)
{
	struct mm_state *state = mm_state(k);
	*out = state->engine;
	if (*out)
		return NULL;
	TRY(pages_open(k));
	TRY(needs_check(k, "this kernel can be read, but not act", NEEDS_ALL));
	struct engine *e = calloc(1, sizeof(*e));
	if (!e)
		return error_new(ERR_NO_MEMORY, "out of memory");
	e->k = k;
	struct error *wrong = find_pages(e);
	if (!wrong)
		wrong = modern_open(k, &e->modern);
	e->classic = !e->modern;
	if (!wrong)
		wrong = find_flags(e);
	if (!wrong && e->modern)
		wrong = near_open(e);
	if (wrong) {
		engine_free(e);
		return wrong;
	}
	e->orders = k->members[M_zone_free_area].total / SIZE_OF(k, free_area);
	find_symbols(e);
	if (!e->classic)
		engine_areas_open(e);
	else if (e->page_hash_bits > PAGE_HASH_BITS_MAX || !HAS_STRUCT(k, inode)) {
		engine_free(e);
		return error_new(ERR_BAD_OBJECT, "this image cannot act: its hash of cached pages cannot be");
	}
	*out = state->engine = e;
	return NULL;
}

struct error *engine_open(struct kernel *k, struct engine **out)
{
	*out = NULL;
	if (!mm_state(k)->engine && !HAS_STRUCT(k, anon_vma))
		TRY(check(k));
	return engine_make(k, out);
}

void engine_free(struct engine *e)
{
	if (e) {
		free(e->near);
		free(e->modern);
	}
	free(e);
}
