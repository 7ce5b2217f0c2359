/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where what every fault touches is near: found once, for as long as the image's nodes are as they were found.
 */
#include <stdlib.h>

#include "mm/engine/near.h"
#include "mm/memmap.h"
#include "mm/zone.h"
#include "mm/zone_table.h"

/* ---- struct page ---- */

/* A member that is one word of that size; its offset, or *plain is false. */
static uint32_t word_of(const struct kernel *k, enum member_id id, unsigned size, bool *plain)
{
	const struct member *m = &k->members[id];
	if (!m->present || (size == 8 ? m->end8 : m->end4) != m->offset + size || m->offset + size > SIZE_OF(k, page))
		*plain = false;
	return m->offset;
}

static uint32_t links_of(const struct kernel *k, enum member_id id, bool *plain)
{
	const struct member *m = &k->members[id];
	if (!m->present || m->offset + 16 > SIZE_OF(k, page))
		*plain = false;
	return m->offset;
}

static uint64_t bit_of(int bit)
{
	return bit >= 0 ? 1ull << bit : 0;
}

static void find_words(struct engine *e, struct engine_near *n)
{
	const struct kernel *k = e->k;
	const struct page_words *w = &k->mm->pages->words;
	bool plain = k->wide;
	int64_t flags;
	n->flags = word_of(k, M_page_flags, 8, &plain);
	n->refcount = word_of(k, M_page_refcount, 4, &plain);
	n->mapcount = word_of(k, M_page_mapcount, 4, &plain);
	n->mapping = word_of(k, M_page_mapping, 8, &plain);
	n->private = word_of(k, M_page_private, 8, &plain);
	n->lru = links_of(k, M_page_lru, &plain);
	n->pcp_list = links_of(k, M_page_pcp_list, &plain);
	n->buddy_list = links_of(k, M_page_buddy_list, &plain);
	n->page_type = word_of(k, M_page_page_type, 4, &plain);
	n->buddy = page_type_word(&w->buddy);
	n->has_memcg = HAS(k, page, memcg_data) || HAS(k, page, mem_cgroup);
	if (n->has_memcg)
		n->memcg = word_of(k, HAS(k, page, memcg_data) ? M_page_memcg_data : M_page_mem_cgroup, 8, &plain);
	n->large = bit_of(e->modern->head) | bit_of(w->tail);
	bool indexed = true;
	n->index = word_of(k, M_page_index, 8, &indexed);
	n->counts_new_anon = indexed && !HAS(k, vm_area_struct, anon_pgoff);
	n->new_anon = bit_of(e->modern->swapbacked) | bit_of(e->bit_uptodate) | bit_of(e->modern->anon_exclusive);
	n->new_anon_active = e->modern->new_anon_active ? bit_of(e->bit_active) : 0;
	n->lru_bit = bit_of(e->bit_lru);
	n->swapbacked = bit_of(e->modern->swapbacked);
	n->active = bit_of(e->bit_active);
	n->exclusive = bit_of(e->modern->anon_exclusive);
	n->reserved = bit_of(e->bit_reserved);
	n->unsettled = n->large | n->lru_bit | bit_of(e->modern->unevictable) | bit_of(e->modern->mlocked);
	if (w->tail < 0 && HAS(k, page, compound_head))
		n->head = word_of(k, M_page_compound_head, 8, &plain);
	n->plain = plain;
	if (enumerator_find(e->k, "__NR_PAGEFLAGS", &flags) && flags >= 8 && flags <= 40)
		n->kept = ~((1ull << flags) - 1) | bit_of(e->modern->hwpoison);
}

struct error *near_open(struct engine *e)
{
	struct engine_near *n = calloc(1, sizeof(*n));
	if (!n)
		return error_new(ERR_NO_MEMORY, "out of memory");
	find_words(e, n);
	n->last = &n->zones[0];
	e->near = n;
	return NULL;
}

/* ---- Zones ---- */

void near_fold(const struct near_counters *c, unsigned index, int sum)
{
	unsigned char *own = c->sums + 8ul * index, *all = c->all ? c->all + 8ul * index : NULL;
	store_uint(own, 8, near_word(own) + (uint64_t)(int64_t)sum);
	if (all)
		store_uint(all, 8, near_word(all) + (uint64_t)(int64_t)sum);
}

/* `percpu` is the address of what the CPU keeps, `sums` that of the words, `all` that of the machine's, 0 for none. */
static void find_counters(struct kernel *k, struct near_counters *c, uint64_t percpu, const struct member *diff, const struct member *threshold, uint64_t sums,
			  const struct member *words, uint64_t all)
{
	unsigned count = words->total / 8 < diff->total ? words->total / 8 : diff->total;
	*c = (struct near_counters){ 0 };
	if (!percpu || !diff->present || diff->stride != 1 || threshold->size != 1 || !words->present)
		return;
	c->own = (signed char *)kernel_near_writable(k, percpu + diff->offset, diff->total);
	c->threshold = (const signed char *)kernel_near(k, percpu + threshold->offset, 1);
	c->sums = kernel_near_writable(k, sums + words->offset, words->total);
	c->all = all ? kernel_near_writable(k, all, words->total) : NULL;
	if (c->own && c->threshold && c->sums && (c->all || !all))
		c->count = count;
}

/* lruvec_of() a page that no cgroup has, where that asks nothing more of memory. */
static void find_lists(struct kernel *k, const struct engine_modern *m, struct near_zone *z)
{
	uint64_t lruvec = HAS(k, pglist_data, lruvec) ? z->pgdat + OFFSET(k, pglist_data, lruvec) : z->addr + OFFSET(k, zone, lruvec);
	z->lists = lruvec + OFFSET(k, lruvec, lists);
	z->list_bytes = kernel_near_writable(k, z->lists, k->members[M_lruvec_lists].total);
	struct stat_item of_node = m->lru_base, of_zone = m->zone_lru_base;
	/* The last that is asked for: NR_…_BASE + 3. */
	of_node.index += 3;
	of_zone.index += 3;
	z->of_lists = near_counts(z, of_node) && m->lru_base.index >= 0 ? &z->counters[of_node.group] : NULL;
	z->of_zone = of_zone.group == VMSTAT_ZONE ? &z->counters[VMSTAT_ZONE] : NULL;
	if ((HAS(k, mem_cgroup, nodeinfo) && HAS(k, mem_cgroup_per_node, lruvec)) || !HAS(k, lruvec, lists) || k->members[M_lruvec_lists].total < 4 * 16 ||
	    !z->list_bytes || !z->of_lists || (z->of_zone && (!near_counts(z, of_zone) || m->zone_lru_base.index < 0)))
		z->lists = 0;
}

static void find_areas(struct kernel *k, struct near_zone *z)
{
	const struct member *areas = &k->members[M_zone_free_area], *lists = &k->members[M_free_area_free_list], *nr_free = &k->members[M_free_area_nr_free];
	z->areas_addr = z->addr + areas->offset;
	z->area_size = SIZE_OF(k, free_area);
	z->free_list = lists->offset;
	z->nr_free = nr_free->offset;
	z->types = lists->total / 16;
	if (nr_free->size == 8 && nr_free->offset + 8 <= z->area_size && lists->offset + lists->total <= z->area_size)
		z->areas = kernel_near_writable(k, z->areas_addr, areas->total);
}

static bool make_zone(struct engine *e, const struct zone *of, struct near_zone *z)
{
	struct kernel *k = e->k;
	const struct page_run *run = page_run_of(k->mm->pages, of->start_pfn);
	uint64_t zonestat, nodestat;
	*z = (struct near_zone){ .made = near_now(e), .addr = of->addr };
	if (error_drop(kernel_get(k, of->addr, M_zone_zone_pgdat, &z->pgdat)) || error_drop(kernel_get(k, of->addr, M_zone_per_cpu_zonestats, &zonestat)))
		return false;
	if (!HAS(k, pglist_data, per_cpu_nodestats) || error_drop(kernel_get(k, z->pgdat, M_pglist_data_per_cpu_nodestats, &nodestat)))
		nodestat = 0;
	find_counters(k, &z->counters[VMSTAT_ZONE], percpu_ptr(k, zonestat, e->cpu), &k->members[M_per_cpu_zonestat_vm_stat_diff],
		      &k->members[M_per_cpu_zonestat_stat_threshold], of->addr, &k->members[M_zone_vm_stat], e->modern->vm_zone_stat);
	if (nodestat)
		find_counters(k, &z->counters[VMSTAT_NODE], percpu_ptr(k, nodestat, e->cpu), &k->members[M_per_cpu_nodestat_vm_node_stat_diff],
			      &k->members[M_per_cpu_nodestat_stat_threshold], z->pgdat, &k->members[M_pglist_data_vm_stat], e->modern->vm_node_stat);
	find_lists(k, e->modern, z);
	find_areas(k, z);
	z->pfn = of->start_pfn;
	if (run && !k->mm->nodes->overlap)
		z->frames = run->end - z->pfn < of->spanned_pages ? run->end - z->pfn : of->spanned_pages;
	return true;
}

const struct near_zone *near_find_zone(struct engine *e, const struct zone *of)
{
	struct near_zone *z = &e->near->zones[of->index % 4];
	uint64_t now = near_now(e);
	if (!now || !e->near->plain || !e->k->near_size)
		return NULL;
	if (!near_holds(z->made, now) || z->addr != of->addr)
		if (!make_zone(e, of, z))
			*z = (struct near_zone){ 0 };
	if (!z->addr)
		return NULL;
	e->near->last = z;
	return z;
}

const struct near_zone *near_find_zone_of_page(struct engine *e, uint64_t page)
{
	const struct zone *z = near_now(e) ? zone_of_pfn(e->k, engine_page_pfn(e, page)) : NULL;
	return z ? near_find_zone(e, z) : NULL;
}
