/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The buddy lists by migrate type (mm/page_alloc.c since 2.6.24): blocks taken, from another type's pageblocks where the own have none; given back and joined.
 */
#include <inttypes.h>

#include "mm/engine/buddy_edit.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/near.h"
#include "mm/memmap.h"
#include "mm/pageblock.h"
#include "mm/state.h"
#include "mm/zone.h"

/* ---- Free lists ---- */

static uint64_t area_of(struct engine *e, uint64_t zone, unsigned order)
{
	return zone + OFFSET(e->k, zone, free_area) + (uint64_t)order * SIZE_OF(e->k, free_area);
}

static uint64_t block_list(struct engine *e, uint64_t zone, unsigned order, unsigned type)
{
	return area_of(e, zone, order) + OFFSET(e->k, free_area, free_list) + (uint64_t)type * SIZE_OF(e->k, list_head);
}

/* The first block of a list; 0 when it is empty. */
static uint64_t first_block(struct engine *e, uint64_t zone, unsigned order, unsigned type)
{
	const struct near_zone *z = near_zone_at(e, zone);
	uint64_t head, first;
	if (z && z->areas && type < z->types) {
		uint32_t list = order * z->area_size + z->free_list + 16 * type;
		first = near_word(z->areas + list);
		return first == z->areas_addr + list ? 0 : first - e->near->buddy_list;
	}
	head = block_list(e, zone, order, type);
	return !error_drop(kernel_read_pointer(e->k, head, &first)) && first != head ? first - OFFSET(e->k, page, buddy_list) : 0;
}

static struct error *count_blocks(struct engine *e, uint64_t zone, unsigned order, int n)
{
	struct kernel *k = e->k;
	uint64_t at = area_of(e, zone, order), v;
	TRY(kernel_get(k, at, M_free_area_nr_free, &v));
	/* Whole pageblocks, counted since 6.17. */
	if (e->modern->free_blocks.group == VMSTAT_ZONE && order >= pageblock_order(e->k))
		mod_zone_state(e, zone, e->modern->free_blocks, n * (1 << order));
	return kernel_write_pointer(k, at + OFFSET(k, free_area, nr_free), v + (uint64_t)(int64_t)n);
}

static struct error *mark_free(struct engine *e, uint64_t page, unsigned order, bool is_free)
{
	struct kernel *k = e->k;
	struct page p;
	TRY(page_open_writable(e, page, &p));
	SET(k, &p.object, page, page_type, is_free ? page_type_word(&k->mm->pages->words.buddy) : UINT32_MAX);
	SET(k, &p.object, page, private, is_free ? order : 0);
	return NULL;
}

static struct error *check_block(struct engine *e, uint64_t page, unsigned order)
{
	struct page p;
	TRY(page_open(e->k, page, &p));
	if (!page_is_buddy(e->k, &p) || GET(e->k, &p.object, page, private) != order || page_refcount(e->k, &p))
		return error_at(ERR_BAD_LIST, page, "a free list has a page that is not free: %" PRIx64, page);
	return NULL;
}

/* ---- The same where all of it is near ---- */

static inline void near_mark(const struct engine_near *n, unsigned char *p, uint32_t type, uint64_t order)
{
	store_uint(p + n->page_type, 4, type);
	store_uint(p + n->private, 8, order);
}

static inline void near_count_blocks(const struct near_zone *z, unsigned order, int n)
{
	unsigned char *at = z->areas + order * z->area_size + z->nr_free;
	store_uint(at, 8, near_word(at) + (uint64_t)(int64_t)n);
}

/* Lists of free blocks, when nothing else counts those. */
static inline const struct near_zone *near_areas(const struct engine *e, uint64_t zone)
{
	const struct near_zone *z = near_zone_at(e, zone);
	return z && z->areas && e->modern->free_blocks.group < 0 ? z : NULL;
}

/* take_off(); false: the general way. */
static inline bool near_take_off(struct engine *e, const struct near_zone *z, uint64_t page, unsigned order)
{
	const struct engine_near *n = e->near;
	unsigned char *p = near_is_page(e, z, page) ? near_page(e, page) : NULL;
	if (!p || load_uint(p + n->page_type, 4) != n->buddy || near_word(p + n->private) != order || load_uint(p + n->refcount, 4) ||
	    !near_list_del(e->k, page + n->buddy_list, p + n->buddy_list))
		return false;
	near_count_blocks(z, order, -1);
	near_mark(n, p, UINT32_MAX, 0);
	return true;
}

/* put_on() at the list's beginning; false: the general way. */
static inline bool near_put_on(struct engine *e, const struct near_zone *z, uint64_t page, unsigned order, unsigned type)
{
	const struct engine_near *n = e->near;
	uint32_t list = order * z->area_size + z->free_list + 16 * type;
	unsigned char *p = near_is_page(e, z, page) ? near_page(e, page) : NULL;
	if (!p || type >= z->types || !near_list_add(e->k, page + n->buddy_list, p + n->buddy_list, z->areas_addr + list, z->areas + list))
		return false;
	near_mark(n, p, n->buddy, order);
	near_count_blocks(z, order, 1);
	return true;
}

/* ---- One block ---- */

static struct error *take_off(struct engine *e, uint64_t zone, uint64_t page, unsigned order)
{
	const struct near_zone *z = near_areas(e, zone);
	if (z && near_take_off(e, z, page, order))
		return NULL;
	TRY(check_block(e, page, order));
	TRY(list_del(e->k, page + OFFSET(e->k, page, buddy_list)));
	TRY(count_blocks(e, zone, order, -1));
	return mark_free(e, page, order, false);
}

static struct error *put_on(struct engine *e, uint64_t zone, uint64_t page, unsigned order, unsigned type, bool last)
{
	const struct near_zone *z = last ? NULL : near_areas(e, zone);
	if (z && near_put_on(e, z, page, order, type))
		return NULL;
	uint64_t node = page + OFFSET(e->k, page, buddy_list), head = block_list(e, zone, order, type);
	TRY(mark_free(e, page, order, true));
	TRY(last ? list_add_tail(e->k, node, head) : list_add(e->k, node, head));
	return count_blocks(e, zone, order, 1);
}

/* __rmqueue_smallest(): *page 0 when the type has no block left. */
static struct error *take_smallest(struct engine *e, uint64_t zone, unsigned wanted, unsigned type, uint64_t *page)
{
	for (unsigned order = wanted; order < free_area_orders(e->k); order++) {
		*page = first_block(e, zone, order, type);
		if (!*page)
			continue;
		TRY(take_off(e, zone, *page, order));
		/* expand(): the upper halves go back. */
		while (order > wanted) {
			order--;
			TRY(put_on(e, zone, *page + ((uint64_t)e->page_size << order), order, type, false));
		}
		return NULL;
	}
	*page = 0;
	return NULL;
}

/* ---- Pageblocks ---- */

struct error *pageblock_type(struct engine *e, uint64_t page, unsigned *type)
{
	return pageblock_migratetype(e->k, engine_page_pfn(e, page), type)
		       ? NULL
		       : error_at(ERR_UNSUPPORTED, page, "where this kernel keeps the types of pageblocks is not known");
}

static struct error *set_pageblock_type(struct engine *e, uint64_t page, unsigned type)
{
	uint64_t at, word;
	unsigned shift;
	if (!pageblock_word(e->k, engine_page_pfn(e, page), &at, &shift))
		return error_at(ERR_UNSUPPORTED, page, "where this kernel keeps the types of pageblocks is not known");
	TRY(kernel_read_pointer(e->k, at, &word));
	return kernel_write_pointer(e->k, at, (word & ~(7ull << shift)) | (uint64_t)type << shift);
}

/* ---- Another type's blocks ---- */

/* fallbacks[]: in which order the others are looked at. */
static unsigned fallback(const struct engine *e, unsigned type, unsigned i)
{
	const struct engine_modern *m = e->modern;
	if (type == m->migrate_unmovable)
		return i ? m->migrate_movable : m->migrate_reclaimable;
	if (type == m->migrate_movable)
		return i ? m->migrate_unmovable : m->migrate_reclaimable;
	return i ? m->migrate_movable : m->migrate_unmovable;
}

/* find_suitable_fallback(): the first block of that order; 0. */
static uint64_t fallback_block(struct engine *e, uint64_t zone, unsigned order, unsigned type, unsigned *of)
{
	for (unsigned i = 0; i < 2; i++) {
		*of = fallback(e, type, i);
		uint64_t page = first_block(e, zone, order, *of);
		if (page)
			return page;
	}
	return 0;
}

/* move_to_free_list() */
static struct error *move_block(struct engine *e, uint64_t zone, uint64_t page, unsigned order, unsigned type)
{
	TRY(check_block(e, page, order));
	TRY(list_del(e->k, page + OFFSET(e->k, page, buddy_list)));
	return list_add_tail(e->k, page + OFFSET(e->k, page, buddy_list), block_list(e, zone, order, type));
}

/* boost_watermark(), since 5.0: types that mix wake reclaim earlier. */
static struct error *boost_watermark(struct engine *e, uint64_t zone)
{
	struct kernel *k = e->k;
	struct object z;
	uint64_t factor, block = 1ull << pageblock_order(e->k);
	if (!HAS(k, zone, watermark_boost) || error_drop(kernel_read_symbol(k, "watermark_boost_factor", 4, &factor)) || !factor)
		return NULL;
	TRY(object_open_writable(k, zone, S_zone, &z));
	if (block * 4 > GET(k, &z, zone, managed_pages))
		return NULL;
	uint64_t most = object_get_element(k, &z, M_zone_watermark, 2) * factor / 10000, now = GET(k, &z, zone, watermark_boost) + block;
	if (!most)
		return NULL;
	most = most > block ? most : block;
	SET(k, &z, zone, watermark_boost, now < most ? now : most);
	return NULL;
}

/* move_freepages_block(): all free blocks of a pageblock to another type's lists. *free: their frames; *movable: frames in use that could be moved. */
static struct error *move_pageblock(struct engine *e, uint64_t zone, uint64_t page, unsigned type, uint64_t *free, uint64_t *movable)
{
	uint64_t pfn = engine_page_pfn(e, page), size = 1ull << pageblock_order(e->k), start = pfn & ~(size - 1);
	*free = *movable = 0;
	for (uint64_t at = start; at < start + size;) {
		struct page p;
		uint64_t here = e->mem_map + at * e->page_size;
		if (zone_of_page(e, here) != zone || error_drop(page_open(e->k, here, &p))) {
			at++;
			continue;
		}
		uint64_t order = GET(e->k, &p.object, page, private);
		if (!page_is_buddy(e->k, &p) || order >= free_area_orders(e->k)) {
			*movable += p.flags >> e->bit_lru & 1;
			at++;
			continue;
		}
		TRY(move_block(e, zone, here, (unsigned)order, type));
		*free += 1ull << order;
		at += 1ull << order;
	}
	return NULL;
}

/* steal_suitable_fallback(): the block goes to the type's lists, and with it its pageblock when most of that can. */
static struct error *steal(struct engine *e, uint64_t zone, uint64_t page, unsigned order, unsigned type, bool whole)
{
	unsigned size = pageblock_order(e->k), old;
	uint64_t free, movable, alike;
	if (order >= size) {
		for (uint64_t n = 0; n < 1ull << order; n += 1ull << size)
			TRY(set_pageblock_type(e, page + n * e->page_size, type));
		return move_block(e, zone, page, order, type);
	}
	TRY(boost_watermark(e, zone));
	if (!whole)
		return move_block(e, zone, page, order, type);
	TRY(pageblock_type(e, page, &old));
	TRY(move_pageblock(e, zone, page, type, &free, &movable));
	alike = type == e->modern->migrate_movable ? movable : old == e->modern->migrate_movable ? (1ull << size) - free - movable : 0;
	return free + alike >= 1ull << (size - 1) ? set_pageblock_type(e, page, type) : NULL;
}

/* __rmqueue_fallback(): *done false when no other type has a block either. */
static struct error *take_from_others(struct engine *e, uint64_t zone, unsigned wanted, unsigned type, bool nofragment, bool *done)
{
	unsigned least = nofragment && wanted < pageblock_order(e->k) ? pageblock_order(e->k) : wanted, of;
	uint64_t page = 0;
	*done = false;
	for (unsigned order = free_area_orders(e->k); order-- > least;) {
		page = fallback_block(e, zone, order, type, &of);
		if (!page)
			continue;
		/* can_steal_fallback() */
		bool whole = order >= pageblock_order(e->k) / 2 || type != e->modern->migrate_movable;
		/* A movable page does better with the smallest block than with part of the largest. */
		if (!whole && order > wanted)
			for (order = wanted; !(page = fallback_block(e, zone, order, type, &of));)
				order++;
		TRACE(e, "__rmqueue_fallback", whole ? "another type's block, and its pageblock if most of it can go" : "another type's block", { "zone", zone },
		      { "order", order }, { "from migratetype", of }, { "to migratetype", type }, { "page", page });
		*done = true;
		return steal(e, zone, page, order, type, whole);
	}
	return NULL;
}

struct error *rmqueue_buddy(struct engine *e, uint64_t zone, unsigned order, unsigned type, bool nofragment, uint64_t *page)
{
	int64_t reserve;
	bool done;
	TRY(take_smallest(e, zone, order, type, page));
	if (*page)
		return NULL;
	TRY(take_from_others(e, zone, order, type, nofragment, &done));
	if (done)
		return take_smallest(e, zone, order, type, page);
	/* Blocks kept for bad times, until 4.4. */
	if (enumerator_find(e->k, "MIGRATE_RESERVE", &reserve) && reserve >= 0 && reserve < 16)
		return take_smallest(e, zone, order, (unsigned)reserve, page);
	return NULL;
}

bool buddy_has_block(struct engine *e, uint64_t zone, unsigned order, unsigned type, bool nofragment)
{
	unsigned of;
	for (; order < free_area_orders(e->k); order++)
		if (first_block(e, zone, order, type) || ((!nofragment || order >= pageblock_order(e->k)) && fallback_block(e, zone, order, type, &of)))
			return true;
	return false;
}

/* ---- Giving back ---- */

/* page_is_buddy(): is the frame the first of a free block of that order, in the same zone? */
static bool is_buddy(struct engine *e, uint64_t zone, uint64_t pfn, unsigned order)
{
	struct page p;
	uint64_t page;
	return pfn_to_page(e->k, pfn, &page) && zone_of_page(e, page) == zone && !error_drop(page_open(e->k, page, &p)) && page_is_buddy(e->k, &p) &&
	       GET(e->k, &p.object, page, private) == order;
}

/* buddy_merge_likely(): a block whose buddy's own buddy is free waits at its list's end to be joined. */
static bool merge_is_likely(struct engine *e, uint64_t zone, uint64_t pfn, unsigned order)
{
	if (order + 2 >= free_area_orders(e->k))
		return false;
	uint64_t combined = pfn & ~(1ull << order);
	return is_buddy(e, zone, combined ^ 1ull << (order + 1), order + 1);
}

struct error *free_one_page(struct engine *e, uint64_t zone, uint64_t page, unsigned order, unsigned type)
{
	uint64_t pfn = engine_page_pfn(e, page);
	mod_zone_state(e, zone, e->modern->free_pages, 1 << order);
	while (order + 1 < free_area_orders(e->k)) {
		uint64_t buddy = pfn ^ 1ull << order;
		if (!is_buddy(e, zone, buddy, order))
			break;
		TRY(take_off(e, zone, e->mem_map + buddy * e->page_size, order));
		pfn &= ~(1ull << order);
		order++;
	}
	page = e->mem_map + pfn * e->page_size;
	TRACE(e, "__free_one_page", "to the buddy lists", { "zone", zone }, { "page", page }, { "order", order }, { "migratetype", type });
	return put_on(e, zone, page, order, type, merge_is_likely(e, zone, pfn, order));
}
