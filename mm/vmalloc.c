/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>

#include "core/interrupt.h"
#include "mm/list.h"
#include "mm/vmalloc.h"

struct area_walk {
	struct kernel *k;
	vmalloc_visitor *visit;
	void *context;
	bool ended;
};

static bool visit_area(void *context, uint64_t node)
{
	struct area_walk *w = context;
	struct object o;
	if (!object_try_open(w->k, node - OFFSET(w->k, vmap_area, list), S_vmap_area, &o))
		return true;
	struct vmalloc_area area = {
		.addr = o.addr,
		.start = GET(w->k, &o, vmap_area, va_start),
		.end = GET(w->k, &o, vmap_area, va_end),
		.vm = GET(w->k, &o, vmap_area, vm),
	};
	w->ended = area.start < area.end && !w->visit(w->context, &area);
	return !w->ended;
}

/* Each node keeps the areas of its share of the address space (6.9: vmap_nodes, nr_vmap_nodes). */
#define VMAP_NODES_MAX 4096

static struct error *walk_nodes(struct area_walk *w, uint64_t nodes)
{
	uint64_t count;
	TRY(kernel_read_symbol(w->k, "nr_vmap_nodes", 4, &count));
	if (count > VMAP_NODES_MAX)
		return error_new(ERR_BAD_OBJECT, "nr_vmap_nodes is damaged: %" PRIu64, count);
	for (uint64_t i = 0; i < count && !w->ended; i++)
		TRY(list_for_each(
			w->k, nodes + i * SIZE_OF(w->k, vmap_node) + OFFSET(w->k, vmap_node, busy),
			visit_area, w));
	return NULL;
}

/* Until 2.6.28 vm_structs alone, in a list by address that ends with NULL. */
static struct error *walk_vm_structs(struct area_walk *w)
{
	uint64_t at, last = 0;
	TRY(kernel_read_symbol(w->k, "vmlist", 0, &at));
	while (at && !w->ended) {
		struct object o;
		TRY(check_interrupt());
		TRY(object_open(w->k, at, S_vm_struct, &o));
		uint64_t start = GET(w->k, &o, vm_struct, addr);
		struct vmalloc_area area = {0, at, start, start + GET(w->k, &o, vm_struct, size)};
		if (start <= last)
			return error_at(ERR_BAD_LIST, at, "vmlist is not in order: %" PRIx64, at);
		last = start;
		w->ended = !w->visit(w->context, &area);
		at = GET(w->k, &o, vm_struct, next);
	}
	return NULL;
}

struct error *vmalloc_for_each(struct kernel *k, vmalloc_visitor *visit, void *context)
{
	struct area_walk w = {k, visit, context, false};
	uint64_t nodes, head = symbol_addr(k, "vmap_area_list");
	if (HAS_STRUCT(k, vmap_node) && symbol_addr(k, "vmap_nodes")) {
		TRY(kernel_read_symbol(k, "vmap_nodes", 0, &nodes));
		return walk_nodes(&w, nodes);
	}
	if (head && HAS(k, vmap_area, list))
		return list_for_each(k, head, visit_area, &w);
	if (symbol_addr(k, "vmlist") && HAS(k, vm_struct, next))
		return walk_vm_structs(&w);
	return error_new(ERR_UNSUPPORTED,
			 "this kernel has neither vmap_nodes, vmap_area_list nor vmlist");
}

struct area_search {
	uint64_t addr;
	struct vmalloc_area *out;
	bool *found;
};

static bool match_area(void *context, const struct vmalloc_area *area)
{
	struct area_search *s = context;
	if (s->addr - area->start >= area->end - area->start)
		return true;
	*s->out = *area;
	*s->found = true;
	return false;
}

struct error *vmalloc_at(struct kernel *k, uint64_t addr, struct vmalloc_area *out, bool *found)
{
	struct area_search search = {addr, out, found};
	*found = false;
	*out = (struct vmalloc_area){0};
	return vmalloc_for_each(k, match_area, &search);
}
