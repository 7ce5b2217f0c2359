/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How long the CPUs' lists of free pages may become, and how many of them go to the buddy lists when they are, since 6.7 (mm/page_alloc.c: nr_pcp_high(), nr_pcp_free()): between
 * two bounds the length follows what is freed and allocated in a row.
 */
#include <inttypes.h>

#include "mm/engine/buddy_edit.h"
#include "mm/zone.h"

#define BATCH_SCALE_MAX		 5 /* CONFIG_PCP_BATCH_SCALE_MAX, unless configured otherwise */
#define COSTLY_ORDER		 3
#define PCPF_PREV_FREE_HIGH_ORDER 1 /* include/linux/mmzone.h */
#define PCPF_FREE_HIGH_BATCH	 2
#define WMARK_HIGH		 2

struct tuning {
	struct engine *e;
	const struct object *pcp;
	struct object zone;
	int64_t batch, low, top, count, freed; /* top: high_max; freed: in a row */
	bool free_high;			       /* many blocks of several pages in a row */
};

static bool zone_is(const struct tuning *t, int bit)
{
	return bit >= 0 && GET(t->e->k, &t->zone, zone, zone_flags) >> bit & 1;
}

static int64_t clamp(int64_t n, int64_t low, int64_t top)
{
	return n < low ? low : n > top ? top : n;
}

static int64_t most(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* nr_pcp_high(): from how many pages on it is too many; as a new bound is set. */
static int64_t nr_pcp_high(const struct tuning *t)
{
	struct kernel *k = t->e->k;
	int64_t high = clamp((int32_t)GET(k, t->pcp, per_cpu_pages, high), t->low, t->top), result = high, now = high;
	if (high && t->free_high) {
		now = most(high - (t->batch << BATCH_SCALE_MAX), t->low);
		result = 0;
	} else if (high && zone_is(t, t->e->modern->zone_reclaim_active)) {
		now = most(high - most(t->freed, t->batch), t->low);
		result = t->batch << 2 < now ? t->batch << 2 : now;
	} else if (high && t->low != t->top && zone_is(t, t->e->modern->zone_below_high)) {
		now = most(high - most(t->freed, t->batch), t->low);
		result = most(t->count, t->low);
	} else if (high && t->low != t->top && t->count >= high && high < t->freed + t->batch) {
		now = clamp(t->freed + t->batch, t->low, t->top);
	}
	SET(k, t->pcp, per_cpu_pages, high, (uint64_t)now);
	return result;
}

/* Blocks of several pages, but no huge ones, are not to lie about when only freeing goes on. */
static void note_order(struct tuning *t, unsigned order)
{
	struct kernel *k = t->e->k;
	uint64_t flags = GET(k, t->pcp, per_cpu_pages, flags);
	/* Since 7.0 more must have been freed; its reasons to call kswapd again tell it. */
	int64_t enough = t->batch + (t->e->modern->pcp_in_batches ? t->low / 2 : 0);
	if (order && order <= COSTLY_ORDER) {
		t->free_high = t->freed >= enough && (flags & PCPF_PREV_FREE_HIGH_ORDER) && (!(flags & PCPF_FREE_HIGH_BATCH) || t->count >= t->batch);
		flags |= PCPF_PREV_FREE_HIGH_ORDER;
	} else {
		flags &= ~(uint64_t)PCPF_PREV_FREE_HIGH_ORDER;
	}
	SET(k, t->pcp, per_cpu_pages, flags, flags);
	if (t->freed < t->batch << BATCH_SCALE_MAX)
		t->freed += 1ll << order;
	SET(k, t->pcp, per_cpu_pages, free_count, (uint64_t)t->freed);
}

struct error *pcp_surplus(struct engine *e, const struct object *pcp, uint64_t zone, unsigned order, int32_t *surplus)
{
	struct kernel *k = e->k;
	struct tuning t = {
		.e = e,
		.pcp = pcp,
		.batch = (int32_t)GET(k, pcp, per_cpu_pages, batch),
		.low = (int32_t)GET(k, pcp, per_cpu_pages, high_min),
		.top = (int32_t)GET(k, pcp, per_cpu_pages, high_max),
		.count = (int32_t)GET(k, pcp, per_cpu_pages, count),
		.freed = (int16_t)GET(k, pcp, per_cpu_pages, free_count),
	};
	*surplus = 0;
	TRY(object_open(k, zone, S_zone, &t.zone));
	if (t.batch < 1 || t.batch > 1 << 20 || t.low < 0 || t.top < t.low)
		return error_at(ERR_BAD_OBJECT, pcp->addr, "CPU %u's lists of free pages are damaged: batch %" PRId64 ", from %" PRId64 " to %" PRId64 " pages", e->cpu, t.batch, t.low, t.top);
	SET(k, pcp, per_cpu_pages, alloc_factor, GET(k, pcp, per_cpu_pages, alloc_factor) >> 1);
	note_order(&t, order);
	int64_t high = nr_pcp_high(&t);
	if (t.count < high)
		return NULL;
	/* nr_pcp_free() */
	if (t.free_high)
		*surplus = (int32_t)(t.batch << BATCH_SCALE_MAX);
	else if (high < t.batch)
		*surplus = 1;
	else
		*surplus = (int32_t)(t.freed < t.batch ? t.batch : t.freed > high - t.batch ? high - t.batch : t.freed);
	TRACE(e, "nr_pcp_free", "the CPU's lists are longer than they may be", { "cpu", e->cpu }, { "count", (uint64_t)t.count }, { "high", (uint64_t)high },
	      { "free_count", (uint64_t)t.freed }, { "batch", (uint64_t)t.batch }, { "pages", (uint64_t)*surplus });
	return NULL;
}

struct error *pcp_above_high(struct engine *e, uint64_t zone)
{
	struct kernel *k = e->k;
	struct object z;
	uint64_t free;
	int bit = e->modern->zone_below_high;
	if (bit < 0)
		return NULL;
	TRY(object_open_writable(k, zone, S_zone, &z));
	uint64_t flags = GET(k, &z, zone, zone_flags);
	if (!(flags >> bit & 1) || e->modern->free_pages.group != VMSTAT_ZONE)
		return NULL;
	TRY(kernel_read_pointer(k, zone + OFFSET(k, zone, vm_stat) + (uint64_t)e->modern->free_pages.index * k->arch->pointer_size, &free));
	uint64_t mark = object_get_element(k, &z, M_zone_watermark, WMARK_HIGH) + GET(k, &z, zone, watermark_boost) +
			object_get_element(k, &z, M_zone_lowmem_reserve, e->modern->zone_movable);
	if ((int64_t)free > (int64_t)mark)
		SET(k, &z, zone, zone_flags, flags & ~(1ull << bit));
	return NULL;
}
