/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Insertion and erasure after Cormen, Leiserson, Rivest, "Introduction to Algorithms", chapters 14.3 and 14.4, as lib/rbtree.c of 2.4 follows them: the
 * rotations are the same, so the shapes are.
 */
#include <inttypes.h>

#include "mm/rbtree.h"
#include "mm/engine/rbtree_edit.h"

enum { RED = 0, BLACK = 1 };

struct tree {
	struct kernel *k;
	uint64_t root; /* address of the pointer to the top node */
	struct error *error; /* the first; everything after does nothing */
	const struct rb_augment *augment; /* NULL: a plain tree */
};

struct node {
	uint64_t addr;
	struct object o;
};

static struct node open_node(struct tree *t, uint64_t addr)
{
	struct node n = { addr, { NULL, 0, 0 } };
	if (addr && !t->error)
		t->error = object_open_writable(t->k, addr, S_rb_node, &n.o);
	return n;
}

static uint64_t child(struct tree *t, uint64_t addr, bool right)
{
	struct node n = open_node(t, addr);
	if (!n.o.bytes)
		return 0;
	return right ? GET(t->k, &n.o, rb_node, rb_right) : GET(t->k, &n.o, rb_node, rb_left);
}

static void set_child(struct tree *t, uint64_t addr, bool right, uint64_t value)
{
	struct node n = open_node(t, addr);
	if (!n.o.bytes)
		return;
	if (right)
		SET(t->k, &n.o, rb_node, rb_right, value);
	else
		SET(t->k, &n.o, rb_node, rb_left, value);
}

static uint64_t parent_of(struct tree *t, uint64_t addr)
{
	struct node n = open_node(t, addr);
	if (!n.o.bytes)
		return 0;
	if (HAS(t->k, rb_node, rb_parent_color))
		return GET(t->k, &n.o, rb_node, rb_parent_color) & ~3ull;
	return GET(t->k, &n.o, rb_node, rb_parent);
}

static void set_parent(struct tree *t, uint64_t addr, uint64_t parent)
{
	struct node n = open_node(t, addr);
	if (!n.o.bytes)
		return;
	if (HAS(t->k, rb_node, rb_parent_color))
		SET(t->k, &n.o, rb_node, rb_parent_color, parent | (GET(t->k, &n.o, rb_node, rb_parent_color) & 3));
	else
		SET(t->k, &n.o, rb_node, rb_parent, parent);
}

/* The leaves' nothing is black. */
static int colour_of(struct tree *t, uint64_t addr)
{
	struct node n = open_node(t, addr);
	if (!n.o.bytes)
		return BLACK;
	if (HAS(t->k, rb_node, rb_parent_color))
		return (int)(GET(t->k, &n.o, rb_node, rb_parent_color) & 1);
	return (int)GET(t->k, &n.o, rb_node, rb_color);
}

static void set_colour(struct tree *t, uint64_t addr, int colour)
{
	struct node n = open_node(t, addr);
	if (!n.o.bytes)
		return;
	if (HAS(t->k, rb_node, rb_parent_color))
		SET(t->k, &n.o, rb_node, rb_parent_color, (GET(t->k, &n.o, rb_node, rb_parent_color) & ~1ull) | (uint64_t)colour);
	else
		SET(t->k, &n.o, rb_node, rb_color, (uint64_t)colour);
}

static uint64_t top_of(struct tree *t)
{
	uint64_t top = 0;
	if (!t->error)
		t->error = kernel_read_pointer(t->k, t->root, &top);
	return top;
}

static void set_top(struct tree *t, uint64_t value)
{
	if (!t->error)
		t->error = kernel_write_pointer(t->k, t->root, value);
}

/* Puts `now` where `before` hangs under `parent` (0: at the top). */
static void replace_child(struct tree *t, uint64_t parent, uint64_t before, uint64_t now)
{
	if (!parent)
		set_top(t, now);
	else
		set_child(t, parent, child(t, parent, true) == before, now);
}

/* ---- What an augmented tree keeps in each node: the greatest value of its subtree ---- */

static uint64_t kept(struct tree *t, uint64_t node)
{
	uint64_t value = 0;
	if (node && !t->error)
		t->error = kernel_read_pointer(t->k, node + t->augment->offset, &value);
	return value;
}

static void keep(struct tree *t, uint64_t node, uint64_t value)
{
	if (!t->error)
		t->error = kernel_write_pointer(t->k, node + t->augment->offset, value);
}

static uint64_t compute(struct tree *t, uint64_t node)
{
	uint64_t value = 0, left = kept(t, child(t, node, false)), right = kept(t, child(t, node, true));
	if (!t->error)
		t->error = t->augment->own(t->k, node, &value);
	if (value < left)
		value = left;
	return value < right ? right : value;
}

/* From `node` up to below `stop`, as long as something changes. */
static void propagate(struct tree *t, uint64_t node, uint64_t stop)
{
	for (unsigned depth = 0; node && node != stop && !t->error; depth++) {
		uint64_t value = compute(t, node);
		if (depth > RBTREE_MAX_DEPTH) {
			t->error = error_at(ERR_BAD_LIST, node, "red-black tree is damaged around %" PRIx64, node);
			return;
		}
		if (value == kept(t, node))
			return;
		keep(t, node, value);
		node = parent_of(t, node);
	}
}

static void rotate(struct tree *t, uint64_t node, bool right)
{
	uint64_t up = child(t, node, !right), inner = child(t, up, right), parent = parent_of(t, node);
	if (!up)
		return;
	set_child(t, node, !right, inner);
	if (inner)
		set_parent(t, inner, node);
	set_child(t, up, right, node);
	set_parent(t, up, parent);
	replace_child(t, parent, node, up);
	set_parent(t, node, up);
	if (t->augment) {
		keep(t, up, kept(t, node));
		keep(t, node, compute(t, node));
	}
}

static void insert_colour(struct tree *t, uint64_t node)
{
	uint64_t parent;
	for (unsigned depth = 0; (parent = parent_of(t, node)) && colour_of(t, parent) == RED && !t->error; depth++) {
		uint64_t grand = parent_of(t, parent);
		bool right = child(t, grand, true) == parent;
		uint64_t uncle = child(t, grand, !right);
		if (depth > RBTREE_MAX_DEPTH || !grand) {
			t->error = error_at(ERR_BAD_LIST, node, "red-black tree is damaged around %" PRIx64, node);
			return;
		}
		if (colour_of(t, uncle) == RED) {
			set_colour(t, uncle, BLACK);
			set_colour(t, parent, BLACK);
			set_colour(t, grand, RED);
			node = grand;
			continue;
		}
		if (child(t, parent, !right) == node) {
			rotate(t, parent, right);
			uint64_t swap = parent;
			parent = node;
			node = swap;
		}
		set_colour(t, parent, BLACK);
		set_colour(t, grand, RED);
		rotate(t, grand, !right);
	}
	set_colour(t, top_of(t), BLACK);
}

/* A red leaf: the whole word of parent and colour, whatever was in the object before. */
static void link_node(struct tree *t, uint64_t node, uint64_t parent, uint64_t link)
{
	struct node n = open_node(t, node);
	if (!n.o.bytes)
		return;
	if (HAS(t->k, rb_node, rb_parent_color)) {
		SET(t->k, &n.o, rb_node, rb_parent_color, parent);
	} else {
		SET(t->k, &n.o, rb_node, rb_parent, parent);
		SET(t->k, &n.o, rb_node, rb_color, RED);
	}
	SET(t->k, &n.o, rb_node, rb_left, 0);
	SET(t->k, &n.o, rb_node, rb_right, 0);
	if (!t->error)
		t->error = kernel_write_pointer(t->k, link, node);
}

struct error *rb_insert(struct kernel *k, uint64_t root, uint64_t node, uint64_t parent, uint64_t link)
{
	return rb_insert_augmented(k, root, node, parent, link, NULL);
}

struct error *rb_insert_augmented(struct kernel *k, uint64_t root, uint64_t node, uint64_t parent, uint64_t link,
				  const struct rb_augment *augment)
{
	struct tree t = { k, root, NULL, augment };
	link_node(&t, node, parent, link);
	if (augment) {
		keep(&t, node, compute(&t, node));
		propagate(&t, parent, 0);
	}
	insert_colour(&t, node);
	return t.error;
}

struct error *rb_augment_propagate(struct kernel *k, uint64_t node, const struct rb_augment *augment)
{
	struct tree t = { k, 0, NULL, augment };
	propagate(&t, node, 0);
	return t.error;
}

static void erase_colour(struct tree *t, uint64_t node, uint64_t parent)
{
	for (unsigned depth = 0; colour_of(t, node) == BLACK && parent && !t->error; depth++) {
		bool right = child(t, parent, false) != node;
		uint64_t other = child(t, parent, !right);
		if (depth > RBTREE_MAX_DEPTH || !other) {
			t->error = error_at(ERR_BAD_LIST, parent, "red-black tree is damaged around %" PRIx64, parent);
			return;
		}
		if (colour_of(t, other) == RED) {
			set_colour(t, other, BLACK);
			set_colour(t, parent, RED);
			rotate(t, parent, right);
			other = child(t, parent, !right);
		}
		if (colour_of(t, child(t, other, false)) == BLACK && colour_of(t, child(t, other, true)) == BLACK) {
			set_colour(t, other, RED);
			node = parent;
			parent = parent_of(t, node);
			continue;
		}
		if (colour_of(t, child(t, other, !right)) == BLACK) {
			set_colour(t, child(t, other, right), BLACK);
			set_colour(t, other, RED);
			rotate(t, other, !right);
			other = child(t, parent, !right);
		}
		set_colour(t, other, colour_of(t, parent));
		set_colour(t, parent, BLACK);
		set_colour(t, child(t, other, !right), BLACK);
		rotate(t, parent, right);
		node = top_of(t);
		break;
	}
	if (node)
		set_colour(t, node, BLACK);
}

/* The leftmost node under the right child, which takes the place of a node with two children. */
static uint64_t successor(struct tree *t, uint64_t node)
{
	uint64_t at = child(t, node, true), left;
	for (unsigned depth = 0; (left = child(t, at, false)) && depth < RBTREE_MAX_DEPTH; depth++)
		at = left;
	return at;
}

struct error *rb_erase(struct kernel *k, uint64_t root, uint64_t node)
{
	return rb_erase_augmented(k, root, node, NULL);
}

/* Takes out a node with two children: its successor goes where it was. *above: from where the tree below may be short of a black node. */
static int replace_by_successor(struct tree *t, uint64_t node, uint64_t left, uint64_t right, uint64_t parent, uint64_t *moved, uint64_t *above)
{
	uint64_t next = successor(t, node);
	int colour = colour_of(t, next);
	*moved = child(t, next, true);
	*above = parent_of(t, next);
	if (*above == node) {
		*above = next;
	} else {
		if (*moved)
			set_parent(t, *moved, *above);
		set_child(t, *above, false, *moved);
		set_child(t, next, true, right);
		set_parent(t, right, next);
	}
	set_parent(t, next, parent);
	set_colour(t, next, colour_of(t, node));
	set_child(t, next, false, left);
	set_parent(t, left, next);
	replace_child(t, parent, node, next);
	if (t->augment) {
		keep(t, next, kept(t, node));
		propagate(t, *above, next);
		propagate(t, next, 0);
	}
	return colour;
}

struct error *rb_erase_augmented(struct kernel *k, uint64_t root, uint64_t node, const struct rb_augment *augment)
{
	struct tree t = { k, root, NULL, augment };
	uint64_t left = child(&t, node, false), right = child(&t, node, true), parent = parent_of(&t, node);
	uint64_t moved, above;
	int colour;
	if (left && right) {
		colour = replace_by_successor(&t, node, left, right, parent, &moved, &above);
	} else {
		moved = left ? left : right;
		above = parent;
		colour = colour_of(&t, node);
		if (moved)
			set_parent(&t, moved, parent);
		replace_child(&t, parent, node, moved);
		if (augment)
			propagate(&t, parent, 0);
	}
	if (colour == BLACK)
		erase_colour(&t, moved, above);
	return t.error;
}

/* ---- In order ---- */

/* The next node to the right (or to the left) in the tree's order. */
struct error *rb_next(struct kernel *k, uint64_t node, uint64_t *next)
{
	struct tree t = { k, 0, NULL, NULL };
	uint64_t at = child(&t, node, true), from;
	if (at) {
		for (unsigned depth = 0; (from = child(&t, at, false)) && depth <= RBTREE_MAX_DEPTH; depth++)
			at = from;
	} else {
		unsigned depth = 0;
		for (from = node; (at = parent_of(&t, from)) && child(&t, at, true) == from && depth <= RBTREE_MAX_DEPTH; depth++)
			from = at;
	}
	*next = at;
	return t.error;
}
