/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mm/engine/modern.h"
#include "mm/zero_page.h"
#include "mm/zone.h"

static int enumerator(struct kernel *k, const char *name, int otherwise)
{
	int64_t value;
	return enumerator_find(k, name, &value) && value >= 0 && value < 4096 ? (int)value : otherwise;
}

/* By the first of two names that the kernel has, in whichever group of counters. */
static struct stat_item stat_item(struct kernel *k, const char *name, const char *old)
{
	struct stat_item item = { -1, -1 };
	struct type t;
	int64_t value;
	if (!enumerator_find_typed(k, name, &value, &t) && !(old && enumerator_find_typed(k, old, &value, &t)))
		return item;
	const char *of = type_own_name(t);
	if (strcmp(of, "zone_stat_item") && strcmp(of, "node_stat_item"))
		return item;
	item.group = strcmp(of, "zone_stat_item") ? VMSTAT_NODE : VMSTAT_ZONE;
	item.index = (int)value;
	return item;
}

uint64_t vma_flag(struct kernel *k, const char *name)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		const char *at = vma_flag_name(k, bit);
		if (at && !strcmp(at, name))
			return 1ull << bit;
	}
	return 0;
}

static void find_flags(struct kernel *k, struct engine_modern *m)
{
	const struct {
		const char *name;
		int *bit;
	} bits[] = {
		{ "swapbacked", &m->swapbacked },     { "swapcache", &m->swapcache }, { "anon_exclusive", &m->anon_exclusive },
		{ "head", &m->head },		      { "mlocked", &m->mlocked },     { "unevictable", &m->unevictable },
		{ "workingset", &m->workingset },     { "writeback", &m->writeback }, { "private", &m->has_private },
		{ "readahead", &m->readahead }, { "hwpoison", &m->hwpoison },
		{ "double_map", &m->double_map },     { "partially_mapped", &m->partially_mapped }, { "large_rmappable", &m->large_rmappable },
	};
	const struct {
		const char *name;
		uint64_t *flag;
	} flags[] = {
		{ "UFFD_MISSING", &m->vm_uffd_missing }, { "UFFD_WP", &m->vm_uffd_wp },	    { "UFFD_MINOR", &m->vm_uffd_minor },
		{ "HUGEPAGE", &m->vm_hugepage },	 { "NOHUGEPAGE", &m->vm_nohugepage }, { "ACCOUNT", &m->vm_account },
		{ "SOFTDIRTY", &m->vm_softdirty },	 { "PFNMAP", &m->vm_pfnmap },	    { "MIXEDMAP", &m->vm_mixedmap },
		{ "DROPPABLE", &m->vm_droppable },	 { "WIPEONFORK", &m->vm_wipeonfork }, { "SEALED", &m->vm_sealed },
	};
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		*bits[i].bit = page_flag_bit(k, bits[i].name);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		*flags[i].flag = vma_flag(k, flags[i].name);
	/* PG_readahead was an alias of PG_reclaim for long without an enumerator's trace in some. */
	if (m->readahead < 0)
		m->readahead = page_flag_bit(k, "reclaim");
}

/*
 * PG_anon_exclusive came with the rule that goes by it. reuse_swap_page() was what do_wp_page() asked until 5.8, and lived on for do_swap_page() until 5.17;
 * that do_wp_page() does not ask it any more leaves no trace of its own: the kernels that do have no member anon_vma_name, pcp_list … but neither have the
 * first that do not. What came with the same release is the list of batches in one structure (lru_pvecs, 5.8) beside local_lock.
 */
static enum reuse_policy infer_reuse(struct kernel *k, const struct engine_modern *m)
{
	if (m->anon_exclusive >= 0)
		return REUSE_BY_EXCLUSIVE;
	if (symbol_addr(k, "reuse_swap_page"))
		return HAS_STRUCT(k, cpu_fbatches) ? REUSE_BY_COUNT : REUSE_BY_MAPCOUNT;
	return REUSE_BY_COUNT;
}

/* X86_FEATURE_PTI (arch/x86/include/asm/cpufeatures.h) is bit 11 of word 7, or of another word of old; the per-CPU stack of entries came with it. */
static bool has_pti(struct kernel *k)
{
	uint64_t cpu = symbol_addr(k, "boot_cpu_data"), word;
	const struct member *m = &k->members[M_cpuinfo_x86_x86_capability];
	return cpu && m->present && m->total > 32 && symbol_addr(k, "pti_init") + symbol_addr(k, "pti_finalize") &&
	       !error_drop(kernel_read_uint(k, cpu + m->offset + 7 * 4, 4, &word)) && (word >> 11 & 1);
}

static bool zero_frame(struct kernel *k, uint64_t *pfn)
{
	static const char *const names[] = { "zero_pfn", "zero_page_pfn" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (symbol_addr(k, names[i]) && !error_drop(kernel_read_symbol(k, names[i], 0, pfn)))
			return true;
	uint64_t phys, addr = symbol_addr(k, "empty_zero_page");
	if (!addr || !kernel_try_vtop(k, addr, &phys))
		return false;
	*pfn = phys_to_pfn(k, phys);
	return true;
}

/* One for all zones, or that of zone 0 of those that each zone has. */
static int zone_event(struct kernel *k, const char *name)
{
	char normal[48];
	int event = enumerator(k, name, -1);
	if (event >= 0)
		return event;
	snprintf(normal, sizeof(normal), "%s_NORMAL", name);
	event = enumerator(k, normal, -1);
	return event < 0 ? -1 : event - enumerator(k, "ZONE_NORMAL", 0);
}

static void find_reclaim_events(struct kernel *k, struct engine_modern *m)
{
	m->reclaim_events.allocstall = zone_event(k, "ALLOCSTALL");
	m->reclaim_events.scan[0] = zone_event(k, "PGSCAN_DIRECT");
	m->reclaim_events.scan[1] = zone_event(k, "PGSCAN_KSWAPD");
	m->reclaim_events.scan_anon = enumerator(k, "PGSCAN_ANON", -1);
	m->reclaim_events.steal[0] = zone_event(k, "PGSTEAL_DIRECT");
	m->reclaim_events.steal[1] = zone_event(k, "PGSTEAL_KSWAPD");
	m->reclaim_events.steal_anon = enumerator(k, "PGSTEAL_ANON", -1);
	m->reclaim_events.refill = zone_event(k, "PGREFILL");
	m->reclaim_events.deactivate = enumerator(k, "PGDEACTIVATE", -1);
	m->reclaim_events.lazyfreed = enumerator(k, "PGLAZYFREED", -1);
	m->reclaim_events.pageoutrun = enumerator(k, "PAGEOUTRUN", -1);
	m->reclaim_events.pswpin = enumerator(k, "PSWPIN", -1);
	m->reclaim_events.pswpout = enumerator(k, "PSWPOUT", -1);
	m->reclaim_events.thp_swpout_fallback = enumerator(k, "THP_SWPOUT_FALLBACK", -1);
	m->reclaim_events.oom_kill = enumerator(k, "OOM_KILL", -1);
}

static void find_counters(struct kernel *k, struct engine_modern *m)
{
	m->free_pages = stat_item(k, "NR_FREE_PAGES", NULL);
	m->free_blocks = stat_item(k, "NR_FREE_PAGES_BLOCKS", NULL);
	m->anon_mapped = stat_item(k, "NR_ANON_MAPPED", "NR_ANON_PAGES");
	m->file_mapped = stat_item(k, "NR_FILE_MAPPED", NULL);
	m->file_pages = stat_item(k, "NR_FILE_PAGES", NULL);
	m->swapcached = stat_item(k, "NR_SWAPCACHE", NULL);
	m->shmem = stat_item(k, "NR_SHMEM", NULL);
	m->file_dirty = stat_item(k, "NR_FILE_DIRTY", NULL);
	m->write_pending = stat_item(k, "NR_ZONE_WRITE_PENDING", NULL);
	m->dirtied = stat_item(k, "NR_DIRTIED", NULL);
	int64_t refaults;
	m->new_anon_active = !enumerator_find(k, "WORKINGSET_REFAULT_ANON", &refaults);
	m->isolated = stat_item(k, "NR_ISOLATED_ANON", NULL);
	m->workingset_refault = stat_item(k, "WORKINGSET_REFAULT_ANON", NULL);
	m->workingset_activate = stat_item(k, "WORKINGSET_ACTIVATE_ANON", NULL);
	m->workingset_restore = stat_item(k, "WORKINGSET_RESTORE_ANON", NULL);
	m->vmscan_write = stat_item(k, "NR_VMSCAN_WRITE", NULL);
	m->written = stat_item(k, "NR_WRITTEN", NULL);
	m->vmscan_immediate = stat_item(k, "NR_VMSCAN_IMMEDIATE", NULL);
	m->pagetable = stat_item(k, "NR_PAGETABLE", NULL);
	m->kernel_stack = stat_item(k, "NR_KERNEL_STACK_KB", "NR_KERNEL_STACK");
	m->vmalloc = stat_item(k, "NR_VMALLOC", NULL);
	m->anon_thps = stat_item(k, "NR_ANON_THPS", "NR_ANON_TRANSPARENT_HUGEPAGES");
	m->shmem_thps_mapped = stat_item(k, "NR_SHMEM_PMDMAPPED", NULL);
	m->file_thps_mapped = stat_item(k, "NR_FILE_PMDMAPPED", NULL);
	m->event_thp_fault_alloc = enumerator(k, "THP_FAULT_ALLOC", -1);
	m->event_thp_fallback = enumerator(k, "THP_FAULT_FALLBACK", -1);
	m->event_thp_zero = enumerator(k, "THP_ZERO_PAGE_ALLOC", -1);
	m->event_thp_file_mapped = enumerator(k, "THP_FILE_MAPPED", -1);
	m->event_split_pmd = enumerator(k, "THP_SPLIT_PMD", -1);
	m->event_split_page = enumerator(k, "THP_SPLIT_PAGE", enumerator(k, "THP_SPLIT", -1));
	m->event_split_failed = enumerator(k, "THP_SPLIT_PAGE_FAILED", -1);
	m->event_numa_hint = enumerator(k, "NUMA_HINT_FAULTS", -1);
	m->event_numa_local = enumerator(k, "NUMA_HINT_FAULTS_LOCAL", -1);
	m->event_deferred_split = enumerator(k, "THP_DEFERRED_SPLIT_PAGE", -1);
	/* In bytes to those who count, in pages where it is kept. */
	m->slab_reclaimable = stat_item(k, "NR_SLAB_RECLAIMABLE_B", "NR_SLAB_RECLAIMABLE");
	m->slab_unreclaimable = stat_item(k, "NR_SLAB_UNRECLAIMABLE_B", "NR_SLAB_UNRECLAIMABLE");
	m->mlock = stat_item(k, "NR_MLOCK", NULL);
	m->as_unevictable = enumerator(k, "AS_UNEVICTABLE", -1);
	m->event_culled = enumerator(k, "UNEVICTABLE_PGCULLED", -1);
	m->event_rescued = enumerator(k, "UNEVICTABLE_PGRESCUED", -1);
	m->event_mlocked = enumerator(k, "UNEVICTABLE_PGMLOCKED", -1);
	m->event_munlocked = enumerator(k, "UNEVICTABLE_PGMUNLOCKED", -1);
	m->event_cleared = enumerator(k, "UNEVICTABLE_PGCLEARED", -1);
	m->event_stranded = enumerator(k, "UNEVICTABLE_PGSTRANDED", -1);
	m->event_lazyfree = enumerator(k, "PGLAZYFREE", -1);
	m->event_pgfree = enumerator(k, "PGFREE", -1);
	m->event_pgactivate = enumerator(k, "PGACTIVATE", -1);
	m->lru_base = stat_item(k, "NR_LRU_BASE", NULL);
	m->zone_lru_base = stat_item(k, "NR_ZONE_LRU_BASE", NULL);
	m->event_pgfault = enumerator(k, "PGFAULT", -1);
	m->event_pgmajfault = enumerator(k, "PGMAJFAULT", -1);
	m->rss_file = enumerator(k, "MM_FILEPAGES", 0);
	m->rss_anon = enumerator(k, "MM_ANONPAGES", 1);
	m->rss_swap = enumerator(k, "MM_SWAPENTS", 2);
	m->rss_shmem = enumerator(k, "MM_SHMEMPAGES", m->rss_file);
	int64_t synchronous;
	m->swap_synchronous = enumerator_find(k, "SWP_SYNCHRONOUS_IO", &synchronous) ? (uint64_t)synchronous : 0;
	/* "mm: memcontrol: charge before adding to swapcache on swapin" clears it; the nearest trace is of the same release. */
	m->swapped_in_named = HAS(k, address_space, nrexceptional);
	m->memory_cgrp = enumerator(k, "memory_cgrp_id", -1);
	m->migrate_pcptypes = (unsigned)enumerator(k, "MIGRATE_PCPTYPES", 3);
	m->migrate_unmovable = (unsigned)enumerator(k, "MIGRATE_UNMOVABLE", 0);
	m->migrate_movable = (unsigned)enumerator(k, "MIGRATE_MOVABLE", 1);
	m->migrate_reclaimable = (unsigned)enumerator(k, "MIGRATE_RECLAIMABLE", 2);
	m->vm_events = symbol_addr(k, "vm_event_states");
	m->vm_zone_stat = symbol_addr(k, symbol_addr(k, "vm_zone_stat") ? "vm_zone_stat" : "vm_stat");
	m->vm_node_stat = symbol_addr(k, "vm_node_stat");
	m->numa_node = symbol_addr(k, symbol_addr(k, "numa_node") ? "numa_node" : "x86_cpu_to_node_map");
	m->huge_flags = symbol_addr(k, "transparent_hugepage_flags");
	m->lru_gen_caps = symbol_addr(k, "lru_gen_caps");
	m->zone_normal = (unsigned)enumerator(k, "ZONE_NORMAL", 8);
	m->zone_below_high = enumerator(k, "ZONE_BELOW_HIGH", -1);
	m->zone_reclaim_active = enumerator(k, "ZONE_RECLAIM_ACTIVE", -1);
	m->pcp_in_batches = enumerator(k, "KSWAPD_CLEAR_HOPELESS_PCP", -1) >= 0;
	m->zone_movable = (unsigned)enumerator(k, "ZONE_MOVABLE", 8);
	const struct member *rss = &k->members[M_mm_struct_rss_stat];
	m->percpu_rss = HAS_STRUCT(k, percpu_counter) && rss->count > 1 && rss->stride == SIZE_OF(k, percpu_counter);
	m->split_rss = HAS(k, task_struct, rss_stat) && k->members[M_task_struct_rss_events].size == 4;
}

static void find_huge(struct kernel *k, struct engine_modern *m)
{
	m->large = LARGE_UNKNOWN;
	/* The lock of a huge page that is being split under those who have pinned it. */
	if (page_flag_bit(k, "compound_lock") >= 0)
		m->large = LARGE_WHOLE;
	else if (m->double_map >= 0 && HAS(k, page, compound_mapcount))
		m->large = LARGE_DOUBLE_MAP;
	else if (HAS(k, folio, nr_pages_mapped) && HAS(k, folio, entire_mapcount))
		m->large = HAS(k, folio, mm_ids) ? LARGE_NOT_ASKED : LARGE_PAGES_MAPPED;
	/* 5.12; nearest are the page's word for its cgroup (5.11) and, without cgroups, folios (5.16). */
	m->thps_by_pages = HAS(k, page, memcg_data) || HAS_STRUCT(k, folio);
	m->huge_zero_per_mm = symbol_addr(k, "mm_get_huge_zero_page") || symbol_addr(k, "mm_get_huge_zero_folio");
	/* Came with vm_normal_page_pud(). */
	m->huge_zero_special = symbol_addr(k, "vm_normal_page_pud");
	/* 6.4; nearest is the folio's count of mapped pages (6.3). */
	m->split_keeps_dirty = HAS(k, folio, nr_pages_mapped);
	/* reuse_swap_page() went with that. */
	m->huge_reuse_by_count = !symbol_addr(k, "reuse_swap_page");
	m->middle_sizes = symbol_addr(k, "huge_anon_orders_always");
	/* 5.8: the nearest trace is the structure of all batches. */
	m->huge_cow_copies = !HAS_STRUCT(k, cpu_fbatches);
	m->touch_dirties_huge = m->large == LARGE_WHOLE;
	m->huge_zero_wp = m->huge_cow_copies || symbol_addr(k, "vma_alloc_anon_folio_pmd") || symbol_addr(k, "do_huge_zero_wp_pmd");
}

/* The batches of pages to be added to the LRU lists, to be made active, and free to go: of each CPU. */
static void find_lru_batches(struct kernel *k, struct engine_modern *m)
{
	uint64_t all = symbol_addr(k, SIZE_OF(k, cpu_fbatches) && !strcmp(k->structs[S_cpu_fbatches].name, "lru_pvecs") ? "lru_pvecs" : "cpu_fbatches");
	m->lru_add = all && HAS(k, cpu_fbatches, lru_add) ? all + OFFSET(k, cpu_fbatches, lru_add) : symbol_addr(k, "lru_add_pvec");
	m->lru_lazyfree = all && HAS(k, cpu_fbatches, lru_lazyfree) ? all + OFFSET(k, cpu_fbatches, lru_lazyfree) : symbol_addr(k, "lru_lazyfree_pvecs");
	/* since 5.4; a batch of that name was for pages of files until 4.5 */
	m->lru_deactivate = all && HAS(k, cpu_fbatches, lru_deactivate) ? all + OFFSET(k, cpu_fbatches, lru_deactivate) : 0;
	if (!m->lru_deactivate && symbol_addr(k, "reclaim_pages"))
		m->lru_deactivate = symbol_addr(k, "lru_deactivate_pvecs");
	/* since 5.18 */
	uint64_t locked = symbol_addr(k, "mlock_pvec") ? symbol_addr(k, "mlock_pvec") : symbol_addr(k, "mlock_fbatch");
	m->mlock_batch = locked && HAS(k, mlock_batch, pages) ? locked + OFFSET(k, mlock_batch, pages) : 0;
	m->activate_page = all && HAS(k, cpu_fbatches, activate_page) ? all + OFFSET(k, cpu_fbatches, activate_page) : symbol_addr(k, "activate_page_pvecs");
}

struct error *modern_open(struct kernel *k, struct engine_modern **out)
{
	*out = NULL;
	if (!HAS(k, vm_area_struct, anon_vma) || !HAS_STRUCT(k, anon_vma))
		return NULL;
	TRY(nodes_open(k));
	TRY(members_require(k, "faults", M_page_mapcount, M_page_refcount, M_page_mapping, M_page_index, M_vm_area_struct_vm_ops, M_mm_struct_pgd,
			    M_vm_operations_struct_fault, M_zonelist_zonerefs, M_per_cpu_pages_lists, M_zone_pageset, M_zone_vm_stat, MEMBER_NONE));
	struct engine_modern *m = calloc(1, sizeof(*m));
	if (!m)
		return error_new(ERR_NO_MEMORY, "out of memory");
	find_flags(k, m);
	find_counters(k, m);
	find_reclaim_events(k, m);
	find_lru_batches(k, m);
	m->reuse = m->reuse_inferred = infer_reuse(k, m);
	find_huge(k, m);
	m->pti = has_pti(k);
	/* 5.5 lets go, 5.9 counts so: the nearest trace is the structure of all batches, of 5.8. */
	int64_t completed;
	m->retry_is_major = HAS_STRUCT(k, cpu_fbatches) && !enumerator_find(k, "VM_FAULT_COMPLETED", &completed);
	/* With xas_for_each(), until "mm: fix madvise WILLNEED performance problem" (6.1); the nearest traces are the same. */
	m->willneed_one_more = m->retry_is_major;
	m->refcount_name = k->members[M_page_refcount].name[1] == 'c' ? "page->_count" : "page->_refcount";
	m->late_tables = HAS(k, vm_fault, prealloc_pte);
	m->list_poison = k->arch->pointer_size == 8 ? 0xdead000000000100ull : 0x100;
	m->pmd_level = k->geometry.levels >= 2 ? k->geometry.levels - 2u : 0;
	if (!zero_frame(k, &m->zero_pfn)) {
		free(m);
		return error_new(ERR_UNSUPPORTED, "this kernel does not say which frame is its zero page");
	}
	*out = m;
	return NULL;
}
