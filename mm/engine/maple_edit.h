/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/engine/: changing maple trees (lib/maple_tree.c, since 6.1). What comes of a store is a valid tree by mt_validate()'s rules with the entries that the
 * kernel's would have; which node holds what may differ, and a node is written in place where the kernel, for the sake of its readers, takes a new one.
 */
#ifndef MM_ENGINE_MAPLE_EDIT_H
#define MM_ENGINE_MAPLE_EDIT_H

#include "mm/maple.h"

/* Where nodes come from and go to. */
struct maple_nodes {
	struct error *(*alloc)(void *context, uint64_t *node);
	struct error *(*free)(void *context, uint64_t node);
	void *context;
};

/*
 * mas_store(): every index of [first, last] has that entry then; 0: none. Errors: ERR_BAD_LIST (a damaged tree), those of the allocator; then the tree may be half-changed
 * (an act undoes it).
 */
struct error *maple_store(struct kernel *k, const struct maple_nodes *nodes, uint64_t tree, uint64_t first, uint64_t last, uint64_t entry) MUST_CHECK;
/* __mt_destroy(): no entry and no node is left. */
struct error *maple_destroy(struct kernel *k, const struct maple_nodes *nodes, uint64_t tree) MUST_CHECK;

#endif
