/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Direct reclaim where each node (with memory cgroups, each group) has LRU lists (mm/vmscan.c of 5.9 to 6.0, and of kernels whose lists do not go by
 * generations): how much of which list is looked at. vmscan_list.c looks.
 *
 * With swap on, anonymous pages would be written to it: that is refused, so here anonymous lists are left alone (SCAN_FILE), as the kernel does
 * without swap. Shrinkers of caches (shrink_slab()) are not called.
 */
#include <inttypes.h>

#include "core/interrupt.h"
#include "mm/engine/vmscan_parts.h"
#include "mm/zone.h"

#define DEF_PRIORITY 12

/* ---- Counts ---- */

/* node_page_state(): what the CPUs have not folded in is left out. */
static int64_t node_count(const struct scan_control *sc, struct stat_item item, int plus)
{
	struct kernel *k = sc->e->k;
	uint64_t v;
	if (item.group != VMSTAT_NODE ||
	    error_drop(kernel_read_pointer(k, sc->pgdat + OFFSET(k, pglist_data, vm_stat) + (uint64_t)(item.index + plus) * k->arch->pointer_size, &v)))
		return 0;
	return (int64_t)v > 0 ? (int64_t)v : 0;
}

/* lruvec_lru_size(): of the zones that the request may use. */
static uint64_t lruvec_lru_size(const struct scan_control *sc, unsigned lru)
{
	const struct zone *z;
	uint64_t sum = 0;
	for (size_t i = 0; (z = zones_get(sc->e->k, i)); i++)
		if (z->node == sc->node && z->index <= sc->reclaim_idx)
			sum += (uint64_t)zone_vmstat(sc->e->k, z, (size_t)sc->e->modern->zone_lru_base.index + lru);
	return sum;
}

static uint64_t int_sqrt(uint64_t x)
{
	uint64_t root = 0;
	while ((root + 1) * (root + 1) <= x)
		root++;
	return root;
}

/* inactive_is_low(): below an active list's length, and of many gigabytes below a part of it. */
static bool inactive_is_low(const struct scan_control *sc, unsigned inactive_list)
{
	uint64_t inactive = (uint64_t)node_count(sc, sc->e->modern->lru_base, (int)inactive_list);
	uint64_t active = (uint64_t)node_count(sc, sc->e->modern->lru_base, (int)inactive_list + 1);
	uint64_t gigabytes = (inactive + active) >> (30 - sc->e->k->arch->page_shift), ratio = gigabytes ? int_sqrt(10 * gigabytes) : 1;
	return inactive * ratio < active;
}

/* ---- One node ---- */

/* shrink_list(): of a list so many pages. */
static struct error *shrink_list(struct scan_control *sc, unsigned lru, uint64_t count, uint64_t *reclaimed)
{
	unsigned file = lru >= LRU_FILE;
	if (!(lru & 1))
		return shrink_inactive_list(sc, lru, (unsigned)count, reclaimed);
	if (sc->may_deactivate >> file & 1)
		return shrink_active_list(sc, lru, (unsigned)count);
	sc->skipped_deactivate = true;
	return NULL;
}

/* shrink_lruvec() with get_scan_count() of a machine without swap: files alone, a part of each list by priority. */
static struct error *shrink_lruvec(struct scan_control *sc)
{
	uint64_t left[LISTS] = { 0 }, size[LISTS], reclaimed = 0;
	for (unsigned lru = LRU_FILE; lru < LRU_FILE + 2; lru++) {
		size[lru] = lruvec_lru_size(sc, lru);
		left[lru] = size[lru] >> sc->priority;
	}
	TRACE(sc->e, "get_scan_count", "no swap: pages of files alone", { "priority", sc->priority }, { "NR_ZONE_INACTIVE_FILE", size[LRU_FILE] },
	      { "NR_ZONE_ACTIVE_FILE", size[LRU_FILE + 1] }, { "inactive to scan", left[LRU_FILE] }, { "active to scan", left[LRU_FILE + 1] });
	while (left[LRU_FILE] || left[LRU_FILE + 1]) {
		TRY(check_interrupt());
		for (unsigned lru = LRU_FILE; lru < LRU_FILE + 2; lru++) {
			uint64_t count = left[lru] < SWAP_CLUSTER_MAX ? left[lru] : SWAP_CLUSTER_MAX;
			left[lru] -= count;
			if (count)
				TRY(shrink_list(sc, lru, count, &reclaimed));
		}
		/* One kind of pages alone has work left: enough is enough. Not in the first, full round. */
		if (reclaimed >= sc->wanted && sc->priority != DEF_PRIORITY)
			break;
	}
	sc->reclaimed += reclaimed;
	return NULL;
}

/* shrink_node(): active pages become inactive when there are few of those, or when pages of that kind have lately come back right after they went. */
static struct error *shrink_node(struct scan_control *sc)
{
	struct engine *e = sc->e;
	struct kernel *k = e->k;
	struct object lruvec;
	sc->may_deactivate = 3;
	if (!sc->force_deactivate) {
		TRY(object_open(k, sc->lruvec, S_lruvec, &lruvec));
		sc->may_deactivate = 0;
		for (unsigned file = 0; file < 2; file++) {
			uint64_t refaults = (uint64_t)node_count(sc, e->modern->workingset_activate, (int)file);
			bool low = inactive_is_low(sc, file * LRU_FILE);
			if (refaults != object_get_element(k, &lruvec, M_lruvec_refaults, file) || low)
				sc->may_deactivate |= 1u << file;
		}
	}
	TRACE(e, "shrink_node", sc->may_deactivate & 2 ? "active pages of files may become inactive" : "active pages of files stay", { "pgdat", sc->pgdat },
	      { "priority", sc->priority }, { "may_deactivate", sc->may_deactivate });
	return shrink_lruvec(sc);
}

/* ---- Direct reclaim ---- */

/* What is followed: classic lists of nodes without memory cgroups, and no swap. */
static struct error *check(struct engine *e)
{
	struct kernel *k = e->k;
	uint64_t root = 0, swap = 0;
	if (lru_gen_enabled(e))
		return error_new(ERR_UNSUPPORTED, "the LRU lists of this kernel go by generations: reclaim from them is not followed");
	TRY(members_require(k, "reclaim", M_pglist_data_lruvec, M_lruvec_lists, M_lruvec_nonresident_age, M_lruvec_refaults, MEMBER_NONE));
	if (symbol_addr(k, "root_mem_cgroup"))
		TRY(kernel_read_symbol(k, "root_mem_cgroup", 0, &root));
	if (root && HAS(k, mem_cgroup_per_node, lruvec))
		return error_new(ERR_UNSUPPORTED, "the pages lie on lists by control group: reclaim from those is not followed");
	error_drop(kernel_read_symbol(k, "nr_swap_pages", 0, &swap));
	if (swap)
		return error_new(ERR_UNSUPPORTED, "anonymous pages would be swapped out: that is not followed on a kernel like this one");
	return NULL;
}

/* The nodes in the order of the zonelist would come here, the acting CPU's own first; each once. */
static struct error *shrink_zones(struct scan_control *sc)
{
	struct kernel *k = sc->e->k;
	unsigned own = acting_node(sc->e);
	for (size_t n = 0; n < nodes_count(k); n++) {
		const struct node *node = nodes_get(k, (own + n) % nodes_count(k));
		sc->pgdat = node->addr;
		sc->node = node->id;
		sc->lruvec = node->addr + OFFSET(k, pglist_data, lruvec);
		TRY(shrink_node(sc));
	}
	return NULL;
}

struct error *try_to_free_pages_modern(struct engine *e, unsigned highest_zone, unsigned wanted, unsigned *freed)
{
	struct scan_control sc = { .e = e, .wanted = wanted, .reclaim_idx = highest_zone };
	*freed = 0;
	TRY(nodes_open(e->k));
	TRY(check(e));
	if (e->modern->reclaim_events.allocstall >= 0)
		count_vm_event(e, e->modern->reclaim_events.allocstall + (int)highest_zone);
again:
	for (sc.priority = DEF_PRIORITY; sc.priority >= 0; sc.priority--) {
		TRY(shrink_zones(&sc));
		TRACE(e, "do_try_to_free_pages", sc.reclaimed >= wanted ? "enough" : "not enough yet", { "priority", (uint64_t)sc.priority },
		      { "nr_reclaimed", sc.reclaimed }, { "nr_to_reclaim", wanted });
		if (sc.reclaimed >= wanted)
			break;
	}
	/* Active pages that were spared are spared no more. */
	if (!sc.reclaimed && sc.skipped_deactivate && !sc.force_deactivate) {
		sc.force_deactivate = true;
		sc.skipped_deactivate = false;
		goto again;
	}
	*freed = (unsigned)sc.reclaimed;
	return NULL;
}
