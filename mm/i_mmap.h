/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * address_space.i_mmap: the areas that map a file, by the page offsets that they map (include/linux/fs.h, mm/interval_tree.c).
 */
#ifndef MM_I_MMAP_H
#define MM_I_MMAP_H

#include "mm/vma.h"

/*
 * The areas that map any of the pages first … last (inclusive) of the address_space at `mapping`, by ascending offset:
 * vma_interval_tree_foreach(). ERR_BAD_LIST when the tree or an area is damaged (areas given before are good); ERR_UNSUPPORTED
 * where i_mmap is no interval tree (until 3.7); ERR_INTERRUPTED.
 */
struct error *i_mmap_for_each(struct kernel *k, uint64_t mapping, uint64_t first, uint64_t last, vma_visitor *visit,
			      void *context) MUST_CHECK;

#endif
