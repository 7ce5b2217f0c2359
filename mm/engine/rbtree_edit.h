/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Changing red-black trees of an image (lib/rbtree.c), in whichever form the kernel keeps parent and colour. The tree that the kernel's own insertion and
 * erasure would leave is the tree that these leave.
 */
#ifndef MM_RBTREE_EDIT_H
#define MM_RBTREE_EDIT_H

#include "core/kernel.h"

/* `root` is the address of the rb_root; `link` that of the child pointer (in the root or in `parent`) where the node goes. */
struct error *rb_insert(struct kernel *k, uint64_t root, uint64_t node, uint64_t parent, uint64_t link) MUST_CHECK;
struct error *rb_erase(struct kernel *k, uint64_t root, uint64_t node) MUST_CHECK;

/*
 * Augmented trees (include/linux/rbtree_augmented.h, RB_DECLARE_CALLBACKS_MAX): each node keeps the greatest of the values of its own and of the
 * nodes below it, in a word of pointer size `offset` bytes from the rb_node. own() gives a node's value.
 */
struct rb_augment {
	uint32_t offset;
	struct error *(*own)(struct kernel *k, uint64_t node, uint64_t *value);
};
struct error *rb_insert_augmented(struct kernel *k, uint64_t root, uint64_t node, uint64_t parent, uint64_t link,
				  const struct rb_augment *augment /* NULL: plain */) MUST_CHECK;
struct error *rb_erase_augmented(struct kernel *k, uint64_t root, uint64_t node, const struct rb_augment *augment /* NULL: plain */) MUST_CHECK;
/* After a node's own value has changed: the words of it and of the nodes above. */
struct error *rb_augment_propagate(struct kernel *k, uint64_t node, const struct rb_augment *augment) MUST_CHECK;

/* The node after one in the tree's order; 0 for none. */
struct error *rb_next(struct kernel *k, uint64_t node, uint64_t *next) MUST_CHECK;

#endif
