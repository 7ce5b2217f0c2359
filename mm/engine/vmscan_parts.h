/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What mm/engine/vmscan_node.c and vmscan_list.c share. */
#ifndef MM_VMSCAN_PARTS_H
#define MM_VMSCAN_PARTS_H

#include "mm/engine/reclaim.h"

/* enum lru_list: each kind's active list behind its inactive one */
enum { LRU_ANON = 0, LRU_FILE = 2, LISTS = 4 };

/* struct scan_control of mm/vmscan.c, and the node it is at. */
struct scan_control {
	struct engine *e;
	unsigned wanted;      /* pages */
	uint64_t reclaimed;   /* so far */
	int priority;	      /* a list's length is shifted by this */
	unsigned reclaim_idx; /* highest zone whose pages are of use */
	unsigned may_deactivate; /* bit 0: anonymous pages, bit 1: pages of files */
	bool force_deactivate, skipped_deactivate;
	uint64_t pgdat, lruvec;
	unsigned node;
};

/* From the end of the inactive list: what is not in use goes. *reclaimed is added to. */
struct error *shrink_inactive_list(struct scan_control *sc, unsigned lru, unsigned count, uint64_t *reclaimed) MUST_CHECK;
/* From the end of the active list to the inactive one; executable pages that are in use stay. */
struct error *shrink_active_list(struct scan_control *sc, unsigned lru, unsigned count) MUST_CHECK;

#endif
