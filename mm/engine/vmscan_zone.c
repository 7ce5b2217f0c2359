/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Direct reclaim where each zone has LRU lists (mm/vmscan.c of 3.7 to 4.7, as 3.19 has it), without memory cgroups: how much of which list is looked at goes by how
 * many of the pages looked at lately were in use. A zone that was scanned in vain is scanned on; shrinkers of caches are not called;
 * a file's page that comes back soon counts as new (workingset_refault()), and kswapd is not followed.
 */
#include <inttypes.h>

#include "core/interrupt.h"
#include "core/types.h"
#include "mm/engine/vmscan_parts.h"

static uint64_t zone_list(const struct scan_control *sc, unsigned lru)
{
	int64_t n = zone_vmstat(sc->e->k, sc->zone, (size_t)sc->e->modern->lru_base.index + lru);
	return n > 0 ? (uint64_t)n : 0;
}

/* inactive_anon_is_low(), inactive_file_is_low() */
static bool inactive_is_low(const struct scan_control *sc, unsigned inactive_list)
{
	uint64_t ratio = inactive_list < LRU_FILE ? GET(sc->e->k, &sc->zone->object, zone, inactive_ratio) : 1;
	if (inactive_list < LRU_FILE && !swap_pages(sc->e, "total_swap_pages"))
		return false;
	return zone_list(sc, inactive_list) * ratio < zone_list(sc, inactive_list + 1);
}

/* ---- Of late ---- */

struct error *note_scanned(const struct scan_control *sc, bool file, unsigned scanned, unsigned rotated)
{
	struct kernel *k = sc->e->k;
	struct object o;
	TRY(object_open_writable(k, sc->lruvec, S_lruvec, &o));
	object_set_element(k, &o, M_lruvec_recent_scanned, file, object_get_element(k, &o, M_lruvec_recent_scanned, file) + scanned);
	object_set_element(k, &o, M_lruvec_recent_rotated, file, object_get_element(k, &o, M_lruvec_recent_rotated, file) + rotated);
	return NULL;
}

static unsigned bits_for(uint64_t n)
{
	unsigned bits = 0;
	while (bits < 16 && 1ull << bits < n)
		bits++;
	return bits;
}

/* pack_shadow(): the zone's clock, its node and number, as a value of a radix tree. */
struct error *zone_eviction(const struct scan_control *sc, uint64_t *shadow)
{
	struct kernel *k = sc->e->k;
	struct type mask = type_find(k, TYPE_TYPEDEF, "nodemask_t");
	struct object o;
	TRY(object_open_writable(k, sc->zone->addr, S_zone, &o));
	uint64_t age = GET(k, &o, zone, inactive_age) + 1, zones = k->members[M_pglist_data_node_zones].total / SIZE_OF(k, zone);
	SET(k, &o, zone, inactive_age, age);
	age = age << bits_for(type_valid(mask) ? 8 * type_size(k, mask) : 64) | sc->zone->node;
	age = age << bits_for(zones) | sc->zone->index;
	*shadow = age << 2 | 2;
	return NULL;
}

/* ---- How much of which list ---- */

enum balance { SCAN_EQUAL, SCAN_FRACT, SCAN_ANON, SCAN_FILE };

static enum balance balance_of(const struct scan_control *sc, const char **why)
{
	struct engine *e = sc->e;
	static const char *const reasons[] = { "no free swap: pages of files alone", "close to the end: both kinds alike", "the pages of files are few: anonymous pages alone",
					       "enough inactive pages of files: those alone", "both kinds, by swappiness and how many of late were in use" };
	static const enum balance balances[] = { SCAN_FILE, SCAN_EQUAL, SCAN_ANON, SCAN_FILE, SCAN_FRACT };
	uint64_t files = zone_list(sc, LRU_FILE) + zone_list(sc, LRU_FILE + 1);
	int64_t free = zone_vmstat(e->k, sc->zone, (size_t)e->modern->free_pages.index);
	int reason = !swap_pages(e, "nr_swap_pages") ? 0 : !sc->priority && swappiness(e) ? 1 : (int64_t)files + free <= (int64_t)high_wmark_pages(e, sc->zone) ? 2
		   : !inactive_is_low(sc, LRU_FILE)						     ? 3
												     : 4;
	*why = reasons[reason];
	return balances[reason];
}

/* The share of one kind: what was in use of late counts against it. Half is forgotten when that was much of the lists. */
static uint64_t share_of(const struct scan_control *sc, const struct object *lruvec, unsigned file)
{
	struct kernel *k = sc->e->k;
	uint64_t lists = zone_list(sc, file * LRU_FILE) + zone_list(sc, file * LRU_FILE + 1), willing = swappiness(sc->e);
	uint64_t scanned = object_get_element(k, lruvec, M_lruvec_recent_scanned, file), rotated = object_get_element(k, lruvec, M_lruvec_recent_rotated, file);
	if (scanned > lists / 4) {
		scanned /= 2;
		rotated /= 2;
		object_set_element(k, lruvec, M_lruvec_recent_scanned, file, scanned);
		object_set_element(k, lruvec, M_lruvec_recent_rotated, file, rotated);
	}
	return (file ? 200 - willing : willing) * (scanned + 1) / (rotated + 1);
}

static struct error *get_scan_count(const struct scan_control *sc, uint64_t *scan)
{
	const char *why;
	enum balance balance = balance_of(sc, &why);
	uint64_t fraction[2] = { 1, 1 }, denominator = 1;
	struct object lruvec;
	TRY(object_open_writable(sc->e->k, sc->lruvec, S_lruvec, &lruvec));
	for (unsigned file = 0; file < 2; file++)
		if ((object_get_element(sc->e->k, &lruvec, M_lruvec_recent_scanned, file) | object_get_element(sc->e->k, &lruvec, M_lruvec_recent_rotated, file)) >> 48)
			return error_at(ERR_BAD_OBJECT, sc->lruvec, "what was scanned of LRU lists %" PRIx64 " of late cannot be", sc->lruvec);
	if (balance == SCAN_FRACT) {
		fraction[0] = share_of(sc, &lruvec, 0);
		fraction[1] = share_of(sc, &lruvec, 1);
		denominator = fraction[0] + fraction[1] + 1;
	}
	for (unsigned lru = 0; lru < LISTS; lru++) {
		bool file = lru >= LRU_FILE;
		scan[lru] = (zone_list(sc, lru) >> sc->priority) * fraction[file] / denominator;
		if ((balance == SCAN_FILE && !file) || (balance == SCAN_ANON && file))
			scan[lru] = 0;
	}
	TRACE(sc->e, "get_scan_count", why, { "zone", sc->zone->addr }, { "priority", (uint64_t)sc->priority }, { "vm_swappiness", swappiness(sc->e) },
	      { "ap", fraction[0] }, { "fp", fraction[1] }, { "inactive anon to scan", scan[0] }, { "active anon to scan", scan[1] },
	      { "inactive file to scan", scan[2] }, { "active file to scan", scan[3] });
	return NULL;
}

/* ---- One zone, all zones ---- */

/* shrink_list(): an active list is touched only when the inactive one is short. */
static struct error *shrink_list(struct scan_control *sc, unsigned lru, uint64_t count, uint64_t *reclaimed)
{
	if (!(lru & 1))
		return shrink_inactive_list(sc, lru, (unsigned)count, reclaimed);
	return inactive_is_low(sc, lru - 1) ? shrink_active_list(sc, lru, (unsigned)count) : NULL;
}

static struct error *shrink_zone(struct scan_control *sc)
{
	uint64_t left[LISTS], targets[LISTS], reclaimed = 0;
	TRY(get_scan_count(sc, left));
	memcpy(targets, left, sizeof(targets));
	TRY(shrink_lists(sc, left, targets, sc->priority == DEF_PRIORITY, shrink_list, &reclaimed));
	sc->reclaimed += reclaimed;
	return inactive_is_low(sc, LRU_ANON) ? shrink_active_list(sc, LRU_ANON + 1, SWAP_CLUSTER_MAX) : NULL;
}

/* Of each node, the acting CPU's first, from the highest zone that the request may use down. */
static struct error *shrink_zones(struct scan_control *sc)
{
	struct kernel *k = sc->e->k;
	for (size_t n = 0; n < nodes_count(k); n++) {
		const struct node *node = nodes_get(k, (acting_node(sc->e) + n) % nodes_count(k));
		for (size_t i = zones_count(k); i--;) {
			sc->zone = zones_get(k, i);
			if (sc->zone->node != node->id || sc->zone->index > sc->reclaim_idx || !sc->zone->managed_pages)
				continue;
			sc->pgdat = node->addr;
			sc->node = node->id;
			sc->lruvec = sc->zone->addr + OFFSET(k, zone, lruvec);
			TRY(shrink_zone(sc));
		}
	}
	return NULL;
}

struct error *try_to_free_pages_zones(struct scan_control *sc)
{
	count_vm_event(sc->e, sc->e->modern->reclaim_events.allocstall);
	return shrink_harder(sc, shrink_zones);
}
