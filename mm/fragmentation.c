/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/fragmentation.h"

#include "core/interrupt.h"
#include "mm/frames.h"
#include "mm/pageblock.h"

/* ---- Free blocks ---- */

static bool count_block(void *context, uint64_t page, uint64_t pfn)
{
	(void)page;
	(void)pfn;
	++*(uint64_t *)context;
	return true;
}

struct error *zone_free_read(struct kernel *k, const struct zone *z, struct zone_free *out)
{
	*out = (struct zone_free){.orders = free_area_orders(k), .types = free_area_types(k)};
	for (unsigned order = 0; order < out->orders; order++) {
		for (unsigned type = 0; type < out->types; type++) {
			uint64_t *blocks = &out->by_type[type][order];
			TRY(free_list_walk(k, z, order, type, count_block, blocks));
			out->blocks[order] += *blocks;
			out->total += *blocks;
			out->pages += *blocks << order;
		}
	}
	return NULL;
}

/* How many blocks of the order these would make. */
static uint64_t suitable(const uint64_t *blocks, unsigned orders, unsigned order)
{
	uint64_t count = 0;
	for (unsigned o = order; o < orders; o++)
		count += blocks[o] << (o - order);
	return count;
}

int unusable_free_index(const struct zone_free *f, unsigned order)
{
	if (!f->pages)
		return 1000;
	return (int)((f->pages - (suitable(f->blocks, f->orders, order) << order)) * 1000 / f->pages);
}

int fragmentation_index(const struct zone_free *f, unsigned order)
{
	if (!f->total)
		return 0;
	if (suitable(f->blocks, f->orders, order))
		return -1000;
	return 1000 - (int)((1000 + (f->pages * 1000 >> order)) / f->total);
}

/* ---- Allocations ---- */

static int64_t enumerator(struct kernel *k, const char *name, int64_t otherwise)
{
	int64_t value;
	return enumerator_find(k, name, &value) ? value : otherwise;
}

unsigned requested_types(struct kernel *k)
{
	int64_t types = enumerator(k, "MIGRATE_PCPTYPES", 3);
	return types > 0 && types < free_area_types(k) ? (unsigned)types : free_area_types(k) > 3 ? 3 : 1;
}

/* Once more than `limit` pages must be left, how often can 1 << order be taken while `free` of them are there? */
static uint64_t above(int64_t free, int64_t limit, unsigned order)
{
	return free > limit ? (uint64_t)((free - limit - 1) >> order) + 1 : 0;
}

/*
 * By the watermark alone. Allocations of an order never make blocks smaller than it, so each condition of the old rule is one on the
 * number of pages left.
 */
static uint64_t above_watermark(struct kernel *k, const struct zone *z, const struct zone_free *f, unsigned order, bool movable)
{
	/* 2.4 looks at the number of free pages only. */
	if (HAS(k, zone, need_balance))
		return above((int64_t)f->pages, (int64_t)z->min, order);
	int64_t highest = enumerator(k, movable ? "ZONE_MOVABLE" : "ZONE_NORMAL", z->index), min = (int64_t)z->min;
	if (z->index > highest)
		return 0;
	int64_t reserve = (int64_t)object_get_element(k, &z->object, M_zone_lowmem_reserve, (size_t)highest);
	int64_t free = (int64_t)f->pages - ((1ll << order) - 1);
	int64_t cma = enumerator(k, "MIGRATE_CMA", -1);
	if (cma > 0 && cma < f->types && cma < FREE_TYPES_MAX && !movable)
		free -= (int64_t)suitable(f->by_type[cma], f->orders, 0);
	if (enumerator(k, "MIGRATE_HIGHATOMIC", -1) >= 0)
		return above(free - (int64_t)GET(k, &z->object, zone, nr_reserved_highatomic), min + reserve, order);
	/* Until 4.4: at each order below, half as much must be left of what is in larger blocks. */
	uint64_t count = above(free, min + reserve, order);
	for (unsigned o = 0; o < order; o++) {
		free -= (int64_t)(f->blocks[o] << o);
		min >>= 1;
		uint64_t here = above(free, min, order);
		count = here < count ? here : count;
	}
	return count;
}

void zone_allocations(struct kernel *k, const struct zone *z, const struct zone_free *f, unsigned order, unsigned type, struct zone_allocations *out)
{
	unsigned asked = requested_types(k);
	bool movable = type == enumerator(k, "MIGRATE_MOVABLE", asked > 1 ? 1 : 0);
	uint64_t limit = above_watermark(k, z, f, order, movable);
	int64_t cma = enumerator(k, "MIGRATE_CMA", -1), reserve = enumerator(k, "MIGRATE_RESERVE", -1);
	uint64_t own = suitable(f->by_type[type], f->orders, order), any = 0;
	for (unsigned t = 0; t < f->types; t++)
		if (t < asked || t == reserve || (t == cma && movable))
			any += suitable(f->by_type[t], f->orders, order);
	out->own = own < limit ? own : limit;
	out->any = any < limit ? any : limit;
}

/* ---- Pageblocks ---- */

const char *block_use_name(enum block_use use)
{
	static const char *const names[BLOCK_USES] = {"free",	"anonymous",   "file",	 "hugetlb",
						      "slab", "page_tables", "kernel", "reserved"};
	return use < BLOCK_USES ? names[use] : "?";
}

static enum block_use block_use(enum page_use use)
{
	switch (use) {
	case PAGE_FREE:
	case PAGE_UNUSED:
		return BLOCK_FREE;
	case PAGE_ANON:
	case PAGE_KSM:
		return BLOCK_ANON;
	case PAGE_FILE:
		return BLOCK_FILE;
	case PAGE_HUGETLB:
		return BLOCK_HUGETLB;
	case PAGE_SLAB:
		return BLOCK_SLAB;
	case PAGE_TABLE:
		return BLOCK_TABLE;
	case PAGE_RESERVED:
		return BLOCK_RESERVED;
	default:
		return BLOCK_KERNEL;
	}
}

/* What a struct page says, and of how many frames: a free block's or a compound page's first one speaks for all. */
static enum block_use use_of(struct frames *f, uint64_t pfn, const unsigned char *bytes, uint64_t *count)
{
	struct kernel *k = f->k;
	uint64_t address = 0;
	pfn_to_page(k, pfn, &address);
	struct page p = {.object = {bytes, address, f->page_size}, .pfn = pfn, .flags = frame_word(f, bytes, f->flags_at)};
	enum page_use use = page_use(k, &p);
	struct folio folio;
	*count = 1;
	if (use == PAGE_FREE) {
		uint64_t order = GET(k, &p.object, page, private);
		*count = order < free_area_orders(k) ? 1ull << order : 1;
	} else if (use != PAGE_RESERVED && use != PAGE_UNUSED && folio_open(f, pfn, &folio) && folio.order) {
		*count = folio.pfn + (1ull << folio.order) - pfn;
		p = (struct page){.object = {folio.head, folio.page, f->page_size}, .pfn = folio.pfn, .flags = folio.flags};
		use = page_use(k, &p);
	}
	return block_use(use);
}

struct error *pageblocks_for_each(struct kernel *k, const struct zone *z, pageblock_visitor *visit, void *context)
{
	struct frames *f;
	uint64_t end = z->start_pfn + z->spanned_pages, size = 1ull << pageblock_order(k);
	int64_t movable = free_area_types(k) > 1 ? enumerator(k, "MIGRATE_MOVABLE", 1) : -1, cma = enumerator(k, "MIGRATE_CMA", -1);
	TRY(frames_open(k, &f));
	/* The first block may begin before the zone does. */
	for (uint64_t start = z->start_pfn; start < end;) {
		struct pageblock b = {.pfn = start};
		uint64_t next = (start | (size - 1)) + 1, count;
		if (next > end)
			next = end;
		TRY(check_interrupt());
		/* Zones of two nodes may alternate. */
		if (zone_of_pfn(k, start) != z) {
			start = next;
			continue;
		}
		b.known = pageblock_migratetype(k, start, &b.type);
		for (uint64_t pfn = start; pfn < next; pfn += count) {
			const unsigned char *bytes = frame_page(f, pfn);
			count = 1;
			if (!bytes)
				continue;
			enum block_use use = use_of(f, pfn, bytes, &count);
			if (count > next - pfn)
				count = next - pfn;
			b.pages[use] += count;
		}
		b.stray = b.known && (b.type == movable || b.type == cma) && b.pages[BLOCK_SLAB] + b.pages[BLOCK_TABLE] + b.pages[BLOCK_KERNEL];
		if (!visit(context, &b))
			break;
		start = next;
	}
	return NULL;
}
