/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Memory as Linux 2.4.20 sets it up on i386: setup_arch() (arch/i386/kernel/setup.c, arch/i386/mm/init.c), bootmem (mm/bootmem.c), mem_map and
 * zones (free_area_init_core(), mm/page_alloc.c), and at last free_all_bootmem().
 */
#include <stdlib.h>
#include <string.h>

#include "mm/sim/linux24.h"

#define PAGE_SIZE  LINUX24_PAGE_SIZE
#define PAGE_SHIFT LINUX24_PAGE_SHIFT
#define ZONES	   3
#define MAX_ORDER  10
#define MAX_DMA	   (16u << 20)
#define CACHE_LINE 32u

/* include/asm-i386/pgtable.h */
#define KERNPG_TABLE 0x63u  /* present, writable, accessed, dirty */
#define LARGE_PAGE   0x180u /* _PAGE_PSE, _PAGE_GLOBAL */
#define PGDIR_SIZE   (4u << 20)
/* include/asm-i386/fixmap.h, highmem.h */
#define FIXMAP_START 0xffc00000u
#define PKMAP_BASE   0xfe000000u

static const char *const zone_names[ZONES] = { "DMA", "Normal", "HighMem" };

/* The boot-time allocator: which frames are taken, and where in its last frame the last block ended. */
struct bootmem {
	struct linux24 *m;
	unsigned char *reserved; /* a byte for each frame of low memory */
	uint32_t end;		 /* frames of low memory */
	uint32_t last_pos, last_offset;
};

static uint32_t virtual(const struct bootmem *b, uint32_t phys)
{
	return b->m->image.base + phys;
}

static void reserve(struct bootmem *b, uint32_t start, uint32_t size)
{
	uint32_t first = start >> PAGE_SHIFT, last = (start + size - 1) >> PAGE_SHIFT;
	for (uint32_t pfn = first; pfn <= last && pfn < b->end; pfn++)
		b->reserved[pfn] = 1;
}

/* The first run of free frames at or above pfn; 0 when there is none (frame 0 is never free). */
static uint32_t find_run(const struct bootmem *b, uint32_t pfn, uint32_t count)
{
	for (uint32_t run = 0; pfn < b->end; pfn++) {
		run = b->reserved[pfn] ? 0 : run + 1;
		if (run == count)
			return pfn + 1 - count;
	}
	return 0;
}

/*
 * __alloc_bootmem_core(): near `goal` (physical) if there is room above it, else anywhere; a block that starts in the frame after the last one's end
 * uses up what was left there. Its virtual address, 0 when memory is too small.
 */
static uint32_t alloc_bootmem(struct bootmem *b, uint32_t size, uint32_t align, uint32_t goal)
{
	uint32_t frames = (size + PAGE_SIZE - 1) >> PAGE_SHIFT, start = 0;
	if (goal && goal >> PAGE_SHIFT < b->end)
		start = find_run(b, goal >> PAGE_SHIFT, frames);
	if (!start)
		start = find_run(b, 0, frames);
	if (!start)
		return 0;
	if (align > PAGE_SIZE || !b->last_offset || b->last_pos + 1 != start) {
		reserve(b, start << PAGE_SHIFT, size);
		b->last_pos = start + frames - 1;
		b->last_offset = size % PAGE_SIZE;
		return virtual(b, start << PAGE_SHIFT);
	}
	uint32_t offset = (b->last_offset + align - 1) & -align, remaining = PAGE_SIZE - offset;
	uint32_t addr = virtual(b, (b->last_pos << PAGE_SHIFT) + offset);
	if (size < remaining) {
		b->last_offset = offset + size;
	} else {
		size -= remaining;
		frames = (size + PAGE_SIZE - 1) >> PAGE_SHIFT;
		if (size)
			reserve(b, start << PAGE_SHIFT, size);
		b->last_pos = start + frames - 1;
		b->last_offset = size;
	}
	b->last_offset %= PAGE_SIZE;
	return addr;
}

/* A frame for the processor's own tables, as low as possible. */
static uint32_t alloc_low_page(struct bootmem *b)
{
	return alloc_bootmem(b, PAGE_SIZE, PAGE_SIZE, 0);
}

/* ---- setup_arch() ---- */

/* What a PC's firmware says: no memory between 640 KB and 1 MB but the BIOS. */
static void write_e820(struct linux24 *m)
{
	struct image *i = &m->image;
	const struct {
		uint32_t start;
		uint64_t size;
		uint32_t type;
	} map[] = {
		{ 0, 0x9fc00, 1 },
		{ 0x9fc00, 0x400, 2 },
		{ 0xf0000, 0x10000, 2 },
		{ 0x100000, i->size - 0x100000, 1 },
	};
	uint32_t table = image_symbol(i, "e820"), entries = table + layout_offset(i->layout, "e820map", "map");
	image_set(i, table, "e820map", "nr_map", 4);
	for (uint32_t n = 0; n < 4; n++) {
		uint32_t entry = entries + n * layout_size(i->layout, "e820entry");
		image_set(i, entry, "e820entry", "addr", map[n].start);
		image_set(i, entry, "e820entry", "size", (uint32_t)map[n].size);
		image_put32(i, entry + layout_offset(i->layout, "e820entry", "size") + 4, (uint32_t)(map[n].size >> 32));
		image_set(i, entry, "e820entry", "type", map[n].type);
	}
}

/* setup_memory(): the kernel, the bitmap behind it, the firmware's frames, and two that processors start from. */
static uint32_t setup_memory(struct bootmem *b)
{
	const struct image *i = &b->m->image;
	uint32_t map = image_symbol(i, "_end") - i->base, size = ((b->end + 7) / 8 + 3) & ~3u;
	reserve(b, 0, 2 * PAGE_SIZE);
	reserve(b, 0x9f000, 0x100000 - 0x9f000);
	reserve(b, 0x100000, map + size - 0x100000);
	alloc_low_page(b); /* smp_alloc_memory(): the trampoline of further processors */
	return map;
}

/* pagetable_init(), with large pages; the tables of the fixed mappings and of kmap() stay empty. */
static void set_up_page_tables(struct bootmem *b)
{
	struct linux24 *m = b->m;
	struct image *i = &m->image;
	uint32_t pgd = image_symbol(i, "swapper_pg_dir");
	for (uint32_t phys = 0; phys < m->max_low_pfn << PAGE_SHIFT; phys += PGDIR_SIZE)
		image_put32(i, pgd + (virtual(b, phys) >> 22) * 4, phys | KERNPG_TABLE | LARGE_PAGE);
	image_put32(i, pgd + (FIXMAP_START >> 22) * 4, (alloc_low_page(b) - i->base) | KERNPG_TABLE);
	if (m->highmem) {
		uint32_t table = alloc_low_page(b);
		image_put32(i, pgd + (PKMAP_BASE >> 22) * 4, (table - i->base) | KERNPG_TABLE);
		image_put32(i, image_symbol(i, "pkmap_page_table"), table);
	}
}

/* ---- free_area_init_core() ---- */

struct zone_plan {
	uint32_t addr;	/* of its zone_struct */
	uint32_t first; /* frame */
	uint32_t size;	/* frames */
	uint32_t maps[MAX_ORDER - 1];
};

static uint32_t alloc_node(struct bootmem *b, uint32_t size)
{
	return alloc_bootmem(b, size, CACHE_LINE, MAX_DMA);
}

/* The wait queues that sleepers on a page are hashed to. */
static void set_up_wait_table(struct bootmem *b, const struct zone_plan *z)
{
	struct image *i = &b->m->image;
	uint32_t size = 1, shift = 32, queue = layout_size(i->layout, "__wait_queue_head");
	while (size < z->size / 256 && size < 4096) {
		size <<= 1;
		shift--;
	}
	uint32_t table = alloc_node(b, size * queue);
	image_set(i, z->addr, "zone_struct", "wait_table_size", size);
	image_set(i, z->addr, "zone_struct", "wait_table_shift", shift);
	image_set(i, z->addr, "zone_struct", "wait_table", table);
	for (uint32_t n = 0; n < size; n++) {
		image_set(i, table + n * queue, "__wait_queue_head", "lock", 1);
		image_list_init(i, table + n * queue + layout_offset(i->layout, "__wait_queue_head", "task_list"));
	}
}

/* One bit for each pair of buddies, and some more, as the kernel reckons them. The largest blocks have none. */
static void set_up_free_areas(struct bootmem *b, struct zone_plan *z)
{
	struct image *i = &b->m->image;
	uint32_t area = z->addr + layout_offset(i->layout, "zone_struct", "free_area");
	for (unsigned order = 0; order < MAX_ORDER; order++, area += layout_size(i->layout, "free_area_struct")) {
		image_list_init(i, area + layout_offset(i->layout, "free_area_struct", "free_list"));
		if (order == MAX_ORDER - 1)
			break;
		z->maps[order] = alloc_node(b, (((z->size - 1) >> (order + 4)) + 1 + 3) & ~3u);
		image_set(i, area, "free_area_struct", "map", z->maps[order]);
	}
}

/* zone_balance_ratio, _min, _max are 128, 20, 255 for each zone. */
static void set_watermarks(struct image *i, const struct zone_plan *z)
{
	uint32_t mark = z->size / 128;
	mark = mark < 20 ? 20 : mark > 255 ? 255 : mark;
	image_set(i, z->addr, "zone_struct", "pages_min", mark);
	image_set(i, z->addr, "zone_struct", "pages_low", mark * 2);
	image_set(i, z->addr, "zone_struct", "pages_high", mark * 3);
}

/* Every page starts reserved, with count 0, on no list. */
static void set_up_pages(struct linux24 *m, uint32_t mem_map, const struct zone_plan *z, uint32_t zone)
{
	struct image *i = &m->image;
	uint32_t size = layout_size(i->layout, "page"), list = layout_offset(i->layout, "page", "list"),
		 flags = layout_offset(i->layout, "page", "flags");
	uint32_t address = m->highmem ? layout_offset(i->layout, "page", "virtual") : 0;
	const uint32_t word = zone << 24 | 1u << 14; /* PG_reserved */
	for (uint32_t pfn = z->first; pfn < z->first + z->size; pfn++) {
		uint32_t page = mem_map + pfn * size;
		unsigned char *bytes = image_bytes(i, page);
		const uint32_t links[2] = { page + list, page + list };
		memcpy(bytes + list, links, sizeof(links));
		memcpy(bytes + flags, &word, sizeof(word));
		if (address && zone < 2) {
			uint32_t direct = i->base + (pfn << PAGE_SHIFT);
			memcpy(bytes + address, &direct, sizeof(direct));
		}
	}
}

static void set_up_zone(struct bootmem *b, uint32_t node, uint32_t mem_map, struct zone_plan *z, uint32_t zone)
{
	struct image *i = &b->m->image;
	static const char s[] = "zone_struct";
	image_put32(i, image_symbol(i, "zone_table") + 4 * zone, z->addr);
	image_set(i, z->addr, s, "size", z->size);
	image_set(i, z->addr, s, "name", image_symbol(i, "zone_names_text") + 8 * zone);
	image_set(i, z->addr, s, "lock", 1);
	image_set(i, z->addr, s, "zone_pgdat", node);
	if (!z->size)
		return;
	set_up_wait_table(b, z);
	image_set(i, node, "pglist_data", "nr_zones", zone + 1);
	set_watermarks(i, z);
	image_set(i, z->addr, s, "zone_mem_map", mem_map + z->first * layout_size(i->layout, "page"));
	image_set(i, z->addr, s, "zone_start_mapnr", z->first);
	image_set(i, z->addr, s, "zone_start_paddr", z->first << PAGE_SHIFT);
	set_up_pages(b->m, mem_map, z, zone);
	set_up_free_areas(b, z);
}

/* build_zonelists(): for each class of the low GFP bits the zones it may use, the best first. __GFP_DMA is 1, __GFP_HIGHMEM 2. */
static void build_zonelists(struct image *i, uint32_t node, const struct zone_plan zones[ZONES])
{
	uint32_t list = node + layout_offset(i->layout, "pglist_data", "node_zonelists"), size = layout_size(i->layout, "zonelist_struct");
	for (uint32_t class = 0; class < 16; class++, list += size) {
		uint32_t at = list;
		for (int zone = class & 1 ? 0 : class & 2 ? 2 : 1; zone >= 0; zone--)
			if (zones[zone].size) {
				image_put32(i, at, zones[zone].addr);
				at += 4;
			}
	}
}

static struct error *free_area_init(struct bootmem *b, struct zone_plan zones[ZONES], uint32_t *mem_map)
{
	struct linux24 *m = b->m;
	struct image *i = &m->image;
	uint32_t node = image_symbol(i, "contig_page_data"), page = layout_size(i->layout, "page");
	uint32_t sizes[ZONES] = { m->max_low_pfn, 0, 0 }, total = 0;
	if (m->max_low_pfn > MAX_DMA >> PAGE_SHIFT) {
		sizes[0] = MAX_DMA >> PAGE_SHIFT;
		sizes[1] = m->max_low_pfn - sizes[0];
		sizes[2] = m->max_pfn - m->max_low_pfn;
	}
	*mem_map = alloc_node(b, (m->max_pfn + 1) * page);
	if (!*mem_map)
		return error_new(ERR_USAGE, "this much memory needs more for its page array than there is");
	/* MAP_ALIGN: a multiple of the page's size, counted from PAGE_OFFSET */
	uint32_t odd = (*mem_map - i->base) % page;
	*mem_map += odd ? page - odd : 0;
	image_put32(i, image_symbol(i, "mem_map"), *mem_map);
	image_put32(i, image_symbol(i, "pgdat_list"), node);
	image_set(i, node, "pglist_data", "node_mem_map", *mem_map);
	image_set(i, node, "pglist_data", "node_size", m->max_pfn);
	for (uint32_t zone = 0; zone < ZONES; zone++) {
		uint32_t addr = node + layout_offset(i->layout, "pglist_data", "node_zones") + zone * layout_size(i->layout, "zone_struct");
		zones[zone] = (struct zone_plan){ .addr = addr, .first = total, .size = sizes[zone] };
		set_up_zone(b, node, *mem_map, &zones[zone], zone);
		total += sizes[zone];
	}
	build_zonelists(i, node, zones);
	return NULL;
}

/* ---- free_all_bootmem() ---- */

struct freeing {
	struct image *image;
	uint32_t mem_map, page, list; /* sizes and offsets in bytes */
	uint32_t flags_offset;
	const struct zone_plan *zone;
};

static void list_add(struct image *i, uint32_t node, uint32_t head)
{
	uint32_t next = image_get32(i, head);
	image_put32(i, next + 4, node);
	image_put32(i, node, next);
	image_put32(i, node + 4, head);
	image_put32(i, head, node);
}

static void list_del(struct image *i, uint32_t node)
{
	uint32_t next = image_get32(i, node), previous = image_get32(i, node + 4);
	image_put32(i, next + 4, previous);
	image_put32(i, previous, next);
}

/* __free_pages_ok() of a block whose frames were all in use: `index` counts from the zone's first frame. */
static void free_block(struct freeing *f, uint32_t index, unsigned order)
{
	struct image *i = f->image;
	const struct zone_plan *z = f->zone;
	uint32_t area = z->addr + layout_offset(i->layout, "zone_struct", "free_area"), base = f->mem_map + z->first * f->page;
	for (; order < MAX_ORDER - 1; order++) {
		uint32_t pair = index >> (order + 1), word = z->maps[order] + pair / 32 * 4, bits = image_get32(i, word);
		image_put32(i, word, bits ^ 1u << pair % 32);
		if (!(bits >> pair % 32 & 1))
			break;
		list_del(i, base + (index ^ 1u << order) * f->page + f->list);
		index &= ~(1u << order);
	}
	list_add(i, base + index * f->page + f->list, area + order * layout_size(i->layout, "free_area_struct"));
}

static void unreserve(struct freeing *f, uint32_t pfn, uint32_t count, uint32_t set)
{
	for (uint32_t end = pfn + count; pfn < end; pfn++) {
		uint32_t flags = f->mem_map + pfn * f->page + f->flags_offset;
		image_put32(f->image, flags, (image_get32(f->image, flags) & ~(1u << 14)) | set);
	}
}

/*
 * Frees the frames [pfn, end) of one zone. Going by the largest aligned blocks leaves lists and bits as frame by frame would: within a block
 * each bit turns twice.
 */
static void free_frames(struct freeing *f, uint32_t pfn, uint32_t end)
{
	const struct zone_plan *z = f->zone;
	struct image *i = f->image;
	uint32_t free_pages = z->addr + layout_offset(i->layout, "zone_struct", "free_pages");
	image_put32(i, free_pages, image_get32(i, free_pages) + end - pfn);
	while (pfn < end) {
		unsigned order = 0;
		uint32_t index = pfn - z->first;
		while (order < MAX_ORDER - 1 && !(index >> order & 1) && pfn + (2u << order) <= end)
			order++;
		free_block(f, index, order);
		pfn += 1u << order;
	}
}

/* The runs of free frames of low memory in ascending order, then the frames of bootmem's own bitmap. */
static uint32_t free_low_memory(struct bootmem *b, struct freeing *f, const struct zone_plan zones[ZONES], uint32_t map)
{
	uint32_t freed = 0, own = map >> PAGE_SHIFT, own_end = own + ((b->end / 8 + PAGE_SIZE - 1) >> PAGE_SHIFT);
	for (uint32_t zone = 0; zone < 2; zone++) {
		uint32_t end = zones[zone].first + zones[zone].size, first;
		f->zone = &zones[zone];
		for (uint32_t pfn = zones[zone].first; pfn < end; pfn++) {
			for (first = pfn; pfn < end && !b->reserved[pfn];)
				pfn++;
			if (pfn == first)
				continue;
			unreserve(f, first, pfn - first, 0);
			free_frames(f, first, pfn);
			freed += pfn - first;
		}
	}
	f->zone = &zones[own >= zones[1].first && zones[1].size];
	unreserve(f, own, own_end - own, 0);
	for (; own < own_end; own++, freed++)
		free_frames(f, own, own + 1);
	return freed;
}

/*
 * one_highpage_init() frees high memory from its end down, frame by frame; the largest blocks in that order come to the same. Of
 * what is left over at the end no two blocks are of one order, so theirs does not matter.
 */
static uint32_t free_high_memory(struct freeing *f, const struct zone_plan *z)
{
	const uint32_t step = 1u << (MAX_ORDER - 1);
	f->zone = z;
	unreserve(f, z->first, z->size, 1u << 11); /* PG_highmem */
	uint32_t whole = z->size & -step;
	free_frames(f, z->first + whole, z->first + z->size);
	for (uint32_t at = whole; at; at -= step)
		free_frames(f, z->first + at - step, z->first + at);
	return z->size;
}

/* ---- The frames of the disk and the swap partition ---- */

static uint32_t limit(uint32_t value, uint32_t most)
{
	return value < most ? value : most;
}

/*
 * A sixteenth of memory (2 MB at least) is disk and an eighth swap, from a quarter of low memory on or where there is room above it. They begin 16 frames past a
 * large block's start, which leaves a free block of each order around them: the hash tables of booting take these, and what lies between mem_map
 * and the next large block stays for the first tasks, as on the machine of the seed's session.
 */
static void reserve_disk(struct bootmem *b)
{
	struct image *i = &b->m->image;
	uint32_t megabytes = (uint32_t)(i->size >> 20), disk = limit(megabytes < 32 ? 2u << 20 : megabytes << 16, 8u << 20), swap = limit(megabytes << 17, 64u << 20);
	uint32_t frames = (disk + swap) >> PAGE_SHIFT, step = (1u << 20) >> PAGE_SHIFT, pfn = (b->end / 4) & -step;
	uint32_t at = image_symbol(i, "sim_disk");
	for (pfn += 16; pfn + frames <= b->end; pfn += step)
		if (find_run(b, pfn, frames) == pfn)
			break;
	if (pfn + frames > b->end)
		return;
	reserve(b, pfn << PAGE_SHIFT, disk + swap);
	image_set(i, at, "sim_disk", "start", pfn << PAGE_SHIFT);
	image_set(i, at, "sim_disk", "size", disk);
	image_set(i, at, "sim_disk", "swap_start", (pfn << PAGE_SHIFT) + disk);
	image_set(i, at, "sim_disk", "swap_size", swap);
}

/* ---- mem_init() ---- */

static void set_totals(struct linux24 *m, uint32_t mem_map, uint32_t low, uint32_t high)
{
	struct image *i = &m->image;
	const struct {
		const char *name;
		uint32_t value;
	} words[] = {
		{ "max_mapnr", m->max_pfn },
		{ "num_physpages", m->max_pfn },
		{ "num_mappedpages", m->max_low_pfn },
		{ "high_memory", i->base + (m->max_low_pfn << PAGE_SHIFT) },
		{ "max_pfn", m->max_pfn },
		{ "max_low_pfn", m->max_low_pfn },
		{ "min_low_pfn", (image_symbol(i, "_end") - i->base) >> PAGE_SHIFT },
		{ "totalram_pages", low + high },
		{ "totalhigh_pages", high },
		{ "highstart_pfn", m->highmem ? m->max_low_pfn : 0 },
		{ "highend_pfn", m->highmem ? m->max_pfn : 0 },
		{ "highmem_start_page", m->highmem ? mem_map + m->max_low_pfn * layout_size(i->layout, "page") : 0 },
	};
	for (unsigned n = 0; n < sizeof(words) / sizeof(words[0]); n++)
		image_put32(i, image_symbol(i, words[n].name), words[n].value);
}

static struct error *set_up(struct bootmem *b)
{
	struct linux24 *m = b->m;
	struct image *i = &m->image;
	struct zone_plan zones[ZONES];
	uint32_t mem_map, map, low, high = 0;
	uint32_t names = image_symbol(i, "zone_names_text");
	for (unsigned zone = 0; zone < ZONES; zone++)
		strcpy((char *)image_bytes(i, names + 8 * zone), zone_names[zone]);
	write_e820(m);
	map = setup_memory(b);
	set_up_page_tables(b);
	TRY(free_area_init(b, zones, &mem_map));
	reserve_disk(b);
	struct freeing f = { i, mem_map, layout_size(i->layout, "page"), layout_offset(i->layout, "page", "list"),
			     layout_offset(i->layout, "page", "flags"), NULL };
	low = free_low_memory(b, &f, zones, map);
	if (zones[2].size)
		high = free_high_memory(&f, &zones[2]);
	set_totals(m, mem_map, low, high);
	return NULL;
}

struct error *linux24_memory(struct linux24 *m)
{
	struct bootmem b = { .m = m, .end = m->max_low_pfn };
	b.reserved = calloc(b.end, 1);
	if (!b.reserved)
		return error_new(ERR_NO_MEMORY, "out of memory");
	struct error *e = set_up(&b);
	free(b.reserved);
	return e;
}
