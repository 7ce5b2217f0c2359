/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/context.h"
#include "cmd/kmem_slab.h"
#include "mm/zone.h"

static const struct column cache_columns[] = {
	{"cache", "CACHE", 16, '<', 0},
	{"object_size", "OBJSIZE", 8, '>', 1},
	{"allocated", "ALLOCATED", 10, '>', 1},
	{"total", "TOTAL", 9, '>', 1},
	{"slabs", "SLABS", 6, '>', 1},
	{"slab_size", "SSIZE", 6, '>', 1},
	{"name", "NAME", 0, '<', 2},
};

void kmem_caches_begin(struct session *s, bool heading)
{
	out_table(s->out, "cache", cache_columns, 7, heading);
}

struct error *kmem_cache_row(struct session *s, const struct slab_cache *cache)
{
	struct slab_cache_totals totals;
	char size[24];
	struct error *e = slab_cache_totals(s->kernel, cache, &totals);
	snprintf(size, sizeof(size), "%" PRIu64 "k", totals.slab_size >> 10);
	out_cell_hex(s->out, cache->addr);
	out_cell_dec(s->out, cache->object_size);
	if (totals.known) {
		out_cell_dec(s->out, totals.allocated);
		out_cell_dec(s->out, totals.objects);
		out_cell_dec(s->out, totals.slabs);
	} else {
		out_cell_none(s->out, "?");
		out_cell_none(s->out, "?");
		out_cell_none(s->out, "?");
	}
	out_cell_dec_as(s->out, totals.slab_size, size);
	out_cell_str(s->out, cache->name);
	out_row_end(s->out);
	return e;
}

struct error *kmem_print_cache(struct session *s, const struct slab_cache *cache)
{
	kmem_caches_begin(s, true);
	struct error *e = kmem_cache_row(s, cache);
	out_table_end(s->out);
	return e;
}

static void print_object(struct session *s, const struct slab *slab, uint32_t i,
			 const struct object_status *status)
{
	static const char *const names[] = {"allocated", "free", "cpu", "barn"};
	struct out *o = s->out;
	uint64_t addr = slab_object(slab, i) - (s->settings.redzone ? slab->cache.red_left_pad : 0);
	/* Most lines of kmem -S are these. */
	if (!out_json(o) && status->state <= OBJECT_FREE) {
		char *p = out_reserve(o, 32);
		bool free = status->state == OBJECT_FREE;
		*p++ = ' ';
		*p++ = ' ';
		*p++ = free ? ' ' : '[';
		p = put_hex(p, addr, 1);
		if (!free)
			*p++ = ']';
		*p++ = '\n';
		o->at = p;
		return;
	}
	out_object_begin(o, NULL);
	out_hex(o, "object", NULL, addr);
	out_str(o, "state", NULL, names[status->state]);
	if (status->state == OBJECT_CPU_FREE)
		out_dec(o, "cpu", NULL, status->cpu);
	if (status->state == OBJECT_ALLOCATED)
		out_printf(o, "  [%" PRIx64 "]\n", addr);
	else if (status->state == OBJECT_CPU_FREE)
		out_printf(o, "   %" PRIx64 "  (cpu %u cache)\n", addr, status->cpu);
	else
		out_printf(o, "   %" PRIx64 "%s\n", addr,
			   status->state == OBJECT_BARN_FREE ? "  (barn)" : "");
	out_object_end(o);
}

static void print_row(struct session *s, const struct slab *slab,
		      const struct object_status *status)
{
	static const struct column columns[] = {
		{"slab", "SLAB", 16, '<', 2},	       {"memory", "MEMORY", 16, '<', 2},
		{"node", "NODE", 4, '>', 2},	       {"total", "TOTAL", 5, '>', 2},
		{"allocated", "ALLOCATED", 9, '>', 2}, {"free", "FREE", 4, '>', 2},
	};
	const struct zone *z = zone_of_pfn(
		s->kernel, phys_to_pfn(s->kernel, slab->start - s->kernel->page_offset));
	/* As crash: what a CPU keeps of it counts as free. */
	uint32_t free = 0;
	for (uint32_t i = 0; i < slab->objects; i++)
		free += status[i].state != OBJECT_ALLOCATED;
	out_table(s->out, "slab", columns, 6, true);
	out_cell_hex(s->out, slab->page);
	out_cell_hex(s->out, slab->start);
	out_cell_dec(s->out, z ? z->node : 0);
	out_cell_dec(s->out, slab->objects);
	out_cell_dec(s->out, slab->objects - free);
	out_cell_dec(s->out, free);
	out_row_end(s->out);
	out_table_end(s->out);
}

void kmem_print_states(struct session *s, const struct slab *slab, const struct object_status *status, uint64_t addr)
{
	uint32_t wanted = 0;
	print_row(s, slab, status);
	out_text(s->out, "  FREE / [ALLOCATED]\n");
	out_array_begin(s->out, "objects");
	if (!addr)
		for (uint32_t i = 0; i < slab->objects; i++)
			print_object(s, slab, i, &status[i]);
	else if (slab_object_index(slab, addr, &wanted))
		print_object(s, slab, wanted, &status[wanted]);
	else
		out_printf(s->out, "  (%" PRIx64 " is past the last object)\n", addr);
	out_array_end(s->out);
}

struct error *kmem_print_slab(struct session *s, const struct slab *slab, uint64_t addr)
{
	struct object_status *status;
	TRY(nodes_open(s->kernel));
	struct error *e = slab_object_states(s->kernel, slab, &status);
	if (status)
		kmem_print_states(s, slab, status, addr);
	free(status);
	return e;
}
