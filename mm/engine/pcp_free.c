/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pages given back where each CPU has lists of free pages (mm/page_alloc.c: free_unref_page(); mm/swap.c: __put_page()). Lists that are full give some to the buddy lists:
 * a batch; since 5.14 more the longer nothing is allocated; since 6.7 by a limit that varies, too.
 */
#include <inttypes.h>

#include "mm/engine/buddy_edit.h"
#include "mm/engine/huge.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/lru_gen_edit.h"
#include "mm/memmap.h"
#include "mm/engine/near.h"
#include "mm/engine/zap.h"
#include "mm/zone.h"

/* free_pages_prepare(): nothing of its former use stays in the page but its place. */
struct error *free_pages_prepare(struct engine *e, uint64_t page)
{
	struct kernel *k = e->k;
	struct page p;
	TRY(page_open_writable(e, page, &p));
	if (page_refcount(k, &p) || page_mapcount_word(k, &p) != -1)
		return error_at(ERR_BAD_OBJECT, page, "page %" PRIx64 " is still in use: %d references, _mapcount %d", page, page_refcount(k, &p),
				page_mapcount_word(k, &p));
	if (!e->near->kept)
		return error_new(ERR_UNSUPPORTED, "which bits of a page are flags is not known");
	SET(k, &p.object, page, flags, p.flags & e->near->kept);
	SET(k, &p.object, page, mapping, 0);
	SET(k, &p.object, page, private, 0);
	return NULL;
}

/* The list that the page is put on, kept in its index (set_pcppage_migratetype()). */
static struct error *set_pcp_type(struct engine *e, uint64_t page, unsigned type)
{
	struct page p;
	TRY(page_open_writable(e, page, &p));
	SET(e->k, &p.object, page, index, type);
	return NULL;
}

/* ---- Lists that are too long ---- */

static uint64_t list_at(struct kernel *k, const struct object *pcp, unsigned index)
{
	return MEMBER_ADDR(k, pcp, per_cpu_pages, lists) + index * SIZE_OF(k, list_head);
}

/* The last page of the CPU's list of that type; 0 when it is empty. */
static struct error *last_of(struct engine *e, const struct object *pcp, unsigned type, uint64_t *page)
{
	struct kernel *k = e->k;
	uint64_t head = list_at(k, pcp, type), last;
	TRY(kernel_get(k, head, M_list_head_prev, &last));
	*page = last == head ? 0 : last - OFFSET(k, page, pcp_list);
	return NULL;
}

static struct error *free_one(struct engine *e, const struct object *pcp, uint64_t zone, uint64_t page, unsigned order)
{
	struct kernel *k = e->k;
	struct page p;
	TRY(page_open_writable(e, page, &p));
	uint64_t type = GET(k, &p.object, page, index);
	unsigned of_block;
	/* Kernels that tune the lists' length go by the pageblock (since 6.10; before, the page's own word says the same). */
	if (HAS(k, per_cpu_pages, alloc_factor)) {
		TRY(pageblock_type(e, page, &of_block));
		type = of_block;
	}
	TRY(list_del(k, page + OFFSET(k, page, pcp_list)));
	ADD(k, pcp, per_cpu_pages, count, -(1 << order));
	return free_one_page(e, zone, page, order, type < e->modern->migrate_pcptypes || HAS(k, per_cpu_pages, alloc_factor) ? (unsigned)type : e->modern->migrate_movable);
}

/* free_pcppages_bulk(): round robin over the types, more of one at once the more others are empty; of each the page that has waited longest. */
static struct error *free_bulk(struct engine *e, const struct object *pcp, uint64_t zone, int32_t count, const char *why)
{
	struct kernel *k = e->k;
	int32_t all = (int32_t)GET(k, pcp, per_cpu_pages, count);
	unsigned type = 0, types = e->modern->migrate_pcptypes, batch = 0, empty = 0;
	uint64_t page;
	count = count < all ? count : all;
	TRACE(e, "free_pcppages_bulk", why, { "cpu", e->cpu }, { "zone", zone }, { "pages", (uint64_t)count });
	while (count > 0) {
		do {
			batch++;
			type = type + 1 == types ? 0 : type + 1;
			TRY(last_of(e, pcp, type, &page));
			if (!page && ++empty > 2 * types)
				return error_at(ERR_BAD_LIST, pcp->addr, "CPU %u's lists of free pages have fewer than they count", e->cpu);
		} while (!page);
		empty = 0;
		if (batch == types)
			batch = (unsigned)count;
		do {
			TRY(free_one(e, pcp, zone, page, 0));
			TRY(last_of(e, pcp, type, &page));
		} while (--count && --batch && page);
	}
	return NULL;
}

/* ---- The same from 5.14 to 6.6: lists by order, and more at once the longer nothing is allocated (nr_pcp_free()) ---- */

static bool counts_frees(const struct kernel *k)
{
	const struct member *m = &k->members[M_per_cpu_pages_free_count];
	return m->present && !strcmp(m->name, "free_factor");
}

static unsigned order_of_list(struct engine *e, unsigned index)
{
	const struct kernel *k = e->k;
	unsigned order = index / e->modern->migrate_pcptypes;
	return order > 3 ? (unsigned)(k->geometry.level[e->modern->pmd_level].shift - k->arch->page_shift) : order;
}

/* free_pcppages_bulk() since 5.18: the list that was added to first, each list as long as it has any. */
static struct error *free_count(struct engine *e, const struct object *pcp, uint64_t zone, unsigned index, int32_t count)
{
	struct kernel *k = e->k;
	unsigned lists = k->members[M_per_cpu_pages_lists].total / SIZE_OF(k, list_head), empty = 0;
	int32_t all = (int32_t)GET(k, pcp, per_cpu_pages, count);
	uint64_t page;
	count = count < all ? count : all;
	TRACE(e, "free_pcppages_bulk", "the CPU's lists are full: some go to the buddy lists", { "cpu", e->cpu }, { "zone", zone }, { "pages", (uint64_t)count });
	for (index %= lists; count > 0; index = index + 1 == lists ? 0 : index + 1) {
		TRY(last_of(e, pcp, index, &page));
		empty = page ? 0 : empty + 1;
		if (empty > lists)
			return error_at(ERR_BAD_LIST, pcp->addr, "CPU %u's lists of free pages have fewer than they count", e->cpu);
		while (page && count > 0) {
			TRY(free_one(e, pcp, zone, page, order_of_list(e, index)));
			count -= 1 << order_of_list(e, index);
			TRY(last_of(e, pcp, index, &page));
		}
	}
	return NULL;
}

static struct error *free_surplus(struct engine *e, const struct object *pcp, uint64_t zone, uint64_t list, unsigned order)
{
	struct kernel *k = e->k;
	int64_t count = (int32_t)GET(k, pcp, per_cpu_pages, count), high = (int32_t)GET(k, pcp, per_cpu_pages, high), batch = (int32_t)GET(k, pcp, per_cpu_pages, batch),
		factor = (int16_t)GET(k, pcp, per_cpu_pages, free_count), most = high - batch, n;
	unsigned index = (unsigned)((list - list_at(k, pcp, 0)) / SIZE_OF(k, list_head));
	if (factor && order && order <= 3)
		return free_count(e, pcp, zone, index, (int32_t)count);
	if (count < high)
		return NULL;
	if (high < batch)
		return free_count(e, pcp, zone, index, 1);
	if (factor < 0 || factor > 20 || batch < 1)
		return error_at(ERR_BAD_OBJECT, pcp->addr, "CPU %u's lists of free pages are damaged: batch %" PRId64 ", free_factor %" PRId64, e->cpu, batch, factor);
	n = batch << factor;
	if (n < most)
		SET(k, pcp, per_cpu_pages, free_count, (uint64_t)factor + 1);
	n = n > most ? most : n;
	return free_count(e, pcp, zone, index, (int32_t)(n < batch ? batch : n));
}

/* The same since 6.7, where the lists' length is tuned. */
static struct error *free_tuned(struct engine *e, const struct object *pcp, uint64_t zone, uint64_t list, unsigned order)
{
	struct kernel *k = e->k;
	unsigned index = (unsigned)((list - list_at(k, pcp, 0)) / SIZE_OF(k, list_head));
	int32_t surplus, batch = (int32_t)GET(k, pcp, per_cpu_pages, batch);
	TRY(pcp_surplus(e, pcp, zone, order, &surplus));
	if (surplus <= 0)
		return NULL;
	for (int32_t n; surplus > 0 && (int32_t)GET(k, pcp, per_cpu_pages, count) > 0; surplus -= n) {
		n = e->modern->pcp_in_batches && surplus > batch ? batch : surplus;
		TRY(free_count(e, pcp, zone, index, n));
	}
	return pcp_above_high(e, zone);
}

struct error *free_unref_block(struct engine *e, uint64_t zone, uint64_t page, unsigned order, unsigned type)
{
	struct kernel *k = e->k;
	uint64_t pageset, list;
	struct object pcp;
	/* What has no list of its own (CMA, reserves) goes with the movable pages. */
	if (type >= e->modern->migrate_pcptypes)
		type = e->modern->migrate_movable;
	if (!HAS(k, per_cpu_pages, alloc_factor))
		TRY(set_pcp_type(e, page, type));
	TRY(kernel_get(k, zone, M_zone_pageset, &pageset));
	TRY(object_open_writable(k, percpu_ptr(k, pageset, e->cpu) + OFFSET(k, per_cpu_pageset, pcp), S_per_cpu_pages, &pcp));
	list = pcp_list(e, pcp.addr, order, type);
	TRY(list_add(k, page + OFFSET(k, page, pcp_list), list));
	ADD(k, &pcp, per_cpu_pages, count, 1 << order);
	count_vm_events(e, e->modern->event_pgfree, 1u << order);
	TRACE(e, "free_unref_page", "onto the CPU's own list", { "page", page }, { "cpu", e->cpu }, { "migratetype", type });
	if (HAS(k, per_cpu_pages, alloc_factor))
		return free_tuned(e, &pcp, zone, list, order);
	if (counts_frees(k))
		return free_surplus(e, &pcp, zone, list, order);
	if ((int32_t)GET(k, &pcp, per_cpu_pages, count) >= (int32_t)GET(k, &pcp, per_cpu_pages, high))
		return free_bulk(e, &pcp, zone, (int32_t)GET(k, &pcp, per_cpu_pages, batch), "the CPU's lists are full: a batch goes to the buddy lists");
	return NULL;
}

struct error *drain_all_pages(struct engine *e)
{
	struct kernel *k = e->k;
	const struct zone *z;
	struct object pcp;
	for (size_t i = 0; (z = zones_get(k, i)); i++)
		for (unsigned cpu = 0; cpu < k->cpus; cpu++) {
			TRY(object_open_writable(k, percpu_ptr(k, GET(k, &z->object, zone, pageset), cpu) + OFFSET(k, per_cpu_pageset, pcp), S_per_cpu_pages, &pcp));
			int32_t count = (int32_t)GET(k, &pcp, per_cpu_pages, count);
			if (count > 0 && HAS(k, per_cpu_pages, free_count))
				TRY(free_count(e, &pcp, z->addr, 0, count));
			else if (count > 0)
				TRY(free_bulk(e, &pcp, z->addr, count, "memory is short: what the CPU's lists have goes to the buddy lists"));
		}
	return NULL;
}

struct error *free_page_pcp(struct engine *e, uint64_t page)
{
	struct kernel *k = e->k;
	uint64_t zone;
	unsigned type;
	TRY(nodes_open(k));
	zone = zone_of_page(e, page);
	if (!zone)
		return error_at(ERR_BAD_OBJECT, page, "page %" PRIx64 " is in no zone", page);
	TRY(pageblock_type(e, page, &type));
	TRY(free_pages_prepare(e, page));
	return free_unref_block(e, zone, page, 0, type);
}

/* ---- The last reference ---- */

static struct error *leave_generation(struct engine *e, struct page *p, bool *listed)
{
	uint64_t zone = zone_of_page(e, p->object.addr), pgdat, lruvec, info;
	if (!lru_gen_enabled(e) || !zone)
		return NULL;
	TRY(kernel_get(e->k, zone, M_zone_zone_pgdat, &pgdat));
	TRY(lruvec_of(e, p, pgdat, zone, &lruvec, &info));
	return lru_gen_del_folio(e, lruvec, p, listed);
}

/* free_transhuge_page(), free_compound_page(): not waiting to be split any more. */
static struct error *free_large(struct engine *e, uint64_t page)
{
	struct large l;
	TRY(large_open(e, page, &l));
	TRY(unqueue_deferred_split(e, &l));
	if (l.anon)
		count_mthp_stat(e, l.order, "MTHP_STAT_NR_ANON", -1);
	return free_pages_modern(e, page, l.order);
}

/* del_page_from_lru_list(): NR_INACTIVE_ANON and its neighbours, and the zones' like them, stand in the order of enum lru_list: by two for active, by two for files. */
static struct error *leave_lru(struct engine *e, struct page *p)
{
	struct kernel *k = e->k;
	uint64_t page = p->object.addr;
	bool unevictable = p->flags >> e->modern->unevictable & 1, active = p->flags >> e->bit_active & 1, file = !(p->flags >> e->modern->swapbacked & 1);
	int list = unevictable ? 4 : active + 2 * file;
	struct stat_item node = e->modern->lru_base, zone = e->modern->zone_lru_base;
	if (node.group < 0)
		return error_at(ERR_UNSUPPORTED, page, "how LRU lists are counted is not known");
	bool of_generation = false;
	TRY(leave_generation(e, p, &of_generation));
	if (!of_generation) {
		int pages = 1 << page_compound_order(k, p);
		if (!unevictable || !HAS(k, page, mlock_count))
			TRY(list_del(k, page + OFFSET(k, page, lru)));
		node.index += list;
		mod_page_state(e, page, node, -pages);
		if (zone.group >= 0) {
			zone.index += list;
			mod_page_state(e, page, zone, -pages);
		}
		TRY(lru_count_in_group(e, p, list));
	}
	p->flags &= ~(1ull << e->bit_lru | 1ull << e->bit_active | 1ull << e->modern->unevictable);
	SET(k, &p->object, page, flags, p->flags);
	return NULL;
}

struct error *put_user_page(struct engine *e, uint64_t page)
{
	struct kernel *k = e->k;
	struct page p;
	TRY(page_open_known(e, page, &p));
	page = page_compound_head(k, &p);
	TRY(page_open_writable(e, page, &p));
	int32_t left = page_refcount(k, &p) - 1;
	if (left < 0)
		return error_at(ERR_BAD_OBJECT, page, "page %" PRIx64 " has no reference to give", page);
	if (!left && (p.flags >> e->modern->swapcache & 1 && e->modern->swapcache != e->bit_swap_cache))
		return error_at(ERR_UNSUPPORTED, page, "page %" PRIx64 " is in the swap cache: freeing it is not done yet", page);
	SET(k, &p.object, page, refcount, (uint64_t)left);
	if (left)
		return NULL;
	if (p.flags >> e->bit_lru & 1)
		TRY(leave_lru(e, &p));
	TRY(uncharge_page(e, &p));
	return page_is_large(e, &p) ? free_large(e, page) : free_page_pcp(e, page);
}
