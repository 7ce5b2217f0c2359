/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/engine/: what the engine's fault path rests on where the kernel maps pages back to areas (vm_area_struct.anon_vma), lists free pages per CPU, and counts per
 * CPU. Each fact is found by what the image has; the leaves (mm/engine/pcp_alloc.c, mm/engine/vmstat_edit.c, mm/engine/rmap_edit.c, mm/engine/slub_alloc.c …) ask for it here.
 */
#ifndef MM_MODERN_H
#define MM_MODERN_H

#include "mm/engine/engine.h"
#include "mm/engine/fault.h"
#include "mm/pte.h"

/* When may a write-protected anonymous page be made writable instead of being copied? (do_wp_page()) */
enum reuse_policy {
	REUSE_BY_MAPCOUNT,  /* nobody else maps it, counting swap entries: reuse_swap_page(), until 5.8 */
	REUSE_BY_COUNT,	    /* it has one reference: 5.9 */
	REUSE_BY_EXCLUSIVE, /* PG_anon_exclusive says so, or one reference is left once batches and swap cache are done with it: 5.19 */
};

/* How often a large folio and its parts are mapped (mm/engine/rmap_large.c). */
enum large_counts {
	LARGE_WHOLE,	    /* as a whole only, counted by its first page: split under all who map it (until 4.4); the others' _mapcount counts who has them pinned */
	LARGE_DOUBLE_MAP,   /* PG_double_map: 4.5 to 6.1 */
	LARGE_PAGES_MAPPED, /* folio._nr_pages_mapped: 6.3 */
	LARGE_NOT_ASKED,    /* one of the two around this, which large_open() finds out (6.15) */
	LARGE_UNKNOWN,	    /* subpages_mapcount (6.2); pages that are not counted (CONFIG_NO_PAGE_MAPCOUNT) */
};

/* A counter of vmstat: which group, which index; group -1 where the kernel has no such one. */
struct stat_item {
	int group; /* enum vmstat_group */
	int index;
};

struct engine_modern {
	enum { HEADS_NOT_ASKED, HEADS_BY_ADDRESS, HEADS_BY_MASK } heads; /* what tail pages say of their head: compound.c finds it out when it makes the first */
	/* Bits of page.flags, -1 for none. */
	int writeback, has_private; /* PG_writeback, PG_private */
	int swapbacked, swapcache, anon_exclusive, head, mlocked, unevictable, workingset, readahead, hwpoison;
	/* Of the second page of a large folio. */
	int double_map, partially_mapped, large_rmappable;
	/* Bits of vm_flags, 0 for none. */
	uint64_t vm_uffd_missing, vm_uffd_wp, vm_uffd_minor, vm_hugepage, vm_nohugepage, vm_account, vm_softdirty, vm_pfnmap, vm_mixedmap,
		vm_droppable, vm_wipeonfork, vm_sealed;
	bool split_rss, percpu_rss;
	bool retry_is_major; /* a fault that is taken again counts as major, and one that dirties a shared page is */
	bool willneed_one_more; /* MADV_WILLNEED of shared memory on swap reads a page past the range (5.10 to 6.0) */
	const char *refcount_name; /* in what a trace says: "page->_count" until 4.5 */
	bool late_tables;    /* the lowest page table is made when there is something to put into it (4.8); before, before anything else was decided */
	bool huge_zero_wp;   /* a write to the huge zero page gets a new huge page, where one is free (until 5.7, and since 6.13) */
	bool middle_sizes; /* large folios of other sizes than a huge page's may be switched on (6.8) */
	bool new_anon_active; /* new anonymous pages begin as active ones (until 5.8) */
	bool huge_cow_copies; /* a write to a shared huge page gets a huge page, copied (until 5.7) */
	bool touch_dirties_huge; /* every touch of a huge page by the kernel makes its entry dirty (until 4.4) */
	enum reuse_policy reuse, reuse_inferred; /* mm/engine/policy.h */
	enum large_counts large;
	unsigned lru_gen_shift;	  /* where page.flags has the generation; 0: not looked for yet */
	bool thps_by_pages;	  /* NR_ANON_THPS and its like count pages (5.12) */
	bool huge_zero_per_mm;	  /* each mm has a reference to the huge zero page, and says so (MMF_HUGE_ZERO_PAGE, 4.10); before, each of its mappings */
	bool huge_zero_special;	  /* entries of the huge zero page are special (6.18) */
	bool split_keeps_dirty;	  /* the entries of a huge page's parts are dirty when its own was (6.4) */
	bool huge_reuse_by_count; /* a huge page is made writable when it has one reference (5.18), not when it is mapped once */
	unsigned migrate_pcptypes, migrate_unmovable, migrate_movable, migrate_reclaimable;
	/* the page cache: its pages, those of shared memory among them, those to be written (in the node, and to the zone), all that ever became so */
	struct stat_item file_pages, swapcached, shmem, file_dirty, write_pending, dirtied;
	struct stat_item free_pages, free_blocks, anon_mapped, file_mapped, pagetable, kernel_stack, vmalloc, anon_thps, slab_reclaimable, slab_unreclaimable, lru_base, zone_lru_base; /* lru_…: of the first LRU list */
	/* mm/engine/vmscan_…: isolated and workingset_… have those of files behind those of anonymous pages; so have the events scan_anon and steal_anon;
	 * allocstall is that of zone 0; scan and steal: of who reclaims, directly or as kswapd */
	struct stat_item isolated, workingset_refault, workingset_activate, workingset_restore, vmscan_write, vmscan_immediate, written;
	struct {
		int allocstall, scan[2], scan_anon, steal[2], steal_anon, refill, deactivate, lazyfreed, pageoutrun, pswpin, pswpout, oom_kill, thp_swpout_fallback;
	} reclaim_events;
	struct stat_item mlock; /* NR_MLOCK */
	int as_unevictable; /* bit of address_space.flags: its pages stay in memory; -1 */
	int event_culled, event_rescued, event_mlocked, event_munlocked, event_cleared, event_stranded, event_lazyfree; /* UNEVICTABLE_PG…, PGLAZYFREE */
	int event_pgfault, event_pgmajfault, event_pgfree, event_pgactivate; /* enum vm_event_item, -1 */
	struct stat_item shmem_thps_mapped, file_thps_mapped;
	int event_thp_fault_alloc, event_thp_fallback, event_thp_zero, event_thp_file_mapped, event_split_pmd, event_deferred_split,
		event_split_page, event_split_failed, event_numa_hint, event_numa_local;
	int rss_file, rss_anon, rss_shmem, rss_swap;
	uint64_t swap_synchronous; /* SWP_SYNCHRONOUS_IO of swap_info_struct.flags, whose value moved; 0 (until 4.15) */
	bool swapped_in_named; /* a page that comes from swap past its cache keeps its slot's name in page.private (until 5.13) */
	int memory_cgrp; /* memory_cgrp_id, -1: no memory cgroups */
	uint64_t vm_events, lru_add, activate_page, lru_deactivate, lru_lazyfree, mlock_batch; /* per-CPU symbols, 0 */
	uint64_t vm_zone_stat, vm_node_stat; /* the machine's counters (until 4.8 vm_stat has the zones'), 0 */
	uint64_t numa_node;	  /* per-CPU: the CPU's node, 0 */
	uint64_t huge_flags; /* transparent_hugepage_flags, 0 */
	uint64_t lru_gen_caps;	  /* the static key of LRU_GEN_CORE, 0 */
	int zone_below_high, zone_reclaim_active; /* bits of zone.flags (enum zone_flags), -1 */
	bool pcp_in_batches; /* a CPU's lists give their surplus batch by batch, each beginning anew (7.0) */
	unsigned zone_normal, zone_movable; /* enum zone_type; a number above all where there is none */
	uint64_t zero_pfn;
	uint64_t list_poison; /* what list_del() leaves in next; prev has 0x22 more */
	bool pti;	      /* user page tables have a twin of the top table (page-table isolation) */
	unsigned pmd_level;   /* geometry level whose leaf is a huge page */
};

/* Finds it all; NULL in *out for a kernel without reverse mapping. */
struct error *modern_open(struct kernel *k, struct engine_modern **out) MUST_CHECK;

/* VM_…, by its name without that; 0: this kernel has no such flag. */
uint64_t vma_flag(struct kernel *k, const char *name);

/* VM_SOFTDIRTY where the kernel keeps track of that, else 0. */
uint64_t soft_dirty_flag(struct engine *e, const struct object *mm);
/* The soft-dirty bit, which goes with an entry's dirty one where the kernel keeps it: also where the area has lost its flag, since it is watched which pages are written. */
static inline uint64_t soft_dirty_bit(const struct fault *f)
{
	return (f->vma->flags & f->e->modern->vm_softdirty) || soft_dirty_flag(f->e, f->mm) ? PTE_SOFT_DIRTY : 0;
}

/* ---- Counters (mm/engine/vmstat_edit.c); `e->cpu` counts ---- */

void mod_zone_state(struct engine *e, uint64_t zone, struct stat_item item, int delta);
void mod_node_state(struct engine *e, uint64_t pgdat, struct stat_item item, int delta);
/* Of the zone or node that the page lies in, whichever counts it. */
void mod_page_state(struct engine *e, uint64_t page, struct stat_item item, int delta);
static inline void count_vm_events(struct engine *e, int event, uint64_t n)
{
	struct kernel *k = e->k;
	if (e->modern->vm_events && event >= 0)
		error_drop(kernel_add_uint(k, percpu_addr(k, e->modern->vm_events, e->cpu) + (uint64_t)event * (k->wide ? 8 : 4), k->wide ? 8 : 4, (int64_t)n));
}
static inline void count_vm_event(struct engine *e, int event)
{
	count_vm_events(e, event, 1);
}
/* lib/percpu_counter.c: what one CPU keeps to itself stays below the batch. */
struct error *percpu_counter_add_batch(struct engine *e, uint64_t counter, int64_t n, int64_t batch) MUST_CHECK;
/* Of folios of that order (mthp_stats, 6.8): the enumerator of enum mthp_stat_item. Nothing where there is none. */
void count_mthp_stat(struct engine *e, unsigned order, const char *item, int delta);
/* mm->rss_stat[member] += n: `task`, when it is of this mm, keeps its own (SPLIT_RSS_COUNTING) if `fast`. */
struct error *add_mm_counter(struct engine *e, const struct object *mm, int member, int n, bool fast) MUST_CHECK;
#define TASK_RSS_EVENTS_THRESH 64 /* mm/memory.c */
/* What the task keeps of its mm's counts to itself goes to the mm (SPLIT_RSS_COUNTING); at every 65th fault. */
struct error *sync_mm_rss(struct engine *e, const struct object *task, const struct object *mm) MUST_CHECK;
struct error *check_sync_rss_stat(struct engine *e, uint64_t task, const struct object *mm) MUST_CHECK;
/* The number of the node that the acting CPU is on. */
unsigned acting_node(struct engine *e);
/* The zone of a frame (address), 0 when there is none. */
uint64_t zone_of_page(struct engine *e, uint64_t page);

/* ---- Pages (mm/engine/pcp_alloc.c) ---- */

enum page_class { PAGES_MOVABLE, PAGES_KERNEL, PAGES_RECLAIMABLE };
/*
 * __alloc_pages() as the acting task's CPU would do it: the zonelist of its node, watermarks, the CPU's own list, then the buddy lists. What would need reclaim,
 * compaction or a memory policy's choice is refused (fault_refuse()). A block of several frames is not made a compound page.
 */
struct error *alloc_pages_pcp(struct engine *e, enum page_class class, unsigned order, uint64_t *page) MUST_CHECK;
/* The highest zone (enum zone_type) that pages of the class may lie in: gfp_zone(). */
unsigned highest_zone(const struct engine *e, enum page_class class);
/* Would a block of that order be had without reclaim? As alloc_pages_pcp(), without taking it. *zone 0: no. */
struct error *pages_available(struct engine *e, enum page_class class, unsigned order, uint64_t *zone) MUST_CHECK;

/* ---- Reverse mapping (mm/engine/rmap_edit.c) ---- */

/* anon_vma_prepare() of the fault's area. */
struct error *fault_anon_vma_prepare(struct fault *f) MUST_CHECK;
struct error *page_add_new_anon_rmap(struct fault *f, uint64_t page) MUST_CHECK;
struct error *page_add_file_rmap(struct fault *f, uint64_t page) MUST_CHECK;
/* mlock_vma_folio(), since 5.18: a page of one frame that a locked area maps now. */
struct error *mlock_mapped(struct fault *f, uint64_t page) MUST_CHECK;
struct error *page_remove_rmap(struct fault *f, uint64_t page) MUST_CHECK;
/* The memory cgroup that the page (the head of a compound one) is charged to; 0: none. */
struct error *page_memcg(struct engine *e, const struct page *p, uint64_t *memcg) MUST_CHECK;
/* mem_cgroup_charge(): whose page it is. */
struct error *charge_page(struct fault *f, uint64_t page) MUST_CHECK;
/* The same to that group; 0: to nobody. */
struct error *charge_page_to(struct engine *e, uint64_t page, uint64_t memcg) MUST_CHECK;
/* lru_cache_add_inactive_or_unevictable(): lru_cache_add(), but for locked areas. */
struct error *lru_batch_add(struct fault *f, uint64_t page) MUST_CHECK;
/* mm/engine/lru_batch.c, for mm/engine/lru.c: onto the CPU's batch, which takes a reference; used once more. */
struct error *lru_cache_add_modern(struct engine *e, uint64_t page) MUST_CHECK;
struct error *mark_page_accessed_modern(struct engine *e, uint64_t page) MUST_CHECK;
/* The lists of the group (0: the root's) on the node, and what the group keeps of that; without memory cgroups (*info 0) the node's own, 0 where those are the zones'. */
struct error *mem_cgroup_lruvec(struct engine *e, uint64_t memcg, uint64_t pgdat, uint64_t *lruvec, uint64_t *info) MUST_CHECK;
/* The lists that the page belongs on: its cgroup's on its node (*info: what that cgroup keeps of the node), or without memory cgroups (*info 0) the node's own, until 4.8 the zone's. */
struct error *lruvec_of(struct engine *e, const struct page *p, uint64_t pgdat, uint64_t zone, uint64_t *lruvec, uint64_t *info) MUST_CHECK;
/* To the lists at once, as a batch's pages would; a reference is the caller's to put. */
struct error *lru_add_now(struct engine *e, uint64_t page) MUST_CHECK;
/* Off its list, with a reference for the caller; *isolated false: it is on none. */
struct error *isolate_lru_page(struct engine *e, uint64_t page, bool *isolated) MUST_CHECK;
/* mm/engine/mlock_pages.c: the page is locked in memory; is so no more (nothing where it is not); a new page of a locked area, for lru_batch_add(). */
struct error *mlock_vma_page(struct engine *e, uint64_t page) MUST_CHECK;
struct error *munlock_vma_page(struct engine *e, uint64_t page) MUST_CHECK;
struct error *clear_page_mlock(struct engine *e, uint64_t page) MUST_CHECK;
struct error *lru_add_locked(struct fault *f, uint64_t page) MUST_CHECK;
/* mm/engine/mlock_batch.c, since 5.18: one area more locks the page, or one fewer, when the CPU's batch of such is emptied; all of the batch now. */
struct error *mlock_folio(struct engine *e, uint64_t page, bool is_new) MUST_CHECK;
struct error *munlock_folio(struct engine *e, uint64_t page) MUST_CHECK;
struct error *mlock_drain_local(struct engine *e) MUST_CHECK;
/* Onto the CPU's batch of pages that are free to go (MADV_FREE). */
struct error *lru_lazyfree_add(struct engine *e, uint64_t page) MUST_CHECK;
/* Onto the CPU's batch of pages that are to be inactive (MADV_COLD). */
struct error *lru_deactivate_add(struct engine *e, uint64_t page) MUST_CHECK;
/* Is the page on this CPU's batch? */
bool lru_batch_holds(struct engine *e, uint64_t page);
/* Empties the acting CPU's batch onto the LRU lists, as unmapping does first: else its references keep pages. */
struct error *lru_add_drain(struct engine *e) MUST_CHECK;

/* MM_ANONPAGES, MM_FILEPAGES or MM_SHMEMPAGES: mm_counter(). */
int page_counter_kind(struct engine *e, const struct page *p);

#endif
