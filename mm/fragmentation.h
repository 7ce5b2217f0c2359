/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How far the free memory of a zone is in pieces: the kernel's two indices (mm/vmstat.c), how many allocations would succeed
 * (mm/page_alloc.c: __zone_watermark_ok(), __rmqueue()), and what the pages of each pageblock are used for.
 */
#ifndef MM_FRAGMENTATION_H
#define MM_FRAGMENTATION_H

#include "mm/zone.h"

#define FREE_ORDERS_MAX 64
#define FREE_TYPES_MAX	32

/* The free blocks of a zone. */
struct zone_free {
	unsigned orders, types;
	uint64_t pages;				  /* in all blocks */
	uint64_t total;				  /* blocks, of all orders */
	uint64_t blocks[FREE_ORDERS_MAX];	  /* of each order */
	uint64_t by_type[FREE_TYPES_MAX][FREE_ORDERS_MAX]; /* of each migrate type and order */
};

/* Walks the zone's free lists. After nodes_open(). Errors as free_list_walk(). */
struct error *zone_free_read(struct kernel *k, const struct zone *z, struct zone_free *out) MUST_CHECK;

/* unusable_free_index(): which part of the free memory, in thousandths, is in blocks too small for the order. */
int unusable_free_index(const struct zone_free *f, unsigned order);
/*
 * fragmentation_index(), in thousandths: would an allocation that fails do so for want of memory (towards 0) or because it is in pieces (towards
 * 1000)? -1000: it would not fail.
 */
int fragmentation_index(const struct zone_free *f, unsigned order);

/* Migrate types that are asked for (below MIGRATE_PCPTYPES); 1 where the kernel has none. */
unsigned requested_types(struct kernel *k);

/*
 * How many allocations of the order, one after the other, the zone could serve without reclaim or compaction before it reaches its min watermark:
 * `own` from blocks of the type itself, `any` with those of all types that it may fall back to. Requests are GFP_KERNEL's, movable ones
 * GFP_HIGHUSER_MOVABLE's; what lower zones keep from those (lowmem_reserve) is kept. What CPUs have on lists of their own is left out.
 */
struct zone_allocations {
	uint64_t own, any;
};
void zone_allocations(struct kernel *k, const struct zone *z, const struct zone_free *f, unsigned order, unsigned type, struct zone_allocations *out);

/* ---- Pageblocks ---- */

enum block_use {
	BLOCK_FREE,
	BLOCK_ANON,
	BLOCK_FILE,
	BLOCK_HUGETLB,
	BLOCK_SLAB,
	BLOCK_TABLE,
	BLOCK_KERNEL, /* all else that the kernel has taken */
	BLOCK_RESERVED,
	BLOCK_USES
};
const char *block_use_name(enum block_use use);

struct pageblock {
	uint64_t pfn;
	bool known;    /* its migrate type is */
	unsigned type;
	uint64_t pages[BLOCK_USES]; /* frames by use; fewer in all than a block has where there is no memory */
	bool stray;    /* a movable block with pages in it that cannot be moved: slab, page tables, the kernel's */
};

typedef bool pageblock_visitor(void *context, const struct pageblock *b);
/* Each pageblock of the zone, ascending. visit() returns false to end. ERR_INTERRUPTED. */
struct error *pageblocks_for_each(struct kernel *k, const struct zone *z, pageblock_visitor *visit, void *context) MUST_CHECK;

#endif
