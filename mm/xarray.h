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

/*
 * How this kernel's trees tell nodes from entries. The two low bits of an XArray's entry: 10 is internal, a node when it is no small number (xa_is_node()); 00 a
 * pointer, x1 a value. Radix trees (until 4.20) mark nodes by 01 and values by 10; until 4.7 only the head is marked so, and each node knows its height.
 */
struct xa_form {
	bool radix, by_height;
	unsigned bits; /* of an index for each level */
};
/* ERR_UNSUPPORTED for a kernel without either. */
struct error *xa_form_of(struct kernel *k, struct xa_form *f) MUST_CHECK;
/* `above`: the shift of the node that the entry stands in; 64 for the head. */
static inline bool xa_is_node(const struct xa_form *f, uint64_t entry, unsigned above)
{
	if (f->by_height && above < 64)
		return above && entry > 4096 && !(entry & 3);
	return (entry & 3) == (f->radix ? 1 : 2) && entry > 4096;
}
static inline bool xa_is_value(const struct xa_form *f, uint64_t entry)
{
	return f->radix ? (entry & 3) == 2 : entry & 1;
}
/* By how much an index is shifted to be a slot's number. UINT_MAX when the node is none. */
unsigned xa_node_shift(const struct kernel *k, const struct xa_form *f, const struct object *node);

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

/*
 * The entries for any of the indices first … last (inclusive), ascending; one stands for 1 << order indices from `index` on. A value
 * entry (the exceptional ones of a radix tree among them) has is_value. Errors as xarray_for_each().
 */
typedef bool xarray_range_visitor(void *context, uint64_t index, unsigned order, uint64_t entry, bool is_value);
struct error *xarray_for_each_range(struct kernel *k, uint64_t head, uint64_t first, uint64_t last,
				    xarray_range_visitor *visit, void *context) MUST_CHECK;

/* The entry at one index; 0 for none. Values are given as they are. ERR_BAD_LIST. */
struct error *xarray_load(struct kernel *k, uint64_t head, uint64_t index, uint64_t *entry) MUST_CHECK;

#endif
