/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Interval trees (include/linux/interval_tree_generic.h, mm/interval_tree.c; since 3.7): the areas that map a file, by pages of the file, under its
 * address_space.i_mmap; the chains of an anon_vma, by the pages of their areas, under its rb_root. Augmented red-black trees of intervals in ascending
 * order of their first pages; each node keeps the last page of its subtree.
 */
#ifndef MM_INTERVAL_TREE_H
#define MM_INTERVAL_TREE_H

#include "core/kernel.h"

/* Does this kernel have such trees, both kinds? ERR_UNSUPPORTED naming what lacks. */
struct error *interval_trees_known(const struct kernel *k) MUST_CHECK;

/* `vma` into the tree of the address_space; by its own vm_pgoff and length. */
struct error *vma_interval_tree_insert(struct kernel *k, uint64_t vma, uint64_t mapping) MUST_CHECK;
/* Right behind `prev`, which is in the tree and covers the same pages. */
struct error *vma_interval_tree_insert_after(struct kernel *k, uint64_t vma, uint64_t prev, uint64_t mapping) MUST_CHECK;
struct error *vma_interval_tree_remove(struct kernel *k, uint64_t vma, uint64_t mapping) MUST_CHECK;

/* An anon_vma_chain, whose vma is set, into the tree of the anon_vma. */
struct error *anon_vma_interval_tree_insert(struct kernel *k, uint64_t avc, uint64_t anon_vma) MUST_CHECK;
struct error *anon_vma_interval_tree_remove(struct kernel *k, uint64_t avc, uint64_t anon_vma) MUST_CHECK;

#endif
