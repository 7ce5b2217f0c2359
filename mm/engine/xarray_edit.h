/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/engine/: XArrays and the radix trees before them, changed (lib/xarray.c; lib/radix-tree.c until 4.20). Entries of one index each: what covers more,
 * a large folio, is refused. `tree` is the address of a struct xarray or radix_tree_root.
 */
#ifndef MM_XARRAY_EDIT_H
#define MM_XARRAY_EDIT_H

#include "mm/engine/engine.h"

/* Marks of a page cache's entries: include/linux/fs.h. */
enum { PAGECACHE_TAG_DIRTY, PAGECACHE_TAG_WRITEBACK, PAGECACHE_TAG_TOWRITE };

/*
 * xa_store(): the entry at the index becomes `entry`, 0 for none; *old is what was there. Nodes come from radix_tree_node's cache, and go back there when they are
 * empty. An entry that goes takes its marks along. ENOMEM.
 */
struct error *xa_store(struct engine *e, uint64_t tree, uint64_t index, uint64_t entry, uint64_t *old) MUST_CHECK;
/* Marks the entry at the index, in its node and those above it, or takes the mark off. Nothing when there is no entry. */
struct error *xa_mark(struct engine *e, uint64_t tree, uint64_t index, unsigned mark, bool set) MUST_CHECK;

#endif
