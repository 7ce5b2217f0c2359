/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>

#include "core/interrupt.h"
#include "mm/rbtree.h"

static struct error *node_open(struct kernel *k, uint64_t node, struct object *out)
{
	struct error *e = object_open(k, node, S_rb_node, out);
	if (!e)
		return NULL;
	struct error *bad = error_at(
		ERR_BAD_LIST, node, "rb_node cannot be read: %016" PRIx64 ": %s", node, e->message);
	error_free(e);
	return bad;
}

struct error *rbtree_for_each(struct kernel *k, uint64_t node, rbtree_visitor *visit, void *context)
{
	struct {
		uint64_t node;
		uint64_t right;
		unsigned depth;
	} stack[RBTREE_MAX_DEPTH];
	unsigned top = 0, depth = 0;
	uint32_t count = 0;

	for (;;) {
		while (node) {
			struct object o;
			if (depth >= RBTREE_MAX_DEPTH)
				return error_at(ERR_BAD_LIST, node,
						"rb tree is deeper than it can be at %016" PRIx64,
						node);
			TRY(node_open(k, node, &o));
			stack[top].node = node;
			stack[top].right = GET(k, &o, rb_node, rb_right);
			stack[top++].depth = depth++;
			node = GET(k, &o, rb_node, rb_left);
		}
		if (!top)
			return NULL;
		top--;
		if (++count > RBTREE_MAX_NODES)
			return error_at(ERR_BAD_LIST, stack[top].node, "rb tree never ends");
		if ((count & 4095) == 0)
			TRY(check_interrupt());
		node = stack[top].right;
		depth = stack[top].depth + 1;
		if (!visit(context, stack[top].node))
			return NULL;
	}
}

struct error *rbtree_for_each_down(struct kernel *k, uint64_t node, rbtree_path_visitor *visit, void *context)
{
	uint64_t right[RBTREE_MAX_DEPTH]; /* of the nodes on the way */
	struct tree_path path = {0};
	uint32_t count = 0;

	for (;;) {
		struct object o;

		if (node) {
			if (path.depth + 1 >= RBTREE_MAX_DEPTH)
				return error_at(ERR_BAD_LIST, node, "rb tree is deeper than it can be at %016" PRIx64, node);
			if (++count > RBTREE_MAX_NODES)
				return error_at(ERR_BAD_LIST, node, "rb tree never ends");
			if ((count & 4095) == 0)
				TRY(check_interrupt());
			TRY(node_open(k, node, &o));
			if (!visit(context, node, &path))
				return NULL;
			right[path.depth] = GET(k, &o, rb_node, rb_right);
			path.slot[path.depth++] = 0;
			node = GET(k, &o, rb_node, rb_left);
			continue;
		}
		/* Up to where the right has not been taken. */
		while (path.depth && path.slot[path.depth - 1])
			path.depth--;
		if (!path.depth)
			return NULL;
		path.slot[path.depth - 1] = 1;
		node = right[path.depth - 1];
	}
}
