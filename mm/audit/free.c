/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Free memory: the buddy allocator's lists, the CPUs' lists, and what zones count of them (mm/page_alloc.c).
 */
#include <inttypes.h>
#include <stdio.h>

#include "mm/audit/parts.h"
#include "mm/list.h"

#define TYPES_MAX 32

struct zone_walk {
	struct audit *a;
	const struct zone *zone;
	enum audit_line_kind kind; /* of what is found: busy while the zone's lock is held */
	unsigned order, type;
	uint64_t blocks;	  /* of the order */
	bool damaged, any_damaged; /* a list of the order, of any, could not be read to its end */
	uint64_t frames[TYPES_MAX]; /* by migrate type */
	uint64_t big[TYPES_MAX];  /* … in blocks of at least pageblock_order */
	unsigned pageblock_order;
};

static bool see_block(void *context, uint64_t page, uint64_t pfn)
{
	struct zone_walk *w = context;
	struct audit *a = w->a;
	uint64_t size = 1ull << w->order;
	w->blocks++;
	w->frames[w->type] += size;
	if (w->order >= w->pageblock_order)
		w->big[w->type] += size;
	a->about_pfn = pfn;
	/* 2.4 aligned blocks to the zone's start. */
	uint64_t from = page_marks_free(a->k) ? 0 : w->zone->start_pfn;
	if ((pfn - from) & (size - 1))
		audit_say(a, AUDIT_FREE_LISTS, w->kind, page, "zone %s: free block of order %u at frame %" PRIx64 ", which is not aligned",
			  w->zone->name, w->order, pfn);
	if (pfn + size > w->zone->start_pfn + w->zone->spanned_pages)
		audit_say(a, AUDIT_FREE_LISTS, w->kind, page, "zone %s: free block of order %u at frame %" PRIx64 " reaches beyond the zone",
			  w->zone->name, w->order, pfn);
	for (uint64_t i = 0; i < size; i++) {
		struct audit_frame *f = audit_frame(a, pfn + i);
		if (f && f->use == AUDIT_USE_FREE) {
			audit_say(a, AUDIT_FREE_LISTS, w->kind, page, "zone %s: frame %" PRIx64 " is in two free blocks (one of order %u at %" PRIx64 ")",
				  w->zone->name, pfn + i, w->order, pfn);
			break;
		}
		if (!f) {
			audit_say(a, AUDIT_FREE_LISTS, w->kind, page, "zone %s: free block of order %u at frame %" PRIx64 " has frames without struct page",
				  w->zone->name, w->order, pfn);
			break;
		}
		f->use = AUDIT_USE_FREE;
	}
	struct audit_frame *head = audit_frame(a, pfn);
	if (head)
		head->batch = (uint16_t)(w->order + 1); /* of a free block's first frame: for the bitmaps, and the frames' pass */
	return true;
}

static void count_differs(struct zone_walk *w, const char *what, int64_t counted, int64_t found)
{
	audit_checked(w->a, AUDIT_FREE_COUNTS, 1);
	if (counted != found)
		audit_say(w->a, AUDIT_FREE_COUNTS, w->kind, w->zone->addr, "node %u, zone %s: %s is %" PRId64 ", on the lists: %" PRId64, w->zone->node,
			  w->zone->name, what, counted, found);
}

static bool zone_counter(struct audit *a, const struct zone *z, const char *name, int64_t *value)
{
	const char *at;
	for (size_t i = 0; (at = vmstat_name(a->k, VMSTAT_ZONE, i)); i++) {
		if (strcmp(at, name))
			continue;
		*value = zone_vmstat(a->k, z, i) + zone_vmstat_unfolded(a->k, z, i);
		return true;
	}
	return false;
}

static int migratetype(struct audit *a, const char *name)
{
	int64_t value;
	return enumerator_find(a->k, name, &value) && value >= 0 && value < TYPES_MAX ? (int)value : -1;
}

/* Isolated blocks stand on lists, and are not counted as free (mm/page_isolation.c). */
static void compare_counts(struct zone_walk *w)
{
	struct audit *a = w->a;
	struct kernel *k = a->k;
	int isolate = migratetype(a, "MIGRATE_ISOLATE"), cma = migratetype(a, "MIGRATE_CMA"), highatomic = migratetype(a, "MIGRATE_HIGHATOMIC");
	int64_t counted, sum = 0, big = 0;
	for (int type = 0; type < TYPES_MAX; type++) {
		if (type == isolate)
			continue;
		sum += (int64_t)w->frames[type];
		big += (int64_t)w->big[type];
	}
	if (zone_counter(a, w->zone, "NR_FREE_PAGES", &counted))
		count_differs(w, "NR_FREE_PAGES", counted, sum);
	else if (HAS(k, zone, free_pages))
		count_differs(w, "free_pages", (int64_t)GET(k, &w->zone->object, zone, free_pages), sum);
	if (cma >= 0 && zone_counter(a, w->zone, "NR_FREE_CMA_PAGES", &counted))
		count_differs(w, "NR_FREE_CMA_PAGES", counted, (int64_t)w->frames[cma]);
	if (zone_counter(a, w->zone, "NR_FREE_PAGES_BLOCKS", &counted))
		count_differs(w, "NR_FREE_PAGES_BLOCKS", counted, big);
	if (highatomic >= 0 && HAS(k, zone, nr_free_highatomic))
		count_differs(w, "nr_free_highatomic", (int64_t)GET(k, &w->zone->object, zone, nr_free_highatomic), (int64_t)w->frames[highatomic]);
}

/*
 * Before blocks were marked (2.6.17): the bit of a pair of buddies is set when one of them, and not the other, is a free block of that order.
 */
static struct error *check_bitmap(struct zone_walk *w, unsigned order)
{
	struct audit *a = w->a;
	struct kernel *k = a->k;
	const struct zone *z = w->zone;
	uint64_t area = z->addr + OFFSET(k, zone, free_area) + (uint64_t)order * SIZE_OF(k, free_area), map;
	TRY(kernel_get(k, area, M_free_area_map, &map));
	for (uint64_t i = 0; i + (1ull << order) < z->spanned_pages; i += 2ull << order) {
		uint64_t word, bit = i >> (order + 1);
		const struct audit_frame *first = audit_frame(a, z->start_pfn + i);
		bool is_first = first && first->use == AUDIT_USE_FREE && first->batch == order + 1;
		const struct audit_frame *second = audit_frame(a, z->start_pfn + i + (1ull << order));
		bool is_second = second && second->use == AUDIT_USE_FREE && second->batch == order + 1;
		TRY(kernel_read_uint(k, map + bit / 32 * 4, 4, &word));
		a->about_pfn = z->start_pfn + i;
		if ((word >> bit % 32 & 1) != (is_first ^ is_second))
			audit_say(a, AUDIT_FREE_LISTS, w->kind, map, "zone %s: the bitmap of order %u and the list disagree at frame %" PRIx64, z->name,
				  order, z->start_pfn + i);
		else if (is_first && is_second)
			audit_say(a, AUDIT_FREE_LISTS, w->kind, map, "zone %s: two free buddies of order %u are not merged at frame %" PRIx64,
				  z->name, order, z->start_pfn + i);
	}
	a->about_pfn = UINT64_MAX;
	return NULL;
}

static struct error *check_zone(struct audit *a, const struct zone *z)
{
	struct kernel *k = a->k;
	struct zone_walk w = {.a = a, .zone = z};
	uint64_t order;
	w.kind = audit_locked(a, z->addr, M_zone_lock) ? AUDIT_BUSY : AUDIT_FINDING;
	/* A variable where hugetlb sizes can be chosen (CONFIG_HUGETLB_PAGE_SIZE_VARIABLE), else that of a huge page. */
	w.pageblock_order = error_drop(kernel_read_symbol(k, "pageblock_order", 4, &order)) ? a->huge_shift : (unsigned)order;
	for (w.order = 0; w.order < free_area_orders(k); w.order++) {
		char what[32];
		w.blocks = 0;
		w.damaged = false;
		for (w.type = 0; w.type < free_area_types(k); w.type++) {
			struct error *e = free_list_walk(k, z, w.order, w.type, see_block, &w);
			a->about_pfn = UINT64_MAX;
			w.damaged |= e != NULL;
			if (w.kind == AUDIT_BUSY && e && e->code == ERR_BAD_LIST)
				audit_say(a, AUDIT_FREE_LISTS, AUDIT_BUSY, e->addr, "%s", e->message);
			else
				TRY(audit_take(a, AUDIT_FREE_LISTS, 0, e));
		}
		audit_checked(a, AUDIT_FREE_LISTS, w.blocks);
		snprintf(what, sizeof(what), "nr_free of order %u", w.order);
		w.any_damaged |= w.damaged;
		a->lists_damaged |= w.damaged;
		if (HAS(k, free_area, nr_free) && !w.damaged)
			count_differs(&w, what, (int64_t)free_area_count(k, z, w.order), (int64_t)w.blocks);
	}
	if (w.any_damaged)
		return NULL;
	compare_counts(&w);
	if (HAS(k, free_area, map))
		for (unsigned o = 0; o + 1 < free_area_orders(k); o++)
			TRY(audit_take(a, AUDIT_FREE_LISTS, 0, check_bitmap(&w, o)));
	return NULL;
}

/* ---- The CPUs' lists ---- */

struct cpu_walk {
	struct audit *a;
	const struct zone *zone;
	unsigned cpu, order;
	uint64_t frames;
};

static bool see_cpu_page(void *context, uint64_t node)
{
	struct cpu_walk *w = context;
	struct audit *a = w->a;
	uint64_t pfn, page = node - OFFSET(a->k, page, pcp_list);
	if (!page_to_pfn(a->k, page, &pfn)) {
		audit_find(a, AUDIT_CPU_LISTS, page, "zone %s, CPU %u: no struct page on a list of free pages: %" PRIx64, w->zone->name, w->cpu, page);
		return false;
	}
	a->about_pfn = pfn;
	if (pfn - w->zone->start_pfn >= w->zone->spanned_pages)
		audit_find(a, AUDIT_CPU_LISTS, page, "zone %s, CPU %u: frame %" PRIx64 " of another zone on its list", w->zone->name, w->cpu, pfn);
	for (uint64_t i = 0; i < 1ull << w->order; i++) {
		struct audit_frame *f = audit_frame(a, pfn + i);
		if (!f || f->use != AUDIT_USE_NONE) {
			audit_find(a, AUDIT_CPU_LISTS, page, "zone %s, CPU %u: frame %" PRIx64 " is on its list, and %s", w->zone->name, w->cpu, pfn + i,
				   !f ? "has no struct page" : f->use == AUDIT_USE_FREE ? "in a free block" : "on a CPU's list already");
			break;
		}
		f->use = AUDIT_USE_CPU_FREE;
	}
	a->about_pfn = UINT64_MAX;
	w->frames += 1ull << w->order;
	return true;
}

/*
 * The order of the blocks on list i. Since 5.14 there is a list for each order up to PAGE_ALLOC_COSTLY_ORDER and migrate type
 * (MIGRATE_PCPTYPES of them), and one or two more for huge pages; before, only single pages (include/linux/mmzone.h).
 */
static unsigned list_order(const struct audit *a, unsigned i, unsigned lists)
{
	int64_t types;
	if (!enumerator_find(a->k, "MIGRATE_PCPTYPES", &types) || types < 1 || lists <= types)
		return 0;
	unsigned order = i / (unsigned)types;
	return order <= 3 ? order : a->huge_shift;
}

static struct error *check_cpu(struct audit *a, const struct zone *z, unsigned cpu, uint64_t pcp)
{
	struct kernel *k = a->k;
	const struct member *lists = &k->members[M_per_cpu_pages_lists];
	unsigned count = lists->total / SIZE_OF(k, list_head);
	struct cpu_walk w = {.a = a, .zone = z, .cpu = cpu};
	uint64_t counted;
	TRY(kernel_get(k, pcp, M_per_cpu_pages_count, &counted));
	for (unsigned i = 0; i < count; i++) {
		w.order = list_order(a, i, count);
		TRY(audit_take(a, AUDIT_CPU_LISTS, 0, list_for_each(k, pcp + lists->offset + (uint64_t)i * SIZE_OF(k, list_head), see_cpu_page, &w)));
	}
	audit_checked(a, AUDIT_CPU_LISTS, w.frames);
	if (counted != w.frames)
		audit_find(a, AUDIT_CPU_LISTS, pcp, "node %u, zone %s, CPU %u: count is %" PRIu64 ", on its lists: %" PRIu64, z->node, z->name, cpu, counted,
			   w.frames);
	return NULL;
}

static struct error *check_cpus(struct audit *a, const struct zone *z)
{
	struct kernel *k = a->k;
	uint64_t percpu = GET(k, &z->object, zone, pageset);
	if (!HAS_STRUCT(k, per_cpu_pages) || !HAS(k, per_cpu_pages, lists)) {
		audit_skip(a, AUDIT_CPU_LISTS, "this kernel has no per-CPU lists of free pages");
		return NULL;
	}
	if (k->members[M_zone_pageset].count != 1) {
		audit_skip(a, AUDIT_CPU_LISTS, "per-CPU lists of this form are not known");
		return NULL;
	}
	for (unsigned cpu = 0; percpu && cpu < k->cpus; cpu++) {
		uint64_t pcp = percpu_ptr(k, percpu, cpu) + (HAS_STRUCT(k, per_cpu_pageset) ? OFFSET(k, per_cpu_pageset, pcp) : 0);
		TRY(audit_take(a, AUDIT_CPU_LISTS, pcp, check_cpu(a, z, cpu, pcp)));
	}
	return NULL;
}

struct error *audit_free_lists(struct audit *a)
{
	for (size_t i = 0; i < zones_count(a->k); i++) {
		const struct zone *z = zones_get(a->k, i);
		if (!z->spanned_pages)
			continue;
		a->about_zone = z->name;
		TRY(check_zone(a, z));
	}
	/* The blocks of all zones first: a page of both is in a free block. */
	for (size_t i = 0; i < zones_count(a->k); i++) {
		const struct zone *z = zones_get(a->k, i);
		a->about_zone = z->name;
		if (z->spanned_pages)
			TRY(check_cpus(a, z));
	}
	return NULL;
}
