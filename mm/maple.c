/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>

#include "core/interrupt.h"
#include "mm/maple_node.h"

struct maple_walk {
	struct maple_form f;
	maple_visitor *visit;
	void *context;
	struct maple_watch *watch; /* or NULL */
	uint64_t nodes;
	bool stop;
};

/* enum maple_type; its values since the first version, where BTF lacks the enum */
static int node_type(struct kernel *k, const char *name, int fallback)
{
	int64_t value;
	return enumerator_find(k, name, &value) && value >= 0 && value <= MAPLE_TYPE_MASK ? (int)value : fallback;
}

struct error *maple_form_open(struct kernel *k, struct maple_form *f)
{
	TRY(members_require(k, "maple trees", M_maple_tree_ma_root, M_maple_range_64_pivot,
			    M_maple_range_64_slot, M_maple_node_parent, MEMBER_NONE));
	*f = (struct maple_form){
		.k = k,
		.max = k->arch->pointer_size == 4 ? UINT32_MAX : UINT64_MAX,
		.dense = node_type(k, "maple_dense", 0),
		.leaf_64 = node_type(k, "maple_leaf_64", 1),
		.range_64 = node_type(k, "maple_range_64", 2),
		.arange_64 = node_type(k, "maple_arange_64", 3),
		.node_size = SIZE_OF(k, maple_node),
	};
	return NULL;
}

bool maple_layout_of(const struct maple_form *f, unsigned type, struct maple_layout *l)
{
	const struct member *m = f->k->members;
	if ((int)type == f->leaf_64 || (int)type == f->range_64) {
		*l = (struct maple_layout){.pivot = &m[M_maple_range_64_pivot],
					   .slot = &m[M_maple_range_64_slot],
					   .end = &m[M_maple_range_64_end],
					   .leaf = (int)type == f->leaf_64,
					   .end_in_slot = true};
	} else if ((int)type == f->arange_64) {
		*l = (struct maple_layout){.pivot = &m[M_maple_arange_64_pivot],
					   .slot = &m[M_maple_arange_64_slot],
					   .end = &m[M_maple_arange_64_end]};
	} else if ((int)type == f->dense) {
		*l = (struct maple_layout){.slot = &m[M_maple_node_slot], .leaf = true};
	} else {
		return false;
	}
	l->slots = l->slot->count;
	l->pivots = l->pivot ? l->pivot->count : 0;
	return l->slot->present && l->slots;
}

uint64_t maple_element(const struct maple_form *f, const unsigned char *node, const struct member *m, unsigned i)
{
	uint64_t offset = m->offset + (uint64_t)i * m->stride;
	if (!m->size || offset + m->size > f->node_size)
		return 0;
	return load_uint(node + offset, m->size);
}

/* The last slot in use, as ma_data_end() finds it. */
static unsigned data_end(const struct maple_form *f, const unsigned char *node, const struct maple_layout *l, uint64_t max)
{
	unsigned last = l->slots - 1;
	if (!l->pivots)
		return last;
	if (l->end_in_slot) {
		uint64_t pivot = maple_element(f, node, l->pivot, l->pivots - 1);
		if (pivot)
			return pivot == max ? l->pivots - 1 : last;
	}
	/* Without metadata the pivots tell: the first that is 0, or the node's greatest index, ends
	 * the node. */
	if (!l->end->present || !l->end->size) {
		for (unsigned i = 0; i < l->pivots; i++) {
			uint64_t pivot = maple_element(f, node, l->pivot, i);
			if (pivot >= max || (i && !pivot))
				return i;
		}
		return last;
	}
	return (unsigned)maple_element(f, node, l->end, 0);
}

unsigned maple_min_slots(const struct maple_form *f, const struct maple_layout *l, unsigned type)
{
	unsigned less = (int)type == f->arange_64 ? 1 : 2, half = l->slots / 2;
	return half > less ? half - less : 0;
}

struct error *maple_bad_node(uint64_t node, const char *why)
{
	return error_at(ERR_BAD_LIST, node, "maple node %s: %016" PRIx64, why, node);
}

struct error *maple_node_open(const struct maple_form *f, uint64_t enode, uint64_t min, uint64_t max, struct maple_node *n)
{
	struct object o;
	n->enode = enode;
	n->addr = enode & ~MAPLE_NODE_MASK;
	n->min = min;
	n->max = max;
	if (!maple_layout_of(f, maple_type(enode), &n->layout))
		return maple_bad_node(n->addr, "of an unknown type");
	struct error *e = object_open_bytes(f->k, n->addr, f->node_size, &o);
	if (e) {
		struct error *bad = error_at(ERR_BAD_LIST, n->addr, "maple node: %s", e->message);
		error_free(e);
		return bad;
	}
	n->bytes = o.bytes;
	/* ma_dead_node(): a node being freed is its own parent. */
	n->parent = GET(f->k, &o, maple_node, parent);
	if ((n->parent & ~MAPLE_NODE_MASK) == n->addr)
		return maple_bad_node(n->addr, "is dead");
	n->end = data_end(f, n->bytes, &n->layout, max);
	if (n->end >= n->layout.slots)
		return maple_bad_node(n->addr, "claims more slots than it has");
	return NULL;
}

struct error *maple_slot_range(const struct maple_form *f, const struct maple_node *n, unsigned i, uint64_t from, uint64_t *to, bool *done)
{
	*done = false;
	if (!n->layout.pivots) { /* dense: a slot an index */
		*to = from;
		*done = from >= n->max || i == n->end;
		return NULL;
	}
	*to = i < n->end && i < n->layout.pivots ? maple_element(f, n->bytes, n->layout.pivot, i) : n->max;
	if (*to < from || *to > n->max)
		return maple_bad_node(n->addr, "has pivots out of order");
	*done = *to == n->max;
	return NULL;
}

static struct error *walk_node(struct maple_walk *w, uint64_t enode, uint64_t min, uint64_t max,
			       uint64_t first, uint64_t last, unsigned height)
{
	struct maple_node n;
	if (height >= MAPLE_MAX_HEIGHT)
		return maple_bad_node(enode & ~MAPLE_NODE_MASK, "stands deeper than a tree can be");
	if ((++w->nodes & 1023) == 0)
		TRY(check_interrupt());
	TRY(maple_node_open(&w->f, enode, min, max, &n));
	if (w->watch && w->watch->node) {
		const struct maple_node_facts facts = {n.addr, n.parent, maple_type(enode), min, max};
		w->watch->path.depth = height;
		w->watch->node(w->context, &facts);
	}
	uint64_t from = min;
	for (unsigned i = 0; i < n.layout.slots && from <= last; i++) {
		uint64_t to;
		bool done;
		if (w->watch) {
			w->watch->path.slot[height] = (uint8_t)i;
			w->watch->path.depth = height + 1;
		}
		TRY(maple_slot_range(&w->f, &n, i, from, &to, &done));
		if (to >= first) {
			uint64_t entry = maple_element(&w->f, n.bytes, n.layout.slot, i);
			if (n.layout.leaf) {
				if ((entry || (w->watch && w->watch->empty)) && !w->visit(w->context, from, to, entry))
					w->stop = true;
			} else if (entry & ~MAPLE_NODE_MASK) {
				TRY(walk_node(w, entry, from, to, first, last, height + 1));
			} else {
				return maple_bad_node(n.addr, "lacks a child");
			}
			if (w->stop)
				return NULL;
		}
		if (done)
			break;
		from = to + 1;
	}
	return NULL;
}

struct error *maple_root(struct kernel *k, uint64_t tree, uint64_t *root)
{
	return error_prefix(kernel_get(k, tree, M_maple_tree_ma_root, root),
			    "maple tree %016" PRIx64, tree);
}

struct error *maple_for_each(struct kernel *k, uint64_t tree, uint64_t first, uint64_t last,
			     maple_visitor *visit, void *context)
{
	struct maple_walk w = { 0 };
	uint64_t root;
	TRY(maple_form_open(k, &w.f));
	w.visit = visit;
	w.context = context;
	TRY(maple_root(k, tree, &root));
	if (maple_is_node(root))
		return walk_node(&w, root, 0, w.f.max, first, last, 0);
	if (root && first == 0)
		visit(context, 0, 0, root);
	return NULL;
}

struct error *maple_for_each_watched(struct kernel *k, uint64_t root, struct maple_watch *watch, maple_visitor *visit,
				     void *context)
{
	struct maple_walk w = { 0 };
	TRY(maple_form_open(k, &w.f));
	w.visit = visit;
	w.context = context;
	w.watch = watch;
	watch->path.depth = 0;
	if (maple_is_node(root))
		return walk_node(&w, root, 0, w.f.max, 0, w.f.max, 0);
	if (root)
		visit(context, 0, 0, root);
	return NULL;
}

/* Down to the leaf, or the root that is none, where the index is: its entry and range. */
static struct error *find(struct kernel *k, uint64_t tree, uint64_t index, uint64_t *entry, uint64_t *first, uint64_t *last)
{
	struct maple_walk w = { 0 };
	struct maple_node n;
	uint64_t at, min = 0, max;
	*entry = 0;
	TRY(maple_form_open(k, &w.f));
	max = w.f.max;
	TRY(maple_root(k, tree, &at));
	if (!maple_is_node(at)) {
		min = index ? 1 : 0;
		max = index ? max : 0;
		*entry = index ? 0 : at;
	}
	bool inner = maple_is_node(at);
	for (unsigned height = 0; inner; height++) {
		if (height >= MAPLE_MAX_HEIGHT)
			return maple_bad_node(at & ~MAPLE_NODE_MASK, "stands deeper than a tree can be");
		TRY(maple_node_open(&w.f, at, min, max, &n));
		unsigned i = 0;
		uint64_t from = min, to;
		bool done;
		TRY(maple_slot_range(&w.f, &n, i, from, &to, &done));
		while (to < index && !done) {
			from = to + 1;
			TRY(maple_slot_range(&w.f, &n, ++i, from, &to, &done));
		}
		min = from;
		max = to;
		if (to < index) /* a dense node that ends before the index */
			break;
		at = maple_element(&w.f, n.bytes, n.layout.slot, i);
		if (n.layout.leaf) {
			*entry = at;
			break;
		}
		if (!(at & ~MAPLE_NODE_MASK))
			return maple_bad_node(n.addr, "lacks a child");
	}
	*first = min;
	*last = max;
	return NULL;
}

struct error *maple_find(struct kernel *k, uint64_t tree, uint64_t index, uint64_t *entry,
			 uint64_t *first, uint64_t *last)
{
	uint64_t from = 0, to = 0;
	TRY(find(k, tree, index, entry, &from, &to));
	if (first)
		*first = from;
	if (last)
		*last = to;
	return NULL;
}

/* ---- Gaps ---- */

struct gap_walk {
	struct maple_walk w;
	maple_gap_visitor *visit;
	void *context;
};

/* The greatest run of indexes under the node that no entry stands for. */
static struct error *node_gap(struct gap_walk *g, uint64_t enode, uint64_t min, uint64_t max,
			      unsigned height, uint64_t *gap)
{
	const struct member *kept = &g->w.f.k->members[M_maple_arange_64_gap];
	struct maple_node n;
	uint64_t from = min, to;
	bool done = false;
	*gap = 0;
	if (height >= MAPLE_MAX_HEIGHT)
		return maple_bad_node(enode & ~MAPLE_NODE_MASK, "stands deeper than a tree can be");
	if ((++g->w.nodes & 1023) == 0)
		TRY(check_interrupt());
	TRY(maple_node_open(&g->w.f, enode, min, max, &n));
	bool keeps = (int)(maple_type(enode)) == g->w.f.arange_64 && kept->present;
	for (unsigned i = 0; i < n.layout.slots && !done; i++, from = to + 1) {
		TRY(maple_slot_range(&g->w.f, &n, i, from, &to, &done));
		uint64_t entry = maple_element(&g->w.f, n.bytes, n.layout.slot, i), part = 0;
		if (n.layout.leaf && !entry)
			part = to - from + 1;
		else if (!n.layout.leaf && !(entry & ~MAPLE_NODE_MASK))
			return maple_bad_node(n.addr, "lacks a child");
		else if (!n.layout.leaf)
			TRY(node_gap(g, entry, from, to, height + 1, &part));
		if (keeps)
			g->visit(g->context, n.addr, i, maple_element(&g->w.f, n.bytes, kept, i), part);
		if (part > *gap)
			*gap = part;
	}
	return NULL;
}

struct error *maple_gaps(struct kernel *k, uint64_t tree, maple_gap_visitor *visit, void *context)
{
	struct gap_walk g = {.visit = visit, .context = context};
	uint64_t root, gap;
	TRY(maple_form_open(k, &g.w.f));
	TRY(maple_root(k, tree, &root));
	return maple_is_node(root) ? node_gap(&g, root, 0, g.w.f.max, 0, &gap) : NULL;
}

/* ---- Holes ---- */

struct hole_search {
	struct maple_walk w;
	uint64_t low, high, size;
	bool back, found;
	uint64_t first, last; /* of the hole, as far as it lies in [low, high] */
};

static void see_hole(struct hole_search *h, uint64_t from, uint64_t to)
{
	h->first = from > h->low ? from : h->low;
	h->last = to < h->high ? to : h->high;
	h->found = h->first <= h->last && h->last - h->first >= h->size - 1;
}

static struct error *search_node(struct hole_search *h, uint64_t enode, uint64_t min, uint64_t max, unsigned height)
{
	const struct maple_form *f = &h->w.f;
	const struct member *kept = &f->k->members[M_maple_arange_64_gap];
	struct maple_node n;
	uint64_t ends[UINT8_MAX + 1], from = min;
	unsigned count = 0;
	bool done = false;
	if (height >= MAPLE_MAX_HEIGHT)
		return maple_bad_node(enode & ~MAPLE_NODE_MASK, "stands deeper than a tree can be");
	if ((++h->w.nodes & 1023) == 0)
		TRY(check_interrupt());
	TRY(maple_node_open(f, enode, min, max, &n));
	bool keeps = (int)maple_type(enode) == f->arange_64 && kept->present;
	for (; count < n.layout.slots && count <= UINT8_MAX && !done; from = ends[count++] + 1)
		TRY(maple_slot_range(f, &n, count, from, &ends[count], &done));
	for (unsigned at = 0; at < count && !h->found; at++) {
		unsigned i = h->back ? count - 1 - at : at;
		uint64_t entry = maple_element(f, n.bytes, n.layout.slot, i), to = ends[i];
		from = i ? ends[i - 1] + 1 : min;
		if (to < h->low || from > h->high)
			continue;
		if (n.layout.leaf && !entry)
			see_hole(h, from, to);
		else if (!n.layout.leaf && !(entry & ~MAPLE_NODE_MASK))
			return maple_bad_node(n.addr, "lacks a child");
		else if (!n.layout.leaf && (!keeps || maple_element(f, n.bytes, kept, i) >= h->size))
			TRY(search_node(h, entry, from, to, height + 1));
	}
	return NULL;
}

struct error *maple_find_hole(struct kernel *k, uint64_t tree, uint64_t low, uint64_t high, uint64_t size, bool back, uint64_t *first, uint64_t *last,
			      bool *found)
{
	struct hole_search h = { .low = low, .high = high, .size = size, .back = back };
	uint64_t root;
	*found = false;
	if (!size || low > high)
		return NULL;
	TRY(maple_form_open(k, &h.w.f));
	TRY(maple_root(k, tree, &root));
	if (maple_is_node(root))
		TRY(search_node(&h, root, 0, h.w.f.max, 0));
	else
		see_hole(&h, root ? 1 : 0, h.w.f.max);
	*found = h.found;
	*first = h.first;
	*last = h.last;
	return NULL;
}
