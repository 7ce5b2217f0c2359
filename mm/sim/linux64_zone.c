/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Nodes and zones: free_area_init_node(), build_all_zonelists(), __setup_per_zone_wmarks(), setup_pageset() of mm/page_alloc.c; and the end of
 * booting, when memory that nobody took goes to the free lists (memblock_free_all()).
 */
#include <assert.h>
#include <string.h>

#include "mm/sim/linux64.h"

static const char zone_type[] = "zone", node_type[] = "pglist_data";

/* struct zone of a node. */
static uint64_t zone_addr(struct linux64 *m, unsigned node, unsigned zone)
{
	return m->node[node].pgdat + l64_offset(m, node_type, "node_zones") + (uint64_t)zone * l64_size(m, zone_type);
}

static unsigned zone_count(struct linux64 *m)
{
	struct layout_place p;
	bool found = layout_path(m->layout, node_type, "node_zones", &p);
	assert(found);
	return p.size / l64_size(m, zone_type);
}

/* The frames of a zone in a node; frame 0 belongs to none. */
static void zone_span(const struct linux64 *m, unsigned node, unsigned zone, uint64_t *start, uint64_t *end)
{
	static const uint64_t limits[] = { 1, 16u << 8, 4096u << 8, UINT64_MAX };
	*start = *end = 0;
	if (zone > ZONE64_NORMAL)
		return;
	uint64_t low = limits[zone] > m->node[node].start ? limits[zone] : m->node[node].start;
	uint64_t high = limits[zone + 1] < m->node[node].end ? limits[zone + 1] : m->node[node].end;
	if (low < high) {
		*start = low;
		*end = high;
	}
}

static uint64_t count_frames(const struct linux64 *m, uint64_t pfn, uint64_t end, bool managed)
{
	uint64_t n = 0;
	for (; pfn < end; pfn++) {
		bool hole = pfn >= 0x9f && pfn < 0x100;
		n += managed ? m->frames[pfn] != FRAME_RESERVED : !hole;
	}
	return n;
}

void l64_init_zone_lists(struct linux64 *m, uint64_t zone)
{
	struct layout_place area, types;
	bool found = layout_path(m->layout, zone_type, "free_area", &area) && layout_path(m->layout, "free_area", "free_list", &types);
	assert(found);
	for (uint64_t at = 0; at < area.size; at += l64_size(m, "free_area"))
		for (uint64_t list = 0; list < types.size; list += 16) {
			uint64_t head = zone + area.offset + at + types.offset + list;
			l64_put(m, head, 8, head);
			l64_put(m, head + 8, 8, head);
		}
}

static void init_lru(struct linux64 *m, uint64_t lruvec)
{
	for (unsigned n = 0; n < 5; n++) {
		uint64_t head = lruvec + l64_offset(m, "lruvec", "lists") + 16 * n;
		l64_put(m, head, 8, head);
		l64_put(m, head + 8, 8, head);
	}
}

static void set_up_zone(struct linux64 *m, unsigned node, unsigned zone)
{
	uint64_t z = zone_addr(m, node, zone), start, end;
	const char *managed = l64_has(m, zone_type, "managed_pages.counter") ? "managed_pages.counter" : "managed_pages";
	zone_span(m, node, zone, &start, &end);
	l64_set(m, z, zone_type, "name", l64_load(m, image_symbol(&m->image, "zone_names") + 8 * zone, 8));
	l64_set(m, z, zone_type, "node", node);
	l64_set(m, z, zone_type, "zone_pgdat", m->node[node].pgdat);
	l64_set(m, z, zone_type, "pageset", image_symbol(&m->image, "boot_pageset"));
	if (l64_has(m, zone_type, "lruvec.lists"))
		init_lru(m, z + l64_offset(m, zone_type, "lruvec"));
	if (start == end)
		return;
	l64_set(m, z, zone_type, "zone_start_pfn", start);
	l64_set(m, z, zone_type, "spanned_pages", end - start);
	l64_set(m, z, zone_type, "present_pages", count_frames(m, start, end, false));
	l64_set(m, z, zone_type, managed, count_frames(m, start, end, true));
	l64_set(m, z, zone_type, "initialized", 1);
	l64_init_zone_lists(m, z);
	l64_set(m, m->node[node].pgdat, node_type, "nr_zones", zone + 1);
}

static void set_up_node(struct linux64 *m, unsigned node)
{
	struct linux64_node *n = &m->node[node];
	uint64_t start = node ? n->start : 1, hole = node ? 0 : 0x100 - 0x9f;
	n->pgdat = l64_direct(m, l64_alloc_boot(m, node, l64_size(m, node_type), PAGE_SIZE64));
	l64_put(m, image_symbol(&m->image, "node_data") + 8 * node, 8, n->pgdat);
	l64_set(m, n->pgdat, node_type, "node_id", node);
	l64_set(m, n->pgdat, node_type, "node_start_pfn", start);
	l64_set(m, n->pgdat, node_type, "node_spanned_pages", n->end - start);
	l64_set(m, n->pgdat, node_type, "node_present_pages", n->end - start - hole);
	l64_list_init(m, n->pgdat, node_type, "deferred_split_queue.split_queue");
	l64_list_init(m, n->pgdat, node_type, "kswapd_wait.head");
	l64_list_init(m, n->pgdat, node_type, "kswapd_wait.task_list");
	l64_list_init(m, n->pgdat, node_type, "pfmemalloc_wait.head");
	l64_list_init(m, n->pgdat, node_type, "pfmemalloc_wait.task_list");
	if (l64_has(m, node_type, "__lruvec.lists"))
		init_lru(m, n->pgdat + l64_offset(m, node_type, "__lruvec"));
	if (l64_has(m, node_type, "per_cpu_nodestats"))
		l64_set(m, n->pgdat, node_type, "per_cpu_nodestats", l64_alloc_percpu(m, l64_size(m, "per_cpu_nodestat"), 64));
}

/* Each zone of the given node, the highest first, then those of the nodes after it, in turn: ZONELIST_FALLBACK; NOFALLBACK has its own only. */
static void build_zonelist(struct linux64 *m, unsigned node, unsigned list, unsigned nodes)
{
	static const char ref[] = "zoneref";
	struct layout_place p;
	bool found = layout_path(m->layout, node_type, list ? "node_zonelists[1]" : "node_zonelists[0]", &p);
	if (!found || p.size != l64_size(m, "zonelist"))
		return;
	uint64_t at = m->node[node].pgdat + p.offset + l64_offset(m, "zonelist", "_zonerefs");
	for (unsigned i = 0; i < nodes; i++)
		for (unsigned zone = zone_count(m); zone--;) {
			uint64_t z = zone_addr(m, (node + i) % m->nodes, zone);
			const char *managed = l64_has(m, zone_type, "managed_pages.counter") ? "managed_pages.counter" : "managed_pages";
			if (!l64_get(m, z, zone_type, managed))
				continue;
			l64_set(m, at, ref, "zone", z);
			l64_set(m, at, ref, "zone_idx", zone);
			at += l64_size(m, ref);
		}
}

/* ---- Watermarks ---- */

static uint64_t managed_of(struct linux64 *m, unsigned node, unsigned zone)
{
	const char *managed = l64_has(m, zone_type, "managed_pages.counter") ? "managed_pages.counter" : "managed_pages";
	return l64_get(m, zone_addr(m, node, zone), zone_type, managed);
}

static uint64_t square_root(uint64_t n)
{
	uint64_t r = 0;
	for (uint64_t bit = 1ull << 31; bit; bit >>= 1)
		if ((r | bit) * (r | bit) <= n)
			r |= bit;
	return r;
}

/* init_per_cpu_wmark_min(), and what khugepaged asks for (set_recommended_min_free_kbytes(), mm/khugepaged.c). */
static uint64_t min_free_kbytes(struct linux64 *m)
{
	uint64_t pages = 0, zones = 0;
	for (unsigned node = 0; node < m->nodes; node++)
		for (unsigned zone = 0; zone < zone_count(m); zone++) {
			pages += managed_of(m, node, zone);
			zones += managed_of(m, node, zone) != 0;
		}
	uint64_t kbytes = square_root(pages * 4 * 16), most = 65536;
	kbytes = kbytes < 128 ? 128 : kbytes > most ? most : kbytes;
	uint64_t huge = (1u << BLOCK_SHIFT64) * zones * (2 + 3 * 3), limit = pages / 20;
	huge = (huge < limit ? huge : limit) << (PAGE_SHIFT64 - 10);
	return huge > kbytes ? huge : kbytes;
}

static void set_marks(struct linux64 *m, unsigned node, unsigned zone, uint64_t min_pages, uint64_t all, uint64_t scale)
{
	uint64_t z = zone_addr(m, node, zone), managed = managed_of(m, node, zone), min = min_pages * managed / all;
	const char *names[2][3] = { { "_watermark[0]", "_watermark[1]", "_watermark[2]" }, { "watermark[0]", "watermark[1]", "watermark[2]" } };
	unsigned old = !l64_has(m, zone_type, "_watermark");
	/* a quarter of the least, or since 4.6 a thousandth of the zone if that is more */
	uint64_t step = min >> 2, scaled = managed * scale / 10000;
	step = step > scaled ? step : scaled;
	for (unsigned n = 0; n < 3; n++)
		l64_set(m, z, zone_type, names[old][n], min + n * step);
}

/* setup_per_zone_lowmem_reserve(): how much of a zone is kept from requests that could do with a higher one. */
static void set_reserve(struct linux64 *m, unsigned node)
{
	static const unsigned ratios[] = { 256, 256, 32, 0, 0 };
	unsigned zones = zone_count(m);
	uint64_t ratio_at = image_symbol(&m->image, "sysctl_lowmem_reserve_ratio");
	for (unsigned low = 0; low < zones && low < 5; low++) {
		uint64_t sum = 0;
		l64_put(m, ratio_at + 4 * low, 4, ratios[low]);
		for (unsigned high = low + 1; high < zones; high++) {
			uint64_t at = zone_addr(m, node, low) + l64_offset(m, zone_type, "lowmem_reserve") + 8 * high;
			sum += managed_of(m, node, high);
			l64_put(m, at, 8, ratios[low] && managed_of(m, node, low) ? sum / ratios[low] : 0);
		}
	}
}

/* calculate_totalreserve_pages() */
static void set_total_reserve(struct linux64 *m)
{
	uint64_t total = 0;
	const char *high = l64_has(m, zone_type, "_watermark") ? "_watermark[2]" : "watermark[2]";
	for (unsigned node = 0; node < m->nodes; node++) {
		uint64_t of_node = 0;
		for (unsigned zone = 0; zone < zone_count(m); zone++) {
			uint64_t z = zone_addr(m, node, zone), most = 0, managed = managed_of(m, node, zone);
			for (unsigned n = zone; n < zone_count(m); n++) {
				uint64_t v = l64_load(m, z + l64_offset(m, zone_type, "lowmem_reserve") + 8 * n, 8);
				most = v > most ? v : most;
			}
			most += l64_get(m, z, zone_type, high);
			of_node += most < managed ? most : managed;
			if (l64_has(m, zone_type, "dirty_balance_reserve"))
				l64_set(m, z, zone_type, "dirty_balance_reserve", most < managed ? most : managed);
		}
		l64_set(m, m->node[node].pgdat, node_type, "totalreserve_pages", of_node);
		total += of_node;
	}
	l64_set_symbol(m, "totalreserve_pages", 8, total);
}

static void set_up_watermarks(struct linux64 *m)
{
	uint64_t kbytes = min_free_kbytes(m), all = 0, scale = l64_has(m, zone_type, "watermark_boost") ? 10 : 0;
	l64_set_symbol(m, "min_free_kbytes", 4, kbytes);
	l64_set_symbol(m, "watermark_scale_factor", 4, scale);
	for (unsigned node = 0; node < m->nodes; node++)
		for (unsigned zone = 0; zone < zone_count(m); zone++)
			all += managed_of(m, node, zone);
	for (unsigned node = 0; node < m->nodes; node++) {
		for (unsigned zone = 0; zone < zone_count(m); zone++)
			if (managed_of(m, node, zone))
				set_marks(m, node, zone, kbytes >> (PAGE_SHIFT64 - 10), all, scale);
		set_reserve(m, node);
	}
	set_total_reserve(m);
}

/* ---- Each CPU's lists ---- */

/* zone_batchsize() */
static uint64_t batch_size(uint64_t managed)
{
	uint64_t batch = managed / 1024, power = 1;
	batch = (batch > 256 ? 256 : batch) / 4;
	batch = batch ? batch : 1;
	while (power * 2 <= batch + batch / 2)
		power *= 2;
	return power - 1 ? power - 1 : 1;
}

/* calculate_normal_threshold(): 2 * fls(cpus) * (1 + fls(pages in units of 128 MB)) */
static unsigned stat_threshold(const struct linux64 *m, uint64_t managed)
{
	unsigned cpus = 32 - (unsigned)__builtin_clz(m->cpus), pages = (unsigned)(managed >> (27 - PAGE_SHIFT64));
	unsigned threshold = 2 * cpus * (1 + (pages ? 32 - (unsigned)__builtin_clz(pages) : 0));
	return threshold < 125 ? threshold : 125;
}

static void set_up_pageset(struct linux64 *m, uint64_t pageset, uint64_t managed)
{
	static const char s[] = "per_cpu_pageset";
	uint64_t batch = managed ? batch_size(managed) : 1;
	l64_set(m, pageset, s, "pcp.high", managed ? 6 * batch : 0);
	l64_set(m, pageset, s, "pcp.batch", batch);
	for (unsigned n = 0; n < 3; n++) {
		uint64_t head = pageset + l64_offset(m, s, "pcp.lists") + 16 * n;
		l64_put(m, head, 8, head);
		l64_put(m, head + 8, 8, head);
	}
	if (managed)
		l64_set(m, pageset, s, "stat_threshold", stat_threshold(m, managed));
}

/* refresh_zone_stat_thresholds(): a node has the greatest of its zones' thresholds. */
static void set_up_nodestat(struct linux64 *m, unsigned node, uint64_t threshold)
{
	if (!l64_has(m, node_type, "per_cpu_nodestats"))
		return;
	uint64_t percpu = l64_get(m, m->node[node].pgdat, node_type, "per_cpu_nodestats");
	for (unsigned cpu = 0; cpu < m->cpus; cpu++) {
		uint64_t at = l64_percpu(m, percpu, cpu);
		if (l64_get(m, at, "per_cpu_nodestat", "stat_threshold") < threshold)
			l64_set(m, at, "per_cpu_nodestat", "stat_threshold", threshold);
	}
}

static void set_up_pagesets(struct linux64 *m)
{
	for (unsigned cpu = 0; cpu < m->cpus; cpu++)
		set_up_pageset(m, l64_percpu(m, image_symbol(&m->image, "boot_pageset"), cpu), 0);
	for (unsigned node = 0; node < m->nodes; node++)
		for (unsigned zone = 0; zone < zone_count(m); zone++) {
			uint64_t managed = managed_of(m, node, zone), percpu;
			if (!managed)
				continue;
			percpu = l64_alloc_percpu(m, l64_size(m, "per_cpu_pageset"), 8);
			l64_set(m, zone_addr(m, node, zone), zone_type, "pageset", percpu);
			for (unsigned cpu = 0; cpu < m->cpus; cpu++)
				set_up_pageset(m, l64_percpu(m, percpu, cpu), managed);
			set_up_nodestat(m, node, stat_threshold(m, managed));
		}
}

/* What all zones have, once nothing more is taken for good. */
void linux64_zones(struct linux64 *m)
{
	for (unsigned node = 0; node < m->nodes; node++)
		set_up_node(m, node);
	for (unsigned node = 0; node < m->nodes; node++)
		for (unsigned zone = 0; zone < zone_count(m); zone++)
			set_up_zone(m, node, zone);
	for (unsigned node = 0; node < m->nodes; node++) {
		build_zonelist(m, node, 0, m->nodes);
		build_zonelist(m, node, 1, 1);
	}
	set_up_watermarks(m);
	set_up_pagesets(m);
	uint64_t total = 0;
	for (unsigned node = 0; node < m->nodes; node++)
		for (unsigned zone = 0; zone < zone_count(m); zone++)
			total += managed_of(m, node, zone);
	l64_set_symbol(m, "_totalram_pages", 8, total);
	l64_set_symbol(m, "totalram_pages", 8, total);
}

/* ---- Counters ---- */

void l64_count_zone(struct linux64 *m, uint64_t pfn, const char *item, int64_t delta)
{
	int index;
	if (l64_find_enumerator(m, item, &index) && index < 64)
		m->zone_stat[l64_node_of(m, pfn)][l64_zone_of(m, pfn)][index] += delta;
}

void l64_count_node(struct linux64 *m, uint64_t pfn, const char *item, int64_t delta)
{
	int index;
	/* All were zones' counters until 4.8. */
	if (!l64_has(m, node_type, "vm_stat"))
		l64_count_zone(m, pfn, item, delta);
	else if (l64_find_enumerator(m, item, &index) && index < 64)
		m->node_stat[l64_node_of(m, pfn)][index] += delta;
}

static void add_stat(struct linux64 *m, uint64_t at, uint64_t global, int64_t value)
{
	l64_put(m, at, 8, l64_load(m, at, 8) + (uint64_t)value);
	if (global)
		l64_put(m, global, 8, l64_load(m, global, 8) + (uint64_t)value);
}

static void write_stats(struct linux64 *m)
{
	struct image *i = &m->image;
	bool by_node = l64_has(m, node_type, "vm_stat");
	uint64_t zone_stats = image_symbol(i, by_node ? "vm_zone_stat" : "vm_stat"), node_stats = by_node ? image_symbol(i, "vm_node_stat") : 0;
	for (unsigned node = 0; node < m->nodes; node++) {
		for (unsigned zone = 0; zone < zone_count(m); zone++)
			for (unsigned n = 0; n < 64; n++)
				if (m->zone_stat[node][zone][n])
					add_stat(m, zone_addr(m, node, zone) + l64_offset(m, zone_type, "vm_stat") + 8 * n, zone_stats + 8 * n,
						 m->zone_stat[node][zone][n]);
		for (unsigned n = 0; by_node && n < 64; n++)
			if (m->node_stat[node][n])
				add_stat(m, m->node[node].pgdat + l64_offset(m, node_type, "vm_stat") + 8 * n, node_stats + 8 * n,
					 m->node_stat[node][n]);
	}
}

/* ---- The free lists ---- */

/* set_pfnblock_flags_mask(): four bits a block, three of them the migrate type. */
static void write_block_type(struct linux64 *m, uint64_t block)
{
	static const char s[] = "mem_section";
	uint64_t pfn = block << BLOCK_SHIFT64, roots = image_symbol(&m->image, "mem_section"), per_root = PAGE_SIZE64 / l64_size(m, s);
	if (m->flavour->relative_kallsyms)
		roots = l64_load(m, roots, 8);
	uint64_t number = pfn >> SECTION_SHIFT64, section = l64_load(m, roots + number / per_root * 8, 8) + number % per_root * l64_size(m, s);
	uint64_t flags = l64_has(m, s, "usage") ? l64_get(m, section, s, "usage") + l64_offset(m, "mem_section_usage", "pageblock_flags")
						: l64_get(m, section, s, "pageblock_flags");
	uint64_t bit = (block & ((1u << (SECTION_SHIFT64 - BLOCK_SHIFT64)) - 1)) * 4, word = flags + bit / 64 * 8;
	/* bits & 63, counted from the other end where the kernel does so */
	unsigned shift = (unsigned)(m->flavour->blocks_from_top ? 61 - bit % 64 : bit % 64);
	l64_put(m, word, 8, (l64_load(m, word, 8) & ~(15ull << shift)) | (uint64_t)m->migratetype[m->blocks[block]] << shift);
}

static void free_block(struct linux64 *m, uint64_t pfn, unsigned order)
{
	uint64_t page = l64_page(m, pfn), zone = zone_addr(m, l64_node_of(m, pfn), l64_zone_of(m, pfn));
	uint64_t area = zone + l64_offset(m, zone_type, "free_area") + (uint64_t)order * l64_size(m, "free_area");
	uint64_t head = area + l64_offset(m, "free_area", "free_list") + 16ull * m->migratetype[m->blocks[pfn >> BLOCK_SHIFT64]];
	l64_list_add_tail(m, page + m->lru_offset, head);
	l64_set(m, page, "page", "private", order);
	/* PG_buddy, a page type since 4.18; the whole word before (PAGE_BUDDY_MAPCOUNT_VALUE) */
	l64_put(m, page + m->mapcount_offset, 4, l64_has(m, "page", "page_type") ? (uint32_t)~0x80 : (uint32_t)-128);
	l64_set(m, area, "free_area", "nr_free", l64_get(m, area, "free_area", "nr_free") + 1);
	m->zone_stat[l64_node_of(m, pfn)][l64_zone_of(m, pfn)][0] += 1 << order; /* NR_FREE_PAGES comes first */
}

/* The largest block that may start here: aligned, wholly free, of one kind and one zone. */
static unsigned block_order(struct linux64 *m, uint64_t pfn)
{
	unsigned order = 0;
	for (; order + 1 < MAX_ORDER64; order++) {
		uint64_t size = 1ull << (order + 1), end = pfn + size;
		if (pfn & (size - 1) || end > m->max_pfn || l64_zone_of(m, end - 1) != l64_zone_of(m, pfn) ||
		    l64_node_of(m, end - 1) != l64_node_of(m, pfn) || m->blocks[(end - 1) >> BLOCK_SHIFT64] != m->blocks[pfn >> BLOCK_SHIFT64])
			break;
		uint64_t n = pfn + size / 2;
		while (n < end && m->frames[n] == FRAME_FREE)
			n++;
		if (n < end)
			break;
	}
	return order;
}

/* init_user_reserve(), init_admin_reserve() (mm/mmap.c), mm_compute_batch() (mm/mm_init.c): what may be promised goes by the memory that there is. */
static void set_up_overcommit(struct linux64 *m)
{
	static const char counter[] = "percpu_counter";
	uint64_t at = image_symbol(&m->image, "vm_committed_as"), free = 0, managed = 0, batch = m->cpus * 2 > 32 ? m->cpus * 2 : 32;
	for (unsigned node = 0; node < m->nodes; node++)
		for (unsigned zone = 0; zone < zone_count(m); zone++) {
			free += m->zone_stat[node][zone][0] << (PAGE_SHIFT64 - 10);
			managed += managed_of(m, node, zone);
		}
	l64_set_symbol(m, "sysctl_user_reserve_kbytes", 8, free / 32 < 1u << 17 ? free / 32 : 1u << 17);
	l64_set_symbol(m, "sysctl_admin_reserve_kbytes", 8, free / 32 < 1u << 13 ? free / 32 : 1u << 13);
	/* Since 5.9 a CPU keeps more to itself where promises have no limit. */
	uint64_t share = managed / m->cpus / (image_has_symbol(&m->image, "overcommit_policy_handler") ? 4 : 256);
	l64_set_symbol(m, "vm_committed_as_batch", 4, share > batch ? share : batch);
	l64_set(m, at, counter, "counters", l64_alloc_percpu(m, 4, 4));
}

void linux64_free_all(struct linux64 *m)
{
	assert(l64_enumerator(m, "NR_FREE_PAGES") == 0);
	for (uint64_t pfn = 0; pfn < m->max_pfn;) {
		if (m->frames[pfn] != FRAME_FREE) {
			pfn++;
			continue;
		}
		unsigned order = block_order(m, pfn);
		free_block(m, pfn, order);
		pfn += 1ull << order;
	}
	for (uint64_t block = 0; block << BLOCK_SHIFT64 < m->max_pfn; block++)
		write_block_type(m, block);
	set_up_overcommit(m);
	write_stats(m);
}
