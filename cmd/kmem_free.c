/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * kmem -f, -F: the buddy allocator's free lists.
 */
#include <inttypes.h>
#include <stdio.h>

#include "cmd/kmem.h"
#include "mm/zone.h"

static const struct column zone_columns[] = {
	{"zone", "ZONE", 3, '>', 0},
	{"name", "NAME", 8, '<', 2},
	{"size", "SIZE", 8, '>', 1},
	{"free", "FREE", 7, '>', 1},
	{"mem_map", "MEM_MAP", 16, '^', 2},
	{"start_paddr", "START_PADDR", 11, '>', 1},
	{"start_mapnr", "START_MAPNR", 11, '^', 2},
};

static const struct column area_columns[] = {
	{"order", "AREA", 3, '>', 0},
	{"block_size", "SIZE", 7, '>', 2},
	{"free_list", "FREE_AREA_STRUCT", 16, '<', 2},
	{"blocks", "BLOCKS", 6, '>', 1},
	{"pages", "PAGES", 6, '>', 1},
	{"migratetype", NULL, 0, '<', 0},
};

static uint64_t first_page(struct kernel *k, const struct zone *z)
{
	uint64_t page = 0;
	if (z->spanned_pages)
		pfn_to_page(k, z->start_pfn, &page);
	return page;
}

/* NR_FREE_PAGES is the first zone counter in every kernel that has them. */
static uint64_t zone_free(struct kernel *k, const struct zone *z)
{
	return HAS(k, zone, free_pages) ? GET(k, &z->object, zone, free_pages)
					: (uint64_t)zone_vmstat(k, z, 0);
}

static void print_zone(struct session *s, const struct zone *z)
{
	struct kernel *k = s->kernel;
	out_table(s->out, "zone", zone_columns, 7, true);
	out_cell_dec(s->out, z->index);
	out_cell_str(s->out, z->name);
	out_cell_dec(s->out, z->spanned_pages);
	out_cell_dec(s->out, zone_free(k, z));
	out_cell_hex(s->out, first_page(k, z));
	out_cell_hex(s->out, z->spanned_pages ? z->start_pfn << k->arch->page_shift : 0);
	const struct node *n = NULL;
	for (size_t i = 0; i < nodes_count(k); i++)
		if (nodes_get(k, i)->id == z->node)
			n = nodes_get(k, i);
	/* As crash has it: counted from the start of the node's mem_map. */
	out_cell_dec(s->out, z->spanned_pages && n && z->start_pfn > n->start_pfn
				     ? z->start_pfn - n->start_pfn
				     : 0);
	out_row_end(s->out);
	out_table_end(s->out);
}

struct block_count {
	struct session *s;
	uint64_t blocks;
	bool print;
};

static bool count_block(void *context, uint64_t page, uint64_t pfn)
{
	struct block_count *c = context;
	c->blocks++;
	if (c->print) {
		out_cell_hex(c->s->out, page);
		out_row_end(c->s->out);
	}
	return !c->s->out->failed;
}

static void area_cells(struct session *s, const struct zone *z, unsigned order, unsigned type)
{
	char size[24];
	snprintf(size, sizeof(size), "%luk", (1ul << (order + s->kernel->arch->page_shift)) >> 10);
	out_cell_dec(s->out, order);
	out_cell_str(s->out, size);
	out_cell_hex(s->out, free_list_addr(s->kernel, z, order, type));
}

/* One list of -F: its own heading, then the first page of each block. */
static struct error *print_list_pages(struct session *s, const struct zone *z, unsigned order,
				      unsigned type, uint64_t *pages)
{
	static const struct column block_columns[] = {{NULL, NULL, 0, '<', 0}};
	struct block_count c = {s, 0, true};
	out_object_begin(s->out, NULL);
	out_table(s->out, "area", area_columns, 3, true);
	area_cells(s, z, order, type);
	out_row_end(s->out);
	out_table_end(s->out);
	out_str(s->out, "migratetype", NULL, migratetype_name(s->kernel, type));
	static const struct column page_column[] = {{"page", NULL, 0, '<', 0}};
	(void)block_columns;
	out_table(s->out, "blocks", page_column, 1, false);
	struct error *e = free_list_walk(s->kernel, z, order, type, count_block, &c);
	out_table_end(s->out);
	out_object_end(s->out);
	*pages += c.blocks << order;
	return e;
}

static struct error *print_list_count(struct session *s, const struct zone *z, unsigned order,
				      unsigned type, uint64_t *pages)
{
	struct block_count c = {s, 0, false};
	struct error *e = free_list_walk(s->kernel, z, order, type, count_block, &c);
	area_cells(s, z, order, type);
	out_cell_dec(s->out, c.blocks);
	out_cell_dec(s->out, c.blocks << order);
	out_cell_str(s->out, out_json(s->out) ? migratetype_name(s->kernel, type) : "");
	out_row_end(s->out);
	*pages += c.blocks << order;
	return e;
}

static struct error *print_lists(struct session *s, const struct zone *z, bool list_pages,
				 uint64_t *pages)
{
	struct error *first = NULL;
	for (unsigned order = 0; order < free_area_orders(s->kernel); order++) {
		for (unsigned type = 0; type < free_area_types(s->kernel); type++) {
			struct error *e = list_pages ? print_list_pages(s, z, order, type, pages)
						     : print_list_count(s, z, order, type, pages);
			if (e && e->code == ERR_INTERRUPTED) {
				error_free(first);
				return e;
			}
			/* A damaged list is told of, and the others are shown. */
			if (e && !first)
				first = e;
			else
				error_free(e);
		}
	}
	return first;
}

static struct error *print_zone_lists(struct session *s, const struct zone *z, bool list_pages,
				      uint64_t *total)
{
	uint64_t pages = 0;
	struct error *e;
	print_zone(s, z);
	if (!z->spanned_pages) {
		out_printf(s->out, "\n");
		return NULL;
	}
	if (list_pages) {
		out_array_begin(s->out, "areas");
		e = print_lists(s, z, true, &pages);
		out_array_end(s->out);
	} else {
		out_table(s->out, "areas", area_columns, 6, true);
		e = print_lists(s, z, false, &pages);
		out_table_end(s->out);
	}
	out_printf(s->out, "\n");
	*total += pages;
	return e;
}

struct error *kmem_free_areas(struct session *s, bool list_pages)
{
	struct kernel *k = s->kernel;
	struct error *first = NULL;
	uint64_t found = 0, counted = 0;
	int64_t unfolded = 0;
	TRY(nodes_open(k));
	out_array_begin(s->out, "zones");
	for (size_t i = 0; i < zones_count(k) && !first; i++) {
		const struct zone *z = zones_get(k, i);
		if (nodes_count(k) > 1 && !z->index)
			out_printf(s->out, "NODE\n  %u\n", z->node);
		out_object_begin(s->out, NULL);
		out_dec(s->out, "node", NULL, z->node);
		first = print_zone_lists(s, z, list_pages, &found);
		out_object_end(s->out);
		counted += zone_free(k, z);
		if (!HAS(k, zone, free_pages))
			unfolded += zone_vmstat_unfolded(k, z, 0);
	}
	out_array_end(s->out);
	out_dec(s->out, "nr_free_pages", "nr_free_pages: %" PRIu64 "  ", counted);
	out_dec(s->out, "found", NULL, found);
	out_sdec(s->out, "unfolded", NULL, unfolded);
	/* The zones' counters lag by what each CPU has not added to them yet. */
	if (!first && found == counted + (uint64_t)unfolded)
		out_printf(s->out, "(verified)\n");
	else if (!first)
		out_printf(s->out, "(found %" PRIu64 ")\n", found);
	else
		out_printf(s->out, "\n");
	if (unfolded)
		out_printf(s->out,
			   "and %+" PRId64 " that CPUs have not added to the counters yet\n",
			   unfolded);
	return first;
}

static const char *ordinal(uint64_t n)
{
	if (n % 100 >= 11 && n % 100 <= 13)
		return "th";
	return n % 10 == 1 ? "st" : n % 10 == 2 ? "nd" : n % 10 == 3 ? "rd" : "th";
}

struct block_search {
	uint64_t pfn;
	bool found;
};

static bool match_block(void *context, uint64_t page, uint64_t pfn)
{
	struct block_search *search = context;
	search->found = pfn == search->pfn;
	return !search->found;
}

/* The list that the block is really on. */
static struct error *find_list(struct session *s, const struct zone *z, unsigned order,
			       uint64_t head, int *type)
{
	*type = -1;
	for (unsigned t = 0; t < free_area_types(s->kernel) && *type < 0; t++) {
		struct block_search search = {head, false};
		TRY(free_list_walk(s->kernel, z, order, t, match_block, &search));
		if (search.found)
			*type = (int)t;
	}
	return NULL;
}

struct error *kmem_free_address(struct session *s, const char *word, bool physical)
{
	struct kernel *k = s->kernel;
	struct kmem_place place;
	uint64_t head, head_page, pfn;
	unsigned order;
	int type;
	TRY(nodes_open(k));
	TRY(kmem_place(s, word, physical, &place));
	pfn = phys_to_pfn(k, place.phys);
	const struct zone *z = place.page ? zone_of_pfn(k, pfn) : NULL;
	if (!z || !free_block_of(k, pfn, &head, &order) || !pfn_to_page(k, head, &head_page))
		return NULL;
	TRY(find_list(s, z, order, head, &type));
	print_zone(s, z);
	out_table(s->out, "area", area_columns, 3, true);
	area_cells(s, z, order, type < 0 ? 0 : (unsigned)type);
	out_row_end(s->out);
	out_table_end(s->out);
	uint64_t nth = pfn - head + 1;
	out_hex(s->out, "block", "%" PRIx64 "  ", head_page);
	out_dec(s->out, "order", NULL, order);
	out_str(s->out, "migratetype", NULL, type < 0 ? NULL : migratetype_name(k, (unsigned)type));
	out_printf(s->out, "(%s is %" PRIu64 "%s of %lu pages)%s\n", word, nth, ordinal(nth),
		   1ul << order, type < 0 ? " (marked free, but on no list)" : "");
	out_dec(s->out, "nth", NULL, nth);
	return NULL;
}
