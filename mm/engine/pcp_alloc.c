/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Page allocation where each CPU has lists of free pages before the buddy lists, and those go by migrate type (mm/page_alloc.c of 2.6.24 and later). Done as the
 * acting task's CPU would do it; what needs reclaim, compaction or a memory policy is refused.
 */
#include <errno.h>
#include <inttypes.h>

#include "mm/engine/buddy_edit.h"
#include "mm/engine/list_edit.h"
#include "mm/memmap.h"
#include "mm/engine/modern.h"
#include "mm/engine/near.h"
#include "mm/engine/reclaim.h"
#include "mm/engine/zap.h"
#include "mm/zone.h"

#define MAX_RECLAIM_RETRIES 16 /* mm/internal.h */
#define COSTLY_ORDER	    3  /* PAGE_ALLOC_COSTLY_ORDER: include/linux/mmzone.h */

/* One zone of the zonelist while a page is sought in it. */
struct search {
	struct engine *e;
	const struct node *node; /* whose zonelist: the acting CPU's */
	uint64_t zone;
	struct object o;
	unsigned order, type; /* migrate type */
	enum { MARK_MIN, MARK_LOW } mark; /* that a zone must be above: enum zone_watermarks */
	bool high;	      /* ALLOC_HIGH: half of the mark will do */
	unsigned highest;     /* zone index that the request may use at most */
	bool nofragment;      /* rather another zone than another type's blocks */
};

/* ---- The zonelist ---- */

/* The per-CPU variable numa_node; 0 without one. */
unsigned acting_node(struct engine *e)
{
	struct kernel *k = e->k;
	uint64_t v, symbol = e->modern->numa_node;
	return symbol && !error_drop(kernel_read_uint(k, percpu_addr(k, symbol, e->cpu), 4, &v)) && v < 1024 ? (unsigned)v : 0;
}

static const struct node *node_of_cpu(struct engine *e)
{
	unsigned id = acting_node(e);
	for (size_t i = 0; i < nodes_count(e->k); i++)
		if (nodes_get(e->k, i)->id == id)
			return nodes_get(e->k, i);
	return nodes_count(e->k) ? nodes_get(e->k, 0) : NULL;
}

/* Entry i of the node's fallback list; 0 past the last. */
static uint64_t zonelist_zone(struct engine *e, const struct node *n, unsigned i, unsigned *index)
{
	struct kernel *k = e->k;
	const struct member *m = &k->members[M_zonelist_zonerefs];
	uint32_t size = SIZE_OF(k, zoneref);
	uint64_t at = n->addr + OFFSET(k, pglist_data, node_zonelists) + m->offset + (uint64_t)i * size, zone, idx;
	if (!size || (uint64_t)i * size >= m->total || error_drop(kernel_get(k, at, M_zoneref_zone, &zone)) ||
	    error_drop(kernel_get(k, at, M_zoneref_zone_idx, &idx)))
		return 0;
	*index = (unsigned)idx;
	return zone;
}

/* gfp_zone(): user pages that may move go as high as ZONE_MOVABLE, the kernel's own no higher than ZONE_NORMAL. */
unsigned highest_zone(const struct engine *e, enum page_class class)
{
	return class == PAGES_MOVABLE ? e->modern->zone_movable : e->modern->zone_normal;
}

/* ---- Watermarks ---- */

/* zone_page_state(): what the CPUs have not folded in is left out. */
static int64_t zone_free(const struct search *s)
{
	struct kernel *k = s->e->k;
	uint64_t v;
	if (s->e->modern->free_pages.group != VMSTAT_ZONE ||
	    error_drop(kernel_read_pointer(k, s->zone + OFFSET(k, zone, vm_stat) + (uint64_t)s->e->modern->free_pages.index * k->arch->pointer_size, &v)))
		return 0;
	return (int64_t)v;
}

static int64_t lowmem_reserve(const struct search *s)
{
	return (int64_t)object_get_element(s->e->k, &s->o, M_zone_lowmem_reserve, s->highest);
}

/* zone_watermark_ok(): for the mark that is asked for, with so many pages more than are free. */
static bool watermark_ok(const struct search *s, int64_t more, uint64_t *mark)
{
	struct kernel *k = s->e->k;
	*mark = HAS(k, zone, watermark) ? object_get_element(k, &s->o, M_zone_watermark, s->mark) + GET(k, &s->o, zone, watermark_boost)
	      : s->mark == MARK_MIN	? GET(k, &s->o, zone, pages_min)
					: GET(k, &s->o, zone, pages_low);
	*mark -= s->high ? *mark / 2 : 0;
	int64_t free = zone_free(s) + more - ((1ll << s->order) - 1) - (int64_t)GET(k, &s->o, zone, nr_reserved_highatomic);
	return free > (int64_t)*mark + lowmem_reserve(s);
}

/* ---- The CPU's own lists ---- */

static uint64_t pcp_of(const struct search *s)
{
	struct kernel *k = s->e->k;
	return percpu_ptr(k, GET(k, &s->o, zone, pageset), s->e->cpu) + OFFSET(k, per_cpu_pageset, pcp);
}

/* order_to_pindex(): since 5.14 lists by order too, up to 3, and one (since 6.9: two) for huge pages behind them. */
uint64_t pcp_list(struct engine *e, uint64_t pcp, unsigned order, unsigned type)
{
	struct kernel *k = e->k;
	const struct engine_modern *m = e->modern;
	unsigned lists = k->members[M_per_cpu_pages_lists].total / SIZE_OF(k, list_head), index = m->migrate_pcptypes * order + type;
	unsigned costly = 4 * m->migrate_pcptypes; /* PAGE_ALLOC_COSTLY_ORDER is 3 */
	if (order > 3) {
		/* Of movable pages and of the others, where there are two. */
		if (lists <= costly || order != (unsigned)(k->geometry.level[m->pmd_level].shift - k->arch->page_shift))
			return 0;
		index = costly + (lists - costly > 1 && type == m->migrate_movable);
	}
	return index < lists ? pcp + OFFSET(k, per_cpu_pages, lists) + (uint64_t)index * SIZE_OF(k, list_head) : 0;
}

/* ---- Filling them ---- */

/* nr_pcp_alloc(): how many pages the CPU takes at once; since 6.7 more each time. */
static unsigned batch_size(const struct search *s, const struct object *pcp)
{
	struct kernel *k = s->e->k;
	int64_t batch = (int32_t)GET(k, pcp, per_cpu_pages, batch);
	if (HAS(k, per_cpu_pages, alloc_factor)) {
		int64_t low = (int32_t)GET(k, pcp, per_cpu_pages, high_min), top = (int32_t)GET(k, pcp, per_cpu_pages, high_max);
		int64_t high = (int32_t)GET(k, pcp, per_cpu_pages, high), base = batch, room;
		uint64_t factor = GET(k, pcp, per_cpu_pages, alloc_factor);
		high = high < low ? low : high > top ? top : high;
		SET(k, pcp, per_cpu_pages, high, (uint64_t)high);
		if (high < base)
			return 1;
		batch = s->order ? base : base << (factor & 15);
		bool is_below = s->e->modern->zone_below_high >= 0 && (GET(k, &s->o, zone, zone_flags) >> s->e->modern->zone_below_high & 1);
		if (low != top && !is_below) {
			high = high + batch < top ? high + batch : top;
			SET(k, pcp, per_cpu_pages, high, (uint64_t)high);
		}
		if (!s->order) {
			room = high - (int32_t)GET(k, pcp, per_cpu_pages, count) - base;
			room = room > base ? room : base;
			/* CONFIG_PCP_BATCH_SCALE_MAX: 5 by default. */
			if (batch <= room && factor < 5)
				SET(k, pcp, per_cpu_pages, alloc_factor, factor + 1);
			batch = batch < room ? batch : room;
		}
	}
	if (batch > 1 && s->order)
		batch = batch >> s->order > 2 ? batch >> s->order : 2;
	return batch < 1 ? 1 : batch > 4096 ? 4096 : (unsigned)batch;
}

/* rmqueue_bulk(): fills the CPU's list from the buddy lists. */
static struct error *fill_pcp(const struct search *s, uint64_t list, const struct object *pcp)
{
	struct kernel *k = s->e->k;
	unsigned wanted = batch_size(s, pcp), n;
	uint64_t page;
	for (n = 0; n < wanted; n++) {
		TRY(rmqueue_buddy(s->e, s->zone, s->order, s->type, s->nofragment, &page));
		if (!page)
			break;
		TRY(list_add_tail(k, page + OFFSET(k, page, pcp_list), list));
	}
	TRACE(s->e, "rmqueue_bulk", n ? "the CPU's list is filled from the buddy lists" : "the buddy lists have none of this type", { "zone", s->zone },
	      { "order", s->order }, { "migratetype", s->type }, { "pages", n });
	ADD(k, pcp, per_cpu_pages, count, (int)n << s->order);
	mod_zone_state(s->e, s->zone, s->e->modern->free_pages, -((int)n << s->order));
	return NULL;
}

/* rmqueue_pcplist(): *page 0 when neither the CPU's list nor the type's blocks have one. */
static struct error *take_from_pcp(const struct search *s, uint64_t list, uint64_t *page)
{
	struct kernel *k = s->e->k;
	struct object pcp;
	uint64_t first, at = pcp_of(s), link = OFFSET(k, page, pcp_list);
	*page = 0;
	TRY(object_open_writable(k, at, S_per_cpu_pages, &pcp));
	TRY(kernel_read_pointer(k, list, &first));
	if (first == list) {
		TRY(fill_pcp(s, list, &pcp));
		TRY(kernel_read_pointer(k, list, &first));
		if (first == list)
			return NULL;
	}
	TRY(list_del(k, first));
	ADD(k, &pcp, per_cpu_pages, count, -(1 << s->order));
	SET(k, &pcp, per_cpu_pages, free_count, (uint64_t)((int64_t)(int16_t)GET(k, &pcp, per_cpu_pages, free_count) >> 1));
	*page = first - link;
	return NULL;
}

static void poison(const struct search *s, const struct page *p, uint64_t link)
{
	struct kernel *k = s->e->k;
	unsigned char *at = (unsigned char *)p->object.bytes + (link - p->object.addr);
	store_uint(at, k->arch->pointer_size, s->e->modern->list_poison);
	store_uint(at + k->arch->pointer_size, k->arch->pointer_size, s->e->modern->list_poison + 0x22);
}

/* post_alloc_hook(), prep_new_page(): one reference, no trace of the lists. */
static struct error *prep_new_page(const struct search *s, uint64_t page)
{
	struct kernel *k = s->e->k;
	struct page p;
	uint64_t pfn;
	if (!page_to_pfn(k, page, &pfn))
		return error_at(ERR_BAD_LIST, page, "a free list leads to no page: %" PRIx64, page);
	TRY(page_open_writable(s->e, page, &p));
	if (page_refcount(k, &p) || GET(k, &p.object, page, mapping) || page_mapcount_word(k, &p) != -1)
		return error_at(ERR_BAD_LIST, page, "a page in use is on a free list: %" PRIx64, page);
	SET(k, &p.object, page, private, 0);
	SET(k, &p.object, page, refcount, 1);
	poison(s, &p, page + OFFSET(k, page, pcp_list));
	return NULL;
}

/* ---- Through the zonelist ---- */

static struct error *policy_of_task(struct engine *e, bool *explained)
{
	uint64_t policy = 0;
	*explained = false;
	if (HAS(e->k, task_struct, mempolicy) && e->task)
		TRY(kernel_get(e->k, e->task, M_task_struct_mempolicy, &policy));
	if (!policy)
		return NULL;
	return fault_refuse(e, explained, "the task has a memory policy (%" PRIx64 "): which node it takes is not followed", policy);
}

/* The first zone that is above its mark; s->zone 0: none. */
static struct error *find_zone(struct search *s, enum page_class class, unsigned *at)
{
	struct engine *e = s->e;
	const struct node *n = s->node;
	uint64_t mark;
	s->highest = highest_zone(e, class);
	s->type = class == PAGES_MOVABLE ? e->modern->migrate_movable : class == PAGES_KERNEL ? e->modern->migrate_unmovable : e->modern->migrate_reclaimable;
	for (unsigned index; n && (s->zone = zonelist_zone(e, n, *at, &index)); ++*at) {
		if (index > s->highest)
			continue;
		TRY(object_open_writable(e->k, s->zone, S_zone, &s->o));
		bool ok = watermark_ok(s, 0, &mark);
		TRACE(e, "get_page_from_freelist", ok ? "the zone has enough" : "the zone is below its mark", { "zone", s->zone },
		      { "NR_FREE_PAGES", (uint64_t)zone_free(s) }, { s->mark == MARK_MIN ? "min watermark" : "low watermark", mark }, { "lowmem_reserve", (uint64_t)lowmem_reserve(s) });
		if (ok)
			return NULL;
	}
	s->zone = 0;
	return NULL;
}

/* alloc_flags_nofragment(), since 5.0: where the first zone is ZONE_NORMAL and the one below has memory. */
static bool avoids_fragments(struct search *s, enum page_class class)
{
	struct kernel *k = s->e->k;
	const struct node *n = s->node;
	unsigned at = 0, index;
	unsigned normal = s->e->modern->zone_normal;
	if (!HAS(k, zone, watermark_boost) || !n)
		return false;
	unsigned highest = highest_zone(s->e, class);
	uint64_t zone;
	while ((zone = zonelist_zone(s->e, n, at, &index)) && index > highest)
		at++;
	return zone && index == normal && zonelist_zone(s->e, n, at + 1, &index) && index + 1 == normal;
}

/* From the buddy lists at once: a block of an order that the CPU has no list for. */
static struct error *take_directly(const struct search *s, uint64_t *page)
{
	TRY(rmqueue_buddy(s->e, s->zone, s->order, s->type, s->nofragment, page));
	if (*page)
		mod_zone_state(s->e, s->zone, s->e->modern->free_pages, -(1 << s->order));
	return NULL;
}

struct error *pages_available(struct engine *e, enum page_class class, unsigned order, uint64_t *zone)
{
	struct search s = { .e = e, .order = order, .mark = MARK_LOW };
	unsigned at = 0;
	*zone = 0;
	TRY(nodes_open(e->k));
	s.node = node_of_cpu(e);
	for (;; at++) {
		TRY(find_zone(&s, class, &at));
		if (!s.zone)
			return NULL;
		uint64_t list = pcp_list(e, pcp_of(&s), order, s.type), first;
		bool listed = list && !error_drop(kernel_read_pointer(e->k, list, &first)) && first != list;
		if (listed || buddy_has_block(e, s.zone, order, s.type, false)) {
			*zone = s.zone;
			return NULL;
		}
	}
}

/* get_page_from_freelist(): *page 0 when no zone above its mark has one. */
static struct error *get_page_from_freelist(struct search *s, enum page_class class, uint64_t *page)
{
	struct engine *e = s->e;
	*page = 0;
	for (unsigned at = 0;; at++) {
		TRY(find_zone(s, class, &at));
		if (!s->zone && s->nofragment) {
			s->nofragment = false;
			at = 0;
			TRY(find_zone(s, class, &at));
		}
		if (!s->zone)
			return NULL;
		uint64_t list = pcp_list(s->e, pcp_of(s), s->order, s->type);
		if (list)
			TRY(take_from_pcp(s, list, page));
		else
			TRY(take_directly(s, page));
		if (!*page)
			continue;
		TRACE(e, "rmqueue", list ? "from the CPU's own list" : "from the buddy lists", { "zone", s->zone }, { "cpu", e->cpu }, { "order", s->order },
		      { "migratetype", s->type }, { "page", *page }, { "pfn", engine_page_pfn(e, *page) });
		return prep_new_page(s, *page);
	}
}

/* should_reclaim_retry(): could a zone be above its mark if all went that could, anonymous pages where there is swap for them? */
static struct error *could_be_reclaimed(struct search *s, bool *could)
{
	struct kernel *k = s->e->k;
	const struct node *n = s->node;
	uint64_t mark, pages, lists, swap = 0;
	const struct stat_item of_zone = s->e->modern->zone_lru_base;
	int lru_base = of_zone.group >= 0 ? of_zone.index : s->e->modern->lru_base.index;
	*could = false;
	if (symbol_addr(k, "nr_swap_pages"))
		TRY(kernel_read_symbol(k, "nr_swap_pages", 0, &swap));
	for (unsigned at = 0, index; n && !*could && (s->zone = zonelist_zone(s->e, n, at, &index)); at++) {
		if (index > s->highest)
			continue;
		TRY(object_open_writable(k, s->zone, S_zone, &s->o));
		pages = 0;
		for (int lru = (int64_t)swap > 0 ? 0 : 2; lru < 4; lru++) {
			TRY(kernel_read_pointer(k, s->zone + OFFSET(k, zone, vm_stat) + (uint64_t)(lru_base + lru) * k->arch->pointer_size,
						&lists));
			pages += lists;
		}
		*could = watermark_ok(s, (int64_t)pages, &mark);
	}
	return NULL;
}

/* __alloc_pages_direct_reclaim(): this task reclaims; what has become free and lies on the CPUs' lists goes to the buddy lists when that does not help. */
static struct error *alloc_pages_direct_reclaim(struct search *s, enum page_class class, unsigned *freed, bool *explained, uint64_t *page)
{
	struct engine *e = s->e;
	struct error *failure = try_to_free_pages_modern(e, s->highest, SWAP_CLUSTER_MAX, freed);
	*explained = false;
	if (failure && failure->code == ERR_UNSUPPORTED) {
		struct error *refused = fault_refuse(e, explained, "no zone has a free page above its min mark, and %s", failure->message);
		error_free(failure);
		return refused;
	}
	TRY(failure);
	TRY(get_page_from_freelist(s, class, page));
	if (*page || !*freed)
		return NULL;
	TRY(drain_all_pages(e));
	return get_page_from_freelist(s, class, page);
}

/* __alloc_pages_slowpath(): down to the min mark; then this task reclaims, for as long as that brings something; then somebody is killed. */
static struct error *alloc_pages_slowpath(struct search *s, enum page_class class, uint64_t *page)
{
	struct engine *e = s->e;
	bool explained, could;
	unsigned freed;
	if (!e->reclaiming)
		TRY(wake_all_kswapds(e, s->order, s->highest));
	s->mark = MARK_MIN;
	s->high = e->reclaiming;
	s->nofragment = false;
	TRY(get_page_from_freelist(s, class, page));
	if (!*page && (e->nowait || e->reclaiming))
		return kernel_error(ENOMEM, "no block of order %u is free, and the caller cannot wait", s->order);
	while (!*page) {
		could = true;
		for (unsigned rounds = 0; !*page && could && rounds <= MAX_RECLAIM_RETRIES; rounds++) {
			TRY(alloc_pages_direct_reclaim(s, class, &freed, &explained, page));
			if (explained)
				return NULL;
			rounds = freed ? 0 : rounds;
			if (!*page)
				TRY(could_be_reclaimed(s, &could));
		}
		if (*page)
			return NULL;
		if (s->order > COSTLY_ORDER)
			return kernel_error(ENOMEM, "no block of order %u is free, and for as large a one nobody is killed", s->order);
		TRY(out_of_memory(e));
		TRY(get_page_from_freelist(s, class, page));
	}
	return NULL;
}

/* ---- One frame, nothing being short ---- */

/* A word of the zone, be it in a struct (atomic_long_t): element i of an array. NULL where it is none. */
static const unsigned char *word_of_zone(const struct kernel *k, const struct object *zone, enum member_id id, uint64_t i)
{
	const struct member *m = &k->members[id];
	return m->stride == 8 && i < m->total / 8 && m->offset + 8 * i + 8 <= zone->size ? zone->bytes + m->offset + 8 * i : NULL;
}

/* What the kernel does not have counts as 0. */
static const unsigned char *word_or_none(const struct kernel *k, const struct object *zone, enum member_id id, uint64_t i)
{
	static const unsigned char none[8];
	return k->members[id].present && i < k->members[id].total / 8 ? word_of_zone(k, zone, id, i) : none;
}

static struct error *find_supply(struct engine *e, enum page_class class, struct near_supply *n)
{
	struct kernel *k = e->k;
	struct search s = { .e = e };
	struct object pcp;
	unsigned index, type = class == PAGES_MOVABLE ? e->modern->migrate_movable : class == PAGES_KERNEL ? e->modern->migrate_unmovable : e->modern->migrate_reclaimable;
	const struct zone *z = NULL;
	struct stat_item free = e->modern->free_pages;
	TRY(nodes_open(k));
	*n = (struct near_supply){ .made = near_now(e) };
	s.node = node_of_cpu(e);
	s.highest = highest_zone(e, class);
	for (unsigned at = 0; s.node && (s.zone = zonelist_zone(e, s.node, at, &index)) && index > s.highest; at++)
		;
	for (size_t i = 0; s.zone && (z = zones_get(k, i)) && z->addr != s.zone; i++)
		;
	if (!z || free.group != VMSTAT_ZONE || HAS(k, per_cpu_pages, free_count))
		return NULL;
	TRY(object_open(k, s.zone, S_zone, &s.o));
	n->free = word_of_zone(k, &s.o, M_zone_vm_stat, (uint64_t)free.index);
	n->highatomic = word_or_none(k, &s.o, M_zone_nr_reserved_highatomic, 0);
	n->mark = HAS(k, zone, watermark) ? word_of_zone(k, &s.o, M_zone_watermark, MARK_LOW) : word_of_zone(k, &s.o, M_zone_pages_low, 0);
	n->boost = word_or_none(k, &s.o, M_zone_watermark_boost, 0);
	n->reserve = word_or_none(k, &s.o, M_zone_lowmem_reserve, s.highest);
	TRY(object_open_writable(k, pcp_of(&s), S_per_cpu_pages, &pcp));
	n->head = pcp_list(e, pcp.addr, 0, type);
	n->list = n->head ? kernel_near_writable(k, n->head, 16) : NULL;
	n->count = k->members[M_per_cpu_pages_count].end4 ? (unsigned char *)pcp.bytes + k->members[M_per_cpu_pages_count].offset : NULL;
	if (n->free && n->highatomic && n->mark && n->boost && n->reserve && n->list && n->count)
		n->zone = near_find_zone(e, z);
	return NULL;
}

static bool has_policy(struct engine *e)
{
	const unsigned char *p = e->task && HAS(e->k, task_struct, mempolicy) ? kernel_near(e->k, e->task + OFFSET(e->k, task_struct, mempolicy), 8) : NULL;
	return p ? near_word(p) : e->task && HAS(e->k, task_struct, mempolicy);
}

bool near_take_page(struct engine *e, uint64_t now, enum page_class class, struct near_frame *out)
{
	const struct engine_near *words = e->near;
	struct near_supply *n = &e->near->supplies[class];
	if (e->trace || !now)
		return false;
	if (!near_holds(n->made, now) && error_drop(find_supply(e, class, n)))
		return false;
	if (!n->zone || has_policy(e))
		return false;
	/* watermark_ok() */
	int64_t free = (int64_t)(near_word(n->free) - near_word(n->highatomic));
	if (free <= (int64_t)(near_word(n->mark) + near_word(n->boost) + near_word(n->reserve)))
		return false;
	uint64_t first = near_word(n->list), page = first - words->pcp_list;
	if (first == n->head || !near_is_page(e, n->zone, page))
		return false;
	unsigned char *p = near_page(e, page);
	if (!p)
		return false;
	/* take_from_pcp(), prep_new_page() */
	if (load_uint(p + words->refcount, 4) || near_word(p + words->mapping) || (uint32_t)load_uint(p + words->mapcount, 4) != UINT32_MAX ||
	    !near_list_del(e->k, first, p + words->pcp_list))
		return false;
	store_uint(n->count, 4, load_uint(n->count, 4) - 1);
	store_uint(p + words->private, 8, 0);
	store_uint(p + words->refcount, 4, 1);
	store_uint(p + words->pcp_list, 8, e->modern->list_poison);
	store_uint(p + words->pcp_list + 8, 8, e->modern->list_poison + 0x22);
	*out = (struct near_frame){ page, p, n->zone };
	return true;
}

struct error *alloc_pages_pcp(struct engine *e, enum page_class class, unsigned order, uint64_t *page)
{
	struct search s = { .e = e, .order = order, .mark = MARK_LOW };
	struct near_frame frame;
	bool explained;
	*page = 0;
	TRY(should_fail(e));
	if (!order && near_take_page(e, near_now(e), class, &frame)) {
		*page = frame.page;
		return NULL;
	}
	TRY(nodes_open(e->k));
	TRY(policy_of_task(e, &explained));
	if (explained)
		return NULL;
	s.node = node_of_cpu(e);
	s.nofragment = avoids_fragments(&s, class);
	TRY(get_page_from_freelist(&s, class, page));
	return *page ? NULL : alloc_pages_slowpath(&s, class, page);
}
