/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * frag: how far free memory is in pieces.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/screen.h"
#include "cmd/session.h"
#include "mm/fragmentation.h"
#include "mm/pageblock.h"

struct frag_options {
	bool table, map, each_block;
	const char *zone; /* NULL: all */
};

/* ---- The table ---- */

/* "0.314", "-1.000": thousandths, as debugfs' extfrag has them. */
static void print_index(struct out *o, const char *key, const char *format, int index)
{
	char text[16];
	snprintf(text, sizeof(text), "%s%d.%03d", index < 0 ? "-" : "", abs(index) / 1000, abs(index) % 1000);
	out_double(o, key, NULL, index / 1000.0);
	out_printf(o, format, text);
}

static void print_heading(struct session *s)
{
	struct kernel *k = s->kernel;
	unsigned types = requested_types(k);
	out_printf(s->out, "%-13s", "");
	for (unsigned type = 0; type < types; type++)
		out_printf(s->out, " %15s", *migratetype_name(k, type) ? migratetype_name(k, type) : "any kind");
	out_printf(s->out, "\n%5s %7s", "ORDER", "FREE");
	for (unsigned type = 0; type < types; type++)
		out_printf(s->out, " %7s %7s", "OWN", "ANY");
	out_printf(s->out, " %8s %6s\n", "UNUSABLE", "INDEX");
}

/* What of each order could be allocated; with `total`, the sums of zones that this is to be added to. */
static void print_order(struct session *s, const struct zone *z, const struct zone_free *f, unsigned order, struct zone_allocations *total)
{
	struct kernel *k = s->kernel;
	struct out *o = s->out;
	out_object_begin(o, NULL);
	out_dec(o, "order", "%5" PRIu64, order);
	out_dec(o, "free_blocks", " %7" PRIu64, f->blocks[order]);
	out_array_begin(o, "allocations");
	for (unsigned type = 0; type < requested_types(k); type++) {
		struct zone_allocations a;
		zone_allocations(k, z, f, order, type, &a);
		out_object_begin(o, NULL);
		out_str(o, "migratetype", NULL, migratetype_name(k, type));
		out_dec(o, "own", " %7" PRIu64, a.own);
		out_dec(o, "any", " %7" PRIu64, a.any);
		out_object_end(o);
		total[type].own += a.own;
		total[type].any += a.any;
	}
	out_array_end(o);
	print_index(o, "unusable_index", " %8s", unusable_free_index(f, order));
	print_index(o, "fragmentation_index", " %6s\n", fragmentation_index(f, order));
	out_object_end(o);
}

static void print_table(struct session *s, const struct zone *z, const struct zone_free *f, struct zone_allocations (*totals)[FREE_TYPES_MAX])
{
	if (!out_json(s->out))
		print_heading(s);
	out_array_begin(s->out, "orders");
	for (unsigned order = 0; order < f->orders; order++)
		print_order(s, z, f, order, totals[order]);
	out_array_end(s->out);
}

/* All zones in one, where there are several. */
static void print_totals(struct session *s, struct zone_allocations (*totals)[FREE_TYPES_MAX])
{
	struct kernel *k = s->kernel;
	struct out *o = s->out;
	out_text(o, "ALL ZONES, allocations that would succeed\n");
	out_printf(o, "%5s", "ORDER");
	for (unsigned type = 0; type < requested_types(k); type++)
		out_printf(o, " %15s", *migratetype_name(k, type) ? migratetype_name(k, type) : "any kind");
	out_text(o, "\n");
	out_array_begin(o, "totals");
	for (unsigned order = 0; order < free_area_orders(k); order++) {
		out_object_begin(o, NULL);
		out_dec(o, "order", "%5" PRIu64, order);
		out_array_begin(o, "allocations");
		for (unsigned type = 0; type < requested_types(k); type++) {
			out_object_begin(o, NULL);
			out_str(o, "migratetype", NULL, migratetype_name(k, type));
			out_dec(o, "own", NULL, totals[order][type].own);
			out_dec(o, "any", " %15" PRIu64, totals[order][type].any);
			out_object_end(o);
		}
		out_array_end(o);
		out_text(o, "\n");
		out_object_end(o);
	}
	out_array_end(o);
}

/* ---- The map ---- */

/* By enum block_use: the letter of a cell where that use prevails, and its colour (SGR, ISO 6429). */
static const struct {
	char letter;
	const char *colour;
} uses[BLOCK_USES] = {
	[BLOCK_FREE] = {'.', "2"},    [BLOCK_ANON] = {'A', "32"},  [BLOCK_FILE] = {'F', "36"},	  [BLOCK_HUGETLB] = {'H', "34"},
	[BLOCK_SLAB] = {'S', "33"},   [BLOCK_TABLE] = {'T', "35"}, [BLOCK_KERNEL] = {'K', "31"}, [BLOCK_RESERVED] = {'R', "2;37"},
};

#define MAP_MARGIN 13 /* "1234567890  " before the cells */
#define MAP_ROWS   24 /* unless each block has a cell */

#define MAP_CELLS 512 /* at most in a row */

struct map {
	struct session *s;
	size_t cells;		     /* in a row */
	uint64_t blocks_per_cell;
	bool colour;
	struct map_cell {
		char letter;
		const char *colour; /* NULL: none */
	} row[MAP_CELLS];
	size_t column;
	uint64_t row_pfn;
	struct pageblock cell;	     /* summed up so far */
	uint64_t gathered;
	uint64_t counts[FREE_TYPES_MAX], unknown, stray, blocks; /* blocks by migrate type … */
	uint64_t whole_free;
};

/* The row gathered; one of holes alone is left out. */
static void end_row(struct map *m)
{
	struct out *o = m->s->out;
	const char *last = NULL;
	size_t count = m->column;
	m->column = 0;
	while (count && m->row[count - 1].letter == ' ')
		count--;
	if (!count)
		return;
	out_printf(o, "%11" PRIx64 "  ", m->row_pfn << m->s->kernel->arch->page_shift);
	for (size_t i = 0; i < count; i++) {
		if (m->colour && m->row[i].colour != last) {
			last = m->row[i].colour;
			out_printf(o, "\033[0%s%sm", last ? ";" : "", last ? last : "");
		}
		out_printf(o, "%c", m->row[i].letter);
	}
	out_text(o, last ? "\033[0m\n" : "\n");
}

static void end_cell(struct map *m)
{
	const struct pageblock *c = &m->cell;
	enum block_use most = BLOCK_ANON;
	uint64_t all = 0;
	for (int use = 0; use < BLOCK_USES; use++) {
		all += c->pages[use];
		if (use != BLOCK_FREE && c->pages[use] > c->pages[most])
			most = (enum block_use)use;
	}
	bool used = all > c->pages[BLOCK_FREE];
	char letter = !all ? ' ' : !used ? '.' : c->stray ? '!' : uses[most].letter;
	/* Small where an eighth or more of it is free. */
	if (used && c->pages[BLOCK_FREE] >= all / 8)
		letter = (char)tolower(letter);
	if (!m->column)
		m->row_pfn = c->pfn;
	m->row[m->column++] = (struct map_cell){letter, used ? uses[most].colour : NULL};
	if (m->column == m->cells)
		end_row(m);
	m->cell = (struct pageblock){0};
	m->gathered = 0;
}

/* In JSON each block for itself. */
static void print_block(struct map *m, const struct pageblock *b)
{
	struct out *o = m->s->out;
	out_object_begin(o, NULL);
	out_hex(o, "physical", NULL, b->pfn << m->s->kernel->arch->page_shift);
	out_str(o, "migratetype", NULL, b->known ? migratetype_name(m->s->kernel, b->type) : NULL);
	out_bool(o, "stray", NULL, b->stray);
	for (int use = 0; use < BLOCK_USES; use++)
		if (b->pages[use])
			out_dec(o, block_use_name((enum block_use)use), NULL, b->pages[use]);
	out_object_end(o);
}

static bool add_block(void *context, const struct pageblock *b)
{
	struct map *m = context;
	uint64_t all = 0;
	for (int use = 0; use < BLOCK_USES; use++)
		all += b->pages[use];
	if (all) {
		m->blocks++;
		m->stray += b->stray;
		m->whole_free += all == b->pages[BLOCK_FREE];
		if (b->known && b->type < FREE_TYPES_MAX)
			m->counts[b->type]++;
		else
			m->unknown++;
	}
	if (out_json(m->s->out)) {
		if (all)
			print_block(m, b);
		return true;
	}
	if (!m->gathered)
		m->cell.pfn = b->pfn;
	for (int use = 0; use < BLOCK_USES; use++)
		m->cell.pages[use] += b->pages[use];
	m->cell.stray |= b->stray;
	if (++m->gathered == m->blocks_per_cell)
		end_cell(m);
	return !m->s->out->failed;
}

static void print_block_counts(struct map *m)
{
	struct kernel *k = m->s->kernel;
	struct out *o = m->s->out;
	char sep = ':';
	out_dec(o, "pageblocks", "%" PRIu64 " pageblocks", m->blocks);
	out_object_begin(o, "by_migratetype");
	for (unsigned type = 0; type < free_area_types(k) && type < FREE_TYPES_MAX && free_area_types(k) > 1; type++) {
		if (!m->counts[type])
			continue;
		out_printf(o, "%c %s", sep, migratetype_name(k, type));
		out_dec(o, migratetype_name(k, type), " %" PRIu64, m->counts[type]);
		sep = ',';
	}
	out_object_end(o);
	out_dec(o, "free_pageblocks", "\n%" PRIu64 " wholly free", m->whole_free);
	if (free_area_types(k) > 1)
		out_dec(o, "stray_pageblocks", "; %" PRIu64 " movable ones hold pages of the kernel that cannot be moved", m->stray);
	out_text(o, "\n");
}

static struct error *print_map(struct session *s, const struct zone *z, const struct frag_options *options)
{
	struct map m = {.s = s, .cells = screen_width() - MAP_MARGIN, .blocks_per_cell = 1, .colour = screen_colour(s)};
	uint64_t blocks = (z->spanned_pages >> pageblock_order(s->kernel)) + 1;
	if (m.cells > MAP_CELLS)
		m.cells = MAP_CELLS;
	while (!options->each_block && blocks / m.blocks_per_cell > m.cells * MAP_ROWS)
		m.blocks_per_cell *= 2;
	if (!out_json(s->out)) {
		out_printf(s->out, "MAP, a cell is %" PRIu64 " kB", m.blocks_per_cell << (pageblock_order(s->kernel) + s->kernel->arch->page_shift) >> 10);
		out_text(s->out, m.blocks_per_cell > 1 ? "\n" : ": a pageblock\n");
	}
	out_array_begin(s->out, "blocks");
	struct error *e = pageblocks_for_each(s->kernel, z, add_block, &m);
	if (m.gathered)
		end_cell(&m);
	end_row(&m);
	out_array_end(s->out);
	print_block_counts(&m);
	return e;
}

static void print_legend(struct session *s)
{
	bool colour = screen_colour(s);
	for (int use = 0; use < BLOCK_USES; use++) {
		const char *name = block_use_name((enum block_use)use);
		if (colour)
			out_printf(s->out, "\033[%sm%c\033[0m", uses[use].colour, uses[use].letter);
		else
			out_printf(s->out, "%c", uses[use].letter);
		out_printf(s->out, " %s%s", use == BLOCK_TABLE ? "tables" : use == BLOCK_FREE ? "free" : name,
			   use + 1 < BLOCK_USES ? "  " : "\n");
	}
	out_text(s->out, "A letter is what most of the used pages are; a small one: an eighth or more is\n"
			 "free. !: movable, but with pages of the kernel in it that cannot be moved.\n");
}

/* ---- */

static struct error *print_zone(struct session *s, const struct zone *z, const struct frag_options *options, struct zone_allocations (*totals)[FREE_TYPES_MAX])
{
	struct out *o = s->out;
	struct zone_free f;
	TRY(zone_free_read(s->kernel, z, &f));
	out_dec(o, "node", "NODE %" PRIu64, z->node);
	out_str(o, "zone", "  ZONE %s:", z->name);
	out_dec(o, "present_pages", " %" PRIu64 " pages,", z->present_pages);
	out_dec(o, "free_pages", " %" PRIu64 " free", f.pages);
	out_printf(o, " (%.1f%%)\n", 100.0 * (double)f.pages / (double)z->present_pages);
	out_dec(o, "min", "watermarks: min %" PRIu64, z->min);
	out_dec(o, "low", ", low %" PRIu64, z->low);
	out_dec(o, "high", ", high %" PRIu64 "\n", z->high);
	if (options->table)
		print_table(s, z, &f, totals);
	if (options->map)
		TRY(print_map(s, z, options));
	out_text(o, "\n");
	return NULL;
}

static struct error *print_zones(struct session *s, const struct frag_options *options, struct zone_allocations (*totals)[FREE_TYPES_MAX])
{
	struct kernel *k = s->kernel;
	struct error *e = NULL;
	unsigned shown = 0;
	out_array_begin(s->out, "zones");
	for (size_t i = 0; !e && i < zones_count(k); i++) {
		const struct zone *z = zones_get(k, i);
		if (!z->present_pages || (options->zone && strcasecmp(options->zone, z->name) != 0))
			continue;
		out_object_begin(s->out, NULL);
		e = print_zone(s, z, options, totals);
		out_object_end(s->out);
		shown++;
	}
	out_array_end(s->out);
	if (!e && !shown)
		return error_new(ERR_NOT_FOUND, "no zone with memory is called so: %s", options->zone ? options->zone : "");
	if (!e && shown > 1 && options->table)
		print_totals(s, totals);
	if (!e && options->map && !out_json(s->out))
		print_legend(s);
	return e;
}

static struct error *run_frag(struct session *s, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "tmbz:"};
	struct frag_options options = {0};
	int c;
	while ((c = next_option(&p))) {
		if (c == 't')
			options.table = true;
		else if (c == 'm')
			options.map = true;
		else if (c == 'b')
			options.map = options.each_block = true;
		else if (c == 'z')
			options.zone = p.argument;
		else
			return option_error(&p);
	}
	if (p.index < argc)
		return usage_error("frag", "it takes no argument: %s", argv[p.index]);
	if (!options.table && !options.map)
		options.table = options.map = true;
	TRY(nodes_open(s->kernel));
	struct zone_allocations (*totals)[FREE_TYPES_MAX] = calloc(FREE_ORDERS_MAX, sizeof(*totals));
	if (!totals)
		return error_new(ERR_NO_MEMORY, "out of memory");
	struct error *e = print_zones(s, &options, totals);
	free(totals);
	return e;
}

COMMAND(frag) = {
	.name = "frag",
	.summary = "how far free memory is in pieces: what would still be allocated, and a map",
	.synopsis = "[-t | -m | -b] [-z ZONE]",
	.options = "-t -m -b -z",
	.flags = CMD_NEEDS_KERNEL,
	.help = "DESCRIPTION\n"
		"  Shows for each zone which allocations would succeed now, and a map of it.\n"
		"\n"
		"  -t  the table only\n"
		"  -m  the map only\n"
		"  -b  the map with a cell for each pageblock, however many there are\n"
		"  -z  one zone: DMA, DMA32, Normal …\n"
		"\n"
		"  The table has a line for each order; a block of order N is 2^N pages in a row.\n"
		"  FREE      free blocks of just that size\n"
		"  OWN       how many allocations of that order and migrate type the zone could serve, one after the\n"
		"            other, from blocks of that type: without reclaim or compaction, down to the min watermark\n"
		"  ANY       the same with the blocks of other types that the kernel falls back to when its own are used\n"
		"            up, which mixes the types and is how memory comes to be in pieces\n"
		"  UNUSABLE  the part of the free memory that is in smaller blocks: 0 all of it can be used, 1 nothing\n"
		"            (/sys/kernel/debug/extfrag/unusable_index)\n"
		"  INDEX     why an allocation of that order fails: towards 0 for want of memory, towards 1 because it is\n"
		"            in pieces; -1 it does not fail (/sys/kernel/debug/extfrag/extfrag_index). Above\n"
		"            vm.extfrag_threshold, 0.5 by default, the kernel compacts memory\n"
		"\n"
		"  The requests counted are the usual ones (GFP_KERNEL, for movable pages GFP_HIGHUSER_MOVABLE): of low\n"
		"  zones they may have only what lowmem_reserve does not keep from them. What CPUs keep free for\n"
		"  themselves is left out.\n"
		"\n"
		"  Each cell of the map is a pageblock, or several when the zone is large; its letter (on a terminal,\n"
		"  its colour too) says what most of its used pages are.\n"
		"\n"
		"EXAMPLES\n"
		"  What could be allocated, and the map:\n"
		"    mmscope> frag\n"
		"  Of the zone DMA32 alone, the table:\n"
		"    mmscope> frag -t -z DMA32\n",
	.run = run_frag,
};
