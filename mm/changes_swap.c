/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Changed slots of swap areas (swap_info_struct.swap_map): how many entries and caches hold each.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "mm/changes_parts.h"
#include "mm/swap.h"

/* A terabyte: no image that is looked at has more; a number from one may say anything. */
#define SLOTS_MAX (1ull << 28)

/* Bytes of a slot's count: shorts until 2.6.32, which swap_count.c tells by the same member. */
static unsigned slot_size(const struct kernel *k)
{
	return HAS(k, swap_info_struct, type) ? 1 : 2;
}

static void visit_slots(const struct changes *c, const struct swap_area *area, uint64_t first, uint64_t count, const unsigned char *before,
			const unsigned char *now)
{
	const unsigned size = slot_size(c->k);
	for (uint64_t i = 0; i < count; i++) {
		char owner[300];
		struct change change = { .object = "swap_map", .addr = area->swap_map + (first + i) * size, .owner = owner };
		change.before = load_uint(before + i * size, size);
		change.now = load_uint(now + i * size, size);
		if (change.before == change.now)
			continue;
		/* What is more than a count: SWAP_HAS_CACHE, COUNT_CONTINUED. */
		change.is_hex = size == 1;
		snprintf(owner, sizeof(owner), "slot %" PRIu64 " of %s", first + i, area->path);
		c->visit(c->context, &change);
	}
}

/* The part of the area's swap_map that is in the frame. */
static bool visit_area(const struct changes *c, const struct swap_area *area, uint64_t phys)
{
	struct kernel *k = c->k;
	const uint64_t page_size = 1ull << k->arch->page_shift, start = area->swap_map, end = start + area->max * slot_size(k);
	unsigned char before[VMCORE_PAGE_SIZE], now[VMCORE_PAGE_SIZE];
	uint64_t at;
	if (!start || area->max > SLOTS_MAX || end < start)
		return false;
	for (uint64_t page = start & -page_size; page < end; page += page_size) {
		if (!kernel_try_vtop(k, page, &at) || at != phys)
			continue;
		uint64_t from = page > start ? page : start, to = page + page_size < end ? page + page_size : end;
		if (!changes_before(c, phys + (from - page), before, to - from) || !changes_now(c, phys + (from - page), now, to - from))
			return false;
		visit_slots(c, area, (from - start) / slot_size(k), (to - from) / slot_size(k), before, now);
		return true;
	}
	return false;
}

bool changes_of_swap_map(const struct changes *c, uint64_t phys)
{
	struct swap_area area;
	if (!HAS(c->k, swap_info_struct, swap_map))
		return false;
	for (unsigned i = 0; i < swap_areas_count(c->k); i++) {
		if (swap_area_get(c->k, i, &area) && visit_area(c, &area, phys))
			return true;
	}
	return false;
}
