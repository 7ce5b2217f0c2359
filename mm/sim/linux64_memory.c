/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Memory as a kernel for x86_64 sets it up before the page allocator: memory that is given out from each node's end (mm/memblock.c), the direct map
 * (arch/x86/mm/init_64.c), sections with their page arrays (mm/sparse.c, sparse-vmemmap.c), each CPU's area (mm/percpu.c), and every struct
 * page's first state (__init_single_page(), mm/page_alloc.c).
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "mm/sim/linux64.h"

/* ---- Boot memory ---- */

static void mark(struct linux64 *m, uint64_t start, uint64_t end, enum frame64 state)
{
	uint64_t first = start >> PAGE_SHIFT64, last = (end + PAGE_SIZE64 - 1) >> PAGE_SHIFT64;
	memset(m->frames + first, state, last - first);
}

uint64_t l64_alloc_boot(struct linux64 *m, unsigned node, uint64_t size, uint64_t align)
{
	struct linux64_node *n = &m->node[node];
	n->top = (n->top - size) & -align;
	assert(n->top >= n->start << PAGE_SHIFT64 && n->top > image_symbol(&m->image, "_end") - LINUX64_KERNEL_MAP);
	mark(m, n->top, n->top + size, FRAME_RESERVED);
	return n->top;
}

/* ---- Page tables ---- */

static uint64_t new_table(struct linux64 *m)
{
	if (!m->buddy)
		return l64_alloc_boot(m, 0, PAGE_SIZE64, PAGE_SIZE64);
	uint64_t pfn = l64_alloc_pages(m, 0, BLOCK_UNMOVABLE);
	return pfn << PAGE_SHIFT64;
}

/* Middle tables know that they are tables: pgtable_pmd_page_ctor(), since 3.13 with split locks, and counted since 4.18. */
static void construct(struct linux64 *m, uint64_t table)
{
	uint64_t pfn = table >> PAGE_SHIFT64, page = l64_page(m, pfn);
	if (!m->buddy || !l64_has(m, "page", "page_type"))
		return;
	/* PG_table: 0x400 beside PG_kmemcg, which mem_cgroup tells of (include/linux/page-flags.h) */
	uint32_t bit = l64_has(m, "page", "mem_cgroup") ? 0x400 : 0x200;
	l64_set(m, page, "page", "page_type", 0xffffffffu & ~bit);
	l64_count_zone(m, pfn, "NR_PAGETABLE", 1);
}

void l64_map(struct linux64 *m, uint64_t addr, uint64_t phys, unsigned level, uint64_t flags)
{
	uint64_t table = image_symbol(&m->image, m->flavour->pgd) - LINUX64_KERNEL_MAP;
	for (unsigned at = 3; at > level; at--) {
		uint64_t entry = l64_direct(m, table + (addr >> (12 + 9 * at) & 511) * 8), value = l64_load(m, entry, 8);
		if (!value) {
			value = new_table(m) | TABLE64;
			if (at == 2)
				construct(m, value & ~0xfffull);
			l64_put(m, entry, 8, value);
		}
		assert(!(value & LARGE64));
		table = value & 0x000ffffffffff000ull;
	}
	l64_put(m, l64_direct(m, table + (addr >> (12 + 9 * level) & 511) * 8), 8, phys | flags);
}

/* level3_kernel_pgt and level2_kernel_pgt are part of the image, and map as much as there is of it (cleanup_highmap()). */
static void map_kernel(struct linux64 *m)
{
	struct image *i = &m->image;
	uint64_t pgd = image_symbol(i, m->flavour->pgd), upper = image_symbol(i, "level3_kernel_pgt"), middle = image_symbol(i, "level2_kernel_pgt"),
		 fixmap = image_symbol(i, "level2_fixmap_pgt");
	image_put64(i, pgd + 511 * 8, (upper - i->base) | TABLE64);
	image_put64(i, upper + 510 * 8, (middle - i->base) | 0x63);
	image_put64(i, upper + 511 * 8, (fixmap - i->base) | TABLE64);
	image_put64(i, fixmap + 507 * 8, (image_symbol(i, "level1_fixmap_pgt") - i->base) | TABLE64);
	uint64_t end = image_symbol(i, "_end") - i->base;
	for (uint64_t phys = image_symbol(i, "_text") - i->base; phys < end; phys += LARGE_PAGE64)
		image_put64(i, middle + (phys >> 21) * 8, phys | KERNEL_TEXT64);
}

static void map_directly(struct linux64 *m)
{
	for (uint64_t phys = 0; phys < m->mem;) {
		unsigned level = phys % (1ull << 30) == 0 && phys + (1ull << 30) <= m->mem ? 2 : 1;
		l64_map(m, l64_direct(m, phys), phys, level, KERNEL64 | LARGE64);
		phys += level == 2 ? 1ull << 30 : LARGE_PAGE64;
	}
}

/* ---- Sections ---- */

#define PRESENT_SECTION 1u
#define HAS_MEM_MAP	2u
#define IS_ONLINE	4u
#define IS_EARLY	8u
#define SECTIONS64	(1u << 19)		       /* MAX_PHYSMEM_BITS 46 */
#define BLOCK_BITS	4			       /* NR_PAGEBLOCK_BITS */
#define BLOCK_FLAGS	(8u * BLOCK_BITS)	       /* bytes for the 64 blocks of a section */

/* One more section, with pages for all of it; also of frames that are no memory (a device's). */
static void add_section(struct linux64 *m, uint64_t roots, unsigned number, unsigned node, bool of_device)
{
	static const char s[] = "mem_section", u[] = "mem_section_usage";
	uint32_t size = l64_size(m, s), per_root = (uint32_t)(PAGE_SIZE64 / size);
	uint64_t root = l64_load(m, roots + number / per_root * 8, 8);
	if (!root) {
		root = l64_direct(m, l64_alloc_boot(m, 0, PAGE_SIZE64, PAGE_SIZE64));
		l64_put(m, roots + number / per_root * 8, 8, root);
	}
	uint64_t map = l64_alloc_boot(m, node, m->page_size << SECTION_SHIFT64, LARGE_PAGE64), section = root + (number % per_root) * size;
	uint64_t pfn = (uint64_t)number << SECTION_SHIFT64, flags = PRESENT_SECTION | HAS_MEM_MAP;
	for (uint64_t at = 0; at < m->page_size << SECTION_SHIFT64; at += LARGE_PAGE64)
		l64_map(m, l64_page(m, pfn) + at, map + at, 1, KERNEL64 | LARGE64);
	m->section_map[number] = map;
	if (l64_has(m, s, "usage")) {
		uint64_t usage = l64_direct(m, l64_alloc_boot(m, node, l64_size(m, u) + BLOCK_FLAGS, 64));
		l64_set(m, section, s, "usage", usage);
		/* of the device the first 2 MB only */
		l64_set(m, usage, u, "subsection_map[0]", of_device ? 1 : ~0ull);
		flags |= of_device ? 0 : IS_ONLINE | IS_EARLY;
	} else {
		l64_set(m, section, s, "pageblock_flags", l64_direct(m, l64_alloc_boot(m, node, BLOCK_FLAGS, 64)));
	}
	l64_set(m, section, s, "section_mem_map", (l64_page(m, pfn) - pfn * m->page_size) | flags);
}

static void set_up_sections(struct linux64 *m)
{
	uint64_t roots = image_symbol(&m->image, "mem_section"), size = l64_size(m, "mem_section");
	/* A pointer to them since 4.15, when 5 levels made an array too large. */
	if (m->flavour->relative_kallsyms) {
		uint64_t table = l64_direct(m, l64_alloc_boot(m, 0, SECTIONS64 / (PAGE_SIZE64 / size) * 8, 64));
		l64_put(m, roots, 8, table);
		roots = table;
	}
	unsigned used = (unsigned)((m->max_pfn + (1u << SECTION_SHIFT64) - 1) >> SECTION_SHIFT64);
	for (unsigned n = 0; n < used; n++)
		add_section(m, roots, n, l64_node_of(m, (uint64_t)n << SECTION_SHIFT64), false);
	if (l64_has(m, "page", "pgmap"))
		add_section(m, roots, used, m->nodes - 1, true); /* linux64_uses() */
}

/* ---- Each CPU's area ---- */

#define UNIT (256ull << 10)

static void set_up_percpu(struct linux64 *m)
{
	struct image *i = &m->image;
	uint64_t base = 0;
	for (unsigned cpu = m->cpus; cpu--;)
		m->percpu[cpu] = base = l64_direct(m, l64_alloc_boot(m, cpu % m->nodes, UNIT, UNIT));
	for (unsigned cpu = 0; cpu < m->cpus; cpu++) {
		uint64_t at = m->percpu[cpu];
		image_put64(i, image_symbol(i, "__per_cpu_offset") + 8 * cpu, at);
		l64_put(m, at + image_symbol(i, "this_cpu_off"), 8, at);
		l64_put(m, at + image_symbol(i, "cpu_number"), 4, cpu);
		l64_put(m, at + image_symbol(i, "numa_node"), 4, cpu % m->nodes);
		l64_put(m, at + image_symbol(i, image_has_symbol(i, "hardirq_stack_ptr") ? "hardirq_stack_ptr" : "irq_stack_ptr"), 8, at + image_symbol(i, "irq_stack_backing_store") + 16384);
		/* bitmaps behind pointers until 4.5 */
		static const char *const masks[2][4] = { { "__cpu_possible_mask", "__cpu_online_mask", "__cpu_present_mask", "__cpu_active_mask" },
							 { "cpu_possible_bits", "cpu_online_bits", "cpu_present_bits", "cpu_active_bits" } };
		for (unsigned n = 0; n < 4; n++) {
			uint64_t mask = image_symbol(i, masks[!image_has_symbol(i, masks[0][n])][n]);
			l64_put(m, mask, 8, l64_load(m, mask, 8) | 1ull << cpu);
		}
	}
	l64_set_symbol(m, "pcpu_base_addr", 8, base);
	l64_set_symbol(m, "pcpu_unit_size", 4, UNIT);
	l64_set_symbol(m, "nr_cpu_ids", 4, m->cpus);
}

uint64_t l64_alloc_percpu(struct linux64 *m, uint64_t size, uint64_t align)
{
	uint64_t at = (m->percpu_at + align - 1) & -align;
	m->percpu_at = at + size;
	assert(m->percpu_at <= UNIT);
	return at;
}

uint64_t l64_percpu(const struct linux64 *m, uint64_t percpu, unsigned cpu)
{
	return m->percpu[cpu] + percpu;
}

/* ---- Every page's first state ---- */

static uint64_t page_flags(const struct linux64 *m, uint64_t pfn)
{
	/* the node, the zone, and with NUMA balancing the last CPU and task: none, which is all bits */
	unsigned nodes = 64 - m->flavour->node_shift, zones = nodes - m->flavour->zone_shift;
	uint64_t flags = (uint64_t)l64_node_of(m, pfn) << nodes | (uint64_t)l64_zone_of(m, pfn) << zones;
	return flags | ((1ull << m->flavour->cpupid_shift) - 1) << (zones - m->flavour->cpupid_shift);
}

static void init_pages(struct linux64 *m)
{
	uint64_t end = (m->max_pfn + (1u << SECTION_SHIFT64) - 1) >> SECTION_SHIFT64 << SECTION_SHIFT64;
	unsigned reserved = (unsigned)l64_enumerator(m, "PG_reserved");
	for (uint64_t pfn = 0; pfn < end; pfn++) {
		uint64_t page = l64_page(m, pfn), lru = page + m->lru_offset;
		unsigned char *bytes = l64_bytes(m, page);
		bool held = pfn >= m->max_pfn || m->frames[pfn] == FRAME_RESERVED;
		store_uint(bytes, 8, page_flags(m, pfn) | (uint64_t)held << reserved);
		store_uint(bytes + m->lru_offset, 8, lru);
		store_uint(bytes + m->lru_offset + 8, 8, lru);
		store_uint(bytes + m->mapcount_offset, 4, UINT32_MAX);
		/* What memblock gives back has none; what it keeps, and what is no memory, has one. */
		store_uint(bytes + m->refcount_offset, 4, held);
	}
}

/* ---- Memory from the page allocator, as far as booting needs it ---- */

/* A new pageblock of the kind, from the end of memory: what the allocator does when a kind has nothing left (steal_suitable_fallback()). */
static void take_block(struct linux64 *m, unsigned type)
{
	const uint64_t frames = 1u << BLOCK_SHIFT64;
	for (uint64_t block = m->max_pfn >> BLOCK_SHIFT64; block--;) {
		uint64_t first = block << BLOCK_SHIFT64, pfn = first;
		while (pfn < first + frames && m->frames[pfn] == FRAME_FREE)
			pfn++;
		if (pfn < first + frames || m->blocks[block] != BLOCK_MOVABLE)
			continue;
		m->blocks[block] = (unsigned char)type;
		m->chunk[type] = first;
		m->chunk_end[type] = first + frames;
		return;
	}
	assert(!"memory for booting");
}

uint64_t l64_alloc_pages(struct linux64 *m, unsigned order, unsigned type)
{
	uint64_t frames = 1ull << order, pfn = (m->chunk[type] + frames - 1) & -frames;
	if (!m->chunk_end[type] || pfn + frames > m->chunk_end[type]) {
		take_block(m, type);
		pfn = m->chunk[type];
	}
	m->chunk[type] = pfn + frames;
	for (uint64_t n = pfn; n < pfn + frames; n++)
		m->frames[n] = FRAME_USED;
	l64_put(m, l64_page(m, pfn) + m->refcount_offset, 4, 1);
	return pfn;
}

/* ---- The order of it ---- */

struct region {
	uint64_t start, end;
	unsigned type;
};

/* The table itself, under its names until 4.12. */
static void set_old_e820(struct linux64 *m, const struct region *map, unsigned count)
{
	static const char s[] = "e820map", e[] = "e820entry";
	uint64_t table = image_symbol(&m->image, "e820"), at = table + l64_offset(m, s, "map");
	l64_set(m, table, s, "nr_map", count);
	for (unsigned n = 0; n < count; n++, at += l64_size(m, e)) {
		l64_set(m, at, e, "addr", map[n].start);
		l64_set(m, at, e, "size", map[n].end - map[n].start);
		l64_set(m, at, e, "type", map[n].type);
	}
}

static void set_e820(struct linux64 *m)
{
	static const char s[] = "e820_table", e[] = "e820_entry";
	struct image *i = &m->image;
	const struct region map[] = {
		{ 0, 0x9fc00, 1 }, { 0x9fc00, 0xa0000, 2 }, { 0xf0000, 0x100000, 2 }, { 0x100000, m->mem, 1 },
	};
	if (!l64_has(m, s, "entries")) {
		set_old_e820(m, map, 4);
		return;
	}
	uint64_t table = image_symbol(i, "e820_table_init"), at = table + l64_offset(m, s, "entries");
	l64_set_symbol(m, "e820_table", 8, table);
	l64_set(m, table, s, "nr_entries", 4);
	for (unsigned n = 0; n < 4; n++, at += l64_size(m, e)) {
		l64_set(m, at, e, "addr", map[n].start);
		l64_set(m, at, e, "size", map[n].end - map[n].start);
		l64_set(m, at, e, "type", map[n].type);
	}
}

/* A sixteenth of memory is the disk, an eighth the swap partition: frames that hold what they hold, which the kernel knows nothing of. */
static void reserve_disk(struct linux64 *m)
{
	static const char s[] = "sim_disk";
	uint64_t disk = m->mem >> 4, swap = m->mem >> 3, at = image_symbol(&m->image, s);
	disk = (disk < 8u << 20 ? disk : 8u << 20) & -LARGE_PAGE64;
	swap = (swap < 64u << 20 ? swap : 64u << 20) & -LARGE_PAGE64;
	l64_set(m, at, s, "start", l64_alloc_boot(m, m->nodes - 1, disk, LARGE_PAGE64));
	l64_set(m, at, s, "size", disk);
	l64_set(m, at, s, "swap_start", l64_alloc_boot(m, m->nodes - 1, swap, LARGE_PAGE64));
	l64_set(m, at, s, "swap_size", swap);
}

static void set_words(struct linux64 *m)
{
	l64_set_symbol(m, "max_pfn", 8, m->max_pfn);
	l64_set_symbol(m, "max_low_pfn", 8, m->max_pfn);
	l64_set_symbol(m, "max_possible_pfn", 8, m->max_pfn);
	l64_set_symbol(m, "high_memory", 8, l64_direct(m, m->mem));
	l64_set_symbol(m, "nr_node_ids", 4, m->nodes);
	l64_set_symbol(m, "nr_online_nodes", 4, m->nodes);
	/* N_POSSIBLE … N_CPU, each a nodemask_t */
	uint64_t mask = m->flavour->node_shift > 6 ? 1u << (m->flavour->node_shift - 3) : 8;
	for (unsigned state = 0; state < 5; state++)
		l64_put(m, image_symbol(&m->image, "node_states") + mask * state, 8, (1ull << m->nodes) - 1);
}

struct error *linux64_memory(struct linux64 *m)
{
	struct image *i = &m->image;
	m->frames = calloc(m->max_pfn, 1);
	m->blocks = malloc((m->max_pfn >> BLOCK_SHIFT64) + 1);
	m->sections = (unsigned)(m->max_pfn >> SECTION_SHIFT64) + 2;
	m->section_map = calloc(m->sections, sizeof(*m->section_map));
	if (!m->frames || !m->blocks || !m->section_map)
		return error_new(ERR_NO_MEMORY, "out of memory");
	memset(m->blocks, BLOCK_MOVABLE, (m->max_pfn >> BLOCK_SHIFT64) + 1);
	mark(m, 0, 0x10000, FRAME_RESERVED); /* the BIOS's: CONFIG_X86_RESERVE_LOW */
	mark(m, 0x9f000, 0x100000, FRAME_RESERVED);
	mark(m, image_symbol(i, "_text") - i->base, image_symbol(i, "_end") - i->base, FRAME_RESERVED);
	set_e820(m);
	set_words(m);
	map_kernel(m);
	map_directly(m);
	reserve_disk(m);
	set_up_sections(m);
	set_up_percpu(m);
	linux64_hash_tables(m);
	linux64_zones(m);
	init_pages(m);
	m->buddy = true;
	return NULL;
}
