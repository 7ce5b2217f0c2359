/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>

#include "core/interrupt.h"
#include "mm/interval_walk.h"
#include "mm/rbtree.h"

struct step {
	uint64_t node, right;
	unsigned depth;
};

static struct error *bad_child(uint64_t node, const char *what)
{
	return error_at(ERR_BAD_LIST, node, "interval tree: %s: %016" PRIx64, what, node);
}

/* Opens a node and checks whose child it is (the root's parent is none). Before 2.6.18 the parent had a word of its own. */
static struct error *open_node(struct kernel *k, uint64_t node, uint64_t parent, struct object *out)
{
	if (!object_try_open(k, node, S_rb_node, out))
		return bad_child(node, "node cannot be read");
	uint64_t says = HAS(k, rb_node, rb_parent_color) ? GET(k, out, rb_node, rb_parent_color) & ~3ull
			: HAS(k, rb_node, rb_parent)	 ? GET(k, out, rb_node, rb_parent)
							 : parent;
	return says == parent ? NULL : bad_child(node, "node has another parent than the one it is a child of");
}

/* Goes down to the left from `node` as far as anything there can end at or after `first`. */
static struct error *descend(const struct interval_walk *t, uint64_t node, uint64_t parent, unsigned depth,
			     uint64_t first, struct step *stack, unsigned *top)
{
	struct kernel *k = t->k;
	while (node) {
		struct object o;
		uint64_t last, left;
		if (depth >= RBTREE_MAX_DEPTH)
			return bad_child(node, "tree is deeper than it can be");
		TRY(open_node(k, node, parent, &o));
		TRY(kernel_read_pointer(k, node + t->to_last, &last));
		if (last < first)
			return NULL;
		left = GET(k, &o, rb_node, rb_left);
		stack[*top] = (struct step){node, GET(k, &o, rb_node, rb_right), depth++};
		if (left && left == stack[*top].right)
			return bad_child(node, "both children of a node are the same");
		++*top;
		parent = node;
		node = left;
	}
	return NULL;
}

struct error *interval_walk(const struct interval_walk *t, uint64_t first, uint64_t last)
{
	struct step stack[RBTREE_MAX_DEPTH];
	unsigned top = 0;
	uint64_t at = 0;
	uint32_t count = 0;
	TRY(descend(t, t->root, 0, 0, first, stack, &top));
	while (top) {
		struct step s = stack[--top];
		struct interval i;
		if ((++count & 1023) == 0)
			TRY(check_interrupt());
		TRY(t->read(t->context, s.node, &i));
		if (i.start < at || i.last < i.start)
			return bad_child(s.node, "entries out of order");
		at = i.start;
		if (i.start > last)
			return NULL;
		if (i.last >= first && !t->visit(t->context, s.node, &i))
			return NULL;
		TRY(descend(t, s.right, s.node, s.depth + 1, first, stack, &top));
	}
	return NULL;
}
