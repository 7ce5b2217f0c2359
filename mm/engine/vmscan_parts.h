/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What mm/engine/vmscan_node.c, vmscan_zone.c, vmscan_list.c and kswapd.c share. */
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
	uint64_t split;	      /* a page that was huge, and of how many parts the others are still to be looked at; 0: none */
	unsigned parts;
	unsigned pageout;     /* pages written by the last shrink_inactive_list() */
	int priority;	      /* a list's length is shifted by this */
	unsigned reclaim_idx; /* highest zone whose pages are of use */
	unsigned may_deactivate; /* bit 0: anonymous pages, bit 1: pages of files */
	bool force_deactivate, skipped_deactivate;
	const struct zone *zone; /* whose list it is at, on kernels where those are the zones' (until 4.8); else NULL */
	/* Of the node that it is at, by shrink_node(). */
	bool file_is_tiny, cache_trim_mode;
	uint64_t anon_cost, file_cost;
	uint64_t pgdat, lruvec;
	unsigned node;
	/* Where control groups have lists: those of the group that it is at, `info` being what that keeps of the node; target: the lists of the root's, for which reclaim is done. */
	uint64_t memcg, info, root, target;
};

#define DEF_PRIORITY 12

/* ---- mm/engine/vmscan_zone.c, for mm/engine/vmscan_list.c ---- */

/* So many pages of a zone's list were looked at, and so many of them turned out to be in use (reclaim_stat). */
struct error *note_scanned(const struct scan_control *sc, bool file, unsigned scanned, unsigned rotated) MUST_CHECK;
/* workingset_eviction() of a zone's clock. */
struct error *zone_eviction(const struct scan_control *sc, uint64_t *shadow) MUST_CHECK;
/* try_to_free_pages_modern() where zones have lists. */
struct error *try_to_free_pages_zones(struct scan_control *sc) MUST_CHECK;

/* ---- mm/engine/vmscan_node.c ---- */

/* nr_swap_pages, total_swap_pages (0 where there is no swap); vm_swappiness. */
uint64_t swap_pages(struct engine *e, const char *symbol);
uint64_t swappiness(struct engine *e);
/*
 * The four lists in turn, 32 pages of each, until `left` of each is done; once enough is reclaimed, in proportion to what was meant to be scanned (`targets`) of both
 * kinds, unless that is `adjusted` already.
 */
struct error *shrink_lists(struct scan_control *sc, uint64_t *left, const uint64_t *targets, bool adjusted,
			   struct error *(*shrink)(struct scan_control *sc, unsigned lru, uint64_t count, uint64_t *reclaimed), uint64_t *reclaimed) MUST_CHECK;

/* do_try_to_free_pages(): shrinks a greater share of the lists each time until enough is reclaimed. */
struct error *shrink_harder(struct scan_control *sc, struct error *(*shrink)(struct scan_control *sc)) MUST_CHECK;

/* The node's zones whose index is at most `highest`, one after the other from *i = 0 on; NULL: no more. */
const struct zone *zones_of_node(struct engine *e, unsigned node, unsigned highest, size_t *i);
/* What kswapd keeps free in the zone. */
uint64_t high_wmark_pages(struct engine *e, const struct zone *z);
/* The node, and the lists of all its pages, or of the root's control group. */
struct error *scan_node(struct scan_control *sc, const struct node *node) MUST_CHECK;
/* What is followed: classic lists of nodes, of control groups on them, or of zones without control groups. ERR_UNSUPPORTED. */
struct error *reclaim_check(struct engine *e) MUST_CHECK;
/* Of the node that scan_node() named. */
struct error *shrink_node(struct scan_control *sc) MUST_CHECK;
/* Active anonymous pages, of all groups, become inactive when there are few of those, and swap to put them to: kswapd_age_node(). */
struct error *age_active_anon(struct scan_control *sc) MUST_CHECK;
/* snapshot_refaults(): what shrink_node() compares with next time. */
struct error *snapshot_refaults(struct engine *e, const struct node *node) MUST_CHECK;

/* ---- mm/engine/vmscan_memcg.c: lists of control groups ---- */

/* Of scan_node()'s node: the root's group, and of each group in turn (mem_cgroup_iter()), until `shrink` fails. */
struct error *groups_start(struct scan_control *sc) MUST_CHECK;
struct error *for_each_group(struct scan_control *sc, struct error *(*shrink)(struct scan_control *sc)) MUST_CHECK;
/* How many pages the group has on that list, in the zones up to that one; with all groups below it. */
uint64_t group_lru_size(const struct scan_control *sc, uint64_t info, unsigned lru, unsigned highest);
uint64_t group_lru_total(const struct scan_control *sc, unsigned lru);
/* Has it nothing, or may nothing be taken from it (memory.min, memory.low)? The latter is refused: how much is safe is not followed. */
struct error *group_has_pages(const struct scan_control *sc, bool *has) MUST_CHECK;

/* From the end of the inactive list: what is not in use goes. *reclaimed is added to. */
struct error *shrink_inactive_list(struct scan_control *sc, unsigned lru, unsigned count, uint64_t *reclaimed) MUST_CHECK;
/* From the end of the active list to the inactive one; executable pages that are in use stay. */
struct error *shrink_active_list(struct scan_control *sc, unsigned lru, unsigned count) MUST_CHECK;

#endif
