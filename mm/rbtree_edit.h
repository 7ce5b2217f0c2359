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

#endif
