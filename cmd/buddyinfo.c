/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * buddyinfo, pagetypeinfo: the lines of /proc/buddyinfo and /proc/pagetypeinfo (mm/vmstat.c: frag_show(), pagetypeinfo_show()).
 */
#include <inttypes.h>
#include <stdlib.h>

#include "cmd/session.h"
#include "mm/pageblock.h"
#include "mm/zone.h"

static struct error *no_operands(int argc, char **argv)
{
	return argc > 1 ? usage_error(argv[0], "it takes no argument: %s", argv[1]) : NULL;
}

/* As /proc: only zones that have memory. */
static const struct zone *next_zone(struct kernel *k, const struct node *n, size_t *cursor)
{
	while (*cursor < n->zone_count) {
		const struct zone *z = zones_get(k, n->first_zone + (*cursor)++);
		if (z->present_pages)
			return z;
	}
	return NULL;
}

/* "Node 0, zone      DMA ", in either width of the node's number. */
static void print_place(struct out *o, const struct zone *z, const char *node_format, const char *name_format)
{
	out_dec(o, "node", node_format, z->node);
	out_str(o, "zone", name_format, z->name);
}

static void print_numbers(struct out *o, const char *key, const char *format, const uint64_t *values, size_t count)
{
	out_array_begin(o, key);
	for (size_t i = 0; i < count; i++)
		out_dec(o, NULL, format, values[i]);
	out_array_end(o);
	out_text(o, "\n");
}

/* ---- buddyinfo ---- */

static struct error *run_buddyinfo(struct session *s, int argc, char **argv)
{
	struct kernel *k = s->kernel;
	uint64_t blocks[64];
	TRY(no_operands(argc, argv));
	TRY(nodes_open(k));
	unsigned orders = free_area_orders(k);
	out_array_begin(s->out, "zones");
	for (size_t i = 0; i < nodes_count(k); i++) {
		const struct node *n = nodes_get(k, i);
		const struct zone *z;
		for (size_t cursor = 0; (z = next_zone(k, n, &cursor));) {
			for (unsigned order = 0; order < orders; order++)
				blocks[order] = free_area_count(k, z, order);
			out_object_begin(s->out, NULL);
			print_place(s->out, z, "Node %" PRIu64 ", ", "zone %8s ");
			print_numbers(s->out, "free_blocks", "%6" PRIu64 " ", blocks, orders);
			out_object_end(s->out);
		}
	}
	out_array_end(s->out);
	return NULL;
}

/* ---- pagetypeinfo ---- */

static bool count_block(void *context, uint64_t page, uint64_t pfn)
{
	(void)page;
	(void)pfn;
	++*(uint64_t *)context;
	return true;
}

static struct error *print_lists(struct session *s, const struct zone *z)
{
	struct kernel *k = s->kernel;
	uint64_t blocks[64];
	unsigned orders = free_area_orders(k);
	for (unsigned type = 0; type < free_area_types(k); type++) {
		for (unsigned order = 0; order < orders; order++) {
			blocks[order] = 0;
			TRY(free_list_walk(k, z, order, type, count_block, &blocks[order]));
		}
		out_object_begin(s->out, NULL);
		print_place(s->out, z, "Node %4" PRIu64 ", ", "zone %8s, ");
		out_str(s->out, "migratetype", "type %12s ", migratetype_name(k, type));
		print_numbers(s->out, "free_blocks", "%6" PRIu64 " ", blocks, orders);
		out_object_end(s->out);
	}
	return NULL;
}

static struct error *print_pageblocks(struct session *s, const struct zone *z)
{
	struct kernel *k = s->kernel;
	uint64_t counts[32] = {0}, end = z->start_pfn + z->spanned_pages, step = 1ull << pageblock_order(k), page;
	unsigned types = free_area_types(k), type;
	for (uint64_t pfn = z->start_pfn; pfn < end; pfn += step) {
		TRY(check_interrupt());
		if (!pfn_to_page(k, pfn, &page) || zone_of_pfn(k, pfn) != z)
			continue;
		if (!pageblock_migratetype(k, pfn, &type))
			return error_at(ERR_NOT_FOUND, page, "the type of the pageblock at frame %" PRIx64 " is not known", pfn);
		if (type < types)
			counts[type]++;
	}
	out_object_begin(s->out, NULL);
	print_place(s->out, z, "Node %" PRIu64 ", ", "zone %8s ");
	print_numbers(s->out, "blocks", "%12" PRIu64 " ", counts, types);
	out_object_end(s->out);
	return NULL;
}

/* Of all zones of a node, in an array. */
static struct error *each_zone(struct session *s, const struct node *n, const char *key, struct error *(*print)(struct session *, const struct zone *))
{
	const struct zone *z;
	struct error *e = NULL;
	out_array_begin(s->out, key);
	for (size_t cursor = 0; !e && (z = next_zone(s->kernel, n, &cursor));)
		e = print(s, z);
	out_array_end(s->out);
	return e;
}

/* The kernel says all of each node before the next, under headings of its own. */
static struct error *print_node(struct session *s, const struct node *n)
{
	struct kernel *k = s->kernel;
	struct out *o = s->out;
	out_dec(o, "node", NULL, n->id);
	out_printf(o, "Page block order: %u\nPages per block:  %" PRIu64 "\n\n", pageblock_order(k), (uint64_t)1 << pageblock_order(k));
	out_printf(o, "%-43s ", "Free pages count per migrate type at order");
	for (unsigned order = 0; order < free_area_orders(k); order++)
		out_printf(o, "%6u ", order);
	out_text(o, "\n");
	TRY(each_zone(s, n, "free", print_lists));
	out_printf(o, "\n%-23s", "Number of blocks type ");
	for (unsigned type = 0; type < free_area_types(k); type++)
		out_printf(o, "%12s ", migratetype_name(k, type));
	out_text(o, "\n");
	return each_zone(s, n, "pageblocks", print_pageblocks);
}

static struct error *run_pagetypeinfo(struct session *s, int argc, char **argv)
{
	struct kernel *k = s->kernel;
	struct error *e = NULL;
	TRY(no_operands(argc, argv));
	TRY(nodes_open(k));
	if (free_area_types(k) < 2)
		return error_new(ERR_UNSUPPORTED, "this kernel keeps its free pages in one list, whatever their migrate type");
	out_dec(s->out, "pageblock_order", NULL, pageblock_order(k));
	out_array_begin(s->out, "migratetypes");
	for (unsigned type = 0; type < free_area_types(k); type++)
		out_str(s->out, NULL, NULL, migratetype_name(k, type));
	out_array_end(s->out);
	out_array_begin(s->out, "nodes");
	for (size_t i = 0; !e && i < nodes_count(k); i++) {
		const struct node *n = nodes_get(k, i);
		if (!n->present_pages)
			continue;
		out_object_begin(s->out, NULL);
		e = print_node(s, n);
		out_object_end(s->out);
	}
	out_array_end(s->out);
	return e;
}

COMMAND(buddyinfo) = {
	.name = "buddyinfo",
	.summary = "free blocks of each order, as /proc/buddyinfo",
	.synopsis = "",
	.flags = CMD_NEEDS_KERNEL,
	.help = "DESCRIPTION\n"
		"  Shows for each zone how many free blocks of order 0, 1, 2 … the buddy allocator has, in the lines of\n"
		"  /proc/buddyinfo: a block of order N has 2^N pages. What CPUs keep free for themselves is not counted.\n"
		"  frag says what these numbers mean for an allocation; kmem -f checks them against the lists.\n"
		"\n"
		"EXAMPLES\n"
		"  The free blocks of all zones:\n"
		"    mmscope> buddyinfo\n",
	.run = run_buddyinfo,
};

COMMAND(pagetypeinfo) = {
	.name = "pagetypeinfo",
	.summary = "free blocks and pageblocks by migrate type, as /proc/pagetypeinfo",
	.synopsis = "",
	.flags = CMD_NEEDS_KERNEL,
	.help = "DESCRIPTION\n"
		"  Shows in the lines of /proc/pagetypeinfo, for each node: the free blocks of each order by zone and\n"
		"  migrate type, by walking the free lists; then how many pageblocks of each zone are of each type.\n"
		"  The kernel stops counting at 100000 blocks of one list and puts a '>' before that; here all are counted.\n"
		"\n"
		"EXAMPLES\n"
		"  Free blocks and pageblocks by type:\n"
		"    mmscope> pagetypeinfo\n",
	.run = run_pagetypeinfo,
};
