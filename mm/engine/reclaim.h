/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/engine/: reclaim on kernels with reverse mapping. Pages of one frame each.
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

/* ---- mm/engine/vmscan_node.c ---- */

/* try_to_free_pages() of a request for pages up to that zone (enum zone_type), by the node whose CPU acts: so many wanted. *freed: so many frames were. */
struct error *try_to_free_pages_modern(struct engine *e, unsigned highest_zone, unsigned wanted, unsigned *freed) MUST_CHECK;

/* ---- mm/engine/oom_kill.c ---- */

/* Nothing can be reclaimed: always an error, ENOMEM, that says whom the kernel kills. Killing is an act of its own (oom_kill()). */
struct error *out_of_memory(struct engine *e) MUST_CHECK;

#endif
