/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The reading side of interval trees (mm/interval_tree.h changes them), as hostile data: red-black trees sorted by where each
 * interval starts, each node with the last point of any interval under it (rb_subtree_last). The trees of anon_vma and of
 * address_space.i_mmap are such ones.
 */
#ifndef MM_INTERVAL_WALK_H
#define MM_INTERVAL_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/kernel.h"

struct interval {
	uint64_t start, last; /* last inclusive */
};

/* The interval of the entry whose rb_node is at `node`. */
typedef struct error *interval_reader(void *context, uint64_t node, struct interval *out);
/* Gets each entry's rb_node in the tree's order; returns false to end. */
typedef bool interval_visitor(void *context, uint64_t node, const struct interval *at);

struct interval_walk {
	struct kernel *k;
	uint64_t root;		 /* rb_root.rb_node; 0: an empty tree */
	uint32_t to_last;	 /* bytes from an entry's rb_node to its rb_subtree_last */
	interval_reader *read;
	interval_visitor *visit;
	void *context; /* of both */
};

/*
 * Visits the entries that share a point with first … last, skipping what rb_subtree_last rules out (0 … UINT64_MAX rules out
 * nothing). Each node is reached once: a child must say who its parent is, so a tree that loops, or grows together, ends at once.
 * Errors: ERR_BAD_LIST (a child that cannot be read or is another's, entries out of order, too deep), what read() fails with,
 * ERR_INTERRUPTED. Entries given before are good.
 */
struct error *interval_walk(const struct interval_walk *t, uint64_t first, uint64_t last) MUST_CHECK;

#endif
