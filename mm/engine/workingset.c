/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is remembered of a page that goes (mm/workingset.c of 5.9 and later): its slot in the tree of its file, or of the swap cache, keeps when that was; when it comes
 * back soon enough it is of the working set, and becomes active at once. Of kernels whose nodes have LRU lists.
 */
#include "core/types.h"
#include "mm/engine/reclaim.h"
#include "mm/zone.h"

#define MEM_CGROUP_ID_SHIFT 16

/* NODES_SHIFT: a nodemask has a bit for each node. */
static unsigned nodes_shift(struct kernel *k)
{
	struct type mask = type_find(k, TYPE_TYPEDEF, "nodemask_t");
	uint64_t bits = type_valid(mask) ? 8 * type_size(k, mask) : 64;
	unsigned shift = 0;
	while (shift < 16 && 1ull << shift < bits)
		shift++;
	return shift;
}

/* EVICTION_MASK: what of the clock fits in a value. */
static uint64_t eviction_mask(unsigned shift)
{
	return UINT64_MAX >> (1 + 1 + shift + MEM_CGROUP_ID_SHIFT);
}

static struct error *bucket_order(struct kernel *k, uint64_t *order)
{
	*order = 0;
	if (symbol_addr(k, "bucket_order"))
		TRY(kernel_read_symbol(k, "bucket_order", 4, order));
	*order &= 63;
	return NULL;
}

bool workingset_followed(const struct engine *e)
{
	const struct kernel *k = e->k;
	return k->arch->pointer_size == 8 && HAS(k, pglist_data, lruvec) && HAS(k, lruvec, nonresident_age);
}

uint64_t node_page_state(struct engine *e, uint64_t pgdat, struct stat_item item, int plus)
{
	struct kernel *k = e->k;
	uint64_t v;
	if (item.group != VMSTAT_NODE || error_drop(kernel_read_pointer(k, pgdat + OFFSET(k, pglist_data, vm_stat) + (uint64_t)(item.index + plus) * k->arch->pointer_size, &v)))
		return 0;
	return (int64_t)v > 0 ? v : 0;
}

/* Whose lists these are: a memory cgroup's; 0 without those. */
static struct error *group_of(struct engine *e, uint64_t lruvec, uint64_t *memcg)
{
	struct kernel *k = e->k;
	uint64_t root = 0;
	*memcg = 0;
	if (symbol_addr(k, "root_mem_cgroup"))
		TRY(kernel_read_symbol(k, "root_mem_cgroup", 0, &root));
	return root && HAS(k, mem_cgroup_per_node, memcg) && HAS(k, mem_cgroup_per_node, lruvec)
		       ? kernel_get(k, lruvec - OFFSET(k, mem_cgroup_per_node, lruvec), M_mem_cgroup_per_node_memcg, memcg)
		       : NULL;
}

/* parent_lruvec(): of the group above, on the same node; 0: none. */
static struct error *parent_lruvec(struct engine *e, uint64_t pgdat, uint64_t *lruvec)
{
	struct kernel *k = e->k;
	uint64_t memcg, parent = 0, info;
	TRY(group_of(e, *lruvec, &memcg));
	if (memcg && HAS(k, cgroup_subsys_state, parent))
		TRY(kernel_get(k, memcg + OFFSET(k, mem_cgroup, css), M_cgroup_subsys_state_parent, &parent));
	*lruvec = 0;
	return parent ? mem_cgroup_lruvec(e, parent - OFFSET(k, mem_cgroup, css), pgdat, lruvec, &info) : NULL;
}

#define GROUPS_MOST 64u /* above each other */

struct error *workingset_age_nonresident(struct engine *e, uint64_t pgdat, uint64_t lruvec, unsigned pages)
{
	struct object o;
	for (unsigned depth = 0; lruvec && depth < GROUPS_MOST; depth++) {
		TRY(object_open_writable(e->k, lruvec, S_lruvec, &o));
		ADD(e->k, &o, lruvec, nonresident_age, pages);
		TRY(parent_lruvec(e, pgdat, &lruvec));
	}
	return NULL;
}

/* The clock of evictions and activations, the cgroup's number (none: 0), the node, PG_workingset. */
struct error *workingset_eviction(struct engine *e, const struct page *p, uint64_t pgdat, uint64_t lruvec, unsigned node, uint64_t *shadow)
{
	struct kernel *k = e->k;
	unsigned shift = nodes_shift(k);
	uint64_t bucket, age, memcg, number = 0;
	struct object o;
	TRY(bucket_order(k, &bucket));
	TRY(object_open(k, lruvec, S_lruvec, &o));
	age = GET(k, &o, lruvec, nonresident_age);
	TRY(workingset_age_nonresident(e, pgdat, lruvec, 1));
	TRY(group_of(e, lruvec, &memcg));
	if (memcg)
		TRY(kernel_get(k, memcg, M_mem_cgroup_id, &number));
	age = age >> bucket & eviction_mask(shift);
	age = (((age << MEM_CGROUP_ID_SHIFT | (number & 0xffff)) << shift | node) << 1) | (e->modern->workingset >= 0 && p->flags >> e->modern->workingset & 1);
	*shadow = age << 1 | 1;
	return NULL;
}

/* Half of it is forgotten when it is more than a quarter of the lists. (A group's lists are taken to be as long as the node's: they count what is below them, too.) */
static struct error *note_cost(struct engine *e, uint64_t pgdat, uint64_t lruvec, bool file, unsigned pages)
{
	struct kernel *k = e->k;
	struct object o;
	uint64_t size = 0;
	TRY(object_open_writable(k, lruvec, S_lruvec, &o));
	uint64_t anon_cost = GET(k, &o, lruvec, anon_cost) + (file ? 0 : pages), file_cost = GET(k, &o, lruvec, file_cost) + (file ? pages : 0);
	for (int lru = 0; lru < 4; lru++)
		size += node_page_state(e, pgdat, e->modern->lru_base, lru);
	bool halve = anon_cost + file_cost > size / 4;
	SET(k, &o, lruvec, anon_cost, anon_cost >> halve);
	SET(k, &o, lruvec, file_cost, file_cost >> halve);
	return NULL;
}

struct error *lru_note_cost(struct engine *e, uint64_t pgdat, uint64_t lruvec, bool file, unsigned pages)
{
	for (unsigned depth = 0; lruvec && depth < GROUPS_MOST; depth++) {
		TRY(note_cost(e, pgdat, lruvec, file, pages));
		TRY(parent_lruvec(e, pgdat, &lruvec));
	}
	return NULL;
}

static uint64_t node_by_number(struct kernel *k, unsigned id)
{
	for (size_t i = 0; i < nodes_count(k); i++)
		if (nodes_get(k, i)->id == id)
			return nodes_get(k, i)->addr;
	return 0;
}

/* The lists that the page would have to fit on beside the active pages of its kind, were it to stay. */
static uint64_t workingset_size(struct engine *e, uint64_t pgdat, bool file)
{
	struct stat_item lists = e->modern->lru_base;
	uint64_t size = node_page_state(e, pgdat, lists, 3), swap = 0;
	if (!file)
		size += node_page_state(e, pgdat, lists, 2);
	if (!error_drop(kernel_read_symbol(e->k, "nr_swap_pages", 0, &swap)) && (int64_t)swap > 0)
		size += node_page_state(e, pgdat, lists, 1) + (file ? node_page_state(e, pgdat, lists, 0) : 0);
	return size;
}

struct error *workingset_refault(struct engine *e, uint64_t page, uint64_t shadow)
{
	struct kernel *k = e->k;
	const struct engine_modern *m = e->modern;
	unsigned shift = nodes_shift(k);
	uint64_t bucket, zone = zone_of_page(e, page), evicted_from, pgdat, lruvec, evicted, memcg, number = 0, info, value = shadow >> 1, mask = eviction_mask(shift);
	struct object o;
	struct page p;
	TRY(page_open_writable(e, page, &p));
	bool file = !(m->swapbacked >= 0 && p.flags >> m->swapbacked & 1), was_active = value & 1;
	evicted_from = node_by_number(k, (unsigned)(value >> 1 & ((1u << shift) - 1)));
	if (!evicted_from || !zone)
		return NULL;
	TRY(bucket_order(k, &bucket));
	TRY(kernel_get(k, zone, M_zone_zone_pgdat, &pgdat));
	TRY(lruvec_of(e, &p, pgdat, zone, &lruvec, &info));
	TRY(mem_cgroup_lruvec(e, 0, evicted_from, &evicted, &info));
	TRY(group_of(e, evicted, &memcg));
	if (memcg)
		TRY(kernel_get(k, memcg, M_mem_cgroup_id, &number));
	if (number != (value >> 1 >> shift & 0xffff))
		return error_at(ERR_UNSUPPORTED, page, "a page comes back that a control group's own reclaim gave up: how long ago that was goes by its statistics, which are not followed");
	TRY(object_open(k, evicted, S_lruvec, &o));
	uint64_t eviction = value >> 1 >> shift >> MEM_CGROUP_ID_SHIFT << bucket, distance = (GET(k, &o, lruvec, nonresident_age) - eviction) & mask;
	uint64_t size = workingset_size(e, evicted_from, file);
	struct stat_item refault = m->workingset_refault, activate = m->workingset_activate, restore = m->workingset_restore;
	refault.index += file;
	activate.index += file;
	restore.index += file;
	mod_node_state(e, pgdat, refault, 1);
	TRACE(e, "workingset_refault", distance > size ? "it was gone for too long to count as used" : "back soon enough: active", { "page", page }, { "shadow", shadow },
	      { "refault_distance", distance }, { "workingset_size", size });
	if (distance > size)
		return NULL;
	p.flags |= 1ull << e->bit_active | (was_active && m->workingset >= 0 ? 1ull << m->workingset : 0);
	SET(k, &p.object, page, flags, p.flags);
	TRY(workingset_age_nonresident(e, pgdat, lruvec, 1));
	mod_node_state(e, pgdat, activate, 1);
	if (!was_active)
		return NULL;
	TRY(lru_note_cost(e, pgdat, lruvec, file, 1));
	mod_node_state(e, pgdat, restore, 1);
	return NULL;
}
