/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * anon_vma: the areas in which an anonymous page may be mapped (include/linux/rmap.h, mm/rmap.c). Each area of a process has a chain
 * of anon_vma_chains, one for each anon_vma that it may have pages of: its own, and those of the ancestors it was forked from; each
 * anon_vma has its anon_vma_chains in an interval tree, by the areas' page offsets.
 */
#ifndef MM_ANON_VMA_H
#define MM_ANON_VMA_H

#include "mm/vma.h"

struct anon_vma {
	uint64_t addr;
	uint64_t root, parent; /* anon_vmas; the root is its own */
	uint64_t rb_root;      /* rb_node at the top of its tree, or 0 */
	uint64_t refcount;
	/* Of these a kernel has degree (until 6.0), or the other two: see HAS(). */
	uint64_t degree, num_children, num_active_vmas;
	struct object object;
};

/*
 * ERR_BAD_OBJECT when it cannot be one (no root, or no reference to it); ERR_UNSUPPORTED where a kernel has no anon_vma, or keeps
 * lists in them (until 3.7).
 */
struct error *anon_vma_open(struct kernel *k, uint64_t addr, struct anon_vma *out) MUST_CHECK;

struct anon_vma_chain {
	uint64_t addr;
	uint64_t vma, anon_vma;
	struct object object;
};

struct error *anon_vma_chain_open(struct kernel *k, uint64_t addr, struct anon_vma_chain *out) MUST_CHECK;

/* Gets a chain and the area it leads to; returns false to end. */
typedef bool anon_vma_visitor(void *context, const struct anon_vma_chain *avc, const struct vma *vma);

/*
 * The areas in the tree of an anon_vma that have any of the page offsets first … last (inclusive, in pages), by ascending offset:
 * anon_vma_interval_tree_foreach(). ERR_BAD_LIST when the tree, a chain in it or an area is damaged (a chain of another anon_vma
 * among that); areas given before are good. ERR_INTERRUPTED.
 */
struct error *anon_vma_for_each(struct kernel *k, const struct anon_vma *anon_vma, uint64_t first, uint64_t last,
				anon_vma_visitor *visit, void *context) MUST_CHECK;

/* The last page offset of an area whose first is `pgoff`. */
static inline uint64_t vma_last_pgoff(const struct kernel *k, const struct vma *vma, uint64_t pgoff)
{
	return pgoff + ((vma->end - vma->start) >> k->arch->page_shift) - 1;
}

/* The first page offset as the area's anonymous pages count: vm_pgoff, until a private mapping of a file got a count of its own (7.3). */
static inline uint64_t vma_anon_pgoff(const struct kernel *k, const struct vma *vma)
{
	if (!HAS(k, vm_area_struct, anon_pgoff))
		return vma->pgoff;
	return GET(k, &vma->object, vm_area_struct, anon_pgoff) | GET(k, &vma->object, vm_area_struct, anon_pgoff_high) << 32;
}

#endif
