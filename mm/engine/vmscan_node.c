/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reclaim where each node has LRU lists (mm/vmscan.c of 5.9 to 6.0, and of kernels whose lists do not go by generations): how much of which list is looked at.
 * vmscan_list.c looks; vmscan_memcg.c goes through control groups. Shrinkers of caches (shrink_slab()) are not called. What the kernel reads off the statistics of the
 * root's group is read off the node's, which count the same pages.
 */
#include <inttypes.h>

#include "core/interrupt.h"
#include "mm/engine/swap_slots.h"
#include "mm/engine/vmscan_parts.h"

#define DEFAULT_SWAPPINESS 60

/* ---- Counts ---- */

static uint64_t node_list(const struct scan_control *sc, unsigned lru)
{
	return node_page_state(sc->e, sc->pgdat, sc->e->modern->lru_base, (int)lru);
}

const struct zone *zones_of_node(struct engine *e, unsigned node, unsigned highest, size_t *i)
{
	const struct zone *z;
	while ((z = zones_get(e->k, (*i)++)))
		if (z->node == node && z->index <= highest)
			return z;
	return NULL;
}

/* Of the lists that it is at; of a group with those below it. */
static uint64_t list_total(const struct scan_control *sc, unsigned lru)
{
	return sc->memcg && sc->memcg != sc->root ? group_lru_total(sc, lru) : node_list(sc, lru);
}

/* lruvec_lru_size(): of the zones that the request may use. */
static uint64_t lruvec_lru_size(const struct scan_control *sc, unsigned lru)
{
	const struct zone *z;
	uint64_t sum = 0;
	if (sc->memcg)
		return group_lru_size(sc, sc->info, lru, sc->reclaim_idx);
	for (size_t i = 0; (z = zones_of_node(sc->e, sc->node, sc->reclaim_idx, &i));)
		sum += (uint64_t)zone_vmstat(sc->e->k, z, (size_t)sc->e->modern->zone_lru_base.index + lru);
	return sum;
}

uint64_t high_wmark_pages(struct engine *e, const struct zone *z)
{
	return object_get_element(e->k, &z->object, M_zone_watermark, 2) + GET(e->k, &z->object, zone, watermark_boost);
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
	uint64_t inactive = list_total(sc, inactive_list), active = list_total(sc, inactive_list + 1);
	uint64_t gigabytes = (inactive + active) >> (30 - sc->e->k->arch->page_shift), ratio = gigabytes ? int_sqrt(10 * gigabytes) : 1;
	return inactive * ratio < active;
}

/* nr_swap_pages, total_swap_pages: 0 where there is no swap. */
uint64_t swap_pages(struct engine *e, const char *symbol)
{
	uint64_t v;
	return symbol_addr(e->k, symbol) && !error_drop(kernel_read_symbol(e->k, symbol, 0, &v)) && (int64_t)v > 0 ? v : 0;
}

uint64_t swappiness(struct engine *e)
{
	uint64_t v;
	return symbol_addr(e->k, "vm_swappiness") && !error_drop(kernel_read_symbol(e->k, "vm_swappiness", 4, &v)) && v <= 200 ? v : DEFAULT_SWAPPINESS;
}

/* ---- How much of which list ---- */

enum balance { SCAN_EQUAL, SCAN_FRACT, SCAN_ANON, SCAN_FILE };

static enum balance balance_of(const struct scan_control *sc, const char **why)
{
	static const char *const reasons[] = { "no free swap: pages of files alone", "close to the end: both kinds alike",
					       "the pages of files are few, those of memory many: anonymous pages alone", "enough inactive pages of files: those alone",
					       "both kinds, by swappiness and what each has cost" };
	int reason = mem_cgroup_get_nr_swap_pages(sc->e, sc->memcg) <= 0 ? 0 : !sc->priority && swappiness(sc->e) ? 1 : sc->file_is_tiny ? 2 : sc->cache_trim_mode ? 3 : 4;
	static const enum balance balances[] = { SCAN_FILE, SCAN_EQUAL, SCAN_ANON, SCAN_FILE, SCAN_FRACT };
	*why = reasons[reason];
	return balances[reason];
}

/* get_scan_count() */
static void get_scan_count(const struct scan_control *sc, uint64_t *scan)
{
	const char *why;
	enum balance balance = balance_of(sc, &why);
	uint64_t total = sc->anon_cost + sc->file_cost, anon_cost = total + sc->anon_cost, file_cost = total + sc->file_cost, willing = swappiness(sc->e), size[LISTS];
	total = anon_cost + file_cost;
	const uint64_t fraction[2] = { willing * (total + 1) / (anon_cost + 1), (200 - willing) * (total + 1) / (file_cost + 1) };
	for (unsigned lru = 0; lru < LISTS; lru++) {
		bool file = lru >= LRU_FILE;
		size[lru] = lruvec_lru_size(sc, lru);
		scan[lru] = size[lru] >> sc->priority;
		if (balance == SCAN_FRACT)
			scan[lru] = scan[lru] * fraction[file] / (fraction[0] + fraction[1]);
		else if (balance != SCAN_EQUAL && (balance == SCAN_FILE) != file)
			scan[lru] = 0;
	}
	TRACE(sc->e, "get_scan_count", why, { "priority", (uint64_t)sc->priority }, { "vm_swappiness", willing }, { "anon_cost", sc->anon_cost },
	      { "file_cost", sc->file_cost }, { "NR_ZONE_INACTIVE_ANON", size[0] }, { "NR_ZONE_ACTIVE_ANON", size[1] }, { "NR_ZONE_INACTIVE_FILE", size[2] },
	      { "NR_ZONE_ACTIVE_FILE", size[3] }, { "inactive anon to scan", scan[0] }, { "active anon to scan", scan[1] }, { "inactive file to scan", scan[2] },
	      { "active file to scan", scan[3] });
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

/* Enough is reclaimed: the kind with less left to scan is let be, and of the other as large a part is scanned as of that one has been. False: all is done. */
static bool scan_proportionally(const uint64_t *targets, uint64_t *left)
{
	uint64_t files = left[LRU_FILE] + left[LRU_FILE + 1], anon = left[LRU_ANON] + left[LRU_ANON + 1];
	if (!files || !anon)
		return false;
	unsigned smaller = files > anon ? LRU_ANON : LRU_FILE, larger = files > anon ? LRU_FILE : LRU_ANON;
	uint64_t whole = targets[smaller] + targets[smaller + 1] + 1, percentage = (files > anon ? anon : files) * 100 / (whole ? whole : 1);
	left[smaller] = left[smaller + 1] = 0;
	for (unsigned lru = larger; lru < larger + 2; lru++) {
		uint64_t scanned = targets[lru] - left[lru], part = targets[lru] * (100 - percentage) / 100;
		left[lru] = part > scanned ? part - scanned : 0;
	}
	return true;
}

static struct error *age_lruvec(struct scan_control *sc)
{
	return swap_pages(sc->e, "total_swap_pages") && inactive_is_low(sc, LRU_ANON) ? shrink_active_list(sc, LRU_ANON + 1, SWAP_CLUSTER_MAX) : NULL;
}

static struct error *age_group(struct scan_control *sc)
{
	return shrink_active_list(sc, LRU_ANON + 1, SWAP_CLUSTER_MAX);
}

struct error *age_active_anon(struct scan_control *sc)
{
	if (!sc->memcg)
		return age_lruvec(sc);
	return swap_pages(sc->e, "total_swap_pages") && inactive_is_low(sc, LRU_ANON) ? for_each_group(sc, age_group) : NULL;
}

struct error *shrink_lists(struct scan_control *sc, uint64_t *left, const uint64_t *targets, bool adjusted,
			   struct error *(*shrink)(struct scan_control *sc, unsigned lru, uint64_t count, uint64_t *reclaimed), uint64_t *reclaimed)
{
	while (left[LRU_ANON] || left[LRU_FILE] || left[LRU_FILE + 1]) {
		TRY(check_interrupt());
		for (unsigned lru = 0; lru < LISTS; lru++) {
			uint64_t count = left[lru] < SWAP_CLUSTER_MAX ? left[lru] : SWAP_CLUSTER_MAX;
			left[lru] -= count;
			if (count)
				TRY(shrink(sc, lru, count, reclaimed));
		}
		if (*reclaimed < sc->wanted || adjusted)
			continue;
		if (!scan_proportionally(targets, left))
			return NULL;
		adjusted = true;
	}
	return NULL;
}

static struct error *shrink_lruvec(struct scan_control *sc)
{
	uint64_t left[LISTS], targets[LISTS], reclaimed = 0;
	get_scan_count(sc, left);
	memcpy(targets, left, sizeof(targets));
	/* Who reclaims directly scans all of its first, small round: others will need memory too. */
	TRY(shrink_lists(sc, left, targets, !sc->kswapd && sc->priority == DEF_PRIORITY, shrink_list, &reclaimed));
	sc->reclaimed += reclaimed;
	return age_lruvec(sc);
}

/* Of shrink_node_memcgs(): one group. */
static struct error *shrink_group(struct scan_control *sc)
{
	bool has;
	TRY(group_has_pages(sc, &has));
	return has ? shrink_lruvec(sc) : NULL;
}

/* May active pages of a kind become inactive? When there are few inactive ones, or when such have lately come back right after they went. */
static struct error *find_deactivation(struct scan_control *sc)
{
	struct kernel *k = sc->e->k;
	struct object lruvec;
	TRY(object_open(k, sc->lruvec, S_lruvec, &lruvec));
	sc->anon_cost = GET(k, &lruvec, lruvec, anon_cost);
	sc->file_cost = GET(k, &lruvec, lruvec, file_cost);
	/* Both are halved before they outgrow a quarter of the lists (mm/swap.c: lru_note_cost()). */
	if ((sc->anon_cost | sc->file_cost) >> 48)
		return error_at(ERR_BAD_OBJECT, sc->lruvec, "what the pages of LRU lists %" PRIx64 " have cost cannot be: %" PRIu64 " and %" PRIu64, sc->lruvec, sc->anon_cost, sc->file_cost);
	sc->may_deactivate = sc->force_deactivate ? 3 : 0;
	for (unsigned file = 0; file < 2; file++) {
		uint64_t refaults = node_page_state(sc->e, sc->pgdat, sc->e->modern->workingset_activate, (int)file);
		if (refaults != object_get_element(k, &lruvec, M_lruvec_refaults, file) || inactive_is_low(sc, file * LRU_FILE))
			sc->may_deactivate |= 1u << file;
	}
	return NULL;
}

/* Are the pages of files so few that, with all that is free, the high marks could not be met? Then their list says nothing any more. */
static bool file_is_tiny(const struct scan_control *sc)
{
	struct kernel *k = sc->e->k;
	const struct zone *z;
	uint64_t high = 0, free = 0, files = node_list(sc, LRU_FILE) + node_list(sc, LRU_FILE + 1);
	for (size_t i = 0; (z = zones_of_node(sc->e, sc->node, UINT32_MAX, &i));) {
		free += (uint64_t)zone_vmstat(k, z, (size_t)sc->e->modern->free_pages.index);
		high += z->managed_pages ? high_wmark_pages(sc->e, z) : 0;
	}
	return files + free <= high && !(sc->may_deactivate & 1) && node_list(sc, LRU_ANON) >> sc->priority;
}

struct error *shrink_node(struct scan_control *sc)
{
	TRY(find_deactivation(sc));
	uint64_t files = node_list(sc, LRU_FILE);
	sc->cache_trim_mode = files >> sc->priority && !(sc->may_deactivate & 2);
	sc->file_is_tiny = file_is_tiny(sc);
	TRACE(sc->e, "shrink_node", sc->may_deactivate & 2 ? "active pages of files may become inactive" : "active pages of files stay", { "pgdat", sc->pgdat },
	      { "priority", (uint64_t)sc->priority }, { "may_deactivate", sc->may_deactivate }, { "cache_trim_mode", sc->cache_trim_mode }, { "file_is_tiny", sc->file_is_tiny });
	if (!sc->memcg)
		return shrink_lruvec(sc);
	TRACE(sc->e, "shrink_slab", "what the caches' shrinkers would give up is left out", { "pgdat", sc->pgdat }, { "root_mem_cgroup", sc->root });
	return for_each_group(sc, shrink_group);
}

struct error *snapshot_refaults(struct engine *e, const struct node *node)
{
	struct kernel *k = e->k;
	struct object lruvec;
	uint64_t at, info;
	TRY(mem_cgroup_lruvec(e, 0, node->addr, &at, &info));
	TRY(object_open_writable(k, at, S_lruvec, &lruvec));
	for (unsigned file = 0; file < 2; file++)
		object_set_element(k, &lruvec, M_lruvec_refaults, file, node_page_state(e, node->addr, e->modern->workingset_activate, (int)file));
	return NULL;
}

/* ---- Direct reclaim ---- */

/* (Where zones have the lists, vmscan_zone.c.) */
struct error *reclaim_check(struct engine *e)
{
	struct kernel *k = e->k;
	uint64_t root = 0;
	if (lru_gen_enabled(e))
		return error_new(ERR_UNSUPPORTED, "the LRU lists of this kernel go by generations: reclaim from them is not followed");
	if (HAS(k, zone, lruvec))
		TRY(members_require(k, "reclaim", M_lruvec_lists, M_lruvec_recent_scanned, M_lruvec_recent_rotated, M_zone_inactive_ratio, M_zone_inactive_age, MEMBER_NONE));
	else
		TRY(members_require(k, "reclaim", M_pglist_data_lruvec, M_lruvec_lists, M_lruvec_nonresident_age, M_lruvec_refaults, M_lruvec_anon_cost, MEMBER_NONE));
	if (symbol_addr(k, "root_mem_cgroup"))
		TRY(kernel_read_symbol(k, "root_mem_cgroup", 0, &root));
	if (root && HAS(k, zone, lruvec))
		return error_new(ERR_UNSUPPORTED, "the pages lie on lists by control group and zone: reclaim from those is not followed");
	if (root)
		TRY(members_require(k, "reclaim by control group", M_mem_cgroup_per_node_lru_zone_size, M_cgroup_subsys_state_children, M_cgroup_subsys_state_sibling,
				    M_cgroup_subsys_state_parent, M_mem_cgroup_memory, M_page_counter_min, M_page_counter_low, MEMBER_NONE));
	return NULL;
}

struct error *scan_node(struct scan_control *sc, const struct node *node)
{
	sc->pgdat = node->addr;
	sc->node = node->id;
	TRY(groups_start(sc));
	TRY(mem_cgroup_lruvec(sc->e, 0, node->addr, &sc->lruvec, &sc->info));
	sc->target = sc->lruvec;
	return NULL;
}

/* The nodes in the order of the zonelist would come here, the acting CPU's own first; each once. */
static const struct node *node_in_turn(struct engine *e, size_t n)
{
	return n < nodes_count(e->k) ? nodes_get(e->k, (acting_node(e) + n) % nodes_count(e->k)) : NULL;
}

static struct error *shrink_zones(struct scan_control *sc)
{
	const struct node *node;
	for (size_t n = 0; (node = node_in_turn(sc->e, n)); n++) {
		TRY(scan_node(sc, node));
		TRY(shrink_node(sc));
	}
	return NULL;
}

struct error *shrink_harder(struct scan_control *sc, struct error *(*shrink)(struct scan_control *sc))
{
	for (sc->priority = DEF_PRIORITY; sc->priority >= 0; sc->priority--) {
		TRY(shrink(sc));
		TRACE(sc->e, "do_try_to_free_pages", sc->reclaimed >= sc->wanted ? "enough" : "not enough yet", { "priority", (uint64_t)sc->priority },
		      { "nr_reclaimed", sc->reclaimed }, { "nr_to_reclaim", sc->wanted });
		if (sc->reclaimed >= sc->wanted)
			break;
	}
	return NULL;
}

static struct error *do_try_to_free_pages(struct scan_control *sc)
{
	struct engine *e = sc->e;
	const struct node *node;
	int allocstall = e->modern->reclaim_events.allocstall;
again:
	if (allocstall >= 0)
		count_vm_event(e, allocstall + (int)sc->reclaim_idx);
	TRY(shrink_harder(sc, shrink_zones));
	for (size_t n = 0; (node = node_in_turn(e, n)); n++)
		TRY(snapshot_refaults(e, node));
	/* Active pages that were spared are spared no more. */
	if (!sc->reclaimed && sc->skipped_deactivate && !sc->force_deactivate) {
		sc->force_deactivate = true;
		sc->skipped_deactivate = false;
		goto again;
	}
	return NULL;
}

struct error *try_to_free_pages_modern(struct engine *e, unsigned highest_zone, unsigned wanted, unsigned *freed)
{
	struct scan_control sc = { .e = e, .wanted = wanted, .reclaim_idx = highest_zone };
	*freed = 0;
	TRY(nodes_open(e->k));
	TRY(reclaim_check(e));
	e->reclaiming = true;
	struct error *failure = HAS(e->k, zone, lruvec) ? try_to_free_pages_zones(&sc) : do_try_to_free_pages(&sc);
	e->reclaiming = false;
	*freed = (unsigned)sc.reclaimed;
	return failure;
}
