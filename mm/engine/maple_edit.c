/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A store into a maple tree goes level by level, from the leaves to the root: what the nodes between the way to the first index and the way to the last one held, with the
 * new in it, is written into as many nodes as it needs, and those take the place of the old ones in the level above. Below the least that a node holds, a neighbour's slots join.
 * Two ranges without an entry never meet, and no leaf but the last one ends in such a range: the kernel relies on both.
 */
#include <inttypes.h>
#include <string.h>

#include "core/interrupt.h"
#include "mm/engine/maple_edit.h"
#include "mm/maple_node.h"

#define MOST_SLOTS 64  /* of any kind of node, on any machine; 32 is the most there is */
#define MOST_ITEMS (6 * MOST_SLOTS)
#define MOST_NODES (1u << 22) /* that one store frees: a tree of no end has more */
#define NODE_BYTES 256

/* What a slot has: an entry, or a node with the greatest gap below it. */
struct item {
	uint64_t last, slot, gap;
};

/* The way from the root to a leaf: at each level a node, and its slot that leads on. */
struct way {
	struct maple_node node[MAPLE_MAX_HEIGHT];
	unsigned slot[MAPLE_MAX_HEIGHT];
	uint64_t from[MAPLE_MAX_HEIGHT], to[MAPLE_MAX_HEIGHT]; /* the indexes of that slot */
};

struct storing {
	struct kernel *k;
	const struct maple_nodes *nodes;
	struct maple_form f;
	struct object tree;
	bool gaps;	/* the tree keeps them (MT_FLAGS_ALLOC_RANGE) */
	unsigned depth; /* levels; the leaves are the last */
	unsigned freed;
	struct way left, right; /* the first and the last node of each level that is written anew */
	bool whole;	/* … are the first and the last of their level */
	unsigned keep, from; /* of `left` the slots below, of `right` those from there on stay as they are */
	struct item item[MOST_ITEMS];
	unsigned count;
};

/* ---- Ways through the tree ---- */

static uint64_t slot_at(const struct storing *s, const struct way *w, unsigned level, unsigned slot)
{
	const struct maple_node *n = &w->node[level];
	return maple_element(&s->f, n->bytes, n->layout.slot, slot);
}

/* The node of a level stands there: of a kind that the level may have. */
static struct error *open_at(const struct storing *s, struct way *w, unsigned level, uint64_t enode, uint64_t min, uint64_t max)
{
	struct maple_node *n = &w->node[level];
	if (!(enode & ~MAPLE_NODE_MASK))
		return maple_bad_node(level ? w->node[level - 1].addr : s->tree.addr, "lacks a child");
	TRY(maple_node_open(&s->f, enode, min, max, n));
	if (!n->layout.pivots || n->layout.slots > MOST_SLOTS || n->layout.slots < 8)
		return maple_bad_node(n->addr, "is of a kind that is not changed");
	bool keeps = maple_type(enode) == (unsigned)s->f.arange_64;
	if (s->depth && n->layout.leaf != (level == s->depth - 1))
		return maple_bad_node(n->addr, "stands at another level than its neighbours");
	if (!n->layout.leaf && keeps != s->gaps)
		return maple_bad_node(n->addr, "keeps gaps where its tree does not, or the other way round");
	return NULL;
}

/* The slot becomes that of the way. ERR_BAD_LIST for one beyond the last. */
static struct error *go_to_slot(const struct storing *s, struct way *w, unsigned level, unsigned slot)
{
	struct maple_node *n = &w->node[level];
	bool done = false;
	w->to[level] = n->min - 1;
	for (unsigned i = 0; i <= slot; i++) {
		if (done)
			return maple_bad_node(n->addr, "ends before its last slot");
		w->from[level] = w->to[level] + 1;
		TRY(maple_slot_range(&s->f, n, i, w->from[level], &w->to[level], &done));
	}
	w->slot[level] = slot;
	return NULL;
}

static struct error *go_to_index(const struct storing *s, struct way *w, unsigned level, uint64_t index)
{
	unsigned slot = 0;
	TRY(go_to_slot(s, w, level, 0));
	while (w->to[level] < index)
		TRY(go_to_slot(s, w, level, ++slot));
	return NULL;
}

static struct error *open_child(const struct storing *s, struct way *w, unsigned level)
{
	return open_at(s, w, level + 1, slot_at(s, w, level, w->slot[level]), w->from[level], w->to[level]);
}

/* From the root to the leaf that has the index. Finds out the tree's depth first. */
static struct error *descend(struct storing *s, struct way *w, uint64_t root, uint64_t index)
{
	TRY(open_at(s, w, 0, root, 0, s->f.max));
	for (unsigned level = 0;; level++) {
		TRY(go_to_index(s, w, level, index));
		if (w->node[level].layout.leaf) {
			s->depth = level + 1;
			return NULL;
		}
		if (level + 1 >= MAPLE_MAX_HEIGHT)
			return maple_bad_node(w->node[level].addr, "stands deeper than a tree can be");
		TRY(open_child(s, w, level));
	}
}

/* To the node beside that of the level, its first slot (its last one, `back`). *found: there is one. */
static struct error *step(const struct storing *s, struct way *w, unsigned level, bool back, bool *found)
{
	unsigned up = level;
	*found = false;
	while (up > 0 && (back ? w->slot[up - 1] == 0 : w->slot[up - 1] >= w->node[up - 1].end))
		up--;
	if (!up)
		return NULL;
	up--;
	TRY(go_to_slot(s, w, up, back ? w->slot[up] - 1 : w->slot[up] + 1));
	for (; up < level; up++) {
		TRY(open_child(s, w, up));
		TRY(go_to_slot(s, w, up + 1, back ? w->node[up + 1].end : 0));
	}
	*found = true;
	return NULL;
}

/* ---- Items ---- */

static void add(struct storing *s, uint64_t last, uint64_t slot, uint64_t gap)
{
	if (s->count < MOST_ITEMS)
		s->item[s->count++] = (struct item){ last, slot, gap };
}

/* Slots [from, to) of a node as they stand. */
static struct error *add_slots(struct storing *s, const struct maple_node *n, unsigned from, unsigned to)
{
	uint64_t first = n->min, last = 0;
	bool done = false;
	for (unsigned i = 0; i < to && i <= n->end; i++, first = last + 1) {
		if (done)
			return maple_bad_node(n->addr, "ends before its last slot");
		TRY(maple_slot_range(&s->f, n, i, first, &last, &done));
		if (i >= from)
			add(s, last, maple_element(&s->f, n->bytes, n->layout.slot, i),
			    n->layout.leaf || !s->gaps ? 0 : maple_element(&s->f, n->bytes, &s->k->members[M_maple_arange_64_gap], i));
	}
	return NULL;
}

/* What was kept of `left`, then what is new, then what is kept of `right`. */
static struct error *gather(struct storing *s, unsigned level, const struct item *fresh, unsigned count)
{
	const struct maple_node *right = &s->right.node[level];
	s->count = 0;
	TRY(add_slots(s, &s->left.node[level], 0, s->keep));
	for (unsigned i = 0; i < count; i++)
		add(s, fresh[i].last, fresh[i].slot, fresh[i].gap);
	return add_slots(s, right, s->from, right->end + 1);
}

/* Too few for a node: those of a neighbour join. */
static struct error *join_neighbours(struct storing *s, unsigned level)
{
	const struct maple_node *n = &s->left.node[level];
	unsigned least = maple_min_slots(&s->f, &n->layout, maple_type(n->enode)) + 1, mine;
	bool found = true;
	s->whole = false;
	while (s->count < least) {
		TRY(step(s, &s->right, level, false, &found));
		if (!found)
			break;
		TRY(add_slots(s, &s->right.node[level], 0, MOST_SLOTS));
	}
	while (s->count < least) {
		struct item own[MOST_SLOTS];
		TRY(step(s, &s->left, level, true, &found));
		if (!found) {
			s->whole = true;
			return NULL;
		}
		mine = s->count;
		memcpy(own, s->item, mine * sizeof(*own));
		s->count = 0;
		TRY(add_slots(s, &s->left.node[level], 0, MOST_SLOTS));
		for (unsigned i = 0; i < mine; i++)
			add(s, own[i].last, own[i].slot, own[i].gap);
	}
	return NULL;
}

/* ---- Nodes ---- */

static struct error *set_parent(const struct storing *s, uint64_t enode, uint64_t parent)
{
	uint64_t at = (enode & ~MAPLE_NODE_MASK) + OFFSET(s->k, maple_node, parent), old;
	TRY(kernel_read_pointer(s->k, at, &old));
	return old == parent ? NULL : kernel_write_pointer(s->k, at, parent);
}

/* mas_free(): a dead node is its own parent. */
static struct error *free_node(struct storing *s, uint64_t node)
{
	if ((++s->freed & 1023) == 0)
		TRY(check_interrupt());
	if (s->freed > MOST_NODES)
		return maple_bad_node(node, "is one of more than a tree has");
	TRY(kernel_write_pointer(s->k, node + OFFSET(s->k, maple_node, parent), node));
	return s->nodes->free(s->nodes->context, node);
}

static void put_element(const struct storing *s, unsigned char *bytes, const struct member *m, unsigned i, uint64_t value)
{
	uint64_t offset = m->offset + (uint64_t)i * m->stride;
	if (m->present && offset + m->size <= s->f.node_size)
		store_uint(bytes + offset, m->size, value);
}

/* mas_leaf_max_gap(), ma_max_gap(): of several that are alike the last one. */
static uint64_t greatest_gap(const struct item *item, unsigned count, uint64_t min, bool leaf, unsigned *slot)
{
	uint64_t greatest = 0, from = min;
	*slot = count - 1;
	for (unsigned i = 0; i < count; i++) {
		uint64_t gap = !leaf ? item[i].gap : item[i].slot ? 0 : item[i].last - from + 1;
		if (gap && gap >= greatest) {
			greatest = gap;
			*slot = i;
		}
		from = item[i].last + 1;
	}
	return greatest;
}

/* The node at `node` becomes one of those slots; *made is what stands for it in the level above. */
static struct error *write_node(const struct storing *s, uint64_t node, unsigned type, const struct item *item, unsigned count, uint64_t min, struct item *made)
{
	const struct member *m = s->k->members;
	struct maple_layout l;
	unsigned char bytes[NODE_BYTES] = { 0 };
	unsigned greatest, parent = OFFSET(s->k, maple_node, parent);
	uint64_t old;
	if (!maple_layout_of(&s->f, type, &l) || count > l.slots || s->f.node_size > sizeof(bytes))
		return maple_bad_node(node, "would not hold what belongs there");
	TRY(kernel_read_pointer(s->k, node + parent, &old));
	store_uint(bytes + parent, s->k->arch->pointer_size, old);
	for (unsigned i = 0; i < count; i++) {
		if (i < l.pivots)
			put_element(s, bytes, l.pivot, i, item[i].last);
		put_element(s, bytes, l.slot, i, item[i].slot);
	}
	made->gap = greatest_gap(item, count, min, l.leaf, &greatest);
	if (!l.end_in_slot || count < l.slots)
		put_element(s, bytes, l.end, 0, count - 1);
	if (!l.leaf && s->gaps) {
		for (unsigned i = 0; i < count; i++)
			put_element(s, bytes, &m[M_maple_arange_64_gap], i, item[i].gap);
		put_element(s, bytes, &m[M_maple_arange_64_meta_gap], 0, greatest);
	}
	TRY(kernel_write(s->k, node, bytes, s->f.node_size));
	for (unsigned i = 0; !l.leaf && i < count; i++)
		TRY(set_parent(s, item[i].slot, node | i << MAPLE_PARENT_SHIFT | MAPLE_PARENT_64));
	made->last = item[count - 1].last;
	made->slot = node | (uint64_t)type << MAPLE_TYPE_SHIFT | 4 /* MAPLE_ENODE_NULL */;
	return NULL;
}

/* How many of the items from `at` on go into the next of `left` nodes. No leaf but the last ends in a range without an entry (mab_no_null_split()). */
static unsigned share(const struct storing *s, unsigned at, unsigned left, bool leaf)
{
	unsigned n = (s->count - at) / left;
	if (left == 1)
		return s->count - at;
	return leaf && !s->item[at + n - 1].slot ? n + 1 : n;
}

/* The old nodes of a level, in their order; those that nothing is written into any more are freed. */
struct old_nodes {
	struct way at;
	bool more;
};

static struct error *next_old(struct storing *s, struct old_nodes *o, unsigned level, uint64_t *node)
{
	*node = 0;
	if (!o->more)
		return NULL;
	*node = o->at.node[level].addr;
	if (o->at.node[level].min == s->right.node[level].min)
		o->more = false;
	else
		TRY(step(s, &o->at, level, false, &o->more));
	return NULL;
}

/* The items of a level go into nodes, the old ones first; *fresh are what stands for them above. */
static struct error *write_level(struct storing *s, struct old_nodes *old, unsigned level, unsigned type, struct item *fresh, unsigned *count)
{
	struct maple_layout l;
	uint64_t min = old ? s->left.node[level].min : 0, node = 0;
	maple_layout_of(&s->f, type, &l);
	unsigned nodes = s->count <= l.slots ? 1 : (s->count + l.slots - 2) / (l.slots - 1);
	for (unsigned at = 0, n; nodes; nodes--, at += n) {
		n = share(s, at, nodes, l.leaf);
		if (old)
			TRY(next_old(s, old, level, &node));
		if (!node) {
			TRY(s->nodes->alloc(s->nodes->context, &node));
			if (!node || (node & MAPLE_NODE_MASK))
				return maple_bad_node(node, "is not where a node can be");
			TRY(kernel_write_pointer(s->k, node + OFFSET(s->k, maple_node, parent), 0));
		}
		TRY(write_node(s, node, type, s->item + at, n, min, &fresh[(*count)++]));
		min = s->item[at + n - 1].last + 1;
		node = 0;
	}
	return NULL;
}

/* ---- The root ---- */

static struct error *set_root(const struct storing *s, uint64_t enode, unsigned depth)
{
	struct kernel *k = s->k;
	uint64_t flags = GET(k, &s->tree, maple_tree, ma_flags);
	if (enode)
		TRY(set_parent(s, enode, s->tree.addr | MAPLE_ROOT_PARENT));
	SET(k, &s->tree, maple_tree, ma_flags, (flags & ~(uint64_t)MAPLE_HEIGHT_MASK) | (depth << MAPLE_HEIGHT_SHIFT & MAPLE_HEIGHT_MASK));
	SET(k, &s->tree, maple_tree, ma_root, enode ? enode | 2 /* MAPLE_ROOT_NODE */ : 0);
	return NULL;
}

/* What the topmost level has become: one node, several, or nothing. */
static struct error *grow_root(struct storing *s, struct item *top, unsigned count, unsigned depth)
{
	while (count > 1) {
		struct item above[MOST_SLOTS];
		unsigned n = 0;
		memcpy(s->item, top, count * sizeof(*top));
		s->count = count;
		if (depth >= MAPLE_MAX_HEIGHT)
			return maple_bad_node(top->slot & ~MAPLE_NODE_MASK, "stands deeper than a tree can be");
		TRY(write_level(s, NULL, 0, (unsigned)(s->gaps ? s->f.arange_64 : s->f.range_64), above, &n));
		memcpy(top, above, n * sizeof(*top));
		count = n;
		depth++;
	}
	return set_root(s, top->slot, depth);
}

/* ---- Storing ---- */

static uint64_t entry_at(const struct storing *s, const struct way *w)
{
	unsigned leaf = s->depth - 1;
	return slot_at(s, w, leaf, w->slot[leaf]);
}

/* mas_wr_extend_null(): what becomes empty joins the empty ranges beside it. Where a leaf would end so, the next one joins. */
static struct error *extend_null(struct storing *s, uint64_t *first, uint64_t *last, bool *beyond)
{
	unsigned leaf = s->depth - 1;
	struct way *l = &s->left, *r = &s->right;
	bool found;
	if (!entry_at(s, l)) {
		*first = l->from[leaf];
	} else if (*first == l->from[leaf] && l->slot[leaf] && !slot_at(s, l, leaf, l->slot[leaf] - 1)) {
		TRY(go_to_slot(s, l, leaf, l->slot[leaf] - 1));
		*first = l->from[leaf];
	}
	if (!entry_at(s, r)) {
		*last = r->to[leaf];
	} else if (*last == r->to[leaf] && r->slot[leaf] < r->node[leaf].end && !slot_at(s, r, leaf, r->slot[leaf] + 1)) {
		TRY(go_to_slot(s, r, leaf, r->slot[leaf] + 1));
		*last = r->to[leaf];
	}
	if (*last != r->node[leaf].max || *last == s->f.max)
		return NULL;
	TRY(step(s, r, leaf, false, &found));
	*beyond = found;
	if (found && !entry_at(s, r)) {
		*last = r->to[leaf];
		*beyond = false;
	}
	return NULL;
}

/* The leaves' level: what is kept of either side, cut where the new range begins and ends. */
static struct error *gather_leaf(struct storing *s, uint64_t first, uint64_t last, uint64_t entry)
{
	unsigned leaf = s->depth - 1, n = 0;
	struct item fresh[3];
	bool beyond = false;
	if (!entry)
		TRY(extend_null(s, &first, &last, &beyond));
	if (s->left.from[leaf] < first)
		fresh[n++] = (struct item){ first - 1, entry_at(s, &s->left), 0 };
	fresh[n++] = (struct item){ last, entry, 0 };
	if (!beyond && s->right.to[leaf] > last)
		fresh[n++] = (struct item){ s->right.to[leaf], entry_at(s, &s->right), 0 };
	s->keep = s->left.slot[leaf];
	s->from = s->right.slot[leaf] + !beyond;
	return gather(s, leaf, fresh, n);
}

/* Is the level above as it was? */
static bool same_above(const struct storing *s, unsigned level, const struct item *made, unsigned count)
{
	const struct way *w = &s->left;
	if (count != 1 || !level || w->node[level].addr != s->right.node[level].addr || made->slot != slot_at(s, w, level - 1, w->slot[level - 1]) ||
	    made->last != w->to[level - 1])
		return false;
	return !s->gaps ||
	       made->gap == maple_element(&s->f, w->node[level - 1].bytes, &s->k->members[M_maple_arange_64_gap], w->slot[level - 1]);
}

static struct error *store_upwards(struct storing *s)
{
	struct item fresh[MOST_SLOTS];
	unsigned count = 0, depth = s->depth, height = 0;
	for (unsigned level = depth; level-- > 0;) {
		unsigned type = maple_type(s->left.node[level].enode);
		uint64_t node;
		bool leaf = level == depth - 1;
		if (!leaf) {
			s->keep = s->left.slot[level];
			s->from = s->right.slot[level] + 1;
			TRY(gather(s, level, fresh, count));
		}
		TRY(join_neighbours(s, level));
		struct old_nodes old = { s->left, true };
		count = 0;
		/* A level of one node that has one child, or no entry, is not needed. */
		if (s->whole && (!s->count || (s->count == 1 && (!leaf || !s->item[0].slot)))) {
			if (s->count && s->item[0].slot)
				fresh[count++] = s->item[0];
		} else {
			TRY(write_level(s, &old, level, type, fresh, &count));
			height++;
		}
		do {
			TRY(next_old(s, &old, level, &node));
			if (node)
				TRY(free_node(s, node));
		} while (node);
		if (same_above(s, level, fresh, count))
			return NULL;
	}
	return count ? grow_root(s, fresh, count, height) : set_root(s, 0, 0);
}

/* A tree of no node: nothing, or one entry at index 0. */
static struct error *store_first(struct storing *s, uint64_t root, uint64_t first, uint64_t last, uint64_t entry)
{
	struct item fresh[MOST_SLOTS];
	unsigned count = 0;
	s->count = 0;
	if (first) {
		if (root && first > 1)
			add(s, 0, root, 0);
		add(s, first - 1, first == 1 ? root : 0, 0);
	}
	add(s, last, entry, 0);
	if (last < s->f.max)
		add(s, s->f.max, 0, 0);
	if (!entry)
		return root && first ? NULL : set_root(s, 0, 0);
	TRY(write_level(s, NULL, 0, (unsigned)s->f.leaf_64, fresh, &count));
	return grow_root(s, fresh, count, 1);
}

static struct error *open_tree(struct kernel *k, const struct maple_nodes *nodes, uint64_t tree, struct storing *s, uint64_t *root)
{
	s->k = k;
	s->nodes = nodes;
	s->depth = s->freed = 0;
	TRY(maple_form_open(k, &s->f));
	TRY(members_require(k, "maple trees are not changed", M_maple_tree_ma_flags, M_maple_range_64_end, M_maple_arange_64_gap, M_maple_arange_64_meta_gap,
			    M_maple_arange_64_end, MEMBER_NONE));
	TRY(object_open_writable(k, tree, S_maple_tree, &s->tree));
	s->gaps = GET(k, &s->tree, maple_tree, ma_flags) & MAPLE_ALLOC_RANGE;
	*root = GET(k, &s->tree, maple_tree, ma_root);
	return NULL;
}

struct error *maple_store(struct kernel *k, const struct maple_nodes *nodes, uint64_t tree, uint64_t first, uint64_t last, uint64_t entry)
{
	struct storing s;
	uint64_t root;
	TRY(open_tree(k, nodes, tree, &s, &root));
	if (first > last || last > s.f.max)
		return error_at(ERR_BAD_OBJECT, first, "no range of indexes: %" PRIx64 " to %" PRIx64, first, last);
	if (!maple_is_node(root))
		return store_first(&s, root, first, last, entry);
	TRY(descend(&s, &s.left, root, first));
	s.right = s.left;
	if (last > s.left.to[s.depth - 1])
		TRY(descend(&s, &s.right, root, last));
	TRY(gather_leaf(&s, first, last, entry));
	return store_upwards(&s);
}

/* ---- The end ---- */

static struct error *destroy(struct storing *s, struct way *w, unsigned level)
{
	const struct maple_node *n = &w->node[level];
	for (unsigned i = 0; !n->layout.leaf && i <= n->end; i++) {
		if (level + 1 >= MAPLE_MAX_HEIGHT)
			return maple_bad_node(n->addr, "stands deeper than a tree can be");
		TRY(go_to_slot(s, w, level, i));
		TRY(open_child(s, w, level));
		TRY(destroy(s, w, level + 1));
	}
	return free_node(s, n->addr);
}

struct error *maple_destroy(struct kernel *k, const struct maple_nodes *nodes, uint64_t tree)
{
	struct storing s;
	uint64_t root;
	TRY(open_tree(k, nodes, tree, &s, &root));
	if (maple_is_node(root)) {
		TRY(descend(&s, &s.right, root, 0));
		TRY(open_at(&s, &s.left, 0, root, 0, s.f.max));
		TRY(destroy(&s, &s.left, 0));
	}
	return set_root(&s, 0, 0);
}
