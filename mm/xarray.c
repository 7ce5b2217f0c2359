/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <string.h>

#include "core/interrupt.h"
#include "mm/xarray.h"

struct error *xa_form_of(struct kernel *k, struct xa_form *f)
{
	TRY(members_require(k, "xarrays", M_xa_node_slots, HAS(k, xa_node, shift) ? M_xa_node_slots : M_xa_node_path, MEMBER_NONE));
	uint32_t slots = k->members[M_xa_node_slots].count;
	f->radix = !strcmp(k->structs[S_xa_node].name, "radix_tree_node");
	f->by_height = !HAS(k, xa_node, shift);
	f->bits = slots ? (unsigned)__builtin_ctz(slots) : 0;
	if (!slots || slots != 1u << f->bits || slots > 256)
		return error_new(ERR_UNSUPPORTED, "a node of an xarray has %u slots", slots);
	return NULL;
}

#define HEIGHT_BITS 12 /* of radix_tree_node.path: include/linux/radix-tree.h until 4.7 */

unsigned xa_node_shift(const struct kernel *k, const struct xa_form *f, const struct object *node)
{
	if (!f->by_height)
		return (unsigned)GET(k, node, xa_node, shift);
	uint64_t height = GET(k, node, xa_node, path) & ((1u << HEIGHT_BITS) - 1);
	return height && height <= 64 / f->bits + 1 ? (unsigned)(height - 1) * f->bits : UINT32_MAX;
}

struct xarray_walk {
	struct kernel *k;
	xarray_visitor *visit;
	void *context;
	struct tree_path *path;
	struct xa_form form;
	bool ended;
	uint64_t nodes;
};

/* More than an index of 22 bits can have, be it ever so sparse: memory blocks and pids have fewer. */
#define NODES_MAX (1u << 22)

static struct error *walk_entry(struct xarray_walk *w, uint64_t entry, uint64_t index,
				unsigned above)
{
	struct kernel *k = w->k;
	struct object node;
	if (!xa_is_node(&w->form, entry, above)) {
		/* Other internal entries mark siblings, retries, zero entries: nothing to see. */
		if (w->form.radix || (entry & 3) != 2)
			w->ended = !w->visit(w->context, index, entry);
		return NULL;
	}
	TRY(check_interrupt());
	TRY(object_open(k, entry & ~3ull, S_xa_node, &node));
	uint64_t shift = xa_node_shift(k, &w->form, &node);
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
	TRY(xa_form_of(k, &w.form));
	w.path->depth = 0;
	return head ? walk_entry(&w, head, 0, 64) : NULL;
}

struct error *xarray_for_each(struct kernel *k, uint64_t head, xarray_visitor *visit, void *context)
{
	return xarray_for_each_path(k, head, NULL, visit, context);
}

/* ---- A range, with orders ---- */

struct range_walk {
	struct xarray_walk walk; /* its visit() is not used */
	uint64_t first, last;
	xarray_range_visitor *visit;
	void *context;
};

/* Slots after a multi-index entry's own are sibling entries, which name its slot (xa_mk_sibling()). */
static unsigned order_of(const struct range_walk *w, const struct object *node, uint32_t slot, uint32_t slots)
{
	unsigned order = 0, siblings = 0;
	while (!w->walk.form.radix && slot + 1 + siblings < slots &&
	       object_get_element(w->walk.k, node, M_xa_node_slots, slot + 1 + siblings) == ((uint64_t)slot << 2 | 2))
		siblings++;
	while (2u << order <= siblings + 1)
		order++;
	return order;
}

static void visit_leaf(struct range_walk *w, uint64_t index, unsigned order, uint64_t entry)
{
	bool internal = !w->walk.form.radix && (entry & 3) == 2;
	if (!internal && index <= w->last && index + (1ull << order) - 1 >= w->first)
		w->walk.ended = !w->visit(w->context, index, order, entry, xa_is_value(&w->walk.form, entry));
}

static struct error *walk_range(struct range_walk *w, uint64_t entry, uint64_t index, unsigned above)
{
	struct kernel *k = w->walk.k;
	struct object node;
	TRY(check_interrupt());
	TRY(object_open(k, entry & ~3ull, S_xa_node, &node));
	uint64_t shift = xa_node_shift(k, &w->walk.form, &node);
	uint32_t slots = k->members[M_xa_node_slots].count;
	if (shift >= above || ++w->walk.nodes > NODES_MAX)
		return error_at(ERR_BAD_LIST, node.addr, "xarray node is damaged: %" PRIx64, node.addr);
	for (uint32_t i = 0; i < slots && !w->walk.ended; i++) {
		uint64_t slot = object_get_element(k, &node, M_xa_node_slots, i), at = index | (uint64_t)i << shift;
		if (!slot)
			continue;
		if (!xa_is_node(&w->walk.form, slot, (unsigned)shift))
			visit_leaf(w, at, (unsigned)shift + order_of(w, &node, i, slots), slot);
		else if (at <= w->last && at + (1ull << shift) - 1 >= w->first)
			TRY(walk_range(w, slot, at, (unsigned)shift));
	}
	return NULL;
}

struct error *xarray_for_each_range(struct kernel *k, uint64_t head, uint64_t first, uint64_t last,
				    xarray_range_visitor *visit, void *context)
{
	struct range_walk w = {.walk.k = k, .first = first, .last = last, .visit = visit, .context = context};
	TRY(xa_form_of(k, &w.walk.form));
	if (head && xa_is_node(&w.walk.form, head, 64))
		return walk_range(&w, head, 0, 58);
	if (head)
		visit_leaf(&w, 0, 0, head);
	return NULL;
}

struct error *xarray_load(struct kernel *k, uint64_t head, uint64_t index, uint64_t *entry)
{
	struct xa_form f;
	unsigned above = 64;
	*entry = 0;
	TRY(xa_form_of(k, &f));
	/* A single entry stands at index 0. */
	if (!xa_is_node(&f, head, above)) {
		*entry = index ? 0 : head;
		return NULL;
	}
	for (uint64_t at = head; xa_is_node(&f, at, above);) {
		struct object node;
		TRY(object_open(k, at & ~3ull, S_xa_node, &node));
		uint64_t shift = xa_node_shift(k, &f, &node);
		uint32_t slots = k->members[M_xa_node_slots].count;
		if (shift >= above || shift > 60)
			return error_at(ERR_BAD_LIST, node.addr, "xarray node is damaged: %" PRIx64, node.addr);
		/* Beyond what the tree's height reaches. */
		if (above == 64 && index >> shift >= slots)
			return NULL;
		above = (unsigned)shift;
		at = object_get_element(k, &node, M_xa_node_slots, index >> shift & (slots - 1));
		/* A sibling: the entry of several indexes stands in the first one's slot (xa_is_sibling()). */
		if (!f.radix && (at & 3) == 2 && at >> 2 < slots)
			at = object_get_element(k, &node, M_xa_node_slots, at >> 2);
		*entry = xa_is_node(&f, at, above) ? 0 : at;
	}
	return NULL;
}
