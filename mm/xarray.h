/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * XArrays (include/linux/xarray.h, lib/xarray.c) and the radix trees that they grew from
 * (include/linux/radix-tree.h), read as hostile data.
 */
#ifndef MM_XARRAY_H
#define MM_XARRAY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/kernel.h"
#include "mm/tree_path.h"

/* Gets each entry that is not empty, ascending by index: a pointer, or a value entry (low bit 1).
 * Returns false to end. */
typedef bool xarray_visitor(void *context, uint64_t index, uint64_t entry);

/*
 * Walks from the head (xarray.xa_head, radix_tree_root.rnode; 0 for an empty one). ERR_BAD_LIST for
 * a node that cannot be, ERR_INTERRUPTED; entries given before are good.
 */
struct error *xarray_for_each(struct kernel *k, uint64_t head, xarray_visitor *visit,
			      void *context) MUST_CHECK;

/* The same; `path` (the caller's, NULL for none) is the way to the entry while visit() runs. */
struct error *xarray_for_each_path(struct kernel *k, uint64_t head, struct tree_path *path, xarray_visitor *visit, void *context) MUST_CHECK;

#endif
