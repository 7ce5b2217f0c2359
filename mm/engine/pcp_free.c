/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pages given back where each CPU has lists of free pages (mm/page_alloc.c: free_unref_page(); mm/swap.c: __put_page()). Lists that are full give some to the buddy lists:
 * a batch; since 5.14 more the longer nothing is allocated; since 6.7 when a limit is reached that varies, too.
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
	unsigned type = (unsigned)GET(k, &p.object, page, index);
	TRY(list_del(k, page + OFFSET(k, page, pcp_list)));
	ADD(k, pcp, per_cpu_pages, count, -(1 << order));
	/* Pages do not say on which list they are any more where free blocks are counted by type (6.10): they go to that of their block. */
	if (HAS(k, per_cpu_pages, high_min))
		TRY(pageblock_type(e, page, &type));
	else if (type >= e->modern->migrate_pcptypes)
		type = e->modern->migrate_movable;
	return free_one_page(e, zone, page, order, type);
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

/* ---- The same since 6.7: how long the lists may get follows what is allocated and freed ---- */

#define PCPF_PREV_FREE_HIGH_ORDER 1u /* include/linux/mmzone.h: the page freed before was one of an order up to 3, but not 0 */
#define PCPF_FREE_HIGH_BATCH	  2u /* the CPU's cache is large: a batch of such pages may stay */
#define PCP_BATCH_SCALE_MAX	  5  /* CONFIG_PCP_BATCH_SCALE_MAX, by default */

/* A CPU's lists of one zone, with what decides how many pages they may have. */
struct limits {
	struct engine *e;
	struct object pcp, zone;
	int64_t batch, high, high_min, high_max, free_count, count;
};

static bool zone_has(const struct limits *l, const char *flag)
{
	int64_t bit;
	return enumerator_find(l->e->k, flag, &bit) && bit >= 0 && bit < 64 && (GET(l->e->k, &l->zone, zone, zone_flags) >> bit & 1);
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
	return value < low ? low : value > high ? high : value;
}

/* Are pages of a higher order freed so fast that none stay? From how many freed on that is so has grown with high_min since 6.16, which leaves no trace. */
static struct error *frees_high(const struct limits *l, bool *result)
{
	uint64_t flags = GET(l->e->k, &l->pcp, per_cpu_pages, flags);
	*result = false;
	if (l->free_count < l->batch || !(flags & PCPF_PREV_FREE_HIGH_ORDER) || ((flags & PCPF_FREE_HIGH_BATCH) && l->count < l->batch))
		return NULL;
	*result = true;
	return l->free_count >= l->batch + l->high_min / 2
		       ? NULL
		       : error_at(ERR_UNSUPPORTED, l->pcp.addr, "CPU %u frees many pages of a higher order: whether its lists keep them is not known", l->e->cpu);
}

/* nr_pcp_high() */
static int64_t limit_now(struct limits *l, bool free_high)
{
	int64_t most_freed = larger(l->free_count, l->batch), high;
	l->high = high = clamp(l->high, l->high_min, l->high_max);
	if (!high)
		return 0;
	if (free_high) {
		l->high = larger(high - (l->batch << PCP_BATCH_SCALE_MAX), l->high_min);
		return 0;
	}
	if (zone_has(l, "ZONE_RECLAIM_ACTIVE")) {
		l->high = larger(high - most_freed, l->high_min);
		return l->batch << 2 < l->high ? l->batch << 2 : l->high;
	}
	if (l->high_min == l->high_max)
		return high;
	if (zone_has(l, "ZONE_BELOW_HIGH")) {
		l->high = larger(high - most_freed, l->high_min);
		return larger(l->count, l->high_min);
	}
	if (l->count >= high && l->high < l->free_count + l->batch)
		l->high = clamp(l->free_count + l->batch, l->high_min, l->high_max);
	return high;
}

/* The zone is above its high mark again. */
static void note_free_memory(const struct limits *l)
{
	struct kernel *k = l->e->k;
	int64_t bit, free = (int64_t)object_get_element(k, &l->zone, M_zone_vm_stat, (uint64_t)l->e->modern->free_pages.index);
	if (!zone_has(l, "ZONE_BELOW_HIGH") || !enumerator_find(k, "ZONE_BELOW_HIGH", &bit))
		return;
	if (free > (int64_t)(object_get_element(k, &l->zone, M_zone_watermark, 2) + GET(k, &l->zone, zone, watermark_boost)))
		SET(k, &l->zone, zone, zone_flags, GET(k, &l->zone, zone, zone_flags) & ~(1ull << bit));
}

/* free_unref_page_commit(), once the page is on its list. */
static struct error *free_above_limit(struct engine *e, const struct object *pcp, uint64_t zone, uint64_t list, unsigned order)
{
	struct kernel *k = e->k;
	struct limits l = {.e = e, .pcp = *pcp};
	bool costly = order && order <= 3, free_high = false;
	uint64_t flags = GET(k, pcp, per_cpu_pages, flags);
	TRY(object_open_writable(k, zone, S_zone, &l.zone));
	l.batch = (int32_t)GET(k, pcp, per_cpu_pages, batch);
	l.high = (int32_t)GET(k, pcp, per_cpu_pages, high);
	l.high_min = (int32_t)GET(k, pcp, per_cpu_pages, high_min);
	l.high_max = (int32_t)GET(k, pcp, per_cpu_pages, high_max);
	l.count = (int32_t)GET(k, pcp, per_cpu_pages, count);
	l.free_count = (int16_t)GET(k, pcp, per_cpu_pages, free_count);
	if (l.batch < 1 || l.batch > 1 << 16 || l.high_min > l.high_max)
		return error_at(ERR_BAD_OBJECT, pcp->addr, "CPU %u's lists of free pages are damaged: batch %" PRId64 ", high %" PRId64 " to %" PRId64, e->cpu, l.batch,
				l.high_min, l.high_max);
	SET(k, pcp, per_cpu_pages, alloc_factor, GET(k, pcp, per_cpu_pages, alloc_factor) >> 1);
	if (costly)
		TRY(frees_high(&l, &free_high));
	SET(k, pcp, per_cpu_pages, flags, costly ? flags | PCPF_PREV_FREE_HIGH_ORDER : flags & ~(uint64_t)PCPF_PREV_FREE_HIGH_ORDER);
	if (l.free_count < l.batch << PCP_BATCH_SCALE_MAX)
		l.free_count += 1 << order;
	SET(k, pcp, per_cpu_pages, free_count, (uint64_t)l.free_count);
	int64_t limit = limit_now(&l, free_high), n;
	SET(k, pcp, per_cpu_pages, high, (uint64_t)l.high);
	if (l.count < limit)
		return NULL;
	/* nr_pcp_free() */
	n = free_high ? l.batch << PCP_BATCH_SCALE_MAX : limit < l.batch ? 1 : clamp(l.free_count, l.batch, larger(limit - l.batch, l.batch));
	TRY(free_count(e, pcp, zone, (unsigned)((list - list_at(k, pcp, 0)) / SIZE_OF(k, list_head)), (int32_t)n));
	note_free_memory(&l);
	return NULL;
}

struct error *free_unref_block(struct engine *e, uint64_t zone, uint64_t page, unsigned order, unsigned type)
{
	struct kernel *k = e->k;
	uint64_t pageset, list;
	struct object pcp;
	/* What has no list of its own (CMA, reserves) goes with the movable pages. */
	if (type >= e->modern->migrate_pcptypes)
		type = e->modern->migrate_movable;
	TRY(set_pcp_type(e, page, type));
	TRY(kernel_get(k, zone, M_zone_pageset, &pageset));
	TRY(object_open_writable(k, percpu_ptr(k, pageset, e->cpu) + OFFSET(k, per_cpu_pageset, pcp), S_per_cpu_pages, &pcp));
	list = pcp_list(e, pcp.addr, order, type);
	TRY(list_add(k, page + OFFSET(k, page, pcp_list), list));
	ADD(k, &pcp, per_cpu_pages, count, 1 << order);
	count_vm_events(e, e->modern->event_pgfree, 1u << order);
	TRACE(e, "free_unref_page", "onto the CPU's own list", { "page", page }, { "cpu", e->cpu }, { "migratetype", type });
	if (counts_frees(k))
		return free_surplus(e, &pcp, zone, list, order);
	if (HAS(k, per_cpu_pages, high_min))
		return free_above_limit(e, &pcp, zone, list, order);
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
			if (count > 0)
				TRY(HAS(k, per_cpu_pages, free_count)
					    ? free_count(e, &pcp, z->addr, 0, count)
					    : free_bulk(e, &pcp, z->addr, count, "memory is short: what the CPU's lists have goes to the buddy lists"));
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

EVERY_FAULT struct error *put_user_page(struct engine *e, uint64_t page)
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
