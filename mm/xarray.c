/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>

#include "core/interrupt.h"
#include "mm/xarray.h"

/*
 * The two low bits of an entry: 10 is internal, a node when it is no small number (xa_is_node());
 * 00 a pointer, x1 a value. Radix trees mark a node by 01 (RADIX_TREE_INTERNAL_NODE) and have no
 * values of that form in their slots.
 */
struct xarray_walk {
	struct kernel *k;
	xarray_visitor *visit;
	void *context;
	struct tree_path *path;
	bool radix, ended;
	uint64_t nodes;
};

/* More than an index of 22 bits can have, be it ever so sparse: memory blocks and pids have fewer. */
#define NODES_MAX (1u << 22)

static bool is_node(const struct xarray_walk *w, uint64_t entry)
{
	return (entry & 3) == (w->radix ? 1 : 2) && entry > 4096;
}

static struct error *walk_entry(struct xarray_walk *w, uint64_t entry, uint64_t index,
				unsigned above)
{
	struct kernel *k = w->k;
	struct object node;
	if (!is_node(w, entry)) {
		/* Other internal entries mark siblings, retries, zero entries: nothing to see. */
		if ((entry & 3) != 2)
			w->ended = !w->visit(w->context, index, entry);
		return NULL;
	}
	TRY(check_interrupt());
	TRY(object_open(k, entry & ~3ull, S_xa_node, &node));
	uint64_t shift = GET(k, &node, xa_node, shift);
	uint32_t slots = k->members[M_xa_node_slots].count;
	/* Shifts fall with every level, so a tree that loops comes to an end; one whose branches
	 * grow together again would come to it late. */
	if (shift >= above || ++w->nodes > NODES_MAX)
		return error_at(ERR_BAD_LIST, node.addr, "xarray node is damaged: %" PRIx64,
				node.addr);
	/* At most 64 levels: shifts fall. */
	unsigned depth = w->path->depth++;
	for (uint32_t i = 0; i < slots && !w->ended; i++) {
		uint64_t slot = object_get_element(k, &node, M_xa_node_slots, i);
		w->path->slot[depth] = (uint8_t)i;
		if (slot)
			TRY(walk_entry(w, slot, index | (uint64_t)i << shift, (unsigned)shift));
	}
	w->path->depth = depth;
	return NULL;
}

struct error *xarray_for_each_path(struct kernel *k, uint64_t head, struct tree_path *path, xarray_visitor *visit, void *context)
{
	struct tree_path own = {0};
	struct xarray_walk w = {.k = k, .visit = visit, .context = context, .path = path ? path : &own};
	TRY(members_require(k, "xarrays", M_xa_node_shift, M_xa_node_slots, MEMBER_NONE));
	w.radix = !strcmp(k->structs[S_xa_node].name, "radix_tree_node");
	w.path->depth = 0;
	return head ? walk_entry(&w, head, 0, 64) : NULL;
}

struct error *xarray_for_each(struct kernel *k, uint64_t head, xarray_visitor *visit, void *context)
{
	return xarray_for_each_path(k, head, NULL, visit, context);
}
