/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Uses of struct page that nothing else on a freshly booted machine shows: a page that a network device receives into (page_pool, net/core/), a device's
 * memory (ZONE_DEVICE, mm/memremap.c), and a slab that waits for RCU before it is freed (free_slab(), mm/slub.c). Slabs, compound pages and the page cache are
 * there anyway, anonymous pages come with the first process.
 */
#include <string.h>

#include "mm/sim/linux64.h"

static const char page_type[] = "page";

/* page_pool_dev_alloc_pages(): mapped for the device, at the address that the processor uses too. */
static void receive_page(struct linux64 *m)
{
	static const char s[] = "page_pool";
	if (!l64_has(m, page_type, "dma_addr"))
		return;
	uint64_t pfn = l64_alloc_pages(m, 0, BLOCK_UNMOVABLE), page = l64_page(m, pfn), pool = l64_kmalloc(m, l64_size(m, s));
	memset(l64_bytes(m, pool), 0, l64_size(m, s));
	l64_set(m, pool, s, "p.flags", 1); /* PP_FLAG_DMA_MAP */
	l64_set(m, pool, s, "p.pool_size", 256);
	l64_set(m, pool, s, "pages_state_hold_cnt", 1);
	l64_set(m, pool, s, "user_cnt.refs.counter", 1);
	l64_set(m, page, page_type, "lru.next", 0);
	l64_set(m, page, page_type, "lru.prev", 0);
	l64_set(m, page, page_type, "dma_addr[0]", pfn << PAGE_SHIFT64);
}

#define DEVICE_FRAMES 512u /* 2 MB: a subsection */

/* memremap_pages(): memory of a device behind the last section of RAM. */
static void add_device(struct linux64 *m)
{
	static const char s[] = "dev_pagemap", z[] = "zone";
	if (!l64_has(m, page_type, "pgmap"))
		return;
	uint64_t map = l64_kmalloc(m, l64_size(m, s)), pfn = (uint64_t)(m->sections - 1) << SECTION_SHIFT64;
	while (!m->section_map[pfn >> SECTION_SHIFT64])
		pfn -= 1u << SECTION_SHIFT64;
	memset(l64_bytes(m, map), 0, l64_size(m, s));
	l64_set(m, map, s, "range.start", pfn << PAGE_SHIFT64);
	l64_set(m, map, s, "range.end", ((pfn + DEVICE_FRAMES) << PAGE_SHIFT64) - 1);
	l64_set(m, map, s, "nr_range", 1);
	l64_set(m, map, s, "type", (uint64_t)l64_enumerator(m, "MEMORY_DEVICE_GENERIC"));
	uint64_t node = m->node[m->nodes - 1].pgdat, zone = node + l64_offset(m, "pglist_data", "node_zones") + ZONE64_DEVICE * (uint64_t)l64_size(m, z);
	l64_init_zone_lists(m, zone);
	l64_set(m, zone, z, "zone_start_pfn", pfn);
	l64_set(m, zone, z, "spanned_pages", DEVICE_FRAMES);
	l64_set(m, zone, z, "initialized", 1);
	for (uint64_t n = pfn; n < pfn + DEVICE_FRAMES; n++) {
		uint64_t page = l64_page(m, n);
		l64_put(m, page, 8, (uint64_t)(m->nodes - 1) << (64 - m->flavour->node_shift) |
					    (uint64_t)ZONE64_DEVICE << (64 - m->flavour->node_shift - m->flavour->zone_shift) |
					    1ull << l64_enumerator(m, "PG_reserved"));
		l64_put(m, page + m->refcount_offset, 4, 1);
		l64_put(m, page + m->mapcount_offset, 4, UINT32_MAX);
		l64_set(m, page, page_type, "pgmap", map);
	}
}

/* The last object of a slab of SLAB_TYPESAFE_BY_RCU was freed: the page's own words hold it in the queue of CPU 0. */
static void wait_for_rcu(struct linux64 *m)
{
	static const char s[] = "rcu_data";
	if (!l64_has(m, page_type, "callback_head") || !l64_has(m, s, "cblist.head"))
		return;
	uint64_t page = l64_discard_slab(m, "anon_vma"), head = page + l64_offset(m, page_type, "callback_head");
	uint64_t data = l64_percpu(m, image_symbol(&m->image, s), 0), list = data + l64_offset(m, s, "cblist");
	l64_set(m, page, page_type, "callback_head.next", 0);
	l64_set(m, page, page_type, "callback_head.func", image_symbol(&m->image, "rcu_free_slab"));
	l64_set(m, data, s, "cblist.head", head);
	for (unsigned n = 0; n < 4; n++)
		l64_put(m, list + l64_offset(m, "rcu_segcblist", "tails") + 8 * n, 8, n < 3 ? list : head);
	l64_set(m, data, s, "cblist.len", 1);
	l64_set(m, data, s, "cblist.enabled", 1);
}

void linux64_uses(struct linux64 *m)
{
	/* Some driver's buffer: its middle page table is a page-table page, made by the page allocator. */
	l64_vmalloc(m, 4 * PAGE_SIZE64, "vmalloc", 2);
	receive_page(m);
	add_device(m);
	wait_for_rcu(m);
}
