/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Red-black trees (include/linux/rbtree.h) of an image, read as hostile data: a walk goes by the
 * children only, never deeper than a red-black tree can be, and never on after RBTREE_MAX_NODES
 * nodes.
 */
#ifndef MM_RBTREE_H
#define MM_RBTREE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/kernel.h"
#include "mm/tree_path.h"

/* 2*log2(n+1) for as many nodes as 64 bits of address space have room for. */
#define RBTREE_MAX_DEPTH 128
#define RBTREE_MAX_NODES (1u << 26)

/* Gets the address of each rb_node, in order; returns false to end the walk. */
typedef bool rbtree_visitor(void *context, uint64_t node);

/*
 * Walks the tree under `node` (rb_root.rb_node, 0 for an empty tree) from left to right. Errors:
 * ERR_BAD_LIST (too deep, too many nodes, a child that cannot be read), ERR_INTERRUPTED; nodes
 * given before are good. A cycle may give nodes twice before it is found: a visitor that knows the
 * order should check it.
 */
struct error *rbtree_for_each(struct kernel *k, uint64_t node, rbtree_visitor *visit,
			      void *context) MUST_CHECK;

/*
 * From the top down instead, each node before its left children and these before its right ones, with the way to each. Under a
 * node that is damaged nothing is visited.
 */
typedef bool rbtree_path_visitor(void *context, uint64_t node, const struct tree_path *path);
struct error *rbtree_for_each_down(struct kernel *k, uint64_t node, rbtree_path_visitor *visit, void *context) MUST_CHECK;

#endif
