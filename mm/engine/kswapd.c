/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * kswapd (mm/vmscan.c: wakeup_kswapd(), balance_pgdat()): woken when zones fall below their low marks, it reclaims up to the high ones. Here it runs to its end when it
 * is woken, on the CPU that woke it.
 */
#include "core/interrupt.h"
#include "mm/engine/vmscan_parts.h"

#define MAX_RECLAIM_RETRIES 16 /* mm/internal.h: so often in vain, and kswapd leaves the node to others */

/* zone_watermark_ok_safe(): above its high mark and what it keeps back from requests that could go higher. */
static bool zone_balanced(struct engine *e, const struct zone *z, unsigned order, unsigned highest)
{
	struct kernel *k = e->k;
	int64_t free = zone_vmstat(k, z, (size_t)e->modern->free_pages.index) - ((1ll << order) - 1) - (int64_t)GET(k, &z->object, zone, nr_reserved_highatomic);
	return free > (int64_t)(high_wmark_pages(e, z) + object_get_element(k, &z->object, M_zone_lowmem_reserve, highest));
}

/* pgdat_balanced(): one such zone is enough; none to balance is, too. */
static bool pgdat_balanced(struct engine *e, const struct node *node, unsigned order, unsigned highest)
{
	const struct zone *z;
	bool any = false;
	for (size_t i = 0; (z = zones_of_node(e, node->id, highest, &i));) {
		if (!z->managed_pages)
			continue;
		any = true;
		if (zone_balanced(e, z, order, highest))
			return true;
	}
	return !any;
}

/* kswapd_shrink_node(): so much is scanned that, were all of it freed, the high marks would be met? */
static struct error *kswapd_shrink_node(struct scan_control *sc, bool *scanned_enough)
{
	const struct zone *z;
	uint64_t wanted = 0;
	for (size_t i = 0; (z = zones_of_node(sc->e, sc->node, sc->reclaim_idx, &i));) {
		uint64_t high = high_wmark_pages(sc->e, z);
		if (z->managed_pages)
			wanted += high > SWAP_CLUSTER_MAX ? high : SWAP_CLUSTER_MAX;
	}
	sc->wanted = wanted > UINT32_MAX ? UINT32_MAX : (unsigned)wanted;
	TRY(shrink_node(sc));
	*scanned_enough = sc->scanned >= wanted;
	return NULL;
}

static struct error *add_failure(struct engine *e, const struct node *node, bool failed)
{
	struct object o;
	if (!HAS(e->k, pglist_data, kswapd_failures))
		return NULL;
	TRY(object_open_writable(e->k, node->addr, S_pglist_data, &o));
	SET(e->k, &o, pglist_data, kswapd_failures, failed ? GET(e->k, &o, pglist_data, kswapd_failures) + 1 : 0);
	return NULL;
}

/* A high mark that was raised for a time (watermark_boost) stays so: what kswapd does about that alone is left out. */
static struct error *balance_pgdat(struct engine *e, const struct node *node, unsigned order, unsigned highest)
{
	struct scan_control sc = { .e = e, .kswapd = true, .reclaim_idx = highest };
	TRY(scan_node(&sc, node));
	count_vm_event(e, e->modern->reclaim_events.pageoutrun);
	for (sc.priority = DEF_PRIORITY; sc.priority >= 1 && !pgdat_balanced(e, node, order, highest);) {
		uint64_t before = sc.reclaimed;
		bool enough;
		TRY(check_interrupt());
		TRY(age_active_anon(&sc));
		sc.scanned = 0;
		TRY(kswapd_shrink_node(&sc, &enough));
		TRACE(e, "balance_pgdat", enough && sc.reclaimed != before ? "again, as thoroughly" : "again, more thoroughly", { "pgdat", node->addr },
		      { "priority", (uint64_t)sc.priority }, { "nr_reclaimed", sc.reclaimed }, { "nr_scanned", sc.scanned });
		if (!enough || sc.reclaimed == before)
			sc.priority--;
	}
	TRY(snapshot_refaults(e, node));
	if (sc.reclaimed || sc.priority < 1)
		TRY(add_failure(e, node, !sc.reclaimed));
	TRACE(e, "kswapd", pgdat_balanced(e, node, order, highest) ? "the node is balanced: sleeps" : "all has been scanned: sleeps", { "pgdat", node->addr },
	      { "nr_reclaimed", sc.reclaimed });
	return NULL;
}

static struct error *wakeup_kswapd(struct engine *e, const struct node *node, unsigned order, unsigned highest)
{
	uint64_t failures = 0;
	if (HAS(e->k, pglist_data, kswapd_failures))
		TRY(kernel_get(e->k, node->addr, M_pglist_data_kswapd_failures, &failures));
	if (failures >= MAX_RECLAIM_RETRIES || pgdat_balanced(e, node, order, highest)) {
		TRACE(e, "wakeup_kswapd", failures >= MAX_RECLAIM_RETRIES ? "hopeless: it failed too often" : "the node is balanced", { "pgdat", node->addr },
		      { "kswapd_failures", failures });
		return NULL;
	}
	TRACE(e, "wakeup_kswapd", "kswapd is woken, and does its work at once here", { "pgdat", node->addr }, { "order", order }, { "highest_zoneidx", highest });
	e->reclaiming = true;
	struct error *failure = vmcore_mark(e->k->vmcore, NULL);
	if (!failure) {
		failure = balance_pgdat(e, node, order, highest);
		/* It would go on by itself, and nobody waits for it: where what it does is not followed nothing of it is done. */
		bool undo = failure && failure->code == ERR_UNSUPPORTED;
		if (undo) {
			TRACE(e, "kswapd", failure->message, { "pgdat", node->addr });
			error_free(failure);
			failure = NULL;
		}
		failure = error_worse(failure, undo ? vmcore_undo(e->k->vmcore) : vmcore_forget(e->k->vmcore));
	}
	e->reclaiming = false;
	return failure;
}

struct error *wake_all_kswapds(struct engine *e, unsigned order, unsigned highest_zone)
{
	struct error *cannot = reclaim_check(e);
	if (cannot || HAS(e->k, zone, lruvec)) {
		TRACE(e, "wake_all_kswapds", "kswapd is woken; what it does is not followed on a kernel like this one", { "order", order });
		error_free(cannot);
		return NULL;
	}
	for (size_t i = 0; i < nodes_count(e->k); i++)
		TRY(wakeup_kswapd(e, nodes_get(e->k, i), order, highest_zone));
	return NULL;
}
