/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The buddy allocator, acting (mm/page_alloc.c): blocks of 2^order frames, on one list per order and zone. This is 2.4's: which of two
 * buddies is free stands in a bitmap (free_area.map), one bit for the pair, which changes with every allocation and release of either.
 */
#include <errno.h>
#include <inttypes.h>

#include "mm/engine/clear_page.h"
#include "mm/engine/engine.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/near.h"
#include "mm/engine/reclaim.h"
#include "mm/engine/zap.h"
#include "mm/zone.h"

#define OOM_FAILURES 10 /* mm/oom_kill.c: out_of_memory() */

/* A zone while something is done to it. */
struct zone_edit {
	struct object zone;
	unsigned char *areas; /* zone.free_area, which lies in the zone (engine_open() has seen to it) */
	uint64_t mem_map;     /* struct page of the zone's first frame */
	unsigned orders;
};

static inline uint64_t pages_address(const struct zone_edit *z, const struct engine *e, uint64_t index)
{
	return z->mem_map + index * e->page_size;
}

static inline struct error *zone_open(struct engine *e, uint64_t addr, struct zone_edit *z)
{
	struct kernel *k = e->k;
	TRY(object_open_writable(k, addr, S_zone, &z->zone));
	z->areas = (unsigned char *)z->zone.bytes + OFFSET(k, zone, free_area);
	z->mem_map = GET(k, &z->zone, zone, zone_mem_map);
	z->orders = e->orders;
	return NULL;
}

/* Of a page within the zone. */
static inline uint64_t zone_index(const struct zone_edit *z, const struct engine *e, uint64_t page)
{
	return (uint64_t)((unsigned __int128)(page - z->mem_map) * e->page_inverse >> 64);
}

static inline uint64_t list_offset(const struct engine *e, unsigned order)
{
	return (uint64_t)order * SIZE_OF(e->k, free_area) + OFFSET(e->k, free_area, free_list);
}

/* The list's head, and the first block on it (the head, when there is none). */
static inline uint64_t list_of(const struct engine *e, const struct zone_edit *z, unsigned order)
{
	return z->zone.addr + OFFSET(e->k, zone, free_area) + list_offset(e, order);
}

static inline uint64_t first_of(const struct engine *e, const struct zone_edit *z, unsigned order)
{
	return load_word(e->k, z->areas + list_offset(e, order));
}

/* change_bit(): turns the pair's bit over and gives what it was. */
static inline __attribute__((always_inline)) struct error *change_pair(struct engine *e, const struct zone_edit *z, unsigned order, uint64_t index, bool *was)
{
	struct kernel *k = e->k;
	uint64_t map, bit = index >> (order + 1), word;
	map = load_word(k, z->areas + (uint64_t)order * SIZE_OF(k, free_area) + OFFSET(k, free_area, map));
	uint64_t at = map + bit / 32 * 4;
	unsigned char *near = kernel_near_writable(k, at, 4);
	if (__builtin_expect(near != NULL, 1)) {
		word = load_uint(near, 4);
		store_uint(near, 4, word ^ 1ull << (bit % 32));
	} else {
		TRY(kernel_read_uint(k, at, 4, &word));
		TRY(kernel_write_uint(k, at, 4, word ^ 1ull << (bit % 32)));
	}
	*was = word >> (bit % 32) & 1;
	return NULL;
}

/* The zone of a page, by the top byte of its flags (2.4: ZONE_SHIFT = 32 - 8). */
static uint64_t page_zone_addr(struct engine *e, uint64_t flags)
{
	return e->contig_page_data + OFFSET(e->k, pglist_data, node_zones) + (flags >> 24) * SIZE_OF(e->k, zone);
}

/* ---- Release ---- */

/* __free_pages_ok(): gives the block back whatever its count is (the caller took the last reference), merging with its buddies. */
static struct error *free_pages_ok(struct engine *e, uint64_t page, unsigned order)
{
	TRY(need_classic(e, "freeing pages"));
	struct kernel *k = e->k;
	struct zone_edit z;
	struct page p;
	bool buddy_free;
	unsigned first = order;
	TRY(page_open_writable(e, page, &p));
	if (p.flags >> e->bit_lru & 1) {
		TRY(lru_cache_del(e, page));
		p.flags = GET(k, &p.object, page, flags);
	}
	/* A frame that is reserved, locked or cached is still somebody's: the kernel stops with BUG(). */
	if ((p.flags >> e->bit_reserved & 1) || (p.flags >> e->bit_locked & 1) || GET(k, &p.object, page, mapping))
		return error_at(ERR_BAD_OBJECT, page, "freeing a page that is in use: %" PRIx64 ", flags %" PRIx64, page, p.flags);
	SET(k, &p.object, page, flags, p.flags & ~(1ull << e->bit_referenced | 1ull << e->bit_dirty));
	if (__builtin_expect(e->local.wanted, 0) && !e->local.page) {
		e->local.page = page;
		e->local.order = order;
		return NULL;
	}
	TRY(zone_open(e, page_zone_addr(e, p.flags), &z));
	uint64_t index = zone_index(&z, e, page);
	ADD(k, &z.zone, zone, free_pages, 1 << order);
	for (; order < z.orders - 1; order++) {
		TRY(change_pair(e, &z, order, index, &buddy_free));
		if (!buddy_free)
			break;
		uint64_t buddy = pages_address(&z, e, index ^ 1ull << order);
		TRY(list_del(k, buddy + OFFSET(k, page, buddy_list)));
		index &= ~(1ull << order);
	}
	TRACE(e, "__free_pages_ok", order > first ? "merged with its buddies" : "buddy in use: put on the list of its order",
	      { "page", page }, { "order", first }, { "merged order", order });
	return list_add(k, pages_address(&z, e, index) + OFFSET(k, page, buddy_list), list_of(e, &z, order));
}

/* ---- Allocation ---- */

/* expand(): gives back the lower halves until the block has the wanted order. */
static struct error *expand(struct engine *e, const struct zone_edit *z, uint64_t *index, unsigned low, unsigned high)
{
	bool was;
	while (high > low) {
		high--;
		TRY(list_add(e->k, pages_address(z, e, *index) + OFFSET(e->k, page, buddy_list), list_of(e, z, high)));
		TRY(change_pair(e, z, high, *index, &was));
		*index += 1ull << high;
	}
	return NULL;
}

static inline __attribute__((always_inline)) struct error *take(struct engine *e, const struct zone_edit *z, uint64_t index, unsigned order, uint64_t *page)
{
	struct page p;
	struct kernel *k = e->k;
	*page = pages_address(z, e, index);
	ADD(k, &z->zone, zone, free_pages, -(1 << order));
	TRY(page_open_writable(e, *page, &p));
	if ((p.flags >> e->bit_reserved & 1) || (p.flags >> e->bit_lru & 1))
		return error_at(ERR_BAD_OBJECT, *page, "a page in use is on a free list: %" PRIx64 ", flags %" PRIx64, *page, p.flags);
	SET(k, &p.object, page, refcount, 1);
	return NULL;
}

/* rmqueue(): from the smallest block that is large enough. *page is 0 when the zone has none. */
static struct error *rmqueue(struct engine *e, struct zone_edit *z, unsigned order, uint64_t *page)
{
	struct kernel *k = e->k;
	bool was;
	*page = 0;
	for (unsigned high = order; high < z->orders; high++) {
		uint64_t first = first_of(e, z, high);
		if (first == list_of(e, z, high))
			continue;
		uint64_t index = zone_index(z, e, first - OFFSET(k, page, buddy_list));
		TRY(list_del(k, first));
		if (high != z->orders - 1)
			TRY(change_pair(e, z, high, index, &was));
		TRY(expand(e, z, &index, order, high));
		TRY(take(e, z, index, order, page));
		TRACE(e, "rmqueue", high > order ? "split a larger block" : "a block of the order", { "page", *page },
		      { "order", order }, { "taken from order", high });
		return NULL;
	}
	return NULL;
}

/* ---- A pinned frame ---- */

struct block_search {
	uint64_t pfn, head;
	unsigned order;
	bool found;
};

static bool match_block(void *context, uint64_t page, uint64_t pfn)
{
	struct block_search *s = context;
	(void)page;
	if (s->pfn - pfn < 1ull << s->order) {
		s->head = pfn;
		s->found = true;
	}
	return !s->found;
}

/* Out of the free block that holds it. */
struct error *alloc_pages_at(struct engine *e, uint64_t phys, unsigned order, uint64_t *page)
{
	TRY(need_classic(e, "allocating pages"));
	struct kernel *k = e->k;
	uint64_t pfn = phys >> k->arch->page_shift;
	struct zone_edit z;
	struct block_search s = { .pfn = pfn };
	bool was;
	TRY(nodes_open(k));
	const struct zone *zone = zone_of_pfn(k, pfn);
	if (!zone || (pfn & ((1ull << order) - 1)))
		return kernel_error(EINVAL, "a pinned frame that no zone has at that order: %" PRIx64, phys);
	for (s.order = order; s.order < free_area_orders(k); s.order++) {
		TRY(free_list_walk(k, zone, s.order, 0, match_block, &s));
		if (s.found)
			break;
	}
	if (!s.found)
		return kernel_error(EBUSY, "the pinned frame is not free: %" PRIx64, phys);
	TRY(zone_open(e, zone->addr, &z));
	uint64_t index = s.head - zone->start_pfn, wanted = pfn - zone->start_pfn;
	TRY(list_del(k, pages_address(&z, e, index) + OFFSET(k, page, buddy_list)));
	if (s.order != z.orders - 1)
		TRY(change_pair(e, &z, s.order, index, &was));
	/* As expand(), but the half that holds the frame is kept, whichever it is. */
	for (unsigned high = s.order; high-- > order;) {
		uint64_t upper = index + (1ull << high);
		uint64_t other = wanted >= upper ? index : upper;
		TRY(list_add(k, pages_address(&z, e, other) + OFFSET(k, page, buddy_list), list_of(e, &z, high)));
		TRY(change_pair(e, &z, high, index, &was));
		index = wanted >= upper ? upper : index;
	}
	TRACE(e, "alloc_pages", "pinned by the scenario", { "physical", phys }, { "order", order });
	return take(e, &z, index, order, page);
}

/* ---- Through the zonelist ---- */

enum watermark { PAGES_LOW, PAGES_MIN, PAGES_MIN_QUARTER };

/*
 * One pass over a zonelist: each zone must keep, besides the block, the marks of all zones up to it (2.4.20 adds them up, so that
 * lower zones are kept for those who need them).
 */
static struct error *try_zones(struct engine *e, uint64_t zonelist, unsigned order, enum watermark mark, uint64_t *page)
{
	struct kernel *k = e->k;
	uint64_t min = 1ull << order, zone;
	*page = 0;
	for (unsigned i = 0; i < k->members[M_zonelist_zones].count; i++) {
		struct zone_edit z;
		TRY(kernel_read_pointer(k, zonelist + OFFSET(k, zonelist, zones) + (uint64_t)i * (k->wide ? 8 : 4), &zone));
		if (!zone)
			return NULL;
		TRY(zone_open(e, zone, &z));
		uint64_t level = mark == PAGES_LOW ? GET(k, &z.zone, zone, pages_low) : GET(k, &z.zone, zone, pages_min);
		min += mark == PAGES_MIN_QUARTER ? level >> 2 : level;
		uint64_t free = GET(k, &z.zone, zone, free_pages);
		TRACE(e, "__alloc_pages", free > min ? "the zone has enough" : "the zone is below its mark",
		      { "zone", zone }, { "zone->free_pages", free }, { "min", min });
		if (free <= min)
			continue;
		TRY(rmqueue(e, &z, order, page));
		if (*page)
			return NULL;
	}
	return NULL;
}

/*
 * Reclaim for the sake of one block. The first block that it frees is held back (current->local_pages) and is the caller's, provided that reclaim was
 * successful and the block is what is wanted.
 */
static struct error *balance_classzone(struct engine *e, uint64_t classzone, unsigned order, uint64_t *page, unsigned *freed)
{
	struct page p;
	bool enough;
	e->local.wanted = true;
	e->local.page = 0;
	struct error *failure = try_to_free_pages_zone(e, classzone, SWAP_CLUSTER_MAX, freed, &enough);
	e->local.wanted = false;
	if (failure || !e->local.page)
		return failure;
	TRY(page_open_writable(e, e->local.page, &p));
	if (!enough || e->local.order != order || page_zone_addr(e, p.flags) > classzone)
		return free_pages_ok(e, e->local.page, e->local.order);
	*page = e->local.page;
	TRACE(e, "balance_classzone", "the first block that reclaim freed", { "page", *page }, { "order", order });
	SET(e->k, &p.object, page, refcount, 1);
	return NULL;
}

struct error *alloc_pages(struct engine *e, unsigned gfp, unsigned order, uint64_t *page)
{
	if (!e->classic)
		return alloc_pages_pcp(e, gfp & GFP24_HIGHMEM ? PAGES_MOVABLE : PAGES_KERNEL, order, page);
	struct kernel *k = e->k;
	uint64_t zonelist, pinned, classzone;
	unsigned freed;
	*page = 0;
	if (order >= e->orders)
		return kernel_error(ENOMEM, "no block has order %u", order);
	if (pins_wait(e) && !(gfp & GFP24_UNPINNED) && pin_take(e, PIN_FRAME, order, &pinned))
		return alloc_pages_at(e, pinned, order, page);
	zonelist = e->contig_page_data + OFFSET(k, pglist_data, node_zonelists) +
		   (uint64_t)(gfp & 15) * SIZE_OF(k, zonelist);
	TRY(try_zones(e, zonelist, order, PAGES_LOW, page));
	if (*page)
		return NULL;
	TRY(kernel_read_pointer(k, zonelist + OFFSET(k, zonelist, zones), &classzone));
	if (!classzone)
		return kernel_error(ENOMEM, "no zone is in the zonelist of class %x", gfp & 15);
	if (HAS(k, zone, need_balance))
		TRY(kernel_write_uint(k, classzone + OFFSET(k, zone, need_balance), 4, 1));
	TRY(try_zones(e, zonelist, order, gfp & GFP24_WAIT ? PAGES_MIN : PAGES_MIN_QUARTER, page));
	if (*page)
		return NULL;
	if (!(gfp & GFP24_WAIT))
		return kernel_error(ENOMEM, "no block of order %u is free, and the caller cannot wait", order);
	/* Reclaim, then look again; when out_of_memory() has been called in vain so often, it kills a process (mm/oom_kill.c). */
	for (;;) {
		for (unsigned failures = 0; failures < OOM_FAILURES; failures += !freed) {
			TRY(balance_classzone(e, classzone, order, page, &freed));
			if (*page)
				return NULL;
			TRY(try_zones(e, zonelist, order, PAGES_MIN, page));
			if (*page)
				return NULL;
			if (order > 3)
				return kernel_error(ENOMEM, "no block of order %u is free, and nothing can be reclaimed", order);
		}
		TRY(out_of_memory(e));
	}
}

/* ---- By address ---- */

struct error *get_free_pages(struct engine *e, unsigned gfp, unsigned order, uint64_t *addr)
{
	uint64_t page;
	TRY(alloc_pages(e, gfp & ~GFP24_HIGHMEM, order, &page));
	*addr = kernel_ptov(e->k, engine_page_phys(e, page));
	return NULL;
}

struct error *get_zeroed_page(struct engine *e, unsigned gfp, uint64_t *addr)
{
	struct object o;
	TRY(get_free_pages(e, gfp, 0, addr));
	TRY(object_open_bytes_writable(e->k, *addr, VMCORE_PAGE_SIZE, &o));
	clear_page((void *)o.bytes);
	return NULL;
}

struct error *free_pages_addr(struct engine *e, uint64_t addr, unsigned order)
{
	struct page p;
	struct kernel *k = e->k;
	TRY(page_open_writable(e, engine_phys_page(e, addr - k->page_offset), &p));
	int32_t count = page_refcount(k, &p);
	if (p.flags >> e->bit_reserved & 1)
		return NULL;
	if (count <= 0)
		return error_at(ERR_BAD_OBJECT, p.object.addr, "releasing a block that nobody holds: %" PRIx64 ", count %d", p.object.addr, count);
	SET(k, &p.object, page, refcount, (uint64_t)(count - 1));
	return count == 1 ? free_pages_ok(e, p.object.addr, order) : NULL;
}

uint64_t nr_free_pages(struct engine *e)
{
	struct kernel *k = e->k;
	uint64_t sum = 0, zones = k->members[M_pglist_data_node_zones].total / SIZE_OF(k, zone);
	for (uint64_t i = 0; i < zones; i++) {
		struct object o;
		if (object_try_open(k, e->contig_page_data + OFFSET(k, pglist_data, node_zones) + i * SIZE_OF(k, zone), S_zone, &o))
			sum += GET(k, &o, zone, free_pages);
	}
	return sum;
}

/* ---- References ---- */

/* Of a compound page the head is counted. */
static uint64_t counted_page(struct engine *e, uint64_t page)
{
	struct page p;
	return e->modern && !error_drop(page_open_known(e, page, &p)) ? page_compound_head(e->k, &p) : page;
}

/* get_page(), or put_page() that does not take the last reference, of a page of one frame; false: the general way. */
static inline bool near_get(struct engine *e, uint64_t page, int n)
{
	const struct engine_near *near = e->near;
	unsigned char *p = near && near->plain ? near_page(e, page) : NULL;
	if (!p || !near_is_single(near, p) || (n < 0 && near_word(p + near->flags) & near->reserved))
		return false;
	int32_t count = (int32_t)load_uint(p + near->refcount, 4);
	if (n < 0 && count < 2)
		return false;
	store_uint(p + near->refcount, 4, (uint32_t)count + (uint32_t)n);
	return true;
}

void get_page(struct engine *e, uint64_t page)
{
	struct page p;
	if (near_get(e, page, 1))
		return;
	page = counted_page(e, page);
	if (!error_drop(page_open_writable(e, page, &p)))
		ADD(e->k, &p.object, page, refcount, 1);
}

struct error *put_page(struct engine *e, uint64_t page)
{
	struct page p;
	struct kernel *k = e->k;
	if (near_get(e, page, -1))
		return NULL;
	page = counted_page(e, page);
	TRY(page_open_writable(e, page, &p));
	int32_t count = page_refcount(k, &p);
	/* __free_pages(): reserved pages are never freed. */
	if (p.flags >> e->bit_reserved & 1)
		return NULL;
	if (count <= 0)
		return error_at(ERR_BAD_OBJECT, page, "releasing a page that nobody holds: %" PRIx64 ", count %d", page, count);
	if (e->modern && count == 1)
		return put_user_page(e, page);
	SET(k, &p.object, page, refcount, (uint64_t)(count - 1));
	return count == 1 ? free_pages_ok(e, page, 0) : NULL;
}
