/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/engine/: reclaim on kernels with reverse mapping.
 */
#ifndef MM_RECLAIM_H
#define MM_RECLAIM_H

#include "mm/engine/modern.h"

#define SWAP_CLUSTER_MAX 32u /* include/linux/swap.h */

/* ---- mm/engine/lru_batch.c ---- */

/* Do the LRU lists go by generations (since 6.1, where built and switched on)? */
bool lru_gen_enabled(struct engine *e);
/* enum lru_list: anonymous before file, inactive before active, unevictable last. */
unsigned lru_list(struct engine *e, const struct page *p);
/* Not locked in memory, nor of a file that is kept there (ramfs; AS_UNEVICTABLE). */
bool page_evictable(struct engine *e, const struct page *p);
/* The page goes onto the list of its kind, or off it, and is counted there. */
struct error *lru_change_list(struct engine *e, struct page *p, bool add) MUST_CHECK;

/* ---- mm/engine/unmap.c ---- */

struct page_references {
	unsigned entries;  /* of page tables, that were accessed since they were looked at last */
	uint64_t vm_flags; /* of their areas; VM_LOCKED: one of its areas is locked */
};
/* page_referenced(): the accessed bits go. Errors as rmap_walk(). */
struct error *page_referenced(struct engine *e, const struct page *p, struct page_references *out) MUST_CHECK;
/* No process maps the page afterwards: *unmapped. What entries knew of it (dirty) it knows itself then. `p` opened writable, with a reference besides theirs. */
struct error *try_to_unmap(struct engine *e, const struct page *p, bool *unmapped) MUST_CHECK;

/* ---- mm/engine/workingset.c: kernels whose nodes have LRU lists and a clock of evictions ---- */

bool workingset_followed(const struct engine *e);
/* node_page_state(): the node's counter `plus` behind that item; what the CPUs have not folded in is left out. 0 for one below that. */
uint64_t node_page_state(struct engine *e, uint64_t pgdat, struct stat_item item, int plus);
/* The page goes: the value to stand in its place. `lruvec`: the lists of the group for which reclaim is done, the root's for all. */
struct error *workingset_eviction(struct engine *e, const struct page *p, uint64_t pgdat, uint64_t lruvec, unsigned node, uint64_t *shadow) MUST_CHECK;
/* The page comes to where that value stood; on no list yet. */
struct error *workingset_refault(struct engine *e, uint64_t page, uint64_t shadow) MUST_CHECK;
/* The clock goes on, that of the groups above too: so many pages went, or became active. */
struct error *workingset_age_nonresident(struct engine *e, uint64_t pgdat, uint64_t lruvec, unsigned pages) MUST_CHECK;
/* What reclaiming pages of one kind has cost of late (written out, or come back). */
struct error *lru_note_cost(struct engine *e, uint64_t pgdat, uint64_t lruvec, bool file, unsigned pages) MUST_CHECK;

/* ---- mm/engine/vmscan_node.c ---- */

/* try_to_free_pages() of a request for pages up to that zone (enum zone_type), by the node whose CPU acts: so many wanted. *freed: so many frames were. */
struct error *try_to_free_pages_modern(struct engine *e, unsigned highest_zone, unsigned wanted, unsigned *freed) MUST_CHECK;

/* ---- mm/engine/vmscan_list.c ---- */

/* MADV_PAGEOUT's: these pages, isolated (isolate_lru_page()), go if nobody uses them; the others back to their lists. Pages of one frame each; in that order. */
struct error *reclaim_pages(struct engine *e, const uint64_t *pages, unsigned count, unsigned *freed) MUST_CHECK;

/* ---- mm/engine/kswapd.c ---- */

/*
 * wake_all_kswapds(): an allocation up to that zone found none above its low mark. What the nodes' kswapds do then is done at once, by the acting CPU: pages go until
 * a zone of each node has as much as its high mark. Nothing where reclaim is not followed.
 */
struct error *wake_all_kswapds(struct engine *e, unsigned order, unsigned highest_zone) MUST_CHECK;

/* ---- mm/engine/oom_kill.c ---- */

/*
 * Nothing can be reclaimed: the process with most points is killed, and ends at once; the allocation may be tried again. ENOMEM when that would be the acting process
 * itself (its act does not end well then: killing it is an act of its own, oom_kill()), or when there is none.
 */
struct error *out_of_memory(struct engine *e) MUST_CHECK;

#endif
