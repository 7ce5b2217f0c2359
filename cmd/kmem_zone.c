/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * kmem -z, -n, -o: zones, nodes and memory sections, per-CPU offsets.
 */
#include <inttypes.h>

#include "cmd/kmem.h"
#include "mm/memory_block.h"
#include "mm/zone.h"

static void print_zone_stats(struct session *s, const struct zone *z)
{
	const char *name;
	out_text(s->out, "  VM_STAT:\n");
	out_object_begin(s->out, "vm_stat");
	for (size_t i = 0; (name = vmstat_name(s->kernel, VMSTAT_ZONE, i)); i++) {
		out_printf(s->out, "%21s: ", name);
		out_sdec(s->out, name, "%" PRId64 "\n", zone_vmstat(s->kernel, z, i));
	}
	out_object_end(s->out);
	out_text(s->out, "\n");
}

static void print_zone(struct session *s, const struct zone *z)
{
	struct out *o = s->out;
	out_dec(o, "node", "NODE: %" PRIu64 "  ", z->node);
	out_dec(o, "zone", "ZONE: %" PRIu64 "  ", z->index);
	out_hex(o, "addr", "ADDR: %" PRIx64 "  ", z->addr);
	out_str(o, "name", "NAME: \"%s\"\n", z->name);
	if (!z->present_pages && !z->spanned_pages)
		out_text(o, "  [unpopulated]\n");
	bool populated = z->spanned_pages;
	out_dec(o, "spanned", populated ? "  SIZE: %" PRIu64 : NULL, z->spanned_pages);
	/* As crash: PRESENT only where there are holes. */
	out_dec(o, "present",
		populated && z->present_pages != z->spanned_pages ? "  PRESENT: %" PRIu64 : NULL,
		z->present_pages);
	out_dec(o, "managed", NULL, z->managed_pages);
	out_dec(o, "min", populated ? "  MIN/LOW/HIGH: %" PRIu64 : NULL, z->min);
	out_dec(o, "low", populated ? "/%" PRIu64 : NULL, z->low);
	out_dec(o, "high", populated ? "/%" PRIu64 "\n" : NULL, z->high);
	out_dec(o, "start_pfn", NULL, z->start_pfn);
	if (populated)
		print_zone_stats(s, z);
	out_text(o, "\n");
}

struct error *kmem_zones(struct session *s)
{
	TRY(nodes_open(s->kernel));
	out_array_begin(s->out, "zones");
	for (size_t i = 0; i < zones_count(s->kernel); i++) {
		out_object_begin(s->out, NULL);
		print_zone(s, zones_get(s->kernel, i));
		out_object_end(s->out);
	}
	out_array_end(s->out);
	return NULL;
}

/* ---- Nodes ---- */

static uint64_t first_page(struct kernel *k, uint64_t pfn, uint64_t spanned)
{
	uint64_t page = 0;
	if (spanned)
		pfn_to_page(k, pfn, &page);
	return page;
}

static void print_node(struct session *s, const struct node *n)
{
	static const struct column node_columns[] = {
		{"node", "NODE", 3, '>', 0},	     {"spanned", "SIZE", 9, '>', 1},
		{"addr", "PGLIST_DATA", 16, '^', 2}, {NULL, "BOOTMEM_DATA", 16, '^', 2},
		{NULL, "NODE_ZONES", 16, '^', 2},
	};
	static const struct column map_columns[] = {
		{"mem_map", "MEM_MAP", 16, '^', 0},
		{"start_paddr", "START_PADDR", 11, '>', 2},
		{"start_mapnr", "START_MAPNR", 11, '>', 2},
	};
	struct out *o = s->out;
	struct kernel *k = s->kernel;
	out_table(o, "node", node_columns, 5, true);
	out_cell_dec(o, n->id);
	out_cell_dec(o, n->spanned_pages);
	out_cell_hex(o, n->addr);
	out_cell_str(o, "      ----");
	for (size_t i = 0; i < n->zone_count; i++) {
		const struct zone *z = zones_get(k, n->first_zone + i);
		if (!i)
			out_cell_hex(o, z->addr);
		else
			out_printf(o, "%52s%" PRIx64 "\n", "", z->addr);
		if (!i)
			out_row_end(o);
	}
	out_table_end(o);
	out_table(o, "mem_map", map_columns, 3, true);
	out_cell_hex(o, first_page(k, n->start_pfn, n->spanned_pages));
	out_cell_hex(o, n->start_pfn << k->arch->page_shift);
	out_cell_dec(o, n->start_pfn);
	out_row_end(o);
	out_table_end(o);
	out_text(o, "\n");
}

static void print_node_zones(struct session *s, const struct node *n)
{
	static const struct column columns[] = {
		{"zone", "ZONE", 3, '>', 0},
		{"name", "NAME", 9, '<', 2},
		{"spanned", "SIZE", 8, '>', 1},
		{"mem_map", "MEM_MAP", 16, '>', 2},
		{"start_paddr", "START_PADDR", 11, '>', 2},
		{"start_mapnr", "START_MAPNR", 11, '>', 2},
	};
	struct kernel *k = s->kernel;
	out_table(s->out, "zones", columns, 6, true);
	for (size_t i = 0; i < n->zone_count; i++) {
		const struct zone *z = zones_get(k, n->first_zone + i);
		out_cell_dec(s->out, z->index);
		out_cell_str(s->out, z->name);
		out_cell_dec(s->out, z->spanned_pages);
		out_cell_hex(s->out, first_page(k, z->start_pfn, z->spanned_pages));
		out_cell_hex(s->out, z->spanned_pages ? z->start_pfn << k->arch->page_shift : 0);
		out_cell_dec(s->out, z->spanned_pages ? z->start_pfn : 0);
		out_row_end(s->out);
	}
	out_table_end(s->out);
	out_text(s->out, "\n");
}

static void print_sections(struct session *s)
{
	static const struct column columns[] = {
		{"nr", "NR", 2, '>', 0},
		{"section", "SECTION", 16, '^', 2},
		{"coded_mem_map", "CODED_MEM_MAP", 16, '^', 2},
		{"mem_map", "MEM_MAP", 16, '^', 2},
		{"state", "STATE", 5, '<', 2},
		{"pfn", "PFN", 0, '<', 1},
	};
	struct kernel *k = s->kernel;
	struct page_section section;
	out_table(s->out, "sections", columns, 6, true);
	for (size_t i = 0; page_section(k, i, &section); i++) {
		char state[8], *p = state;
		uint64_t coded = section.coded & ~SECTION_FLAGS;
		*p++ = section.coded & SECTION_MARKED_PRESENT ? 'P' : '-';
		*p++ = section.coded & SECTION_HAS_MEM_MAP ? 'M' : '-';
		*p++ = section.coded & SECTION_IS_ONLINE ? 'O' : '-';
		if (section.coded & SECTION_IS_EARLY)
			*p++ = 'E';
		if (section.coded & SECTION_TAINT_ZONE_DEVICE)
			*p++ = 'D';
		*p = 0;
		out_cell_dec(s->out, section.number);
		out_cell_hex(s->out, section.addr);
		out_cell_hex(s->out, coded);
		out_cell_hex(s->out, coded + section.pfn * SIZE_OF(k, page));
		out_cell_str(s->out, state);
		out_cell_dec(s->out, section.pfn);
		out_row_end(s->out);
	}
	out_table_end(s->out);
}

struct block_printer {
	struct session *s;
	uint64_t section_bytes;
};

static bool print_block(void *context, const struct memory_block *b)
{
	struct block_printer *p = context;
	struct out *o = p->s->out;
	uint64_t start = b->first_section * p->section_bytes;
	uint64_t end = start + b->sections * p->section_bytes - 1;
	out_cell_hex(o, b->addr);
	out_cell_printf(o, "memory%" PRIu64, b->sections ? b->first_section / b->sections : 0);
	out_cell_hex(o, start);
	if (out_json(o))
		out_cell_hex(o, end);
	else
		out_cell_printf(o, " - %8" PRIx64, end);
	out_cell_sdec(o, b->node);
	out_cell_str(o, b->state);
	out_cell_dec(o, b->first_section);
	out_row_end(o);
	return true;
}

static struct error *print_blocks(struct session *s)
{
	static const struct column columns[] = {
		{"memory_block", "MEM_BLOCK", 16, '^', 1},
		{"name", "NAME", 8, '<', 3},
		{"start", "PHYSICAL", 11, '>', 1},
		{"end", "RANGE", 11, '<', 1},
		{"node", "NODE", 4, '>', 1},
		{"state", "STATE", 7, '<', 2},
		{"start_section", "START_SECTION_NO", 0, '<', 1},
	};
	struct page_section first, second;
	struct block_printer p = {s, 0};
	/* Sections ascend, and the size of one is the difference of two frames by that of their
	 * numbers. */
	if (!page_section(s->kernel, 0, &first) || !page_section(s->kernel, 1, &second))
		return NULL;
	p.section_bytes = ((second.pfn - first.pfn) << s->kernel->arch->page_shift) /
			  (second.number - first.number);
	out_text(s->out, "\n");
	out_table(s->out, "memory_blocks", columns, 7, true);
	struct error *e = memory_blocks_for_each(s->kernel, print_block, &p);
	out_table_end(s->out);
	return e;
}

struct error *kmem_nodes(struct session *s)
{
	struct kernel *k = s->kernel;
	struct page_section section;
	TRY(nodes_open(k));
	out_array_begin(s->out, "nodes");
	for (size_t i = 0; i < nodes_count(k); i++) {
		if (i)
			out_text(s->out, "---------------------------------------------------------"
					 "----------\n\n");
		out_object_begin(s->out, NULL);
		print_node(s, nodes_get(k, i));
		print_node_zones(s, nodes_get(k, i));
		out_object_end(s->out);
	}
	out_array_end(s->out);
	if (page_section(k, 0, &section)) {
		out_text(s->out,
			 "-------------------------------------------------------------------\n\n");
		print_sections(s);
		return print_blocks(s);
	}
	return NULL;
}

struct error *kmem_percpu_offsets(struct session *s)
{
	static const struct column columns[] = {{"cpu", NULL, 0, '>', 0},
						{"offset", NULL, 0, '<', 0}};
	struct kernel *k = s->kernel;
	if (!k->percpu_offset)
		return error_new(ERR_UNSUPPORTED,
				 "this kernel has no __per_cpu_offset: it is for one CPU");
	out_text(s->out, "PER-CPU OFFSET VALUES:\n");
	out_table(s->out, "cpus", columns, 2, false);
	for (unsigned cpu = 0; cpu < k->cpus; cpu++) {
		if (out_json(s->out))
			out_cell_dec(s->out, cpu);
		else
			out_cell_printf(s->out, "  CPU %u: ", cpu);
		out_cell_hex(s->out, k->percpu_offset[cpu]);
		out_row_end(s->out);
	}
	out_table_end(s->out);
	return NULL;
}
