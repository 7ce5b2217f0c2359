/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What mm/engine/vmscan_node.c and vmscan_list.c share. */
#ifndef MM_VMSCAN_PARTS_H
#define MM_VMSCAN_PARTS_H

#include "mm/engine/reclaim.h"
#include "mm/zone.h"

/* enum lru_list: each kind's active list behind its inactive one */
enum { LRU_ANON = 0, LRU_FILE = 2, LISTS = 4 };

/* struct scan_control of mm/vmscan.c, and the node it is at. */
struct scan_control {
	struct engine *e;
	bool kswapd;	      /* its own, or done by who needs memory */
	unsigned wanted;      /* pages */
	uint64_t reclaimed, scanned; /* so far */
	unsigned pageout;     /* pages written by the last shrink_inactive_list() */
	int priority;	      /* a list's length is shifted by this */
	unsigned reclaim_idx; /* highest zone whose pages are of use */
	unsigned may_deactivate; /* bit 0: anonymous pages, bit 1: pages of files */
	bool force_deactivate, skipped_deactivate;
	/* Of the node that it is at, by shrink_node(). */
	bool file_is_tiny, cache_trim_mode;
	uint64_t anon_cost, file_cost;
	uint64_t pgdat, lruvec;
	unsigned node;
};

#define DEF_PRIORITY 12

/* The node's zones whose index is at most `highest`, one after the other from *i = 0 on; NULL: no more. */
const struct zone *zones_of_node(struct engine *e, unsigned node, unsigned highest, size_t *i);
/* What kswapd keeps free in the zone. */
uint64_t high_wmark_pages(struct engine *e, const struct zone *z);
void scan_node(struct scan_control *sc, const struct node *node);
/* What is followed: classic lists of nodes without memory cgroups. ERR_UNSUPPORTED. */
struct error *reclaim_check(struct engine *e) MUST_CHECK;
/* Of the node that scan_node() named. */
struct error *shrink_node(struct scan_control *sc) MUST_CHECK;
/* Active anonymous pages become inactive when there are few of those, and swap to put them to. */
struct error *age_active_anon(struct scan_control *sc) MUST_CHECK;
/* snapshot_refaults(): what shrink_node() compares with next time. */
struct error *snapshot_refaults(struct engine *e, const struct node *node) MUST_CHECK;

/* From the end of the inactive list: what is not in use goes. *reclaimed is added to. */
struct error *shrink_inactive_list(struct scan_control *sc, unsigned lru, unsigned count, uint64_t *reclaimed) MUST_CHECK;
/* From the end of the active list to the inactive one; executable pages that are in use stay. */
struct error *shrink_active_list(struct scan_control *sc, unsigned lru, unsigned count) MUST_CHECK;

#endif
